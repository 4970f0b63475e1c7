// SPDX-License-Identifier: Apache-2.0
// tw_plan: inference of named nodes; a recipe and its runner.
#include "schedule/schedule.h"
#include <stdlib.h>

struct tw_plan {
    tw_context *context;
    tw_runner *runner;
    tw_recipe *recipe; /* the runner's */
    tw_runtime runtime;
    bool borrow_inputs;
};

tw_status tw_schedule_caps(const tw_device *device, const char *kernels, tw_caps *caps,
                           tw_error *error)
{
    static const char *const names[] = {"host", "simd", "simt"};
    static const tw_family families[] = {TW_FAMILY_HOST, TW_FAMILY_SIMD, TW_FAMILY_SIMT};
    const char *name = kernels ? kernels : getenv("THALWEG_KERNELS");
    *caps = device->caps;
    if (!name || !*name)
        return TW_OK;
    for (int i = 0; i < TW_COUNT(names); i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        if ((families[i] == TW_FAMILY_HOST) != (device->caps.family == TW_FAMILY_HOST))
            return tw_fail(error, TW_ERROR_UNSUPPORTED, "the device %s has no %s kernels: %s",
                           device->info.name, name,
                           families[i] == TW_FAMILY_HOST
                               ? "for the host reference, open the device \"host\""
                               : "it computes with the host reference alone");
        caps->family = families[i];
        return TW_OK;
    }
    return tw_fail(error, TW_ERROR_NAME, "there are no kernels \"%s\": simd, simt, or host", name);
}

static tw_status create(tw_plan *plan, tw_params *params, int32_t count, const char *const *outputs,
                        const tw_plan_options *options, tw_error *error)
{
    tw_caps caps;
    TW_TRY(tw_schedule_caps(params->device, options->kernels, &caps, error));
    const tw_recipe_options wanted = {.batch = options->batch ? options->batch : 32,
                                      .sizes = options->sizes,
                                      .fusion = !options->no_fusion,
                                      .memory_budget = options->memory_budget,
                                      .n_outputs = count,
                                      .output = outputs};
    tw_recipe *recipe = NULL;
    TW_TRY(tw_recipe_create(params->graph, &params->table, &caps, &wanted, &recipe, error));
    const tw_runner_options running = {.no_proof = options->no_proof,
                                       .no_chains = options->no_fusion};
    TW_TRY(tw_runner_create(params, &recipe, &running, &plan->runner, error));
    plan->recipe = tw_runner_recipe(plan->runner);
    plan->runtime.seed = options->seed;
    plan->borrow_inputs = options->borrow_inputs;
    return TW_OK;
}

