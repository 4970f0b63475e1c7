// SPDX-License-Identifier: Apache-2.0
// convolution of NHWC images, and its gradients by image and weight: each is made of the other two.
#include "op/convolution_pool.h"
#include "op/helpers.h"
#include <inttypes.h>
#include <stdio.h>

#define COMMON                                                                                     \
    {"strides", TW_ATTR_INTS, "1", NULL, "vertical, horizontal"},                                  \
        {"pads", TW_ATTR_INTS, "0", NULL,                                                          \
         "zeros around x: top, left, bottom, right; the last two below 0: pixels left out"},       \
        {"dilation", TW_ATTR_INTS, "1", NULL, "distance of taps: vertical, horizontal"},           \
    {                                                                                              \
        "groups", TW_ATTR_INT, "1", NULL, "parts of the channels that do not mix"                  \
    }

static const tw_attribute convolution_attributes[] = {COMMON, TW_ATTRIBUTES_END};
static const tw_attribute dx_attributes[] = {COMMON,
                                             {"height", TW_ATTR_INT, NULL, NULL, "of dx"},
                                             {"width", TW_ATTR_INT, NULL, NULL, "of dx"},
                                             TW_ATTRIBUTES_END};
static const tw_attribute dw_attributes[] = {
    COMMON, {"kernel", TW_ATTR_INTS, NULL, NULL, "height, width"}, TW_ATTRIBUTES_END};

/* ---- sizes ---- */

static tw_status read_window(const tw_call *call, tw_convolution *c, tw_error *error)
{
    TW_TRY(tw_ints_of(call, "strides", 2, 1, c->stride, error));
    TW_TRY(tw_ints_of(call, "pads", 4, INT32_MIN, c->pad, error));
    if (c->pad[0] < 0 || c->pad[1] < 0)
        return tw_fail(error, TW_ERROR_SHAPE, "pads= above and to the left must be at least 0");
    TW_TRY(tw_ints_of(call, "dilation", 2, 1, c->dilation, error));
    c->groups = tw_attr_int(call, "groups");
    if (c->groups < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "groups=%" PRId64 " is not possible", c->groups);
    return TW_OK;
}

static void read_image(const tw_shape *shape, tw_dim *images, int64_t *h, int64_t *w,
                       int64_t *channels)
{
    *images = shape->dim[0];
    *h = tw_dim_number(shape->dim[1]);
    *w = tw_dim_number(shape->dim[2]);
    *channels = tw_dim_number(shape->dim[3]);
}

static void read_weight(const tw_shape *shape, tw_convolution *c)
{
    c->kh = tw_dim_number(shape->dim[0]);
    c->kw = tw_dim_number(shape->dim[1]);
    c->cig = tw_dim_number(shape->dim[2]);
    c->co = tw_dim_number(shape->dim[3]);
}

/* From shapes and attributes; what is not known yet is -1. */
static tw_status read_sizes(const tw_call *call, tw_convolution_kind kind, tw_convolution *c,
                            tw_error *error)
{
    const tw_shape *first = &call->input[0]->shape, *second = &call->input[1]->shape;
    *c = (tw_convolution){.h = -1, .oh = -1};
    TW_TRY(read_window(call, c, error));
    if (first->rank != 4 || second->rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE, "input %s has rank %d instead of 4",
                       tw_call_input_name(call, first->rank != 4 ? 0 : 1),
                       first->rank != 4 ? first->rank : second->rank);
    int64_t size[2];
    switch (kind) {
    case TW_CONVOLUTION:
        read_image(first, &c->images, &c->h, &c->w, &c->ci);
        read_weight(second, c);
        c->oh = c->h < 0 || c->kh < 0 ? -1
                                      : tw_window_places(c->h, c->pad[0], c->pad[2], c->kh,
                                                         c->stride[0], c->dilation[0]);
        c->ow = c->w < 0 || c->kw < 0 ? -1
                                      : tw_window_places(c->w, c->pad[1], c->pad[3], c->kw,
                                                         c->stride[1], c->dilation[1]);
        break;
    case TW_CONVOLUTION_DX:
        read_weight(second, c);
        read_image(first, &c->images, &c->oh, &c->ow, &c->co);
        c->h = tw_attr_int(call, "height");
        c->w = tw_attr_int(call, "width");
        c->ci = c->cig < 0 ? -1 : c->cig * c->groups;
        break;
    default:
        TW_TRY(tw_ints_of(call, "kernel", 2, 1, size, error));
        read_image(first, &c->images, &c->h, &c->w, &c->ci);
        read_image(second, &c->images, &c->oh, &c->ow, &c->co);
        c->kh = size[0];
        c->kw = size[1];
        c->cig = c->ci < 0 ? -1 : c->ci / c->groups;
        break;
    }
    c->cog = c->co < 0 ? -1 : c->co / c->groups;
    return TW_OK;
}

