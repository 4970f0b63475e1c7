// SPDX-License-Identifier: Apache-2.0
// Cross-validation: parts of a data set, alike in their classes, and a trainer that begins anew.
#include "failing.h"
#include "harness.h"
#include "train.h"

#define SAMPLES 103
#define CLASSES 4

static const char model[] = "thalweg 1\n"
                            "x = input f32[n,2]\n"
                            "label = input i32[n] classes=4\n"
                            "dense(x) units=8 act=tanh\n"
                            "dropout rate=0.1\n"
                            "logits = dense units=4\n"
                            "loss = cross_entropy(logits, label)\n"
                            "train loss=loss optimizer=\"adam lr=0.02 schedule=cosine\" "
                            "metrics=accuracy\n";
static const char numbers[] = "thalweg 1\n"
                              "x = input f32[n,2]\n"
                              "y = input f32[n,1]\n"
                              "dense(x) units=1\n"
                              "loss = mse(dense_1, y)\n"
                              "train loss=loss optimizer=adam\n";

static float x[SAMPLES][2], y[SAMPLES];
static int32_t label[SAMPLES];

/* x[0] is the sample's number. Class 3 has 7 samples, all of them last. */
static void make_samples(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        x[i][0] = y[i] = (float)i;
        x[i][1] = (float)(i % 10) / 10;
        label[i] = i >= SAMPLES - 7 ? 3 : i % 3;
    }
}

static tw_dataset *open_data(session *s, bool classes)
{
    tw_dataset *data = NULL;
    make_samples();
    const tw_array columns[2] = {{.type = TW_F32, .rank = 2, .dim = {SAMPLES, 2}, .data = x},
                                 {.type = classes ? TW_I32 : TW_F32,
                                  .rank = 1,
                                  .dim = {SAMPLES},
                                  .data = classes ? (void *)label : (void *)y}};
    CHECK_OK(tw_dataset_from_arrays(s->graph, 2, columns, &data, &s->error), s->error);
    return data;
}

/* Counts how often each sample comes in an epoch. Returns samples; of[] counts classes. */
static int64_t visit(session *s, tw_dataset *data, bool shuffle, int *seen, int *of)
{
    int64_t count = 0;
    memset(of, 0, CLASSES * sizeof *of);
    CHECK_OK(tw_dataset_start(data, 10, shuffle, 5, 1, &s->error), s->error);
    for (int64_t n = 1; n > 0; count += n) {
        const void *const *columns = NULL;
        CHECK_OK(tw_dataset_next(data, &n, &columns, &s->error), s->error);
        for (int64_t i = 0; i < n; i++) {
            const int sample = (int)((const float *)columns[0])[2 * i];
            seen[sample]++;
            of[label[sample]]++;
        }
    }
    CHECK(count == tw_dataset_count(data));
    return count;
}

/* Every sample is tested on in one part and trained on in all others; parts differ by at most one.
 */
static void check_parts(session *s, tw_dataset *data, const tw_fold *like, bool alike)
{
    int tested[SAMPLES] = {0}, trained[SAMPLES] = {0}, of[CLASSES];
    for (int part = 0; part < like->parts; part++) {
        tw_dataset *train = NULL, *test = NULL;
        tw_fold fold = *like;
        fold.part = part;
        CHECK_OK(tw_dataset_fold(data, &fold, &train, &test, &s->error), s->error);
        if (!train || !test)
            return;
        const int64_t n = visit(s, test, true, tested, of);
        CHECK(n == SAMPLES / fold.parts || n == SAMPLES / fold.parts + 1);
        for (int c = 0; c < CLASSES && alike; c++) {
            const int all = c == 3 ? 7 : 32;
            CHECK(of[c] == all / fold.parts || of[c] == all / fold.parts + 1);
        }
        CHECK(visit(s, train, part % 2 == 0, trained, of) == SAMPLES - n);
        tw_dataset_destroy(&train);
        tw_dataset_destroy(&test);
    }
    for (int i = 0; i < SAMPLES; i++) {
        CHECK(tested[i] == 1);
        CHECK(trained[i] == like->parts - 1);
    }
}

