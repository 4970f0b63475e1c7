// SPDX-License-Identifier: Apache-2.0
// Adds the partial sums of slabs in a fixed order, which keeps results the same at every run.
//
// part [BATCH][SLABS][GROUPS][ROWS][PITCH], of which COLUMNS are wanted -> result [BATCH][ROWS][GROUPS*COLUMNS]. Groups:
// (chunk of rows, group, batch), each CHUNK rows.
TW_ENTRY KERNEL(slab_sum)(TW_N, TW_IN(part) EPILOGUE_PARAMS TW_SIZES(SLABS GROUPS ROWS PITCH COLUMNS CHUNK))
{
    USE_IN(part);
    const tw_index group = tw_group(1), batch = tw_group(2);
    const tw_index last = tw_min((tw_group(0) + 1) * CHUNK, ROWS);
    TW_ROLLED
    for (tw_index row = tw_group(0) * CHUNK; row < last; row++)
        TW_ROLLED
        for (tw_index column = 0; column < COLUMNS; column += VW) {
            tw_index p = ((batch * SLABS * GROUPS + group) * (ROWS) + row) * PITCH + column;
            FLOATV(VW) sum = LOAD(VW, part, p);
            TW_ROLLED
            for (tw_index slab = 1; slab < SLABS; slab++) {
                p += GROUPS * (ROWS) * PITCH;
                sum += LOAD(VW, part, p);
            }
            const tw_index col = group * COLUMNS + column;
            TILE_EPILOGUE(sum, (batch * (ROWS) + row) * (GROUPS * COLUMNS) + col, col, column, COLUMNS);
        }
}