/* A call that infer has accepted, with its pads as they are written. */
static void sizes_of(const tw_call *call, tw_convolution_kind kind, tw_convolution *c)
{
    const tw_status status = read_sizes(call, kind, c, NULL);
    assert(status == TW_OK);
    (void)status;
}

void tw_convolution_of(const tw_call *call, tw_convolution_kind kind, tw_convolution *c)
{
    sizes_of(call, kind, c);
    c->pad[2] = TW_MAX(c->pad[2], 0);
    c->pad[3] = TW_MAX(c->pad[3], 0);
}

/* What must hold between the sizes that are known. */
static tw_status check_sizes(const tw_convolution *c, tw_error *error)
{
    if ((c->ci >= 0 && c->ci % c->groups != 0) || (c->co >= 0 && c->co % c->groups != 0))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "groups=%" PRId64 " does not divide %" PRId64 " input and %" PRId64
                       " output channels",
                       c->groups, c->ci, c->co);
    if (c->ci >= 0 && c->cig >= 0 && c->ci != c->cig * c->groups)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "x has %" PRId64 " channels, the weight is for %" PRId64, c->ci,
                       c->cig * c->groups);
    if (c->h < 0 || c->w < 0 || c->oh < 0 || c->ow < 0 || c->kh < 0 || c->kw < 0)
        return TW_OK;
    const int64_t oh =
        tw_window_places(c->h, c->pad[0], c->pad[2], c->kh, c->stride[0], c->dilation[0]);
    const int64_t ow =
        tw_window_places(c->w, c->pad[1], c->pad[3], c->kw, c->stride[1], c->dilation[1]);
    if (oh < 1 || ow < 1)
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "a kernel of %" PRId64 "x%" PRId64 " does not fit into %" PRId64 "x%" PRId64 " pixels",
            tw_window_reach(c->kh, c->dilation[0]), tw_window_reach(c->kw, c->dilation[1]),
            c->h + c->pad[0] + c->pad[2], c->w + c->pad[1] + c->pad[3]);
    if (oh != c->oh || ow != c->ow)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "dy has %" PRId64 "x%" PRId64 " pixels instead of %" PRId64 "x%" PRId64,
                       c->oh, c->ow, oh, ow);
    return TW_OK;
}

static tw_dim dim_of(int64_t number)
{
    return (tw_dim){number, 0};
}

