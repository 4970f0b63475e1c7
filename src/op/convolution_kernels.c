// SPDX-License-Identifier: Apache-2.0
// Candidates for convolutions and their gradients by x: which kernel, which tile, what is packed
// and padded before it.
#include "op/convolution_launch.h"
#include <math.h>

/* Rows x columns of output pixels that a tile covers. */
typedef struct pixels {
    int tr, tc;
} pixels;

static bool is_depthwise(const tw_convolution *c)
{
    return c->groups > 1 && c->cig == 1 && c->cog == 1;
}

/* One product over all pixels. */
static bool is_pointwise(const tw_convolution *c)
{
    return c->kh == 1 && c->kw == 1 && c->stride[0] == 1 && c->stride[1] == 1 && c->groups == 1 &&
           !tw_convolution_padded(c);
}

/* Least waste at the edges; tiles of several rows only where rows are short. band: rows that tiles
 * are to divide; 0: none. */
static pixels choose_pixels(int64_t oh, int64_t ow, int64_t band, int most)
{
    pixels best = {1, 1};
    double best_cost = INFINITY;
    for (int tr = 1; tr <= TW_MIN(oh, most); tr++)
        for (int tc = 1; tc <= TW_MIN(ow, most / tr) && band % tr == 0; tc++) {
            const double tiles = (double)(tw_ceil_divide(oh, tr) * tw_ceil_divide(ow, tc));
            const double cost = tiles * (tr * tc + 3) * (tr > 1 ? 1.15 : 1);
            if (cost <= best_cost) {
                best = (pixels){tr, tc};
                best_cost = cost;
            }
        }
    return best;
}

/* ---- forward, and by x at stride 1 ---- */

#define EDGE_TAPS 5 /* taps in a row that EDGES of cl/convolution.cl spells out */

/* Whether a tile is a whole row whose taps can leave out the pixels that lie in the padding. */
static bool has_edges(const tw_convolution *c, pixels t)
{
    return (c->pad[1] || c->pad[3]) && t.tr == 1 && t.tc == c->ow && c->kw <= EDGE_TAPS &&
           c->stride[1] == 1 && c->dilation[1] == 1 && c->groups == 1;
}

/* Register tiles over x, the site's first input, with the sizes c. Padding rows are left out by the
 * kernel when a tile has one row, padding left and right when it has all of a row; other padding is
 * a copy. flip 1: c is the convolution of dy that gives dx, its channels and pads already
 * exchanged, and `weight` says how the weight is stored. pooling: see tw_winograd_simd. */
static void tile_simd(tw_site *site, const tw_convolution *c, const tw_convolution *weight,
                      int flip, pixels t, int nv, const tw_pooling *pooling,
                      tw_candidate *candidate)
{
    const tw_tile tile = tw_tile_of(site->caps, c->cog, nv);
    const tw_type type = tw_site_in_type(site, 0);
    if (!candidate)
        return;
    const int w = tw_emit_pack(site, candidate, weight, &tile, flip);
    int x = site->in[0];
    tw_plane size = {c->h, c->w};
    int64_t top = c->pad[0];
    const bool edges = has_edges(c, t);
    if (!edges && (c->pad[1] || c->pad[3] || (t.tr > 1 && tw_convolution_padded(c)))) {
        const bool rows = t.tr > 1;
        const tw_plane to = {rows ? c->h + c->pad[0] + c->pad[2] : c->h,
                             c->w + c->pad[1] + c->pad[3]};
        x = tw_emit_pad(site, candidate,
                        &(tw_padding){x, type, c->images, size, to, rows ? c->pad[0] : 0, c->pad[1],
                                      1, c->ci, c->ci});
        size = to;
        top = rows ? 0 : c->pad[0];
    }
    const bool run = c->groups == 1 && c->dilation[1] == 1;
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution.cl", "convolution");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, size, top, edges ? c->pad[1] : 0);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "EDGES", edges);
    tw_launch_define(site, l, "TR", t.tr);
    tw_launch_define(site, l, "TC", t.tc);
    tw_launch_define(site, l, "KXN", run ? 1 : c->kw);
    tw_launch_define(site, l, "RUN", run ? c->kw * c->ci : c->cig);
    tw_launch_in(site, l, "x", x, type);
    tw_launch_in(site, l, "w", w, TW_F32);
    tw_launch_global(l, 0, TW_DIM(c->groups * tile.blocks), 1, 1);
    tw_launch_global(l, 1, TW_DIM(c->oh), pooling ? pooling->size[0] : t.tr, 1);
    tw_launch_global(l, 2, c->images, 1, 1);
    tw_launch_pooling(site, l, pooling, tw_tile_widths(&tile));
}

