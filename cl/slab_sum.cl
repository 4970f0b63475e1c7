// SPDX-License-Identifier: Apache-2.0
// Adds the partial sums of slabs in a fixed order, which keeps results the same at every run.
//
// part [BATCH][SLABS][GROUPS][ROWS][PITCH], of which COLUMNS are wanted -> result [BATCH][ROWS][GROUPS*COLUMNS]. Groups:
// (chunk of rows, group, batch), each CHUNK rows.
TW_ENTRY KERNEL(slab_sum)(TW_N, TW_IN(part) EPILOGUE_PARAMS TW_SIZES(SLABS GROUPS ROWS PITCH COLUMNS CHUNK))
{
    USE_IN(part);
    const int group = tw_group(1), batch = tw_group(2);
    const int last = min((tw_group(0) + 1) * CHUNK, (int)(ROWS));
    TW_ROLLED
    for (int row = tw_group(0) * CHUNK; row < last; row++)
        TW_ROLLED
        for (int column = 0; column < COLUMNS; column += VW) {
            int p = ((batch * SLABS * GROUPS + group) * (ROWS) + row) * PITCH + column;
            FLOATV(VW) sum = LOAD(VW, part, p);
            TW_ROLLED
            for (int slab = 1; slab < SLABS; slab++) {
                p += GROUPS * (ROWS) * PITCH;
                sum += LOAD(VW, part, p);
            }
            const int col = group * COLUMNS + column;
            TILE_EPILOGUE(sum, (batch * (ROWS) + row) * (GROUPS * COLUMNS) + col, col, column, COLUMNS);
        }
}