static void parts(void)
{
    session s;
    for (int classes = 0; classes < 2; classes++) {
        if (!session_open(&s, classes ? model : numbers, "host", NULL))
            return;
        tw_dataset *data = open_data(&s, classes);
        for (int k = 2; k <= 103 && data; k = k < 5 ? k + 1 : k == 5 ? 102 : k + 1) {
            check_parts(&s, data, &(tw_fold){.parts = k, .shuffle = true, .seed = 1}, classes);
            check_parts(&s, data, &(tw_fold){.parts = k}, false);
        }
        tw_dataset_destroy(&data);
        session_close(&s);
    }
}

/* First value of each sample, in the data's order. */
static void list(session *s, tw_dataset *data, float *out)
{
    int64_t at = 0;
    CHECK_OK(tw_dataset_start(data, 7, false, 0, 1, &s->error), s->error);
    for (int64_t n = 1; n > 0;) {
        const void *const *columns = NULL;
        CHECK_OK(tw_dataset_next(data, &n, &columns, &s->error), s->error);
        for (int64_t i = 0; i < n; i++)
            out[at++] = ((const float *)columns[0])[2 * i];
    }
}

/* Parts of parts, in order, and after the whole is gone. */
static void selections(void)
{
    session s;
    float out[SAMPLES];
    static const int64_t wanted[] = {100, 3, 3, 50, 0}, again[] = {4, 1, 0}, bad[] = {0, 5};
    if (!session_open(&s, numbers, "host", NULL))
        return;
    tw_dataset *data = open_data(&s, false), *some = NULL, *fewer = NULL, *rest = NULL;
    CHECK_OK(tw_dataset_split(data, 0.1, &rest, &s.error), s.error); /* 92 stay */
    CHECK(tw_dataset_select(data, 5, wanted, &some, &s.error) == TW_ERROR_ARGUMENT);
    CHECK_HAS(s.error.text, "sample 100 is selected, but the data have samples 0 to 91");
    CHECK(tw_dataset_select(data, 0, wanted, &some, &s.error) == TW_ERROR_ARGUMENT);
    tw_dataset_destroy(&data);
    data = open_data(&s, false);
    CHECK_OK(tw_dataset_select(data, 5, wanted, &some, &s.error), s.error);
    CHECK_OK(tw_dataset_select(some, 3, again, &fewer, &s.error), s.error);
    CHECK(tw_dataset_select(some, 2, bad, &rest, &s.error) == TW_ERROR_ARGUMENT);
    tw_dataset_destroy(&rest);
    tw_dataset_destroy(&data);
    list(&s, some, out);
    CHECK(out[0] == 100 && out[1] == 3 && out[2] == 3 && out[3] == 50 && out[4] == 0);
    list(&s, fewer, out);
    CHECK(out[0] == 0 && out[1] == 3 && out[2] == 100);
    CHECK_OK(tw_dataset_split(some, 0.4, &rest, &s.error), s.error);
    list(&s, some, out);
    CHECK(tw_dataset_count(some) == 3 && out[0] == 100 && out[2] == 3);
    list(&s, rest, out);
    CHECK(tw_dataset_count(rest) == 2 && out[0] == 50 && out[1] == 0);
    tw_dataset_destroy(&rest);
    tw_dataset_destroy(&some);
    tw_dataset_destroy(&fewer);
    session_close(&s);
}

static void refused(void)
{
    session s;
    tw_dataset *train = NULL, *test = NULL;
    static const struct {
        tw_fold fold;
        const char *part;
    } cases[] = {{{.parts = 1}, "at least 2"},
                 {{.parts = -3}, "at least 2"},
                 {{.parts = SAMPLES + 1}, "104 folds of 103 samples"},
                 {{.parts = 3, .part = 3}, "fold 3 of 3"},
                 {{.parts = 3, .part = -1}, "fold -1 of 3"}};
    if (!session_open(&s, numbers, "host", NULL))
        return;
    tw_dataset *data = open_data(&s, false);
    for (size_t i = 0; data && i < sizeof cases / sizeof *cases; i++) {
        CHECK(tw_dataset_fold(data, &cases[i].fold, &train, &test, &s.error) == TW_ERROR_ARGUMENT);
        CHECK_HAS(s.error.text, cases[i].part);
    }
    CHECK(!train && !test);
    tw_dataset_destroy(&data);
    session_close(&s);
}

