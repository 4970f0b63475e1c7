// SPDX-License-Identifier: Apache-2.0
// Train lines: several in turn, what params= leaves alone, values and metrics, weights from files,
// memory that is out.
#include <unistd.h>

#include "failing.h"
#include "harness.h"
#include "train.h"

/* Two lines over one chain: the first trains only a, the second only b, and sees a's update. */
static const char two_lines[] = "thalweg 1\n"
                                "x = input f32[n,3]\n"
                                "a = parameter f32[3] init=ones\n"
                                "b = parameter f32[3] init=ones\n"
                                "free = parameter f32[3] init=ones\n"
                                "ax = mul(x, a)\n"
                                "bax = mul(ax, b)\n"
                                "left = reduce_sum(ax)\n"
                                "right = reduce_sum(bax)\n"
                                "unused = mul(x, free)\n"
                                "train name=first loss=left optimizer=\"sgd lr=0.5\" params=a\n"
                                "train name=second loss=right optimizer=\"sgd lr=0.25\" params=b\n";

static void check_three(session *s, const char *name, double v0, double v1, double v2)
{
    float value[3] = {0};
    CHECK_OK(tw_params_get(s->params, name, value, sizeof value, &s->error), s->error);
    CHECK_NEAR(value[0], v0, 1e-6);
    CHECK_NEAR(value[1], v1, 1e-6);
    CHECK_NEAR(value[2], v2, 1e-6);
}

static void in_turn_on(const char *device)
{
    session s;
    const float x[3] = {1, 2, -1};
    double value[2];
    if (!session_open(&s, two_lines, device, &(tw_trainer_options){.batch = 1}))
        return;
    CHECK(tw_trainer_value_count(s.trainer) == 2);
    CHECK_TEXT(tw_trainer_value_name(s.trainer, 0), "first.loss");
    CHECK_TEXT(tw_trainer_value_name(s.trainer, 1), "second.loss");
    CHECK_OK(tw_trainer_step(s.trainer, 1, (const void *[]){x}, &s.error), s.error);
    CHECK_OK(tw_trainer_wait(s.trainer, value, &s.error), s.error);
    /* a -= 0.5 x: (0.5, 0, 1.5); then right = sum(x a b) = 0.5 + 0 - 1.5 and b -= 0.25 x a */
    CHECK_NEAR(value[0], 2, 1e-6);
    CHECK_NEAR(value[1], -1, 1e-6);
    check_three(&s, "a", 0.5, 0, 1.5);
    check_three(&s, "b", 1 - 0.125, 1, 1 + 0.375);
    check_three(&s, "free", 1, 1, 1);
    session_close(&s);
}

static void in_turn_host(void)
{
    in_turn_on("host");
}
static void in_turn_device(void)
{
    if (have_device())
        in_turn_on(NULL);
}

/* A pair as in a GAN: made is g's, judged with x by d, whose running statistics see two batches in
 * each step. What params= leaves out keeps its running statistics too. */
static const char pair[] = "thalweg 1\n"
                           "x = input f32[n,2]\n"
                           "block g(z)\n"
                           "    dense(z) units=2 bias=no init=ones\n"
                           "    batch_norm momentum=0.5 epsilon=1\n"
                           "end\n"
                           "block d(z)\n"
                           "    batch_norm(z) momentum=0.5 epsilon=1\n"
                           "    dense units=1 init=ones\n"
                           "end\n"
                           "five = fill value=5\n"
                           "far = add(x, five)\n"
                           "made = g(x)\n"
                           "real = d(far)\n"
                           "fake = d(made)\n"
                           "more = reduce_mean(real)\n"
                           "less = reduce_mean(fake)\n"
                           "d_loss = sub(less, more)\n"
                           "g_loss = neg(less)\n"
                           "train name=d loss=d_loss optimizer=\"sgd lr=0.1\" params=d.*\n"
                           "train name=g loss=g_loss optimizer=\"sgd lr=0.1\" params=g.*\n";

static void check_pair(session *s, const char *name, double v0, double v1)
{
    float value[2] = {0};
    CHECK_OK(tw_params_get(s->params, name, value, sizeof value, &s->error), s->error);
    CHECK_NEAR(value[0], v0, 1e-5);
    CHECK_NEAR(value[1], v1, 1e-5);
}

