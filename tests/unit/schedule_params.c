// SPDX-License-Identifier: Apache-2.0
// Weights: initialisers by their statistics, equality on every device, reading and writing by name.
#include "unit/schedule.h"

typedef struct stats {
    double mean, deviation, least, most;
} stats;

static stats measure(const float *v, int count)
{
    stats s = {0.0, 0.0, v[0], v[0]};
    for (int i = 0; i < count; i++) {
        s.mean += v[i] / count;
        s.least = fmin(s.least, v[i]);
        s.most = fmax(s.most, v[i]);
    }
    for (int i = 0; i < count; i++)
        s.deviation += (v[i] - s.mean) * (v[i] - s.mean) / count;
    s.deviation = sqrt(s.deviation);
    return s;
}

/* A weight "w" with that type, shape and initialiser on the host device, or the failure. */
static tw_status make(const char *text, uint64_t seed, float *out, size_t bytes, tw_error *error)
{
    tw_context *context = open_context(NULL, "");
    tw_device *device = open_device(context, "host");
    tw_graph *graph = NULL;
    tw_params *params = NULL;
    CHECK_OK(tw_graph_create(context, &graph, error), *error);
    CHECK(tw_parameter(graph, text) != NULL);
    tw_status status = tw_params_create(graph, device, seed, &params, error);
    if (status == TW_OK)
        status = tw_params_get(params, "w", out, bytes, error);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    return status;
}

enum { MANY = 40000 };

static stats of(const char *text)
{
    static float v[MANY];
    tw_error error;
    CHECK_OK(make(text, 7, v, sizeof v, &error), error);
    return measure(v, MANY);
}

static void constants(void)
{
    stats s = of("w f32[200,200] init=zeros");
    CHECK(s.least == 0 && s.most == 0);
    s = of("w f32[200,200] init=ones");
    CHECK(s.least == 1 && s.most == 1);
    s = of("w f32[200,200] init=\"constant value=0.5\"");
    CHECK(s.least == 0.5 && s.most == 0.5);
}

/* Within five deviations of the mean of so many numbers. */
static void check_uniform(stats s, double low, double high)
{
    CHECK_NEAR(s.mean, (low + high) / 2, 5 * (high - low) / sqrt(12.0 * MANY));
    CHECK_NEAR(s.deviation, (high - low) / sqrt(12.0), 0.01 * (high - low));
    CHECK(s.least >= low && s.most <= high);
    CHECK(s.least < low + 0.001 * (high - low) && s.most > high - 0.001 * (high - low));
}

static void uniforms(void)
{
    check_uniform(of("w f32[200,200] init=uniform"), -0.05, 0.05);
    check_uniform(of("w f32[200,200] init=\"uniform min=1 max=3\""), 1, 3);
    /* fans of a dense kernel [in,out], of a convolution's [kh,kw,in,out], and of a vector */
    double limit = sqrt(6.0 / (100 + 400));
    check_uniform(of("w f32[100,400] init=glorot_uniform"), -limit, limit);
    limit = sqrt(6.0 / (5 * 5 * 16 + 5 * 5 * 100));
    check_uniform(of("w f32[5,5,16,100] init=glorot_uniform"), -limit, limit);
    limit = sqrt(6.0 / (5 * 5 * 16));
    check_uniform(of("w f32[5,5,16,100] init=he_uniform"), -limit, limit);
    limit = sqrt(3.0 / (5 * 5 * 16));
    check_uniform(of("w f32[5,5,16,100] init=lecun_uniform"), -limit, limit);
    limit = sqrt(6.0 / (2 * MANY));
    check_uniform(of("w f32[40000] init=glorot_uniform"), -limit, limit);
}

static void check_normal(stats s, double mean, double deviation, double cut)
{
    CHECK_NEAR(s.mean, mean, 5 * deviation / sqrt(MANY));
    CHECK_NEAR(s.deviation, deviation, 0.02 * deviation);
    CHECK(s.most <= mean + cut && s.most > mean + 0.95 * cut * (cut < 4 * deviation));
}

static void normals(void)
{
    check_normal(of("w f32[200,200] init=normal"), 0, 0.05, 1);
    check_normal(of("w f32[200,200] init=\"normal mean=2 stddev=0.5\""), 2, 0.5, 10);
    /* cut at two deviations, which leaves 0.8796 of it */
    check_normal(of("w f32[200,200] init=truncated_normal"), 0, 0.05 * 0.87962566, 0.1);
    double deviation = sqrt(2.0 / (100 + 400));
    check_normal(of("w f32[100,400] init=glorot_normal"), 0, deviation, 2 * deviation / 0.87962566);
    deviation = sqrt(2.0 / 100);
    check_normal(of("w f32[100,400] init=he_normal"), 0, deviation, 2 * deviation / 0.87962566);
    deviation = sqrt(1.0 / 100);
    check_normal(of("w f32[100,400] init=lecun_normal"), 0, deviation, 2 * deviation / 0.87962566);
}

static void check_orthogonal(const char *text, int rows, int cols, double gain)
{
    static float v[64 * 64];
    tw_error error;
    CHECK_OK(make(text, 3, v, (size_t)(rows * cols) * sizeof *v, &error), error);
    const int vectors = rows < cols ? rows : cols, length = rows < cols ? cols : rows;
    for (int a = 0; a < vectors; a++)
        for (int b = 0; b <= a; b++) {
            double product = 0;
            for (int i = 0; i < length; i++)
                product += rows < cols ? v[a * cols + i] * v[b * cols + i]
                                       : v[i * cols + a] * v[i * cols + b];
            CHECK_NEAR(product, a == b ? gain * gain : 0.0, 1e-5);
        }
}

