// SPDX-License-Identifier: Apache-2.0
// argmax and argmin along an axis.
#include "op/helpers.h"

static const tw_attribute arg_attributes[] = {
    {"axis", TW_ATTR_INT, "-1", NULL, "the axis that is searched"},
    {"keepdims", TW_ATTR_BOOL, "no", NULL, "keep that axis as size 1"},
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

static tw_status arg_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    tw_shape y = {0};
    int axis;
    if (call->input[0]->type == TW_BOOL)
        return tw_fail(error, TW_ERROR_TYPE, "cannot be computed of bool: cast the input");
    TW_TRY(tw_axis_of(call, "axis", x->rank, &axis, error));
    for (int d = 0; d < x->rank; d++)
        if (d != axis)
            y.dim[y.rank++] = x->dim[d];
        else if (tw_attr_bool(call, "keepdims"))
            y.dim[y.rank++] = TW_DIM(1);
    tw_result_set(call, 0, TW_I32, &y);
    return TW_OK;
}

static bool arg_smallest(const tw_call *call)
{
    return !strcmp(call->op->name, "argmin");
}

static void arg_host(const tw_host_call *host)
{
    const tw_host_tensor *x = &host->in[0];
    const int axis = tw_axis_checked(host->data, "axis", x->rank);
    const int64_t count = x->dim[axis], inner = tw_host_span(x, axis + 1, x->rank);
    const double sign = arg_smallest(host->data) ? -1 : 1;
    for (int64_t result = 0; result < host->out[0].count; result++) {
        const int64_t base = result / inner * count * inner + result % inner;
        int64_t best = 0;
        for (int64_t r = 1; r < count; r++) {
            const double a = sign * tw_host_get(x, base + r * inner);
            const double b = sign * tw_host_get(x, base + best * inner);
            if (a > b || (a != a && b == b))
                best = r;
        }
        tw_host_put(&host->out[0], result, (double)best);
    }
}

static void arg_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const int local = simt ? 64 : 1;
    const int64_t chunk = simt ? 1 : TW_MAX(1, 1024 / TW_MAX(1, tw_dim_nominal(c.axis)));
    tw_launch *launch = tw_candidate_launch(
        site, tw_site_candidate(site, site->caps->family, "argmax"), "argmax.cl", "argmax");
    tw_launch_define(site, launch, "SMALLEST", arg_smallest(site->call));
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define_dim(site, launch, "OUTER", c.outer);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_define_dim(site, launch, "INNER", c.inner);
    tw_launch_define_value(site, launch, tw_site_in_type(site, 0));
    tw_launch_in(site, launch, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_out(site, launch, "y", site->out[0], TW_I32);
    tw_launch_global(launch, 0, tw_dim_multiply(c.outer, c.inner), chunk * local, local);
}

static double arg_cost(const tw_call *call, int64_t n)
{
    return (double)tw_dim_at(tw_shape_count(&call->input[0]->shape), n);
}

#define ARG(variable, name_, doc_)                                                                 \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = "x",                                            \
                                         .results = "y",                                           \
                                         .attributes = arg_attributes,                             \
                                         .infer = arg_infer,                                       \
                                         .host = arg_host,                                         \
                                         .cost = arg_cost,                                         \
                                         .variants = arg_variants}

ARG(argmax, "argmax", "place of the largest along an axis (i32), the first of equal ones");
ARG(argmin, "argmin", "place of the smallest along an axis (i32), the first of equal ones");

const tw_operator *const tw_op_argmax[] = {&argmax, &argmin, NULL};
