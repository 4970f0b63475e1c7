// SPDX-License-Identifier: Apache-2.0
// Chains: launches made as one compute what they compute one by one, bit for bit: a trace has them
// made so.
#include "schedule/schedule.h"
#include "unit/schedule.h"

#define BATCH 6
#define MOST_OUTPUTS 16

typedef struct bench {
    tw_context *context;
    tw_device *device;
    tw_graph *graph;
    tw_params *params;
    tw_recipe *recipe; /* the runner's */
    tw_runner *runner;
    tw_error error;
} bench;

static bench *open_bench(const char *model, int outputs, const char *const *output, bool chains)
{
    bench *b = calloc(1, sizeof *b);
    b->context = open_context(NULL, "");
    b->device = open_device(b->context, NULL);
    b->graph = parse(b->context, model);
    CHECK_OK(tw_params_create(b->graph, b->device, 11, &b->params, &b->error), b->error);
    tw_recipe *recipe = NULL;
    const tw_recipe_options options = {
        .batch = BATCH, .fusion = false, .n_outputs = outputs, .output = output};
    CHECK_OK(tw_recipe_create(b->graph, &b->params->table, &b->device->caps, &options, &recipe,
                              &b->error),
             b->error);
    b->recipe = recipe;
    CHECK_OK(tw_runner_create(b->params, &recipe, &(tw_runner_options){.no_chains = !chains},
                              &b->runner, &b->error),
             b->error);
    return b;
}

static void close_bench(bench *b)
{
    tw_runner_destroy(&b->runner);
    tw_params_destroy(&b->params);
    tw_graph_destroy(&b->graph);
    tw_device_destroy(&b->device);
    tw_context_destroy(&b->context);
    free(b);
}

/* Where kernels are not called there are no chains, and nothing to see here. */
static bool chained(const bench *b)
{
    return b->device->caps.calls && b->recipe->caps.family == TW_FAMILY_SIMD;
}

static size_t output_bytes(const bench *b, int i)
{
    return tw_runner_port_bytes(b->runner, &b->recipe->output[i]);
}

/* One run of n rows; what does not belong to them stays as it was: 0x5a. */
static void run(bench *b, int64_t n, uint32_t step, void *const *out)
{
    float x[BATCH * 5];
    for (int i = 0; i < BATCH * 5; i++)
        x[i] = 0.1f * (float)i - 0.7f;
    for (int i = 0; i < b->recipe->n_outputs; i++)
        memset(out[i], 0x5a, output_bytes(b, i));
    const tw_runtime runtime = {.n = n, .seed = 77, .step = step, .line = 2, .user = {0.5f, 3.0f}};
    CHECK_OK(tw_runner_enqueue(b->runner, &runtime,
                               &(tw_exchange){.inputs = (const void *[]){x}, .outputs = out},
                               &b->error),
             b->error);
    CHECK_OK(tw_runner_wait(b->runner, &b->error), b->error);
}

/* Runs with chains, then, under a trace, without; each of several batches twice over. */
static void compare(bench *b)
{
    static const int64_t sizes[] = {BATCH, 1, 4, BATCH};
    void *whole[MOST_OUTPUTS], *single[MOST_OUTPUTS];
    void *kept[TW_COUNT(sizes)][MOST_OUTPUTS];
    const int outputs = b->recipe->n_outputs;
    for (int i = 0; i < outputs; i++) {
        whole[i] = malloc(output_bytes(b, i));
        single[i] = malloc(output_bytes(b, i));
    }
    for (int s = 0; s < TW_COUNT(sizes); s++) {
        run(b, sizes[s], (uint32_t)s, whole);
        for (int i = 0; i < outputs; i++)
            kept[s][i] = memcpy(malloc(output_bytes(b, i)), whole[i], output_bytes(b, i));
    }
    CHECK_OK(tw_runner_trace(b->runner, &b->error), b->error);
    for (int s = 0; s < TW_COUNT(sizes); s++) {
        run(b, sizes[s], (uint32_t)s, single);
        for (int i = 0; i < outputs; i++) {
            CHECK(memcmp(kept[s][i], single[i], output_bytes(b, i)) == 0);
            free(kept[s][i]);
        }
    }
    for (int i = 0; i < outputs; i++) {
        free(whole[i]);
        free(single[i]);
    }
}

/* Packed weights (run once), random numbers (a run's scalars), results of other sizes, and a
 * parameter that changes between runs. */
static const char mixed[] = "thalweg 1\n"
                            "x = input f32[n,5]\n"
                            "h = dense(x) units=7 act=tanh\n"
                            "r = random_uniform() shape=n,7\n"
                            "m = mul(h, r)\n"
                            "k = dense(m) units=3\n"
                            "p = softmax(k)\n"
                            "s = reduce_sum(p) axes=0\n"
                            "i = argmax(k)\n";

static void computes(void)
{
    static const char *const output[] = {"p", "s", "i", "m"};
    bench *b = open_bench(mixed, 4, output, true);
    if (chained(b)) {
        CHECK(b->runner->n_chains == 1);
        int constants = 0;
        for (int i = 0; i < b->runner->n_bound; i++) {
            const bool constant = b->runner->bound[i].launch->constant;
            constants += constant;
            CHECK((b->runner->bound[i].chain == NULL) == constant);
        }
        CHECK(constants > 0 && b->runner->chain[0].count == b->runner->n_bound - constants);
    }
    compare(b);
    close_bench(b);
}

