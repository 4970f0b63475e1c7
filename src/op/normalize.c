// SPDX-License-Identifier: Apache-2.0
// normalize, what layer_norm, rms_norm, group_norm and instance_norm are made of, and its gradient.
//
// scale and shift have a value for each channel. The mean is kept as two floats whose sum it is:
// rounded to one, a mean 1e4 times the deviation would cost the gradient four of its seven digits.
#include "op/normalize.h"
#include "op/layer.h"
#include <inttypes.h>
#include <math.h>

static const tw_attribute normalize_attributes[] = {
    {"groups", TW_ATTR_INT, "1", NULL, "parts of the channels, each with its own mean"},
    {"epsilon", TW_ATTR_FLOAT, NULL, NULL, "added to the variance"},
    {"center", TW_ATTR_BOOL, "yes", NULL, "no: the mean is taken for 0 (rms_norm)"},
    TW_ATTRIBUTES_END};

static bool is_dx(const tw_call *call)
{
    return call->op->inputs[0] == 'd';
}

static tw_status read_normal(const tw_call *call, tw_normal *v, tw_error *error)
{
    const tw_shape *x = &call->input[is_dx(call) ? TW_NORMALIZE_DX_X : TW_NORMALIZE_X]->shape;
    const int64_t groups = tw_attr_int(call, "groups");
    const tw_dim channels = tw_last_dim(x);
    char text[TW_SHAPE_TEXT];
    if (x->rank < 2 || !tw_dim_fixed(channels))
        return tw_fail(error, TW_ERROR_SHAPE, "x%s needs a batch and a fixed number of channels",
                       tw_shape_text(x, text));
    if (groups < 1 || channels.scale % groups)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "groups=%" PRId64 " do not divide the %" PRId64 " channels of x%s", groups,
                       channels.scale, tw_shape_text(x, text));
    *v = (tw_normal){x->dim[0],
                     tw_shape_span(x, 1, x->rank - 1),
                     groups,
                     channels.scale / groups,
                     tw_attr_bool(call, "center"),
                     is_dx(call)};
    return TW_OK;
}

/* A call that infer has accepted. */
tw_normal tw_normal_of(const tw_call *call)
{
    tw_normal v;
    const tw_status status = read_normal(call, &v, NULL);
    assert(status == TW_OK);
    (void)status;
    return v;
}

static tw_status normalize_infer(tw_call *call, tw_error *error)
{
    tw_normal v;
    TW_TRY(tw_expect_real(call, TW_NORMALIZE_X, error));
    TW_TRY(read_normal(call, &v, error));
    const tw_shape weight = {1, {TW_DIM(v.groups * v.width)}};
    const tw_dim rows = tw_dim_multiply(v.outer, TW_DIM(v.groups));
    TW_TRY(tw_expect_weight(call, TW_NORMALIZE_SCALE, &weight, error));
    TW_TRY(tw_expect_weight(call, TW_NORMALIZE_SHIFT, &weight, error));
    tw_result_set(call, 0, call->input[TW_NORMALIZE_X]->type, &call->input[TW_NORMALIZE_X]->shape);
    tw_result_set(call, 1, TW_F32, &(tw_shape){2, {rows, TW_DIM(2)}});
    tw_result_set(call, 2, TW_F32, &(tw_shape){1, {rows}});
    return TW_OK;
}

static tw_status dx_infer(tw_call *call, tw_error *error)
{
    tw_normal v;
    TW_TRY(tw_expect_real(call, TW_NORMALIZE_DX_DY, error));
    TW_TRY(read_normal(call, &v, error));
    const tw_shape weight = {1, {TW_DIM(v.groups * v.width)}};
    TW_TRY(tw_expect_weight(call, TW_NORMALIZE_DX_SCALE, &weight, error));
    tw_result_set(call, 0, call->input[TW_NORMALIZE_DX_X]->type,
                  &call->input[TW_NORMALIZE_DX_X]->shape);
    tw_result_set(call, 1, TW_F32, &weight);
    tw_result_set(call, 2, TW_F32, &weight);
    return TW_OK;
}

static void normalize_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    const tw_normal v = tw_normal_of(call);
    tw_node *scale = call->n_inputs > TW_NORMALIZE_SCALE ? call->input[TW_NORMALIZE_SCALE] : NULL;
    tw_node *in[TW_NORMALIZE_DX_COUNT] = {dy[0], call->input[TW_NORMALIZE_X], call->result[2],
                                          v.center ? call->result[1] : NULL, scale};
    if (!dy[0])
        return;
    tw_node *d = tw_emit(g, scale ? TW_NORMALIZE_DX_COUNT : TW_NORMALIZE_DX_SCALE, in,
                         "normalize_dx groups=%d epsilon=%s center=%s", (int)v.groups,
                         tw_number(g, tw_attr_float(call, "epsilon")), v.center ? "yes" : "no");
    for (int i = 0; i < call->n_inputs && d; i++)
        if (wanted[i])
            dx[i] = tw_result(d, i);
}

/* ---- references ---- */

/* A row: one mean. Its element (m, k) is at (outer * middle + m) * channels + group * width + k. */
typedef struct host_row {
    int64_t row, outer, group, middle, width, channels;
} host_row;

typedef void (*row_function)(const tw_host_call *host, const host_row *r);

