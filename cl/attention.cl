// SPDX-License-Identifier: Apache-2.0
// Attention for CPUs in tiles of BQ queries by BK keys, so that no more than a tile of the scores is ever in memory:
// softmax by running sums (Milakov and Gimelshein 2018, arXiv 1805.02867), and the gradient from the logarithms of these
// sums (Dao et al. 2022, arXiv 2205.14135, algorithms 1 and 4).
//
// query [BATCH,QUERIES,HEADS,D], key [BATCH,KEYS,HEADS,D], value [BATCH,KEYS,HEADS,DV]; y and dy like query, DV wide.
// A tile of scores lies as [key][query], in units of log2: a vector holds the scores of one key with VW queries, so the
// largest of a query's scores and their sum need no shuffles. PASS:
//     0  y and lse: a tile of queries at a time, over its tiles of keys
//     1  dq, and delta = sum(dy * y) of each query for pass 2: likewise
//     2  dk and dv: a tile of keys at a time, over its tiles of queries
//     3  dq, dk and dv: a head at a time, which needs 5 products instead of the 7 of passes 1 and 2. dk and dv are added
//        up where they are
// Tiles of which nothing is visible are skipped. What is beyond an end is 0 in the scratch, or hidden.
// Groups: SLICES, each with a scratch of its own; group i does the units of work i, i + SLICES, ...

#define LOG2E 1.44269504f
#define UP(count, unit) (((count) + (unit)-1) / (unit) * (unit))
#define DP UP(D, WD)
#define DVP UP(DV, WD)
#define Q_TILES ((QUERIES + BQ - 1) / BQ)
#define K_TILES ((KEYS + BK - 1) / BK)
#define Q_ROW (HEADS * D)
#define V_ROW (HEADS * DV)

// Where things lie in a group's scratch.
#define QT 0               // [D][BQ] queries, times SCALE * LOG2E
#define KR (QT + D * BQ)   // [BK][DP] keys
#define VR (KR + BK * DP)  // [BK][DVP] values
#define ST (VR + BK * DVP) // [BK][BQ] scores, then probabilities
#if PASS == 0
#define HIGH (ST + BK * BQ) // [BQ] the largest score so far
#define SUM (HIGH + BQ)     // [BQ] sum of exponentials so far
#define ALPHA (SUM + BQ)    // [BQ] factor on what was added up before this tile
#define YR (ALPHA + BQ)     // [BQ][DVP] y, not yet divided by SUM
#define BEHIND (YR + BQ * DVP)
#else
#define LSE (ST + BK * BQ)   // [BQ] times LOG2E
#define DELTA (LSE + BQ)     // [BQ] times SCALE
#define DYT (DELTA + BQ)     // [DV][BQ] dy, times SCALE
#define DST (DYT + DV * BQ)  // [BK][BQ] gradient by the products of keys and queries
#define DQR (DST + BK * BQ)  // [BQ][DP] dq
#define QR (DQR + BQ * DP)   // [BQ][DP] queries
#define DYR (QR + BQ * DP)   // [BQ][DVP] dy
#define DKR (DYR + BQ * DVP) // [BK][DP] dk
#define DVR (DKR + BK * DP)  // [BK][DVP] dv
#define BEHIND (DVR + BK * DVP)
#endif
#define KEEP BEHIND // [BK][BQ] with DROPOUT: factors on the probabilities
#define SCRATCH UP(KEEP + DROPOUT * BK * BQ, 16)

// to[m][n] = START + sum over k < K of a[m][k] * b[k][n] with all of them in the scratch: M x N, in register tiles of ROWS x
// NV vectors of W. START(W, m, n) and END(W, m, n, vector) are macros.
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
#define GET_Y(W, m, n) (LOAD(W, scratch, YR + (m)*DVP + (n)) * LOAD(1, scratch, ALPHA + (m)))
#define PUT_Y(W, m, n, v) STORE(W, scratch, YR + (m)*DVP + (n), v)
#define GET_DQ(W, m, n) LOAD(W, scratch, DQR + (m)*DP + (n))
#define PUT_DQ(W, m, n, v) STORE(W, scratch, DQR + (m)*DP + (n), v)
#define GET_DK(W, m, n) LOAD(W, scratch, DKR + (m)*DP + (n))
#define PUT_DK(W, m, n, v) STORE(W, scratch, DKR + (m)*DP + (n), v)
#define GET_DV(W, m, n) LOAD(W, scratch, DVR + (m)*DVP + (n))
#define PUT_DV(W, m, n, v) STORE(W, scratch, DVR + (m)*DVP + (n), v)
#if DROPOUT
#define KEPT(W, at) *LOAD(W, scratch, KEEP + (at))
#else
#define KEPT(W, at)
#endif
#define PUT_DS(W, m, n, v)                                                                                            \
    STORE(W, scratch, DST + (m)*BQ + (n),                                                                             \
          LOAD(W, scratch, ST + (m)*BQ + (n)) *                                                                       \
              ((v)KEPT(W, (m)*BQ + (n)) - LOAD(W, scratch, DELTA + (n))))

