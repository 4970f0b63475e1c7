// SPDX-License-Identifier: Apache-2.0
// batch_normalize, what batch_norm is made of in training: mean and variance of each channel over
// all other axes, and x normalised by them; and its gradient. Two passes over x each.
#include "op/layer.h"
#include "op/tile.h"
#include <math.h>

#define COLUMNS 256       /* channels of a work-item at most (simd) */
#define ELEMENTS 16384    /* that it takes in the last launch (simd) */
#define BLOCK_BYTES 16384 /* of a block of rows that is read twice */
#define SLAB_ROWS 64      /* of a slab at least */

enum { X, SCALE, SHIFT };
enum { DY, DX_X, MEAN, VARIANCE, DX_SCALE, DX_INPUTS };

static const tw_attribute attributes[] = {
    {"epsilon", TW_ATTR_FLOAT, NULL, NULL, "added to the variance"}, TW_ATTRIBUTES_END};

static bool is_dx(const tw_call *call)
{
    return call->op->inputs[0] == 'd';
}

static const tw_shape *shape_of(const tw_call *call)
{
    return &call->input[is_dx(call) ? DX_X : X]->shape;
}

static tw_status check(const tw_call *call, tw_shape *channels, tw_error *error)
{
    const tw_shape *x = shape_of(call);
    char text[TW_SHAPE_TEXT];
    if (x->rank < 2 || !tw_dim_fixed(tw_last_dim(x)))
        return tw_fail(error, TW_ERROR_SHAPE, "x%s needs a batch and a fixed number of channels",
                       tw_shape_text(x, text));
    for (int i = 0; i < call->n_inputs; i++)
        if (call->input[i] && call->input[i]->type != TW_F32)
            return tw_fail(error, TW_ERROR_TYPE, "%s must be f32", tw_call_input_name(call, i));
    *channels = (tw_shape){1, {tw_last_dim(x)}};
    return TW_OK;
}

static tw_status normalize_infer(tw_call *call, tw_error *error)
{
    tw_shape channels;
    TW_TRY(check(call, &channels, error));
    TW_TRY(tw_expect_weight(call, SCALE, &channels, error));
    TW_TRY(tw_expect_weight(call, SHIFT, &channels, error));
    tw_result_set(call, 0, TW_F32, shape_of(call));
    tw_result_set(call, 1, TW_F32, &channels);
    tw_result_set(call, 2, TW_F32, &channels);
    return TW_OK;
}

static tw_status dx_infer(tw_call *call, tw_error *error)
{
    tw_shape channels;
    char dy[TW_SHAPE_TEXT], x[TW_SHAPE_TEXT];
    TW_TRY(check(call, &channels, error));
    if (!tw_shape_equal(&call->input[DY]->shape, shape_of(call)))
        return tw_fail(error, TW_ERROR_SHAPE, "dy%s and x%s differ",
                       tw_shape_text(&call->input[DY]->shape, dy),
                       tw_shape_text(shape_of(call), x));
    for (int i = MEAN; i < DX_INPUTS; i++)
        TW_TRY(tw_expect_weight(call, i, &channels, error));
    tw_result_set(call, 0, TW_F32, shape_of(call));
    tw_result_set(call, 1, TW_F32, &channels);
    tw_result_set(call, 2, TW_F32, &channels);
    return TW_OK;
}

/* Mean and variance are for the running statistics, through which no gradient flows. */
static void normalize_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    tw_node *scale = call->n_inputs > SCALE ? call->input[SCALE] : NULL;
    tw_node *in[DX_INPUTS] = {dy[0], call->input[X], call->result[1], call->result[2], scale};
    if (!dy[0])
        return;
    tw_node *d = tw_emit(g, scale ? DX_INPUTS : DX_SCALE, in, "batch_normalize_dx epsilon=%s",
                         tw_number(g, tw_attr_float(call, "epsilon")));
    for (int i = 0; i < call->n_inputs && d; i++)
        if (wanted[i])
            dx[i] = tw_result(d, i);
}

/* ---- references ---- */

static double weight_or(const tw_host_call *host, int input, int64_t channel, double absent)
{
    return input < host->n_in && host->in[input].data ? tw_host_get(&host->in[input], channel)
                                                      : absent;
}

static void put(const tw_host_call *host, int result, int64_t i, double value)
{
    if (host->out[result].data)
        tw_host_put(&host->out[result], i, value);
}

