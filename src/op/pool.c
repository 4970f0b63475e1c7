// SPDX-License-Identifier: Apache-2.0
// Pooling of NHWC images by largest value or mean: maxpool, avgpool, their gradients, and the
// layers made of them.
#include "op/pool.h"
#include "op/convolution.h"
#include "op/helpers.h"
#include <inttypes.h>
#include <math.h>

#define COMMON                                                                                     \
    {"size", TW_ATTR_INTS, NULL, NULL, "of the window: height, width"},                            \
        {"strides", TW_ATTR_INTS, NULL, NULL, "vertical, horizontal"},                             \
    {                                                                                              \
        "pads", TW_ATTR_INTS, "0", NULL,                                                           \
            "pixels around x that count for nothing: top, left, bottom, right"                     \
    }

static const tw_attribute pool_attributes[] = {COMMON, TW_ATTRIBUTES_END};
static const tw_attribute dx_attributes[] = {COMMON,
                                             {"height", TW_ATTR_INT, NULL, NULL, "of dx"},
                                             {"width", TW_ATTR_INT, NULL, NULL, "of dx"},
                                             TW_ATTRIBUTES_END};

/* x [images,h,w,c], y [images,oh,ow,c]; -1: not known yet. */
typedef struct pool {
    tw_dim images;
    int64_t h, w, oh, ow, size[2], stride[2], pad[4];
    tw_dim channels;
    bool maximum;
} pool;

static bool is_dx(const tw_call *call)
{
    return strstr(call->op->name, "_dx") != NULL;
}

static tw_status read_pool(const tw_call *call, pool *p, tw_error *error)
{
    const tw_shape *shape = &call->input[0]->shape;
    if (shape->rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE, "input %s has rank %d instead of 4",
                       tw_call_input_name(call, 0), shape->rank);
    *p = (pool){
        .images = shape->dim[0], .channels = shape->dim[3], .maximum = call->op->name[0] == 'm'};
    TW_TRY(tw_ints_of(call, "size", 2, 1, p->size, error));
    TW_TRY(tw_ints_of(call, "strides", 2, 1, p->stride, error));
    TW_TRY(tw_ints_of(call, "pads", 4, 0, p->pad, error));
    p->h = is_dx(call) ? tw_attr_int(call, "height") : tw_dim_number(shape->dim[1]);
    p->w = is_dx(call) ? tw_attr_int(call, "width") : tw_dim_number(shape->dim[2]);
    p->oh =
        p->h < 0 ? -1 : tw_window_places(p->h, p->pad[0], p->pad[2], p->size[0], p->stride[0], 1);
    p->ow =
        p->w < 0 ? -1 : tw_window_places(p->w, p->pad[1], p->pad[3], p->size[1], p->stride[1], 1);
    return TW_OK;
}

/* A call that infer has accepted. */
static pool pool_of(const tw_call *call)
{
    pool p;
    const tw_status status = read_pool(call, &p, NULL);
    assert(status == TW_OK);
    (void)status;
    return p;
}

static tw_status check_pool(const pool *p, tw_error *error)
{
    for (int d = 0; d < 4; d++)
        if (p->pad[d] >= p->size[d % 2])
            return tw_fail(error, TW_ERROR_SHAPE,
                           "a padding of %" PRId64 " leaves windows of %" PRId64 " empty",
                           p->pad[d], p->size[d % 2]);
    if (p->maximum && p->size[0] * p->size[1] > 256)
        return tw_fail(error, TW_ERROR_UNSUPPORTED,
                       "windows of more than 256 pixels are not supported (%" PRId64 "x%" PRId64
                       "); reduce_max takes the largest of all",
                       p->size[0], p->size[1]);
    if (p->oh == 0 || p->ow == 0)
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "a window of %" PRId64 "x%" PRId64 " does not fit into %" PRId64 "x%" PRId64 " pixels",
            p->size[0], p->size[1], p->h + p->pad[0] + p->pad[2], p->w + p->pad[1] + p->pad[3]);
    return TW_OK;
}

static tw_status pool_infer(tw_call *call, tw_error *error)
{
    pool p;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(read_pool(call, &p, error));
    TW_TRY(check_pool(&p, error));
    const tw_shape y = {4, {p.images, {p.oh, 0}, {p.ow, 0}, p.channels}};
    tw_result_set(call, 0, call->input[0]->type, &y);
    if (p.maximum)
        tw_result_set(call, 1, TW_U8, &y);
    return TW_OK;
}

