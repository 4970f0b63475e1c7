// SPDX-License-Identifier: Apache-2.0
// What proofs of kernels draw: real numbers and bytes of the range that an operator names. The
// test's own operator keeps what its reference is given.
#include "schedule/schedule.h"
#include "unit/schedule.h"
#include "unit/schedule_site.h"

/* ---- an operator: y = x, of the real x, the bytes k, the truths m and the numbers j ---- */

static double (*range_hook)(const tw_call *call, int input); /* of the running test */
static double least_x, most_x;
static int most_k, most_m, most_j, kinds_k; /* kinds_k: how many different ones */

static tw_status copy_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, TW_F32, &call->input[0]->shape);
    return TW_OK;
}

static void copy_host(const tw_host_call *call)
{
    bool seen[256] = {false};
    for (int64_t i = 0; i < call->out[0].count; i++) {
        const double x = ((const double *)call->in[0].data)[i];
        const uint8_t k = ((const uint8_t *)call->in[1].data)[i];
        least_x = TW_MIN(least_x, x);
        most_x = TW_MAX(most_x, x);
        most_k = TW_MAX(most_k, k);
        most_m = TW_MAX(most_m, ((const uint8_t *)call->in[2].data)[i]);
        most_j = TW_MAX(most_j, ((const int32_t *)call->in[3].data)[i]);
        kinds_k += !seen[k];
        seen[k] = true;
        ((double *)call->out[0].data)[i] = x;
    }
}

static void copy_variants(tw_site *site)
{
    tw_dim count;
    tw_launch *l = elementwise_launch(site, "only", &count);
    tw_launch_in(site, l, "K", site->in[1], TW_U8);
    tw_launch_in(site, l, "M", site->in[2], TW_BOOL);
    tw_launch_in(site, l, "J", site->in[3], TW_I32);
    tw_launch_out(site, l, "Y", site->out[0], TW_F32);
    tw_launch_define_text(
        site, l, "EPILOGUE_PARAMS",
        ", __global const float *x, ulong x_at, __global const uchar *k, ulong k_at, "
        "__global const uchar *m, ulong m_at, __global const int *j, ulong j_at, __global float "
        "*y, ulong y_at");
    tw_launch_define_text(site, l, "EPILOGUE(W, v, at, col)", "y[y_at + at] = x[x_at + at]");
    tw_launch_global(l, 0, count, 1, 1);
}

static double call_range(const tw_call *call, int input)
{
    return range_hook(call, input);
}

/* ---- a plan of it ---- */

static void draw(double (*range)(const tw_call *call, int input))
{
    const tw_operator copy = {.name = "copy_of_four",
                              .doc = "x",
                              .inputs = "x k m j",
                              .results = "y",
                              .infer = copy_infer,
                              .host = copy_host,
                              .range = range ? call_range : NULL,
                              .variants = copy_variants};
    const tw_operator *const list[] = {&copy, NULL};
    const tw_operator *const *registry[200] = {0};
    tw_error error;
    tw_graph *graph = NULL;
    tw_params *params = NULL;
    tw_plan *plan = NULL;
    watch seen = {0};
    tw_context *context = open_context(&seen, "");
    tw_device *device = open_device(context, NULL);
    int count = 0;
    for (; tw_operators[count]; count++)
        registry[count] = tw_operators[count];
    registry[count] = list;
    CHECK_OK(tw_graph_create(context, &graph, &error), error);
    graph->operators = registry;
    tw_node *inputs[] = {tw_input(graph, "x f32[n,400]"), tw_input(graph, "k u8[n,400]"),
                         tw_input(graph, "m bool[n,400]"), tw_input(graph, "j i32[n,400]")};
    (void)tw_op(graph, "y = copy_of_four", 4, inputs);
    CHECK_OK(tw_params_create(graph, device, 1, &params, &error), error);
    range_hook = range;
    least_x = most_x = most_k = most_m = most_j = kinds_k = 0;
    CHECK_OK(tw_plan_create(params, 1, (const char *const[]){"y"}, &(tw_plan_options){.batch = 1},
                            &plan, &error),
             error);
    CHECK(seen.warnings == 0);
    tw_plan_destroy(&plan);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
}

