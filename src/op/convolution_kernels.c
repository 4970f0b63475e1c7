// SPDX-License-Identifier: Apache-2.0
// Candidates for convolutions and their gradients: which kernel, which tile, what is packed and
// padded before it.
#include "op/convolution.h"
#include <math.h>

/* A plane of pixels: height, width. */
typedef struct plane {
    int64_t h, w;
} plane;

/* Rows x columns of output pixels that a tile covers. */
typedef struct pixels {
    int tr, tc;
} pixels;

static int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static bool is_depthwise(const tw_convolution *c)
{
    return c->groups > 1 && c->cig == 1 && c->cog == 1;
}

static bool is_padded(const tw_convolution *c)
{
    return c->pad[0] || c->pad[1] || c->pad[2] || c->pad[3];
}

/* One product over all pixels. */
static bool is_pointwise(const tw_convolution *c)
{
    return c->kh == 1 && c->kw == 1 && c->stride[0] == 1 && c->stride[1] == 1 && c->groups == 1 &&
           !is_padded(c);
}

/* Least waste at the edges; tiles of several rows only where rows are short. */
static pixels choose_pixels(int64_t oh, int64_t ow, int most)
{
    pixels best = {1, 1};
    double best_cost = INFINITY;
    for (int tr = 1; tr <= TW_MIN(oh, most); tr++)
        for (int tc = 1; tc <= TW_MIN(ow, most / tr); tc++) {
            const double tiles = (double)(ceil_divide(oh, tr) * ceil_divide(ow, tc));
            const double cost = tiles * (tr * tc + 3) * (tr > 1 ? 1.15 : 1);
            if (cost <= best_cost) {
                best = (pixels){tr, tc};
                best_cost = cost;
            }
        }
    return best;
}

/* ---- launches ---- */

static void define_steps(tw_site *site, tw_launch *l, const tw_convolution *c)
{
    tw_launch_define(site, l, "SY", c->stride[0]);
    tw_launch_define(site, l, "SX", c->stride[1]);
    tw_launch_define(site, l, "DY", c->dilation[0]);
    tw_launch_define(site, l, "DX", c->dilation[1]);
    tw_launch_define(site, l, "KH", c->kh);
    tw_launch_define(site, l, "KW", c->kw);
    tw_launch_define(site, l, "CI", c->ci);
    tw_launch_define(site, l, "CO", c->co);
    tw_launch_define(site, l, "CIG", c->cig);
    tw_launch_define(site, l, "COG", c->cog);
    tw_launch_define(site, l, "OH", c->oh);
    tw_launch_define(site, l, "OW", c->ow);
}

static void define_plane(tw_site *site, tw_launch *l, plane size, int64_t top, int64_t left)
{
    tw_launch_define(site, l, "H", size.h);
    tw_launch_define(site, l, "W", size.w);
    tw_launch_define(site, l, "PT", top);
    tw_launch_define(site, l, "PL", left);
}

/* A copy of x within zeros: `from` placed at (top, left) of `to`, each group's `cg` channels made
 * cp. */
typedef struct padding {
    int x;
    tw_type type;
    tw_dim images;
    plane from, to;
    int64_t top, left, groups, cg, cp;
} padding;

static int emit_pad(tw_site *site, tw_candidate *candidate, const padding *p)
{
    const tw_dim count = tw_dim_multiply(p->images, TW_DIM(p->to.h * p->to.w * p->groups * p->cp));
    const int padded = tw_candidate_workspace(site, candidate, p->type, count, "padded");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_pad.cl", "convolution_pad");
    define_plane(site, l, p->from, p->top, p->left);
    tw_launch_define(site, l, "VW", tw_tile_columns(site->caps, 1, true).vw);
    tw_launch_define(site, l, "PH", p->to.h);
    tw_launch_define(site, l, "PW", p->to.w);
    tw_launch_define(site, l, "GROUPS", p->groups);
    tw_launch_define(site, l, "CG", p->cg);
    tw_launch_define(site, l, "CP", p->cp);
    tw_launch_in(site, l, "x", p->x, p->type);
    tw_launch_out(site, l, "padded", padded, p->type);
    tw_launch_global(l, 0, TW_DIM(p->to.h), 1, 1);
    tw_launch_global(l, 1, p->images, 1, 1);
    return padded;
}

