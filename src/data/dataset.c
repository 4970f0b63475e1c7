// SPDX-License-Identifier: Apache-2.0
// Making, splitting and freeing data sets.
#include "data/dataset.h"
#include "data/loaders.h"

#include "base/text.h"
#include "graph/graph.h"

#include <math.h>
#include <stdio.h>

static const struct {
    const char *name, *form;
    tw_loader load;
} loaders[] = {
#define LOADER_ROW(name, form) {#name, form, tw_load_##name},
    TW_LOADER_LIST(LOADER_ROW)
#undef LOADER_ROW
};

static void release(tw_storage *storage)
{
    if (atomic_fetch_sub(&storage->users, 1) != 1)
        return;
    tw_context *context = storage->context;
    tw_table_clear(&storage->table);
    tw_free(context, storage);
}

static tw_storage *make_storage(tw_context *context, int wanted)
{
    tw_storage *storage = tw_calloc(context, 1, sizeof *storage);
    if (!storage)
        return NULL;
    storage->context = context;
    atomic_init(&storage->users, 1);
    storage->table.context = storage->table.arena.context = context;
    storage->table.preparation.context = context;
    storage->table.wanted = TW_MIN(wanted, TW_MAX_COLUMNS);
    return storage;
}

tw_status tw_dataset_make(tw_storage *storage, int64_t first, int64_t count, tw_dataset **dataset,
                          tw_error *error)
{
    tw_dataset *made = tw_calloc(storage->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    atomic_fetch_add(&storage->users, 1);
    made->storage = storage;
    made->first = first;
    made->count = count;
    *dataset = made;
    return TW_OK;
}

static tw_status fail_loader(const char *spec, size_t length, tw_error *error)
{
    const char *names[TW_COUNT(loaders)];
    char word[32] = "", forms[256] = "";
    size_t at = 0;
    for (int i = 0; i < TW_COUNT(loaders); i++) {
        names[i] = loaders[i].name;
        at +=
            (size_t)snprintf(forms + at, sizeof forms - at, "%s%s", i ? ", " : "", loaders[i].form);
    }
    memcpy(word, spec, TW_MIN(length, sizeof word - 1));
    const int nearest = tw_nearest(word, names, TW_COUNT(loaders));
    return tw_fail(error, TW_ERROR_SYNTAX, "there are no data \"%s\"; %s%s%sthe forms are: %s",
                   spec, nearest >= 0 ? "do you mean " : "", nearest >= 0 ? names[nearest] : "",
                   nearest >= 0 ? "? " : "", forms);
}

static tw_status load(tw_storage *storage, tw_graph *graph, const char *spec, tw_error *error)
{
    const size_t length = strcspn(spec, ":");
    const char *rest = spec + length + (spec[length] == ':');
    int index = 0;
    bool balanced;
    while (index < TW_COUNT(loaders) && (strlen(loaders[index].name) != length ||
                                         strncmp(loaders[index].name, spec, length) != 0))
        index++;
    if (index == TW_COUNT(loaders))
        return fail_loader(spec, length, error);
    TW_TRY(tw_weights_option(&storage->table, &rest, &balanced, error));
    TW_TRY(loaders[index].load(&storage->table, graph, rest, error));
    return balanced ? tw_weights_add(&storage->table, error) : TW_OK;
}

/* Marks the inputs that the named nodes need; all where there are no names. */
static tw_status mark_needed(const tw_graph *graph, const tw_dataset_options *o, bool *needed,
                             tw_error *error)
{
    const int n_inputs = tw_graph_input_count(graph);
    const size_t count = (size_t)TW_MAX(graph->n_calls, 1);
    const tw_call **calls = tw_calloc(graph->context, count, sizeof *calls);
    bool *used = tw_calloc(graph->context, count, sizeof *used);
    tw_status status = calls && used ? TW_OK : tw_fail_memory(error);
    for (const tw_call *call = graph->first; status == TW_OK && call; call = call->next)
        calls[call->id] = call;
    for (int32_t i = 0; status == TW_OK && i < o->n_outputs; i++) {
        const tw_node *node = tw_graph_find(graph, o->outputs[i]);
        if (node)
            used[node->call->id] = true;
        else
            status = tw_fail(error, TW_ERROR_NAME, "the graph has no node \"%s\"", o->outputs[i]);
    }
    for (int id = graph->n_calls - 1; status == TW_OK && id >= 0; id--)
        for (int i = 0; used[id] && i < calls[id]->n_inputs; i++)
            if (calls[id]->input[i])
                used[calls[id]->input[i]->call->id] = true;
    for (int i = 0; status == TW_OK && i < n_inputs; i++)
        needed[i] = o->n_outputs == 0 || used[tw_graph_input(graph, i)->call->id];
    tw_free(graph->context, calls);
    tw_free(graph->context, used);
    return status;
}

/* Fills a new storage: from spec, or, where it is NULL, from arrays. */
typedef struct source {
    const char *spec;
    int32_t n_arrays;
    const tw_array *arrays;
    tw_dataset_options options;
} source;

static tw_status take_arrays(tw_storage *storage, const source *from, tw_error *error)
{
    static const tw_cell cells[] = {
        [TW_F32] = TW_CELL_F32, [TW_F16] = TW_CELL_F16, [TW_BF16] = TW_CELL_BF16,
        [TW_I32] = TW_CELL_I32, [TW_U8] = TW_CELL_U8,   [TW_BOOL] = TW_CELL_BOOL};
    tw_table *table = &storage->table;
    for (int i = 0; i < TW_MIN(from->n_arrays, table->wanted); i++) {
        const tw_array *array = &from->arrays[i];
        if (tw_type_size(array->type) == 0 || array->rank < 1 || array->rank > TW_MAX_RANK ||
            tw_array_count(array) < 0 || (!array->data && tw_array_count(array) > 0))
            return tw_fail(error, TW_ERROR_ARGUMENT,
                           "column %d has no type, sizes or data that are valid", i);
        tw_column *column = &table->columns[table->n_columns];
        *column = (tw_column){.cell = cells[array->type], .rank = array->rank};
        memcpy(column->dim, array->dim, sizeof column->dim);
        column->data = array->data;
        column->borrowed = true;
        column->name = tw_arena_printf(&table->arena, "column %d", i);
        if (!column->name)
            return tw_fail_memory(error);
        table->n_columns++;
    }
    return TW_OK;
}

/* Sizes of letters: told, and for loaders also those that are remembered. */
static tw_status take_sizes(tw_table *table, const tw_dataset_options *o, int64_t told[26],
                            tw_error *error)
{
    TW_TRY(tw_sizes_parse(o->sizes, told, error));
    table->given = o->preparation;
    for (int i = 0; i < 26; i++)
        table->size[i] = told[i] ? told[i] : table->given ? table->given->size[i] : 0;
    return TW_OK;
}

static tw_status fill(tw_storage *storage, tw_graph *graph, const source *from, tw_error *error)
{
    tw_table *table = &storage->table;
    int64_t told[26] = {0};
    bool *needed = tw_arena_alloc(&table->arena, (size_t)tw_graph_input_count(graph) + 1);
    if (!needed)
        return tw_fail_memory(error);
    table->n_inputs = tw_graph_input_count(graph);
    table->needed = needed;
    TW_TRY(mark_needed(graph, &from->options, needed, error));
    TW_TRY(take_sizes(table, &from->options, told, error));
    TW_TRY(from->spec ? load(storage, graph, from->spec, error)
                      : take_arrays(storage, from, error));
    TW_TRY(tw_storage_bind(storage, graph, needed, told, error));
    table->given = NULL; /* was lent for the call */
    return TW_OK;
}

static tw_status open_source(tw_graph *graph, const source *from, tw_dataset **dataset,
                             tw_error *error)
{
    TW_TRY(tw_graph_check(graph, error));
    if (tw_graph_input_count(graph) == 0)
        return tw_fail(error, TW_ERROR_SHAPE, "the graph has no inputs that data could feed");
    tw_storage *storage = make_storage(graph->context, tw_graph_input_count(graph));
    if (!storage)
        return tw_fail_memory(error);
    tw_status status = fill(storage, graph, from, error);
    if (status == TW_OK)
        status = tw_dataset_make(storage, 0, storage->count, dataset, error);
    if (status == TW_OK && storage->table.rows) { /* not all that lie there are samples */
        (*dataset)->rows = storage->table.rows;
        (*dataset)->count = storage->table.n_rows;
        storage->table.rows = NULL;
    }
    release(storage);
    return status;
}

tw_status tw_dataset_open(tw_graph *graph, const char *spec, tw_dataset **dataset, tw_error *error)
{
    return open_source(graph, &(source){.spec = spec}, dataset, error);
}

tw_status tw_dataset_open_for(tw_graph *graph, const char *spec, const tw_dataset_options *options,
                              tw_dataset **dataset, tw_error *error)
{
    source from = {.spec = spec};
    if (options)
        from.options = *options;
    return open_source(graph, &from, dataset, error);
}

tw_status tw_dataset_from_arrays(tw_graph *graph, int32_t count, const tw_array *columns,
                                 tw_dataset **dataset, tw_error *error)
{
    return open_source(graph, &(source){.n_arrays = count, .arrays = columns}, dataset, error);
}

void tw_dataset_destroy(tw_dataset **dataset)
{
    if (!dataset || !*dataset)
        return;
    tw_context *context = (*dataset)->storage->context;
    tw_prefetch_destroy(&(*dataset)->prefetch);
    release((*dataset)->storage);
    tw_free(context, (*dataset)->rows);
    tw_free(context, *dataset);
    *dataset = NULL;
}

int64_t tw_dataset_count(const tw_dataset *dataset)
{
    return dataset->count;
}

void tw_dataset_describe(const tw_dataset *dataset, int32_t index, tw_array *array)
{
    *array = (tw_array){.type = TW_TYPE_NONE};
    if (index < 0 || index >= dataset->storage->n_inputs)
        return;
    const tw_binding *binding = &dataset->storage->bindings[index];
    if (!binding->column)
        return;
    array->type = binding->type;
    array->rank = binding->rank;
    memcpy(array->dim, binding->dim, sizeof array->dim);
    array->dim[0] = dataset->count;
}

const tw_preparation *tw_dataset_preparation(const tw_dataset *dataset)
{
    return &dataset->storage->table.preparation;
}

int32_t tw_dataset_class_count(const tw_dataset *dataset)
{
    return tw_preparation_class_count(tw_dataset_preparation(dataset));
}

const char *tw_dataset_class(const tw_dataset *dataset, int32_t index)
{
    return tw_preparation_class(tw_dataset_preparation(dataset), index);
}

tw_status tw_dataset_split(tw_dataset *dataset, double fraction, tw_dataset **rest, tw_error *error)
{
    if (!(fraction >= 0 && fraction <= 1))
        return tw_fail(error, TW_ERROR_ARGUMENT, "a split of %g is not between 0 and 1", fraction);
    /* Keras: int(n * (1 - fraction)) samples stay. */
    const int64_t kept = (int64_t)floor((double)dataset->count * (1 - fraction));
    if (kept == 0 || kept == dataset->count)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a split of %g leaves one side of the %lld samples empty", fraction,
                       (long long)dataset->count);
    TW_TRY(tw_dataset_tail(dataset, kept, rest, error));
    tw_prefetch_destroy(&dataset->prefetch);
    dataset->count = kept;
    return TW_OK;
}
