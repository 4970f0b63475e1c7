// SPDX-License-Identifier: Apache-2.0
// reduce_sum, _mean, _prod, _max, _min over any axes, and the gradient of reduce_prod.
#include "op/expr.h"
#include "op/helpers.h"
#include <math.h>
#include <stdio.h>

enum { SUM = 1, PRODUCT, MAXIMUM, MINIMUM }; /* KIND of cl/reduce.cl */

#define BLOCK 1024      /* columns a work-item at most (simd) */
#define SIMT_LOCAL 64   /* items of a work-group (simt) */
#define SLAB_LEAST 8192 /* elements a work-item should add up before a second launch pays */

static const tw_attribute reduce_attributes[] = {
    {"axes", TW_ATTR_INTS, "", NULL, "axes to reduce, negative from the end (default: all)"},
    {"keepdims", TW_ATTR_BOOL, "no", NULL, "keep reduced axes as size 1"},
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

static int reduce_kind(const tw_call *call)
{
    const char *name = call->op->name + strlen("reduce_");
    return !strcmp(name, "prod")  ? PRODUCT
           : !strcmp(name, "max") ? MAXIMUM
           : !strcmp(name, "min") ? MINIMUM
                                  : SUM;
}

static bool reduce_is_mean(const tw_call *call)
{
    return !strcmp(call->op->name, "reduce_mean");
}

static unsigned reduce_mask(const tw_call *call)
{
    unsigned mask = 0;
    if (!tw_attr_axes(call, "axes", call->input[0]->shape.rank, &mask))
        return 0; /* infer has refused it */
    return mask;
}

static tw_status reduce_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    const tw_type type = call->input[0]->type;
    unsigned mask;
    if (!tw_attr_axes(call, "axes", x->rank, &mask))
        return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct and lie in %d to %d", -x->rank,
                       x->rank - 1);
    if (type == TW_BOOL || (type == TW_U8 && reduce_kind(call) <= PRODUCT) ||
        (reduce_is_mean(call) && !tw_type_is_real(type)))
        return tw_fail(error, TW_ERROR_TYPE, "cannot be computed of %s: cast the input",
                       tw_type_name(type));
    tw_shape y = {0};
    for (int d = 0; d < x->rank; d++)
        if (!(mask >> d & 1))
            y.dim[y.rank++] = x->dim[d];
        else if (tw_attr_bool(call, "keepdims"))
            y.dim[y.rank++] = TW_DIM(1);
    tw_result_set(call, 0, type, &y);
    return TW_OK;
}

/* x's shape with the reduced axes as 1. */
static tw_shape kept_shape(const tw_call *call)
{
    tw_shape shape = call->input[0]->shape;
    const unsigned mask = reduce_mask(call);
    for (int d = 0; d < shape.rank; d++)
        if (mask >> d & 1)
            shape.dim[d] = TW_DIM(1);
    return shape;
}

/* " axes=0,2" for an operator's text. */
static const char *axes_text(unsigned mask, char text[TW_MAX_RANK * 4 + 8])
{
    int at = 0;
    text[0] = 0;
    for (int d = 0; d < TW_MAX_RANK; d++)
        if (mask >> d & 1)
            at += snprintf(text + at, 16, "%s%d", at ? "," : " axes=", d);
    return text;
}

/* How many elements make one result. */
static tw_dim reduced_count(const tw_call *call)
{
    const tw_shape *x = &call->input[0]->shape;
    const unsigned mask = reduce_mask(call);
    tw_dim count = TW_DIM(1);
    for (int d = 0; d < x->rank; d++)
        if (mask >> d & 1)
            count = tw_dim_multiply(count, x->dim[d]);
    return count;
}

static void sum_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                     tw_node **dx)
{
    const tw_shape kept = kept_shape(call);
    const tw_dim count = reduced_count(call);
    tw_node *d = dy[0];
    if (!wanted[0])
        return;
    if (reduce_is_mean(call) && !tw_dim_is_one(count))
        d = tw_emit2(g, d, tw_emit_extent(g, count, d->type), "div");
    dx[0] = tw_emit_broadcast(g, tw_emit_reshape(g, d, &kept), &call->input[0]->shape);
}

