// SPDX-License-Identifier: Apache-2.0
// Rows for group_norm and instance_norm: groups wider and narrower than a vector, blocks that end
// in part of a vector, images, sequences, plain features, one pixel, large means.
#include "op/op.h"

OP_TESTS("group_norm",
         {.op = "group_norm(x, s, b) groups=2", .inputs = "x f32[n,3,2,40]; s f32[40]; b f32[40]"},
         {.op = "group_norm(x, s, b) groups=4 epsilon=0.01",
          .inputs = "x f32[n,2,3,12]; s f32[12]; b f32[12]"},
         {.op = "group_norm(x, s, b)", .inputs = "x f32[n,5,96]; s f32[96]; b f32[96]", .batch = 2},
         {.op = "group_norm(x, s, b) groups=25", .inputs = "x f32[n,2,75]; s f32[75]; b f32[75]"},
         {.op = "group_norm(x, s, b) groups=1", .inputs = "x f32[n,2,3,5]; s f32[5]; b f32[5]"},
         {.op = "group_norm(x, s, b) groups=3", .inputs = "x f32[n,15]; s f32[15]; b f32[15]"},
         {.op = "group_norm(x) groups=2 scale=no shift=no", .inputs = "x f32[n,4,4,6]"},
         {.op = "group_norm(x, s) groups=3 shift=no",
          .inputs = "x f32[n,t,9]; s f32[9]",
          .sizes = "t=4"},
         {.op = "group_norm(x, s, b) groups=2",
          .inputs = "x f32[n,4,6] range=9999..10001 grid=0.0009765625; s f32[6]; b f32[6]"},
         {.op = "group_norm(x, s, b) groups=2",
          .inputs = "x f32[n,3,6] fixed=yes; s f32[6]; b f32[6]",
          .batch = 7},
         {.op = "instance_norm(x, s, b)", .inputs = "x f32[n,4,3,7]; s f32[7]; b f32[7]"},
         {.op = "instance_norm(x, s, b)",
          .inputs = "x f32[n,3,5,70]; s f32[70]; b f32[70]",
          .batch = 2},
         {.op = "instance_norm(x, s, b)", .inputs = "x f32[n,9,8,1]; s f32[1]; b f32[1]"},
         {.op = "instance_norm(x, s, b)", .inputs = "x f32[n,6,17]; s f32[17]; b f32[17]"},
         {.op = "instance_norm(x, s, b)", .inputs = "x f32[n,1,4]; s f32[4]; b f32[4]"},
         {.op = "y = instance_norm(x, s, b); z = relu(y); add(z, x)",
          .inputs = "x bf16[n,5,3]; s f32[3]; b f32[3]"})
