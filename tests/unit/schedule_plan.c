// SPDX-License-Identifier: Apache-2.0
// Plans: right numbers on every device, partial batches, runs in flight, shared weights, traces,
// memory that fails.
#include "device/device.h"
#include "failing.h"
#include "unit/schedule.h"
#include <jansson.h>

static const char *const outputs_of_small[] = {"y", "z"};

/* With a plan of "y" and "z" of the small model. */
static void open_bench(setup *b, const char *select, const tw_plan_options *options)
{
    open_setup(b, "", select, small_model, 11);
    CHECK_OK(tw_plan_create(b->params, 2, outputs_of_small, options, &b->plan, &b->error),
             b->error);
}

static void fill(float *x, int count, float start)
{
    for (int i = 0; i < count; i++)
        x[i] = start + 0.01f * (float)i;
}

/* y = tanh(a * x + 0.25), z = x * x for rows of five; beyond n nothing was written. */
static void check_rows(const float *a, const float *x, const float *y, const float *z, int n,
                       int room)
{
    for (int i = 0; i < room * 5; i++) {
        CHECK_NEAR(y[i], i < n * 5 ? tanh((double)a[i % 5] * x[i] + 0.25) : -9, 1e-6);
        CHECK_NEAR(z[i], i < n * 5 ? (double)x[i] * x[i] : -9, 1e-6);
    }
}

static void reset(float *v, int count)
{
    for (int i = 0; i < count; i++)
        v[i] = -9;
}

static void run_batches(const char *select, const tw_plan_options *options)
{
    setup b;
    float a[5], x[40], y[40], z[40];
    open_bench(&b, select, options);
    CHECK_OK(tw_params_get(b.params, "a", a, sizeof a, &b.error), b.error);
    const int64_t sizes[] = {8, 3, 8, 1, 5};
    for (int i = 0; i < 5; i++) {
        fill(x, 40, (float)i);
        reset(y, 40);
        reset(z, 40);
        CHECK_OK(tw_plan_run(b.plan, sizes[i], (const void *[]){x}, (void *[]){y, z}, &b.error),
                 b.error);
        check_rows(a, x, y, z, (int)sizes[i], 8);
    }
    reset(y, 40);
    CHECK_OK(tw_plan_run(b.plan, 2, (const void *[]){x}, (void *[]){y, NULL}, &b.error), b.error);
    check_rows(a, x, y, z, 2, 0);
    CHECK(tw_plan_run(b.plan, 9, (const void *[]){x}, (void *[]){y, z}, &b.error) ==
          TW_ERROR_ARGUMENT);
    CHECK_HAS(b.error.text, "1 to 8");
    CHECK(tw_plan_run(b.plan, 0, (const void *[]){x}, (void *[]){y, z}, &b.error) ==
          TW_ERROR_ARGUMENT);
    CHECK(tw_plan_run(b.plan, 1, (const void *[]){NULL}, (void *[]){y, z}, &b.error) ==
          TW_ERROR_ARGUMENT);
    CHECK_HAS(b.error.text, "\"x\"");
    close_setup(&b);
}

static void host(void)
{
    run_batches("host", &(tw_plan_options){.batch = 8});
}
static void device(void)
{
    run_batches(NULL, &(tw_plan_options){.batch = 8});
}
static void unfused(void)
{
    run_batches(NULL, &(tw_plan_options){.batch = 8, .no_fusion = true});
}
static void unproven(void)
{
    run_batches(NULL, &(tw_plan_options){.batch = 8, .no_proof = true});
}
static void simt(void)
{
    run_batches(NULL, &(tw_plan_options){.batch = 8, .kernels = "simt"});
}

/* More runs than may be in flight; the input is used again at once. */
static void run_many(const char *select)
{
    enum { RUNS = 50 };
    static float y[RUNS][40], z[RUNS][40];
    setup b;
    float a[5], x[40];
    open_bench(&b, select, &(tw_plan_options){.batch = 8});
    CHECK_OK(tw_params_get(b.params, "a", a, sizeof a, &b.error), b.error);
    for (int i = 0; i < RUNS; i++) {
        reset(y[i], 40);
        reset(z[i], 40);
        fill(x, 40, 0.1f * (float)i);
        CHECK_OK(tw_plan_enqueue(b.plan, 1 + i % 8, (const void *[]){x}, (void *[]){y[i], z[i]},
                                 &b.error),
                 b.error);
        memset(x, 0x55, sizeof x);
    }
    CHECK_OK(tw_plan_wait(b.plan, &b.error), b.error);
    for (int i = 0; i < RUNS; i++) {
        fill(x, 40, 0.1f * (float)i);
        check_rows(a, x, y[i], z[i], 1 + i % 8, 8);
    }
    close_setup(&b);
}

