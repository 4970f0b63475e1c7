// SPDX-License-Identifier: Apache-2.0
// A trainer: the train lines' runners and optimizers, and one step of them all.
#include "train/trainer.h"

#include <math.h>
#include <stdio.h>

/* ---- ports ---- */

static int input_index(const tw_graph *graph, const char *name)
{
    for (int i = 0; i < tw_graph_input_count(graph); i++)
        if (strcmp(tw_node_name(tw_graph_input(graph, i)), name) == 0)
            return i;
    return -1;
}

static int output_index(const tw_recipe *recipe, const char *name)
{
    for (int i = 0; i < recipe->n_outputs; i++)
        if (strcmp(recipe->output[i].name, name) == 0)
            return i;
    return -1;
}

tw_status tw_ports_create(tw_trainer *trainer, tw_runner *runner, int count,
                          const char *const *names, tw_ports *ports, tw_error *error)
{
    const tw_recipe *recipe = tw_runner_recipe(runner);
    ports->n_inputs = recipe->n_inputs;
    ports->input =
        tw_arena_alloc(&trainer->arena, (size_t)(recipe->n_inputs + 1) * sizeof *ports->input);
    ports->column =
        tw_arena_alloc(&trainer->arena, (size_t)(recipe->n_inputs + 1) * sizeof *ports->column);
    ports->output = tw_arena_alloc(&trainer->arena, (size_t)(count + 1) * sizeof *ports->output);
    if (!ports->input || !ports->column || !ports->output)
        return tw_fail_memory(error);
    for (int i = 0; i < recipe->n_inputs; i++)
        ports->input[i] = input_index(trainer->params->graph, recipe->input[i].name);
    for (int i = 0; i < count; i++)
        ports->output[i] = names[i] ? output_index(recipe, names[i]) : -1;
    return TW_OK;
}

const void *const *tw_ports_columns(const tw_ports *ports, const void *const *inputs)
{
    for (int i = 0; i < ports->n_inputs; i++)
        ports->column[i] = ports->input[i] >= 0 ? inputs[ports->input[i]] : NULL;
    return ports->column;
}

tw_status tw_choices_split(tw_arena *arena, const char *text, const char *const **list,
                           tw_error *error)
{
    *list = NULL;
    if (!text)
        return TW_OK;
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == '\n';
    const char **out =
        tw_arena_alloc(arena, (count + 1) * sizeof *out); /* zeroed: ends with NULL */
    if (!out)
        return tw_fail_memory(error);
    *list = out;
    while (*text) {
        const size_t length = strcspn(text, "\n");
        if (length > 0 && !(*out++ = tw_arena_text(arena, text, length)))
            return tw_fail_memory(error);
        text += length + (text[length] == '\n');
    }
    return TW_OK;
}

/* ---- lines ---- */

/* Adds what was computed for one step to the sums. */
static void receive(void *user, int64_t n, const void *const *outputs)
{
    tw_line *line = user;
    tw_trainer *t = line->trainer;
    const int penalty = line->ports.output[line->n_values];
    for (int i = 0; i < line->n_values; i++)
        tw_value_add(&t->value[line->first_value + i], outputs[line->ports.output[i]], n, t->sum);
    double loss = (double)*(const float *)outputs[line->ports.output[0]];
    if (penalty >= 0) {
        tw_value_add(&t->value[line->first_value], outputs[penalty], n, t->sum);
        loss += (double)*(const float *)outputs[penalty];
    }
    if (!isfinite(loss) && t->bad_line < 0) {
        t->bad_line = line->index;
        t->bad_step = line->received + 1;
        t->bad_loss = loss;
    }
    line->samples += n;
    line->received++;
}

/* Names of the line's values, then of the penalty (NULL: none). */
static const char **line_names(tw_trainer *t, const tw_line *line)
{
    const char **names = tw_arena_alloc(&t->arena, (size_t)(line->n_values + 1) * sizeof *names);
    for (int i = 0; names && i < line->n_values; i++)
        names[i] = t->value[line->first_value + i].node;
    if (names)
        names[line->n_values] = line->penalty;
    return names;
}

