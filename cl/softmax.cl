// SPDX-License-Identifier: Apache-2.0
// Softmax and its logarithm along one axis of [OUTER, AXIS, INNER], and their gradients.
//
// LOG: 1 for the logarithm. GRADIENT: inputs dy and y, result dx; else input x, result y.
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
#define SOFTMAX_TERM(W, i) LOAD(W, dy, i)
#define SOFTMAX_RESULT(W, i) (LOAD(W, dy, i) - exp(LOAD(W, y, i)) * sum)
#elif GRADIENT
#define SOFTMAX_TERM(W, i) (LOAD(W, dy, i) * LOAD(W, y, i))
#define SOFTMAX_RESULT(W, i) ((LOAD(W, dy, i) - sum) * LOAD(W, y, i))
#elif LOG
#define SOFTMAX_TERM(W, i) exp(LOAD(W, x, i) - high)
#define SOFTMAX_RESULT(W, i) (LOAD(W, x, i) - high - log(sum))
#else
#define SOFTMAX_TERM(W, i) exp(LOAD(W, x, i) - high)
#define SOFTMAX_RESULT(W, i) (exp(LOAD(W, x, i) - high) / sum)
#endif

#if FORM == 1
__kernel void KERNEL(softmax)(const int n, SOFTMAX_INPUTS EPILOGUE_PARAMS)
{
    SOFTMAX_USE;
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER);
    for (int row = begin; row < end; row++) {
        const int from = row * AXIS, to = from + AXIS, whole = from + (AXIS & ~15);
#if !GRADIENT
        float16 high16 = -INFINITY;
        for (int i = from; i < whole; i += 16)
            high16 = max(high16, LOAD(16, x, i));
        const float8 high8 = max(high16.lo, high16.hi);
        const float4 high4 = max(high8.lo, high8.hi);
        float high = max(max(high4.x, high4.y), max(high4.z, high4.w));
        for (int i = whole; i < to; i++)
            high = max(high, LOAD(1, x, i));
#endif
        float16 sum16 = 0.0f;
        for (int i = from; i < whole; i += 16)
            sum16 += SOFTMAX_TERM(16, i);
        const float8 sum8 = sum16.lo + sum16.hi;
        const float4 sum4 = sum8.lo + sum8.hi;
        float sum = (sum4.x + sum4.y) + (sum4.z + sum4.w);
        for (int i = whole; i < to; i++)
            sum += SOFTMAX_TERM(1, i);
        for (int i = from; i < whole; i += 16)
            EPILOGUE(16, SOFTMAX_RESULT(16, i), i, i - from);
        for (int i = whole; i < to; i++)
            EPILOGUE(1, SOFTMAX_RESULT(1, i), i, i - from);
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
__kernel void KERNEL(softmax)(const int n, SOFTMAX_INPUTS EPILOGUE_PARAMS)
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
__kernel void KERNEL(softmax)(const int n, SOFTMAX_INPUTS EPILOGUE_PARAMS)
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
