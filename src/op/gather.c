// SPDX-License-Identifier: Apache-2.0
// gather (rows picked by number), its gradient, and one_hot. Numbers below 0 count from the end, as
// in ONNX.
#include "op/expr.h"
#include "op/helpers.h"

#define NO_MORE                                                                                    \
    {                                                                                              \
        NULL, TW_ATTR_INT, NULL, NULL, NULL                                                        \
    }
#define SIMT_LOCAL 64
#define SIMT_SUMS 4096    /* floats of local memory for sums of a work-group: 16 KiB */
#define MOST_SLABS 16     /* of numbers that are sorted side by side */
#define SMALL_TABLE 65536 /* elements of a table that the second-level cache holds: 256 KiB */
#define SLAB_LEAST 32     /* columns of a work-item (simd): whole cache lines, two of them */
#define ROWS_UNIT 16      /* work-items a core that share out the rows of dx (simd) */

static const tw_attribute gather_attributes[] = {
    {"axis", TW_ATTR_INT, "0", NULL, "the axis of x along which is picked"}, NO_MORE};

static const tw_attribute gather_dx_attributes[] = {
    {"shape", TW_ATTR_DIMS, NULL, NULL, "sizes of what was picked from"},
    {"axis", TW_ATTR_INT, NULL, NULL, "the axis along which was picked"},
    NO_MORE};

static const tw_attribute one_hot_attributes[] = {
    {"depth", TW_ATTR_INT, NULL, NULL, "size of the new last axis"}, NO_MORE};

static tw_status expect_numbers(const tw_call *call, int input, tw_error *error)
{
    const tw_type type = call->input[input]->type;
    if (type == TW_I32 || type == TW_U8)
        return TW_OK;
    return tw_fail(error, TW_ERROR_TYPE, "input %s is %s, but must be i32 or u8: cast it",
                   tw_call_input_name(call, input), tw_type_name(type));
}

/* Place along an axis of that size, as in cl/gather.cl. */
static int64_t held_place(int64_t number, int64_t size)
{
    number += number < 0 ? size : 0;
    return TW_MAX(0, TW_MIN(number, size - 1));
}

static tw_status gather_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape, *index = &call->input[1]->shape;
    tw_shape y = {0};
    int axis;
    TW_TRY(expect_numbers(call, 1, error));
    TW_TRY(tw_axis_of(call, "axis", x->rank, &axis, error));
    if (x->rank + index->rank - 1 > TW_MAX_RANK)
        return tw_fail(error, TW_ERROR_SHAPE, "the result would have rank %d, the most is %d",
                       x->rank + index->rank - 1, TW_MAX_RANK);
    for (int d = 0; d < axis; d++)
        y.dim[y.rank++] = x->dim[d];
    for (int d = 0; d < index->rank; d++)
        y.dim[y.rank++] = index->dim[d];
    for (int d = axis + 1; d < x->rank; d++)
        y.dim[y.rank++] = x->dim[d];
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void gather_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                        tw_node **dx)
{
    const tw_shape *x = &call->input[0]->shape;
    char dims[TW_SHAPE_TEXT];
    if (!wanted[0])
        return;
    /* Rows are added up where they are stored: in bf16 the sum of many would stand still. */
    const tw_type type = call->input[0]->type;
    tw_node *d = type == TW_F32 ? dy[0] : tw_emit1(g, dy[0], "cast type=f32");
    d = tw_emit2(g, d, call->input[1], "gather_dx shape=%s axis=%d", tw_shape_dims(x, dims),
                 tw_axis_checked(call, "axis", x->rank));
    dx[0] = type == TW_F32 ? d : tw_emit1(g, d, "cast type=%s", tw_type_name(type));
}

/* Numbers of rows, in proofs: of any batch. */
static double gather_range(const tw_call *call, int input)
{
    const tw_shape *x = &call->input[0]->shape;
    return input == 1 ? (double)tw_dim_at(x->dim[tw_axis_checked(call, "axis", x->rank)], 1) : 1.0;
}

static void gather_host(const tw_host_call *host)
{
    const tw_host_tensor *x = &host->in[0], *index = &host->in[1], *y = &host->out[0];
    const int axis = tw_axis_checked(host->data, "axis", x->rank);
    const int64_t inner = tw_host_span(x, axis + 1, x->rank), picks = index->count;
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t outer = i / inner / picks;
        const int64_t place =
            held_place((int64_t)tw_host_get(index, i / inner % picks), x->dim[axis]);
        tw_host_put(y, i, tw_host_get(x, (outer * x->dim[axis] + place) * inner + i % inner));
    }
}

