// SPDX-License-Identifier: Apache-2.0
// Proof of kernels: an operator of the test's own offers wrong ones, which must be struck off,
// remembered, and replaced.
#include "failing.h"
#include "schedule/run.h"
#include "schedule/schedule.h"
#include "unit/schedule.h"
#include "unit/schedule_site.h"
#include <sys/stat.h>

/* ---- an operator: y = 2 x, r = round(8 x) as integers ---- */

/* What its candidates do, in order. */
typedef enum fault {
    RIGHT,
    WRONG,       /* three times x */
    SHORT,       /* leaves the last element */
    LONG,        /* writes one element more */
    WRONG_WHOLE, /* the integers are one too large */
    NAN_MADE,
    NO_BUILD,
    NO_LAUNCH /* a work-group larger than any device's */
} fault;

static const fault *faults; /* of the running test, ended by RIGHT or by -1 */

static tw_status twice_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, TW_F32, &call->input[0]->shape);
    tw_result_set(call, 1, TW_I32, &call->input[0]->shape);
    return TW_OK;
}

static void twice_host(const tw_host_call *call)
{
    const double *x = call->in[0].data;
    for (int64_t i = 0; i < call->out[0].count; i++) {
        ((double *)call->out[0].data)[i] = 2.0 * x[i];
        ((int32_t *)call->out[1].data)[i] = (int32_t)rint(8.0 * x[i]);
    }
}

/* What a whole number that is not the reference's would take to be right. */
static double slack;

static double twice_slack(const tw_host_call *call, int result, int64_t at, int64_t got)
{
    const double want = rint(8.0 * ((const double *)call->in[0].data)[at]);
    return result == 1 && (double)got == want + 1.0 ? slack : INFINITY;
}

static const char *body_of(fault f)
{
    switch (f) {
    case WRONG:
        return "do { y[y_at + at] = 3.0f * x[x_at + at]; r[r_at + at] = (int)rint(8.0f * x[x_at + "
               "at]); } while (0)";
    case SHORT:
        return "if (at < COUNT - 1) { y[y_at + at] = 2.0f * x[x_at + at]; r[r_at + at] = "
               "(int)rint(8.0f * x[x_at + at]); }";
    case LONG:
        return "do { y[y_at + at] = 2.0f * x[x_at + at]; r[r_at + at] = (int)rint(8.0f * x[x_at + "
               "at]); "
               "if (at == COUNT - 1) y[y_at + COUNT] = 0.0f; } while (0)";
    case WRONG_WHOLE:
        return "do { y[y_at + at] = 2.0f * x[x_at + at]; r[r_at + at] = 1 + (int)rint(8.0f * "
               "x[x_at + at]); } while (0)";
    case NAN_MADE:
        return "do { y[y_at + at] = at == 7 ? NAN : 2.0f * x[x_at + at]; r[r_at + at] = "
               "(int)rint(8.0f * x[x_at + at]); } while (0)";
    case NO_BUILD:
        return "y[y_at + at] = no_such_thing(x[x_at + at])";
    default:
        return "do { y[y_at + at] = 2.0f * x[x_at + at]; r[r_at + at] = (int)rint(8.0f * x[x_at + "
               "at]); } while (0)";
    }
}

static void offer(tw_site *site, fault f, int number)
{
    static const char *const names[] = {"first", "second", "third"};
    tw_dim count;
    tw_launch *l = elementwise_launch(site, names[number], &count);
    tw_launch_out(site, l, "Y", site->out[0], TW_F32);
    tw_launch_out(site, l, "RES", site->out[1], TW_I32);
    tw_launch_define_text(
        site, l, "EPILOGUE_PARAMS",
        ", __global const float *x, ulong x_at, __global float *y, ulong y_at, __global int *r, "
        "ulong r_at");
    tw_launch_define_text(site, l, "EPILOGUE(W, v, at, col)", body_of(f));
    tw_launch_global(l, 0, count, 1, f == NO_LAUNCH ? 1 << 24 : 1);
}

