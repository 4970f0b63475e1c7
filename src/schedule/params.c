// SPDX-License-Identifier: Apache-2.0
// The named weights of a graph on a device: one buffer, filled by the initialisers, read and
// written by name.
#include "schedule/schedule.h"

/* Bytes of one place in the buffer: places are of f32, which the host device stores as double. */
static uint64_t place_bytes(const tw_params *params)
{
    return tw_caps_type_size(&params->device->caps, TW_F32);
}

static bool on_host(const tw_params *params)
{
    return params->device->caps.family == TW_FAMILY_HOST;
}

tw_status tw_params_claim(tw_params *params, tw_error *error)
{
    if (!params->side_busy)
        return TW_OK;
    params->side_busy = false;
    return params->device->backend->finish(params->side, error);
}

/* Writes a weight, given in its host type. Waits. */
static tw_status write_slot(tw_params *params, const tw_param_slot *slot, const void *data,
                            tw_error *error)
{
    const tw_backend *backend = params->device->backend;
    const uint64_t offset = (uint64_t)slot->offset * place_bytes(params);
    if (slot->count == 0)
        return TW_OK;
    if (on_host(params)) {
        tw_to_storage(slot->type, data, (char *)backend->buffer_memory(params->buffer) + offset,
                      slot->count);
        return TW_OK;
    }
    tw_event *written = NULL;
    TW_TRY(tw_params_claim(params, error));
    TW_TRY(backend->write(params->queue, params->buffer, offset,
                          (uint64_t)slot->count * tw_type_size(slot->type), data, 0, NULL, &written,
                          error));
    const tw_status status = backend->event_wait(written, error);
    backend->event_release(&written);
    return status;
}

/* Rounds an initialiser's numbers to the weight's type. */
static void round_values(tw_type type, const double *values, void *data, int64_t count)
{
    if (type == TW_I32)
        for (int64_t i = 0; i < count; i++)
            ((int32_t *)data)[i] = (int32_t)values[i];
    else if (tw_type_size(type) == 1)
        for (int64_t i = 0; i < count; i++)
            ((uint8_t *)data)[i] = (uint8_t)values[i];
    else
        tw_from_storage(type, values, data, count);
}

static tw_status initialise_slot(tw_params *params, const tw_param_slot *slot, tw_error *error)
{
    double *values = tw_calloc(params->context, (size_t)slot->count, sizeof *values);
    void *data = tw_calloc(params->context, (size_t)slot->count, tw_type_size(slot->type));
    tw_status status = values && data ? TW_OK : tw_fail_memory(error);
    if (status == TW_OK)
        status = tw_init_values(params->context, slot, params->seed, values, error);
    if (status == TW_OK) {
        round_values(slot->type, values, data, slot->count);
        status = write_slot(params, slot, data, error);
    }
    tw_free(params->context, data);
    tw_free(params->context, values);
    return status;
}

static tw_status initialise(tw_params *params, tw_error *error)
{
    for (int i = 0; i < params->table.count; i++)
        TW_TRY(initialise_slot(params, &params->table.slot[i], error));
    return params->device->backend->finish(params->queue, error);
}

static tw_status create(tw_params *params, tw_error *error)
{
    const tw_backend *backend = params->device->backend;
    TW_TRY(tw_graph_check(params->graph, error));
    TW_TRY(tw_param_table_create(params->graph, &params->arena, &params->table, error));
    const uint64_t bytes = (uint64_t)TW_MAX(params->table.elements, 1) * place_bytes(params);
    TW_TRY(backend->buffer_create(params->device, bytes, &params->buffer, error));
    TW_TRY(backend->queue_create(params->device, false, &params->queue, error));
    TW_TRY(backend->fill_zero(params->queue, params->buffer, 0, bytes,
                              error)); /* the gaps between weights */
    params->proofs = tw_proofs_create(params->context, params->device->caps.identity);
    params->built = tw_built_create(params->context, params->device);
    params->tuned = tw_tuned_create(params->context, params->device->caps.identity);
    if (!params->proofs || !params->built || !params->tuned)
        return tw_fail_memory(error);
    return initialise(params, error);
}

tw_status tw_params_create(tw_graph *graph, tw_device *device, uint64_t seed, tw_params **params,
                           tw_error *error)
{
    if (!graph || !device || !params)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "weights need a graph, a device, and a place to go");
    tw_params *made = tw_calloc(graph->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    made->context = graph->context;
    made->graph = graph;
    made->device = device;
    made->arena.context = graph->context;
    made->seed = seed;
    made->version = 1;
    const tw_status status = create(made, error);
    if (status == TW_OK)
        *params = made;
    else
        tw_params_destroy(&made);
    return status;
}

