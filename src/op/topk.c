// SPDX-License-Identifier: Apache-2.0
// topk: the k largest along an axis and where they stood; its gradient puts dy back there.
#include "op/helpers.h"
#include <inttypes.h>

#define SIMT_LOCAL 64
#define MOST 4096 /* k: what a work-item keeps sorted on its stack */

static const tw_attribute topk_attributes[] = {
    {"k", TW_ATTR_INT, NULL, NULL, "how many"},
    {"axis", TW_ATTR_INT, "-1", NULL, "the axis that is searched"},
    TW_ATTRIBUTES_END};

static const tw_attribute topk_dx_attributes[] = {
    {"size", TW_ATTR_DIMS, NULL, NULL, "places of the axis that was searched"},
    {"axis", TW_ATTR_INT, NULL, NULL, "that axis"},
    TW_ATTRIBUTES_END};

static tw_status topk_infer(tw_call *call, tw_error *error)
{
    tw_shape y = call->input[0]->shape;
    const tw_type type = call->input[0]->type;
    const int64_t k = tw_attr_int(call, "k");
    int axis;
    if (type == TW_BOOL)
        return tw_fail(error, TW_ERROR_TYPE, "cannot be computed of bool: cast the input");
    TW_TRY(tw_axis_of(call, "axis", y.rank, &axis, error));
    if (k < 1 || (tw_dim_fixed(y.dim[axis]) && k > y.dim[axis].scale)) {
        char text[TW_SHAPE_TEXT];
        return tw_fail(error, TW_ERROR_SHAPE, "k=%" PRId64 " is not possible along axis %d of x%s",
                       k, axis, tw_shape_text(&y, text));
    }
    if (k > MOST)
        return tw_fail(error, TW_ERROR_SHAPE, "k=%" PRId64 ": the most is %d", k, MOST);
    if (y.dim[axis].letters & TW_BATCH)
        return tw_fail(error, TW_ERROR_SHAPE, "axis %d is the batch, which may be smaller than k",
                       axis);
    y.dim[axis] = TW_DIM(k);
    tw_result_set(call, 0, type, &y);
    tw_result_set(call, 1, TW_I32, &y);
    return TW_OK;
}

static void topk_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                      tw_node **dx)
{
    const tw_shape *x = &call->input[0]->shape;
    const int axis = tw_axis_checked(call, "axis", x->rank);
    if (wanted[0] && dy[0])
        dx[0] = tw_emit2(g, dy[0], call->result[1], "topk_dx size=%lld axis=%d",
                         (long long)x->dim[axis].scale, axis);
}

/* Whether a stands before b, which is at a lower place: NaN is larger than all, as in PyTorch. */
static bool beats(double a, double b)
{
    return a > b || (a != a && b == b);
}

/* Results are kept sorted while the line is read: plain insertion. */
static void topk_line(const tw_host_call *host, int64_t from, int64_t to, int64_t count, int64_t k,
                      int64_t inner)
{
    const tw_host_tensor *x = &host->in[0], *values = &host->out[0], *indices = &host->out[1];
    for (int64_t i = 0; i < count; i++) {
        const double a = tw_host_get(x, from + i * inner);
        int64_t place = TW_MIN(i, k);
        for (; place > 0 && beats(a, tw_host_get(values, to + (place - 1) * inner)); place--)
            if (place < k) {
                const int64_t at = to + place * inner;
                tw_host_put(values, at, tw_host_get(values, at - inner));
                if (indices->data)
                    tw_host_put(indices, at, tw_host_get(indices, at - inner));
            }
        if (place < k)
            tw_host_put(values, to + place * inner, a);
        if (place < k && indices->data)
            tw_host_put(indices, to + place * inner, (double)i);
    }
}

static void topk_host(const tw_host_call *host)
{
    const tw_host_tensor *x = &host->in[0], *values = &host->out[0];
    const int axis = tw_axis_checked(host->data, "axis", x->rank);
    const int64_t count = x->dim[axis], k = values->dim[axis];
    const int64_t inner = tw_host_span(x, axis + 1, x->rank);
    for (int64_t line = 0; line < x->count / count; line++) {
        const int64_t outer = line / inner, column = line % inner;
        topk_line(host, outer * count * inner + column, outer * k * inner + column, count, k,
                  inner);
    }
}

