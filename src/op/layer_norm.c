// SPDX-License-Identifier: Apache-2.0
// layer_norm (Ba, Kiros and Hinton 2016) and rms_norm (Zhang and Sennrich 2019): each sample with
// mean 0 and variance 1 over its last axes, or over others, which are then moved to the end and
// back. Keras's defaults.
#include "op/layer.h"
#include <stdio.h>

enum { X, SCALE, SHIFT };

static const tw_attribute layer_norm_attributes[] = {
    {"axis", TW_ATTR_INTS, "-1", NULL, "axes that are normalised together, negative from the end"},
    {"epsilon", TW_ATTR_FLOAT, "0.001", NULL, "added to the variance"},
    {"scale", TW_ATTR_BOOL, "yes", NULL, "multiply by a learned scale"},
    {"shift", TW_ATTR_BOOL, "yes", NULL, "add a learned shift"},
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

static const tw_attribute rms_norm_attributes[] = {
    {"axis", TW_ATTR_INTS, "-1", NULL, "axes that are normalised together, negative from the end"},
    {"epsilon", TW_ATTR_FLOAT, "1e-6", NULL, "added to the mean square"},
    {"scale", TW_ATTR_BOOL, "yes", NULL, "multiply by a learned scale"},
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

static bool is_rms(const tw_call *call)
{
    return call->op->attributes == rms_norm_attributes;
}

/* The axes as a mask, and the sizes along them: the weights' shape. */
static tw_status read_axes(const tw_call *call, unsigned *mask, tw_shape *weight, tw_error *error)
{
    const tw_shape *x = &call->input[X]->shape;
    char text[TW_SHAPE_TEXT];
    if (!tw_attr_axes(call, "axis", x->rank, mask) || !*mask)
        return tw_fail(error, TW_ERROR_SHAPE, "axis= must be distinct axes of x%s, %d to %d",
                       tw_shape_text(x, text), -x->rank, x->rank - 1);
    *weight = (tw_shape){0};
    for (int d = 0; d < x->rank; d++)
        if (*mask >> d & 1)
            weight->dim[weight->rank++] = x->dim[d];
    return TW_OK;
}

static bool layer_norm_weight(const tw_call *call, int input, tw_weight_spec *spec,
                              tw_status *status, tw_error *error)
{
    unsigned mask;
    char text[TW_SHAPE_TEXT];
    if ((*status = read_axes(call, &mask, &spec->shape, error)) != TW_OK)
        return false;
    if (!tw_attr_bool(call, input == SCALE ? "scale" : "shift"))
        return false;
    if (!tw_dim_fixed(tw_shape_count(&spec->shape))) {
        *status = tw_fail(error, TW_ERROR_SHAPE,
                          "x%s has a letter along axis=, where sizes must be numbers, for they are "
                          "the weights'",
                          tw_shape_text(&call->input[X]->shape, text));
        return false;
    }
    spec->type = TW_F32;
    spec->init = input == SCALE ? "ones" : "zeros";
    spec->trainable = true;
    return true;
}

static tw_status layer_norm_infer(tw_call *call, tw_error *error)
{
    unsigned mask;
    tw_shape weight;
    char text[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, X, error));
    TW_TRY(read_axes(call, &mask, &weight, error));
    if (!(tw_attr_float(call, "epsilon") > 0))
        return tw_fail(error, TW_ERROR_DATA, "epsilon must be above 0");
    for (int d = 0; d < weight.rank; d++)
        if (weight.dim[d].letters & TW_BATCH)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "axis= names the batch of x%s: samples are normalised one by one",
                           tw_shape_text(&call->input[X]->shape, text));
    TW_TRY(tw_expect_weight(call, SCALE, &weight, error));
    TW_TRY(tw_expect_weight(call, SHIFT, &weight, error));
    tw_result_set(call, 0, call->input[X]->type, &call->input[X]->shape);
    return TW_OK;
}

/* Axes 0 to rank - 1 with those of the mask at the end, as perm= of a transpose, or the way back.
 */
static const char *moved(unsigned mask, int rank, bool back, char text[TW_MAX_RANK * 2 + 1])
{
    int perm[TW_MAX_RANK], inverse[TW_MAX_RANK], count = 0, at = 0;
    for (unsigned last = 0; last < 2; last++)
        for (int d = 0; d < rank; d++)
            if ((mask >> d & 1) == last)
                perm[count++] = d;
    for (int d = 0; d < rank; d++)
        inverse[perm[d]] = d;
    for (int d = 0; d < rank; d++)
        at += snprintf(text + at, 3, d ? ",%d" : "%d", back ? inverse[d] : perm[d]);
    return text;
}

/* The weight as one row of channels. */
static tw_node *flat(tw_graph *g, const tw_call *call, int input)
{
    tw_node *w = input < call->n_inputs ? call->input[input] : NULL;
    return w ? tw_emit_reshape(g, w, &(tw_shape){1, {tw_shape_count(&w->shape)}}) : NULL;
}

static void layer_norm_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    unsigned mask;
    tw_shape weight;
    char text[TW_MAX_RANK * 2 + 1];
    tw_node *x = call->input[X];
    const int rank = x->shape.rank;
    (void)training;
    if (read_axes(call, &mask, &weight, NULL) != TW_OK) /* infer has accepted it */
        return;
    const bool at_end = mask >> (rank - weight.rank) == (1u << weight.rank) - 1;
    if (!at_end)
        x = tw_emit1(g, x, "transpose perm=%s", moved(mask, rank, false, text));
    if (!x)
        return;
    const tw_shape shape = x->shape, rows = {2,
                                             {tw_shape_span(&shape, 0, rank - weight.rank),
                                              tw_shape_span(&shape, rank - weight.rank, rank)}};
    tw_node *in[] = {tw_emit_reshape(g, x, &rows), flat(g, call, SCALE), flat(g, call, SHIFT)};
    tw_node *y = tw_emit(g,
                         in[SHIFT]   ? 3
                         : in[SCALE] ? 2
                                     : 1,
                         in, "normalize epsilon=%s center=%s",
                         tw_number(g, tw_attr_float(call, "epsilon")), is_rms(call) ? "no" : "yes");
    y = tw_emit_reshape(g, y, &shape);
    results[0] = at_end ? y : tw_emit1(g, y, "transpose perm=%s", moved(mask, rank, true, text));
}

#define NORM(variable, name_, doc_, inputs_, table)                                                \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = inputs_,                                        \
                                         .results = "y",                                           \
                                         .attributes = table,                                      \
                                         .weight = layer_norm_weight,                              \
                                         .infer = layer_norm_infer,                                \
                                         .expand = layer_norm_expand}

NORM(layer_norm, "layer_norm",
     "each sample with mean 0 and variance 1 over the last axes, then scaled and shifted",
     "x scale? shift?", layer_norm_attributes);
NORM(rms_norm, "rms_norm", "each sample divided by the root of its mean square, then scaled",
     "x scale?", rms_norm_attributes);

const tw_operator *const tw_op_layer_norm[] = {&layer_norm, &rms_norm, NULL};
