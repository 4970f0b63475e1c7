// SPDX-License-Identifier: Apache-2.0
// Tuning of a model: the plans of its train lines, and of inference.
#include <thalweg/tune.h>

#include "train/trainer.h"

/* The recipes of a model, each with its name. */
typedef struct plans {
    tw_params *params;
    const tw_tune_options *options;
    tw_arena arena;
    tw_trainer *trainer; /* NULL: no train line */
    int count;
    tw_recipe **recipe;
    const char **name;
} plans;

static tw_status add_lines(plans *p, tw_error *error)
{
    tw_trainer *t = p->trainer;
    for (int i = 0; i < t->n_lines; i++) {
        const char *own = t->line[i].spec->name;
        p->name[p->count] = t->n_lines == 1 ? "train"
                            : own && own[0] ? tw_arena_printf(&p->arena, "train %s", own)
                                            : tw_arena_printf(&p->arena, "train %d", i + 1);
        if (!p->name[p->count])
            return tw_fail_memory(error);
        TW_TRY(tw_line_recipe(t, &t->line[i], &p->recipe[p->count], error));
        p->count++;
    }
    return TW_OK;
}

static tw_status add_inference(plans *p, int count, const char *const *outputs, tw_error *error)
{
    const tw_tune_options *o = p->options;
    tw_caps caps;
    TW_TRY(tw_schedule_caps(p->params->device, o->kernels, &caps, error));
    const tw_recipe_options wanted = {.batch = o->batch ? o->batch : 32,
                                      .sizes = o->sizes,
                                      .fusion = true,
                                      .memory_budget = o->memory_budget,
                                      .n_outputs = count,
                                      .output = outputs};
    p->name[p->count] = "inference";
    TW_TRY(tw_recipe_create(p->params->graph, &p->params->table, &caps, &wanted,
                            &p->recipe[p->count], error));
    p->count++;
    return TW_OK;
}

static tw_status make(plans *p, tw_error *error)
{
    static const char *const usual[] = {"prediction"};
    const tw_tune_options *o = p->options;
    const tw_graph *graph = p->params->graph;
    int lines = 0;
    for (const tw_train_line *line = graph->train; line; line = line->next)
        lines++;
    p->recipe = tw_arena_alloc(&p->arena, (size_t)(lines + 1) * sizeof *p->recipe);
    p->name = tw_arena_alloc(&p->arena, (size_t)(lines + 1) * sizeof *p->name);
    if (!p->recipe || !p->name)
        return tw_fail_memory(error);
    const tw_trainer_options training = {.batch = o->batch,
                                         .sizes = o->sizes,
                                         .kernels = o->kernels,
                                         .memory_budget = o->memory_budget};
    if (lines > 0) {
        TW_TRY(tw_trainer_prepare(p->params, &training, &p->trainer, error));
        TW_TRY(add_lines(p, error));
    }
    if (o->n_outputs > 0)
        return add_inference(p, o->n_outputs, o->outputs, error);
    if (tw_graph_find(graph, usual[0]))
        return add_inference(p, 1, usual, error);
    return lines > 0 ? TW_OK
                     : tw_fail(error, TW_ERROR_NAME,
                               "there is nothing to tune: the model has neither a train line nor a "
                               "node \"prediction\"");
}

tw_status tw_tune(tw_params *params, const tw_tune_options *options, tw_tune_result *result,
                  tw_error *error)
{
    static const tw_tune_options defaults = {0};
    options = options ? options : &defaults;
    if (!params || !result)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_tune: params and result must not be NULL");
    if (options->batch < 0 || options->batch > INT32_MAX)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a batch of %lld", (long long)options->batch);
    if (params->device->caps.family == TW_FAMILY_HOST)
        return tw_fail(error, TW_ERROR_UNSUPPORTED,
                       "the host device computes with the reference alone: it has nothing to tune");
    if (!tw_cache_folder(params->context))
        tw_log(params->context, TW_LOG_WARNING,
               "there is no cache folder that could be written to, so what is measured will not be "
               "saved: set THALWEG_CACHE to one");
    plans p = {.params = params, .options = options, .arena = {.context = params->context}};
    tw_status status = make(&p, error);
    if (status == TW_OK)
        status = tw_tune_recipes(params, p.count, p.recipe, p.name, options, result, error);
    for (int i = 0; i < p.count; i++)
        tw_recipe_destroy(&p.recipe[i]);
    tw_trainer_destroy(&p.trainer);
    tw_arena_free(&p.arena);
    return status;
}
