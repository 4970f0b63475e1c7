// SPDX-License-Identifier: Apache-2.0
// A stage of elementwise calls alone: everything it computes is EPILOGUE; this kernel only walks over the elements.
//
// VW: vector width; COUNT elements in all. LINEAR: no operand is broadcast but scalars, so the place in the row does not
// matter and a work-item takes CHUNK elements in one run. Otherwise a work-item takes CHUNK rows of COLS elements.

// HAS_VALUE: the epilogue of a result that a library computed, and which lies in memory.

#ifdef HAS_VALUE
#define VALUE_PARAM , TW_IN(value)
#define VALUE(W, at) LOAD(W, value, at)
#define USE_VALUE USE_IN(value)
#else
#define VALUE_PARAM
#define VALUE(W, at) 0.0f
#define USE_VALUE
#endif

#if VW > 1
TW_ENTRY KERNEL(elementwise)(TW_N VALUE_PARAM EPILOGUE_PARAMS TW_SIZES(COUNT COLS CHUNK))
{
    USE_VALUE;
#ifdef LINEAR
    // CHUNK is a multiple of 16: said so that compilers leave out what random numbers at other places need
    const int begin = tw_group(0) * (CHUNK / 16 * 16), end = min(begin + CHUNK, COUNT);
    int at = begin;
#ifdef EPILOGUE_DRAW
    TW_ROLLED
    for (; at + 64 <= end; at += 64) {
        EPILOGUE_DRAW(at)
        TILE_UNROLL for (int part = 0; part < 4; part++)
            EPILOGUE_DRAWN(16, VALUE(16, at + 16 * part), at + 16 * part, 0, part);
    }
#endif
    TW_ROLLED
    for (; at + VW <= end; at += VW)
        EPILOGUE(VW, VALUE(VW, at), at, 0);
    if (((COUNT) | CHUNK) % VW != 0) { // else it is not compiled
        TW_ROLLED
        for (; at < end; at++)
            EPILOGUE(1, VALUE(1, at), at, 0);
    }
#else
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, COUNT / COLS);
    TW_ROLLED
    for (int row = begin; row < end; row++) {
        int col = 0;
        TW_ROLLED
        for (; col + VW <= COLS; col += VW)
            EPILOGUE(VW, VALUE(VW, row * COLS + col), row * COLS + col, col);
        if ((COLS) % VW != 0) {
            TW_ROLLED
            for (; col < COLS; col++)
                EPILOGUE(1, VALUE(1, row * COLS + col), row * COLS + col, col);
        }
    }
#endif
}
#else
TW_ENTRY KERNEL(elementwise)(TW_N VALUE_PARAM EPILOGUE_PARAMS TW_SIZES(COUNT COLS CHUNK))
{
    USE_VALUE;
    const int at = tw_global(0);
    if (at < COUNT)
        EPILOGUE(1, VALUE(1, at), at, at % COLS);
}
#endif
