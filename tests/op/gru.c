// SPDX-License-Identifier: Apache-2.0
// Rows for gru, reset gate behind and before the state's product: states, masks, directions, sizes
// that do not fill vectors.
#include "op/op.h"

#define X "x f32[n,4,3]"
#define MASKED "; h f32[n,5]; m bool[n,4]"

OP_TESTS(
    "gru", {.op = "gru(x) units=5", .inputs = X, .batch = 9},
    {.op = "gru(x) units=5 reset_after=no", .inputs = X, .batch = 9},
    {.op = "gru(x) units=16 return_sequences=yes", .inputs = "x f32[n,3,4]", .batch = 19},
    {.op = "gru(x) units=35 reset_after=no bias=no return_sequences=yes",
     .inputs = "x f32[n,2,1]",
     .batch = 11},
    {.op = "gru(x) units=1", .inputs = "x f32[n,1,1]", .batch = 1},
    {.op = "gru(x, mask=m, h0=h) units=5 return_sequences=yes", .inputs = X MASKED, .batch = 7},
    {.op = "y, b = gru(x, mask=m, h0=h) units=5 reset_after=no reverse=yes; add(y, b)",
     .inputs = X MASKED,
     .batch = 7},
    {.op = "gru(x, mask=m) units=3 bidirectional=yes return_sequences=yes merge=mul",
     .inputs = X "; m u8[n,4] range=0..1"},
    {.op = "y, a, b = gru(x) units=3 bidirectional=yes merge=sum bias=no; c = mul(a, b); add(y, c)",
     .inputs = X},
    {.op = "gru(x) units=4 act=softsign recurrent_act=hard_sigmoid", .inputs = X})
