// SPDX-License-Identifier: Apache-2.0
// Elements to other places: what transpose, slice, pad and their like share.
#ifndef TW_OP_MOVE_H
#define TW_OP_MOVE_H

#include "op/helpers.h"

/* What cl/move.cl is told of each axis of the result; see there. */
typedef struct tw_move {
    int mode;
    int rank;
    tw_dim size[TW_MAX_RANK], stride[TW_MAX_RANK], length[TW_MAX_RANK];
    int64_t start[TW_MAX_RANK], step[TW_MAX_RANK];
    double fill;
} tw_move;

/* Adds the one candidate of the family. */
void tw_move_candidate(tw_site *site, tw_move m);
/* A move that takes each axis of the result from the same axis of x. */
tw_move tw_move_straight(const tw_site *site, int mode);

/* For references: the index in x of what stands at a place of y, or -1 for `fill`. */
typedef int64_t (*tw_move_source)(const tw_call *call, const tw_host_tensor *x,
                                  const tw_host_tensor *y, const int64_t *place);
/* Fills the first result from the first input. */
void tw_move_each_place(const tw_host_call *host, tw_move_source source, double fill);

#endif
