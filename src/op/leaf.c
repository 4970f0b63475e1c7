// SPDX-License-Identifier: Apache-2.0
// Leaves: values computed from nothing, element by element, and so repeated in every kernel that
// uses them.
#include "base/hash.h"
#include "base/random.h"
#include "graph/operator.h"
#include "op/host.h"

/* ---- fill: a literal ---- */

static tw_status fill_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, (tw_type)tw_attr_int(call, "type"), &(tw_shape){0});
    return TW_OK;
}

static void fill_host(const tw_host_call *host)
{
    tw_host_put(&host->out[0], 0, tw_attr_float(host->data, "value"));
}

static const tw_operator fill = {
    .name = "fill",
    .doc = "a number; beside f16 or bf16 it takes their type",
    .inputs = "",
    .results = "y",
    .attributes = (const tw_attribute[]){{"value", TW_ATTR_FLOAT, NULL, NULL, "the number"},
                                         {"type", TW_ATTR_TYPE, "f32", NULL, "type of the result"},
                                         {NULL, 0, NULL, NULL, NULL}},
    .flags = TW_OP_LEAF,
    .leaf = TW_LEAF_FILL,
    .infer = fill_infer,
    .host = fill_host,
};

/* ---- extent: a size, which may follow the batch ---- */

static tw_dim extent_dim(const tw_call *call)
{
    const tw_attr *dims = tw_attr_get(call, "dims");
    tw_dim product = TW_DIM(1);
    for (int i = 0; i < dims->count; i++)
        product = tw_dim_multiply(product, dims->list[i]);
    return product;
}

static tw_status extent_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, TW_F32, &(tw_shape){0});
    return TW_OK;
}

static void extent_host(const tw_host_call *host)
{
    tw_host_put(&host->out[0], 0, (double)tw_dim_at(extent_dim(host->data), host->runtime->n));
}

static const tw_operator extent = {
    .name = "extent",
    .doc = "the product of sizes, letters included, as a number",
    .inputs = "",
    .results = "y",
    .attributes = (const tw_attribute[]){{"dims", TW_ATTR_DIMS, NULL, NULL, "sizes: n,28,28"},
                                         {NULL, 0, NULL, NULL, NULL}},
    .flags = TW_OP_LEAF,
    .leaf = TW_LEAF_EXTENT,
    .infer = extent_infer,
    .host = extent_host,
};

/* ---- random numbers ---- */

static tw_status random_infer(tw_call *call, tw_error *error)
{
    const tw_attr *dims = tw_attr_get(call, "shape");
    const bool like = call->n_inputs > 0 && call->input[0];
    if (like && !dims->absent)
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "has an input, whose shape it takes, and shape= as well; without an input it "
            "is written %s()",
            call->op->name);
    if (!like && dims->absent)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "needs either an input whose shape it takes, or shape=");
    tw_shape shape = {.rank = dims->count};
    for (int d = 0; d < shape.rank && !like; d++)
        shape.dim[d] = dims->list[d];
    tw_result_set(call, 0, TW_F32, like ? &call->input[0]->shape : &shape);
    return TW_OK;
}

static void random_host(const tw_host_call *host, double (*draw)(const tw_random *, uint64_t))
{
    const tw_call *call = host->data;
    const tw_random random = {host->runtime->seed, tw_hash_text(call->name), host->runtime->line,
                              host->runtime->step};
    for (int64_t i = 0; i < host->out[0].count; i++)
        tw_host_put(&host->out[0], i, draw(&random, (uint64_t)i));
}

/* Random numbers take a shape from `like`, not its values. */
static void random_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                        tw_node **dx)
{
    (void)g, (void)call, (void)dy, (void)wanted, (void)dx;
}

static void uniform_host(const tw_host_call *host)
{
    random_host(host, tw_random_uniform);
}
static void normal_host(const tw_host_call *host)
{
    random_host(host, tw_random_normal);
}

static const tw_attribute random_attributes[] = {
    {"shape", TW_ATTR_DIMS, "", NULL, "shape of the result: n,100; without it that of the input"},
    {NULL, 0, NULL, NULL, NULL}};

static const tw_operator random_uniform = {
    .name = "random_uniform",
    .doc = "random numbers in [0, 1), by seed, node, step and element",
    .inputs = "like?",
    .results = "y",
    .attributes = random_attributes,
    .flags = TW_OP_LEAF,
    .leaf = TW_LEAF_UNIFORM,
    .infer = random_infer,
    .grad = random_grad,
    .host = uniform_host,
};

static const tw_operator random_normal = {
    .name = "random_normal",
    .doc = "random numbers of mean 0 and variance 1, by seed, node, step and element",
    .inputs = "like?",
    .results = "y",
    .attributes = random_attributes,
    .flags = TW_OP_LEAF,
    .leaf = TW_LEAF_NORMAL,
    .infer = random_infer,
    .grad = random_grad,
    .host = normal_host,
};

const tw_operator *const tw_op_leaf[] = {&fill, &extent, &random_uniform, &random_normal, NULL};
