// SPDX-License-Identifier: Apache-2.0
// Losses and metrics over a data set, in inference mode.
#include "train/trainer.h"

/* Names of every value's node, then of each line's penalty (NULL: none). */
static const char **node_names(tw_trainer *t)
{
    const char **names =
        tw_arena_alloc(&t->arena, (size_t)(t->n_values + t->n_lines) * sizeof *names);
    for (int i = 0; names && i < t->n_values; i++)
        names[i] = t->value[i].node;
    for (int i = 0; names && i < t->n_lines; i++)
        names[t->n_values + i] = t->line[i].penalty;
    return names;
}

/* The names without gaps and repetitions, as a recipe's outputs. */
static int distinct(const char *const *names, int count, const char **out)
{
    int n = 0;
    for (int i = 0; i < count; i++) {
        bool seen = names[i] == NULL;
        for (int k = 0; k < n && !seen; k++)
            seen = strcmp(out[k], names[i]) == 0;
        if (!seen)
            out[n++] = names[i];
    }
    return n;
}

static tw_status make_runner(tw_trainer *t, int count, const char *const *outputs,
                             tw_runner **runner, tw_error *error)
{
    const tw_recipe_options options = {
        .batch = t->options.batch,
        .sizes = t->options.sizes,
        .fusion = !t->options.no_fusion,
        .memory_budget = t->options.memory_budget,
        .n_outputs = count,
        .output = outputs,
    };
    const char *const *choices = NULL;
    TW_TRY(tw_choices_split(&t->arena, t->choices[t->n_lines], &choices, error));
    tw_recipe *recipe = NULL;
    TW_TRY(
        tw_recipe_create(t->params->graph, &t->params->table, &t->caps, &options, &recipe, error));
    const tw_runner_options run = {.choices = choices, .no_proof = t->options.no_proof};
    return tw_runner_create(t->params, &recipe, &run, runner, error);
}

tw_status tw_evaluator_create(tw_trainer *trainer, tw_error *error)
{
    tw_evaluator *e = &trainer->evaluator;
    if (e->runner)
        return TW_OK;
    const int count = trainer->n_values + trainer->n_lines;
    const char **names = node_names(trainer);
    const char **outputs = tw_arena_alloc(&trainer->arena, (size_t)count * sizeof *outputs);
    if (!e->sum)
        e->sum = tw_calloc(trainer->context, (size_t)trainer->n_sums, sizeof *e->sum);
    if (!names || !outputs || !e->sum)
        return tw_fail_memory(error);
    TW_TRY(make_runner(trainer, distinct(names, count, outputs), outputs, &e->runner, error));
    const tw_status status = tw_ports_create(trainer, e->runner, count, names, &e->ports, error);
    if (status != TW_OK)
        tw_runner_destroy(&e->runner);
    return status;
}

void tw_evaluator_destroy(tw_trainer *trainer)
{
    tw_runner_destroy(&trainer->evaluator.runner);
    tw_free(trainer->context, trainer->evaluator.sum);
    trainer->evaluator = (tw_evaluator){.runner = NULL};
}

static void receive(void *user, int64_t n, const void *const *outputs)
{
    tw_trainer *t = user;
    tw_evaluator *e = &t->evaluator;
    for (int i = 0; i < t->n_values; i++)
        tw_value_add(&t->value[i], outputs[e->ports.output[i]], n, e->sum);
    for (int i = 0; i < t->n_lines; i++) {
        const int penalty = e->ports.output[t->n_values + i];
        if (penalty >= 0)
            tw_value_add(&t->value[t->line[i].first_value], outputs[penalty], n, e->sum);
    }
    e->samples += n;
}

tw_status tw_trainer_evaluate(tw_trainer *trainer, tw_dataset *data, double *values,
                              tw_error *error)
{
    if (!trainer || !data || !values)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "tw_trainer_evaluate: data and values must not be NULL");
    TW_TRY(tw_evaluator_create(trainer, error));
    tw_evaluator *e = &trainer->evaluator;
    memset(e->sum, 0, (size_t)trainer->n_sums * sizeof *e->sum);
    e->samples = 0;
    TW_TRY(tw_dataset_start(data, trainer->options.batch, false, 0, 0, error));
    for (;;) {
        int64_t n = 0;
        const void *const *columns = NULL;
        TW_TRY(tw_dataset_next(data, &n, &columns, error));
        if (n == 0)
            break;
        const tw_runtime runtime = {.n = n, .seed = trainer->options.seed};
        const tw_exchange exchange = {
            .inputs = tw_ports_columns(&e->ports, columns), .received = receive, .user = trainer};
        TW_TRY(tw_runner_enqueue(e->runner, &runtime, &exchange, error));
    }
    TW_TRY(tw_runner_wait(e->runner, error));
    for (int i = 0; i < trainer->n_values; i++)
        values[i] = tw_value_of(&trainer->value[i], e->sum, e->samples);
    return TW_OK;
}
