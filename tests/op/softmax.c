// SPDX-License-Identifier: Apache-2.0
// Rows for softmax and log_softmax: short and long axes, an axis that is not the last, large values.
#include "op/op.h"

OP_TESTS("softmax",
         {.op = "softmax(x)", .inputs = "x f32[n,10]"},
         {.op = "softmax(x)", .inputs = "x f32[n,1]"},
         {.op = "softmax(x)", .inputs = "x f32[n,67] range=-30..30", .batch = 37},
         {.op = "softmax(x)", .inputs = "x f32[7] range=-3..3"},
         {.op = "softmax(x) axis=1", .inputs = "x f32[n,5,3]"},
         {.op = "softmax(x) axis=1", .inputs = "x f32[n,5,21]"},
         {.op = "softmax(x) axis=0", .inputs = "x f32[n,33]", .batch = 9},
         {.op = "softmax(x) axis=-2; y = mul(softmax_1, b)", .inputs = "x f32[n,4,3,6]; b f32[6]"},
         // short rows, 16 at once: fewer of them in all, exactly 16, a last block that overlaps, further work-items
         {.op = "softmax(x)", .inputs = "x f32[n,4] range=-4..4", .batch = 15},
         {.op = "softmax(x)", .inputs = "x f32[n,16] range=-4..4", .batch = 16},
         {.op = "softmax(x)", .inputs = "x f32[n,10] range=-90..90", .batch = 37},
         {.op = "softmax(x)", .inputs = "x f32[n,47] range=-4..4", .batch = 200},
         {.op = "softmax(x)", .inputs = "x f16[n,11]", .batch = 18},
         {.op = "softmax(x)", .inputs = "x f32[n,9] with=nan with=inf", .batch = 20},
         {.op = "softmax(x)", .inputs = "x f32[n,32]", .batch = 40, .stream = 1},
         {.op = "y = softmax(x); mul(y, b)", .inputs = "x f32[n,5,19]; b f32[19]", .batch = 7},
         {.op = "log_softmax(x)", .inputs = "x f32[n,64] range=-90..90", .batch = 19},
         {.op = "y = log_softmax(x); mul(y, b)", .inputs = "x f32[n,5,6]; b f32[5,6]", .batch = 4},
         {.op = "log_softmax(x)", .inputs = "x f32[n,10] range=-4..4"},
         {.op = "log_softmax(x)", .inputs = "x f32[n,130] range=-4..4"},
         {.op = "log_softmax(x) axis=1", .inputs = "x f32[n,6,18]"})