tw_status tw_line_recipe(tw_trainer *t, const tw_line *line, tw_recipe **recipe, tw_error *error)
{
    const char **names = line_names(t, line);
    if (!names)
        return tw_fail_memory(error);
    const tw_recipe_options options = {
        .batch = t->options.batch,
        .sizes = t->options.sizes,
        .training = true,
        .fusion = !t->options.no_fusion,
        .memory_budget = t->options.memory_budget,
        .n_outputs = line->n_values + (line->penalty != NULL),
        .output = names,
        .loss = line->spec->loss->name,
        .params_pattern = line->spec->params,
    };
    return tw_recipe_create(t->params->graph, &t->params->table, &t->caps, &options, recipe, error);
}

/* All of a line that comes before anything is built. */
static tw_status line_plan(tw_trainer *t, tw_line *line, tw_error *error)
{
    line->names = line_names(t, line);
    if (!line->names)
        return tw_fail_memory(error);
    TW_TRY(tw_line_recipe(t, line, &line->recipe, error));
    const tw_status status = tw_updater_create(t->params, &t->caps, &line->optimizer,
                                               line->recipe->has_gradient, &line->updater, error);
    if (status == TW_ERROR_NAME && error)
        error->line = line->spec->line, error->column = 1; /* nothing to train */
    return status;
}

static tw_status line_start(tw_trainer *t, tw_line *line, tw_error *error)
{
    const char *const *choices = NULL;
    TW_TRY(tw_choices_split(&t->arena, t->choices[line->index], &choices, error));
    TW_TRY(tw_updater_start(&line->updater, t->gradients, error));
    const tw_runner_options options = {
        .gradients = t->gradients, .choices = choices, .no_proof = t->options.no_proof};
    TW_TRY(tw_runner_create(t->params, &line->recipe, &options, &line->runner, error));
    return tw_ports_create(t, line->runner, line->n_values + 1, line->names, &line->ports, error);
}

/* One program for all lines, proven as one, but where a checkpoint's choices are obeyed. */
static tw_status prepare_together(tw_trainer *t, tw_error *error)
{
    tw_recipe **recipe = tw_arena_alloc(&t->arena, 2 * (size_t)t->n_lines * sizeof *recipe);
    if (!recipe)
        return tw_fail_memory(error);
    for (int i = 0; i < t->n_lines; i++) {
        if (t->choices[i])
            return TW_OK;
        recipe[2 * i] = t->line[i].updater.recipe;
        recipe[2 * i + 1] = t->line[i].recipe;
    }
    return tw_schedule_prepare(t->params, 2 * t->n_lines, recipe, t->options.no_proof, error);
}

tw_status tw_lines_create(tw_trainer *trainer, tw_error *error)
{
    for (int i = 0; i < trainer->n_lines; i++)
        TW_TRY(line_plan(trainer, &trainer->line[i], error));
    TW_TRY(prepare_together(trainer, error));
    for (int i = 0; i < trainer->n_lines; i++)
        TW_TRY(line_start(trainer, &trainer->line[i], error));
    return TW_OK;
}

void tw_lines_destroy(tw_trainer *trainer)
{
    for (int i = 0; trainer->line && i < trainer->n_lines; i++) {
        tw_runner_destroy(&trainer->line[i].runner);
        tw_recipe_destroy(&trainer->line[i].recipe);
        tw_updater_destroy(&trainer->line[i].updater);
    }
}

/* ---- the trainer ---- */

static tw_status parse_lines(tw_trainer *t, tw_error *error)
{
    for (const tw_train_line *spec = t->params->graph->train; spec; spec = spec->next)
        t->n_lines++;
    if (t->n_lines == 0)
        return tw_fail(error, TW_ERROR_NAME,
                       "the model has no train line: add one, such as: train loss=loss "
                       "optimizer=\"adam lr=0.001\"");
    t->line = tw_calloc(t->context, (size_t)t->n_lines, sizeof *t->line);
    t->choices = tw_calloc(t->context, (size_t)t->n_lines + 1, sizeof *t->choices);
    if (!t->line || !t->choices)
        return tw_fail_memory(error);
    int i = 0;
    for (const tw_train_line *spec = t->params->graph->train; spec; spec = spec->next, i++) {
        t->line[i] = (tw_line){.trainer = t, .index = i, .spec = spec};
        tw_error local = {.code = TW_OK};
        if (tw_optimizer_parse(&t->arena, spec->optimizer, &t->line[i].optimizer, &local) != TW_OK)
            return tw_fail_at(error, local.code, spec->line, local.column > 0 ? local.column : 1,
                              "%s", local.text);
    }
    return TW_OK;
}

