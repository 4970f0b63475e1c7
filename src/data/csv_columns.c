// SPDX-License-Identifier: Apache-2.0
// From the rows of a CSV file to columns of data: which rows or windows are samples.
#include "data/csv.h"

#include <math.h>

typedef struct samples {
    int64_t count;      /* rows, or windows */
    int64_t begin, end; /* those of the part */
    int64_t lead;       /* the label's row behind the sample's first */
    int64_t train_rows; /* rows from the first that belong to the training */
} samples;

/* ---- which samples ---- */

static tw_status fail_short(const tw_csv *c, int64_t needed)
{
    return tw_fail(c->error, TW_ERROR_DATA, "'%s' has %lld rows, but window=%lld%s needs %lld",
                   c->path, (long long)c->count, (long long)c->window,
                   c->n_targets ? " and the label behind it" : "", (long long)needed);
}

static tw_status find_samples(const tw_csv *c, samples *s)
{
    *s = (samples){.count = c->count};
    if (c->count == 0)
        return tw_fail(c->error, TW_ERROR_DATA, "'%s' has no rows%s", c->path,
                       c->row ? " without missing values" : " after its header");
    /* Windows with a label behind them; the parts are cut among these. */
    const int64_t span = c->window ? c->window + c->horizon : 1, labelled = c->count - span + 1;
    if (c->window) {
        const int64_t needed = c->n_targets ? span : c->window;
        if (c->count < needed)
            return fail_short(c, needed);
        s->count = c->count - needed + 1;
        s->lead = span - 1;
    }
    tw_spec_rows(&c->part, TW_MAX(labelled, 0), &s->begin, &s->end);
    s->train_rows = c->count;
    if (c->part.given) {
        int64_t begin, end;
        const tw_spec_part train = {.given = true, .split = c->part.split};
        tw_spec_rows(&train, TW_MAX(labelled, 0), &begin, &end);
        s->train_rows = TW_MIN(end + span - 1, c->count);
    }
    if (!c->part.given || c->part.test)
        s->end = s->count;
    if (s->begin < s->end && s->train_rows > 0)
        return TW_OK;
    return tw_fail(c->error, TW_ERROR_DATA,
                   "'%s': part=%s of %lld samples holds none; give another "
                   "split=",
                   c->path, c->part.test ? "test" : "train", (long long)s->count);
}

/* ---- columns ---- */

static tw_status add_matrix(tw_csv *c, const samples *s)
{
    const char *name = tw_arena_printf(&c->table->arena, "'%s'", c->path);
    if (!name)
        return tw_fail_memory(c->error);
    const size_t row = (size_t)c->width * sizeof *c->matrix;
    const int64_t rows = s->end - s->begin + (c->window ? c->window - 1 : 0);
    memmove(c->matrix, c->matrix + s->begin * c->width, (size_t)rows * row);
    float *matrix = tw_resize(c->table->context, c->matrix, (size_t)rows * row);
    if (!matrix) /* smaller, yet it may fail */
        matrix = c->matrix;
    c->matrix = NULL;
    tw_column *column;
    const int64_t count = s->end - s->begin;
    const int64_t series[3] = {count, c->window, c->width}, table[2] = {count, c->width};
    TW_TRY(tw_table_adopt(c->table, name, TW_CELL_F32, c->window ? 3 : 2,
                          c->window ? series : table, matrix, &column, c->error));
    column->stride = c->width;
    return TW_OK;
}

/* Sorts the classes by name; new_number[old] is where each went. */
static tw_status sort_classes(tw_csv *c, const int **new_number)
{
    tw_preparation *p = &c->table->preparation;
    const size_t count = (size_t)c->classes.count;
    int *numbers = tw_arena_alloc(&c->table->arena, count * sizeof *numbers);
    p->classes = tw_arena_alloc(&c->table->arena, count * sizeof *p->classes);
    if (!numbers || !p->classes)
        return tw_fail_memory(c->error);
    for (int i = 0; i < c->classes.count; i++)
        numbers[i] = i;
    if (!c->fixed_classes && !tw_classes_sort(&c->classes, numbers))
        return tw_fail_memory(c->error);
    memcpy(p->classes, c->classes.names, count * sizeof *p->classes);
    p->n_classes = c->classes.count;
    *new_number = numbers;
    return TW_OK;
}