/* flip: see cl/convolution_pack.cl */
static int emit_pack(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
                     const tw_tile *tile, int flip)
{
    const int64_t inner = flip ? c->cog : c->cig;
    const tw_dim count = TW_DIM(c->groups * tile->blocks * c->kh * c->kw * inner * tile->width);
    const int packed = tw_candidate_workspace(site, candidate, TW_F32, count, "packed weight");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_pack.cl", "convolution_pack");
    tw_launch_define_tile(site, l, tile);
    tw_launch_define(site, l, "KH", c->kh);
    tw_launch_define(site, l, "KW", c->kw);
    tw_launch_define(site, l, "CIG", c->cig);
    tw_launch_define(site, l, "COG", c->cog);
    tw_launch_define(site, l, "GROUPS", c->groups);
    tw_launch_define(site, l, "FLIP", flip);
    tw_launch_in(site, l, "w", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, l, "packed", packed, TW_F32);
    tw_launch_global(l, 0, TW_DIM(c->groups * tile->blocks), 1, 1);
    tw_launch_global(l, 1, TW_DIM(c->kh * c->kw), 1, 1);
    return packed;
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
 * exchanged, and `weight` says how the weight is stored. */
static void tile_simd(tw_site *site, const tw_convolution *c, const tw_convolution *weight,
                      int flip, pixels t, int nv, tw_candidate *candidate)
{
    const tw_tile tile = tw_tile_of(site->caps, c->cog, nv);
    const tw_type type = tw_site_in_type(site, 0);
    if (!candidate)
        return;
    const int w = emit_pack(site, candidate, weight, &tile, flip);
    int x = site->in[0];
    plane size = {c->h, c->w};
    int64_t top = c->pad[0];
    const bool edges = has_edges(c, t);
    if (!edges && (c->pad[1] || c->pad[3] || (t.tr > 1 && is_padded(c)))) {
        const bool rows = t.tr > 1;
        const plane to = {rows ? c->h + c->pad[0] + c->pad[2] : c->h, c->w + c->pad[1] + c->pad[3]};
        x = emit_pad(site, candidate,
                     &(padding){x, type, c->images, size, to, rows ? c->pad[0] : 0, c->pad[1], 1,
                                c->ci, c->ci});
        size = to;
        top = rows ? 0 : c->pad[0];
    }
    const bool run = c->groups == 1 && c->dilation[1] == 1;
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution.cl", "convolution");
    define_steps(site, l, c);
    define_plane(site, l, size, top, edges ? c->pad[1] : 0);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "EDGES", edges);
    tw_launch_define(site, l, "TR", t.tr);
    tw_launch_define(site, l, "TC", t.tc);
    tw_launch_define(site, l, "KXN", run ? 1 : c->kw);
    tw_launch_define(site, l, "RUN", run ? c->kw * c->ci : c->cig);
    tw_launch_in(site, l, "x", x, type);
    tw_launch_in(site, l, "w", w, TW_F32);
    if (l)
        tw_launch_epilogue(site, l, tw_tile_widths(&tile));
    tw_launch_global(l, 0, TW_DIM(c->groups * tile.blocks), 1, 1);
    tw_launch_global(l, 1, TW_DIM(c->oh), t.tr, 1);
    tw_launch_global(l, 2, c->images, 1, 1);
}

/* The tile by the rules; as alternatives those of other sizes, and of one row, so that less is
 * copied. */
