// SPDX-License-Identifier: Apache-2.0
// Every candidate of every stage on an OpenCL device, each tensor at an odd element offset between
// canaries, held against the C reference of the stage on equal inputs.
//
// All tensors lie in one buffer filled with a pattern that is NaN as f32, f16 and bf16 and absurd
// as an integer: reads beyond a tensor show in the results, writes beyond it show in the pattern.
#include "ground.h"
#include "schedule/schedule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* A recipe whose kernels wait to be built and checked. */
typedef struct row_job {
    row_case *row;
    tw_recipe *recipe;
    char prefix[40]; /* "simd forward" */
} row_job;

#define ROW_JOBS 256

struct row_bench {
    tw_context *context;
    tw_device *device;
    tw_queue *queue;
    bool speed;
    row_report report;
    void *user;
    int n_jobs, n_launches;
    row_job job[ROW_JOBS];
};

bool row_bench_open(row_bench **bench, tw_context *context, const bool speed,
                    const row_report report, void *user, tw_error *error)
{
    row_bench *b = calloc(1, sizeof *b);
    b->context = context;
    b->speed = speed;
    b->report = report;
    b->user = user;
    *bench = b;
    if (tw_device_open(context, NULL, &b->device, error) != TW_OK)
        return false;
    return !b->device->backend->program_build ||
           b->device->backend->queue_create(b->device, false, &b->queue, error) == TW_OK;
}

void row_bench_close(row_bench **bench)
{
    row_bench *b = *bench;
    if (!b)
        return;
    if (b->queue)
        b->device->backend->queue_destroy(b->device, &b->queue);
    tw_device_destroy(&b->device);
    free(b);
    *bench = NULL;
}

const tw_caps *row_bench_caps(const row_bench *bench)
{
    return bench->device->backend->program_build ? &bench->device->caps : NULL;
}

/* The kernels of every candidate of some recipes, built as one program: a program costs PoCL 0.2 s,
 * a kernel 0.05 s. */
typedef struct kernel_set {
    tw_built *built;
    tw_programs programs;
    int count;
    tw_launch **launch; /* those that build, in the programs' order */
    tw_error error;     /* why the others do not */
} kernel_set;

static int launch_count(const tw_recipe *recipe)
{
    int count = 0;
    for (int s = 0; s < recipe->n_stages; s++)
        for (int i = 0; i < recipe->stage[s].n_candidates; i++)
            count += recipe->stage[s].candidate[i]->n_launches;
    return count;
}

static void collect(kernel_set *k, const tw_recipe *recipe)
{
    for (int s = 0; s < recipe->n_stages; s++)
        for (int i = 0; i < recipe->stage[s].n_candidates; i++)
            for (int l = 0; l < recipe->stage[s].candidate[i]->n_launches; l++)
                k->launch[k->count++] = recipe->stage[s].candidate[i]->launch[l];
}

/* Leaves the launches out that are guilty. */
static void refuse(kernel_set *k, const bool *guilty)
{
    int kept = 0;
    for (int i = 0; i < k->count; i++)
        if (!guilty[i])
            k->launch[kept++] = k->launch[i];
    k->count = kept;
}

static tw_status kernels_build(kernel_set *k, const row_bench *b, tw_error *error)
{
    k->launch = calloc((size_t)b->n_launches + 1, sizeof *k->launch);
    for (int i = 0; i < b->n_jobs; i++)
        collect(k, b->job[i].recipe);
    bool *guilty = calloc((size_t)k->count + 1, sizeof *guilty);
    k->built = tw_built_create(b->context, b->device);
    tw_status status =
        tw_programs_build(k->built, k->count, k->launch, guilty, &k->programs, error);
    if (status == TW_ERROR_BUILD) {
        k->error = *error;
        refuse(k, guilty);
        status = tw_programs_build(k->built, k->count, k->launch, guilty, &k->programs, error);
    }
    free(guilty);
    return status;
}

static void kernels_free(kernel_set *k)
{
    tw_programs_free(&k->programs);
    tw_built_destroy(&k->built);
    free(k->launch);
}

static tw_kernel *kernel_of(const kernel_set *k, const tw_launch *launch, tw_error *error)
{
    for (int i = 0; i < k->count; i++)
        if (k->launch[i] == launch)
            return k->programs.kernel[i];
    *error = k->error;
    return NULL;
}