#define FILL(W, at, count, value)                                                                                     \
    TILE_LOOP for (int f = 0; f < (count); f += W) STORE(W, scratch, (at) + f, (FLOATV(W))(value))

#define LANES_4 (int4)(0, 1, 2, 3)
#define LANES_8 (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define LANES_16 (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define LANES TW_CAT(LANES_, VW)
#define AS_FLOAT TW_CAT(as_float, VW)
#define AS_INT TW_CAT(as_int, VW)

// 2^to for to < 127; 0 below -127. The whole part is read off the last bits of to + 1.5 * 2^23; the rest, in [-0.5, 0.5],
// goes through a polynomial (of degree 6, least largest relative error; 1e-7 with its roundings).
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

#ifdef mask_ABSENT
#define MASK_IN
#define USE_MASK
#define MASK
#define MASK_PARAMETER
#else
#define MASK_IN TW_IN(mask),
#define USE_MASK                                                                                                      \
    __global const TW_STORAGE(mask) *const mask =                                                                     \
        mask_base + mask_offset + image * (MASK_IMAGE) + head * (MASK_HEAD)
#define MASK mask,
#define MASK_PARAMETER __global const TW_STORAGE(mask) *mask,
#endif

// Whether anything of the tile from (query0, key0) on is visible.
static inline bool KERNEL(visible)(MASK_PARAMETER const int query0, const int key0)
{
#if CAUSAL
    if (key0 > min(query0 + BQ, QUERIES) - 1)
        return false;
#endif
#ifdef mask_ABSENT
    return true;
#else
    const int rows = MASK_QUERY ? min(BQ, QUERIES - query0) : 1, keys = min(BK, KEYS - key0);
    TILE_LOOP for (int i = 0; i < rows; i++)
        TILE_LOOP for (int j = 0; j < keys; j++)
            if (LOAD(1, mask, (query0 + i) * (MASK_QUERY) + key0 + j) != 0)
                return true;
    return false;
#endif
}

// Scores that are not visible become minus infinity.
static inline void KERNEL(hide)(MASK_PARAMETER const int query0, const int key0, __global float *scratch)
{
    const int keys = min(BK, KEYS - key0);
    TILE_LOOP for (int j = keys; j < BK; j++) FILL(VW, ST + j * BQ, BQ, -INFINITY);
#if CAUSAL
    TILE_LOOP for (int j = max(0, query0 - key0 + 1); j < keys; j++)
        TILE_LOOP for (int i = 0; i < min(BQ, key0 + j - query0); i += VW)
        {
            const INTV(VW) hidden = LANES + (query0 + i) < (INTV(VW))(key0 + j);
            STORE(VW, scratch, ST + j * BQ + i,
                  select(LOAD(VW, scratch, ST + j * BQ + i), (FLOATV(VW))(-INFINITY), hidden));
        }
#endif
#ifndef mask_ABSENT
    TILE_LOOP for (int i = 0; i < (MASK_QUERY ? min(BQ, QUERIES - query0) : 1); i++)
        TILE_LOOP for (int j = 0; j < keys; j++)
        {
            if (LOAD(1, mask, (query0 + i) * (MASK_QUERY) + key0 + j) != 0)
                continue;
#if MASK_QUERY
            STORE(1, scratch, ST + j * BQ + i, -INFINITY);
#else
            FILL(VW, ST + j * BQ, BQ, -INFINITY);
#endif
        }
#endif
}

