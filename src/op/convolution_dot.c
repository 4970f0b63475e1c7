// SPDX-License-Identifier: Apache-2.0
// The candidate for convolutions to few channels, forward and by x (cl/convolution_dot.cl).
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