tw_status tw_params_reset(tw_params *params, uint64_t seed, tw_error *error)
{
    if (!params)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_params_reset: params must not be NULL");
    params->seed = seed;
    params->version++;
    return initialise(params, error);
}

void tw_params_destroy(tw_params **params)
{
    if (!params || !*params)
        return;
    tw_params *p = *params;
    const tw_backend *backend = p->device->backend;
    if (p->queue)
        backend->queue_destroy(p->device, &p->queue);
    if (p->side)
        backend->queue_destroy(p->device, &p->side);
    if (p->buffer)
        backend->buffer_destroy(p->device, &p->buffer);
    tw_proofs_destroy(&p->proofs);
    tw_tuned_destroy(&p->tuned);
    tw_built_destroy(&p->built);
    tw_arena_free(&p->arena);
    tw_free(p->context, p);
    *params = NULL;
}

int32_t tw_params_count(const tw_params *params)
{
    return params->table.count;
}

const char *tw_params_describe(const tw_params *params, int32_t index, tw_array *array,
                               bool *trainable)
{
    if (index < 0 || index >= params->table.count)
        return NULL;
    const tw_param_slot *slot = &params->table.slot[index];
    if (array) {
        *array = (tw_array){.type = slot->type, .rank = slot->shape.rank};
        for (int d = 0; d < slot->shape.rank; d++)
            array->dim[d] = tw_dim_at(slot->shape.dim[d], 1);
    }
    if (trainable)
        *trainable = slot->trainable;
    return slot->name;
}

int tw_params_find(const tw_params *params, const char *name)
{
    for (int i = 0; name && i < params->table.count; i++)
        if (strcmp(params->table.slot[i].name, name) == 0)
            return i;
    return -1;
}

static tw_status no_such_weight(const tw_params *params, const char *name, tw_error *error)
{
    const char **names = tw_calloc(params->context, (size_t)params->table.count + 1, sizeof *names);
    if (!names)
        return tw_fail_memory(error);
    for (int i = 0; i < params->table.count; i++)
        names[i] = params->table.slot[i].name;
    const int near = name ? tw_nearest(name, names, params->table.count) : -1;
    tw_free(params->context, names);
    if (near < 0)
        return tw_fail(error, TW_ERROR_NAME, "there is no weight \"%s\"", name ? name : "");
    return tw_fail(error, TW_ERROR_NAME, "there is no weight \"%s\"; did you mean \"%s\"?", name,
                   params->table.slot[near].name);
}

/* The weight of that name, whose array takes as many bytes. */
static tw_status find_slot(const tw_params *params, const char *name, const void *data,
                           size_t bytes, const tw_param_slot **slot, tw_error *error)
{
    const int index = tw_params_find(params, name);
    if (index < 0)
        return no_such_weight(params, name, error);
    *slot = &params->table.slot[index];
    const size_t need = (size_t)(*slot)->count * tw_type_size((*slot)->type);
    char shape[TW_SHAPE_TEXT];
    if (bytes != need || (!data && need))
        return tw_fail(error, TW_ERROR_SHAPE, "%s is %s%s, %zu bytes; %zu bytes were given", name,
                       tw_type_name((*slot)->type), tw_shape_text(&(*slot)->shape, shape), need,
                       data ? bytes : 0);
    return TW_OK;
}

tw_status tw_params_get(tw_params *params, const char *name, void *data, size_t bytes,
                        tw_error *error)
{
    const tw_param_slot *slot;
    TW_TRY(find_slot(params, name, data, bytes, &slot, error));
    const tw_backend *backend = params->device->backend;
    const uint64_t offset = (uint64_t)slot->offset * place_bytes(params);
    if (bytes == 0)
        return TW_OK;
    if (on_host(params)) {
        tw_from_storage(slot->type, (char *)backend->buffer_memory(params->buffer) + offset, data,
                        slot->count);
        return TW_OK;
    }
    tw_event *arrived = NULL;
    TW_TRY(backend->read(params->queue, params->buffer, offset, bytes, data, 0, NULL, &arrived,
                         error));
    const tw_status status = backend->event_wait(arrived, error);
    backend->event_release(&arrived);
    return status;
}

tw_status tw_params_set(tw_params *params, const char *name, const void *data, size_t bytes,
                        tw_error *error)
{
    const tw_param_slot *slot;
    TW_TRY(find_slot(params, name, data, bytes, &slot, error));
    params->version++;
    return write_slot(params, slot, data, error);
}
