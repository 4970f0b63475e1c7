// SPDX-License-Identifier: Apache-2.0
// The head of a CSV data set: the SPEC's options, and the file's header.
#include "data/csv.h"

#include "base/text.h"

#include <stdio.h>

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

const char *tw_csv_field_name(const tw_csv *c, int field, char *buffer)
{
    if (c->names)
        return tw_csv_shown(c->names[field], buffer);
    snprintf(buffer, TW_CSV_SHOWN, "column %d", field + 1);
    return buffer;
}

/* ---- the SPEC ---- */

enum {
    LABEL,
    MISSING = LABEL + TW_CSV_LABELS,
    HEADER,
    CLASSES,
    COLUMNS,
    NORMALIZE,
    WINDOW,
    HORIZON,
    PART,
    SPLIT,
    OPTIONS
};

static tw_status take_series(tw_csv *c, const char *window, const char *horizon)
{
    if (horizon && !window)
        return tw_fail(c->error, TW_ERROR_SYNTAX,
                       "horizon=%s says how far behind a window the label lies: add window=ROWS",
                       horizon);
    if (!window)
        return TW_OK;
    c->horizon = 1;
    TW_TRY(tw_spec_number("window", window, 1, &c->window, c->error));
    return horizon ? tw_spec_number("horizon", horizon, 1, &c->horizon, c->error) : TW_OK;
}

static tw_status take_words(tw_csv *c, const char **values)
{
    static const char *const missing_words[] = {"error", "drop", "mean", "last"},
                             *const yes_no[] = {"no", "yes"},
                             *const normalize_words[] = {"no", "yes", "all"};
    int missing = TW_MISSING_ERROR, header = 1, normalize = TW_NORMALIZE_NO;
    TW_TRY(tw_spec_choice("missing", values[MISSING], 4, missing_words, &missing, c->error));
    TW_TRY(tw_spec_choice("header", values[HEADER], 2, yes_no, &header, c->error));
    TW_TRY(
        tw_spec_choice("normalize", values[NORMALIZE], 3, normalize_words, &normalize, c->error));
    c->missing = (tw_csv_missing)missing;
    c->normalize = (tw_csv_normalize)normalize;
    c->normalize_given = values[NORMALIZE] != NULL;
    c->has_header = header == 1;
    c->header_given = values[HEADER] != NULL;
    return TW_OK;
}

tw_status tw_csv_options(tw_csv *c, const char *rest)
{
    const char *names[OPTIONS] = {
        [MISSING] = "missing", [HEADER] = "header",       [CLASSES] = "classes",
        [COLUMNS] = "columns", [NORMALIZE] = "normalize", [WINDOW] = "window",
        [HORIZON] = "horizon", [PART] = "part",           [SPLIT] = "split"};
    const char *values[OPTIONS];
    for (int i = 0; i < TW_CSV_LABELS; i++)
        names[LABEL + i] = "label";
    TW_TRY(tw_spec_options(c->table, rest, OPTIONS, names, &c->path, values, c->error));
    TW_TRY(take_words(c, values));
    TW_TRY(take_series(c, values[WINDOW], values[HORIZON]));
    TW_TRY(tw_spec_take_part(values[PART], values[SPLIT], &c->part, c->error));
    c->columns_text = values[COLUMNS];
    while (c->n_labels < TW_CSV_LABELS && values[LABEL + c->n_labels]) {
        c->labels[c->n_labels].text = values[LABEL + c->n_labels];
        c->n_labels++;
    }
    if (!values[CLASSES] || !c->wants_label)
        return TW_OK;
    c->fixed_classes = true;
    return tw_classes_read(&c->classes, values[CLASSES], c->error);
}

/* ---- the header ---- */

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

/* Classes that are told are those of the label that stands alone: of the first one where classes=
 * tells them, of the only one where the training does. */
tw_status tw_csv_take_classes(tw_csv *c)
{
    const tw_preparation *given = c->table->given;
    int alone = 0, first = -1;
    for (int i = 0; i < c->n_labels && c->n_targets > 0; i++)
        if (c->labels[i].count == 1 && alone++ == 0)
            first = c->labels[i].first;
    if (c->fixed_classes) {
        c->word_target = first;
        return TW_OK;
    }
    if (!given || given->n_classes == 0 || first < 0)
        return TW_OK;
    for (int i = 0; i < given->n_classes; i++)
        if (tw_classes_add(&c->classes, given->classes[i]) < 0)
            return tw_fail_memory(c->error);
    c->fixed_classes = true;
    c->word_target = alone == 1 ? first : -1;
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
    TW_TRY(tw_csv_fields(c));
    *pending = !c->has_header;
    return TW_OK;
}
