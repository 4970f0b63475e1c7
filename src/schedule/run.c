// SPDX-License-Identifier: Apache-2.0
// One run: inputs up, launches, outputs down, a few runs in flight; or the references in order on
// the host device.
#include "schedule/schedule.h"

/* ---- events of a run ---- */

/* Takes an event into the run's list, under a label for the trace. */
static void mark(tw_slot *slot, tw_event *event, const char *label, tw_lane lane)
{
    slot->mark[slot->n_marks++] = (tw_mark){event, label, lane, 0};
}

static void mark_launch(tw_slot *slot, tw_event *event, const char *label, const int64_t *groups)
{
    mark(slot, event, label, TW_LANE_COMPUTE);
    slot->mark[slot->n_marks - 1].groups = groups[0] * groups[1] * groups[2];
}

static void release_marks(tw_runner *runner, tw_slot *slot)
{
    for (int i = 0; i < slot->n_marks; i++)
        runner->backend->event_release(&slot->mark[i].event);
    slot->n_marks = 0;
    slot->done = NULL;
}

static tw_status trace_marks(tw_runner *runner, const tw_slot *slot, tw_error *error)
{
    for (int i = 0; i < slot->n_marks; i++) {
        const tw_mark *m = &slot->mark[i];
        tw_trace_event event = {.label = m->label, .lane = m->lane, .groups = m->groups};
        if (runner->backend->event_times(m->event, &event.start, &event.end) &&
            !tw_trace_add(runner, &event))
            return tw_fail_memory(error);
    }
    return TW_OK;
}

void tw_slot_pick_up(tw_slot *slot)
{
    for (int i = 0; i < slot->n_pickups; i++)
        memcpy(slot->pickup[i].target, slot->pickup[i].source, slot->pickup[i].bytes);
    slot->n_pickups = 0;
}

void tw_slot_let_go(const tw_runner *runner, tw_slot *slot)
{
    for (int i = 0; slot->source && i < runner->recipe->n_inputs; i++)
        if (slot->source[i])
            runner->backend->buffer_destroy(runner->device, &slot->source[i]);
    for (int i = 0; slot->target && i < runner->recipe->n_outputs; i++)
        if (slot->target[i])
            runner->backend->buffer_destroy(runner->device, &slot->target[i]);
}

/* Ends the run in the slot: waits for it and hands over what it computed. */
static tw_status retire(tw_runner *runner, tw_slot *slot, tw_error *error)
{
    if (!slot->busy)
        return TW_OK;
    slot->busy = false;
    tw_status status = slot->done ? runner->backend->event_wait(slot->done, error) : TW_OK;
    if (status == TW_OK && runner->tracing)
        status = trace_marks(runner, slot, error);
    release_marks(runner, slot);
    if (status == TW_OK)
        tw_slot_pick_up(slot);
    slot->n_pickups = 0;
    tw_slot_let_go(runner, slot);
    if (status == TW_OK && slot->received)
        slot->received(slot->user, slot->n, (const void *const *)slot->host);
    return status;
}

/* ---- a run's parts ---- */

static int64_t elements(const tw_runner *runner, const tw_recipe_port *port, int64_t n)
{
    return tw_dim_at(runner->recipe->tensor[port->tensor].count, n);
}

/* ---- arrays of the caller ---- */

/* A buffer on the caller's array for an input or output; NULL: its place is in the slot. */
static tw_buffer *lend(const tw_runner *runner, const tw_recipe_port *port, tw_space space,
                       int index, void *array, size_t bytes)
{
    const tw_tensor *tensor = &runner->recipe->tensor[port->tensor];
    if (bytes < TW_DIRECT_BYTES || tensor->space != space || tensor->index != index ||
        tensor->offset || runner->tracing || !runner->backend->buffer_on)
        return NULL;
    return runner->backend->buffer_on(runner->device, array, bytes);
}

/* A tensor's place in memory that host and device share; NULL if they do not. A trace is to show
 * transfers, so that they are made while there is one. */
