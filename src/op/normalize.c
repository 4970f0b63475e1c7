// SPDX-License-Identifier: Apache-2.0
// normalize, what layer_norm, rms_norm, group_norm and instance_norm are made of, and its gradient.
//
// x [n,...,channels] is seen as [OUTER, MIDDLE, GROUPS, WIDTH]: the batch, what lies between, and
// the channels in groups. Mean and variance are taken over MIDDLE and WIDTH. scale and shift have a
// value for each channel. The mean is kept as two floats whose sum it is: rounded to one, a mean
// 1e4 times the deviation would cost the gradient four of its seven digits.
#include "op/layer.h"
#include "op/tile.h"
#include <inttypes.h>
#include <math.h>

#define BLOCK 64         /* channels of a work-item where vectors run across groups (simd) */
#define SHORT 16         /* groups narrower than a vector */
#define CHUNK_LEAST 1024 /* elements that a work-item should have (simd) */
#define SLAB_LEAST 4     /* of the outer axis in a slab of the gradients of scale and shift */

static const tw_attribute normalize_attributes[] = {
    {"groups", TW_ATTR_INT, "1", NULL, "parts of the channels, each with its own mean"},
    {"epsilon", TW_ATTR_FLOAT, NULL, NULL, "added to the variance"},
    {"center", TW_ATTR_BOOL, "yes", NULL, "no: the mean is taken for 0 (rms_norm)"},
    TW_ATTRIBUTES_END};

enum { X, SCALE, SHIFT };                                   /* inputs of normalize */
enum { DX_DY, DX_X, DX_RSTD, DX_MEAN, DX_SCALE, DX_COUNT }; /* inputs of normalize_dx */

typedef struct normal {
    tw_dim outer, middle;
    int64_t groups, width;
    bool center;
} normal;

static bool is_dx(const tw_call *call)
{
    return call->op->inputs[0] == 'd';
}

static tw_status read_normal(const tw_call *call, normal *v, tw_error *error)
{
    const tw_shape *x = &call->input[is_dx(call) ? DX_X : X]->shape;
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
    *v = (normal){x->dim[0], tw_shape_span(x, 1, x->rank - 1), groups, channels.scale / groups,
                  tw_attr_bool(call, "center")};
    return TW_OK;
}

/* A call that infer has accepted. */
static normal normal_of(const tw_call *call)
{
    normal v;
    const tw_status status = read_normal(call, &v, NULL);
    assert(status == TW_OK);
    (void)status;
    return v;
}

static tw_status normalize_infer(tw_call *call, tw_error *error)
{
    normal v;
    TW_TRY(tw_expect_real(call, X, error));
    TW_TRY(read_normal(call, &v, error));
    const tw_shape weight = {1, {TW_DIM(v.groups * v.width)}};
    const tw_dim rows = tw_dim_multiply(v.outer, TW_DIM(v.groups));
    TW_TRY(tw_expect_weight(call, SCALE, &weight, error));
    TW_TRY(tw_expect_weight(call, SHIFT, &weight, error));
    tw_result_set(call, 0, call->input[X]->type, &call->input[X]->shape);
    tw_result_set(call, 1, TW_F32, &(tw_shape){2, {rows, TW_DIM(2)}});
    tw_result_set(call, 2, TW_F32, &(tw_shape){1, {rows}});
    return TW_OK;
}

static tw_status dx_infer(tw_call *call, tw_error *error)
{
    normal v;
    TW_TRY(tw_expect_real(call, DX_DY, error));
    TW_TRY(read_normal(call, &v, error));
    const tw_shape weight = {1, {TW_DIM(v.groups * v.width)}};
    TW_TRY(tw_expect_weight(call, DX_SCALE, &weight, error));
    tw_result_set(call, 0, call->input[DX_X]->type, &call->input[DX_X]->shape);
    tw_result_set(call, 1, TW_F32, &weight);
    tw_result_set(call, 2, TW_F32, &weight);
    return TW_OK;
}

