// SPDX-License-Identifier: Apache-2.0
// For tests of data: a folder for files, a context whose memory is counted and can run out, graphs
// of inputs alone.
#ifndef TW_TESTS_DATA_HELP_H
#define TW_TESTS_DATA_HELP_H

#include "harness.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <thalweg/thalweg.h>
#include <unistd.h>

/* ---- memory: counted; after `left` more allocations every other fails ---- */
typedef struct tw_memory {
    long live; /* allocations that are not yet freed */
    long left; /* -1: no end */
} tw_memory;

static void *memory_resize(void *user, void *pointer, size_t old_size, size_t new_size)
{
    tw_memory *memory = user;
    (void)old_size;
    if (new_size == 0) {
        __atomic_sub_fetch(&memory->live, pointer != NULL, __ATOMIC_RELAXED);
        free(pointer);
        return NULL;
    }
    if (memory->left == 0)
        return NULL;
    if (memory->left > 0)
        memory->left--;
    void *made = realloc(pointer, new_size);
    __atomic_add_fetch(&memory->live, made && !pointer, __ATOMIC_RELAXED);
    return made;
}

/* ---- what a test has ---- */
typedef struct fixture {
    tw_memory memory;
    tw_context *context;
    tw_graph *graph;
    tw_dataset *data;
    tw_error error;
    char folder[64], path[2][256];
    int turn;
} fixture;

/* Input texts end with NULL. */
static void begin(fixture *f, const char *input, ...)
{
    *f = (fixture){.memory = {0, -1}};
    const tw_allocator allocator = {memory_resize, &f->memory};
    CHECK_OK(tw_context_create(&(tw_context_options){.allocator = &allocator, .cache_folder = ""},
                               &f->context, &f->error),
             f->error);
    CHECK_OK(tw_graph_create(f->context, &f->graph, &f->error), f->error);
    va_list inputs;
    va_start(inputs, input);
    for (; input; input = va_arg(inputs, const char *))
        (void)tw_input(f->graph, input);
    va_end(inputs);
    CHECK_OK(tw_graph_check(f->graph, &f->error), f->error);
    snprintf(f->folder, sizeof f->folder, "/tmp/thalweg-test-XXXXXX");
    CHECK(mkdtemp(f->folder) != NULL);
}

/* The folder holds files and empty folders. */
static void remove_folder(fixture *f)
{
    DIR *folder = opendir(f->folder);
    char path[512];
    for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove(path);
    }
    if (folder)
        closedir(folder);
    CHECK(rmdir(f->folder) == 0);
}

static void end(fixture *f)
{
    tw_dataset_destroy(&f->data);
    tw_graph_destroy(&f->graph);
    tw_context_destroy(&f->context);
    CHECK(f->memory.live == 0);
    remove_folder(f);
}

/* A path in the folder; good until the call after the next. */
static const char *at(fixture *f, const char *name)
{
    char *path = f->path[f->turn ^= 1];
    snprintf(path, sizeof f->path[0], "%s/%s", f->folder, name);
    return path;
}

