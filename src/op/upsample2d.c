// SPDX-License-Identifier: Apache-2.0
// upsample2d: images enlarged by whole numbers, each pixel repeated, or bilinear between the
// centres of pixels, as Keras's UpSampling2D (and PyTorch's interpolate with align_corners=False);
// and its gradient, in which each pixel gathers what came of it.
#include "op/convolution.h"
#include "op/tile.h"
#include <inttypes.h>
#include <math.h>

static const tw_attribute upsample_attributes[] = {
    {"size", TW_ATTR_INTS, "2", NULL, "factor: one number, or height,width"},
    {"mode", TW_ATTR_CHOICE, "nearest", "nearest|bilinear", "what lies between pixels"},
    TW_ATTRIBUTES_END};

/* The small image [images,h,w,channels] and the factors; -1: not known yet. */
typedef struct scaling {
    tw_dim images, channels;
    int64_t h, w, size[2];
    bool bilinear;
} scaling;

static bool is_dx(const tw_call *call)
{
    return call->op->inputs[0] == 'd';
}

static tw_status read_scaling(const tw_call *call, scaling *s, tw_error *error)
{
    const tw_shape *shape = &call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    if (shape->rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s is no batch of images [n,height,width,channels]",
                       tw_shape_text(shape, text));
    *s = (scaling){.images = shape->dim[0],
                   .channels = shape->dim[3],
                   .h = tw_dim_number(shape->dim[1]),
                   .w = tw_dim_number(shape->dim[2]),
                   .bilinear = tw_attr_is(call, "mode", "bilinear")};
    TW_TRY(tw_ints_of(call, "size", 2, 1, s->size, error));
    for (int d = 0; d < 2 && is_dx(call); d++) {
        int64_t *extent = d ? &s->w : &s->h;
        if (*extent < 0)
            continue;
        if (*extent % s->size[d])
            return tw_fail(error, TW_ERROR_SHAPE, "size= does not divide the image dy%s",
                           tw_shape_text(shape, text));
        *extent /= s->size[d];
    }
    return TW_OK;
}

/* A call that infer has accepted. */
static scaling scaling_of(const tw_call *call)
{
    scaling s;
    const tw_status status = read_scaling(call, &s, NULL);
    assert(status == TW_OK);
    (void)status;
    return s;
}

static tw_status upsample_infer(tw_call *call, tw_error *error)
{
    scaling s;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(read_scaling(call, &s, error));
    const int64_t up[2] = {is_dx(call) ? 1 : s.size[0], is_dx(call) ? 1 : s.size[1]};
    const int64_t h = s.h < 0 ? -1 : s.h * up[0], w = s.w < 0 ? -1 : s.w * up[1];
    if (h > INT32_MAX / TW_MAX(w, 1))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "size=%" PRId64 ",%" PRId64 " would make images of more than 2^31 pixels",
                       s.size[0], s.size[1]);
    tw_result_set(call, 0, call->input[0]->type,
                  &(tw_shape){4, {s.images, {h, 0}, {w, 0}, s.channels}});
    return TW_OK;
}

static void upsample_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                          tw_node **dx)
{
    const scaling s = scaling_of(call);
    if (wanted[0])
        dx[0] = tw_emit1(g, dy[0], "upsample2d_dx size=%d,%d mode=%s", (int)s.size[0],
                         (int)s.size[1], s.bilinear ? "bilinear" : "nearest");
}

static void upsample_dx_grad(tw_graph *g, const tw_call *call, tw_node *const *dy,
                             const bool *wanted, tw_node **dx)
{
    const scaling s = scaling_of(call);
    if (wanted[0])
        dx[0] = tw_emit1(g, dy[0], "upsample2d size=%d,%d mode=%s", (int)s.size[0], (int)s.size[1],
                         s.bilinear ? "bilinear" : "nearest");
}

/* ---- references: every pixel of the large image meets those of the small one that it lies between
 * ---- */

/* The share of place `in`, of `extent`, in place `out` of the enlarged row. */
static double share(bool bilinear, int64_t out, int64_t in, int64_t factor, int64_t extent)
{
    if (!bilinear)
        return out / factor == in;
    double centre = ((double)out + 0.5) / (double)factor - 0.5;
    centre = centre < 0 ? 0 : centre > (double)(extent - 1) ? (double)(extent - 1) : centre;
    return fmax(0, 1 - fabs(centre - (double)in));
}

/* First place of the small row that a place of the large one can have a share of; the next is the
 * only other. */
static int64_t first_place(int64_t out, int64_t factor)
{
    return TW_MAX(0, (2 * out + 1 - factor) / (2 * factor));
}

typedef struct meeting {
    int64_t large, small; /* indices of the pixels' first channels */
    double share;
} meeting;

typedef void (*meeting_function)(const tw_host_call *host, const meeting *m, int64_t channels);

