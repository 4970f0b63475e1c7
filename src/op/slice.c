// SPDX-License-Identifier: Apache-2.0
// A part along some axes, by ONNX's rules, and its gradient.
#include "op/move.h"
#include <stdio.h>

#define TO_THE_END INT64_MAX

static const tw_attribute slice_attributes[] = {
    {"starts", TW_ATTR_INTS, "", NULL,
     "first place along each of axes, negative from the end (default: 0)"},
    {"ends", TW_ATTR_INTS, "", NULL,
     "place behind the last one, negative from the end (default: the end)"},
    {"axes", TW_ATTR_INTS, "", NULL, "axes that are cut (default: the first ones)"},
    {"steps", TW_ATTR_INTS, "", NULL, "every how many places, at least 1 (default: 1)"},
    TW_ATTRIBUTES_END};

static const tw_attribute slice_dx_attributes[] = {
    {"shape", TW_ATTR_DIMS, NULL, NULL, "sizes of what was cut"},
    {"starts", TW_ATTR_INTS, NULL, NULL, "first place along every axis"},
    {"steps", TW_ATTR_INTS, NULL, NULL, "every how many places along every axis"},
    TW_ATTRIBUTES_END};

typedef struct cut {
    int64_t start, end, step; /* as given; of an axis that is not cut 0, TO_THE_END, 1 */
} cut;

/* The cuts of all axes of an input. */
static tw_status read_cuts(const tw_call *call, int rank, cut cuts[TW_MAX_RANK], tw_error *error)
{
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    int64_t given[4][TW_MAX_RANK] = {{0}};
    int count = 0;
    for (int d = 0; d < rank; d++)
        cuts[d] = (cut){0, TO_THE_END, 1};
    for (int i = 0; i < 4; i++)
        if (!tw_attr_get(call, names[i])->absent)
            count = TW_MAX(count, tw_attr_get(call, names[i])->count);
    if (count > rank)
        return tw_fail(error, TW_ERROR_SHAPE, "%d axes are to be cut, the input has %d", count,
                       rank);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < count; k++)
            given[i][k] = i == 1 ? TO_THE_END : i == 2 ? k : i == 3 ? 1 : 0;
        const tw_attr *attr = tw_attr_get(call, names[i]);
        if (!attr->absent &&
            ((i == 2 && attr->count != count) || !tw_attr_ints(call, names[i], count, given[i])))
            return tw_fail(error, TW_ERROR_SHAPE,
                           "starts, ends, axes and steps have different counts");
    }
    unsigned seen = 0;
    for (int k = 0; k < count; k++) {
        const int64_t axis = given[2][k] + (given[2][k] < 0 ? rank : 0);
        if (axis < 0 || axis >= rank || (seen >> axis & 1))
            return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct and lie in %d to %d",
                           -rank, rank - 1);
        if (given[3][k] < 1)
            return tw_fail(error, TW_ERROR_SHAPE, "steps must be at least 1");
        seen |= 1u << axis;
        cuts[axis] = (cut){given[0][k], given[1][k], given[3][k]};
    }
    return TW_OK;
}

static bool cut_takes_all(cut c)
{
    return c.start == 0 && c.end >= INT32_MAX && c.step == 1;
}

/* Start and end within an axis of that size, by ONNX's rules. */
static cut cut_within(cut c, int64_t size)
{
    c.start = TW_MAX(0, TW_MIN(c.start < 0 ? c.start + size : c.start, size));
    c.end = TW_MAX(0, TW_MIN(c.end < 0 ? c.end + size : c.end, size));
    return c;
}

