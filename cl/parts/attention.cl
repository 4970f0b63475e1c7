// SPDX-License-Identifier: Apache-2.0
// What attention's kernels for CPUs share: sizes, products within a group's scratch, rows in and out, scores.
//
// query [BATCH,QUERIES,HEADS,D], key [BATCH,KEYS,HEADS,D], value [BATCH,KEYS,HEADS,DV]; y and dy like query, DV wide.
// Tiles are BQ queries by BK keys, so that no more than a tile of the scores is ever in memory. A tile of scores lies
// as [key][query], in units of log2: a vector holds the scores of one key with VW queries, so the largest of a query's
// scores and their sum need no shuffles. Tiles of which nothing is visible are skipped. What is beyond an end is 0 in
// the scratch, or hidden.
// Groups: SLICES, each with a scratch of its own; group i does the units of work i, i + SLICES, ...

#define LOG2E 1.44269504f
#define UP(count, unit) (((count) + (unit)-1) / (unit) * (unit))
#define DP UP(D, WD)
#define DVP UP(DV, WD)
#define Q_TILES ((QUERIES + BQ - 1) / BQ)
#define K_TILES ((KEYS + BK - 1) / BK)
#define Q_ROW (HEADS * D)
#define V_ROW (HEADS * DV)

// Where things lie in a group's scratch; behind it what the kernel adds, up to BEHIND.
#define QT 0               // [D][BQ] queries, times SCALE * LOG2E
#define KR (QT + D * BQ)   // [BK][DP] keys
#define VR (KR + BK * DP)  // [BK][DVP] values
#define ST (VR + BK * DVP) // [BK][BQ] scores, then probabilities
#define KEEP BEHIND // [BK][BQ] with DROPOUT: factors on the probabilities
#define SCRATCH UP(KEEP + DROPOUT * BK * BQ, 16)

// to[m][n] = START + sum over k < K of a[m][k] * b[k][n] with all of them in the scratch: M x N, in register tiles of
// ROWS x NV vectors of W. START(W, m, n) and END(W, m, n, vector) are macros.
#define PRODUCT(W, ROWS, NV, M, N, K, a, A_ROW, A_COL, b, START, END)                                                 \
    TILE_LOOP for (int m = 0; m < (M); m += ROWS)                                                                     \
        TILE_LOOP for (int c = 0; c < (N); c += NV * W)                                                               \
    {                                                                                                                 \
        FLOATV(W) acc[ROWS][NV];                                                                                      \
        TILE_UNROLL for (int i = 0; i < ROWS; i++)                                                                    \
            TILE_UNROLL for (int v = 0; v < NV; v++) acc[i][v] = START(W, m + i, c + v * W);                          \
        int left = (a) + m * (A_ROW), right = (b) + c;                                                                \
        TILE_LOOP for (int k = 0; k < (K); k++, left += (A_COL), right += (N))                                        \
        {                                                                                                             \
            FLOATV(W) row[NV];                                                                                        \
            TILE_UNROLL for (int v = 0; v < NV; v++) row[v] = LOAD(W, scratch, right + v * W);                        \
            TILE_UNROLL for (int i = 0; i < ROWS; i++)                                                                \
            {                                                                                                         \
                const FLOATV(W) factor = (FLOATV(W))(LOAD(1, scratch, left + i * (A_ROW)));                           \
                TILE_UNROLL for (int v = 0; v < NV; v++) acc[i][v] = factor * row[v] + acc[i][v];                     \
            }                                                                                                         \
        }                                                                                                             \
        TILE_UNROLL for (int i = 0; i < ROWS; i++)                                                                    \
            TILE_UNROLL for (int v = 0; v < NV; v++) END(W, m + i, c + v * W, acc[i][v]);                             \
    }

// [key][query] from rows by key and columns by query; a row for each query, or each key, from [key][query].
#define SCORES(a, width, pitch, b, END) PRODUCT(VW, ROWS_S, NV_S, BK, BQ, width, a, pitch, 1, b, ZERO, END)
#define BY_QUERY(ROWS, NV, pitch, a, b, START, END) PRODUCT(WD, ROWS, NV, BQ, pitch, BK, a, 1, BQ, b, START, END)
#define BY_KEY(ROWS, NV, pitch, a, b, START, END) PRODUCT(WD, ROWS, NV, BK, pitch, BQ, a, BQ, 1, b, START, END)

#define ZERO(W, m, n) ((FLOATV(W))(0))
#define PUT_S(W, m, n, v) STORE(W, scratch, ST + (m)*BQ + (n), v)
#if DROPOUT
#define KEPT(W, at) *LOAD(W, scratch, KEEP + (at))
#else
#define KEPT(W, at)
#endif

#define FILL(W, at, count, value)                                                                                     \
    TILE_LOOP for (int f = 0; f < (count); f += W) STORE(W, scratch, (at) + f, (FLOATV(W))(value))

#define LANES_4 (int4)(0, 1, 2, 3)
#define LANES_8 (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define LANES_16 (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define LANES TW_CAT(LANES_, VW)
#define AS_FLOAT TW_CAT(as_float, VW)
#define AS_INT TW_CAT(as_int, VW)

