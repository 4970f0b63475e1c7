// SPDX-License-Identifier: Apache-2.0
// The candidates that only tuning asks for: other tiles, other numbers of slabs, packed or not.
#include "op/op.h"

#define ALL(op, inputs)                                                                            \
    {                                                                                              \
        op, inputs, .alternatives = 1                                                              \
    }

#define GRADIENT(op, inputs)                                                                       \
    {                                                                                              \
        op, inputs, .alternatives = 1, .no_gradient = 1                                            \
    }

OP_TESTS("alternatives",
         /* products: columns in whole vectors, beyond them, and fewer; sums in slabs */
         ALL("matmul(a, b)", "a f32[37,70]; b f32[70,64]"),
         ALL("matmul(a, b)", "a f32[n,300]; b f32[300,10]"),
         ALL("matmul(a, b) transpose_a=yes", "a f32[8101,20]; b f32[8101,35]"),
         ALL("matmul(a, b) transpose_b=yes", "a f32[n,6,40]; b f32[n,48,40]"),
         ALL("dense units=33 act=relu", "x f32[n,20]"),
         /* tiles of several rows, of one, with edges, with copied padding */
         ALL("conv2d filters=20 kernel=3 act=relu", "x f32[n,7,9,3]"),
         ALL("conv2d filters=36 kernel=3 padding=same", "x f32[n,6,13,5]"),
         ALL("conv2d filters=24 kernel=3 stride=2 padding=same", "x f32[n,9,11,9]"),
         ALL("conv2d filters=40 kernel=3 groups=2 padding=same", "x f32[n,5,6,6]"),
         ALL("conv2d filters=20 kernel=3; y = maxpool2d", "x f32[n,7,31,3]"),
         /* gradients through a maxpool: of many channels, of few */
         GRADIENT("convolution_pool_dx(dy, which, w) size=2,2 height=11 width=9",
             "dy f32[n,4,3,32]; which u8[n,4,3,32] range=0..3; w f32[3,3,96,32]"),
         GRADIENT("convolution_pool_dw(x, dy, which) size=2,2 kernel=3,3",
             "x f32[n,13,9,16]; dy f32[n,5,3,16]; which u8[n,5,3,16] range=0..3"),
         GRADIENT("convolution_pool_dw(x, dy, which) size=2,2 kernel=3,3 pads=1",
             "x f32[n,13,9,64]; dy f32[n,6,4,16]; which u8[n,6,4,16] range=0..3"),
         GRADIENT("convolution_pool_dw(x, dy, which) size=2,2 kernel=3,3",
             "x f32[n,15,36,3]; dy f32[n,6,17,32]; which u8[n,6,17,32] range=0..3"),
         /* Winograd's */
         ALL("conv2d filters=33 kernel=3 padding=same", "x f32[n,9,11,17]"),
         ALL("conv2d filters=64 kernel=3 padding=same", "x f32[n,5,6,64]"))
