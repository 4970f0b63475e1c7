// SPDX-License-Identifier: Apache-2.0
// Rows for matmul: either side transposed, batches that broadcast, sizes around vectors and tiles, sums in slabs.
#include "op.h"

OP_TESTS("matmul",
    {"matmul(a, b)", "a f32[1,1]; b f32[1,1]"},
    {"matmul(a, b)", "a f32[n,5]; b f32[5,7]"},
    {"matmul(a, b)", "a f32[n,64]; b f32[64,10]", .batch = 130},
    {"matmul(a, b)", "a f32[n,33]; b f32[33,32]", .batch = 17},
    {"matmul(a, b)", "a f32[n,20]; b f32[20,48]", .batch = 9},
    {"matmul(a, b)", "a f32[13,17]; b f32[17,65]"},
    {"matmul(a, b) transpose_a=yes", "a f32[n,19]; b f32[n,33]", .batch = 40},
    {"matmul(a, b) transpose_a=yes", "a f32[7,19]; b f32[7,32]"},
    {"matmul(a, b) transpose_b=yes", "a f32[n,31]; b f32[18,31]", .batch = 12},
    {"matmul(a, b) transpose_b=yes", "a f32[n,67]; b f32[37,67]", .batch = 5},
    {"matmul(a, b) transpose_b=yes", "a f32[3,3,40]; b f32[3,2,40]"},
    {"matmul(a, b) transpose_a=yes transpose_b=yes", "a f32[50,1]; b f32[19,50]"},
    {"matmul(a, b)", "a f32[n,35]; b f32[35,1]", .batch = 6},
    {"matmul(a, b) transpose_a=yes transpose_b=yes", "a f32[6,15]; b f32[34,6]"},
    {"matmul(a, b) transpose_a=yes", "a f32[2000,3]; b f32[2000,5]", .tolerance = 1e-4, .no_gradient = 1},
    {"matmul(a, b)", "a f32[3,1500]; b f32[1500,2]", .tolerance = 1e-4, .no_gradient = 1},
    {"matmul(a, b)", "a f32[n,4,6]; b f32[6,20]"},
    {"matmul(a, b)", "a f32[n,2,3,6]; b f32[6,5]", .batch = 4},
    {"matmul(a, b)", "a f32[n,4,6]; b f32[n,6,5]"},
    {"matmul(a, b) transpose_b=yes", "a f32[n,2,4,8]; b f32[n,2,3,8]"},
    {"matmul(a, b)", "a f32[2,1,4,3]; b f32[3,3,17]"},
    {"matmul(a, b)", "a f32[1,4,3]; b f32[2,3,3,16]"},
    {"matmul(a, b) transpose_a=yes", "a f32[3,4,2]; b f32[4,5]"},
    {"y = matmul(a, b); add(y, c); relu", "a f32[n,12]; b f32[12,37]; c f32[37]", .batch = 11})