static tw_status copy_options(tw_trainer *t, const tw_trainer_options *options, tw_error *error)
{
    if (options)
        t->options = *options;
    t->steps_told = t->options.steps_per_epoch;
    if (t->options.batch < 0)
        return tw_fail(error, TW_ERROR_ARGUMENT, "batch %lld: give 1 or more",
                       (long long)t->options.batch);
    if (t->options.batch == 0)
        t->options.batch = 32;
    if (t->options.sizes &&
        !(t->options.sizes = tw_arena_text(&t->arena, t->options.sizes, strlen(t->options.sizes))))
        return tw_fail_memory(error);
    t->options.kernels = NULL; /* is in the caps from here on */
    return tw_schedule_caps(t->params->device, options ? options->kernels : NULL, &t->caps, error);
}

static tw_status prepare(tw_trainer *t, const tw_trainer_options *options, tw_error *error)
{
    tw_graph *graph = t->params->graph;
    TW_TRY(tw_graph_check(graph, error));
    TW_TRY(copy_options(t, options, error));
    TW_TRY(tw_graph_print(graph, &t->model, error));
    TW_TRY(parse_lines(t, error));
    return tw_values_create(t, error);
}

static tw_status make_runners(tw_trainer *t, tw_error *error)
{
    tw_device *device = t->params->device;
    if (t->options.evaluate_only)
        return tw_evaluator_create(t, error);
    const uint64_t bytes =
        (uint64_t)TW_MAX(t->params->table.elements, 1) * tw_caps_type_size(&t->caps, TW_F32);
    TW_TRY(device->backend->buffer_create(device, bytes, &t->gradients, error));
    return tw_lines_create(t, error);
}

tw_status tw_trainer_prepare(tw_params *params, const tw_trainer_options *options,
                             tw_trainer **trainer, tw_error *error)
{
    tw_trainer *t = tw_calloc(params->context, 1, sizeof *t);
    if (!t)
        return tw_fail_memory(error);
    t->context = params->context;
    t->params = params;
    t->arena.context = params->context;
    t->bad_line = -1;
    t->course.best = INFINITY;
    atomic_init(&t->cancelled, 0);
    const tw_status status = prepare(t, options, error);
    if (status != TW_OK) {
        tw_trainer_destroy(&t);
        return status;
    }
    *trainer = t;
    return TW_OK;
}

tw_status tw_trainer_create(tw_params *params, const tw_trainer_options *options,
                            tw_trainer **trainer, tw_error *error)
{
    tw_trainer *t = NULL;
    if (!params || !trainer)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "tw_trainer_create: params and trainer must not be NULL");
    TW_TRY(tw_trainer_prepare(params, options, &t, error));
    const tw_status status = make_runners(t, error);
    if (status != TW_OK) {
        tw_trainer_destroy(&t);
        return status;
    }
    *trainer = t;
    return TW_OK;
}

tw_status tw_trainer_restart(tw_trainer *trainer, uint64_t seed, tw_error *error)
{
    if (!trainer || trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "tw_trainer_restart wants a trainer that does steps");
    (void)tw_trainer_finish(trainer, NULL); /* whatever came of what is thrown away now */
    TW_TRY(tw_params_reset(trainer->params, seed, error));
    for (int i = 0; i < trainer->n_lines; i++) {
        tw_line *line = &trainer->line[i];
        TW_TRY(tw_updater_reset(&line->updater, error));
        line->step = line->received = 0;
    }
    tw_trainer_reset_means(trainer);
    trainer->options.seed = seed;
    trainer->options.steps_per_epoch = trainer->steps_told;
    trainer->course = (tw_course){.best = INFINITY};
    trainer->bad_line = -1;
    atomic_store(&trainer->cancelled, 0);
    return TW_OK;
}

void tw_trainer_destroy(tw_trainer **trainer)
{
    if (!trainer || !*trainer)
        return;
    tw_trainer *t = *trainer;
    tw_device *device = t->params->device;
    tw_evaluator_destroy(t);
    tw_lines_destroy(t);
    if (t->gradients)
        device->backend->buffer_destroy(device, &t->gradients);
    tw_free(t->context, t->line);
    tw_free(t->context, t->choices);
    tw_free(t->context, t->value);
    tw_free(t->context, t->sum);
    tw_text_free(t->context, &t->model);
    tw_arena_free(&t->arena);
    tw_free(t->context, t);
    *trainer = NULL;
}