static void many_on_host(void)
{
    run_many("host");
}
static void many_on_device(void)
{
    run_many(NULL);
}

/* Number of events of a trace that is whole and in order; -1 if it is not. */
static int trace_events(const char *path, int *lanes)
{
    json_t *trace = json_load_file(path, 0, NULL), *event;
    json_t *events = json_object_get(trace, "traceEvents");
    int count = json_is_array(events) ? (int)json_array_size(events) : -1;
    size_t i;
    json_array_foreach(events, i, event)
    {
        if (!json_is_string(json_object_get(event, "name")) ||
            !json_is_real(json_object_get(event, "ts")) ||
            json_real_value(json_object_get(event, "dur")) < 0)
            count = -1;
        *lanes |= 1 << json_integer_value(json_object_get(event, "tid"));
    }
    json_decref(trace);
    return count;
}

/* Queues of their own for transfers, as on a GPU. */
static void three_queues(void)
{
    enum { RUNS = 50 };
    static float y[RUNS][40], z[RUNS][40];
    setup b = {0};
    float a[5], x[40];
    char path[] = "/tmp/thalweg-trace-XXXXXX";
    const int file = mkstemp(path);
    b.context = open_context(NULL, "");
    b.device = open_device(b.context, NULL);
    strcpy(b.device->info.type, "gpu");
    b.graph = parse(b.context, small_model);
    CHECK_OK(tw_params_create(b.graph, b.device, 11, &b.params, &b.error), b.error);
    CHECK_OK(tw_plan_create(b.params, 2, outputs_of_small, &(tw_plan_options){.batch = 8}, &b.plan,
                            &b.error),
             b.error);
    CHECK_OK(tw_params_get(b.params, "a", a, sizeof a, &b.error), b.error);
    for (int i = 0; i < RUNS; i++) {
        reset(y[i], 40);
        reset(z[i], 40);
        fill(x, 40, 0.1f * (float)i);
        if (i == RUNS / 2)
            CHECK_OK(tw_plan_trace(b.plan, &b.error), b.error);
        CHECK_OK(tw_plan_enqueue(b.plan, 1 + i % 8, (const void *[]){x}, (void *[]){y[i], z[i]},
                                 &b.error),
                 b.error);
        memset(x, 0x55, sizeof x);
    }
    CHECK_OK(tw_plan_trace_write(b.plan, path, &b.error), b.error);
    for (int i = 0; i < RUNS; i++) {
        fill(x, 40, 0.1f * (float)i);
        check_rows(a, x, y[i], z[i], 1 + i % 8, 8);
    }
    int lanes = 0;
    CHECK(trace_events(path, &lanes) == RUNS / 2 * 5);
    CHECK(lanes == 7);
    close_setup(&b);
    close(file);
    unlink(path);
}

/* A plan that is destroyed with runs in flight. */
static void destroyed_early(void)
{
    static float y[2][40], z[2][40];
    setup b;
    float x[40];
    open_bench(&b, NULL, &(tw_plan_options){.batch = 8});
    fill(x, 40, 0);
    for (int i = 0; i < 2; i++)
        CHECK_OK(tw_plan_enqueue(b.plan, 8, (const void *[]){x}, (void *[]){y[i], z[i]}, &b.error),
                 b.error);
    close_setup(&b);
    CHECK_NEAR(z[1][39], 0.39 * 0.39, 1e-6);
}

/* Two plans on one set of weights see what is set between runs. */
static void shared_weights(void)
{
    setup b;
    tw_plan *other = NULL;
    float x[40], y[40], z[40], a[5] = {1, 2, 3, 4, 5}, b_weight = 0.25f;
    open_bench(&b, NULL, &(tw_plan_options){.batch = 8});
    CHECK_OK(tw_plan_create(b.params, 1, outputs_of_small, &(tw_plan_options){.batch = 4}, &other,
                            &b.error),
             b.error);
    CHECK(tw_plan_input_count(other) == 1 && tw_plan_output_count(other) == 1);
    fill(x, 40, 0);
    for (int i = 0; i < 3; i++) {
        a[0] += 1;
        CHECK_OK(tw_params_set(b.params, "a", a, sizeof a, &b.error), b.error);
        CHECK_OK(tw_params_set(b.params, "b", &b_weight, sizeof b_weight, &b.error), b.error);
        reset(y, 40);
        CHECK_OK(tw_plan_run(other, 4, (const void *[]){x}, (void *[]){y}, &b.error), b.error);
        for (int k = 0; k < 20; k++)
            CHECK_NEAR(y[k], tanh((double)a[k % 5] * x[k] + 0.25), 1e-6);
        CHECK_OK(tw_plan_run(b.plan, 8, (const void *[]){x}, (void *[]){y, z}, &b.error), b.error);
        check_rows(a, x, y, z, 8, 8);
    }
    tw_plan_destroy(&other);
    close_setup(&b);
}

