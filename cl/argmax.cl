// SPDX-License-Identifier: Apache-2.0
// Where along AXIS of [OUTER, AXIS, INNER] the largest (SMALLEST: the smallest) value stands: the first of equal ones; NaN
// counts as the winner, as in NumPy. A work-item takes CHUNK results.

#if SMALLEST
#define ARG_BEATS(a, b) ((a) < (b))
#else
#define ARG_BEATS(a, b) ((a) > (b))
#endif

TW_ENTRY KERNEL(argmax)(TW_N, TW_IN(x), TW_OUT(y))
{
    USE_IN(x);
    USE_OUT(y);
    const int begin = tw_global(0) * CHUNK, end = min(begin + CHUNK, OUTER * INNER);
    for (int result = begin; result < end; result++) {
        const int base = (result / INNER) * AXIS * INNER + result % INNER;
        VALUE best = LOAD(1, x, base);
        int place = 0;
        for (int r = 1; r < AXIS; r++) {
            const VALUE a = LOAD(1, x, base + r * INNER);
            if (ARG_BEATS(a, best) || (a != a && best == best)) {
                best = a;
                place = r;
            }
        }
        STORE(1, y, result, place);
    }
}
