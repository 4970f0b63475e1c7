// SPDX-License-Identifier: Apache-2.0
// Rows for rnn: states, masks, directions, activations, sizes that do not fill vectors.
#include "op/op.h"

#define X "x f32[n,4,3]"

OP_TESTS(
    "rnn", {.op = "rnn(x) units=5", .inputs = X, .batch = 9},
    {.op = "rnn(x) units=32 act=relu return_sequences=yes", .inputs = "x f32[n,3,4]", .batch = 37},
    {.op = "rnn(x) units=19 act=linear bias=no", .inputs = "x f32[n,2,1]", .batch = 8},
    {.op = "rnn(x) units=1", .inputs = "x f32[n,1,1]", .batch = 1},
    {.op = "y, b = rnn(x, mask=m, h0=h) units=5 reverse=yes; add(y, b)",
     .inputs = X "; h f32[n,5]; m bool[n,4]",
     .batch = 7},
    {.op = "rnn(x, mask=m, h0=h, backward_h0=g) units=3 bidirectional=yes return_sequences=yes",
     .inputs = X "; h f32[n,3]; g f32[n,3]; m bool[n,4]"},
    {.op = "rnn(x) units=3 bidirectional=yes merge=ave",
     .inputs = "x f16[n,4,3]",
     .tolerance = 2e-3})