static tw_status add_words(tw_csv *c, const samples *s, const char *name)
{
    const int *new_number = NULL;
    const int64_t count = s->end - s->begin;
    tw_column *column;
    TW_TRY(sort_classes(c, &new_number));
    TW_TRY(tw_table_add(c->table, name, TW_CELL_I32, 1, &count, &column, c->error));
    for (int64_t i = 0; i < count; i++)
        ((int32_t *)column->data)[i] = new_number[c->words[s->begin + s->lead + i]];
    column->classed = true;
    column->note = c->first_word     ? c->first_word
                   : c->table->given ? "classes of the training"
                                     : "named by classes=";
    return TW_OK;
}

/* Whole numbers may be labels: one of these a sample becomes i32. */
static bool is_whole(const double *values, int64_t count, int64_t step)
{
    for (int64_t i = 0; i < count; i++) {
        const double value = values[i * step];
        if (!isnan(value) && (value != trunc(value) || fabs(value) > INT32_MAX))
            return false;
    }
    return true;
}

static tw_status add_numbers(tw_csv *c, const samples *s, const tw_csv_label *label,
                             const char *name)
{
    const int64_t count = s->end - s->begin, dim[2] = {count, label->count};
    const double *from = c->numbers + (s->begin + s->lead) * c->n_targets + label->first;
    const bool whole = label->count == 1 && is_whole(from, count, c->n_targets);
    tw_column *column;
    TW_TRY(tw_table_add(c->table, name, whole ? TW_CELL_I32 : TW_CELL_F64, label->count > 1 ? 2 : 1,
                        dim, &column, c->error));
    for (int64_t i = 0; i < count; i++)
        for (int k = 0; k < label->count; k++) {
            const double value = from[i * c->n_targets + k];
            if (whole) /* a missing one belongs to no sample */
                ((int32_t *)column->data)[i] = isnan(value) ? 0 : (int32_t)value;
            else
                ((double *)column->data)[i * label->count + k] = value;
        }
    return TW_OK;
}

static tw_status add_labels(tw_csv *c, const samples *s)
{
    for (int i = 0; i < c->n_labels && c->n_targets > 0; i++) {
        const tw_csv_label *label = &c->labels[i];
        const char *name = tw_arena_printf(&c->table->arena, "label column%s \"%s\" of '%s'",
                                           label->count > 1 ? "s" : "", label->text, c->path);
        if (!name)
            return tw_fail_memory(c->error);
        if (c->table->n_columns == c->table->wanted)
            break;
        TW_TRY(label->first == c->word_target && label->count == 1
                   ? add_words(c, s, name)
                   : add_numbers(c, s, label, name));
    }
    return TW_OK;
}

/* ---- windows without gaps ---- */

static bool row_missing(const tw_csv *c, int64_t row)
{
    for (int k = 0; k < c->width; k++)
        if (isnan(c->matrix[row * c->width + k]))
            return true;
    return false;
}

static bool label_missing(const tw_csv *c, int64_t row)
{
    for (int k = 0; k < c->n_targets; k++)
        if (isnan(c->numbers[row * c->n_targets + k]))
            return true;
    return false;
}

/* The windows of the part that hold no missing value become the table's samples. */
static tw_status list_windows(tw_csv *c, const samples *s)
{
    tw_table *table = c->table;
    int64_t whole = 0; /* rows without missing values that end at the window's end */
    table->rows = tw_calloc(table->context, (size_t)(s->end - s->begin), sizeof *table->rows);
    if (!table->rows)
        return tw_fail_memory(c->error);
    for (int64_t row = s->begin; row < s->end + c->window - 1; row++) {
        const int64_t window = row - c->window + 1;
        whole = row_missing(c, row) ? 0 : whole + 1;
        if (whole >= c->window && !(c->n_targets && label_missing(c, window + s->lead)))
            table->rows[table->n_rows++] = window - s->begin;
    }
    return table->n_rows > 0 ? TW_OK
                             : tw_fail(c->error, TW_ERROR_DATA,
                                       "'%s': every window of %lld rows has missing values",
                                       c->path, (long long)c->window);
}

tw_status tw_csv_columns(tw_csv *c)
{
    samples s;
    TW_TRY(find_samples(c, &s));
    TW_TRY(tw_csv_measure(c, s.train_rows));
    if (c->missing == TW_MISSING_DROP && c->window)
        TW_TRY(list_windows(c, &s));
    TW_TRY(tw_csv_fill(c));
    TW_TRY(add_matrix(c, &s));
    return add_labels(c, &s);
}
