// SPDX-License-Identifier: Apache-2.0
// Rows for embedding: duplicates, few and many tokens, widths beside those of vectors, tokens out
// of range, f16, shared weights.
#include "op/op.h"

OP_TESTS(
    "embedding", {.op = "embedding(tokens) vocabulary=7 width=5", .inputs = "tokens i32[n,6]"},
    {.op = "embedding(tokens) vocabulary=40 width=70", .inputs = "tokens u8[n,3]", .batch = 9},
    {.op = "embedding(tokens) vocabulary=90 width=129", .inputs = "tokens i32[n,13]", .batch = 2},
    {.op = "embedding(tokens) vocabulary=70 width=1", .inputs = "tokens i32[n]", .batch = 2100},
    {.op = "embedding(tokens) vocabulary=2 width=16 type=f16",
     .inputs = "tokens i32[n,t]",
     .sizes = "t=3",
     .tolerance = 2e-4},
    {.op = "embedding(tokens) vocabulary=300 width=3",
     .inputs = "tokens i32[n,t]",
     .batch = 9,
     .sizes = "t=7"},
    {.op = "embedding(tokens) vocabulary=1 width=3", .inputs = "tokens i32[n,2]"},
    {.op = "embedding(tokens, w) vocabulary=4 width=3", .inputs = "tokens i32[n,1]; w f32[4,3]"},
    {.op = "i = cast(a) type=i32; embedding(i, w) vocabulary=4 width=3",
     .inputs = "a f32[n,5] range=-9..9 fixed=yes; w f32[4,3]"},
    {.op = "a = embedding(one, w) vocabulary=4 width=3; b = embedding(two, w) vocabulary=4 "
           "width=3; mul(a, b)",
     .inputs = "one i32[n,5]; two i32[n,5]; w f32[4,3]"})
