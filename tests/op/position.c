// SPDX-License-Identifier: Apache-2.0
// Rows for positional_encoding and position_embedding: odd widths, one step, long sequences, fewer
// steps than rows, a letter.
#include "op/op.h"

OP_TESTS("position", {.op = "positional_encoding(x)", .inputs = "x f32[n,5,38]"},
         {.op = "positional_encoding(x)", .inputs = "x f32[n,1,3]"},
         {.op = "positional_encoding(x)", .inputs = "x f32[n,t,1]", .sizes = "t=9"},
         {.op = "positional_encoding(x)", .inputs = "x f32[n,2,6,5]"},
         {.op = "positional_encoding(x)",
          .inputs = "x f32[n,9000,3] fixed=yes",
          .batch = 1,
          .no_gradient = 1},
         {.op = "positional_encoding(x); y = relu(positional_encoding_1)",
          .inputs = "x f16[n,4,6] away=0",
          .tolerance = 1e-3},
         {.op = "position_embedding(x) length=7", .inputs = "x f32[n,7,5]"},
         {.op = "position_embedding(x) length=9", .inputs = "x f32[n,t,4]", .sizes = "t=1"},
         {.op = "position_embedding(x, w) length=6", .inputs = "x f32[n,4,3]; w f32[6,3]"})
