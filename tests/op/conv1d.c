// SPDX-License-Identifier: Apache-2.0
// Rows for conv1d: paddings, strides, dilation, groups, one step, a bound length, bias and
// activation.
#include "op/op.h"

OP_TESTS("conv1d",
         {.op = "conv1d(x, w, b) filters=8 kernel=3",
          .inputs = "x f32[n,9,5]; w f32[3,5,8]; b f32[8]"},
         {.op = "conv1d(x, w, b) filters=17 kernel=4 padding=same act=tanh",
          .inputs = "x f32[n,6,3]; w f32[4,3,17]; b f32[17]"},
         {.op = "conv1d(x, w, b) filters=3 kernel=3 padding=causal dilation=2",
          .inputs = "x f32[n,7,4]; w f32[3,4,3]; b f32[3]"},
         {.op = "conv1d(x, w) filters=4 kernel=3 stride=2 padding=same bias=no",
          .inputs = "x f32[n,8,2]; w f32[3,2,4]"},
         {.op = "conv1d(x, w) filters=4 kernel=5 stride=3 padding=3,1 bias=no",
          .inputs = "x f32[n,t,2]; w f32[5,2,4]",
          .sizes = "t=11"},
         {.op = "conv1d(x, w, b) filters=6 kernel=2 groups=3 padding=causal stride=2",
          .inputs = "x f32[n,5,6]; w f32[2,2,6]; b f32[6]"},
         {.op = "conv1d(x, w) filters=4 kernel=3 groups=4 padding=1 bias=no",
          .inputs = "x f32[n,6,4]; w f32[3,1,4]"},
         {.op = "conv1d(x, w, b) filters=2 kernel=1",
          .inputs = "x f32[n,1,3]; w f32[1,3,2]; b f32[2]"},
         {.op = "conv1d(x, w, b) filters=5 kernel=3 padding=causal",
          .inputs = "x f32[n,1,2]; w f32[3,2,5]; b f32[5]"})