#if DROPOUT
#define DROPOUT_PARAMETERS , const uint seed_lo, const uint seed_hi, const uint step, const uint line
#define DROPOUT_ARGUMENTS , seed_lo, seed_hi, step, line
#define UINT TW_CAT(uint, VW)
#define ULONG TW_CAT(ulong, VW)
#ifndef TW_PHILOX_OF_LANES
#define TW_PHILOX_OF_LANES
#define PHILOX_OF(T) TW_PHILOX(T)
PHILOX_OF(UINT)
#endif

// KEEP: 0 or 1 / (1 - rate). The element of row r (of BATCH, HEADS, QUERIES) and key j is r * UP(KEYS, 4) + j, so that each
// block of four random words serves four keys of one query. `row` is that of the tile's first query.
static inline void KERNEL(dropout)(const int row, const int key0, __global float *scratch DROPOUT_PARAMETERS)
{
    TILE_LOOP for (int i = 0; i < BQ; i += VW)
        TILE_LOOP for (int j = 0; j < BK; j += 4)
        {
            const ULONG block = TW_CAT(convert_, ULONG)(LANES + (row + i)) * (ulong)(UP(KEYS, 4) / 4) + (ulong)((key0 + j) / 4);
            UINT word[4];
            TW_CAT(tw_philox_, UINT)
            (seed_lo, seed_hi, TW_CAT(convert_, UINT)(block & 0xfffffffful), (UINT)(step),
             (UINT)(STREAM_LO) ^ TW_CAT(convert_, UINT)(block >> 32), (UINT)(STREAM_HI ^ line), &word[0], &word[1],
             &word[2], &word[3]);
            TILE_UNROLL for (int k = 0; k < 4; k++)
                STORE(VW, scratch, KEEP + (j + k) * BQ + i,
                      select((FLOATV(VW))(DROPOUT_FACTOR), (FLOATV(VW))(0.0f), (word[k] >> 8) < (UINT)(DROPOUT_BELOW)));
        }
}
#else
#define DROPOUT_PARAMETERS
#define DROPOUT_ARGUMENTS
#endif

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

#if PASS == 0
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

#ifdef lse_ABSENT
#define LSE_OUT
#else
#define LSE_OUT , TW_OUT(lse)
#endif

TW_ENTRY KERNEL(attention)(TW_N, TW_IN(query), TW_IN(key), TW_IN(value), MASK_IN TW_OUT(scratch),
                                TW_OUT(y) LSE_OUT DROPOUT_PARAMETERS)
{
    __global float *const scratch = scratch_base + scratch_offset + tw_group(0) * SCRATCH;
    for (int unit = tw_group(0); unit < (BATCH)*HEADS * Q_TILES; unit += SLICES) {
        const int query0 = unit % Q_TILES * BQ, head = unit / Q_TILES % HEADS, image = unit / Q_TILES / HEADS;
        const int queries = min(BQ, QUERIES - query0);
        const int at_q = image * QUERIES + query0, at_k = image * KEYS;
        __global const TW_STORAGE(query) *const key = key_base + key_offset + at_k * Q_ROW + head * D;
        __global const TW_STORAGE(query) *const value = value_base + value_offset + at_k * V_ROW + head * DV;
        __global TW_STORAGE(query) *const y = y_base + y_offset + at_q * V_ROW + head * DV;
        USE_MASK;
        const int next = unit + SLICES < (BATCH) * HEADS * Q_TILES ? unit + SLICES : unit;
        const int next_query0 = next % Q_TILES * BQ, next_head = next / Q_TILES % HEADS, next_image = next / Q_TILES / HEADS;
        __global const TW_STORAGE(query) *const next_query = query_base + query_offset + (next_image * QUERIES + next_query0) * Q_ROW + next_head * D;
        __global const TW_STORAGE(query) *const next_key = key_base + key_offset + next_image * KEYS * Q_ROW + next_head * D;
        __global const TW_STORAGE(query) *const next_value = value_base + value_offset + next_image * KEYS * V_ROW + next_head * DV;
        AHEAD(y, V_ROW, queries, DV, 1);
        KERNEL(transposed)
        (query_base + query_offset + at_q * Q_ROW + head * D, Q_ROW, queries, D, SCALE * LOG2E, scratch + QT);
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
            KERNEL(dropout)((image * HEADS + head) * QUERIES + query0, key0, scratch DROPOUT_ARGUMENTS);
#endif
            KERNEL(exponentials)(scratch);
            AHEAD(next_key, Q_ROW, BK, D, 0);
            BY_QUERY(ROWS_DV, NV_DV, DVP, ST, VR, GET_Y, PUT_Y)
            AHEAD(next_value, V_ROW, BK, DV, 0);
        }
        for (int i = 0; i < queries; i++) {
            const float sum = LOAD(1, scratch, SUM + i), share = sum == 0.0f ? 0.0f : 1.0f / sum;
            TILE_LOOP for (int c = i * DVP; c < i * DVP + DVP; c += WD)
                STORE(WD, scratch, YR + c, LOAD(WD, scratch, YR + c) * share);
        }
        KERNEL(rows_out)(y, V_ROW, queries, DV, DVP, false, scratch + YR);
#ifndef lse_ABSENT
        USE_OUT(lse);
        TILE_LOOP for (int i = 0; i < BQ; i += VW)
        {
            const FLOATV(VW) sum = LOAD(VW, scratch, SUM + i);
            STORE(VW, scratch, SUM + i, select(LOAD(VW, scratch, HIGH + i) / LOG2E + log(sum), (FLOATV(VW))(0.0f), sum == 0.0f));
        }
        TILE_LOOP for (int i = 0; i < queries; i++)
            lse[(image * HEADS + head) * QUERIES + query0 + i] = LOAD(1, scratch, SUM + i);
#endif
    }
}
#else
// ST: probabilities. DST: the gradient by scaled products, times SCALE.
static inline void KERNEL(gradients)(__global float *scratch)
{
    TILE_LOOP for (int i = 0; i < BQ; i += VW)
    {
        const FLOATV(VW) lse = LOAD(VW, scratch, LSE + i);
        TILE_LOOP for (int j = 0; j < BK; j++)
            STORE(VW, scratch, ST + j * BQ + i, KERNEL(power)(LOAD(VW, scratch, ST + j * BQ + i) - lse));
    }
    SCORES(VR, DV, DVP, DYT, PUT_DS)
#if DROPOUT && PASS > 1
    TILE_LOOP for (int i = 0; i < BK * BQ; i += VW) STORE(VW, scratch, ST + i, LOAD(VW, scratch, ST + i) KEPT(VW, i));
#endif
}

