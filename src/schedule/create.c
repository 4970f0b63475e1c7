// SPDX-License-Identifier: Apache-2.0
// Making and destroying runners: choice, layout, programs, proof, buffers.
#include "schedule/schedule.h"

tw_launch **tw_chosen_launches(const tw_recipe *recipe, tw_arena *arena, int *count)
{
    *count = 0;
    for (int s = 0; s < recipe->n_stages; s++)
        if (recipe->stage[s].n_candidates > 0)
            *count += recipe->stage[s].candidate[recipe->stage[s].chosen]->n_launches;
    tw_launch **launches = tw_arena_alloc(arena, (size_t)TW_MAX(*count, 1) * sizeof(tw_launch *));
    if (!launches)
        return NULL;
    int at = 0;
    for (int s = 0; s < recipe->n_stages; s++) {
        const tw_stage *stage = &recipe->stage[s];
        for (int l = 0; stage->n_candidates > 0 && l < stage->candidate[stage->chosen]->n_launches;
             l++)
            launches[at++] = stage->candidate[stage->chosen]->launch[l];
    }
    return launches;
}

tw_launch **tw_runner_launches(tw_runner *runner, int *count)
{
    return tw_chosen_launches(runner->recipe, &runner->arena, count);
}

/* ---- kernels ---- */

/* Strikes off the chosen candidates that have a launch which does not build. */
static void strike_guilty(tw_runner *runner, const bool *guilty, const char *why)
{
    int at = 0;
    for (int s = 0; s < runner->recipe->n_stages; s++) {
        const tw_stage *stage = &runner->recipe->stage[s];
        if (stage->n_candidates == 0)
            continue;
        tw_candidate *candidate = stage->candidate[stage->chosen];
        bool bad = false;
        for (int l = 0; l < candidate->n_launches; l++)
            bad |= guilty[at++];
        if (!bad || candidate->struck)
            continue;
        candidate->struck = true;
        tw_proofs_add(runner->params->proofs, tw_proof_key(candidate), TW_VERDICT_STRUCK,
                      stage->label, true);
        tw_log(runner->context, TW_LOG_WARNING,
               "%s: %s does not build on this device and is struck off: %s", stage->label,
               candidate->name, why);
        (void)tw_fail(&runner->why, TW_ERROR_BUILD, "%s does not build: %.800s", candidate->name,
                      why);
    }
}

/* Builds what is chosen. *again: some of it does not build and is struck off, so another choice is
 * due. */
static tw_status build(tw_runner *runner, bool *again, tw_error *error)
{
    int count;
    tw_launch **launches = tw_runner_launches(runner, &count);
    bool *guilty = tw_arena_alloc(&runner->arena, (size_t)TW_MAX(count, 1) * sizeof *guilty);
    if (!launches || !guilty)
        return tw_fail_memory(error);
    tw_error cause;
    const tw_status status = tw_programs_build(runner->params->built, count, launches, guilty,
                                               &runner->programs, &cause);
    if (status == TW_OK)
        return TW_OK;
    bool any = false;
    for (int i = 0; i < count; i++)
        any |= guilty[i];
    if (status != TW_ERROR_BUILD || !any)
        return tw_fail(error, status, "%s", cause.text);
    strike_guilty(runner, guilty, cause.text);
    tw_proofs_save(runner->params->proofs);
    *again = true;
    return TW_OK;
}

static tw_status choose(tw_runner *runner, const tw_runner_options *options, tw_error *error)
{
    tw_error cause = {.code = TW_OK};
    const tw_status status = tw_choose(runner->recipe, runner->params->proofs,
                                       runner->params->tuned, options->choices, &cause);
    if (status == TW_OK)
        return TW_OK;
    const bool known = runner->why.text[0] != '\0';
    return tw_fail(error, status, "%.400s%s%.500s", cause.text, known ? ": " : "",
                   known ? runner->why.text : "");
}

/* Chooses, builds and proves until everything stands. Each further round strikes off a candidate,
 * so it ends. */