static void normalize_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    const normal v = normal_of(call);
    tw_node *scale = call->n_inputs > SCALE ? call->input[SCALE] : NULL;
    tw_node *in[DX_COUNT] = {dy[0], call->input[X], call->result[2],
                             v.center ? call->result[1] : NULL, scale};
    if (!dy[0])
        return;
    tw_node *d = tw_emit(g, scale ? DX_COUNT : DX_SCALE, in,
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
    const normal v = normal_of(host->data);
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
    const double *x = host->in[X].data;
    const int64_t count = r->middle * r->width;
    double mean = 0, variance = 0;
    for (int64_t i = 0; i < count && tw_attr_bool(call, "center"); i++)
        mean += x[place(r, i)] / (double)count;
    for (int64_t i = 0; i < count; i++)
        variance += (x[place(r, i)] - mean) * (x[place(r, i)] - mean) / (double)count;
    const double rstd = 1 / sqrt(variance + tw_attr_float(call, "epsilon"));
    for (int64_t i = 0; i < count; i++)
        ((double *)host->out[0].data)[place(r, i)] =
            (x[place(r, i)] - mean) * rstd * weight_or(host, SCALE, channel(r, i), 1) +
            weight_or(host, SHIFT, channel(r, i), 0);
    if (host->out[1].data) {
        ((double *)host->out[1].data)[2 * r->row] = (float)mean;
        ((double *)host->out[1].data)[2 * r->row + 1] = mean - (float)mean;
    }
    if (host->out[2].data)
        ((double *)host->out[2].data)[r->row] = rstd;
}

static void normalize_host(const tw_host_call *host)
{
    each_row(host, &host->in[X], normalize_row);
}

/* With h = (x - mean) * rstd and e = dy * scale:
 * dx = rstd * (e - mean(e) - h * mean(e * h)), dscale = sum(dy * h), dshift = sum(dy). */
static void dx_row(const tw_host_call *host, const host_row *r)
{
    const bool center = tw_attr_bool(host->data, "center");
    const double *dy = host->in[DX_DY].data, *x = host->in[DX_X].data;
    const double rstd = tw_host_get(&host->in[DX_RSTD], r->row), *mean = host->in[DX_MEAN].data;
    const double middle = center ? mean[2 * r->row] + mean[2 * r->row + 1] : 0;
    const int64_t count = r->middle * r->width;
    double sum = 0, product = 0;
    for (int64_t i = 0; i < count; i++) {
        const double h = (x[place(r, i)] - middle) * rstd, d = dy[place(r, i)];
        const double e = d * weight_or(host, DX_SCALE, channel(r, i), 1);
        sum += center ? e / (double)count : 0;
        product += e * h / (double)count;
        if (host->out[1].data)
            ((double *)host->out[1].data)[channel(r, i)] += d * h;
        if (host->out[2].data)
            ((double *)host->out[2].data)[channel(r, i)] += d;
    }
    for (int64_t i = 0; i < count && host->out[0].data; i++) {
        const double h = (x[place(r, i)] - middle) * rstd;
        const double e = dy[place(r, i)] * weight_or(host, DX_SCALE, channel(r, i), 1);
        ((double *)host->out[0].data)[place(r, i)] = rstd * (e - sum - h * product);
    }
}

static void dx_host(const tw_host_call *host)
{
    for (int r = 1; r < 3; r++)
        for (int64_t i = 0; host->out[r].data && i < host->out[r].count; i++)
            tw_host_put(&host->out[r], i, 0);
    each_row(host, &host->in[DX_X], dx_row);
}

static double normalize_cost(const tw_call *call, int64_t n)
{
    return (is_dx(call) ? 12.0 : 8.0) *
           (double)tw_dim_at(tw_shape_count(&call->input[0]->shape), n);
}

/* ---- candidates ---- */

static void define_normal(tw_site *site, tw_launch *l, const normal *v)
{
    tw_launch_define_dim(site, l, "OUTER", v->outer);
    tw_launch_define_dim(site, l, "MIDDLE", v->middle);
    tw_launch_define(site, l, "GROUPS", v->groups);
    tw_launch_define(site, l, "WIDTH", v->width);
    tw_launch_define(site, l, "CENTER", v->center);
    tw_launch_define_float(site, l, "EPSILON", tw_attr_float(site->call, "epsilon"));
}

/* Optional input number `input`, -1 where it is absent. */
static void optional_in(tw_site *site, tw_launch *l, const char *name, int input)
{
    const bool given = input < site->call->n_inputs && site->call->input[input];
    tw_launch_in(site, l, name, given ? site->in[input] : -1, TW_F32);
}

