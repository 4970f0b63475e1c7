// SPDX-License-Identifier: Apache-2.0
// Rows for sequence_mask: all, none, more than there are, below zero; a letter; in the middle of
// other work.
#include "op/op.h"

OP_TESTS(
    "sequence_mask",
    {.op = "sequence_mask(length) size=4", .inputs = "length i32[n]", .batch = 9, .no_gradient = 1},
    {.op = "i = cast(a) type=i32; sequence_mask(i) size=7",
     .inputs = "a f32[n] range=-3..12",
     .batch = 9,
     .no_gradient = 1},
    {.op = "m = sequence_mask(length) size=t; where(m, x, z)",
     .inputs = "length i32[n] range=0..5; x f32[n,t]; z f32[n,t]",
     .sizes = "t=5"},
    {.op = "m = sequence_mask(length) size=1; y = cast(m) type=f32",
     .inputs = "length u8[n,3]",
     .no_gradient = 1})
