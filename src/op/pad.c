// SPDX-License-Identifier: Apache-2.0
// Places put around, and the gradient.
#include "op/move.h"

static const tw_attribute pad_attributes[] = {
    {"pads", TW_ATTR_INTS, NULL, NULL,
     "places put before each of axes, then those put behind each"},
    {"axes", TW_ATTR_INTS, "", NULL, "axes that are padded (default: the first ones)"},
    {"mode", TW_ATTR_CHOICE, "constant", "constant|reflect|edge", "what stands there"},
    {"value", TW_ATTR_FLOAT, "0", NULL, "of mode=constant"},
    TW_ATTRIBUTES_END};

static const tw_attribute pad_dx_attributes[] = {
    {"axis", TW_ATTR_INT, NULL, NULL, "the padded axis"},
    {"before", TW_ATTR_INT, NULL, NULL, "places put before"},
    {"behind", TW_ATTR_INT, NULL, NULL, "places put behind"},
    {"mode", TW_ATTR_CHOICE, NULL, "reflect|edge", "what stood there"},
    TW_ATTRIBUTES_END};

static tw_status read_pads(const tw_call *call, int rank, int64_t before[TW_MAX_RANK],
                           int64_t behind[TW_MAX_RANK], tw_error *error)
{
    const tw_attr *pads = tw_attr_get(call, "pads"), *axes = tw_attr_get(call, "axes");
    const int count = axes->absent ? pads->count / 2 : axes->count;
    unsigned seen = 0;
    memset(before, 0, TW_MAX_RANK * sizeof *before);
    memset(behind, 0, TW_MAX_RANK * sizeof *behind);
    if (pads->count != 2 * count || count > rank)
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "pads= needs two values for each padded axis: first all before, then all behind");
    for (int k = 0; k < count; k++) {
        int64_t axis = axes->absent ? k : axes->list[k].scale;
        axis += axis < 0 ? rank : 0;
        if (axis < 0 || axis >= rank || (seen >> axis & 1))
            return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct and lie in %d to %d",
                           -rank, rank - 1);
        seen |= 1u << axis;
        before[axis] = pads->list[k].scale;
        behind[axis] = pads->list[count + k].scale;
        if (before[axis] < 0 || behind[axis] < 0 || before[axis] > INT32_MAX ||
            behind[axis] > INT32_MAX)
            return tw_fail(error, TW_ERROR_SHAPE, "pads must not be negative: use slice");
    }
    return TW_OK;
}

static tw_status pad_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    int64_t before[TW_MAX_RANK], behind[TW_MAX_RANK];
    char text[TW_SHAPE_TEXT];
    tw_shape y = *x;
    TW_TRY(read_pads(call, x->rank, before, behind, error));
    for (int d = 0; d < x->rank; d++) {
        if (before[d] == 0 && behind[d] == 0)
            continue;
        if (x->dim[d].letters & TW_BATCH)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "axis %d of %s holds the batch and cannot be padded", d,
                           tw_shape_text(x, text));
        y.dim[d] = TW_DIM(-1);
        if (!tw_dim_fixed(x->dim[d]))
            continue;
        if (tw_attr_is(call, "mode", "reflect") && TW_MAX(before[d], behind[d]) >= x->dim[d].scale)
            return tw_fail(
                error, TW_ERROR_SHAPE,
                "mode=reflect needs pads smaller than the axis; axis %d of %s is too short", d,
                tw_shape_text(x, text));
        y.dim[d] = TW_DIM(x->dim[d].scale + before[d] + behind[d]);
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* A constant's gradient is a slice; other modes are undone axis by axis, for they act on each by
 * itself. */
static void pad_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                     tw_node **dx)
{
    const tw_shape *x = &call->input[0]->shape;
    int64_t before[TW_MAX_RANK], behind[TW_MAX_RANK];
    if (!wanted[0] || read_pads(call, x->rank, before, behind, NULL) != TW_OK)
        return;
    dx[0] = dy[0];
    for (int d = 0; d < x->rank; d++) {
        if (before[d] == 0 && behind[d] == 0)
            continue;
        if (tw_attr_is(call, "mode", "constant"))
            dx[0] = tw_emit1(g, dx[0], "slice axes=%d starts=%lld ends=%lld", d,
                             (long long)before[d], (long long)(before[d] + x->dim[d].scale));
        else
            dx[0] =
                tw_emit1(g, dx[0], "pad_dx axis=%d before=%lld behind=%lld mode=%s", d,
                         (long long)before[d], (long long)behind[d], tw_attr_text(call, "mode"));
    }
}

