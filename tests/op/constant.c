// SPDX-License-Identifier: Apache-2.0
// Rows for constant: lists of numbers and of integers, one value for all, in the middle of other
// work.
#include "op/op.h"

OP_TESTS("constant",
         {.op = "c = constant values=\"1,2.5,-3e-2\"; mul(x, c)", .inputs = "x f32[n,3]"},
         {.op = "c = constant values=\"0,1,2,3,4,5\" shape=2,3; relu(c); y = add(relu_1, x)",
          .inputs = "x f32[n,2,3]"},
         {.op = "c = constant values=\"0.5\" shape=n,3; mul(x, c)", .inputs = "x f32[n,3]"},
         {.op = "c = constant values=\"2,0,2,1\" type=i32; gather(x, c)", .inputs = "x f32[n,3]"},
         {.op = "c = constant values=\"inf, -inf, 1e-40\" type=f32; minimum(x, c)",
          .inputs = "x f32[n,3]",
          .no_gradient = 1},
         {.op = "c = constant values=\"1,0,1\" type=bool; where(c, x, z)",
          .inputs = "x f32[n,3]; z f32[n,3]"},
         {.op = "c = constant f16[3] values=\"1,2,0.333\"; mul(x, c)",
          .inputs = "x f16[n,3]",
          .tolerance = 1e-3},
         {.op = "c = constant values=\"3,3,3\" type=u8; y = cast(c) type=f32",
          .inputs = "x f32[n]",
          .no_gradient = 1})
