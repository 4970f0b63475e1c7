// SPDX-License-Identifier: Apache-2.0
// Rows so short that 16 are computed at once, of which softmax and its cross entropy make use:
// cl/softmax_short.cl.
#ifndef TW_OP_SOFTMAX_H
#define TW_OP_SOFTMAX_H

#include "op/site.h"

/* Whether rows of that many elements are, by the simd family. */
bool tw_rows_short(const tw_site *site, tw_dim axis);
/* How they are shared out: defines CHUNK, and sets the groups. NULL is accepted. */
void tw_launch_short(tw_site *site, tw_launch *launch, tw_dim rows, tw_dim axis);
/* The elements that lie in one run as results of that shape are written (operator.h): all where rows
 * are long, though they share lines (ROW_PUT in cl/core/core.cl). */
tw_dim tw_rows_run(const tw_shape *shape);

#endif
