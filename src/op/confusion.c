// SPDX-License-Identifier: Apache-2.0
// Metrics by what is confused with what: precision, recall and f1. Their second result counts, for
// each class, hits, predictions and labels ([3,classes]); the trainer sums these over an epoch and
// divides then, since a mean of the batches' quotients would be another number.
#include "op/helpers.h"

/* average: mean over the classes that labels or predictions hold (macro), or of all decisions
 * together (micro), as in scikit-learn, whose 0 for 0 / 0 is taken too. */
static const tw_attribute confusion_attributes[] = {
    {"threshold", TW_ATTR_FLOAT, "0.5", NULL,
     "of a single column, or of several labels a row: above it the prediction is yes (0 for "
     "logits)"},
    {"one_hot", TW_ATTR_BOOL, "no", NULL,
     "labels of as many columns as the prediction are one-hot: the largest counts, not the "
     "threshold"},
    {"average", TW_ATTR_CHOICE, "macro", "macro|micro",
     "over the classes: mean of each class's value, or the value of all counts together"},
    {"class", TW_ATTR_INT, "", NULL, "that class alone, from 0"},
    TW_ATTRIBUTES_END};

static tw_dim classes_of(const tw_call *call)
{
    const tw_shape *x = &call->input[0]->shape;
    return x->rank < 2 ? TW_DIM(1) : x->dim[x->rank - 1];
}

static tw_dim rows_of(const tw_call *call)
{
    const tw_shape *x = &call->input[0]->shape;
    return x->rank < 2 ? tw_shape_count(x) : tw_shape_span(x, 0, x->rank - 1);
}

/* Labels have an element for each of the prediction's, not a class number for each row. */
static bool label_is_full(const tw_call *call)
{
    return tw_dim_equal(tw_shape_count(&call->input[1]->shape),
                        tw_shape_count(&call->input[0]->shape));
}

static bool by_threshold(const tw_call *call)
{
    return tw_dim_is_one(classes_of(call)) ||
           (label_is_full(call) && !tw_attr_bool(call, "one_hot"));
}

/* Columns that are counted: all classes, or one. */
static int64_t counted(const tw_call *call)
{
    const bool one =
        tw_attr_given(call, "class") || !strcmp(tw_attr_text(call, "average"), "micro");
    return one ? 1 : classes_of(call).scale;
}

static tw_status confusion_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape, *label = &call->input[1]->shape, scalar = {0};
    char a[TW_SHAPE_TEXT], b[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    if (!tw_dim_fixed(classes_of(call)) || classes_of(call).scale < 1)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "the last size of the prediction %s must be a number of classes",
                       tw_shape_text(x, a));
    const tw_dim have = tw_shape_count(label);
    if (tw_dim_known(have) && tw_dim_known(tw_shape_count(x)) && !label_is_full(call) &&
        !tw_dim_equal(have, rows_of(call)))
        return tw_fail(error, TW_ERROR_SHAPE, "label %s does not fit prediction %s",
                       tw_shape_text(label, a), tw_shape_text(x, b));
    if (tw_attr_given(call, "class") &&
        (tw_attr_int(call, "class") < 0 || tw_attr_int(call, "class") >= classes_of(call).scale))
        return tw_fail(error, TW_ERROR_DATA, "class=%lld: the prediction has classes 0 to %lld",
                       (long long)tw_attr_int(call, "class"),
                       (long long)classes_of(call).scale - 1);
    const tw_shape counts = {2, {TW_DIM(3), TW_DIM(counted(call))}};
    tw_result_set(call, 0, TW_F32, &scalar);
    tw_result_set(call, 1, TW_F32, &counts);
    return TW_OK;
}

/* ---- yes and no, as 1 and 0, [rows,classes] ---- */

static tw_node *as_f32(tw_graph *g, tw_node *x)
{
    return !x || x->type == TW_F32 ? x : tw_emit1(g, x, "cast type=f32");
}

static tw_node *above(tw_graph *g, tw_node *x, double threshold)
{
    return as_f32(g, tw_emit2(g, as_f32(g, x), tw_emit_scalar(g, threshold), "greater"));
}

static tw_node *one_hot(tw_graph *g, tw_node *numbers, tw_dim classes)
{
    return tw_emit1(g, numbers, "one_hot depth=%lld", (long long)classes.scale);
}

static tw_node *predicted(tw_graph *g, const tw_call *call, const tw_shape *table)
{
    tw_node *x = tw_emit_reshape(g, call->input[0], table);
    if (by_threshold(call))
        return above(g, x, tw_attr_float(call, "threshold"));
    return one_hot(g, tw_emit1(g, x, "argmax"), table->dim[1]);
}

