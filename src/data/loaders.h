// SPDX-License-Identifier: Apache-2.0
// The list of loaders. A new one is a file with its tw_load_NAME, and a row here.
#ifndef TW_DATA_LOADERS_H
#define TW_DATA_LOADERS_H

#include "data/column.h"

#include <thalweg/graph.h>

/* Name, and the form of a SPEC that begins with it, for sentences. */
#define TW_LOADER_LIST(X)                                                                          \
    X(idx, "idx:DIR:train|test")                                                                   \
    X(cifar10, "cifar10:DIR:train|test")                                                           \
    X(npy, "npy:X.npy,Y.npy")                                                                      \
    X(csv, "csv:FILE,label=COLUMN")                                                                \
    X(random, "random:COUNT")

/* Fills the table (in which context, arena and wanted are set) from what stands after "NAME:" in a
 * SPEC; rest is "" where nothing does. On failure the caller clears the table. Errors: SYNTAX,
 * FILE, FORMAT, DATA, MEMORY. */
typedef tw_status (*tw_loader)(tw_table *table, const tw_graph *graph, const char *rest,
                               tw_error *error);
#define TW_LOADER_DECLARE(name, form)                                                              \
    tw_status tw_load_##name(tw_table *table, const tw_graph *graph, const char *rest,             \
                             tw_error *error);
TW_LOADER_LIST(TW_LOADER_DECLARE)
#undef TW_LOADER_DECLARE

/* ---- what several loaders need of a SPEC ---- */
/* "DIR:train" or "DIR:test": *folder is a copy in the table's arena. form: the loader's, for the
 * sentence. */
tw_status tw_spec_folder(tw_table *table, const char *rest, const char *form, const char **folder,
                         bool *train, tw_error *error);
/* Cuts ",NAME=VALUE" options off a copy of rest: values[i] is that of names[i], NULL where it is
 * not given; *path is what stands before the first of them. Only commas before a known name part,
 * so paths and values may hold others. Errors: SYNTAX (an option twice, or no path). */
tw_status tw_spec_options(tw_table *table, const char *rest, int count, const char *const *names,
                          const char **path, const char **values, tw_error *error);

#endif
