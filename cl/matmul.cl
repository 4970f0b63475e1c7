// SPDX-License-Identifier: Apache-2.0
// Products for CPUs: y[batch][M][N] = a * b, a tile of ROWS rows by TILE_WIDTH columns a group.
//
// Element (m, k) of matrix A_INDEX of a is m*A_ROW + k*A_COL behind its begin: each is read as a scalar, so a transposed
// a needs no copy. b is read IN_PLACE, [K][N] with N at least TILE_WIDTH: then the last block overlaps the one before it and
// stores only what is its own. Otherwise b is packed [BLOCKS][K][TILE_WIDTH] by matmul_pack.cl.
// A_INDEX and B_INDEX are expressions in `batch` (broadcasting).
// AHEAD, A_DOWN: rows of b, and of a transposed a, that are asked for so early, 0 if none. A_AHEAD: elements of the tile of rows
// that comes next that each step asks for, 0 if none (a is not transposed then); the blocks of columns of a tile ask for one
// part each.
// SLABS > 1: partial sums over parts of K into part [batch][SLABS][M][BLOCKS*TILE_WIDTH], for slab_sum.cl.
// A group makes PANEL rows of RUN blocks of columns, block after block: a tile, or where there are many rows a panel of some
// tiles' rows in all columns, which stays in a near cache meanwhile.
// Groups: (panel, run), in the order ROW_DIM says, then (batch and slab).
#define AT(i) ((i) * (A_ROW))
#if IN_PLACE
#define B_ROW N
#else
#define B_ROW TILE_WIDTH
#endif

#if AHEAD
#define FETCH_AHEAD(q) TILE_UNROLL for (int v = 0; v < NV; v++) TW_PREFETCH(b, (q) + AHEAD * B_ROW + v * VW)
#else
#define FETCH_AHEAD(q)
#endif

#if A_AHEAD
#define FETCH_ROWS(rows, k) TW_PREFETCH(a, a0 + (rows) * (K) + (block * (K) + (k)) * A_AHEAD)
#else
#define FETCH_ROWS(rows, k)
#endif

// Asks for the places of row i of the tile's result, to have them when the sum is done: a row at each step, since a core
// waits for few lines at a time.
#if SLABS > 1
#define EXPECT_ROW(top, i)
#else
#define EXPECT_ROW(top, i)                                                                                            \
    TILE_UNROLL for (int v = 0; v < NV; v++) EPILOGUE_EXPECT((batch * (M) + (top) + (i)) * (N) + first + v * VW)
#endif

#if A_DOWN
#define FETCH_DOWN(ROWS_, p)                                                                                          \
    do {                                                                                                              \
        TW_PREFETCH(a, (p) + A_DOWN * (A_COL));                                                                       \
        TW_PREFETCH(a, (p) + A_DOWN * (A_COL) + ROWS_ - 1);                                                           \
    } while (0)
#else
#define FETCH_DOWN(ROWS_, p)
#endif

// The tile of `ROWS_` rows that begins at row `top`, of which those from `begin` on are stored.
#define PRODUCT(ROWS_, top, begin)                                                                                    \
    do {                                                                                                              \
        TILE_BEGIN(acc, ROWS_)                                                                                        \
        int p = a0 + (top) * (A_ROW) + from * (A_COL), q = b0 + from * B_ROW;                                         \
        for (int k = from; k < to; k++) {                                                                             \
            EXPECT_ROW(top, min(k - from, ROWS_ - 1));                                                                \
            FETCH_AHEAD(q);                                                                                           \
            FETCH_DOWN(ROWS_, p);                                                                                     \
            FETCH_ROWS((top) + ROWS_, k);                                                                             \
            TILE_STEP(acc, ROWS_, a, p, AT, b, q);                                                                    \
            p += (A_COL);                                                                                             \
            q += B_ROW;                                                                                               \
        }                                                                                                             \
        TILE_END(acc, ROWS_, out)                                                                                     \
        for (int i = (begin) - (top); i < ROWS_; i++)                                                                 \
            for (int v = 0; v < NV; v++) {                                                                            \
                const int column = first + v * VW;                                                                    \
                RESULT(out[i][v], (top) + i, column);                                                                 \
            }                                                                                                         \
    } while (0)

// Of vectors of b in place those lanes that the block before it has, too, are left to that.
#if IN_PLACE
#define FIRST_LANE(column) (block * TILE_WIDTH - (column))
#else
#define FIRST_LANE(column) 0
#endif

#if SLABS > 1
#define PUT_PART(W, v, at, col) STORE(W, part, at, v)
#define RESULT(value, row, column)                                                                                    \
    TILE_LANES(PUT_PART, value, ((batch * SLABS + slab) * (M) + (row)) * (BLOCKS * TILE_WIDTH) + (column), column,    \
               FIRST_LANE(column), VW, N % VW == 0 || !IN_PLACE)
TW_ENTRY KERNEL(matmul)(TW_N, TW_IN(a), TW_IN(b), TW_OUT(part))
#else
#define RESULT(value, row, column)                                                                                    \
    TILE_LANES(EPILOGUE, value, (batch * (M) + (row)) * (N) + (column), column, FIRST_LANE(column), N - (column),     \
               N % VW == 0)
TW_ENTRY KERNEL(matmul)(TW_N, TW_IN(a), TW_IN(b) EPILOGUE_PARAMS TW_SIZES())
#endif
{
    USE_IN(a);
    USE_IN(b);
#if SLABS > 1
    USE_OUT(part);
#endif
    const int row = tw_group(ROW_DIM) * PANEL, run = tw_group(1 - ROW_DIM) * RUN;
    const int batch = tw_group(2) / SLABS, slab = tw_group(2) % SLABS;
    const int a0 = (A_INDEX) * ((M) * (K));
    const int from = (int)((long)(K)*slab / SLABS), to = (int)((long)(K) * (slab + 1) / SLABS);
    for (int block = run; block < min(run + RUN, BLOCKS); block++) {
#if IN_PLACE
        const int first = min(block * TILE_WIDTH, N - TILE_WIDTH), b0 = (B_INDEX) * ((K) * N) + first;
#else
        const int first = block * TILE_WIDTH, b0 = ((B_INDEX) * BLOCKS + block) * (K) * TILE_WIDTH;
#endif
        for (int begin = row; begin < min(row + PANEL, M); begin += ROWS)
            TILE_OF_ROWS(PRODUCT, begin, M);
    }
}
