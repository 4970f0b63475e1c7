// SPDX-License-Identifier: Apache-2.0
// Candidates for the gradient of a convolution by its weight (cl/convolution_dw.cl).
#include "op/convolution_launch.h"
#include <math.h>

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
                const double cost =
                    (double)(tw_ceil_divide(c->kh, ty) * tw_ceil_divide(best.kxn, tk) *
                             tw_ceil_divide(best.run, tc)) *
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
    return tw_ceil_divide(c->kh, t->ty) * tw_ceil_divide(t->kxn, t->tk) *
           tw_ceil_divide(t->run, t->tc);
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
    tw_plane size = {c->h, c->w};
    int64_t top = c->pad[0], left = c->pad[1];
    if (tw_convolution_padded(c) && !within_tap) {
        const tw_plane to = {c->h + c->pad[0] + c->pad[2], c->w + c->pad[1] + c->pad[3]};
        x = tw_emit_pad(site, candidate,
                        &(tw_padding){x, x_type, c->images, size, to, top, left, 1, c->ci, c->ci});
        size = to;
        top = left = 0;
    }
    const tw_plane small = {c->oh, c->ow};
    if (cp != c->cog)
        dy = tw_emit_pad(
            site, candidate,
            &(tw_padding){dy, dy_type, c->images, small, small, 0, 0, c->groups, c->cog, cp});
    const int part = tw_candidate_workspace(
        site, candidate, TW_F32, TW_DIM(slabs * c->groups * rows * pitch), "partial sums");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_dw.cl", "convolution_dw");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, size, top, left);
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
    const dw_way standard = dw_way_of(site, c, tw_convolution_padded(c) && c->cig >= 8, shape);
    dw_simd(site, c, &standard, tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_dw_simd"));
    if (!site->wanted)
        return;
    for (int i = 0; i < TW_COUNT(times); i++) {
        dw_way way = standard;
        way.slabs = times[i] > 0 ? way.slabs * times[i] : way.slabs / -times[i];
        try_dw(site, c, &standard, way);
    }
    if (tw_convolution_padded(c))
        try_dw(site, c, &standard, dw_way_of(site, c, !standard.within_tap, shape));
    for (int i = 0; tw_tile_trial(site->caps, i, &shape); i++)
        try_dw(site, c, &standard, dw_way_of(site, c, standard.within_tap, shape));
}

void tw_convolution_sums_simd(tw_site *site, const tw_convolution *c)
{
    const bool fits = tw_winograd_fits(c) && tw_site_in_type(site, 1) == TW_F32;
    const bool first = fits && tw_winograd_dw_pays(site, c);
    if (first)
        tw_winograd_dw_simd(site, c);
    dw_tiles_simd(site, c);
    if (fits && !first)
        tw_winograd_dw_simd(site, c);
}
