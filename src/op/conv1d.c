// SPDX-License-Identifier: Apache-2.0
// The layer conv1d over sequences [n,time,channels]: a convolution of images that are one pixel
// high, which costs no launch, with Keras's rules of padding and its layout of weights.
#include "op/convolution.h"
#include "op/layer.h"
#include <inttypes.h>

static const tw_attribute conv1d_attributes[] = {
    {"filters", TW_ATTR_INT, NULL, NULL, "channels of the result"},
    {"kernel", TW_ATTR_INT, NULL, NULL, "steps of the window"},
    {"stride", TW_ATTR_INT, "1", NULL, "step of the window"},
    {"dilation", TW_ATTR_INT, "1", NULL, "distance of the window's steps"},
    {"padding", TW_ATTR_TEXT, "valid", NULL,
     "valid, same, causal (all before the first step), or 1 or 2 numbers (before,after)"},
    {"groups", TW_ATTR_INT, "1", NULL, "parts of the channels that do not mix"},
    TW_LAYER_ATTRIBUTES,
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

/* What the attributes say; steps, channels and places are -1 while letters are unbound. */
typedef struct window {
    int64_t steps, channels, filters, groups, kernel, stride, dilation, pad[2], places;
} window;

static tw_status read_window(const tw_call *call, window *v, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    if (x->rank != 3)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s is no batch of sequences [n,time,channels]",
                       tw_shape_text(x, text));
    *v = (window){.steps = tw_dim_number(x->dim[1]), .channels = tw_dim_number(x->dim[2])};
    TW_TRY(tw_int_of(call, "filters", 1, &v->filters, error));
    TW_TRY(tw_int_of(call, "groups", 1, &v->groups, error));
    TW_TRY(tw_int_of(call, "kernel", 1, &v->kernel, error));
    TW_TRY(tw_int_of(call, "stride", 1, &v->stride, error));
    TW_TRY(tw_int_of(call, "dilation", 1, &v->dilation, error));
    if (v->channels < 1 || v->filters % v->groups || v->channels % v->groups)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "filters=%" PRId64 " in groups=%" PRId64
                       " are not possible over the channels of x%s: groups must divide both",
                       v->filters, v->groups, tw_shape_text(x, text));
    return tw_padding_1d(call, v->steps, v->kernel, v->stride, v->dilation, true, v->pad, error);
}

static tw_shape weight_shape(const window *v)
{
    return (tw_shape){3, {TW_DIM(v->kernel), TW_DIM(v->channels / v->groups), TW_DIM(v->filters)}};
}

static bool conv1d_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                          tw_error *error)
{
    window v;
    if ((*status = read_window(call, &v, error)) != TW_OK)
        return false;
    if (input == 2)
        return tw_layer_bias(call, v.filters, spec);
    *spec = (tw_weight_spec){call->input[0]->type, weight_shape(&v), "glorot_uniform", true};
    return true;
}

static tw_status conv1d_infer(tw_call *call, tw_error *error)
{
    window v;
    char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(read_window(call, &v, error));
    const tw_shape *x = &call->input[0]->shape, *w = &call->input[1]->shape,
                   wanted = weight_shape(&v);
    if (!tw_shape_equal(w, &wanted))
        return tw_fail(error, TW_ERROR_SHAPE, "the weight is %s and should be %s",
                       tw_shape_text(w, is), tw_shape_text(&wanted, must));
    TW_TRY(tw_layer_check(call, v.filters, error));
    v.places = v.steps < 0
                   ? -1
                   : tw_window_places(v.steps, v.pad[0], v.pad[1], v.kernel, v.stride, v.dilation);
    if (v.places == 0)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "a window of %" PRId64 " steps does not fit into the sequence's %" PRId64,
                       tw_window_reach(v.kernel, v.dilation), v.steps + v.pad[0] + v.pad[1]);
    tw_result_set(call, 0, call->input[0]->type,
                  &(tw_shape){3, {x->dim[0], {v.places, 0}, TW_DIM(v.filters)}});
    return TW_OK;
}

static void conv1d_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    window v;
    const tw_shape *x = &call->input[0]->shape;
    (void)training;
    if (read_window(call, &v, NULL) != TW_OK)
        return; /* infer has accepted it */
    const tw_shape w = weight_shape(&v), row = {4, {x->dim[0], TW_DIM(1), x->dim[1], x->dim[2]}},
                   kernel = {4, {TW_DIM(1), w.dim[0], w.dim[1], w.dim[2]}};
    tw_node *y = tw_emit2(
        g, tw_emit_reshape(g, call->input[0], &row), tw_emit_reshape(g, call->input[1], &kernel),
        "convolution strides=1,%d pads=0,%d,0,%d dilation=1,%d groups=%d", (int)v.stride,
        (int)v.pad[0], (int)v.pad[1], (int)v.dilation, (int)v.groups);
    /* bias and activation before the sequences lose their height, or they would not be fused */
    y = tw_layer_finish(g, call, y);
    results[0] =
        y ? tw_emit_reshape(g, y, &(tw_shape){3, {x->dim[0], y->shape.dim[2], w.dim[2]}}) : NULL;
}

static const tw_operator conv1d = {.name = "conv1d",
                                   .doc = "convolutional layer over sequences [n,time,channels]",
                                   .inputs = "x weight? bias?",
                                   .results = "y",
                                   .attributes = conv1d_attributes,
                                   .weight = conv1d_weight,
                                   .infer = conv1d_infer,
                                   .expand = conv1d_expand};

const tw_operator *const tw_op_conv1d[] = {&conv1d, NULL};
