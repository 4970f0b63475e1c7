// SPDX-License-Identifier: Apache-2.0
// What the launches of a product share (product.c), and its candidates in register tiles.
#ifndef TW_OP_PRODUCT_LAUNCH_H
#define TW_OP_PRODUCT_LAUNCH_H

#include "op/product.h"

/* M, N, K, A_ROW, A_COL, A_INDEX, B_INDEX */
void tw_product_sizes(tw_site *site, tw_launch *launch, const tw_product *p);
/* Whether vectors of b's rows can be loaded where they are: the last ones overlap. */
bool tw_product_in_place(const tw_product *p, int vw);
/* Whether partial sums have a size to plan with. */
bool tw_product_may_split(const tw_product *p);
/* Parts of the sum, of at least `least` steps, that keep the device busy with so many groups. */
int tw_product_slabs(const tw_site *site, const tw_product *p, int64_t groups, int64_t least);
/* A workspace for partial sums as the launch's result `part`, and the launch that adds them. */
void tw_product_add_slabs(tw_site *site, tw_candidate *candidate, tw_launch *launch,
                          const tw_product *p, int slabs, int64_t pitch);
/* Result: the epilogue, or with several slabs `part` and the sum. */
void tw_product_finish(tw_site *site, tw_candidate *candidate, tw_launch *launch,
                       const tw_product *p, int slabs, int64_t pitch, unsigned widths);

/* A register tile: vectors a row, b read in place or packed, and rows. */
int tw_product_vectors(const tw_site *site, const tw_product *p, bool place);
int tw_product_rows(const tw_site *site, const tw_product *p, int nv);

/* Columns that do not follow the batch. */
void tw_product_tiles_simd(tw_site *site, const tw_product *p);
/* Likewise, where tw_product_is_long. */
void tw_product_slabs_simd(tw_site *site, const tw_product *p);
/* Whether what a long sum reads stays in no near cache, and its result is small enough to. */
bool tw_product_is_long(const tw_site *site, const tw_product *p);
/* Of such a sum: whether it stays in no cache at all, so that reading it once pays. */
bool tw_product_is_far(const tw_site *site, const tw_product *p);

#endif
