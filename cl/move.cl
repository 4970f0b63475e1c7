// SPDX-License-Identifier: Apache-2.0
// Elements to other places: transpose, broadcast, slice (MODE 0); pad with a value and the gradient of slice (MODE 1); pad by
// reflection (2) and by the edge (3).
//
// Along each result axis d = 0 to 7 (SIZEd places) place i comes from place s of x, STRIDEd apart: MODE 0: s = i * STEPd + STARTd;
// otherwise t = i - STARTd, and MODE 1: s = t / STEPd where that is whole and within LENGTHd, else FILL; 2, 3: t mirrored at, or
// held to, the ends of LENGTHd. PLAIN: the last axis is taken as it is. VALUE, VALUEV: float or int.
// ITEMS: a work-item an element (simt). Otherwise CHUNK runs of the last axis, in vectors where VECTOR.
// COLUMNS: last size of the result as its readers see it.
// TILED (simd, MODE 0): neighbours in x lie along another result axis than the last, of TILES places, PLACE_STRIDE apart in
// the result, where SIZEd is 1. A work-item transposes ALONG by ACROSS, in registers, 16 by 16. ROWS then counts what the other
// axes have; PLACEd: strides of the result.

#if MODE == 0
#define MOVE_AXIS(d, i) source += ((i) * STEP##d + START##d) * STRIDE##d
#elif MODE == 1
#define MOVE_AXIS(d, i)                                                                            \
    const int t##d = (i) - START##d, s##d = t##d / STEP##d;                                        \
    inside &= (t##d >= 0) & (s##d * STEP##d == t##d) & (s##d < LENGTH##d);                         \
    source += s##d * STRIDE##d
#elif MODE == 2
#define MOVE_AXIS(d, i)                                                                            \
    const int t##d = abs((i) - START##d), s##d = min(t##d, 2 * (LENGTH##d - 1) - t##d);            \
    source += s##d * STRIDE##d
#else
#define MOVE_AXIS(d, i)                                                                            \
    const int t##d = (i) - START##d, s##d = min(max(t##d, 0), LENGTH##d - 1);                      \
    source += s##d * STRIDE##d
#endif

// What stands before the last axis: `row` taken apart.
#define MOVE_ROW(row)                                                                              \
    int rest = row, inside = 1, source = 0;                                                        \
    const int i6 = rest % SIZE6;                                                                   \
    rest /= SIZE6;                                                                                 \
    const int i5 = rest % SIZE5;                                                                   \
    rest /= SIZE5;                                                                                 \
    const int i4 = rest % SIZE4;                                                                   \
    rest /= SIZE4;                                                                                 \
    const int i3 = rest % SIZE3;                                                                   \
    rest /= SIZE3;                                                                                 \
    const int i2 = rest % SIZE2;                                                                   \
    rest /= SIZE2;                                                                                 \
    const int i1 = rest % SIZE1, i0 = rest / SIZE1;                                                \
    MOVE_AXIS(0, i0);                                                                              \
    MOVE_AXIS(1, i1);                                                                              \
    MOVE_AXIS(2, i2);                                                                              \
    MOVE_AXIS(3, i3);                                                                              \
    MOVE_AXIS(4, i4);                                                                              \
    MOVE_AXIS(5, i5);                                                                              \
    MOVE_AXIS(6, i6)

#if TILED
#define MOVE_PLACE(d) place += i##d * PLACE##d

TW_ENTRY KERNEL(move)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
    MOVE_ROW(tw_group(2));
    int place = 0;
    MOVE_PLACE(0);
    MOVE_PLACE(1);
    MOVE_PLACE(2);
    MOVE_PLACE(3);
    MOVE_PLACE(4);
    MOVE_PLACE(5);
    MOVE_PLACE(6);
    const int first = tw_group(0) * ALONG, end = min(first + ALONG, SIZE7);
    const int first_tile = tw_group(1) * ACROSS, end_tile = min(first_tile + ACROSS, TILES);
    for (int i = first; i < end; i += 16)
        for (int j = first_tile; j < end_tile; j += 16) {
            const int from = source + (i * STEP7 + START7) * STRIDE7 + j, to = place + j * PLACE_STRIDE + i;
            if (i + 16 <= end && j + 16 <= end_tile) {
                VALUEV(16) v[16];
                for (int k = 0; k < 16; k++)
                    v[k] = LOAD(16, x, from + k * STEP7 * STRIDE7);
                // the next elements of these rows but 16, which no cache foresees where there are so many rows
                TILE_UNROLL for (int k = 0; k < 16; k++) TW_PREFETCH(x, from + k * STEP7 * STRIDE7 + 32);
                TILE_TRANSPOSE_SQUARE(VALUEV(16), v);
                for (int k = 0; k < 16; k++) {
                    const int at = to + k * PLACE_STRIDE;
#if VECTOR
                    EPILOGUE(16, v[k], at, at % COLUMNS);
#else
                    VALUE lane[16];
                    vstore16(v[k], 0, lane);
                    for (int l = 0; l < 16; l++)
                        EPILOGUE(1, lane[l], at + l, (at + l) % COLUMNS);
#endif
                }
            } else {
                for (int k = 0; k < min(16, end_tile - j); k++)
                    for (int l = 0; l < min(16, end - i); l++) {
                        const int at = to + k * PLACE_STRIDE + l;
                        const VALUE w = LOAD(1, x, from + l * STEP7 * STRIDE7 + k);
                        EPILOGUE(1, w, at, at % COLUMNS);
                    }
            }
        }
}
#elif ITEMS
TW_ENTRY KERNEL(move)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
    const int at = tw_global(0), row = at / SIZE7;
    if (row >= ROWS)
        return;
    MOVE_ROW(row);
    MOVE_AXIS(7, at % SIZE7);
    VALUE v = FILL;
    if (inside)
        v = LOAD(1, x, source);
    EPILOGUE(1, v, at, at % COLUMNS);
}
#else
#define MOVE_VECTORS(W)                                                                            \
    for (; i + W <= SIZE7; i += W) {                                                               \
        VALUEV(W) v = FILL;                                                                        \
        if (inside)                                                                                \
            v = LOAD(W, x, source + i);                                                            \
        EPILOGUE(W, v, row *SIZE7 + i, (row * SIZE7 + i) % COLUMNS);                               \
    }
TW_ENTRY KERNEL(move)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, ROWS);
    for (int row = begin; row < end; row++) {
        MOVE_ROW(row);
        int i = 0;
#if VECTOR && PLAIN
        MOVE_VECTORS(16)
        MOVE_VECTORS(4)
#endif
        const int row_source = source, row_inside = inside;
        for (; i < SIZE7; i++) {
            int source = row_source, inside = row_inside;
            MOVE_AXIS(7, i);
            VALUE v = FILL;
            if (inside)
                v = LOAD(1, x, source);
            EPILOGUE(1, v, row *SIZE7 + i, (row * SIZE7 + i) % COLUMNS);
        }
    }
}
#endif