/* The tile by the rules; as alternatives those of other sizes, and of one row, so that less is
 * copied. */
static void tiles_simd(tw_site *site, const tw_convolution *c, const tw_convolution *weight,
                       int flip, const tw_pooling *pooling)
{
    const char *name = pooling ? "convolution_pool_simd" : "convolution_simd";
    const int nv = tw_tile_columns(site->caps, c->cog, true).nv;
    const int64_t band = pooling ? pooling->size[0] : 0;
    const pixels t = choose_pixels(c->oh, c->ow, band, tw_tile_max_rows(site->caps));
    tile_simd(site, c, weight, flip, t, nv, pooling, tw_site_candidate(site, TW_FAMILY_SIMD, name));
    tw_tile_shape shape;
    for (int i = 0; site->wanted && tw_tile_trial(site->caps, i, &shape); i++) {
        const pixels trial[] = {choose_pixels(c->oh, c->ow, band, shape.rows),
                                choose_pixels(1, c->ow, band, shape.rows)};
        for (int k = 0; k < TW_COUNT(trial); k++)
            if ((trial[k].tr != t.tr || trial[k].tc != t.tc || shape.nv != nv) &&
                shape.nv <= tw_tile_trial_vectors(site->caps, c->cog))
                tile_simd(site, c, weight, flip, trial[k], shape.nv, pooling,
                          tw_site_alternative(site, TW_FAMILY_SIMD, "%s:%dx%dx%d", name,
                                              trial[k].tr, trial[k].tc, shape.nv));
    }
}

/* Direct and Winograd's, the faster one first. */
static void products_simd(tw_site *site, const tw_convolution *c, const tw_convolution *weight,
                          int flip)
{
    const bool first = tw_winograd_pays(site, c);
    if (first)
        tw_winograd_simd(site, c, flip, NULL);
    tiles_simd(site, c, weight, flip, NULL);
    if (!first && tw_winograd_fits(c))
        tw_winograd_simd(site, c, flip, NULL);
}

#define POOL_BYTES 65536 /* of a row of windows that convolution.cl keeps */

/* Those that compute the maxpool of the site's tail as well. */
static void pooled_simd(tw_site *site, const tw_convolution *c)
{
    tw_pooling pooling;
    if (!tw_pooling_of(site, &pooling))
        return;
    tw_convolution covered = *c;
    covered.oh = pooling.h;
    covered.ow = pooling.w;
    const tw_tile tile = tw_tile_columns(site->caps, c->cog, true);
    const bool winograd = tw_winograd_fits(c) && tw_winograd_pools(&pooling);
    const bool first = winograd && tw_winograd_pays(site, &covered);
    if (first)
        tw_winograd_simd(site, &covered, false, &pooling);
    if (pooling.size[0] * pooling.w * tile.width * (int64_t)sizeof(float) <= POOL_BYTES)
        tiles_simd(site, &covered, &covered, 0, &pooling);
    if (!first && winograd)
        tw_winograd_simd(site, &covered, false, &pooling);
}

/* The convolution of dy with the weight turned round that gives dx, at stride 1. Pads may become
 * negative: cropped. */
static tw_convolution turned(const tw_convolution *c)
{
    tw_convolution d = *c;
    d.h = c->oh;
    d.w = c->ow;
    d.oh = c->h;
    d.ow = c->w;
    d.ci = c->co;
    d.co = c->ci;
    d.cig = c->cog;
    d.cog = c->cig;
    for (int i = 0; i < 2; i++) {
        const int64_t reach = tw_window_reach(i ? c->kw : c->kh, c->dilation[i]) - 1;
        d.pad[i] = reach - c->pad[i];
        d.pad[i + 2] = (i ? c->w - c->ow : c->h - c->oh) + reach - d.pad[i];
    }
    return d;
}

/* ---- by x at larger strides ---- */

/* First and last pixel of a row of dy that a tap meets, counted from pixel 0 of the phase: zeros
 * must stand there. */
static void phase_reach(const tw_convolution *c, int64_t *first, int64_t *last)
{
    *first = 0;
    *last = c->ow - 1;
    for (int64_t phase = 0; phase < c->stride[1]; phase++)
        for (int64_t kx = 0; kx < c->kw; kx++) {
            const int64_t u = phase + c->pad[1] - kx * c->dilation[1],
                          count = tw_ceil_divide(c->w - phase, c->stride[1]);
            if (u % c->stride[1] != 0 || count < 1)
                continue;
            *first = TW_MIN(*first, tw_floor_divide(u, c->stride[1]));
            *last = TW_MAX(*last, tw_floor_divide(u, c->stride[1]) + count - 1);
        }
}

