// SPDX-License-Identifier: Apache-2.0
// Bias and activation of layers.
#include "op/layer.h"
#include <inttypes.h>

bool tw_layer_bias(const tw_call *call, int64_t units, tw_weight_spec *spec)
{
    *spec = (tw_weight_spec){call->input[0]->type, {1, {TW_DIM(units)}}, "zeros", true};
    return tw_attr_bool(call, "bias");
}

/* Works on one input without further settings. */
static bool is_activation(const tw_operator *op)
{
    if (op->flags & TW_OP_INTERNAL)
        return false;
    return strcmp(op->name, "softmax") == 0 || strcmp(op->name, "log_softmax") == 0 ||
           (op->row && !strchr(op->inputs, ' '));
}

static tw_status unknown_activation(const tw_graph *g, const char *act, tw_error *error)
{
    const char *names[256];
    int count = 0;
    for (const tw_operator *const *const *file = g->operators; *file; file++)
        for (const tw_operator *const *op = *file; *op && count < TW_COUNT(names); op++)
            if (is_activation(*op))
                names[count++] = (*op)->name;
    const int near = tw_nearest(act, names, count);
    if (near >= 0)
        return tw_fail(error, TW_ERROR_NAME, "act=%s is no activation; did you mean \"%s\"?", act,
                       names[near]);
    return tw_fail(error, TW_ERROR_NAME,
                   "act=%s is no activation; relu, tanh, sigmoid, gelu, softmax are some", act);
}

static tw_status check_activation(const tw_call *call, tw_error *error)
{
    const char *act = tw_attr_text(call, "act");
    if (strcmp(act, "none") == 0)
        return TW_OK;
    const tw_operator *op = tw_operator_find(call->graph->operators, act);
    return op && is_activation(op) ? TW_OK : unknown_activation(call->graph, act, error);
}

tw_status tw_layer_check(const tw_call *call, int64_t units, tw_error *error)
{
    const tw_node *bias = call->n_inputs > 2 ? call->input[2] : NULL;
    char text[TW_SHAPE_TEXT];
    if (bias && (bias->shape.rank != 1 || !tw_dim_equal(bias->shape.dim[0], TW_DIM(units))))
        return tw_fail(error, TW_ERROR_SHAPE, "a bias %s does not go with %" PRId64 " outputs",
                       tw_shape_text(&bias->shape, text), units);
    return check_activation(call, error);
}

tw_status tw_expect_weight(const tw_call *call, int input, const tw_shape *shape, tw_error *error)
{
    const tw_node *weight = input < call->n_inputs ? call->input[input] : NULL;
    char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
    if (!weight)
        return TW_OK;
    if (weight->type != TW_F32)
        return tw_fail(error, TW_ERROR_TYPE, "%s is %s, but must be f32",
                       tw_call_input_name(call, input), tw_type_name(weight->type));
    if (!tw_shape_equal(&weight->shape, shape))
        return tw_fail(error, TW_ERROR_SHAPE, "%s is %s, but must be %s",
                       tw_call_input_name(call, input), tw_shape_text(&weight->shape, is),
                       tw_shape_text(shape, must));
    return TW_OK;
}

tw_node *tw_layer_finish(tw_graph *g, const tw_call *call, tw_node *y)
{
    const char *act = tw_attr_text(call, "act");
    if (call->n_inputs > 2 && call->input[2])
        y = tw_emit2(g, y, call->input[2], "add");
    return strcmp(act, "none") == 0 ? y : tw_emit1(g, y, "%s", act);
}
