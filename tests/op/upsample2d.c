// SPDX-License-Identifier: Apache-2.0
// Rows for upsample2d: both modes, even and odd factors, two of them, single pixels, parts of
// vectors.
#include "op/op.h"

OP_TESTS("upsample2d", {.op = "upsample2d(x)", .inputs = "x f32[n,3,4,5]"},
         {.op = "upsample2d(x) size=3,2", .inputs = "x f32[n,2,3,17]"},
         {.op = "upsample2d(x) size=1", .inputs = "x f32[n,2,3,2]"},
         {.op = "upsample2d(x) mode=bilinear", .inputs = "x f32[n,3,4,5]"},
         {.op = "upsample2d(x) size=3,4 mode=bilinear", .inputs = "x f32[n,4,3,18]", .batch = 2},
         {.op = "upsample2d(x) size=5,1 mode=bilinear", .inputs = "x f32[n,2,5,1]"},
         {.op = "upsample2d(x) size=4 mode=bilinear", .inputs = "x f32[n,1,1,3]"},
         {.op = "upsample2d(x) mode=bilinear", .inputs = "x bf16[n,3,2,4]"},
         {.op = "y = upsample2d(x) mode=bilinear; z = add(y, b); tanh(z)",
          .inputs = "x f32[n,h,3,4]; b f32[4]",
          .sizes = "h=2"},
         {.op = "upsample2d_dx(d) size=2,3", .inputs = "d f32[n,4,6,3]"},
         {.op = "upsample2d_dx(d) size=3,2 mode=bilinear", .inputs = "d f32[n,6,4,3]"})
