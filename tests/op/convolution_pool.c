// SPDX-License-Identifier: Apache-2.0
// Rows for the gradients of a convolution through the maxpool behind it, as operators of their own and as models have them.
#include "op.h"

#define DX(attributes, dy, w) {"convolution_pool_dx(dy, which, w) " attributes, "dy f32" dy "; which u8" dy " range=0..3; w f32" w, .no_gradient = 1}
#define DW(attributes, x, dy) {"convolution_pool_dw(x, dy, which) " attributes, "x f32" x "; dy f32" dy "; which u8" dy " range=0..3", .no_gradient = 1}

OP_TESTS("convolution_pool",
    DX("size=2,2 height=6 width=6", "[n,2,2,16]", "[3,3,16,16]"),
    DX("size=2,2 height=7 width=9", "[n,2,3,32]", "[3,3,16,32]"),
    DX("size=2,2 height=12 width=26", "[n,5,12,16]", "[3,3,32,16]"),
    DX("size=2,2 height=13 width=13 pads=1", "[n,6,6,48]", "[3,3,48,48]"),
    DX("size=1,4 height=9 width=11", "[n,6,2,16]", "[3,3,16,16]"),
    DX("size=4,1 height=10 width=5 pads=0,1,0,1", "[n,2,4,32]", "[3,3,80,32]"),
    DX("size=2,2 height=10 width=70 pads=2", "[n,5,34,16]", "[5,5,16,16]"),
    DX("size=2,2 height=8 width=4 pads=0,0,4,3", "[n,5,2,16]", "[3,3,16,16]"),
    DX("size=2,2 height=5 width=7 pads=1,0,-1,-1", "[n,2,1,112]", "[2,5,64,112]"),
    {"y = convolution_pool_dx(dy, which, w) size=2,2 height=6 width=8; mul(y, z)",
     "dy f32[n,2,3,32]; which u8[n,2,3,32] range=0..3; w f32[3,3,16,32]; z f32[n,6,8,16]", .no_gradient = 1},
    {"y = convolution_pool_dx(dy, which, w) size=2,2 height=6 width=8",
     "dy f32[n,2,3,32] grid=1; which u8[n,2,3,32] range=0..3; w f32[3,3,16,32]", .no_gradient = 1, .batch = 20},
    DW("size=2,2 kernel=3,3", "[n,6,6,16]", "[n,2,2,16]"),
    DW("size=2,2 kernel=3,3", "[n,7,9,32]", "[n,2,3,16]"),
    DW("size=2,2 kernel=3,3", "[n,12,26,32]", "[n,5,12,32]"),
    DW("size=2,2 kernel=3,3 pads=1", "[n,13,13,48]", "[n,6,6,48]"),
    DW("size=1,4 kernel=3,3", "[n,9,11,16]", "[n,6,2,16]"),
    DW("size=4,1 kernel=3,3 pads=0,1,0,1", "[n,10,5,80]", "[n,2,4,32]"),
    DW("size=2,2 kernel=5,5 pads=2", "[n,10,7,16]", "[n,5,3,16]"),
    DW("size=2,2 kernel=2,5 pads=1,0,-1,-1", "[n,5,7,64]", "[n,2,1,112]"),
    DW("size=2,2 kernel=3,3", "[n,6,6,1]", "[n,2,2,16]"),
    DW("size=2,2 kernel=3,3 pads=1", "[n,7,64,3]", "[n,3,32,48]"),
    DW("size=4,1 kernel=4,5 pads=0,2,0,1", "[n,11,4,1]", "[n,2,3,32]"),
    DW("size=1,4 kernel=2,5", "[n,4,12,8]", "[n,3,2,16]"),
    DW("size=2,2 kernel=5,5", "[n,18,36,3]", "[n,7,16,16]"),
    {"y = convolution_pool_dw(x, dy, which) size=2,2 kernel=3,3; mul(y, z)",
     "x f32[n,6,8,16]; dy f32[n,2,3,32]; which u8[n,2,3,32] range=0..3; z f32[3,3,16,32]", .no_gradient = 1, .batch = 20},
    {"conv2d(x, w, b) filters=16 kernel=3 act=relu; y = maxpool2d", "x f32[n,7,8,3]; w f32[3,3,3,16]; b f32[16]", .batch = 1},
    {"conv2d(x, w, b) filters=16 kernel=3 act=relu; y = maxpool2d", "x f32[n,7,8,16]; w f32[3,3,16,16]; b f32[16]", .batch = 1},
    {"conv2d(x, w) filters=32 kernel=3 padding=same bias=no; y = maxpool2d", "x f32[n,6,7,16]; w f32[3,3,16,32]", .batch = 1},
    {"conv2d(x, w) filters=16 kernel=3 padding=2,0,0,1 bias=no; maxpool2d; y = tanh", "x f32[n,6,6,16]; w f32[3,3,16,16] range=-0.1..0.1", .batch = 1})
