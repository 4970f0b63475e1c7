// SPDX-License-Identifier: Apache-2.0
// Losses, composed of other operators: one f32 number, the mean over the batch and whatever axes
// lie between it and the last. With weights (one for each sample) it is sum(w * l) / n, as in
// Keras, whose definitions and defaults these are.
#include "op/helpers.h"

#define EPSILON 1e-7 /* probabilities are held this far from 0 and 1, as in Keras */

static const tw_attribute no_attributes[] = {TW_ATTRIBUTES_END};

static const tw_attribute huber_attributes[] = {
    {"delta", TW_ATTR_FLOAT, "1", NULL, "where the square goes over into a line"},
    TW_ATTRIBUTES_END};

static const tw_attribute binary_attributes[] = {
    {"from_logits", TW_ATTR_BOOL, "no", NULL, "predictions are before the sigmoid"},
    {"label_smoothing", TW_ATTR_FLOAT, "0", NULL, "labels become (1 - s) * label + s / 2"},
    TW_ATTRIBUTES_END};

static const tw_attribute cross_entropy_attributes[] = {
    {"from_logits", TW_ATTR_BOOL, "yes", NULL, "the first input is before the softmax"},
    {"label_smoothing", TW_ATTR_FLOAT, "0", NULL, "labels become (1 - s) * label + s / classes"},
    TW_ATTRIBUTES_END};

/* ---- checks ---- */

static tw_status check_count(const tw_call *call, int input, const tw_shape *want, tw_error *error)
{
    char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
    const tw_shape *shape = &call->input[input]->shape;
    const tw_dim a = tw_shape_count(shape), b = tw_shape_count(want);
    if (!tw_dim_known(a) || !tw_dim_known(b) || tw_dim_equal(a, b))
        return TW_OK;
    return tw_fail(error, TW_ERROR_SHAPE, "%s is %s, but must have the shape %s",
                   tw_call_input_name(call, input), tw_shape_text(shape, is),
                   tw_shape_text(want, must));
}

/* The shape of one loss a sample: x's without its last axis. */
static tw_shape sample_shape(const tw_shape *x)
{
    tw_shape shape = *x;
    if (shape.rank > 1)
        shape.rank--;
    return shape;
}

/* Weights are one a loss, or one a sample with axes to follow. */
static tw_status check_weight(const tw_call *call, int input, const tw_shape *losses,
                              tw_error *error)
{
    if (call->n_inputs <= input || !call->input[input])
        return TW_OK;
    const tw_shape *weight = &call->input[input]->shape;
    TW_TRY(tw_expect_real(call, input, error));
    bool leads = weight->rank <= losses->rank;
    for (int d = 0; d < weight->rank && leads; d++)
        leads = tw_dim_equal(weight->dim[d], losses->dim[d]);
    return leads ? TW_OK : check_count(call, input, losses, error);
}

static tw_status loss_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape, scalar = {0};
    const tw_shape samples = sample_shape(x);
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(check_count(call, 1, x, error));
    TW_TRY(check_weight(call, 2, &samples, error));
    tw_result_set(call, 0, TW_F32, &scalar);
    return TW_OK;
}

static tw_status cross_entropy_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape, scalar = {0};
    TW_TRY(tw_expect_real(call, 0, error));
    if (x->rank < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "the first input needs an axis of classes");
    const tw_dim classes = x->dim[x->rank - 1];
    tw_shape samples = *x;
    samples.rank--;
    if (tw_dim_is_one(classes))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "there is just one class: use binary_cross_entropy, or more units");
    if (tw_type_is_real(call->input[1]->type) ||
        tw_dim_equal(tw_shape_count(&call->input[1]->shape), tw_shape_count(x)))
        TW_TRY(check_count(call, 1, x, error));
    else
        TW_TRY(check_count(call, 1, &samples, error));
    if (tw_dim_fixed(classes) &&
        !tw_dim_equal(tw_shape_count(&call->input[1]->shape), tw_shape_count(x)))
        TW_TRY(tw_input_expect_classes(call->input[1], classes.scale, error));
    TW_TRY(check_weight(call, 2, &samples, error));
    if (call->n_inputs > 3 && call->input[3]) {
        const tw_shape want = {1, {classes}};
        TW_TRY(tw_expect_real(call, 3, error));
        TW_TRY(check_count(call, 3, &want, error));
    }
    tw_result_set(call, 0, TW_F32, &scalar);
    return TW_OK;
}

/* ---- pieces ---- */

static tw_node *as_f32(tw_graph *g, tw_node *x)
{
    return !x || x->type == TW_F32 ? x : tw_emit1(g, x, "cast type=f32");
}

static tw_node *scaled(tw_graph *g, tw_node *x, double factor)
{
    return tw_emit2(g, x, tw_emit_scalar(g, factor), "mul");
}

static tw_node *plus(tw_graph *g, tw_node *x, double term)
{
    return tw_emit2(g, x, tw_emit_scalar(g, term), "add");
}

/* The label as f32 in the prediction's shape. */
static tw_node *label_like(tw_graph *g, const tw_call *call)
{
    return tw_emit_reshape(g, as_f32(g, call->input[1]), &call->input[0]->shape);
}

