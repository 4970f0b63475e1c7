// SPDX-License-Identifier: Apache-2.0
// Products for CPUs where the rows of both sides lie along the sum: y[batch][M][N], y = a * b^T, without a copy of b.
// Vectors run over k, ROWS x COLUMNS of them are kept in registers, and each is added up at the end: worth it where b is
// large beside M, so that turning it round (matmul_pack.cl) would cost more than those sums.
//
// a [M][K], b [N][K], matrices A_INDEX and B_INDEX of each (expressions in `batch`). COLUMNS: 4, or N if that is less.
// Groups: (row tile, VW columns, batch).
#define SUM_4(v) (v)
#define SUM_8(v) SUM_4((v).lo + (v).hi)
#define SUM_16(v) SUM_8((v).lo + (v).hi)

// Elements k .. K - 1 at the end of a row, zeros behind.
#define TAIL(name, at, k, v)                                                                                          \
    do {                                                                                                              \
        float tail_lane[VW];                                                                                          \
        for (int tail_i = 0; tail_i < VW; tail_i++)                                                                   \
            tail_lane[tail_i] = (k) + tail_i < (K) ? LOAD(1, name, (at) + tail_i) : 0.0f;                             \
        v = TW_CAT(vload, VW)(0, tail_lane);                                                                          \
    } while (0)

// acc += the parts from k on of rows top.. of a and of rows first.. of b; FETCH(name, at, k, v) loads.
#define STEP(ROWS_, top, first, k, FETCH)                                                                             \
    do {                                                                                                              \
        FLOATV(VW) row_b[COLUMNS];                                                                                    \
        TILE_UNROLL for (int j = 0; j < COLUMNS; j++) FETCH(b, b0 + ((first) + j) * (K) + (k), k, row_b[j]);          \
        TILE_UNROLL for (int i = 0; i < ROWS_; i++)                                                                   \
        {                                                                                                             \
            FLOATV(VW) row_a;                                                                                         \
            FETCH(a, a0 + ((top) + i) * (K) + (k), k, row_a);                                                         \
            TILE_UNROLL for (int j = 0; j < COLUMNS; j++) acc[i][j] = row_a * row_b[j] + acc[i][j];                   \
        }                                                                                                             \
    } while (0)
#define WHOLE(name, at, k, v) v = LOAD(VW, name, at)

// The tile of `ROWS_` rows that begins at row `top`, of which those from `begin` on are stored.
#define PRODUCT(ROWS_, top, begin)                                                                                    \
    do {                                                                                                              \
        float out[ROWS_][VW];                                                                                         \
        TILE_LOOP for (int c = chunk; c < min(chunk + VW, N); c += COLUMNS)                                           \
        {                                                                                                             \
            const int first = min(c, N - COLUMNS);                                                                    \
            FLOATV(VW) acc[ROWS_][COLUMNS];                                                                           \
            TILE_UNROLL for (int i = 0; i < ROWS_; i++)                                                               \
                TILE_UNROLL for (int j = 0; j < COLUMNS; j++) acc[i][j] = (FLOATV(VW))(0);                            \
            int k = 0;                                                                                                \
            for (; k + VW <= (K); k += VW)                                                                            \
                STEP(ROWS_, top, first, k, WHOLE);                                                                    \
            if (k < (K))                                                                                              \
                STEP(ROWS_, top, first, k, TAIL);                                                                     \
            TILE_UNROLL for (int i = 0; i < ROWS_; i++)                                                               \
                TILE_UNROLL for (int j = 0; j < COLUMNS; j++)                                                         \
            {                                                                                                         \
                const float4 sum = TW_CAT(SUM_, VW)(acc[i][j]);                                                       \
                if (first + j >= chunk)                                                                               \
                    out[i][first + j - chunk] = (sum.x + sum.y) + (sum.z + sum.w);                                    \
            }                                                                                                         \
        }                                                                                                             \
        for (int i = (begin) - (top); i < ROWS_; i++) {                                                               \
            const FLOATV(VW) v = TW_CAT(vload, VW)(0, out[i]);                                                        \
            TILE_EPILOGUE(v, (batch * (M) + (top) + i) * N + chunk, chunk, chunk, N);                                 \
        }                                                                                                             \
    } while (0)

TW_ENTRY KERNEL(matmul_dot)(TW_N, TW_IN(a), TW_IN(b) EPILOGUE_PARAMS TW_SIZES())
{
    USE_IN(a);
    USE_IN(b);
    const int begin = tw_group(0) * ROWS, chunk = tw_group(1) * VW, batch = tw_group(2);
    const int a0 = (A_INDEX) * ((M) * (K)), b0 = (B_INDEX) * (N * (K));
    TILE_OF_ROWS(PRODUCT, begin, M);
}
