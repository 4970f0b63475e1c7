// SPDX-License-Identifier: Apache-2.0
// Rows for batch_norm: by the batch's statistics, by given ones, without scale or shift.
#include "op/op.h"

OP_TESTS("batch_norm",
         {.op = "batch_norm(x)", .inputs = "x f32[n,4,3,5]", .training = 1, .tolerance = 5e-5},
         {.op = "batch_norm(x)", .inputs = "x f32[n,4,3,5]"},
         {.op = "batch_norm(x) scale=no epsilon=0.1", .inputs = "x f32[n,6]", .training = 1, .batch = 9},
         {.op = "batch_norm(x) shift=no epsilon=0.1; y = relu(batch_norm_1)", .inputs = "x f32[n,20]", .training = 1, .batch = 9, .no_gradient = 1},
         {.op = "batch_norm(x, scale=s, shift=b, mean=m, variance=v)",
          .inputs = "x f32[n,3]; s f32[3]; b f32[3]; m f32[3]; v f32[3] range=0.5..2"})
