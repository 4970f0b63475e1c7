// SPDX-License-Identifier: Apache-2.0
// Rows for transpose, with and without elementwise work behind it.
#include "op/op.h"

OP_TESTS("transpose",
         {.op = "transpose(x)", .inputs = "x f32[n,5]"},
         {.op = "transpose(x) perm=0,3,1,2", .inputs = "x f32[n,4,5,3]"},
         {.op = "transpose(x) perm=0,2,3,1", .inputs = "x f32[n,3,4,5]"},
         {.op = "transpose(x) perm=1,0,2; y = mul(transpose_1, b)", .inputs = "x f32[n,3,21]; b f32[21]"},
         {.op = "transpose(x) perm=0,2,1; y = mul(transpose_1, b)", .inputs = "x f32[n,3,4]; b f32[3]"},
         {.op = "transpose(x) perm=2,0,1", .inputs = "x i32[n,3,4]", .no_gradient = 1})
