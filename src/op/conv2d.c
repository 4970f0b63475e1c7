// SPDX-License-Identifier: Apache-2.0
// The layers conv2d and conv2d_transpose, with Keras's rules of padding and its layouts of weights.
#include "op/convolution.h"
#include "op/helpers.h"
#include "op/layer.h"
#include <inttypes.h>

#define WINDOW_ATTRIBUTES                                                                          \
    {"filters", TW_ATTR_INT, NULL, NULL, "channels of the result"},                                \
        {"kernel", TW_ATTR_INTS, NULL, NULL, "size of the window: one number, or height,width"},   \
        {"stride", TW_ATTR_INTS, "1", NULL, "step of the window"},                                 \
    {                                                                                              \
        "dilation", TW_ATTR_INTS, "1", NULL, "distance of the window's pixels"                     \
    }

static const tw_attribute conv2d_attributes[] = {
    WINDOW_ATTRIBUTES,
    {"padding", TW_ATTR_TEXT, "valid", NULL,
     "valid, same, or 1, 2 or 4 numbers (top,left,bottom,right)"},
    {"groups", TW_ATTR_INT, "1", NULL, "parts of the channels that do not mix"},
    TW_LAYER_ATTRIBUTES,
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

static const tw_attribute transpose_attributes[] = {
    WINDOW_ATTRIBUTES,
    {"padding", TW_ATTR_CHOICE, "valid", "valid|same", "same: the result is stride times as large"},
    {"output_padding", TW_ATTR_INTS, "", NULL, "pixels more at the bottom and right, as Keras's"},
    TW_LAYER_ATTRIBUTES,
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

/* What both layers read from their attributes; x's sizes are -1 while letters are unbound. */
typedef struct window {
    int64_t extent[2], channels, filters, groups, kernel[2], stride[2], dilation[2];
} window;

static tw_status read_window(const tw_call *call, int64_t groups, window *v, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    if (x->rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s is no batch of images [n,height,width,channels]",
                       tw_shape_text(x, text));
    *v = (window){.extent = {tw_dim_number(x->dim[1]), tw_dim_number(x->dim[2])},
                  .channels = tw_dim_number(x->dim[3]),
                  .filters = tw_attr_int(call, "filters"),
                  .groups = groups};
    TW_TRY(tw_ints_of(call, "kernel", 2, 1, v->kernel, error));
    TW_TRY(tw_ints_of(call, "stride", 2, 1, v->stride, error));
    TW_TRY(tw_ints_of(call, "dilation", 2, 1, v->dilation, error));
    if (v->filters < 1 || v->channels < 1 || groups < 1 || v->filters % groups != 0 ||
        v->channels % groups != 0)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "filters=%" PRId64 " in %" PRId64
                       " groups are not possible over the channels of x%s",
                       v->filters, groups, tw_shape_text(x, text));
    return TW_OK;
}

static tw_status check_weight(const tw_call *call, const tw_shape *wanted, tw_error *error)
{
    char text[TW_SHAPE_TEXT], text_wanted[TW_SHAPE_TEXT];
    const tw_shape *w = &call->input[1]->shape;
    if (!tw_shape_equal(w, wanted))
        return tw_fail(error, TW_ERROR_SHAPE, "the weight is %s and should be %s",
                       tw_shape_text(w, text), tw_shape_text(wanted, text_wanted));
    return TW_OK;
}

static void set_result(tw_call *call, int64_t height, int64_t width, int64_t channels)
{
    const tw_shape y = {4,
                        {call->input[0]->shape.dim[0], {height, 0}, {width, 0}, TW_DIM(channels)}};
    tw_result_set(call, 0, call->input[0]->type, &y);
}

/* ---- conv2d ---- */

static tw_shape conv2d_weight_shape(const window *v)
{
    return (tw_shape){4,
                      {TW_DIM(v->kernel[0]), TW_DIM(v->kernel[1]), TW_DIM(v->channels / v->groups),
                       TW_DIM(v->filters)}};
}

static bool conv2d_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                          tw_error *error)
{
    window v;
    if ((*status = read_window(call, tw_attr_int(call, "groups"), &v, error)) != TW_OK)
        return false;
    if (input == 2)
        return tw_layer_bias(call, v.filters, spec);
    *spec = (tw_weight_spec){call->input[0]->type, conv2d_weight_shape(&v), "glorot_uniform", true};
    return true;
}

static tw_status conv2d_infer(tw_call *call, tw_error *error)
{
    window v;
    int64_t pad[4], places[2];
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(read_window(call, tw_attr_int(call, "groups"), &v, error));
    const tw_shape weight = conv2d_weight_shape(&v);
    TW_TRY(check_weight(call, &weight, error));
    TW_TRY(tw_layer_check(call, v.filters, error));
    TW_TRY(tw_padding_of(call, v.extent, v.kernel, v.stride, v.dilation, pad, error));
    for (int d = 0; d < 2; d++) {
        places[d] = -1;
        if (v.extent[d] < 0)
            continue;
        places[d] = tw_window_places(v.extent[d], pad[d], pad[d + 2], v.kernel[d], v.stride[d],
                                     v.dilation[d]);
        if (places[d] < 1)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "a window of %" PRId64 " pixels does not fit into the image's %" PRId64,
                           tw_window_reach(v.kernel[d], v.dilation[d]),
                           v.extent[d] + pad[d] + pad[d + 2]);
    }
    set_result(call, places[0], places[1], v.filters);
    return TW_OK;
}

