// SPDX-License-Identifier: Apache-2.0
// Packs b, matrices of K x N (TRANSPOSED: N x K), for matmul.cl: packed [matrix][BLOCKS][K][TILE_WIDTH], zeros from column
// N on. Groups: (chunk of CHUNK rows k, column block, matrix).
#if TRANSPOSED
#define B_K 1
#define B_N (K)
#else
#define B_K N
#define B_N 1
#endif
__kernel void KERNEL(matmul_pack)(const int n, TW_IN(b), TW_OUT(packed))
{
    USE_IN(b);
    USE_OUT(packed);
    const int from = tw_group(0) * CHUNK, to = min(from + CHUNK, (int)(K)), first = tw_group(1) * TILE_WIDTH;
    const int source = tw_group(2) * ((K) * N) + first * B_N;
    const int target = (tw_group(2) * BLOCKS + tw_group(1)) * (K) * TILE_WIDTH;
    const int count = min(TILE_WIDTH, N - first);
    for (int k = from; k < to; k++) {
        for (int j = 0; j < count; j++)
            STORE(1, packed, target + k * TILE_WIDTH + j, LOAD(1, b, source + k * B_K + j * B_N));
        for (int j = count; j < TILE_WIDTH; j++)
            STORE(1, packed, target + k * TILE_WIDTH + j, 0.0f);
    }
}
