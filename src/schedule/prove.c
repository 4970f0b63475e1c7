// SPDX-License-Identifier: Apache-2.0
// Holds kernels against the C references before they are first used on a device and driver.
//
// A trial runs a stage's candidate, with the very kernels of the plan, on a small batch of random
// numbers in memory of its own, and its references on the host in double. The device computes a
// trial while the host prepares the next one. A driver's wrong code shows in every draw; a draw
// that falls on a jump (floor, a derivative's step) does not: so a candidate is struck off when
// three draws have failed.
#include "base/random.h"
#include "schedule/schedule.h"
#include <float.h>
#include <math.h>
#include <stdio.h>

#define DRAWS 3
#define MOST_BATCH 40
#define MOST_COST                                                                                  \
    30e6 /* multiply-adds, where a smaller batch can spare some: 30 ms of the host's time */
#define MOST_ELEMENTS 2e6 /* likewise */
#define SKIP_COST 2e9     /* a stage dearer than this even so is used unproven */
#define SKIP_BYTES (1u << 30)
#define WINDOW_BYTES (256u << 20) /* device memory of the trials under way */
#define CANARY 0xff               /* fills what is not given: NaN, -1 */

typedef struct tw_trial_tensor {
    int id;
    tw_type type;
    int64_t count;
    bool device, host;  /* kernels use it; references do */
    bool written, made; /* by a kernel; by a reference */
    bool given;         /* read before it is written: holds random numbers */
    double range;       /* of these, if they are real */
    uint64_t offset;    /* in the trial's buffer */
    void *data;         /* for references */
} tw_trial_tensor;

typedef struct tw_trial {
    tw_runner *runner;
    tw_stage *stage;
    tw_candidate *candidate;
    uint64_t key;
    int first_kernel;
    tw_runtime runtime;
    int draw;
    bool positive; /* numbers in [0.1, 1) instead of [-1, 1) */
    tw_arena arena;
    int n_tensors;
    tw_trial_tensor *tensor;
    int *place; /* tensor id -> index in `tensor`, -1 */
    void **data;
    uint64_t bytes; /* of the buffer */
    char *image;    /* what goes into the buffer, and what came back */
    tw_buffer *buffer;
    tw_event *done;
    tw_error failure; /* why the candidate is no good */
} tw_trial;

/* ---- what a trial touches ---- */

static tw_trial_tensor *touch(tw_trial *trial, int id)
{
    if (trial->place[id] < 0) {
        const tw_tensor *tensor = &trial->runner->recipe->tensor[id];
        trial->place[id] = trial->n_tensors;
        trial->tensor[trial->n_tensors++] =
            (tw_trial_tensor){.id = id, .type = tensor->type, .range = 1.0};
    }
    return &trial->tensor[trial->place[id]];
}

