// SPDX-License-Identifier: Apache-2.0
// Sizes of normalize, which it shares with its gradient and the kernels of both.
#ifndef TW_OP_NORMALIZE_H
#define TW_OP_NORMALIZE_H

#include "op/tile.h"

/* Inputs of normalize, and of normalize_dx. */
enum { TW_NORMALIZE_X, TW_NORMALIZE_SCALE, TW_NORMALIZE_SHIFT };
enum {
    TW_NORMALIZE_DX_DY,
    TW_NORMALIZE_DX_X,
    TW_NORMALIZE_DX_RSTD,
    TW_NORMALIZE_DX_MEAN,
    TW_NORMALIZE_DX_SCALE,
    TW_NORMALIZE_DX_COUNT
};

/* x [n,...,channels] as [outer, middle, groups, width]: the batch, what lies between, and the
 * channels in groups. Mean and variance are taken over middle and width. */
typedef struct tw_normal {
    tw_dim outer, middle;
    int64_t groups, width;
    bool center, gradient;
} tw_normal;

/* A call of either whose infer has accepted it. */
tw_normal tw_normal_of(const tw_call *call);

/* Candidates. */
void tw_normalize_variants(tw_site *site);
void tw_normalize_dx_variants(tw_site *site);

#endif