static tw_status infer(tw_call *call, tw_convolution_kind kind, tw_error *error)
{
    tw_convolution c;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(tw_expect_real(call, 1, error));
    if (call->input[0]->type != call->input[1]->type)
        return tw_fail(error, TW_ERROR_TYPE, "%s is %s and %s is %s", tw_call_input_name(call, 0),
                       tw_type_name(call->input[0]->type), tw_call_input_name(call, 1),
                       tw_type_name(call->input[1]->type));
    TW_TRY(read_sizes(call, kind, &c, error));
    TW_TRY(check_sizes(&c, error));
    tw_shape y = {.rank = 4};
    if (kind == TW_CONVOLUTION)
        y = (tw_shape){4, {c.images, dim_of(c.oh), dim_of(c.ow), call->input[1]->shape.dim[3]}};
    else if (kind == TW_CONVOLUTION_DX)
        y = (tw_shape){4, {c.images, dim_of(c.h), dim_of(c.w), dim_of(c.ci)}};
    else
        y = (tw_shape){4,
                       {dim_of(c.kh), dim_of(c.kw), dim_of(c.cig), call->input[1]->shape.dim[3]}};
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static tw_status convolution_infer(tw_call *call, tw_error *error)
{
    return infer(call, TW_CONVOLUTION, error);
}
static tw_status dx_infer(tw_call *call, tw_error *error)
{
    return infer(call, TW_CONVOLUTION_DX, error);
}
static tw_status dw_infer(tw_call *call, tw_error *error)
{
    return infer(call, TW_CONVOLUTION_DW, error);
}

/* ---- gradients ---- */

static const char *window_text(const tw_convolution *c, char buffer[256])
{
    (void)snprintf(buffer, 256,
                   "strides=%" PRId64 ",%" PRId64 " pads=%" PRId64 ",%" PRId64 ",%" PRId64
                   ",%" PRId64 " dilation=%" PRId64 ",%" PRId64 " groups=%" PRId64,
                   c->stride[0], c->stride[1], c->pad[0], c->pad[1], c->pad[2], c->pad[3],
                   c->dilation[0], c->dilation[1], c->groups);
    return buffer;
}

static tw_node *emit_y(tw_graph *g, const tw_convolution *c, tw_node *x, tw_node *w)
{
    char text[256];
    return tw_emit2(g, x, w, "convolution %s", window_text(c, text));
}

static tw_node *emit_dx(tw_graph *g, const tw_convolution *c, tw_node *dy, tw_node *w)
{
    char text[256];
    return tw_emit2(g, dy, w, "convolution_dx %s height=%d width=%d", window_text(c, text),
                    (int)c->h, (int)c->w);
}

static tw_node *emit_dw(tw_graph *g, const tw_convolution *c, tw_node *x, tw_node *dy)
{
    char text[256];
    return tw_emit2(g, x, dy, "convolution_dw %s kernel=%d,%d", window_text(c, text), (int)c->kh,
                    (int)c->kw);
}

static void convolution_grad(tw_graph *g, const tw_call *call, tw_node *const *dy,
                             const bool *wanted, tw_node **dx)
{
    tw_convolution c;
    sizes_of(call, TW_CONVOLUTION, &c);
    if (wanted[0])
        dx[0] = tw_convolution_pool_serves_x(&c, call->input[1], dy[0])
                    ? tw_emit_pool_dx(g, &c, dy[0], call->input[1])
                    : emit_dx(g, &c, dy[0], call->input[1]);
    if (wanted[1])
        dx[1] = tw_convolution_pool_serves_w(&c, call->input[1], dy[0])
                    ? tw_emit_pool_dw(g, &c, dy[0], call->input[0])
                    : emit_dw(g, &c, call->input[0], dy[0]);
}

static void dx_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                    tw_node **dx)
{
    tw_convolution c;
    sizes_of(call, TW_CONVOLUTION_DX, &c);
    if (wanted[0])
        dx[0] = emit_y(g, &c, dy[0], call->input[1]);
    if (wanted[1])
        dx[1] = emit_dw(g, &c, dy[0], call->input[0]);
}

static void dw_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                    tw_node **dx)
{
    tw_convolution c;
    sizes_of(call, TW_CONVOLUTION_DW, &c);
    if (wanted[0])
        dx[0] = emit_dx(g, &c, call->input[1], dy[0]);
    if (wanted[1])
        dx[1] = emit_y(g, &c, call->input[0], dy[0]);
}

/* The last rows and columns of y are left out by less padding there, or less than none. A product
 * of all pixels stays one. */
static bool narrow(tw_call *call, const tw_shape *part)
{
    tw_convolution c;
    sizes_of(call, TW_CONVOLUTION, &c);
    if (c.kh * c.kw == 1 || part->rank != 4)
        return false;
    c.pad[2] -= (c.oh - part->dim[1].scale) * c.stride[0];
    c.pad[3] -= (c.ow - part->dim[2].scale) * c.stride[1];
    tw_attr *pads = &call->attr[tw_attr_get(call, "pads") - call->attr];
    pads->given = true;
    pads->count = 4;
    for (int d = 0; d < 4; d++)
        pads->list[d] = TW_DIM(c.pad[d]);
    call->result[0]->shape = *part;
    return true;
}

/* ---- references ---- */

/* Calls visit(x index, w index, y index) for each multiply-add of the convolution. */
typedef void (*visitor)(const tw_host_call *host, int64_t x, int64_t w, int64_t y);

static void each_channel(const tw_host_call *host, const tw_convolution *c, int64_t x, int64_t w,
                         int64_t y, visitor visit)
{
    for (int64_t co = 0; co < c->co; co++)
        for (int64_t ci = 0; ci < c->cig; ci++)
            visit(host, x + co / c->cog * c->cig + ci, w + ci * c->co + co, y + co);
}