static tw_status settle(tw_runner *runner, const tw_runner_options *options, tw_error *error)
{
    for (;;) {
        bool again = false;
        TW_TRY(choose(runner, options, error));
        TW_TRY(tw_recipe_layout(runner->recipe, error));
        if (runner->host)
            return TW_OK;
        TW_TRY(build(runner, &again, error));
        if (!again && !options->no_proof)
            TW_TRY(tw_prove(1, &runner, &again, error));
        if (!again)
            return TW_OK;
        tw_programs_free(&runner->programs);
    }
}

/* ---- memory ---- */

tw_status tw_runner_make_buffer(tw_runner *runner, uint64_t bytes, tw_buffer **buffer,
                                tw_error *error)
{
    TW_TRY(runner->backend->buffer_create(runner->device, TW_MAX(bytes, 64), buffer, error));
    runner->memory += TW_MAX(bytes, 64);
    return TW_OK;
}

static tw_status make_shared(tw_runner *runner, uint64_t bytes, tw_buffer **buffer, tw_error *error)
{
    TW_TRY(runner->backend->buffer_create_shared(runner->device, TW_MAX(bytes, 64), buffer, error));
    runner->memory += TW_MAX(bytes, 64);
    return TW_OK;
}

/* Bytes of a slot's buffer: what the tensors in it reach to. */
static uint64_t extent(const tw_recipe *recipe, tw_space space, int index)
{
    uint64_t bytes = 0;
    for (int t = 0; t < recipe->n_tensors; t++)
        if (recipe->tensor[t].space == space && recipe->tensor[t].index == index)
            bytes = TW_MAX(bytes, recipe->tensor[t].offset + recipe->tensor[t].bytes);
    return bytes;
}

size_t tw_runner_bytes_at(const tw_runner *runner, const tw_recipe_port *port, int64_t n)
{
    const tw_tensor *tensor = &runner->recipe->tensor[port->tensor];
    return (size_t)tw_dim_at(tensor->count, n) * tw_type_size(tensor->type);
}

size_t tw_runner_port_bytes(const tw_runner *runner, const tw_recipe_port *port)
{
    return tw_runner_bytes_at(runner, port, TW_MAX(runner->recipe->batch, 1));
}

static tw_status make_slot(tw_runner *runner, tw_slot *slot, tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    const size_t inputs = (size_t)TW_MAX(recipe->n_inputs, 1),
                 outputs = (size_t)TW_MAX(recipe->n_outputs, 1);
    slot->input = tw_arena_alloc(&runner->arena, inputs * sizeof *slot->input);
    slot->staged = tw_arena_alloc(&runner->arena, inputs * sizeof *slot->staged);
    slot->output = tw_arena_alloc(&runner->arena, outputs * sizeof *slot->output);
    slot->host = tw_arena_alloc(&runner->arena, outputs * sizeof *slot->host);
    slot->pickup = tw_arena_alloc(&runner->arena, outputs * sizeof *slot->pickup);
    slot->source = tw_arena_alloc(&runner->arena, inputs * sizeof *slot->source);
    slot->target = tw_arena_alloc(&runner->arena, outputs * sizeof *slot->target);
    if (!slot->input || !slot->staged || !slot->output || !slot->host || !slot->pickup ||
        !slot->source || !slot->target)
        return tw_fail_memory(error);
    for (int i = 0; i < recipe->n_inputs; i++) {
        TW_TRY(make_shared(runner, extent(recipe, TW_SPACE_INPUT, i), &slot->input[i], error));
        if (runner->backend->buffer_memory(slot->input[i]))
            continue;
        slot->staged[i] =
            tw_alloc(runner->context, tw_runner_port_bytes(runner, &recipe->input[i]));
        if (!slot->staged[i])
            return tw_fail_memory(error);
    }
    for (int i = 0; i < recipe->n_outputs; i++) {
        const uint64_t bytes = extent(recipe, TW_SPACE_OUTPUT, i);
        if (bytes) /* else it lies in another's */
            TW_TRY(make_shared(runner, bytes, &slot->output[i], error));
    }
    return TW_OK;
}

static tw_status make_buffers(tw_runner *runner, tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    for (int i = 0; i < recipe->n_work; i++)
        TW_TRY(tw_runner_make_buffer(runner, recipe->work_bytes[i], &runner->work[0][i], error));
    if (recipe->keep_bytes)
        TW_TRY(tw_runner_make_buffer(runner, recipe->keep_bytes, &runner->keep, error));
    for (int s = 0; s < recipe->in_flight; s++)
        TW_TRY(make_slot(runner, &runner->slot[s], error));
    return TW_OK;
}

