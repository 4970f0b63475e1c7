// SPDX-License-Identifier: Apache-2.0
// Softmax and cross entropy of ROWS rows of AXIS logits in one kernel, and (GRADIENT) the gradient.
//
// Labels are class numbers, or (DENSE) a distribution a row; SMOOTHING s makes them t' = (1 - s) t + s / AXIS. With
// L = log(sum(exp(x))): loss = -sum(t' (x - L)); dx = dloss (softmax(x) sum(t') - t'). Numbers out of range are held to it.
// LOCAL 1, simd: a work-item takes CHUNK rows in vectors; else, simt: a work-group of LOCAL items takes a row.
// DLOSS_ONE: one dloss for all rows.

#if LOCAL > 1
#define LOSS_SHARE(v, joined)                                                                      \
    shared[item] = v;                                                                              \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                  \
    for (int half_size = LOCAL / 2; half_size > 0; half_size /= 2) {                               \
        if (item < half_size) {                                                                    \
            const float a = shared[item], b = shared[item + half_size];                            \
            shared[item] = joined;                                                                 \
        }                                                                                          \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
    }                                                                                              \
    v = shared[0];                                                                                 \
    barrier(CLK_LOCAL_MEM_FENCE);
// A sum over the row of TERM(W, i), into v.
#define LOSS_SUM(v, TERM)                                                                          \
    float v = 0.0f;                                                                                \
    for (int i = from + item; i < to; i += LOCAL)                                                  \
        v += TERM(1, i);                                                                           \
    LOSS_SHARE(v, a + b)
#else
#define LOSS_SUM(v, TERM)                                                                          \
    float v = 0.0f;                                                                                \
    {                                                                                              \
        float16 v16 = 0.0f;                                                                        \
        for (int i = from; i < whole; i += 16)                                                     \
            v16 += TERM(16, i);                                                                    \
        const float8 v8 = v16.lo + v16.hi;                                                         \
        const float4 v4 = v8.lo + v8.hi;                                                           \
        v = (v4.x + v4.y) + (v4.z + v4.w);                                                         \
        for (int i = whole; i < to; i++)                                                           \
            v += TERM(1, i);                                                                       \
    }
#endif

#define LOSS_EXP(W, i) exp(LOAD(W, logits, i) - high)
#define LOSS_LOG(W, i) (LOAD(W, logits, i) - log_sum)
#define LOSS_DENSE(W, i) (LOSS_LABEL(W, i) * (LOAD(W, logits, i) - log_sum))
#define LOSS_LABEL(W, i) (LOAD(W, label, i) * (1.0f - SMOOTHING) + SMOOTHING / AXIS)

#if GRADIENT
#define LOSS_INPUTS TW_IN(logits), TW_IN(label), TW_IN(dloss)
#else
#define LOSS_INPUTS TW_IN(logits), TW_IN(label)
#endif

__kernel void KERNEL(cross_entropy)(const int n, LOSS_INPUTS EPILOGUE_PARAMS)
{
    USE_IN(logits);
    USE_IN(label);
#if GRADIENT
    USE_IN(dloss);
#endif
#if LOCAL > 1
    __local float shared[LOCAL];
    const int item = tw_item(0), begin = tw_group(0), end = begin + 1;
#else
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, ROWS);
#endif
    for (int row = begin; row < end; row++) {
        const int from = row * AXIS, to = from + AXIS;
#if LOCAL > 1
        float high = -INFINITY;
        for (int i = from + item; i < to; i += LOCAL)
            high = max(high, LOAD(1, logits, i));
        LOSS_SHARE(high, max(a, b))
#else
        const int whole = from + (AXIS & ~15);
        float16 high16 = -INFINITY;
        for (int i = from; i < whole; i += 16)
            high16 = max(high16, LOAD(16, logits, i));
        const float8 high8 = max(high16.lo, high16.hi);
        const float4 high4 = max(high8.lo, high8.hi);
        float high = max(max(high4.x, high4.y), max(high4.z, high4.w));
        for (int i = whole; i < to; i++)
            high = max(high, LOAD(1, logits, i));
#endif
        LOSS_SUM(sum, LOSS_EXP)
#if !DENSE
        const int chosen = from + min(max(LOAD(1, label, row), 0), AXIS - 1);
#endif
#if GRADIENT
#if DLOSS_ONE
        const float d = LOAD(1, dloss, 0);
#else
        const float d = LOAD(1, dloss, row);
#endif
#if DENSE
        LOSS_SUM(labels, LOSS_LABEL)
        const float scale = labels / sum;
#define LOSS_RESULT(W, i) ((LOSS_EXP(W, i) * scale - LOSS_LABEL(W, i)) * d)
#else
        const float scale = 1.0f / sum;
#define LOSS_RESULT(W, i) ((LOSS_EXP(W, i) * scale - LOSS_PLACE(W, i)) * d)
#define LOSS_PLACE(W, i) TW_CAT(LOSS_PLACE_, W)(i)
#define LOSS_PLACE_1(i) ((i) == chosen ? 1.0f - SMOOTHING + SMOOTHING / AXIS : SMOOTHING / AXIS)
#define LOSS_PLACE_16(i)                                                                           \
    select((float16)(SMOOTHING / AXIS), (float16)(1.0f - SMOOTHING + SMOOTHING / AXIS),            \
           (i) + (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) == (int16)chosen)
#endif
#if LOCAL > 1
        for (int i = from + item; i < to; i += LOCAL)
            EPILOGUE(1, LOSS_RESULT(1, i), i, i - from);
#else
        for (int i = from; i < whole; i += 16)
            EPILOGUE(16, LOSS_RESULT(16, i), i, i - from);
        for (int i = whole; i < to; i++)
            EPILOGUE(1, LOSS_RESULT(1, i), i, i - from);
#endif
#else
        const float log_sum = high + log(sum);
#if DENSE
        LOSS_SUM(total, LOSS_DENSE)
#elif SMOOTHED
        LOSS_SUM(all, LOSS_LOG)
        const float total =
            (1.0f - SMOOTHING) * (LOAD(1, logits, chosen) - log_sum) + SMOOTHING / AXIS * all;
#else
        const float total = LOAD(1, logits, chosen) - log_sum;
#endif
#if LOCAL > 1
        if (item == 0)
#endif
            EPILOGUE(1, -total, row, row % LAST);
#endif
    }
}