static tw_status dx_infer(tw_call *call, tw_error *error)
{
    pool p;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(read_pool(call, &p, error));
    TW_TRY(check_pool(&p, error));
    const tw_shape x = {4, {p.images, {p.h, 0}, {p.w, 0}, p.channels}};
    tw_result_set(call, 0, call->input[0]->type, &x);
    return TW_OK;
}

#define POOL_FORMAT "size=%d,%d strides=%d,%d pads=%d,%d,%d,%d"
#define POOL_VALUES(p)                                                                             \
    (int)(p).size[0], (int)(p).size[1], (int)(p).stride[0], (int)(p).stride[1], (int)(p).pad[0],   \
        (int)(p).pad[1], (int)(p).pad[2], (int)(p).pad[3]

/* Pixels behind the last windows are not read. */
static void pool_reads(const tw_call *call, tw_shape *part)
{
    const pool p = pool_of(call);
    *part = call->input[0]->shape;
    part->dim[1].scale = TW_MIN(p.h, (p.oh - 1) * p.stride[0] + p.size[0] - p.pad[0]);
    part->dim[2].scale = TW_MIN(p.w, (p.ow - 1) * p.stride[1] + p.size[1] - p.pad[1]);
}

static void maxpool_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                         tw_node **dx)
{
    const pool p = pool_of(call);
    if (wanted[0] && dy[0])
        dx[0] = tw_emit2(g, dy[0], call->result[1], "maxpool_dx " POOL_FORMAT " height=%d width=%d",
                         POOL_VALUES(p), (int)p.h, (int)p.w);
}

static void avgpool_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                         tw_node **dx)
{
    const pool p = pool_of(call);
    if (wanted[0])
        dx[0] = tw_emit1(g, dy[0], "avgpool_dx " POOL_FORMAT " height=%d width=%d", POOL_VALUES(p),
                         (int)p.h, (int)p.w);
}

static void avgpool_dx_grad(tw_graph *g, const tw_call *call, tw_node *const *dy,
                            const bool *wanted, tw_node **dx)
{
    const pool p = pool_of(call);
    if (wanted[0])
        dx[0] = tw_emit1(g, dy[0], "avgpool " POOL_FORMAT, POOL_VALUES(p));
}

/* ---- references ---- */

/* A window: its place in y, and its pixels inside x. */
typedef struct host_window {
    int64_t y, y0, x0, ky0, ky1, kx0, kx1, image, channel, channels;
} host_window;

typedef void (*window_function)(const tw_host_call *host, const pool *p, const host_window *v);

/* The window of element y of the result. */
static host_window window_of(const pool *p, int64_t channels, int64_t y)
{
    host_window v = {.y = y,
                     .channel = y % channels,
                     .image = y / (channels * p->ow * p->oh),
                     .x0 = y / channels % p->ow * p->stride[1] - p->pad[1],
                     .y0 = y / (channels * p->ow) % p->oh * p->stride[0] - p->pad[0],
                     .channels = channels};
    v.ky0 = TW_MAX(0, -v.y0);
    v.ky1 = TW_MIN(p->size[0], p->h - v.y0);
    v.kx0 = TW_MAX(0, -v.x0);
    v.kx1 = TW_MIN(p->size[1], p->w - v.x0);
    return v;
}

static void each_window(const tw_host_call *host, window_function function)
{
    const pool p = pool_of(host->data);
    const int64_t images = host->in[0].dim[0], channels = host->in[0].dim[3];
    for (int64_t y = 0; y < images * p.oh * p.ow * channels; y++) {
        const host_window v = window_of(&p, channels, y);
        function(host, &p, &v);
    }
}

/* Index in x of pixel (ky, kx) of the window. */
static int64_t pixel(const pool *p, const host_window *v, int64_t ky, int64_t kx)
{
    return ((v->image * p->h + v->y0 + ky) * p->w + v->x0 + kx) * v->channels + v->channel;
}

static void maximum_of(const tw_host_call *host, const pool *p, const host_window *v)
{
    const double *x = host->in[0].data;
    double best = -INFINITY;
    int64_t index = v->ky0 * p->size[1] + v->kx0;
    for (int64_t ky = v->ky0; ky < v->ky1; ky++)
        for (int64_t kx = v->kx0; kx < v->kx1; kx++) {
            const double value = x[pixel(p, v, ky, kx)];
            if (value > best || isnan(value)) {
                best = value;
                index = ky * p->size[1] + kx;
            }
        }
    ((double *)host->out[0].data)[v->y] = best;
    if (host->n_out > 1 && host->out[1].data)
        ((uint8_t *)host->out[1].data)[v->y] = (uint8_t)index;
}

/* How far two values that differ by rounding alone can be from what is right, where another pixel
 * of the window than the reference's is said to be the largest. */
