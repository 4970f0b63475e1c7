// SPDX-License-Identifier: Apache-2.0
// group_norm (Wu and He 2018) and instance_norm (Ulyanov, Vedaldi and Lempitsky 2016): each sample
// with mean 0 and variance 1 within each group of channels, over all axes but the batch. Keras's
// defaults; images are [n,height,width,channels].
#include "op/layer.h"
#include <inttypes.h>

enum { X, SCALE, SHIFT };

#define COMMON                                                                                     \
    {"epsilon", TW_ATTR_FLOAT, "0.001", NULL, "added to the variance"},                            \
        {"scale", TW_ATTR_BOOL, "yes", NULL, "multiply by a learned scale"},                       \
        {"shift", TW_ATTR_BOOL, "yes", NULL, "add a learned shift"}, TW_WEIGHT_ATTRIBUTES,         \
        TW_ATTRIBUTES_END

static const tw_attribute group_norm_attributes[] = {
    {"groups", TW_ATTR_INT, "32", NULL,
     "parts of the channels, each with its own mean (-1: each channel alone)"},
    COMMON};

static const tw_attribute instance_norm_attributes[] = {COMMON};

static bool is_instance(const tw_call *call)
{
    return call->op->attributes == instance_norm_attributes;
}

static tw_status read_groups(const tw_call *call, int64_t *channels, int64_t *groups,
                             tw_error *error)
{
    const tw_shape *x = &call->input[X]->shape;
    const int least = is_instance(call) ? 3 : 2;
    const tw_dim last = tw_last_dim(x);
    char text[TW_SHAPE_TEXT];
    *channels = last.scale;
    *groups = is_instance(call) ? -1 : tw_attr_int(call, "groups");
    if (x->rank < least)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s needs a batch%s and channels",
                       tw_shape_text(x, text),
                       is_instance(call) ? ", something to take a mean over," : "");
    if (!tw_dim_fixed(last))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "the last size of x%s must be a number, for it is the weights'",
                       tw_shape_text(x, text));
    if (*groups == -1)
        *groups = *channels;
    if (*groups < 1 || *channels % *groups)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "groups=%" PRId64 " do not divide the %" PRId64
                       " channels of x%s: choose a divisor, or -1 for each channel alone",
                       *groups, *channels, tw_shape_text(x, text));
    return TW_OK;
}

static bool group_norm_weight(const tw_call *call, int input, tw_weight_spec *spec,
                              tw_status *status, tw_error *error)
{
    int64_t channels, groups;
    if ((*status = read_groups(call, &channels, &groups, error)) != TW_OK)
        return false;
    *spec =
        (tw_weight_spec){TW_F32, {1, {TW_DIM(channels)}}, input == SCALE ? "ones" : "zeros", true};
    return tw_attr_bool(call, input == SCALE ? "scale" : "shift");
}

static tw_status group_norm_infer(tw_call *call, tw_error *error)
{
    int64_t channels, groups;
    TW_TRY(tw_expect_real(call, X, error));
    TW_TRY(read_groups(call, &channels, &groups, error));
    if (!(tw_attr_float(call, "epsilon") > 0))
        return tw_fail(error, TW_ERROR_DATA, "epsilon must be above 0");
    const tw_shape weight = {1, {TW_DIM(channels)}};
    TW_TRY(tw_expect_weight(call, SCALE, &weight, error));
    TW_TRY(tw_expect_weight(call, SHIFT, &weight, error));
    tw_result_set(call, 0, call->input[X]->type, &call->input[X]->shape);
    return TW_OK;
}

static void group_norm_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    int64_t channels, groups;
    (void)training;
    if (read_groups(call, &channels, &groups, NULL) == TW_OK) /* infer has accepted it */
        results[0] = tw_emit(g, call->n_inputs, call->input, "normalize groups=%d epsilon=%s",
                             (int)groups, tw_number(g, tw_attr_float(call, "epsilon")));
}

#define NORM(variable, name_, doc_, table)                                                         \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = "x scale? shift?",                              \
                                         .results = "y",                                           \
                                         .attributes = table,                                      \
                                         .weight = group_norm_weight,                              \
                                         .infer = group_norm_infer,                                \
                                         .expand = group_norm_expand}

NORM(group_norm, "group_norm",
     "each sample and group of channels with mean 0 and variance 1, then scaled and shifted",
     group_norm_attributes);
NORM(instance_norm, "instance_norm",
     "each sample and channel with mean 0 and variance 1, then scaled and shifted",
     instance_norm_attributes);

const tw_operator *const tw_op_group_norm[] = {&group_norm, &instance_norm, NULL};
