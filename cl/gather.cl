// SPDX-License-Identifier: Apache-2.0
// Rows picked by number: y[o, j, i] = x[o, index[j], i]; and one_hot.
//
// Numbers below 0 count from the end; others out of range are held to it, so that nothing is read beyond the array.
#define GATHER_PLACE(j)                                                                            \
    const int number = LOAD(1, index, j);                                                          \
    const int place = min(max(number < 0 ? number + AXIS : number, 0), AXIS - 1)

#if FORM == 1
// A work-item takes CHUNK of the OUTER * PICKS runs of INNER elements (ITEMS, simt: one element).
#define GATHER_VECTORS(W)                                                                          \
    TW_ROLLED                                                                                      \
    for (; i + W <= INNER; i += W) {                                                               \
        const VALUEV(W) v = LOAD(W, x, source + i);                                                \
        EPILOGUE(W, v, run *INNER + i, (run * INNER + i) % LAST);                                  \
    }
// AHEAD: asks for the run that comes later, from a table beyond the caches.
#if AHEAD
#define FETCH_RUN(later)                                                                           \
    {                                                                                              \
        const int fetched = ((later) / PICKS * AXIS + LOAD(1, index, (later) % PICKS)) * INNER;    \
        TW_ROLLED                                                                                  \
        for (int k = 0; k < INNER; k += 16)                                                        \
            TW_PREFETCH_FAR(x, fetched + k);                                                       \
    }
#else
#define FETCH_RUN(later)
#endif
TW_ENTRY KERNEL(gather)(TW_N, TW_IN(x), TW_IN(index) EPILOGUE_PARAMS)
{
    USE_IN(x);
    USE_IN(index);
#if ITEMS
    const int at = tw_global(0), run = at / INNER;
    if (run >= OUTER * PICKS)
        return;
    GATHER_PLACE(run % PICKS);
    const VALUE v = LOAD(1, x, (run / PICKS * AXIS + place) * INNER + at % INNER);
    EPILOGUE(1, v, at, at % LAST);
#else
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER * PICKS);
    TW_ROLLED
    for (int run = begin; run < end; run++) {
        GATHER_PLACE(run % PICKS);
        const int source = (run / PICKS * AXIS + place) * INNER;
        int i = 0;
        FETCH_RUN(min(run + 16, OUTER * PICKS - 1));
#if VECTOR
        GATHER_VECTORS(16)
        GATHER_VECTORS(4)
#endif
        GATHER_VECTORS(1)
    }
#endif
}
#else
// y[j, k] = 1 where index[j] is k. A work-item takes CHUNK elements.
TW_ENTRY KERNEL(one_hot)(TW_N, TW_IN(index) EPILOGUE_PARAMS)
{
    USE_IN(index);
    const int begin = tw_global(0) * CHUNK, end = min(begin + CHUNK, PICKS * AXIS);
    TW_ROLLED
    for (int at = begin; at < end; at++) {
        GATHER_PLACE(at / AXIS);
        const float v = place == at % AXIS ? 1.0f : 0.0f;
        EPILOGUE(1, v, at, at % AXIS);
    }
}
#endif
