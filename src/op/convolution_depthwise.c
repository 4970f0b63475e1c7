// SPDX-License-Identifier: Apache-2.0
// Candidates for depthwise convolutions and their gradients (cl/convolution_depthwise.cl).
#include "op/convolution_launch.h"

#define MOST_ROWS 4 /* of a tile */

/* Rows of a tile of the result's `height`: little waste in the last tile, and a multiple of
 * `step`. */
static int64_t tile_rows(int64_t height, int64_t step)
{
    const int64_t rows = tw_ceil_divide(height, tw_ceil_divide(height, MOST_ROWS));
    return tw_ceil_divide(rows, step) * step;
}

static tw_launch *depthwise_launch(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
                                   tw_convolution_kind kind, int64_t rows, int64_t pitch)
{
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_depthwise.cl", "convolution_depthwise");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, (tw_plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define(site, l, "VW", tw_tile_columns(site->caps, 1, true).vw);
    tw_launch_define(site, l, "TR", rows);
    tw_launch_define(site, l, "PITCH", pitch);
    tw_launch_define(site, l, "BY_X", kind == TW_CONVOLUTION_DX);
    tw_launch_define(site, l, "BY_W", kind == TW_CONVOLUTION_DW);
    tw_launch_in(site, l, "source", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, kind == TW_CONVOLUTION_DW ? "dy" : "taps", site->in[1],
                 tw_site_in_type(site, 1));
    return l;
}

void tw_depthwise_simd(tw_site *site, const tw_convolution *c, bool by_x)
{
    const int64_t height = by_x ? c->h : c->oh, rows = tile_rows(height, by_x ? c->stride[0] : 1);
    const tw_tile tile = tw_tile_columns(site->caps, 1, true);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "depthwise_simd");
    tw_launch *l = depthwise_launch(site, candidate, c, by_x ? TW_CONVOLUTION_DX : TW_CONVOLUTION,
                                    rows, c->ci);
    if (l)
        tw_launch_epilogue(site, l, tw_tile_widths(&tile));
    tw_launch_global(l, 0, TW_DIM(height), rows, 1);
    tw_launch_global(l, 1, c->images, 1, 1);
}

void tw_depthwise_dw_simd(tw_site *site, const tw_convolution *c)
{
    const int64_t rows = tile_rows(c->oh, 1), vw = tw_tile_columns(site->caps, 1, true).vw;
    const int64_t taps = c->kh * c->kw, pitch = tw_ceil_divide(c->ci, vw) * vw;
    const int slabs =
        tw_split(site->caps, 1, tw_dim_nominal(c->images) * tw_ceil_divide(c->oh, rows));
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "depthwise_dw_simd");
    const int part = tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(slabs * taps * pitch),
                                            "partial sums");
    tw_launch *l = depthwise_launch(site, candidate, c, TW_CONVOLUTION_DW, rows, pitch);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_out(site, l, "taps", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(slabs), 1, 1);
    tw_slab_sum(site, candidate,
                &(tw_slabs){part, slabs, TW_DIM(1), TW_DIM(taps), 1, pitch, c->ci});
}
