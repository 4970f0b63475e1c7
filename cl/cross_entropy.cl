// SPDX-License-Identifier: Apache-2.0
// Softmax and cross entropy of ROWS rows of AXIS logits in one kernel, and (GRADIENT) the gradient.
//
// Labels are class numbers, or (DENSE) a distribution a row; SMOOTHING s makes them t' = (1 - s) t + s / AXIS. With
// L = log(sum(exp(x))): loss = -sum(t' (x - L)); dx = dloss (softmax(x) sum(t') - t'). Numbers out of range are held to it.
// LOCAL 1, simd: a work-item takes CHUNK rows in vectors; else, simt: a work-group of LOCAL items takes a row.
// Of few class numbers a row: softmax_short.cl. DLOSS_ONE: one dloss for all rows. HAS_TAIL: AXIS may be no multiple of 16.

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
// The end of a row, too, goes through vectors; what lies in further lanes counts for nothing.
#define WHOLE (AXIS & ~15)
#define TAIL (AXIS & 15)
#if HAS_TAIL
#define LOSS_SUM_END(v, TERM) v16 += select((float16)0.0f, TERM##_OF(16, end_logits, end_label), LANES_BELOW(TAIL));
#else
#define LOSS_SUM_END(v, TERM)
#endif
#define LOSS_SUM(v, TERM)                                                                          \
    float v = 0.0f;                                                                                \
    {                                                                                              \
        float16 v16 = 0.0f;                                                                        \
        for (int i = from; i < whole; i += 16) {                                                   \
            TW_PREFETCH(logits, AXIS + i);                                                         \
            v16 += TERM(16, i);                                                                    \
        }                                                                                          \
        LOSS_SUM_END(v, TERM)                                                                      \
        v = tw_total(v16);                                                                         \
    }
#endif

// What is summed or stored, of a logit and its label.
#define LOSS_EXP_OF(W, x, t) TW_EXP(W, (x) - high)
#define LOSS_LOG_OF(W, x, t) ((x) - log_sum)
#define LOSS_DENSE_OF(W, x, t) (LOSS_LABEL_OF(W, x, t) * ((x) - log_sum))
#define LOSS_LABEL_OF(W, x, t) ((t) * (1.0f - SMOOTHING) + SMOOTHING / AXIS)
#define LOSS_EXP(W, i) LOSS_EXP_OF(W, LOAD(W, logits, i), 0.0f)
#define LOSS_LOG(W, i) LOSS_LOG_OF(W, LOAD(W, logits, i), 0.0f)
#define LOSS_DENSE(W, i) LOSS_DENSE_OF(W, LOAD(W, logits, i), LOAD(W, label, i))
#define LOSS_LABEL(W, i) LOSS_LABEL_OF(W, 0.0f, LOAD(W, label, i))

// The gradient by element i, of whose logit exp gave e; and by number i of the row.
#if DENSE
#define LOSS_RESULT(W, e, i) (((e) * scale - LOSS_LABEL(W, i)) * d)
#else
#define LOSS_RESULT(W, e, i) (((e) * scale - LOSS_PLACE(W, i)) * d)
#endif
#define LOSS_PLACE(W, i) TW_CAT(LOSS_PLACE_, W)(i)
#define LOSS_PLACE_1(i) ((i) == chosen ? 1.0f - SMOOTHING + SMOOTHING / AXIS : SMOOTHING / AXIS)
#define LOSS_PLACE_16(i)                                                                           \
    select((float16)(SMOOTHING / AXIS), (float16)(1.0f - SMOOTHING + SMOOTHING / AXIS),            \
           (i) + (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) == (int16)chosen)
#if KEEP
#define LOSS_AT(W, i) LOSS_RESULT(W, TW_CAT(LOSS_KEPT_, W)(i), from + (i))
#define LOSS_KEPT_1(i) kept[i]
#define LOSS_KEPT_16(i) vload16(0, kept + (i))
#else
#define LOSS_AT(W, i) LOSS_RESULT(W, LOSS_EXP(W, from + (i)), from + (i))
#endif

#if GRADIENT
#define LOSS_INPUTS TW_IN(logits), TW_IN(label), TW_IN(dloss)
#else
#define LOSS_INPUTS TW_IN(logits), TW_IN(label)
#endif

TW_ENTRY KERNEL(cross_entropy)(TW_N, LOSS_INPUTS EPILOGUE_PARAMS)
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
#if KEEP
    float kept[WHOLE + 16];
#endif
    for (int row = begin; row < end; row++) {
        const int from = row * AXIS, to = from + AXIS;
#if LOCAL > 1
        float high = -INFINITY;
        for (int i = from + item; i < to; i += LOCAL)
            high = max(high, LOAD(1, logits, i));
        LOSS_SHARE(high, max(a, b))
#else
        const int whole = from + WHOLE;
        float16 high16 = -INFINITY;
        for (int i = from; i < whole; i += 16) {
            const float16 x = LOAD(16, logits, i);
            high16 = select(high16, x, x > high16);
        }
#if HAS_TAIL
        LOAD_END(end_logits, logits, whole, ROWS * AXIS)
#if DENSE
        LOAD_END(end_label, label, whole, ROWS * AXIS)
#endif
        high16 = max(high16, select((float16)-INFINITY, end_logits, LANES_BELOW(TAIL)));
#endif
        const float high = tw_highest(high16);
#endif
#if KEEP
        // The sum; what exp gave is kept in private memory, so that it is computed once.
        float16 sum16 = 0.0f;
        for (int i = 0; i < WHOLE; i += 16) {
            const float16 e = LOSS_EXP(16, from + i);
            TW_PREFETCH(logits, from + AXIS + i);
            vstore16(e, 0, kept + i);
            sum16 += e;
        }
#if HAS_TAIL
        const float16 end_exp = LOSS_EXP_OF(16, end_logits, 0.0f);
        vstore16(end_exp, 0, kept + WHOLE);
        sum16 += select((float16)0.0f, end_exp, LANES_BELOW(TAIL));
#endif
        const float sum = tw_total(sum16);
#else
        LOSS_SUM(sum, LOSS_EXP)
#endif
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
#else
        const float scale = 1.0f / sum;
#endif
#if LOCAL > 1
        for (int i = from + item; i < to; i += LOCAL)
            EPILOGUE(1, LOSS_RESULT(1, LOSS_EXP(1, i), i), i, i - from);
#else
        ROW_PUT(LOSS_AT, from, AXIS)
#endif
#else
        const float log_sum = high + TW_LOG(1, sum);
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
