// SPDX-License-Identifier: Apache-2.0
// Arguments of launches: what is constant is filled in once, the rest for each run.
#include "schedule/schedule.h"

int tw_bind_width(tw_arg_kind kind)
{
    return kind == TW_ARG_SEED ? 2 : 1; /* a tensor's pointer and offset are one tw_kernel_arg */
}

static tw_kernel_arg of_int(int64_t value)
{
    return (tw_kernel_arg){.size = sizeof(int32_t), .value.i = (int32_t)value};
}

static tw_kernel_arg of_uint(uint32_t value)
{
    return (tw_kernel_arg){.size = sizeof(uint32_t), .value.u = value};
}

static tw_kernel_arg of_float(float value)
{
    return (tw_kernel_arg){.size = sizeof(float), .value.f = value};
}

int tw_bind_scalar(const tw_arg *arg, const tw_runtime *runtime, tw_kernel_arg *out)
{
    switch (arg->kind) {
    case TW_ARG_SEED:
        out[0] = of_uint((uint32_t)runtime->seed);
        out[1] = of_uint((uint32_t)(runtime->seed >> 32));
        return 2;
    case TW_ARG_STEP:
        out[0] = of_uint(runtime->step);
        return 1;
    case TW_ARG_LINE:
        out[0] = of_uint(runtime->line);
        return 1;
    case TW_ARG_USER:
        out[0] = of_float(runtime->user[arg->slot]);
        return 1;
    case TW_ARG_TENSOR:
        break;
    }
    return 0;
}

static bool differs_by_run(const tw_runner *runner, const tw_arg *arg)
{
    switch (arg->kind) {
    case TW_ARG_TENSOR: {
        const tw_space space = runner->recipe->tensor[arg->tensor.id].space;
        return space == TW_SPACE_INPUT || space == TW_SPACE_OUTPUT ||
               (space == TW_SPACE_WORK && runner->side);
    }
    case TW_ARG_SEED:
    case TW_ARG_STEP:
    case TW_ARG_LINE:
    case TW_ARG_USER:
        return true;
    default:
        return false;
    }
}

tw_buffer *tw_runner_buffer(const tw_runner *runner, const tw_slot *slot, const tw_tensor *tensor)
{
    switch (tensor->space) {
    case TW_SPACE_INPUT:
        return slot->source[tensor->index] ? slot->source[tensor->index]
                                           : slot->input[tensor->index];
    case TW_SPACE_OUTPUT:
        return slot->target[tensor->index] ? slot->target[tensor->index]
                                           : slot->output[tensor->index];
    case TW_SPACE_PARAMS:
        return runner->params->buffer;
    case TW_SPACE_GRADIENTS:
        return runner->gradients;
    case TW_SPACE_WORK:
        return runner->work[slot->beside][tensor->index];
    case TW_SPACE_KEEP:
        return runner->keep;
    case TW_SPACE_EXTERNAL:
        return tensor->index < runner->n_external ? runner->external[tensor->index] : NULL;
    case TW_SPACE_NONE:
        break;
    }
    return NULL;
}

static void bind_arg(const tw_runner *runner, const tw_slot *slot, tw_bound *bound, int a,
                     const tw_runtime *runtime)
{
    const tw_arg *arg = &bound->launch->arg[a];
    tw_kernel_arg *out = &bound->arg[bound->place[a]];
    if (arg->kind != TW_ARG_TENSOR) {
        (void)tw_bind_scalar(arg, runtime, out);
        return;
    }
    const tw_tensor *tensor = &runner->recipe->tensor[arg->tensor.id];
    *out = (tw_kernel_arg){.buffer = tw_runner_buffer(runner, slot, tensor),
                           .offset = tensor->offset / tw_type_size(tensor->type)};
}

static tw_status bind_launch(tw_runner *runner, tw_bound *bound, tw_error *error)
{
    const tw_launch *launch = bound->launch;
    const tw_runtime any = {.n = 1};
    bound->place =
        tw_arena_alloc(&runner->arena, (size_t)TW_MAX(launch->n_args, 1) * sizeof *bound->place);
    bound->changes =
        tw_arena_alloc(&runner->arena, (size_t)TW_MAX(launch->n_args, 1) * sizeof *bound->changes);
    bound->arg =
        tw_arena_alloc(&runner->arena, (size_t)(1 + 2 * launch->n_args) * sizeof *bound->arg);
    if (!bound->place || !bound->changes || !bound->arg)
        return tw_fail_memory(error);
    bound->n_args = 1;
    for (int a = 0; a < launch->n_args; a++) {
        bound->place[a] = bound->n_args;
        bound->n_args += tw_bind_width(launch->arg[a].kind);
        bound->changes[a] = differs_by_run(runner, &launch->arg[a]);
        bind_arg(runner, &runner->slot[0], bound, a, &any);
        if (launch->arg[a].kind == TW_ARG_TENSOR && !bound->arg[bound->place[a]].buffer)
            return tw_fail(error, TW_ERROR_INTERNAL, "%s: \"%s\" has no place in memory",
                           launch->label, runner->recipe->tensor[launch->arg[a].tensor.id].label);
    }
    return TW_OK;
}

tw_status tw_bind_create(tw_runner *runner, tw_error *error)
{
    int count;
    tw_launch **launches = tw_runner_launches(runner, &count);
    runner->bound =
        tw_arena_alloc(&runner->arena, (size_t)TW_MAX(count, 1) * sizeof *runner->bound);
    if (!launches || !runner->bound)
        return tw_fail_memory(error);
    runner->n_bound = count;
    for (int i = 0; i < count; i++) {
        runner->bound[i].launch = launches[i];
        runner->bound[i].kernel = runner->programs.kernel[i];
        TW_TRY(bind_launch(runner, &runner->bound[i], error));
    }
    return TW_OK;
}

void tw_bind_run(const tw_runner *runner, const tw_slot *slot, tw_bound *bound,
                 const tw_runtime *runtime)
{
    const tw_launch *launch = bound->launch;
    for (int a = 0; a < launch->n_args; a++)
        if (bound->changes[a])
            bind_arg(runner, slot, bound, a, runtime);
    if (bound->groups_n == runtime->n)
        return;
    bound->groups_n = runtime->n;
    bound->arg[0] = of_int(runtime->n);
    for (int d = 0; d < 3; d++)
        bound->groups[d] = tw_launch_groups(launch, d, runtime->n);
}
