// SPDX-License-Identifier: Apache-2.0
// dense: a fully connected layer over the last dimension: matmul, bias, activation.
#include "op/layer.h"
#include <inttypes.h>

static const tw_attribute dense_attributes[] = {
    {"units", TW_ATTR_INT, NULL, NULL, "size of the last dimension of the result"},
    TW_LAYER_ATTRIBUTES,
    TW_WEIGHT_ATTRIBUTES,
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

static bool dense_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                         tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    const int64_t units = tw_attr_int(call, "units");
    if (input == 2)
        return tw_layer_bias(call, units, spec);
    if (x->rank < 2 || !tw_dim_fixed(x->dim[x->rank - 1])) {
        char text[TW_SHAPE_TEXT];
        *status = tw_fail(error, TW_ERROR_SHAPE,
                          "x%s: a dense layer needs a batch and a last dimension of fixed size",
                          tw_shape_text(x, text));
        return false;
    }
    if (units < 1 || units > INT32_MAX) {
        *status = tw_fail(error, TW_ERROR_SHAPE, "units=%" PRId64 " must be from 1 to %d", units,
                          INT32_MAX);
        return false;
    }
    *spec = (tw_weight_spec){
        call->input[0]->type, {2, {x->dim[x->rank - 1], TW_DIM(units)}}, "glorot_uniform", true};
    return true;
}

static tw_status dense_infer(tw_call *call, tw_error *error)
{
    const int64_t units = tw_attr_int(call, "units");
    tw_shape y = call->input[0]->shape;
    const tw_shape *w = &call->input[1]->shape;
    char text[TW_SHAPE_TEXT], text_x[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    if (units < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "units=%" PRId64 " is not possible", units);
    if (y.rank < 2)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "x%s: a dense layer needs a batch and a last dimension",
                       tw_shape_text(&y, text));
    const tw_dim in = y.dim[y.rank - 1];
    if (w->rank != 2 || !tw_dim_equal(w->dim[1], TW_DIM(units)) ||
        (tw_dim_known(in) && !tw_dim_equal(w->dim[0], in)))
        return tw_fail(error, TW_ERROR_SHAPE, "a weight %s does not go with x%s and units=%" PRId64,
                       tw_shape_text(w, text), tw_shape_text(&y, text_x), units);
    TW_TRY(tw_layer_check(call, units, error));
    y.dim[y.rank - 1] = TW_DIM(units);
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void dense_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    results[0] = tw_layer_finish(g, call, tw_emit2(g, call->input[0], call->input[1], "matmul"));
}

static const tw_operator dense = {
    .name = "dense",
    .doc = "fully connected layer: x times weight, plus bias, activation",
    .inputs = "x weight? bias?",
    .results = "y",
    .attributes = dense_attributes,
    .weight = dense_weight,
    .infer = dense_infer,
    .expand = dense_expand};

const tw_operator *const tw_op_dense[] = {&dense, NULL};
