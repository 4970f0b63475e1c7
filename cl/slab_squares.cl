// SPDX-License-Identifier: Apache-2.0
// Adds the partial sums of slabs in a fixed order and exchanges both dimensions, by squares of VW vectors that are
// transposed in registers: part [SLABS][COLUMNS][PITCH] -> result [ROWS][COLUMNS]. COLUMNS and PITCH, which is ROWS up
// to a multiple of VW, are whole vectors.
// Groups: (VW rows of the result).
TW_ENTRY KERNEL(slab_squares)(TW_N, TW_IN(part) EPILOGUE_PARAMS)
{
    USE_IN(part);
    const int row = tw_group(0) * VW;
    TW_ROLLED
    for (int column = 0; column < COLUMNS; column += VW) {
        FLOATV(VW) v[VW];
        TILE_UNROLL for (int i = 0; i < VW; i++) v[i] = LOAD(VW, part, (column + i) * PITCH + row);
        TW_ROLLED
        for (int slab = 1; slab < SLABS; slab++)
            TILE_UNROLL for (int i = 0; i < VW; i++) v[i] +=
                LOAD(VW, part, (slab * COLUMNS + column + i) * PITCH + row);
#if VW == 16
        TILE_TRANSPOSE_SQUARE(float16, v);
#else
        TILE_TRANSPOSE(v);
#endif
        FLOATV(VW) out[VW]; // leave the registers, so that the epilogue's text stands once
        TILE_UNROLL for (int i = 0; i < VW; i++) out[i] = v[i];
        TILE_LOOP for (int i = 0; i < min(VW, ROWS - row); i++)
            EPILOGUE(VW, out[i], (row + i) * COLUMNS + column, column);
    }
}
