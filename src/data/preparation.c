// SPDX-License-Identifier: Apache-2.0
// What a run remembers of its data, in two files of its folder: classes.txt, a class a line, and
// preparation.csv, whose rows are a size, a column's mean and deviation, or a class's weight.
#include "data/preparation.h"
#include "data/classes.h"
#include "data/records.h"

#include "base/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#define VERSION "thalweg data 1" /* first field of preparation.csv: others are refused */
#define FIELDS 4

bool tw_preparation_print_sizes(tw_preparation *p, tw_arena *arena)
{
    p->sizes = NULL;
    for (int i = 0; i < 26; i++) {
        if (p->size[i] == 0)
            continue;
        p->sizes = tw_arena_printf(arena, "%s%s%c=%lld", p->sizes ? p->sizes : "",
                                   p->sizes ? " " : "", 'a' + i, (long long)p->size[i]);
        if (!p->sizes)
            return false;
    }
    return true;
}

/* ---- reading ---- */

typedef struct reader {
    tw_preparation *made;
    tw_records records;
    const char *path;
    tw_error *error;
    int room_columns, room_labels, room_weights; /* counted in a first pass over the file */
} reader;

static tw_status fail_row(const reader *r)
{
    return tw_fail(r->error, TW_ERROR_FORMAT,
                   "'%s', line %lld is none that train writes: the file is damaged", r->path,
                   (long long)r->records.line);
}

static bool number_of(const reader *r, int field, double *value)
{
    return tw_parse_double(tw_records_field(&r->records, field), r->records.fields[field].length,
                           value) &&
           isfinite(*value);
}

static tw_status take_column(reader *r, tw_statistic *column, bool label)
{
    tw_preparation *p = r->made;
    const char *name = tw_records_field(&r->records, 1);
    if (!number_of(r, 2, &column->mean) || !number_of(r, 3, &column->deviation) ||
        column->deviation < 0 || (label && column->deviation == 0))
        return fail_row(r);
    column->name = tw_arena_text(&p->arena, name, strlen(name));
    return column->name ? TW_OK : tw_fail_memory(r->error);
}

static tw_status take_weight(reader *r)
{
    tw_preparation *p = r->made;
    tw_class_weight *w = &p->weights[p->n_weights];
    if (!tw_parse_int(tw_records_field(&r->records, 1), r->records.fields[1].length, &w->label) ||
        !number_of(r, 2, &w->weight) || (p->n_weights > 0 && w[-1].label >= w->label))
        return fail_row(r);
    p->n_weights++;
    return TW_OK;
}

static tw_status take_size(reader *r)
{
    const char *letter = tw_records_field(&r->records, 1);
    int64_t size;
    if (letter[0] < 'a' || letter[0] > 'z' || letter[0] == 'n' || letter[1] ||
        !tw_parse_int(tw_records_field(&r->records, 2), r->records.fields[2].length, &size) ||
        size < 1 || size > INT32_MAX)
        return fail_row(r);
    r->made->size[letter[0] - 'a'] = size;
    return TW_OK;
}

/* One row; the first pass only counts. */
static tw_status take_row(reader *r, bool count)
{
    const char *kind = tw_records_field(&r->records, 0);
    if (r->records.n_fields != FIELDS)
        return fail_row(r);
    if (strcmp(kind, "column") == 0)
        return count ? (r->room_columns++, TW_OK)
                     : take_column(r, &r->made->columns[r->made->n_columns++], false);
    if (strcmp(kind, "label") == 0)
        return count ? (r->room_labels++, TW_OK)
                     : take_column(r, &r->made->labels[r->made->n_labels++], true);
    if (strcmp(kind, "class") == 0)
        return count ? (r->room_weights++, TW_OK) : take_weight(r);
    if (strcmp(kind, "size") == 0)
        return count ? TW_OK : take_size(r);
    return fail_row(r);
}

static tw_status read_rows(reader *r, bool count)
{
    TW_TRY(tw_records_open(&r->records, r->made->context, r->path, r->error));
    TW_TRY(tw_records_next(&r->records, r->error));
    if (r->records.end || r->records.n_fields != FIELDS ||
        strcmp(tw_records_field(&r->records, 0), VERSION) != 0)
        return tw_fail(r->error, TW_ERROR_FORMAT,
                       "'%s' does not begin with \"" VERSION "\": it is of another version of "
                       "thalweg, or damaged",
                       r->path);
    for (;;) {
        TW_TRY(tw_records_next(&r->records, r->error));
        if (r->records.end)
            return TW_OK;
        TW_TRY(take_row(r, count));
    }
}

static tw_status read_table(tw_preparation *p, const char *path, tw_error *error)
{
    if (!tw_file_exists(path))
        return TW_OK;
    reader *r = tw_calloc(p->context, 1, sizeof *r);
    if (!r)
        return tw_fail_memory(error);
    r->made = p;
    r->path = path;
    r->error = error;
    tw_status status = read_rows(r, true);
    tw_records_close(&r->records);
    if (status == TW_OK) {
        p->columns = tw_arena_alloc(&p->arena, (size_t)r->room_columns * sizeof *p->columns);
        p->weights = tw_arena_alloc(&p->arena, (size_t)r->room_weights * sizeof *p->weights);
        p->labels = tw_arena_alloc(&p->arena, (size_t)r->room_labels * sizeof *p->labels);
        status =
            p->columns && p->labels && p->weights ? read_rows(r, false) : tw_fail_memory(error);
        tw_records_close(&r->records);
    }
    tw_free(p->context, r);
    return status;
}

