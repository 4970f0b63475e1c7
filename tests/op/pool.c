// SPDX-License-Identifier: Apache-2.0
// Rows for pooling.
#include "op.h"

OP_TESTS("pool",
    {"maxpool2d(x)", "x f32[n,4,6,3] distinct=yes"},
    {"maxpool2d(x)", "x f32[n,5,7,17] distinct=yes"},
    {"maxpool2d(x) size=3 stride=2", "x f32[n,7,5,16] distinct=yes"},
    {"maxpool2d(x) size=3 stride=1 padding=same", "x f32[n,4,5,2] distinct=yes"},
    {"maxpool2d(x) size=2,3 stride=3,2 padding=same", "x f32[n,5,6,4] distinct=yes"},
    {"maxpool2d(x) size=3 padding=1", "x f32[n,6,7,33] distinct=yes", .batch = 2},
    {"maxpool2d(x) size=1", "x f32[n,2,3,1] distinct=yes"},
    {"maxpool(x) size=2 strides=2", "x f32[n,4,4,32] distinct=yes", .no_gradient = 1},
    {"avgpool2d(x)", "x f32[n,4,6,3]"},
    {"avgpool2d(x)", "x f32[n,5,7,33]", .batch = 2},
    {"avgpool2d(x) size=3 stride=2 padding=same", "x f32[n,6,5,17]"},
    {"avgpool2d(x) size=3,2 stride=1 padding=1,0,1,1", "x f32[n,4,5,16]"},
    {"avgpool_dx(d) size=3 strides=2 pads=1 height=7 width=6", "d f32[n,4,3,5]"},
    {"y = maxpool2d(x); relu", "x f32[n,4,6,18] distinct=yes away=0"},
    {"relu(x); y = maxpool2d", "x f32[n,4,6,18] distinct=yes away=0"},
    {"leaky_relu(x) alpha=0.1; y = maxpool2d size=3 stride=2", "x f32[n,5,7,17] distinct=yes away=0"},
    {"add(b, x); y = maxpool2d", "x f32[n,4,6,17] distinct=yes; b f32[17]"},
    {"add(x, b); relu6; y = maxpool2d padding=same", "x f32[n,5,5,3] distinct=yes; b f32[1]", .no_gradient = 1},
    {"global_avgpool2d(x)", "x f32[n,3,4,5]"},
    {"global_avgpool2d(x) keepdims=yes", "x f32[n,3,4,17]"},
    {"global_maxpool2d(x)", "x f32[n,3,2,5] distinct=yes"})