static void statistics_on(const char *device)
{
    session s;
    const float x[4][2] = {{1, 0}, {3, 2}, {5, -2}, {3, 4}}; /* means 3 and 1, variances 2 and 5 */
    if (!session_open(&s, pair, device, &(tw_trainer_options){.batch = 4}))
        return;
    CHECK_OK(tw_trainer_step(s.trainer, 4, (const void *[]){x}, &s.error), s.error);
    CHECK_OK(tw_trainer_wait(s.trainer, NULL, &s.error), s.error);
    /* g's layer sees x0 + x1 in both columns: 1, 5, 3, 7, of mean 4 and variance 5; once in its own
     * line: 0.5 * 0 + 0.5 * 4 and 0.5 * 1 + 0.5 * 5 */
    check_pair(&s, "g.batch_norm_1.mean", 2, 2);
    check_pair(&s, "g.batch_norm_1.variance", 3, 3);
    /* d's sees first x + 5, then what g has made, of mean 0 and variance 5 / (5 + 1) */
    check_pair(&s, "d.batch_norm_1.mean", 0.5 * (0.5 * 8), 0.5 * (0.5 * 6));
    check_pair(&s, "d.batch_norm_1.variance", 0.5 * (0.5 + 0.5 * 2) + 0.5 * 5 / 6,
               0.5 * (0.5 + 0.5 * 5) + 0.5 * 5 / 6);
    session_close(&s);
}

static void statistics_host(void)
{
    statistics_on("host");
}
static void statistics_device(void)
{
    if (have_device())
        statistics_on(NULL);
}

static const char classifier[] =
    "thalweg 1\n"
    "x = input f32[n,4]\n"
    "label = input i32[n] classes=3\n"
    "frozen = dense(x) units=5 act=relu trainable=no\n"
    "logits = dense(frozen) units=3\n"
    "loss = cross_entropy(logits, label)\n"
    "apart = reduce_mean(logits)\n"
    "train loss=loss optimizer=adam metrics=\"accuracy, top_k_accuracy k=2, apart\"\n";
static const float rows[6][4] = {{1, 0, 0, 1}, {0, 1, 0, 2}, {0, 0, 1, 0},
                                 {1, 1, 0, 0}, {3, 1, 2, 0}, {-1, 0, 1, 1}};
static const int32_t labels[6] = {0, 1, 2, 0, 1, 2};

static void values_and_freezing(void)
{
    session s;
    double value[4];
    float before[20], after[20];
    if (!session_open(&s, classifier, "host", &(tw_trainer_options){.batch = 4, .seed = 2}))
        return;
    CHECK(tw_trainer_value_count(s.trainer) == 4);
    CHECK_TEXT(tw_trainer_value_name(s.trainer, 1), "accuracy");
    CHECK_TEXT(tw_trainer_value_name(s.trainer, 2), "top_k_accuracy");
    CHECK_TEXT(tw_trainer_value_name(s.trainer, 3), "apart");
    CHECK_OK(tw_params_get(s.params, "frozen.weight", before, sizeof before, &s.error), s.error);
    CHECK_OK(tw_trainer_step(s.trainer, 4, (const void *[]){rows, labels}, &s.error), s.error);
    CHECK_OK(tw_trainer_step(s.trainer, 2, (const void *[]){rows[4], labels + 4}, &s.error),
             s.error);
    CHECK_OK(tw_trainer_wait(s.trainer, value, &s.error), s.error);
    CHECK_NEAR(value[1] * 6, round(value[1] * 6), 1e-5); /* a mean over samples, not over batches */
    CHECK(value[2] >= value[1]);
    CHECK_OK(tw_params_get(s.params, "frozen.weight", after, sizeof after, &s.error), s.error);
    CHECK(memcmp(before, after, sizeof before) == 0);
    CHECK(tw_trainer_step(s.trainer, 5, (const void *[]){rows, labels}, &s.error) ==
          TW_ERROR_ARGUMENT);
    CHECK(tw_trainer_memory(s.trainer) > 0);
    session_close(&s);
}

static void refuse(const char *train_line, tw_status code, const char *part)
{
    char text[1000];
    (void)snprintf(text, sizeof text, "%.*s%s",
                   (int)(strstr(classifier, "train loss") - classifier), classifier, train_line);
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
    session_close(&s);
}