/* Equal winners share the gradient, as in Keras and PyTorch's amax. */
static void extreme_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                         tw_node **dx)
{
    if (!wanted[0])
        return;
    const tw_shape kept = kept_shape(call);
    char text[TW_MAX_RANK * 4 + 8];
    tw_node *y = tw_emit_reshape(g, call->result[0], &kept);
    tw_node *won = tw_emit1(g, tw_emit2(g, call->input[0], y, "equal"), "cast type=%s",
                            tw_type_name(call->input[0]->type));
    tw_node *count =
        tw_emit1(g, won, "reduce_sum%s keepdims=yes", axes_text(reduce_mask(call), text));
    tw_node *share = tw_emit2(g, tw_emit_reshape(g, dy[0], &kept), count, "div");
    dx[0] = tw_emit2(g, won, share, "mul");
}

static void prod_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                      tw_node **dx)
{
    if (!wanted[0])
        return;
    const tw_shape kept = kept_shape(call);
    tw_node *d = tw_emit_broadcast(g, tw_emit_reshape(g, dy[0], &kept), &call->input[0]->shape);
    char text[TW_MAX_RANK * 4 + 8];
    tw_node *others =
        tw_emit1(g, call->input[0], "product_of_others%s", axes_text(reduce_mask(call), text));
    dx[0] = tw_emit2(g, d, others, "mul");
}

/* ---- references: plain loops over x, each element joining its result ---- */

static int64_t result_index(const tw_host_tensor *x, unsigned mask, int64_t i)
{
    int64_t index = 0, stride = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        if (!(mask >> d & 1)) {
            index += i % x->dim[d] * stride;
            stride *= x->dim[d];
        }
        i /= x->dim[d];
    }
    return index;
}

static double join(int kind, double a, double b)
{
    switch (kind) {
    case SUM:
        return a + b;
    case PRODUCT:
        return a * b;
    case MAXIMUM:
        return b > a || b != b ? b : a;
    default:
        return b < a || b != b ? b : a;
    }
}

/* Integers are kept modulo 2^32, as OpenCL's int is; their product is exact in 64 bits. */
static double join_integers(int kind, double a, double b)
{
    return kind == PRODUCT ? (double)(int32_t)((int64_t)a * (int64_t)b) : join(kind, a, b);
}

static void reduce_host(const tw_host_call *host)
{
    static const double start[] = {0, 0, 1, -INFINITY, INFINITY};
    const tw_call *call = host->data;
    const tw_host_tensor *x = &host->in[0], *y = &host->out[0];
    const unsigned mask = reduce_mask(call);
    const int kind = reduce_kind(call);
    double count = 1;
    for (int d = 0; d < x->rank; d++)
        count *= mask >> d & 1 ? (double)x->dim[d] : 1;
    if (!tw_type_is_real(x->type)) { /* infinity is no integer */
        for (int64_t i = x->count - 1; i >= 0; i--)
            tw_host_put(y, result_index(x, mask, i),
                        kind <= PRODUCT ? kind - 1 : tw_host_get(x, i));
    } else {
        for (int64_t i = 0; i < y->count; i++)
            tw_host_put(y, i, start[kind]);
    }
    for (int64_t i = 0; i < x->count; i++) {
        const int64_t at = result_index(x, mask, i);
        const double a = tw_host_get(y, at), b = tw_host_get(x, i);
        tw_host_put(y, at, tw_type_is_real(x->type) ? join(kind, a, b) : join_integers(kind, a, b));
    }
    for (int64_t i = 0; i < y->count && reduce_is_mean(call); i++)
        tw_host_put(y, i, tw_host_get(y, i) / count);
}

static void others_host(const tw_host_call *host)
{
    const tw_call *call = host->data;
    const tw_host_tensor *x = &host->in[0], *y = &host->out[0];
    const unsigned mask = reduce_mask(call);
    for (int64_t i = 0; i < x->count; i++) {
        double product = 1;
        for (int64_t j = 0; j < x->count; j++)
            if (j != i && result_index(x, mask, j) == result_index(x, mask, i))
                product *= tw_host_get(x, j);
        tw_host_put(y, i, product);
    }
}

/* ---- kernels ---- */

/* The shape as alternating runs of kept and reduced axes, each run one axis. */
typedef struct runs {
    int kept, reduced;
    tw_dim kept_size[TW_MAX_RANK], kept_stride[TW_MAX_RANK];
    tw_dim reduced_size[TW_MAX_RANK], reduced_stride[TW_MAX_RANK];
    bool simple;       /* no more than one run is reduced: [outer, axis, inner] */
    tw_collapsed form; /* if simple */
} runs;

