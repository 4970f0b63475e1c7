// SPDX-License-Identifier: Apache-2.0
// CSV: all columns but the label become one matrix of f32; the label is numbers, or words that
// become classes.
#include "data/csv.h"

#include "base/text.h"

#include <float.h>
#include <math.h>

/* "'f.csv': row 5 (line 6 of the file), column 2 ("age") is ..." */
static tw_status fail_field(tw_csv *c, int field, const char *what, const char *advice)
{
    char value[TW_CSV_SHOWN], name[TW_CSV_SHOWN];
    const bool has_name = c->names != NULL;
    return tw_fail(c->error, TW_ERROR_DATA,
                   "'%s': row %lld (line %lld of the file), column %d%s%s%s is \"%s\", %s; %s",
                   c->path, (long long)c->row, (long long)c->records.line, field + 1,
                   has_name ? " (\"" : "", has_name ? tw_csv_shown(c->names[field], name) : "",
                   has_name ? "\")" : "", tw_csv_shown(tw_records_field(&c->records, field), value),
                   what, advice);
}

static bool is_missing(const tw_csv *c, int field)
{
    static const char *const words[] = {"", "na", "n/a", "nan", "null", "?"};
    const char *text = tw_records_field(&c->records, field);
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    if (c->records.fields[field].quoted)
        return length == 0;
    for (int i = 0; i < TW_COUNT(words); i++) {
        size_t same = 0;
        while (same < length &&
               (text[same] | (text[same] >= 'A' && text[same] <= 'Z' ? 32 : 0)) == words[i][same])
            same++;
        if (same == length && !words[i][same])
            return true;
    }
    return false;
}