static void bad_lines(void)
{
    refuse("", TW_ERROR_NAME, "no train line");
    refuse("train loss=loss optimizer=adam metrics=acuracy\n", TW_ERROR_NAME, "accuracy");
    refuse("train loss=loss optimizer=adam metrics=logits\n", TW_ERROR_SHAPE, "single");
    refuse("train loss=loss optimizer=adam params=nothing*\n", TW_ERROR_NAME, "params=");
    refuse("train loss=logits optimizer=adam\n", TW_ERROR_SHAPE, "logits");
}

static void weights_that_do_not_fit(void)
{
    const char other[] =
        "thalweg 1\nx = input f32[n,4]\nfrozen = dense(x) units=5\nextra = dense(frozen) units=2\n"
        "logits = dense(extra) units=3\nlabel = input i32[n] classes=3\n"
        "loss = cross_entropy(logits, label)\ntrain loss=loss optimizer=sgd\n";
    char file[] = "/tmp/thalweg-weights-XXXXXX";
    session s;
    const int handle = mkstemp(file);
    CHECK(handle >= 0);
    (void)close(handle);
    if (session_open(&s, other, "host", &(tw_trainer_options){.seed = 8})) {
        CHECK_OK(tw_params_save(s.params, file, &s.error), s.error);
        CHECK_OK(tw_params_load(s.params, file, false, NULL, &s.error), s.error);
        session_close(&s);
    }
    if (session_open(&s, classifier, "host", NULL)) {
        float before[15], after[15];
        int32_t taken = 0;
        CHECK_OK(tw_params_get(s.params, "logits.weight", before, sizeof before, &s.error),
                 s.error);
        CHECK(tw_params_load(s.params, file, false, NULL, &s.error) == TW_ERROR_NAME);
        CHECK_HAS(s.error.text, "extra: extra.bias, extra.weight");
        CHECK_HAS(s.error.text,
                  "misshaped: logits.weight is [2,3] in the file and [5,3] in the model");
        CHECK_OK(tw_params_load(s.params, file, true, &taken, &s.error), s.error);
        CHECK(taken == 3); /* frozen's two and logits.bias */
        CHECK_OK(tw_params_get(s.params, "logits.weight", after, sizeof after, &s.error), s.error);
        CHECK(memcmp(before, after, sizeof before) == 0);
        session_close(&s);
    }
    (void)remove(file);
}

static tw_status everything(tw_context *context, tw_error *error)
{
    session s = {.context = NULL};
    double value[4];
    tw_status status = tw_graph_parse(context, classifier, strlen(classifier), &s.graph, error);
    if (status == TW_OK)
        status = tw_device_open(context, "host", &s.device, error);
    if (status == TW_OK)
        status = tw_params_create(s.graph, s.device, 0, &s.params, error);
    if (status == TW_OK)
        status = tw_trainer_create(s.params, &(tw_trainer_options){.batch = 4}, &s.trainer, error);
    if (status == TW_OK)
        status = tw_trainer_step(s.trainer, 4, (const void *[]){rows, labels}, error);
    if (status == TW_OK)
        status = tw_trainer_wait(s.trainer, value, error);
    session_close(&s);
    return status;
}

/* Every allocation fails in turn: a sentence, no crash, nothing left. */
static void memory_out(void)
{
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    const tw_context_options options = {.allocator = &allocator, .cache_folder = ""};
    tw_error error = {.text = ""};
    tw_status status = TW_ERROR_MEMORY;
    long fails = 0;
    for (; (status == TW_ERROR_MEMORY || status == TW_ERROR_DEVICE_MEMORY) && fails < 20000;
         fails++) {
        tw_context *context = NULL;
        memory.calls = 0;
        memory.fail_at = fails;
        status = tw_context_create(&options, &context, &error);
        if (status == TW_OK)
            status = everything(context, &error);
        tw_context_destroy(&context);
        if (memory.live != 0 || memory.wrong != 0) {
            printf("# allocation %ld failing: %ld left, %d of wrong size\n", fails, memory.live,
                   memory.wrong);
            tw_failures++;
            break;
        }
    }
    CHECK_OK(status, error);
    CHECK(fails > 100);
}

TESTS(T(in_turn_host), T(in_turn_device), T(statistics_host), T(statistics_device),
      T(values_and_freezing), T(bad_lines), T(weights_that_do_not_fit), T(memory_out))
