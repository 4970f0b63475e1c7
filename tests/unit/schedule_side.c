// SPDX-License-Identifier: Apache-2.0
// Runs beside one another: every run gives what it gives alone, sees the weights as they were when
// it was enqueued, and brings its outputs in order, even into one array.
#include "unit/schedule.h"

enum { BATCH = 64, COLUMNS = 8 * 8 * 32, UNITS = 320, RUNS = 14 };

/* Begins with weights that are transformed by themselves; takes longer than to enqueue the next
 * run; and the result is large enough to be computed in the caller's array. */
static const char model[] = "thalweg 1\n"
                            "x = input f32[n,8,8,32]\n"
                            "conv2d(x) filters=128 kernel=3 padding=same act=relu\n"
                            "flatten\n"
                            "h = dense units=320\n"
                            "scale = parameter f32[1] init=\"constant value=1\"\n"
                            "y = mul(h, scale)\n";

typedef struct bench {
    setup on;
    float *x[RUNS], *y[RUNS];
} bench;

static void open_plan(bench *b)
{
    static const char *const output[] = {"y"};
    const tw_plan_options options = {.batch = BATCH, .no_proof = true};
    CHECK_OK(tw_plan_create(b->on.params, 1, output, &options, &b->on.plan, &b->on.error),
             b->on.error);
}

static void open_bench(bench *b)
{
    open_setup(&b->on, "", NULL, model, 5);
    open_plan(b);
    for (int r = 0; r < RUNS; r++) {
        b->x[r] = malloc(sizeof(float) * BATCH * COLUMNS);
        b->y[r] = malloc(sizeof(float) * BATCH * UNITS);
        for (int i = 0; i < BATCH * COLUMNS; i++)
            b->x[r][i] = (float)((i * 31 + r * 17) % 101) / 50 - 1;
        for (int i = 0; i < BATCH * UNITS; i++)
            b->y[r][i] = -9;
    }
}

static void close_bench(bench *b)
{
    close_setup(&b->on);
    for (int r = 0; r < RUNS; r++) {
        free(b->x[r]);
        free(b->y[r]);
    }
}

static void enqueue(bench *b, int r, int64_t n, float *y)
{
    CHECK_OK(tw_plan_enqueue(b->on.plan, n, (const void *[]){b->x[r]}, (void *[]){y}, &b->on.error),
             b->on.error);
}

/* Run r alone, times scale (a power of two: exact), and nothing behind n rows. */
static void check(bench *b, int r, int64_t n, float scale, const float *y)
{
    float *alone = malloc(sizeof(float) * BATCH * UNITS);
    int wrong = 0;
    CHECK_OK(tw_plan_run(b->on.plan, n, (const void *[]){b->x[r]}, (void *[]){alone}, &b->on.error),
             b->on.error);
    for (int i = 0; i < BATCH * UNITS; i++)
        wrong += y[i] != (i < n * UNITS ? scale * alone[i] : -9);
    CHECK(wrong == 0);
    free(alone);
}

static void many(void)
{
    bench b;
    open_bench(&b);
    for (int pass = 0; pass < 3; pass++) {
        for (int r = 0; r < RUNS; r++)
            enqueue(&b, r, BATCH - r % 3, b.y[r]);
        CHECK_OK(tw_plan_wait(b.on.plan, &b.on.error), b.on.error);
        for (int r = 0; r < RUNS; r++)
            check(&b, r, BATCH - r % 3, 1, b.y[r]);
    }
    close_bench(&b);
}

/* Weights are set while runs are under way: these see the old ones, the next the new. Every second
 * run is short, so that those beside are the last to end; then the other way round. */
