// SPDX-License-Identifier: Apache-2.0
// Rows for transpose, with and without elementwise work behind it.
#include "op/op.h"

OP_TESTS("transpose",
         {.op = "transpose(x)", .inputs = "x f32[n,5]"},
         {.op = "transpose(x) perm=0,3,1,2", .inputs = "x f32[n,4,5,3]"},
         {.op = "transpose(x) perm=0,2,3,1", .inputs = "x f32[n,3,4,5]"},
         {.op = "transpose(x) perm=1,0,2; y = mul(transpose_1, b)", .inputs = "x f32[n,3,21]; b f32[21]"},
         {.op = "transpose(x) perm=0,2,1; y = mul(transpose_1, b)", .inputs = "x f32[n,3,4]; b f32[3]"},
         {.op = "transpose(x) perm=2,0,1", .inputs = "x i32[n,3,4]", .no_gradient = 1},
         {.op = "transpose(x) perm=0,2,1", .inputs = "x f32[n,37,85]"},
         {.op = "transpose(x) perm=0,3,2,1", .inputs = "x f32[n,21,2,16]"},
         {.op = "transpose(x) perm=2,1,0", .inputs = "x f32[n,2,33]", .batch = 35},
         {.op = "transpose(x) perm=0,2,1; y = mul(transpose_1, b)", .inputs = "x f32[n,19,17]; b f32[19]"},
         {.op = "transpose(x) perm=0,2,1; reshape shape=n,34,16; y = mul(reshape_1, b)",
          .inputs = "x f32[n,32,17]; b f32[16]"},
         {.op = "transpose(x) perm=0,2,1", .inputs = "x f16[n,18,16]", .no_gradient = 1},
         {.op = "transpose(x) perm=1,0,2", .inputs = "x u8[n,17,18]", .no_gradient = 1},
         {.op = "transpose(x) perm=2,0,1", .inputs = "x i32[n,3,35]", .no_gradient = 1, .batch = 20})
