// SPDX-License-Identifier: Apache-2.0
// The gradients of a convolution through the maxpool behind it: sizes, and when they serve.
#ifndef TW_OP_CONVOLUTION_POOL_H
#define TW_OP_CONVOLUTION_POOL_H

#include "op/convolution.h"

#define TW_POOL_PIXELS 4 /* of a window: one of them has a gradient */

/* A convolution at stride 1, without dilation and groups, and windows side by side of `size` pixels
 * on its result, ph by pw of them; convolution.oh and ow end where they end. */
typedef struct tw_convolution_pool {
    tw_convolution convolution;
    int64_t size[2], ph, pw;
} tw_convolution_pool;

/* Reads a call whose infer has accepted it: convolution_pool_dx, or (by_weight)
 * convolution_pool_dw. */
void tw_convolution_pool_of(const tw_call *call, bool by_weight, tw_convolution_pool *p);

/* Whether dy, the gradient of the result of the convolution c of w with x, is that of a maxpool
 * that the gradient by x, or by the weight, is to go through: it is then emitted from the gradient
 * of the pool's result. Where it holds that was faster than from those of all pixels
 * (docs/kernels.md). */
bool tw_convolution_pool_serves_x(const tw_convolution *c, const tw_node *w, const tw_node *dy);
bool tw_convolution_pool_serves_w(const tw_convolution *c, const tw_node *w, const tw_node *dy);
/* The gradients, where they serve. */
tw_node *tw_emit_pool_dx(tw_graph *g, const tw_convolution *c, const tw_node *dy, tw_node *w);
tw_node *tw_emit_pool_dw(tw_graph *g, const tw_convolution *c, const tw_node *dy, tw_node *x);

/* Whether the taps of a pixel are few, so that they are copied for each (by the weight). */
bool tw_convolution_pool_few(const tw_convolution *c);

/* Candidates. */
void tw_convolution_pool_dx_variants(tw_site *site);
void tw_convolution_pool_dw_variants(tw_site *site);

#endif