static void twice_variants(tw_site *site)
{
    for (int i = 0;; i++) {
        if ((int)faults[i] == -1)
            return;
        offer(site, faults[i], i);
        if (faults[i] == RIGHT)
            return;
    }
}

static const tw_operator twice = {.name = "twice",
                                  .doc = "2 x, and 8 x rounded",
                                  .inputs = "x",
                                  .results = "y r",
                                  .infer = twice_infer,
                                  .host = twice_host,
                                  .slack = twice_slack,
                                  .variants = twice_variants};
static const tw_operator *const twice_list[] = {&twice, NULL};

/* ---- one plan of it ---- */

typedef struct bench {
    tw_context *context;
    tw_device *device;
    const tw_operator *const *registry[200];
    tw_graph *graph;
    tw_params *params;
    tw_plan *plan;
    tw_error error;
    watch seen;
} bench;

static const char *const outputs[] = {"y", "r"};

static tw_status open_bench(bench *b, const fault *list, const char *cache,
                            const tw_plan_options *options)
{
    *b = (bench){0};
    faults = list;
    b->context = open_context(&b->seen, cache);
    b->device = open_device(b->context, NULL);
    int count = 0;
    for (; tw_operators[count]; count++)
        b->registry[count] = tw_operators[count];
    b->registry[count] = twice_list;
    CHECK_OK(tw_graph_create(b->context, &b->graph, &b->error), b->error);
    b->graph->operators = b->registry;
    tw_node *x = tw_input(b->graph, "x f32[n,5]");
    (void)tw_op(b->graph, "y, r = twice", 1, &x);
    CHECK_OK(tw_params_create(b->graph, b->device, 1, &b->params, &b->error), b->error);
    return tw_plan_create(b->params, 2, outputs, options, &b->plan, &b->error);
}

static void close_bench(bench *b)
{
    tw_plan_destroy(&b->plan);
    tw_params_destroy(&b->params);
    tw_graph_destroy(&b->graph);
    tw_device_destroy(&b->device);
    tw_context_destroy(&b->context);
}

/* y[0] for x = 1. */
static double run(bench *b)
{
    float x[5] = {1, 2, 3, 4, 5}, y[5] = {0};
    int32_t r[5] = {0};
    CHECK_OK(tw_plan_run(b->plan, 1, (const void *[]){x}, (void *[]){y, r}, &b->error), b->error);
    return y[0];
}

/* ---- a cache folder, and the file in it ---- */

static char folder[64];

/* ---- tests ---- */

/* The wrong candidate is struck off with a warning, the right one serves, and another process knows
 * it. */
static void struck(fault f, const char *why)
{
    const fault list[] = {f, RIGHT};
    bench b;
    make_folder(folder);
    CHECK_OK(open_bench(&b, list, folder, NULL), b.error);
    CHECK_NEAR(run(&b), 2, 0);
    CHECK(b.seen.warnings == 1);
    CHECK_HAS(b.seen.last, "struck off");
    CHECK_HAS(b.seen.last, why);
    close_bench(&b);
    CHECK(count_in_file(folder, "proofs-", "struck") == 1);
    CHECK(count_in_file(folder, "proofs-", "proven") == 1);
    CHECK_OK(open_bench(&b, list, folder, NULL), b.error);
    CHECK_NEAR(run(&b), 2, 0);
    CHECK(b.seen.warnings == 0);
    close_bench(&b);
    remove_folder(folder);
}

static void wrong(void)
{
    struck(WRONG, "first computes element 0 of \"y\"");
}
static void too_short(void)
{
    struck(SHORT, "first computes element");
}
static void too_long(void)
{
    struck(LONG, "first writes beyond its results");
}
static void wrong_whole(void)
{
    slack = 0.01;
    struck(WRONG_WHOLE, "first computes element 0 of \"r\"");
}

/* Numbers below 1 may be off by 1e-4: then this one is as right. */
static void whole_within_slack(void)
{
    const fault list[] = {WRONG_WHOLE, RIGHT};
    bench b;
    slack = 0.5e-4;
    CHECK_OK(open_bench(&b, list, "", NULL), b.error);
    CHECK(b.seen.warnings == 0);
    close_bench(&b);
}

