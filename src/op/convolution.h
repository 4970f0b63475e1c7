// SPDX-License-Identifier: Apache-2.0
// Sizes of a convolution, which it shares with its two gradients.
#ifndef TW_OP_CONVOLUTION_H
#define TW_OP_CONVOLUTION_H

#include "op/pool.h"
#include "op/product.h"

typedef enum tw_convolution_kind {
    TW_CONVOLUTION,
    TW_CONVOLUTION_DX,
    TW_CONVOLUTION_DW
} tw_convolution_kind;

/* x [images,h,w,ci], w [kh,kw,cig,co], y [images,oh,ow,co]; pads: top, left, bottom, right. In
 * infer, before letters are bound, sizes may be -1. */
typedef struct tw_convolution {
    tw_dim images;
    int64_t h, w, ci, oh, ow, co, kh, kw, cig, cog, groups;
    int64_t stride[2], pad[4], dilation[2];
} tw_convolution;

/* Reads a call whose infer has accepted it. Pads below 0 are 0: oh and ow say what is left out. */
void tw_convolution_of(const tw_call *call, tw_convolution_kind kind, tw_convolution *c);

/* Candidates. */
void tw_convolution_variants(tw_site *site);
void tw_convolution_dx_variants(tw_site *site);
void tw_convolution_dw_variants(tw_site *site);

/* The Winograd candidate: of the convolution c of the site's first input. flip: c is the
 * convolution of dy that gives dx; then the weight has its channels exchanged. pooling: of the
 * site's tail, in the same kernel; c's oh and ow are those that it covers; NULL: none. */
bool tw_winograd_fits(const tw_convolution *c);
/* Whether it is to stand before the direct one. */
bool tw_winograd_pays(const tw_site *site, const tw_convolution *c);
/* Whether its tiles hold whole windows. */
bool tw_winograd_pools(const tw_pooling *pooling);
void tw_winograd_simd(tw_site *site, const tw_convolution *c, bool flip, const tw_pooling *pooling);
/* The same for the gradient by the weight, of x and dy in f32. */
bool tw_winograd_dw_pays(const tw_site *site, const tw_convolution *c);
void tw_winograd_dw_simd(tw_site *site, const tw_convolution *c);

/* Pixels that a window of `size` covers at that dilation, and places it has in `extent` pixels. */
int64_t tw_window_reach(int64_t size, int64_t dilation);
int64_t tw_window_places(int64_t extent, int64_t pad_before, int64_t pad_after, int64_t size,
                         int64_t stride, int64_t dilation);
/* padding=: "valid", "same" (TensorFlow's: the odd pixel at the end), or 1, 2 or 4 numbers (all;
 * vertical,horizontal; top,left,bottom,right), for windows over an image of extent[2] (-1: unknown,
 * taken as 0). SYNTAX if it is none. */
tw_status tw_padding_of(const tw_call *call, const int64_t extent[2], const int64_t size[2],
                        const int64_t stride[2], const int64_t dilation[2], int64_t pad[4],
                        tw_error *error);
/* The same for windows over a sequence: "valid", "same", with `causal` also "causal" (all before
 * the first step, so that no step sees a later one), or 1 or 2 numbers (both; before,after). */
tw_status tw_padding_1d(const tw_call *call, int64_t steps, int64_t size, int64_t stride,
                        int64_t dilation, bool causal, int64_t pad[2], tw_error *error);
/* A size as a number; -1 while it has letters or is unknown. */
int64_t tw_dim_number(tw_dim dim);
/* Reads `count` integers that are to be at least `least`. */
tw_status tw_ints_of(const tw_call *call, const char *name, int count, int64_t least,
                     int64_t *values, tw_error *error);
/* One integer (INT) that is to be at least `least`. */
tw_status tw_int_of(const tw_call *call, const char *name, int64_t least, int64_t *value,
                    tw_error *error);

#endif