static void each_row(const tw_host_call *host, const tw_host_tensor *x, row_function function)
{
    const tw_normal v = tw_normal_of(host->data);
    host_row r = {.middle = tw_host_span(x, 1, x->rank - 1),
                  .width = v.width,
                  .channels = v.width * v.groups};
    for (r.row = 0; r.row < x->dim[0] * v.groups; r.row++) {
        r.outer = r.row / v.groups;
        r.group = r.row % v.groups;
        function(host, &r);
    }
}

static int64_t channel(const host_row *r, int64_t i)
{
    return r->group * r->width + i % r->width;
}

static int64_t place(const host_row *r, int64_t i)
{
    return (r->outer * r->middle + i / r->width) * r->channels + channel(r, i);
}

static double weight_or(const tw_host_call *host, int input, int64_t channel, double absent)
{
    return input < host->n_in && host->in[input].data ? tw_host_get(&host->in[input], channel)
                                                      : absent;
}

static void normalize_row(const tw_host_call *host, const host_row *r)
{
    const tw_call *call = host->data;
    const double *x = host->in[TW_NORMALIZE_X].data;
    const int64_t count = r->middle * r->width;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < count && tw_attr_bool(call, "center"); i++)
        mean += x[place(r, i)] / (double)count;
    for (int64_t i = 0; i < count; i++)
        variance += (x[place(r, i)] - mean) * (x[place(r, i)] - mean) / (double)count;
    const double rstd = 1 / sqrt(variance + tw_attr_float(call, "epsilon"));
    for (int64_t i = 0; i < count; i++)
        ((double *)host->out[0].data)[place(r, i)] =
            (x[place(r, i)] - mean) * rstd * weight_or(host, TW_NORMALIZE_SCALE, channel(r, i), 1) +
            weight_or(host, TW_NORMALIZE_SHIFT, channel(r, i), 0);
    if (host->out[1].data) {
        ((double *)host->out[1].data)[2 * r->row] = (float)mean;
        ((double *)host->out[1].data)[2 * r->row + 1] = mean - (float)mean;
    }
    if (host->out[2].data)
        ((double *)host->out[2].data)[r->row] = rstd;
}

static void normalize_host(const tw_host_call *host)
{
    each_row(host, &host->in[TW_NORMALIZE_X], normalize_row);
}

/* With h = (x - mean) * rstd and e = dy * scale:
 * dx = rstd * (e - mean(e) - h * mean(e * h)), dscale = sum(dy * h), dshift = sum(dy). */
static void dx_row(const tw_host_call *host, const host_row *r)
{
    const bool center = tw_attr_bool(host->data, "center");
    const double *dy = host->in[TW_NORMALIZE_DX_DY].data, *x = host->in[TW_NORMALIZE_DX_X].data;
    const double rstd = tw_host_get(&host->in[TW_NORMALIZE_DX_RSTD], r->row),
                 *mean = host->in[TW_NORMALIZE_DX_MEAN].data;
    const double middle = center ? mean[2 * r->row] + mean[2 * r->row + 1] : 0;
    const int64_t count = r->middle * r->width;
    double sum = 0, product = 0;
    for (int64_t i = 0; i < count; i++) {
        const double h = (x[place(r, i)] - middle) * rstd, d = dy[place(r, i)];
        const double e = d * weight_or(host, TW_NORMALIZE_DX_SCALE, channel(r, i), 1);
        sum += center ? e / (double)count : 0;
        product += e * h / (double)count;
        if (host->out[1].data)
            ((double *)host->out[1].data)[channel(r, i)] += d * h;
        if (host->out[2].data)
            ((double *)host->out[2].data)[channel(r, i)] += d;
    }
    for (int64_t i = 0; i < count && host->out[0].data; i++) {
        const double h = (x[place(r, i)] - middle) * rstd;
        const double e = dy[place(r, i)] * weight_or(host, TW_NORMALIZE_DX_SCALE, channel(r, i), 1);
        ((double *)host->out[0].data)[place(r, i)] = rstd * (e - sum - h * product);
    }
}

static void dx_host(const tw_host_call *host)
{
    for (int r = 1; r < 3; r++)
        for (int64_t i = 0; host->out[r].data && i < host->out[r].count; i++)
            tw_host_put(&host->out[r], i, 0);
    each_row(host, &host->in[TW_NORMALIZE_DX_X], dx_row);
}

static double normalize_cost(const tw_call *call, int64_t n)
{
    return (is_dx(call) ? 12.0 : 8.0) *
           (double)tw_dim_at(tw_shape_count(&call->input[0]->shape), n);
}

static const tw_operator normalize = {
    .name = "normalize",
    .doc = "mean 0 and variance 1 within each of the batch and each group of channels",
    .inputs = "x scale? shift?",
    .results = "y mean rstd",
    .attributes = normalize_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = normalize_infer,
    .grad = normalize_grad,
    .host = normalize_host,
    .cost = normalize_cost,
    .variants = tw_normalize_variants};

static const tw_operator normalize_dx = {.name = "normalize_dx",
                                         .doc = "gradient of normalize",
                                         .inputs = "dy x rstd mean? scale?",
                                         .results = "dx dscale dshift",
                                         .attributes = normalize_attributes,
                                         .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
                                         .infer = dx_infer,
                                         .host = dx_host,
                                         .cost = normalize_cost,
                                         .variants = tw_normalize_dx_variants};

const tw_operator *const tw_op_normalize[] = {&normalize, &normalize_dx, NULL};