#define ADD_UP_4(v) (((v).x + (v).y) + ((v).z + (v).w))
#define ADD_UP_8(v) ADD_UP_4((v).lo + (v).hi)
#define ADD_UP_16(v) ADD_UP_8((v).lo + (v).hi)

// The tile's queries and dy, in the forms that are needed, and LSE.
static inline void KERNEL(queries_in)(__global const TW_STORAGE(query) *query, __global const TW_STORAGE(query) *dy,
                                      __global const float *lse, const int queries, __global float *scratch)
{
    KERNEL(transposed)(query, Q_ROW, queries, D, SCALE * LOG2E, scratch + QT);
    KERNEL(transposed)(dy, V_ROW, queries, DV, SCALE, scratch + DYT);
#if PASS > 1
    KERNEL(rows)(query, Q_ROW, queries, D, BQ, DP, scratch + QR);
    KERNEL(rows)(dy, V_ROW, queries, DV, BQ, DVP, scratch + DYR);
#endif
    TILE_LOOP for (int i = 0; i < BQ; i++) STORE(1, scratch, LSE + i, i < queries ? lse[i] * LOG2E : 0.0f);
}

#if PASS == 2
// DELTA, as pass 1 has left it.
static inline void KERNEL(deltas_in)(__global const float *delta, const int queries, __global float *scratch)
{
    TILE_LOOP for (int i = 0; i < BQ; i++) STORE(1, scratch, DELTA + i, i < queries ? delta[i] : 0.0f);
}
#else
// DELTA: sum(dy * y) * SCALE.
static inline void KERNEL(deltas)(__global const TW_STORAGE(query) *dy, __global const TW_STORAGE(query) *y,
                                  const int queries, __global float *scratch)
{
    FILL(VW, DELTA, BQ, 0.0f);
    TILE_LOOP for (int i = 0; i < queries; i++)
    {
        FLOATV(WD) parts = (FLOATV(WD))(0);
        int c = i * V_ROW;
        TILE_LOOP for (; c + WD <= i * V_ROW + DV; c += WD) parts += LOAD(WD, dy, c) * LOAD(WD, y, c);
        float sum = TW_CAT(ADD_UP_, WD)(parts);
        TILE_LOOP for (; c < i * V_ROW + DV; c++) sum += LOAD(1, dy, c) * LOAD(1, y, c);
        STORE(1, scratch, DELTA + i, sum * SCALE);
    }
}
#endif

