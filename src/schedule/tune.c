// SPDX-License-Identifier: Apache-2.0
// Tunes recipes: measures every stage that has a choice, equal ones once, the costliest first,
// until the time is up, and puts the fastest candidates into the tuned file.
#include "schedule/schedule.h"
#include <stdio.h>

/* A stage to be measured, and how many are like it. */
typedef struct job {
    int recipe, stage; /* the first of them */
    uint64_t key;
    int uses;
    double cost; /* multiply-adds of one */
    bool known;  /* the tuned file has it */
} job;

typedef struct tuner {
    tw_params *params;
    tw_recipe *const *recipe;
    const char *const *plan; /* names of the recipes */
    int n_recipes;
    double seconds; /* the budget */
    uint64_t start;
    tw_tune_function progress;
    void *user;
    tw_tune_result *result;
    int n_jobs, capacity;
    job *job, *current;
} tuner;

/* ---- jobs ---- */

static double seconds_of(const tuner *t)
{
    return (double)(tw_trace_clock() - t->start) * 1e-9;
}

static bool over(const tuner *t)
{
    return seconds_of(t) >= t->seconds;
}

static job *find_job(const tuner *t, uint64_t key)
{
    for (int i = 0; i < t->n_jobs; i++)
        if (t->job[i].key == key)
            return &t->job[i];
    return NULL;
}

static tw_status add_job(tuner *t, int recipe, int stage, tw_error *error)
{
    tw_recipe *r = t->recipe[recipe];
    const uint64_t key = tw_stage_key(r, &r->stage[stage]);
    job *known = find_job(t, key);
    if (known) {
        known->uses++;
        return TW_OK;
    }
    if (!tw_grow(t->params->context, &t->job, &t->capacity, t->n_jobs, sizeof *t->job))
        return tw_fail_memory(error);
    t->job[t->n_jobs++] = (job){.recipe = recipe,
                                .stage = stage,
                                .key = key,
                                .uses = 1,
                                .cost = r->stage[stage].cost,
                                .known = tw_tuned_find(t->params->tuned, key) != NULL};
    return TW_OK;
}

/* Unknown before known, then the costliest first. */
static bool before(const job *a, const job *b)
{
    return a->known != b->known ? b->known : a->cost * a->uses > b->cost * b->uses;
}

static void sort_jobs(tuner *t)
{
    for (int i = 1; i < t->n_jobs; i++) {
        const job one = t->job[i];
        int k = i;
        for (; k > 0 && before(&one, &t->job[k - 1]); k--)
            t->job[k] = t->job[k - 1];
        t->job[k] = one;
    }
}

static tw_status collect_jobs(tuner *t, tw_error *error)
{
    for (int r = 0; r < t->n_recipes; r++) {
        tw_recipe *recipe = t->recipe[r];
        TW_TRY(tw_choose(recipe, t->params->proofs, NULL, NULL, error));
        for (int s = 0; s < recipe->n_stages; s++) {
            TW_TRY(tw_recipe_offer(&recipe->stage[s], "*", error));
            if (recipe->stage[s].n_candidates > 1)
                TW_TRY(add_job(t, r, s, error));
        }
    }
    sort_jobs(t);
    return TW_OK;
}

/* ---- telling ---- */

static bool tell(const tuner *t, tw_tune_progress *progress)
{
    if (!t->progress)
        return true;
    const job *now = t->current;
    progress->plan = t->plan[now->recipe];
    progress->stage = t->recipe[now->recipe]->stage[now->stage].label;
    progress->uses = now->uses;
    progress->done = t->result->measured;
    progress->stages = t->n_jobs;
    progress->seconds = seconds_of(t);
    return t->progress(t->user, progress);
}

static bool tell_candidate(void *user, const char *name, double ms)
{
    return tell(user, &(tw_tune_progress){.candidate = name, .ms = ms});
}

static bool is_over(void *user)
{
    return over(user);
}

/* ---- all jobs ---- */

static tw_status remember(tuner *t, const tw_stage *stage, const tw_measured *m, tw_error *error)
{
    const tw_candidate *best = stage->candidate[m->best];
    tw_tuned_entry entry = {.key = t->current->key,
                            .winner = tw_proof_key(best),
                            .standard_ms = m->standard_ms,
                            .ms = m->best_ms};
    (void)snprintf(entry.name, sizeof entry.name, "%s", best->name);
    (void)snprintf(entry.label, sizeof entry.label, "%s", stage->label);
    TW_TRY(tw_tuned_add(t->params->tuned, &entry, error));
    t->result->measured++;
    t->result->changed += m->best != m->standard;
    t->result->standard_ms += m->standard_ms * t->current->uses;
    t->result->best_ms += m->best_ms * t->current->uses;
    const bool go = tell(t, &(tw_tune_progress){.standard = stage->candidate[m->standard]->name,
                                                .standard_ms = m->standard_ms,
                                                .best = best->name,
                                                .best_ms = m->best_ms});
    return go ? TW_OK : tw_fail(error, TW_ERROR_CANCELLED, "tuning was stopped");
}

static tw_status do_jobs(tuner *t, tw_error *error)
{
    const tw_measuring measuring = {.over = is_over, .tell = tell_candidate, .user = t};
    for (int i = 0; i < t->n_jobs && !over(t); i++) {
        t->current = &t->job[i];
        tw_recipe *recipe = t->recipe[t->current->recipe];
        tw_stage *stage = &recipe->stage[t->current->stage];
        tw_measured measured;
        TW_TRY(tw_measure(t->params, recipe, stage, &measuring, &measured, error));
        if (measured.done)
            TW_TRY(remember(t, stage, &measured, error));
    }
    return TW_OK;
}

/* What cannot be saved still serves the plans on these params. */
static tw_status save(tuner *t, tw_error *error)
{
    tw_error why = {.code = TW_OK};
    char *path = tw_tuned_path(t->params->context, t->params->device->caps.identity);
    if (path)
        (void)snprintf(t->result->file, sizeof t->result->file, "%s", path);
    tw_free(t->params->context, path);
    const tw_status status = tw_tuned_save(t->params->tuned, &why);
    t->result->saved = status == TW_OK;
    (void)snprintf(t->result->why, sizeof t->result->why, "%.299s", why.text);
    return status == TW_ERROR_MEMORY ? tw_fail_memory(error) : TW_OK;
}

tw_status tw_tune_recipes(tw_params *params, int count, tw_recipe *const *recipes,
                          const char *const *plans, const tw_tune_options *options,
                          tw_tune_result *result, tw_error *error)
{
    tuner t = {.params = params,
               .recipe = recipes,
               .plan = plans,
               .n_recipes = count,
               .seconds = options->seconds > 0 ? options->seconds : 120,
               .start = tw_trace_clock(),
               .progress = options->progress,
               .user = options->user,
               .result = result};
    *result = (tw_tune_result){.saved = true};
    tw_status status = collect_jobs(&t, error);
    result->stages = t.n_jobs;
    if (status == TW_OK)
        status = do_jobs(&t, error);
    const tw_status saved = save(&t, status == TW_OK ? error : NULL);
    tw_free(params->context, t.job);
    return status == TW_OK ? saved : status;
}