static double maxpool_slack(const tw_host_call *host, int result, int64_t at, int64_t got)
{
    const pool p = pool_of(host->data);
    const host_window v = window_of(&p, host->in[0].dim[3], at);
    const int64_t ky = got / p.size[1], kx = got % p.size[1];
    if (result != 1 || ky < v.ky0 || ky >= v.ky1 || kx < v.kx0 || kx >= v.kx1)
        return INFINITY;
    const double best = ((const double *)host->out[0].data)[at],
                 value = ((const double *)host->in[0].data)[pixel(&p, &v, ky, kx)];
    if (isnan(best))
        return isnan(value) ? 0 : INFINITY;
    return best == value ? 0 : (best - value) / 2;
}

static void spread_maximum(const tw_host_call *host, const pool *p, const host_window *v)
{
    const int64_t index = ((const uint8_t *)host->in[1].data)[v->y];
    const int64_t ky = index / p->size[1], kx = index % p->size[1];
    if (ky >= v->ky0 && ky < v->ky1 && kx >= v->kx0 && kx < v->kx1)
        ((double *)host->out[0].data)[pixel(p, v, ky, kx)] +=
            ((const double *)host->in[0].data)[v->y];
}

static int64_t pixels_inside(const host_window *v)
{
    return (v->ky1 - v->ky0) * (v->kx1 - v->kx0);
}

static void mean_of(const tw_host_call *host, const pool *p, const host_window *v)
{
    double sum = 0;
    for (int64_t ky = v->ky0; ky < v->ky1; ky++)
        for (int64_t kx = v->kx0; kx < v->kx1; kx++)
            sum += ((const double *)host->in[0].data)[pixel(p, v, ky, kx)];
    ((double *)host->out[0].data)[v->y] = sum / (double)pixels_inside(v);
}

static void spread_mean(const tw_host_call *host, const pool *p, const host_window *v)
{
    const double share = ((const double *)host->in[0].data)[v->y] / (double)pixels_inside(v);
    for (int64_t ky = v->ky0; ky < v->ky1; ky++)
        for (int64_t kx = v->kx0; kx < v->kx1; kx++)
            ((double *)host->out[0].data)[pixel(p, v, ky, kx)] += share;
}

static void clear_result(const tw_host_call *host)
{
    memset(host->out[0].data, 0, (size_t)host->out[0].count * sizeof(double));
}

static void maxpool_host(const tw_host_call *host)
{
    each_window(host, maximum_of);
}
static void avgpool_host(const tw_host_call *host)
{
    each_window(host, mean_of);
}

static void maxpool_dx_host(const tw_host_call *host)
{
    clear_result(host);
    each_window(host, spread_maximum);
}

static void avgpool_dx_host(const tw_host_call *host)
{
    clear_result(host);
    each_window(host, spread_mean);
}

static double pool_cost(const tw_call *call, int64_t n)
{
    const pool p = pool_of(call);
    return (double)tw_dim_at(p.images, n) * (double)(p.oh * p.ow * p.size[0] * p.size[1]) *
           (double)tw_dim_at(p.channels, n);
}

/* ---- candidates ---- */

static void define_pool(tw_site *site, tw_launch *l, const pool *p, int vw)
{
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "MAXIMUM", p->maximum);
    tw_launch_define(site, l, "H", p->h);
    tw_launch_define(site, l, "W", p->w);
    tw_launch_define(site, l, "OH", p->oh);
    tw_launch_define(site, l, "OW", p->ow);
    tw_launch_define_dim(site, l, "C", p->channels);
    tw_launch_define(site, l, "KH", p->size[0]);
    tw_launch_define(site, l, "KW", p->size[1]);
    tw_launch_define(site, l, "SY", p->stride[0]);
    tw_launch_define(site, l, "SX", p->stride[1]);
    tw_launch_define(site, l, "PT", p->pad[0]);
    tw_launch_define(site, l, "PL", p->pad[1]);
    tw_launch_define(site, l, "INSIDE_ALL", !p->pad[0] && !p->pad[1] && !p->pad[2] && !p->pad[3]);
    if (vw == 1) {
        tw_launch_define(site, l, "GROUP", TW_SIMT_GROUP);
        tw_launch_define_dim(site, l, "IMAGES", p->images);
    }
}

