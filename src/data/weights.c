// SPDX-License-Identifier: Apache-2.0
// weights=balanced: a further column of sample weights by how rare a sample's class is,
// n / (classes * count of the class), as scikit-learn's class_weight="balanced".
#include "data/convert.h"
#include "data/loaders.h"

#include <math.h>
#include <stdlib.h>

#define OPTION ",weights="

tw_status tw_weights_option(tw_table *table, const char **rest, bool *balanced, tw_error *error)
{
    const char *option = strstr(*rest, OPTION);
    *balanced = option != NULL;
    if (!option)
        return TW_OK;
    const char *value = option + strlen(OPTION);
    const size_t length = strcspn(value, ",");
    if (length != 8 || strncmp(value, "balanced", length) != 0)
        return tw_fail(error, TW_ERROR_SYNTAX, "weights=%.*s: it must be balanced",
                       (int)TW_MIN(length, 80), value);
    *rest = tw_arena_printf(&table->arena, "%.*s%s", (int)(option - *rest), *rest, value + length);
    return *rest ? TW_OK : tw_fail_memory(error);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static tw_status fail_label(const tw_column *column, int64_t row, double label, tw_error *error)
{
    return tw_fail(error, TW_ERROR_DATA,
                   "weights=balanced: row %lld of %s (counted from 0) holds %g, which is no class "
                   "number",
                   (long long)row, column->name, label);
}

/* How many distinct values there are in order, and, unless out is NULL, the weight of each. */
static int weigh(const double *sorted, int64_t count, int classes, tw_class_weight *out)
{
    int n = 0;
    for (int64_t begin = 0, end; begin < count; begin = end) {
        for (end = begin; end < count && sorted[end] == sorted[begin]; end++)
            continue;
        if (out)
            out[n] = (tw_class_weight){(int64_t)sorted[begin],
                                       (double)count / ((double)classes * (double)(end - begin))};
        n++;
    }
    return n;
}

/* The samples' labels, sorted; in memory that is the caller's. */
static tw_status take_labels(tw_table *table, const tw_column *column, double *labels,
                             tw_error *error)
{
    const int64_t count = table->rows ? table->n_rows : column->dim[0];
    for (int64_t i = 0; i < count; i++) {
        tw_cells_load(column->cell, column->data, table->rows ? table->rows[i] : i, 1, &labels[i]);
        if (labels[i] != trunc(labels[i]) || !(fabs(labels[i]) <= INT32_MAX))
            return fail_label(column, i, labels[i], error);
    }
    qsort(labels, (size_t)count, sizeof *labels, by_value);
    return TW_OK;
}

/* The weights of classes: the training's, else by their counts here. */
static tw_status find_weights(tw_table *table, const tw_column *column, tw_error *error)
{
    tw_preparation *p = &table->preparation;
    const tw_preparation *given = table->given;
    const int64_t count = table->rows ? table->n_rows : column->dim[0];
    double *labels = tw_calloc(table->context, (size_t)count, sizeof *labels);
    if (!labels)
        return tw_fail_memory(error);
    tw_status status = take_labels(table, column, labels, error);
    if (status == TW_OK) {
        const bool told = given && given->n_weights > 0;
        const int classes = told ? given->n_weights : weigh(labels, count, 0, NULL);
        p->weights = tw_arena_alloc(&table->arena, (size_t)classes * sizeof *p->weights);
        p->n_weights = p->weights ? classes : 0;
        if (!p->weights)
            status = tw_fail_memory(error);
        else if (told)
            memcpy(p->weights, given->weights, (size_t)classes * sizeof *p->weights);
        else
            weigh(labels, count, classes, p->weights);
    }
    tw_free(table->context, labels);
    return status;
}

static int by_label(const void *key, const void *row)
{
    const int64_t a = *(const int64_t *)key, b = ((const tw_class_weight *)row)->label;
    return (a > b) - (a < b);
}

static tw_status fill(tw_table *table, const tw_column *from, tw_column *to, tw_error *error)
{
    const tw_preparation *p = &table->preparation;
    const int64_t count = table->rows ? table->n_rows : from->dim[0];
    memset(to->data, 0, (size_t)from->dim[0] * sizeof(float));
    for (int64_t i = 0; i < count; i++) {
        const int64_t row = table->rows ? table->rows[i] : i;
        double label;
        tw_cells_load(from->cell, from->data, row, 1, &label);
        const int64_t key = (int64_t)label;
        const tw_class_weight *found =
            bsearch(&key, p->weights, (size_t)p->n_weights, sizeof *p->weights, by_label);
        if (!found)
            return tw_fail(error, TW_ERROR_DATA,
                           "weights=balanced: row %lld of %s (counted from 0) is of class %lld, of "
                           "which the training had none",
                           (long long)i, from->name, (long long)key);
        ((float *)to->data)[row] = (float)found->weight;
    }
    return TW_OK;
}

tw_status tw_weights_add(tw_table *table, tw_error *error)
{
    const int place = table->n_columns;
    if (place > 0 && place < table->n_inputs && !table->needed[place])
        return TW_OK; /* predicting needs none */
    if (place < 2)
        return tw_fail(error, TW_ERROR_DATA,
                       "weights=balanced needs labels, but the data have %s alone%s%s",
                       place ? table->columns[0].name : "nothing", table->hint ? "; " : "",
                       table->hint ? table->hint : "");
    const tw_column *label = &table->columns[place - 1];
    if (place >= table->n_inputs)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "weights=balanced makes a column of sample weights after %s, but the model "
                       "has no further input: add a line such as weight = input f32[n] and give it "
                       "to the loss",
                       label->name);
    if (tw_column_width(label) != 1)
        return tw_fail(error, TW_ERROR_DATA,
                       "weights=balanced needs one label a sample, but %s has %lld values",
                       label->name, (long long)tw_column_width(label));
    TW_TRY(find_weights(table, label, error));
    tw_column *column;
    const char *name = tw_arena_printf(&table->arena, "weights of %s", label->name);
    if (!name)
        return tw_fail_memory(error);
    TW_TRY(tw_table_add(table, name, TW_CELL_F32, 1, &label->dim[0], &column, error));
    return fill(table, label, column, error);
}