static void weights_change(const char *name, int count)
{
    bench b;
    open_bench(&b);
    float *w = malloc(sizeof *w * (size_t)count), scale = 1;
    CHECK_OK(tw_params_get(b.on.params, name, w, sizeof *w * (size_t)count, &b.on.error),
             b.on.error);
    for (int r = 0; r < RUNS; r++) {
        enqueue(&b, r, (r + r / 7) % 2 ? BATCH : 2, b.y[r]);
        if (r % 5 == 4) {
            scale *= 2;
            for (int i = 0; i < count; i++)
                w[i] *= 2;
            CHECK_OK(tw_params_set(b.on.params, name, w, sizeof *w * (size_t)count, &b.on.error),
                     b.on.error);
        }
    }
    CHECK_OK(tw_plan_wait(b.on.plan, &b.on.error), b.on.error);
    for (int r = 0; r < RUNS; r++)
        check(&b, r, (r + r / 7) % 2 ? BATCH : 2, (float)(1 << r / 5) / scale, b.y[r]);
    free(w);
    close_bench(&b);
}

static void weights_set(void)
{
    for (int pass = 0; pass < 4; pass++)
        weights_change("scale", 1);
}

static void transformed_weights_set(void)
{
    for (int pass = 0; pass < 4; pass++)
        weights_change("conv2d_1.weight", 3 * 3 * 32 * 128);
}

/* All into one array, of batches whose results are computed there and others that are copied: rows
 * are those of the last run that had them. */
static void one_array(void)
{
    static const int64_t sizes[] = {BATCH, 8, BATCH, 40, BATCH - 1, 3, 5, 33, BATCH};
    bench b;
    open_bench(&b);
    for (int last = 0; last < (int)(sizeof sizes / sizeof *sizes); last++) {
        float *y = b.y[RUNS - 1], *alone = b.y[RUNS - 2];
        int wrong = 0;
        for (int r = 0; r <= last; r++)
            enqueue(&b, r, sizes[r], y);
        CHECK_OK(tw_plan_wait(b.on.plan, &b.on.error), b.on.error);
        for (int r = last, from = 0; r >= 0; r--) {
            CHECK_OK(tw_plan_run(b.on.plan, sizes[r], (const void *[]){b.x[r]}, (void *[]){alone},
                                 &b.on.error),
                     b.on.error);
            for (int i = from * UNITS; i < sizes[r] * UNITS; i++)
                wrong += y[i] != alone[i];
            from = sizes[r] > from ? (int)sizes[r] : from;
        }
        CHECK(wrong == 0);
    }
    close_bench(&b);
}

/* Two plans on the same weights, one of them destroyed with runs under way. */
static void two_plans(void)
{
    bench b;
    open_bench(&b);
    tw_plan *first = b.on.plan;
    open_plan(&b);
    for (int r = 0; r < RUNS; r++) {
        tw_plan *plan = r % 3 ? b.on.plan : first;
        CHECK_OK(
            tw_plan_enqueue(plan, BATCH, (const void *[]){b.x[r]}, (void *[]){b.y[r]}, &b.on.error),
            b.on.error);
    }
    tw_plan_destroy(&first);
    CHECK_OK(tw_plan_wait(b.on.plan, &b.on.error), b.on.error);
    for (int r = 0; r < RUNS; r++)
        check(&b, r, BATCH, 1, b.y[r]);
    close_bench(&b);
}

/* A trace, which has runs follow one another, begins with some under way. */
static void traced(void)
{
    bench b;
    open_bench(&b);
    for (int r = 0; r < RUNS; r++) {
        if (r == RUNS / 2)
            CHECK_OK(tw_plan_trace(b.on.plan, &b.on.error), b.on.error);
        enqueue(&b, r, BATCH, b.y[r]);
    }
    CHECK_OK(tw_plan_wait(b.on.plan, &b.on.error), b.on.error);
    for (int r = 0; r < RUNS; r++)
        check(&b, r, BATCH, 1, b.y[r]);
    close_bench(&b);
}

TESTS(T(many), T(weights_set), T(transformed_weights_set), T(one_array), T(two_plans), T(traced))