/* Vectors along a group, or, where groups are narrow, across several: form 1 or 2. */
static int simd_form(const normal *v)
{
    return v->width >= SHORT || v->groups == 1 ? 1 : 2;
}

/* Groups that a work-item of the simd family takes. */
static int64_t group_block(const normal *v)
{
    return simd_form(v) == 1 ? 1 : TW_MIN(v->groups, (BLOCK + v->width - 1) / v->width);
}

static tw_launch *forward_launch(tw_site *site, tw_family family, const char *name, int form)
{
    const normal v = normal_of(site->call);
    tw_launch *l = tw_candidate_launch(site, tw_site_candidate(site, family, name), "normalize.cl",
                                       "normalize");
    define_normal(site, l, &v);
    tw_launch_define(site, l, "FORM", form);
    tw_launch_in(site, l, "x", site->in[X], tw_site_in_type(site, X));
    optional_in(site, l, "scale", SCALE);
    optional_in(site, l, "shift", SHIFT);
    tw_launch_out(site, l, "mean", v.center ? site->out[1] : -1, TW_F32);
    tw_launch_out(site, l, "rstd", site->out[2], TW_F32);
    return l;
}

static int64_t row_length(const normal *v)
{
    return TW_MAX(1, tw_dim_nominal(v->middle) * v->width);
}

/* Items of a work-group that shares a row (simt): a power of two. */
static int simt_items(const tw_site *site, const normal *v)
{
    return row_length(v) > 512 && site->caps->max_work_group >= 256 ? 256 : TW_SIMT_GROUP;
}

static void normalize_variants(tw_site *site)
{
    const normal v = normal_of(site->call);
    const int form = simd_form(&v), items = simt_items(site, &v);
    const int64_t block = group_block(&v);
    const int64_t chunk = TW_MAX(1, CHUNK_LEAST / (row_length(&v) * block));
    tw_launch *l = forward_launch(site, TW_FAMILY_SIMD,
                                  form == 1 ? "normalize_rows" : "normalize_columns", form);
    tw_launch_define(site, l, "CHUNK", chunk);
    tw_launch_define(site, l, "BLOCK", block);
    tw_launch_global(l, 0, v.outer, chunk, 1);
    tw_launch_global(l, 1, TW_DIM(v.groups), block, 1);
    tw_launch_epilogue(site, l, 1 | 4 | 16);
    l = forward_launch(site, TW_FAMILY_SIMT, "normalize_group", 3);
    tw_launch_define(site, l, "LOCAL", items);
    tw_launch_global(l, 0, v.outer, 1, items);
    tw_launch_global(l, 1, TW_DIM(v.groups), 1, 1);
    tw_launch_epilogue(site, l, 1);
}

/* ---- candidates of the gradient: dx, slabs of the sums for dscale and dshift, their sum ---- */

typedef struct slabs {
    int part, count; /* part [count][2][channels] */
} slabs;

static bool sums_wanted(const tw_site *site)
{
    return site->out[1] >= 0 || site->out[2] >= 0;
}

static void add_slabs(tw_site *site, tw_candidate *candidate, const normal *v, slabs s)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const int64_t channels = v->groups * v->width;
    tw_launch *l = tw_candidate_launch(site, candidate, "normalize_sum.cl", "normalize_sum");
    tw_launch_define(site, l, "SLABS", s.count);
    tw_launch_define(site, l, "CHANNELS", channels);
    tw_launch_define(site, l, "STEP", simt ? 1 : BLOCK);
    tw_launch_in(site, l, "part", s.part, TW_F32);
    tw_launch_out(site, l, "dscale", site->out[1], TW_F32);
    tw_launch_out(site, l, "dshift", site->out[2], TW_F32);
    tw_launch_global(l, 0, TW_DIM(channels), simt ? TW_SIMT_GROUP : BLOCK,
                     simt ? TW_SIMT_GROUP : 1);
}

static slabs make_slabs(tw_site *site, tw_candidate *candidate, const normal *v, int count)
{
    const tw_dim size = TW_DIM(2 * count * v->groups * v->width);
    slabs s = {-1, count};
    if (sums_wanted(site))
        s.part = tw_candidate_workspace(site, candidate, TW_F32, size, "normalize_slabs");
    return s;
}