static char *shared_place(const tw_runner *runner, const tw_slot *slot, const tw_tensor *tensor)
{
    tw_buffer *buffer = runner->tracing ? NULL : tw_runner_buffer(runner, slot, tensor);
    char *memory = buffer ? runner->backend->buffer_memory(buffer) : NULL;
    return memory ? memory + tensor->offset : NULL;
}

/* Makes the copy's memory where it is not there yet: shared inputs need it for a trace alone. */
static tw_status stage(tw_runner *runner, tw_slot *slot, int input, tw_error *error)
{
    if (!slot->staged[input])
        slot->staged[input] =
            tw_alloc(runner->context, tw_runner_port_bytes(runner, &runner->recipe->input[input]));
    return slot->staged[input] ? TW_OK : tw_fail_memory(error);
}

/* Inputs that the caller keeps as they are need not be copied. */
static void borrow_inputs(const tw_runner *runner, tw_slot *slot, int64_t n,
                          const void *const *inputs)
{
    for (int i = 0; i < runner->recipe->n_inputs; i++) {
        const tw_recipe_port *port = &runner->recipe->input[i];
        slot->source[i] = lend(runner, port, TW_SPACE_INPUT, i, (void *)(uintptr_t)inputs[i],
                               tw_runner_bytes_at(runner, port, n));
    }
}

static tw_status upload(tw_runner *runner, tw_slot *slot, int64_t n, const void *const *inputs,
                        tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    for (int i = 0; i < recipe->n_inputs; i++) {
        const tw_tensor *tensor = &recipe->tensor[recipe->input[i].tensor];
        const size_t bytes = tw_runner_bytes_at(runner, &recipe->input[i], n);
        if (bytes == 0 || slot->source[i])
            continue;
        char *place = shared_place(runner, slot, tensor);
        if (place) {
            memcpy(place, inputs[i], bytes);
            continue;
        }
        TW_TRY(stage(runner, slot, i, error));
        memcpy(slot->staged[i], inputs[i], bytes);
        const bool last = i == recipe->n_inputs - 1;
        const bool wanted = runner->tracing || (last && runner->upload != runner->compute) ||
                            (last && runner->n_bound == 0);
        tw_event *event = NULL;
        TW_TRY(runner->backend->write(runner->upload, slot->input[i], tensor->offset, bytes,
                                      slot->staged[i], 0, NULL, wanted ? &event : NULL, error));
        if (event)
            mark(slot, event, recipe->input[i].name, TW_LANE_UPLOAD);
    }
    return runner->upload != runner->compute ? runner->backend->flush(runner->upload, error)
                                             : TW_OK;
}

static bool is_due(const tw_runner *runner, const tw_bound *bound)
{
    if (bound->launch->constant && runner->keep_version == runner->params->version)
        return false;
    return bound->groups[0] > 0 && bound->groups[1] > 0 && bound->groups[2] > 0;
}

/* The chain that makes the launch; NULL: it is made by itself, as all are while there is a trace.
 */
static tw_chain *chain_of(const tw_runner *runner, const tw_bound *bound)
{
    return runner->tracing ? NULL : bound->chain;
}

/* Where a run's enqueuing stands. */
typedef struct enqueuing {
    tw_runner *runner;
    tw_slot *slot;
    const tw_runtime *runtime;
    tw_event *uploaded; /* that the next launch waits for */
    int last;           /* of the launches that are due */
    bool awaited;       /* that one leaves an event */
} enqueuing;

static tw_status launch_one(enqueuing *e, tw_bound *bound, int number, tw_error *error)
{
    const tw_runner *runner = e->runner;
    tw_event *event = NULL;
    const bool wanted = runner->tracing || (e->awaited && number == e->last);
    TW_TRY(runner->backend->launch(tw_slot_queue(runner, e->slot), bound->kernel, bound->n_args,
                                   bound->arg, bound->launch->dims, bound->groups,
                                   bound->launch->local, e->uploaded ? 1 : 0, &e->uploaded,
                                   wanted ? &event : NULL, error));
    e->uploaded = NULL;
    if (event)
        mark_launch(e->slot, event, bound->launch->label, bound->groups);
    return TW_OK;
}

