// SPDX-License-Identifier: Apache-2.0
// Each optimizer against its published formula in double, on the host and on the OpenCL device:
// five steps, with schedules, clipping, penalties and decay.
#include "harness.h"
#include "train.h"

#define W 5003 /* more than one chunk, and a tail that no vector fills */
#define B 7
#define STEPS 5
#define RATE 0.05

/* loss = reduce_mean((x - w)^2) + mean((z - b)^2), whose gradients are known: 2 (w - x) / W and 2
 * (b - z) / B. */
static const char model[] = "thalweg 1\n"
                            "x = input f32[n,5003]\n"
                            "z = input f32[n,7]\n"
                            "w = parameter f32[5003] init=uniform%s\n"
                            "b = parameter f32[7] init=uniform\n"
                            "d = sub(x, w)\n"
                            "e = square(d)\n"
                            "first = reduce_mean(e)\n"
                            "f = sub(z, b)\n"
                            "g = square(f)\n"
                            "second = reduce_mean(g)\n"
                            "loss = add(first, second)\n"
                            "train loss=loss optimizer=\"%s\"\n";

/* What a formula works on: one tensor's weights and states in double. */
typedef struct tensor {
    int count;
    double w[W], g[W], s[3][W];
} tensor;

typedef struct formula {
    const char *optimizer;  /* text without lr= */
    const char *attributes; /* of w */
    void (*step)(tensor *t, double lr,
                 int step);                /* from 1; g is the gradient as the optimizer gets it */
    void (*prepare)(tensor *w, tensor *b); /* changes the gradients of both: clipping, penalties */
    double (*rate)(int step);              /* from 0; NULL: constant */
    double first;                          /* states begin with */
    double l1, l2;
    double w_rate; /* factor of w's learning rate; 0: 1 */
} formula;

static void plain(tensor *t, double lr, int step)
{
    (void)step;
    for (int i = 0; i < t->count; i++)
        t->w[i] -= lr * t->g[i];
}

static void heavy_ball(tensor *t, double lr, int step)
{
    (void)step;
    for (int i = 0; i < t->count; i++) {
        t->s[0][i] = 0.8 * t->s[0][i] - lr * t->g[i];
        t->w[i] += t->s[0][i];
    }
}

static void look_ahead(tensor *t, double lr, int step)
{
    (void)step;
    for (int i = 0; i < t->count; i++) {
        t->s[0][i] = 0.9 * t->s[0][i] - lr * t->g[i];
        t->w[i] += 0.9 * t->s[0][i] - lr * t->g[i];
    }
}

static void sums_of_squares(tensor *t, double lr, int step)
{
    (void)step;
    for (int i = 0; i < t->count; i++) {
        t->s[0][i] += t->g[i] * t->g[i];
        t->w[i] -= lr * t->g[i] / sqrt(t->s[0][i] + 1e-7);
    }
}

static void mean_square(tensor *t, double lr, int step)
{
    (void)step;
    for (int i = 0; i < t->count; i++) {
        t->s[0][i] = 0.9 * t->s[0][i] + 0.1 * t->g[i] * t->g[i];
        t->w[i] -= lr * t->g[i] / sqrt(t->s[0][i] + 1e-7);
    }
}

static void centered(tensor *t, double lr, int step)
{
    (void)step;
    for (int i = 0; i < t->count; i++) {
        t->s[0][i] = 0.8 * t->s[0][i] + 0.2 * t->g[i] * t->g[i];
        t->s[1][i] = 0.8 * t->s[1][i] + 0.2 * t->g[i];
        t->s[2][i] =
            0.5 * t->s[2][i] + lr * t->g[i] / sqrt(t->s[0][i] - t->s[1][i] * t->s[1][i] + 1e-3);
        t->w[i] -= t->s[2][i];
    }
}

/* Algorithm 1 of Kingma and Ba, with section 2's order of computation. */
static void moments(tensor *t, double lr, int step, double beta_1, double beta_2, bool greatest)
{
    const double rate = lr * sqrt(1 - pow(beta_2, step)) / (1 - pow(beta_1, step));
    for (int i = 0; i < t->count; i++) {
        t->s[0][i] = beta_1 * t->s[0][i] + (1 - beta_1) * t->g[i];
        t->s[1][i] = beta_2 * t->s[1][i] + (1 - beta_2) * t->g[i] * t->g[i];
        t->s[2][i] = fmax(t->s[2][i], t->s[1][i]);
        t->w[i] -= rate * t->s[0][i] / (sqrt(t->s[greatest ? 2 : 1][i]) + 1e-7);
    }
}

static void adam(tensor *t, double lr, int step)
{
    moments(t, lr, step, 0.9, 0.999, false);
}
static void fast_adam(tensor *t, double lr, int step)
{
    moments(t, lr, step, 0.7, 0.9, false);
}
static void amsgrad(tensor *t, double lr, int step)
{
    moments(t, lr, step, 0.9, 0.5, true);
}

static void decayed_adam(tensor *t, double lr, int step)
{
    for (int i = 0; i < t->count; i++)
        t->w[i] -= t->w[i] * lr * 0.004;
    adam(t, lr, step);
}

