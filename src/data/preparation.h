// SPDX-License-Identifier: Apache-2.0
// What a data set tells about how its files became numbers, so that others are read the same way.
#ifndef TW_DATA_PREPARATION_H
#define TW_DATA_PREPARATION_H

#include "base/base.h"

#include <thalweg/data.h>

/* A numeric column of a table. deviation is 0 where it is not standardised. */
typedef struct tw_statistic {
    const char *name; /* "" where the table has no header */
    double mean, deviation;
} tw_statistic;

typedef struct tw_class_weight {
    int64_t label;
    double weight;
} tw_class_weight;

struct tw_preparation {
    tw_context *context;
    tw_arena arena; /* of what tw_preparation_read made; a data set's lies in its table's */
    int64_t size[26];
    const char *sizes; /* the same as text; NULL: none */
    int n_classes;
    const char **classes;
    int n_columns, n_labels;
    tw_statistic *columns; /* of the inputs */
    tw_statistic *labels;  /* where they are standardised too */
    int n_weights;
    tw_class_weight *weights; /* by rising label */
};

/* Sets sizes from size. False: no memory. */
bool tw_preparation_print_sizes(tw_preparation *preparation, tw_arena *arena);

#endif
