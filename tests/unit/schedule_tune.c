// SPDX-License-Identifier: Apache-2.0
// Tuning: the tuned file (kept, merged, of another version), what obeys it and what it may not say,
// and tw_tune itself on small models.
#include "failing.h"
#include "schedule/schedule.h"
#include "unit/schedule.h"
#include <math.h>

/* ---- a cache folder ---- */

static char folder[64];

static void make_tuned_folder(void)
{
    make_folder(folder);
    unsetenv("THALWEG_TUNED");
}

static void write_tuned(const char *text)
{
    char path[200];
    find_file(folder, "tuned-", path);
    CHECK(*path != 0);
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0);
    if (file)
        fclose(file);
}

/* ---- the file ---- */

static tw_tuned_entry entry_of(uint64_t key, const char *name)
{
    tw_tuned_entry entry = {.key = key, .winner = key + 1, .standard_ms = 2.5, .ms = 1.25};
    snprintf(entry.name, sizeof entry.name, "%s", name);
    snprintf(entry.label, sizeof entry.label, "a label");
    return entry;
}

static void add(tw_tuned *tuned, uint64_t key, const char *name)
{
    tw_error error;
    const tw_tuned_entry entry = entry_of(key, name);
    CHECK_OK(tw_tuned_add(tuned, &entry, &error), error);
}

static void check_entry(const tw_tuned *tuned, uint64_t key, const char *name)
{
    const tw_tuned_entry *found = tw_tuned_find(tuned, key);
    CHECK(found != NULL);
    if (!found)
        return;
    CHECK(found->winner == key + 1);
    CHECK(strcmp(found->name, name) == 0);
    CHECK_NEAR(found->standard_ms, 2.5, 1e-6);
    CHECK_NEAR(found->ms, 1.25, 1e-6);
    CHECK(strcmp(found->label, "a_label") == 0);
}

/* Two processes write in turn: both find all, and what one measured last is what counts to it. */
static void round_trip(void)
{
    tw_error error;
    make_tuned_folder();
    tw_context *context = open_context(NULL, folder);
    tw_tuned *a = tw_tuned_create(context, 7), *b = tw_tuned_create(context, 7),
             *other = tw_tuned_create(context, 8);
    CHECK(tw_tuned_empty(a) && tw_tuned_find(a, 1) == NULL);
    add(a, 1, "one");
    add(a, 2, "two");
    add(b, 2, "second");
    add(b, UINT64_MAX - 1, "three");
    CHECK_OK(tw_tuned_save(a, &error), error);
    CHECK_OK(tw_tuned_save(b, &error), error);
    CHECK(tw_tuned_empty(other));
    tw_tuned *c = tw_tuned_create(context, 7), *none = tw_tuned_create(context, 8);
    check_entry(c, 1, "one");
    check_entry(c, 2, "second");
    check_entry(c, UINT64_MAX - 1, "three");
    CHECK(tw_tuned_find(c, 3) == NULL);
    CHECK(tw_tuned_empty(none));
    tw_tuned *all[] = {a, b, c, other, none};
    for (int i = 0; i < TW_COUNT(all); i++)
        tw_tuned_destroy(&all[i]);
    tw_context_destroy(&context);
    remove_folder(folder);
}

static void keep_warning(void *user, tw_log_level level, const char *line)
{
    if (level == TW_LOG_WARNING)
        snprintf(user, 600, "%s", line);
}