static void each_meeting(const tw_host_call *host, meeting_function function)
{
    const scaling s = scaling_of(host->data);
    const int64_t images = host->in[0].dim[0], channels = host->in[0].dim[3];
    const int64_t oh = s.h * s.size[0], ow = s.w * s.size[1];
    for (int64_t pixel = 0; pixel < images * oh * ow; pixel++) {
        const int64_t image = pixel / (oh * ow), y = pixel / ow % oh, x = pixel % ow;
        const int64_t iy = first_place(y, s.size[0]), ix = first_place(x, s.size[1]);
        for (int64_t j = iy; j < TW_MIN(iy + 2, s.h); j++)
            for (int64_t i = ix; i < TW_MIN(ix + 2, s.w); i++) {
                const meeting m = {pixel * channels, ((image * s.h + j) * s.w + i) * channels,
                                   share(s.bilinear, y, j, s.size[0], s.h) *
                                       share(s.bilinear, x, i, s.size[1], s.w)};
                if (m.share > 0)
                    function(host, &m, channels);
            }
    }
}

static void take(const tw_host_call *host, const meeting *m, int64_t channels)
{
    for (int64_t c = 0; c < channels; c++)
        ((double *)host->out[0].data)[m->large + c] +=
            m->share * ((const double *)host->in[0].data)[m->small + c];
}

static void give(const tw_host_call *host, const meeting *m, int64_t channels)
{
    for (int64_t c = 0; c < channels; c++)
        ((double *)host->out[0].data)[m->small + c] +=
            m->share * ((const double *)host->in[0].data)[m->large + c];
}

static void upsample_host(const tw_host_call *host)
{
    memset(host->out[0].data, 0, (size_t)host->out[0].count * sizeof(double));
    each_meeting(host, is_dx(host->data) ? give : take);
}

static double upsample_cost(const tw_call *call, int64_t n)
{
    const scaling s = scaling_of(call);
    return (s.bilinear ? 4.0 : 1.0) * (double)(s.h * s.size[0] * s.w * s.size[1]) *
           (double)tw_dim_at(tw_dim_multiply(s.images, s.channels), n);
}

/* ---- candidates ---- */

static void upsample_candidate(tw_site *site, tw_family family, const char *name)
{
    const scaling s = scaling_of(site->call);
    const bool dx = is_dx(site->call), simd = family == TW_FAMILY_SIMD;
    const int vw = simd ? tw_tile_columns(site->caps, 1, true).vw : 1;
    const tw_shape *result = tw_site_out_shape(site, 0);
    tw_launch *l = tw_candidate_launch(site, tw_site_candidate(site, family, name),
                                       dx ? "upsample2d_dx.cl" : "upsample2d.cl",
                                       dx ? "upsample2d_dx" : "upsample2d");
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "GROUP", TW_SIMT_GROUP);
    tw_launch_define(site, l, "BILINEAR", s.bilinear);
    tw_launch_define(site, l, "H", s.h);
    tw_launch_define(site, l, "W", s.w);
    tw_launch_define(site, l, "SY", s.size[0]);
    tw_launch_define(site, l, "SX", s.size[1]);
    tw_launch_define_dim(site, l, "C", s.channels);
    tw_launch_define_dim(site, l, "IMAGES", s.images);
    tw_launch_in(site, l, dx ? "dy" : "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_epilogue(site, l, (unsigned)vw | 1u);
    if (simd) {
        tw_launch_global(l, 0, result->dim[1], 1, 1);
        tw_launch_global(l, 1, s.images, 1, 1);
    } else {
        tw_launch_global(l, 0, tw_shape_count(result), TW_SIMT_GROUP, TW_SIMT_GROUP);
    }
}

static void upsample_variants(tw_site *site)
{
    upsample_candidate(site, TW_FAMILY_SIMD, "upsample2d_simd");
    upsample_candidate(site, TW_FAMILY_SIMT, "upsample2d_simt");
}

#define UPSAMPLE(variable, name_, doc_, inputs_, result_, flags_, grad_)                           \
    static const tw_operator variable = {.name = name_,                                            \
                                         .doc = doc_,                                              \
                                         .inputs = inputs_,                                        \
                                         .results = result_,                                       \
                                         .attributes = upsample_attributes,                        \
                                         .flags = TW_OP_EPILOGUE | flags_,                         \
                                         .infer = upsample_infer,                                  \
                                         .grad = grad_,                                            \
                                         .host = upsample_host,                                    \
                                         .cost = upsample_cost,                                    \
                                         .variants = upsample_variants}

UPSAMPLE(upsample2d, "upsample2d", "images enlarged by whole numbers, nearest or bilinear", "x",
         "y", 0, upsample_grad);
UPSAMPLE(upsample2d_dx, "upsample2d_dx", "gradient of upsample2d", "dy", "dx", TW_OP_INTERNAL,
         upsample_dx_grad);

const tw_operator *const tw_op_upsample2d[] = {&upsample2d, &upsample2d_dx, NULL};
