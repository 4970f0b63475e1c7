// SPDX-License-Identifier: Apache-2.0
// Rows for dense.
#include "op.h"

OP_TESTS("dense",
    {"dense(x, w, b) units=10", "x f32[n,64]; w f32[64,10]; b f32[10]"},
    {"dense(x, w, b) units=33 act=tanh", "x f32[n,5]; w f32[5,33]; b f32[33]", .batch = 17},
    {"dense(x, w) units=16 bias=no", "x f32[n,9]; w f32[9,16]"},
    {"dense(x, w, b) units=64 act=gelu", "x f32[n,17]; w f32[17,64]; b f32[64]", .batch = 130},
    {"dense(x, w, b) units=5 act=softmax", "x f32[n,7]; w f32[7,5]; b f32[5]"},
    {"dense(x, w, b) units=6 act=sigmoid", "x f32[n,3,4]; w f32[4,6]; b f32[6]"})
