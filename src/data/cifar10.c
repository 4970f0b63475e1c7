// SPDX-License-Identifier: Apache-2.0
// CIFAR-10's binary version: records of a label and 32x32 pixels in three planes, which become
// NHWC. https://www.cs.toronto.edu/~kriz/cifar.html
#include "data/loaders.h"
#include "data/stream.h"

#include "base/text.h"

#define PIXELS (32 * 32)
#define RECORD (1 + 3 * PIXELS)
#define CLASSES 10
#define MAX_FILES 5

typedef struct set {
    const char *folder;
    int n_files;
    const char *paths[MAX_FILES];
    int64_t records[MAX_FILES], total;
} set;

static tw_status find_files(tw_table *table, set *s, bool train, tw_error *error)
{
    s->n_files = train ? MAX_FILES : 1;
    for (int i = 0; i < s->n_files; i++) {
        s->paths[i] = train
                          ? tw_arena_printf(&table->arena, "%s/data_batch_%d.bin", s->folder, i + 1)
                          : tw_arena_printf(&table->arena, "%s/test_batch.bin", s->folder);
        if (!s->paths[i])
            return tw_fail_memory(error);
        if (!tw_file_exists(s->paths[i]))
            return tw_fail(error, TW_ERROR_FILE, "'%s' is missing; looked for %s", s->paths[i],
                           train ? "data_batch_1.bin to data_batch_5.bin" : "test_batch.bin");
    }
    return TW_OK;
}

static tw_status count_records(set *s, tw_error *error)
{
    for (int i = 0; i < s->n_files; i++) {
        uint64_t size;
        TW_TRY(tw_file_size(s->paths[i], &size, error));
        if (size == 0 || size % RECORD)
            return tw_fail(error, TW_ERROR_FORMAT,
                           "'%s' is truncated or no CIFAR-10 file: its %llu bytes are no multiple "
                           "of %d, the bytes of an image and its label",
                           s->paths[i], (unsigned long long)size, RECORD);
        s->records[i] = (int64_t)(size / RECORD);
        s->total += s->records[i];
    }
    return TW_OK;
}

/* Planes of red, green and blue to pixels. */
static void interleave(const uint8_t *planes, uint8_t *pixels)
{
    for (int i = 0; i < PIXELS; i++)
        for (int c = 0; c < 3; c++)
            pixels[3 * i + c] = planes[PIXELS * c + i];
}

static tw_status read_records(tw_stream *stream, int64_t count, uint8_t *images, uint8_t *labels,
                              tw_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        uint8_t record[RECORD];
        TW_TRY(tw_stream_exact(stream, record, RECORD, "an image", error));
        if (record[0] >= CLASSES)
            return tw_fail(error, TW_ERROR_FORMAT,
                           "'%s' is damaged: image %lld (counted from 0) has the label %d, above 9",
                           tw_stream_path(stream), (long long)i, record[0]);
        labels[i] = record[0];
        interleave(record + 1, images + i * 3 * PIXELS);
    }
    return tw_stream_end(stream, error);
}

static tw_status read_files(tw_table *table, const set *s, uint8_t *images, uint8_t *labels,
                            tw_error *error)
{
    int64_t at = 0;
    for (int i = 0; i < s->n_files; i++) {
        tw_stream *stream;
        TW_TRY(tw_stream_open(table->context, s->paths[i], &stream, error));
        const tw_status status =
            read_records(stream, s->records[i], images + at * 3 * PIXELS, labels + at, error);
        tw_stream_close(&stream);
        TW_TRY(status);
        at += s->records[i];
    }
    return TW_OK;
}

/* Names from batches.meta.txt, a line each; a folder without it, or with another number of names,
 * has none. */
static tw_status read_names(tw_table *table, const char *folder, tw_error *error)
{
    const char *path = tw_arena_printf(&table->arena, "%s/batches.meta.txt", folder);
    const char **classes = tw_arena_alloc(&table->arena, CLASSES * sizeof *classes);
    table->preparation.classes = classes;
    if (!path || !classes)
        return tw_fail_memory(error);
    if (!tw_file_exists(path))
        return TW_OK;
    char *text;
    size_t length;
    TW_TRY(tw_read_file(table->context, path, 1 << 16, &text, &length, error));
    int count = 0;
    bool memory = true;
    for (char *line = text; *line && memory;) {
        const size_t size = strcspn(line, "\r\n");
        if (size > 0 && count < CLASSES) {
            classes[count] = tw_arena_text(&table->arena, line, size);
            memory = classes[count] != NULL;
        }
        count += size > 0;
        line += size + (line[size] != '\0');
    }
    tw_free(table->context, text);
    table->preparation.n_classes = count == CLASSES ? CLASSES : 0;
    return memory ? TW_OK : tw_fail_memory(error);
}

tw_status tw_load_cifar10(tw_table *table, const tw_graph *graph, const char *rest, tw_error *error)
{
    (void)graph;
    set s = {.total = 0};
    bool train;
    TW_TRY(tw_spec_folder(table, rest, "cifar10:DIR:train|test", &s.folder, &train, error));
    TW_TRY(find_files(table, &s, train, error));
    TW_TRY(count_records(&s, error));
    TW_TRY(read_names(table, s.folder, error));
    const char *images = tw_arena_printf(&table->arena, "images of '%s'", s.folder);
    const char *labels = tw_arena_printf(&table->arena, "labels of '%s'", s.folder);
    if (!images || !labels)
        return tw_fail_memory(error);
    tw_column *column[2];
    TW_TRY(tw_table_add(table, images, TW_CELL_U8, 4, (int64_t[]){s.total, 32, 32, 3}, &column[0],
                        error));
    TW_TRY(tw_table_add(table, labels, TW_CELL_U8, 1, &s.total, &column[1], error));
    return read_files(table, &s, column[0]->data, column[1]->data, error);
}