static void nan_made(void)
{
    struck(NAN_MADE, "first computes element 7 of \"y\" as nan");
}
static void no_build(void)
{
    struck(NO_BUILD, "does not build");
}

/* What the device will not launch may be a passing state: it is not written down. */
static void no_launch(void)
{
    const fault list[] = {NO_LAUNCH, RIGHT};
    bench b;
    make_folder(folder);
    CHECK_OK(open_bench(&b, list, folder, NULL), b.error);
    CHECK_NEAR(run(&b), 2, 0);
    CHECK(b.seen.warnings >= 1);
    close_bench(&b);
    CHECK(count_in_file(folder, "proofs-", "struck") == 0);
    CHECK(count_in_file(folder, "proofs-", "proven") == 1);
    remove_folder(folder);
}

static void several(void)
{
    const fault list[] = {NO_BUILD, WRONG, RIGHT};
    bench b;
    CHECK_OK(open_bench(&b, list, "", NULL), b.error);
    CHECK_NEAR(run(&b), 2, 0);
    CHECK(b.seen.warnings == 2);
    /* a second plan of these weights knows without a file */
    tw_plan *second = NULL;
    CHECK_OK(tw_plan_create(b.params, 2, outputs, NULL, &second, &b.error), b.error);
    CHECK(b.seen.warnings == 2);
    tw_plan_destroy(&second);
    close_bench(&b);
}

static void none_left(void)
{
    const fault list[] = {WRONG, (fault)-1};
    bench b;
    CHECK(open_bench(&b, list, "", NULL) == TW_ERROR_BUILD);
    CHECK_HAS(b.error.text, "y: every kernel that could serve is struck off");
    CHECK_HAS(b.error.text, "first computes element 0 of \"y\"");
    CHECK(b.plan == NULL);
    close_bench(&b);
    CHECK(open_bench(&b, (const fault[]){NO_BUILD, (fault)-1}, "", NULL) == TW_ERROR_BUILD);
    CHECK_HAS(b.error.text, "no_such_thing");
    close_bench(&b);
}

static void without_proof(void)
{
    const fault list[] = {WRONG, RIGHT};
    bench b;
    CHECK_OK(open_bench(&b, list, "", &(tw_plan_options){.no_proof = true}), b.error);
    CHECK_NEAR(run(&b), 3, 0);
    close_bench(&b);
}

/* The same launch text means the same key, another text another one. */
static void known_by_text(void)
{
    bench b;
    make_folder(folder);
    CHECK_OK(open_bench(&b, (const fault[]){WRONG, RIGHT}, folder, NULL), b.error);
    close_bench(&b);
    CHECK_OK(open_bench(&b, (const fault[]){LONG, WRONG, RIGHT}, folder, NULL), b.error);
    CHECK(b.seen.warnings == 1);
    CHECK(count_in_file(folder, "proofs-", "struck") == 2);
    close_bench(&b);
    remove_folder(folder);
}

/* A file that is damaged, or of another version, is as good as none, and is replaced. */
static void damaged_file(void)
{
    static const char *const texts[] = {
        "", "thalweg proofs 2\n0000000000000000 proven x\n",
        "thalweg proofs 1\n\n00 proven\nzzzzzzzzzzzzzzzz proven x\n0123456789abcdef maybe x\n"};
    for (int i = 0; i < 3; i++) {
        const fault list[] = {WRONG, RIGHT};
        bench b;
        char path[200];
        make_folder(folder);
        CHECK_OK(open_bench(&b, list, folder, NULL), b.error);
        close_bench(&b);
        find_file(folder, "proofs-", path);
        FILE *file = fopen(path, "w");
        CHECK(file && fputs(texts[i], file) >= 0);
        if (file)
            fclose(file);
        CHECK_OK(open_bench(&b, list, folder, NULL), b.error);
        CHECK(b.seen.warnings == 1);
        close_bench(&b);
        CHECK(count_in_file(folder, "proofs-", "thalweg proofs 1") == 1);
        CHECK(count_in_file(folder, "proofs-", "proven") == 1 &&
              count_in_file(folder, "proofs-", "struck") == 1);
        remove_folder(folder);
    }
}

