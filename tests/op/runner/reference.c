// SPDX-License-Identifier: Apache-2.0
// The tensors of a recipe in host memory, the C references run on them, and their gradients against
// differences.
#include "base/hash.h"
#include "base/random.h"
#include "runner.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool row_memory_open(row_memory *m, row_case *c, const tw_recipe *recipe, const int64_t n)
{
    *m = (row_memory){.recipe = recipe, .runtime = row_runtime};
    m->runtime.n = n;
    m->data = calloc((size_t)recipe->n_tensors + 1, sizeof *m->data);
    m->known = calloc((size_t)recipe->n_tensors + 1, sizeof *m->known);
    for (int i = 0; i < recipe->n_tensors; i++)
        m->data[i] =
            calloc((size_t)tw_dim_at(recipe->tensor[i].count, recipe->batch) + 1, sizeof(double));
    return row_memory_fill(m, c);
}

void row_memory_close(row_memory *m)
{
    for (int i = 0; m->data && i < m->recipe->n_tensors; i++)
        free(m->data[i]);
    free(m->data);
    free(m->known);
    *m = (row_memory){0};
}

static bool fill(row_memory *m, const int tensor, const row_value *value)
{
    const size_t size = value->node->type == TW_I32                                  ? 4
                        : value->node->type == TW_U8 || value->node->type == TW_BOOL ? 1
                                                                                     : 8;
    memcpy(m->data[tensor], value->data, (size_t)value->count * size);
    return m->known[tensor] = true;
}

/* The slot of the parameter table that a tensor stands for: offsets count elements of f32. */
static const tw_param_slot *slot_of(const row_case *c, const tw_recipe *recipe,
                                    const tw_tensor *tensor)
{
    for (int i = 0; i < c->table.count; i++) {
        const tw_param_slot *slot = &c->table.slot[i];
        if ((uint64_t)slot->offset * tw_caps_type_size(&recipe->caps, TW_F32) == tensor->offset)
            return slot;
    }
    return NULL;
}

bool row_memory_fill(row_memory *m, row_case *c)
{
    const tw_recipe *recipe = m->recipe;
    for (int i = 0; i < recipe->n_inputs; i++) {
        const row_value *value = row_case_value(c, recipe->input[i].name);
        if (!value || !fill(m, recipe->input[i].tensor, value))
            return false;
    }
    for (int i = 0; i < recipe->n_tensors; i++) {
        if (recipe->tensor[i].space != TW_SPACE_PARAMS)
            continue;
        const tw_param_slot *slot = slot_of(c, recipe, &recipe->tensor[i]);
        const row_value *value = slot ? row_case_value(c, slot->name) : NULL;
        if (!value || !fill(m, i, value))
            return false;
    }
    return true;
}

static tw_host_tensor host_tensor(const row_memory *m, const int id, const tw_type type,
                                  const tw_shape *shape)
{
    tw_host_tensor t = {
        .type = type, .rank = shape->rank, .count = 1, .data = id < 0 ? NULL : m->data[id]};
    for (int d = 0; d < shape->rank; d++)
        t.count *= t.dim[d] = tw_dim_at(shape->dim[d], m->runtime.n);
    return t;
}

void row_stage_run(row_memory *m, const tw_stage *stage)
{
    for (int r = 0; r < stage->n_references; r++) {
        const tw_reference *reference = &stage->reference[r];
        tw_host_call call = {.data = reference->data,
                             .n_in = reference->n_in,
                             .n_out = reference->n_out,
                             .runtime = &m->runtime};
        for (int i = 0; i < reference->n_in; i++)
            call.in[i] =
                host_tensor(m, reference->in[i], reference->in_type[i], &reference->in_shape[i]);
        for (int i = 0; i < reference->n_out; i++) {
            call.out[i] =
                host_tensor(m, reference->out[i], reference->out_type[i], &reference->out_shape[i]);
            if (reference->out[i] >= 0)
                m->known[reference->out[i]] = true;
        }
        reference->function(&call);
    }
}

void row_stage_round(row_memory *m, const tw_stage *stage)
{
    for (int r = 0; r < stage->n_references; r++)
        for (int i = 0; i < stage->reference[r].n_out; i++) {
            const int id = stage->reference[r].out[i];
            if (id < 0)
                continue;
            const tw_tensor *tensor = &m->recipe->tensor[id];
            const int64_t count = tw_dim_at(tensor->count, m->runtime.n);
            for (int64_t k = 0; k < count; k++)
                row_set(tensor->type, m->data[id], k,
                        row_round(tensor->type, row_get(tensor->type, m->data[id], k)));
        }
}

int row_output_tensor(const tw_recipe *recipe, const tw_node *node)
{
    for (int i = 0; node && i < recipe->n_outputs; i++)
        if (strcmp(recipe->output[i].name, node->name) == 0)
            return recipe->output[i].tensor;
    return -1;
}

static void run_all(row_memory *m)
{
    for (int i = 0; i < m->recipe->n_stages; i++)
        row_stage_run(m, &m->recipe->stage[i]);
}

