// SPDX-License-Identifier: Apache-2.0
// The loop: small nets learn, runs repeat bit by bit, stop early, resume exactly, and survive a
// crash.
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "train.h"

#define SAMPLES 203 /* no multiple of the batch */
#define BATCH 16

/* Two rings: which one a point lies on. */
static const char rings[] =
    "thalweg 1\n"
    "point = input f32[n,2]\n"
    "ring = input i32[n] classes=2\n"
    "dense(point) units=24 act=tanh l2=0.0001\n"
    "dropout rate=0.1\n"
    "logits = dense units=2\n"
    "prediction = softmax(logits)\n"
    "loss = cross_entropy(logits, ring)\n"
    "train loss=loss optimizer=\"adam lr=0.02 schedule=cosine\" metrics=accuracy\n";

static float point[SAMPLES][2];
static int32_t ring[SAMPLES];
static char folder[200]; /* of this test program */

static void make_rings(void)
{
    for (int i = 0; i < SAMPLES; i++) {
        const double angle = 0.61803398875 * 6.283185307 * i;
        ring[i] = i % 2;
        point[i][0] = (float)((0.5 + 0.5 * ring[i]) * cos(angle));
        point[i][1] = (float)((0.5 + 0.5 * ring[i]) * sin(angle));
    }
}

static tw_dataset *ring_data(session *s, int64_t count)
{
    tw_dataset *data = NULL;
    make_rings();
    const tw_array columns[2] = {{.type = TW_F32, .rank = 2, .dim = {count, 2}, .data = point},
                                 {.type = TW_I32, .rank = 1, .dim = {count}, .data = ring}};
    CHECK_OK(tw_dataset_from_arrays(s->graph, 2, columns, &data, &s->error), s->error);
    return data;
}

static const char *path(const char *name)
{
    static char out[4][400];
    static int at;
    at = (at + 1) % 4;
    (void)snprintf(out[at], sizeof out[at], "%s/%s", folder, name);
    return out[at];
}

static void remove_folder(const char *name)
{
    DIR *entries = opendir(name);
    for (struct dirent *e; entries && (e = readdir(entries)) != NULL;) {
        char full[700];
        (void)snprintf(full, sizeof full, "%s/%s", name, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && remove(full) != 0)
            remove_folder(full);
    }
    if (entries)
        (void)closedir(entries);
    (void)rmdir(name);
}

static char *slurp(const char *name, size_t *length)
{
    FILE *file = fopen(name, "rb");
    if (!file)
        return NULL;
    char *data = calloc(1, 1 << 20);
    *length = data ? fread(data, 1, (1 << 20) - 1, file) : 0;
    (void)fclose(file);
    return data;
}

