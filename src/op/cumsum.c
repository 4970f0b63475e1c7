// SPDX-License-Identifier: Apache-2.0
// cumsum: running sums along an axis. Its gradient is cumsum from the other end.
#include "op/helpers.h"

#define SIMT_LOCAL 64

static const tw_attribute cumsum_attributes[] = {
    {"axis", TW_ATTR_INT, "-1", NULL, "the axis along which is summed"},
    {"exclusive", TW_ATTR_BOOL, "no", NULL, "leave out the element itself"},
    {"reverse", TW_ATTR_BOOL, "no", NULL, "sum from the end"},
    TW_ATTRIBUTES_END};

static tw_status cumsum_infer(tw_call *call, tw_error *error)
{
    const tw_type type = call->input[0]->type;
    int axis;
    if (!tw_type_is_real(type) && type != TW_I32)
        return tw_fail(error, TW_ERROR_TYPE, "cannot be computed of %s: cast the input",
                       tw_type_name(type));
    TW_TRY(tw_axis_of(call, "axis", call->input[0]->shape.rank, &axis, error));
    tw_result_set(call, 0, type, &call->input[0]->shape);
    return TW_OK;
}

static void cumsum_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                        tw_node **dx)
{
    if (wanted[0])
        dx[0] =
            tw_emit1(g, dy[0], "cumsum axis=%d exclusive=%s reverse=%s",
                     (int)tw_attr_int(call, "axis"), tw_attr_bool(call, "exclusive") ? "yes" : "no",
                     tw_attr_bool(call, "reverse") ? "no" : "yes");
}

/* Integers are kept modulo 2^32, as OpenCL's int is. */
static double plus(tw_type type, double a, double b)
{
    return type == TW_I32 ? (double)(int32_t)(uint32_t)((int64_t)a + (int64_t)b) : a + b;
}

static void cumsum_host(const tw_host_call *host)
{
    const tw_call *call = host->data;
    const tw_host_tensor *x = &host->in[0], *y = &host->out[0];
    const int axis = tw_axis_checked(call, "axis", x->rank);
    const int64_t count = x->dim[axis], inner = tw_host_span(x, axis + 1, x->rank);
    const bool exclusive = tw_attr_bool(call, "exclusive"), reverse = tw_attr_bool(call, "reverse");
    for (int64_t line = 0; line < x->count / count; line++) {
        double sum = 0;
        for (int64_t k = 0; k < count; k++) {
            const int64_t place = reverse ? count - 1 - k : k;
            const int64_t at = (line / inner * count + place) * inner + line % inner;
            const double before = sum;
            sum = plus(x->type, sum, tw_host_get(x, at));
            tw_host_put(y, at, exclusive ? before : sum);
        }
    }
}

static void cumsum_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const bool simt = site->caps->family == TW_FAMILY_SIMT, rows = tw_dim_is_one(c.inner);
    const int64_t chunk = rows ? TW_MAX(1, 2048 / TW_MAX(1, tw_dim_nominal(c.axis))) : 1;
    tw_launch *launch = tw_candidate_launch(
        site, tw_site_candidate(site, site->caps->family, "cumsum"), "cumsum.cl", "cumsum");
    tw_launch_define(site, launch, "FORM", simt ? (rows ? 3 : 2) : 1);
    tw_launch_define(site, launch, "LOCAL", SIMT_LOCAL);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define(site, launch, "EXCLUSIVE", tw_attr_bool(site->call, "exclusive"));
    tw_launch_define(site, launch, "REVERSE", tw_attr_bool(site->call, "reverse"));
    tw_launch_define_dim(site, launch, "OUTER", c.outer);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_define_dim(site, launch, "INNER", c.inner);
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(x));
    tw_launch_define_value(site, launch, tw_site_in_type(site, 0));
    tw_launch_in(site, launch, "x", site->in[0], tw_site_in_type(site, 0));
    if (!simt)
        tw_launch_global(launch, 0, c.outer, chunk, 1);
    else if (rows)
        tw_launch_global(launch, 0, c.outer, 1, SIMT_LOCAL);
    else
        tw_launch_global(launch, 0, tw_dim_multiply(c.outer, c.inner), SIMT_LOCAL, SIMT_LOCAL);
    tw_launch_epilogue(site, launch, 1);
}

static const tw_operator cumsum = {
    .name = "cumsum",
    .doc = "running sums along an axis",
    .inputs = "x",
    .results = "y",
    .attributes = cumsum_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = cumsum_infer,
    .grad = cumsum_grad,
    .host = cumsum_host,
    .variants = cumsum_variants,
};

const tw_operator *const tw_op_cumsum[] = {&cumsum, NULL};