static void orthogonal(void)
{
    check_orthogonal("w f32[12,40] init=orthogonal", 12, 40, 1);
    check_orthogonal("w f32[40,12] init=orthogonal", 40, 12, 1);
    check_orthogonal("w f32[3,3,4,8] init=\"orthogonal gain=2\"", 36, 8, 2);
}

static void identity(void)
{
    float v[6];
    tw_error error;
    CHECK_OK(make("w f32[2,3] init=\"identity gain=3\"", 1, v, sizeof v, &error), error);
    const float want[6] = {3, 0, 0, 0, 3, 0};
    CHECK(memcmp(v, want, sizeof v) == 0);
    CHECK(make("w f32[6] init=identity", 1, v, sizeof v, &error) == TW_ERROR_SHAPE);
    CHECK_HAS(error.text, "w: identity needs two dimensions");
}

static void seeds(void)
{
    float a[8], b[8], c[8];
    tw_error error;
    CHECK_OK(make("w f32[8] init=normal", 1, a, sizeof a, &error), error);
    CHECK_OK(make("w f32[8] init=normal", 1, b, sizeof b, &error), error);
    CHECK_OK(make("w f32[8] init=normal", 2, c, sizeof c, &error), error);
    CHECK(memcmp(a, b, sizeof a) == 0);
    CHECK(memcmp(a, c, sizeof a) != 0);
}

static void mistakes(void)
{
    float v[4];
    tw_error error;
    CHECK(make("w f32[4] init=glorot_unifrom", 1, v, sizeof v, &error) == TW_ERROR_NAME);
    CHECK_HAS(error.text, "glorot_uniform");
    CHECK_HAS(error.text, "w: ");
    CHECK(make("w f32[4] init=\"uniform low=0\"", 1, v, sizeof v, &error) != TW_OK);
    CHECK_HAS(error.text, "low");
    CHECK(make("w f32[4] init=he", 1, v, sizeof v, &error) == TW_ERROR_NAME);
    CHECK_HAS(error.text, "no initialiser \"he\": there are zeros, ones");
    CHECK_HAS(error.text, "he_normal");
    CHECK_HAS(error.text, "identity");
}

/* Every weight of every device is the same float. */
static void equal_everywhere(void)
{
    static float v[2][3000];
    tw_error error;
    for (int d = 0; d < 2; d++) {
        tw_context *context = open_context(NULL, "");
        tw_device *device = open_device(context, d ? NULL : "host");
        tw_graph *graph = NULL;
        tw_params *params = NULL;
        CHECK_OK(tw_graph_create(context, &graph, &error), error);
        (void)tw_parameter(graph, "first f32[7] init=ones");
        (void)tw_parameter(graph, "w f32[3,1000] init=he_normal");
        CHECK_OK(tw_params_create(graph, device, 5, &params, &error), error);
        CHECK_OK(tw_params_get(params, "w", v[d], sizeof v[d], &error), error);
        tw_params_destroy(&params);
        tw_graph_destroy(&graph);
        tw_device_destroy(&device);
        tw_context_destroy(&context);
    }
    CHECK(memcmp(v[0], v[1], sizeof v[0]) == 0);
}

static void get_and_set(const char *select)
{
    tw_context *context = open_context(NULL, "");
    tw_device *device = open_device(context, select);
    tw_graph *graph = NULL;
    tw_params *params = NULL;
    tw_error error;
    CHECK_OK(tw_graph_create(context, &graph, &error), error);
    (void)tw_parameter(graph, "first f32[7] init=ones");
    (void)tw_parameter(graph, "half f16[3] init=\"constant value=0.1\" trainable=no");
    (void)tw_parameter(graph, "whole i32[2] init=zeros trainable=no");
    CHECK_OK(tw_params_create(graph, device, 5, &params, &error), error);
    CHECK(tw_params_count(params) == 3);
    tw_array array;
    bool trainable;
    CHECK_TEXT(tw_params_describe(params, 1, &array, &trainable), "half");
    CHECK(array.type == TW_F16 && array.rank == 1 && array.dim[0] == 3 && !array.data &&
          !trainable);
    CHECK(tw_params_describe(params, 3, NULL, NULL) == NULL);
    float v[7] = {1, 2, 3, 4, 5, 6, 7}, back[7];
    CHECK_OK(tw_params_set(params, "first", v, sizeof v, &error), error);
    CHECK_OK(tw_params_get(params, "first", back, sizeof back, &error), error);
    CHECK(memcmp(v, back, sizeof v) == 0);
    uint16_t half[3];
    CHECK_OK(tw_params_get(params, "half", half, sizeof half, &error), error);
    CHECK(half[0] == 0x2e66 && half[2] == 0x2e66);
    const int32_t whole[2] = {-5, INT32_MAX};
    int32_t whole_back[2] = {0};
    CHECK_OK(tw_params_set(params, "whole", whole, sizeof whole, &error), error);
    CHECK_OK(tw_params_get(params, "whole", whole_back, sizeof whole_back, &error), error);
    CHECK(memcmp(whole, whole_back, sizeof whole) == 0);
    CHECK(tw_params_get(params, "frist", back, sizeof back, &error) == TW_ERROR_NAME);
    CHECK_HAS(error.text, "did you mean \"first\"?");
    CHECK(tw_params_set(params, "first", v, 4, &error) == TW_ERROR_SHAPE);
    CHECK_HAS(error.text, "f32[7]");
    tw_params_destroy(&params);
    CHECK(params == NULL);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
}

static void host_weights(void)
{
    get_and_set("host");
}
static void device_weights(void)
{
    get_and_set(NULL);
}

TESTS(T(constants), T(uniforms), T(normals), T(orthogonal), T(identity), T(seeds), T(mistakes),
      T(equal_everywhere), T(host_weights), T(device_weights))