// A result that nobody needs is no argument, and is not computed.
#if PASS == 2 || defined(dq_ABSENT)
#define WITH_DQ 0
#define DQ_OUT
#else
#define WITH_DQ 1
#define DQ_OUT , TW_OUT(dq)
#endif
#if PASS == 1 || defined(dk_ABSENT)
#define WITH_DK 0
#define DK_OUT
#else
#define WITH_DK 1
#define DK_OUT , TW_OUT(dk)
#endif
#if PASS == 1 || defined(dv_ABSENT)
#define WITH_DV 0
#define DV_OUT
#else
#define WITH_DV 1
#define DV_OUT , TW_OUT(dv)
#endif
#if PASS == 2
#define Y_IN
#else
#define Y_IN TW_IN(y),
#endif
#if PASS == 1
#define DELTA_ARGUMENT , TW_OUT(delta)
#elif PASS == 2
#define DELTA_ARGUMENT , TW_IN(delta)
#else
#define DELTA_ARGUMENT
#endif

#define INPUTS TW_IN(dy), TW_IN(query), TW_IN(key), TW_IN(value), Y_IN TW_IN(lse), MASK_IN TW_OUT(scratch)

// Where the head's rows begin, and the first element of a tensor of queries or keys there.
#define HEAD_Q(name) (name##_base + name##_offset + image * QUERIES * Q_ROW + head * D)
#define HEAD_K(name) (name##_base + name##_offset + image * KEYS * Q_ROW + head * D)
#define HEAD_Y(name) (name##_base + name##_offset + image * QUERIES * V_ROW + head * DV)
#define HEAD_V(name) (name##_base + name##_offset + image * KEYS * V_ROW + head * DV)
#define HEAD_ROWS(name) (name##_base + name##_offset + (image * HEADS + head) * QUERIES)
#define POINTER __global const TW_STORAGE(query) *const
#define RESULT __global TW_STORAGE(query) *const

