// SPDX-License-Identifier: Apache-2.0
// The gradients of a convolution through the maxpool behind it, by image and weight: made from the
// gradient of the pool's result and the numbers of the pixels that were the largest, so that the
// gradient of the convolution's own result, three quarters of it zeros, is never computed.
#include "op/convolution_pool.h"
#include "op/helpers.h"
#include <inttypes.h>
#include <stdio.h>

#define COMMON                                                                                     \
    {"pads", TW_ATTR_INTS, "0", NULL, "as those of convolution"},                                  \
    {                                                                                              \
        "size", TW_ATTR_INTS, NULL, NULL, "of the pool's window: height, width"                    \
    }

static const tw_attribute dx_attributes[] = {COMMON,
                                             {"height", TW_ATTR_INT, NULL, NULL, "of dx"},
                                             {"width", TW_ATTR_INT, NULL, NULL, "of dx"},
                                             TW_ATTRIBUTES_END};
static const tw_attribute dw_attributes[] = {
    COMMON, {"kernel", TW_ATTR_INTS, NULL, NULL, "height, width"}, TW_ATTRIBUTES_END};

/* ---- sizes ---- */

/* Numbers of the inputs. */
enum { DX_DY, DX_WHICH, DX_W };
enum { DW_X, DW_DY, DW_WHICH };

static tw_status read_inputs(const tw_call *call, bool by_weight, tw_convolution_pool *p,
                             tw_error *error)
{
    for (int i = 0; i < call->n_inputs; i++) {
        const bool number = i == (by_weight ? DW_WHICH : DX_WHICH);
        if (call->input[i]->shape.rank != 4)
            return tw_fail(error, TW_ERROR_SHAPE, "input %s has rank %d instead of 4",
                           tw_call_input_name(call, i), call->input[i]->shape.rank);
        if (call->input[i]->type != (number ? TW_U8 : TW_F32))
            return tw_fail(error, TW_ERROR_TYPE, "%s must be %s", tw_call_input_name(call, i),
                           number ? "u8" : "f32");
    }
    const tw_shape *dy = &call->input[by_weight ? DW_DY : DX_DY]->shape,
                   *which = &call->input[by_weight ? DW_WHICH : DX_WHICH]->shape;
    if (!tw_shape_equal(dy, which))
        return tw_fail(error, TW_ERROR_SHAPE, "which must have the shape of dy");
    tw_convolution *c = &p->convolution;
    c->images = dy->dim[0];
    p->ph = tw_dim_number(dy->dim[1]);
    p->pw = tw_dim_number(dy->dim[2]);
    c->co = c->cog = tw_dim_number(dy->dim[3]);
    const tw_shape *other = &call->input[by_weight ? DW_X : DX_W]->shape;
    int64_t kernel[2] = {tw_dim_number(other->dim[0]), tw_dim_number(other->dim[1])};
    c->ci = c->cig = tw_dim_number(other->dim[by_weight ? 3 : 2]);
    if (by_weight)
        TW_TRY(tw_ints_of(call, "kernel", 2, 1, kernel, error));
    c->kh = kernel[0];
    c->kw = kernel[1];
    c->h = by_weight ? tw_dim_number(other->dim[1]) : tw_attr_int(call, "height");
    c->w = by_weight ? tw_dim_number(other->dim[2]) : tw_attr_int(call, "width");
    return TW_OK;
}

static tw_status read_sizes(const tw_call *call, bool by_weight, tw_convolution_pool *p,
                            tw_error *error)
{
    tw_convolution *c = &p->convolution;
    *p = (tw_convolution_pool){.convolution = {.groups = 1, .stride = {1, 1}, .dilation = {1, 1}}};
    TW_TRY(tw_ints_of(call, "size", 2, 1, p->size, error));
    TW_TRY(tw_ints_of(call, "pads", 4, INT32_MIN, c->pad, error));
    if (c->pad[0] < 0 || c->pad[1] < 0)
        return tw_fail(error, TW_ERROR_SHAPE, "pads= above and to the left must be at least 0");
    if (p->size[0] * p->size[1] != TW_POOL_PIXELS)
        return tw_fail(error, TW_ERROR_UNSUPPORTED,
                       "windows have %d pixels here, not %" PRId64 "x%" PRId64, TW_POOL_PIXELS,
                       p->size[0], p->size[1]);
    TW_TRY(read_inputs(call, by_weight, p, error));
    for (int d = 2; d < 4; d++)
        c->pad[d] = TW_MAX(c->pad[d], 0);
    c->oh = p->ph * p->size[0];
    c->ow = p->pw * p->size[1];
    return TW_OK;
}

void tw_convolution_pool_of(const tw_call *call, bool by_weight, tw_convolution_pool *p)
{
    const tw_status status = read_sizes(call, by_weight, p, NULL);
    assert(status == TW_OK);
    (void)status;
}

