// SPDX-License-Identifier: Apache-2.0
// Rows for dropout and gaussian_noise, in training and in inference.
#include "op/op.h"

OP_TESTS("dropout",
         {.op = "dropout(x) rate=0.3; y = exp(dropout_1)", .inputs = "x f32[n,7]", .training = 1},
         {.op = "dropout(x) rate=0.3; y = exp(dropout_1)", .inputs = "x f32[n,7]"},
         {.op = "dropout(x) rate=0.5; y = mul(dropout_1, x)", .inputs = "x f32[n,1237]", .training = 1},
         {.op = "gaussian_noise(x) stddev=0.5; y = mul(gaussian_noise_1, x)", .inputs = "x f32[n,53]", .training = 1},
         {.op = "dropout(x) rate=0; y = exp(dropout_1)", .inputs = "x f32[n,7]", .training = 1},
         {.op = "gaussian_noise(x) stddev=0.1; y = exp(gaussian_noise_1)", .inputs = "x f32[n,33]", .training = 1},
         {.op = "gaussian_noise(x) stddev=0.1; y = exp(gaussian_noise_1)", .inputs = "x f32[n,33]"})