/* Weights after two epochs. */
static void fit(session *s, tw_dataset *data, float *weight)
{
    const tw_fit_options options = {.epochs = 2, .test = data};
    CHECK_OK(tw_trainer_fit(s->trainer, data, &options, &s->error), s->error);
    CHECK_OK(tw_params_get(s->params, "dense_1.weight", weight, 16 * sizeof *weight, &s->error),
             s->error);
}

/* A trainer that is restarted does bit by bit what a new one does. */
static void restart_on(const char *device)
{
    session s;
    float first[16], other[16], again[16], fresh[16];
    const tw_trainer_options options = {.batch = 16, .seed = 7}, second = {.batch = 16, .seed = 8};
    if (!session_open(&s, model, device, &options))
        return;
    tw_dataset *data = open_data(&s, true);
    fit(&s, data, first);
    CHECK_OK(tw_trainer_restart(s.trainer, 8, &s.error), s.error);
    CHECK(tw_trainer_epoch(s.trainer) == 0);
    fit(&s, data, other);
    CHECK_OK(tw_trainer_restart(s.trainer, 7, &s.error), s.error);
    fit(&s, data, again);
    CHECK(memcmp(first, again, sizeof first) == 0);
    CHECK(memcmp(first, other, sizeof first) != 0);
    tw_dataset_destroy(&data);
    session_close(&s);
    if (!session_open(&s, model, device, &second))
        return;
    data = open_data(&s, true);
    fit(&s, data, fresh);
    CHECK(memcmp(fresh, other, sizeof fresh) == 0);
    tw_dataset_destroy(&data);
    session_close(&s);
}

static void restart(void)
{
    restart_on("host");
    if (have_device())
        restart_on(NULL);
}

/* A fold of a part of the data, and a restart. */
static tw_status everything(session *s)
{
    tw_dataset *data = NULL, *rest = NULL, *train = NULL, *test = NULL;
    const tw_array columns[2] = {{.type = TW_F32, .rank = 2, .dim = {SAMPLES, 2}, .data = x},
                                 {.type = TW_I32, .rank = 1, .dim = {SAMPLES}, .data = label}};
    const tw_fold fold = {.parts = 3, .part = 1, .shuffle = true};
    tw_status status = tw_dataset_from_arrays(s->graph, 2, columns, &data, &s->error);
    if (status == TW_OK)
        status = tw_dataset_fold(data, &fold, &train, &test, &s->error);
    if (status == TW_OK)
        status = tw_dataset_split(train, 0.5, &rest, &s->error);
    if (status == TW_OK)
        status = tw_trainer_restart(s->trainer, 3, &s->error);
    tw_dataset_destroy(&data);
    tw_dataset_destroy(&train);
    tw_dataset_destroy(&rest);
    tw_dataset_destroy(&test);
    return status;
}

static void memory_out(void)
{
    session s = {.context = NULL};
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    const tw_context_options options = {.allocator = &allocator, .cache_folder = ""};
    make_samples();
    CHECK_OK(tw_context_create(&options, &s.context, &s.error), s.error);
    CHECK_OK(tw_graph_parse(s.context, model, strlen(model), &s.graph, &s.error), s.error);
    CHECK_OK(tw_device_open(s.context, "host", &s.device, &s.error), s.error);
    CHECK_OK(tw_params_create(s.graph, s.device, 1, &s.params, &s.error), s.error);
    CHECK_OK(tw_trainer_create(s.params, NULL, &s.trainer, &s.error), s.error);
    const long live = memory.live;
    tw_status status = TW_ERROR_MEMORY;
    long fails = 0;
    for (; status == TW_ERROR_MEMORY && fails < 2000; fails++) {
        memory.fail_at = memory.calls + fails;
        status = everything(&s);
        CHECK(memory.live == live && memory.wrong == 0);
    }
    CHECK_OK(status, s.error);
    CHECK(fails > 20);
    session_close(&s);
    CHECK(memory.live == 0);
}

TESTS(T(parts), T(selections), T(refused), T(restart), T(memory_out))