static bool same_file(const char *a, const char *b)
{
    size_t n = 0, m = 0;
    char *x = slurp(a, &n), *y = slurp(b, &m);
    const bool same = x && y && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

static bool has_line(const char *file, const char *part)
{
    size_t length = 0;
    char *text = slurp(file, &length);
    const bool has = text && strstr(text, part);
    free(text);
    return has;
}

static int lines_of(const char *file)
{
    size_t length = 0;
    char *text = slurp(file, &length);
    int lines = 0;
    for (size_t i = 0; text && i < length; i++)
        lines += text[i] == '\n';
    free(text);
    return lines;
}

/* Trains in a fresh session, resumed from `resume` if that is not NULL. */
static tw_status train_rings(const char *device, const tw_fit_options *options, const char *resume,
                             uint64_t seed, tw_error *error)
{
    session s;
    tw_status status = TW_ERROR_INTERNAL;
    if (!session_open(&s, rings, device, &(tw_trainer_options){.batch = BATCH, .seed = seed}))
        return status;
    tw_dataset *data = ring_data(&s, SAMPLES);
    status = resume ? tw_trainer_resume(s.trainer, resume, error) : TW_OK;
    if (status == TW_OK)
        status = tw_trainer_fit(s.trainer, data, options, error);
    tw_dataset_destroy(&data);
    session_close(&s);
    return status;
}

static void learns_on(const char *device)
{
    session s;
    double values[2] = {9, 0};
    if (!session_open(&s, rings, device, &(tw_trainer_options){.batch = BATCH, .seed = 3}))
        return;
    tw_dataset *data = ring_data(&s, SAMPLES);
    CHECK(tw_trainer_value_count(s.trainer) == 2);
    CHECK_TEXT(tw_trainer_value_name(s.trainer, 0), "loss");
    CHECK_TEXT(tw_trainer_value_name(s.trainer, 1), "accuracy");
    CHECK_OK(tw_trainer_fit(s.trainer, data, &(tw_fit_options){.epochs = 200}, &s.error), s.error);
    CHECK_OK(tw_trainer_evaluate(s.trainer, data, values, &s.error), s.error);
    CHECK(values[0] < 0.12);
    CHECK(values[1] > 0.98);
    CHECK(tw_trainer_epoch(s.trainer) == 200);
    tw_dataset_destroy(&data);
    session_close(&s);
}

static void learns_host(void)
{
    learns_on("host");
}
static void learns_device(void)
{
    if (have_device())
        learns_on(NULL);
}

static void repeats_and_resumes_on(const char *device)
{
    tw_error error = {.text = ""};
    const char *const files[] = {"weights.safetensors", "state.safetensors", "model.tw"};
    CHECK_OK(
        train_rings(device, &(tw_fit_options){.epochs = 4, .out = path("whole")}, NULL, 5, &error),
        error);
    CHECK_OK(
        train_rings(device, &(tw_fit_options){.epochs = 4, .out = path("again")}, NULL, 5, &error),
        error);
    CHECK_OK(
        train_rings(device, &(tw_fit_options){.epochs = 4, .out = path("other")}, NULL, 6, &error),
        error);
    /* stopped within an epoch, where the schedule and the random numbers stand in the middle of
     * theirs */
    CHECK_OK(
        train_rings(device, &(tw_fit_options){.epochs = 4, .out = path("parts")}, NULL, 5, &error),
        error);
    remove_folder(path("parts"));
    session s;
    if (session_open(&s, rings, device, &(tw_trainer_options){.batch = BATCH, .seed = 5})) {
        tw_dataset *data = ring_data(&s, SAMPLES);
        tw_trainer_cancel(s.trainer); /* after one step */
        CHECK(tw_trainer_fit(s.trainer, data, &(tw_fit_options){.epochs = 4, .out = path("parts")},
                             &s.error) == TW_ERROR_CANCELLED);
        CHECK_HAS(s.error.text, "after step 1 of 13");
        tw_dataset_destroy(&data);
        session_close(&s);
    }
    CHECK_OK(train_rings(device, &(tw_fit_options){.epochs = 4, .out = path("parts")},
                         path("parts"), 77, &error),
             error);
    for (int i = 0; i < 3; i++) {
        char whole[500], again[500], parts[500];
        (void)snprintf(whole, sizeof whole, "%s/%s", path("whole"), files[i]);
        (void)snprintf(again, sizeof again, "%s/%s", path("again"), files[i]);
        (void)snprintf(parts, sizeof parts, "%s/%s", path("parts"), files[i]);
        CHECK(same_file(whole, again));
        CHECK(same_file(whole, parts));
    }
    CHECK(!same_file(path("whole/weights.safetensors"), path("other/weights.safetensors")));
    CHECK(lines_of(path("whole/log.jsonl")) == 4);
    CHECK(lines_of(path("parts/log.jsonl")) == 4);
    CHECK(has_line(path("whole/log.jsonl"), "\"train_accuracy\": "));
    remove_folder(path("whole"));
    remove_folder(path("again"));
    remove_folder(path("other"));
    remove_folder(path("parts"));
}

static void repeats_and_resumes_host(void)
{
    repeats_and_resumes_on("host");
}
static void repeats_and_resumes_device(void)
{
    if (have_device())
        repeats_and_resumes_on(NULL);
}

/* Killed after an epoch: the process that goes on writes the bytes of one never killed. */
static bool stop_at_two(void *user, const tw_progress *progress)
{
    (void)user;
    if (progress->epoch_done && progress->epoch == 2)
        _exit(0);
    return true;
}

/* ThreadSanitizer cannot follow a child that is forked beside threads and starts its own. */
#ifdef __SANITIZE_THREAD__
#define FORKS() return
#else
#define FORKS()
#endif

static void resumes_after_a_kill(void)
{
    FORKS();
    tw_error error = {.text = ""};
    const pid_t child = fork();
    if (child == 0) {
        (void)train_rings(
            "host", &(tw_fit_options){.epochs = 5, .out = path("killed"), .progress = stop_at_two},
            NULL, 1, &error);
        _exit(1);
    }
    int code = 0;
    CHECK(waitpid(child, &code, 0) == child && WIFEXITED(code) && WEXITSTATUS(code) == 0);
    CHECK_OK(train_rings("host", &(tw_fit_options){.epochs = 5, .out = path("killed")},
                         path("killed"), 1, &error),
             error);
    CHECK_OK(
        train_rings("host", &(tw_fit_options){.epochs = 5, .out = path("whole")}, NULL, 1, &error),
        error);
    CHECK(same_file(path("killed/weights.safetensors"), path("whole/weights.safetensors")));
    CHECK(same_file(path("killed/state.safetensors"), path("whole/state.safetensors")));
    CHECK(lines_of(path("killed/log.jsonl")) == 5);
    remove_folder(path("killed"));
    remove_folder(path("whole"));
}

/* SIGKILL at any moment leaves a folder that can be resumed. */
static void survives_kills(void)
{
    FORKS();
    tw_error error = {.text = ""};
    CHECK_OK(
        train_rings("host", &(tw_fit_options){.epochs = 1, .out = path("shot")}, NULL, 1, &error),
        error);
    for (int round = 0; round < 12; round++) {
        const pid_t child = fork();
        if (child == 0) {
            (void)train_rings("host", &(tw_fit_options){.epochs = 100000, .out = path("shot")},
                              path("shot"), 1, &error);
            _exit(1);
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = 40000000 + 7919000 * round}, NULL);
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        session s;
        if (session_open(&s, rings, "host", &(tw_trainer_options){.batch = BATCH})) {
            CHECK_OK(tw_trainer_resume(s.trainer, path("shot"), &s.error), s.error);
            CHECK_OK(
                tw_params_load(s.params, path("shot/weights.safetensors"), false, NULL, &s.error),
                s.error);
            CHECK(tw_trainer_epoch(s.trainer) >= 1);
            session_close(&s);
        }
    }
    remove_folder(path("shot"));
}