static void phase_simd(tw_site *site, const tw_convolution *c, int tc, int nv,
                       tw_candidate *candidate)
{
    const tw_tile tile = tw_tile_of(site->caps, c->cig, nv);
    const tw_type type = tw_site_in_type(site, 0);
    int64_t first, last;
    if (!candidate)
        return;
    phase_reach(c, &first, &last);
    const int w = tw_emit_pack(site, candidate, c, &tile, 2);
    const tw_plane from = {c->oh, c->ow}, to = {c->oh, last - first + 1};
    int dy = site->in[0];
    if (to.w != from.w)
        dy = tw_emit_pad(site, candidate,
                         &(tw_padding){dy, type, c->images, from, to, 0, -first, 1, c->co, c->co});
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_phase.cl", "convolution_phase");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, (tw_plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "TC", tc);
    tw_launch_define(site, l, "PW", to.w);
    tw_launch_define(site, l, "LEFT", -first);
    tw_launch_define(site, l, "PARTS", c->groups * tile.blocks);
    tw_launch_in(site, l, "dy", dy, type);
    tw_launch_in(site, l, "w", w, TW_F32);
    if (l)
        tw_launch_epilogue(site, l, tw_tile_widths(&tile));
    tw_launch_global(l, 0, TW_DIM(c->h), 1, 1);
    tw_launch_global(l, 1, c->images, 1, 1);
}

/* The tile by the rules: a few pixels by four vectors where a single tap is soon summed, so that
 * what is stored is long runs (measured, docs/kernels.md). */
static tw_tile_shape phase_shape(const tw_site *site, const tw_convolution *c, int64_t count)
{
    const int64_t vectors = tw_tile_of(site->caps, c->cig, 1).blocks;
    if (c->kh * c->kw == 1 && vectors % 4 == 0 && site->caps->registers >= 32)
        return (tw_tile_shape){(int)TW_MIN(count, 4), 4};
    return (tw_tile_shape){choose_pixels(1, count, 0, tw_tile_max_rows(site->caps)).tc,
                           tw_tile_columns(site->caps, c->cig, true).nv};
}

static void phases_simd(tw_site *site, const tw_convolution *c)
{
    const int64_t pixels_of_phase = TW_MAX(1, c->w / c->stride[1]);
    const tw_tile_shape standard = phase_shape(site, c, pixels_of_phase);
    phase_simd(site, c, standard.rows, standard.nv,
               tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_phase_simd"));
    tw_tile_shape shape;
    for (int i = 0; site->wanted && tw_tile_trial(site->caps, i, &shape); i++) {
        const int trial = choose_pixels(1, pixels_of_phase, 0, shape.rows).tc;
        if ((trial != standard.rows || shape.nv != standard.nv) &&
            shape.nv <= tw_tile_trial_vectors(site->caps, c->cig))
            phase_simd(site, c, trial, shape.nv,
                       tw_site_alternative(site, TW_FAMILY_SIMD, "convolution_phase_simd:%dx%d",
                                           trial, shape.nv));
    }
}

/* ---- simt: one work-item an element ---- */

static tw_launch *simt_launch(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
                              const char *file, const char *entry, int group)
{
    tw_launch *l = tw_candidate_launch(site, candidate, file, entry);
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, (tw_plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "GROUP", group);
    tw_launch_in(site, l, tw_call_input_name(site->call, 0), site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, tw_call_input_name(site->call, 1), site->in[1], tw_site_in_type(site, 1));
    return l;
}

static void element_simt(tw_site *site, const tw_convolution *c, const char *file,
                         const char *entry, int group, tw_candidate *candidate)
{
    if (!candidate)
        return;
    tw_launch *l = simt_launch(site, candidate, c, file, entry, group);
    if (l)
        tw_launch_epilogue(site, l, 1);
    tw_launch_global(l, 0, tw_shape_count(tw_site_out_shape(site, 0)), group, group);
}

static void elements_simt(tw_site *site, const tw_convolution *c, const char *file,
                          const char *entry)
{
    static const int groups[] = {32, 128, 256};
    element_simt(site, c, file, entry, TW_SIMT_GROUP,
                 tw_site_candidate(site, TW_FAMILY_SIMT, entry));
    for (int i = 0; site->wanted && i < TW_COUNT(groups); i++)
        if (groups[i] <= site->caps->max_work_group)
            element_simt(site, c, file, entry, groups[i],
                         tw_site_alternative(site, TW_FAMILY_SIMT, "%s:%d", entry, groups[i]));
}

static void dw_simt(tw_site *site, const tw_convolution *c, int slabs, tw_candidate *candidate)
{
    const int64_t weight = c->kh * c->kw * c->cig * c->co;
    if (!candidate)
        return;
    const int part =
        tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(slabs * weight), "partial sums");
    tw_launch *l = simt_launch(site, candidate, c, "convolution_dw_simt.cl", "convolution_dw_simt",
                               TW_SIMT_GROUP);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(weight), TW_SIMT_GROUP, TW_SIMT_GROUP);
    tw_launch_global(l, 1, TW_DIM(slabs), 1, 1);
    tw_slab_sum(
        site, candidate,
        &(tw_slabs){part, slabs, TW_DIM(1), TW_DIM(c->kh * c->kw * c->cig), 1, c->co, c->co});
}

