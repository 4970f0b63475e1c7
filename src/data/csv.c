// SPDX-License-Identifier: Apache-2.0
// CSV: the rows of the file as a matrix of inputs and a matrix of labels, of which one column may
// hold words instead.
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
    const uint64_t numbers = rows * (uint64_t)c->n_targets;
    const bool done = resize(c, &c->matrix, rows * (uint64_t)c->width * sizeof *c->matrix) &&
                      (c->n_targets == 0 || resize(c, &c->numbers, numbers * sizeof *c->numbers)) &&
                      (c->word_target < 0 || resize(c, &c->words, rows * sizeof *c->words));
    if (!done)
        return tw_fail_memory(c->error);
    c->capacity = (int64_t)rows;
    return TW_OK;
}

/* Does the target stand alone in its label=? Only then it may hold words. */
static bool stands_alone(const tw_csv *c, int target)
{
    for (int i = 0; i < c->n_labels; i++)
        if (c->labels[i].first == target)
            return c->labels[i].count == 1;
    return false;
}

/* A label that is no number: the file is read once more, for words. */
static tw_status meet_word(tw_csv *c, int field, bool *again)
{
    char value[TW_CSV_SHOWN];
    const int target = c->target_of[field];
    if (!stands_alone(c, target))
        return fail_field(c, field, "not a number", "only a label that stands alone may be words");
    if (c->word_target >= 0)
        return fail_field(c, field, "not a number", "only one of the labels may be words");
    c->first_word =
        tw_arena_printf(&c->table->arena, "line %lld: \"%s\"", (long long)c->records.line,
                        tw_csv_shown(tw_records_field(&c->records, field), value));
    c->word_target = target;
    *again = true;
    return c->first_word ? TW_OK : tw_fail_memory(c->error);
}

static tw_status take_word(tw_csv *c, int field)
{
    const char *word = tw_records_field(&c->records, field);
    const int number =
        c->fixed_classes ? tw_classes_find(&c->classes, word) : tw_classes_add(&c->classes, word);
    if (number < 0 && c->fixed_classes)
        return fail_field(c, field,
                          c->table->given ? "which is none of the classes of the training"
                                          : "which is none of the classes in the file of classes=",
                          "repair it or add the class");
    if (number < 0)
        return tw_fail_memory(c->error);
    c->words[c->count] = number;
    return TW_OK;
}

static tw_status take_target(tw_csv *c, int field, bool *again)
{
    const int target = c->target_of[field];
    double *number = &c->numbers[c->count * c->n_targets + target];
    *number = NAN;
    if (is_missing(c, field)) {
        if (c->missing == TW_MISSING_DROP) /* of a series: its windows are left out later */
            return TW_OK;
        return fail_field(c, field, "a missing label", "missing=drop leaves such rows out");
    }
    if (target == c->word_target) {
        *number = 0;
        return take_word(c, field);
    }
    if (!parse_number(c, field, number))
        return meet_word(c, field, again);
    if (!isfinite(*number))
        return fail_field(c, field, "not a finite number", "repair it or leave the row out");
    return TW_OK;
}

static tw_status take_value(tw_csv *c, int field)
{
    float *value = &c->matrix[c->count * c->width + c->input_of[field]];
    double number;
    if (is_missing(c, field)) {
        *value = NAN; /* replaced when all rows are known */
        return c->missing != TW_MISSING_ERROR
                   ? TW_OK
                   : fail_field(
                         c, field, "a missing value",
                         "missing=drop leaves such rows out, missing=mean takes the column's "
                         "mean, missing=last the value before it");
    }
    if (!parse_number(c, field, &number))
        return fail_field(c, field, "not a number",
                          "only the label may be words; leave such columns out by columns=, or "
                          "turn them into numbers first");
    if (!(fabs(number) <= FLT_MAX))
        return fail_field(c, field, "not a finite number of f32", "repair it or leave the row out");
    *value = (float)number;
    return TW_OK;
}

static bool any_missing(const tw_csv *c)
{
    for (int i = 0; i < c->n_fields; i++)
        if ((c->input_of[i] >= 0 || c->target_of[i] >= 0) && is_missing(c, i))
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
    if (c->missing == TW_MISSING_DROP && !c->window && any_missing(c))
        return TW_OK;
    TW_TRY(reserve(c));
    for (int i = 0; i < c->n_targets && !*again; i++)
        TW_TRY(take_target(c, c->target[i], again));
    for (int i = 0; i < c->width && !*again; i++)
        TW_TRY(take_value(c, c->input[i]));
    c->count += !*again;
    return TW_OK;
}

static tw_status read_rows(tw_csv *c, bool *again)
{
    bool pending;
    TW_TRY(tw_csv_begin(c, &pending));
    if (c->word_target < 0 && !c->first_word)
        TW_TRY(tw_csv_take_classes(c));
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
    c->row = c->count = c->capacity = 0; /* what was allocated is resized */
    again = false;
    status = read_rows(c, &again);
    tw_records_close(&c->records);
    return status;
}

static tw_status load(tw_csv *c, const char *rest)
{
    TW_TRY(tw_csv_options(c, rest));
    TW_TRY(read_file(c));
    return tw_csv_columns(c);
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
    c->word_target = -1;
    for (int i = 1; i < table->n_inputs; i++)
        c->wants_label |= table->needed[i];
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