/* Weights in a form of the plan's own (packed for a kernel) follow the weights: on the device as on
 * the host. */
static void packed_weights(void)
{
    static const char model[] = "thalweg 1\n"
                                "x = input f32[n,9,9,8]\n"
                                "c = conv2d(x) filters=20 kernel=3\n"
                                "y = dense units=12\n";
    enum { ROOM = 2 * 7 * 7 * 12 };
    static float x[2 * 9 * 9 * 8], w[3 * 3 * 8 * 20], y[2][4][ROOM];
    const char *const select[] = {NULL, "host"};
    int constant = 0;
    for (int d = 0; d < 2; d++) {
        setup b;
        open_setup(&b, "", select[d], model, 3);
        CHECK_OK(tw_plan_create(b.params, 1, outputs_of_small, &(tw_plan_options){.batch = 2},
                                &b.plan, &b.error),
                 b.error);
        for (int i = 0; i < 4; i++) {
            for (int k = 0; k < (int)(sizeof x / sizeof *x); k++)
                x[k] = (float)((k * 7 + i) % 11) - 5;
            for (int k = 0; k < (int)(sizeof w / sizeof *w); k++)
                w[k] = 0.01f * (float)((k * 5 + i) % 13);
            if (i != 2) /* once with the weights of the run before */
                CHECK_OK(tw_params_set(b.params, "c.weight", w, sizeof w, &b.error), b.error);
            CHECK_OK(tw_plan_run(b.plan, 2, (const void *[]){x}, (void *[]){y[d][i]}, &b.error),
                     b.error);
        }
        char *text = NULL;
        CHECK_OK(tw_plan_print(b.plan, false, &text, &b.error), b.error);
        constant += text && strstr(text, "once:") != NULL;
        tw_text_free(b.context, &text);
        close_setup(&b);
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < ROOM; k++)
            CHECK_NEAR(y[0][i][k], y[1][i][k], 1e-3);
    CHECK(constant == 1);
}

/* Random nodes follow seed and step; a step that is set again brings the same numbers. */
static void random_steps(void)
{
    setup b;
    const char *const name = "z";
    float z[4][6];
    open_setup(&b, "", "host", "thalweg 1\nz = random_normal() shape=n,3\n", 0);
    const tw_plan_options options = {.batch = 2, .seed = 5};
    CHECK_OK(tw_plan_create(b.params, 1, &name, &options, &b.plan, &b.error), b.error);
    for (int i = 0; i < 4; i++) {
        if (i == 2)
            tw_plan_set_step(b.plan, 0);
        CHECK_OK(tw_plan_run(b.plan, 2, NULL, (void *[]){z[i]}, &b.error), b.error);
    }
    CHECK(memcmp(z[0], z[1], sizeof z[0]) != 0);
    CHECK(memcmp(z[0], z[2], sizeof z[0]) == 0 && memcmp(z[1], z[3], sizeof z[0]) == 0);
    close_setup(&b);
}

static void describes_itself(void)
{
    setup b;
    tw_array array;
    char *text = NULL;
    open_bench(&b, NULL, &(tw_plan_options){.batch = 8});
    CHECK_TEXT(tw_plan_input(b.plan, 0, &array), "x");
    CHECK(array.type == TW_F32 && array.rank == 2 && array.dim[0] == 8 && array.dim[1] == 5 &&
          !array.data);
    CHECK_TEXT(tw_plan_output(b.plan, 1, &array), "z");
    CHECK(tw_plan_input(b.plan, 1, NULL) == NULL && tw_plan_output(b.plan, -1, NULL) == NULL);
    CHECK(tw_plan_memory(b.plan) >= 3 * 2 * 8 * 5 * sizeof(float));
    CHECK_OK(tw_plan_print(b.plan, false, &text, &b.error), b.error);
    CHECK(text && *text);
    tw_text_free(b.context, &text);
    close_setup(&b);
}