static tw_status launch_chain(enqueuing *e, tw_chain *chain, tw_error *error)
{
    static const int local[3] = {1, 1, 1};
    const tw_runner *runner = e->runner;
    const int64_t groups[3] = {chain->items, 1, 1};
    tw_event *event = NULL;
    const bool wanted = e->awaited && chain->last >= e->last;
    tw_chain_bind(runner, e->slot, chain, e->runtime);
    TW_TRY(runner->backend->launch(tw_slot_queue(runner, e->slot), chain->kernel, chain->n_args,
                                   chain->arg, 1, groups, local, e->uploaded ? 1 : 0, &e->uploaded,
                                   wanted ? &event : NULL, error));
    chain->turn[e->slot->beside] ^= 1;
    e->uploaded = NULL;
    if (event)
        mark_launch(e->slot, event, runner->bound[chain->first].launch->label, groups);
    return TW_OK;
}

/* Fills in what the run decides; returns the last launch that is due, -1 if none is. Constant ones
 * come before all others. */
static int bind_all(const enqueuing *e)
{
    const tw_runner *runner = e->runner;
    int last = -1, last_constant = -1;
    for (int i = 0; i < runner->n_bound; i++) {
        tw_bound *bound = &runner->bound[i];
        const bool chained = chain_of(runner, bound) != NULL;
        if (!chained)
            tw_bind_run(runner, e->slot, bound, e->runtime);
        if (chained || (!bound->launch->constant && is_due(runner, bound)))
            last = i;
        else if (is_due(runner, bound))
            last_constant = i;
    }
    return last >= 0 ? last : last_constant;
}

/* Those of parameters alone come first, so that they do not part chains. */
static tw_status launch_constants(enqueuing *e, tw_error *error)
{
    tw_runner *runner = e->runner;
    if (runner->keep_version == runner->params->version)
        return TW_OK;
    for (int i = 0; i < runner->n_bound; i++)
        if (runner->bound[i].launch->constant && is_due(runner, &runner->bound[i]))
            TW_TRY(launch_one(e, &runner->bound[i], i, error));
    return TW_OK;
}

/* Enqueues what is due; the last launch leaves an event when someone is to wait for it. */
static tw_status compute(tw_runner *runner, tw_slot *slot, const tw_runtime *runtime, bool awaited,
                         tw_error *error)
{
    enqueuing e = {runner, slot, runtime, NULL, -1, awaited};
    if (runner->upload != runner->compute && slot->n_marks)
        e.uploaded = slot->mark[slot->n_marks - 1].event;
    e.last = bind_all(&e);
    TW_TRY(launch_constants(&e, error));
    for (int i = 0; i <= e.last; i++) {
        tw_bound *bound = &runner->bound[i];
        tw_chain *chain = chain_of(runner, bound);
        if (chain && chain->first == i)
            TW_TRY(launch_chain(&e, chain, error));
        else if (!chain && !bound->launch->constant && is_due(runner, bound))
            TW_TRY(launch_one(&e, bound, i, error));
    }
    runner->keep_version = runner->params->version;
    return TW_OK;
}

/* The outputs go to the slot's own memory for `received`, else to the caller's arrays. */
static void *target_of(const tw_slot *slot, void *const *outputs, int output)
{
    return slot->received ? slot->host[output] : outputs ? outputs[output] : NULL;
}

/* Bytes of an output that somebody wants. */
static size_t wanted_bytes(const tw_runner *runner, const tw_slot *slot, int64_t n,
                           void *const *outputs, int output)
{
    return target_of(slot, outputs, output)
               ? tw_runner_bytes_at(runner, &runner->recipe->output[output], n)
               : 0;
}

