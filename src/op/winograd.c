// SPDX-License-Identifier: Apache-2.0
// The Winograd candidate of 3x3 convolutions and their gradient by x (cl/winograd.cl).
#include "op/convolution.h"

#define EDGE 4    /* pixels of a tile of the result, in height and width */
#define PLACES 36 /* multiplications a tile */
#define STRIP 2   /* register tiles of a strip */
#define SLICES 4  /* work-groups a core */

static int64_t ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

bool tw_winograd_fits(const tw_convolution *c)
{
    return c->kh == 3 && c->kw == 3 && c->groups == 1 && c->stride[0] == 1 && c->stride[1] == 1 &&
           c->dilation[0] == 1 && c->dilation[1] == 1 && c->ci >= 16 && c->co >= 16;
}

/* Measured (docs/kernels.md): from 32 channels on, if there are strips for all groups and the tiles
 * do not reach far beyond the image. */
bool tw_winograd_pays(const tw_site *site, const tw_convolution *c)
{
    const int64_t tiles = ceil_divide(c->oh, EDGE) * ceil_divide(c->ow, EDGE);
    const int64_t strips = SLICES * (int64_t)site->caps->units;
    return tw_winograd_fits(c) && c->ci >= 32 && c->co >= 32 &&
           tiles * tw_dim_at(c->images, site->batch) >=
               strips * STRIP * tw_tile_max_rows(site->caps) &&
           c->oh * c->ow * 10 >= tiles * EDGE * EDGE * 6;
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

void tw_winograd_simd(tw_site *site, const tw_convolution *c, bool flip)
{
    const tw_tile tile = tw_tile_columns(site->caps, c->co, true);
    const int rows = tw_tile_max_rows(site->caps), strip = STRIP * rows;
    const int slices = SLICES * (int)site->caps->units;
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_winograd");
    const int w = emit_weight(site, candidate, c, &tile, flip);
    const int scratch = tw_candidate_workspace(
        site, candidate, TW_F32, TW_DIM(slices * PLACES * strip * (c->ci + tile.width)), "strips");
    tw_launch *l = tw_candidate_launch(site, candidate, "winograd.cl", "winograd");
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "H", c->h);
    tw_launch_define(site, l, "W", c->w);
    tw_launch_define(site, l, "CI", c->ci);
    tw_launch_define(site, l, "OH", c->oh);
    tw_launch_define(site, l, "OW", c->ow);
    tw_launch_define(site, l, "CO", c->co);
    tw_launch_define(site, l, "PT", c->pad[0]);
    tw_launch_define(site, l, "PL", c->pad[1]);
    tw_launch_define(site, l, "TILES_H", ceil_divide(c->oh, EDGE));
    tw_launch_define(site, l, "TILES_W", ceil_divide(c->ow, EDGE));
    tw_launch_define(site, l, "ROWS", rows);
    tw_launch_define(site, l, "STRIP", strip);
    tw_launch_define(site, l, "SLICES", slices);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "w", w, TW_F32);
    tw_launch_out(site, l, "scratch", scratch, TW_F32);
    if (l)
        tw_launch_epilogue(site, l, tw_tile_widths(&tile));
    tw_launch_global(l, 0, TW_DIM(slices), 1, 1);
}