int32_t tw_trainer_value_count(const tw_trainer *trainer)
{
    return trainer->n_values;
}

const char *tw_trainer_value_name(const tw_trainer *trainer, int32_t index)
{
    return index >= 0 && index < trainer->n_values ? trainer->value[index].name : NULL;
}

static tw_status check_numbers(const tw_trainer *t, tw_error *error)
{
    if (t->bad_line < 0)
        return TW_OK;
    char which[120] = "";
    if (t->n_lines > 1)
        (void)snprintf(which, sizeof which, " of train line %d (%.80s)", t->bad_line + 1,
                       t->value[t->line[t->bad_line].first_value].name);
    return tw_fail(
        error, TW_ERROR_NUMBER,
        "the loss%s became %s in step %llu: lower the learning rate, clip the gradients "
        "(global_clip_norm=1 in the optimizer's text), or look for such values in the data",
        which, isnan(t->bad_loss) ? "NaN" : "infinite", (unsigned long long)t->bad_step);
}

static tw_status line_step(tw_trainer *t, tw_line *line, int64_t n, const void *const *inputs,
                           tw_error *error)
{
    double lr = 0;
    float user[2];
    TW_TRY(tw_rate_at(&line->optimizer.rate, line->step, t->options.steps_per_epoch, t->total, &lr,
                      error));
    tw_optimizer_scalars(&line->optimizer, lr, line->step, user);
    const tw_runtime runtime = {.n = n,
                                .seed = t->options.seed,
                                .step = (uint32_t)line->step,
                                .line = (uint32_t)line->index};
    const tw_exchange exchange = {.inputs = tw_ports_columns(&line->ports, inputs),
                                  .borrowed = t->options.borrow_inputs,
                                  .received = receive,
                                  .user = line};
    TW_TRY(tw_runner_enqueue(line->runner, &runtime, &exchange, error));
    TW_TRY(tw_updater_enqueue(&line->updater, user, error));
    line->step++;
    return TW_OK;
}

tw_status tw_trainer_step(tw_trainer *trainer, int64_t n, const void *const *inputs,
                          tw_error *error)
{
    if (n < 1 || n > trainer->options.batch)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a step on %lld samples: the trainer was made for 1 to %lld", (long long)n,
                       (long long)trainer->options.batch);
    if (trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a trainer made with evaluate_only does no steps");
    TW_TRY(check_numbers(trainer, error));
    for (int i = 0; i < trainer->n_lines; i++)
        TW_TRY(line_step(trainer, &trainer->line[i], n, inputs, error));
    return TW_OK;
}

tw_status tw_trainer_finish(tw_trainer *trainer, tw_error *error)
{
    for (int i = 0; i < trainer->n_lines && !trainer->options.evaluate_only; i++) {
        TW_TRY(tw_runner_wait(trainer->line[i].runner, error));
        TW_TRY(tw_runner_wait(trainer->line[i].updater.runner, error));
    }
    return check_numbers(trainer, error);
}

void tw_trainer_means(const tw_trainer *trainer, double *values)
{
    for (int i = 0; i < trainer->n_lines; i++) {
        const tw_line *line = &trainer->line[i];
        for (int v = line->first_value; v < line->first_value + line->n_values; v++)
            values[v] = tw_value_of(&trainer->value[v], trainer->sum, line->samples);
    }
}

void tw_trainer_reset_means(tw_trainer *trainer)
{
    for (int i = 0; i < trainer->n_lines; i++)
        trainer->line[i].samples = 0;
    memset(trainer->sum, 0, (size_t)trainer->n_sums * sizeof *trainer->sum);
}

tw_status tw_trainer_wait(tw_trainer *trainer, double *values, tw_error *error)
{
    TW_TRY(tw_trainer_finish(trainer, error));
    if (values)
        tw_trainer_means(trainer, values);
    tw_trainer_reset_means(trainer);
    return TW_OK;
}

void tw_trainer_cancel(tw_trainer *trainer)
{
    atomic_store(&trainer->cancelled, 1);
}

int64_t tw_trainer_epoch(const tw_trainer *trainer)
{
    return trainer->course.epoch;
}
