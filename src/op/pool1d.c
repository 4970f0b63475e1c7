// SPDX-License-Identifier: Apache-2.0
// Pooling of sequences [n,time,channels] by the primitives for images, which are one pixel high.
#include "op/convolution.h"
#include <inttypes.h>

static const tw_attribute pool_attributes[] = {
    {"size", TW_ATTR_INT, "2", NULL, "steps of the window"},
    {"stride", TW_ATTR_INT, "", NULL, "step of the window (default: its size)"},
    {"padding", TW_ATTR_TEXT, "valid", NULL, "valid, same, or 1 or 2 numbers (before,after)"},
    TW_ATTRIBUTES_END};

static const tw_attribute global_attributes[] = {
    {"keepdims", TW_ATTR_BOOL, "no", NULL, "keep the time, as 1"}, TW_ATTRIBUTES_END};

static bool is_maximum(const tw_call *call)
{
    return strstr(call->op->name, "max") != NULL;
}

static tw_status expect_sequences(const tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    if (x->rank != 3)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s is no batch of sequences [n,time,channels]",
                       tw_shape_text(x, text));
    return TW_OK;
}

/* steps and places are -1 while letters are unbound. */
typedef struct window {
    int64_t steps, size, stride, pad[2], places;
} window;

static tw_status read_window(const tw_call *call, window *v, tw_error *error)
{
    *v = (window){.steps = tw_dim_number(call->input[0]->shape.dim[1])};
    TW_TRY(tw_int_of(call, "size", 1, &v->size, error));
    v->stride = v->size;
    if (tw_attr_given(call, "stride"))
        TW_TRY(tw_int_of(call, "stride", 1, &v->stride, error));
    TW_TRY(tw_padding_1d(call, v->steps, v->size, v->stride, 1, false, v->pad, error));
    v->places =
        v->steps < 0 ? -1 : tw_window_places(v->steps, v->pad[0], v->pad[1], v->size, v->stride, 1);
    return TW_OK;
}

static tw_status pool_infer(tw_call *call, tw_error *error)
{
    window v;
    const tw_shape *x = &call->input[0]->shape;
    TW_TRY(expect_sequences(call, error));
    TW_TRY(read_window(call, &v, error));
    for (int d = 0; d < 2; d++)
        if (v.pad[d] >= v.size)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "a padding of %" PRId64 " leaves windows of %" PRId64 " empty", v.pad[d],
                           v.size);
    if (v.places == 0)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "a window of %" PRId64 " steps does not fit into the sequence's %" PRId64,
                       v.size, v.steps + v.pad[0] + v.pad[1]);
    if (is_maximum(call) && v.size > 256)
        return tw_fail(error, TW_ERROR_UNSUPPORTED,
                       "windows of more than 256 steps are not supported (%" PRId64
                       "); global_maxpool1d takes the largest of all",
                       v.size);
    tw_result_set(call, 0, call->input[0]->type,
                  &(tw_shape){3, {x->dim[0], {v.places, 0}, x->dim[2]}});
    return TW_OK;
}

static void pool_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    window v;
    const tw_shape *x = &call->input[0]->shape;
    (void)training;
    if (read_window(call, &v, NULL) != TW_OK)
        return; /* infer has accepted it */
    tw_node *row = tw_emit_reshape(g, call->input[0],
                                   &(tw_shape){4, {x->dim[0], TW_DIM(1), x->dim[1], x->dim[2]}});
    tw_node *y = tw_emit1(g, row, "%s size=1,%d strides=1,%d pads=0,%d,0,%d",
                          is_maximum(call) ? "maxpool" : "avgpool", (int)v.size, (int)v.stride,
                          (int)v.pad[0], (int)v.pad[1]);
    results[0] = tw_emit_reshape(g, y, &(tw_shape){3, {x->dim[0], {v.places, 0}, x->dim[2]}});
}

static tw_status global_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    TW_TRY(expect_sequences(call, error));
    const tw_shape kept = {3, {x->dim[0], TW_DIM(1), x->dim[2]}}, y = {2, {x->dim[0], x->dim[2]}};
    tw_result_set(call, 0, call->input[0]->type, tw_attr_bool(call, "keepdims") ? &kept : &y);
    return TW_OK;
}

static void global_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    results[0] = tw_emit1(g, call->input[0], "%s axes=1 keepdims=%s",
                          is_maximum(call) ? "reduce_max" : "reduce_mean",
                          tw_attr_bool(call, "keepdims") ? "yes" : "no");
}

#define LAYER(variable, title, text, table, infer_hook, expand_hook)                               \
    static const tw_operator variable = {.name = title,                                            \
                                         .doc = text,                                              \
                                         .inputs = "x",                                            \
                                         .results = "y",                                           \
                                         .attributes = table,                                      \
                                         .infer = infer_hook,                                      \
                                         .expand = expand_hook}

LAYER(maxpool1d, "maxpool1d", "the largest value of each window of a sequence", pool_attributes,
      pool_infer, pool_expand);
LAYER(avgpool1d, "avgpool1d", "the mean of each window of a sequence", pool_attributes, pool_infer,
      pool_expand);
LAYER(global_maxpool1d, "global_maxpool1d", "the largest value of each channel of a sequence",
      global_attributes, global_infer, global_expand);
LAYER(global_avgpool1d, "global_avgpool1d", "the mean of each channel of a sequence",
      global_attributes, global_infer, global_expand);

const tw_operator *const tw_op_pool1d[] = {&maxpool1d, &avgpool1d, &global_maxpool1d,
                                           &global_avgpool1d, NULL};
