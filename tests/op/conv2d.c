// SPDX-License-Identifier: Apache-2.0
// Rows for the layers conv2d and conv2d_transpose.
#include "op.h"

OP_TESTS("conv2d",
    {"conv2d(x, w, b) filters=32 kernel=3 act=relu", "x f32[n,8,7,1]; w f32[3,3,1,32]; b f32[32]"},
    {"conv2d(x, w, b) filters=5 kernel=3 padding=same", "x f32[n,5,6,3]; w f32[3,3,3,5]; b f32[5]"},
    {"conv2d(x, w) filters=4 kernel=2,3 stride=2 padding=same bias=no", "x f32[n,7,6,3]; w f32[2,3,3,4]"},
    {"conv2d(x, w) filters=4 kernel=1 stride=3 padding=same bias=no", "x f32[n,5,7,2]; w f32[1,1,2,4]"},
    {"conv2d(x, w) filters=6 kernel=3 padding=1,0,2,1 bias=no", "x f32[n,4,5,2]; w f32[3,3,2,6]"},
    {"conv2d(x, w) filters=17 kernel=3 dilation=2 padding=same groups=1 bias=no", "x f32[n,6,5,2]; w f32[3,3,2,17]"},
    {"conv2d(x, w, b) filters=6 kernel=3 groups=6 padding=same act=tanh", "x f32[n,5,5,6]; w f32[3,3,1,6]; b f32[6]"},
    {"conv2d_transpose(x, w, b) filters=3 kernel=3 act=tanh", "x f32[n,4,5,2]; w f32[3,3,3,2]; b f32[3]"},
    {"conv2d_transpose(x, w) filters=4 kernel=3 stride=2 padding=same bias=no", "x f32[n,3,4,5]; w f32[3,3,4,5]"},
    {"conv2d_transpose(x, w) filters=2 kernel=2 stride=2 bias=no", "x f32[n,3,3,3]; w f32[2,2,2,3]"},
    {"conv2d_transpose(x, w) filters=2 kernel=2 stride=3 bias=no", "x f32[n,3,2,3]; w f32[2,2,2,3]"},
    {"conv2d_transpose(x, w) filters=17 kernel=4 stride=2 padding=same bias=no", "x f32[n,3,3,2]; w f32[4,4,17,2]"},
    {"conv2d_transpose(x, w) filters=3 kernel=3 stride=2 padding=same output_padding=1 bias=no",
     "x f32[n,3,3,2]; w f32[3,3,3,2]"},
    {"conv2d_transpose(x, w) filters=3 kernel=3 stride=2 output_padding=0,1 bias=no",
     "x f32[n,3,3,2]; w f32[3,3,3,2]"},
    {"conv2d_transpose(x, w) filters=3 kernel=2 dilation=2 bias=no", "x f32[n,3,4,2]; w f32[2,2,3,2]"})
