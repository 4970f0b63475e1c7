// SPDX-License-Identifier: Apache-2.0
// The primitives below the loss cross_entropy: softmax_cross_entropy(logits, label), a loss for
// each row of logits, and its gradient by the logits, one kernel each.
#include "op/expr.h"
#include "op/helpers.h"
#include "op/softmax.h"
#include <math.h>

#define SIMT_LOCAL 64
#define MOST_KEPT 4096 /* elements of a row that a work-item keeps to itself (simd): 16 KiB */
#define SMOOTHING_ATTRIBUTE                                                                        \
    {                                                                                              \
        "label_smoothing", TW_ATTR_FLOAT, "0", NULL, "labels become (1 - s) * label + s / classes" \
    }

static const tw_attribute loss_attributes[] = {SMOOTHING_ATTRIBUTE,
                                               {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

/* Labels are distributions, not class numbers. */
static bool is_dense(const tw_call *call)
{
    return tw_type_is_real(call->input[1]->type);
}

static tw_status check_inputs(const tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape, *label = &call->input[1]->shape;
    char a[TW_SHAPE_TEXT], b[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    if (x->rank < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "logits need an axis of classes");
    const tw_dim want = is_dense(call) ? tw_shape_count(x) : tw_shape_span(x, 0, x->rank - 1);
    const tw_dim have = tw_shape_count(label);
    if (tw_dim_known(want) && tw_dim_known(have) && !tw_dim_equal(want, have))
        return tw_fail(error, TW_ERROR_SHAPE, "labels %s do not fit logits %s",
                       tw_shape_text(label, a), tw_shape_text(x, b));
    if (call->input[1]->type == TW_BOOL)
        return tw_fail(error, TW_ERROR_TYPE, "labels are bool: cast them");
    return TW_OK;
}

static tw_status loss_infer(tw_call *call, tw_error *error)
{
    TW_TRY(check_inputs(call, error));
    tw_shape y = call->input[0]->shape;
    y.rank--;
    tw_result_set(call, 0, TW_F32, &y);
    return TW_OK;
}

static tw_status loss_dx_infer(tw_call *call, tw_error *error)
{
    TW_TRY(check_inputs(call, error));
    TW_TRY(tw_expect_real(call, 2, error));
    tw_result_set(call, 0, call->input[0]->type, &call->input[0]->shape);
    return TW_OK;
}

/* The gradient of a mean is one number for all rows: taken from before it was repeated. */
static tw_node *one_number(tw_graph *g, tw_node *dloss)
{
    const tw_shape scalar = {0};
    tw_node *node = dloss;
    while (node &&
           (node->call->op->flags & TW_OP_VIEW || !strcmp(node->call->op->name, "broadcast")))
        node = node->call->input[0];
    return node && tw_dim_is_one(tw_shape_count(&node->shape)) ? tw_emit_reshape(g, node, &scalar)
                                                               : dloss;
}

static void loss_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                      tw_node **dx)
{
    if (!wanted[0])
        return;
    tw_node *inputs[] = {call->input[0], call->input[1], one_number(g, dy[0])};
    dx[0] = tw_emit(g, 3, inputs, "softmax_cross_entropy_dx label_smoothing=%s",
                    tw_number(g, tw_attr_float(call, "label_smoothing")));
}

/* ---- references ---- */

typedef struct row {
    const double *x;
    double log_sum;
    int64_t count, chosen; /* of class numbers */
    const double *label;   /* of distributions, else NULL */
    double smoothing;
} row;

static row read_row(const tw_host_call *host, int64_t number)
{
    row r = {.count = host->in[0].dim[host->in[0].rank - 1],
             .smoothing = tw_attr_float(host->data, "label_smoothing")};
    double high = -INFINITY, sum = 0;
    r.x = (const double *)host->in[0].data + number * r.count;
    for (int64_t i = 0; i < r.count; i++)
        high = r.x[i] > high ? r.x[i] : high;
    for (int64_t i = 0; i < r.count; i++)
        sum += exp(r.x[i] - high);
    r.log_sum = high + log(sum);
    if (tw_type_is_real(host->in[1].type)) {
        r.label = (const double *)host->in[1].data + number * r.count;
    } else {
        r.chosen = (int64_t)tw_host_get(&host->in[1], number);
        r.chosen = TW_MAX(0, TW_MIN(r.chosen, r.count - 1));
    }
    return r;
}

static double row_label(const row *r, int64_t i)
{
    const double label = r->label ? r->label[i] : i == r->chosen;
    return label * (1 - r->smoothing) + r->smoothing / (double)r->count;
}

static void loss_host(const tw_host_call *host)
{
    for (int64_t number = 0; number < host->out[0].count; number++) {
        const row r = read_row(host, number);
        double loss = 0;
        for (int64_t i = 0; i < r.count; i++) /* a label of exactly 0 must not meet -infinity */
            if (r.label || r.smoothing > 0 || i == r.chosen)
                loss -= row_label(&r, i) * (r.x[i] - r.log_sum);
        tw_host_put(&host->out[0], number, loss);
    }
}

static void loss_dx_host(const tw_host_call *host)
{
    const int64_t count = host->in[0].dim[host->in[0].rank - 1];
    for (int64_t number = 0; number < host->in[0].count / count; number++) {
        const row r = read_row(host, number);
        const double d = tw_host_get(&host->in[2], host->in[2].count == 1 ? 0 : number);
        double labels = 0;
        for (int64_t i = 0; i < count; i++)
            labels += row_label(&r, i);
        for (int64_t i = 0; i < count; i++)
            tw_host_put(&host->out[0], number * count + i,
                        d * (exp(r.x[i] - r.log_sum) * labels - row_label(&r, i)));
    }
}

/* ---- kernels ---- */

/* Rows so short that 16 go together: cl/softmax_short.cl. */
static bool is_short(const tw_site *site, tw_dim axis)
{
    return !is_dense(site->call) && tw_rows_short(site, axis);
}

/* What a work-item of the simd family does, a work-group of the other: macros that tell how. */
static void define_way(tw_site *site, tw_launch *launch, tw_dim rows, tw_dim axis)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT, gradient = site->call->n_inputs == 3;
    if (is_short(site, axis)) {
        const tw_dim last = tw_last_dim(tw_site_out_shape(site, 0));
        tw_launch_short(site, launch, rows, axis);
        tw_launch_define(site, launch, "FORM", gradient ? 3 : 2);
        tw_launch_define(site, launch, "LOG", 0);
        tw_launch_define(site, launch, "ACROSS",
                         tw_expr_linear(site->epilogue) || tw_dim_equal(last, rows));
    } else {
        const int64_t chunk = TW_MAX(1, 4096 / TW_MAX(1, tw_dim_nominal(axis)));
        tw_launch_define(site, launch, "CHUNK", chunk);
        tw_launch_global(launch, 0, rows, simt ? 1 : chunk, simt ? SIMT_LOCAL : 1);
        tw_launch_define(site, launch, "GRADIENT", gradient);
        tw_launch_define(site, launch, "LOCAL", simt ? SIMT_LOCAL : 1);
        tw_launch_define(site, launch, "HAS_TAIL", tw_has_tail(axis));
        tw_launch_define(site, launch, "KEEP",
                         gradient && !simt && tw_dim_fixed(axis) && axis.scale <= MOST_KEPT);
        tw_launch_define(site, launch, "DENSE", is_dense(site->call));
    }
}

static void loss_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0);
    const tw_dim rows = tw_shape_span(x, 0, x->rank - 1), axis = x->dim[x->rank - 1];
    const bool gradient = site->call->n_inputs == 3;
    const double smoothing = tw_attr_float(site->call, "label_smoothing");
    const bool few = is_short(site, axis);
    tw_launch *launch = tw_candidate_launch(
        site,
        tw_site_candidate(site, site->caps->family, few ? "cross_entropy_short" : "cross_entropy"),
        few ? "softmax_short.cl" : "cross_entropy.cl", few ? "softmax_short" : "cross_entropy");
    define_way(site, launch, rows, axis);
    tw_launch_define(site, launch, "SMOOTHED", smoothing > 0);
    tw_launch_define_float(site, launch, "SMOOTHING", smoothing);
    tw_launch_define_dim(site, launch, "ROWS", rows);
    tw_launch_define_dim(site, launch, "AXIS", axis);
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(tw_site_out_shape(site, 0)));
    tw_launch_in(site, launch, "logits", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, launch, "label", site->in[1], tw_site_in_type(site, 1));
    if (gradient) {
        tw_launch_define(site, launch, "DLOSS_ONE",
                         tw_dim_is_one(tw_shape_count(tw_site_in_shape(site, 2))));
        tw_launch_in(site, launch, "dloss", site->in[2], tw_site_in_type(site, 2));
    }
    tw_launch_epilogue(site, launch, gradient ? 1 | 4 | 16 : few ? 1 | 16 : 1);
}

