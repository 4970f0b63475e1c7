// SPDX-License-Identifier: Apache-2.0
// Files as streams of batches.
#ifndef THALWEG_DATA_H
#define THALWEG_DATA_H

#include <stdbool.h>
#include <thalweg/array.h>
#include <thalweg/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_dataset
    tw_dataset; /* used by one thread at a time; its parts of a split each by their own */

/* How files became numbers: sizes of the model's letters, names of classes (or a vocabulary), means
 * and deviations of columns, weights of classes. Training finds it out; later data are read by it,
 * so that they mean the same. Constant. */
typedef struct tw_preparation tw_preparation;
/* What the training in that folder wrote (classes.txt, preparation.csv); empty where it wrote
 * neither. Errors: FILE, FORMAT (damaged), MEMORY. */
TW_API TW_NODISCARD tw_status tw_preparation_read(tw_context *context, const char *folder,
                                                  tw_preparation **preparation, tw_error *error);
TW_API void tw_preparation_destroy(tw_preparation **preparation);
/* Writes these files into an existing folder, each where there is something to tell; one that tells
 * of other data is removed. tw_trainer_fit does it. Errors: FILE, MEMORY. */
TW_API TW_NODISCARD tw_status tw_preparation_write(const tw_preparation *preparation,
                                                   const char *folder, tw_error *error);
/* Sizes of letters as tw_plan_options takes them, "s=10 t=64"; "" for none. NULL is an empty one.
 */
TW_API const char *tw_preparation_sizes(const tw_preparation *preparation);
TW_API int32_t tw_preparation_class_count(const tw_preparation *preparation);
TW_API const char *tw_preparation_class(const tw_preparation *preparation, int32_t index);

/* Zero means default. All is borrowed for the call. */
typedef struct tw_dataset_options {
    const char *sizes; /* of letters, as in tw_plan_options; other letters take their columns' */
    const tw_preparation *preparation; /* of the training data, for others */
    int32_t n_outputs; /* names of nodes: only the inputs that these need get columns (the others'
                          are NULL), and data with fewer columns than the graph has inputs bind to
                          them in order; 0: all inputs */
    const char *const *outputs;
} tw_dataset_options;

/* Opens a data set by its SPEC, of which docs/data.md tells all options:
 *
 *     idx:DIR:train|test       MNIST's files, plain or gzipped
 *     cifar10:DIR:train|test   CIFAR-10's binary batches
 *     npy:X.npy,Y.npy          NumPy arrays, one file a column
 *     csv:FILE,label=COLUMN    a table: numbers, and labels that may be words; series in windows
 *     text:FILE,length=T       windows of characters, and the characters that follow
 *     random:COUNT             made-up data that fit the graph's inputs, by a seed
 *
 * and ",weights=balanced" behind any that has labels. The graph, borrowed for the call, says what
 * the columns must become (types, shapes, classes=). Columns bind to inputs in order, spare ones
 * are dropped, shapes with equal counts reshape, u8 pixels into float divide by 255, labels are
 * bounded by classes= and become one-hot for float[n,k]. A graph with one input and two columns (an
 * autoencoder's) takes the first. All data are read and checked here. Errors: SYNTAX (spec), FILE,
 * FORMAT (truncated, mislabelled, absurd sizes), UNSUPPORTED (a type that is not read), DATA (label
 * out of range, NaN with its row, an unknown character), TYPE (words for numbers), SHAPE, NAME (of
 * a CSV column), MEMORY, and the graph's first error. */
TW_API TW_NODISCARD tw_status tw_dataset_open(tw_graph *graph, const char *spec,
                                              tw_dataset **dataset, tw_error *error);
/* The same with options (NULL: none). Errors: as above; NAME (no such node). */
TW_API TW_NODISCARD tw_status tw_dataset_open_for(tw_graph *graph, const char *spec,
                                                  const tw_dataset_options *options,
                                                  tw_dataset **dataset, tw_error *error);