/* Whether the run reads an input in that piece of the caller's memory. */
static bool reads_in(const tw_runner *runner, const tw_slot *slot, int64_t n, const char *memory,
                     size_t bytes)
{
    for (int i = 0; i < runner->recipe->n_inputs; i++) {
        const char *from = slot->source[i] ? runner->backend->buffer_memory(slot->source[i]) : NULL;
        const size_t size = tw_runner_bytes_at(runner, &runner->recipe->input[i], n);
        if (from && (uintptr_t)from < (uintptr_t)memory + bytes &&
            (uintptr_t)memory < (uintptr_t)from + size)
            return true;
    }
    return false;
}

/* Sets out where outputs in shared memory are computed, or what is to be picked up from there;
 * returns the last output that must be read from the device instead, -1 if none. */
static int sort_outputs(const tw_runner *runner, tw_slot *slot, int64_t n, void *const *outputs)
{
    const tw_recipe *recipe = runner->recipe;
    int last = -1;
    for (int i = 0; i < recipe->n_outputs; i++) {
        const size_t bytes = wanted_bytes(runner, slot, n, outputs, i);
        const char *place = shared_place(runner, slot, &recipe->tensor[recipe->output[i].tensor]);
        void *target = target_of(slot, outputs, i);
        if (bytes && place && !slot->received && tw_side_in_order(runner, slot, target, bytes) &&
            !reads_in(runner, slot, n, target, bytes))
            slot->target[i] = lend(runner, &recipe->output[i], TW_SPACE_OUTPUT, i, target, bytes);
        if (bytes && place && !slot->target[i])
            slot->pickup[slot->n_pickups++] = (tw_pickup){target, place, bytes};
        else if (bytes && !place)
            last = i;
    }
    return last;
}

static tw_status download(tw_runner *runner, tw_slot *slot, int64_t n, void *const *outputs,
                          int last, tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    const bool across = runner->download != runner->compute;
    tw_event *computed = across && slot->n_marks ? slot->mark[slot->n_marks - 1].event : NULL;
    if (across && last >= 0)
        TW_TRY(runner->backend->flush(runner->compute, error));
    for (int i = 0; i <= last; i++) {
        const tw_tensor *tensor = &recipe->tensor[recipe->output[i].tensor];
        const size_t bytes = wanted_bytes(runner, slot, n, outputs, i);
        if (bytes == 0 || shared_place(runner, slot, tensor))
            continue;
        tw_event *event = NULL;
        const bool wanted = runner->tracing || i == last;
        TW_TRY(runner->backend->read(runner->download, tw_runner_buffer(runner, slot, tensor),
                                     tensor->offset, bytes, target_of(slot, outputs, i),
                                     computed ? 1 : 0, &computed, wanted ? &event : NULL, error));
        computed = NULL;
        if (event)
            mark(slot, event, recipe->output[i].name, TW_LANE_DOWNLOAD);
    }
    return runner->backend->flush(last >= 0 ? runner->download : tw_slot_queue(runner, slot),
                                  error);
}

static tw_status run_device(tw_runner *runner, tw_slot *slot, const tw_runtime *runtime,
                            const tw_exchange *exchange, tw_error *error)
{
    TW_TRY(tw_side_take(runner, slot, runtime->n, exchange->outputs, error));
    if (exchange->borrowed)
        borrow_inputs(runner, slot, runtime->n, exchange->inputs);
    const int last = sort_outputs(runner, slot, runtime->n, exchange->outputs);
    const bool awaited = last < 0 || runner->download != runner->compute;
    TW_TRY(upload(runner, slot, runtime->n, exchange->inputs, error));
    TW_TRY(compute(runner, slot, runtime, awaited, error));
    TW_TRY(download(runner, slot, runtime->n, exchange->outputs, last, error));
    slot->done = slot->n_marks ? slot->mark[slot->n_marks - 1].event : NULL;
    return TW_OK;
}

/* ---- the host device ---- */

