// SPDX-License-Identifier: Apache-2.0
// Rows for layer_norm and rms_norm: short and long rows, tails of vectors, several axes, axes that
// are not the last, large means, one sample, single elements.
#include "op/op.h"

OP_TESTS(
    "layer_norm", {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,5,64]; s f32[64]; b f32[64]"},
    {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,39]; s f32[39]; b f32[39]", .batch = 37},
    {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,3]; s f32[3]; b f32[3]"},
    {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,1]; s f32[1]; b f32[1]"},
    {.op = "layer_norm(x, s, b) axis=-2,-1 epsilon=0.1",
     .inputs = "x f32[n,2,3,7]; s f32[3,7]; b f32[3,7]"},
    {.op = "layer_norm(x, s, b) axis=1", .inputs = "x f32[n,6,5]; s f32[6]; b f32[6]"},
    {.op = "layer_norm(x, s, b) axis=1,3",
     .inputs = "x f32[n,4,3,5]; s f32[4,5]; b f32[4,5]",
     .batch = 2},
    {.op = "layer_norm(x, s)", .inputs = "x f32[7]; s f32[7]"},
    {.op = "layer_norm(x) scale=no shift=no", .inputs = "x f32[n,t,20]", .sizes = "t=3"},
    {.op = "layer_norm(x, s) shift=no", .inputs = "x f32[n,650]; s f32[650]", .batch = 2},
    {.op = "layer_norm(x, s, b)",
     .inputs = "x f32[n,33] range=9999..10001 grid=0.0009765625; s f32[33]; b f32[33]",
     .batch = 5},
    {.op = "layer_norm(x, s, b)",
     .inputs = "x f32[n,48] fixed=yes; s f32[48]; b f32[48]",
     .batch = 5},
    {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,20]; s f32[20] fixed=yes; b f32[20]"},
    {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,5,5] with=nan; s f32[5]; b f32[5]"},
    {.op = "layer_norm(x, s, b)", .inputs = "x f32[n,2] with=inf; s f32[2]; b f32[2]", .batch = 6},
    {.op = "layer_norm(x, s, b)", .inputs = "x bf16[n,4,34]; s f32[34]; b f32[34]"},
    {.op = "y = layer_norm(x, s, b); z = relu(y); add(z, x)",
     .inputs = "x f32[n,4,18] away=0; s f32[18]; b f32[18]"},
    {.op = "rms_norm(x, s)", .inputs = "x f32[n,5,36]; s f32[36]"},
    {.op = "rms_norm(x, s) axis=1 epsilon=0.01", .inputs = "x f32[n,9,2]; s f32[9]"},
    {.op = "rms_norm(x) scale=no", .inputs = "x f32[n,17]", .batch = 9},
    {.op = "rms_norm(x, s)", .inputs = "x f16[n,70]; s f32[70]"})
