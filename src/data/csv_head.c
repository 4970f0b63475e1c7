// SPDX-License-Identifier: Apache-2.0
// The head of a CSV data set: the SPEC's options, the file's header, and which column is the label.
#include "data/csv.h"

#include "base/text.h"

const char *tw_csv_shown(const char *field, char *buffer)
{
    size_t length = 0;
    for (; field[length] && length < TW_CSV_SHOWN - 4; length++)
        buffer[length] =
            (unsigned char)field[length] < 32 || field[length] == 127 ? '?' : field[length];
    if (field[length]) {
        while (length && ((unsigned char)field[length] & 0xc0) == 0x80)
            length--; /* not within a letter of UTF-8 */
        memcpy(buffer + length, "...", 3);
        length += 3;
    }
    buffer[length] = '\0';
    return buffer;
}

static tw_status read_classes(tw_csv *c, const char *path)
{
    c->in_words = c->fixed_classes = true;
    return tw_classes_read(&c->classes, path, c->error);
}

/* Those of the training, if its labels were words. */
static tw_status take_classes(tw_csv *c)
{
    const tw_preparation *given = c->table->given;
    for (int i = 0; given && i < given->n_classes; i++)
        if (tw_classes_add(&c->classes, given->classes[i]) < 0)
            return tw_fail_memory(c->error);
    c->in_words = c->fixed_classes = c->classes.count > 0;
    return TW_OK;
}

tw_status tw_csv_options(tw_csv *c, const char *rest)
{
    static const char *const names[] = {"label", "missing", "header", "classes"};
    static const char *const missing_words[] = {"error", "drop", "mean"}, *const yes_no[] = {"no",
                                                                                             "yes"};
    const char *values[TW_COUNT(names)];
    int missing = TW_MISSING_ERROR, header = 1;
    TW_TRY(tw_spec_options(c->table, rest, TW_COUNT(names), names, &c->path, values, c->error));
    TW_TRY(tw_spec_choice("missing", values[1], 3, missing_words, &missing, c->error));
    TW_TRY(tw_spec_choice("header", values[2], 2, yes_no, &header, c->error));
    c->label_text = values[0];
    c->missing = (tw_csv_missing)missing;
    c->has_header = header == 1;
    c->header_given = values[2] != NULL;
    if (!c->wants_label)
        return TW_OK;
    return values[3] ? read_classes(c, values[3]) : take_classes(c);
}

/* A first line of numbers alone is more likely data. */
static tw_status check_header(tw_csv *c)
{
    double number;
    for (int i = 0; i < c->records.n_fields; i++)
        if (!tw_parse_double(tw_records_field(&c->records, i), c->records.fields[i].length,
                             &number))
            return TW_OK;
    if (c->header_given)
        return TW_OK;
    return tw_fail(c->error, TW_ERROR_FORMAT,
                   "the first line of '%s' holds only numbers: add header=no if it is data, or "
                   "header=yes if it names the columns",
                   c->path);
}

static tw_status take_names(tw_csv *c)
{
    TW_TRY(check_header(c));
    c->names = tw_arena_alloc(&c->table->arena, (size_t)c->n_fields * sizeof *c->names);
    for (int i = 0; c->names && i < c->n_fields; i++) {
        const char *field = tw_records_field(&c->records, i);
        c->names[i] = tw_arena_text(&c->table->arena, field, strlen(field));
        if (!c->names[i])
            return tw_fail_memory(c->error);
    }
    return c->names ? TW_OK : tw_fail_memory(c->error);
}

static tw_status fail_label(tw_csv *c)
{
    const int nearest =
        c->names ? tw_nearest(c->label_text, (const char *const *)c->names, c->n_fields) : -1;
    return tw_fail(c->error, TW_ERROR_NAME,
                   "'%s' has no column \"%s\"%s%s%s; it has %d columns%s%s%s, and label= takes a "
                   "name, or a number from 1 (-1 is the last)",
                   c->path, c->label_text, nearest >= 0 ? " (do you mean \"" : "",
                   nearest >= 0 ? c->names[nearest] : "", nearest >= 0 ? "\"?)" : "", c->n_fields,
                   c->names ? ", the first \"" : "", c->names ? c->names[0] : "",
                   c->names ? "\"" : "");
}

/* By name, else by number. */
static tw_status find_label(tw_csv *c)
{
    c->label = -1;
    if (!c->label_text)
        return TW_OK;
    for (int i = 0; c->names && i < c->n_fields; i++) {
        if (strcmp(c->names[i], c->label_text) != 0)
            continue;
        if (c->label >= 0)
            return tw_fail(c->error, TW_ERROR_NAME,
                           "'%s' has two columns \"%s\" (%d and %d): give the label by number",
                           c->path, c->label_text, c->label + 1, i + 1);
        c->label = i;
    }
    int64_t number;
    if (c->label >= 0)
        return TW_OK;
    if (!tw_parse_int(c->label_text, strlen(c->label_text), &number) || number == 0 ||
        number > c->n_fields || number < -c->n_fields)
        return fail_label(c);
    c->label = (int)(number > 0 ? number - 1 : c->n_fields + number);
    return TW_OK;
}

tw_status tw_csv_begin(tw_csv *c, bool *pending)
{
    TW_TRY(tw_records_open(&c->records, c->table->context, c->path, c->error));
    TW_TRY(tw_records_next(&c->records, c->error));
    if (c->records.end)
        return tw_fail(c->error, TW_ERROR_FORMAT, "'%s' is empty", c->path);
    c->n_fields = c->records.n_fields;
    if (c->has_header)
        TW_TRY(take_names(c));
    TW_TRY(find_label(c));
    c->width = c->n_fields - (c->label >= 0);
    if (c->width == 0)
        return tw_fail(c->error, TW_ERROR_FORMAT, "'%s' has no columns beside the label", c->path);
    *pending = !c->has_header;
    return TW_OK;
}
