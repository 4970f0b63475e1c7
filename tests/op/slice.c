// SPDX-License-Identifier: Apache-2.0
// Rows for slice, with and without elementwise work behind it.
#include "op/op.h"

OP_TESTS("slice",
         {.op = "slice(x) axes=1 starts=1 ends=4", .inputs = "x f32[n,6]"},
         {.op = "slice(x) axes=-1 starts=-5 ends=-1", .inputs = "x f32[n,3,6]"},
         {.op = "slice(x) axes=1,2 starts=0,1 ends=9,9 steps=2,3", .inputs = "x f32[n,5,8,3]"},
         {.op = "slice(x) axes=1 starts=2; y = mul(slice_1, b)", .inputs = "x f32[n,6,17]; b f32[17]"},
         {.op = "slice(x) axes=2 steps=2", .inputs = "x f32[n,2,5]"})