static tw_status run_host(tw_runner *runner, tw_slot *slot, const tw_runtime *runtime,
                          const tw_exchange *exchange, tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    for (int i = 0; i < recipe->n_inputs; i++) {
        const int id = recipe->input[i].tensor;
        tw_to_storage(recipe->tensor[id].type, exchange->inputs[i], runner->data[id],
                      elements(runner, &recipe->input[i], runtime->n));
    }
    for (int s = 0; s < recipe->n_stages; s++) {
        const tw_stage *stage = &recipe->stage[s];
        tw_trace_event event = {
            .label = stage->label, .lane = TW_LANE_COMPUTE, .start = tw_trace_clock()};
        TW_TRY(tw_reference_run(runner->context, stage->reference, stage->n_references,
                                runner->data, runtime, error));
        event.end = tw_trace_clock();
        if (runner->tracing && !tw_trace_add(runner, &event))
            return tw_fail_memory(error);
    }
    for (int i = 0; i < recipe->n_outputs; i++) {
        const int id = recipe->output[i].tensor;
        void *target = target_of(slot, exchange->outputs, i);
        if (target)
            tw_from_storage(recipe->tensor[id].type, runner->data[id], target,
                            elements(runner, &recipe->output[i], runtime->n));
    }
    return TW_OK;
}

/* ---- from outside ---- */

static tw_status check(const tw_runner *runner, int64_t n, const void *const *inputs,
                       tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    if (n < 1 || (recipe->bound && n > recipe->batch))
        return tw_fail(error, TW_ERROR_ARGUMENT, "a batch of %lld: this plan takes 1 to %lld",
                       (long long)n, (long long)recipe->batch);
    for (int i = 0; i < recipe->n_inputs; i++)
        if (!inputs || !inputs[i])
            return tw_fail(error, TW_ERROR_ARGUMENT, "the array for input \"%s\" is missing",
                           recipe->input[i].name);
    return TW_OK;
}

/* Memory that outputs are received in, made when it is first asked for. */
static tw_status receive_in(tw_runner *runner, tw_slot *slot, tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    for (int i = 0; i < recipe->n_outputs; i++) {
        if (slot->host[i])
            continue;
        slot->host[i] = tw_alloc(runner->context, tw_runner_port_bytes(runner, &recipe->output[i]));
        if (!slot->host[i])
            return tw_fail_memory(error);
    }
    return TW_OK;
}

/* After a failure half way: nothing may still borrow the caller's or the slot's memory. */
static void abandon(tw_runner *runner, tw_slot *slot)
{
    (void)runner->backend->finish(runner->upload, NULL);
    (void)runner->backend->finish(runner->compute, NULL);
    (void)runner->backend->finish(runner->download, NULL);
    if (runner->side)
        (void)runner->backend->finish(runner->side, NULL);
    release_marks(runner, slot);
    slot->n_pickups = 0;
    tw_slot_let_go(runner, slot);
}

tw_status tw_runner_enqueue(tw_runner *runner, const tw_runtime *runtime,
                            const tw_exchange *exchange, tw_error *error)
{
    TW_TRY(check(runner, runtime->n, exchange->inputs, error));
    tw_slot *slot = &runner->slot[runner->next];
    TW_TRY(retire(runner, slot, error));
    slot->received = exchange->received;
    slot->user = exchange->user;
    slot->n = runtime->n;
    if (runner->writes_params)
        TW_TRY(tw_params_claim(runner->params, error));
    if (exchange->received)
        TW_TRY(receive_in(runner, slot, error));
    const tw_status status = runner->host ? run_host(runner, slot, runtime, exchange, error)
                                          : run_device(runner, slot, runtime, exchange, error);
    if (runner->writes_params)
        runner->params->version++;
    if (status != TW_OK) {
        abandon(runner, slot);
        return status;
    }
    slot->busy = true;
    runner->next = (runner->next + 1) % runner->recipe->in_flight;
    return TW_OK;
}

tw_status tw_runner_wait(tw_runner *runner, tw_error *error)
{
    tw_status first = TW_OK;
    for (int s = 0; s < runner->recipe->in_flight; s++) {
        const tw_status status =
            retire(runner, &runner->slot[(runner->next + s) % runner->recipe->in_flight],
                   first == TW_OK ? error : NULL);
        first = first == TW_OK ? status : first;
    }
    return first;
}
