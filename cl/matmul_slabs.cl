// SPDX-License-Identifier: Apache-2.0
// Products of a long sum and a small result for CPUs: a group adds the products of one part of K (a slab), CHUNK steps after
// CHUNK steps: each chunk is read from memory once, in one run, and stays in the nearer caches while all tiles of the result
// are made of it; the sums so far wait in `part`, which is small enough to stay there, too.
//
// Element (m, k) of matrix A_INDEX of a is m*A_ROW + k*A_COL behind its begin; b is [K][N], N at least TILE_WIDTH: the last
// block of columns overlaps the one before it and stores only what is its own. A_INDEX and B_INDEX are expressions in
// `batch` (broadcasting). part [batch][SLABS][M][BLOCKS*TILE_WIDTH], for slab_sum.cl. A_LINES, B_LINES: cache lines of the next
// chunk that each step of a tile asks for. Groups: (slab, batch).
#define AT(i) ((i) * (A_ROW))
#define LINE 16
#define FETCH_AHEAD(k)                                                                                                \
    do {                                                                                                              \
        for (int line = 0; line < A_LINES; line++)                                                                    \
            TW_PREFETCH_FAR(a, a0 + ((k) + CHUNK) * (A_COL) + (tile * A_LINES + line) * LINE);                        \
        for (int line = 0; line < B_LINES; line++)                                                                    \
            TW_PREFETCH_FAR(b, b0 + ((k) + CHUNK) * N + (tile * B_LINES + line) * LINE);                              \
    } while (0)

#define PUT_SUM(W, v, at, col) STORE(W, part, at, k0 > from ? LOAD(W, part, at) + (v) : (v))

// The tile of `ROWS_` rows that begins at row `top`, of which those from `begin` on are stored.
#define PRODUCT(ROWS_, top, begin)                                                                                    \
    do {                                                                                                              \
        TILE_BEGIN(acc, ROWS_)                                                                                        \
        int p = a0 + (top) * (A_ROW) + k0 * (A_COL), q = b0 + k0 * N + first;                                         \
        for (int k = k0; k < k1; k++) {                                                                               \
            FETCH_AHEAD(k);                                                                                           \
            TILE_STEP(acc, ROWS_, a, p, AT, b, q);                                                                    \
            p += (A_COL);                                                                                             \
            q += N;                                                                                                   \
        }                                                                                                             \
        TILE_END(acc, ROWS_, out)                                                                                     \
        for (int i = (begin) - (top); i < ROWS_; i++)                                                                 \
            for (int v = 0; v < NV; v++) {                                                                            \
                const int column = first + v * VW;                                                                    \
                TILE_LANES(PUT_SUM, out[i][v], part0 + ((top) + i) * (BLOCKS * TILE_WIDTH) + column, column,          \
                           block * TILE_WIDTH - column, VW, N % VW == 0);                                             \
            }                                                                                                         \
    } while (0)

TW_ENTRY KERNEL(matmul_slabs)(TW_N, TW_IN(a), TW_IN(b), TW_OUT(part))
{
    USE_IN(a);
    USE_IN(b);
    USE_OUT(part);
    const int slab = tw_group(0), batch = tw_group(1);
    const int a0 = (A_INDEX) * ((M) * (K)), b0 = (B_INDEX) * ((K) * N);
    const int part0 = (batch * SLABS + slab) * ((M) * (BLOCKS * TILE_WIDTH));
    const int from = (int)((long)(K)*slab / SLABS), to = (int)((long)(K) * (slab + 1) / SLABS);
    int k0 = from;
    do { /* a slab without a step is zero */
        const int k1 = min(k0 + CHUNK, to);
        int tile = 0;
        for (int block = 0; block < BLOCKS; block++) {
            const int first = min(block * TILE_WIDTH, N - TILE_WIDTH);
            for (int row = 0; row < (M); row += ROWS, tile++)
                TILE_OF_ROWS(PRODUCT, row, M);
        }
        k0 += CHUNK;
    } while (k0 < to);
}