static void pool_candidate(tw_site *site, tw_family family, const char *name)
{
    const pool p = pool_of(site->call);
    const bool dx = is_dx(site->call), simd = family == TW_FAMILY_SIMD;
    const int vw = simd ? tw_tile_columns(site->caps, 1, true).vw : 1;
    tw_candidate *candidate = tw_site_candidate(site, family, name);
    tw_launch *l = tw_candidate_launch(site, candidate, dx ? "pool_dx.cl" : "pool.cl",
                                       dx ? "pool_dx" : "pool");
    if (!l)
        return;
    define_pool(site, l, &p, vw);
    tw_launch_in(site, l, dx ? "dy" : "x", site->in[0], tw_site_in_type(site, 0));
    if (p.maximum && dx)
        tw_launch_in(site, l, "which", site->in[1], TW_U8);
    else if (p.maximum)
        tw_launch_out(site, l, "which", site->out[1], TW_U8);
    tw_launch_epilogue(site, l, (unsigned)vw | 1u);
    if (simd) {
        tw_launch_global(l, 0, TW_DIM(dx ? p.h : p.oh), 1, 1);
        tw_launch_global(l, 1, p.images, 1, 1);
    } else {
        tw_launch_global(l, 0, tw_shape_count(tw_site_out_shape(site, 0)), TW_SIMT_GROUP,
                         TW_SIMT_GROUP);
    }
}

static void pool_variants(tw_site *site)
{
    pool_candidate(site, TW_FAMILY_SIMD, "pool_simd");
    pool_candidate(site, TW_FAMILY_SIMT, "pool_simt");
}

/* Numbers of the largest pixels: all that a window has. */
static double dx_range(const tw_call *call, int input)
{
    const pool p = pool_of(call);
    return input == 1 ? (double)(p.size[0] * p.size[1]) : 1.0;
}

/* ---- in the kernel of the convolution before it ---- */

static bool side_by_side(const tw_call *call, tw_pooling *pooling)
{
    const pool p = pool_of(call);
    *pooling = (tw_pooling){{p.size[0], p.size[1]}, p.oh * p.size[0], p.ow * p.size[1]};
    return p.stride[0] == p.size[0] && p.stride[1] == p.size[1] && !p.pad[0] && !p.pad[1] &&
           !p.pad[2] && !p.pad[3];
}

bool tw_pooling_of(const tw_site *site, tw_pooling *pooling)
{
    return site->tail && strcmp(site->tail->call->op->name, "maxpool") == 0 &&
           side_by_side(site->tail->call, pooling);
}

bool tw_pooling_of_gradient(const tw_call *call, tw_pooling *pooling)
{
    return call && strcmp(call->op->name, "maxpool_dx") == 0 && side_by_side(call, pooling);
}

void tw_launch_pooling(tw_site *site, tw_launch *launch, const tw_pooling *pooling, unsigned widths)
{
    if (!launch)
        return;
    const int which = pooling ? site->tail->out[1] : -1;
    tw_launch_define(site, launch, "POOLED", pooling ? 1 + (which >= 0) : 0);
    if (!pooling) {
        tw_launch_epilogue(site, launch, widths);
        return;
    }
    tw_launch_define(site, launch, "POOL_H", pooling->size[0]);
    tw_launch_define(site, launch, "POOL_W", pooling->size[1]);
    tw_launch_out(site, launch, "which", which, TW_U8);
    tw_launch_tail_epilogue(site, launch, widths);
}

/* ---- layers ---- */

static const tw_attribute layer_attributes[] = {
    {"size", TW_ATTR_INTS, "2", NULL, "of the window: one number, or height,width"},
    {"stride", TW_ATTR_INTS, "", NULL, "step of the window (default: its size)"},
    {"padding", TW_ATTR_TEXT, "valid", NULL,
     "valid, same, or 1, 2 or 4 numbers (top,left,bottom,right)"},
    TW_ATTRIBUTES_END};

static tw_status read_layer(const tw_call *call, pool *p, tw_error *error)
{
    static const int64_t ones[2] = {1, 1};
    const tw_shape *x = &call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    if (x->rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s is no batch of images [n,height,width,channels]",
                       tw_shape_text(x, text));
    *p = (pool){.images = x->dim[0],
                .h = tw_dim_number(x->dim[1]),
                .w = tw_dim_number(x->dim[2]),
                .channels = x->dim[3],
                .maximum = call->op->name[0] == 'm'};
    TW_TRY(tw_ints_of(call, "size", 2, 1, p->size, error));
    memcpy(p->stride, p->size, sizeof p->stride);
    if (tw_attr_given(call, "stride"))
        TW_TRY(tw_ints_of(call, "stride", 2, 1, p->stride, error));
    TW_TRY(tw_padding_of(call, (const int64_t[]){p->h, p->w}, p->size, p->stride, ones, p->pad,
                         error));
    p->oh =
        p->h < 0 ? -1 : tw_window_places(p->h, p->pad[0], p->pad[2], p->size[0], p->stride[0], 1);
    p->ow =
        p->w < 0 ? -1 : tw_window_places(p->w, p->pad[1], p->pad[3], p->size[1], p->stride[1], 1);
    return TW_OK;
}

