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
         /* sorted numbers: tables beyond the caches; then small ones, of rows below, of and beyond whole vectors and blocks */
         {.op = "gather(x, i)", .inputs = "x f32[3000,32]; i i32[n,40] range=-3100..3100", .batch = 4},
         {.op = "gather(x, i)", .inputs = "x f32[70000]; i i32[n,90] range=-9..9", .batch = 2},
         {.op = "gather(x, i)", .inputs = "x f32[n,2100]; i i32[23] range=-99..99", .batch = 99},
         {.op = "gather(x, i)", .inputs = "x f32[7,5]; i i32[n,3] range=-9..9", .batch = 9, .alternatives = 1},
         {.op = "gather(x, i)", .inputs = "x f32[40,16]; i i32[n] range=-40..39", .batch = 11, .alternatives = 1},
         {.op = "gather(x, i)", .inputs = "x f32[3,32]; i i32[n,70] range=0..2", .stream = 1, .alternatives = 1},
         {.op = "gather(x, i)", .inputs = "x f32[5,127]; i u8[n,3] classes=5", .batch = 7, .alternatives = 1},
         {.op = "gather(x, i)", .inputs = "x f32[9,131]; i i32[n] range=-99..99", .batch = 17, .alternatives = 1},
         {.op = "gather(x, i)", .inputs = "x f32[1,270]; i i32[n] classes=1", .batch = 5, .alternatives = 1},
         {.op = "gather(x, i) axis=1", .inputs = "x f32[n,6,20]; i i32[9] range=-6..5", .alternatives = 1},
         {.op = "one_hot(i) depth=6", .inputs = "i i32[n] classes=6", .no_gradient = 1},
         {.op = "one_hot(i) depth=3", .inputs = "i u8[n,2] classes=3", .no_gradient = 1})
