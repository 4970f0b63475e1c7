// SPDX-License-Identifier: Apache-2.0
// Candidates for depthwise convolutions and their gradients (cl/convolution_depthwise.cl,
// cl/convolution_depthwise_dw.cl).
#include "op/convolution_launch.h"

#define DEPTHWISE_PIXELS 4 /* that go together: sums in registers, a tap's weight loaded once */

void tw_depthwise_simd(tw_site *site, const tw_convolution *c, bool by_x)
{
    const tw_tile tile = tw_tile_columns(site->caps, 1, true);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "depthwise_simd");
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_depthwise.cl", "convolution_depthwise");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, (tw_plane){c->h, c->w}, c->pad[0], c->pad[1]);
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

void tw_depthwise_dw_simd(tw_site *site, const tw_convolution *c)
{
    const tw_tile tile = tw_tile_columns(site->caps, 1, true);
    const int64_t pitch = tw_ceil_divide(c->ci, tile.vw) * tile.vw;
    const int slabs = tw_split(site->caps, 1, tw_dim_nominal(c->images) * c->oh);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "depthwise_dw_simd");
    const int part = tw_candidate_workspace(site, candidate, TW_F32,
                                            TW_DIM(slabs * c->kh * c->kw * pitch), "partial sums");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_depthwise_dw.cl",
                                       "convolution_depthwise_dw");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, (tw_plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "VW", tile.vw);
    tw_launch_define(site, l, "RUN", DEPTHWISE_PIXELS);
    tw_define_inside(site, l, c);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_define(site, l, "PITCH", pitch);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "dy", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(slabs), 1, 1);
    tw_slab_sum(site, candidate,
                &(tw_slabs){part, slabs, TW_DIM(1), TW_DIM(c->kh * c->kw), 1, pitch, c->ci});
}
