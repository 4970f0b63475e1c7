// SPDX-License-Identifier: Apache-2.0
// Every candidate of every stage on an OpenCL device, each tensor at an odd element offset between
// canaries, held against the C reference of the stage on equal inputs.
//
// All tensors lie in one buffer filled with a pattern that is NaN as f32, f16 and bf16 and absurd
// as an integer: reads beyond a tensor show in the results, writes beyond it show in the pattern.
#include "base/half.h"
#include "runner.h"
#include "schedule/schedule.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define GAP                                                                                        \
    192 /* bytes of canary before each tensor, and its offset is an odd number of elements */

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

/* ---- where the tensors lie, and their values as bytes ---- */

typedef struct ground {
    row_bench *bench;
    const tw_recipe *recipe;
    uint64_t *offset; /* bytes, by tensor id */
    uint64_t bytes;
    uint8_t *before, *after, *again; /* images of the buffer */
    tw_buffer *buffer;
    const kernel_set *kernels;
} ground;

static bool ground_open(ground *g, row_bench *bench, const kernel_set *kernels,
                        const tw_recipe *recipe, tw_error *error)
{
    *g = (ground){.bench = bench, .recipe = recipe, .kernels = kernels};
    g->offset = calloc((size_t)recipe->n_tensors + 1, sizeof *g->offset);
    uint64_t at = 0;
    for (int i = 0; i < recipe->n_tensors; i++) {
        const uint64_t size = tw_type_size(recipe->tensor[i].type);
        at = (at + GAP + 63) / 64 * 64;
        g->offset[i] = at + size * (2 * (uint64_t)(i % 5) + 1);
        at = g->offset[i] + (uint64_t)tw_dim_at(recipe->tensor[i].count, recipe->batch) * size;
    }
    g->bytes = (at + 2 * GAP + 63) / 64 * 64;
    g->before = malloc(g->bytes);
    g->after = malloc(g->bytes);
    g->again = malloc(g->bytes);
    return bench->device->backend->buffer_create(bench->device, g->bytes, &g->buffer, error) ==
           TW_OK;
}

static void ground_close(ground *g)
{
    if (g->buffer)
        g->bench->device->backend->buffer_destroy(g->bench->device, &g->buffer);
    free(g->offset);
    free(g->before);
    free(g->after);
    free(g->again);
}

static void store(const tw_type type, uint8_t *at, const void *data, const int64_t i)
{
    const double v = row_get(type, data, i);
    const float f = (float)v;
    const uint16_t half = type == TW_F16 ? tw_to_f16(f) : tw_to_bf16(f);
    const int32_t integer = type == TW_I32 ? (int32_t)v : 0;
    const uint8_t byte = type == TW_U8 || type == TW_BOOL ? (uint8_t)v : 0;
    const void *from = type == TW_F32            ? (const void *)&f
                       : type == TW_I32          ? (const void *)&integer
                       : tw_type_size(type) == 1 ? (const void *)&byte
                                                 : (const void *)&half;
    memcpy(at, from, tw_type_size(type));
}

static double load(const tw_type type, const uint8_t *at)
{
    float f;
    int32_t integer;
    uint16_t half;
    if (type == TW_F32)
        return memcpy(&f, at, 4), f;
    if (type == TW_I32)
        return memcpy(&integer, at, 4), integer;
    if (tw_type_size(type) == 1)
        return *at;
    memcpy(&half, at, 2);
    return type == TW_F16 ? tw_from_f16(half) : tw_from_bf16(half);
}

static int64_t count_at(const ground *g, const int id, const int64_t n)
{
    return tw_dim_at(g->recipe->tensor[id].count, n);
}

/* What a candidate does with a tensor. */
enum { READ = 1, WRITTEN = 2, WORKSPACE = 4 };

static void uses_of(const ground *g, const tw_candidate *candidate, uint8_t *uses)
{
    memset(uses, 0, (size_t)g->recipe->n_tensors);
    for (int l = 0; l < candidate->n_launches; l++)
        for (int a = 0; a < candidate->launch[l]->n_args; a++) {
            const tw_arg *arg = &candidate->launch[l]->arg[a];
            if (arg->kind == TW_ARG_TENSOR)
                uses[arg->tensor.id] |= arg->tensor.written ? WRITTEN : READ;
        }
    for (int w = 0; w < candidate->n_workspaces; w++)
        uses[candidate->workspace[w]] |= WORKSPACE;
}

