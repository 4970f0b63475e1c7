// SPDX-License-Identifier: Apache-2.0
// Rows for the losses, with and without weights.
#include "op/op.h"

OP_TESTS("loss",
         {.op = "mse(x, t)", .inputs = "x f32[n,3]; t f32[n,3]"},
         {.op = "mse(x, t)", .inputs = "x f32[n]; t f32[n]"},
         {.op = "mse(x, t)", .inputs = "x f32[n,1]; t f32[n] fixed=yes"},
         {.op = "mse(x, t, weight=w)", .inputs = "x f32[n,4,3]; t f32[n,4,3] fixed=yes; w f32[n] fixed=yes"},
         {.op = "mse(x, t, weight=w)", .inputs = "x f32[n,3]; t f32[n,3] fixed=yes; w f32[n,1] fixed=yes"},
         {.op = "mae(x, t)", .inputs = "x f32[n,3] range=1..2; t f32[n,3]"},
         {.op = "mae(x, t, weight=w)", .inputs = "x f32[n,3] range=1..2; t i32[n,3] range=3..5; w f32[n] fixed=yes"},
         {.op = "huber(x, t)", .inputs = "x f32[n,5] range=-0.4..0.4; t f32[n,5] range=-0.4..0.4"},
         {.op = "huber(x, t) delta=0.5", .inputs = "x f32[n,5] range=1..2; t f32[n,5] range=-1..0"},
         {.op = "binary_cross_entropy(x, t)", .inputs = "x f32[n,3] range=0.1..0.9; t f32[n,3] range=0..1"},
         {.op = "binary_cross_entropy(x, t) label_smoothing=0.1", .inputs = "x f32[n,1] range=0.1..0.9; t i32[n] classes=2"},
         {.op = "binary_cross_entropy(x, t) from_logits=yes", .inputs = "x f32[n,3] range=-5..5; t f32[n,3] range=0..1 fixed=yes"},
         {.op = "sigmoid(x); binary_cross_entropy(sigmoid_1, t, weight=w)", .inputs = "x f32[n,1] range=-5..5; t i32[n] classes=2; w f32[n] fixed=yes"},
         {.op = "cross_entropy(x, t)", .inputs = "x f32[n,10]; t i32[n] classes=10"},
         {.op = "cross_entropy(x, t)", .inputs = "x f32[n,6,10]; t i32[n,6] classes=10"},
         {.op = "cross_entropy(x, t) label_smoothing=0.1", .inputs = "x f32[n,10]; t f32[n,10] range=0..1 fixed=yes"},
         {.op = "cross_entropy(x, t, weight=w)", .inputs = "x f32[n,4]; t i32[n] classes=4; w f32[n] range=0.5..2 fixed=yes"},
         {.op = "cross_entropy(x, t, weight=w, class_weight=c)", .inputs = "x f32[n,2,4]; t i32[n,2] classes=4; w f32[n] range=0.5..2 fixed=yes; c f32[4] range=0.5..2 fixed=yes"},
         {.op = "cross_entropy(x, t, class_weight=c)", .inputs = "x f32[n,4]; t f32[n,4] range=0..1 fixed=yes; c f32[4] range=0.5..2 fixed=yes"},
         {.op = "cross_entropy(x, t) from_logits=no", .inputs = "x f32[n,4] range=0.1..1; t i32[n] classes=4"},
         {.op = "softmax(x); cross_entropy(softmax_1, t) from_logits=no", .inputs = "x f32[n,4]; t i32[n] classes=4"},
         {.op = "hinge(x, t)", .inputs = "x f32[n,3] range=-0.4..0.4; t f32[n,3] range=-1..1 fixed=yes"},
         {.op = "kl_divergence(x, t)", .inputs = "x f32[n,3] range=0.1..1; t f32[n,3] range=0.1..1"},
         {.op = "cosine_similarity(x, t)", .inputs = "x f32[n,3] range=0.1..1; t f32[n,3] fixed=yes"})