static int64_t pad_source(const tw_call *call, const tw_host_tensor *x, const tw_host_tensor *y,
                          const int64_t *place)
{
    int64_t before[TW_MAX_RANK], behind[TW_MAX_RANK], at = 0;
    const bool reflect = tw_attr_is(call, "mode", "reflect"),
               edge = tw_attr_is(call, "mode", "edge");
    if (read_pads(call, y->rank, before, behind, NULL) != TW_OK)
        return -1;
    for (int d = 0; d < y->rank; d++) {
        int64_t from = place[d] - before[d];
        const int64_t last = x->dim[d] - 1;
        if (from < 0)
            from = reflect ? -from : edge ? 0 : -1;
        else if (from > last)
            from = reflect ? 2 * last - from : edge ? last : -1;
        if (from < 0)
            return -1;
        at = at * x->dim[d] + from;
    }
    return at;
}

static void pad_host(const tw_host_call *host)
{
    tw_move_each_place(host, pad_source, tw_attr_float(host->data, "value"));
}

static void pad_variants(tw_site *site)
{
    int64_t behind[TW_MAX_RANK];
    tw_move m = tw_move_straight(site, tw_attr_is(site->call, "mode", "constant")  ? 1
                                       : tw_attr_is(site->call, "mode", "reflect") ? 2
                                                                                   : 3);
    m.fill = tw_attr_float(site->call, "value");
    if (read_pads(site->call, m.rank, m.start, behind, NULL) == TW_OK)
        tw_move_candidate(site, m);
}

static const tw_operator pad = {
    .name = "pad",
    .doc = "places put before and behind axes",
    .inputs = "x",
    .results = "y",
    .attributes = pad_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = pad_infer,
    .grad = pad_grad,
    .host = pad_host,
    .variants = pad_variants,
};

static tw_status pad_dx_infer(tw_call *call, tw_error *error)
{
    tw_shape x = call->input[0]->shape;
    int axis;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(tw_axis_of(call, "axis", x.rank, &axis, error));
    const int64_t length =
        x.dim[axis].scale - tw_attr_int(call, "before") - tw_attr_int(call, "behind");
    if (!tw_dim_fixed(x.dim[axis]) || length < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "pads do not fit axis %d", axis);
    x.dim[axis] = TW_DIM(length);
    tw_result_set(call, 0, call->input[0]->type, &x);
    return TW_OK;
}

/* Each place of dy goes where pad took it from. */
static void pad_dx_host(const tw_host_call *host)
{
    const tw_call *call = host->data;
    const tw_host_tensor *dy = &host->in[0], *dx = &host->out[0];
    const int axis = tw_axis_checked(call, "axis", dy->rank);
    const int64_t before = tw_attr_int(call, "before"), last = dx->dim[axis] - 1;
    const int64_t inner = tw_host_span(dy, axis + 1, dy->rank);
    for (int64_t i = 0; i < dx->count; i++)
        tw_host_put(dx, i, 0);
    for (int64_t i = 0; i < dy->count; i++) {
        int64_t from = i / inner % dy->dim[axis] - before;
        if (tw_attr_is(call, "mode", "edge"))
            from = TW_MAX(0, TW_MIN(from, last));
        else
            from = from < 0 ? -from : from > last ? 2 * last - from : from;
        const int64_t at = (i / inner / dy->dim[axis] * (last + 1) + from) * inner + i % inner;
        tw_host_put(dx, at, tw_host_get(dx, at) + tw_host_get(dy, i));
    }
}

static void pad_dx_variants(tw_site *site)
{
    const tw_shape *x = tw_site_out_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    tw_launch *launch = tw_candidate_launch(
        site, tw_site_candidate(site, site->caps->family, "pad_dx"), "pad_dx.cl", "pad_dx");
    const int64_t chunk = simt ? 1 : 256;
    const int local = simt ? 64 : 1;
    tw_launch_define(site, launch, "EDGE", tw_attr_is(site->call, "mode", "edge"));
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define(site, launch, "BEFORE", tw_attr_int(site->call, "before"));
    tw_launch_define_dim(site, launch, "PADDED", tw_site_in_shape(site, 0)->dim[axis]);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_define_dim(site, launch, "INNER", c.inner);
    tw_launch_define_dim(site, launch, "COUNT", tw_shape_count(x));
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(x));
    tw_launch_in(site, launch, "dy", site->in[0], tw_site_in_type(site, 0));
    tw_launch_global(launch, 0, tw_shape_count(x), chunk * local, local);
    tw_launch_epilogue(site, launch, 1);
}

static const tw_operator pad_dx = {
    .name = "pad_dx",
    .doc = "gradient of pad by reflection or edge, along one axis",
    .inputs = "dy",
    .results = "dx",
    .attributes = pad_dx_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = pad_dx_infer,
    .host = pad_dx_host,
    .variants = pad_dx_variants,
};

const tw_operator *const tw_op_pad[] = {&pad, &pad_dx, NULL};