static void normalize_host(const tw_host_call *host)
{
    const tw_host_tensor *x = &host->in[X];
    const int64_t channels = x->dim[x->rank - 1];
    const double epsilon = tw_attr_float(host->data, "epsilon");
    for (int64_t c = 0; c < channels; c++) {
        double mean = 0, variance = 0, rows = (double)(x->count / channels);
        for (int64_t i = c; i < x->count; i += channels)
            mean += tw_host_get(x, i) / rows;
        for (int64_t i = c; i < x->count; i += channels)
            variance += pow(tw_host_get(x, i) - mean, 2) / rows;
        for (int64_t i = c; i < x->count; i += channels)
            put(host, 0, i,
                (tw_host_get(x, i) - mean) / sqrt(variance + epsilon) *
                        weight_or(host, SCALE, c, 1) +
                    weight_or(host, SHIFT, c, 0));
        put(host, 1, c, mean);
        put(host, 2, c, variance);
    }
}

static void dx_host(const tw_host_call *host)
{
    const tw_host_tensor *x = &host->in[DX_X], *dy = &host->in[DY];
    const int64_t channels = x->dim[x->rank - 1];
    const double epsilon = tw_attr_float(host->data, "epsilon");
    for (int64_t c = 0; c < channels; c++) {
        const double rows = (double)(x->count / channels), mean = tw_host_get(&host->in[MEAN], c),
                     rstd = 1 / sqrt(tw_host_get(&host->in[VARIANCE], c) + epsilon);
        double dscale = 0, dshift = 0;
        for (int64_t i = c; i < x->count; i += channels) {
            dscale += tw_host_get(dy, i) * (tw_host_get(x, i) - mean) * rstd;
            dshift += tw_host_get(dy, i);
        }
        for (int64_t i = c; i < x->count; i += channels) {
            const double h = (tw_host_get(x, i) - mean) * rstd;
            put(host, 0, i,
                rstd * weight_or(host, DX_SCALE, c, 1) *
                    (tw_host_get(dy, i) - dshift / rows - h * dscale / rows));
        }
        put(host, 1, c, dscale);
        put(host, 2, c, dshift);
    }
}

/* ---- kernels ---- */

typedef struct sizes {
    tw_dim rows;
    int64_t channels;
    int items, slabs; /* items of a work-group: 1 in the simd family */
    int part;         /* [slabs][2][channels] */
} sizes;

static tw_launch *add_launch(tw_site *site, tw_candidate *candidate, const char *file,
                             const char *entry, const sizes *s)
{
    tw_launch *l = tw_candidate_launch(site, candidate, file, entry);
    tw_launch_define(site, l, "CHANNELS", s->channels);
    return l;
}

/* A launch that goes through x. No kernel is told what it does not use: layers then share more
 * functions (TW_SIZES). */
static tw_launch *add_pass(tw_site *site, tw_candidate *candidate, const char *file,
                           const char *entry, const sizes *s)
{
    tw_launch *l = add_launch(site, candidate, file, entry, s);
    tw_launch_define_dim(site, l, "ROWS", s->rows);
    tw_launch_define(site, l, "ITEMS", s->items);
    tw_launch_define(site, l, "COLUMNS", COLUMNS);
    tw_launch_define(site, l, "GRADIENT", is_dx(site->call));
    tw_launch_define_float(site, l, "EPSILON", tw_attr_float(site->call, "epsilon"));
    return l;
}

static void optional_in(tw_site *site, tw_launch *l, const char *name, int input)
{
    const bool given = input < site->call->n_inputs && site->call->input[input];
    tw_launch_in(site, l, name, given ? site->in[input] : -1, TW_F32);
}

static void over_channels(tw_launch *l, int dimension, const sizes *s)
{
    tw_launch_global(l, dimension, TW_DIM(s->channels), s->items > 1 ? s->items : COLUMNS,
                     s->items);
}

static sizes find_sizes(tw_site *site, tw_candidate *candidate)
{
    const tw_shape *x = shape_of(site->call);
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    sizes s = {.rows = tw_shape_span(x, 0, x->rank - 1),
               .channels = tw_last_dim(x).scale,
               .items = simt ? TW_SIMT_GROUP : 1};
    const int64_t width = simt ? TW_SIMT_GROUP : COLUMNS;
    s.slabs = tw_split(site->caps, (s.channels + width - 1) / width,
                       TW_MAX(1, tw_dim_nominal(s.rows) / SLAB_ROWS));
    s.part =
        tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(2 * s.slabs * s.channels), "slabs");
    return s;
}

/* A result that the last launch reads, too; a workspace where nobody else wants it. */
static int kept(tw_site *site, tw_candidate *candidate, int result, const sizes *s)
{
    return site->out[result] >= 0
               ? site->out[result]
               : tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(s->channels), "channels");
}