/* A full disk (here: a limit on the size of files) fails with a sentence, and leaves the checkpoint
 * before. */
static void full_disk(void)
{
    FORKS();
    tw_error error = {.text = ""};
    CHECK_OK(
        train_rings("host", &(tw_fit_options){.epochs = 1, .out = path("full")}, NULL, 1, &error),
        error);
    size_t before = 0, after = 0;
    char *state = slurp(path("full/state.safetensors"), &before);
    const pid_t child = fork();
    if (child == 0) {
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){1024, 1024});
        const tw_status status = train_rings(
            "host", &(tw_fit_options){.epochs = 3, .out = path("full")}, path("full"), 1, &error);
        _exit(status == TW_ERROR_FILE && strstr(error.text, "full/") ? 0 : 1);
    }
    int code = 0;
    CHECK(waitpid(child, &code, 0) == child && WIFEXITED(code) && WEXITSTATUS(code) == 0);
    char *now = slurp(path("full/state.safetensors"), &after);
    CHECK(state && now && before == after && memcmp(state, now, before) == 0);
    free(state);
    free(now);
    remove_folder(path("full"));
}

/* A loss that cannot fall: the rate is 0. */
static void stops_early(void)
{
    const char text[] =
        "thalweg 1\nx = input f32[n,2]\ny = input i32[n] classes=2\nlogits = dense(x) units=2\n"
        "loss = cross_entropy(logits, y)\ntrain loss=loss optimizer=\"sgd lr=0\"\n";
    session s;
    if (!session_open(&s, text, "host", &(tw_trainer_options){.batch = SAMPLES}))
        return;
    tw_dataset *data = ring_data(&s, SAMPLES);
    const tw_fit_options options = {.epochs = 50, .patience = 3, .no_shuffle = true};
    CHECK_OK(tw_trainer_fit(s.trainer, data, &options, &s.error), s.error);
    CHECK(tw_trainer_epoch(s.trainer) == 4);
    tw_dataset_destroy(&data);
    session_close(&s);
}

/* The rate grows until the loss does too: the weights kept are those of the least one. */
static void keeps_best(void)
{
    const char text[] =
        "thalweg 1\nx = input f32[n,2]\ny = input i32[n] classes=2\nlogits = dense(x) units=2\n"
        "loss = cross_entropy(logits, y)\n"
        "train loss=loss optimizer=\"sgd lr=0.01 schedule=exponential steps=1 rate=30\"\n";
    session s;
    double loss = 0, best = 1e9;
    if (!session_open(&s, text, "host", &(tw_trainer_options){.batch = SAMPLES}))
        return;
    tw_dataset *data = ring_data(&s, SAMPLES);
    for (int epoch = 1; epoch <= 6; epoch++) {
        const tw_fit_options options = {
            .epochs = epoch, .test = data, .out = path("best"), .keep_best = true};
        CHECK_OK(tw_trainer_fit(s.trainer, data, &options, &s.error), s.error);
        CHECK_OK(tw_trainer_evaluate(s.trainer, data, &loss, &s.error), s.error);
        best = fmin(best, loss);
    }
    CHECK(loss > best); /* else the test shows nothing */
    CHECK_OK(tw_params_load(s.params, path("best/weights.safetensors"), false, NULL, &s.error),
             s.error);
    CHECK_OK(tw_trainer_evaluate(s.trainer, data, &loss, &s.error), s.error);
    CHECK_NEAR(loss, best, 1e-6);
    CHECK(lines_of(path("best/log.jsonl")) == 6);
    CHECK_OK(tw_trainer_resume(s.trainer, path("best"), &s.error), s.error);
    CHECK_OK(tw_trainer_evaluate(s.trainer, data, &loss, &s.error), s.error);
    CHECK(loss > best + 1e-6); /* a resume goes on from the last */
    tw_dataset_destroy(&data);
    session_close(&s);
    remove_folder(path("best"));
}

