// SPDX-License-Identifier: Apache-2.0
// batch_norm over all axes but the last: by the batch's own statistics in training, which also move
// the running ones; by the running ones in inference (Ioffe and Szegedy 2015, defaults and the
// biased variance as in Keras).
#include "op/helpers.h"

enum { X, SCALE, SHIFT, MEAN, VARIANCE };

static const tw_attribute batch_norm_attributes[] = {
    {"momentum", TW_ATTR_FLOAT, "0.99", NULL, "share that running statistics keep at each step"},
    {"epsilon", TW_ATTR_FLOAT, "0.001", NULL, "added to the variance"},
    {"scale", TW_ATTR_BOOL, "yes", NULL, "multiply by a learned scale"},
    {"shift", TW_ATTR_BOOL, "yes", NULL, "add a learned shift"},
    TW_WEIGHT_ATTRIBUTES,
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

static tw_dim channels(const tw_call *call)
{
    return tw_last_dim(&call->input[X]->shape);
}

static bool batch_norm_weight(const tw_call *call, int input, tw_weight_spec *spec,
                              tw_status *status, tw_error *error)
{
    if (!tw_dim_fixed(channels(call))) {
        *status = tw_fail(error, TW_ERROR_SHAPE,
                          "the last size of x must be a number, for it is the weights'");
        return false;
    }
    if ((input == SCALE && !tw_attr_bool(call, "scale")) ||
        (input == SHIFT && !tw_attr_bool(call, "shift")))
        return false;
    spec->type = TW_F32;
    spec->shape = (tw_shape){1, {channels(call)}};
    spec->init = input == SCALE || input == VARIANCE ? "ones" : "zeros";
    spec->trainable = input == SCALE || input == SHIFT;
    return true;
}

static tw_status batch_norm_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[X]->shape, want = {1, {channels(call)}};
    char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, X, error));
    if (x->rank < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "x needs at least one axis");
    const double momentum = tw_attr_float(call, "momentum");
    if (!(momentum >= 0 && momentum <= 1))
        return tw_fail(error, TW_ERROR_DATA, "momentum must be from 0 to 1");
    if (!(tw_attr_float(call, "epsilon") > 0))
        return tw_fail(error, TW_ERROR_DATA, "epsilon must be above 0");
    for (int i = SCALE; i < call->n_inputs; i++)
        if (call->input[i] && !tw_shape_equal(&call->input[i]->shape, &want))
            return tw_fail(error, TW_ERROR_SHAPE, "%s is %s, but must be %s",
                           tw_call_input_name(call, i), tw_shape_text(&call->input[i]->shape, is),
                           tw_shape_text(&want, must));
    tw_result_set(call, 0, call->input[X]->type, x);
    return TW_OK;
}

/* running = momentum * running + (1 - momentum) * batch, once the step is done */
static void keep_running(tw_graph *g, tw_node *running, tw_node *batch, double momentum)
{
    tw_node *old = tw_emit_updated(g, running);
    old = tw_emit2(g, old, tw_emit_scalar(g, momentum), "mul");
    tw_node *new = tw_emit2(g, batch, tw_emit_scalar(g, 1 - momentum), "mul");
    if (running && tw_is_parameter(running->call))
        tw_emit_update(g, running, tw_emit2(g, old, new, "add"));
}

/* By the batch's own mean and variance, which move the running ones. */
static tw_node *by_batch(tw_graph *g, const tw_call *call, tw_node *x, tw_node *const *in)
{
    const double momentum = tw_attr_float(call, "momentum");
    tw_node *inputs[] = {x, in[SCALE], in[SHIFT]};
    tw_node *y =
        tw_emit(g,
                in[SHIFT]   ? 3
                : in[SCALE] ? 2
                            : 1,
                inputs, "batch_normalize epsilon=%s", tw_number(g, tw_attr_float(call, "epsilon")));
    if (y) {
        keep_running(g, in[MEAN], tw_result(y, 1), momentum);
        keep_running(g, in[VARIANCE], tw_result(y, 2), momentum);
    }
    return y;
}

static tw_node *by_running(tw_graph *g, const tw_call *call, tw_node *x, tw_node *const *in)
{
    tw_node *y = tw_emit2(g, x, in[MEAN], "sub");
    tw_node *epsilon = tw_emit_scalar(g, tw_attr_float(call, "epsilon"));
    tw_node *factor = tw_emit1(g, tw_emit2(g, in[VARIANCE], epsilon, "add"), "rsqrt");
    if (in[SCALE])
        factor = tw_emit2(g, factor, in[SCALE], "mul");
    y = tw_emit2(g, y, factor, "mul");
    return in[SHIFT] ? tw_emit2(g, y, in[SHIFT], "add") : y;
}

static void batch_norm_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    tw_node *in[5] = {NULL};
    for (int i = 0; i < call->n_inputs; i++)
        in[i] = call->input[i];
    tw_node *x = in[X]->type == TW_F32 ? in[X] : tw_emit1(g, in[X], "cast type=f32");
    const bool own = training && tw_attr_bool(call, "trainable");
    tw_node *y = own ? by_batch(g, call, x, in) : by_running(g, call, x, in);
    results[0] =
        in[X]->type == TW_F32 ? y : tw_emit1(g, y, "cast type=%s", tw_type_name(in[X]->type));
}

static const tw_operator batch_norm = {
    .name = "batch_norm",
    .doc = "x with mean 0 and variance 1 over all axes but the last, then scaled and shifted",
    .inputs = "x scale? shift? mean? variance?",
    .results = "y",
    .attributes = batch_norm_attributes,
    .weight = batch_norm_weight,
    .infer = batch_norm_infer,
    .expand = batch_norm_expand,
};

const tw_operator *const tw_op_batch_norm[] = {&batch_norm, NULL};