static void mistakes(void)
{
    setup b;
    tw_plan *plan = NULL;
    open_bench(&b, "host", NULL);
    CHECK(tw_plan_create(b.params, 1, (const char *[]){"yy"}, NULL, &plan, &b.error) ==
          TW_ERROR_NAME);
    CHECK(tw_plan_create(b.params, 0, outputs_of_small, NULL, &plan, &b.error) ==
          TW_ERROR_ARGUMENT);
    tw_plan_options options = {.kernels = "simd"};
    CHECK(tw_plan_create(b.params, 1, outputs_of_small, &options, &plan, &b.error) ==
          TW_ERROR_UNSUPPORTED);
    options.kernels = "cuda";
    CHECK(tw_plan_create(b.params, 1, outputs_of_small, &options, &plan, &b.error) ==
          TW_ERROR_NAME);
    CHECK_HAS(b.error.text, "simd, simt, or host");
    options = (tw_plan_options){.batch = -1};
    CHECK(tw_plan_create(b.params, 1, outputs_of_small, &options, &plan, &b.error) ==
          TW_ERROR_ARGUMENT);
    CHECK(plan == NULL);
    close_setup(&b);
}

static void trace_of(const char *select, int events_per_run, int all_lanes)
{
    setup b;
    float x[40], y[40], z[40];
    char path[] = "/tmp/thalweg-trace-XXXXXX";
    const int file = mkstemp(path);
    CHECK(file >= 0);
    open_bench(&b, select, &(tw_plan_options){.batch = 8});
    fill(x, 40, 0);
    CHECK_OK(tw_plan_run(b.plan, 8, (const void *[]){x}, (void *[]){y, z}, &b.error),
             b.error); /* not recorded */
    CHECK_OK(tw_plan_trace(b.plan, &b.error), b.error);
    for (int i = 0; i < 5; i++)
        CHECK_OK(tw_plan_enqueue(b.plan, 8, (const void *[]){x}, (void *[]){y, z}, &b.error),
                 b.error);
    CHECK_OK(tw_plan_trace_write(b.plan, path, &b.error), b.error);
    int lanes = 0;
    CHECK(trace_events(path, &lanes) == 5 * events_per_run);
    CHECK(lanes == all_lanes);
    CHECK(tw_plan_trace_write(b.plan, "/nowhere/trace.json", &b.error) == TW_ERROR_FILE);
    close_setup(&b);
    close(file);
    unlink(path);
}

static void host_trace(void)
{
    trace_of("host", 2, 2);
}
/* One write, two launches, two reads. */
static void device_trace(void)
{
    trace_of(NULL, 5, 7);
}

/* Makes everything, and runs it, with the allocation number `at` failing. True when none was left
 * to fail. */
static bool survive(const char *select, long at)
{
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    const tw_context_options options = {.allocator = &allocator, .cache_folder = ""};
    float x[40], y[40], z[40];
    setup b = {0};
    CHECK_OK(tw_context_create(&options, &b.context, &b.error), b.error);
    CHECK_OK(tw_device_open(b.context, select, &b.device, &b.error), b.error);
    b.graph = parse(b.context, small_model);
    memory.fail_at = memory.calls + at;
    const long last = memory.fail_at;
    fill(x, 40, 0);
    tw_status status = tw_params_create(b.graph, b.device, 11, &b.params, &b.error);
    if (status == TW_OK)
        status = tw_plan_create(b.params, 2, outputs_of_small, &(tw_plan_options){.batch = 8},
                                &b.plan, &b.error);
    if (status == TW_OK)
        status = tw_plan_trace(b.plan, &b.error);
    for (int i = 0; i < 3 && status == TW_OK; i++)
        status = tw_plan_enqueue(b.plan, 8, (const void *[]){x}, (void *[]){y, z}, &b.error);
    if (status == TW_OK)
        status = tw_plan_wait(b.plan, &b.error);
    const bool out = memory.calls <= last;
    /* what fails in proofs' memory, say, is survived; everything else is reported as what it is */
    CHECK(status == TW_OK || status == TW_ERROR_MEMORY || status == TW_ERROR_DEVICE_MEMORY);
    if (status != TW_OK && status != TW_ERROR_MEMORY && status != TW_ERROR_DEVICE_MEMORY)
        printf("# allocation %ld: %s\n", at, b.error.text);
    CHECK(!out || status == TW_OK);
    close_setup(&b);
    CHECK(memory.live == 0);
    CHECK(memory.wrong == 0);
    return out;
}

static void memory_fails_on_host(void)
{
    long at = 0;
    while (at < 5000 && !survive("host", at))
        at++;
    CHECK(at > 20);
}

static void memory_fails_on_device(void)
{
    long at = 0;
    while (at < 5000 && !survive(NULL, at))
        at++;
    CHECK(at > 30);
}

/* Biases and relus that are done behind a maxpool leave it the values that it had, NaN, infinity,
 * ties and sums that round to the same among them; what is asked for by name is there as well. */
