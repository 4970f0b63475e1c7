// SPDX-License-Identifier: Apache-2.0
// Softmax and its logarithm along one axis of [OUTER, AXIS, INNER], and their gradients.
//
// HAS_TAIL: AXIS may be no multiple of 16. LOG: 1 for the logarithm. GRADIENT: inputs dy and y, result dx; else input x, result y.
// Form 1, simd, INNER is 1: a work-item takes CHUNK rows, vectors run along them.
// Form 2, simd: a work-item takes one of OUTER, vectors run across INNER.
// Form 3, simt: a work-group of LOCAL takes one row, its items share sums through local memory.
// The largest value is subtracted before exp, so that nothing overflows; a NaN makes its whole row NaN.

#if GRADIENT
#define SOFTMAX_INPUTS TW_IN(dy), TW_IN(y)
#define SOFTMAX_USE                                                                                \
    USE_IN(dy);                                                                                    \
    USE_IN(y)
#else
#define SOFTMAX_INPUTS TW_IN(x)
#define SOFTMAX_USE USE_IN(x)
#endif

// What is summed over the row, and the result, for W elements from index i.
#if GRADIENT && LOG
#define SOFTMAX_TERM_OF(dy, y) (dy)
#define SOFTMAX_RESULT_OF(W, dy, y) ((dy) - TW_EXP(W, y) * sum)
#elif GRADIENT
#define SOFTMAX_TERM_OF(dy, y) ((dy) * (y))
#define SOFTMAX_RESULT_OF(W, dy, y) (((dy) - sum) * (y))
#elif LOG
#define SOFTMAX_TERM(W, i) TW_EXP(W, LOAD(W, x, i) - high)
#define SOFTMAX_RESULT(W, i) (LOAD(W, x, i) - high - log(sum))
#else
#define SOFTMAX_TERM(W, i) TW_EXP(W, LOAD(W, x, i) - high)
#define SOFTMAX_RESULT(W, i) (TW_EXP(W, LOAD(W, x, i) - high) / sum)
#endif
#if GRADIENT
#define SOFTMAX_TERM(W, i) SOFTMAX_TERM_OF(LOAD(W, dy, i), LOAD(W, y, i))
#define SOFTMAX_RESULT(W, i) SOFTMAX_RESULT_OF(W, LOAD(W, dy, i), LOAD(W, y, i))
#endif

#if FORM == 1
// The end of a row goes through vectors as well, whose further lanes count for nothing. KEEP: what exp gave is kept in
// private memory, so that it is computed once.
#define WHOLE (AXIS & ~15)
#define TAIL (AXIS & 15)
#if GRADIENT
#define SOFTMAX_AT(W, i) SOFTMAX_RESULT(W, from + (i))
#elif LOG
#define SOFTMAX_AT(W, i) (LOAD(W, x, from + (i)) - high - log_sum)
#elif KEEP
#define SOFTMAX_AT(W, i) (TW_CAT(SOFTMAX_KEPT_, W)(i) * factor)
#define SOFTMAX_KEPT_1(i) kept[i]
#define SOFTMAX_KEPT_16(i) vload16(0, kept + (i))
#else
#define SOFTMAX_AT(W, i) (SOFTMAX_TERM(W, from + (i)) * factor)
#endif
#if HAS_TAIL
#define SOFTMAX_END(name, i) LOAD_END(name##_end, name, i, OUTER *AXIS)
#endif

TW_ENTRY KERNEL(softmax)(TW_N, SOFTMAX_INPUTS EPILOGUE_PARAMS)
{
    SOFTMAX_USE;
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER);
#if KEEP
    float kept[WHOLE + 16];
