// SPDX-License-Identifier: Apache-2.0
// Rows for the primitives of cross entropy: class numbers and distributions, few and many classes, smoothing.
#include "op/op.h"

OP_TESTS("cross_entropy",
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,10] range=-4..4; t i32[n] classes=10"},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,67] range=-4..4; t i32[n] classes=67", .batch = 21},
         {.op = "softmax_cross_entropy(x, t) label_smoothing=0.1", .inputs = "x f32[n,20]; t u8[n,1] classes=20"},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,4,5]; t i32[n,4] classes=5"},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,35]; t f32[n,35] range=0..1 fixed=yes"},
         {.op = "softmax_cross_entropy(x, t) label_smoothing=0.2", .inputs = "x f32[n,3]; t f32[n,3] range=0..1 fixed=yes"},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,5]; t i32[n] range=-3..9"})