static bool parse_number(const tw_csv *c, int field, double *number)
{
    const char *text = tw_records_field(&c->records, field);
    size_t length = c->records.fields[field].length;
    for (; length && (*text == ' ' || *text == '\t'); length--)
        text++;
    while (length && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        length--;
    return tw_parse_double(text, length, number);
}

static bool resize(tw_csv *c, void *array_pointer, uint64_t bytes)
{
    void *old;
    memcpy(&old, array_pointer, sizeof old);
    void *grown = bytes <= PTRDIFF_MAX ? tw_resize(c->table->context, old, (size_t)bytes) : NULL;
    if (grown)
        memcpy(array_pointer, &grown, sizeof grown);
    return grown != NULL;
}

/* Room for one row more in all that grows with the rows. */
static tw_status reserve(tw_csv *c)
{
    if (c->count < c->capacity)
        return TW_OK;
    const uint64_t rows = c->capacity ? 2 * (uint64_t)c->capacity : 256;
    const bool done =
        resize(c, &c->matrix, rows * (uint64_t)c->width * sizeof *c->matrix) &&
        (!c->wants_label || c->in_words || resize(c, &c->numbers, rows * sizeof *c->numbers)) &&
        (!c->wants_label || !c->in_words || resize(c, &c->words, rows * sizeof *c->words));
    if (!done)
        return tw_fail_memory(c->error);
    c->capacity = (int64_t)rows;
    return TW_OK;
}

/* A label that is no number: the file is read once more, for words. */
static tw_status meet_word(tw_csv *c, bool *again)
{
    char value[TW_CSV_SHOWN];
    c->first_word =
        tw_arena_printf(&c->table->arena, "line %lld: \"%s\"", (long long)c->records.line,
                        tw_csv_shown(tw_records_field(&c->records, c->label), value));
    *again = true;
    return c->first_word ? TW_OK : tw_fail_memory(c->error);
}

static tw_status take_word(tw_csv *c)
{
    const char *word = tw_records_field(&c->records, c->label);
    const int number =
        c->fixed_classes ? tw_classes_find(&c->classes, word) : tw_classes_add(&c->classes, word);
    if (number < 0 && c->fixed_classes)
        return fail_field(c, c->label, "which is none of the classes in the file of classes=",
                          "repair it or add the class");
    if (number < 0)
        return tw_fail_memory(c->error);
    c->words[c->count] = number;
    return TW_OK;
}

static tw_status take_label(tw_csv *c, bool *again)
{
    if (!c->wants_label)
        return TW_OK;
    if (is_missing(c, c->label))
        return fail_field(c, c->label, "a missing label", "missing=drop leaves such rows out");
    if (c->in_words)
        return take_word(c);
    double number;
    if (!parse_number(c, c->label, &number))
        return meet_word(c, again);
    if (!isfinite(number))
        return fail_field(c, c->label, "not a finite number", "repair it or leave the row out");
    c->numbers[c->count] = number;
    return TW_OK;
}

static tw_status take_value(tw_csv *c, int field, int column)
{
    float *value = &c->matrix[c->count * c->width + column];
    double number;
    if (is_missing(c, field)) {
        *value = NAN; /* replaced when the mean is known */
        return c->missing == TW_MISSING_MEAN
                   ? TW_OK
                   : fail_field(
                         c, field, "a missing value",
                         "missing=drop leaves such rows out, missing=mean takes the column's "
                         "mean");
    }
    if (!parse_number(c, field, &number))
        return fail_field(c, field, "not a number",
                          "only the label may be words; turn others into numbers first");
    if (!(fabs(number) <= FLT_MAX))
        return fail_field(c, field, "not a finite number of f32", "repair it or leave the row out");
    *value = (float)number;
    c->sums[column] += number;
    c->values[column]++;
    return TW_OK;
}

static bool any_missing(const tw_csv *c)
{
    for (int i = 0; i < c->n_fields; i++)
        if ((i != c->label || c->wants_label) && is_missing(c, i))
            return true;
    return false;
}

static tw_status take_row(tw_csv *c, bool *again)
{
    c->row++;
    if (c->records.n_fields != c->n_fields)
        return tw_fail(c->error, TW_ERROR_FORMAT,
                       "'%s': row %lld (line %lld of the file) has %d columns, the first line has "
                       "%d",
                       c->path, (long long)c->row, (long long)c->records.line, c->records.n_fields,
                       c->n_fields);
    if (c->missing == TW_MISSING_DROP && any_missing(c))
        return TW_OK;
    TW_TRY(reserve(c));
    TW_TRY(take_label(c, again));
    int column = 0;
    for (int i = 0; i < c->n_fields && !*again; i++)
        if (i != c->label)
            TW_TRY(take_value(c, i, column++));
    c->count += !*again;
    return TW_OK;
}

static tw_status read_rows(tw_csv *c, bool *again)
{
    bool pending;
    TW_TRY(tw_csv_begin(c, &pending));
    c->wants_label = c->wants_label && c->label >= 0;
    c->sums = tw_arena_alloc(&c->table->arena, (size_t)c->width * sizeof *c->sums);
    c->values = tw_arena_alloc(&c->table->arena, (size_t)c->width * sizeof *c->values);
    if (!c->sums || !c->values)
        return tw_fail_memory(c->error);
    if (!pending)
        TW_TRY(tw_records_next(&c->records, c->error));
    while (!c->records.end && !*again) {
        TW_TRY(take_row(c, again));
        if (!*again)
            TW_TRY(tw_records_next(&c->records, c->error));
    }
    return TW_OK;
}

static tw_status read_file(tw_csv *c)
{
    bool again = false;
    tw_status status = read_rows(c, &again);
    tw_records_close(&c->records);
    if (status != TW_OK || !again)
        return status;
    c->in_words = true;
    c->row = c->count = c->capacity = 0; /* what was allocated is resized */
    again = false;
    status = read_rows(c, &again);
    tw_records_close(&c->records);
    return status;
}

/* ---- columns ---- */

static tw_status fill_missing(tw_csv *c)
{
    for (int k = 0; k < c->width; k++) {
        if (c->values[k] == c->count)
            continue;
        if (c->values[k] == 0)
            return tw_fail(c->error, TW_ERROR_DATA, "'%s': every value of column %d is missing",
                           c->path, k + 1 + (c->label >= 0 && k >= c->label));
        const float mean = (float)(c->sums[k] / (double)c->values[k]);
        for (int64_t i = 0; i < c->count; i++)
            if (isnan(c->matrix[i * c->width + k]))
                c->matrix[i * c->width + k] = mean;
    }
    return TW_OK;
}

static tw_status add_matrix(tw_csv *c)
{
    const char *name = tw_arena_printf(&c->table->arena, "'%s'", c->path);
    if (!name)
        return tw_fail_memory(c->error);
    float *matrix = tw_resize(c->table->context, c->matrix,
                              (size_t)c->count * (size_t)c->width * sizeof *matrix);
    if (!matrix) /* smaller, yet it may fail */
        matrix = c->matrix;
    c->matrix = NULL;
    tw_column *column;
    return tw_table_adopt(c->table, name, TW_CELL_F32, 2, (int64_t[]){c->count, c->width}, matrix,
                          &column, c->error);
}

static tw_status add_words(tw_csv *c, const char *name)
{
    tw_table *table = c->table;
    const size_t count = (size_t)c->classes.count;
    int *new_number = tw_arena_alloc(&table->arena, count * sizeof *new_number);
    const char **classes = tw_arena_alloc(&table->arena, count * sizeof *classes);
    if (!new_number || !classes)
        return tw_fail_memory(c->error);
    if (!c->fixed_classes) {
        if (!tw_classes_sort(&c->classes, new_number))
            return tw_fail_memory(c->error);
        for (int64_t i = 0; i < c->count; i++)
            c->words[i] = new_number[c->words[i]];
    }
    memcpy(classes, c->classes.names, count * sizeof *classes);
    table->preparation.classes = classes;
    table->preparation.n_classes = c->classes.count;
    int32_t *words = c->words;
    c->words = NULL;
    tw_column *column;
    TW_TRY(tw_table_adopt(table, name, TW_CELL_I32, 1, &c->count, words, &column, c->error));
    column->classed = true;
    column->note = c->first_word ? c->first_word : "named by classes=";
    return TW_OK;
}

/* Whole numbers may be labels: only these become i32. */
static tw_status add_numbers(tw_csv *c, const char *name)
{
    bool whole = true;
    for (int64_t i = 0; i < c->count && whole; i++)
        whole = c->numbers[i] == trunc(c->numbers[i]) && fabs(c->numbers[i]) <= INT32_MAX;
    tw_column *column;
    if (!whole) {
        double *numbers = c->numbers;
        c->numbers = NULL;
        return tw_table_adopt(c->table, name, TW_CELL_F64, 1, &c->count, numbers, &column,
                              c->error);
    }
    TW_TRY(tw_table_add(c->table, name, TW_CELL_I32, 1, &c->count, &column, c->error));
    for (int64_t i = 0; i < c->count; i++)
        ((int32_t *)column->data)[i] = (int32_t)c->numbers[i];
    return TW_OK;
}

static tw_status add_columns(tw_csv *c)
{
    if (c->count == 0)
        return tw_fail(c->error, TW_ERROR_DATA, "'%s' has no rows%s", c->path,
                       c->row ? " without missing values" : " after its header");
    TW_TRY(fill_missing(c));
    TW_TRY(add_matrix(c));
    if (!c->wants_label)
        return TW_OK;
    const char *name =
        tw_arena_printf(&c->table->arena, "label column \"%s\" of '%s'", c->label_text, c->path);
    if (!name)
        return tw_fail_memory(c->error);
    return c->in_words ? add_words(c, name) : add_numbers(c, name);
}

static tw_status load(tw_csv *c, const char *rest)
{
    TW_TRY(tw_csv_options(c, rest));
    TW_TRY(read_file(c));
    return add_columns(c);
}

tw_status tw_load_csv(tw_table *table, const tw_graph *graph, const char *rest, tw_error *error)
{
    (void)graph;
    tw_context *context = table->context;
    tw_csv *c = tw_calloc(context, 1, sizeof *c);
    if (!c)
        return tw_fail_memory(error);
    c->table = table;
    c->error = error;
    c->wants_label = table->wanted > 1;
    c->records.context = c->classes.context = context;
    c->classes.arena = &table->arena;
    table->hint = "name the label's column: csv:FILE,label=COLUMN";
    const tw_status status = load(c, rest);
    tw_free(context, c->matrix);
    tw_free(context, c->numbers);
    tw_free(context, c->words);
    tw_classes_free(&c->classes);
    tw_free(context, c);
    return status;
}
