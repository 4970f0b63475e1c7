// SPDX-License-Identifier: Apache-2.0
// Columns of a CSV file by name or number: which are inputs, and which are labels.
#include "data/csv.h"

#include "base/text.h"

#include <stdio.h>

typedef struct field_list {
    int *fields; /* room for each of the file's once */
    int count;
    bool *taken; /* by field */
} field_list;

/* Number of the field called so; -1: none, -2: several. */
static int find_name(const tw_csv *c, const char *text, size_t length)
{
    int found = -1;
    for (int i = 0; c->names && i < c->n_fields; i++)
        if (strlen(c->names[i]) == length && memcmp(c->names[i], text, length) == 0)
            found = found == -1 ? i : -2;
    return found;
}

/* By name, else by number from 1 (or from the end, -1 being the last). */
static int find_field(const tw_csv *c, const char *text, size_t length)
{
    int64_t number;
    const int found = find_name(c, text, length);
    if (found != -1)
        return found;
    if (!tw_parse_int(text, length, &number) || number == 0 || number > c->n_fields ||
        number < -c->n_fields)
        return -1;
    return (int)(number > 0 ? number - 1 : c->n_fields + number);
}

static tw_status fail_field(const tw_csv *c, const char *option, const char *text, size_t length,
                            int found)
{
    char word[TW_CSV_SHOWN + 16];
    snprintf(word, sizeof word, "%.*s", (int)TW_MIN(length, sizeof word - 1), text);
    if (found == -2)
        return tw_fail(c->error, TW_ERROR_NAME,
                       "'%s' has several columns \"%s\": give the %s by number", c->path, word,
                       option);
    const int nearest =
        c->names ? tw_nearest(word, (const char *const *)c->names, c->n_fields) : -1;
    return tw_fail(c->error, TW_ERROR_NAME,
                   "'%s' has no column \"%s\"%s%s%s; it has %d columns%s%s%s, and %s= takes "
                   "names, or numbers from 1 (-1 is the last), with commas between them",
                   c->path, word, nearest >= 0 ? " (do you mean \"" : "",
                   nearest >= 0 ? c->names[nearest] : "", nearest >= 0 ? "\"?)" : "", c->n_fields,
                   c->names ? ", the first \"" : "", c->names ? c->names[0] : "",
                   c->names ? "\"" : "", option);
}

static tw_status take_field(const tw_csv *c, const char *option, field_list *list, int field)
{
    char name[TW_CSV_SHOWN];
    if (list->taken[field])
        return tw_fail(c->error, TW_ERROR_NAME, "%s= names column %d (\"%s\") twice", option,
                       field + 1, tw_csv_field_name(c, field, name));
    list->taken[field] = true;
    list->fields[list->count++] = field;
    return TW_OK;
}

/* The fields of "a..b", parted where both names are known: names may hold dots themselves. */
static tw_status find_range(const tw_csv *c, const char *option, const char *text, size_t length,
                            int *first, int *last)
{
    size_t cut = 0;
    for (size_t i = 1; i + 2 < length; i++) {
        if (text[i] != '.' || text[i + 1] != '.')
            continue;
        *first = find_field(c, text, i);
        *last = find_field(c, text + i + 2, length - i - 2);
        if (*first >= 0 && *last >= 0)
            return TW_OK;
        cut = cut ? cut : i;
    }
    if (cut == 0)
        return fail_field(c, option, text, length, -1);
    *first = find_field(c, text, cut);
    *last = find_field(c, text + cut + 2, length - cut - 2);
    return *first < 0 ? fail_field(c, option, text, cut, *first)
                      : fail_field(c, option, text + cut + 2, length - cut - 2, *last);
}

/* "a", or "a..b" for all from a to b. */
static tw_status take_range(const tw_csv *c, const char *option, const char *text, size_t length,
                            field_list *list)
{
    int first = find_field(c, text, length), last = first;
    if (first == -2)
        return fail_field(c, option, text, length, first);
    if (first == -1)
        TW_TRY(find_range(c, option, text, length, &first, &last));
    if (last < first)
        return tw_fail(c->error, TW_ERROR_NAME,
                       "%s=: column %d stands behind column %d: turn \"%.*s\" around", option,
                       first + 1, last + 1, (int)TW_MIN(length, 80), text);
    for (int i = first; i <= last; i++)
        TW_TRY(take_field(c, option, list, i));
    return TW_OK;
}

