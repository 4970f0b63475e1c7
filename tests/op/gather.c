// SPDX-License-Identifier: Apache-2.0
// Rows for gather (doubled, negative and out-of-range numbers) and one_hot.
#include "op/op.h"

OP_TESTS("gather",
         {.op = "gather(x, i)", .inputs = "x f32[7,5]; i i32[n] classes=7", .batch = 9},
         {.op = "gather(x, i)", .inputs = "x f32[7,18]; i i32[n,3] range=-7..6", .batch = 9},
         {.op = "gather(x, i)", .inputs = "x f32[4]; i i32[n] range=-9..9", .batch = 11},
         {.op = "gather(x, i) axis=1", .inputs = "x f32[n,6,3]; i i32[4] classes=6"},
         {.op = "gather(x, i) axis=-1", .inputs = "x f32[n,6]; i i32[2,2] classes=6"},
         {.op = "gather(x, i); y = mul(gather_1, b)", .inputs = "x f32[7,5]; i i32[n] classes=7; b f32[5]"},
         {.op = "one_hot(i) depth=6", .inputs = "i i32[n] classes=6", .no_gradient = 1},
         {.op = "one_hot(i) depth=3", .inputs = "i u8[n,2] classes=3", .no_gradient = 1})
