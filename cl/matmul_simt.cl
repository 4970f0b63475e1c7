// SPDX-License-Identifier: Apache-2.0
// Products for GPUs: y[batch][M][N] = a * b. A group of 16 x 16 work-items computes SIDE x SIDE elements of y, PER x PER
// each,
// from tiles of a and b in local memory; elements beyond the edges are read as zero and not stored.
//
// Element (m, k) of matrix A_INDEX of a is m*A_ROW + k*A_COL behind its begin, (k, j) of matrix B_INDEX of b is
// k*B_ROW + j*B_COL; A_INDEX and B_INDEX are expressions in `batch`. SLABS > 1: part [batch][SLABS][M][N], for slab_sum_simt.cl. Groups: (columns, rows, batch
// and slab).
#define SIDE (16 * PER)
#define DEPTH 16

#if SLABS > 1
__kernel __attribute__((reqd_work_group_size(16, 16, 1))) void KERNEL(matmul_simt)(const int n, TW_IN(a), TW_IN(b),
                                                                                   TW_OUT(part))
#else
__kernel __attribute__((reqd_work_group_size(16, 16, 1))) void KERNEL(matmul_simt)(const int n, TW_IN(a),
                                                                                   TW_IN(b) EPILOGUE_PARAMS)
#endif
{
    USE_IN(a);
    USE_IN(b);
#if SLABS > 1
    USE_OUT(part);
#endif
    __local float as[DEPTH][SIDE + 1]; // + 1: fewer bank conflicts
    __local float bs[DEPTH][SIDE + 1];
    const int tx = tw_item(0), ty = tw_item(1), item = ty * 16 + tx;
    const int row0 = tw_group(1) * SIDE, col0 = tw_group(0) * SIDE;
    const int batch = tw_group(2) / SLABS, slab = tw_group(2) % SLABS;
    const int from = (int)((long)(K)*slab / SLABS), to = (int)((long)(K) * (slab + 1) / SLABS);
    const int at = (A_INDEX) * ((M) * (K)), bt = (B_INDEX) * ((K) * (N));
    float acc[PER][PER];
    for (int i = 0; i < PER; i++)
        for (int j = 0; j < PER; j++)
            acc[i][j] = 0;
    for (int k0 = from; k0 < to; k0 += DEPTH) {
        for (int e = item; e < DEPTH * SIDE; e += 256) {
            // neighbouring items read neighbouring elements, whichever way round the matrix lies
            const int ak = A_COLUMN_FIRST ? e % DEPTH : e / SIDE, ar = A_COLUMN_FIRST ? e / DEPTH : e % SIDE;
            const int bk = B_COLUMN_FIRST ? e % DEPTH : e / SIDE, bc = B_COLUMN_FIRST ? e / DEPTH : e % SIDE;
            float av = 0, bv = 0;
            if (row0 + ar < (M) && k0 + ak < to)
                av = LOAD(1, a, at + (row0 + ar) * (A_ROW) + (k0 + ak) * (A_COL));
            if (col0 + bc < (N) && k0 + bk < to)
                bv = LOAD(1, b, bt + (k0 + bk) * (B_ROW) + (col0 + bc) * (B_COL));
            as[ak][ar] = av;
            bs[bk][bc] = bv;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < DEPTH; k++)
            for (int i = 0; i < PER; i++)
                for (int j = 0; j < PER; j++)
                    acc[i][j] = as[k][ty * PER + i] * bs[k][tx * PER + j] + acc[i][j];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int i = 0; i < PER; i++)
        for (int j = 0; j < PER; j++) {
            const int row = row0 + ty * PER + i, col = col0 + tx * PER + j;
            if (row < (M) && col < (N)) {
#if SLABS > 1
                STORE(1, part, ((batch * SLABS + slab) * (M) + row) * (N) + col, acc[i][j]);
#else
                EPILOGUE(1, acc[i][j], (batch * (M) + row) * (N) + col, col);
#endif
            }
        }
}
