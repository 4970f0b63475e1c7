// SPDX-License-Identifier: Apache-2.0
// The list of loaders. A new one is a file with its tw_load_NAME, and a row here.
#ifndef TW_DATA_LOADERS_H
#define TW_DATA_LOADERS_H

#include "data/column.h"

#include "graph/graph.h"

/* Name, and the form of a SPEC that begins with it, for sentences. */
#define TW_LOADER_LIST(X)                                                                          \
    X(idx, "idx:DIR:train|test")                                                                   \
    X(cifar10, "cifar10:DIR:train|test")                                                           \
    X(npy, "npy:X.npy,Y.npy")                                                                      \
    X(csv, "csv:FILE,label=COLUMN")                                                                \
    X(text, "text:FILE,length=T")                                                                  \
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

/* ---- weights.c: weights=balanced, which any SPEC with labels may have ---- */
/* Takes the option out of *rest. Errors: SYNTAX, MEMORY. */
tw_status tw_weights_option(tw_table *table, const char **rest, bool *balanced, tw_error *error);
/* Appends a column of weights for the labels of the last column. Errors: DATA (no labels), SHAPE
 * (no input for them), MEMORY. */
tw_status tw_weights_add(tw_table *table, tw_error *error);

/* ---- what several loaders need of a SPEC ---- */
/* "DIR:train" or "DIR:test": *folder is a copy in the table's arena. form: the loader's, for the
 * sentence. */
tw_status tw_spec_folder(tw_table *table, const char *rest, const char *form, const char **folder,
                         bool *train, tw_error *error);
/* Cuts ",NAME=VALUE" options off a copy of rest: values[i] is that of names[i], NULL where it is
 * not given; *path is what stands before the first of them. Only commas before a known name part,
 * so paths and values may hold others. A name that stands several times may be given as often.
 * Errors: SYNTAX (an option twice, or no path). */
tw_status tw_spec_options(tw_table *table, const char *rest, int count, const char *const *names,
                          const char **path, const char **values, tw_error *error);

/* A number from `least` on in an option's value. Errors: SYNTAX. */
tw_status tw_spec_number(const char *name, const char *value, int64_t least, int64_t *number,
                         tw_error *error);
/* The option's value as one of a few words. text NULL: *index stays. Errors: SYNTAX. */
tw_status tw_spec_choice(const char *name, const char *value, int count, const char *const *words,
                         int *index, tw_error *error);

/* Which part of the rows a SPEC means: part=train|test and split=FRACTION. */
typedef struct tw_spec_part {
    bool given, test;
    double split; /* the last part of the rows, that are for the test */
} tw_spec_part;
/* part, split: the options' values, NULL where they are not given. Errors: SYNTAX. */
tw_status tw_spec_take_part(const char *part, const char *split, tw_spec_part *out,
                            tw_error *error);
/* The part's rows among `count`: *begin to *end - 1. Without a part all of them. */
void tw_spec_rows(const tw_spec_part *part, int64_t count, int64_t *begin, int64_t *end);

/* A size of the graph with the table's letters in it; -1 where one of them is not known. */
int64_t tw_table_size(const tw_table *table, tw_dim dim);

#endif