static runs find_runs(const tw_shape *x, unsigned mask)
{
    runs r = {.form = {TW_DIM(1), TW_DIM(1), TW_DIM(1)}};
    int last = -1;
    for (int d = 0; d < x->rank; d++) {
        const int reduced = mask >> d & 1;
        int *count = reduced ? &r.reduced : &r.kept;
        tw_dim *size = reduced ? r.reduced_size : r.kept_size;
        tw_dim *stride = reduced ? r.reduced_stride : r.kept_stride;
        tw_dim *side = reduced ? &r.form.axis : r.reduced ? &r.form.inner : &r.form.outer;
        if (tw_dim_is_one(x->dim[d]))
            continue;
        if (reduced != last)
            size[(*count)++] = TW_DIM(1);
        size[*count - 1] = tw_dim_multiply(size[*count - 1], x->dim[d]);
        stride[*count - 1] = tw_shape_span(x, d + 1, x->rank);
        *side = tw_dim_multiply(*side, x->dim[d]);
        last = reduced;
    }
    r.simple = r.reduced <= 1;
    return r;
}

/* Sizes and strides of up to four runs, the innermost last, as NAME0 .. NAME3, NAME_STRIDE0 .. 3.
 */
static void define_runs(tw_site *site, tw_launch *launch, const char *name, int count,
                        const tw_dim *size, const tw_dim *stride)
{
    char text[32];
    for (int d = 0; d < 4; d++) {
        const int run = d - (4 - count);
        snprintf(text, sizeof text, "%s%d", name, d);
        tw_launch_define_dim(site, launch, text, run < 0 ? TW_DIM(1) : size[run]);
        snprintf(text, sizeof text, "%s_STRIDE%d", name, d);
        tw_launch_define_dim(site, launch, text, run < 0 ? TW_DIM(0) : stride[run]);
    }
}

/* A launch of cl/reduce.cl that reads [outer, axis, inner] from tensor `in` and, with part >= 0,
 * leaves slabs there. */
typedef struct step {
    int form, in, part;
    tw_collapsed shape;
    int slabs;
} step;

static tw_launch *reduce_launch(tw_site *site, tw_candidate *candidate, step s)
{
    const tw_type type = tw_site_in_type(site, 0), sum = tw_type_is_real(type) ? TW_F32 : TW_I32;
    tw_launch *launch = tw_candidate_launch(site, candidate, "reduce.cl", "reduce");
    tw_launch_define(site, launch, "FORM", s.form);
    tw_launch_define(site, launch, "KIND", reduce_kind(site->call));
    tw_launch_define(site, launch, "INTEGER", sum == TW_I32);
    /* of a slab neither: sums and means share kernels */
    const bool mean = s.part < 0 && reduce_is_mean(site->call);
    tw_launch_define(site, launch, "MEAN", mean);
    if (mean)
        tw_launch_define_dim(site, launch, "AXIS_COUNT", reduced_count(site->call));
    tw_launch_define_value(site, launch, type);
    tw_launch_define(site, launch, "PARTIAL", s.part >= 0);
    tw_launch_define(site, launch, "SLABS", s.slabs);
    tw_launch_define_dim(site, launch, "OUTER", s.shape.outer);
    tw_launch_define_dim(site, launch, "AXIS", s.shape.axis);
    tw_launch_define_dim(site, launch, "INNER", s.shape.inner);
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(tw_site_out_shape(site, 0)));
    if (site->front && s.in == site->in[0])
        tw_launch_front(site, launch, 1 | 16);
    else
        tw_launch_in(site, launch, "x", s.in, s.in == site->in[0] ? type : sum);
    if (s.part >= 0)
        tw_launch_out(site, launch, "part", s.part, sum);
    return launch;
}

/* Whether vectors across `inner` columns of the final result stay within what the epilogue takes
 * for a row. */
static bool across(const tw_site *site, tw_dim inner)
{
    return tw_expr_linear(site->epilogue) ||
           tw_dim_equal(inner, tw_last_dim(tw_site_out_shape(site, 0)));
}