/* The host device: memory of every tensor that does not change places from run to run. */
static tw_status place_on_host(tw_runner *runner, tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    runner->data =
        tw_arena_alloc(&runner->arena, (size_t)TW_MAX(recipe->n_tensors, 1) * sizeof *runner->data);
    if (!runner->data)
        return tw_fail_memory(error);
    for (int t = 0; t < recipe->n_tensors; t++) {
        tw_buffer *buffer = tw_runner_buffer(runner, &runner->slot[0], &recipe->tensor[t]);
        if (buffer)
            runner->data[t] =
                (char *)runner->backend->buffer_memory(buffer) + recipe->tensor[t].offset;
    }
    for (int s = 0; s < recipe->n_stages; s++)
        for (int r = 0; r < recipe->stage[s].n_references; r++) {
            const tw_reference *reference = &recipe->stage[s].reference[r];
            for (int i = 0; i < reference->n_in + reference->n_out; i++) {
                const bool result = i >= reference->n_in;
                const int id = result ? reference->out[i - reference->n_in] : reference->in[i];
                if (id < 0)
                    continue;
                if (!runner->data[id])
                    return tw_fail(error, TW_ERROR_INTERNAL, "%s: \"%s\" has no place in memory",
                                   reference->label, recipe->tensor[id].label);
                runner->writes_params |= result && recipe->tensor[id].space == TW_SPACE_PARAMS;
            }
        }
    return TW_OK;
}

static bool in_slot(const tw_recipe *recipe, int tensor)
{
    return recipe->tensor[tensor].space == TW_SPACE_OUTPUT ||
           recipe->tensor[tensor].space == TW_SPACE_INPUT;
}

/* Transfers have queues of their own, beside the computing, but on a CPU: there they would take the
 * cores from the kernels, and an event across queues costs more than the copy of a small batch. */
static tw_status make_queues(tw_runner *runner, bool profiling, tw_error *error)
{
    const tw_recipe *recipe = runner->recipe;
    runner->upload = runner->download = runner->compute;
    runner->reads_slots = true;
    for (int i = 0; i < recipe->n_outputs; i++)
        runner->reads_slots &= in_slot(recipe, recipe->output[i].tensor);
    if (runner->host || strcmp(runner->device->info.type, "cpu") == 0)
        return TW_OK;
    if (recipe->n_inputs) {
        tw_queue *made = NULL;
        TW_TRY(runner->backend->queue_create(runner->device, profiling, &made, error));
        runner->upload = made;
    }
    if (recipe->n_outputs && runner->reads_slots) {
        tw_queue *made = NULL;
        TW_TRY(runner->backend->queue_create(runner->device, profiling, &made, error));
        runner->download = made;
    }
    return TW_OK;
}

static bool writes_params(tw_runner *runner)
{
    int count;
    tw_launch **launches = tw_runner_launches(runner, &count);
    for (int i = 0; launches && i < count; i++)
        for (int a = 0; a < launches[i]->n_args; a++) {
            const tw_arg *arg = &launches[i]->arg[a];
            if (arg->kind == TW_ARG_TENSOR && arg->tensor.written &&
                runner->recipe->tensor[arg->tensor.id].space == TW_SPACE_PARAMS)
                return true;
        }
    return false;
}

static tw_status make_marks(tw_runner *runner, tw_error *error)
{
    const size_t most =
        (size_t)(runner->n_bound + runner->recipe->n_inputs + runner->recipe->n_outputs + 1);
    for (int s = 0; s < runner->recipe->in_flight; s++) {
        runner->slot[s].mark = tw_arena_alloc(&runner->arena, most * sizeof *runner->slot[s].mark);
        if (!runner->slot[s].mark)
            return tw_fail_memory(error);
    }
    return TW_OK;
}

