// SPDX-License-Identifier: Apache-2.0
// Rows for broadcast, with and without elementwise work behind it.
#include "op/op.h"

OP_TESTS("broadcast",
         {.op = "broadcast(x) shape=n,5,7", .inputs = "x f32[5,1]"},
         {.op = "broadcast(x) shape=n,4,19; y = square(broadcast_1)", .inputs = "x f32[n,1,19]"},
         {.op = "broadcast(x) shape=n,6", .inputs = "x f32[]"})