tw_status tw_plan_create(tw_params *params, int32_t count, const char *const *outputs,
                         const tw_plan_options *options, tw_plan **plan, tw_error *error)
{
    static const tw_plan_options defaults = {0};
    options = options ? options : &defaults;
    if (!params || !plan || count < 1 || !outputs)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a plan needs weights, and one output or more");
    if (options->batch < 0 || options->batch > INT32_MAX)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a batch of %lld", (long long)options->batch);
    for (int i = 0; i < count; i++)
        if (!outputs[i])
            return tw_fail(error, TW_ERROR_ARGUMENT, "the name of output %d is missing", i);
    tw_plan *made = tw_calloc(params->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    made->context = params->context;
    const tw_status status = create(made, params, count, outputs, options, error);
    if (status == TW_OK)
        *plan = made;
    else
        tw_plan_destroy(&made);
    return status;
}

void tw_plan_destroy(tw_plan **plan)
{
    if (!plan || !*plan)
        return;
    tw_runner_destroy(&(*plan)->runner);
    tw_free((*plan)->context, *plan);
    *plan = NULL;
}

static const char *describe_port(const tw_plan *plan, const tw_recipe_port *port, tw_array *array)
{
    if (array) {
        const tw_shape *shape = &port->node->shape;
        *array = (tw_array){.type = port->node->type, .rank = shape->rank};
        for (int d = 0; d < shape->rank; d++)
            array->dim[d] = tw_dim_at(shape->dim[d], plan->recipe->batch);
    }
    return port->name;
}

int32_t tw_plan_input_count(const tw_plan *plan)
{
    return plan->recipe->n_inputs;
}

const char *tw_plan_input(const tw_plan *plan, int32_t index, tw_array *array)
{
    if (index < 0 || index >= plan->recipe->n_inputs)
        return NULL;
    return describe_port(plan, &plan->recipe->input[index], array);
}

int32_t tw_plan_output_count(const tw_plan *plan)
{
    return plan->recipe->n_outputs;
}

const char *tw_plan_output(const tw_plan *plan, int32_t index, tw_array *array)
{
    if (index < 0 || index >= plan->recipe->n_outputs)
        return NULL;
    return describe_port(plan, &plan->recipe->output[index], array);
}

uint64_t tw_plan_memory(const tw_plan *plan)
{
    return tw_runner_memory(plan->runner);
}

static tw_status enqueue(tw_plan *plan, int64_t n, const tw_exchange *exchange, tw_error *error)
{
    plan->runtime.n = n;
    TW_TRY(tw_runner_enqueue(plan->runner, &plan->runtime, exchange, error));
    plan->runtime.step++;
    return TW_OK;
}

tw_status tw_plan_enqueue(tw_plan *plan, int64_t n, const void *const *inputs, void *const *outputs,
                          tw_error *error)
{
    const tw_exchange exchange = {
        .inputs = inputs, .borrowed = plan->borrow_inputs, .outputs = outputs};
    return enqueue(plan, n, &exchange, error);
}

tw_status tw_plan_wait(tw_plan *plan, tw_error *error)
{
    return tw_runner_wait(plan->runner, error);
}

tw_status tw_plan_run(tw_plan *plan, int64_t n, const void *const *inputs, void *const *outputs,
                      tw_error *error)
{
    const tw_exchange exchange = {.inputs = inputs, .borrowed = true, .outputs = outputs};
    TW_TRY(enqueue(plan, n, &exchange, error));
    return tw_plan_wait(plan, error);
}

void tw_plan_set_step(tw_plan *plan, uint32_t step)
{
    plan->runtime.step = step;
}

tw_status tw_plan_print(const tw_plan *plan, bool memory, char **text, tw_error *error)
{
    tw_text printed = {.context = plan->context};
    const tw_status status = tw_recipe_print(plan->recipe, memory, &printed);
    if (status != TW_OK || printed.failed) {
        tw_text_clear(&printed);
        return status == TW_OK || status == TW_ERROR_MEMORY
                   ? tw_fail_memory(error)
                   : tw_fail(error, status, "the plan cannot be printed: %s",
                             tw_status_text(status));
    }
    char *taken = tw_text_take(&printed);
    if (!taken && !(taken = tw_copy_text(plan->context, "", 0)))
        return tw_fail_memory(error);
    *text = taken;
    return TW_OK;
}

tw_status tw_plan_trace(tw_plan *plan, tw_error *error)
{
    return tw_runner_trace(plan->runner, error);
}

tw_status tw_plan_trace_write(tw_plan *plan, const char *path, tw_error *error)
{
    TW_TRY(tw_runner_wait(plan->runner, error));
    tw_text text = {.context = plan->context};
    tw_text_puts(&text, "{\"traceEvents\":[");
    tw_status status = tw_runner_trace_append(plan->runner, &text);
    tw_text_puts(&text, "\n]}\n");
    if (text.failed || status == TW_ERROR_MEMORY)
        status = tw_fail_memory(error);
    else if (status == TW_OK)
        status = tw_write_file(plan->context, path, text.data, text.length, error);
    tw_text_clear(&text);
    return status;
}

tw_status tw_plan_trace_read(tw_plan *plan, tw_trace_function visit, void *user, tw_error *error)
{
    return tw_runner_trace_read(plan->runner, visit, user, error);
}
