// SPDX-License-Identifier: Apache-2.0
// Rows for transpose, broadcast, slice and pad, with and without elementwise work behind them.
#include "op/op.h"

OP_TESTS("move",
         {.op = "transpose(x)", .inputs = "x f32[n,5]"},
         {.op = "transpose(x) perm=0,3,1,2", .inputs = "x f32[n,4,5,3]"},
         {.op = "transpose(x) perm=0,2,3,1", .inputs = "x f32[n,3,4,5]"},
         {.op = "transpose(x) perm=1,0,2; y = mul(transpose_1, b)", .inputs = "x f32[n,3,21]; b f32[21]"},
         {.op = "transpose(x) perm=0,2,1; y = mul(transpose_1, b)", .inputs = "x f32[n,3,4]; b f32[3]"},
         {.op = "transpose(x) perm=2,0,1", .inputs = "x i32[n,3,4]", .no_gradient = 1},
         {.op = "broadcast(x) shape=n,5,7", .inputs = "x f32[5,1]"},
         {.op = "broadcast(x) shape=n,4,19; y = square(broadcast_1)", .inputs = "x f32[n,1,19]"},
         {.op = "broadcast(x) shape=n,6", .inputs = "x f32[]"},
         {.op = "slice(x) axes=1 starts=1 ends=4", .inputs = "x f32[n,6]"},
         {.op = "slice(x) axes=-1 starts=-5 ends=-1", .inputs = "x f32[n,3,6]"},
         {.op = "slice(x) axes=1,2 starts=0,1 ends=9,9 steps=2,3", .inputs = "x f32[n,5,8,3]"},
         {.op = "slice(x) axes=1 starts=2; y = mul(slice_1, b)", .inputs = "x f32[n,6,17]; b f32[17]"},
         {.op = "slice(x) axes=2 steps=2", .inputs = "x f32[n,2,5]"},
         {.op = "pad(x) pads=0,1,2,0,0,2,0,0", .inputs = "x f32[n,3,4,5]"},
         {.op = "pad(x) axes=1,2 pads=1,0,1,2 value=0.5", .inputs = "x f32[n,3,2]"},
         {.op = "pad(x) axes=1,2 pads=1,1,1,1; y = exp(pad_1)", .inputs = "x f32[n,3,2,16]"},
         {.op = "pad(x) axes=1 pads=2,3 mode=reflect", .inputs = "x f32[n,4,3]"},
         {.op = "pad(x) axes=1,-1 pads=1,2,0,2 mode=reflect", .inputs = "x f32[n,3,4]"},
         {.op = "pad(x) axes=1,2 pads=1,2,3,1 mode=edge", .inputs = "x f32[n,3,2]"},
         {.op = "pad(x) axes=1 pads=2,3 mode=edge", .inputs = "x f32[n,1,6]"})
