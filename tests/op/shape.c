// SPDX-License-Identifier: Apache-2.0
// Rows for the views: reshape, flatten, squeeze, expand_dims, alone and between operators that launch.
#include "op/op.h"

OP_TESTS("shape",
         {.op = "reshape(x) shape=n,12", .inputs = "x f32[n,3,4]"},
         {.op = "reshape(x) shape=n,-1,2; y = relu(reshape_1)", .inputs = "x f32[n,3,4]"},
         {.op = "reshape(x) shape=-1,4; y = softmax(reshape_1)", .inputs = "x f32[n,3,4]"},
         {.op = "reshape(x) shape=n,t,4; y = exp(reshape_1)", .inputs = "x f32[n,12]", .sizes = "t=3"},
         {.op = "flatten(x)", .inputs = "x f32[n,3,2,2]"},
         {.op = "flatten(x) axis=2; y = exp(flatten_1)", .inputs = "x f32[n,3,2,2]"},
         {.op = "squeeze(x); y = exp(squeeze_1)", .inputs = "x f32[n,1,4,1]"},
         {.op = "squeeze(x) axes=1; y = exp(squeeze_1)", .inputs = "x f32[n,1,4,1]"},
         {.op = "expand_dims(x) axes=1,-1; y = exp(expand_dims_1)", .inputs = "x f32[n,4]"})
