// SPDX-License-Identifier: Apache-2.0
// The inside of a data set: shared storage, a range of its rows, and the thread that prepares
// batches ahead.
#ifndef TW_DATA_DATASET_H
#define TW_DATA_DATASET_H

#include "data/convert.h"

#include <stdatomic.h>
#include <thalweg/data.h>

/* Columns and how they become inputs: the same for all parts of a split. Constant once made. */
typedef struct tw_storage {
    tw_context *context;
    atomic_int users;
    tw_table table;
    int n_inputs;
    tw_binding *bindings; /* one an input, in the table's arena */
    int64_t count;        /* samples */
} tw_storage;

typedef struct tw_prefetch tw_prefetch;

struct tw_dataset {
    tw_storage *storage;
    int64_t first, count;  /* its rows of the storage: from first on, */
    int64_t *rows;         /* or these, its own; NULL: none */
    tw_prefetch *prefetch; /* of the epoch that was started last; NULL before */
};

/* Binds the storage's columns to the graph's inputs and checks all data. needed[i]: input i must
 * get a column. size: of letters that are settled; others take their columns'. Errors: SHAPE, DATA,
 * TYPE. */
tw_status tw_storage_bind(tw_storage *storage, tw_graph *graph, const bool *needed,
                          const int64_t size[26], tw_error *error);

/* A data set over rows of the storage, of which it becomes a user. Errors: MEMORY. */
tw_status tw_dataset_make(tw_storage *storage, int64_t first, int64_t count, tw_dataset **dataset,
                          tw_error *error);

/* A data set of all samples from number `start` on. Errors: MEMORY. */
tw_status tw_dataset_tail(const tw_dataset *dataset, int64_t start, tw_dataset **tail,
                          tw_error *error);

/* Ends its thread and frees it; accepts NULL. */
void tw_prefetch_destroy(tw_prefetch **prefetch);

#endif
