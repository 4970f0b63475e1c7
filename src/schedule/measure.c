// SPDX-License-Identifier: Apache-2.0
// Measures the candidates of one stage, on the shapes of its recipe at the full batch.
//
// They are built, proven (prove.c), and then timed in turn, several runs enqueued and one wait
// each, so that drift hits all of them alike. Best of several passes: what else runs on a machine
// can only slow a pass down. Who is much slower after the first passes leaves; the winner of the
// others must be faster than the standard candidate once more, in passes of their own, because the
// best of many is partly luck.
#include "schedule/trial.h"
#include <math.h>

#define SCREENING 3    /* passes of all, */
#define PASSES 4       /* further ones of the best, */
#define CONFIRMING 7   /* and of winner and standard candidate */
#define FAR_BEHIND 1.3 /* times the best: leaves after screening */
#define CLEARLY 1.03   /* times as fast as the standard candidate: more than noise */
#define PASS_MS 4.0    /* a pass lasts as long, or one run */
#define MOST_RUNS 400

typedef struct contender {
    int number;       /* among the stage's candidates */
    int first_kernel; /* in the programs */
    double ms;        /* best so far */
    bool out;
} contender;

typedef struct bout {
    const tw_measuring *measuring;
    tw_stage *stage;
    tw_runner runner; /* of the stage's recipe: what building and proving need */
    tw_built *built;
    int n_contenders;
    contender *contender; /* the first one is what serves without tuning */
    tw_buffer *buffer;
    uint64_t *offset; /* by tensor id; 0: not used (nothing lies at 0) */
    uint64_t bytes, shared;
} bout;

/* ---- kernels ---- */

static tw_candidate *candidate_of(const bout *b, const contender *c)
{
    return b->stage->candidate[c->number];
}

static tw_status list_launches(bout *b, int *count, tw_launch ***launches, tw_error *error)
{
    *count = 0;
    for (int i = 0; i < b->n_contenders; i++)
        *count += candidate_of(b, &b->contender[i])->n_launches;
    *launches = tw_arena_alloc(&b->runner.arena, (size_t)TW_MAX(*count, 1) * sizeof **launches);
    if (!*launches)
        return tw_fail_memory(error);
    int at = 0;
    for (int i = 0; i < b->n_contenders; i++) {
        const tw_candidate *candidate = candidate_of(b, &b->contender[i]);
        b->contender[i].first_kernel = at;
        for (int l = 0; l < candidate->n_launches; l++)
            (*launches)[at++] = candidate->launch[l];
    }
    return TW_OK;
}

static void leave_out(bout *b, bool (*keep)(const bout *b, const contender *c))
{
    int kept = 0;
    for (int i = 0; i < b->n_contenders; i++)
        if (keep(b, &b->contender[i]))
            b->contender[kept++] = b->contender[i];
    b->n_contenders = kept;
}

static bool stands(const bout *b, const contender *c)
{
    return !candidate_of(b, c)->struck;
}

/* What serves without tuning may stay unproven, where it is too large to be tried. */
static bool may_win(const bout *b, const contender *c)
{
    return candidate_of(b, c)->verified || c->number == b->contender[0].number;
}

static bool stays(const bout *b, const contender *c)
{
    (void)b;
    return !c->out;
}

static void strike_guilty(bout *b, const bool *guilty, const char *why)
{
    for (int i = 0; i < b->n_contenders; i++) {
        tw_candidate *candidate = candidate_of(b, &b->contender[i]);
        bool bad = false;
        for (int l = 0; l < candidate->n_launches; l++)
            bad |= guilty[b->contender[i].first_kernel + l];
        if (!bad)
            continue;
        candidate->struck = true;
        tw_proofs_add(b->runner.params->proofs, tw_proof_key(candidate), TW_VERDICT_STRUCK,
                      b->stage->label, true);
        tw_log(b->runner.context, TW_LOG_WARNING,
               "%s: %s does not build on this device and is struck off: %s", b->stage->label,
               candidate->name, why);
    }
    leave_out(b, stands);
}

