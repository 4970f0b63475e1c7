// SPDX-License-Identifier: Apache-2.0
// Rows whose kernels write their results past the caches, as those larger than the caches do.
#include "op/op.h"

// clang-format off
OP_TESTS("stream",
    {.op = "add(a, b)", .inputs = "a f32[n,100]; b f32[n,100]", .stream = 1},
    {.op = "s = add(a, b); relu(s)", .inputs = "a f32[n,64] away=0; b f32[64]", .stream = 1},
    {.op = "s = add(a, b); tanh(s)", .inputs = "a f32[n,61]; b f32[61]", .stream = 1},
    {.op = "s = square(x); t = reduce_sum(s) axes=1 keepdims=yes; u = div(s, t); exp(u)", .inputs = "x f32[n,48] range=0.5..1", .stream = 1},
    {.op = "cast(x) type=i32", .inputs = "x f32[n,64] range=-9..9", .stream = 1, .no_gradient = 1},
    {.op = "cast(x) type=f16", .inputs = "x f32[n,64]", .stream = 1, .no_gradient = 1},
    {.op = "dropout(x) rate=0.4", .inputs = "x f32[n,80]", .training = 1, .stream = 1},
    {.op = "dense(x, w, b) units=32 act=relu", .inputs = "x f32[n,20]; w f32[20,32]; b f32[32]", .batch = 17, .stream = 1},
    {.op = "dense(x, w, b) units=33 act=tanh", .inputs = "x f32[n,20]; w f32[20,33]; b f32[33]", .batch = 17, .stream = 1},
    {.op = "conv2d(x, w, b) filters=16 kernel=3 act=relu", .inputs = "x f32[n,7,6,5]; w f32[3,3,5,16]; b f32[16] away=0", .stream = 1},
    {.op = "maxpool2d(x)", .inputs = "x f32[n,4,6,32] distinct=yes", .stream = 1},
    {.op = "avgpool2d(x)", .inputs = "x f32[n,4,6,32]", .stream = 1},
    {.op = "softmax(x)", .inputs = "x f32[n,32]", .stream = 1},
    {.op = "softmax_cross_entropy(x, t)", .inputs = "x f32[n,48]; t i32[n] classes=48", .stream = 1},
    {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,3,64]; s f32[64]; b f32[64]", .tolerance = 1e-4, .stream = 1},
    {.op = "batch_norm(x, s, b)", .inputs = "x f32[n,5,32]; s f32[32]; b f32[32]", .tolerance = 1e-4, .training = 1, .stream = 1},
    {.op = "transpose(x) perm=0,2,1", .inputs = "x f32[n,48,33]", .stream = 1},
    {.op = "transpose(x) perm=1,0,2", .inputs = "x f32[n,7,64]", .stream = 1},
    {.op = "transpose(x) perm=0,3,1,2", .inputs = "x f32[n,4,12,20]", .stream = 1},
    {.op = "y = transpose(x) perm=0,3,1,2; relu(y)", .inputs = "x f32[n,4,12,35] away=0", .stream = 1},
    {.op = "y = transpose(x) perm=0,3,1,2; add(y, b)", .inputs = "x f32[n,4,12,16]; b f32[12]", .stream = 1},
    {.op = "y = transpose(x); mul(y, c)", .inputs = "x f32[n,33]; c f32[33,n]", .batch = 32, .stream = 1},
    {.op = "concat(a, b) axis=1", .inputs = "a f32[n,16]; b f32[n,32]", .stream = 1},
    {.op = "gather(w, i)", .inputs = "w f32[9,32]; i i32[n,4] classes=9", .stream = 1})
