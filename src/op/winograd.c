// SPDX-License-Identifier: Apache-2.0
// The Winograd candidates of 3x3 convolutions and their gradients (cl/winograd.cl,
// cl/winograd_dw.cl).
#include "op/convolution_launch.h"

#define EDGE 4    /* pixels of a tile of the result, in height and width */
#define PLACES 36 /* multiplications a tile */
#define STRIP 2   /* register tiles of a strip */
#define SLICES 4  /* work-groups a core */

bool tw_winograd_fits(const tw_convolution *c)
{
    return c->kh == 3 && c->kw == 3 && c->groups == 1 && c->stride[0] == 1 && c->stride[1] == 1 &&
           c->dilation[0] == 1 && c->dilation[1] == 1 && c->ci >= 16 && c->co >= 16;
}

bool tw_winograd_pools(const tw_pooling *pooling)
{
    return EDGE % pooling->size[0] == 0 && EDGE % pooling->size[1] == 0;
}

/* Measured (docs/kernels.md): from 32 channels on, if there are strips for all groups and the tiles
 * do not reach far beyond the image. */
bool tw_winograd_pays(const tw_site *site, const tw_convolution *c)
{
    const int64_t tiles = tw_ceil_divide(c->oh, EDGE) * tw_ceil_divide(c->ow, EDGE);
    const int64_t strips = SLICES * (int64_t)site->caps->units;
    return tw_winograd_fits(c) && c->ci >= 32 && c->co >= 32 &&
           tiles * tw_dim_at(c->images, site->batch) >=
               strips * STRIP * tw_tile_max_rows(site->caps) &&
           c->oh * c->ow * 10 >= tiles * EDGE * EDGE * 6;
}

static void define_images(tw_site *site, tw_launch *l, const tw_convolution *c)
{
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "H", c->h);
    tw_launch_define(site, l, "W", c->w);
    tw_launch_define(site, l, "CI", c->ci);
    tw_launch_define(site, l, "OH", c->oh);
    tw_launch_define(site, l, "OW", c->ow);
    tw_launch_define(site, l, "CO", c->co);
    tw_launch_define(site, l, "PT", c->pad[0]);
    tw_launch_define(site, l, "PL", c->pad[1]);
    tw_launch_define(site, l, "TILES_H", tw_ceil_divide(c->oh, EDGE));
    tw_launch_define(site, l, "TILES_W", tw_ceil_divide(c->ow, EDGE));
}

static int emit_weight(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
                       const tw_tile *tile, bool flip)
{
    const int packed = tw_candidate_workspace(site, candidate, TW_F32,
                                              TW_DIM(tile->blocks * PLACES * c->ci * tile->width),
                                              "transformed weight");
    tw_launch *l = tw_candidate_launch(site, candidate, "winograd_pack.cl", "winograd_pack");
    tw_launch_define_tile(site, l, tile);
    tw_launch_define(site, l, "CI", flip ? c->co : c->ci);
    tw_launch_define(site, l, "CO", flip ? c->ci : c->co);
    tw_launch_define(site, l, "FLIP", flip);
    tw_launch_in(site, l, "w", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, l, "packed", packed, TW_F32);
    tw_launch_global(l, 0, TW_DIM(tile->blocks), 1, 1);
    tw_launch_global(l, 1, TW_DIM(c->ci), 1, 1);
    return packed;
}

/* Few rows: a strip's scratch then stays in a second-level cache (tuned: image_cnn's third layer
 * 0.98 ms with 6x4 or 8x2, 1.3 to 1.9 with 14x2; DESIGN section 6). Four vectors where the channels
 * fill them. */
static tw_tile_shape choose_shape(const tw_caps *caps, const tw_convolution *c)
{
    const int64_t four = tw_tile_of(caps, 1, 4).width;
    if (caps->registers >= 32 && c->co % four == 0)
        return (tw_tile_shape){6, 4};
    return (tw_tile_shape){TW_MIN(tw_tile_max_rows(caps), 8),
                           tw_tile_columns(caps, c->co, true).nv};
}

/* tiles: register tiles a strip */
static void strips_simd(tw_site *site, const tw_convolution *c, bool flip, tw_tile_shape shape,
                        int tiles, const tw_pooling *pooling, tw_candidate *candidate)
{
    const tw_tile tile = tw_tile_of(site->caps, c->co, shape.nv);
    const int rows = shape.rows, strip = tiles * rows;
    const int slices = SLICES * (int)site->caps->units;
    if (!candidate)
        return;
    const int w = emit_weight(site, candidate, c, &tile, flip);
    const int scratch = tw_candidate_workspace(
        site, candidate, TW_F32,
        TW_DIM(slices * PLACES * (strip * (c->ci + tile.width) + 2 * tile.vw)), "strips");
    tw_launch *l = tw_candidate_launch(site, candidate, "winograd.cl", "winograd");
    tw_launch_define_tile(site, l, &tile);
    define_images(site, l, c);
    tw_launch_define(site, l, "ROWS", rows);
    tw_launch_define(site, l, "STRIP", strip);
    tw_launch_define(site, l, "SLICES", slices);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "w", w, TW_F32);
    tw_launch_out(site, l, "scratch", scratch, TW_F32);
    tw_launch_global(l, 0, TW_DIM(slices), 1, 1);
    tw_launch_pooling(site, l, pooling, tw_tile_widths(&tile));
}