/* A file of another version is named and not used; the next one that is saved takes its place. */
static void other_version(void)
{
    static const char *const bad[] = {
        "", "thalweg tuned 2\n0000000000000001 0000000000000002 2 1 x y\n", "some text\n"};
    tw_error error;
    make_tuned_folder();
    char last[600] = "";
    const tw_context_options options = {
        .cache_folder = folder, .log = keep_warning, .log_user = last};
    tw_context *context = NULL;
    CHECK_OK(tw_context_create(&options, &context, &error), error);
    tw_tuned *tuned = tw_tuned_create(context, 7);
    add(tuned, 1, "one");
    CHECK_OK(tw_tuned_save(tuned, &error), error);
    tw_tuned_destroy(&tuned);
    CHECK(*last == 0);
    for (int i = 0; i < TW_COUNT(bad); i++) {
        write_tuned(bad[i]);
        *last = 0;
        tuned = tw_tuned_create(context, 7);
        CHECK(tw_tuned_empty(tuned));
        CHECK_HAS(last, "of another version");
        CHECK_HAS(last, "thalweg tune");
        add(tuned, 3, "x");
        CHECK_OK(tw_tuned_save(tuned, &error), error);
        CHECK(count_in_file(folder, "tuned-", "thalweg tuned 1\n") == 1);
        CHECK(count_in_file(folder, "tuned-", "\n") == 2);
        tw_tuned_destroy(&tuned);
    }
    tw_context_destroy(&context);
    remove_folder(folder);
}

/* Lines that are nothing of ours are passed over. */
static void damaged_lines(void)
{
    tw_error error;
    make_tuned_folder();
    tw_context *context = open_context(NULL, folder);
    tw_tuned *tuned = tw_tuned_create(context, 7);
    add(tuned, 9, "x");
    CHECK_OK(tw_tuned_save(tuned, &error), error);
    tw_tuned_destroy(&tuned);
    write_tuned("thalweg tuned 1\n"
                "\n"
                "0000000000000002 0000000000000003 2.5\n"
                "0000000000000003 0000000000000004 2.5 x name label\n"
                "0000000000000004 000000000000000g 2.5 1.25 name label\n"
                "0000000000000005 0000000000000006 -1 1.25 name label\n"
                "0000000000000001 0000000000000002 2.5 1.25 one a_label\n"
                "0000000000000006 0000000000000007 2.5 1.25 cut a_lab");
    tuned = tw_tuned_create(context, 7);
    check_entry(tuned, 1, "one");
    for (uint64_t key = 2; key < 7; key++)
        CHECK(tw_tuned_find(tuned, key) == NULL);
    tw_tuned_destroy(&tuned);
    tw_context_destroy(&context);
    remove_folder(folder);
}

