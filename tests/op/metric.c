// SPDX-License-Identifier: Apache-2.0
// Rows for the metrics: class numbers, one-hot labels, a single column.
#include "op/op.h"

OP_TESTS("metric",
         {.op = "accuracy(x, t)", .inputs = "x f32[n,3]; t i32[n] classes=3", .no_gradient = 1, .batch = 17},
         {.op = "accuracy(x, t)", .inputs = "x f32[n,3]; t u8[n,1] classes=3", .no_gradient = 1, .batch = 17},
         {.op = "accuracy(x, t)", .inputs = "x f32[n,2,3]; t i32[n,2] classes=3", .no_gradient = 1, .batch = 17},
         {.op = "accuracy(x, t)", .inputs = "x f32[n,3]; t f32[n,3]", .no_gradient = 1, .batch = 17},
         {.op = "accuracy(x, t)", .inputs = "x f32[n,1] range=0..1; t i32[n] classes=2", .no_gradient = 1, .batch = 17},
         {.op = "accuracy(x, t) threshold=0", .inputs = "x f32[n,1]; t i32[n] classes=2", .no_gradient = 1, .batch = 17},
         {.op = "binary_accuracy(x, t)", .inputs = "x f32[n,5] range=0..1; t u8[n,5] classes=2", .no_gradient = 1, .batch = 17},
         {.op = "binary_accuracy(x, t) threshold=0", .inputs = "x f32[n,2,3]; t f32[n,6] range=0..1", .no_gradient = 1, .batch = 17},
         {.op = "top_k_accuracy(x, t) k=2", .inputs = "x f32[n,5]; t i32[n] classes=5", .no_gradient = 1, .batch = 17},
         {.op = "top_k_accuracy(x, t)", .inputs = "x f32[n,9]; t f32[n,9]", .no_gradient = 1, .batch = 17})
