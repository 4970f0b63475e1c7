// SPDX-License-Identifier: Apache-2.0
// The loop over epochs: steps, validation, early stopping, checkpoints, the log.
#include <time.h>

#include "train/trainer.h"

#define REPORTS_PER_SECOND 20

typedef struct fit {
    tw_trainer *trainer;
    tw_dataset *data;
    const tw_fit_options *options;
    int64_t epochs, steps_per_epoch;
    double *values, *test_values;
    tw_text log;
    double epoch_start, last_report;
    int64_t samples; /* of the running epoch */
    bool stop;       /* the callback, or the limit of steps, ends the training */
    bool cancelled;
} fit;

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static bool has_test(const fit *f)
{
    return f->options->test != NULL;
}

/* Calls the user's function; a false from it ends the training. */
static void report(fit *f, int64_t step, bool epoch_done)
{
    const double time = now();
    if (!f->options->progress || (!epoch_done && time - f->last_report < 1.0 / REPORTS_PER_SECOND))
        return;
    f->last_report = time;
    if (!epoch_done)
        tw_trainer_means(f->trainer, f->values);
    const tw_progress progress = {
        .epoch = f->trainer->course.epoch + (epoch_done && f->trainer->course.batches == 0 ? 0 : 1),
        .epochs = f->epochs,
        .step = step,
        .steps = f->steps_per_epoch,
        .samples = f->samples,
        .seconds = time - f->epoch_start,
        .values = f->values,
        .test_values = epoch_done && has_test(f) ? f->test_values : NULL,
        .epoch_done = epoch_done,
    };
    if (!f->options->progress(f->options->user, &progress))
        f->stop = true;
}

static bool steps_spent(const fit *f)
{
    return f->options->steps > 0 && f->trainer->line[0].step >= (uint64_t)f->options->steps;
}

/* A resumed epoch begins where it was left: the batches done are drawn and thrown away. */
static tw_status skip_batches(fit *f, tw_error *error)
{
    const tw_course *course = &f->trainer->course;
    if (course->batches == 0)
        return TW_OK;
    if (course->batch != f->trainer->options.batch || course->count != tw_dataset_count(f->data) ||
        course->no_shuffle != f->options->no_shuffle)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "the checkpoint stands in the middle of an epoch over %lld samples in "
                       "batches of %lld%s: resume "
                       "with the same",
                       (long long)course->count, (long long)course->batch,
                       course->no_shuffle ? " without shuffling" : "");
    for (int64_t i = 0; i < course->batches; i++) {
        int64_t n = 0;
        const void *const *columns = NULL;
        TW_TRY(tw_dataset_next(f->data, &n, &columns, error));
        f->samples += n;
    }
    return TW_OK;
}

/* Trains one epoch, or what is left of it. *whole: the data came to its end. */
static tw_status run_epoch(fit *f, bool *whole, tw_error *error)
{
    tw_trainer *t = f->trainer;
    *whole = false;
    f->samples = 0;
    f->epoch_start = now();
    TW_TRY(tw_dataset_start(f->data, t->options.batch, !f->options->no_shuffle, t->options.seed,
                            t->course.epoch + 1, error));
    TW_TRY(skip_batches(f, error));
    t->course.batch = t->options.batch;
    t->course.count = tw_dataset_count(f->data);
    t->course.no_shuffle = f->options->no_shuffle;
    while (!f->stop && !f->cancelled) {
        int64_t n = 0;
        const void *const *columns = NULL;
        TW_TRY(tw_dataset_next(f->data, &n, &columns, error));
        if (n == 0) {
            *whole = true;
            break;
        }
        TW_TRY(tw_trainer_step(t, n, columns, error));
        t->course.batches++;
        f->samples += n;
        report(f, t->course.batches, false);
        f->cancelled = atomic_load(&t->cancelled) != 0;
        f->stop = f->stop || steps_spent(f);
    }
    if (t->course.batches >= f->steps_per_epoch)
        *whole = true; /* stopped by its last step */
    return tw_trainer_finish(t, error);
}

/* Whether an epoch is the best so far, by the first line's loss, on test data where there are any.
 * Part of an epoch is compared, but not remembered: a resume completes it. */
static bool judge(fit *f, bool whole)
{
    tw_course *course = &f->trainer->course;
    const double loss = has_test(f) ? f->test_values[0] : f->values[0];
    const bool best = loss < course->best;
    if (whole) {
        course->best = best ? loss : course->best;
        course->stale = best ? 0 : course->stale + 1;
    }
    return best;
}

static tw_status write_run(fit *f, int64_t epoch, bool best, tw_error *error)
{
    if (!f->options->out)
        return TW_OK;
    tw_trainer *t = f->trainer;
    tw_log_line(t, epoch, now() - f->epoch_start, f->values, has_test(f) ? f->test_values : NULL,
                &f->log);
    TW_TRY(tw_log_write(t->context, f->options->out, &f->log, error));
    return tw_checkpoint_write(t, f->options->out, best || !f->options->keep_best, error);
}