static void reduce_rows_simd(tw_site *site, tw_candidate *candidate, step s)
{
    const int64_t chunk = TW_MAX(1, SLAB_LEAST / 4 / TW_MAX(1, tw_dim_nominal(s.shape.axis)));
    tw_launch *launch = reduce_launch(site, candidate, s);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_global(launch, 0, s.shape.outer, chunk, 1);
    tw_launch_global(launch, 1, TW_DIM(s.slabs), 1, 1);
    if (s.part < 0)
        tw_launch_epilogue(site, launch, 1);
}

static void reduce_columns_simd(tw_site *site, tw_candidate *candidate, step s)
{
    tw_launch *launch = reduce_launch(site, candidate, s);
    tw_launch_define(site, launch, "BLOCK", BLOCK);
    tw_launch_define(site, launch, "VECTOR", s.part >= 0 || across(site, s.shape.inner));
    tw_launch_global(launch, 0, s.shape.inner, BLOCK, 1);
    tw_launch_global(launch, 1, TW_DIM(s.slabs), 1, 1);
    tw_launch_global(launch, 2, s.shape.outer, 1, 1);
    if (s.part < 0)
        tw_launch_epilogue(site, launch, 1 | 4 | 16);
}

static void reduce_rows_simt(tw_site *site, tw_candidate *candidate, step s)
{
    tw_launch *launch = reduce_launch(site, candidate, s);
    tw_launch_define(site, launch, "LOCAL", SIMT_LOCAL);
    tw_launch_global(launch, 0, s.shape.outer, 1, SIMT_LOCAL);
    tw_launch_global(launch, 1, TW_DIM(s.slabs), 1, 1);
    if (s.part < 0)
        tw_launch_epilogue(site, launch, 1);
}

static void reduce_columns_simt(tw_site *site, tw_candidate *candidate, step s)
{
    tw_launch *launch = reduce_launch(site, candidate, s);
    tw_launch_global(launch, 0, tw_dim_multiply(s.shape.outer, s.shape.inner), SIMT_LOCAL,
                     SIMT_LOCAL);
    tw_launch_global(launch, 1, TW_DIM(s.slabs), 1, 1);
    if (s.part < 0)
        tw_launch_epilogue(site, launch, 1);
}

/* Slabs that give every compute unit some work, but none too little. */
static int choose_slabs(const tw_site *site, const tw_collapsed *c)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT, rows = tw_dim_is_one(c->inner);
    const int64_t outer = tw_dim_nominal(c->outer), axis = tw_dim_nominal(c->axis),
                  inner = tw_dim_nominal(c->inner), total = outer * axis * inner;
    int64_t groups, wanted = 4 * (int64_t)site->caps->units;
    int64_t most = total / SLAB_LEAST;
    if (simt) { /* a slab gives each item 16 elements */
        groups = rows ? outer : (outer * inner + SIMT_LOCAL - 1) / SIMT_LOCAL;
        most = axis / (rows ? 16 * SIMT_LOCAL : 16);
    } else {
        groups =
            rows ? TW_MIN(outer, 1 + total / SLAB_LEAST) : outer * ((inner + BLOCK - 1) / BLOCK);
    }
    const int64_t slabs = TW_MIN(wanted / TW_MAX(1, groups), most);
    return (int)TW_MAX(1, TW_MIN(slabs, TW_MIN(axis, 256)));
}

/* One launch, or slabs and a second launch that adds them up in their order. */
static void reduce_simple(tw_site *site, const tw_collapsed *c)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT, rows = tw_dim_is_one(c->inner);
    const int slabs = choose_slabs(site, c);
    tw_candidate *candidate =
        tw_site_candidate(site, site->caps->family, slabs > 1 ? "reduce_slabs" : "reduce");
    const tw_dim results = tw_dim_multiply(c->outer, c->inner);
    const tw_type sum = tw_type_is_real(tw_site_in_type(site, 0)) ? TW_F32 : TW_I32;
    step first = {.in = site->in[0], .part = -1, .shape = *c, .slabs = slabs};
    if (slabs > 1)
        first.part = tw_candidate_workspace(
            site, candidate, sum, tw_dim_multiply(TW_DIM(slabs), results), "reduce_slabs");
    first.form = simt ? (rows ? 3 : 4) : (rows ? 1 : 2);
    (simt ? (rows ? reduce_rows_simt : reduce_columns_simt)
          : (rows ? reduce_rows_simd : reduce_columns_simd))(site, candidate, first);
    if (slabs > 1) {
        const step second = {.form = simt ? 4 : 2,
                             .in = first.part,
                             .part = -1,
                             .shape = {TW_DIM(1), TW_DIM(slabs), results},
                             .slabs = 1};
        (simt ? reduce_columns_simt : reduce_columns_simd)(site, candidate, second);
    }
}