/* A folder that cannot be made or written: proven each time, silently. */
static void unwritable_folder(void)
{
    const fault list[] = {WRONG, RIGHT};
    for (int i = 0; i < 2; i++) {
        bench b;
        CHECK_OK(open_bench(&b, list, "/dev/null/no/folder", NULL), b.error);
        CHECK_NEAR(run(&b), 2, 0);
        CHECK(b.seen.warnings == 1);
        CHECK_HAS(b.seen.last, "struck off");
        close_bench(&b);
    }
}

/* A recipe, and a runner of one, by hand. */
static tw_status make_recipe(bench *b, int64_t batch, tw_recipe **recipe)
{
    const tw_recipe_options wanted = {
        .batch = batch, .fusion = true, .n_outputs = 2, .output = outputs};
    return tw_recipe_create(b->graph, &b->params->table, &b->device->caps, &wanted, recipe,
                            &b->error);
}

static tw_status choose(bench *b, const char *const *choices, tw_runner **runner)
{
    tw_recipe *recipe = NULL;
    TW_TRY(make_recipe(b, 4, &recipe));
    const tw_runner_options options = {.choices = choices};
    return tw_runner_create(b->params, &recipe, &options, runner, &b->error);
}

/* Recipes that are prepared together: what is wrong is struck off once, before there is a runner,
 * which then takes the next; what does not build is left to the runner. */
static void together(void)
{
    static const fault lists[][2] = {{WRONG, RIGHT}, {NO_BUILD, RIGHT}};
    for (int i = 0; i < 2; i++) {
        bench b;
        tw_recipe *recipe[2] = {NULL, NULL};
        CHECK(open_bench(&b, lists[i], "", &(tw_plan_options){.batch = -1}) != TW_OK);
        CHECK_OK(make_recipe(&b, 4, &recipe[0]), b.error);
        CHECK_OK(make_recipe(&b, 40, &recipe[1]), b.error);
        CHECK_OK(tw_schedule_prepare(b.params, 2, recipe, true, &b.error), b.error);
        CHECK(b.seen.warnings == 0);
        CHECK_OK(tw_schedule_prepare(b.params, 2, recipe, false, &b.error), b.error);
        CHECK(b.seen.warnings == (i == 0));
        for (int k = 0; k < 2; k++) {
            tw_runner *runner = NULL;
            CHECK_OK(tw_runner_create(b.params, &recipe[k], NULL, &runner, &b.error), b.error);
            CHECK_TEXT(tw_runner_choices(runner)[0], "y=second");
            tw_runner_destroy(&runner);
        }
        CHECK(b.seen.warnings == 1);
        CHECK_HAS(b.seen.last, "struck off");
        close_bench(&b);
    }
}

/* Memory that is out at any allocation on the way: a sentence or, where that may be done without,
 * success; nothing is left behind. */
static void together_memory_out(void)
{
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    const tw_context_options options = {.allocator = &allocator, .cache_folder = ""};
    static const char *const output[] = {"y"};
    tw_context *context = NULL;
    tw_error error;
    CHECK_OK(tw_context_create(&options, &context, &error), error);
    tw_device *device = open_device(context, NULL);
    tw_graph *graph = parse(context, "thalweg 1\nx = input f32[n,5]\ny = softmax(x)\n");
    const long live = memory.live;
    long fails = 0, refused = 0;
    for (bool reached = true; reached && fails < 1000; fails++) {
        tw_params *params = NULL;
        tw_recipe *recipe[2] = {NULL, NULL};
        CHECK_OK(tw_params_create(graph, device, 1, &params, &error), error);
        for (int i = 0; i < 2; i++) {
            const tw_recipe_options wanted = {
                .batch = 4 + 40 * i, .fusion = true, .n_outputs = 1, .output = output};
            CHECK_OK(tw_recipe_create(graph, &params->table, &device->caps, &wanted, &recipe[i],
                                      &error),
                     error);
        }
        memory.fail_at = memory.calls + fails;
        const tw_status status = tw_schedule_prepare(params, 2, recipe, false, &error);
        reached = memory.calls > memory.fail_at;
        memory.fail_at = -1;
        CHECK(status == TW_OK || (reached && status == TW_ERROR_MEMORY));
        refused += status == TW_ERROR_MEMORY;
        for (int i = 0; i < 2; i++)
            tw_recipe_destroy(&recipe[i]);
        tw_params_destroy(&params);
        CHECK(memory.live == live && memory.wrong == 0);
    }
    CHECK(fails < 1000 && refused > 10);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    CHECK(memory.live == 0);
}

