// SPDX-License-Identifier: Apache-2.0
// Runs beside one another. At the end of a launch each core waits for the others, and on a virtual
// machine to wait is to fall asleep: in a small plan that takes as long as computing. So where a
// plan only reads weights, every second run goes in a queue of its own, with work buffers of its
// own, and cores that are done with one run go on with the other. (PoCL 3.1, two cores: autoencoder
// at batch 128 0.197 -> 0.144 ms, of which reading its inputs in place is a part. Tried out as two
// plans on weights of their own: lstm_rows at batch 1 0.087 -> 0.043.)
//
// Order: runs that read changed weights go behind what changed them; what changes weights waits for
// the runs beside (tw_params_claim); outputs come in the order of the runs, even into one array.
#include "schedule/schedule.h"

/* ---- which runners ---- */

/* Inputs and outputs lie in the slots, in memory that needs no transfers. */
static bool slots_are_shared(const tw_runner *runner)
{
    const tw_slot *slot = &runner->slot[0];
    for (int i = 0; i < runner->recipe->n_inputs; i++)
        if (!runner->backend->buffer_memory(slot->input[i]))
            return false;
    for (int i = 0; i < runner->recipe->n_outputs; i++)
        if (slot->output[i] && !runner->backend->buffer_memory(slot->output[i]))
            return false;
    return runner->reads_slots;
}

/* Runs that change nothing but their slot and their work buffers, of which two sets stay in the
 * caches (mnist_cnn's inference, tried out as two plans on weights of their own: at batch 32 0.82
 * -> 0.76 ms, at 128 2.0 -> 2.4). */
static bool may_go_beside(const tw_runner *runner, const tw_runner_options *options)
{
    const tw_recipe *recipe = runner->recipe;
    uint64_t bytes = 0;
    for (int i = 0; i < recipe->n_work; i++)
        bytes += recipe->work_bytes[i];
    return strcmp(runner->device->info.type, "cpu") == 0 && !options->profiling &&
           !options->queue && !recipe->training && !runner->writes_params && !runner->n_external &&
           !runner->gradients && slots_are_shared(runner) && bytes <= recipe->caps.stream / 4 &&
           (!recipe->memory_budget || recipe->peak_bytes + bytes <= recipe->memory_budget);
}

tw_status tw_side_create(tw_runner *runner, const tw_runner_options *options, tw_error *error)
{
    tw_params *params = runner->params;
    if (!may_go_beside(runner, options))
        return TW_OK;
    for (int i = 0; i < runner->recipe->n_work; i++)
        TW_TRY(tw_runner_make_buffer(runner, runner->recipe->work_bytes[i], &runner->work[1][i],
                                     error));
    if (!params->side)
        TW_TRY(runner->backend->queue_create(runner->device, false, &params->side, error));
    runner->side = params->side;
    return TW_OK;
}

/* ---- which runs ---- */

tw_queue *tw_slot_queue(const tw_runner *runner, const tw_slot *slot)
{
    return slot->beside ? runner->side : runner->compute;
}

/* How a run in flight uses a piece of the caller's memory. */
typedef enum usage { UNUSED, COPIED_TO, COMPUTED_IN } usage;

static bool overlap(const char *a, size_t n, const char *b, size_t m)
{
    return (uintptr_t)a < (uintptr_t)b + m && (uintptr_t)b < (uintptr_t)a + n;
}

static usage usage_of(const tw_runner *runner, const tw_slot *slot, const void *memory,
                      size_t bytes)
{
    for (int i = 0; slot->busy && i < slot->n_pickups; i++)
        if (overlap(slot->pickup[i].target, slot->pickup[i].bytes, memory, bytes))
            return COPIED_TO;
    for (int i = 0; slot->busy && i < runner->recipe->n_outputs; i++)
        if (slot->target[i] &&
            overlap(runner->backend->buffer_memory(slot->target[i]),
                    tw_runner_bytes_at(runner, &runner->recipe->output[i], slot->n), memory, bytes))
            return COMPUTED_IN;
    return UNUSED;
}

bool tw_side_in_order(const tw_runner *runner, const tw_slot *slot, const void *memory,
                      size_t bytes)
{
    for (int s = 0; s < runner->recipe->in_flight; s++) {
        const tw_slot *other = &runner->slot[s];
        const usage found = usage_of(runner, other, memory, bytes);
        if (found == COPIED_TO || (found == COMPUTED_IN && other->beside != slot->beside))
            return false;
    }
    return true;
}

/* A run in flight that computes in one of the arrays; NULL: none. */
static const tw_slot *computing_in(const tw_runner *runner, int64_t n, void *const *outputs)
{
    for (int i = 0; outputs && i < runner->recipe->n_outputs; i++)
        for (int s = 0; outputs[i] && s < runner->recipe->in_flight; s++)
            if (usage_of(runner, &runner->slot[s], outputs[i],
                         tw_runner_bytes_at(runner, &runner->recipe->output[i], n)) == COMPUTED_IN)
                return &runner->slot[s];
    return NULL;
}

tw_status tw_side_take(tw_runner *runner, tw_slot *slot, int64_t n, void *const *outputs,
                       tw_error *error)
{
    const bool changed = runner->keep_version != runner->params->version;
    slot->beside = false;
    if (!runner->side || runner->tracing)
        return TW_OK;
    const tw_slot *same = changed || slot->received ? NULL : computing_in(runner, n, outputs);
    slot->beside = !changed && (same ? same->beside : !runner->last_beside);
    runner->last_beside = slot->beside;
    if (slot->beside && !runner->ordered_over) {
        TW_TRY(runner->backend->finish(runner->compute, error));
        runner->ordered_over = true;
    } else if (changed) {
        runner->ordered_over = false;
    }
    runner->params->side_busy |= slot->beside;
    return TW_OK;
}