static void reduce_variants(tw_site *site)
{
    const runs r = find_runs(tw_site_in_shape(site, 0), reduce_mask(site->call));
    if (r.simple) {
        reduce_simple(site, &r.form);
        return;
    }
    const tw_dim results = tw_shape_count(tw_site_out_shape(site, 0));
    const tw_family family = site->caps->family;
    const int local = family == TW_FAMILY_SIMT ? SIMT_LOCAL : 1;
    const step s = {.form = 5,
                    .in = site->in[0],
                    .part = -1,
                    .shape = {results, TW_DIM(1), TW_DIM(1)},
                    .slabs = 1};
    tw_launch *launch = reduce_launch(site, tw_site_candidate(site, family, "reduce_any"), s);
    define_runs(site, launch, "KEPT", r.kept, r.kept_size, r.kept_stride);
    define_runs(site, launch, "AXIS", r.reduced, r.reduced_size, r.reduced_stride);
    tw_launch_global(launch, 0, results, local, local);
    tw_launch_epilogue(site, launch, 1);
}

static double reduce_cost(const tw_call *call, int64_t n)
{
    return (double)tw_dim_at(tw_shape_count(&call->input[0]->shape), n);
}

#define REDUCE(variable, name_, doc_, grad_)                                                       \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = "x",                                            \
                                         .results = "y",                                           \
                                         .attributes = reduce_attributes,                          \
                                         .flags = TW_OP_EPILOGUE | TW_OP_FRONT,                    \
                                         .infer = reduce_infer,                                    \
                                         .grad = grad_,                                            \
                                         .host = reduce_host,                                      \
                                         .cost = reduce_cost,                                      \
                                         .variants = reduce_variants}

REDUCE(reduce_sum, "reduce_sum", "sum over axes", sum_grad);
REDUCE(reduce_mean, "reduce_mean", "mean over axes", sum_grad);
REDUCE(reduce_prod, "reduce_prod", "product over axes", prod_grad);
REDUCE(reduce_max, "reduce_max", "largest over axes", extreme_grad);
REDUCE(reduce_min, "reduce_min", "smallest over axes", extreme_grad);

/* ---- product_of_others: for each element the product of all others of its result ---- */

static tw_status others_infer(tw_call *call, tw_error *error)
{
    unsigned mask;
    TW_TRY(tw_expect_real(call, 0, error));
    if (!tw_attr_axes(call, "axes", call->input[0]->shape.rank, &mask))
        return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct axes of the input");
    tw_result_set(call, 0, call->input[0]->type, &call->input[0]->shape);
    return TW_OK;
}

static void others_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0);
    const runs r = find_runs(x, reduce_mask(site->call));
    tw_dim results = TW_DIM(1);
    for (int k = 0; k < r.kept; k++)
        results = tw_dim_multiply(results, r.kept_size[k]);
    const tw_family family = site->caps->family;
    const int local = family == TW_FAMILY_SIMT ? SIMT_LOCAL : 1;
    tw_launch *launch =
        tw_candidate_launch(site, tw_site_candidate(site, family, "product_of_others"),
                            "product_of_others.cl", "product_of_others");
    define_runs(site, launch, "KEPT", r.kept, r.kept_size, r.kept_stride);
    define_runs(site, launch, "AXIS", r.reduced, r.reduced_size, r.reduced_stride);
    tw_launch_define_dim(site, launch, "RESULTS", results);
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(x));
    tw_launch_in(site, launch, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_global(launch, 0, results, local, local);
    tw_launch_epilogue(site, launch, 1);
}

static const tw_operator product_of_others = {
    .name = "product_of_others",
    .doc = "for each element the product of the others that reduce_prod joins with it",
    .inputs = "x",
    .results = "y",
    .attributes = reduce_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = others_infer,
    .host = others_host,
    .cost = reduce_cost,
    .variants = others_variants,
};

const tw_operator *const tw_op_reduce[] = {
    &reduce_sum, &reduce_mean, &reduce_prod, &reduce_max, &reduce_min, &product_of_others, NULL};
