// SPDX-License-Identifier: Apache-2.0
// Up to 16 inputs one behind the other along an axis: row r of the result (ROWS of them, TOTAL elements each) is row r of
// input 0 (PART0 elements), of input 1, ... A work-item takes CHUNK elements of ROWS_CHUNK rows; vectors where VECTOR.

#define CONCAT_VECTORS(k, W)                                                                       \
    for (; i + W <= to; i += W) {                                                                  \
        const VALUEV(W) v = LOAD(W, x##k, row * PART##k + i - base);                               \
        EPILOGUE(W, v, row *TOTAL + i, (row * TOTAL + i) % LAST);                                  \
    }
#if VECTOR
#define CONCAT_WIDE(k)                                                                             \
    CONCAT_VECTORS(k, 16)                                                                          \
    CONCAT_VECTORS(k, 4)
#else
#define CONCAT_WIDE(k)
#endif
#define CONCAT_PART(k)                                                                             \
    {                                                                                              \
        USE_IN(x##k);                                                                              \
        const int to = min(end, base + PART##k);                                                   \
        int i = max(begin, base);                                                                  \
        CONCAT_WIDE(k)                                                                             \
        CONCAT_VECTORS(k, 1)                                                                       \
        base += PART##k;                                                                           \
    }

TW_ENTRY KERNEL(concat)(TW_N, TW_IN(x0)
#if INPUTS > 1
                             , TW_IN(x1)
#endif
#if INPUTS > 2
                             , TW_IN(x2)
#endif
#if INPUTS > 3
                             , TW_IN(x3)
#endif
#if INPUTS > 4
                             , TW_IN(x4)
#endif
#if INPUTS > 5
                             , TW_IN(x5)
#endif
#if INPUTS > 6
                             , TW_IN(x6)
#endif
#if INPUTS > 7
                             , TW_IN(x7)
#endif
#if INPUTS > 8
                             , TW_IN(x8)
#endif
#if INPUTS > 9
                             , TW_IN(x9)
#endif
#if INPUTS > 10
                             , TW_IN(x10)
#endif
#if INPUTS > 11
                             , TW_IN(x11)
#endif
#if INPUTS > 12
                             , TW_IN(x12)
#endif
#if INPUTS > 13
                             , TW_IN(x13)
#endif
#if INPUTS > 14
                             , TW_IN(x14)
#endif
#if INPUTS > 15
                             , TW_IN(x15)
#endif
                             EPILOGUE_PARAMS)
{
    const int begin = tw_global(0) * CHUNK, end = min(begin + CHUNK, TOTAL);
    const int first = tw_global(1) * ROWS_CHUNK, stop = min(first + ROWS_CHUNK, ROWS);
    for (int row = first; row < stop; row++) {
        int base = 0;
        CONCAT_PART(0)
#if INPUTS > 1
        CONCAT_PART(1)
#endif
#if INPUTS > 2
        CONCAT_PART(2)
#endif
#if INPUTS > 3
        CONCAT_PART(3)
#endif
#if INPUTS > 4
        CONCAT_PART(4)
#endif
#if INPUTS > 5
        CONCAT_PART(5)
#endif
#if INPUTS > 6
        CONCAT_PART(6)
#endif
#if INPUTS > 7
        CONCAT_PART(7)
#endif
#if INPUTS > 8
        CONCAT_PART(8)
#endif
#if INPUTS > 9
        CONCAT_PART(9)
#endif
#if INPUTS > 10
        CONCAT_PART(10)
#endif
#if INPUTS > 11
        CONCAT_PART(11)
#endif
#if INPUTS > 12
        CONCAT_PART(12)
#endif
#if INPUTS > 13
        CONCAT_PART(13)
#endif
#if INPUTS > 14
        CONCAT_PART(14)
#endif
#if INPUTS > 15
        CONCAT_PART(15)
#endif
    }
}