static void choices(void)
{
    const fault list[] = {WRONG, SHORT, RIGHT};
    bench b;
    tw_runner *runner = NULL;
    CHECK_OK(open_bench(&b, list, "", NULL), b.error);
    CHECK_OK(choose(&b, (const char *const[]){"other=third", "y=third", NULL}, &runner), b.error);
    const char *const *chosen = tw_runner_choices(runner);
    CHECK_TEXT(chosen[0], "y=third");
    CHECK(chosen[1] == NULL);
    tw_runner_destroy(&runner);
    /* one that is struck off, and one that is not there: the first that stands, and a warning */
    b.seen.warnings = 0;
    CHECK_OK(choose(&b, (const char *const[]){"y=first", NULL}, &runner), b.error);
    CHECK_TEXT(tw_runner_choices(runner)[0], "y=third");
    CHECK(b.seen.warnings == 1);
    CHECK_HAS(b.seen.last, "the recorded kernel first is not to be had here");
    tw_runner_destroy(&runner);
    CHECK_OK(choose(&b, (const char *const[]){"y=fourth", NULL}, &runner), b.error);
    CHECK(b.seen.warnings == 2);
    tw_runner_destroy(&runner);
    close_bench(&b);
}

/* ---- received ---- */

#define RUNS 21 /* more than are in flight at once */

typedef struct inbox {
    int count;
    int64_t n[RUNS];
    float first[RUNS];
} inbox;

static void take(void *user, int64_t n, const void *const *arrived)
{
    inbox *in = user;
    in->n[in->count] = n;
    in->first[in->count++] = ((const float *)arrived[0])[0];
}

static void received(void)
{
    const fault list[] = {RIGHT};
    bench b;
    inbox in = {0};
    tw_runner *runner = NULL;
    float x[20] = {0};
    CHECK_OK(open_bench(&b, list, "", NULL), b.error);
    CHECK_OK(choose(&b, NULL, &runner), b.error);
    const int in_flight = tw_runner_recipe(runner)->in_flight;
    for (int i = 0; i < RUNS; i++) {
        const tw_runtime runtime = {.n = 1 + i % 4};
        x[0] = (float)i;
        CHECK_OK(tw_runner_enqueue(
                     runner, &runtime,
                     &(tw_exchange){.inputs = (const void *[]){x}, .received = take, .user = &in},
                     &b.error),
                 b.error);
        CHECK(in.count == TW_MAX(i + 1 - in_flight, 0));
    }
    CHECK_OK(tw_runner_wait(runner, &b.error), b.error);
    CHECK(in.count == RUNS);
    for (int i = 0; i < RUNS; i++)
        CHECK(in.n[i] == 1 + i % 4 && in.first[i] == 2.0f * (float)i);
    CHECK_OK(tw_runner_wait(runner, &b.error), b.error);
    CHECK(in.count == RUNS);
    tw_runner_destroy(&runner);
    close_bench(&b);
}

TESTS(T(wrong), T(too_short), T(too_long), T(wrong_whole), T(whole_within_slack), T(nan_made),
      T(no_build), T(no_launch), T(several), T(none_left), T(without_proof), T(known_by_text),
      T(damaged_file), T(unwritable_folder), T(choices),
      T(together), T(together_memory_out), T(received))
