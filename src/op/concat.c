// SPDX-License-Identifier: Apache-2.0
// concat: inputs one behind the other along an axis.
#include "op/expr.h"
#include "op/helpers.h"
#include <stdio.h>

static const tw_attribute concat_attributes[] = {
    {"axis", TW_ATTR_INT, "-1", NULL, "the axis along which they are put"},
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

/* a + b where that is a product again; unknown if a letter is still to be bound. */
static bool add_dims(tw_dim a, tw_dim b, tw_dim *sum)
{
    *sum = TW_DIM(-1);
    if (tw_dim_known(a) && tw_dim_known(b) && a.letters == b.letters)
        *sum = (tw_dim){a.scale + b.scale, a.letters};
    return tw_dim_known(*sum) || !((a.letters | b.letters) & TW_BATCH);
}

static tw_status concat_infer(tw_call *call, tw_error *error)
{
    tw_shape y = call->input[0]->shape;
    char text[TW_SHAPE_TEXT], other[TW_SHAPE_TEXT];
    int axis;
    TW_TRY(tw_axis_of(call, "axis", y.rank, &axis, error));
    for (int i = 1; i < call->n_inputs; i++) {
        const tw_shape *x = &call->input[i]->shape;
        bool fits = x->rank == y.rank;
        if (call->input[i]->type != call->input[0]->type)
            return tw_fail(error, TW_ERROR_TYPE, "input %d is %s, input 0 is %s", i,
                           tw_type_name(call->input[i]->type), tw_type_name(call->input[0]->type));
        for (int d = 0; d < y.rank && fits; d++)
            fits = d == axis || tw_dim_equal(x->dim[d], y.dim[d]) || !tw_dim_known(x->dim[d]) ||
                   !tw_dim_known(y.dim[d]);
        if (!fits)
            return tw_fail(
                error, TW_ERROR_SHAPE, "input %d is %s, which does not fit %s along axis %d", i,
                tw_shape_text(x, text), tw_shape_text(&call->input[0]->shape, other), axis);
        if (!add_dims(y.dim[axis], x->dim[axis], &y.dim[axis]))
            return tw_fail(error, TW_ERROR_SHAPE,
                           "along axis %d the batch and a fixed size cannot be put together", axis);
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* Each input gets its part; where parts hold the batch, the result is first seen as equal parts of
 * it. */
static void concat_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                        tw_node **dx)
{
    const int axis = tw_axis_checked(call, "axis", call->input[0]->shape.rank);
    const uint32_t letters = call->input[0]->shape.dim[axis].letters;
    tw_node *whole = dy[0];
    int at = axis;
    int64_t start = 0;
    if (letters) { /* [.., 3n, ..] as [.., 3, n, ..]: rank permitting */
        tw_shape split = whole->shape;
        if (split.rank == TW_MAX_RANK) {
            tw_poison(g, TW_ERROR_UNSUPPORTED, "%s: no gradient along the batch at rank %d",
                      call->name, TW_MAX_RANK);
            return;
        }
        memmove(split.dim + axis + 1, split.dim + axis,
                (size_t)(split.rank - axis) * sizeof *split.dim);
        split.rank++;
        split.dim[axis] = TW_DIM(split.dim[axis].scale);
        split.dim[axis + 1] = (tw_dim){1, letters};
        whole = tw_emit_reshape(g, whole, &split);
    }
    for (int i = 0; i < call->n_inputs; i++) {
        const tw_shape *x = &call->input[i]->shape;
        const int64_t end = start + x->dim[axis].scale;
        if (wanted[i])
            dx[i] = tw_emit_reshape(g,
                                    tw_emit1(g, whole, "slice axes=%d starts=%lld ends=%lld", at,
                                             (long long)start, (long long)end),
                                    x);
        start = end;
    }
}

static void concat_host(const tw_host_call *host)
{
    const tw_host_tensor *y = &host->out[0];
    const int axis = tw_axis_checked(host->data, "axis", y->rank);
    const int64_t inner = tw_host_span(y, axis + 1, y->rank);
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t outer = i / inner / y->dim[axis];
        int64_t place = i / inner % y->dim[axis];
        int k = 0;
        while (place >= host->in[k].dim[axis])
            place -= host->in[k++].dim[axis];
        tw_host_put(
            y, i,
            tw_host_get(&host->in[k], (outer * host->in[k].dim[axis] + place) * inner + i % inner));
    }
}

static void concat_variants(tw_site *site)
{
    const tw_shape *y = tw_site_out_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", y->rank), count = site->call->n_inputs;
    const tw_dim rows = tw_shape_span(y, 0, axis), total = tw_shape_span(y, axis, y->rank);
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const int64_t chunk = simt ? 1 : 4096;
    const int64_t rows_chunk = simt ? 1 : TW_MAX(1, chunk / TW_MAX(1, tw_dim_nominal(total)));
    const tw_type type = tw_site_in_type(site, 0);
    char name[16];
    tw_launch *launch = tw_candidate_launch(
        site, tw_site_candidate(site, site->caps->family, "concat"), "concat.cl", "concat");
    tw_launch_define(site, launch, "INPUTS", count);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define(site, launch, "ROWS_CHUNK", rows_chunk);
    tw_launch_define(site, launch, "VECTOR",
                     !simt && (tw_expr_linear(site->epilogue) || axis == y->rank - 1));
    tw_launch_define_dim(site, launch, "ROWS", rows);
    tw_launch_define_dim(site, launch, "TOTAL", total);
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(y));
    tw_launch_define_value(site, launch, type);
    for (int k = 0; k < count; k++) {
        const tw_shape *x = tw_site_in_shape(site, k);
        snprintf(name, sizeof name, "PART%d", k);
        tw_launch_define_dim(site, launch, name, tw_shape_span(x, axis, x->rank));
        snprintf(name, sizeof name, "x%d", k);
        tw_launch_in(site, launch, name, site->in[k], type);
    }
    tw_launch_global(launch, 0, total, simt ? 64 : chunk, simt ? 64 : 1);
    tw_launch_global(launch, 1, rows, rows_chunk, 1);
    tw_launch_epilogue(site, launch, 1 | 4 | 16);
}

static const tw_operator concat = {
    .name = "concat",
    .doc = "inputs one behind the other along an axis",
    .inputs = "x...",
    .results = "y",
    .attributes = concat_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = concat_infer,
    .grad = concat_grad,
    .host = concat_host,
    .variants = concat_variants,
};

const tw_operator *const tw_op_concat[] = {&concat, NULL};