static void add_sums(tw_site *site, tw_candidate *candidate, const sizes *s)
{
    const int64_t row_bytes = TW_MIN(s->channels, COLUMNS) * 4;
    tw_launch *l = add_pass(site, candidate, "channel_sums.cl", "channel_sums", s);
    tw_launch_define(site, l, "SLABS", s->slabs);
    tw_launch_define(site, l, "BLOCK_ROWS", TW_MAX(4, BLOCK_BYTES / row_bytes));
    if (is_dx(site->call)) {
        tw_launch_in(site, l, "dy", site->in[DY], TW_F32);
        tw_launch_in(site, l, "x", site->in[DX_X], TW_F32);
        tw_launch_in(site, l, "mean", site->in[MEAN], TW_F32);
        tw_launch_in(site, l, "variance", site->in[VARIANCE], TW_F32);
    } else {
        tw_launch_in(site, l, "x", site->in[X], TW_F32);
    }
    tw_launch_out(site, l, "part", s->part, TW_F32);
    over_channels(l, 0, s);
    tw_launch_global(l, 1, TW_DIM(s->slabs), 1, 1);
}

static void add_join(tw_site *site, tw_candidate *candidate, const sizes *s, const int *results)
{
    static const char *const names[2][2] = {{"mean", "variance"}, {"dscale", "dshift"}};
    const bool dx = is_dx(site->call);
    tw_launch *l = add_launch(site, candidate, dx ? "normalize_sum.cl" : "channel_moments.cl",
                              dx ? "normalize_sum" : "channel_moments", s);
    if (!dx)
        tw_launch_define_dim(site, l, "ROWS", s->rows);
    tw_launch_define(site, l, "SLABS", s->slabs);
    tw_launch_define(site, l, "STEP", s->items > 1 ? 1 : COLUMNS);
    tw_launch_in(site, l, "part", s->part, TW_F32);
    tw_launch_out(site, l, names[dx][0], results[0], TW_F32);
    tw_launch_out(site, l, names[dx][1], results[1], TW_F32);
    over_channels(l, 0, s);
}

static void add_result(tw_site *site, tw_candidate *candidate, const sizes *s, const int *results)
{
    const int64_t chunk = TW_MAX(1, ELEMENTS / TW_MIN(s->channels, COLUMNS));
    tw_launch *l = add_pass(site, candidate, "batch_normalize.cl", "batch_normalize", s);
    tw_launch_define(site, l, "CHUNK", chunk);
    if (is_dx(site->call)) {
        tw_launch_in(site, l, "dy", site->in[DY], TW_F32);
        tw_launch_in(site, l, "x", site->in[DX_X], TW_F32);
        tw_launch_in(site, l, "mean", site->in[MEAN], TW_F32);
        tw_launch_in(site, l, "variance", site->in[VARIANCE], TW_F32);
        tw_launch_in(site, l, "dscale", results[0], TW_F32);
        tw_launch_in(site, l, "dshift", results[1], TW_F32);
        optional_in(site, l, "scale", DX_SCALE);
    } else {
        tw_launch_in(site, l, "x", site->in[X], TW_F32);
        tw_launch_in(site, l, "mean", results[0], TW_F32);
        tw_launch_in(site, l, "variance", results[1], TW_F32);
        optional_in(site, l, "scale", SCALE);
        optional_in(site, l, "shift", SHIFT);
    }
    if (s->items > 1) {
        tw_launch_global(l, 0, tw_dim_multiply(s->rows, TW_DIM(s->channels)), s->items, s->items);
    } else {
        tw_launch_global(l, 0, s->rows, chunk, 1);
        over_channels(l, 1, s);
    }
    tw_launch_epilogue(site, l, 1 | 16);
}

static void variants(tw_site *site)
{
    tw_candidate *candidate = tw_site_candidate(site, site->caps->family, site->call->op->name);
    const sizes s = find_sizes(site, candidate);
    const int results[2] = {kept(site, candidate, 1, &s), kept(site, candidate, 2, &s)};
    add_sums(site, candidate, &s);
    add_join(site, candidate, &s, results);
    add_result(site, candidate, &s, results);
}

static double cost(const tw_call *call, int64_t n)
{
    return (is_dx(call) ? 12.0 : 8.0) * (double)tw_dim_at(tw_shape_count(shape_of(call)), n);
}

static const tw_operator batch_normalize = {
    .name = "batch_normalize",
    .doc = "mean 0 and variance 1 of each channel over the batch; these mean and variance",
    .inputs = "x scale? shift?",
    .results = "y mean variance",
    .attributes = attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = normalize_infer,
    .grad = normalize_grad,
    .host = normalize_host,
    .cost = cost,
    .variants = variants};

static const tw_operator batch_normalize_dx = {.name = "batch_normalize_dx",
                                               .doc = "gradient of batch_normalize",
                                               .inputs = "dy x mean variance scale?",
                                               .results = "dx dscale dshift",
                                               .attributes = attributes,
                                               .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
                                               .infer = dx_infer,
                                               .host = dx_host,
                                               .cost = cost,
                                               .variants = variants};

const tw_operator *const tw_op_batch_normalize[] = {&batch_normalize, &batch_normalize_dx, NULL};