/* weight * losses; a weight of fewer axes applies to all that follow. */
static tw_node *weighted(tw_graph *g, tw_node *losses, tw_node *weight)
{
    if (!losses || !weight)
        return losses;
    tw_shape shape = losses->shape;
    if (!tw_dim_equal(tw_shape_count(&weight->shape), tw_shape_count(&shape)))
        for (int d = 0; d < shape.rank; d++)
            shape.dim[d] = d < weight->shape.rank ? weight->shape.dim[d] : TW_DIM(1);
    return tw_emit2(g, losses, tw_emit_reshape(g, as_f32(g, weight), &shape), "mul");
}

static tw_node *optional(const tw_call *call, int input)
{
    return call->n_inputs > input ? call->input[input] : NULL;
}

/* The mean of losses that have the prediction's shape; with weights first the mean of each sample.
 */
static void finish(tw_graph *g, const tw_call *call, tw_node *losses, tw_node **results)
{
    tw_node *weight = optional(call, 2);
    if (weight && losses && losses->shape.rank > 1)
        losses = tw_emit1(g, losses, "reduce_mean axes=-1");
    results[0] = tw_emit1(g, weighted(g, losses, weight), "reduce_mean");
}

/* Likewise of losses that are one a sample already. */
static void finish_samples(tw_graph *g, const tw_call *call, tw_node *losses, tw_node **results)
{
    results[0] = tw_emit1(g, weighted(g, losses, optional(call, 2)), "reduce_mean");
}

static tw_node *difference(tw_graph *g, const tw_call *call)
{
    return tw_emit2(g, as_f32(g, call->input[0]), label_like(g, call), "sub");
}

/* What the node is the `name` of, if it is one along the last axis; else NULL. */
static tw_node *undone(const tw_node *node, const char *name)
{
    const tw_call *call = node->call;
    if (strcmp(call->op->name, name))
        return NULL;
    if (!strcmp(name, "softmax") &&
        tw_axis_checked(call, "axis", node->shape.rank) != node->shape.rank - 1)
        return NULL;
    return call->input[0];
}

static tw_node *clipped(tw_graph *g, tw_node *x, double low, double high)
{
    return tw_emit1(g, x, "clip min=%s max=%s", tw_number(g, low), tw_number(g, high));
}

/* ---- the losses ---- */

static void mse_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    finish(g, call, tw_emit1(g, difference(g, call), "square"), results);
}

static void mae_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    finish(g, call, tw_emit1(g, difference(g, call), "abs"), results);
}

/* With c = min(|e|, delta): c * (|e| - c / 2), which is e^2 / 2 inside and delta * (|e| - delta /
 * 2) outside. */
static void huber_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    tw_node *size = tw_emit1(g, difference(g, call), "abs");
    tw_node *delta = tw_emit_scalar(g, tw_attr_float(call, "delta"));
    tw_node *inside = tw_emit2(g, scaled(g, size, 0.5), size, "mul");
    tw_node *outside = tw_emit2(g, delta, tw_emit2(g, size, scaled(g, delta, 0.5), "sub"), "mul");
    tw_node *is_inside = tw_emit2(g, size, delta, "less_equal");
    finish(g, call, tw_emit(g, 3, (tw_node *[]){is_inside, inside, outside}, "where"), results);
}

/* -(t log(p) + (1 - t) log(1 - p)) with p held away from 0 and 1; of a sigmoid's result from before
 * it, which is exact. */
static void binary_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    const double smoothing = tw_attr_float(call, "label_smoothing");
    tw_node *x = as_f32(g, call->input[0]), *t = label_like(g, call);
    tw_node *logits = tw_attr_bool(call, "from_logits") ? x : undone(call->input[0], "sigmoid");
    if (smoothing > 0)
        t = plus(g, scaled(g, t, 1 - smoothing), 0.5 * smoothing);
    if (logits) {
        finish(g, call, tw_emit2(g, as_f32(g, logits), t, "bce_logits"), results);
        return;
    }
    tw_node *p = clipped(g, x, EPSILON, 1 - EPSILON), *one = tw_emit_scalar(g, 1);
    /* 1 - x is clipped itself: in f32, 1 - (1 - EPSILON) is a fifth larger than EPSILON */
    tw_node *q = clipped(g, tw_emit2(g, one, x, "sub"), EPSILON, 1 - EPSILON);
    tw_node *yes = tw_emit2(g, t, tw_emit1(g, p, "log"), "mul");
    tw_node *no = tw_emit2(g, tw_emit2(g, one, t, "sub"), tw_emit1(g, q, "log"), "mul");
    finish(g, call, tw_emit1(g, tw_emit2(g, yes, no, "add"), "neg"), results);
}

