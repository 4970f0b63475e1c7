// SPDX-License-Identifier: Apache-2.0
// Rows for precision, recall and f1: class numbers, several labels, a single column; value and counts.
#include "op/op.h"

#define ROW(text, in) {.op = text, .inputs = in, .no_gradient = 1, .batch = 17}

OP_TESTS("confusion",
         ROW("precision(x, t)", "x f32[n,3]; t i32[n] classes=3"),
         ROW("recall(x, t)", "x f32[n,3]; t u8[n,1] classes=3"),
         ROW("f1(x, t)", "x f32[n,2,3]; t i32[n,2] classes=3"),
         ROW("y, c = precision(x, t); identity(c)", "x f32[n,3]; t i32[n] classes=3"),
         ROW("y, c = recall(x, t) class=2; identity(c)", "x f32[n,3]; t i32[n] classes=3"),
         ROW("y, c = f1(x, t) average=micro; identity(c)", "x f32[n,3]; t i32[n] classes=3"),
         ROW("f1(x, t) average=micro", "x f32[n,5]; t f32[n,5] range=0..1"),
         ROW("y, c = precision(x, t) threshold=0; identity(c)", "x f32[n,5]; t f32[n,5] range=0..1"),
         ROW("y, c = recall(x, t) one_hot=yes; identity(c)", "x f32[n,5]; t f32[n,5] range=0..1"),
         ROW("f1(x, t) class=4", "x f32[n,5]; t u8[n,5] classes=2"),
         ROW("y, c = recall(x, t); identity(c)", "x f32[n,1] range=0..1; t i32[n] classes=2"),
         ROW("precision(x, t) threshold=0", "x f32[n]; t f32[n] range=0..1"),
         ROW("f1(x, t) threshold=2", "x f32[n]; t f32[n] range=0..0.4"))