/* Without a folder to write to nothing is found later, and saving says why. */
static void no_folder(void)
{
    tw_error error;
    tw_context *context = open_context(NULL, "");
    tw_tuned *tuned = tw_tuned_create(context, 7);
    CHECK_OK(tw_tuned_save(tuned, &error), error); /* nothing new */
    add(tuned, 1, "one");
    check_entry(tuned, 1, "one");
    CHECK(tw_tuned_save(tuned, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "THALWEG_CACHE");
    tw_tuned_destroy(&tuned);
    tw_context_destroy(&context);
    context = open_context(NULL, "/dev/null/thalweg"); /* cannot be made */
    tuned = tw_tuned_create(context, 7);
    add(tuned, 1, "one");
    CHECK(tw_tuned_save(tuned, &error) == TW_ERROR_FILE);
    tw_tuned_destroy(&tuned);
    tw_context_destroy(&context);
}

/* ---- choice ---- */

static const char model[] = "thalweg 1\n"
                            "x = input f32[n,20]\n"
                            "label = input i32[n] classes=3\n"
                            "h = dense(x) units=40 act=relu\n"
                            "logits = dense(h) units=3\n"
                            "prediction = softmax(logits)\n"
                            "loss = cross_entropy(logits, label)\n"
                            "train loss=loss optimizer=\"sgd lr=0.1\"\n";

static void open_bench(setup *b, const char *cache)
{
    open_setup(b, cache, NULL, model, 1);
}

/* The inference recipe at a batch. */
static tw_recipe *recipe_of(setup *b, int64_t batch)
{
    tw_caps caps;
    tw_recipe *recipe = NULL;
    const tw_recipe_options options = {
        .batch = batch, .fusion = true, .n_outputs = 1, .output = (const char *[]){"prediction"}};
    CHECK_OK(tw_schedule_caps(b->device, NULL, &caps, &b->error), b->error);
    CHECK_OK(tw_recipe_create(b->graph, &b->params->table, &caps, &options, &recipe, &b->error),
             b->error);
    return recipe;
}

static tw_stage *stage_of(tw_recipe *recipe)
{
    return &recipe->stage[0]; /* the first dense layer */
}

/* An entry by which an alternative of the first stage has won; its name. */
static void let_win(setup *b, tw_tuned *tuned, int64_t batch, char *name, size_t size)
{
    tw_recipe *recipe = recipe_of(b, batch);
    tw_stage *stage = stage_of(recipe);
    CHECK(stage->n_standard == stage->n_candidates);
    const uint64_t key = tw_stage_key(recipe, stage);
    CHECK_OK(tw_recipe_offer(stage, "*", &b->error), b->error);
    CHECK(stage->n_candidates > stage->n_standard + 3);
    CHECK(tw_stage_key(recipe, stage) == key); /* not of what is offered beside */
    const tw_candidate *winner = stage->candidate[stage->n_standard + 1];
    tw_tuned_entry entry = entry_of(key, winner->name);
    entry.winner = tw_proof_key(winner);
    CHECK_OK(tw_tuned_add(tuned, &entry, &b->error), b->error);
    snprintf(name, size, "%s", winner->name);
    tw_recipe_destroy(&recipe);
}

/* What serves the first stage. */
static void choose(setup *b, const tw_tuned *tuned, const char *const *choices, int64_t batch,
                   char *name, size_t size)
{
    tw_recipe *recipe = recipe_of(b, batch);
    CHECK_OK(tw_choose(recipe, b->params->proofs, tuned, choices, &b->error), b->error);
    snprintf(name, size, "%s", stage_of(recipe)->candidate[stage_of(recipe)->chosen]->name);
    tw_recipe_destroy(&recipe);
}

static void obeyed(void)
{
    setup b;
    char winner[100], name[100], standard[100], line[200];
    open_bench(&b, "");
    tw_tuned *tuned = tw_tuned_create(b.context, 7);
    choose(&b, tuned, NULL, 16, standard, sizeof standard);
    let_win(&b, tuned, 16, winner, sizeof winner);
    CHECK(strcmp(winner, standard) != 0);
    choose(&b, tuned, NULL, 16, name, sizeof name);
    CHECK(strcmp(name, winner) == 0);
    choose(&b, NULL, NULL, 16, name, sizeof name);
    CHECK(strcmp(name, standard) == 0);
    /* another batch is another stage */
    choose(&b, tuned, NULL, 17, name, sizeof name);
    CHECK(strcmp(name, standard) == 0);
    /* a checkpoint's choices come first: the one it names, and the standard one if it names none */
    tw_recipe *recipe = recipe_of(&b, 16);
    snprintf(line, sizeof line, "%s=%s", stage_of(recipe)->label, standard);
    tw_recipe_destroy(&recipe);
    choose(&b, tuned, (const char *[]){line, NULL}, 16, name, sizeof name);
    CHECK(strcmp(name, standard) == 0);
    choose(&b, tuned, (const char *[]){NULL}, 16, name, sizeof name);
    CHECK(strcmp(name, standard) == 0);
    /* and may name an alternative, tuned or not */
    char *equals = strchr(line, '=');
    snprintf(equals, sizeof line - (size_t)(equals - line), "=%s", winner);
    choose(&b, NULL, (const char *[]){line, NULL}, 17, name, sizeof name);
    CHECK(strcmp(name, winner) == 0);
    tw_tuned_destroy(&tuned);
    close_setup(&b);
}

/* A winner that is no longer what was measured, that nobody knows, or that was struck off. */
static void not_obeyed(void)
{
    setup b;
    char winner[100], name[100], standard[100];
    open_bench(&b, "");
    tw_tuned *tuned = tw_tuned_create(b.context, 7);
    choose(&b, tuned, NULL, 16, standard, sizeof standard);
    let_win(&b, tuned, 16, winner, sizeof winner);
    tw_recipe *recipe = recipe_of(&b, 16);
    const uint64_t key = tw_stage_key(recipe, stage_of(recipe));
    const tw_tuned_entry good = *tw_tuned_find(tuned, key);
    tw_recipe_destroy(&recipe);
    tw_tuned_entry entry = good;
    entry.winner++;
    CHECK_OK(tw_tuned_add(tuned, &entry, &b.error), b.error);
    choose(&b, tuned, NULL, 16, name, sizeof name);
    CHECK(strcmp(name, standard) == 0);
    entry = good;
    snprintf(entry.name, sizeof entry.name, "matmul_of_yesterday");
    CHECK_OK(tw_tuned_add(tuned, &entry, &b.error), b.error);
    choose(&b, tuned, NULL, 16, name, sizeof name);
    CHECK(strcmp(name, standard) == 0);
    CHECK_OK(tw_tuned_add(tuned, &good, &b.error), b.error);
    choose(&b, tuned, NULL, 16, name, sizeof name);
    CHECK(strcmp(name, winner) == 0);
    tw_proofs_add(b.params->proofs, good.winner, TW_VERDICT_STRUCK, "test", false);
    choose(&b, tuned, NULL, 16, name, sizeof name);
    CHECK(strcmp(name, standard) == 0);
    tw_tuned_destroy(&tuned);
    close_setup(&b);
}

static void ignored(void)
{
    tw_error error;
    make_tuned_folder();
    tw_context *context = open_context(NULL, folder);
    tw_tuned *tuned = tw_tuned_create(context, 7);
    add(tuned, 1, "one");
    CHECK_OK(tw_tuned_save(tuned, &error), error);
    tw_tuned_destroy(&tuned);
    setenv("THALWEG_TUNED", "no", 1);
    tuned = tw_tuned_create(context, 7);
    CHECK(tw_tuned_empty(tuned) && tw_tuned_find(tuned, 1) == NULL);
    add(tuned, 2, "two"); /* tuning still writes */
    CHECK(tw_tuned_empty(tuned) && tw_tuned_find(tuned, 2) == NULL);
    CHECK_OK(tw_tuned_save(tuned, &error), error);
    tw_tuned_destroy(&tuned);
    unsetenv("THALWEG_TUNED");
    tuned = tw_tuned_create(context, 7);
    check_entry(tuned, 1, "one");
    check_entry(tuned, 2, "two");
    tw_tuned_destroy(&tuned);
    tw_context_destroy(&context);
    remove_folder(folder);
}

/* ---- tw_tune ---- */

static void predict(setup *b, float *y)
{
    tw_plan *plan = NULL;
    float x[16 * 20];
    for (int i = 0; i < TW_COUNT(x); i++)
        x[i] = (float)sin(i);
    CHECK_OK(tw_plan_create(b->params, 1, (const char *[]){"prediction"},
                            &(tw_plan_options){.batch = 16}, &plan, &b->error),
             b->error);
    CHECK_OK(tw_plan_run(plan, 16, (const void *[]){x}, (void *[]){y}, &b->error), b->error);
    tw_plan_destroy(&plan);
}

typedef struct heard {
    int candidates, stages;
    int stop_after; /* stages; 0: never */
} heard;

static bool hear(void *user, const tw_tune_progress *now)
{
    heard *h = user;
    CHECK(now->plan && now->stage && now->uses >= 1 && now->stages >= now->done);
    if (now->candidate) {
        CHECK(now->ms > 0);
        h->candidates++;
        return true;
    }
    CHECK(now->standard && now->best && now->best_ms > 0);
    CHECK(now->best_ms <= now->standard_ms);
    CHECK(now->done == ++h->stages);
    return h->stages != h->stop_after;
}

/* Everything is measured, kept, and served; results stay what they were. */
static void tuned_model(void)
{
    setup b;
    float before[16 * 3], after[16 * 3];
    heard h = {0};
    tw_tune_result result;
    make_tuned_folder();
    open_bench(&b, folder);
    predict(&b, before);
    const tw_tune_options options = {.batch = 16, .seconds = 1e6, .progress = hear, .user = &h};
    CHECK_OK(tw_tune(b.params, &options, &result, &b.error), b.error);
    CHECK(result.stages >= 4);
    CHECK(result.measured == result.stages && result.measured == h.stages);
    CHECK(h.candidates >= 3 * h.stages);
    CHECK(result.saved && strstr(result.file, "tuned-"));
    CHECK(result.best_ms <= result.standard_ms);
    CHECK(count_in_file(folder, "tuned-", "\n") == 1 + result.stages);
    close_setup(&b);
    open_bench(&b, folder);
    CHECK(!tw_tuned_empty(b.params->tuned));
    predict(&b, after);
    for (int i = 0; i < TW_COUNT(before); i++)
        CHECK_NEAR(after[i], before[i], 1e-5);
    CHECK_OK(tw_tune_forget(b.context, b.device, &b.error), b.error);
    CHECK(count_in_file(folder, "tuned-", "thalweg") == 0);
    CHECK_OK(tw_tune_forget(b.context, b.device, &b.error), b.error);
    close_setup(&b);
    remove_folder(folder);
}

/* What is found for a stage serves plans that are made afterwards, and computes the same. */
static void winner_serves(void)
{
    setup b;
    char winner[100], *text = NULL;
    float before[16 * 3], after[16 * 3];
    open_bench(&b, "");
    predict(&b, before);
    let_win(&b, b.params->tuned, 16, winner, sizeof winner);
    predict(&b, after);
    for (int i = 0; i < TW_COUNT(before); i++)
        CHECK_NEAR(after[i], before[i], 1e-5);
    tw_plan *plan = NULL;
    CHECK_OK(tw_plan_create(b.params, 1, (const char *[]){"prediction"},
                            &(tw_plan_options){.batch = 16}, &plan, &b.error),
             b.error);
    CHECK_OK(tw_plan_print(plan, false, &text, &b.error), b.error);
    CHECK_HAS(text, winner);
    tw_text_free(b.context, &text);
    tw_plan_destroy(&plan);
    close_setup(&b);
}

static void no_time(void)
{
    setup b;
    heard h = {0};
    tw_tune_result result;
    make_tuned_folder();
    open_bench(&b, folder);
    const tw_tune_options options = {.batch = 16, .seconds = 1e-9, .progress = hear, .user = &h};
    CHECK_OK(tw_tune(b.params, &options, &result, &b.error), b.error);
    CHECK(result.stages >= 4 && result.measured == 0 && result.changed == 0);
    CHECK(h.stages == 0 && h.candidates == 0);
    CHECK(count_in_file(folder, "tuned-", "thalweg") == 0);
    close_setup(&b);
    remove_folder(folder);
}

/* What was measured before the callback says stop is kept. */
static void stopped(void)
{
    setup b;
    heard h = {.stop_after = 1};
    tw_tune_result result;
    make_tuned_folder();
    open_bench(&b, folder);
    const tw_tune_options options = {.batch = 16, .seconds = 1e6, .progress = hear, .user = &h};
    CHECK(tw_tune(b.params, &options, &result, &b.error) == TW_ERROR_CANCELLED);
    CHECK(result.measured == 1 && h.stages == 1 && result.saved);
    CHECK(count_in_file(folder, "tuned-", "\n") == 2);
    /* the next run begins with what is missing */
    h = (heard){.stop_after = 1};
    CHECK(tw_tune(b.params, &options, &result, &b.error) == TW_ERROR_CANCELLED);
    CHECK(count_in_file(folder, "tuned-", "\n") == 3);
    close_setup(&b);
    remove_folder(folder);
}

static void not_saved(void)
{
    setup b;
    heard h = {.stop_after = 1};
    tw_tune_result result;
    open_bench(&b, "");
    const tw_tune_options options = {.batch = 16, .seconds = 1e6, .progress = hear, .user = &h};
    CHECK(tw_tune(b.params, &options, &result, &b.error) == TW_ERROR_CANCELLED);
    CHECK(result.measured == 1 && !result.saved && result.file[0] == 0);
    CHECK_HAS(result.why, "cache folder");
    close_setup(&b);
}

static void mistakes(void)
{
    setup b;
    tw_tune_result result;
    open_bench(&b, "");
    CHECK(tw_tune(NULL, NULL, &result, &b.error) == TW_ERROR_ARGUMENT);
    CHECK(tw_tune(b.params, NULL, NULL, &b.error) == TW_ERROR_ARGUMENT);
    CHECK(tw_tune(b.params, &(tw_tune_options){.batch = -1}, &result, &b.error) ==
          TW_ERROR_ARGUMENT);
    CHECK(tw_tune(b.params,
                  &(tw_tune_options){.n_outputs = 1, .outputs = (const char *[]){"nothing"}},
                  &result, &b.error) == TW_ERROR_NAME);
    CHECK(tw_tune_forget(b.context, NULL, &b.error) == TW_ERROR_ARGUMENT);
    tw_params_destroy(&b.params);
    tw_device_destroy(&b.device);
    b.device = open_device(b.context, "host");
    CHECK_OK(tw_params_create(b.graph, b.device, 1, &b.params, &b.error), b.error);
    CHECK(tw_tune(b.params, NULL, &result, &b.error) == TW_ERROR_UNSUPPORTED);
    CHECK_HAS(b.error.text, "host device");
    close_setup(&b);
}

/* Tunes with an allocation that fails; false once there are no so many. The callback stops after
 * the first stage, so that most of it is reached soon. */
static bool survive(long at)
{
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    const tw_context_options options = {.allocator = &allocator, .cache_folder = folder};
    setup b = {0};
    CHECK_OK(tw_context_create(&options, &b.context, &b.error), b.error);
    CHECK_OK(tw_device_open(b.context, NULL, &b.device, &b.error), b.error);
    b.graph = parse(b.context, model);
    CHECK_OK(tw_params_create(b.graph, b.device, 1, &b.params, &b.error), b.error);
    heard h = {.stop_after = 1};
    tw_tune_result result;
    const tw_tune_options tuning = {.batch = 2, .seconds = 1e6, .progress = hear, .user = &h};
    memory.fail_at = memory.calls + at;
    const long last = memory.fail_at;
    const tw_status status = tw_tune(b.params, &tuning, &result, &b.error);
    const bool out = memory.calls <= last;
    /* what fails in proofs' memory, say, is survived */
    CHECK(status == TW_ERROR_CANCELLED || status == TW_ERROR_MEMORY ||
          status == TW_ERROR_DEVICE_MEMORY);
    if (status != TW_ERROR_CANCELLED && status != TW_ERROR_MEMORY)
        printf("# allocation %ld: %s\n", at, b.error.text);
    close_setup(&b);
    CHECK(memory.live == 0);
    CHECK(memory.wrong == 0);
    return out;
}

/* A tuning makes thousands of allocations: a few of each part of it. */
static void memory_fails(void)
{
    make_tuned_folder();
    for (long at = 0, step = 1; !survive(at); at += step)
        step = at < 40 ? 1 : at / 8;
    remove_folder(folder);
}

TESTS(T(round_trip), T(other_version), T(damaged_lines), T(no_folder), T(obeyed), T(not_obeyed),
      T(ignored), T(tuned_model), T(winner_serves), T(no_time), T(stopped), T(not_saved),
      T(mistakes), T(memory_fails))