/* ---- running ---- */

/* A recipe on its ground, with the kernels of all recipes. */
typedef struct trial {
    row_bench *bench;
    const kernel_set *kernels;
    ground ground;
} trial;

/* Fills the arguments of a launch; returns how many. */
static int arguments(const ground *g, const tw_launch *launch, const tw_runtime *runtime,
                     tw_kernel_arg *args)
{
    int count = 0;
    args[count++] = (tw_kernel_arg){.size = 4, .value.i = (int32_t)runtime->n};
    for (int i = 0; i < launch->n_args; i++) {
        const tw_arg *arg = &launch->arg[i];
        if (arg->kind != TW_ARG_TENSOR) {
            count += tw_bind_scalar(arg, runtime, &args[count]);
            continue;
        }
        const uint64_t size = tw_type_size(g->recipe->tensor[arg->tensor.id].type);
        args[count++] =
            (tw_kernel_arg){.buffer = g->buffer, .offset = g->offset[arg->tensor.id] / size};
    }
    return count;
}

static tw_status launch_all(const trial *t, const tw_candidate *candidate,
                            const tw_runtime *runtime, tw_error *error)
{
    const tw_backend *backend = t->bench->device->backend;
    for (int l = 0; l < candidate->n_launches; l++) {
        const tw_launch *launch = candidate->launch[l];
        tw_kernel_arg args[2 * TW_MAX_ARGS + 1];
        const int n_args = arguments(&t->ground, launch, runtime, args);
        const int64_t groups[3] = {tw_launch_groups(launch, 0, runtime->n),
                                   tw_launch_groups(launch, 1, runtime->n),
                                   tw_launch_groups(launch, 2, runtime->n)};
        tw_kernel *kernel = kernel_of(t->kernels, launch, error);
        if (!kernel)
            return error->code;
        TW_TRY(backend->launch(t->bench->queue, kernel, n_args, args, launch->dims, groups,
                               launch->local, 0, NULL, NULL, error));
    }
    return TW_OK;
}

static tw_status run(const trial *t, const tw_candidate *candidate, const tw_runtime *runtime,
                     uint8_t *image, tw_error *error)
{
    const tw_backend *backend = t->bench->device->backend;
    tw_queue *queue = t->bench->queue;
    const ground *g = &t->ground;
    TW_TRY(backend->write(queue, g->buffer, 0, g->bytes, g->before, 0, NULL, NULL, error));
    TW_TRY(launch_all(t, candidate, runtime, error));
    TW_TRY(backend->read(queue, g->buffer, 0, g->bytes, image, 0, NULL, NULL, error));
    return backend->finish(queue, error);
}

/* Best of a few passes over the candidate's launches, in milliseconds. */
static double best_time(const trial *t, const tw_candidate *candidate, const tw_runtime *runtime)
{
    tw_error error;
    double best = INFINITY;
    for (int pass = 0; pass < 5; pass++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < 10; i++)
            if (launch_all(t, candidate, runtime, &error) != TW_OK)
                return NAN;
        if (t->bench->device->backend->finish(t->bench->queue, &error) != TW_OK)
            return NAN;
        clock_gettime(CLOCK_MONOTONIC, &end);
        best = fmin(best, ((double)(end.tv_sec - start.tv_sec) * 1e3 +
                           (double)(end.tv_nsec - start.tv_nsec) * 1e-6) /
                              10);
    }
    return best;
}

static bool check_candidate(trial *t, const tw_candidate *candidate, const row_memory *m,
                            const double tolerance, char *message)
{
    tw_error error = {0};
    ground *g = &t->ground;
    uint8_t *uses = malloc((size_t)g->recipe->n_tensors + 1);
    ground_uses(g, candidate, uses);
    ground_paint(g, m, uses);
    bool good = run(t, candidate, &m->runtime, g->after, &error) == TW_OK &&
                run(t, candidate, &m->runtime, g->again, &error) == TW_OK;
    if (!good)
        snprintf(message, ROW_MESSAGE, "%s", error.text);
    good = good && ground_check_canaries(g, uses, m->runtime.n, message) &&
           ground_check_values(g, m, uses, tolerance, message) &&
           ground_check_again(g, uses, m->runtime.n, message);
    free(uses);
    return good;
}

