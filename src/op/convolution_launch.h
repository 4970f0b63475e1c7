// SPDX-License-Identifier: Apache-2.0
// What candidates of convolutions share: their sizes as macros, a copy of x within zeros, a packed
// weight; and the candidates that have files of their own.
#ifndef TW_OP_CONVOLUTION_LAUNCH_H
#define TW_OP_CONVOLUTION_LAUNCH_H

#include "op/convolution.h"

/* Up and down to whole numbers; a of ceil at least 0, b at least 1. */
int64_t tw_ceil_divide(int64_t a, int64_t b);
int64_t tw_floor_divide(int64_t a, int64_t b);

bool tw_convolution_padded(const tw_convolution *c);

/* A plane of pixels: height, width. */
typedef struct tw_plane {
    int64_t h, w;
} tw_plane;

/* The macros SY SX DY DX KH KW CI CO CIG COG OH OW, and H W PT PL. */
void tw_define_steps(tw_site *site, tw_launch *l, const tw_convolution *c);
void tw_define_plane(tw_site *site, tw_launch *l, tw_plane size, int64_t top, int64_t left);
/* The macros LEFT RIGHT: pixels of a row of dy from LEFT to RIGHT - 1 have all taps in a row of x.
 */
void tw_define_inside(tw_site *site, tw_launch *l, const tw_convolution *c);

/* A copy of x within zeros: `from` placed at (top, left) of `to`, each group's `cg` channels made
 * cp. */
typedef struct tw_padding {
    int x;
    tw_type type;
    tw_dim images;
    tw_plane from, to;
    int64_t top, left, groups, cg, cp;
} tw_padding;

/* Each adds a launch, and returns the workspace that it fills. flip: see cl/convolution_pack.cl */
int tw_emit_pad(tw_site *site, tw_candidate *candidate, const tw_padding *p);
int tw_emit_pack(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
                 const tw_tile *tile, int flip);

/* A channel a group, forward or by x, and by the weight. */
void tw_depthwise_simd(tw_site *site, const tw_convolution *c, bool by_x);
void tw_depthwise_dw_simd(tw_site *site, const tw_convolution *c);
/* To few channels, forward or by x; fits: whether it can, and is to stand before the others. */
bool tw_convolution_dot_fits(const tw_site *site, const tw_convolution *c, bool by_x);
void tw_convolution_dot_simd(tw_site *site, const tw_convolution *c, bool by_x);
/* The same by the weight. */
bool tw_convolution_dw_dot_fits(const tw_site *site, const tw_convolution *c);
void tw_convolution_dw_dot_simd(tw_site *site, const tw_convolution *c);
/* By the weight: direct and Winograd's, the faster one first. */
void tw_convolution_sums_simd(tw_site *site, const tw_convolution *c);

#endif
