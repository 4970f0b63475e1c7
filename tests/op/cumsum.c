// SPDX-License-Identifier: Apache-2.0
// Rows for cumsum: each axis, from either end, with and without the element, rows longer than a
// work-group, integers, f16.
#include "op/op.h"

OP_TESTS("cumsum", {.op = "cumsum(x)", .inputs = "x f32[n,7]", .batch = 5},
         {.op = "cumsum(x) exclusive=yes reverse=yes", .inputs = "x f32[n,67]"},
         {.op = "cumsum(x) reverse=yes", .inputs = "x f32[n,130]", .batch = 2},
         {.op = "cumsum(x) axis=1 exclusive=yes", .inputs = "x f32[n,5,19]", .batch = 9},
         {.op = "cumsum(x) axis=0", .inputs = "x f32[n,3]", .batch = 70},
         {.op = "cumsum(x) axis=-2 reverse=yes; y = mul(cumsum_1, b)",
          .inputs = "x f32[n,1,3]; b f32[3]"},
         {.op = "cumsum(x)",
          .inputs = "x i32[n,70] range=-1000000000..1000000000",
          .no_gradient = 1},
         {.op = "cumsum(x) axis=1", .inputs = "x f16[n,9,2]", .tolerance = 1e-3},
         {.op = "cumsum(x)", .inputs = "x f32[n,9] with=nan with=inf", .batch = 3})
