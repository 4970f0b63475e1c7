// SPDX-License-Identifier: Apache-2.0
// Rows for lstm: states, masks, directions, activations, sizes that do not fill vectors.
#include "op/op.h"

#define X "x f32[n,4,3]"
#define STATES "; h f32[n,5]; c f32[n,5]"
#define BOTH "; p f32[n,3]; q f32[n,3]; r f32[n,3]; s f32[n,3]"

OP_TESTS(
    "lstm", {.op = "lstm(x) units=5", .inputs = X, .batch = 9},
    {.op = "lstm(x) units=16 return_sequences=yes", .inputs = "x f32[n,3,4]", .batch = 19},
    {.op = "lstm(x) units=35 bias=no", .inputs = "x f32[n,2,1]", .batch = 8},
    {.op = "lstm(x) units=1", .inputs = "x f32[n,1,1]", .batch = 1},
    {.op = "lstm(x, mask=m, h0=h, c0=c) units=5 return_sequences=yes",
     .inputs = X STATES "; m bool[n,4]",
     .batch = 7},
    {.op = "y, b, d = lstm(x, mask=m, h0=h, c0=c) units=5 reverse=yes; e = add(b, d); add(y, e)",
     .inputs = X STATES "; m f32[n,4] range=0..1 grid=1 fixed=yes",
     .batch = 7},
    {.op = "lstm(x, mask=m, h0=p, c0=q, backward_h0=r, backward_c0=s) units=3 "
           "bidirectional=yes return_sequences=yes",
     .inputs = X "; m i32[n,4] range=0..1" BOTH},
    {.op = "y, a, b, c, d = lstm(x) units=3 bidirectional=yes merge=ave; e = mul(a, b); "
           "f = mul(c, d); g = add(e, f); add(y, g)",
     .inputs = X},
    {.op = "lstm(x) units=4 act=relu recurrent_act=hard_sigmoid return_sequences=yes", .inputs = X})