static void each_tap(const tw_host_call *host, const tw_convolution *c, int64_t image, int64_t oy,
                     int64_t ox, visitor visit)
{
    for (int64_t ky = 0; ky < c->kh; ky++)
        for (int64_t kx = 0; kx < c->kw; kx++) {
            const int64_t iy = oy * c->stride[0] + ky * c->dilation[0] - c->pad[0];
            const int64_t ix = ox * c->stride[1] + kx * c->dilation[1] - c->pad[1];
            if (iy >= 0 && iy < c->h && ix >= 0 && ix < c->w)
                each_channel(host, c, ((image * c->h + iy) * c->w + ix) * c->ci,
                             (ky * c->kw + kx) * c->cig * c->co,
                             ((image * c->oh + oy) * c->ow + ox) * c->co, visit);
        }
}

static void reference(const tw_host_call *host, tw_convolution_kind kind, visitor visit)
{
    tw_convolution c;
    tw_convolution_of(host->data, kind, &c);
    memset(host->out[0].data, 0, (size_t)host->out[0].count * sizeof(double));
    for (int64_t image = 0; image < host->in[0].dim[0]; image++)
        for (int64_t oy = 0; oy < c.oh; oy++)
            for (int64_t ox = 0; ox < c.ow; ox++)
                each_tap(host, &c, image, oy, ox, visit);
}

static void visit_y(const tw_host_call *host, int64_t x, int64_t w, int64_t y)
{
    ((double *)host->out[0].data)[y] +=
        ((const double *)host->in[0].data)[x] * ((const double *)host->in[1].data)[w];
}

static void visit_dx(const tw_host_call *host, int64_t x, int64_t w, int64_t y)
{
    ((double *)host->out[0].data)[x] +=
        ((const double *)host->in[0].data)[y] * ((const double *)host->in[1].data)[w];
}

static void visit_dw(const tw_host_call *host, int64_t x, int64_t w, int64_t y)
{
    ((double *)host->out[0].data)[w] +=
        ((const double *)host->in[0].data)[x] * ((const double *)host->in[1].data)[y];
}

static void convolution_host(const tw_host_call *host)
{
    reference(host, TW_CONVOLUTION, visit_y);
}
static void dx_host(const tw_host_call *host)
{
    reference(host, TW_CONVOLUTION_DX, visit_dx);
}
static void dw_host(const tw_host_call *host)
{
    reference(host, TW_CONVOLUTION_DW, visit_dw);
}

/* ---- multiply-adds, the same number for all three ---- */

static double cost(const tw_call *call, tw_convolution_kind kind, int64_t n)
{
    tw_convolution c;
    tw_convolution_of(call, kind, &c);
    return (double)tw_dim_at(c.images, n) * (double)(c.oh * c.ow) * (double)(c.kh * c.kw) *
           (double)(c.cig * c.co);
}

static double convolution_cost(const tw_call *call, int64_t n)
{
    return cost(call, TW_CONVOLUTION, n);
}
static double dx_cost(const tw_call *call, int64_t n)
{
    return cost(call, TW_CONVOLUTION_DX, n);
}
static double dw_cost(const tw_call *call, int64_t n)
{
    return cost(call, TW_CONVOLUTION_DW, n);
}

static const tw_operator convolution = {
    .name = "convolution",
    .doc = "sliding products of images with a weight: what conv2d is made of",
    .inputs = "x w",
    .results = "y",
    .attributes = convolution_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_TAILED | TW_OP_INTERNAL,
    .infer = convolution_infer,
    .grad = convolution_grad,
    .narrow = narrow,
    .host = convolution_host,
    .cost = convolution_cost,
    .variants = tw_convolution_variants};

static const tw_operator convolution_dx = {
    .name = "convolution_dx",
    .doc = "gradient of convolution by x, and so a transposed convolution",
    .inputs = "dy w",
    .results = "dx",
    .attributes = dx_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = dx_infer,
    .grad = dx_grad,
    .host = dx_host,
    .cost = dx_cost,
    .variants = tw_convolution_dx_variants};

static const tw_operator convolution_dw = {.name = "convolution_dw",
                                           .doc = "gradient of convolution by its weight",
                                           .inputs = "x dy",
                                           .results = "dw",
                                           .attributes = dw_attributes,
                                           .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
                                           .infer = dw_infer,
                                           .grad = dw_grad,
                                           .host = dw_host,
                                           .cost = dw_cost,
                                           .variants = tw_convolution_dw_variants};

const tw_operator *const tw_op_convolution[] = {&convolution, &convolution_dx, &convolution_dw,
                                                NULL};
