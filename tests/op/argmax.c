// SPDX-License-Identifier: Apache-2.0
// Rows for argmax and argmin: each axis, equal values, integers.
#include "op/op.h"

OP_TESTS("argmax",
         {.op = "argmax(x)", .inputs = "x f32[n,10]", .no_gradient = 1},
         {.op = "argmax(x) axis=0", .inputs = "x f32[n,5]", .no_gradient = 1},
         {.op = "argmax(x) axis=1 keepdims=yes", .inputs = "x f32[n,5,7]", .no_gradient = 1},
         {.op = "argmax(x)", .inputs = "x i32[n,12] range=0..3", .no_gradient = 1},
         {.op = "argmin(x) axis=-2", .inputs = "x f32[n,17,2]", .no_gradient = 1},
         {.op = "argmin(x)", .inputs = "x u8[n,12] range=0..3", .no_gradient = 1})