TW_ENTRY KERNEL(attention)(TW_N, INPUTS DELTA_ARGUMENT DQ_OUT DK_OUT DV_OUT DROPOUT_PARAMETERS)
{
    __global float *const scratch = scratch_base + scratch_offset + tw_group(0) * SCRATCH;
    const int tiles = PASS == 1 ? Q_TILES : PASS == 2 ? K_TILES : 1;
    for (int unit = tw_group(0); unit < (BATCH)*HEADS * tiles; unit += SLICES) {
        const int tile = unit % tiles, head = unit / tiles % HEADS, image = unit / tiles / HEADS;
        POINTER query = HEAD_Q(query);
        POINTER key = HEAD_K(key);
        POINTER value = HEAD_V(value);
        POINTER dy = HEAD_Y(dy);
        __global const float *const lse = HEAD_ROWS(lse);
#if PASS != 2
        POINTER y = HEAD_Y(y);
#endif
#if WITH_DQ
        RESULT dq = HEAD_Q(dq);
#endif
#if WITH_DK
        RESULT dk = HEAD_K(dk);
#endif
#if WITH_DV
        RESULT dv = HEAD_V(dv);
#endif
        USE_MASK;
#if PASS == 2
        const int key0 = tile * BK;
        KERNEL(keys_in)(key, value, key0, scratch);
        FILL(WD, DKR, BK * DP, 0.0f);
        FILL(WD, DVR, BK * DVP, 0.0f);
#endif
        const int first = PASS == 1 ? tile * BQ : 0, last = PASS == 1 ? first + 1 : QUERIES;
        for (int query0 = first; query0 < last; query0 += BQ) {
            const int queries = min(BQ, QUERIES - query0);
#if PASS == 2
            if (!KERNEL(visible)(MASK query0, key0))
                continue;
#endif
            KERNEL(queries_in)(query + query0 * Q_ROW, dy + query0 * V_ROW, lse + query0, queries, scratch);
#if PASS == 2
            KERNEL(deltas_in)(HEAD_ROWS(delta) + query0, queries, scratch);
#else
            KERNEL(deltas)(dy + query0 * V_ROW, y + query0 * V_ROW, queries, scratch);
#endif
#if WITH_DQ
            FILL(WD, DQR, BQ * DP, 0.0f);
#endif
#if PASS == 1
            for (int i = 0; i < queries; i++)
                HEAD_ROWS(delta)[query0 + i] = LOAD(1, scratch, DELTA + i);
#endif
#if PASS == 2
            {
#else
            for (int key0 = 0; key0 < KEYS; key0 += BK) {
                const int keys = min(BK, KEYS - key0);
                const bool visible = KERNEL(visible)(MASK query0, key0);
#if PASS == 3
#if WITH_DK
                AHEAD(dk + key0 * Q_ROW, Q_ROW, keys, D, 1);
#endif
#if WITH_DV
                AHEAD(dv + key0 * V_ROW, V_ROW, keys, DV, 1);
#endif
                if (!visible && query0 == 0) { // the first tile of queries stores, the others add
#if WITH_DK
                    FILL(WD, DKR, BK * DP, 0.0f);
                    KERNEL(rows_out)(dk + key0 * Q_ROW, Q_ROW, keys, D, DP, false, scratch + DKR);
#endif
#if WITH_DV
                    FILL(WD, DVR, BK * DVP, 0.0f);
                    KERNEL(rows_out)(dv + key0 * V_ROW, V_ROW, keys, DV, DVP, false, scratch + DVR);
#endif
                }
#endif
                if (!visible)
                    continue;
                KERNEL(keys_in)(key, value, key0, scratch);
#endif
#if DROPOUT
                KERNEL(dropout)((image * HEADS + head) * QUERIES + query0, key0, scratch DROPOUT_ARGUMENTS);
#endif
                KERNEL(scores)(MASK query0, key0, scratch);
#if PASS == 3
                const int next = unit + SLICES < (BATCH)*HEADS ? unit + SLICES : unit;
                const int next_head = next % HEADS, next_image = next / HEADS;
                AHEAD(query_base + query_offset + next_image * QUERIES * Q_ROW + next_head * D, Q_ROW, BQ, D, 0);
#endif
                KERNEL(gradients)(scratch);
#if PASS == 3
                AHEAD(dy_base + dy_offset + next_image * QUERIES * V_ROW + next_head * DV, V_ROW, BQ, DV, 0);
#endif
#if WITH_DQ
                AHEAD(dq + query0 * Q_ROW, Q_ROW, queries, D, 1);
                BY_QUERY(ROWS_D, NV_D, DP, DST, KR, GET_DQ, PUT_DQ)
#endif
#if PASS == 2
                BY_KEY(ROWS_D, NV_D, DP, DST, QR, GET_DK, PUT_DK)
                BY_KEY(ROWS_DV, NV_DV, DVP, ST, DYR, GET_DV, PUT_DV)
#endif
#if PASS == 3
                AHEAD(key_base + key_offset + next_image * KEYS * Q_ROW + next_head * D, Q_ROW, BK, D, 0);
                AHEAD(value_base + value_offset + next_image * KEYS * V_ROW + next_head * DV, V_ROW, BK, DV, 0);
#endif
#if PASS == 3 && WITH_DK
                BY_KEY(ROWS_D, NV_D, DP, DST, QR, ZERO, PUT_DK)
                KERNEL(rows_out)(dk + key0 * Q_ROW, Q_ROW, keys, D, DP, query0 > 0, scratch + DKR);
#endif
#if PASS == 3 && WITH_DV
                BY_KEY(ROWS_DV, NV_DV, DVP, ST, DYR, ZERO, PUT_DV)
                KERNEL(rows_out)(dv + key0 * V_ROW, V_ROW, keys, DV, DVP, query0 > 0, scratch + DVR);
#endif
            }
#if WITH_DQ
            KERNEL(rows_out)(dq + query0 * Q_ROW, Q_ROW, queries, D, DP, false, scratch + DQR);
#endif
        }
#if PASS == 2 && WITH_DK
        KERNEL(rows_out)(dk + key0 * Q_ROW, Q_ROW, min(BK, KEYS - key0), D, DP, false, scratch + DKR);
#endif
#if PASS == 2 && WITH_DV
        KERNEL(rows_out)(dv + key0 * V_ROW, V_ROW, min(BK, KEYS - key0), DV, DVP, false, scratch + DVR);
#endif
    }
}
#endif
