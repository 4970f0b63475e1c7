// SPDX-License-Identifier: Apache-2.0
// thalweg train: a model's train lines over a data set, into a folder that can be resumed and used.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train.h"

/* What the signal's handler reaches. */
static tw_trainer *volatile interrupted_trainer;
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
    if (interrupted_trainer)
        tw_trainer_cancel(interrupted_trainer);
}

/* The first interrupt finishes the step, a second one ends the process at once. */
static void catch_interrupts(tw_trainer *trainer)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigemptyset(&action.sa_mask);
    interrupted_trainer = trainer;
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static bool holds(const char *folder, const char *name)
{
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return cli_exists(path);
}

/* An empty file is nothing: a run that failed in its first epoch leaves an empty log. */
static bool holds_something(const char *folder, const char *name)
{
    char path[4200];
    struct stat status;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &status) == 0 && status.st_size > 0;
}

int cli_training_check_out(const cli_training *t)
{
    const char *out = t->out;
    if (!out)
        return CLI_DONE;
    if (strlen(out) >= 4096)
        return cli_fail(CLI_USAGE, "--out: the path is too long");
    if (!cli_exists(out))
        return CLI_DONE;
    if (!cli_is_folder(out))
        return cli_fail(CLI_FAILED, "--out %s is a file: name a folder, or remove the file", out);
    if (access(out, W_OK | X_OK) != 0)
        return cli_fail(
            CLI_FAILED,
            "--out %s cannot be written to: choose another folder, or change its permissions", out);
    if (t->args->resume && same_folder(t->args->resume, out))
        return CLI_DONE;
    static const char *const files[] = {"state.safetensors", "weights.safetensors", "model.tw",
                                        "log.jsonl"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (holds_something(out, files[i]))
            return cli_fail(CLI_FAILED,
                            "--out %s already holds a run (%s), which is not written over: go on "
                            "with it by --resume "
                            "%s, choose another folder, or remove it",
                            out, files[i], out);
    return CLI_DONE;
}

static int check_usage(const cli_args *args)
{
    if (!args->operand && !args->resume)
        return cli_fail(CLI_USAGE, "train needs a model: thalweg train MODEL.tw --data SPEC");
    if (!args->data)
        return cli_fail(CLI_USAGE, "train needs --data SPEC: see thalweg --help");
    if (args->test && args->split > 0)
        return cli_fail(CLI_USAGE, "give --test or --split, not both");
    if (args->folds == 1)
        return cli_fail(CLI_USAGE, "--folds 1: give at least 2; each is tested on in turn");
    if (args->folds > 0 && (args->test || args->split > 0))
        return cli_fail(CLI_USAGE, "--folds makes the test data itself: leave %s out",
                        args->test ? "--test" : "--split");
    if (args->folds > 0 && args->resume)
        return cli_fail(CLI_USAGE, "--folds cannot resume a run: leave --resume out");
    if (args->resume && args->weights)
        return cli_fail(CLI_USAGE,
                        "give --weights or --resume, not both: a resumed run brings its weights");
    if (args->images && args->folds > 0)
        return cli_fail(CLI_USAGE, "--folds draws no pictures: leave --images out");
    if (args->images && !args->out && !args->resume)
        return cli_fail(CLI_USAGE, "--images writes into the folder of --out: give --out DIR");
    if (args->range && !args->images)
        return cli_fail(CLI_USAGE, "--range is for --images");
    if (args->partial && !args->weights)
        return cli_fail(CLI_USAGE, "--partial is for --weights FILE.safetensors");
    if (args->resume && !cli_is_folder(args->resume))
        return cli_fail(CLI_FAILED, "--resume %s: there is no such folder", args->resume);
    if (args->resume && !holds(args->resume, "state.safetensors"))
        return cli_fail(CLI_FAILED, "--resume %s: the folder holds no run (no state.safetensors)",
                        args->resume);
    return CLI_DONE;
}

static int read_checkpoint(cli_training *t)
{
    tw_error error;
    const cli_args *args = t->args;
    if (!args->resume)
        return CLI_DONE;
    if (tw_checkpoint_read(t->session.context, args->resume, &t->checkpoint, &error) != TW_OK)
        return cli_error(&error, NULL);
    if (args->seed_given && args->seed != t->checkpoint.seed)
        return cli_fail(CLI_USAGE, "--seed %llu: the run in %s has seed %llu; leave --seed out",
                        (unsigned long long)args->seed, args->resume,
                        (unsigned long long)t->checkpoint.seed);
    return CLI_DONE;
}

static int64_t batch_of(const cli_training *t)
{
    if (t->args->batch > 0)
        return t->args->batch;
    return t->args->resume ? t->checkpoint.batch : 32;
}

static bool no_shuffle(const cli_training *t)
{
    if (t->args->shuffle)
        return strcmp(t->args->shuffle, "no") == 0;
    return t->args->resume ? t->checkpoint.no_shuffle : false;
}

/* Test data become what the training data became. */
static int open_test(cli_training *t)
{
    tw_error error;
    const tw_preparation *preparation = tw_dataset_preparation(t->data);
    const tw_dataset_options options = {.sizes = t->session.sizes, .preparation = preparation};
    if (tw_dataset_open_for(t->session.graph, t->args->test, &options, &t->test, &error) != TW_OK)
        return cli_error(&error, t->session.model);
    return CLI_DONE;
}

static int open_data(cli_training *t)
{
    tw_error error;
    const cli_args *args = t->args;
    int code = cli_open_data(args, &t->session, args->data, 0, NULL, &t->data);
    if (code == CLI_DONE && args->test)
        code = open_test(t);
    if (code != CLI_DONE)
        return code;
    if (args->split > 0 && tw_dataset_split(t->data, args->split, &t->test, &error) != TW_OK)
        return cli_error(&error, NULL);
    return CLI_DONE;
}

static int open_trainer(cli_training *t)
{
    tw_error error;
    const tw_trainer_options options = {.batch = batch_of(t),
                                        .seed = t->args->seed,
                                        .sizes = t->session.sizes,
                                        .kernels = t->args->kernels};
    if (tw_trainer_create(t->session.params, &options, &t->trainer, &error) != TW_OK)
        return cli_error(&error, t->session.model);
    if (t->args->resume && tw_trainer_resume(t->trainer, t->args->resume, &error) != TW_OK)
        return cli_error(&error, NULL);
    return CLI_DONE;
}

/* The same samples and random numbers are drawn in every epoch: test data's, if there are any. */
static int open_images(cli_training *t)
{
    const uint64_t seed = t->args->resume ? t->checkpoint.seed : t->args->seed;
    if (!t->args->images)
        return CLI_DONE;
    return images_open(&t->images, &t->session, t->args, seed, 0, t->test ? t->test : t->data);
}

static int draw_images(cli_training *t, int64_t epoch)
{
    char path[4200];
    (void)snprintf(path, sizeof path, "%s/images", t->out);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return cli_fail(CLI_FAILED, "the folder %s cannot be made: %s", path, strerror(errno));
    (void)snprintf(path, sizeof path, "%s/images/%04lld.png", t->out, (long long)epoch);
    return images_draw(&t->images, path);
}

/* What the training's loop calls. */
static bool report(void *user, const tw_progress *now)
{
    cli_training *t = user;
    const bool go_on = cli_progress_report(&t->progress, now);
    if (now->epoch_done && t->args->images)
        t->images_code = draw_images(t, now->epoch);
    return go_on && t->images_code == CLI_DONE;
}

static int64_t epochs_of(const cli_training *t)
{
    if (t->args->epochs > 0)
        return t->args->epochs;
    if (t->args->steps == 0)
        return 1;
    const int64_t each = (tw_dataset_count(t->data) - 1) / batch_of(t) + 1;
    return each > 0 ? (t->args->steps - 1) / each + 1 : 1;
}

static int interrupted_end(cli_training *t, const tw_error *error)
{
    const char *test = t->args->test;
    (void)cli_fail(CLI_INTERRUPTED, "%s", error->text);
    if (t->out && t->fold == 0)
        (void)fprintf(
            stderr, "thalweg: go on with: thalweg train --resume %s --data %s%s%s --epochs %lld\n",
            t->out, t->args->data, test ? " --test " : "", test ? test : "",
            (long long)epochs_of(t));
    return CLI_INTERRUPTED;
}

int cli_training_fit(cli_training *t)
{
    tw_error error;
    const cli_args *args = t->args;
    const tw_fit_options options = {
        .epochs = epochs_of(t),
        .steps = args->steps,
        .no_shuffle = no_shuffle(t),
        .test = t->test,
        .out = t->out,
        .keep_best = args->keep && strcmp(args->keep, "best") == 0,
        .patience = args->patience,
        .progress = report,
        .user = t,
    };
    cli_progress_start(&t->progress, t->trainer, args->json);
    t->progress.fold = t->fold;
    t->progress.folds = args->folds;
    t->progress.keep_best = options.keep_best;
    t->progress.values = t->values;
    t->progress.test_values = t->test_values;
    catch_interrupts(t->trainer);
    if (interrupted) /* between two folds */
        return cli_fail(CLI_INTERRUPTED, "interrupted");
    const tw_status status = tw_trainer_fit(t->trainer, t->data, &options, &error);
    interrupted_trainer = NULL;
    cli_progress_end(&t->progress);
    if (status == TW_ERROR_CANCELLED && interrupted)
        return interrupted_end(t, &error);
    if (status != TW_OK)
        return cli_error(&error, NULL);
    if (t->images_code != CLI_DONE)
        return t->images_code;
    if (!t->progress.any_epoch && args->resume && !args->json)
        printf("nothing to do: %s has %lld epochs already; give more with --epochs\n", args->resume,
               (long long)tw_trainer_epoch(t->trainer));
    else if (t->out && !args->json && t->fold == 0)
        printf("written to %s\n", t->out);
    return CLI_DONE;
}

static int open_all(cli_training *t)
{
    cli_args model = *t->args;
    char path[4200];
    if (!model.operand) { /* --resume alone */
        (void)snprintf(path, sizeof path, "%s/model.tw", t->args->resume);
        model.operand = path;
    } else if (cli_is_folder(model.operand)) {
        return cli_fail(CLI_USAGE, "%s is a folder: give a .tw file, or --resume %s", model.operand,
                        model.operand);
    }
    int code = cli_find_model(&model, &t->session);
    if (t->args->resume)
        (void)snprintf(t->session.folder, sizeof t->session.folder, "%s", t->args->resume);
    if (code == CLI_DONE)
        code = cli_open_context(&t->session);
    if (code == CLI_DONE)
        code = read_checkpoint(t);
    if (code == CLI_DONE)
        code = cli_open(&model, t->args->resume ? t->checkpoint.seed : t->args->seed, &t->session);
    if (code == CLI_DONE)
        code = open_data(t);
    if (code == CLI_DONE)
        code = open_trainer(t);
    return code == CLI_DONE ? open_images(t) : code;
}

static int run(const cli_args *args)
{
    cli_training t = {.args = args, .out = args->out ? args->out : args->resume};
    int code = check_usage(args);
    if (code == CLI_DONE)
        code = args->folds > 0 ? cli_folds_check_out(&t) : cli_training_check_out(&t);
    if (code == CLI_DONE && args->images)
        code = images_read(&t.images, args->images, args->range);
    if (code == CLI_DONE)
        code = open_all(&t);
    if (code == CLI_DONE)
        code = args->folds > 0 ? cli_folds_run(&t) : cli_training_fit(&t);
    images_close(&t.images);
    tw_trainer_destroy(&t.trainer);
    tw_dataset_destroy(&t.test);
    tw_dataset_destroy(&t.data);
    cli_close(&t.session);
    return code;
}

static const cli_option options[] = {
    {"--data", CLI_TEXT, offsetof(cli_args, data), "SPEC", "the data to train on"},
    {"--test", CLI_TEXT, offsetof(cli_args, test), "SPEC", "data to judge each epoch by"},
    {"--split", CLI_FRACTION, offsetof(cli_args, split), "F",
     "judge by the last part of the data instead (0.1)"},
    {"--folds", CLI_COUNT, offsetof(cli_args, folds), "K",
     "cross-validation: K trainings, each judged by another of K parts"},
    {"--epochs", CLI_COUNT, offsetof(cli_args, epochs), "N", "epochs in all (default 1)"},
    {"--batch", CLI_COUNT, offsetof(cli_args, batch), "N", "samples a step (default 32)"},
    {"--seed", CLI_SEED, offsetof(cli_args, seed), "N",
     "of weights, order and random operators (default 0)"},
    {"--out", CLI_TEXT, offsetof(cli_args, out), "DIR", "folder for model, weights, state and log"},
    {"--resume", CLI_TEXT, offsetof(cli_args, resume), "DIR",
     "goes on where the run in DIR stopped (MODEL.tw may be left out)"},
    {"--keep", CLI_CHOICE, offsetof(cli_args, keep), "best|last",
     "which epoch weights.safetensors holds (default last)"},
    {"--patience", CLI_COUNT, offsetof(cli_args, patience), "N",
     "stop after N epochs without a lower test loss"},
    {"--weights", CLI_TEXT, offsetof(cli_args, weights), "FILE.safetensors",
     "weights to begin with"},
    {"--partial", CLI_FLAG, offsetof(cli_args, partial), NULL, "take those that fit"},
    {"--steps", CLI_COUNT, offsetof(cli_args, steps), "N", "stop after N steps in all"},
    {"--shuffle", CLI_CHOICE, offsetof(cli_args, shuffle), "yes|no",
     "a new order each epoch (default yes)"},
    CLI_OPTION_IMAGES("draws these nodes' values, rows in turn, after each epoch"),
    CLI_OPTION_RANGE,
    CLI_OPTION_SIZES,
    CLI_OPTION_DEVICE,
    CLI_OPTION_KERNELS,
    CLI_OPTION_JSON,
    CLI_OPTION_END};
const cli_command cli_train = {
    "train",
    "MODEL.tw",
    "Trains a model",
    "The folder of --out receives model.tw, weights.safetensors, state.safetensors and log.jsonl "
    "after each epoch,\n"
    "and what eval and predict read data by: classes.txt, preparation.csv. --images NAME,... adds "
    "images/0001.png, ...:\n"
    "these nodes for the first samples of the test (else training) data, with the same random "
    "numbers each time.\n"
    "Ctrl-C finishes the step, saves, and exits with 130.\n"
    "--folds K cuts the data into K parts, at random by --seed and alike in their classes "
    "(--shuffle "
    "no: runs of\n"
    "samples in the data's order, as a time series wants). Training number i begins with fresh "
    "weights "
    "of seed + i - 1,\n"
    "uses all parts but the i-th, is judged by that one, and is written to DIR/fold-i.",
    options,
    run};
