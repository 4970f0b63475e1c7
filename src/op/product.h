// SPDX-License-Identifier: Apache-2.0
// Candidates for a product of matrices, offered to matmul and to convolutions that are one.
#ifndef TW_OP_PRODUCT_H
#define TW_OP_PRODUCT_H

#include "op/tile.h"

/* result[batch][m][n] = a (as [m][k]) * b (as [k][n]); the site's epilogue stores it. */
typedef struct tw_product {
    int a, b; /* tensors */
    tw_type a_type, b_type;
    bool transpose_a, transpose_b;
    tw_dim batch, m, k, n;
    tw_dim b_matrices; /* how many b holds */
    char a_index[224],
        b_index[224]; /* number of the matrix for `batch`: kernel expressions, "0", "batch", ... */
} tw_product;

void tw_product_variants(tw_site *site, const tw_product *product);

#endif