static void tiles_simd(tw_site *site, const tw_convolution *c, const tw_convolution *weight,
                       int flip)
{
    const int nv = tw_tile_columns(site->caps, c->cog, true).nv;
    const pixels t = choose_pixels(c->oh, c->ow, tw_tile_max_rows(site->caps));
    tile_simd(site, c, weight, flip, t, nv,
              tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_simd"));
    tw_tile_shape shape;
    for (int i = 0; site->wanted && tw_tile_trial(site->caps, i, &shape); i++) {
        const pixels trial[] = {choose_pixels(c->oh, c->ow, shape.rows),
                                choose_pixels(1, c->ow, shape.rows)};
        for (int k = 0; k < TW_COUNT(trial); k++)
            if ((trial[k].tr != t.tr || trial[k].tc != t.tc || shape.nv != nv) &&
                shape.nv <= tw_tile_trial_vectors(site->caps, c->cog))
                tile_simd(site, c, weight, flip, trial[k], shape.nv,
                          tw_site_alternative(site, TW_FAMILY_SIMD, "convolution_simd:%dx%dx%d",
                                              trial[k].tr, trial[k].tc, shape.nv));
    }
}

/* Direct and Winograd's, the faster one first. */
static void products_simd(tw_site *site, const tw_convolution *c, const tw_convolution *weight,
                          int flip)
{
    const bool first = tw_winograd_pays(site, c);
    if (first)
        tw_winograd_simd(site, c, flip);
    tiles_simd(site, c, weight, flip);
    if (!first && tw_winograd_fits(c))
        tw_winograd_simd(site, c, flip);
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

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -ceil_divide(-a, b);
}

/* First and last pixel of a row of dy that a tap meets, counted from pixel 0 of the phase: zeros
 * must stand there. */
static void phase_reach(const tw_convolution *c, int64_t *first, int64_t *last)
{
    *first = 0;
    *last = c->ow - 1;
    for (int64_t phase = 0; phase < c->stride[1]; phase++)
        for (int64_t kx = 0; kx < c->kw; kx++) {
            const int64_t u = phase + c->pad[1] - kx * c->dilation[1],
                          count = ceil_divide(c->w - phase, c->stride[1]);
            if (u % c->stride[1] != 0 || count < 1)
                continue;
            *first = TW_MIN(*first, floor_divide(u, c->stride[1]));
            *last = TW_MAX(*last, floor_divide(u, c->stride[1]) + count - 1);
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
    const int w = emit_pack(site, candidate, c, &tile, 2);
    const plane from = {c->oh, c->ow}, to = {c->oh, last - first + 1};
    int dy = site->in[0];
    if (to.w != from.w)
        dy = emit_pad(site, candidate,
                      &(padding){dy, type, c->images, from, to, 0, -first, 1, c->co, c->co});
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_phase.cl", "convolution_phase");
    define_steps(site, l, c);
    define_plane(site, l, (plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "TC", tc);
    tw_launch_define(site, l, "PW", to.w);
    tw_launch_define(site, l, "LEFT", -first);
    tw_launch_in(site, l, "dy", dy, type);
    tw_launch_in(site, l, "w", w, TW_F32);
    if (l)
        tw_launch_epilogue(site, l, tw_tile_widths(&tile));
    tw_launch_global(l, 0, TW_DIM(c->groups * tile.blocks), 1, 1);
    tw_launch_global(l, 1, TW_DIM(c->h), 1, 1);
    tw_launch_global(l, 2, tw_dim_multiply(c->images, TW_DIM(c->stride[1])), 1, 1);
}

static void phases_simd(tw_site *site, const tw_convolution *c)
{
    const int64_t pixels_of_phase = TW_MAX(1, c->w / c->stride[1]);
    const int nv = tw_tile_columns(site->caps, c->cig, true).nv;
    const int tc = choose_pixels(1, pixels_of_phase, tw_tile_max_rows(site->caps)).tc;
    phase_simd(site, c, tc, nv, tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_phase_simd"));
    tw_tile_shape shape;
    for (int i = 0; site->wanted && tw_tile_trial(site->caps, i, &shape); i++) {
        const int trial = choose_pixels(1, pixels_of_phase, shape.rows).tc;
        if ((trial != tc || shape.nv != nv) &&
            shape.nv <= tw_tile_trial_vectors(site->caps, c->cig))
            phase_simd(site, c, trial, shape.nv,
                       tw_site_alternative(site, TW_FAMILY_SIMD, "convolution_phase_simd:%dx%d",
                                           trial, shape.nv));
    }
}

/* ---- depthwise ---- */

#define DEPTHWISE_PIXELS 4 /* that go together: sums in registers, a tap's weight loaded once */

static void depthwise_simd(tw_site *site, const tw_convolution *c, bool by_x)
{
    const tw_tile tile = tw_tile_columns(site->caps, 1, true);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "depthwise_simd");
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_depthwise.cl", "convolution_depthwise");
    define_steps(site, l, c);
    define_plane(site, l, (plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define(site, l, "VW", tile.vw);
    tw_launch_define(site, l, "PX", DEPTHWISE_PIXELS);
    tw_launch_define(site, l, "BY_X", by_x);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "w", site->in[1], tw_site_in_type(site, 1));
    if (l)
        tw_launch_epilogue(site, l, tw_tile_widths(&tile));
    tw_launch_global(l, 0, TW_DIM(by_x ? c->h : c->oh), 1, 1);
    tw_launch_global(l, 1, c->images, 1, 1);
}

static void depthwise_dw_simd(tw_site *site, const tw_convolution *c)
{
    const tw_tile tile = tw_tile_columns(site->caps, 1, true);
    const int64_t pitch = ceil_divide(c->ci, tile.vw) * tile.vw;
    const int slabs = tw_split(site->caps, 1, tw_dim_nominal(c->images) * c->oh);
    const int64_t left = TW_MIN(ceil_divide(c->pad[1], c->stride[1]), c->ow);
    const int64_t reach = c->w - 1 + c->pad[1] - (c->kw - 1) * c->dilation[1];
    const int64_t right = TW_MIN(floor_divide(reach, c->stride[1]) + 1, c->ow);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "depthwise_dw_simd");
    const int part = tw_candidate_workspace(site, candidate, TW_F32,
                                            TW_DIM(slabs * c->kh * c->kw * pitch), "partial sums");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_depthwise_dw.cl",
                                       "convolution_depthwise_dw");
    define_steps(site, l, c);
    define_plane(site, l, (plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "VW", tile.vw);
    tw_launch_define(site, l, "RUN", DEPTHWISE_PIXELS);
    tw_launch_define(site, l, "LEFT", left);
    tw_launch_define(site, l, "RIGHT", TW_MAX(left, right));
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_define(site, l, "PITCH", pitch);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "dy", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(slabs), 1, 1);
    tw_slab_sum(site, candidate,
                &(tw_slabs){part, slabs, TW_DIM(1), TW_DIM(c->kh * c->kw), 1, pitch, c->ci});
}

/* ---- by the weight ---- */

/* A tile of taps: ty x tk x tc of KH x kxn x run (cl/convolution_dw.cl). */
typedef struct taps {
    int64_t kxn, run;
    int ty, tk, tc;
} taps;

/* within_tap: a tile may not span several taps. */
static taps choose_taps(const tw_convolution *c, bool within_tap, int most)
{
    const bool run = c->groups == 1 && c->dilation[1] == 1 && !within_tap;
    taps best = {.kxn = run ? 1 : c->kw, .run = run ? c->kw * c->ci : c->cig};
    double best_cost = INFINITY;
    for (int ty = 1; ty <= TW_MIN(within_tap ? 1 : c->kh, most); ty++)
        for (int tk = 1; tk <= TW_MIN(within_tap ? 1 : best.kxn, most / ty); tk++)
            for (int tc = 1; tc <= TW_MIN(best.run, most / (ty * tk)); tc++) {
                const double cost = (double)(ceil_divide(c->kh, ty) * ceil_divide(best.kxn, tk) *
                                             ceil_divide(best.run, tc)) *
                                    (ty * tk * tc + 3);
                if (cost <= best_cost) {
                    best.ty = ty;
                    best.tk = tk;
                    best.tc = tc;
                    best_cost = cost;
                }
            }
    return best;
}

/* As many slabs as make work for every core, and keep one slab's x and dy near the second-level
 * cache, as long as adding them up stays a small part of the traffic. */
static int dw_slabs(const tw_site *site, const tw_convolution *c, int64_t groups)
{
    const int64_t images = tw_dim_nominal(c->images);
    const int64_t floats = images * (c->h * c->w * c->ci + c->oh * c->ow * c->co);
    const int64_t weight = c->kh * c->kw * c->cig * c->co;
    const int64_t near = TW_MIN(floats / 200000, floats / (8 * weight));
    return (int)TW_MIN(images, TW_MAX(tw_split(site->caps, groups, images), TW_MIN(near, 32)));
}

/* A way to go about it. */
typedef struct dw_way {
    taps t;
    bool within_tap; /* the kernel leaves the padding out */
    int nv, slabs;
} dw_way;

static int64_t dw_tiles(const tw_convolution *c, const taps *t)
{
    return ceil_divide(c->kh, t->ty) * ceil_divide(t->kxn, t->tk) * ceil_divide(t->run, t->tc);
}

static dw_way dw_way_of(const tw_site *site, const tw_convolution *c, bool within_tap,
                        tw_tile_shape shape)
{
    const dw_way way = {
        .t = choose_taps(c, within_tap, shape.rows), .within_tap = within_tap, .nv = shape.nv};
    dw_way done = way;
    done.slabs = dw_slabs(
        site, c, dw_tiles(c, &way.t) * c->groups * tw_tile_of(site->caps, c->cog, shape.nv).blocks);
    return done;
}

static void dw_simd(tw_site *site, const tw_convolution *c, const dw_way *way,
                    tw_candidate *candidate)
{
    const tw_type x_type = tw_site_in_type(site, 0), dy_type = tw_site_in_type(site, 1);
    const tw_tile tile = tw_tile_of(site->caps, c->cog, way->nv);
    const int64_t cp = c->cog % tile.width == 0 ? c->cog : tile.blocks * tile.width;
    const bool within_tap = way->within_tap;
    const taps t = way->t;
    const int64_t tiles = dw_tiles(c, &t);
    const int slabs = way->slabs;
    const int64_t rows = c->kh * c->kw * c->cig, pitch = tile.blocks * tile.width;
    if (!candidate)
        return;
    int x = site->in[0], dy = site->in[1];
    plane size = {c->h, c->w};
    int64_t top = c->pad[0], left = c->pad[1];
    if (is_padded(c) && !within_tap) {
        const plane to = {c->h + c->pad[0] + c->pad[2], c->w + c->pad[1] + c->pad[3]};
        x = emit_pad(site, candidate,
                     &(padding){x, x_type, c->images, size, to, top, left, 1, c->ci, c->ci});
        size = to;
        top = left = 0;
    }
    const plane small = {c->oh, c->ow};
    if (cp != c->cog)
        dy =
            emit_pad(site, candidate,
                     &(padding){dy, dy_type, c->images, small, small, 0, 0, c->groups, c->cog, cp});
    const int part = tw_candidate_workspace(
        site, candidate, TW_F32, TW_DIM(slabs * c->groups * rows * pitch), "partial sums");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_dw.cl", "convolution_dw");
    define_steps(site, l, c);
    define_plane(site, l, size, top, left);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "GROUPS", c->groups);
    tw_launch_define(site, l, "CP", cp);
    tw_launch_define(site, l, "KXN", t.kxn);
    tw_launch_define(site, l, "RUN", t.run);
    tw_launch_define(site, l, "TY", t.ty);
    tw_launch_define(site, l, "TK", t.tk);
    tw_launch_define(site, l, "TC", t.tc);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_in(site, l, "x", x, x_type);
    tw_launch_in(site, l, "dy", dy, dy_type);
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(tiles), 1, 1);
    tw_launch_global(l, 1, TW_DIM(c->groups * tile.blocks), 1, 1);
    tw_launch_global(l, 2, TW_DIM(slabs), 1, 1);
    tw_slab_sum(site, candidate,
                &(tw_slabs){part, slabs, TW_DIM(1), TW_DIM(rows), c->groups, pitch, c->cog});
}