/* NaN as f32, and as f16 and bf16 in both halves. Its payload differs from place to place: a NaN
 * that is read beyond one tensor and stored beyond another shows. */
static uint32_t canary_at(const uint64_t at)
{
    const uint32_t payload = ((uint32_t)(at / 4) * 2654435761u) >> 20;
    return 0x7fc07fc0u | (payload >> 6) << 16 | (payload & 63);
}

/* The image before a run: canaries, and the values of what is read. */
static void paint(ground *g, const row_memory *m, const uint8_t *uses)
{
    for (uint64_t at = 0; at < g->bytes; at += 4) {
        const uint32_t canary = canary_at(at);
        memcpy(g->before + at, &canary, sizeof canary);
    }
    for (int id = 0; id < g->recipe->n_tensors; id++) {
        const tw_type type = g->recipe->tensor[id].type;
        if ((uses[id] & READ) && m->known[id] && !(uses[id] & (WORKSPACE | WRITTEN)))
            for (int64_t i = 0; i < count_at(g, id, m->runtime.n); i++)
                store(type, g->before + g->offset[id] + (uint64_t)i * tw_type_size(type),
                      m->data[id], i);
    }
}

/* ---- running ---- */

static tw_kernel_arg number(const int32_t value)
{
    return (tw_kernel_arg){.size = 4, .value.i = value};
}

/* Fills the arguments of a launch; returns how many. */
static int arguments(const ground *g, const tw_launch *launch, const tw_runtime *runtime,
                     tw_kernel_arg *args)
{
    int count = 0;
    args[count++] = number((int32_t)runtime->n);
    for (int i = 0; i < launch->n_args; i++) {
        const tw_arg *arg = &launch->arg[i];
        if (arg->kind == TW_ARG_TENSOR) {
            const uint64_t size = tw_type_size(g->recipe->tensor[arg->tensor.id].type);
            args[count++] =
                (tw_kernel_arg){.buffer = g->buffer, .offset = g->offset[arg->tensor.id] / size};
        } else if (arg->kind == TW_ARG_SEED) {
            args[count++] = (tw_kernel_arg){.size = 4, .value.u = (uint32_t)runtime->seed};
            args[count++] = (tw_kernel_arg){.size = 4, .value.u = (uint32_t)(runtime->seed >> 32)};
        } else if (arg->kind == TW_ARG_FLOAT || arg->kind == TW_ARG_USER) {
            const float f = arg->kind == TW_ARG_FLOAT ? arg->f : runtime->user[arg->slot];
            args[count++] = (tw_kernel_arg){.size = 4, .value.f = f};
        } else if (arg->kind == TW_ARG_DIM) {
            args[count++] = number((int32_t)tw_dim_at(arg->dim, runtime->n));
        } else {
            args[count++] = arg->kind == TW_ARG_STEP   ? number((int32_t)runtime->step)
                            : arg->kind == TW_ARG_LINE ? number((int32_t)runtime->line)
                                                       : number(arg->i);
        }
    }
    return count;
}

static tw_status launch_all(ground *g, const tw_candidate *candidate, const tw_runtime *runtime,
                            tw_error *error)
{
    const tw_backend *backend = g->bench->device->backend;
    for (int l = 0; l < candidate->n_launches; l++) {
        const tw_launch *launch = candidate->launch[l];
        tw_kernel_arg args[2 * TW_MAX_ARGS + 1];
        const int n_args = arguments(g, launch, runtime, args);
        const int64_t groups[3] = {tw_launch_groups(launch, 0, runtime->n),
                                   tw_launch_groups(launch, 1, runtime->n),
                                   tw_launch_groups(launch, 2, runtime->n)};
        tw_kernel *kernel = kernel_of(g->kernels, launch, error);
        if (!kernel)
            return error->code;
        TW_TRY(backend->launch(g->bench->queue, kernel, n_args, args, launch->dims, groups,
                               launch->local, 0, NULL, NULL, error));
    }
    return TW_OK;
}

static tw_status run(ground *g, const tw_candidate *candidate, const tw_runtime *runtime,
                     uint8_t *image, tw_error *error)
{
    const tw_backend *backend = g->bench->device->backend;
    tw_queue *queue = g->bench->queue;
    TW_TRY(backend->write(queue, g->buffer, 0, g->bytes, g->before, 0, NULL, NULL, error));
    TW_TRY(launch_all(g, candidate, runtime, error));
    TW_TRY(backend->read(queue, g->buffer, 0, g->bytes, image, 0, NULL, NULL, error));
    return backend->finish(queue, error);
}