void tw_winograd_simd(tw_site *site, const tw_convolution *c, bool flip, const tw_pooling *pooling)
{
    const tw_tile_shape standard = choose_shape(site->caps, c);
    const char *name = pooling ? "convolution_winograd_pool" : "convolution_winograd";
    strips_simd(site, c, flip, standard, STRIP, pooling,
                tw_site_candidate(site, TW_FAMILY_SIMD, name));
    tw_tile_shape shape = standard;
    for (int i = 0; site->wanted && tw_tile_trial(site->caps, i, &shape); i++)
        for (int tiles = 1; tiles <= 4; tiles *= 2)
            if ((shape.rows != standard.rows || shape.nv != standard.nv || tiles != STRIP) &&
                shape.nv <= tw_tile_trial_vectors(site->caps, c->co) &&
                shape.rows * shape.nv >= 12 && (tiles == STRIP || shape.rows == standard.rows))
                strips_simd(site, c, flip, shape, tiles, pooling,
                            tw_site_alternative(site, TW_FAMILY_SIMD, "%s:%dx%d:%d", name,
                                                shape.rows, shape.nv, tiles));
}

/* ---- by the weight ---- */

#define DW_STRIP 32 /* tiles of a strip */
#define DW_SUMS                                                                                    \
    100000 /* floats of the sums in a work-group's scratch: with a strip, a second-level cache */

/* Rows of the register tile, over input channels, which are filled up to a multiple of them. */
static int dw_rows(const tw_caps *caps)
{
    return caps->registers >= 32 ? 8 : 4;
}

bool tw_winograd_dw_pays(const tw_site *site, const tw_convolution *c)
{
    const int64_t tiles = tw_ceil_divide(c->oh, EDGE) * tw_ceil_divide(c->ow, EDGE);
    return tw_winograd_fits(c) && c->ci >= 32 && c->co >= 32 &&
           tiles * tw_dim_at(c->images, site->batch) >=
               SLICES * (int64_t)site->caps->units * DW_STRIP &&
           c->oh * c->ow * 10 >= tiles * EDGE * EDGE * 6;
}

static void strips_dw_simd(tw_site *site, const tw_convolution *c, tw_tile_shape shape, int strip,
                           tw_candidate *candidate)
{
    const tw_tile tile = tw_tile_of(site->caps, c->co, shape.nv);
    const int rows = shape.rows;
    if (!candidate)
        return;
    const int64_t cip = tw_ceil_divide(c->ci, rows) * rows;
    int64_t wide = TW_MIN(tile.blocks, 4);
    while (wide > 1 && (tile.blocks % wide || PLACES * cip * wide * tile.width > DW_SUMS))
        wide--;
    const int64_t columns = wide * tile.width, blocks = tw_ceil_divide(tile.blocks, wide);
    const tw_dim tiles = tw_dim_multiply(
        c->images, TW_DIM(tw_ceil_divide(c->oh, EDGE) * tw_ceil_divide(c->ow, EDGE)));
    const int slabs = tw_split(site->caps, blocks, tw_dim_nominal(tiles) / strip);
    const int scratch = tw_candidate_workspace(
        site, candidate, TW_F32,
        TW_DIM(slabs * blocks * PLACES * (cip * columns + strip * (cip + columns) + 2 * tile.vw)),
        "strips");
    const int part = tw_candidate_workspace(
        site, candidate, TW_F32, TW_DIM(slabs * 9 * c->ci * blocks * columns), "partial sums");
    tw_launch *l = tw_candidate_launch(site, candidate, "winograd_dw.cl", "winograd_dw");
    tw_launch_define(site, l, "VW", tile.vw);
    tw_launch_define(site, l, "NV", tile.nv);
    define_images(site, l, c);
    tw_launch_define(site, l, "BLOCKS", blocks);
    tw_launch_define(site, l, "COLUMNS", columns);
    tw_launch_define(site, l, "ROWS", rows);
    tw_launch_define(site, l, "CIP", cip);
    tw_launch_define(site, l, "STRIP", strip);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "dy", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, l, "scratch", scratch, TW_F32);
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(blocks), 1, 1);
    tw_launch_global(l, 1, TW_DIM(slabs), 1, 1);
    tw_slab_sum(site, candidate,
                &(tw_slabs){part, slabs, TW_DIM(1), TW_DIM(9 * c->ci), 1, blocks * columns, c->co});
}

void tw_winograd_dw_simd(tw_site *site, const tw_convolution *c)
{
    const tw_tile_shape standard = {dw_rows(site->caps),
                                    tw_tile_columns(site->caps, c->co, true).nv};
    strips_dw_simd(site, c, standard, DW_STRIP,
                   tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_dw_winograd"));
    tw_tile_shape shape = standard;
    for (int i = 0; site->wanted && tw_tile_trial(site->caps, i, &shape); i++)
        for (int strip = DW_STRIP / 2; strip <= 2 * DW_STRIP; strip *= 2)
            if ((shape.rows != standard.rows || shape.nv != standard.nv || strip != DW_STRIP) &&
                shape.nv <= tw_tile_trial_vectors(site->caps, c->co) && shape.rows >= 4 &&
                shape.rows * shape.nv >= 12 && (strip == DW_STRIP || shape.rows == standard.rows))
                strips_dw_simd(site, c, shape, strip,
                               tw_site_alternative(site, TW_FAMILY_SIMD,
                                                   "convolution_dw_winograd:%dx%d:%d", shape.rows,
                                                   shape.nv, strip));
}