static void put(fixture *f, const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(at(f, name), "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size);
    if (file)
        fclose(file);
}

static inline void put_text(fixture *f, const char *name, const char *text)
{
    put(f, name, text, strlen(text));
}

/* Opens a spec in which %s stands for the folder. */
static inline tw_status open_with(fixture *f, const char *format, const tw_dataset_options *options)
{
    char spec[700];
    size_t length = 0;
    for (; *format && length < 600; format++)
        if (format[0] == '%' && format[1] == 's') {
            length += (size_t)snprintf(spec + length, 100, "%s", f->folder);
            format++;
        } else {
            spec[length++] = *format;
        }
    spec[length] = '\0';
    tw_dataset_destroy(&f->data);
    f->error = (tw_error){.code = TW_OK};
    return options ? tw_dataset_open_for(f->graph, spec, options, &f->data, &f->error)
                   : tw_dataset_open(f->graph, spec, &f->data, &f->error);
}

static inline tw_status open_spec(fixture *f, const char *format)
{
    return open_with(f, format, NULL);
}

/* For the inputs that the named one is: as predicting opens data. */
static inline tw_status open_input(fixture *f, const char *format, const char *name)
{
    return open_with(f, format, &(tw_dataset_options){.n_outputs = 1, .outputs = &name});
}

/* What the data set would write into the folder, read back. */
static inline tw_preparation *remembered(fixture *f)
{
    tw_preparation *made = NULL;
    CHECK_OK(tw_preparation_write(tw_dataset_preparation(f->data), f->folder, &f->error), f->error);
    CHECK_OK(tw_preparation_read(f->context, f->folder, &made, &f->error), f->error);
    return made;
}

/* The whole data set in one batch, in the order of the file; zeros where it failed to open, so that
 * the tests that follow fail and are counted. */
static inline const void *const *whole(fixture *f)
{
    static const double zeros[1 << 12];
    static const void *const none[] = {zeros, zeros, zeros, zeros};
    int64_t n = 0;
    const void *const *columns = NULL;
    CHECK(f->data != NULL);
    if (!f->data)
        return none;
    CHECK_OK(tw_dataset_start(f->data, 1 << 30, false, 0, 0, &f->error), f->error);
    CHECK_OK(tw_dataset_next(f->data, &n, &columns, &f->error), f->error);
    CHECK(n == tw_dataset_count(f->data));
    return columns;
}

#define CHECK_FAILS(f, spec, status, part) CHECK_FAILS_WITH(f, spec, NULL, status, part)
#define CHECK_FAILS_WITH(f, spec, options, status, part)                                           \
    do {                                                                                           \
        CHECK(open_with(f, spec, options) == (status));                                            \
        CHECK((f)->error.code == (status) && (f)->data == NULL);                                   \
        CHECK_HAS((f)->error.text, part);                                                          \
    } while (0)

/* Opens and reads the spec with the first, second, ... allocation failing, until none does. */
static inline void fail_memory_in_turn(fixture *f, const char *spec)
{
    tw_status status = TW_ERROR_MEMORY;
    for (long left = 0; status != TW_OK && left < 1000; left++) {
        const long live = f->memory.live;
        f->memory.left = left;
        status = open_spec(f, spec);
        if (status == TW_OK) {
            int64_t n = 1;
            const void *const *columns;
            status = tw_dataset_start(f->data, 2, true, 1, 0, &f->error);
            while (status == TW_OK && n > 0)
                status = tw_dataset_next(f->data, &n, &columns, &f->error);
        }
        f->memory.left = -1;
        CHECK(status == TW_OK || status == TW_ERROR_MEMORY);
        if (status != TW_OK)
            CHECK(strlen(f->error.text) > 0);
        tw_dataset_destroy(&f->data);
        CHECK(f->memory.live == live);
    }
    CHECK(status == TW_OK);
}

/* A small generator for mutations; the same on every machine. */
static inline uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* Opens the file `count` times with bytes changed, removed, added or doubled: any status, never a
 * crash or a leak. */
static inline void mutate(fixture *f, const char *name, const char *spec, int count)
{
    static unsigned char bytes[1 << 16], changed[1 << 16];
    FILE *file = fopen(at(f, name), "rb");
    const size_t size = file ? fread(bytes, 1, sizeof bytes / 2, file) : 0;
    CHECK(size > 0);
    if (file)
        fclose(file);
    uint32_t state = 2463534242u;
    int good = 0, bad = 0;
    for (int i = 0; i < count; i++) {
        size_t length = size;
        memcpy(changed, bytes, size);
        for (uint32_t edits = 1 + next_random(&state) % 3; edits > 0 && length > 1; edits--) {
            const size_t place = next_random(&state) %
                                 (next_random(&state) % 2 ? length : (length < 64 ? length : 64));
            switch (next_random(&state) % 5) {
            case 0:
                changed[place] ^= (unsigned char)(1u << next_random(&state) % 8);
                break;
            case 1:
                changed[place] =
                    (unsigned char)(next_random(&state) % 3 ? next_random(&state) : 255);
                break;
            case 2:
                length = place + 1;
                break;
            case 3:
                memmove(changed + place, changed + place + 1, length - place - 1);
                length--;
                break;
            default:
                if (length + (length - place) < sizeof changed) {
                    memmove(changed + place + (length - place), changed + place, length - place);
                    length += length - place;
                }
            }
        }
        put(f, name, changed, length);
        const tw_status status = open_spec(f, spec);
        good += status == TW_OK;
        bad += status != TW_OK;
        if (status == TW_OK)
            (void)whole(f);
        else
            CHECK(f->data == NULL && f->error.text[0]);
    }
    tw_dataset_destroy(&f->data);
    CHECK(bad > 0);
    printf("# %s: %d mutations refused, %d read\n", name, bad, good);
    put(f, name, bytes, size);
}

#endif