/* What must hold between the sizes that are known. */
static tw_status check_sizes(const tw_convolution_pool *p, tw_error *error)
{
    const tw_convolution *c = &p->convolution;
    if (p->ph < 0 || p->pw < 0 || c->h < 0 || c->w < 0 || c->kh < 0 || c->kw < 0)
        return TW_OK;
    if (c->oh > tw_window_places(c->h, c->pad[0], c->pad[2], c->kh, 1, 1) ||
        c->ow > tw_window_places(c->w, c->pad[1], c->pad[3], c->kw, 1, 1))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "%" PRId64 "x%" PRId64 " windows do not fit into the convolution", p->ph,
                       p->pw);
    return TW_OK;
}

static tw_dim dim_of(int64_t number)
{
    return (tw_dim){number, 0};
}

static tw_status dx_infer(tw_call *call, tw_error *error)
{
    tw_convolution_pool p;
    TW_TRY(read_sizes(call, false, &p, error));
    TW_TRY(check_sizes(&p, error));
    const tw_convolution *c = &p.convolution;
    const tw_shape *w = &call->input[DX_W]->shape;
    if (tw_dim_number(w->dim[3]) != c->co)
        return tw_fail(error, TW_ERROR_SHAPE, "w and dy must have as many output channels");
    tw_result_set(call, 0, TW_F32,
                  &(tw_shape){4, {c->images, dim_of(c->h), dim_of(c->w), w->dim[2]}});
    return TW_OK;
}

static tw_status dw_infer(tw_call *call, tw_error *error)
{
    tw_convolution_pool p;
    TW_TRY(read_sizes(call, true, &p, error));
    TW_TRY(check_sizes(&p, error));
    const tw_convolution *c = &p.convolution;
    tw_result_set(call, 0, TW_F32,
                  &(tw_shape){4,
                              {dim_of(c->kh), dim_of(c->kw), call->input[DW_X]->shape.dim[3],
                               call->input[DW_DY]->shape.dim[3]}});
    return TW_OK;
}

/* ---- in place of the gradients of all pixels ---- */

#define CHANNELS 16 /* both sides are multiples of it: of every vector */
#define TAPS 9      /* at least: below, products are cheap beside what is sorted */
#define FEW 96      /* taps, of all channels */
#define MORE 16     /* taps: as few or fewer gain nothing (3x3 of one channel) */

static bool serves(const tw_convolution *c, const tw_node *w, const tw_node *dy)
{
    tw_pooling pooling;
    return tw_pooling_of_gradient(dy->call, &pooling) &&
           pooling.size[0] * pooling.size[1] == TW_POOL_PIXELS && w->type == TW_F32 &&
           dy->type == TW_F32 && c->groups == 1 && c->stride[0] == 1 && c->stride[1] == 1 &&
           c->dilation[0] == 1 && c->dilation[1] == 1 && c->kh * c->kw >= TAPS &&
           c->co % CHANNELS == 0;
}

bool tw_convolution_pool_few(const tw_convolution *c)
{
    return c->kh * c->kw * c->ci <= FEW;
}

bool tw_convolution_pool_serves_x(const tw_convolution *c, const tw_node *w, const tw_node *dy)
{
    return serves(c, w, dy) && c->ci % CHANNELS == 0;
}

bool tw_convolution_pool_serves_w(const tw_convolution *c, const tw_node *w, const tw_node *dy)
{
    return serves(c, w, dy) && c->kh * c->kw * c->ci > MORE &&
           (c->ci % CHANNELS == 0 || tw_convolution_pool_few(c));
}

static tw_node *emit(tw_graph *g, const tw_convolution *c, const tw_node *dy, const char *name,
                     tw_node *const *inputs, const char *of)
{
    tw_pooling pooling = {{0, 0}, 0, 0};
    (void)tw_pooling_of_gradient(dy->call, &pooling);
    return tw_emit(g, 3, inputs, "%s pads=%d,%d,%d,%d size=%d,%d %s", name, (int)c->pad[0],
                   (int)c->pad[1], (int)c->pad[2], (int)c->pad[3], (int)pooling.size[0],
                   (int)pooling.size[1], of);
}

tw_node *tw_emit_pool_dx(tw_graph *g, const tw_convolution *c, const tw_node *dy, tw_node *w)
{
    char of[64];
    (void)snprintf(of, sizeof of, "height=%d width=%d", (int)c->h, (int)c->w);
    return emit(g, c, dy, "convolution_pool_dx",
                (tw_node *[]){dy->call->input[0], dy->call->input[1], w}, of);
}