/* One program of all contenders' kernels; those that do not build are struck off. */
static tw_status build(bout *b, tw_error *error)
{
    for (;;) {
        int count;
        tw_launch **launches;
        TW_TRY(list_launches(b, &count, &launches, error));
        bool *guilty = tw_arena_alloc(&b->runner.arena, (size_t)TW_MAX(count, 1) * sizeof *guilty);
        if (!guilty)
            return tw_fail_memory(error);
        tw_error cause;
        const tw_status status =
            tw_programs_build(b->built, count, launches, guilty, &b->runner.programs, &cause);
        if (status == TW_OK)
            return TW_OK;
        const int had = b->n_contenders;
        if (status == TW_ERROR_BUILD)
            strike_guilty(b, guilty, cause.text);
        if (b->n_contenders == had)
            return tw_fail(error, status, "%s", cause.text);
    }
}

static tw_status prove(bout *b, tw_error *error)
{
    for (int i = 0; i < b->n_contenders && !b->measuring->over(b->measuring->user); i++) {
        b->stage->chosen = b->contender[i].number;
        TW_TRY(tw_prove_stage(&b->runner, b->stage, b->contender[i].first_kernel, error));
    }
    leave_out(b, stands);
    leave_out(b, may_win);
    return TW_OK;
}

/* ---- memory: what all read and write first, then workspaces, which the contenders share ---- */

static bool is_workspace(const tw_candidate *candidate, int id)
{
    for (int i = 0; i < candidate->n_workspaces; i++)
        if (candidate->workspace[i] == id)
            return true;
    return false;
}

static void place(bout *b, int id, uint64_t *end)
{
    const tw_recipe *recipe = b->runner.recipe;
    const uint64_t align = (uint64_t)TW_MAX(recipe->caps.alignment, 64);
    if (b->offset[id])
        return;
    b->offset[id] = *end;
    *end += (recipe->tensor[id].bytes / align + 2) * align;
}

static void place_all(bout *b, bool workspaces)
{
    const uint64_t begin = b->bytes;
    for (int i = 0; i < b->n_contenders; i++) {
        const tw_candidate *candidate = candidate_of(b, &b->contender[i]);
        uint64_t end = workspaces ? begin : b->bytes;
        for (int l = 0; l < candidate->n_launches; l++)
            for (int a = 0; a < candidate->launch[l]->n_args; a++) {
                const tw_arg *arg = &candidate->launch[l]->arg[a];
                if (arg->kind == TW_ARG_TENSOR &&
                    is_workspace(candidate, arg->tensor.id) == workspaces)
                    place(b, arg->tensor.id, &end);
            }
        b->bytes = TW_MAX(b->bytes, end);
    }
}

/* Random numbers from -1 to 1, and whole ones below `below`. */
static void fill_tensor(const tw_tensor *tensor, double below, char *target)
{
    enum { BLOCK = 1024 };
    double values[BLOCK];
    int32_t whole[BLOCK];
    const size_t size = tw_type_size(tensor->type);
    uint32_t state = 12345;
    for (int i = 0; i < BLOCK; i++) {
        state = state * 1664525u + 1013904223u; /* Numerical Recipes' */
        values[i] = (double)(state >> 8) / 8388608.0 - 1.0;
        whole[i] = (int32_t)((double)(state >> 8) / 16777216.0 * below);
    }
    for (uint64_t at = 0; at < tensor->bytes; at += BLOCK * size) {
        const int64_t count = (int64_t)TW_MIN(BLOCK, (tensor->bytes - at) / size);
        if (tensor->type == TW_I32)
            memcpy(target + at, whole, (size_t)count * size);
        else if (size == 1)
            for (int64_t i = 0; i < count; i++)
                target[at + (uint64_t)i] = (char)whole[i];
        else
            tw_from_storage(tensor->type, values, target + at, count);
    }
}

static tw_status fill(bout *b, tw_error *error)
{
    char *image = tw_calloc(b->runner.context, (size_t)b->bytes, 1);
    if (!image)
        return tw_fail_memory(error);
    for (int id = 0; id < b->runner.recipe->n_tensors; id++) {
        const tw_tensor *tensor = &b->runner.recipe->tensor[id];
        if (b->offset[id] && b->offset[id] < b->shared)
            fill_tensor(tensor, tw_trial_whole_below(tensor->type, tw_trial_range(b->stage, id)),
                        image + b->offset[id]);
    }
    tw_status status = b->runner.backend->write(b->runner.compute, b->buffer, 0, b->bytes, image, 0,
                                                NULL, NULL, error);
    const tw_status finished = b->runner.backend->finish(b->runner.compute, error);
    tw_free(b->runner.context, image);
    return status == TW_OK ? finished : status;
}