static tw_status layer_infer(tw_call *call, tw_error *error)
{
    pool p;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(read_layer(call, &p, error));
    TW_TRY(check_pool(&p, error));
    const tw_shape y = {4, {p.images, {p.oh, 0}, {p.ow, 0}, p.channels}};
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void layer_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    pool p;
    (void)training;
    if (read_layer(call, &p, NULL) == TW_OK) /* infer has accepted it */
        results[0] = tw_emit1(g, call->input[0], "%s " POOL_FORMAT,
                              p.maximum ? "maxpool" : "avgpool", POOL_VALUES(p));
}

static const tw_attribute global_attributes[] = {
    {"keepdims", TW_ATTR_BOOL, "no", NULL, "keep height and width, as 1"}, TW_ATTRIBUTES_END};

static tw_status global_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    if (x->rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s is no batch of images [n,height,width,channels]",
                       tw_shape_text(x, text));
    const tw_shape kept = {4, {x->dim[0], TW_DIM(1), TW_DIM(1), x->dim[3]}},
                   y = {2, {x->dim[0], x->dim[3]}};
    tw_result_set(call, 0, call->input[0]->type, tw_attr_bool(call, "keepdims") ? &kept : &y);
    return TW_OK;
}

static void global_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    results[0] = tw_emit1(g, call->input[0], "%s axes=1,2 keepdims=%s",
                          strstr(call->op->name, "max") ? "reduce_max" : "reduce_mean",
                          tw_attr_bool(call, "keepdims") ? "yes" : "no");
}

#define PRIMITIVE(variable, title, text, ports, made, table, more_flags, infer_hook, grad_hook,    \
                  host_hook, reads_hook, slack_hook, range_hook)                                   \
    static const tw_operator variable = {.name = title,                                            \
                                         .doc = text,                                              \
                                         .inputs = ports,                                          \
                                         .results = made,                                          \
                                         .attributes = table,                                      \
                                         .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL | (more_flags),  \
                                         .infer = infer_hook,                                      \
                                         .grad = grad_hook,                                        \
                                         .host = host_hook,                                        \
                                         .reads = reads_hook,                                      \
                                         .slack = slack_hook,                                      \
                                         .range = range_hook,                                      \
                                         .cost = pool_cost,                                        \
                                         .variants = pool_variants}
#define LAYER(variable, title, text, table, infer_hook, expand_hook)                               \
    static const tw_operator variable = {.name = title,                                            \
                                         .doc = text,                                              \
                                         .inputs = "x",                                            \
                                         .results = "y",                                           \
                                         .attributes = table,                                      \
                                         .infer = infer_hook,                                      \
                                         .expand = expand_hook}

PRIMITIVE(maxpool, "maxpool", "the largest value of each window, and its number in it", "x",
          "y which", pool_attributes, TW_OP_TAIL | TW_OP_LARGEST, pool_infer, maxpool_grad,
          maxpool_host, pool_reads, maxpool_slack, NULL);
PRIMITIVE(maxpool_dx, "maxpool_dx", "gradient of maxpool", "dy which", "dx", dx_attributes, 0,
          dx_infer, NULL, maxpool_dx_host, NULL, NULL, dx_range);
PRIMITIVE(avgpool, "avgpool", "the mean of each window's pixels inside the image", "x", "y",
          pool_attributes, 0, pool_infer, avgpool_grad, avgpool_host, pool_reads, NULL, NULL);
PRIMITIVE(avgpool_dx, "avgpool_dx", "gradient of avgpool", "dy", "dx", dx_attributes, 0, dx_infer,
          avgpool_dx_grad, avgpool_dx_host, NULL, NULL, NULL);
LAYER(maxpool2d, "maxpool2d", "the largest value of each window", layer_attributes, layer_infer,
      layer_expand);
LAYER(avgpool2d, "avgpool2d", "the mean of each window", layer_attributes, layer_infer,
      layer_expand);
LAYER(global_maxpool2d, "global_maxpool2d", "the largest value of each channel", global_attributes,
      global_infer, global_expand);
LAYER(global_avgpool2d, "global_avgpool2d", "the mean of each channel", global_attributes,
      global_infer, global_expand);

const tw_operator *const tw_op_pool[] = {&maxpool,          &maxpool_dx,       &avgpool,
                                         &avgpool_dx,       &maxpool2d,        &avgpool2d,
                                         &global_maxpool2d, &global_avgpool2d, NULL};
