// SPDX-License-Identifier: Apache-2.0
// Adds the partial sums of slabs in a fixed order, as slab_sum.cl does, and exchanges the last two dimensions, of which the
// second-last is short: part [SLABS][ROWS][COLUMNS][DEPTH] -> result [ROWS][DEPTH][COLUMNS]. DEPTH is a multiple of VW.
// Groups: (row).
TW_ENTRY KERNEL(slab_turn)(TW_N, TW_IN(part) EPILOGUE_PARAMS)
{
    USE_IN(part);
    const int row = tw_group(0);
    TW_ROLLED
    for (int c = 0; c < DEPTH; c += VW) {
        float sums[COLUMNS][VW];
        TW_ROLLED
        for (int column = 0; column < COLUMNS; column++) {
            int p = (row * COLUMNS + column) * DEPTH + c;
            FLOATV(VW) sum = LOAD(VW, part, p);
            TW_ROLLED
            for (int slab = 1; slab < SLABS; slab++) {
                p += ROWS * COLUMNS * DEPTH;
                sum += LOAD(VW, part, p);
            }
            TW_CAT(vstore, VW)(sum, 0, sums[column]);
        }
        TW_ROLLED
        for (int i = 0; i < VW * COLUMNS; i++)
            EPILOGUE(1, sums[i % COLUMNS][i / COLUMNS], (row * DEPTH + c) * COLUMNS + i, i % COLUMNS);
    }
}