/* A name that holds commas may stand alone. */
static tw_status take_list(const tw_csv *c, const char *option, const char *text, field_list *list)
{
    const int whole = find_name(c, text, strlen(text));
    if (whole >= 0)
        return take_field(c, option, list, whole);
    for (const char *at = text;; at++) {
        const size_t length = strcspn(at, ",");
        TW_TRY(take_range(c, option, at, length, list));
        at += length;
        if (!*at)
            return TW_OK;
    }
}

static bool make_list(tw_csv *c, field_list *list)
{
    const size_t count = (size_t)c->n_fields;
    list->fields = tw_arena_alloc(&c->table->arena, count * sizeof *list->fields);
    list->taken = tw_arena_alloc(&c->table->arena, count * sizeof *list->taken);
    return list->fields && list->taken;
}

static tw_status find_labels(tw_csv *c, field_list *list)
{
    for (int i = 0; i < c->n_labels; i++) {
        c->labels[i].first = list->count;
        TW_TRY(take_list(c, "label", c->labels[i].text, list));
        c->labels[i].count = list->count - c->labels[i].first;
    }
    return TW_OK;
}

/* The columns of the training, by their names, wherever they stand; false where names do not tell
 * them. */
static bool has_names(const tw_csv *c, const tw_preparation *given)
{
    for (int i = 0; i < given->n_columns; i++)
        for (int k = 0; k <= i; k++)
            if (!given->columns[i].name[0] ||
                (k < i && strcmp(given->columns[i].name, given->columns[k].name) == 0))
                return false;
    return c->names != NULL && given->n_columns > 0;
}

static tw_status find_trained(tw_csv *c, const tw_preparation *given, field_list *list)
{
    for (int i = 0; i < given->n_columns; i++) {
        const char *name = given->columns[i].name;
        const int field = find_name(c, name, strlen(name));
        if (field < 0)
            return tw_fail(c->error, TW_ERROR_NAME,
                           "'%s' has %s column \"%s\", which the model was trained on", c->path,
                           field == -1 ? "no" : "more than one", name);
        TW_TRY(take_field(c, "columns", list, field));
    }
    return TW_OK;
}

/* All columns but the labels, which a series keeps: their past may be known. */
static tw_status find_inputs(tw_csv *c, const field_list *labels, field_list *list)
{
    const tw_preparation *given = c->table->given;
    if (c->columns_text)
        TW_TRY(take_list(c, "columns", c->columns_text, list));
    else if (given && has_names(c, given))
        return find_trained(c, given, list);
    for (int i = 0; !c->columns_text && i < c->n_fields; i++)
        TW_TRY(take_field(c, "columns", list, i));
    int kept = 0;
    for (int i = 0; i < list->count; i++)
        if (c->window || !labels->taken[list->fields[i]])
            list->fields[kept++] = list->fields[i];
    list->count = kept;
    return TW_OK;
}

tw_status tw_csv_fields(tw_csv *c)
{
    field_list inputs = {.count = 0}, labels = {.count = 0};
    const size_t bytes = (size_t)c->n_fields * sizeof(int);
    c->input_of = tw_arena_alloc(&c->table->arena, bytes);
    c->target_of = tw_arena_alloc(&c->table->arena, bytes);
    if (!make_list(c, &inputs) || !make_list(c, &labels) || !c->input_of || !c->target_of)
        return tw_fail_memory(c->error);
    TW_TRY(find_labels(c, &labels));
    TW_TRY(find_inputs(c, &labels, &inputs));
    for (int i = 0; i < c->n_fields; i++)
        c->input_of[i] = c->target_of[i] = -1;
    for (int i = 0; i < inputs.count; i++)
        c->input_of[inputs.fields[i]] = i;
    for (int i = 0; i < labels.count && c->wants_label; i++)
        c->target_of[labels.fields[i]] = i;
    c->width = inputs.count;
    c->n_targets = c->wants_label ? labels.count : 0;
    c->input = inputs.fields;
    c->target = labels.fields;
    if (c->width == 0)
        return tw_fail(c->error, TW_ERROR_FORMAT, "'%s' has no columns beside the label", c->path);
    return TW_OK;
}
