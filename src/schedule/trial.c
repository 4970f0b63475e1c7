// SPDX-License-Identifier: Apache-2.0
// The small problem of a trial: what a stage's candidate and its references touch, on how small a
// batch, in what memory, and random numbers for it.
#include "schedule/trial.h"
#include "base/random.h"
#include <math.h>

#define MOST_BATCH 40
#define MOST_COST                                                                                  \
    30e6 /* multiply-adds, where a smaller batch can spare some: 30 ms of the host's time */
#define MOST_ELEMENTS 2e6 /* likewise */
#define SKIP_COST 2e9     /* a stage dearer than this even so is used unproven */
#define SKIP_BYTES (1u << 30)

/* ---- what a trial touches ---- */

/* What the operator says of a reference's input. */
static double range_of(const tw_stage *stage, const tw_reference *reference, int input)
{
    const tw_call *call = stage->anchor;
    return call && reference->data == call && call->op->range ? call->op->range(call, input) : 1.0;
}

double tw_trial_range(const tw_stage *stage, int id)
{
    double range = INFINITY;
    for (int r = 0; r < stage->n_references; r++)
        for (int i = 0; i < stage->reference[r].n_in; i++)
            if (stage->reference[r].in[i] == id)
                range = TW_MIN(range, range_of(stage, &stage->reference[r], i));
    return isinf(range) ? 1.0 : range;
}

static tw_trial_tensor *touch(tw_trial *trial, int id)
{
    if (trial->place[id] < 0) {
        const tw_tensor *tensor = &trial->runner->recipe->tensor[id];
        trial->place[id] = trial->n_tensors;
        trial->tensor[trial->n_tensors++] = (tw_trial_tensor){
            .id = id, .type = tensor->type, .range = tw_trial_range(trial->stage, id)};
    }
    return &trial->tensor[trial->place[id]];
}

static void touch_references(tw_trial *trial)
{
    for (int r = 0; r < trial->stage->n_references; r++) {
        const tw_reference *reference = &trial->stage->reference[r];
        for (int i = 0; i < reference->n_in; i++)
            if (reference->in[i] >= 0) {
                tw_trial_tensor *tensor = touch(trial, reference->in[i]);
                tensor->host = true;
                tensor->given |= !tensor->made;
            }
        for (int i = 0; i < reference->n_out; i++)
            if (reference->out[i] >= 0) {
                tw_trial_tensor *tensor = touch(trial, reference->out[i]);
                tensor->host = tensor->made = true;
            }
    }
}

static void touch_launches(tw_trial *trial)
{
    for (int l = 0; l < trial->candidate->n_launches; l++) {
        const tw_launch *launch = trial->candidate->launch[l];
        for (int a = 0; a < launch->n_args; a++) {
            if (launch->arg[a].kind != TW_ARG_TENSOR)
                continue;
            tw_trial_tensor *tensor = touch(trial, launch->arg[a].tensor.id);
            tensor->device = true;
            if (launch->arg[a].tensor.written)
                tensor->written = true;
            else
                tensor->given |= !tensor->written && !tensor->made;
        }
    }
}

static double elements_at(const tw_trial *trial, int64_t n)
{
    double sum = 0.0;
    for (int i = 0; i < trial->n_tensors; i++)
        sum += (double)tw_dim_at(trial->runner->recipe->tensor[trial->tensor[i].id].count, n);
    return sum;
}

static double cost_at(const tw_trial *trial, int64_t n)
{
    const int64_t batch = TW_MAX(trial->runner->recipe->batch, 1);
    return trial->stage->cost * (double)n / (double)batch;
}

static int64_t choose_batch(const tw_trial *trial)
{
    int64_t n = TW_MIN(TW_MAX(trial->runner->recipe->batch, 1), MOST_BATCH);
    while (n > 1 && (cost_at(trial, n) > MOST_COST || elements_at(trial, n) > MOST_ELEMENTS))
        n--;
    return n;
}

/* Places tensors with a gap behind each, in which nothing may be written. */
static void lay_out(tw_trial *trial)
{
    const uint64_t align = (uint64_t)TW_MAX(trial->runner->recipe->caps.alignment, 64);
    trial->bytes = align;
    for (int i = 0; i < trial->n_tensors; i++) {
        tw_trial_tensor *tensor = &trial->tensor[i];
        tensor->count =
            tw_dim_at(trial->runner->recipe->tensor[tensor->id].count, trial->runtime.n);
        if (!tensor->device)
            continue;
        tensor->offset = trial->bytes;
        trial->bytes += ((uint64_t)tensor->count * tw_type_size(tensor->type) / align + 2) * align;
    }
}

static tw_status allocate(tw_trial *trial, tw_error *error)
{
    tw_context *context = trial->runner->context;
    for (int i = 0; i < trial->n_tensors; i++) {
        tw_trial_tensor *tensor = &trial->tensor[i];
        if (!tensor->host)
            continue;
        tensor->data = tw_calloc(context, (size_t)TW_MAX(tensor->count, 1), sizeof(double));
        if (!tensor->data)
            return tw_fail_memory(error);
        trial->data[tensor->id] = tensor->data;
    }
    trial->image = tw_alloc(context, (size_t)trial->bytes);
    if (!trial->image)
        return tw_fail_memory(error);
    return trial->runner->backend->buffer_create(trial->runner->device, trial->bytes,
                                                 &trial->buffer, error);
}

