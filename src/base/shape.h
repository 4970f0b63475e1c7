// SPDX-License-Identifier: Apache-2.0
// Shapes whose sizes may be letters: each size is a product scale * letters, such as 784, n, 2n,
// n*t.
#ifndef TW_BASE_SHAPE_H
#define TW_BASE_SHAPE_H

#include "base/base.h"

/* One size: scale times the product of the letters in the mask (bit 0: a ... bit 25: z; each at
 * most once). scale -1: not known until letters are bound (a convolution over a letter, say). */
typedef struct tw_dim {
    int64_t scale;
    uint32_t letters;
} tw_dim;

#define TW_LETTER(c) (1u << ((c) - 'a'))
#define TW_BATCH TW_LETTER('n')
#define TW_DIM(value) ((tw_dim){(value), 0})

typedef struct tw_shape {
    int rank;
    tw_dim dim[TW_MAX_RANK];
} tw_shape;

bool tw_dim_known(tw_dim dim);         /* not -1 */
bool tw_dim_fixed(tw_dim dim);         /* known, without letters */
bool tw_dim_equal(tw_dim a, tw_dim b); /* both known and the same */
bool tw_dim_is_one(tw_dim dim);
/* Product; unknown if either is, on overflow, or if a letter would stand twice. */
tw_dim tw_dim_multiply(tw_dim a, tw_dim b);
/* a / b where it divides evenly (letters of b among a's); unknown otherwise. */
tw_dim tw_dim_divide(tw_dim a, tw_dim b);
/* Value at batch n; other letters must be bound by then. */
int64_t tw_dim_at(tw_dim dim, int64_t n);
/* Replaces the letter by value (multiplies scale). */
tw_dim tw_dim_bind(tw_dim dim, uint32_t letter, int64_t value);
tw_dim tw_shape_count(const tw_shape *shape); /* all sizes multiplied; 1 for rank 0 */
tw_dim tw_shape_span(const tw_shape *shape, int from, int to); /* dim[from] * ... * dim[to - 1] */
bool tw_shape_equal(const tw_shape *a, const tw_shape *b);
/* "[n,28,28,1]" into a buffer of TW_SHAPE_TEXT bytes; returns the buffer. */
#define TW_SHAPE_TEXT 160
const char *tw_shape_text(const tw_shape *shape, char *buffer);

#endif