/* After the last step of an epoch, or of the training. */
static tw_status end_epoch(fit *f, bool whole, tw_error *error)
{
    tw_trainer *t = f->trainer;
    const int64_t steps = t->course.batches, epoch = t->course.epoch + 1;
    tw_trainer_means(t, f->values);
    if (has_test(f))
        TW_TRY(tw_trainer_evaluate(t, f->options->test, f->test_values, error));
    const bool best = judge(f, whole);
    if (whole) {
        t->course.epoch++;
        t->course.batches = 0;
        tw_trainer_reset_means(t);
    }
    TW_TRY(write_run(f, epoch, best, error));
    report(f, steps, true);
    return TW_OK;
}

/* Cancelled: the state goes to disk, mid-epoch if need be, so that a resume loses nothing. */
static tw_status end_cancelled(fit *f, tw_error *error)
{
    tw_trainer *t = f->trainer;
    atomic_store(&t->cancelled, 0);
    if (f->options->out)
        TW_TRY(tw_checkpoint_write(t, f->options->out, !f->options->keep_best, error));
    return tw_fail(error, TW_ERROR_CANCELLED,
                   "training was cancelled in epoch %lld after step %lld of %lld%s%s",
                   (long long)t->course.epoch + 1, (long long)t->course.batches,
                   (long long)f->steps_per_epoch, f->options->out ? "; its state is in " : "",
                   f->options->out ? f->options->out : "");
}

static bool enough(const fit *f)
{
    const tw_course *course = &f->trainer->course;
    return f->stop || course->epoch >= f->epochs || steps_spent(f) ||
           (f->options->patience > 0 && course->stale >= f->options->patience);
}

static tw_status run(fit *f, tw_error *error)
{
    while (!enough(f)) {
        bool whole = false;
        TW_TRY(run_epoch(f, &whole, error));
        if (f->cancelled && !whole)
            return end_cancelled(f, error);
        TW_TRY(end_epoch(f, whole, error));
        if (f->cancelled)
            return end_cancelled(f, error);
    }
    return TW_OK;
}

/* A training that was killed while it wrote may have left parts of files. */
static void remove_leftovers(tw_context *context, const char *folder)
{
    static const char *const files[] = {"model.tw", "weights.safetensors", "state.safetensors",
                                        "log.jsonl", "classes.txt", "preparation.csv"};
    for (int i = 0; i < TW_COUNT(files); i++) {
        tw_text path = {.context = context};
        tw_text_printf(&path, "%s/%s", folder, files[i]);
        if (!path.failed)
            tw_remove_leftovers(context, path.data);
        tw_text_clear(&path);
    }
}

/* What is refused or made before the first step: better now than after an epoch. */
static tw_status prepare(fit *f, tw_error *error)
{
    tw_trainer *t = f->trainer;
    const int64_t count = tw_dataset_count(f->data), batch = t->options.batch;
    if (count == 0)
        return tw_fail(error, TW_ERROR_DATA, "the training data are empty");
    f->steps_per_epoch = (count - 1) / batch + 1;
    f->epochs = f->options->epochs > 0 ? f->options->epochs : 1;
    if (t->options.steps_per_epoch == 0)
        t->options.steps_per_epoch = f->steps_per_epoch;
    t->total = f->epochs * f->steps_per_epoch;
    if (f->options->steps > 0)
        t->total = TW_MIN(t->total, f->options->steps);
    f->values = tw_calloc(t->context, (size_t)t->n_values, sizeof *f->values);
    f->test_values = tw_calloc(t->context, (size_t)t->n_values, sizeof *f->test_values);
    if (!f->values || !f->test_values)
        return tw_fail_memory(error);
    if (has_test(f))
        TW_TRY(tw_evaluator_create(t, error));
    if (t->course.batches == 0)
        TW_TRY(tw_trainer_wait(t, NULL, error)); /* means begin anew */
    if (!f->options->out)
        return TW_OK;
    TW_TRY(tw_make_folder(t->context, f->options->out, error));
    remove_leftovers(t->context, f->options->out);
    TW_TRY(tw_log_read(t->context, f->options->out, t->course.epoch, &f->log, error));
    TW_TRY(tw_log_write(t->context, f->options->out, &f->log, error));
    return tw_preparation_write(tw_dataset_preparation(f->data), f->options->out, error);
}

tw_status tw_trainer_fit(tw_trainer *trainer, tw_dataset *data, const tw_fit_options *options,
                         tw_error *error)
{
    static const tw_fit_options defaults = {.epochs = 0};
    if (!trainer || !data)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "tw_trainer_fit: trainer and data must not be NULL");
    fit f = {.trainer = trainer,
             .data = data,
             .options = options ? options : &defaults,
             .log.context = trainer->context};
    tw_status status = prepare(&f, error);
    if (status == TW_OK)
        status = run(&f, error);
    tw_free(trainer->context, f.values);
    tw_free(trainer->context, f.test_values);
    tw_text_clear(&f.log);
    return status;
}