/* What the operator says of a reference's input. */
static double range_of(const tw_stage *stage, const tw_reference *reference, int input)
{
    const tw_call *call = stage->anchor;
    return call && reference->data == call && call->op->range ? call->op->range(call, input) : 1.0;
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
                tensor->range = TW_MIN(tensor->range, range_of(trial->stage, reference, i));
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

static void finish_trial(tw_trial *trial)
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

/* Fills in what the trial of a stage's chosen candidate is made of. *too_large: it is not to be
 * tried. */
static tw_status plan_trial(tw_trial *trial, bool *too_large, tw_error *error)
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

static void fill_given(const tw_trial *trial, const tw_trial_tensor *tensor, int number)
{
    const uint32_t key[2] = {(uint32_t)trial->key, (uint32_t)(trial->key >> 32)};
    uint32_t word[4];
    for (int64_t i = 0; i < tensor->count; i++) {
        if (i % 4 == 0) {
            const uint32_t counter[4] = {(uint32_t)(i / 4), (uint32_t)number, (uint32_t)trial->draw,
                                         0};
            tw_philox(key, counter, word);
        }
        const double u = (word[i % 4] >> 8) * (1.0 / 16777216.0);
        if (tensor->type ==
            TW_I32) /* a label or an index, valid in anything that has two classes or rows */
            ((int32_t *)tensor->data)[i] = word[i % 4] >> 31;
        else if (tw_type_size(tensor->type) == 1)
            ((uint8_t *)tensor->data)[i] = (uint8_t)(word[i % 4] >> 31);
        else
            ((double *)tensor->data)[i] =
                tensor->range * (trial->positive ? 0.1 + 0.9 * u : 2.0 * u - 1.0);
    }
}

/* The image holds random numbers where a tensor is given, the canary elsewhere; references see the
 * same numbers. */
static void fill(tw_trial *trial)
{
    memset(trial->image, CANARY, (size_t)trial->bytes);
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

static bool is_real(tw_type type)
{
    return type == TW_F32 || type == TW_F16 || type == TW_BF16;
}

static bool all_finite(const tw_trial *trial)
{
    for (int i = 0; i < trial->n_tensors; i++) {
        const tw_trial_tensor *tensor = &trial->tensor[i];
        if (!tensor->made || !is_real(tensor->type))
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

/* Draws numbers and computes what is to come out; anew with positive ones if logarithms and roots
 * made NaN. */
static tw_status draw(tw_trial *trial, tw_error *error)
{
    trial->positive = false;
    TW_TRY(reference(trial, error));
    if (all_finite(trial))
        return TW_OK;
    trial->positive = true;
    return reference(trial, error);
}

/* ---- the device's side ---- */

static tw_status launch(tw_trial *trial, int number, tw_error *error)
{
    const tw_backend *backend = trial->runner->backend;
    const tw_launch *launch = trial->candidate->launch[number];
    tw_kernel_arg arg[1 + 2 * TW_MAX_ARGS] = {{.size = sizeof(int32_t)}};
    int64_t groups[3];
    int count = 1;
    arg[0].value.i = (int32_t)trial->runtime.n;
    for (int a = 0; a < launch->n_args; a++) {
        if (launch->arg[a].kind != TW_ARG_TENSOR) {
            count += tw_bind_scalar(&launch->arg[a], &trial->runtime, &arg[count]);
            continue;
        }
        const tw_trial_tensor *tensor = &trial->tensor[trial->place[launch->arg[a].tensor.id]];
        arg[count++] = (tw_kernel_arg){.buffer = trial->buffer,
                                       .offset = tensor->offset / tw_type_size(tensor->type)};
    }
    for (int d = 0; d < 3; d++) {
        groups[d] = tw_launch_groups(launch, d, trial->runtime.n);
        if (groups[d] <= 0)
            return TW_OK;
    }
    return backend->launch(trial->runner->compute,
                           trial->runner->programs.kernel[trial->first_kernel + number], count, arg,
                           launch->dims, groups, launch->local, 0, NULL, NULL, error);
}

/* Sends the trial on its way. What the device refuses is noted in failure. */
static tw_status send(tw_trial *trial, tw_error *error)
{
    const tw_backend *backend = trial->runner->backend;
    tw_queue *queue = trial->runner->compute;
    TW_TRY(
        backend->write(queue, trial->buffer, 0, trial->bytes, trial->image, 0, NULL, NULL, error));
    for (int l = 0; l < trial->candidate->n_launches && trial->failure.code == TW_OK; l++)
        if (launch(trial, l, &trial->failure) == TW_ERROR_MEMORY) {
            (void)backend->finish(queue, NULL);
            return tw_fail_memory(error);
        }
    const tw_status status = backend->read(queue, trial->buffer, 0, trial->bytes, trial->image, 0,
                                           NULL, &trial->done, error);
    if (status != TW_OK) {
        (void)backend->finish(queue, NULL);
        return status;
    }
    return backend->flush(queue, error);
}

static tw_status await(tw_trial *trial, tw_error *error)
{
    const tw_status status = trial->runner->backend->event_wait(trial->done, error);
    trial->runner->backend->event_release(&trial->done);
    return status;
}

/* ---- the judgement ---- */

static double tolerance_of(tw_type type)
{
    /* storage rounds to 11 or 8 bits; sums of floats in another order stay well within the first */
    return type == TW_F16 ? 2e-3 : type == TW_BF16 ? 1.6e-2 : 1e-4;
}

/* How far numbers of that type may be from these, which are right. */
static double allowance(tw_type type, const double *want, int64_t count)
{
    double most = 0.0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(want[i]))
            most = fmax(most, fabs(want[i]));
    return tolerance_of(type) * most + 1e-6;
}

static bool compare_real(const tw_trial *trial, const tw_trial_tensor *tensor, int64_t *at,
                         double *got)
{
    const double *want = tensor->data;
    const char *back = trial->image + tensor->offset;
    const size_t size = tw_type_size(tensor->type);
    const double allowed = allowance(tensor->type, want, tensor->count);
    for (int64_t i = 0; i < tensor->count; i++) {
        tw_to_storage(tensor->type, back + (size_t)i * size, got, 1);
        const bool same =
            isnan(want[i]) ? isnan(*got) : *got == want[i] || fabs(*got - want[i]) <= allowed;
        *at = i;
        if (!same && !(isinf(*got) && fabs(want[i]) > FLT_MAX)) /* double reaches further */
            return false;
    }
    return true;
}

/* The reference that computes the tensor and allows its whole numbers slack, and which of its
 * results it is; NULL: there is none. */
static const tw_reference *slack_of(const tw_trial *trial, int id, int *result)
{
    for (int r = 0; r < trial->stage->n_references; r++)
        for (*result = 0; *result < trial->stage->reference[r].n_out; ++*result)
            if (trial->stage->reference[r].out[*result] == id)
                return trial->stage->reference[r].slack ? &trial->stage->reference[r] : NULL;
    return NULL;
}

static bool compare_whole(const tw_trial *trial, const tw_trial_tensor *tensor, int64_t *at,
                          double *got)
{
    const char *back = trial->image + tensor->offset;
    const size_t size = tw_type_size(tensor->type);
    int result;
    const tw_reference *reference = slack_of(trial, tensor->id, &result);
    tw_host_call host;
    double allowed = 0.0;
    if (reference) {
        tw_reference_call(reference, trial->data, NULL, &trial->runtime, &host);
        allowed = allowance(host.in[0].type, host.in[0].data, host.in[0].count);
    }
    for (int64_t i = 0; i < tensor->count; i++) {
        if (memcmp(back + (size_t)i * size, (const char *)tensor->data + (size_t)i * size, size) ==
            0)
            continue;
        *at = i;
        *got = size == 4 ? ((const int32_t *)back)[i] : ((const uint8_t *)back)[i];
        if (!reference || !(reference->slack(&host, result, i, (int64_t)*got) <= allowed))
            return false;
    }
    return true;
}

static double wanted(const tw_trial_tensor *tensor, int64_t at)
{
    if (is_real(tensor->type))
        return ((const double *)tensor->data)[at];
    return tensor->type == TW_I32 ? ((const int32_t *)tensor->data)[at]
                                  : ((const uint8_t *)tensor->data)[at];
}

static bool gaps_untouched(const tw_trial *trial)
{
    uint64_t at = 0;
    for (int i = 0; i <= trial->n_tensors; i++) {
        const tw_trial_tensor *tensor = i < trial->n_tensors ? &trial->tensor[i] : NULL;
        if (tensor && !tensor->device)
            continue;
        for (const uint64_t end = tensor ? tensor->offset : trial->bytes; at < end; at++)
            if ((unsigned char)trial->image[at] != CANARY)
                return false;
        if (tensor)
            at = tensor->offset + (uint64_t)tensor->count * tw_type_size(tensor->type);
    }
    return true;
}

/* Whether what came back is right; says in failure what is not. */
static bool judge(tw_trial *trial)
{
    const char *name = trial->candidate->name;
    for (int i = 0; i < trial->n_tensors; i++) {
        const tw_trial_tensor *tensor = &trial->tensor[i];
        if (!tensor->made || !tensor->written)
            continue;
        int64_t at = 0;
        double got = 0.0;
        if (is_real(tensor->type) ? compare_real(trial, tensor, &at, &got)
                                  : compare_whole(trial, tensor, &at, &got))
            continue;
        (void)tw_fail(&trial->failure, TW_ERROR_DEVICE,
                      "%s computes element %lld of \"%s\" as %.9g where %.9g is right (batch %lld)",
                      name, (long long)at, trial->runner->recipe->tensor[tensor->id].label, got,
                      wanted(tensor, at), (long long)trial->runtime.n);
        return false;
    }
    if (gaps_untouched(trial))
        return true;
    (void)tw_fail(&trial->failure, TW_ERROR_DEVICE, "%s writes beyond its results", name);
    return false;
}

/* Waits for the trial and judges it, with further draws if need be. */
static tw_status conclude(tw_trial *trial, bool *struck, tw_error *error)
{
    tw_proofs *proofs = trial->runner->params->proofs;
    bool refused = trial->failure.code != TW_OK; /* the device would not launch it */
    TW_TRY(await(trial, error));
    bool good = !refused && judge(trial);
    while (!good && !refused && ++trial->draw < DRAWS) {
        trial->failure.code = TW_OK;
        TW_TRY(draw(trial, error));
        TW_TRY(send(trial, error));
        refused = trial->failure.code != TW_OK;
        TW_TRY(await(trial, error));
        good = !refused && judge(trial);
    }
    char label[100];
    snprintf(label, sizeof label, "%.60s=%.30s", trial->stage->label, trial->candidate->name);
    tw_proofs_add(proofs, trial->key, good ? TW_VERDICT_PROVEN : TW_VERDICT_STRUCK, label,
                  !refused);
    trial->candidate->verified = good;
    trial->candidate->struck = !good;
    if (good)
        return TW_OK;
    *struck = true;
    trial->runner->why = trial->failure;
    tw_log(trial->runner->context, TW_LOG_WARNING, "%s: struck off on this device: %s",
           trial->stage->label, trial->failure.text);
    return TW_OK;
}

/* ---- all of a recipe ---- */

/* Trials under way, so many that their buffers stay within the window. */
typedef struct tw_window {
    int count;
    uint64_t bytes;
    tw_trial *trial;
} tw_window;

static tw_status conclude_all(tw_window *window, bool *struck, tw_error *error)
{
    tw_status status = TW_OK;
    for (int i = 0; i < window->count; i++) {
        if (status == TW_OK)
            status = conclude(&window->trial[i], struck, error);
        finish_trial(&window->trial[i]);
    }
    window->count = 0;
    window->bytes = 0;
    return status;
}

static bool under_way(const tw_window *window, uint64_t key)
{
    for (int i = 0; i < window->count; i++)
        if (window->trial[i].key == key)
            return true;
    return false;
}

static bool has_references(const tw_stage *stage)
{
    for (int r = 0; r < stage->n_references; r++)
        if (!stage->reference[r].function)
            return false;
    return stage->n_references > 0;
}

/* Sets a trial of the stage going, unless it is known already or cannot be tried. */
static tw_status start(tw_runner *runner, tw_window *window, tw_stage *stage, int first_kernel,
                       bool *struck, tw_error *error)
{
    tw_candidate *candidate = stage->candidate[stage->chosen];
    const uint64_t key = tw_proof_key(candidate);
    if (candidate->verified || !has_references(stage) || under_way(window, key) ||
        tw_proofs_find(runner->params->proofs, key) != TW_VERDICT_NONE)
        return TW_OK;
    tw_trial *trial = &window->trial[window->count];
    *trial = (tw_trial){.runner = runner,
                        .stage = stage,
                        .candidate = candidate,
                        .key = key,
                        .first_kernel = first_kernel,
                        .arena = {.context = runner->context}};
    bool too_large = false;
    tw_status status = plan_trial(trial, &too_large, error);
    if (status == TW_OK && !too_large)
        status = draw(trial, error);
    if (status == TW_OK && !too_large)
        status = send(trial, error);
    if (status != TW_OK || too_large) {
        finish_trial(trial);
        if (too_large)
            tw_log(runner->context, TW_LOG_INFO, "%s: too large to be proven; %s is used unproven",
                   stage->label, candidate->name);
        return status;
    }
    window->count++;
    window->bytes += trial->bytes;
    return window->bytes > WINDOW_BYTES ? conclude_all(window, struck, error) : TW_OK;
}

tw_status tw_prove_stage(tw_runner *runner, tw_stage *stage, int first_kernel, tw_error *error)
{
    tw_trial trial;
    tw_window window = {.trial = &trial};
    bool struck = false;
    TW_TRY(start(runner, &window, stage, first_kernel, &struck, error));
    return conclude_all(&window, &struck, error);
}

tw_status tw_prove(tw_runner *runner, bool *struck, tw_error *error)
{
    tw_recipe *recipe = runner->recipe;
    tw_window window = {0};
    window.trial =
        tw_calloc(runner->context, (size_t)TW_MAX(recipe->n_stages, 1), sizeof *window.trial);
    if (!window.trial)
        return tw_fail_memory(error);
    tw_status status = TW_OK;
    int kernel = 0;
    for (int s = 0; s < recipe->n_stages && status == TW_OK; s++) {
        tw_stage *stage = &recipe->stage[s];
        if (stage->n_candidates == 0)
            continue;
        status = start(runner, &window, stage, kernel, struck, error);
        kernel += stage->candidate[stage->chosen]->n_launches;
    }
    const tw_status concluded = conclude_all(&window, struck, status == TW_OK ? error : NULL);
    tw_free(runner->context, window.trial);
    tw_proofs_save(runner->params->proofs);
    return status == TW_OK ? concluded : status;
}
