// SPDX-License-Identifier: Apache-2.0
// Rows for einsum: sums, permutations and diagonals of one operand; matrices, outer and batched
// products of two, in orders that need transposing and in such that do not; ..., sizes of 1,
// results without "->".
#include "op/op.h"

OP_TESTS(
    "einsum", {.op = "einsum(a) equation=\"nij->nji\"", .inputs = "a f32[n,3,4]"},
    {.op = "einsum(a) equation=\"nij->n\"", .inputs = "a f32[n,3,4]"},
    {.op = "einsum(a) equation=\"...->\"", .inputs = "a f32[n,3]"},
    {.op = "einsum(a) equation=\"nii->ni\"", .inputs = "a f32[n,4,4]"},
    {.op = "einsum(a) equation=\"ijik\"", .inputs = "a f32[3,2,3,n]"},
    {.op = "einsum(a, b) equation=\"nij,njk->nik\"", .inputs = "a f32[n,3,4]; b f32[n,4,5]"},
    {.op = "einsum(a, b) equation=\"nthd,nshd->nhts\"", .inputs = "a f32[n,3,2,5]; b f32[n,4,2,5]"},
    {.op = "einsum(a, b) equation=\"nhts,nshd->nthd\"", .inputs = "a f32[n,2,3,4]; b f32[n,4,2,5]"},
    {.op = "einsum(a, b) equation=\"nti,ihd->nthd\"", .inputs = "a f32[n,3,5]; b f32[5,2,3]"},
    {.op = "einsum(a, b) equation=\"nthd,hdo->nto\"", .inputs = "a f32[n,3,2,5]; b f32[2,5,4]"},
    {.op = "einsum(a, b) equation=\"ij,nkj->nki\"", .inputs = "a f32[3,5]; b f32[n,2,5]"},
    {.op = "einsum(a, b) equation=\"ni,nj->ij\"", .inputs = "a f32[n,3]; b f32[n,5]"},
    {.op = "einsum(a, b) equation=\"ni,nj\"", .inputs = "a f32[n,3]; b f32[n,5]"},
    {.op = "einsum(a, b) equation=\"ni,nj->nij\"", .inputs = "a f32[n,3]; b f32[n,5]"},
    {.op = "einsum(a, b) equation=\"nij,nji->n\"", .inputs = "a f32[n,3,4]; b f32[n,4,3]"},
    {.op = "einsum(a, b) equation=\"ni,j->jn\"", .inputs = "a f32[n,3]; b f32[5]"},
    {.op = "einsum(a, b) equation=\"...ij,...jk->...ik\"",
     .inputs = "a f32[n,2,3,4]; b f32[2,4,5]"},
    {.op = "einsum(a, b) equation=\"nij,njk->nik\"", .inputs = "a f32[n,3,1]; b f32[n,4,5]"},
    {.op = "einsum(a, b) equation=\"nijk,kjl->nli\"", .inputs = "a f32[n,3,2,4]; b f32[4,2,5]"},
    {.op = "einsum(a, b) equation=\"nii,ik->nk\"",
     .inputs = "a f32[n,t,t]; b f32[t,2]",
     .sizes = "t=3"},
    {.op = "einsum(a, b) equation=\"nij, njk -> nik\"",
     .inputs = "a f16[n,3,4]; b f16[n,4,5]",
     .tolerance = 2e-3})
