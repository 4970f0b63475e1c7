// SPDX-License-Identifier: Apache-2.0
// Rows for scaled_dot_product_attention and multi_head_attention.
#include "op/op.h"

#define WEIGHTS(in, heads, dim, value, out)                                                        \
    "; wq f32[" #in "," #heads "," #dim "]; bq f32[" #heads "," #dim "]; wk f32[" #in "," #heads   \
    "," #dim "]; bk f32[" #heads "," #dim "]; wv f32[" #in "," #heads "," #value                   \
    "]; bv f32[" #heads "," #value "]; wo f32[" #heads "," #value "," #out "]; bo f32[" #out "]"
#define GIVEN                                                                                      \
    "query_weight=wq, query_bias=bq, key_weight=wk, key_bias=bk, value_weight=wv, "                \
    "value_bias=bv, output_weight=wo, output_bias=bo"

OP_TESTS("multi_head_attention",
         {.op = "scaled_dot_product_attention(q, k, v, m)",
          .inputs = "q f32[n,4,3]; k f32[n,5,3]; v f32[n,5,2]; m bool[n,5]"},
         {.op = "scaled_dot_product_attention(q, k, v, m) causal=yes",
          .inputs = "q f32[n,5,2,3]; k f32[n,5,2,3]; v f32[n,5,2,3]; m bool[n,5,5]"},
         {.op = "scaled_dot_product_attention(q, k, v) dropout=0.4 scale=1",
          .inputs = "q f32[n,5,2,3]; k f32[n,5,2,3]; v f32[n,5,2,3]",
          .training = 1},
         {.op = "scaled_dot_product_attention(q, k, v) dropout=0.4",
          .inputs = "q f32[n,5,2,3]; k f32[n,5,2,3]; v f32[n,5,2,3]"},
         {.op = "multi_head_attention(x, " GIVEN ") heads=2",
          .inputs = "x f32[n,5,6]" WEIGHTS(6, 2, 3, 3, 6)},
         {.op = "multi_head_attention(x, c, mask=m, " GIVEN
                ") heads=3 key_dim=2 value_dim=4 output_dim=7",
          .inputs = "x f32[n,5,6]; c f32[n,4,6]; m bool[n,1,4]" WEIGHTS(6, 3, 2, 4, 7)},
         {.op = "multi_head_attention(x, query_weight=wq, key_weight=wk, value_weight=wv, "
                "output_weight=wo) heads=2 bias=no causal=yes",
          .inputs = "x f32[n,t,4]; wq f32[4,2,2]; wk f32[4,2,2]; wv f32[4,2,2]; wo f32[2,2,4]",
          .sizes = "t=6"})