tw_node *tw_emit_pool_dw(tw_graph *g, const tw_convolution *c, const tw_node *dy, tw_node *x)
{
    char of[64];
    (void)snprintf(of, sizeof of, "kernel=%d,%d", (int)c->kh, (int)c->kw);
    return emit(g, c, dy, "convolution_pool_dw",
                (tw_node *[]){x, dy->call->input[0], dy->call->input[1]}, of);
}

/* ---- references ---- */

/* Calls visit(x index, w index, y index) for each multiply-add of the pixels that were the largest.
 */
typedef void (*visitor)(const tw_host_call *host, int64_t x, int64_t w, int64_t y);

static void each_tap(const tw_host_call *host, const tw_convolution *c, const int64_t pixel[3],
                     int64_t co, int64_t y, visitor visit)
{
    for (int64_t ky = 0; ky < c->kh; ky++)
        for (int64_t kx = 0; kx < c->kw; kx++) {
            const int64_t iy = pixel[1] + ky - c->pad[0], ix = pixel[2] + kx - c->pad[1];
            if (iy < 0 || iy >= c->h || ix < 0 || ix >= c->w)
                continue;
            for (int64_t ci = 0; ci < c->ci; ci++)
                visit(host, ((pixel[0] * c->h + iy) * c->w + ix) * c->ci + ci,
                      ((ky * c->kw + kx) * c->ci + ci) * c->co + co, y);
        }
}

static void reference(const tw_host_call *host, bool by_weight, visitor visit)
{
    tw_convolution_pool p;
    tw_convolution_pool_of(host->data, by_weight, &p);
    const tw_convolution *c = &p.convolution;
    const tw_host_tensor *which = &host->in[by_weight ? DW_WHICH : DX_WHICH];
    memset(host->out[0].data, 0, (size_t)host->out[0].count * sizeof(double));
    for (int64_t y = 0; y < which->count; y++) {
        const int64_t k = ((const uint8_t *)which->data)[y] % TW_POOL_PIXELS, window = y / c->co;
        const int64_t pixel[3] = {window / (p.ph * p.pw),
                                  window / p.pw % p.ph * p.size[0] + k / p.size[1],
                                  window % p.pw * p.size[1] + k % p.size[1]};
        each_tap(host, c, pixel, y % c->co, y, visit);
    }
}

static void visit_dx(const tw_host_call *host, int64_t x, int64_t w, int64_t y)
{
    ((double *)host->out[0].data)[x] +=
        ((const double *)host->in[DX_DY].data)[y] * ((const double *)host->in[DX_W].data)[w];
}

static void visit_dw(const tw_host_call *host, int64_t x, int64_t w, int64_t y)
{
    ((double *)host->out[0].data)[w] +=
        ((const double *)host->in[DW_X].data)[x] * ((const double *)host->in[DW_DY].data)[y];
}

static void dx_host(const tw_host_call *host)
{
    reference(host, false, visit_dx);
}
static void dw_host(const tw_host_call *host)
{
    reference(host, true, visit_dw);
}

static double cost(const tw_call *call, bool by_weight, int64_t n)
{
    tw_convolution_pool p;
    tw_convolution_pool_of(call, by_weight, &p);
    const tw_convolution *c = &p.convolution;
    return (double)tw_dim_at(c->images, n) * (double)(p.ph * p.pw) * (double)(c->kh * c->kw) *
           (double)(c->ci * c->co);
}

static double dx_cost(const tw_call *call, int64_t n)
{
    return cost(call, false, n);
}
static double dw_cost(const tw_call *call, int64_t n)
{
    return cost(call, true, n);
}

/* Numbers of pixels are all of a window's. */
static double dx_range(const tw_call *call, int input)
{
    (void)call;
    return input == DX_WHICH ? TW_POOL_PIXELS : 1.0;
}
static double dw_range(const tw_call *call, int input)
{
    (void)call;
    return input == DW_WHICH ? TW_POOL_PIXELS : 1.0;
}

static const tw_operator convolution_pool_dx = {
    .name = "convolution_pool_dx",
    .doc = "gradient of convolution and the maxpool behind it by x",
    .inputs = "dy which w",
    .results = "dx",
    .attributes = dx_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = dx_infer,
    .host = dx_host,
    .cost = dx_cost,
    .range = dx_range,
    .variants = tw_convolution_pool_dx_variants};

static const tw_operator convolution_pool_dw = {
    .name = "convolution_pool_dw",
    .doc = "gradient of convolution and the maxpool behind it by the weight",
    .inputs = "x dy which",
    .results = "dw",
    .attributes = dw_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = dw_infer,
    .host = dw_host,
    .cost = dw_cost,
    .range = dw_range,
    .variants = tw_convolution_pool_dw_variants};

const tw_operator *const tw_op_convolution_pool[] = {&convolution_pool_dx, &convolution_pool_dw,
                                                     NULL};