/* The loss with the row's values as they are now. */
static double loss_now(row_memory *m, row_case *c)
{
    row_memory_fill(m, c);
    run_all(m);
    return *(double *)m->data[row_output_tensor(m->recipe, c->loss)];
}

/* d loss / d (value + t * direction) at t = 0 by a central difference; direction NULL: element
 * `only` alone. */
static double difference(row_memory *m, row_case *c, row_value *value, const double *direction,
                         const int64_t only)
{
    double *x = value->data, *kept = malloc((size_t)(value->count + 1) * sizeof *kept);
    memcpy(kept, x, (size_t)value->count * sizeof *kept);
    const double step = direction ? 1e-5 : 1e-5 * fmax(1, fabs(x[only]));
    double loss[2];
    for (int side = 0; side < 2; side++) {
        const double t = side ? step : -step;
        for (int64_t i = 0; i < value->count; i++)
            x[i] = kept[i] + (direction ? t * direction[i] : i == only ? t : 0);
        loss[side] = loss_now(m, c);
    }
    memcpy(x, kept, (size_t)value->count * sizeof *kept);
    free(kept);
    return (loss[1] - loss[0]) / (2 * step);
}

/* Gradients are in double, and so is the loss: what is left is the difference's own error, step^2
 * f''' / 6 and rounding / step. */
static bool near(const double got, const double want, const double scale)
{
    return fabs(got - want) <= 2e-6 * (1 + scale);
}

#define CHECKED_ELEMENTS                                                                           \
    160 /* of each value one by one; all of them together along one random direction */

static bool check_value(row_memory *loss, row_case *c, row_value *value, const double *gradient,
                        char *message)
{
    const tw_random random = {.seed = 5, .name = tw_hash_text(value->node->name)};
    const int64_t n_elements = tw_dim_at(tw_shape_count(&value->node->shape), loss->runtime.n);
    double *direction = calloc((size_t)value->count + 1, sizeof *direction), along = 0, scale = 0;
    for (int64_t i = 0; i < n_elements; i++) {
        direction[i] = 2 * tw_random_uniform(&random, (uint64_t)i) - 1;
        along += gradient ? gradient[i] * direction[i] : 0;
        scale = fmax(scale, gradient ? fabs(gradient[i]) : 0);
    }
    const double want_along = difference(loss, c, value, direction, 0);
    free(direction);
    const double along_scale = fmax(scale, fabs(want_along));
    if (!near(along, want_along, along_scale)) {
        snprintf(message, ROW_MESSAGE,
                 "by %s along a random direction: gradient %.12g, difference %.12g",
                 value->node->name, along, want_along);
        return false;
    }
    const int64_t every = n_elements / CHECKED_ELEMENTS + 1;
    for (int64_t i = 0; i < n_elements; i += every) {
        const double got = gradient ? gradient[i] : 0, want = difference(loss, c, value, NULL, i);
        if (!near(got, want, scale)) {
            snprintf(message, ROW_MESSAGE,
                     "by %s[%lld] at batch %lld: gradient %.12g, difference %.12g",
                     value->node->name, (long long)i, (long long)loss->runtime.n, got, want);
            return false;
        }
    }
    return true;
}

static bool check_batch(row_case *c, const tw_recipe *losses, const tw_recipe *gradients,
                        const int64_t n, char *message)
{
    row_memory loss = {0}, gradient = {0};
    bool good = row_memory_open(&loss, c, losses, n) &&
                (!gradients || row_memory_open(&gradient, c, gradients, n));
    if (!good)
        snprintf(message, ROW_MESSAGE, "the recipe asks for a value that the row does not have");
    else if (gradients)
        run_all(&gradient);
    for (int i = 0; i < c->n_values && good; i++) {
        if (!c->value[i].checked)
            continue;
        const int id = gradients ? row_output_tensor(gradients, c->value[i].gradient) : -1;
        good = check_value(&loss, c, &c->value[i], id < 0 ? NULL : gradient.data[id], message);
    }
    row_memory_close(&loss);
    row_memory_close(&gradient);
    return good;
}

bool row_check_gradient(row_case *c, char message[ROW_MESSAGE])
{
    const tw_caps caps = {.family = TW_FAMILY_HOST,
                          .units = 1,
                          .vector = 1,
                          .registers = 16,
                          .global_memory = 1u << 30,
                          .max_allocation = 1u << 30,
                          .cache = 1u << 20,
                          .max_work_group = 1,
                          .alignment = 64};
    tw_recipe *losses = NULL, *gradients = NULL;
    bool good = row_case_recipe(c, &caps, ROW_LOSS, false, &losses) &&
                row_case_recipe(c, &caps, ROW_GRADIENTS, false, &gradients);
    if (!good)
        snprintf(message, ROW_MESSAGE, "%s", c->error.text);
    else
        good = check_batch(c, losses, gradients, c->batch, message) &&
               (c->batch == 1 || check_batch(c, losses, gradients, 1, message));
    tw_recipe_destroy(&losses);
    tw_recipe_destroy(&gradients);
    return good;
}
