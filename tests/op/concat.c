// SPDX-License-Identifier: Apache-2.0
// Rows for concat: each axis, many inputs, the batch, elementwise work behind it.
#include "op/op.h"

OP_TESTS("concat",
         {.op = "concat(a, b)", .inputs = "a f32[n,3]; b f32[n,5]"},
         {.op = "concat(a, b) axis=1", .inputs = "a f32[n,3,20]; b f32[n,1,20]"},
         {.op = "concat(a, b, a)", .inputs = "a f32[n,16]; b f32[n,33]"},
         {.op = "concat(a, b) axis=0", .inputs = "a f32[n,3]; b f32[n,3]"},
         {.op = "concat(a, b) axis=0", .inputs = "a f32[2,3]; b f32[4,3]"},
         {.op = "concat(a, b); y = mul(concat_1, c)", .inputs = "a f32[n,2,3]; b f32[n,2,4]; c f32[7]"},
         {.op = "concat(a, b) axis=1; y = mul(concat_1, c)", .inputs = "a f32[n,2,3]; b f32[n,1,3]; c f32[3]"},
         {.op = "concat(a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a)", .inputs = "a f32[n,2]"})