static tw_node *labelled(tw_graph *g, const tw_call *call, const tw_shape *table)
{
    const tw_shape rows = {1, {table->dim[0]}};
    tw_node *label = call->input[1];
    if (label_is_full(call))
        return above(g, tw_emit_reshape(g, label, table), 0.5);
    label = tw_emit_reshape(g, label, &rows);
    if (label && label->type != TW_I32)
        label = tw_emit1(g, label, "cast type=i32");
    return one_hot(g, label, table->dim[1]);
}

/* ---- counts, and the quotient ---- */

/* How many rows say yes, [1,classes]; the one class that is wanted, or all together. */
static tw_node *count(tw_graph *g, const tw_call *call, tw_node *yes)
{
    const long long class = tw_attr_given(call, "class") ? tw_attr_int(call, "class") : 0;
    tw_node *sums = tw_emit1(g, yes, "reduce_sum axes=0 keepdims=yes");
    if (tw_attr_given(call, "class"))
        return tw_emit1(g, sums, "slice axes=1 starts=%lld ends=%lld", class, class + 1);
    return counted(call) == 1 ? tw_emit1(g, sums, "reduce_sum axes=1 keepdims=yes") : sums;
}

/* Below what the hits stand: predictions (precision), labels (recall), or the mean of both (f1). */
typedef enum below { PREDICTIONS = 1, LABELS = 2, BOTH = 3 } below;

static below below_of(const tw_call *call)
{
    return !strcmp(call->op->name, "precision") ? PREDICTIONS
           : !strcmp(call->op->name, "recall")  ? LABELS
                                                : BOTH;
}

/* The mean over classes of which there are any. */
static tw_node *quotient(tw_graph *g, const tw_call *call, tw_node *hits, tw_node *guesses,
                         tw_node *labels)
{
    const below which = below_of(call);
    tw_node *both = tw_emit2(g, guesses, labels, "add"), *one = tw_emit_scalar(g, 1);
    tw_node *under = which == PREDICTIONS ? guesses : which == LABELS ? labels : both;
    tw_node *share = tw_emit2(g, hits, tw_emit2(g, under, one, "maximum"), "div");
    if (which == BOTH)
        share = tw_emit2(g, share, tw_emit_scalar(g, 2), "mul");
    tw_node *there = tw_emit1(g, above(g, both, 0.5), "reduce_sum");
    return tw_emit2(g, tw_emit1(g, share, "reduce_sum"), tw_emit2(g, there, one, "maximum"), "div");
}

static void confusion_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    const tw_shape table = {2, {rows_of(call), classes_of(call)}};
    (void)training;
    tw_node *guess = predicted(g, call, &table), *label = labelled(g, call, &table);
    tw_node *hits = count(g, call, tw_emit2(g, guess, label, "mul"));
    tw_node *guesses = count(g, call, guess), *labels = count(g, call, label);
    results[1] = tw_emit(g, 3, (tw_node *[]){hits, guesses, labels}, "concat axis=0");
    results[0] = quotient(g, call, hits, guesses, labels);
}

static double confusion_finish(const tw_call *call, const double *sums, int64_t n)
{
    const below which = below_of(call);
    const int64_t classes = n / 3;
    double total = 0;
    int64_t there = 0;
    for (int64_t c = 0; c < classes; c++) {
        const double hits = sums[c], guesses = sums[classes + c], labels = sums[2 * classes + c];
        const double under = which == PREDICTIONS ? guesses
                             : which == LABELS    ? labels
                                                  : (guesses + labels) / 2;
        total += under > 0 ? hits / under : 0;
        there += guesses + labels > 0;
    }
    return there > 0 ? total / (double)there : 0;
}

#define CONFUSION(operator, text)                                                                  \
    static const tw_operator operator=                                                             \
    {                                                                                              \
        .name = #operator, .doc = text, .inputs = "prediction label", .results = "y counts",       \
        .attributes = confusion_attributes, .infer = confusion_infer, .expand = confusion_expand,  \
        .finish = confusion_finish,                                                                \
    }

CONFUSION(precision, "share of a class's predictions that are right: of a single column the class "
                     "1, of several their mean");
CONFUSION(recall,
          "share of a class's labels that are predicted: of a single column the class 1, of "
          "several their mean");
CONFUSION(f1, "harmonic mean of precision and recall: of a single column the class 1, of several "
              "their mean");

const tw_operator *const tw_op_confusion[] = {&precision, &recall, &f1, NULL};
