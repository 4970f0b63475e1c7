// SPDX-License-Identifier: Apache-2.0
// softmax and log_softmax along an axis, and their gradients: softmax_dx(dy, y), log_softmax_dx(dy,
// y).
#include "op/softmax.h"
#include "op/expr.h"
#include "op/helpers.h"
#include <math.h>

#define SIMT_LOCAL 64
#define LONG_ROW 256   /* elements of a row that is written in whole lines but for its ends */
#define MOST_KEPT 4096 /* elements of a row that a work-item keeps to itself (simd): 16 KiB */
#define SHORT_LEAST 4  /* elements of a row from which 16 rows go together (simd), and ... */
#define SHORT_MOST 64  /* up to which */

static const tw_attribute softmax_attributes[] = {
    {"axis", TW_ATTR_INT, "-1", NULL, "the axis along which results add up to 1"},
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

static const tw_operator log_softmax, log_softmax_dx; /* below */

static bool is_log(const tw_call *call)
{
    return call->op == &log_softmax || call->op == &log_softmax_dx;
}

static tw_status softmax_infer(tw_call *call, tw_error *error)
{
    int axis;
    for (int i = 0; i < call->n_inputs; i++)
        TW_TRY(tw_expect_real(call, i, error));
    TW_TRY(tw_axis_of(call, "axis", call->input[0]->shape.rank, &axis, error));
    if (call->n_inputs == 2 && !tw_shape_equal(&call->input[0]->shape, &call->input[1]->shape))
        return tw_fail(error, TW_ERROR_SHAPE, "inputs dy and y have different shapes");
    tw_result_set(call, 0, call->input[0]->type, &call->input[0]->shape);
    return TW_OK;
}

static void softmax_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                         tw_node **dx)
{
    if (wanted[0])
        dx[0] = tw_emit2(g, dy[0], call->result[0], "%s_dx axis=%d", call->op->name,
                         (int)tw_attr_int(call, "axis"));
}

/* One row of `count` elements, `stride` apart, from index at. */
typedef void (*row_function)(const tw_host_call *host, int64_t at, int64_t count, int64_t stride);

static void each_row(const tw_host_call *host, row_function function)
{
    const tw_host_tensor *x = &host->in[0];
    const int axis = tw_axis_checked(host->data, "axis", x->rank);
    const int64_t outer = tw_host_span(x, 0, axis), count = x->dim[axis],
                  inner = tw_host_span(x, axis + 1, x->rank);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            function(host, o * count * inner + i, count, inner);
}

/* log(sum(exp(x))) of the row */
static double row_log_sum(const double *x, int64_t count, int64_t stride)
{
    double high = -INFINITY, sum = 0;
    for (int64_t i = 0; i < count; i++)
        high = x[i * stride] > high ? x[i * stride] : high;
    for (int64_t i = 0; i < count; i++)
        sum += exp(x[i * stride] - high);
    return high + log(sum);
}

static void softmax_row(const tw_host_call *host, int64_t at, int64_t count, int64_t stride)
{
    const double *x = (const double *)host->in[0].data + at;
    double *y = (double *)host->out[0].data + at;
    const double log_sum = row_log_sum(x, count, stride);
    for (int64_t i = 0; i < count * stride; i += stride)
        y[i] = exp(x[i] - log_sum);
}

static void log_softmax_row(const tw_host_call *host, int64_t at, int64_t count, int64_t stride)
{
    const double *x = (const double *)host->in[0].data + at;
    double *y = (double *)host->out[0].data + at;
    const double log_sum = row_log_sum(x, count, stride);
    for (int64_t i = 0; i < count * stride; i += stride)
        y[i] = x[i] - log_sum;
}

static void softmax_dx_row(const tw_host_call *host, int64_t at, int64_t count, int64_t stride)
{
    const double *dy = (const double *)host->in[0].data + at;
    const double *y = (const double *)host->in[1].data + at;
    double *dx = (double *)host->out[0].data + at, sum = 0;
    for (int64_t i = 0; i < count * stride; i += stride)
        sum += dy[i] * y[i];
    for (int64_t i = 0; i < count * stride; i += stride)
        dx[i] = (dy[i] - sum) * y[i];
}

