// SPDX-License-Identifier: Apache-2.0
// Rows for einsum: its gradient, and kernels of products in the orders that it makes. Values:
// tests/unit/op_einsum.c.
#include "op/op.h"

OP_TESTS("einsum", {.op = "einsum(a) equation=\"ijik\"", .inputs = "a f32[3,2,3,n]"},
         {.op = "einsum(a, b) equation=\"nthd,nshd->nhts\"",
          .inputs = "a f32[n,3,2,5]; b f32[n,4,2,5]"},
         {.op = "einsum(a, b) equation=\"ni,nj->ij\"", .inputs = "a f32[n,3]; b f32[n,5]"},
         {.op = "einsum(a, b) equation=\"ni,j->jn\"", .inputs = "a f32[n,3]; b f32[5]"},
         {.op = "einsum(a, b) equation=\"nij,njk->nik\"", .inputs = "a f32[n,3,1]; b f32[n,4,5]"},
         {.op = "einsum(a, b) equation=\"nij, jk -> nik\"",
          .inputs = "a f16[n,3,t]; b f16[t,5]",
          .sizes = "t=4",
          .tolerance = 2e-3})
