// SPDX-License-Identifier: Apache-2.0
// Rows for pad, with and without elementwise work behind it.
#include "op/op.h"

OP_TESTS("pad",
         {.op = "pad(x) pads=0,1,2,0,0,2,0,0", .inputs = "x f32[n,3,4,5]"},
         {.op = "pad(x) axes=1,2 pads=1,0,1,2 value=0.5", .inputs = "x f32[n,3,2]"},
         {.op = "pad(x) axes=1,2 pads=1,1,1,1; y = exp(pad_1)", .inputs = "x f32[n,3,2,16]"},
         {.op = "pad(x) axes=1 pads=2,3 mode=reflect", .inputs = "x f32[n,4,3]"},
         {.op = "pad(x) axes=1,-1 pads=1,2,0,2 mode=reflect", .inputs = "x f32[n,3,4]"},
         {.op = "pad(x) axes=1,2 pads=1,2,3,1 mode=edge", .inputs = "x f32[n,3,2]"},
         {.op = "pad(x) axes=1 pads=2,3 mode=edge", .inputs = "x f32[n,1,6]"})
