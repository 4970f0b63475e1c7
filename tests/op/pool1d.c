// SPDX-License-Identifier: Apache-2.0
// Rows for pooling of sequences.
#include "op/op.h"

OP_TESTS("pool1d", {.op = "maxpool1d(x)", .inputs = "x f32[n,7,5] distinct=yes"},
         {.op = "maxpool1d(x) size=3 stride=2 padding=same",
          .inputs = "x f32[n,8,17] distinct=yes"},
         {.op = "maxpool1d(x) size=3 stride=1 padding=0,2",
          .inputs = "x f32[n,t,2] distinct=yes",
          .sizes = "t=4"},
         {.op = "maxpool1d(x) size=1", .inputs = "x f32[n,1,3] distinct=yes"},
         {.op = "avgpool1d(x)", .inputs = "x f32[n,6,18]"},
         {.op = "avgpool1d(x) size=4 stride=3 padding=same", .inputs = "x f32[n,8,3]"},
         {.op = "avgpool1d(x) size=300", .inputs = "x f32[n,600,1]", .batch = 1},
         {.op = "y = avgpool1d(x) size=3 stride=1 padding=1; relu", .inputs = "x f32[n,5,4]"},
         {.op = "global_maxpool1d(x)", .inputs = "x f32[n,9,5] distinct=yes"},
         {.op = "global_avgpool1d(x)", .inputs = "x f32[n,t,20]", .sizes = "t=7"},
         {.op = "global_avgpool1d(x) keepdims=yes", .inputs = "x f32[n,1,3]"})