static void decayed(tensor *t, double lr, int step)
{
    for (int i = 0; i < t->count && t->count == W; i++) /* no_decay=b */
        t->w[i] -= t->w[i] * lr * 0.3;
    plain(t, lr, step);
}

static void by_value(tensor *w, tensor *b)
{
    for (int i = 0; i < W; i++)
        w->g[i] = fmin(fmax(w->g[i], -1e-4), 1e-4);
    for (int i = 0; i < B; i++)
        b->g[i] = fmin(fmax(b->g[i], -1e-4), 1e-4);
}

static double norm_of(const tensor *t)
{
    double sum = 0;
    for (int i = 0; i < t->count; i++)
        sum += t->g[i] * t->g[i];
    return sqrt(sum);
}

static void scale(tensor *t, double factor)
{
    for (int i = 0; i < t->count; i++)
        t->g[i] *= factor;
}

static void by_norm(tensor *w, tensor *b)
{
    scale(w, fmin(1, 0.01 / norm_of(w)));
    scale(b, fmin(1, 0.01 / norm_of(b)));
}

static void by_global_norm(tensor *w, tensor *b)
{
    const double norm = hypot(norm_of(w), norm_of(b));
    scale(w, fmin(1, 0.1 / norm));
    scale(b, fmin(1, 0.1 / norm));
}

static double halves(int step)
{
    return RATE * pow(0.5, step / 2);
}
static double falls(int step)
{
    return RATE * pow(0.5, step / 2.0);
}
static double cosine(int step)
{
    const double pi = 3.14159265358979323846;
    if (step < 2)
        return RATE * step / 2;
    return RATE * (0.9 * 0.5 * (1 + cos(pi * fmin((step - 2) / 2.0, 1))) + 0.1);
}

static const formula formulas[] = {
    {.optimizer = "sgd", .step = plain},
    {.optimizer = "momentum momentum=0.8", .step = heavy_ball},
    {.optimizer = "nesterov", .step = look_ahead},
    {.optimizer = "adagrad", .step = sums_of_squares, .first = 0.1},
    {.optimizer = "rmsprop", .step = mean_square},
    {.optimizer = "rmsprop rho=0.8 momentum=0.5 centered=yes epsilon=0.001", .step = centered},
    {.optimizer = "adam", .step = adam},
    {.optimizer = "adam beta_1=0.7 beta_2=0.9", .step = fast_adam},
    {.optimizer = "adam amsgrad=yes beta_2=0.5", .step = amsgrad},
    {.optimizer = "adamw", .step = decayed_adam},
    {.optimizer = "sgd weight_decay=0.3 no_decay=b", .step = decayed},
    {.optimizer = "sgd clip_value=0.0001", .step = plain, .prepare = by_value},
    {.optimizer = "sgd clip_norm=0.01", .step = plain, .prepare = by_norm},
    {.optimizer = "sgd global_clip_norm=0.1", .step = plain, .prepare = by_global_norm},
    {.optimizer = "sgd", .attributes = " l1=0.01 l2=0.02", .step = plain, .l1 = 0.01, .l2 = 0.02},
    {.optimizer = "sgd clip_norm=0.01",
     .attributes = " l1=0.01 l2=0.02",
     .step = plain,
     .prepare = by_norm,
     .l1 = 0.01,
     .l2 = 0.02},
    {.optimizer = "sgd", .attributes = " lr=0.25", .step = plain, .w_rate = 0.25},
    {.optimizer = "sgd schedule=step steps=2 rate=0.5", .step = plain, .rate = halves},
    {.optimizer = "sgd schedule=exponential steps=2 rate=0.5", .step = plain, .rate = falls},
    {.optimizer = "sgd schedule=exponential steps=2 rate=0.5 staircase=yes",
     .step = plain,
     .rate = halves},
    {.optimizer = "sgd schedule=cosine steps=2 warmup=2 alpha=0.1", .step = plain, .rate = cosine},
};

static tensor w, b;
static float x[W], z[B], got_w[W], got_b[B];

static void expect_step(const formula *f, int step)
{
    for (int i = 0; i < W; i++) {
        const double sign = (w.w[i] > 0) - (w.w[i] < 0);
        w.g[i] = 2 * (w.w[i] - (double)x[i]) / W + f->l1 * sign + 2 * f->l2 * w.w[i];
    }
    for (int i = 0; i < B; i++)
        b.g[i] = 2 * (b.w[i] - (double)z[i]) / B;
    if (f->prepare)
        f->prepare(&w, &b);
    const double lr = f->rate ? f->rate(step) : RATE;
    f->step(&w, lr * (f->w_rate > 0 ? f->w_rate : 1), step + 1);
    f->step(&b, lr, step + 1);
}

static void fill_inputs(int step)
{
    for (int i = 0; i < W; i++)
        x[i] = (float)sin(0.7 * i + step);
    for (int i = 0; i < B; i++)
        z[i] = (float)(3 * cos(1.3 * i + step));
}