static tw_status read_classes(tw_preparation *p, const char *path, tw_error *error)
{
    if (!tw_file_exists(path))
        return TW_OK;
    tw_classes classes = {.context = p->context, .arena = &p->arena};
    tw_status status = tw_classes_read(&classes, path, error);
    if (status == TW_OK) {
        p->classes = tw_arena_alloc(&p->arena, (size_t)classes.count * sizeof *p->classes);
        status = p->classes ? TW_OK : tw_fail_memory(error);
    }
    if (status == TW_OK && classes.count > 0)
        memcpy(p->classes, classes.names, (size_t)classes.count * sizeof *p->classes);
    p->n_classes = status == TW_OK ? classes.count : 0;
    tw_classes_free(&classes);
    return status;
}

static tw_status read_folder(tw_preparation *p, const char *folder, tw_error *error)
{
    tw_text path;
    TW_TRY(tw_path(p->context, folder, "classes.txt", &path, error));
    tw_status status = read_classes(p, path.data, error);
    tw_text_clear(&path);
    TW_TRY(status);
    TW_TRY(tw_path(p->context, folder, "preparation.csv", &path, error));
    status = read_table(p, path.data, error);
    tw_text_clear(&path);
    TW_TRY(status);
    return tw_preparation_print_sizes(p, &p->arena) ? TW_OK : tw_fail_memory(error);
}

tw_status tw_preparation_read(tw_context *context, const char *folder, tw_preparation **preparation,
                              tw_error *error)
{
    tw_preparation *made = tw_calloc(context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    made->context = made->arena.context = context;
    const tw_status status = read_folder(made, folder, error);
    if (status == TW_OK)
        *preparation = made;
    else
        tw_preparation_destroy(&made);
    return status;
}

void tw_preparation_destroy(tw_preparation **preparation)
{
    if (!preparation || !*preparation)
        return;
    tw_preparation *p = *preparation;
    tw_arena_free(&p->arena);
    tw_free(p->context, p);
    *preparation = NULL;
}

const char *tw_preparation_sizes(const tw_preparation *preparation)
{
    return preparation && preparation->sizes ? preparation->sizes : "";
}

int32_t tw_preparation_class_count(const tw_preparation *preparation)
{
    return preparation ? preparation->n_classes : 0;
}

const char *tw_preparation_class(const tw_preparation *preparation, int32_t index)
{
    return preparation && index >= 0 && index < preparation->n_classes ? preparation->classes[index]
                                                                       : NULL;
}

/* ---- writing ---- */

/* An empty text is no file: one that an earlier training left is removed. */
static tw_status write_text(tw_context *context, const char *folder, const char *name,
                            const tw_text *text, tw_error *error)
{
    tw_text path;
    if (text->failed)
        return tw_fail_memory(error);
    TW_TRY(tw_path(context, folder, name, &path, error));
    tw_status status = TW_OK;
    if (text->length > 0)
        status = tw_write_file(context, path.data, text->data, text->length, error);
    else if (remove(path.data) != 0 && errno != ENOENT && errno != ENOTDIR)
        status = tw_fail_file(error, "remove", path.data, errno);
    tw_text_clear(&path);
    return status;
}

/* A field in quotes, by RFC 4180. */
static void put_quoted(tw_text *text, const char *field)
{
    tw_text_puts(text, "\"");
    for (const char *c = field; *c; c++)
        tw_text_append(text, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    tw_text_puts(text, "\"");
}

static void put_statistic(tw_text *text, const char *kind, const tw_statistic *statistic)
{
    tw_text_printf(text, "%s,", kind);
    put_quoted(text, statistic->name);
    tw_text_printf(text, ",%.17g,%.17g\n", statistic->mean, statistic->deviation);
}

static void print_table(const tw_preparation *p, tw_text *text)
{
    tw_text_puts(text, VERSION ",name,value,deviation\n");
    for (int i = 0; i < 26; i++)
        if (p->size[i])
            tw_text_printf(text, "size,%c,%lld,\n", 'a' + i, (long long)p->size[i]);
    for (int i = 0; i < p->n_columns; i++)
        put_statistic(text, "column", &p->columns[i]);
    for (int i = 0; i < p->n_labels; i++)
        put_statistic(text, "label", &p->labels[i]);
    for (int i = 0; i < p->n_weights; i++)
        tw_text_printf(text, "class,%lld,%.17g,\n", (long long)p->weights[i].label,
                       p->weights[i].weight);
}

tw_status tw_preparation_write(const tw_preparation *p, const char *folder, tw_error *error)
{
    tw_text text = {.context = p->context};
    for (int i = 0; i < p->n_classes; i++)
        tw_classes_print(p->classes[i], &text);
    tw_status status = write_text(p->context, folder, "classes.txt", &text, error);
    tw_text_clear(&text);
    TW_TRY(status);
    if (p->sizes || p->n_columns > 0 || p->n_weights > 0)
        print_table(p, &text);
    status = write_text(p->context, folder, "preparation.csv", &text, error);
    tw_text_clear(&text);
    return status;
}
