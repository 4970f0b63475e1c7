// SPDX-License-Identifier: Apache-2.0
// Attention for CPUs: y and lse, a tile of queries at a time, over its tiles of keys (cl/parts/attention.cl): softmax
// by running sums (Milakov and Gimelshein 2018, arXiv 1805.02867).
#include "parts/attention.cl"

#define HIGH (ST + BK * BQ) // [BQ] the largest score so far
#define SUM (HIGH + BQ)     // [BQ] sum of exponentials so far
#define ALPHA (SUM + BQ)    // [BQ] factor on what was added up before this tile
#define YR (ALPHA + BQ)     // [BQ][DVP] y, not yet divided by SUM
#define BEHIND (YR + BQ * DVP)
#include "parts/attention_dropout.cl"

#define GET_Y(W, m, n) (LOAD(W, scratch, YR + (m)*DVP + (n)) * LOAD(1, scratch, ALPHA + (m)))
#define PUT_Y(W, m, n, v) STORE(W, scratch, YR + (m)*DVP + (n), v)

// ST: the exponentials of the scores less the largest one of each query so far; HIGH, SUM and ALPHA with them.
static inline void KERNEL(exponentials)(__global float *scratch)
{
    TILE_LOOP for (int i = 0; i < BQ; i += VW)
    {
        const FLOATV(VW) before = LOAD(VW, scratch, HIGH + i);
        FLOATV(VW) high[4] = {before, before, before, before};
        TILE_LOOP for (int j = 0; j < BK; j += 4)
            TILE_UNROLL for (int k = 0; k < 4; k++) high[k] = max(high[k], LOAD(VW, scratch, ST + (j + k) * BQ + i));
        const FLOATV(VW) highest = max(max(high[0], high[1]), max(high[2], high[3]));
        // of a query that has seen nothing yet: any finite number
        const FLOATV(VW) by = select(highest, (FLOATV(VW))(0.0f), highest == -INFINITY);
        const FLOATV(VW) alpha = KERNEL(power)(before - by);
        FLOATV(VW) sum = LOAD(VW, scratch, SUM + i) * alpha;
        TILE_LOOP for (int j = 0; j < BK; j++)
        {
            const FLOATV(VW) p = KERNEL(power)(LOAD(VW, scratch, ST + j * BQ + i) - by);
            sum += p;
            STORE(VW, scratch, ST + j * BQ + i, p KEPT(VW, j * BQ + i));
        }
        STORE(VW, scratch, HIGH + i, highest);
        STORE(VW, scratch, SUM + i, sum);
        STORE(VW, scratch, ALPHA + i, alpha);
    }
}

// y: what was added up, divided by the sums; 0 where nothing was seen.
static inline void KERNEL(results_out)(__global TW_STORAGE(query) *y, const int queries, __global float *scratch)
{
    for (int i = 0; i < queries; i++) {
        const float sum = LOAD(1, scratch, SUM + i), share = sum == 0.0f ? 0.0f : 1.0f / sum;
        TILE_LOOP for (int c = i * DVP; c < i * DVP + DVP; c += WD)
            STORE(WD, scratch, YR + c, LOAD(WD, scratch, YR + c) * share);
    }
    KERNEL(rows_out)(y, V_ROW, queries, DV, DVP, false, scratch + YR);
}

#ifdef lse_ABSENT
#define LSE_OUT
#else
#define LSE_OUT , TW_OUT(lse)
// The logarithms of the sums, for the gradient.
static inline void KERNEL(logarithms_out)(__global float *lse, const int queries, __global float *scratch)
{
    TILE_LOOP for (int i = 0; i < BQ; i += VW)
    {
        const FLOATV(VW) sum = LOAD(VW, scratch, SUM + i), high = LOAD(VW, scratch, HIGH + i) / LOG2E;
        STORE(VW, scratch, SUM + i, select(high + log(sum), (FLOATV(VW))(0.0f), sum == 0.0f));
    }
    TILE_LOOP for (int i = 0; i < queries; i++) lse[i] = LOAD(1, scratch, SUM + i);
}
#endif

// The first row of a tensor for a unit of work: one of queries, or of its keys.
#define ROWS_Q(name, unit, row)                                                                                       \
    (name##_base + name##_offset + ((unit) / Q_TILES / HEADS * QUERIES + (unit) % Q_TILES * BQ) * (row))
#define ROWS_K(name, unit, row) (name##_base + name##_offset + (unit) / Q_TILES / HEADS * KEYS * (row))
#define HEAD_OF(unit) ((unit) / Q_TILES % HEADS)
#define POINTER __global const TW_STORAGE(query) *const

TW_ENTRY KERNEL(attention)(TW_N, TW_IN(query), TW_IN(key), TW_IN(value), MASK_IN TW_OUT(scratch),
                                TW_OUT(y) LSE_OUT DROPOUT_PARAMETERS)
{
    __global float *const scratch = scratch_base + scratch_offset + tw_group(0) * SCRATCH;
    for (int unit = tw_group(0); unit < (BATCH)*HEADS * Q_TILES; unit += SLICES) {
        const int query0 = unit % Q_TILES * BQ, head = HEAD_OF(unit), image = unit / Q_TILES / HEADS;
        const int queries = min(BQ, QUERIES - query0), row = (image * HEADS + head) * QUERIES + query0;
        POINTER key = ROWS_K(key, unit, Q_ROW) + head * D;
        POINTER value = ROWS_K(value, unit, V_ROW) + head * DV;
        __global TW_STORAGE(query) *const y = ROWS_Q(y, unit, V_ROW) + head * DV;
        USE_MASK;
        const int next = unit + SLICES < (BATCH)*HEADS * Q_TILES ? unit + SLICES : unit;
        POINTER next_query = ROWS_Q(query, next, Q_ROW) + HEAD_OF(next) * D;
        POINTER next_key = ROWS_K(key, next, Q_ROW) + HEAD_OF(next) * D;
        POINTER next_value = ROWS_K(value, next, V_ROW) + HEAD_OF(next) * DV;
        AHEAD(y, V_ROW, queries, DV, 1);
        KERNEL(transposed)(ROWS_Q(query, unit, Q_ROW) + head * D, Q_ROW, queries, D, SCALE * LOG2E, scratch + QT);
        FILL(VW, HIGH, BQ, -INFINITY);
        FILL(VW, SUM, BQ, 0.0f);
        FILL(WD, YR, BQ * DVP, 0.0f);
        for (int key0 = 0; key0 < KEYS; key0 += BK) {
            if (!KERNEL(visible)(MASK query0, key0))
                continue;
            KERNEL(keys_in)(key, value, key0, scratch);
            KERNEL(scores)(MASK query0, key0, scratch);
            AHEAD(next_query, Q_ROW, BQ, D, 0);
#if DROPOUT
            KERNEL(dropout)(row, key0, scratch DROPOUT_ARGUMENTS);
#endif
            KERNEL(exponentials)(scratch);
            AHEAD(next_key, Q_ROW, BK, D, 0);
            BY_QUERY(ROWS_DV, NV_DV, DVP, ST, VR, GET_Y, PUT_Y)
            AHEAD(next_value, V_ROW, BK, DV, 0);
        }
        KERNEL(results_out)(y, queries, scratch);
#ifndef lse_ABSENT
        KERNEL(logarithms_out)(lse_base + lse_offset + row, queries, scratch);
#endif
    }
}
