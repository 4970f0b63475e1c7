// SPDX-License-Identifier: Apache-2.0
// Attention's gradient for CPUs by keys and values: dk and dv, a tile of keys at a time, over its tiles of queries
// (cl/parts/attention.cl). delta is attention_dq.cl's.
#define WITH_ROWS 1
#include "parts/attention_dx.cl"

// DELTA, as attention_dq.cl has left it.
static inline void KERNEL(deltas_in)(__global const float *delta, const int queries, __global float *scratch)
{
    TILE_LOOP for (int i = 0; i < BQ; i++) STORE(1, scratch, DELTA + i, i < queries ? delta[i] : 0.0f);
}

TW_ENTRY KERNEL(attention_dkv)(TW_N, TW_IN(dy), TW_IN(query), TW_IN(key), TW_IN(value), TW_IN(lse),
                                    MASK_IN TW_OUT(scratch), TW_IN(delta) DK_OUT DV_OUT DROPOUT_PARAMETERS)
{
    __global float *const scratch = scratch_base + scratch_offset + tw_group(0) * SCRATCH;
    for (int unit = tw_group(0); unit < (BATCH)*HEADS * K_TILES; unit += SLICES) {
        const int key0 = unit % K_TILES * BK, head = unit / K_TILES % HEADS, image = unit / K_TILES / HEADS;
        POINTER query = HEAD_Q(query);
        POINTER dy = HEAD_Y(dy);
        USE_MASK;
        KERNEL(keys_in)(HEAD_K(key), HEAD_V(value), key0, scratch);
        FILL(WD, DKR, BK * DP, 0.0f);
        FILL(WD, DVR, BK * DVP, 0.0f);
        for (int query0 = 0; query0 < QUERIES; query0 += BQ) {
            const int queries = min(BQ, QUERIES - query0);
            if (!KERNEL(visible)(MASK query0, key0))
                continue;
            KERNEL(queries_in)
            (query + query0 * Q_ROW, dy + query0 * V_ROW, HEAD_ROWS(lse) + query0, queries, scratch);
            KERNEL(deltas_in)(HEAD_ROWS(delta) + query0, queries, scratch);
#if DROPOUT
            KERNEL(dropout)((image * HEADS + head) * QUERIES + query0, key0, scratch DROPOUT_ARGUMENTS);
#endif
            KERNEL(scores)(MASK query0, key0, scratch);
            KERNEL(gradients)(scratch);
            BY_KEY(ROWS_D, NV_D, DP, DST, QR, GET_DK, PUT_DK)
            BY_KEY(ROWS_DV, NV_DV, DVP, ST, DYR, GET_DV, PUT_DV)
        }
        const int keys = min(BK, KEYS - key0);
        WANT_DK(KERNEL(rows_out)(HEAD_K(dk) + key0 * Q_ROW, Q_ROW, keys, D, DP, false, scratch + DKR);)
        WANT_DV(KERNEL(rows_out)(HEAD_V(dv) + key0 * V_ROW, V_ROW, keys, DV, DVP, false, scratch + DVR);)
    }
}
