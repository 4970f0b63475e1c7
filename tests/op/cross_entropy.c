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
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,5]; t i32[n] range=-3..9"},
         // short rows, 16 at once: fewer of them in all, exactly 16, a last block that overlaps, further work-items
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,4] range=-4..4; t i32[n] classes=4", .batch = 15},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,16] range=-4..4; t i32[n] classes=16", .batch = 16},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,10] range=-90..90; t i32[n] classes=10", .batch = 37},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,47] range=-4..4; t u8[n] classes=47", .batch = 200},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,64]; t i32[n] classes=64", .batch = 19},
         {.op = "softmax_cross_entropy(x, t) label_smoothing=0.3", .inputs = "x f32[n,19] range=-4..4; t i32[n] classes=19", .batch = 33},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f16[n,11]; t i32[n] classes=11", .batch = 18},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x bf16[n,7]; t i32[n] range=-3..9", .batch = 21},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,9] with=nan with=inf; t i32[n] classes=9", .batch = 20},
         {.op = "l = softmax_cross_entropy(x, t); mul(l, w)", .inputs = "x f32[n,5,6]; t i32[n,5] classes=6; w f32[5]", .batch = 7},
         {.op = "l = softmax_cross_entropy(x, t); m = mul(l, w); relu(m)", .inputs = "x f32[n,6]; t i32[n] classes=6; w f32[n] away=0", .batch = 35},
         {.op = "l = softmax_cross_entropy(x, t); reduce_mean(l)", .inputs = "x f32[n,12]; t i32[n] classes=12", .batch = 50},
         {.op = "y = mul(x, s); softmax_cross_entropy(y, t)", .inputs = "x f32[n,14]; s f32[14]; t i32[n] classes=14", .batch = 40},
         {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,32]; t i32[n] classes=32", .batch = 40, .stream = 1})
