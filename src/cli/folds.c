// SPDX-License-Identifier: Apache-2.0
// Cross-validation: as many trainings as there are folds, each from fresh weights, tested on the
// part of the data that it does not see.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train.h"

typedef struct folds {
    cli_training *training;
    tw_dataset *data; /* all of it */
    char out[4200];
    int count;     /* of values: losses and metrics */
    double *value; /* of every fold: the values in training, then those on its test part */
} folds;

static double *fold_values(const folds *f, int64_t fold, bool test)
{
    return f->value + (2 * (fold - 1) + test) * f->count;
}

static bool fold_folder(const cli_training *t, int64_t fold, char *path, size_t size)
{
    const int length = snprintf(path, size, "%s/fold-%lld", t->args->out, (long long)fold);
    return length > 0 && (size_t)length < size;
}

int cli_folds_check_out(const cli_training *training)
{
    if (!training->args->out)
        return CLI_DONE;
    int code = cli_training_check_out(training);
    for (int64_t k = 1; k <= training->args->folds && code == CLI_DONE; k++) {
        char path[4200];
        cli_training fold = *training;
        if (!fold_folder(training, k, path, sizeof path))
            return cli_fail(CLI_USAGE, "--out: the path is too long");
        fold.out = path;
        if (!cli_exists(path))
            break; /* a run writes them in turn */
        code = cli_training_check_out(&fold);
    }
    return code;
}

/* ---- what is told ---- */

static void print_fold(const folds *f, double seconds)
{
    const cli_training *t = f->training;
    printf("fold %lld/%lld  %lld + %lld samples  %.1f s", (long long)t->fold,
           (long long)t->args->folds, (long long)tw_dataset_count(t->data),
           (long long)tw_dataset_count(t->test), seconds);
    for (int i = 0; i < f->count; i++)
        printf("  %s %.4f", tw_trainer_value_name(t->trainer, i), t->values[i]);
    for (int i = 0; i < f->count; i++)
        printf("  test_%s %.4f", tw_trainer_value_name(t->trainer, i), t->test_values[i]);
    printf("\n");
}

/* , "PREFIXNAME": number */
static void json_value(const folds *f, const char *prefix, int index, double value)
{
    char name[300];
    (void)snprintf(name, sizeof name, "%s%s", prefix,
                   tw_trainer_value_name(f->training->trainer, index));
    printf(", ");
    cli_json_text(stdout, name);
    printf(": ");
    cli_json_number(stdout, value);
}

static void json_fold(const folds *f, double seconds)
{
    const cli_training *t = f->training;
    printf("{\"fold\": %lld, \"folds\": %lld, \"seed\": %llu, \"train_samples\": %lld, "
           "\"test_samples\": %lld, \"epochs\": %lld, \"seconds\": %.3f",
           (long long)t->fold, (long long)t->args->folds,
           (unsigned long long)(t->args->seed + (uint64_t)t->fold - 1),
           (long long)tw_dataset_count(t->data), (long long)tw_dataset_count(t->test),
           (long long)tw_trainer_epoch(t->trainer), seconds);
    for (int i = 0; i < f->count; i++)
        json_value(f, "train_", i, t->values[i]);
    for (int i = 0; i < f->count; i++)
        json_value(f, "test_", i, t->test_values[i]);
    printf("}\n");
}

/* Mean over the folds, and standard deviation of a sample of them (by K - 1). */
static double mean_of(const folds *f, int index, double *deviation)
{
    const int64_t k = f->training->args->folds;
    double mean = 0, squares = 0;
    for (int64_t fold = 1; fold <= k; fold++)
        mean += fold_values(f, fold, true)[index] / (double)k;
    for (int64_t fold = 1; fold <= k; fold++)
        squares += pow(fold_values(f, fold, true)[index] - mean, 2);
    *deviation = sqrt(squares / (double)(k - 1));
    return mean;
}

static void print_means(const folds *f)
{
    const cli_args *args = f->training->args;
    printf(args->json ? "{\"folds\": %lld" : "mean of %lld folds", (long long)args->folds);
    for (int i = 0; i < f->count; i++) {
        double deviation = 0;
        const double mean = mean_of(f, i, &deviation);
        if (args->json) {
            json_value(f, "mean_test_", i, mean);
            json_value(f, "deviation_test_", i, deviation);
        } else {
            printf("  test_%s %.4f +- %.4f", tw_trainer_value_name(f->training->trainer, i), mean,
                   deviation);
        }
    }
    printf(args->json ? "}\n" : "\n");
    if (args->out && !args->json)
        printf("written to %s/fold-1 to fold-%lld\n", args->out, (long long)args->folds);
}

/* ---- what is done ---- */

static int run_fold(folds *f, int64_t number)
{
    tw_error error;
    cli_training *t = f->training;
    const cli_args *args = t->args;
    const tw_fold fold = {.parts = (int32_t)args->folds,
                          .part = (int32_t)number - 1,
                          .shuffle = !args->shuffle || strcmp(args->shuffle, "no") != 0,
                          .seed = args->seed};
    const double start = cli_seconds();
    if (tw_dataset_fold(f->data, &fold, &t->data, &t->test, &error) != TW_OK ||
        tw_trainer_restart(t->trainer, args->seed + (uint64_t)number - 1, &error) != TW_OK)
        return cli_error(&error, NULL);
    int code = cli_load_weights(args, &t->session);
    t->fold = number;
    t->values = fold_values(f, number, false);
    t->test_values = fold_values(f, number, true);
    if (args->out && fold_folder(t, number, f->out, sizeof f->out))
        t->out = f->out;
    if (code == CLI_DONE)
        code = cli_training_fit(t);
    if (code == CLI_DONE)
        (args->json ? json_fold : print_fold)(f, cli_seconds() - start);
    (void)fflush(stdout);
    tw_dataset_destroy(&t->data);
    tw_dataset_destroy(&t->test);
    return code;
}

int cli_folds_run(cli_training *training)
{
    folds f = {.training = training,
               .data = training->data,
               .count = tw_trainer_value_count(training->trainer)};
    const int64_t k = training->args->folds;
    if (k > tw_dataset_count(f.data))
        return cli_fail(CLI_FAILED,
                        "--folds %lld: there are just %lld samples, give at most as many",
                        (long long)k, (long long)tw_dataset_count(f.data));
    f.value = calloc((size_t)k * 2 * (size_t)f.count, sizeof *f.value);
    training->data = NULL;
    int code = f.value ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
    for (int64_t number = 1; number <= k && code == CLI_DONE; number++)
        code = run_fold(&f, number);
    if (code == CLI_DONE)
        print_means(&f);
    training->data = f.data;
    free(f.value);
    return code;
}
