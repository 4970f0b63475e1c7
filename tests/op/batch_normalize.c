// SPDX-License-Identifier: Apache-2.0
// Rows for batch_normalize: few and many channels, ends of vectors, several blocks of rows and of channels, large means,
// without scale or shift, with elementwise work behind it.
#include "op/op.h"

// clang-format off
OP_TESTS("batch_normalize",
    {.op = "batch_normalize(x, s, b) epsilon=0.001", .inputs = "x f32[n,4,3,5]; s f32[5]; b f32[5]", .tolerance = 5e-5},
    {.op = "batch_normalize(x, s, b) epsilon=0.001", .inputs = "x f32[n,32]; s f32[32]; b f32[32]", .batch = 40, .tolerance = 5e-5},
    {.op = "batch_normalize(x, s) epsilon=0.1", .inputs = "x f32[n,7,37]; s f32[37]", .batch = 9},
    {.op = "batch_normalize(x) epsilon=0.1", .inputs = "x f32[n,2,300]", .batch = 5},
    {.op = "batch_normalize(x, s, b) epsilon=0.1", .inputs = "x f32[n,30,30,3]; s f32[3]; b f32[3]", .batch = 3},
    {.op = "batch_normalize(x) epsilon=0.1", .inputs = "x f32[n,12] range=99..101", .batch = 30},
    {.op = "y, m, v = batch_normalize(x, s, b) epsilon=0.1; z = relu(y)", .inputs = "x f32[n,20]; s f32[20]; b f32[20]", .no_gradient = 1},
    {.op = "batch_normalize(x) epsilon=0.1", .inputs = "x f32[n,3,4] with=nan"},
    {.op = "batch_normalize_dx(d, x, m, v, s) epsilon=0.1", .inputs = "d f32[n,5,18]; x f32[n,5,18]; m f32[18]; v f32[18] range=0.5..2; s f32[18]", .no_gradient = 1},
    {.op = "batch_normalize_dx(d, x, m, v) epsilon=0.1", .inputs = "d f32[n,6]; x f32[n,6]; m f32[6]; v f32[6] range=0.5..2", .no_gradient = 1})
