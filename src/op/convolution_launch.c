// SPDX-License-Identifier: Apache-2.0
// Launches that several candidates of convolutions have: sizes, a copy within zeros, a packed
// weight.
#include "op/convolution_launch.h"

int64_t tw_ceil_divide(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t tw_floor_divide(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -tw_ceil_divide(-a, b);
}

bool tw_convolution_padded(const tw_convolution *c)
{
    return c->pad[0] || c->pad[1] || c->pad[2] || c->pad[3];
}

void tw_define_steps(tw_site *site, tw_launch *l, const tw_convolution *c)
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

void tw_define_plane(tw_site *site, tw_launch *l, tw_plane size, int64_t top, int64_t left)
{
    tw_launch_define(site, l, "H", size.h);
    tw_launch_define(site, l, "W", size.w);
    tw_launch_define(site, l, "PT", top);
    tw_launch_define(site, l, "PL", left);
}

void tw_define_inside(tw_site *site, tw_launch *l, const tw_convolution *c)
{
    const int64_t left = TW_MIN(tw_ceil_divide(c->pad[1], c->stride[1]), c->ow);
    const int64_t reach = c->w - 1 + c->pad[1] - (c->kw - 1) * c->dilation[1];
    const int64_t right = TW_MIN(tw_floor_divide(reach, c->stride[1]) + 1, c->ow);
    tw_launch_define(site, l, "LEFT", left);
    tw_launch_define(site, l, "RIGHT", TW_MAX(left, right));
}

int tw_emit_pad(tw_site *site, tw_candidate *candidate, const tw_padding *p)
{
    const tw_dim count = tw_dim_multiply(p->images, TW_DIM(p->to.h * p->to.w * p->groups * p->cp));
    const int padded = tw_candidate_workspace(site, candidate, p->type, count, "padded");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_pad.cl", "convolution_pad");
    tw_define_plane(site, l, p->from, p->top, p->left);
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

int tw_emit_pack(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
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