/* ---- tests ---- */

static void unsaid(void)
{
    draw(NULL);
    CHECK(least_x < -0.9 && least_x >= -1 && most_x > 0.9 && most_x < 1);
    CHECK(most_k == 1 && kinds_k == 2 && most_m == 1 && most_j == 1);
}

static double of_pixels(const tw_call *call, int input)
{
    (void)call;
    return input == 1 ? 4.0 : input == 3 ? 1000.0 : 0.25;
}

/* The real ones shrink; a truth stays 0 or 1, whatever is said. */
static void said(void)
{
    draw(of_pixels);
    CHECK(least_x < -0.2 && least_x >= -0.25 && most_x > 0.2 && most_x < 0.25);
    CHECK(most_k == 3 && kinds_k == 4 && most_m == 1 && most_j > 900 && most_j < 1000);
}

static double of_all(const tw_call *call, int input)
{
    (void)call;
    return input == 0 ? 1.0 : 1e12;
}

/* As many as a type has. */
static void all_numbers(void)
{
    draw(of_all);
    CHECK(most_k > 240 && kinds_k > 100 && most_m == 1 && most_j > 2000000000);
}

static double of_one(const tw_call *call, int input)
{
    (void)call;
    (void)input;
    return 1.0;
}

/* An operator that speaks of another input alone leaves whole numbers as they are. */
static void others_said(void)
{
    draw(of_one);
    CHECK(most_k == 1 && kinds_k == 2 && most_j == 1);
}

/* Numbers of pixels, rows and classes are all that there are. */
static void of_operators(void)
{
    static const struct {
        const char *inputs[3], *text;
        int which;
        double range;
    } row[] = {
        {{"dy f32[n,2,2,16]", "k u8[n,2,2,16]"},
         "maxpool_dx size=3,2 strides=3,2 height=6 width=4",
         1,
         6},
        {{"dy f32[n,2,2,16]", "k u8[n,2,2,16]", "w f32[3,3,16,16]"},
         "convolution_pool_dx size=2,2 height=6 width=6",
         1,
         4},
        {{"x f32[n,6,6,16]", "dy f32[n,2,2,16]", "k u8[n,2,2,16]"},
         "convolution_pool_dw size=2,2 kernel=3,3",
         2,
         4},
        {{"x f32[n,30,4]", "k i32[n,7]"}, "gather axis=1", 1, 30},
        {{"dy f32[n,7,4]", "k u8[n,7]"}, "gather_dx shape=n,30,4 axis=1", 1, 30},
        {{"k i32[n]"}, "one_hot depth=12", 0, 12},
        {{"x f32[n,17]", "k i32[n]"}, "softmax_cross_entropy", 1, 17},
        {{"x f32[n,17]", "k i32[n]", "d f32[n]"}, "softmax_cross_entropy_dx", 1, 17},
        {{"x f32[n,17]", "y f32[n,17]"}, "softmax_cross_entropy", -1, 1},
    };
    tw_context *context = open_context(NULL, "");
    for (int r = 0; r < TW_COUNT(row); r++) {
        tw_graph *graph = NULL;
        tw_error error;
        CHECK_OK(tw_graph_create(context, &graph, &error), error);
        tw_node *inputs[3];
        int count = 0;
        for (; count < 3 && row[r].inputs[count]; count++)
            inputs[count] = tw_input(graph, row[r].inputs[count]);
        const tw_node *result = tw_op(graph, row[r].text, count, inputs);
        CHECK(result && result->call->op->range);
        for (int i = 0; result && i < count; i++)
            CHECK_NEAR(result->call->op->range(result->call, i),
                       i == row[r].which ? row[r].range : 1.0, 0);
        tw_graph_destroy(&graph);
    }
    tw_context_destroy(&context);
}

TESTS(T(unsaid), T(said), T(all_numbers), T(others_said), T(of_operators))
