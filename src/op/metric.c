// SPDX-License-Identifier: Apache-2.0
// Metrics computed on the device: accuracy, binary_accuracy and top_k_accuracy, one f32 number
// each. (mse and mae serve as metrics too; precision, recall and f1 are in confusion.c.)
#include "op/helpers.h"

static const tw_attribute accuracy_attributes[] = {
    {"threshold", TW_ATTR_FLOAT, "0.5", NULL,
     "of a single column: above it the prediction is 1 (0 for logits)"},
    TW_ATTRIBUTES_END};

static const tw_attribute binary_attributes[] = {
    {"threshold", TW_ATTR_FLOAT, "0.5", NULL, "above it the prediction is 1 (0 for logits)"},
    TW_ATTRIBUTES_END};

static const tw_attribute top_k_attributes[] = {
    {"k", TW_ATTR_INT, "5", NULL, "how many of the largest may hold the label"}, TW_ATTRIBUTES_END};

/* Whether the label has an element for each of the prediction's, not one for each row of classes.
 */
static bool label_is_full(const tw_call *call)
{
    return tw_dim_equal(tw_shape_count(&call->input[1]->shape),
                        tw_shape_count(&call->input[0]->shape));
}

static bool single_column(const tw_call *call)
{
    const tw_shape *x = &call->input[0]->shape;
    return x->rank < 2 || tw_dim_is_one(x->dim[x->rank - 1]);
}

static tw_status metric_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape, *label = &call->input[1]->shape, scalar = {0};
    char a[TW_SHAPE_TEXT], b[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    const tw_dim have = tw_shape_count(label), rows = tw_shape_span(x, 0, x->rank - 1);
    if (tw_dim_known(have) && tw_dim_known(tw_shape_count(x)) && !label_is_full(call) &&
        !tw_dim_equal(have, rows))
        return tw_fail(error, TW_ERROR_SHAPE, "label %s does not fit prediction %s",
                       tw_shape_text(label, a), tw_shape_text(x, b));
    tw_result_set(call, 0, TW_F32, &scalar);
    return TW_OK;
}

/* The class number of each row, i32, in the shape of the rows. */
static tw_node *class_numbers(tw_graph *g, const tw_call *call)
{
    tw_shape rows = call->input[0]->shape;
    tw_node *label = call->input[1];
    rows.rank--;
    if (label_is_full(call)) {
        label = tw_emit_reshape(g, label, &call->input[0]->shape);
        if (label && label->type == TW_BOOL) /* one-hot */
            label = tw_emit1(g, label, "cast type=u8");
        return tw_emit1(g, label, "argmax");
    }
    if (label->type != TW_I32)
        label = tw_emit1(g, label, "cast type=i32");
    return tw_emit_reshape(g, label, &rows);
}

static tw_node *share_of(tw_graph *g, tw_node *hits)
{
    return tw_emit1(g, tw_emit1(g, hits, "cast type=f32"), "reduce_mean");
}

/* Every element is a decision of its own: several labels a row. */
static void binary_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    tw_node *x = call->input[0], *label = tw_emit_reshape(g, call->input[1], &x->shape);
    (void)training;
    if (label && label->type != TW_F32)
        label = tw_emit1(g, label, "cast type=f32");
    tw_node *threshold = tw_emit_scalar(g, tw_attr_float(call, "threshold"));
    tw_node *above = tw_emit1(g, tw_emit2(g, x, threshold, "greater"), "cast type=f32");
    results[0] = share_of(g, tw_emit2(g, above, label, "equal"));
}

static tw_status binary_infer(tw_call *call, tw_error *error)
{
    char a[TW_SHAPE_TEXT], b[TW_SHAPE_TEXT];
    const tw_dim want = tw_shape_count(&call->input[0]->shape);
    if (tw_dim_known(want) && !label_is_full(call))
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "label %s is not as large as the prediction %s: accuracy takes class numbers",
            tw_shape_text(&call->input[1]->shape, a), tw_shape_text(&call->input[0]->shape, b));
    return metric_infer(call, error);
}

static void accuracy_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    tw_node *x = call->input[0];
    if (single_column(call)) {
        binary_expand(g, call, training, results);
        return;
    }
    tw_node *guess = tw_emit1(g, x, "argmax");
    results[0] = share_of(g, tw_emit2(g, guess, class_numbers(g, call), "equal"));
}

/* A row hits if fewer than k classes are not below or equal to the label's: NaN counts against it.
 */
static void top_k_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    const tw_shape shape = call->input[0]->shape;
    const tw_dim classes = shape.dim[shape.rank - 1];
    tw_node *x = call->input[0];
    if (x->type != TW_F32)
        x = tw_emit1(g, x, "cast type=f32");
    tw_node *place =
        tw_emit1(g, class_numbers(g, call), "one_hot depth=%lld", (long long)classes.scale);
    tw_node *is_label = tw_emit2(g, place, tw_emit_scalar(g, 0.5), "greater");
    tw_node *own = tw_emit(g, 3, (tw_node *[]){is_label, x, tw_emit_scalar(g, 0)}, "where");
    own = tw_emit1(g, own, "reduce_sum axes=-1 keepdims=yes");
    tw_node *above = tw_emit1(g, tw_emit2(g, x, own, "less_equal"), "not");
    tw_node *count = tw_emit1(g, tw_emit1(g, above, "cast type=f32"), "reduce_sum axes=-1");
    tw_node *limit = tw_emit_scalar(g, (double)tw_attr_int(call, "k") - 0.5);
    results[0] = share_of(g, tw_emit2(g, count, limit, "less"));
}

static tw_status top_k_infer(tw_call *call, tw_error *error)
{
    if (tw_attr_int(call, "k") < 1)
        return tw_fail(error, TW_ERROR_DATA, "k must be at least 1");
    if (call->input[0]->shape.rank < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "the prediction needs an axis of classes");
    return metric_infer(call, error);
}

static const tw_operator accuracy = {
    .name = "accuracy",
    .doc = "share of rows whose largest prediction is the label's (class numbers, one-hot, or 0 "
           "and 1)",
    .inputs = "prediction label",
    .results = "y",
    .attributes = accuracy_attributes,
    .infer = metric_infer,
    .expand = accuracy_expand,
};

static const tw_operator binary_accuracy = {
    .name = "binary_accuracy",
    .doc = "share of elements on the label's side of the threshold: of several labels a row",
    .inputs = "prediction label",
    .results = "y",
    .attributes = binary_attributes,
    .infer = binary_infer,
    .expand = binary_expand,
};

static const tw_operator top_k_accuracy = {
    .name = "top_k_accuracy",
    .doc = "share of rows where the label is among the k largest predictions",
    .inputs = "prediction label",
    .results = "y",
    .attributes = top_k_attributes,
    .infer = top_k_infer,
    .expand = top_k_expand,
};

const tw_operator *const tw_op_metric[] = {&accuracy, &binary_accuracy, &top_k_accuracy, NULL};