static double loss_of(const formula *f)
{
    double first = 0, second = 0, penalty = 0;
    for (int i = 0; i < W; i++) {
        first += pow(w.w[i] - (double)x[i], 2) / W;
        penalty += f->l1 * fabs(w.w[i]) + f->l2 * w.w[i] * w.w[i];
    }
    for (int i = 0; i < B; i++)
        second += pow(b.w[i] - (double)z[i], 2) / B;
    return first + second + penalty;
}

static void start_tensor(tensor *t, int count, const float *from, double first)
{
    t->count = count;
    for (int i = 0; i < count; i++) {
        t->w[i] = (double)from[i];
        t->s[0][i] = first;
        t->s[1][i] = t->s[2][i] = 0;
    }
}

static double gap(const tensor *t, const float *got)
{
    double most = 0, size = 0;
    for (int i = 0; i < t->count; i++) {
        most = fmax(most, fabs(t->w[i] - (double)got[i]));
        size = fmax(size, fabs(t->w[i]));
    }
    return most / size;
}

static void follow(const formula *f, const char *device)
{
    char text[1000], optimizer[200];
    session s;
    (void)snprintf(optimizer, sizeof optimizer, "%.*s lr=%g%s", (int)strcspn(f->optimizer, " "),
                   f->optimizer, RATE, f->optimizer + strcspn(f->optimizer, " "));
    (void)snprintf(text, sizeof text, model, f->attributes ? f->attributes : "", optimizer);
    if (!session_open(&s, text, device, &(tw_trainer_options){.batch = 1}))
        return;
    CHECK_OK(tw_params_get(s.params, "w", got_w, sizeof got_w, &s.error), s.error);
    CHECK_OK(tw_params_get(s.params, "b", got_b, sizeof got_b, &s.error), s.error);
    start_tensor(&w, W, got_w, f->first);
    start_tensor(&b, B, got_b, f->first);
    const int before = tw_failures;
    for (int step = 0; step < STEPS; step++) {
        double value = 0;
        fill_inputs(step);
        const double expected = loss_of(f);
        CHECK_OK(tw_trainer_step(s.trainer, 1, (const void *[]){x, z}, &s.error), s.error);
        CHECK_OK(tw_trainer_wait(s.trainer, &value, &s.error), s.error);
        CHECK_NEAR(value, expected, 2e-6 * expected);
        expect_step(f, step);
    }
    CHECK_OK(tw_params_get(s.params, "w", got_w, sizeof got_w, &s.error), s.error);
    CHECK_OK(tw_params_get(s.params, "b", got_b, sizeof got_b, &s.error), s.error);
    CHECK_NEAR(gap(&w, got_w), 0, 2e-6);
    CHECK_NEAR(gap(&b, got_b), 0, 2e-6);
    if (tw_failures > before)
        printf("# \"%s\" on %s\n", optimizer, device ? device : "the default device");
    session_close(&s);
}

static void on_host(void)
{
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        follow(&formulas[i], "host");
}

static void on_device(void)
{
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas && have_device(); i++)
        follow(&formulas[i], NULL);
}

static void on_device_simt(void)
{
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas && have_device(); i++) {
        setenv("THALWEG_KERNELS", "simt", 1);
        follow(&formulas[i], NULL);
        unsetenv("THALWEG_KERNELS");
    }
}

static void refuse(const char *optimizer, tw_status code, const char *part)
{
    char text[1000];
    (void)snprintf(text, sizeof text, model, "", optimizer);
    session s = {.context = NULL};
    tw_status status = tw_context_create(NULL, &s.context, &s.error);
    if (status == TW_OK)
        status = tw_graph_parse(s.context, text, strlen(text), &s.graph, &s.error);
    if (status == TW_OK)
        status = tw_device_open(s.context, "host", &s.device, &s.error);
    if (status == TW_OK)
        status = tw_params_create(s.graph, s.device, 0, &s.params, &s.error);
    if (status == TW_OK)
        status = tw_trainer_create(s.params, NULL, &s.trainer, &s.error);
    CHECK_TEXT(tw_status_name(status), tw_status_name(code));
    CHECK_HAS(s.error.text, part);
    CHECK(s.error.line == 13);
    session_close(&s);
}

static void bad_texts(void)
{
    refuse("adan", TW_ERROR_NAME, "adam");
    refuse("adam beta1=0.5", TW_ERROR_NAME, "beta_1");
    refuse("adam lr=-1", TW_ERROR_SYNTAX, "lr");
    refuse("adam lr=fast", TW_ERROR_SYNTAX, "lr");
    refuse("adam beta_1=1", TW_ERROR_SYNTAX, "beta_1");
    refuse("adam clip_norm=1 clip_value=1", TW_ERROR_SYNTAX, "only one");
    refuse("adam schedule=step", TW_ERROR_SYNTAX, "steps=");
    refuse("adam schedule=stairs", TW_ERROR_NAME, "schedule");
    refuse("adam clip_norm=0", TW_ERROR_SYNTAX, "above 0");
}

TESTS(T(on_host), T(on_device), T(on_device_simt), T(bad_texts))