static tw_launch *topk_launch(tw_site *site, const tw_shape *x, int axis, const char *file,
                              const char *entry)
{
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const tw_family family = site->caps->family;
    tw_launch *launch =
        tw_candidate_launch(site, tw_site_candidate(site, family, entry), file, entry);
    tw_launch_define(site, launch, "SIMT", family == TW_FAMILY_SIMT);
    tw_launch_define(site, launch, "LOCAL", SIMT_LOCAL);
    tw_launch_define_dim(site, launch, "OUTER", c.outer);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_define_dim(site, launch, "INNER", c.inner);
    return launch;
}

static void topk_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const tw_dim lines = tw_dim_multiply(c.outer, c.inner);
    const int64_t chunk = TW_MAX(1, 1024 / TW_MAX(1, tw_dim_nominal(c.axis)));
    const tw_type type = tw_site_in_type(site, 0);
    tw_launch *launch = topk_launch(site, x, axis, "topk.cl", "topk");
    tw_launch_define(site, launch, "K", tw_attr_int(site->call, "k"));
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define_value(site, launch, type);
    tw_launch_in(site, launch, "x", site->in[0], type);
    tw_launch_out(site, launch, "values", site->out[0], type);
    tw_launch_out(site, launch, "indices", site->out[1], TW_I32);
    if (site->caps->family == TW_FAMILY_SIMT)
        tw_launch_global(launch, 0, lines, 1, SIMT_LOCAL);
    else
        tw_launch_global(launch, 0, lines, chunk, 1);
}

static double topk_cost(const tw_call *call, int64_t n)
{
    return 2.0 * (double)tw_dim_at(tw_shape_count(&call->input[0]->shape), n);
}

static const tw_operator topk = {
    .name = "topk",
    .doc = "the k largest along an axis, sorted, and their places (i32): of equal ones the first; "
           "NaN counts as the largest",
    .inputs = "x",
    .results = "values indices",
    .attributes = topk_attributes,
    .infer = topk_infer,
    .grad = topk_grad,
    .host = topk_host,
    .cost = topk_cost,
    .variants = topk_variants,
};

/* ---- topk_dx ---- */

static tw_status topk_dx_infer(tw_call *call, tw_error *error)
{
    tw_shape x = call->input[0]->shape;
    int axis;
    TW_TRY(tw_axis_of(call, "axis", x.rank, &axis, error));
    x.dim[axis] = tw_attr_get(call, "size")->list[0];
    tw_result_set(call, 0, call->input[0]->type, &x);
    return TW_OK;
}

static void topk_dx_host(const tw_host_call *host)
{
    const tw_host_tensor *dy = &host->in[0], *indices = &host->in[1], *dx = &host->out[0];
    const int axis = tw_axis_checked(host->data, "axis", dx->rank);
    const int64_t count = dx->dim[axis], k = dy->dim[axis];
    const int64_t inner = tw_host_span(dx, axis + 1, dx->rank);
    for (int64_t i = 0; i < dx->count; i++)
        tw_host_put(dx, i, 0);
    for (int64_t i = 0; i < dy->count; i++) {
        const int64_t place = (int64_t)tw_host_get(indices, i), outer = i / inner / k;
        if (place >= 0 && place < count)
            tw_host_put(dx, (outer * count + place) * inner + i % inner, tw_host_get(dy, i));
    }
}

static void topk_dx_variants(tw_site *site)
{
    const tw_shape *x = tw_site_out_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const int64_t chunk = TW_MAX(1, 2048 / TW_MAX(1, tw_dim_nominal(c.axis)));
    tw_launch *launch = topk_launch(site, x, axis, "topk_dx.cl", "topk_dx");
    tw_launch_define_dim(site, launch, "K", tw_site_in_shape(site, 0)->dim[axis]);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_in(site, launch, "dy", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, launch, "indices", site->in[1], TW_I32);
    tw_launch_out(site, launch, "dx", site->out[0], tw_site_out_type(site, 0));
    if (site->caps->family == TW_FAMILY_SIMT)
        tw_launch_global(launch, 0, tw_shape_count(x), SIMT_LOCAL, SIMT_LOCAL);
    else
        tw_launch_global(launch, 0, tw_dim_multiply(c.outer, c.inner), chunk, 1);
}

static const tw_operator topk_dx = {
    .name = "topk_dx",
    .doc = "gradient of topk: dy at the places that were found, 0 elsewhere",
    .inputs = "dy indices",
    .results = "dx",
    .attributes = topk_dx_attributes,
    .flags = TW_OP_INTERNAL,
    .infer = topk_dx_infer,
    .host = topk_dx_host,
    .variants = topk_dx_variants,
};

const tw_operator *const tw_op_topk[] = {&topk, &topk_dx, NULL};
