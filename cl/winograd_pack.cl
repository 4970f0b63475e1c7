// SPDX-License-Identifier: Apache-2.0
// Transforms the 3x3 weight of a convolution for winograd.cl: packed [BLOCKS][36][inner][TILE_WIDTH] = G g G^T, zeros
// where a block reaches beyond the channels.
//
// w [3,3,CI,CO]. FLIP 0: inner = CI, lanes = CO. FLIP 1: for the gradient by x, the taps reversed and the channels
// exchanged: inner = CO, lanes = CI. Groups: (block, inner).
#define TWO 1.41421356f

// Output channels lie side by side: by vectors, if they are whole ones. Turned round one goes by itself.
#if FLIP || CO % VW != 0
#define LANES 1
#else
#define LANES VW
#endif

// to[k * ts] = sum of G[k][j] * from[j * fs]
#define WEIGHT_LINE(from, fs, to, ts)                                                                                 \
    do {                                                                                                              \
        const FLOATV(LANES) even1 = -2.0f * from[0] - from[2 * (fs)], even2 = from[0] + 2.0f * from[2 * (fs)];        \
        to[0] = from[0];                                                                                              \
        to[1 * (ts)] = (even1 - TWO * from[1 * (fs)]) / 3.0f;                                                         \
        to[2 * (ts)] = (even1 + TWO * from[1 * (fs)]) / 3.0f;                                                         \
        to[3 * (ts)] = (even2 + TWO * from[1 * (fs)]) / 6.0f;                                                         \
        to[4 * (ts)] = (even2 - TWO * from[1 * (fs)]) / 6.0f;                                                         \
        to[5 * (ts)] = from[2 * (fs)];                                                                                \
    } while (0)

TW_ENTRY KERNEL(winograd_pack)(TW_N, TW_IN(w), TW_OUT(packed))
{
    USE_IN(w);
    USE_OUT(packed);
    const tw_index block = tw_group(0), i = tw_group(1), inner = FLIP ? CO : CI, lanes = FLIP ? CI : CO;
    TW_ROLLED
    for (tw_index j = 0; j < TILE_WIDTH; j += LANES) {
        const tw_index lane = block * TILE_WIDTH + j, ci = FLIP ? lane : i, co = FLIP ? i : lane;
        FLOATV(LANES) g[9], t[18], u[36];
        TW_ROLLED
        for (tw_index tap = 0; tap < 9; tap++) {
            g[tap] = 0;
            if (lane < lanes)
                g[tap] = LOAD(LANES, w, ((FLIP ? 8 - tap : tap) * CI + ci) * CO + co);
        }
        TILE_LOOP for (tw_index s = 0; s < 3; s++) WEIGHT_LINE((g + s), 3, (t + s), 3);
        TILE_LOOP for (tw_index r = 0; r < 6; r++) WEIGHT_LINE((t + r * 3), 1, (u + r * 6), 1);
        TW_ROLLED
        for (tw_index e = 0; e < 36; e++)
            STORE(LANES, packed, ((block * 36 + e) * inner + i) * TILE_WIDTH + j, u[e]);
    }
}
