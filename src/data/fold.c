// SPDX-License-Identifier: Apache-2.0
// Parts of a data set: chosen samples, and the parts of k-fold cross-validation.
#include "data/dataset.h"

#include "base/hash.h"
#include "base/random.h"

#define MOST_CLASSES (1 << 20) /* labels beyond are numbers of something else */

/* The storage's row of a sample. */
static int64_t row_of(const tw_dataset *dataset, int64_t sample)
{
    return dataset->rows ? dataset->rows[sample] : dataset->first + sample;
}

tw_status tw_dataset_select(const tw_dataset *dataset, int64_t count, const int64_t *samples,
                            tw_dataset **selected, tw_error *error)
{
    if (count < 1 || !samples)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a selection of no samples");
    for (int64_t i = 0; i < count; i++)
        if (samples[i] < 0 || samples[i] >= dataset->count)
            return tw_fail(error, TW_ERROR_ARGUMENT,
                           "sample %lld is selected, but the data have samples 0 to %lld",
                           (long long)samples[i], (long long)dataset->count - 1);
    tw_context *context = dataset->storage->context;
    int64_t *rows = tw_calloc(context, (size_t)count, sizeof *rows);
    if (!rows)
        return tw_fail_memory(error);
    for (int64_t i = 0; i < count; i++)
        rows[i] = row_of(dataset, samples[i]);
    tw_dataset *made = NULL;
    const tw_status status = tw_dataset_make(dataset->storage, 0, count, &made, error);
    if (status != TW_OK) {
        tw_free(context, rows);
        return status;
    }
    made->rows = rows;
    *selected = made;
    return TW_OK;
}

tw_status tw_dataset_tail(const tw_dataset *dataset, int64_t start, tw_dataset **tail,
                          tw_error *error)
{
    const int64_t count = dataset->count - start;
    tw_dataset *made = NULL;
    TW_TRY(tw_dataset_make(dataset->storage, dataset->first + start, count, &made, error));
    if (dataset->rows) {
        made->first = 0;
        made->rows = tw_calloc(dataset->storage->context, (size_t)count, sizeof *made->rows);
        if (!made->rows) {
            tw_dataset_destroy(&made);
            return tw_fail_memory(error);
        }
        memcpy(made->rows, dataset->rows + start, (size_t)count * sizeof *made->rows);
    }
    *tail = made;
    return TW_OK;
}

/* ---- labels, by which the parts are made alike ---- */

/* Reads one whole number a sample. False where the binding holds no such thing. */
static bool read_labels(const tw_dataset *dataset, const tw_binding *binding, int32_t *label)
{
    if (!binding->column || tw_column_width(binding->column) != 1 ||
        tw_cell_is_float(binding->column->cell))
        return false;
    tw_binding whole = *binding;
    whole.type = TW_I32;
    whole.width = 1;
    whole.one_hot = whole.pixels = false;
    tw_binding_limits(&whole);
    return tw_convert(&whole, dataset->rows ? 0 : dataset->first, dataset->rows, dataset->count,
                      label, NULL) == TW_OK;
}

/* Labels of the first input that has any: bounded by classes=, or all 0 and 1. *classes is 0 if
 * there is none. */
static void find_labels(const tw_dataset *dataset, int32_t *label, int32_t *classes)
{
    *classes = 0;
    for (int i = 0; i < dataset->storage->n_inputs && *classes == 0; i++) {
        const tw_binding *binding = &dataset->storage->bindings[i];
        if (!read_labels(dataset, binding, label))
            continue;
        int32_t least = INT32_MAX, most = 0;
        for (int64_t k = 0; k < dataset->count; k++) {
            least = TW_MIN(least, label[k]);
            most = TW_MAX(most, label[k]);
        }
        if (least >= 0 && (binding->classes > 0 ? most < MOST_CLASSES : most <= 1))
            *classes = most + 1;
    }
}

/* Sorts samples by class, stably: `order` from `from`. start has a place for each class, and one
 * more. */
static void sort_by_class(int64_t count, const int32_t *label, int32_t classes, int64_t *start,
                          const int64_t *from, int64_t *order)
{
    for (int64_t i = 0; i < count; i++)
        start[label[i] + 1]++;
    for (int32_t c = 0; c < classes; c++)
        start[c + 1] += start[c];
    for (int64_t i = 0; i < count; i++)
        order[start[label[from[i]]]++] = from[i];
}

