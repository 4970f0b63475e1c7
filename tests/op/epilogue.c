// SPDX-License-Identifier: Apache-2.0
// Rows for what is fused behind every operator whose kernels end in EPILOGUE: its result with operands added that are
// broadcast along the last dimension, one a sample, and across dimensions in the middle (MIXED), or that are one number and
// of full size (LINEAR: kernels may then run across rows), and softplus of it.
#include "op/op.h"

#define LINEAR(text, inputs_, full)                                                                                    \
    {                                                                                                                  \
        .op = "r = " text "; s = add(r, one); v = mul(s, all); softplus(v)",                                           \
        .inputs = inputs_ "; one f32[1]; all f32[" full "]"                                                            \
    }
#define MIXED(text, inputs_, last, sample)                                                                             \
    {                                                                                                                  \
        .op = "r = " text "; s = add(r, row); v = mul(s, each); softplus(v)",                                          \
        .inputs = inputs_ "; row f32[" last "]; each f32[" sample "]"                                                  \
    }
#define MIDDLE(text, inputs_, middle, outer)                                                                           \
    {                                                                                                                  \
        .op = "r = " text "; s = add(r, a_); v = mul(s, b_); softplus(v)",                                             \
        .inputs = inputs_ "; a_ f32[" middle "]; b_ f32[" outer "]"                                                    \
    }

// clang-format off
OP_TESTS("epilogue",
    LINEAR("matmul(a, b)", "a f32[n,12]; b f32[12,18]", "n,18"),
    MIXED("matmul(a, b)", "a f32[n,12]; b f32[12,18]", "18", "n,1"),
    LINEAR("convolution(x, w)", "x f32[n,4,5,3]; w f32[3,3,3,18]", "n,2,3,18"),
    MIXED("convolution(x, w)", "x f32[n,4,5,3]; w f32[3,3,3,18]", "18", "n,1,1,1"),
    MIDDLE("convolution(x, w)", "x f32[n,4,5,3]; w f32[3,3,3,18]", "2,1,1", "n,1,3,18"),
    LINEAR("convolution(x, w) groups=18", "x f32[n,4,5,18]; w f32[3,3,1,18]", "n,2,3,18"),
    MIXED("convolution(x, w) groups=18", "x f32[n,4,5,18]; w f32[3,3,1,18]", "18", "n,1,1,1"),
    LINEAR("convolution_dx(d, w) strides=2 height=5 width=6", "d f32[n,2,3,4]; w f32[2,2,18,4]", "n,5,6,18"),
    MIXED("convolution_dx(d, w) strides=2 height=5 width=6", "d f32[n,2,3,4]; w f32[2,2,18,4]", "18", "n,1,1,1"),
    LINEAR("maxpool2d(x)", "x f32[n,4,6,18] distinct=yes", "n,2,3,18"),
    MIXED("maxpool2d(x)", "x f32[n,4,6,18] distinct=yes", "18", "n,1,1,1"),
    MIDDLE("maxpool2d(x)", "x f32[n,4,6,18] distinct=yes", "2,1,1", "n,1,3,18"),
    LINEAR("avgpool2d(x)", "x f32[n,4,6,18]", "n,2,3,18"),
    MIXED("avgpool2d(x)", "x f32[n,4,6,18]", "18", "n,1,1,1"),
    LINEAR("avgpool_dx(d) size=2 strides=2 height=4 width=6", "d f32[n,2,3,18]", "n,4,6,18"),
    MIXED("avgpool_dx(d) size=2 strides=2 height=4 width=6", "d f32[n,2,3,18]", "18", "n,1,1,1"),
    LINEAR("softmax(x)", "x f32[n,18]", "n,18"),
    MIXED("softmax(x)", "x f32[n,18]", "18", "n,1"),
    LINEAR("softmax(x) axis=1", "x f32[n,3,18]", "n,3,18"),
    MIXED("softmax(x) axis=1", "x f32[n,3,18]", "18", "n,1,1"),
    LINEAR("log_softmax(x)", "x f32[n,18]", "n,18"),
    MIXED("log_softmax(x)", "x f32[n,18]", "18", "n,1"),
    LINEAR("reduce_sum(x) axes=1", "x f32[n,5,18]", "n,18"),
    MIXED("reduce_sum(x) axes=1", "x f32[n,5,18]", "18", "n,1"),
    LINEAR("reduce_mean(x) axes=2", "x f32[n,18,5]", "n,18"),
    MIXED("reduce_mean(x) axes=2", "x f32[n,18,5]", "18", "n,1"),
    LINEAR("reduce_sum(x) axes=1,3", "x f32[n,5,18,2]", "n,18"),
    MIXED("reduce_sum(x) axes=1,3", "x f32[n,5,18,2]", "18", "n,1"),
    LINEAR("transpose(x) perm=0,2,3,1", "x f32[n,18,2,3]", "n,2,3,18"),
    MIXED("transpose(x) perm=0,2,3,1", "x f32[n,18,2,3]", "18", "n,1,1,1"),
    MIDDLE("transpose(x) perm=0,2,3,1", "x f32[n,18,2,3]", "2,1,1", "n,1,3,18"),
    LINEAR("slice(x) axes=1 starts=1", "x f32[n,4,18]", "n,3,18"),
    MIXED("slice(x) axes=1 starts=1", "x f32[n,4,18]", "18", "n,1,1"),
    LINEAR("pad(x) axes=1 pads=1,1", "x f32[n,2,18]", "n,4,18"),
    MIXED("pad(x) axes=1 pads=1,1", "x f32[n,2,18]", "18", "n,1,1"),
    LINEAR("broadcast(x) shape=n,4,18", "x f32[4,1]", "n,4,18"),
    MIXED("broadcast(x) shape=n,4,18", "x f32[4,1]", "18", "n,1,1"),
    LINEAR("concat(p, q) axis=1", "p f32[n,1,18]; q f32[n,3,18]", "n,4,18"),
    MIXED("concat(p, q) axis=1", "p f32[n,1,18]; q f32[n,3,18]", "18", "n,1,1"),
    LINEAR("concat(p, q)", "p f32[n,2,7]; q f32[n,2,11]", "n,2,18"),
    MIXED("concat(p, q)", "p f32[n,2,7]; q f32[n,2,11]", "18", "n,1,1"),
    LINEAR("gather(t, i)", "t f32[7,18]; i i32[n,2] classes=7", "n,2,18"),
    MIXED("gather(t, i)", "t f32[7,18]; i i32[n,2] classes=7", "18", "n,1,1"),
    LINEAR("one_hot(i) depth=18", "i i32[n,2] classes=18", "n,2,18"),
    MIXED("one_hot(i) depth=18", "i i32[n,2] classes=18", "18", "n,1,1"),
    LINEAR("softmax_cross_entropy(l, t)", "l f32[n,18,5]; t i32[n,18] classes=5", "n,18"),
    MIXED("softmax_cross_entropy(l, t)", "l f32[n,18,5]; t i32[n,18] classes=5", "18", "n,1"))