static void try_dw(tw_site *site, const tw_convolution *c, const dw_way *standard, dw_way way)
{
    const taps *t = &way.t, *s = &standard->t;
    const bool same = t->ty == s->ty && t->tk == s->tk && t->tc == s->tc &&
                      way.within_tap == standard->within_tap && way.nv == standard->nv &&
                      way.slabs == standard->slabs;
    if (!same && way.nv <= tw_tile_trial_vectors(site->caps, c->cog) && way.slabs >= 1 &&
        way.slabs <= tw_dim_nominal(c->images))
        dw_simd(site, c, &way,
                tw_site_alternative(site, TW_FAMILY_SIMD, "convolution_dw_simd:%dx%dx%dx%d:k%d%s",
                                    t->ty, t->tk, t->tc, way.nv, way.slabs,
                                    way.within_tap ? ":tap" : ""));
}

/* The way by the rules; as alternatives other tiles with their own number of slabs, and other
 * numbers of slabs. */
static void dw_tiles_simd(tw_site *site, const tw_convolution *c)
{
    static const int times[] = {-4, -2, 2, 4}; /* slabs; negative: fewer */
    tw_tile_shape shape = {tw_tile_max_rows(site->caps),
                           tw_tile_columns(site->caps, c->cog, true).nv};
    const int vw = tw_tile_of(site->caps, 1, 1).vw;
    if (c->cog % vw == 0 && c->cog % (shape.nv * vw) != 0)
        shape.nv = 1; /* dy is read where it is */
    const dw_way standard = dw_way_of(site, c, is_padded(c) && c->cig >= 8, shape);
    dw_simd(site, c, &standard, tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_dw_simd"));
    if (!site->wanted)
        return;
    for (int i = 0; i < TW_COUNT(times); i++) {
        dw_way way = standard;
        way.slabs = times[i] > 0 ? way.slabs * times[i] : way.slabs / -times[i];
        try_dw(site, c, &standard, way);
    }
    if (is_padded(c))
        try_dw(site, c, &standard, dw_way_of(site, c, !standard.within_tap, shape));
    for (int i = 0; tw_tile_trial(site->caps, i, &shape); i++)
        try_dw(site, c, &standard, dw_way_of(site, c, standard.within_tap, shape));
}

/* Direct and Winograd's, the faster one first. */
static void sums_simd(tw_site *site, const tw_convolution *c)
{
    const bool fits = tw_winograd_fits(c) && tw_site_in_type(site, 1) == TW_F32;
    const bool first = fits && tw_winograd_dw_pays(site, c);
    if (first)
        tw_winograd_dw_simd(site, c);
    dw_tiles_simd(site, c);
    if (fits && !first)
        tw_winograd_dw_simd(site, c);
}

/* ---- simt: one work-item an element ---- */

static tw_launch *simt_launch(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
                              const char *file, const char *entry, int group)
{
    tw_launch *l = tw_candidate_launch(site, candidate, file, entry);
    define_steps(site, l, c);
    define_plane(site, l, (plane){c->h, c->w}, c->pad[0], c->pad[1]);
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
    if (is_depthwise(&c))
        depthwise_simd(site, &c, false);
    else
        products_simd(site, &c, &c, 0);
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
    if (is_depthwise(&c)) {
        depthwise_simd(site, &c, true);
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
    if (is_depthwise(&c))
        depthwise_dw_simd(site, &c);
    else
        sums_simd(site, &c);
    dw_slabs_simt(site, &c);
}