/* *fits: the device has room for it in one piece. */
static tw_status make_memory(bout *b, bool *fits, tw_error *error)
{
    const tw_recipe *recipe = b->runner.recipe;
    b->offset =
        tw_arena_alloc(&b->runner.arena, (size_t)TW_MAX(recipe->n_tensors, 1) * sizeof *b->offset);
    if (!b->offset)
        return tw_fail_memory(error);
    b->bytes = (uint64_t)TW_MAX(recipe->caps.alignment, 64);
    place_all(b, false);
    b->shared = b->bytes;
    place_all(b, true);
    const uint64_t most = recipe->caps.max_allocation;
    *fits = !most || b->bytes <= most;
    if (!*fits)
        return TW_OK;
    TW_TRY(b->runner.backend->buffer_create(b->runner.device, b->bytes, &b->buffer, error));
    return fill(b, error);
}

/* ---- runs ---- */

static tw_status launch(bout *b, const tw_launch *launch, int kernel, tw_error *error)
{
    const tw_runtime runtime = {.n = b->runner.recipe->batch, .seed = 20, .step = 3, .line = 1};
    tw_kernel_arg arg[1 + 2 * TW_MAX_ARGS] = {{.size = sizeof(int32_t)}};
    int64_t groups[3];
    int count = 1;
    arg[0].value.i = (int32_t)runtime.n;
    for (int a = 0; a < launch->n_args; a++) {
        if (launch->arg[a].kind != TW_ARG_TENSOR) {
            count += tw_bind_scalar(&launch->arg[a], &runtime, &arg[count]);
            continue;
        }
        const int id = launch->arg[a].tensor.id;
        const size_t size = tw_type_size(b->runner.recipe->tensor[id].type);
        arg[count++] = (tw_kernel_arg){.buffer = b->buffer, .offset = b->offset[id] / size};
    }
    for (int d = 0; d < 3; d++) {
        groups[d] = tw_launch_groups(launch, d, runtime.n);
        if (groups[d] <= 0)
            return TW_OK;
    }
    return b->runner.backend->launch(b->runner.compute, b->runner.programs.kernel[kernel], count,
                                     arg, launch->dims, groups, launch->local, 0, NULL, NULL,
                                     error);
}

/* Once over the launches; those of parameters alone only `constants`. */
static tw_status run(bout *b, const contender *c, bool constants, tw_error *error)
{
    const tw_candidate *candidate = candidate_of(b, c);
    for (int l = 0; l < candidate->n_launches; l++)
        if (candidate->launch[l]->constant == constants)
            TW_TRY(launch(b, candidate->launch[l], c->first_kernel + l, error));
    return TW_OK;
}

/* Milliseconds a run. */
static tw_status time_runs(bout *b, const contender *c, int runs, double *ms, tw_error *error)
{
    const tw_backend *backend = b->runner.backend;
    TW_TRY(run(b, c, true, error));
    TW_TRY(run(b, c, false, error)); /* brings its data and code into the caches */
    TW_TRY(backend->finish(b->runner.compute, error));
    const uint64_t start = tw_trace_clock();
    for (int i = 0; i < runs; i++)
        TW_TRY(run(b, c, false, error));
    TW_TRY(backend->finish(b->runner.compute, error));
    *ms = (double)(tw_trace_clock() - start) * 1e-6 / runs;
    return TW_OK;
}

static int runs_of(double ms)
{
    return (int)TW_MIN(TW_MAX(PASS_MS / ms, 1.0), MOST_RUNS);
}

static tw_status pass(bout *b, contender *c, tw_error *error)
{
    double ms;
    TW_TRY(time_runs(b, c, runs_of(c->ms), &ms, error));
    c->ms = fmin(c->ms, ms);
    return TW_OK;
}

static tw_status passes(bout *b, int count, tw_error *error)
{
    for (int p = 0; p < count; p++)
        for (int i = 0; i < b->n_contenders; i++)
            TW_TRY(pass(b, &b->contender[i], error));
    return TW_OK;
}

static contender *fastest(const bout *b)
{
    contender *best = &b->contender[0];
    for (int i = 1; i < b->n_contenders; i++)
        if (b->contender[i].ms < best->ms)
            best = &b->contender[i];
    return best;
}

