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
TW_ENTRY KERNEL(matmul_pack)(TW_N, TW_IN(b), TW_OUT(packed) TW_SIZES(N K BLOCKS CHUNK))
{
    USE_IN(b);
    USE_OUT(packed);
    const int to = min((tw_group(0) + 1) * CHUNK, (int)(K)), first = tw_group(1) * TILE_WIDTH;
    const int source = tw_group(2) * ((K)*N) + first * B_N;
    const int target = (tw_group(2) * BLOCKS + tw_group(1)) * (K)*TILE_WIDTH;
    const int count = min(TILE_WIDTH, N - first);
    int k = tw_group(0) * CHUNK;
#if TRANSPOSED
    // VW rows at a time: whole vectors along k are read, because elements a row of b apart share few cache lines
    TW_ROLLED
    for (; k + VW <= to; k += VW) {
        float lanes[TILE_WIDTH][VW];
        TW_ROLLED
        for (int j = 0; j < count; j++)
            TW_CAT(vstore, VW)(LOAD(VW, b, source + k + j * B_N), 0, lanes[j]);
        TW_ROLLED
        for (int i = 0; i < VW; i++) {
            TW_ROLLED
            for (int j = 0; j < count; j++)
                STORE(1, packed, target + (k + i) * TILE_WIDTH + j, lanes[j][i]);
            TW_ROLLED
            for (int j = count; j < TILE_WIDTH; j++)
                STORE(1, packed, target + (k + i) * TILE_WIDTH + j, 0.0f);
        }
    }
#endif
    TW_ROLLED
    for (; k < to; k++) {
        int j = 0;
#if !TRANSPOSED
        TW_ROLLED
        for (; j + VW <= count; j += VW)
            STORE(VW, packed, target + k * TILE_WIDTH + j, LOAD(VW, b, source + k * B_K + j));
#endif
        TW_ROLLED
        for (; j < count; j++)
            STORE(1, packed, target + k * TILE_WIDTH + j, LOAD(1, b, source + k * B_K + j * B_N));
        TW_ROLLED
        for (; j < TILE_WIDTH; j++)
            STORE(1, packed, target + k * TILE_WIDTH + j, 0.0f);
    }
}