/* One candidate at every batch. */
static void check_batches(trial *t, const row_job *job, const tw_stage *stage,
                          const tw_candidate *candidate, const row_memory *memories,
                          const int n_memories)
{
    const row_bench *b = t->bench;
    char message[ROW_MESSAGE] = "", name[300];
    bool good = true;
    for (int i = 0; i < n_memories && good; i++)
        good = check_candidate(t, candidate, &memories[i], job->row->row->tolerance, message);
    snprintf(name, sizeof name, "%s %s: %s", job->prefix, stage->label, candidate->name);
    b->report(b->user, job->row->row, good, name, message);
    if (b->speed && good) {
        const double ms = best_time(t, candidate, &memories[0].runtime);
        printf("# %s: %.4f ms, %.2f GFLOP/s\n", name, ms, 2e-6 * stage->cost / ms);
    }
}

/* Stage by stage: the reference from what the stages before it gave, then each candidate on the
 * same inputs. */
static void check_stages(trial *t, const row_job *job, row_memory *memories, const int n_memories)
{
    const row_bench *b = t->bench;
    const tw_recipe *recipe = t->ground.recipe;
    for (int s = 0; s < recipe->n_stages; s++) {
        const tw_stage *stage = &recipe->stage[s];
        for (int i = 0; i < n_memories; i++)
            row_stage_run(&memories[i], stage);
        if (stage->n_candidates == 0)
            b->report(b->user, job->row->row, false, job->prefix, "a stage has no candidate");
        for (int k = 0; k < stage->n_candidates; k++)
            check_batches(t, job, stage, stage->candidate[k], memories, n_memories);
        for (int i = 0; i < n_memories; i++)
            row_stage_round(&memories[i], stage);
    }
}

static void check_job(row_bench *b, const kernel_set *kernels, const row_job *job)
{
    const int64_t batch = job->row->batch, batches[3] = {batch, 1, batch - 1};
    const int n_memories = batch > 2 ? 3 : (int)batch;
    row_memory memories[3];
    trial t = {.bench = b, .kernels = kernels};
    tw_error error = {.text = "the recipe asks for a value that the row does not have"};
    bool good = ground_open(&t.ground, b->device, job->recipe, &error);
    for (int i = 0; i < n_memories; i++)
        good = row_memory_open(&memories[i], job->row, job->recipe, batches[i]) && good;
    if (good)
        check_stages(&t, job, memories, n_memories);
    else
        b->report(b->user, job->row->row, false, job->prefix, error.text);
    for (int i = 0; i < n_memories; i++)
        row_memory_close(&memories[i]);
    ground_close(&t.ground);
}

void row_bench_add(row_bench *b, row_case *c, const tw_family family, const row_want want)
{
    row_job *job = &b->job[b->n_jobs];
    tw_caps caps = b->device->caps;
    *job = (row_job){.row = c};
    caps.family = family;
    if (c->row->stream)
        caps.stream = 1;
    snprintf(job->prefix, sizeof job->prefix, "%s %s", family == TW_FAMILY_SIMD ? "simd" : "simt",
             want == ROW_FORWARD ? "forward" : "gradient");
    if (!row_case_recipe(c, &caps, want, true, &job->recipe)) {
        b->report(b->user, c->row, false, job->prefix, c->error.text);
        return;
    }
    for (int s = 0; c->row->alternatives && s < job->recipe->n_stages; s++)
        if (tw_recipe_offer(&job->recipe->stage[s], "*", &c->error) != TW_OK)
            b->report(b->user, c->row, false, job->prefix, c->error.text);
    b->n_launches += launch_count(job->recipe);
    b->n_jobs++;
}

bool row_bench_full(const row_bench *b)
{
    return b->n_launches > 100 || b->n_jobs + 4 > ROW_JOBS;
}

void row_bench_run(row_bench *b)
{
    kernel_set kernels = {0};
    tw_error error;
    const bool good = kernels_build(&kernels, b, &error) == TW_OK;
    for (int i = 0; i < b->n_jobs; i++) {
        if (good)
            check_job(b, &kernels, &b->job[i]);
        else
            b->report(b->user, b->job[i].row->row, false, b->job[i].prefix, error.text);
        tw_recipe_destroy(&b->job[i].recipe);
    }
    b->n_jobs = b->n_launches = 0;
    kernels_free(&kernels);
}