static void pooled(const char *select, const char *const *outputs, int count)
{
    static const char model[] = "thalweg 1\n"
                                "x = input f32[n,4,6,2]\n"
                                "b = parameter f32[2] init=\"uniform min=-1 max=1\"\n"
                                "s = add(x, b)\n"
                                "r = relu(s)\n"
                                "p = maxpool2d(r)\n"
                                "q = leaky_relu(p)\n";
    float x[2 * 48], whole[2][2 * 48], apart[2][2 * 48];
    for (int i = 0; i < 96; i++)
        x[i] = (float)(i * 37 % 23 - 11) * (i % 5 == 0 ? 1e-9f : 0.25f);
    x[3] = NAN;
    x[8] = INFINITY;
    x[30] = -INFINITY;
    for (int unfused = 0; unfused < 2; unfused++) {
        setup b;
        const tw_plan_options options = {.batch = 2, .no_fusion = unfused};
        open_setup(&b, "", select, model, 3);
        CHECK_OK(tw_plan_create(b.params, count, outputs, &options, &b.plan, &b.error), b.error);
        float(*y)[2 * 48] = unfused ? apart : whole;
        memset(y, 0, sizeof whole);
        CHECK_OK(tw_plan_run(b.plan, 2, (const void *[]){x}, (void *[]){y[0], y[1]}, &b.error),
                 b.error);
        close_setup(&b);
    }
    CHECK(memcmp(whole, apart, sizeof whole) == 0);
    int nan = 0;
    for (int i = 0; i < 24; i++)
        nan += isnan(whole[0][i]) != 0;
    CHECK(nan == 1);
}

/* Large outputs may be computed in the caller's array, wherever it begins: nothing but the rows of
 * the batch is written, each run has its own, and the array may go once it has been waited for. */
static void large_outputs(void)
{
    enum { COLUMNS = 20000, RUNS = 12 };
    static const char model[] = "thalweg 1\nx = input f32[n,20000]\ny = neg(x)\nz = relu(y)\n";
    static const char *const outputs[] = {"z"};
    static const int64_t sizes[] = {2, 1, 2};
    setup b = {0};
    open_setup(&b, "", NULL, model, 3);
    CHECK_OK(
        tw_plan_create(b.params, 1, outputs, &(tw_plan_options){.batch = 2}, &b.plan, &b.error),
        b.error);
    float *x = malloc(2 * COLUMNS * sizeof *x), *block[RUNS], *z[RUNS];
    for (int r = 0; r < RUNS; r++) {
        /* 4, 8, ... 48 bytes behind what malloc gives */
        block[r] = malloc((2 * COLUMNS + 32) * sizeof **block);
        z[r] = block[r] + r + 1;
        for (int i = 0; i < 2 * COLUMNS + 32; i++)
            block[r][i] = -9;
        for (int i = 0; i < 2 * COLUMNS; i++)
            x[i] = (float)(i % 7 - 3 + r);
        CHECK_OK(
            tw_plan_enqueue(b.plan, sizes[r % 3], (const void *[]){x}, (void *[]){z[r]}, &b.error),
            b.error);
    }
    CHECK_OK(tw_plan_wait(b.plan, &b.error), b.error);
    for (int r = 0; r < RUNS; r++) {
        const int count = (int)sizes[r % 3] * COLUMNS;
        int wrong = 0;
        for (int i = 0; i < 2 * COLUMNS; i++)
            wrong += z[r][i] != (i >= count ? -9 : i % 7 - 3 + r < 0 ? (float)(3 - i % 7 - r) : 0);
        for (int i = 0; i <= r; i++)
            wrong += block[r][i] != -9;
        CHECK(wrong == 0);
        free(block[r]);
    }
    free(x);
    close_setup(&b);
}

static void pooled_on_host(void)
{
    pooled("host", (const char *const[]){"q"}, 1);
}

static void pooled_on_device(void)
{
    pooled(NULL, (const char *const[]){"q"}, 1);
    pooled(NULL, (const char *const[]){"p", "r"}, 2);
    pooled(NULL, (const char *const[]){"p", "s"}, 2);
}

TESTS(T(host), T(device), T(unfused), T(unproven), T(simt), T(random_steps), T(many_on_host),
      T(many_on_device), T(three_queues), T(destroyed_early), T(shared_weights), T(packed_weights),
      T(describes_itself), T(mistakes), T(pooled_on_host), T(pooled_on_device), T(large_outputs),
      T(host_trace), T(device_trace), T(memory_fails_on_host), T(memory_fails_on_device))
