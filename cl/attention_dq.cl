// SPDX-License-Identifier: Apache-2.0
// Attention's gradient for CPUs by the queries: dq, and delta = sum(dy * y) of each query for attention_dkv.cl; a tile
// of queries at a time, over its tiles of keys (cl/parts/attention.cl).
#define WITH_ROWS 0
#include "parts/attention_dx.cl"
#include "parts/attention_deltas.cl"

TW_ENTRY KERNEL(attention_dq)(TW_N, TW_IN(dy), TW_IN(query), TW_IN(key), TW_IN(value), TW_IN(y), TW_IN(lse),
                                   MASK_IN TW_OUT(scratch), TW_OUT(delta) DQ_OUT DROPOUT_PARAMETERS)
{
    __global float *const scratch = scratch_base + scratch_offset + tw_group(0) * SCRATCH;
    for (int unit = tw_group(0); unit < (BATCH)*HEADS * Q_TILES; unit += SLICES) {
        const int query0 = unit % Q_TILES * BQ, head = unit / Q_TILES % HEADS, image = unit / Q_TILES / HEADS;
        const int queries = min(BQ, QUERIES - query0);
        POINTER key = HEAD_K(key);
        POINTER value = HEAD_V(value);
        POINTER dy = HEAD_Y(dy) + query0 * V_ROW;
        WANT_DQ(RESULT dq = HEAD_Q(dq) + query0 * Q_ROW;)
        USE_MASK;
        KERNEL(queries_in)(HEAD_Q(query) + query0 * Q_ROW, dy, HEAD_ROWS(lse) + query0, queries, scratch);
        KERNEL(deltas)(dy, HEAD_Y(y) + query0 * V_ROW, queries, scratch);
        for (int i = 0; i < queries; i++)
            HEAD_ROWS(delta)[query0 + i] = LOAD(1, scratch, DELTA + i);
#ifndef dq_ABSENT
        FILL(WD, DQR, BQ * DP, 0.0f);
        for (int key0 = 0; key0 < KEYS; key0 += BK) {
            if (!KERNEL(visible)(MASK query0, key0))
                continue;
            KERNEL(keys_in)(key, value, key0, scratch);
#if DROPOUT
            KERNEL(dropout)((image * HEADS + head) * QUERIES + query0, key0, scratch DROPOUT_ARGUMENTS);
#endif
            KERNEL(scores)(MASK query0, key0, scratch);
            KERNEL(gradients)(scratch);
            AHEAD(dq, Q_ROW, queries, D, 1);
            BY_QUERY(ROWS_D, NV_D, DP, DST, KR, GET_DQ, PUT_DQ)
        }
        KERNEL(rows_out)(dq, Q_ROW, queries, D, DP, false, scratch + DQR);
#endif
    }
}