/* A launch for x picked along its middle axis; c: x so seen. */
static tw_launch *gather_launch(tw_site *site, tw_candidate *candidate, const char *file,
                                const char *entry, tw_collapsed c)
{
    tw_launch *launch = tw_candidate_launch(site, candidate, file, entry);
    tw_launch_define_dim(site, launch, "OUTER", c.outer);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_define_dim(site, launch, "INNER", c.inner);
    tw_launch_define_dim(site, launch, "PICKS", tw_shape_count(tw_site_in_shape(site, 1)));
    return launch;
}

/* What is picked from is more than the second-level cache holds. */
static bool is_large(tw_collapsed c)
{
    return tw_dim_nominal(c.axis) * tw_dim_nominal(c.inner) > SMALL_TABLE;
}

static void gather_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0), *y = tw_site_out_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const tw_dim runs = tw_dim_multiply(c.outer, tw_shape_count(tw_site_in_shape(site, 1)));
    const int64_t chunk = TW_MAX(1, 4096 / TW_MAX(1, tw_dim_nominal(c.inner)));
    tw_candidate *candidate = tw_site_candidate(site, site->caps->family, "gather");
    tw_launch *launch = gather_launch(site, candidate, "gather.cl", "gather", c);
    tw_launch_define(site, launch, "ITEMS", site->caps->family == TW_FAMILY_SIMT);
    tw_launch_define(site, launch, "FORM", 1);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define(site, launch, "AHEAD", tw_dim_nominal(c.inner) >= 16 && is_large(c));
    tw_launch_define(site, launch, "VECTOR",
                     tw_expr_linear(site->epilogue) || tw_dim_equal(tw_last_dim(y), c.inner));
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(y));
    tw_launch_define_value(site, launch, tw_site_in_type(site, 0));
    tw_launch_in(site, launch, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, launch, "index", site->in[1], tw_site_in_type(site, 1));
    if (site->caps->family == TW_FAMILY_SIMT)
        tw_launch_global(launch, 0, tw_shape_count(y), SIMT_LOCAL, SIMT_LOCAL);
    else
        tw_launch_global(launch, 0, runs, chunk, 1);
    tw_launch_epilogue(site, launch, 1 | 4 | 16);
}

static const tw_operator gather = {
    .name = "gather",
    .doc = "rows of x by number; numbers below 0 count from the end",
    .inputs = "x index",
    .results = "y",
    .attributes = gather_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = gather_infer,
    .grad = gather_grad,
    .host = gather_host,
    .range = gather_range,
    .variants = gather_variants,
};

/* ---- gather_dx ---- */

static tw_status gather_dx_infer(tw_call *call, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "shape");
    tw_shape x = {.rank = sizes->count};
    int axis;
    if (call->input[0]->type != TW_F32)
        return tw_fail(error, TW_ERROR_TYPE, "dy is %s, but is added up in f32: cast it",
                       tw_type_name(call->input[0]->type));
    TW_TRY(expect_numbers(call, 1, error));
    TW_TRY(tw_axis_of(call, "axis", x.rank, &axis, error));
    for (int d = 0; d < x.rank; d++)
        x.dim[d] = sizes->list[d];
    tw_result_set(call, 0, call->input[0]->type, &x);
    return TW_OK;
}

static double gather_dx_range(const tw_call *call, int input)
{
    const tw_shape *x = &call->result[0]->shape;
    return input == 1 ? (double)tw_dim_at(x->dim[tw_axis_checked(call, "axis", x->rank)], 1) : 1.0;
}

static void gather_dx_host(const tw_host_call *host)
{
    const tw_host_tensor *dy = &host->in[0], *index = &host->in[1], *dx = &host->out[0];
    const int axis = tw_axis_checked(host->data, "axis", dx->rank);
    const int64_t inner = tw_host_span(dx, axis + 1, dx->rank), picks = index->count;
    for (int64_t i = 0; i < dx->count; i++)
        tw_host_put(dx, i, 0);
    for (int64_t i = 0; i < dy->count; i++) {
        const int64_t outer = i / inner / picks;
        const int64_t place =
            held_place((int64_t)tw_host_get(index, i / inner % picks), dx->dim[axis]);
        const int64_t at = (outer * dx->dim[axis] + place) * inner + i % inner;
        tw_host_put(dx, at, tw_host_get(dx, at) + tw_host_get(dy, i));
    }
}

/* Whether dx is written past the caches: together with dy it is more than they hold, so that nobody
 * finds it there; and rows are whole lines. */
