// SPDX-License-Identifier: Apache-2.0
// Attention's gradient for CPUs, all of it: dq, dk and dv, a head at a time, which needs 5 products instead of the 7 of
// attention_dq.cl and attention_dkv.cl (cl/parts/attention.cl). dk and dv are added up where they are: the first tile
// of queries stores, the others add.
#define WITH_ROWS 1
#include "parts/attention_dx.cl"
#include "parts/attention_deltas.cl"

#ifdef dk_ABSENT
#define DK_PARAMETER
#define DK_FROM(key0)
#else
#define DK_PARAMETER __global TW_STORAGE(query) *dk,
#define DK_FROM(key0) dk + (key0)*Q_ROW,
#endif
#ifdef dv_ABSENT
#define DV_PARAMETER
#define DV_FROM(key0)
#else
#define DV_PARAMETER __global TW_STORAGE(query) *dv,
#define DV_FROM(key0) dv + (key0)*V_ROW,
#endif

// dk and dv of a tile that the first tile of queries does not see.
static inline void KERNEL(zeros_out)(DK_PARAMETER DV_PARAMETER const int keys, __global float *scratch)
{
    WANT_DK(FILL(WD, DKR, BK * DP, 0.0f);)
    WANT_DK(KERNEL(rows_out)(dk, Q_ROW, keys, D, DP, false, scratch + DKR);)
    WANT_DV(FILL(WD, DVR, BK * DVP, 0.0f);)
    WANT_DV(KERNEL(rows_out)(dv, V_ROW, keys, DV, DVP, false, scratch + DVR);)
}

// What the tile of DST and ST adds to dk and dv.
static inline void KERNEL(keys_out)(DK_PARAMETER DV_PARAMETER const int keys, const bool add, __global float *scratch)
{
    WANT_DK(BY_KEY(ROWS_D, NV_D, DP, DST, QR, ZERO, PUT_DK))
    WANT_DK(KERNEL(rows_out)(dk, Q_ROW, keys, D, DP, add, scratch + DKR);)
    WANT_DV(BY_KEY(ROWS_DV, NV_DV, DVP, ST, DYR, ZERO, PUT_DV))
    WANT_DV(KERNEL(rows_out)(dv, V_ROW, keys, DV, DVP, add, scratch + DVR);)
}

TW_ENTRY KERNEL(attention_dx)(TW_N, TW_IN(dy), TW_IN(query), TW_IN(key), TW_IN(value), TW_IN(y), TW_IN(lse),
                                   MASK_IN TW_OUT(scratch) DQ_OUT DK_OUT DV_OUT DROPOUT_PARAMETERS)
{
    __global float *const scratch = scratch_base + scratch_offset + tw_group(0) * SCRATCH;
    for (int unit = tw_group(0); unit < (BATCH)*HEADS; unit += SLICES) {
        const int head = unit % HEADS, image = unit / HEADS;
        const int next = unit + SLICES < (BATCH)*HEADS ? unit + SLICES : unit;
        POINTER query = HEAD_Q(query);
        POINTER key = HEAD_K(key);
        POINTER value = HEAD_V(value);
        POINTER dy = HEAD_Y(dy);
        WANT_DQ(RESULT dq = HEAD_Q(dq);)
        WANT_DK(RESULT dk = HEAD_K(dk);)
        WANT_DV(RESULT dv = HEAD_V(dv);)
        USE_MASK;
        for (int query0 = 0; query0 < QUERIES; query0 += BQ) {
            const int queries = min(BQ, QUERIES - query0);
            KERNEL(queries_in)
            (query + query0 * Q_ROW, dy + query0 * V_ROW, HEAD_ROWS(lse) + query0, queries, scratch);
            KERNEL(deltas)(dy + query0 * V_ROW, HEAD_Y(y) + query0 * V_ROW, queries, scratch);
            WANT_DQ(FILL(WD, DQR, BQ * DP, 0.0f);)
            for (int key0 = 0; key0 < KEYS; key0 += BK) {
                const int keys = min(BK, KEYS - key0);
                const bool visible = KERNEL(visible)(MASK query0, key0);
                WANT_DK(AHEAD(dk + key0 * Q_ROW, Q_ROW, keys, D, 1);)
                WANT_DV(AHEAD(dv + key0 * V_ROW, V_ROW, keys, DV, 1);)
                if (!visible && query0 == 0)
                    KERNEL(zeros_out)(DK_FROM(key0) DV_FROM(key0) keys, scratch);
                if (!visible)
                    continue;
                KERNEL(keys_in)(key, value, key0, scratch);
#if DROPOUT
                KERNEL(dropout)((image * HEADS + head) * QUERIES + query0, key0, scratch DROPOUT_ARGUMENTS);
#endif
                KERNEL(scores)(MASK query0, key0, scratch);
                AHEAD(HEAD_AT(query, next, QUERIES, Q_ROW, D), Q_ROW, BQ, D, 0);
                KERNEL(gradients)(scratch);
                AHEAD(HEAD_AT(dy, next, QUERIES, V_ROW, DV), V_ROW, BQ, DV, 0);
                WANT_DQ(AHEAD(dq + query0 * Q_ROW, Q_ROW, queries, D, 1);)
                WANT_DQ(BY_QUERY(ROWS_D, NV_D, DP, DST, KR, GET_DQ, PUT_DQ))
                AHEAD(HEAD_AT(key, next, KEYS, Q_ROW, D), Q_ROW, BK, D, 0);
                AHEAD(HEAD_AT(value, next, KEYS, V_ROW, DV), V_ROW, BK, DV, 0);
                KERNEL(keys_out)(DK_FROM(key0) DV_FROM(key0) keys, query0 > 0, scratch);
            }
            WANT_DQ(KERNEL(rows_out)(dq + query0 * Q_ROW, Q_ROW, queries, D, DP, false, scratch + DQR);)
        }
    }
}