// 2^to for to < 127; 0 below -127. The whole part is read off the last bits of to + 1.5 * 2^23; the rest, in [-0.5,
// 0.5], goes through a polynomial (of degree 6, least largest relative error; 1e-7 with its roundings).
static inline FLOATV(VW) KERNEL(power)(const FLOATV(VW) to)
{
    const FLOATV(VW) x = select(to, (FLOATV(VW))(-127.0f), to < -127.0f), shifted = x + 12582912.0f;
    const FLOATV(VW) r = x - (shifted - 12582912.0f);
    FLOATV(VW) p = 1.5559610e-4f * r + 1.3401389e-3f;
    p = p * r + 9.6176453e-3f;
    p = p * r + 5.5503242e-2f;
    p = p * r + 2.4022655e-1f;
    p = p * r + 6.9314718e-1f;
    p = p * r + 1.0f;
    return p * AS_FLOAT((AS_INT(shifted) << 23) + (127 << 23));
}

// Asks for `rows` rows that will be needed: HEADS * D apart they are nothing that the processor foresees. An address is
// not looked at, so that it may be beyond an end. WRITE: they will be written.
#ifdef __clang__
#define AHEAD(pointer, stride, rows, columns, WRITE)                                                                  \
    TILE_LOOP for (int i = 0; i < (rows); i++)                                                                        \
        TILE_LOOP for (int c = 0; c < (columns); c += 16)                                                             \
            __builtin_prefetch((const void *)(ulong)((pointer) + i * (stride) + c), WRITE, 2)
#else
#define AHEAD(pointer, stride, rows, columns, WRITE)
#endif

// Rows of `columns`, `stride` apart, of which there are `count`, to [rows][pitch] with zeros behind them.
static inline void KERNEL(rows)(__global const TW_STORAGE(query) *query, const int stride, const int count,
                                const int columns, const int rows, const int pitch, __global float *scratch)
{
    TILE_LOOP for (int i = 0; i < rows; i++)
    {
        int c = 0;
        TILE_LOOP for (; i < count && c + WD <= columns; c += WD)
            STORE(WD, scratch, i * pitch + c, LOAD(WD, query, i * stride + c));
        TILE_LOOP for (; c < pitch; c++)
            STORE(1, scratch, i * pitch + c, i < count && c < columns ? LOAD(1, query, i * stride + c) : 0.0f);
    }
}

// The same for BQ rows, times factor, to [columns][BQ].
static inline void KERNEL(transposed)(__global const TW_STORAGE(query) *query, const int stride, const int count,
                                      const int columns, const float factor, __global float *scratch)
{
    TILE_LOOP for (int i = 0; i < BQ; i += 4)
    {
        int c = 0;
        TILE_LOOP for (; i + 4 <= count && c + 4 <= columns; c += 4)
        {
            const int at = i * stride + c;
            const float4 r0 = LOAD(4, query, at) * factor, r1 = LOAD(4, query, at + stride) * factor;
            const float4 r2 = LOAD(4, query, at + 2 * stride) * factor, r3 = LOAD(4, query, at + 3 * stride) * factor;
            STORE(4, scratch, c * BQ + i, (float4)(r0.x, r1.x, r2.x, r3.x));
            STORE(4, scratch, (c + 1) * BQ + i, (float4)(r0.y, r1.y, r2.y, r3.y));
            STORE(4, scratch, (c + 2) * BQ + i, (float4)(r0.z, r1.z, r2.z, r3.z));
            STORE(4, scratch, (c + 3) * BQ + i, (float4)(r0.w, r1.w, r2.w, r3.w));
        }
        TILE_LOOP for (; c < columns; c++)
            TILE_LOOP for (int k = i; k < i + 4; k++)
                STORE(1, scratch, c * BQ + k, k < count ? LOAD(1, query, k * stride + c) * factor : 0.0f);
    }
}

// count rows of `columns` from scratch [][pitch] to rows `stride` apart; add: to what is there.
static inline void KERNEL(rows_out)(__global TW_STORAGE(query) *query, const int stride, const int count,
                                    const int columns, const int pitch, const bool add,
                                    __global const float *scratch)
{
    TILE_LOOP for (int i = 0; i < count; i++)
    {
        int c = 0;
        TILE_LOOP for (; c + WD <= columns; c += WD)
        {
            FLOATV(WD) v = LOAD(WD, scratch, i * pitch + c);
            if (add)
                v += LOAD(WD, query, i * stride + c);
            STORE(WD, query, i * stride + c, v);
        }
        TILE_LOOP for (; c < columns; c++)
        {
            float v = LOAD(1, scratch, i * pitch + c);
            if (add)
                v += LOAD(1, query, i * stride + c);
            STORE(1, query, i * stride + c, v);
        }
    }
}

#include "parts/attention_mask.cl"

// Keys and values of the tile from key0 on.
static inline void KERNEL(keys_in)(__global const TW_STORAGE(query) *key, __global const TW_STORAGE(query) *value,
                                   const int key0, __global float *scratch)
{
    KERNEL(rows)(key + key0 * Q_ROW, Q_ROW, KEYS - key0, D, BK, DP, scratch + KR);
    KERNEL(rows)(value + key0 * V_ROW, V_ROW, KEYS - key0, DV, BK, DVP, scratch + VR);
}

// ST: the scores of the tile.
static inline void KERNEL(scores)(MASK_PARAMETER const int query0, const int key0, __global float *scratch)
{
    SCORES(KR, D, DP, QT, PUT_S)
#ifdef mask_ABSENT
    if (KEYS - key0 < BK || CAUSAL * (key0 + BK - 1) > query0)
#endif
        KERNEL(hide)(MASK query0, key0, scratch);
}
