// SPDX-License-Identifier: Apache-2.0
// Attention's primitives, attention and attention_dx: their sizes, and the candidates for both.
#ifndef TW_OP_ATTENTION_H
#define TW_OP_ATTENTION_H

#include "op/helpers.h"

/* Inputs of both primitives. */
enum { ATTENTION_QUERY, ATTENTION_KEY, ATTENTION_VALUE, ATTENTION_MASK };
enum { DX_DY, DX_QUERY, DX_KEY, DX_VALUE, DX_Y, DX_LSE, DX_MASK };

/* query [batch,queries,heads,width], key [batch,keys,heads,width], value and y
 * [batch,keys|queries,heads,value_width]; sizes are -1 while they are not known. */
typedef struct tw_attention {
    tw_dim batch;
    int64_t queries, keys, heads, width, value_width;
    const tw_node *mask; /* [batch|1, heads|1, queries|1, keys], or NULL */
    bool causal;
    double scale, dropout;
    uint64_t stream; /* of the random numbers of dropout: the hash of a name */
} tw_attention;

/* Whether query, key, value [n,length,heads,width] and a mask (NULL: none), of 2 to 4 dimensions,
 * go together. */
tw_status tw_attention_check(const tw_shape *query, const tw_shape *key, const tw_shape *value,
                             const tw_node *mask, tw_error *error);
/* The shape of a mask [n,keys], [n,queries,keys] or [n,heads,queries,keys] in four dimensions, 1
 * where it has none. */
tw_shape tw_attention_mask_shape(const tw_shape *mask);

/* The sizes of a call of attention or attention_dx; an error says what does not fit. */
tw_status tw_attention_read(const tw_call *call, tw_attention *sizes, tw_error *error);
/* The same of a call that infer has accepted. */
tw_attention tw_attention_of(const tw_call *call);

/* The number of a mask's dimension d (0 to 2) that meets place `at` of the scores, in elements of
 * keys: 0 if the dimension is 1. */
int64_t tw_attention_mask_step(const tw_attention *sizes, int d);

void tw_attention_variants(tw_site *site);
void tw_attention_dx_variants(tw_site *site);

#endif