static tw_launch *dx_launch(tw_site *site, tw_candidate *candidate, const char *file,
                            const char *entry, slabs s)
{
    const normal v = normal_of(site->call);
    tw_launch *l = tw_candidate_launch(site, candidate, file, entry);
    define_normal(site, l, &v);
    tw_launch_define(site, l, "SLABS", s.count);
    tw_launch_in(site, l, "dy", site->in[DX_DY], tw_site_in_type(site, DX_DY));
    tw_launch_in(site, l, "x", site->in[DX_X], tw_site_in_type(site, DX_X));
    tw_launch_in(site, l, "rstd", site->in[DX_RSTD], TW_F32);
    optional_in(site, l, "mean", DX_MEAN);
    return l;
}

/* One launch reads dy and x, once from memory and once more from the cache, and leaves dx and the
 * sums of its slab. */
static void dx_simd(tw_site *site, const normal *v)
{
    const int form = simd_form(v);
    const int64_t block = group_block(v), blocks = (v->groups + block - 1) / block;
    const int count =
        tw_split(site->caps, blocks, TW_MAX(1, tw_dim_nominal(v->outer) / SLAB_LEAST));
    tw_candidate *candidate = tw_site_candidate(
        site, TW_FAMILY_SIMD, form == 1 ? "normalize_dx_rows" : "normalize_dx_columns");
    const slabs s = make_slabs(site, candidate, v, count);
    tw_launch *l = dx_launch(site, candidate, "normalize_dx.cl", "normalize_dx", s);
    tw_launch_define(site, l, "FORM", form);
    tw_launch_define(site, l, "BLOCK", block);
    optional_in(site, l, "scale", DX_SCALE);
    tw_launch_out(site, l, "part", s.part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(count), 1, 1);
    tw_launch_global(l, 1, TW_DIM(blocks), 1, 1);
    tw_launch_epilogue(site, l, 1 | 4 | 16);
    if (s.part >= 0)
        add_slabs(site, candidate, v, s);
}

/* A work-group a row for dx, and apart from that an item a channel for the sums of a slab. */
static void dx_simt(tw_site *site, const normal *v)
{
    const int items = simt_items(site, v);
    const int64_t channels = v->groups * v->width,
                  columns = (channels + TW_SIMT_GROUP - 1) / TW_SIMT_GROUP;
    const int64_t rows = TW_MAX(1, tw_dim_nominal(v->outer) * tw_dim_nominal(v->middle));
    const int count = tw_split(site->caps, columns, TW_MAX(1, rows / 16));
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMT, "normalize_dx_group");
    const slabs s = make_slabs(site, candidate, v, count);
    tw_launch *l = dx_launch(site, candidate, "normalize_dx.cl", "normalize_dx", s);
    tw_launch_define(site, l, "FORM", 3);
    tw_launch_define(site, l, "LOCAL", items);
    optional_in(site, l, "scale", DX_SCALE);
    tw_launch_out(site, l, "part", -1, TW_F32);
    tw_launch_global(l, 0, v->outer, 1, items);
    tw_launch_global(l, 1, TW_DIM(v->groups), 1, 1);
    tw_launch_epilogue(site, l, 1);
    if (s.part < 0)
        return;
    l = dx_launch(site, candidate, "normalize_dw.cl", "normalize_dw", s);
    tw_launch_define(site, l, "LOCAL", TW_SIMT_GROUP);
    tw_launch_out(site, l, "part", s.part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(channels), TW_SIMT_GROUP, TW_SIMT_GROUP);
    tw_launch_global(l, 1, TW_DIM(count), 1, 1);
    add_slabs(site, candidate, v, s);
}

static void dx_variants(tw_site *site)
{
    const normal v = normal_of(site->call);
    if (site->caps->family == TW_FAMILY_SIMD)
        dx_simd(site, &v);
    else
        dx_simt(site, &v);
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
    .variants = normalize_variants};

static const tw_operator normalize_dx = {.name = "normalize_dx",
                                         .doc = "gradient of normalize",
                                         .inputs = "dy x rstd mean? scale?",
                                         .results = "dx dscale dshift",
                                         .attributes = normalize_attributes,
                                         .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
                                         .infer = dx_infer,
                                         .host = dx_host,
                                         .cost = normalize_cost,
                                         .variants = dx_variants};

const tw_operator *const tw_op_normalize[] = {&normalize, &normalize_dx, NULL};
