// SPDX-License-Identifier: Apache-2.0
// Rows for attention and its layers: tiles that are full, several, and cut off; widths that are no
// whole vectors; masks of each shape, which hide everything from some queries; dropout of the
// probabilities.
#include "op/op.h"

OP_TESTS("attention",
         {.op = "attention(q, k, v) scale=0.5",
          .inputs = "q f32[n,7,2,5]; k f32[n,9,2,5]; v f32[n,9,2,6]"},
         {.op = "attention(q, k, v) scale=0.25",
          .inputs = "q f32[n,64,2,16]; k f32[n,64,2,16]; v f32[n,64,2,16]",
          .batch = 2},
         {.op = "attention(q, k, v)", .inputs = "q f32[n,1,1,1]; k f32[n,1,1,1]; v f32[n,1,1,1]"},
         {.op = "attention(q, k, v) scale=0.3 causal=yes",
          .inputs = "q f32[n,70,1,4]; k f32[n,70,1,4]; v f32[n,70,1,4]",
          .batch = 2},
         {.op = "attention(q, k, v) scale=0.2 causal=yes",
          .inputs = "q f32[n,5,2,20]; k f32[n,130,2,20]; v f32[n,130,2,33]",
          .batch = 2},
         {.op = "attention(q, k, v, m) scale=0.4",
          .inputs = "q f32[n,67,2,8]; k f32[n,10,2,8]; v f32[n,10,2,8]; m bool[n,1,1,10]",
          .batch = 2},
         {.op = "attention(q, k, v, m) scale=0.4",
          .inputs = "q f32[n,9,2,3]; k f32[n,3,2,3]; v f32[n,3,2,4]; m i32[n,1,9,3] range=0..1",
          .batch = 2},
         {.op = "attention(q, k, v, m) scale=0.4 causal=yes",
          .inputs = "q f32[n,6,2,3]; k f32[n,6,2,3]; v f32[n,6,2,4]; m u8[n,2,6,6] range=0..1",
          .batch = 2},
         {.op = "attention(q, k, v) scale=0.5 dropout=0.3",
          .inputs = "q f32[n,18,2,5]; k f32[n,21,2,5]; v f32[n,21,2,6]",
          .batch = 2},
         {.op = "attention(q, k, v) scale=0.25",
          .inputs = "q f16[n,20,2,16]; k f16[n,20,2,16]; v f16[n,20,2,16]",
          .batch = 2})