static void not_a_number(void)
{
    const char text[] =
        "thalweg 1\nx = input f32[n,2]\ny = input i32[n] classes=2\ndense(x) units=8\n"
        "logits = dense units=2\nloss = cross_entropy(logits, y)\n"
        "train loss=loss optimizer=\"sgd lr=1e20\"\n";
    session s;
    if (!session_open(&s, text, "host", &(tw_trainer_options){.batch = BATCH}))
        return;
    tw_dataset *data = ring_data(&s, SAMPLES);
    CHECK(tw_trainer_fit(s.trainer, data, &(tw_fit_options){.epochs = 3, .out = path("nan")},
                         &s.error) == TW_ERROR_NUMBER);
    CHECK_HAS(s.error.text, "in step ");
    CHECK(access(path("nan/state.safetensors"), F_OK) != 0);
    tw_dataset_destroy(&data);
    session_close(&s);
    remove_folder(path("nan"));
}

static void limits_steps(void)
{
    tw_error error = {.text = ""};
    tw_checkpoint checkpoint = {.epoch = -1};
    const tw_fit_options first = {
        .epochs = 3, .steps = 5, .out = path("steps"), .no_shuffle = true};
    CHECK_OK(train_rings("host", &first, NULL, 9, &error), error);
    session s;
    if (session_open(&s, rings, "host", NULL)) {
        CHECK_OK(tw_checkpoint_read(s.context, path("steps"), &checkpoint, &s.error), s.error);
        session_close(&s);
    }
    CHECK(checkpoint.epoch == 0 && checkpoint.step == 5 && checkpoint.batch == BATCH &&
          checkpoint.seed == 9);
    CHECK(checkpoint.no_shuffle);
    CHECK(lines_of(path("steps/log.jsonl")) == 1);
    /* another batch size cannot take up an epoch in its middle */
    if (session_open(&s, rings, "host", &(tw_trainer_options){.batch = 8})) {
        tw_dataset *data = ring_data(&s, SAMPLES);
        CHECK_OK(tw_trainer_resume(s.trainer, path("steps"), &s.error), s.error);
        CHECK(tw_trainer_fit(s.trainer, data, &(tw_fit_options){.epochs = 3, .no_shuffle = true},
                             &s.error) == TW_ERROR_ARGUMENT);
        CHECK_HAS(s.error.text, "batches of 16");
        tw_dataset_destroy(&data);
        session_close(&s);
    }
    remove_folder(path("steps"));
}

static void refuses_other_models(void)
{
    const char text[] =
        "thalweg 1\nx = input f32[n,2]\ny = input i32[n] classes=2\nlogits = dense(x) units=2\n"
        "loss = cross_entropy(logits, y)\ntrain loss=loss optimizer=sgd\n";
    tw_error error = {.text = ""};
    session s;
    CHECK_OK(
        train_rings("host", &(tw_fit_options){.epochs = 1, .out = path("rings")}, NULL, 1, &error),
        error);
    if (!session_open(&s, text, "host", NULL))
        return;
    CHECK(tw_trainer_resume(s.trainer, path("rings"), &s.error) == TW_ERROR_ARGUMENT);
    CHECK_HAS(s.error.text, "another model");
    CHECK(tw_trainer_resume(s.trainer, path("nowhere"), &s.error) == TW_ERROR_FILE);
    session_close(&s);
    remove_folder(path("rings"));
}

static const tw_test tests[] = {T(learns_host),
                                T(learns_device),
                                T(repeats_and_resumes_host),
                                T(repeats_and_resumes_device),
                                T(resumes_after_a_kill),
                                T(survives_kills),
                                T(full_disk),
                                T(stops_early),
                                T(keeps_best),
                                T(not_a_number),
                                T(limits_steps),
                                T(refuses_other_models)};

int main(int argc, char **argv)
{
    (void)snprintf(folder, sizeof folder, "/tmp/thalweg-fit-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    const int failed = tw_run_tests(argc, argv, tests, (int)(sizeof tests / sizeof *tests));
    remove_folder(folder);
    return failed;
}