static void log_softmax_dx_row(const tw_host_call *host, int64_t at, int64_t count, int64_t stride)
{
    const double *dy = (const double *)host->in[0].data + at;
    const double *y = (const double *)host->in[1].data + at;
    double *dx = (double *)host->out[0].data + at, sum = 0;
    for (int64_t i = 0; i < count * stride; i += stride)
        sum += dy[i];
    for (int64_t i = 0; i < count * stride; i += stride)
        dx[i] = dy[i] - exp(y[i]) * sum;
}

static void softmax_host(const tw_host_call *host)
{
    each_row(host, softmax_row);
}
static void log_softmax_host(const tw_host_call *host)
{
    each_row(host, log_softmax_row);
}
static void softmax_dx_host(const tw_host_call *host)
{
    each_row(host, softmax_dx_row);
}
static void log_softmax_dx_host(const tw_host_call *host)
{
    each_row(host, log_softmax_dx_row);
}

bool tw_rows_short(const tw_site *site, tw_dim axis)
{
    return site->caps->family == TW_FAMILY_SIMD && tw_dim_fixed(axis) &&
           axis.scale >= SHORT_LEAST && axis.scale <= SHORT_MOST;
}

/* So many rows a work-item that each of 16 finds the next asked for ahead, but enough work-items
 * for all units. */
void tw_launch_short(tw_site *site, tw_launch *launch, tw_dim rows, tw_dim axis)
{
    const int64_t share = tw_dim_at(rows, site->batch) / (4 * site->caps->units);
    const int64_t chunk =
        TW_MAX(16, TW_MIN(TW_MAX(share, 8192 / axis.scale), 65536 / axis.scale) / 16 * 16);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_global(launch, 0, rows, chunk, 1);
}

/* 16 rows at once: cl/softmax_short.cl. */
static void short_candidate(tw_site *site, tw_collapsed c)
{
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "softmax_short");
    tw_launch *launch = tw_candidate_launch(site, candidate, "softmax_short.cl", "softmax_short");
    tw_launch_short(site, launch, c.outer, c.axis);
    tw_launch_define(site, launch, "FORM", 1);
    tw_launch_define(site, launch, "LOG", is_log(site->call));
    tw_launch_define_dim(site, launch, "ROWS", c.outer);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_in(site, launch, "logits", site->in[0], tw_site_in_type(site, 0));
    tw_launch_epilogue(site, launch, 1 | 4 | 16);
}

/* The launch that the other candidates share; form: see cl/softmax.cl. */
static tw_launch *softmax_launch(tw_site *site, tw_family family, const char *name, int form)
{
    const bool gradient = site->call->n_inputs == 2;
    const tw_shape *shape = tw_site_in_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", shape->rank);
    const tw_collapsed c = tw_collapse(shape, axis, axis + 1);
    tw_launch *launch =
        tw_candidate_launch(site, tw_site_candidate(site, family, name), "softmax.cl", "softmax");
    tw_launch_define(site, launch, "FORM", form);
    tw_launch_define(site, launch, "GRADIENT", gradient);
    tw_launch_define(site, launch, "LOG", is_log(site->call));
    tw_launch_define_dim(site, launch, "OUTER", c.outer);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_define_dim(site, launch, "INNER", c.inner);
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(shape));
    tw_launch_in(site, launch, gradient ? "dy" : "x", site->in[0], tw_site_in_type(site, 0));
    if (gradient)
        tw_launch_in(site, launch, "y", site->in[1], tw_site_in_type(site, 1));
    return launch;
}

