// SPDX-License-Identifier: Apache-2.0
// Metrics over many batches: precision, recall and f1 are those of all samples together, whatever
// the batch; accuracy stays the mean.
#include <math.h>

#include "harness.h"
#include "train.h"

#define SAMPLES 203 /* no multiple of the batches */
#define CLASSES 4

/* The prediction is the input: a weight of zeros is there for a line to train. */
static const char classes_model[] = "thalweg 1\n"
                                    "x = input f32[n,4]\n"
                                    "label = input i32[n] classes=4\n"
                                    "w = parameter f32[4] init=zeros\n"
                                    "prediction = add(x, w)\n"
                                    "rare = recall(prediction, label) class=3\n"
                                    "loss = cross_entropy(prediction, label)\n"
                                    "train loss=loss optimizer=\"sgd lr=0.000001\" "
                                    "metrics=\"accuracy, precision, recall, f1, rare\"\n";

static const char labels_model[] =
    "thalweg 1\n"
    "x = input f32[n,4]\n"
    "label = input u8[n,4]\n"
    "w = parameter f32[4] init=zeros\n"
    "prediction = add(x, w)\n"
    "loss = binary_cross_entropy(prediction, label)\n"
    "train loss=loss optimizer=\"sgd lr=0.000001\" "
    "metrics=\"binary_accuracy, precision average=micro, recall average=micro, f1\"\n";

static float x[SAMPLES][CLASSES];
static int32_t label[SAMPLES];
static uint8_t labels[SAMPLES][CLASSES];

/* Class 3 is rare, class 2 is never predicted. */
static void make_samples(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        label[i] = i % 41 == 0 ? 3 : i % 3;
        for (int k = 0; k < CLASSES; k++) {
            x[i][k] = k == 2 ? 0.02f : (float)((i * 7 + k * 11 + i * k) % 23 + 1) / 24.01f;
            labels[i][k] = (i * 5 + k * 3) % (k + 2) == 0;
        }
    }
}

/* Hits, predictions and labels of a class. */
typedef struct tally {
    double hits, guesses, labels;
} tally;

static void tell(tally t, double *precision, double *recall, double *f1)
{
    *precision = t.guesses > 0 ? t.hits / t.guesses : 0;
    *recall = t.labels > 0 ? t.hits / t.labels : 0;
    *f1 = t.guesses + t.labels > 0 ? 2 * t.hits / (t.guesses + t.labels) : 0;
}

static tw_dataset *open_data(session *s, bool several)
{
    tw_dataset *data = NULL;
    make_samples();
    const tw_array columns[2] = {
        {.type = TW_F32, .rank = 2, .dim = {SAMPLES, CLASSES}, .data = x},
        several ? (tw_array){.type = TW_U8, .rank = 2, .dim = {SAMPLES, CLASSES}, .data = labels}
                : (tw_array){.type = TW_I32, .rank = 1, .dim = {SAMPLES}, .data = label}};
    CHECK_OK(tw_dataset_from_arrays(s->graph, 2, columns, &data, &s->error), s->error);
    return data;
}

static void near(const session *s, const double *values, int index, const char *name, double want)
{
    CHECK_TEXT(tw_trainer_value_name(s->trainer, index), name);
    CHECK_NEAR(values[index], want, 1e-6);
}

static void check_classes(const session *s, const double *values)
{
    double precision = 0, recall = 0, f1 = 0, rare = 0, right = 0;
    for (int c = 0; c < CLASSES; c++) {
        tally t = {0};
        for (int i = 0; i < SAMPLES; i++) {
            int best = 0;
            for (int k = 1; k < CLASSES; k++)
                best = x[i][k] > x[i][best] ? k : best;
            t.hits += best == c && label[i] == c;
            t.guesses += best == c;
            t.labels += label[i] == c;
        }
        double of[3];
        tell(t, &of[0], &of[1], &of[2]);
        precision += of[0] / CLASSES;
        recall += of[1] / CLASSES;
        f1 += of[2] / CLASSES;
        rare = of[1];
        right += t.hits;
    }
    near(s, values, 1, "accuracy", right / SAMPLES);
    near(s, values, 2, "precision", precision);
    near(s, values, 3, "recall", recall);
    near(s, values, 4, "f1", f1);
    near(s, values, 5, "rare", rare);
}

static void check_labels(const session *s, const double *values)
{
    double f1 = 0, right = 0;
    tally all = {0};
    for (int k = 0; k < CLASSES; k++) {
        tally t = {0};
        for (int i = 0; i < SAMPLES; i++) {
            const bool guess = x[i][k] > 0.5f;
            t.hits += guess && labels[i][k];
            t.guesses += guess;
            t.labels += labels[i][k];
            right += guess == labels[i][k];
        }
        double of[3];
        tell(t, &of[0], &of[1], &of[2]);
        f1 += of[2] / CLASSES;
        all.hits += t.hits;
        all.guesses += t.guesses;
        all.labels += t.labels;
    }
    double of[3];
    tell(all, &of[0], &of[1], &of[2]);
    near(s, values, 1, "binary_accuracy", right / SAMPLES / CLASSES);
    near(s, values, 2, "precision", of[0]);
    near(s, values, 3, "recall", of[1]);
    near(s, values, 4, "f1", f1);
}

static void judge(const char *device, bool several, int64_t batch)
{
    session s;
    double values[8];
    const tw_trainer_options options = {.batch = batch};
    if (!session_open(&s, several ? labels_model : classes_model, device, &options))
        return;
    tw_dataset *data = open_data(&s, several);
    void (*check)(const session *, const double *) = several ? check_labels : check_classes;
    if (data) {
        CHECK_OK(tw_trainer_evaluate(s.trainer, data, values, &s.error), s.error);
        check(&s, values);
        CHECK_OK(tw_dataset_start(data, batch, true, 3, 1, &s.error), s.error);
        for (int64_t n = 1; n > 0;) {
            const void *const *columns = NULL;
            CHECK_OK(tw_dataset_next(data, &n, &columns, &s.error), s.error);
            if (n > 0)
                CHECK_OK(tw_trainer_step(s.trainer, n, columns, &s.error), s.error);
        }
        CHECK_OK(tw_trainer_wait(s.trainer, values, &s.error), s.error);
        check(&s, values);
        CHECK_OK(tw_trainer_wait(s.trainer, values, &s.error), s.error); /* nothing since */
        CHECK(values[3] == 0);
    }
    tw_dataset_destroy(&data);
    session_close(&s);
}

static void classes_of_all(void)
{
    judge("host", false, 16);
    judge("host", false, SAMPLES);
    if (have_device())
        judge(NULL, false, 16);
}

static void labels_of_all(void)
{
    judge("host", true, 16);
    judge("host", true, 1);
    if (have_device())
        judge(NULL, true, 32);
}

TESTS(T(classes_of_all), T(labels_of_all))