/* Class numbers, in proofs. */
static double loss_range(const tw_call *call, int input)
{
    return input == 1 && !is_dense(call) ? (double)tw_dim_at(tw_last_dim(&call->input[0]->shape), 1)
                                         : 1.0;
}

static tw_dim loss_dx_run(const tw_call *call)
{
    return tw_rows_run(&call->result[0]->shape);
}

static double loss_cost(const tw_call *call, int64_t n)
{
    return 8.0 * (double)tw_dim_at(tw_shape_count(&call->input[0]->shape), n);
}

static const tw_operator softmax_cross_entropy = {
    .name = "softmax_cross_entropy",
    .doc = "cross entropy of softmax(logits) with class numbers or distributions, for each row",
    .inputs = "logits label",
    .results = "loss",
    .attributes = loss_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = loss_infer,
    .grad = loss_grad,
    .host = loss_host,
    .cost = loss_cost,
    .range = loss_range,
    .variants = loss_variants,
};

static const tw_operator softmax_cross_entropy_dx = {
    .name = "softmax_cross_entropy_dx",
    .doc = "gradient of softmax_cross_entropy by the logits; dloss for each row, or one for all",
    .inputs = "logits label dloss",
    .results = "dx",
    .attributes = loss_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = loss_dx_infer,
    .host = loss_dx_host,
    .run = loss_dx_run,
    .cost = loss_cost,
    .range = loss_range,
    .variants = loss_variants,
};

const tw_operator *const tw_op_cross_entropy[] = {&softmax_cross_entropy, &softmax_cross_entropy_dx,
                                                  NULL};
