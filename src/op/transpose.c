// SPDX-License-Identifier: Apache-2.0
// Axes in another order.
#include "op/move.h"
#include <stdio.h>

static const tw_attribute transpose_attributes[] = {
    {"perm", TW_ATTR_INTS, "", NULL, "axis of x for each axis of the result (default: reversed)"},
    TW_ATTRIBUTES_END};

static bool permutation(const tw_call *call, int rank, int64_t perm[TW_MAX_RANK])
{
    const tw_attr *given = tw_attr_get(call, "perm");
    unsigned seen = 0;
    for (int d = 0; d < rank; d++)
        perm[d] = rank - 1 - d;
    if (given->absent)
        return true;
    if (given->count != rank)
        return false;
    for (int d = 0; d < rank; d++) {
        perm[d] = given->list[d].scale + (given->list[d].scale < 0 ? rank : 0);
        if (perm[d] < 0 || perm[d] >= rank || (seen >> perm[d] & 1))
            return false;
        seen |= 1u << perm[d];
    }
    return true;
}

static tw_status transpose_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    int64_t perm[TW_MAX_RANK];
    if (!permutation(call, x->rank, perm))
        return tw_fail(error, TW_ERROR_SHAPE, "perm= must name each of the %d axes once", x->rank);
    tw_shape y = {.rank = x->rank};
    for (int d = 0; d < y.rank; d++)
        y.dim[d] = x->dim[perm[d]];
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void transpose_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    const int rank = call->input[0]->shape.rank;
    int64_t perm[TW_MAX_RANK], back[TW_MAX_RANK];
    char text[TW_MAX_RANK * 4];
    if (!wanted[0] || !permutation(call, rank, perm))
        return;
    for (int d = 0; d < rank; d++)
        back[perm[d]] = d;
    for (int d = 0, at = 0; d < rank; d++)
        at += snprintf(text + at, sizeof text - (size_t)at, d ? ",%d" : "%d", (int)back[d]);
    dx[0] = rank ? tw_emit1(g, dy[0], "transpose perm=%s", text) : dy[0];
}

static int64_t transpose_source(const tw_call *call, const tw_host_tensor *x,
                                const tw_host_tensor *y, const int64_t *place)
{
    int64_t perm[TW_MAX_RANK], from[TW_MAX_RANK] = {0}, at = 0;
    permutation(call, y->rank, perm);
    for (int d = 0; d < y->rank; d++)
        from[perm[d]] = place[d];
    for (int d = 0; d < x->rank; d++)
        at = at * x->dim[d] + from[d];
    return at;
}

static void transpose_host(const tw_host_call *host)
{
    tw_move_each_place(host, transpose_source, 0);
}

static void transpose_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0);
    int64_t perm[TW_MAX_RANK];
    permutation(site->call, x->rank, perm);
    tw_move m = tw_move_straight(site, 0);
    for (int d = 0; d < m.rank; d++)
        m.stride[d] = tw_shape_span(x, (int)perm[d] + 1, x->rank);
    tw_move_candidate(site, m);
}

/* The last axes of the result that follow one another in x as well are walked through as one. */
static tw_dim transpose_run(const tw_call *call)
{
    const tw_shape *y = &call->result[0]->shape;
    int64_t perm[TW_MAX_RANK];
    permutation(call, y->rank, perm);
    int d = y->rank - 1;
    while (d > 0 && perm[d - 1] + 1 == perm[d])
        d--;
    return tw_shape_span(y, TW_MAX(d, 0), y->rank);
}

static const tw_operator transpose = {
    .name = "transpose",
    .doc = "axes in another order",
    .inputs = "x",
    .results = "y",
    .attributes = transpose_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = transpose_infer,
    .grad = transpose_grad,
    .host = transpose_host,
    .run = transpose_run,
    .variants = transpose_variants,
};

const tw_operator *const tw_op_transpose[] = {&transpose, NULL};
