// SPDX-License-Identifier: Apache-2.0
// Values of a CSV file: what stands in for missing ones, and standardisation. Means and deviations
// are those of the training: of the rows that part=train would take, or as a run remembers them.
#include "data/csv.h"

#include <math.h>

/* ---- means and deviations ---- */

/* Of a column of the matrix, or of a target. */
static double value_at(const tw_csv *c, bool target, int column, int64_t row)
{
    return target ? c->numbers[row * c->n_targets + column]
                  : (double)c->matrix[row * c->width + column];
}

/* Over the values that are not missing, whose number is returned. Deviation as scikit-learn's
 * StandardScaler: of all values, not of a sample. */
static int64_t measure(const tw_csv *c, bool target, int column, int64_t rows, tw_statistic *out)
{
    int64_t n = 0;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < rows; i++) {
        const double value = value_at(c, target, column, i);
        sum += isnan(value) ? 0 : value;
        n += !isnan(value);
    }
    out->mean = n ? sum / (double)n : 0;
    for (int64_t i = 0; i < rows; i++) {
        const double value = value_at(c, target, column, i) - out->mean;
        squares += isnan(value) ? 0 : value * value;
    }
    out->deviation = n ? sqrt(squares / (double)n) : 0;
    return n;
}

/* A constant column is only shifted. */
static double scale_of(double deviation)
{
    return deviation > 0 && isfinite(deviation) ? deviation : 1;
}

static tw_status measure_inputs(tw_csv *c, int64_t rows)
{
    tw_preparation *p = &c->table->preparation;
    char name[TW_CSV_SHOWN];
    for (int k = 0; k < c->width; k++) {
        tw_statistic *column = &p->columns[k];
        if (measure(c, false, k, rows, column) == 0)
            return tw_fail(c->error, TW_ERROR_DATA,
                           "'%s': every value of column %d (%s) is missing", c->path,
                           c->input[k] + 1, tw_csv_field_name(c, c->input[k], name));
        column->name = c->names ? c->names[c->input[k]] : "";
        column->deviation = c->normalize == TW_NORMALIZE_NO ? 0 : scale_of(column->deviation);
    }
    return TW_OK;
}

static void measure_labels(tw_csv *c, int64_t rows)
{
    tw_preparation *p = &c->table->preparation;
    for (int k = 0; k < c->n_targets; k++) {
        measure(c, true, k, rows, &p->labels[k]);
        p->labels[k].name = c->names ? c->names[c->target[k]] : "";
        p->labels[k].deviation = scale_of(p->labels[k].deviation);
    }
    p->n_labels = c->n_targets;
}

/* Those of the training. normalize= may be left out then. */
static tw_status take_given(tw_csv *c, const tw_preparation *given)
{
    tw_preparation *p = &c->table->preparation;
    if (given->n_columns != c->width)
        return tw_fail(c->error, TW_ERROR_DATA,
                       "'%s' gives %d columns of inputs, but the model was trained on %d: name "
                       "these by columns=",
                       c->path, c->width, given->n_columns);
    char shown[TW_CSV_SHOWN];
    const bool was = given->columns[0].deviation > 0;
    if (c->normalize_given && (c->normalize != TW_NORMALIZE_NO) != was)
        return tw_fail(c->error, TW_ERROR_DATA,
                       "'%s': the model was trained %s normalize=; leave it out, the training's is "
                       "taken",
                       c->path, was ? "with" : "without");
    for (int k = 0; k < c->width; k++) {
        const char *name = given->columns[k].name;
        if (c->names && *name && strcmp(c->names[c->input[k]], name) != 0)
            return tw_fail(c->error, TW_ERROR_NAME,
                           "'%s': input %d is column \"%s\", but the model was trained on \"%s\" "
                           "there; leave columns= out, the training's are taken",
                           c->path, k + 1, tw_csv_field_name(c, c->input[k], shown), name);
        p->columns[k] = given->columns[k];
        p->columns[k].name = tw_arena_text(&c->table->arena, name, strlen(name));
        if (!p->columns[k].name)
            return tw_fail_memory(c->error);
    }
    p->n_labels = TW_MIN(c->n_targets, given->n_labels);
    for (int k = 0; k < p->n_labels; k++) {
        p->labels[k] = given->labels[k];
        p->labels[k].name = c->names ? c->names[c->target[k]] : "";
    }
    return TW_OK;
}

tw_status tw_csv_measure(tw_csv *c, int64_t rows)
{
    tw_preparation *p = &c->table->preparation;
    const tw_preparation *given = c->table->given;
    p->columns = tw_arena_alloc(&c->table->arena, (size_t)c->width * sizeof *p->columns);
    p->labels = tw_arena_alloc(&c->table->arena, (size_t)c->n_targets * sizeof *p->labels);
    if (!p->columns || !p->labels)
        return tw_fail_memory(c->error);
    p->n_columns = c->width;
    if (given && given->n_columns > 0)
        return take_given(c, given);
    TW_TRY(measure_inputs(c, rows));
    if (c->normalize == TW_NORMALIZE_ALL)
        measure_labels(c, rows);
    return TW_OK;
}

/* ---- values ---- */

static tw_status fill_missing(tw_csv *c)
{
    char name[TW_CSV_SHOWN];
    for (int k = 0; k < c->width; k++) {
        float *value = c->matrix + k, last = NAN;
        const float mean = (float)c->table->preparation.columns[k].mean;
        for (int64_t i = 0; i < c->count; i++, value += c->width) {
            if (isnan(*value))
                *value = c->missing == TW_MISSING_MEAN ? mean : last;
            if (isnan(*value))
                return tw_fail(c->error, TW_ERROR_DATA,
                               "'%s': missing=last finds no value before that of row %lld in "
                               "column %d (%s)",
                               c->path, (long long)i + 1, c->input[k] + 1,
                               tw_csv_field_name(c, c->input[k], name));
            last = *value;
        }
    }
    return TW_OK;
}

static void normalize_values(tw_csv *c)
{
    const tw_preparation *p = &c->table->preparation;
    for (int k = 0; k < c->width; k++)
        for (int64_t i = 0; p->columns[k].deviation > 0 && i < c->count; i++) {
            float *value = &c->matrix[i * c->width + k];
            *value = (float)(((double)*value - p->columns[k].mean) / p->columns[k].deviation);
        }
    for (int k = 0; k < p->n_labels; k++)
        for (int64_t i = 0; i < c->count; i++) {
            double *value = &c->numbers[i * c->n_targets + k];
            *value = (*value - p->labels[k].mean) / p->labels[k].deviation;
        }
}

tw_status tw_csv_fill(tw_csv *c)
{
    if (c->missing == TW_MISSING_MEAN || c->missing == TW_MISSING_LAST)
        TW_TRY(fill_missing(c));
    normalize_values(c);
    return TW_OK;
}