static tw_status slice_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    cut cuts[TW_MAX_RANK];
    char text[TW_SHAPE_TEXT];
    tw_shape y = *x;
    TW_TRY(read_cuts(call, x->rank, cuts, error));
    for (int d = 0; d < x->rank; d++) {
        if (cut_takes_all(cuts[d]))
            continue;
        if (x->dim[d].letters & TW_BATCH)
            return tw_fail(error, TW_ERROR_SHAPE, "axis %d of %s holds the batch and cannot be cut",
                           d, tw_shape_text(x, text));
        y.dim[d] = TW_DIM(-1);
        if (!tw_dim_fixed(x->dim[d]))
            continue;
        const cut c = cut_within(cuts[d], x->dim[d].scale);
        if (c.end <= c.start)
            return tw_fail(error, TW_ERROR_SHAPE, "nothing is left of axis %d of %s", d,
                           tw_shape_text(x, text));
        y.dim[d] = TW_DIM((c.end - c.start + c.step - 1) / c.step);
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* The cuts of a call that infer has accepted, with shapes bound. */
static void bound_cuts(const tw_call *call, cut cuts[TW_MAX_RANK])
{
    const tw_shape *x = &call->input[0]->shape;
    if (read_cuts(call, x->rank, cuts, NULL) != TW_OK)
        return; /* infer has refused it */
    for (int d = 0; d < x->rank; d++)
        cuts[d] =
            cut_takes_all(cuts[d]) ? (cut){0, TO_THE_END, 1} : cut_within(cuts[d], x->dim[d].scale);
}

static void slice_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                       tw_node **dx)
{
    const tw_shape *x = &call->input[0]->shape;
    cut cuts[TW_MAX_RANK];
    char dims[TW_SHAPE_TEXT], starts[TW_MAX_RANK * 21], steps[TW_MAX_RANK * 21];
    if (!wanted[0])
        return;
    if (x->rank == 0) { /* nothing to cut */
        dx[0] = dy[0];
        return;
    }
    bound_cuts(call, cuts);
    for (int d = 0, a = 0, b = 0; d < x->rank; d++) {
        a += snprintf(starts + a, sizeof starts - (size_t)a, d ? ",%lld" : "%lld",
                      (long long)cuts[d].start);
        b += snprintf(steps + b, sizeof steps - (size_t)b, d ? ",%lld" : "%lld",
                      (long long)cuts[d].step);
    }
    dx[0] = tw_emit1(g, dy[0], "slice_dx shape=%s starts=%s steps=%s", tw_shape_dims(x, dims),
                     starts, steps);
}

static int64_t slice_source(const tw_call *call, const tw_host_tensor *x, const tw_host_tensor *y,
                            const int64_t *place)
{
    cut cuts[TW_MAX_RANK];
    int64_t at = 0;
    bound_cuts(call, cuts);
    for (int d = 0; d < y->rank; d++)
        at = at * x->dim[d] + cuts[d].start + place[d] * cuts[d].step;
    return at;
}

static void slice_host(const tw_host_call *host)
{
    tw_move_each_place(host, slice_source, 0);
}

static void slice_variants(tw_site *site)
{
    cut cuts[TW_MAX_RANK];
    tw_move m = tw_move_straight(site, 0);
    bound_cuts(site->call, cuts);
    for (int d = 0; d < m.rank; d++) {
        m.start[d] = cuts[d].start;
        m.step[d] = cuts[d].step;
    }
    tw_move_candidate(site, m);
}

static const tw_operator slice = {
    .name = "slice",
    .doc = "a part of x along some axes",
    .inputs = "x",
    .results = "y",
    .attributes = slice_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = slice_infer,
    .grad = slice_grad,
    .host = slice_host,
    .variants = slice_variants,
};

static tw_status slice_dx_infer(tw_call *call, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "shape");
    int64_t values[TW_MAX_RANK];
    tw_shape x = {.rank = sizes->count};
    if (x.rank != call->input[0]->shape.rank || !tw_attr_ints(call, "starts", x.rank, values) ||
        !tw_attr_ints(call, "steps", x.rank, values))
        return tw_fail(error, TW_ERROR_SHAPE, "shape, starts and steps need %d values each",
                       call->input[0]->shape.rank);
    for (int d = 0; d < x.rank; d++) {
        x.dim[d] = sizes->list[d];
        if (values[d] < 1)
            return tw_fail(error, TW_ERROR_SHAPE, "steps must be at least 1");
    }
    tw_result_set(call, 0, call->input[0]->type, &x);
    return TW_OK;
}

static int64_t slice_dx_source(const tw_call *call, const tw_host_tensor *dy,
                               const tw_host_tensor *dx, const int64_t *place)
{
    int64_t starts[TW_MAX_RANK], steps[TW_MAX_RANK], at = 0;
    tw_attr_ints(call, "starts", dx->rank, starts);
    tw_attr_ints(call, "steps", dx->rank, steps);
    for (int d = 0; d < dx->rank; d++) {
        const int64_t from = place[d] - starts[d];
        if (from < 0 || from % steps[d] || from / steps[d] >= dy->dim[d])
            return -1;
        at = at * dy->dim[d] + from / steps[d];
    }
    return at;
}

static void slice_dx_host(const tw_host_call *host)
{
    tw_move_each_place(host, slice_dx_source, 0);
}

static void slice_dx_variants(tw_site *site)
{
    tw_move m = tw_move_straight(site, 1);
    tw_attr_ints(site->call, "starts", m.rank, m.start);
    tw_attr_ints(site->call, "steps", m.rank, m.step);
    tw_move_candidate(site, m);
}

static const tw_operator slice_dx = {
    .name = "slice_dx",
    .doc = "gradient of slice: dy at its places, 0 elsewhere",
    .inputs = "dy",
    .results = "dx",
    .attributes = slice_dx_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = slice_dx_infer,
    .host = slice_dx_host,
    .variants = slice_dx_variants,
};

const tw_operator *const tw_op_slice[] = {&slice, &slice_dx, NULL};