/* A data set over arrays in memory, the first dimension of each being the sample: data are borrowed
 * until the data set and all that were split off it are destroyed. They may change between epochs,
 * not during one. */
TW_API TW_NODISCARD tw_status tw_dataset_from_arrays(tw_graph *graph, int32_t count,
                                                     const tw_array *columns, tw_dataset **dataset,
                                                     tw_error *error);
TW_API void tw_dataset_destroy(tw_dataset **dataset);

TW_API int64_t tw_dataset_count(const tw_dataset *dataset); /* samples */
/* Type and shape of what the graph's input number index gets, the first size being that of the
 * whole data set; data is NULL. Rank 0 and type none for an input that gets nothing. A size that is
 * a letter in the graph is the data's. */
TW_API void tw_dataset_describe(const tw_dataset *dataset, int32_t index, tw_array *array);
/* How the data were prepared, to read others by; borrowed while the data set lives. */
TW_API const tw_preparation *tw_dataset_preparation(const tw_dataset *dataset);
/* Names of the classes, if the data knows them (count 0 otherwise). */
TW_API int32_t tw_dataset_class_count(const tw_dataset *dataset);
TW_API const char *tw_dataset_class(const tw_dataset *dataset, int32_t index);

/* Splits off the last fraction (0 to 1) of the samples, as Keras's validation_split; both share the
 * storage, which goes with the last of them. Ends an epoch that was started. Errors: ARGUMENT (one
 * side would be empty). */
TW_API TW_NODISCARD tw_status tw_dataset_split(tw_dataset *dataset, double fraction,
                                               tw_dataset **rest, tw_error *error);

/* A data set of some samples (numbers from 0, in that order, any of them several times) of another
 * one, which stays as it is; both share the storage. Errors: ARGUMENT (none, or a number that is
 * out of range), MEMORY. */
TW_API TW_NODISCARD tw_status tw_dataset_select(const tw_dataset *dataset, int64_t count,
                                                const int64_t *samples, tw_dataset **selected,
                                                tw_error *error);
/* One of the rounds of k-fold cross-validation. */
typedef struct tw_fold {
    int32_t parts, part; /* k, from 2; which part is tested on, from 0 */
    bool shuffle;        /* parts at random, by seed; else each is a run of samples as they stand */
    uint64_t seed;
} tw_fold;
/* Cuts the samples into `parts` parts that differ by at most one in size: number `part` becomes
 * *test, all others *train, both in the data's order. Where the data hold labels (one class number
 * a sample, in an input with classes=, or nothing but 0 and 1), the parts of a shuffle have as many
 * of each class, but for one. Errors: ARGUMENT (fewer samples than parts, ...), MEMORY. */
TW_API TW_NODISCARD tw_status tw_dataset_fold(const tw_dataset *dataset, const tw_fold *fold,
                                              tw_dataset **train, tw_dataset **test,
                                              tw_error *error);

/* Starts an epoch (and ends one that runs): the order is the file's, or a permutation by (seed,
 * epoch), the same everywhere and whatever the batch. A thread of its own prepares batches ahead.
 * Errors: ARGUMENT (batch below 1). */
TW_API TW_NODISCARD tw_status tw_dataset_start(tw_dataset *dataset, int64_t batch, bool shuffle,
                                               uint64_t seed, int64_t epoch, tw_error *error);
/* The next batch: *n samples (fewer in the last one, 0 at the end of the epoch), columns[i] the
 * array for the graph's input i in that input's type, aligned to 64 bytes; borrowed until the next
 * call. What the thread finds wrong comes out here. Errors: DATA (arrays in memory that have
 * changed), ARGUMENT (no epoch was started). */
TW_API TW_NODISCARD tw_status tw_dataset_next(tw_dataset *dataset, int64_t *n,
                                              const void *const **columns, tw_error *error);

#ifdef __cplusplus
}
#endif
#endif