/* Best of a few passes over the candidate's launches, in milliseconds. */
static double best_time(ground *g, const tw_candidate *candidate, const tw_runtime *runtime)
{
    tw_error error;
    double best = INFINITY;
    for (int pass = 0; pass < 5; pass++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        for (int i = 0; i < 10; i++)
            if (launch_all(g, candidate, runtime, &error) != TW_OK)
                return NAN;
        if (g->bench->device->backend->finish(g->bench->queue, &error) != TW_OK)
            return NAN;
        clock_gettime(CLOCK_MONOTONIC, &end);
        best = fmin(best, ((double)(end.tv_sec - start.tv_sec) * 1e3 +
                           (double)(end.tv_nsec - start.tv_nsec) * 1e-6) /
                              10);
    }
    return best;
}

/* ---- checks ---- */

/* Bytes that may have changed: written tensors at batch n, workspaces as a whole. */
static bool check_canaries(const ground *g, const uint8_t *uses, const int64_t n, char *message)
{
    uint64_t at = 0;
    for (int id = 0; id <= g->recipe->n_tensors; id++) {
        const bool end = id == g->recipe->n_tensors;
        if (!end && !(uses[id] & (WRITTEN | WORKSPACE)))
            continue;
        const uint64_t to = end ? g->bytes : g->offset[id];
        for (; at < to; at++)
            if (g->before[at] != g->after[at])
                break;
        if (at < to) {
            int nearest = 0;
            for (int k = 0; k < g->recipe->n_tensors; k++)
                nearest = g->offset[k] <= at ? k : nearest;
            const uint64_t size = tw_type_size(g->recipe->tensor[nearest].type);
            snprintf(
                message, ROW_MESSAGE, "writes where it must not: %s[%lld] of %lld at batch %lld",
                g->recipe->tensor[nearest].label, (long long)((at - g->offset[nearest]) / size),
                (long long)count_at(g, nearest, n), (long long)n);
            return false;
        }
        if (!end)
            at = to + (uint64_t)count_at(g, id, uses[id] & WORKSPACE ? g->recipe->batch : n) *
                          tw_type_size(g->recipe->tensor[id].type);
    }
    return true;
}

/* How far a result may be from the reference's: what f32 arithmetic loses, and half a unit in the
 * last place of what it is stored as (2^-11 of f16's 11 bits, 2^-8 of bf16's 8; f16 below 2^-14 is
 * a multiple of 2^-24). Integers are exact. */
static double tolerance_of(const tw_type type, const double asked, const double scale,
                           const double want)
{
    const double plain = (asked > 0 ? asked : 2e-5) * (1 + scale);
    return type == TW_F32    ? plain
           : type == TW_F16  ? plain + fmax(fabs(want) * 0x1p-11, 0x1p-25)
           : type == TW_BF16 ? plain + fabs(want) * 0x1p-8
                             : 0;
}

/* The written results against the reference's. */
static bool check_values(const ground *g, const row_memory *m, const uint8_t *uses,
                         const double asked, char *message)
{
    for (int id = 0; id < g->recipe->n_tensors; id++) {
        if (!(uses[id] & WRITTEN) || (uses[id] & WORKSPACE) || !m->known[id])
            continue;
        const tw_type type = g->recipe->tensor[id].type;
        const int64_t count = count_at(g, id, m->runtime.n);
        double scale = 0;
        for (int64_t i = 0; i < count; i++) {
            const double want = fabs(row_get(type, m->data[id], i));
            scale = isfinite(want) ? fmax(scale, want) : scale;
        }
        for (int64_t i = 0; i < count; i++) {
            const double want = row_get(type, m->data[id], i);
            const double got =
                load(type, g->after + g->offset[id] + (uint64_t)i * tw_type_size(type));
            if (isnan(want)
                    ? isnan(got)
                    : got == want || fabs(got - want) <= tolerance_of(type, asked, scale, want))
                continue;
            snprintf(message, ROW_MESSAGE,
                     "%s[%lld] of %lld at batch %lld: got %.9g, want %.9g (largest %.3g)",
                     g->recipe->tensor[id].label, (long long)i, (long long)count,
                     (long long)m->runtime.n, got, want, scale);
            return false;
        }
    }
    return true;
}

