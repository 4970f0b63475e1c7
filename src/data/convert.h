// SPDX-License-Identifier: Apache-2.0
// From a column's cells to an input's elements: what binding settles, and the conversion of rows.
#ifndef TW_DATA_CONVERT_H
#define TW_DATA_CONVERT_H

#include "data/column.h"

/* How an input of the graph gets its elements. */
typedef struct tw_binding {
    const char *input;       /* its name */
    const tw_column *column; /* NULL: the input is not needed and gets nothing */
    tw_type type;            /* of the input */
    int32_t rank;
    int64_t dim[TW_MAX_RANK]; /* of the input; dim[0] is the number of samples */
    int64_t width;            /* elements of a sample in the input */
    int64_t classes;          /* labels are whole and below it; 0: no labels */
    bool one_hot;             /* one label a sample becomes `classes` elements */
    bool pixels;              /* u8 into float: divided by 255 */
    bool whole;               /* values must be whole */
    double low, high;         /* what the input's type, or classes, holds */
} tw_binding;

/* `count` cells from number `at` on, as doubles. Integers beyond 2^53 are rounded: no input takes
 * any so large. */
void tw_cells_load(tw_cell cell, const void *data, int64_t at, int count, double *out);

/* Sets whole, low and high by type and classes. */
void tw_binding_limits(tw_binding *binding);

/* Converts n samples into dst, which holds n * width elements of binding->type. Sample i is row
 * first + order[i], or row first + i where order is NULL. Errors: DATA, with row and element. */
tw_status tw_convert(const tw_binding *binding, int64_t first, const int64_t *order, int64_t n,
                     void *dst, tw_error *error);
/* The same checks over rows first to first + n - 1 (also those that tw_convert leaves out for
 * speed: NaN among f32 that need no conversion), without a result. */
tw_status tw_convert_check(const tw_binding *binding, int64_t first, int64_t n, tw_error *error);

#endif