static bool past_caches(const tw_site *site, tw_collapsed c)
{
    const uint64_t count =
        (uint64_t)tw_dim_at(tw_shape_count(tw_site_in_shape(site, 0)), site->batch) +
        (uint64_t)tw_dim_at(tw_shape_count(tw_site_out_shape(site, 0)), site->batch);
    return site->caps->stream && count * sizeof(float) >= site->caps->stream &&
           tw_dim_nominal(c.inner) % 16 == 0;
}

/* simd, dx beyond the caches: numbers sorted by place, in slabs side by side, then each row of dx
 * is a sum over its lists, a slab's after the other's: dy is read once, dx written once. */
static void gather_dx_sorted(tw_site *site, tw_candidate *candidate, tw_collapsed c)
{
    const tw_dim picks = tw_shape_count(tw_site_in_shape(site, 1));
    const int64_t axis = tw_dim_nominal(c.axis), units = TW_MAX(1, site->caps->units);
    const int64_t slabs =
        TW_MAX(1, TW_MIN(TW_MIN(units, MOST_SLABS), 4 * tw_dim_at(picks, site->batch) / axis));
    const int64_t chunk = TW_MAX(1, axis / (ROWS_UNIT * units));
    const int last = tw_candidate_workspace(
        site, candidate, TW_I32, tw_dim_multiply(c.axis, TW_DIM(slabs)), "ends of sorted numbers");
    const int order = tw_candidate_workspace(site, candidate, TW_I32, picks, "sorted numbers");
    tw_launch *sort = gather_launch(site, candidate, "gather_sort.cl", "gather_sort", c);
    tw_launch_define(site, sort, "SLABS", slabs);
    tw_launch_in(site, sort, "index", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, sort, "last", last, TW_I32);
    tw_launch_out(site, sort, "order", order, TW_I32);
    tw_launch_global(sort, 0, TW_DIM(slabs), 1, 1);
    tw_launch *rows = gather_launch(site, candidate, "gather_dx_rows.cl", "gather_dx_rows", c);
    tw_launch_define(site, rows, "SLABS", slabs);
    tw_launch_define(site, rows, "CHUNK", chunk);
    tw_launch_define(site, rows, "STREAM", past_caches(site, c));
    tw_launch_in(site, rows, "dy", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, rows, "last", last, TW_I32);
    tw_launch_in(site, rows, "order", order, TW_I32);
    tw_launch_out(site, rows, "dx", site->out[0], tw_site_out_type(site, 0));
    tw_launch_global(rows, 0, c.axis, chunk, 1);
    tw_launch_global(rows, 1, c.outer, 1, 1);
}

/* simd, dx in the caches: columns are shared out, equal work whatever the numbers are; more
 * work-items only by dealing out rows, since each reads all numbers. */
static void gather_dx_simd(tw_site *site, tw_launch *launch, tw_collapsed c)
{
    const int64_t inner = tw_dim_nominal(c.inner), axis = tw_dim_nominal(c.axis);
    const int64_t most =
        TW_MAX(1, 4 * (int64_t)site->caps->units / TW_MAX(1, tw_dim_nominal(c.outer)));
    const int64_t slabs = TW_MAX(1, TW_MIN(most, inner / SLAB_LEAST));
    const int64_t columns = ((inner + slabs - 1) / slabs + 15) / 16 * 16;
    const int64_t owners = TW_MAX(1, TW_MIN(most / slabs, axis));
    tw_launch_define(site, launch, "COLUMNS", columns);
    tw_launch_define(site, launch, "OWNERS", owners);
    tw_launch_global(launch, 0, c.inner, columns, 1);
    tw_launch_global(launch, 1, TW_DIM(owners), 1, 1);
}

/* Work-groups of the simt family: ROWS * COLUMNS sums fit into local memory; fewer rows where there
 * would be too few groups. */
static void gather_dx_simt(tw_site *site, tw_launch *launch, tw_collapsed c)
{
    int64_t columns = 1;
    while (columns < SIMT_LOCAL && columns < tw_dim_nominal(c.inner))
        columns *= 2;
    const int64_t across = tw_dim_nominal(tw_dim_multiply(c.outer, c.inner)) / columns + 1;
    const int64_t spread = tw_dim_nominal(c.axis) * across / (4 * (int64_t)site->caps->units);
    const int64_t rows = TW_MAX(1, TW_MIN(SIMT_SUMS / columns, spread));
    tw_launch_define(site, launch, "LOCAL", SIMT_LOCAL);
    tw_launch_define(site, launch, "PER", 16);
    tw_launch_define(site, launch, "COLUMNS", columns);
    tw_launch_define(site, launch, "ROWS", rows);
    tw_launch_global(launch, 0, c.axis, rows, SIMT_LOCAL);
    tw_launch_global(launch, 1, c.inner, columns, 1);
}

