// SPDX-License-Identifier: Apache-2.0
// The same elements under another shape, without a launch: reshape, flatten, squeeze, expand_dims.
#include "op/helpers.h"

/* The gradient of every view: the same elements under the input's shape. */
static void view_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                      tw_node **dx)
{
    if (wanted[0])
        dx[0] = tw_emit_reshape(g, dy[0], &call->input[0]->shape);
}

static void view_host(const tw_host_call *host)
{
    for (int64_t i = 0; i < host->out[0].count; i++)
        tw_host_put(&host->out[0], i, tw_host_get(&host->in[0], i));
}

/* ---- reshape ---- */

static const tw_attribute reshape_attributes[] = {
    {"shape", TW_ATTR_DIMS, "", NULL,
     "the new sizes, letters allowed, -1 once for the rest; none: one number"},
    TW_ATTRIBUTES_END};

/* Puts what is left of `whole` at the place of -1. */
static tw_status fill_rest(tw_shape *y, int rest, tw_dim whole, tw_error *error)
{
    char text[TW_SHAPE_TEXT];
    tw_dim others = TW_DIM(1);
    for (int d = 0; d < y->rank; d++)
        if (d != rest)
            others = tw_dim_multiply(others, y->dim[d]);
    y->dim[rest] = tw_dim_divide(whole, others);
    const bool comparable = ((others.letters & ~whole.letters) & ~TW_BATCH) == 0;
    if (comparable && tw_dim_known(whole) && tw_dim_known(others) && !tw_dim_known(y->dim[rest])) {
        const tw_shape left = {2, {whole, others}};
        return tw_fail(error, TW_ERROR_SHAPE,
                       "-1 in shape= has no whole size: [elements, others] are %s",
                       tw_shape_text(&left, text));
    }
    return TW_OK;
}

static tw_status reshape_infer(tw_call *call, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "shape");
    const tw_shape *x = &call->input[0]->shape;
    const tw_dim whole = tw_shape_count(x);
    tw_shape y = {.rank = sizes->absent ? 0 : sizes->count};
    int rest = -1;
    for (int d = 0; d < y.rank; d++) {
        y.dim[d] = sizes->list[d];
        if (tw_dim_known(y.dim[d]))
            continue;
        if (rest >= 0)
            return tw_fail(error, TW_ERROR_SHAPE, "shape= may have -1 only once");
        rest = d;
    }
    if (rest >= 0)
        TW_TRY(fill_rest(&y, rest, whole, error));
    const tw_dim count = tw_shape_count(&y);
    /* Other letters than the batch may turn out to fit once they are bound. */
    const bool comparable = ((count.letters ^ whole.letters) & ~TW_BATCH) == 0;
    if (rest < 0 && comparable && tw_dim_known(count) && tw_dim_known(whole) &&
        !tw_dim_equal(count, whole)) {
        char from[TW_SHAPE_TEXT], to[TW_SHAPE_TEXT];
        return tw_fail(error, TW_ERROR_SHAPE, "%s cannot become %s: the numbers of elements differ",
                       tw_shape_text(x, from), tw_shape_text(&y, to));
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* ---- flatten ---- */

static const tw_attribute flatten_attributes[] = {
    {"axis", TW_ATTR_INT, "1", NULL, "the first axis of those that become one"}, TW_ATTRIBUTES_END};

static tw_status flatten_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    const int64_t given = tw_attr_int(call, "axis");
    const int64_t axis = given < 0 ? given + x->rank : given;
    if (axis < 0 || axis > x->rank)
        return tw_fail(error, TW_ERROR_SHAPE, "axis=%lld is out of range for an input of rank %d",
                       (long long)given, x->rank);
    tw_shape y = {.rank = (int)axis + 1};
    for (int d = 0; d < axis; d++)
        y.dim[d] = x->dim[d];
    y.dim[axis] = tw_shape_span(x, (int)axis, x->rank);
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* ---- squeeze, expand_dims ---- */

static const tw_attribute squeeze_attributes[] = {
    {"axes", TW_ATTR_INTS, "", NULL, "axes of size 1 to drop (default: all of size 1)"},
    TW_ATTRIBUTES_END};

static tw_status squeeze_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    tw_shape y = {0};
    unsigned mask = 0;
    const bool all = tw_attr_get(call, "axes")->absent;
    if (!all && !tw_attr_axes(call, "axes", x->rank, &mask))
        return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct and lie in %d to %d", -x->rank,
                       x->rank - 1);
    for (int d = 0; d < x->rank; d++) {
        const bool one = tw_dim_is_one(x->dim[d]);
        char text[TW_SHAPE_TEXT];
        if (!all && (mask >> d & 1) && !one && tw_dim_known(x->dim[d]))
            return tw_fail(error, TW_ERROR_SHAPE, "axis %d of %s is not of size 1", d,
                           tw_shape_text(x, text));
        if (all ? !one : !(mask >> d & 1))
            y.dim[y.rank++] = x->dim[d];
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static const tw_attribute expand_attributes[] = {
    {"axes", TW_ATTR_INTS, NULL, NULL,
     "where the result has axes of size 1, negative from its end"},
    TW_ATTRIBUTES_END};

static tw_status expand_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    const int rank = x->rank + tw_attr_get(call, "axes")->count;
    unsigned mask;
    if (rank > TW_MAX_RANK)
        return tw_fail(error, TW_ERROR_SHAPE, "the result would have rank %d, the most is %d", rank,
                       TW_MAX_RANK);
    if (!tw_attr_axes(call, "axes", rank, &mask))
        return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct and lie in %d to %d", -rank,
                       rank - 1);
    tw_shape y = {.rank = rank};
    for (int d = 0, from = 0; d < rank; d++)
        y.dim[d] = mask >> d & 1 ? TW_DIM(1) : x->dim[from++];
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

#define VIEW(variable, name_, doc_, attributes_, infer_)                                           \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = "x",                                            \
                                         .results = "y",                                           \
                                         .attributes = attributes_,                                \
                                         .flags = TW_OP_VIEW,                                      \
                                         .infer = infer_,                                          \
                                         .grad = view_grad,                                        \
                                         .host = view_host}

VIEW(reshape, "reshape", "the same elements under another shape", reshape_attributes,
     reshape_infer);
VIEW(flatten, "flatten", "all axes from one on as one", flatten_attributes, flatten_infer);
VIEW(squeeze, "squeeze", "axes of size 1 dropped", squeeze_attributes, squeeze_infer);
VIEW(expand_dims, "expand_dims", "axes of size 1 put in", expand_attributes, expand_infer);

const tw_operator *const tw_op_shape[] = {&reshape, &flatten, &squeeze, &expand_dims, NULL};
