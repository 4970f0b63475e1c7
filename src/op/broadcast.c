// SPDX-License-Identifier: Apache-2.0
// Repeated along axes: elementwise, so that readers take it in.
#include "op/move.h"
#include "op/rows.h"

static const tw_attribute broadcast_attributes[] = {
    {"shape", TW_ATTR_DIMS, NULL, NULL, "sizes of the result, letters allowed"}, TW_ATTRIBUTES_END};

static tw_status broadcast_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    const tw_attr *sizes = tw_attr_get(call, "shape");
    char from[TW_SHAPE_TEXT], to[TW_SHAPE_TEXT];
    tw_shape y = {.rank = sizes->count};
    for (int d = 0; d < y.rank; d++)
        y.dim[d] = sizes->list[d];
    bool fits = y.rank >= x->rank;
    for (int d = 0; d < x->rank && fits; d++) {
        const tw_dim a = x->dim[d], b = y.dim[y.rank - x->rank + d];
        fits = tw_dim_is_one(a) || tw_dim_equal(a, b) || !tw_dim_known(a) || !tw_dim_known(b);
    }
    if (!fits)
        return tw_fail(error, TW_ERROR_SHAPE, "%s cannot be broadcast to %s",
                       tw_shape_text(x, from), tw_shape_text(&y, to));
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void broadcast_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    (void)g, (void)call;
    if (wanted[0])
        dx[0] = dy[0]; /* the caller sums it down */
}

static int64_t broadcast_source(const tw_call *call, const tw_host_tensor *x,
                                const tw_host_tensor *y, const int64_t *place)
{
    int64_t at = 0;
    (void)call;
    for (int d = 0; d < x->rank; d++)
        at = at * x->dim[d] + (x->dim[d] == 1 ? 0 : place[y->rank - x->rank + d]);
    return at;
}

static void broadcast_host(const tw_host_call *host)
{
    tw_move_each_place(host, broadcast_source, 0);
}

static const tw_operator broadcast = {
    .name = "broadcast",
    .doc = "repeated along axes of size 1, and along new ones in front",
    .inputs = "x",
    .results = "y",
    .attributes = broadcast_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = broadcast_infer,
    .grad = broadcast_grad,
    .row = TW_ROW_BROADCAST, /* elementwise: fused into what reads it */
    .host = broadcast_host,
};

const tw_operator *const tw_op_broadcast[] = {&broadcast, NULL};
