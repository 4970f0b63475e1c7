// SPDX-License-Identifier: Apache-2.0
// The candidates for convolutions to few channels: forward and by x (cl/convolution_dot.cl), and by
// the weight (cl/convolution_dw_dot.cl).
#include "op/convolution_launch.h"
#include "op/expr.h"

#define EDGE_TAPS 5   /* taps in a row that are spelt out for the first and last pixels of a row */
#define MOST_ROW 4096 /* results of a row that a work-item keeps */

/* Channels that are summed, and those of the result. */
static int64_t summed(const tw_convolution *c, bool by_x)
{
    return by_x ? c->co : c->ci;
}
static int64_t lanes(const tw_convolution *c, bool by_x)
{
    return by_x ? c->ci : c->co;
}

/* The widest vector that divides the channels that are summed; 0 if there is none. */
static int width(const tw_caps *caps, int64_t sum)
{
    int vw = tw_tile_columns(caps, 1, true).vw;
    while (vw >= 4 && sum % vw)
        vw /= 2;
    return vw >= 4 ? vw : 0;
}

bool tw_convolution_dot_fits(const tw_site *site, const tw_convolution *c, bool by_x)
{
    const int vw = width(site->caps, summed(c, by_x));
    return c->groups == 1 && vw && 2 * lanes(c, by_x) <= vw &&
           lanes(c, by_x) * (by_x ? c->w : c->ow) <= MOST_ROW;
}

/* Whether the pixels of a row that have taps outside are all among the first and the last `pixels`,
 * and their taps few enough to be spelt out. */
static bool has_edges(const tw_convolution *c, bool by_x, int64_t pixels)
{
    const int64_t reach = tw_window_reach(c->kw, c->dilation[1]) - 1;
    const int64_t before = by_x ? reach - c->pad[1] : c->pad[1];
    const int64_t count = by_x ? c->w : c->ow, source = by_x ? c->ow : c->w;
    const int64_t step = by_x ? 1 : c->stride[1],
                  last = (count - pixels - 1) * step - before + reach;
    return c->kw <= EDGE_TAPS && (!by_x || c->stride[1] == 1) && count >= pixels &&
           before <= pixels * step && last < source;
}

void tw_convolution_dot_simd(tw_site *site, const tw_convolution *c, bool by_x)
{
    const int64_t sum = summed(c, by_x);
    const int vw = width(site->caps, sum);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_dot");
    if (!candidate)
        return;
    const bool linear = tw_expr_linear(site->epilogue);
    int w = site->in[1];
    if (!by_x) {
        const tw_tile whole = {.vw = vw, .nv = (int)(sum / vw), .width = (int)sum, .blocks = 1};
        w = tw_emit_pack(site, candidate, c, &whole, 2);
    }
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_dot.cl", "convolution_dot");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, (tw_plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "BY_X", by_x);
    tw_launch_define(site, l, "EDGES", has_edges(c, by_x, vw / lanes(c, by_x)));
    tw_launch_define(site, l, "LINEAR", linear);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "w", w, by_x ? tw_site_in_type(site, 1) : TW_F32);
    if (l)
        tw_launch_epilogue(site, l, linear ? (unsigned)vw | 1u : 1);
    tw_launch_global(l, 0, TW_DIM(by_x ? c->h : c->oh), 1, 1);
    tw_launch_global(l, 1, c->images, 1, 1);
}

/* ---- by the weight ---- */

/* Sums that a row of taps and nv vectors of channels keep in registers. */
static int64_t row_sums(const tw_convolution *c, int64_t nv)
{
    return c->kw * c->co * nv;
}

static int64_t most_sums(const tw_caps *caps)
{
    return caps->registers >= 32 ? 24 : 12;
}

bool tw_convolution_dw_dot_fits(const tw_site *site, const tw_convolution *c)
{
    const int vw = width(site->caps, c->ci);
    return c->groups == 1 && vw && 2 * c->co <= vw && row_sums(c, 1) <= most_sums(site->caps);
}

/* Vectors of channels that go together: as many as the registers hold, at most 4. */
static int64_t choose_vectors(const tw_caps *caps, const tw_convolution *c, int vw)
{
    int64_t nv = 4;
    while (nv > 1 && (c->ci / vw % nv || row_sums(c, nv) > most_sums(caps)))
        nv--;
    return nv;
}

void tw_convolution_dw_dot_simd(tw_site *site, const tw_convolution *c)
{
    const int vw = width(site->caps, c->ci);
    const int64_t taps = c->kh * c->kw;
    const int slabs = tw_split(site->caps, 1, tw_dim_nominal(c->images) * c->oh);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_dw_dot");
    const int part = tw_candidate_workspace(site, candidate, TW_F32,
                                            TW_DIM(slabs * taps * c->ci * c->co), "partial sums");
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_dw_dot.cl", "convolution_dw_dot");
    tw_define_steps(site, l, c);
    tw_define_plane(site, l, (tw_plane){c->h, c->w}, c->pad[0], c->pad[1]);
    tw_define_inside(site, l, c);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "NV", choose_vectors(site->caps, c, vw));
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_in(site, l, "x", site->in[0], tw_site_in_type(site, 0));
    tw_launch_in(site, l, "dy", site->in[1], tw_site_in_type(site, 1));
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(slabs), 1, 1);
    tw_launch *sum = tw_candidate_launch(site, candidate, "slab_turn.cl", "slab_turn");
    tw_launch_define(site, sum, "VW", vw);
    tw_launch_define(site, sum, "SLABS", slabs);
    tw_launch_define(site, sum, "ROWS", taps);
    tw_launch_define(site, sum, "COLUMNS", c->co);
    tw_launch_define(site, sum, "DEPTH", c->ci);
    tw_launch_in(site, sum, "part", part, TW_F32);
    tw_launch_epilogue(site, sum, 1);
    tw_launch_global(sum, 0, TW_DIM(taps), 1, 1);
}