static tw_status create(tw_runner *runner, const tw_runner_options *options, tw_error *error)
{
    runner->external = tw_arena_alloc(&runner->arena, (size_t)TW_MAX(options->n_external, 1) *
                                                          sizeof *runner->external);
    if (!runner->external)
        return tw_fail_memory(error);
    for (int i = 0; i < options->n_external; i++)
        runner->external[i] = options->external[i];
    runner->n_external = options->n_external;
    TW_TRY(settle(runner, options, error));
    runner->choices = tw_choices_list(runner->recipe, &runner->arena);
    if (!runner->choices)
        return tw_fail_memory(error);
    TW_TRY(make_buffers(runner, error));
    TW_TRY(make_queues(runner, options->profiling, error));
    runner->writes_params = !runner->host && writes_params(runner);
    if (!runner->host)
        TW_TRY(tw_side_create(runner, options, error));
    TW_TRY(runner->host ? place_on_host(runner, error) : tw_bind_create(runner, error));
    if (!runner->host && !options->no_chains)
        TW_TRY(tw_chain_create(runner, error));
    TW_TRY(make_marks(runner, error));
    return options->profiling ? tw_runner_trace(runner, error) : TW_OK;
}

tw_status tw_runner_create(tw_params *params, tw_recipe **recipe, const tw_runner_options *options,
                           tw_runner **runner, tw_error *error)
{
    static const tw_runner_options defaults = {0};
    options = options ? options : &defaults;
    tw_runner *made = tw_calloc(params->context, 1, sizeof *made);
    if (!made) {
        tw_recipe_destroy(recipe);
        return tw_fail_memory(error);
    }
    made->context = params->context;
    made->params = params;
    made->device = params->device;
    made->backend = params->device->backend;
    made->recipe = *recipe;
    *recipe = NULL;
    made->arena.context = params->context;
    made->host = made->recipe->caps.family == TW_FAMILY_HOST;
    made->gradients = options->gradients;
    made->compute = options->queue ? options->queue : params->queue;
    const tw_status status = create(made, options, error);
    if (status == TW_OK)
        *runner = made;
    else
        tw_runner_destroy(&made);
    return status;
}

static void destroy_slot(tw_runner *runner, tw_slot *slot)
{
    const tw_backend *backend = runner->backend;
    for (int i = 0; i < slot->n_marks; i++)
        backend->event_release(&slot->mark[i].event);
    for (int i = 0; i < runner->recipe->n_inputs; i++) {
        if (slot->input && slot->input[i])
            backend->buffer_destroy(runner->device, &slot->input[i]);
        if (slot->staged)
            tw_free(runner->context, slot->staged[i]);
    }
    for (int i = 0; i < runner->recipe->n_outputs; i++) {
        if (slot->output && slot->output[i])
            backend->buffer_destroy(runner->device, &slot->output[i]);
        if (slot->host)
            tw_free(runner->context, slot->host[i]);
    }
}

void tw_runner_destroy(tw_runner **runner)
{
    if (!runner || !*runner)
        return;
    tw_runner *r = *runner;
    const tw_backend *backend = r->backend;
    if (r->compute)
        (void)backend->finish(r->compute,
                              NULL); /* borrowed: others' work may stand in it as well */
    if (r->side)
        (void)backend->finish(r->side, NULL);
    if (r->upload && r->upload != r->compute)
        backend->queue_destroy(r->device, &r->upload);
    if (r->download && r->download != r->compute)
        backend->queue_destroy(r->device, &r->download);
    for (int s = 0; s < TW_MAX_IN_FLIGHT; s++) {
        tw_slot_pick_up(&r->slot[s]);
        tw_slot_let_go(r, &r->slot[s]);
        destroy_slot(r, &r->slot[s]);
    }
    for (int i = 0; i < TW_COUNT(r->work[0]); i++)
        for (int beside = 0; beside < 2; beside++)
            if (r->work[beside][i])
                backend->buffer_destroy(r->device, &r->work[beside][i]);
    if (r->keep)
        backend->buffer_destroy(r->device, &r->keep);
    tw_chain_destroy(r);
    tw_programs_free(&r->programs);
    tw_free(r->context, r->event);
    tw_recipe_destroy(&r->recipe);
    tw_arena_free(&r->arena);
    tw_free(r->context, r);
    *runner = NULL;
}

tw_recipe *tw_runner_recipe(tw_runner *runner)
{
    return runner->recipe;
}

const char *const *tw_runner_choices(const tw_runner *runner)
{
    return runner->choices;
}

uint64_t tw_runner_memory(const tw_runner *runner)
{
    return runner->memory;
}
