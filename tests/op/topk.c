// SPDX-License-Identifier: Apache-2.0
// Rows for topk: values, places, both; each axis, ties, special values, all of a line, integers,
// lines longer than a work-group.
#include "op/op.h"

OP_TESTS("topk", {.op = "topk(x) k=3", .inputs = "x f32[n,9] distinct=yes", .batch = 5},
         {.op = "v, i = topk(x) k=5 axis=1; f = cast(i) type=f32; y = mul(v, f)",
          .inputs = "x f32[n,7,3] distinct=yes"},
         {.op = "v, i = topk(x) k=2 axis=-2; cast(i) type=f32",
          .inputs = "x f32[n,70,2] grid=0.25",
          .no_gradient = 1},
         {.op = "v, i = topk(x) k=6; f = cast(i) type=f32; add(v, f)",
          .inputs = "x f32[n,6] with=nan with=inf grid=0.5",
          .no_gradient = 1},
         {.op = "v, i = topk(x) k=1; f = cast(i) type=f32; add(v, f)",
          .inputs = "x f32[n,1] distinct=yes"},
         {.op = "topk(x) k=4 axis=0", .inputs = "x f32[9,n] distinct=yes", .batch = 5},
         {.op = "v, i = topk(x) k=9; add(v, i)",
          .inputs = "x i32[n,130] range=-20..20",
          .no_gradient = 1},
         {.op = "topk(x) k=2", .inputs = "x f16[n,8] distinct=yes", .tolerance = 1e-3})