static void dw_slabs_simt(tw_site *site, const tw_convolution *c)
{
    static const int trial[] = {4, 8, 32, 64};
    const int images = (int)TW_MIN(tw_dim_nominal(c->images), 64), standard = TW_MIN(images, 16);
    dw_simt(site, c, standard, tw_site_candidate(site, TW_FAMILY_SIMT, "convolution_dw_simt"));
    for (int i = 0; site->wanted && i < TW_COUNT(trial); i++)
        if (trial[i] != standard && trial[i] <= images)
            dw_simt(site, c, trial[i],
                    tw_site_alternative(site, TW_FAMILY_SIMT, "convolution_dw_simt:k%d", trial[i]));
}

/* ---- the three operators ---- */

/* y = x w, dx = dy w^T, dw = x^T dy over all pixels as rows. */
static void pointwise(tw_site *site, const tw_convolution *c, tw_convolution_kind kind)
{
    const tw_dim rows = tw_dim_multiply(c->images, TW_DIM(c->h * c->w));
    tw_product p = {.a = site->in[0],
                    .b = site->in[1],
                    .a_type = tw_site_in_type(site, 0),
                    .b_type = tw_site_in_type(site, 1),
                    .transpose_a = kind == TW_CONVOLUTION_DW,
                    .transpose_b = kind == TW_CONVOLUTION_DX,
                    .batch = TW_DIM(1),
                    .m = kind == TW_CONVOLUTION_DW ? TW_DIM(c->ci) : rows,
                    .k = kind == TW_CONVOLUTION      ? TW_DIM(c->ci)
                         : kind == TW_CONVOLUTION_DX ? TW_DIM(c->co)
                                                     : rows,
                    .n = TW_DIM(kind == TW_CONVOLUTION_DX ? c->ci : c->co),
                    .b_matrices = TW_DIM(1),
                    .a_index = "0",
                    .b_index = "0"};
    tw_product_variants(site, &p);
}

void tw_convolution_variants(tw_site *site)
{
    tw_convolution c;
    tw_convolution_of(site->call, TW_CONVOLUTION, &c);
    if (is_pointwise(&c)) {
        pointwise(site, &c, TW_CONVOLUTION);
        return;
    }
    if (!is_depthwise(&c) && tw_convolution_dot_fits(site, &c, false))
        tw_convolution_dot_simd(site, &c, false);
    if (is_depthwise(&c)) {
        tw_depthwise_simd(site, &c, false);
    } else {
        pooled_simd(site, &c);
        products_simd(site, &c, &c, 0);
    }
    elements_simt(site, &c, "convolution_simt.cl", "convolution_simt");
}

void tw_convolution_dx_variants(tw_site *site)
{
    tw_convolution c;
    tw_convolution_of(site->call, TW_CONVOLUTION_DX, &c);
    if (is_pointwise(&c)) {
        pointwise(site, &c, TW_CONVOLUTION_DX);
        return;
    }
    if (!is_depthwise(&c) && tw_convolution_dot_fits(site, &c, true))
        tw_convolution_dot_simd(site, &c, true);
    if (is_depthwise(&c)) {
        tw_depthwise_simd(site, &c, true);
    } else if (c.stride[0] == 1 && c.stride[1] == 1) {
        const tw_convolution d = turned(&c);
        products_simd(site, &d, &c, 1);
    } else {
        phases_simd(site, &c);
    }
    elements_simt(site, &c, "convolution_dx_simt.cl", "convolution_dx_simt");
}

void tw_convolution_dw_variants(tw_site *site)
{
    tw_convolution c;
    tw_convolution_of(site->call, TW_CONVOLUTION_DW, &c);
    if (is_pointwise(&c)) {
        pointwise(site, &c, TW_CONVOLUTION_DW);
        return;
    }
    if (!is_depthwise(&c) && tw_convolution_dw_dot_fits(site, &c))
        tw_convolution_dw_dot_simd(site, &c);
    if (is_depthwise(&c))
        tw_depthwise_dw_simd(site, &c);
    else
        tw_convolution_sums_simd(site, &c);
    dw_slabs_simt(site, &c);
}
