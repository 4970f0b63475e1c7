// SPDX-License-Identifier: Apache-2.0
// Rows of the leaves: numbers, sizes and random numbers, alone and inside other kernels.
#include "op.h"

// clang-format off
OP_TESTS("leaf",
    {.op = "c = fill value=0.5; mul(x, c)", .inputs = "x f32[n,35]"},
    /* c is in memory for cumsum; what is computed from it must not be computed with the product before it */
    {.op = "y = matmul(x, w); c = fill value=0.5; d = exp(c); e = broadcast(d) shape=n,8; z = mul(y, e); v = reshape(c) shape=1; "
           "s = cumsum(v); mul(z, s)", .inputs = "x f32[n,8]; w f32[8,8]"},
    {.op = "c = fill value=3; y = cast(x) type=i32; z = mul(y, c); cast(z) type=f32", .inputs = "x f32[n,35] range=1..9", .no_gradient = 1},
    {.op = "c = extent dims=n,35; div(x, c)", .inputs = "x f32[n,35]"},
    {.op = "c = extent dims=n,7; div(x, c)", .inputs = "x f32[n,7]", .batch = 130},
    {.op = "u = random_uniform(x); add(x, u)", .inputs = "x f32[n,35]"},
    {.op = "u = random_normal(x); add(x, u)", .inputs = "x f32[n,35]"},
    {.op = "u = random_normal() shape=n,37; add(x, u)", .inputs = "x f32[n,37]", .batch = 17},
    {.op = "u = random_uniform() shape=19; add(x, u)", .inputs = "x f32[n,19]"},
)