void tw_trial_finish(tw_trial *trial)
{
    tw_context *context = trial->runner->context;
    const tw_backend *backend = trial->runner->backend;
    if (trial->done) { /* given up on the way: the image is borrowed until then */
        (void)backend->event_wait(trial->done, NULL);
        backend->event_release(&trial->done);
    }
    if (trial->buffer)
        backend->buffer_destroy(trial->runner->device, &trial->buffer);
    for (int i = 0; i < trial->n_tensors; i++)
        tw_free(context, trial->tensor[i].data);
    tw_free(context, trial->image);
    tw_arena_free(&trial->arena);
    trial->n_tensors = 0;
    trial->image = NULL;
}

tw_status tw_trial_plan(tw_trial *trial, bool *too_large, tw_error *error)
{
    const int count = trial->runner->recipe->n_tensors;
    int most = 0;
    for (int r = 0; r < trial->stage->n_references; r++)
        most += trial->stage->reference[r].n_in + trial->stage->reference[r].n_out;
    for (int l = 0; l < trial->candidate->n_launches; l++)
        most += trial->candidate->launch[l]->n_args;
    trial->place = tw_arena_alloc(&trial->arena, (size_t)TW_MAX(count, 1) * sizeof *trial->place);
    trial->data = tw_arena_alloc(&trial->arena, (size_t)TW_MAX(count, 1) * sizeof *trial->data);
    trial->tensor = tw_arena_alloc(&trial->arena, (size_t)TW_MAX(most, 1) * sizeof *trial->tensor);
    if (!trial->place || !trial->data || !trial->tensor)
        return tw_fail_memory(error);
    for (int i = 0; i < count; i++)
        trial->place[i] = -1;
    touch_references(trial);
    touch_launches(trial);
    trial->runtime = (tw_runtime){.n = choose_batch(trial), .seed = 20, .step = 3, .line = 1};
    for (int i = 0; i < TW_COUNT(trial->runtime.user); i++)
        trial->runtime.user[i] = 0.5f;
    lay_out(trial);
    *too_large = cost_at(trial, trial->runtime.n) > SKIP_COST || trial->bytes > SKIP_BYTES;
    return *too_large ? TW_OK : allocate(trial, error);
}

/* ---- numbers ---- */

double tw_trial_whole_below(tw_type type, double range)
{
    const double most = type == TW_I32 ? INT32_MAX : type == TW_U8 ? 256.0 : 2.0;
    return TW_MAX(2.0, TW_MIN(range, most));
}

static void fill_given(const tw_trial *trial, const tw_trial_tensor *tensor, int number)
{
    const uint32_t key[2] = {(uint32_t)trial->key, (uint32_t)(trial->key >> 32)};
    const double whole = tw_trial_whole_below(tensor->type, tensor->range);
    uint32_t word[4];
    for (int64_t i = 0; i < tensor->count; i++) {
        if (i % 4 == 0) {
            const uint32_t counter[4] = {(uint32_t)(i / 4), (uint32_t)number, (uint32_t)trial->draw,
                                         0};
            tw_philox(key, counter, word);
        }
        const double u = (word[i % 4] >> 8) * (1.0 / 16777216.0);
        if (tensor->type == TW_I32)
            ((int32_t *)tensor->data)[i] = (int32_t)(u * whole);
        else if (tw_type_size(tensor->type) == 1)
            ((uint8_t *)tensor->data)[i] = (uint8_t)(u * whole);
        else
            ((double *)tensor->data)[i] =
                tensor->range * (trial->positive ? 0.1 + 0.9 * u : 2.0 * u - 1.0);
    }
}

/* The image holds random numbers where a tensor is given, the canary elsewhere; references see the
 * same numbers. */
static void fill(tw_trial *trial)
{
    memset(trial->image, TW_TRIAL_CANARY, (size_t)trial->bytes);
    for (int i = 0; i < trial->n_tensors; i++) {
        const tw_trial_tensor *tensor = &trial->tensor[i];
        if (!tensor->given)
            continue;
        if (tensor->host && tensor->device) {
            fill_given(trial, tensor, i);
            tw_from_storage(tensor->type, tensor->data, trial->image + tensor->offset,
                            tensor->count);
            tw_to_storage(tensor->type, trial->image + tensor->offset, tensor->data, tensor->count);
        } else if (tensor->host) {
            fill_given(trial, tensor, i);
        } else {
            memset(trial->image + tensor->offset, 0,
                   (size_t)tensor->count * tw_type_size(tensor->type));
        }
    }
}

static bool all_finite(const tw_trial *trial)
{
    for (int i = 0; i < trial->n_tensors; i++) {
        const tw_trial_tensor *tensor = &trial->tensor[i];
        if (!tensor->made || !tw_trial_is_real(tensor->type))
            continue;
        for (int64_t e = 0; e < tensor->count; e++)
            if (!isfinite(((const double *)tensor->data)[e]))
                return false;
    }
    return true;
}

static tw_status reference(tw_trial *trial, tw_error *error)
{
    fill(trial);
    return tw_reference_run(trial->runner->context, trial->stage->reference,
                            trial->stage->n_references, trial->data, &trial->runtime, error);
}

tw_status tw_trial_draw(tw_trial *trial, tw_error *error)
{
    trial->positive = false;
    TW_TRY(reference(trial, error));
    if (all_finite(trial))
        return TW_OK;
    trial->positive = true;
    return reference(trial, error);
}