static void softmax_variants(tw_site *site)
{
    const tw_shape *shape = tw_site_in_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", shape->rank);
    const tw_collapsed c = tw_collapse(shape, axis, axis + 1);
    const bool free_vectors = tw_expr_linear(site->epilogue);
    const tw_dim last = tw_last_dim(shape);
    tw_launch *launch;
    const bool along = tw_dim_is_one(c.inner) && (free_vectors || tw_dim_equal(last, c.axis));
    if (along && site->call->n_inputs == 1 && tw_rows_short(site, c.axis))
        short_candidate(site, c);
    if (along) {
        const int64_t chunk = TW_MAX(1, 4096 / TW_MAX(1, tw_dim_nominal(c.axis)));
        launch = softmax_launch(site, TW_FAMILY_SIMD, "softmax_rows", 1);
        tw_launch_define(site, launch, "CHUNK", chunk);
        tw_launch_define(site, launch, "HAS_TAIL", tw_has_tail(c.axis));
        tw_launch_define(site, launch, "KEEP", tw_dim_fixed(c.axis) && c.axis.scale <= MOST_KEPT);
        tw_launch_global(launch, 0, c.outer, chunk, 1);
        tw_launch_epilogue(site, launch, 1 | 16);
    } else {
        const bool vector = free_vectors || tw_dim_equal(last, c.inner);
        launch = softmax_launch(site, TW_FAMILY_SIMD, "softmax_columns", 2);
        tw_launch_define(site, launch, "VECTOR", vector);
        tw_launch_global(launch, 0, c.outer, 1, 1);
        tw_launch_epilogue(site, launch, 1 | 4 | 16);
    }
    launch = softmax_launch(site, TW_FAMILY_SIMT, "softmax_group", 3);
    tw_launch_define(site, launch, "LOCAL", SIMT_LOCAL);
    tw_launch_global(launch, 0, tw_dim_multiply(c.outer, c.inner), 1, SIMT_LOCAL);
    tw_launch_epilogue(site, launch, 1);
}

tw_dim tw_rows_run(const tw_shape *shape)
{
    const tw_dim row = tw_last_dim(shape);
    return tw_dim_fixed(row) && row.scale >= LONG_ROW ? tw_shape_count(shape) : row;
}

static tw_dim softmax_run(const tw_call *call)
{
    const tw_shape *shape = &call->result[0]->shape;
    const bool along = tw_axis_checked(call, "axis", shape->rank) == shape->rank - 1;
    return along ? tw_rows_run(shape) : tw_last_dim(shape);
}

static double softmax_cost(const tw_call *call, int64_t n)
{
    return 8.0 * (double)tw_dim_at(tw_shape_count(&call->input[0]->shape), n);
}

#define SOFTMAX(variable, name_, doc_, inputs_, result_, flags_, grad_, host_)                     \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = inputs_,                                        \
                                         .results = result_,                                       \
                                         .attributes = softmax_attributes,                         \
                                         .flags = TW_OP_EPILOGUE | flags_,                         \
                                         .infer = softmax_infer,                                   \
                                         .grad = grad_,                                            \
                                         .host = host_,                                            \
                                         .run = softmax_run,                                       \
                                         .cost = softmax_cost,                                     \
                                         .variants = softmax_variants}

SOFTMAX(softmax, "softmax", "exp(x) / sum(exp(x)) along an axis", "x", "y", 0, softmax_grad,
        softmax_host);
SOFTMAX(log_softmax, "log_softmax", "logarithm of softmax, without its rounding", "x", "y", 0,
        softmax_grad, log_softmax_host);
SOFTMAX(softmax_dx, "softmax_dx", "gradient of softmax", "dy y", "dx", TW_OP_INTERNAL, NULL,
        softmax_dx_host);
SOFTMAX(log_softmax_dx, "log_softmax_dx", "gradient of log_softmax", "dy y", "dx", TW_OP_INTERNAL,
        NULL, log_softmax_dx_host);

const tw_operator *const tw_op_softmax[] = {&softmax, &log_softmax, &softmax_dx, &log_softmax_dx,
                                            NULL};