/* A new weight reaches what is packed of it, ahead of the chain. */
static void constants(void)
{
    static const char *const output[] = {"p"};
    float before[BATCH * 3], after[BATCH * 3], bias[3] = {9, 0, 0};
    bench *b = open_bench(mixed, 1, output, true);
    run(b, BATCH, 0, (void *[]){before});
    CHECK_OK(tw_params_set(b->params, "k.bias", bias, sizeof bias, &b->error), b->error);
    run(b, BATCH, 0, (void *[]){after});
    CHECK(after[0] > before[0] && after[0] > 0.99f);
    close_bench(b);
}

/* Each third output is the one before it, negative: none lies on another. */
static void check_negs(bench *b)
{
    float *out[MOST_OUTPUTS];
    for (int i = 0; i < MOST_OUTPUTS; i++)
        out[i] = malloc(output_bytes(b, i));
    run(b, BATCH, 0, (void **)out);
    for (int i = 3; i < MOST_OUTPUTS; i += 3)
        for (size_t j = 0; j < output_bytes(b, i) / sizeof **out; j++)
            CHECK(out[i][j] == -out[i - 1][j]);
    for (int i = 0; i < MOST_OUTPUTS; i++)
        free(out[i]);
}

/* `first`, of x, and calls each of which reads the one before it, all of them outputs: as many
 * chains. */
static void many_outputs(const char *first, int chains)
{
    char model[1200], name[MOST_OUTPUTS][8];
    const char *output[MOST_OUTPUTS];
    snprintf(model, sizeof model, "thalweg 1\nx = input f32[n,5]\n");
    for (int i = 0; i < MOST_OUTPUTS; i++) {
        snprintf(name[i], sizeof name[i], "y%d", i);
        output[i] = name[i];
        snprintf(model + strlen(model), sizeof model - strlen(model), "y%d = %s(%s)%s\n", i,
                 i == 0  ? "dense"
                 : i % 3 ? "tanh"
                         : "neg",
                 i ? name[i - 1] : "x", i ? "" : first);
    }
    bench *b = open_bench(model, MOST_OUTPUTS, output, true);
    if (chained(b)) {
        int count = 0;
        for (int i = 0; i < b->runner->n_chains; i++)
            count += b->runner->chain[i].count;
        int constant = 0;
        for (int i = 0; i < b->runner->n_bound; i++)
            constant += b->runner->bound[i].launch->constant;
        CHECK(b->runner->n_chains == chains && count == b->runner->n_bound - constant);
    }
    compare(b);
    check_negs(b);
    close_bench(b);
}

/* More buffers than a chain has room for: it is parted. */
static void many_buffers(void)
{
    many_outputs(" units=3000", 2);
}

/* Outputs that are small share one. */
static void small_outputs(void)
{
    many_outputs(" units=7", 1);
}

/* Work that is worth the cores is launched by itself. */
static void large(void)
{
    static const char model[] = "thalweg 1\n"
                                "x = input f32[n,5]\n"
                                "a = neg(x)\n"
                                "b = tanh(a)\n"
                                "c = dense(b) units=40000\n"
                                "d = dense(c) units=140\n"
                                "e = reduce_sum(d) axes=0\n"
                                "f = neg(e)\n";
    static const char *const output[] = {"f"};
    bench *b = open_bench(model, 1, output, true);
    if (chained(b)) {
        CHECK(b->runner->n_chains == 2);
        CHECK(b->runner->chain[0].first == 0);
    }
    compare(b);
    close_bench(b);
}

/* Launches of some microseconds are shared by the cores: first steps and last, small ones between
 * them; run by run in order and beside, more runs than there are sets of counters. */
static void shared(void)
{
    static const char model[] = "thalweg 1\n"
                                "x = input f32[n,5]\n"
                                "a = dense(x) units=800 act=tanh\n"
                                "b = dense(a) units=300 act=relu\n"
                                "c = reduce_sum(b) axes=0\n"
                                "d = neg(c)\n"
                                "e = mul(b, d)\n"
                                "f = dense(e) units=700 act=sigmoid\n"
                                "g = dense(f) units=33\n";
    static const char *const output[] = {"g", "d"};
    enum { RUNS = 40 };
    float x[BATCH * 5], g[RUNS][BATCH * 33], d[RUNS][300];
    bench *b = open_bench(model, 2, output, true);
    if (chained(b) && b->device->caps.units > 1)
        CHECK(b->runner->n_chains == 1 && b->runner->chain[0].items == b->device->caps.units);
    for (int i = 0; i < BATCH * 5; i++)
        x[i] = 0.1f * (float)i - 0.7f;
    for (int r = 0; r < RUNS; r++) {
        const tw_runtime runtime = {.n = r % 2 ? BATCH : 3};
        const tw_exchange exchange = {.inputs = (const void *[]){x},
                                      .outputs = (void *[]){g[r], d[r]}};
        CHECK_OK(tw_runner_enqueue(b->runner, &runtime, &exchange, &b->error), b->error);
    }
    CHECK_OK(tw_runner_wait(b->runner, &b->error), b->error);
    for (int r = 2; r < RUNS; r++) {
        CHECK(memcmp(g[r], g[r % 2], sizeof **g * 33 * (r % 2 ? BATCH : 3)) == 0);
        CHECK(memcmp(d[r], d[r % 2], sizeof d[r]) == 0);
    }
    compare(b);
    close_bench(b);
}

static void refused(void)
{
    static const char *const output[] = {"p", "s", "i"};
    bench *b = open_bench(mixed, 3, output, false);
    CHECK(b->runner->n_chains == 0);
    compare(b);
    close_bench(b);
}

TESTS(T(computes), T(constants), T(many_buffers), T(small_outputs), T(large), T(shared), T(refused))
