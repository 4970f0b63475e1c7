// SPDX-License-Identifier: Apache-2.0
// How far Winograd's convolutions lie from the sums in double, beside the direct kernels, whose
// sums are plain ones in float: at most four times as far, which is what lets them stand first.
#include "base/random.h"
#include "schedule/schedule.h"
#include "unit/schedule.h"
#include <math.h>

#define MOST 4.0

typedef enum direction { FORWARD, BY_X, BY_WEIGHT } direction;

typedef struct shape {
    int n, size, ci, co, pad;
} shape;

/* x, w and y, one of which is the result. */
typedef struct tensors {
    int64_t count[3];
    float *f[3];
} tensors;
static const int result_of[] = {[FORWARD] = 2, [BY_X] = 0, [BY_WEIGHT] = 1};

static int out_size(const shape *s)
{
    return s->size + 2 * s->pad - 2;
}

/* Normal numbers; of x (or dy), if `positive`, those above 0, as relu leaves them. */
static tensors draw(const shape *s, bool positive)
{
    const int64_t out = out_size(s);
    tensors t = {.count = {(int64_t)s->n * s->size * s->size * s->ci, (int64_t)9 * s->ci * s->co,
                           s->n * out * out * s->co}};
    for (int k = 0; k < 3; k++) {
        const tw_random random = {.seed = 5, .name = (uint64_t)k};
        t.f[k] = malloc((size_t)t.count[k] * sizeof(float));
        for (int64_t i = 0; i < t.count[k]; i++) {
            const double v = tw_random_normal(&random, (uint64_t)i);
            t.f[k][i] = (float)(positive && k != 1 ? fmax(v, 0.0) : v);
        }
    }
    return t;
}

/* What one channel of a pixel of x adds to the sums, by one tap, with all channels of one of y. */
static void add_channels(direction d, int co, float x, const float *w, const float *y, double *sum)
{
    double total = 0;
    for (int k = 0; k < co; k++)
        if (d == FORWARD)
            sum[k] += (double)x * (double)w[k];
        else if (d == BY_X)
            total += (double)y[k] * (double)w[k];
        else
            sum[k] += (double)x * (double)y[k];
    if (d == BY_X)
        *sum += total;
}

/* The sums in double. */
static double *sums(const shape *s, direction d, const tensors *t)
{
    const int out = out_size(s), size = s->size;
    double *sum = calloc((size_t)t->count[result_of[d]], sizeof *sum);
    for (int row = 0; row < s->n * out; row++)
        for (int ox = 0; ox < out; ox++)
            for (int tap = 0; tap < 9; tap++) {
                const int iy = row % out + tap / 3 - s->pad, ix = ox + tap % 3 - s->pad;
                if (iy < 0 || iy >= size || ix < 0 || ix >= size)
                    continue;
                const int64_t x = (((int64_t)(row / out) * size + iy) * size + ix) * s->ci;
                const int64_t y = ((int64_t)row * out + ox) * s->co;
                for (int ci = 0; ci < s->ci; ci++) {
                    const int64_t w = ((int64_t)tap * s->ci + ci) * s->co;
                    add_channels(d, s->co, t->f[0][x + ci], t->f[1] + w, t->f[2] + y,
                                 sum + (d == FORWARD ? y : d == BY_X ? x + ci : w));
                }
            }
    return sum;
}

static void write_model(const shape *s, direction d, char *text, size_t size)
{
    const int out = out_size(s);
    char x[60], w[60], y[60], call[100];
    snprintf(x, sizeof x, "x = input f32[n,%d,%d,%d]\n", s->size, s->size, s->ci);
    snprintf(w, sizeof w, "w = input f32[3,3,%d,%d]\n", s->ci, s->co);
    snprintf(y, sizeof y, "y = input f32[n,%d,%d,%d]\n", out, out, s->co);
    if (d == FORWARD)
        snprintf(call, sizeof call, "r = convolution(x, w) pads=%d\n", s->pad);
    else if (d == BY_X)
        snprintf(call, sizeof call, "r = convolution_dx(y, w) height=%d width=%d pads=%d\n",
                 s->size, s->size, s->pad);
    else
        snprintf(call, sizeof call, "r = convolution_dw(x, y) kernel=3 pads=%d\n", s->pad);
    snprintf(text, size, "thalweg 1\n%s%s%s%s", d == BY_X ? "" : x, d == BY_WEIGHT ? "" : w,
             d == FORWARD ? "" : y, call);
}