/* Class weights: each sample takes its label's, of a distribution that of its largest. */
static tw_node *class_weighted(tw_graph *g, tw_node *losses, tw_node *label, tw_node *class_weight)
{
    if (!class_weight || !losses || !label)
        return losses;
    const tw_shape flat = {1, {tw_shape_count(&class_weight->shape)}};
    if (tw_type_is_real(label->type))
        label = tw_emit1(g, label, "argmax");
    tw_node *chosen =
        tw_emit2(g, tw_emit_reshape(g, as_f32(g, class_weight), &flat), label, "gather");
    return chosen ? tw_emit2(g, losses, tw_emit_reshape(g, chosen, &losses->shape), "mul") : NULL;
}

static void cross_entropy_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    tw_node *x = call->input[0], *label = call->input[1];
    const tw_shape shape = x->shape;
    if (tw_dim_equal(tw_shape_count(&label->shape), tw_shape_count(&shape)))
        label = tw_emit_reshape(g, as_f32(g, label), &shape);
    if (!tw_attr_bool(call, "from_logits")) {
        tw_node *logits = undone(x, "softmax");
        if (!logits) {
            x = as_f32(g, x);
            tw_node *sum = tw_emit1(g, x, "reduce_sum axes=-1 keepdims=yes");
            tw_node *p = clipped(g, tw_emit2(g, x, sum, "div"), EPSILON, 1 - EPSILON);
            logits = tw_emit1(g, p, "log");
        }
        x = logits;
    }
    tw_node *losses = tw_emit2(g, x, label, "softmax_cross_entropy label_smoothing=%s",
                               tw_number(g, tw_attr_float(call, "label_smoothing")));
    finish_samples(g, call, class_weighted(g, losses, label, optional(call, 3)), results);
}

/* mean(max(1 - t * p, 0)); labels are -1 and 1. */
static void hinge_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    tw_node *margin = tw_emit2(g, as_f32(g, call->input[0]), label_like(g, call), "mul");
    finish(g, call, tw_emit1(g, tw_emit2(g, tw_emit_scalar(g, 1), margin, "sub"), "relu"), results);
}

/* sum(t * log(t / p)) of each sample */
static void kl_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    tw_node *p = clipped(g, as_f32(g, call->input[0]), EPSILON, 1);
    tw_node *t = clipped(g, label_like(g, call), EPSILON, 1);
    tw_node *log = tw_emit1(g, tw_emit2(g, t, p, "div"), "log");
    finish_samples(g, call, tw_emit1(g, tw_emit2(g, t, log, "mul"), "reduce_sum axes=-1"), results);
}

/* x / max(|x|, 1e-6) along the last axis */
static tw_node *normalised(tw_graph *g, tw_node *x)
{
    tw_node *sum = tw_emit1(g, tw_emit1(g, x, "square"), "reduce_sum axes=-1 keepdims=yes");
    tw_node *size = tw_emit2(g, sum, tw_emit_scalar(g, 1e-12), "maximum");
    return tw_emit2(g, x, tw_emit1(g, size, "rsqrt"), "mul");
}

/* -cos of the angle between prediction and label of each sample */
static void cosine_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    tw_node *p = normalised(g, as_f32(g, call->input[0])), *t = normalised(g, label_like(g, call));
    tw_node *cosine = tw_emit1(g, tw_emit2(g, p, t, "mul"), "reduce_sum axes=-1");
    finish_samples(g, call, tw_emit1(g, cosine, "neg"), results);
}

#define LOSS(variable, name_, doc_, inputs_, attributes_, infer_, expand_)                         \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = inputs_,                                        \
                                         .results = "loss",                                        \
                                         .attributes = attributes_,                                \
                                         .infer = infer_,                                          \
                                         .expand = expand_}

LOSS(mse, "mse", "mean of (prediction - label)^2", "prediction label weight?", no_attributes,
     loss_infer, mse_expand);
LOSS(mae, "mae", "mean of |prediction - label|", "prediction label weight?", no_attributes,
     loss_infer, mae_expand);
LOSS(huber, "huber", "mean of a square near 0 that goes over into a line",
     "prediction label weight?", huber_attributes, loss_infer, huber_expand);
LOSS(binary_cross_entropy, "binary_cross_entropy",
     "cross entropy of probabilities (or logits) with labels 0 and 1", "prediction label weight?",
     binary_attributes, loss_infer, binary_expand);
LOSS(cross_entropy, "cross_entropy",
     "cross entropy of logits with class numbers, one-hot labels or distributions",
     "logits label weight? class_weight?", cross_entropy_attributes, cross_entropy_infer,
     cross_entropy_expand);
LOSS(hinge, "hinge", "mean of max(1 - prediction * label, 0), labels -1 and 1",
     "prediction label weight?", no_attributes, loss_infer, hinge_expand);
LOSS(kl_divergence, "kl_divergence", "sum(label * log(label / prediction)) of each sample",
     "prediction label weight?", no_attributes, loss_infer, kl_expand);
LOSS(cosine_similarity, "cosine_similarity", "minus the cosine of the angle to the label",
     "prediction label weight?", no_attributes, loss_infer, cosine_expand);

const tw_operator *const tw_op_loss[] = {&mse,
                                         &mae,
                                         &huber,
                                         &binary_cross_entropy,
                                         &cross_entropy,
                                         &hinge,
                                         &kl_divergence,
                                         &cosine_similarity,
                                         NULL};
