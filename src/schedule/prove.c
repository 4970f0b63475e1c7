// SPDX-License-Identifier: Apache-2.0
// Holds kernels against the C references before they are first used on a device and driver.
//
// A trial runs a stage's candidate, with the very kernels of the plan, on a small batch of random
// numbers in memory of its own (trial.c), and its references on the host in double. The device
// computes a trial while the host prepares the next one. A driver's wrong code shows in every draw;
// a draw that falls on a jump (floor, a derivative's step) does not: so a candidate is struck off
// when three draws have failed.
#include "schedule/trial.h"
#include <stdio.h>

#define DRAWS 3
#define WINDOW_BYTES (256u << 20) /* device memory of the trials under way */

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

/* Waits for the trial and judges it, with further draws if need be. */
static tw_status conclude(tw_trial *trial, bool *struck, tw_error *error)
{
    tw_proofs *proofs = trial->runner->params->proofs;
    bool refused = trial->failure.code != TW_OK; /* the device would not launch it */
    TW_TRY(await(trial, error));
    bool good = !refused && tw_trial_judge(trial);
    while (!good && !refused && ++trial->draw < DRAWS) {
        trial->failure.code = TW_OK;
        TW_TRY(tw_trial_draw(trial, error));
        TW_TRY(send(trial, error));
        refused = trial->failure.code != TW_OK;
        TW_TRY(await(trial, error));
        good = !refused && tw_trial_judge(trial);
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
        tw_trial_finish(&window->trial[i]);
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
    tw_status status = tw_trial_plan(trial, &too_large, error);
    if (status == TW_OK && !too_large)
        status = tw_trial_draw(trial, error);
    if (status == TW_OK && !too_large)
        status = send(trial, error);
    if (status != TW_OK || too_large) {
        tw_trial_finish(trial);
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

/* Sets going the trials of all stages of the runner's recipe. */
static tw_status start_all(tw_runner *runner, tw_window *window, bool *struck, tw_error *error)
{
    tw_recipe *recipe = runner->recipe;
    int kernel = 0;
    for (int s = 0; s < recipe->n_stages; s++) {
        tw_stage *stage = &recipe->stage[s];
        if (stage->n_candidates == 0)
            continue;
        TW_TRY(start(runner, window, stage, kernel, struck, error));
        kernel += stage->candidate[stage->chosen]->n_launches;
    }
    return TW_OK;
}

tw_status tw_prove(int count, tw_runner *const *runners, bool *struck, tw_error *error)
{
    tw_params *params = runners[0]->params;
    tw_window window = {0};
    size_t most = 1;
    for (int i = 0; i < count; i++)
        most += (size_t)runners[i]->recipe->n_stages;
    window.trial = tw_calloc(params->context, most, sizeof *window.trial);
    if (!window.trial)
        return tw_fail_memory(error);
    tw_status status = TW_OK;
    for (int i = 0; i < count && status == TW_OK; i++)
        status = start_all(runners[i], &window, struck, error);
    const tw_status concluded = conclude_all(&window, struck, status == TW_OK ? error : NULL);
    tw_free(params->context, window.trial);
    tw_proofs_save(params->proofs);
    return status == TW_OK ? concluded : status;
}