static bool check_again(const ground *g, const uint8_t *uses, const int64_t n, char *message)
{
    for (int id = 0; id < g->recipe->n_tensors; id++) {
        const uint64_t bytes =
            (uint64_t)count_at(g, id, n) * tw_type_size(g->recipe->tensor[id].type);
        if ((uses[id] & WRITTEN) && !(uses[id] & WORKSPACE) &&
            memcmp(g->after + g->offset[id], g->again + g->offset[id], bytes) != 0) {
            snprintf(message, ROW_MESSAGE, "%s differs from run to run at batch %lld",
                     g->recipe->tensor[id].label, (long long)n);
            return false;
        }
    }
    return true;
}

static bool check_candidate(ground *g, const tw_candidate *candidate, const row_memory *m,
                            const double tolerance, char *message)
{
    tw_error error = {0};
    uint8_t *uses = malloc((size_t)g->recipe->n_tensors + 1);
    uses_of(g, candidate, uses);
    paint(g, m, uses);
    bool good = run(g, candidate, &m->runtime, g->after, &error) == TW_OK &&
                run(g, candidate, &m->runtime, g->again, &error) == TW_OK;
    if (!good)
        snprintf(message, ROW_MESSAGE, "%s", error.text);
    good = good && check_canaries(g, uses, m->runtime.n, message) &&
           check_values(g, m, uses, tolerance, message) &&
           check_again(g, uses, m->runtime.n, message);
    free(uses);
    return good;
}

/* One candidate at every batch. */
static void check_batches(ground *g, const row_job *job, const tw_stage *stage,
                          const tw_candidate *candidate, const row_memory *memories,
                          const int n_memories)
{
    const row_bench *b = g->bench;
    char message[ROW_MESSAGE] = "", name[300];
    bool good = true;
    for (int i = 0; i < n_memories && good; i++)
        good = check_candidate(g, candidate, &memories[i], job->row->row->tolerance, message);
    snprintf(name, sizeof name, "%s %s: %s", job->prefix, stage->label, candidate->name);
    b->report(b->user, job->row->row, good, name, message);
    if (b->speed && good) {
        const double ms = best_time(g, candidate, &memories[0].runtime);
        printf("# %s: %.4f ms, %.2f GFLOP/s\n", name, ms, 2e-6 * stage->cost / ms);
    }
}

/* Stage by stage: the reference from what the stages before it gave, then each candidate on the
 * same inputs. */
static void check_stages(ground *g, const row_job *job, row_memory *memories, const int n_memories)
{
    const row_bench *b = g->bench;
    for (int s = 0; s < g->recipe->n_stages; s++) {
        const tw_stage *stage = &g->recipe->stage[s];
        for (int i = 0; i < n_memories; i++)
            row_stage_run(&memories[i], stage);
        if (stage->n_candidates == 0)
            b->report(b->user, job->row->row, false, job->prefix, "a stage has no candidate");
        for (int k = 0; k < stage->n_candidates; k++)
            check_batches(g, job, stage, stage->candidate[k], memories, n_memories);
        for (int i = 0; i < n_memories; i++)
            row_stage_round(&memories[i], stage);
    }
}

static void check_job(row_bench *b, const kernel_set *kernels, const row_job *job)
{
    const int64_t batch = job->row->batch, batches[3] = {batch, 1, batch - 1};
    const int n_memories = batch > 2 ? 3 : (int)batch;
    row_memory memories[3];
    ground g;
    tw_error error = {.text = "the recipe asks for a value that the row does not have"};
    bool good = ground_open(&g, b, kernels, job->recipe, &error);
    for (int i = 0; i < n_memories; i++)
        good = row_memory_open(&memories[i], job->row, job->recipe, batches[i]) && good;
    if (good)
        check_stages(&g, job, memories, n_memories);
    else
        b->report(b->user, job->row->row, false, job->prefix, error.text);
    for (int i = 0; i < n_memories; i++)
        row_memory_close(&memories[i]);
    ground_close(&g);
}

void row_bench_add(row_bench *b, row_case *c, const tw_family family, const row_want want)
{
    row_job *job = &b->job[b->n_jobs];
    tw_caps caps = b->device->caps;
    *job = (row_job){.row = c};
    caps.family = family;
    snprintf(job->prefix, sizeof job->prefix, "%s %s", family == TW_FAMILY_SIMD ? "simd" : "simt",
             want == ROW_FORWARD ? "forward" : "gradient");
    if (!row_case_recipe(c, &caps, want, true, &job->recipe)) {
        b->report(b->user, c->row, false, job->prefix, c->error.text);
        return;
    }
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