/* Runs the model with that kernel. */
static void run(const setup *m, const shape *s, direction d, const char *kernel, const tensors *t,
                float *result)
{
    static const char *const output[] = {"r"};
    tw_recipe *recipe = NULL;
    tw_runner *runner = NULL;
    tw_error error;
    const tw_recipe_options wanted = {
        .batch = s->n, .fusion = true, .n_outputs = 1, .output = output};
    CHECK_OK(tw_recipe_create(m->graph, &m->params->table, &m->device->caps, &wanted, &recipe,
                              &error),
             error);
    char choice[80];
    snprintf(choice, sizeof choice, "r=%s", kernel);
    const tw_runner_options options = {.choices = (const char *const[]){choice, NULL}};
    CHECK_OK(tw_runner_create(m->params, &recipe, &options, &runner, &error), error);
    CHECK_TEXT(tw_runner_choices(runner)[0], choice);
    const void *inputs[2];
    for (int k = 0, i = 0; k < 3; k++)
        if (k != result_of[d])
            inputs[i++] = t->f[k];
    const tw_runtime runtime = {.n = s->n};
    const tw_exchange exchange = {.inputs = inputs, .outputs = (void *[]){result}};
    CHECK_OK(tw_runner_enqueue(runner, &runtime, &exchange, &error), error);
    CHECK_OK(tw_runner_wait(runner, &error), error);
    tw_runner_destroy(&runner);
}

/* The largest distance, and (*rms) the root of the mean square. */
static double distance(const float *got, const double *want, int64_t count, double *rms)
{
    double most = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        const double e = fabs(got[i] - want[i]);
        most = isnan(e) ? INFINITY : TW_MAX(most, e);
        squares += e * e;
    }
    *rms = sqrt(squares / (double)count);
    return most;
}

static void compare(const setup *m, const shape *s, direction d, bool positive)
{
    static const char *const names[] = {"forward", "by x", "by the weight"};
    const char *const kernel[] = {d == BY_WEIGHT ? "convolution_dw_winograd"
                                                 : "convolution_winograd",
                                  d == BY_WEIGHT ? "convolution_dw_simd" : "convolution_simd"};
    const tensors t = draw(s, positive);
    const int64_t count = t.count[result_of[d]];
    double most[2] = {0}, rms[2] = {0}, *want = sums(s, d, &t);
    float *got = malloc((size_t)count * sizeof *got);
    for (int k = 0; k < 2; k++) {
        run(m, s, d, kernel[k], &t, got);
        most[k] = distance(got, want, count, &rms[k]);
    }
    printf("# %-13s %dx%dx%dx%d to %d%s: largest error %.2f times the direct one's, rms %.2f\n",
           names[d], s->n, s->size, s->size, s->ci, s->co, positive ? ", as of a relu" : "",
           most[0] / most[1], rms[0] / rms[1]);
    CHECK(most[1] > 0 && most[0] <= MOST * most[1] && rms[0] <= MOST * rms[1]);
    for (int k = 0; k < 3; k++)
        free(t.f[k]);
    free(want);
    free(got);
}

static void of(direction d)
{
    static const shape shapes[] = {
        {4, 13, 32, 64, 0}, {2, 15, 32, 64, 1}, {1, 14, 64, 128, 0}, {1, 12, 128, 128, 1}};
    for (int i = 0; i < TW_COUNT(shapes); i++) {
        char text[400];
        setup m;
        write_model(&shapes[i], d, text, sizeof text);
        open_setup(&m, "", NULL, text, 1);
        for (int positive = 0; m.device->caps.family == TW_FAMILY_SIMD && positive < 2; positive++)
            compare(&m, &shapes[i], d, positive);
        close_setup(&m);
    }
}

static void forward(void)
{
    of(FORWARD);
}
static void by_x(void)
{
    of(BY_X);
}
static void by_the_weight(void)
{
    of(BY_WEIGHT);
}

TESTS(T(forward), T(by_x), T(by_the_weight))