/* ---- folds ---- */

typedef struct folder {
    tw_context *context;
    int64_t count;
    int64_t *order, *sorted, *start;
    int32_t *label;
} folder;

static void folder_clear(folder *f)
{
    tw_free(f->context, f->order);
    tw_free(f->context, f->sorted);
    tw_free(f->context, f->start);
    tw_free(f->context, f->label);
}

/* All samples in the order in which they are dealt to the parts, one after another: at random, and
 * sorted by class, so that of every class the parts have as many (but for one). */
static tw_status deal(folder *f, const tw_dataset *dataset, uint64_t seed, tw_error *error)
{
    int32_t classes = 0;
    const tw_random random = {.seed = seed, .name = tw_hash_text("folds")};
    const size_t count = (size_t)f->count;
    f->order = tw_calloc(f->context, count, sizeof *f->order);
    f->sorted = tw_calloc(f->context, count, sizeof *f->sorted);
    f->label = tw_calloc(f->context, count, sizeof *f->label);
    if (!f->order || !f->sorted || !f->label)
        return tw_fail_memory(error);
    tw_random_permutation(&random, f->count, f->order);
    find_labels(dataset, f->label, &classes);
    if (classes == 0)
        return TW_OK;
    f->start = tw_calloc(f->context, (size_t)classes + 1, sizeof *f->start);
    if (!f->start)
        return tw_fail_memory(error);
    sort_by_class(f->count, f->label, classes, f->start, f->order, f->sorted);
    memcpy(f->order, f->sorted, count * sizeof *f->order);
    return TW_OK;
}

/* Samples of a part, or of all others, in the data's order, into `samples`; returns how many. */
static int64_t collect(const int32_t *part_of, int64_t count, int32_t part, bool others,
                       int64_t *samples)
{
    int64_t n = 0;
    for (int64_t i = 0; i < count; i++)
        if ((part_of[i] == part) != others)
            samples[n++] = i;
    return n;
}

static tw_status make_parts(folder *f, const tw_dataset *dataset, const tw_fold *fold,
                            tw_dataset **train, tw_dataset **test, tw_error *error)
{
    f->count = dataset->count;
    if (fold->shuffle)
        TW_TRY(deal(f, dataset, fold->seed, error));
    else
        f->label = tw_calloc(f->context, (size_t)f->count, sizeof *f->label);
    if (!f->sorted)
        f->sorted = tw_calloc(f->context, (size_t)f->count, sizeof *f->sorted);
    if (!f->sorted || !f->label)
        return tw_fail_memory(error);
    int32_t *part_of = f->label; /* the labels have served */
    for (int64_t i = 0; i < f->count; i++)
        if (fold->shuffle)
            part_of[f->order[i]] = (int32_t)(i % fold->parts);
        else
            part_of[i] = (int32_t)(i * fold->parts / f->count);
    tw_dataset *rest = NULL;
    int64_t n = collect(part_of, f->count, fold->part, true, f->sorted);
    TW_TRY(tw_dataset_select(dataset, n, f->sorted, &rest, error));
    n = collect(part_of, f->count, fold->part, false, f->sorted);
    const tw_status status = tw_dataset_select(dataset, n, f->sorted, test, error);
    if (status == TW_OK)
        *train = rest;
    else
        tw_dataset_destroy(&rest);
    return status;
}

tw_status tw_dataset_fold(const tw_dataset *dataset, const tw_fold *fold, tw_dataset **train,
                          tw_dataset **test, tw_error *error)
{
    if (fold->parts < 2)
        return tw_fail(error, TW_ERROR_ARGUMENT, "%d folds: there must be at least 2",
                       (int)fold->parts);
    if (fold->parts > dataset->count)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "%d folds of %lld samples: each needs at least one", (int)fold->parts,
                       (long long)dataset->count);
    if (fold->part < 0 || fold->part >= fold->parts)
        return tw_fail(error, TW_ERROR_ARGUMENT, "fold %d of %d: they are numbered from 0",
                       (int)fold->part, (int)fold->parts);
    folder f = {.context = dataset->storage->context};
    const tw_status status = make_parts(&f, dataset, fold, train, test, error);
    folder_clear(&f);
    return status;
}