static void conv2d_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    window v;
    int64_t pad[4];
    (void)training;
    if (read_window(call, tw_attr_int(call, "groups"), &v, NULL) != TW_OK ||
        tw_padding_of(call, v.extent, v.kernel, v.stride, v.dilation, pad, NULL) != TW_OK)
        return; /* infer has accepted it */
    tw_node *y = tw_emit2(g, call->input[0], call->input[1],
                          "convolution strides=%d,%d pads=%d,%d,%d,%d dilation=%d,%d groups=%d",
                          (int)v.stride[0], (int)v.stride[1], (int)pad[0], (int)pad[1], (int)pad[2],
                          (int)pad[3], (int)v.dilation[0], (int)v.dilation[1], (int)v.groups);
    results[0] = tw_layer_finish(g, call, y);
}

/* ---- conv2d_transpose ---- */

static tw_shape transpose_weight_shape(const window *v)
{
    return (tw_shape){
        4, {TW_DIM(v->kernel[0]), TW_DIM(v->kernel[1]), TW_DIM(v->filters), TW_DIM(v->channels)}};
}

static bool transpose_weight(const tw_call *call, int input, tw_weight_spec *spec,
                             tw_status *status, tw_error *error)
{
    window v;
    if ((*status = read_window(call, 1, &v, error)) != TW_OK)
        return false;
    if (input == 2)
        return tw_layer_bias(call, v.filters, spec);
    *spec =
        (tw_weight_spec){call->input[0]->type, transpose_weight_shape(&v), "glorot_uniform", true};
    return true;
}

/* Size of the result and the padding of the convolution whose gradient this is (Keras 3:
 * backend/common/ backend_utils.py, _get_output_shape_given_tf_padding; TensorFlow centres what is
 * cut off). */
static tw_status transpose_sizes(const tw_call *call, const window *v, int64_t result[2],
                                 int64_t pad[4], tw_error *error)
{
    const bool given = tw_attr_given(call, "output_padding"),
               same = tw_attr_is(call, "padding", "same");
    int64_t more[2] = {0, 0};
    if (given)
        TW_TRY(tw_ints_of(call, "output_padding", 2, 0, more, error));
    for (int d = 0; d < 2; d++) {
        const int64_t in = TW_MAX(v->extent[d], 1), stride = v->stride[d];
        const int64_t reach = tw_window_reach(v->kernel[d], v->dilation[d]),
                      whole = (in - 1) * stride + reach;
        if (given && more[d] >= stride)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "output_padding=%" PRId64 " must be less than stride=%" PRId64, more[d],
                           stride);
        if (same)
            result[d] = given ? (in - 1) * stride + reach % 2 + more[d] : in * stride;
        else
            result[d] = whole + (given ? more[d] : TW_MAX(reach, stride) - reach);
        const int64_t total = same ? TW_MAX(0, whole - result[d]) : 0;
        pad[d] = total / 2;
        pad[d + 2] = total - total / 2;
        if (result[d] < 1)
            return tw_fail(error, TW_ERROR_SHAPE, "the result would be empty");
    }
    return TW_OK;
}

static tw_status transpose_infer(tw_call *call, tw_error *error)
{
    window v;
    int64_t result[2], pad[4];
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(read_window(call, 1, &v, error));
    const tw_shape weight = transpose_weight_shape(&v);
    TW_TRY(check_weight(call, &weight, error));
    TW_TRY(tw_layer_check(call, v.filters, error));
    TW_TRY(transpose_sizes(call, &v, result, pad, error));
    set_result(call, v.extent[0] < 0 ? -1 : result[0], v.extent[1] < 0 ? -1 : result[1], v.filters);
    return TW_OK;
}

static void transpose_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    window v;
    int64_t result[2], pad[4];
    (void)training;
    if (read_window(call, 1, &v, NULL) != TW_OK ||
        transpose_sizes(call, &v, result, pad, NULL) != TW_OK)
        return; /* infer has accepted it */
    tw_node *y = tw_emit2(
        g, call->input[0], call->input[1],
        "convolution_dx strides=%d,%d pads=%d,%d,%d,%d dilation=%d,%d height=%d width=%d",
        (int)v.stride[0], (int)v.stride[1], (int)pad[0], (int)pad[1], (int)pad[2], (int)pad[3],
        (int)v.dilation[0], (int)v.dilation[1], (int)result[0], (int)result[1]);
    results[0] = tw_layer_finish(g, call, y);
}

static const tw_operator conv2d = {.name = "conv2d",
                                   .doc =
                                       "convolutional layer over images [n,height,width,channels]",
                                   .inputs = "x weight? bias?",
                                   .results = "y",
                                   .attributes = conv2d_attributes,
                                   .weight = conv2d_weight,
                                   .infer = conv2d_infer,
                                   .expand = conv2d_expand};

static const tw_operator conv2d_transpose = {.name = "conv2d_transpose",
                                             .doc = "transposed convolution: enlarges images",
                                             .inputs = "x weight? bias?",
                                             .results = "y",
                                             .attributes = transpose_attributes,
                                             .weight = transpose_weight,
                                             .infer = transpose_infer,
                                             .expand = transpose_expand};

const tw_operator *const tw_op_conv2d[] = {&conv2d, &conv2d_transpose, NULL};