#endif
    for (int row = begin; row < end; row++) {
        const int from = row * AXIS, whole = from + WHOLE;
        float16 sum16 = 0.0f;
#if GRADIENT
        for (int i = from; i < whole; i += 16)
            sum16 += SOFTMAX_TERM(16, i);
#if HAS_TAIL
        SOFTMAX_END(dy, whole)
        SOFTMAX_END(y, whole)
        sum16 += select((float16)0.0f, SOFTMAX_TERM_OF(dy_end, y_end), LANES_BELOW(TAIL));
#endif
        const float sum = tw_total(sum16);
#else
        float16 high16 = -INFINITY;
        for (int i = from; i < whole; i += 16)
            high16 = max(high16, LOAD(16, x, i));
#if HAS_TAIL
        SOFTMAX_END(x, whole)
        high16 = max(high16, select((float16)-INFINITY, x_end, LANES_BELOW(TAIL)));
#endif
        const float high = tw_highest(high16);
        for (int i = 0; i < WHOLE; i += 16) {
            const float16 e = SOFTMAX_TERM(16, from + i);
            TW_PREFETCH(x, from + AXIS + i);
#if KEEP
            vstore16(e, 0, kept + i);
#endif
            sum16 += e;
        }
#if HAS_TAIL
        const float16 end_term = TW_EXP(16, x_end - high);
#if KEEP
        vstore16(end_term, 0, kept + WHOLE);
#endif
        sum16 += select((float16)0.0f, end_term, LANES_BELOW(TAIL));
#endif
        const float sum = tw_total(sum16);
#if LOG
        const float log_sum = TW_LOG(1, sum);
#else
        const float factor = 1.0f / sum;
#endif
#endif
        ROW_PUT(SOFTMAX_AT, from, AXIS)
    }
}
#elif FORM == 2
#if GRADIENT
#define SOFTMAX_HIGH(W)
#else
#define SOFTMAX_HIGH(W)                                                                            \
    FLOATV(W) high = -INFINITY;                                                                    \
    for (int i = from; i < to; i += INNER)                                                         \
        high = max(high, LOAD(W, x, i));
#endif
#define SOFTMAX_COLUMNS(W)                                                                         \
    for (; column + W <= INNER; column += W) {                                                     \
        const int from = tw_group(0) * AXIS * INNER + column, to = from + AXIS * INNER;            \
        SOFTMAX_HIGH(W)                                                                            \
        FLOATV(W) sum = 0.0f;                                                                      \
        for (int i = from; i < to; i += INNER)                                                     \
            sum += SOFTMAX_TERM(W, i);                                                             \
        for (int i = from; i < to; i += INNER)                                                     \
            EPILOGUE(W, SOFTMAX_RESULT(W, i), i, i % LAST);                                        \
    }
TW_ENTRY KERNEL(softmax)(TW_N, SOFTMAX_INPUTS EPILOGUE_PARAMS)
{
    SOFTMAX_USE;
    int column = 0;
#if VECTOR
    SOFTMAX_COLUMNS(16)
    SOFTMAX_COLUMNS(4)
#endif
    SOFTMAX_COLUMNS(1)
}
#else
TW_ENTRY KERNEL(softmax)(TW_N, SOFTMAX_INPUTS EPILOGUE_PARAMS)
{
    SOFTMAX_USE;
    __local float shared[LOCAL];
    const int item = tw_item(0), row = tw_group(0);
    const int from = (row / INNER) * AXIS * INNER + row % INNER, to = from + AXIS * INNER;
    const int first = from + item * INNER;
#if !GRADIENT
    float part = -INFINITY;
    for (int i = first; i < to; i += LOCAL * INNER)
        part = max(part, LOAD(1, x, i));
    shared[item] = part;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        if (item < half_size)
            shared[item] = max(shared[item], shared[item + half_size]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const float high = shared[0];
    barrier(CLK_LOCAL_MEM_FENCE);
#endif
    float own = 0.0f;
    for (int i = first; i < to; i += LOCAL * INNER)
        own += SOFTMAX_TERM(1, i);
    shared[item] = own;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        if (item < half_size)
            shared[item] += shared[item + half_size];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const float sum = shared[0];
    for (int i = first; i < to; i += LOCAL * INNER)
        EPILOGUE(1, SOFTMAX_RESULT(1, i), i, i % LAST);
}
#endif