static tw_status compare(bout *b, tw_error *error)
{
    for (int i = 0; i < b->n_contenders; i++)
        TW_TRY(time_runs(b, &b->contender[i], 1, &b->contender[i].ms, error));
    TW_TRY(passes(b, SCREENING, error));
    const double best = fastest(b)->ms;
    for (int i = 0; i < b->n_contenders; i++) {
        if (!b->measuring->tell(b->measuring->user, candidate_of(b, &b->contender[i])->name,
                                b->contender[i].ms))
            return tw_fail(error, TW_ERROR_CANCELLED, "tuning was stopped");
        b->contender[i].out = i > 0 && b->contender[i].ms > FAR_BEHIND * best;
    }
    leave_out(b, stays);
    return passes(b, PASSES, error);
}

/* Winner and standard candidate once more, with fresh times; *best is the latter if in doubt. */
static tw_status confirm(bout *b, contender *best, tw_error *error)
{
    contender two[2] = {b->contender[0], *fastest(b)};
    *best = two[0];
    if (two[0].number == two[1].number)
        return TW_OK;
    const double usual[2] = {two[0].ms, two[1].ms};
    two[0].ms = two[1].ms = INFINITY;
    for (int p = 0; p < CONFIRMING; p++)
        for (int i = 0; i < 2; i++) {
            double ms;
            TW_TRY(time_runs(b, &two[i], runs_of(usual[i]), &ms, error));
            two[i].ms = fmin(two[i].ms, ms);
        }
    b->contender[0] = two[0];
    *best = two[0].ms > CLEARLY * two[1].ms ? two[1] : two[0];
    return TW_OK;
}

/* ---- all of it ---- */

/* Whether a plan with that candidate stays within the memory budget; finds which of its launches
 * are of parameters alone. */
static bool fits_plan(const bout *b, int number)
{
    b->stage->chosen = number;
    return tw_recipe_layout(b->runner.recipe, NULL) == TW_OK && b->stage->chosen == number;
}

static tw_status list_contenders(bout *b, tw_error *error)
{
    b->contender =
        tw_arena_alloc(&b->runner.arena, (size_t)b->stage->n_candidates * sizeof *b->contender);
    if (!b->contender)
        return tw_fail_memory(error);
    for (int i = 0; i < b->stage->n_candidates; i++)
        if (!b->stage->candidate[i]->struck && fits_plan(b, i))
            b->contender[b->n_contenders++] = (contender){.number = i};
    return TW_OK;
}

static tw_status measure(bout *b, tw_measured *measured, tw_error *error)
{
    bool fits = false;
    contender best;
    tw_take_verdicts(b->stage, 0, b->runner.params->proofs);
    TW_TRY(list_contenders(b, error));
    if (b->n_contenders < 2)
        return TW_OK;
    TW_TRY(build(b, error));
    TW_TRY(prove(b, error));
    if (b->n_contenders < 2 || b->measuring->over(b->measuring->user))
        return TW_OK;
    TW_TRY(make_memory(b, &fits, error));
    if (!fits)
        return TW_OK;
    TW_TRY(compare(b, error));
    TW_TRY(confirm(b, &best, error));
    *measured = (tw_measured){.done = true,
                              .standard = b->contender[0].number,
                              .best = best.number,
                              .standard_ms = b->contender[0].ms,
                              .best_ms = best.ms};
    return TW_OK;
}

tw_status tw_measure(tw_params *params, tw_recipe *recipe, tw_stage *stage,
                     const tw_measuring *measuring, tw_measured *measured, tw_error *error)
{
    const tw_backend *backend = params->device->backend;
    const int chosen = stage->chosen;
    bout b = {.measuring = measuring,
              .stage = stage,
              .runner = {.context = params->context,
                         .params = params,
                         .device = params->device,
                         .backend = backend,
                         .recipe = recipe,
                         .compute = params->queue,
                         .arena = {.context = params->context}}};
    *measured = (tw_measured){.done = false};
    b.built = tw_built_create(params->context, params->device);
    const tw_status status = b.built ? measure(&b, measured, error) : tw_fail_memory(error);
    (void)backend->finish(params->queue, NULL);
    if (b.buffer)
        backend->buffer_destroy(params->device, &b.buffer);
    tw_programs_free(&b.runner.programs);
    tw_built_destroy(&b.built);
    tw_arena_free(&b.runner.arena);
    stage->chosen = chosen;
    tw_proofs_save(params->proofs);
    return status;
}
