// SPDX-License-Identifier: Apache-2.0
// dropout and gaussian_noise: random in training, nothing at all in inference.
#include "op/helpers.h"

static const tw_attribute dropout_attributes[] = {
    {"rate", TW_ATTR_FLOAT, "0.5", NULL,
     "share of elements set to 0; the others are divided by 1 - rate"},
    TW_ATTRIBUTES_END};

static const tw_attribute noise_attributes[] = {
    {"stddev", TW_ATTR_FLOAT, NULL, NULL, "standard deviation of what is added"},
    TW_ATTRIBUTES_END};

static tw_status same_infer(tw_call *call, tw_error *error)
{
    TW_TRY(tw_expect_real(call, 0, error));
    tw_result_set(call, 0, call->input[0]->type, &call->input[0]->shape);
    return TW_OK;
}

static tw_status dropout_infer(tw_call *call, tw_error *error)
{
    const double rate = tw_attr_float(call, "rate");
    if (!(rate >= 0 && rate < 1))
        return tw_fail(error, TW_ERROR_DATA, "rate must be at least 0 and below 1");
    return same_infer(call, error);
}

static tw_status noise_infer(tw_call *call, tw_error *error)
{
    if (!(tw_attr_float(call, "stddev") >= 0))
        return tw_fail(error, TW_ERROR_DATA, "stddev must not be negative");
    return same_infer(call, error);
}

/* A random leaf in x's shape and type. */
static tw_node *random_like(tw_graph *g, tw_node *x, const char *name)
{
    tw_node *random = tw_emit1(g, x, "%s", name);
    return x->type == TW_F32 ? random : tw_emit1(g, random, "cast type=%s", tw_type_name(x->type));
}

static void dropout_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    const double rate = tw_attr_float(call, "rate");
    tw_node *x = call->input[0];
    results[0] = x;
    if (training && rate > 0)
        results[0] = tw_emit2(g, x, random_like(g, x, "random_uniform"), "dropout_mask rate=%s",
                              tw_number(g, rate));
}

static void noise_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    const double stddev = tw_attr_float(call, "stddev");
    tw_node *x = call->input[0];
    results[0] = x;
    if (training && stddev > 0)
        results[0] = tw_emit2(
            g, x, tw_emit2(g, random_like(g, x, "random_normal"), tw_emit_scalar(g, stddev), "mul"),
            "add");
}

static const tw_operator dropout = {
    .name = "dropout",
    .doc = "in training a random share of elements set to 0, the others made larger",
    .inputs = "x",
    .results = "y",
    .attributes = dropout_attributes,
    .infer = dropout_infer,
    .expand = dropout_expand,
};

static const tw_operator gaussian_noise = {
    .name = "gaussian_noise",
    .doc = "in training normal random numbers added",
    .inputs = "x",
    .results = "y",
    .attributes = noise_attributes,
    .infer = noise_infer,
    .expand = noise_expand,
};

const tw_operator *const tw_op_dropout[] = {&dropout, &gaussian_noise, NULL};