/* A work-item owns a part of dx, and walks over all numbers. */
static void gather_dx_walk(tw_site *site, tw_candidate *candidate, tw_collapsed c)
{
    tw_launch *launch = gather_launch(site, candidate, "gather_dx.cl", "gather_dx", c);
    tw_launch_define(site, launch, "ITEMS", site->caps->family == TW_FAMILY_SIMT);
    tw_launch_in(site, launch, "dy", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, launch, "index", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, launch, "dx", site->out[0], tw_site_out_type(site, 0));
    if (site->caps->family == TW_FAMILY_SIMT)
        gather_dx_simt(site, launch, c);
    else
        gather_dx_simd(site, launch, c);
    tw_launch_global(launch, 2, c.outer, 1, 1);
}

static void gather_dx_variants(tw_site *site)
{
    const tw_shape *x = tw_site_out_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const bool large = is_large(c);
    tw_candidate *walk;
    if (large)
        gather_dx_sorted(site, tw_site_candidate(site, TW_FAMILY_SIMD, "gather_dx_sorted"), c);
    walk = tw_site_candidate(site, site->caps->family, "gather_dx");
    gather_dx_walk(site, walk, c);
    if (!large)
        gather_dx_sorted(site, tw_site_alternative(site, TW_FAMILY_SIMD, "gather_dx_sorted"), c);
}

static const tw_operator gather_dx = {
    .name = "gather_dx",
    .doc = "gradient of gather: each row of dy added to the row it was picked from, in order",
    .inputs = "dy index",
    .results = "dx",
    .attributes = gather_dx_attributes,
    .flags = TW_OP_INTERNAL,
    .infer = gather_dx_infer,
    .host = gather_dx_host,
    .range = gather_dx_range,
    .variants = gather_dx_variants,
};

/* ---- one_hot ---- */

static tw_status one_hot_infer(tw_call *call, tw_error *error)
{
    tw_shape y = call->input[0]->shape;
    const int64_t depth = tw_attr_int(call, "depth");
    TW_TRY(expect_numbers(call, 0, error));
    if (depth < 1 || y.rank == TW_MAX_RANK)
        return tw_fail(error, TW_ERROR_SHAPE, "depth must be at least 1, the input's rank below %d",
                       TW_MAX_RANK);
    y.dim[y.rank++] = TW_DIM(depth);
    tw_result_set(call, 0, TW_F32, &y);
    return TW_OK;
}

static void one_hot_host(const tw_host_call *host)
{
    const tw_host_tensor *index = &host->in[0], *y = &host->out[0];
    const int64_t depth = tw_attr_int(host->data, "depth");
    for (int64_t i = 0; i < y->count; i++)
        tw_host_put(y, i, held_place((int64_t)tw_host_get(index, i / depth), depth) == i % depth);
}

static double one_hot_range(const tw_call *call, int input)
{
    (void)input;
    return (double)tw_attr_int(call, "depth");
}

static void one_hot_variants(tw_site *site)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const int local = simt ? SIMT_LOCAL : 1;
    const int64_t chunk = simt ? 1 : 2048;
    tw_launch *launch = tw_candidate_launch(
        site, tw_site_candidate(site, site->caps->family, "one_hot"), "gather.cl", "one_hot");
    tw_launch_define(site, launch, "FORM", 2);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define_dim(site, launch, "PICKS", tw_shape_count(tw_site_in_shape(site, 0)));
    tw_launch_define(site, launch, "AXIS", tw_attr_int(site->call, "depth"));
    tw_launch_in(site, launch, "index", site->in[0], tw_site_in_type(site, 0));
    tw_launch_global(launch, 0, tw_shape_count(tw_site_out_shape(site, 0)), chunk * local, local);
    tw_launch_epilogue(site, launch, 1);
}

static const tw_operator one_hot = {
    .name = "one_hot",
    .doc = "1 at the place that a number names along a new last axis, 0 elsewhere (f32)",
    .inputs = "index",
    .results = "y",
    .attributes = one_hot_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = one_hot_infer,
    .host = one_hot_host,
    .range = one_hot_range,
    .variants = one_hot_variants,
};

const tw_operator *const tw_op_gather[] = {&gather, &gather_dx, &one_hot, NULL};
