// SPDX-License-Identifier: Apache-2.0
// Packs b, matrices of K x N (TRANSPOSED: N x K), for matmul.cl: packed [matrix][BLOCKS][K][TILE_WIDTH]. What stands in
// columns from N on is of no account. Groups: (chunk of CHUNK rows k, column block, matrix).
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
    const tw_index to = tw_min((tw_group(0) + 1) * CHUNK, K), first = tw_group(1) * TILE_WIDTH;
    const tw_index source = tw_group(2) * ((K)*N) + first * B_N;
    const tw_index target = (tw_group(2) * BLOCKS + tw_group(1)) * (K)*TILE_WIDTH;
    const tw_index count = tw_min(TILE_WIDTH, N - first);
    tw_index k = tw_group(0) * CHUNK;
#if TRANSPOSED
    // VW rows by VW columns, transposed in registers; the last column stands for those behind it
    TW_ROLLED
    for (; k + VW <= to; k += VW)
        TW_ROLLED
        for (tw_index j = 0; j < TILE_WIDTH; j += VW) {
            FLOATV(VW) v[VW];
            TILE_UNROLL for (tw_index i = 0; i < VW; i++) v[i] = LOAD(VW, b, source + k + tw_min(j + i, count - 1) * B_N);
            TILE_TRANSPOSE(v);
            TILE_UNROLL for (tw_index i = 0; i < VW; i++) STORE(VW, packed, target + (k + i) * TILE_WIDTH + j, v[i]);
        }
#else
    // whole vectors, which may reach over the end of a row, but not of the matrix
    const tw_index last = tw_group(2) * ((K)*N) + (K)*N - VW;
    TW_ROLLED
    for (; k < to && source + k * N + (count - 1) / VW * VW <= last; k++)
        TILE_UNROLL for (tw_index j = 0; j < TILE_WIDTH; j += VW)
        {
            FLOATV(VW) v = 0.0f;
            if (j < count)
                v = LOAD(VW, b, source + k * N + j);
            STORE(VW, packed, target + k * TILE_WIDTH + j, v);
        }
#endif
    TW_ROLLED
    for (; k < to; k++) {
        tw_index j = 0;
        TW_ROLLED
        for (; j < count; j++)
            STORE(1, packed, target + k * TILE_WIDTH + j, LOAD(1, b, source + k * B_K + j * B_N));
        TW_ROLLED
        for (; j < TILE_WIDTH; j++)
            STORE(1, packed, target + k * TILE_WIDTH + j, 0.0f);
    }
}
