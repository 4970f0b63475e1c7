// SPDX-License-Identifier: Apache-2.0
// x [OUTER, MIDDLE, GROUPS, WIDTH] with mean 0 and variance 1 over MIDDLE and WIDTH, times scale plus shift, which have
// a value for each of GROUPS * WIDTH channels; and, with GRADIENT, the gradient of this. CENTER 0: the mean is taken for 0.
//
// normalize makes three passes over a row, which stays in the cache: sum; sums of d = x - high and of d * d, from which come
// what the rounding of the mean lost, low, and the variance (the corrected two-pass algorithm of Chan, Golub and LeVeque
// 1983); result. The sum of squares alone would lose all digits where the mean is large.
//
// normalize_dx makes two. With h = (x - mean) * rstd and e = dy * scale,
//     dx = rstd * (e - mean(e) - h * mean(e * h)),   dscale = sum(dy * h),   dshift = sum(dy).
//
// Form 1, simd: a work-item takes CHUNK of OUTER, one group of each; vectors run along WIDTH.
// Form 2, simd, for narrow groups: BLOCK groups; vectors run across them, with sums for each channel.
// Form 3, simt: a work-group of LOCAL takes a row, its items share sums through local memory.
// In the gradient of forms 1 and 2 a work-item takes a slab of OUTER and leaves its dscale and dshift in
// part [SLABS][2][channels], which normalize_sum.cl adds up. In form 3 these sums are normalize_dw.cl's.

#define CHANNELS (GROUPS * WIDTH)
#define COUNT ((float)(MIDDLE * WIDTH))
#define PLACE(outer, middle, group) (((outer) * (MIDDLE) + (middle)) * CHANNELS + (group) * WIDTH)

#if FORM == 1
#define ALONG(BODY)                                                                                \
    do {                                                                                           \
        int k = 0;                                                                                 \
        for (; k + 16 <= WIDTH; k += 16)                                                           \
            BODY(16);                                                                              \
        for (; k + 4 <= WIDTH; k += 4)                                                             \
            BODY(4);                                                                               \
        for (; k < WIDTH; k++)                                                                     \
            BODY(1);                                                                               \
    } while (0)
// One sum for each width of vector: NAME16, NAME4, NAME1.
#define SUMS(name)                                                                                 \
    float16 name##16 = 0.0f;                                                                       \
    float4 name##4 = 0.0f;                                                                         \
    float name##1 = 0.0f
#define TOTAL(name) (KERNEL(normalize_total)(name##16, name##4) + name##1)

static inline float KERNEL(normalize_total)(const float16 a, const float4 b)
{
    const float8 a8 = a.lo + a.hi;
    const float4 a4 = (a8.lo + a8.hi) + b;
    return (a4.x + a4.y) + (a4.z + a4.w);
}

#define ROWS(BODY)                                                                                 \
    for (int middle = 0; middle < MIDDLE; middle++) {                                              \
        const int at = PLACE(outer, middle, group);                                                \
        ALONG(BODY);                                                                               \
    }
#elif FORM == 2
#define SPAN (BLOCK * WIDTH)
#define ACROSS(BODY)                                                                               \
    do {                                                                                           \
        int c = 0;                                                                                 \
        for (; c + 16 <= channels; c += 16)                                                        \
            BODY(16);                                                                              \
        for (; c < channels; c++)                                                                  \
            BODY(1);                                                                               \
    } while (0)
#define GET(W, name) TW_CAT(NORMALIZE_GET_, W)(name)
#define PUT(W, v, name) TW_CAT(NORMALIZE_PUT_, W)(v, name)
#define NORMALIZE_GET_16(name) vload16(0, name + c)
#define NORMALIZE_GET_1(name) name[c]
#define NORMALIZE_PUT_16(v, name) vstore16(v, 0, name + c)
#define NORMALIZE_PUT_1(v, name) name[c] = (v)

#define ROWS(BODY)                                                                                 \
    for (int middle = 0; middle < MIDDLE; middle++) {                                              \
        const int at = PLACE(outer, middle, first);                                                \
        ACROSS(BODY);                                                                              \
    }
#else
#define EACH(i)                                                                                    \
    for (int i = item, at = 0;                                                                     \
         at = PLACE(outer, i / WIDTH, group) + i % WIDTH, i < MIDDLE * WIDTH; i += LOCAL)
#endif

#if !GRADIENT
#ifdef mean_ABSENT
#define MEAN_PARAM
#define MEAN_USE
#define KEEP_MEAN(row, high, low)
#else
#define MEAN_PARAM , TW_OUT(mean)
#define MEAN_USE USE_OUT(mean)
#define KEEP_MEAN(row, high, low)                                                                  \
    STORE(1, mean, 2 * (row), high);                                                               \
    STORE(1, mean, 2 * (row) + 1, low)
#endif
#ifdef rstd_ABSENT
#define RSTD_PARAM
#define RSTD_USE
#define KEEP_RSTD(row, r)
#else
#define RSTD_PARAM , TW_OUT(rstd)
#define RSTD_USE USE_OUT(rstd)
#define KEEP_RSTD(row, r) STORE(1, rstd, row, r)
#endif

#define NORMALIZE_PARAMS                                                                           \
    TW_N, TW_IN(x) SCALE_PARAM SHIFT_PARAM MEAN_PARAM RSTD_PARAM EPILOGUE_PARAMS
#define NORMALIZE_USE                                                                              \
    USE_IN(x);                                                                                     \
    SCALE_USE;                                                                                     \
    SHIFT_USE;                                                                                     \
    MEAN_USE;                                                                                      \
    RSTD_USE

// 1 / deviation, by the mean square of d and the mean of d. A NaN stays.
static inline float KERNEL(normalize_rstd)(const float square, const float low)
{
    const float variance = square - low * low;
    return 1.0f / sqrt((variance < 0.0f ? 0.0f : variance) + EPSILON);
}

#if FORM == 1
#define ADD(W) sum##W += LOAD(W, x, at + k)
#define ADD_SQUARE(W)                                                                              \
    do {                                                                                           \
        const FLOATV(W) d = LOAD(W, x, at + k) - high;                                             \
        rest##W += d;                                                                              \
        square##W += d * d;                                                                        \
    } while (0)
#define FINISH(W)                                                                                  \
    do {                                                                                           \
        const FLOATV(W) v = (LOAD(W, x, at + k) - high - low) * r;                                 \
        EPILOGUE(W, SHIFTED(W, SCALED(W, v, channel + k), channel + k), at + k, channel + k);      \
    } while (0)

TW_ENTRY KERNEL(normalize)(NORMALIZE_PARAMS)
{
    NORMALIZE_USE;
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER);
    const int group = tw_group(1), channel = group * WIDTH;
    for (int outer = begin; outer < end; outer++) {
        float high = 0.0f, low = 0.0f;
#if CENTER
        SUMS(sum);
        ROWS(ADD)
        high = TOTAL(sum) / COUNT;
#endif
        SUMS(rest);
        SUMS(square);
        ROWS(ADD_SQUARE)
#if CENTER
        low = TOTAL(rest) / COUNT;
#endif
        const float r = KERNEL(normalize_rstd)(TOTAL(square) / COUNT, low);
        KEEP_MEAN(outer * GROUPS + group, high, low);
        KEEP_RSTD(outer * GROUPS + group, r);
        ROWS(FINISH)
    }
}
#elif FORM == 2
#define ADD(W) PUT(W, GET(W, sum) + LOAD(W, x, at + c), sum)
#define ADD_SQUARE(W)                                                                              \
    do {                                                                                           \
        const FLOATV(W) d = LOAD(W, x, at + c) - GET(W, high);                                     \
        PUT(W, GET(W, sum) + d, sum);                                                              \
        PUT(W, GET(W, square) + d * d, square);                                                    \
    } while (0)
#define FINISH(W)                                                                                  \
    do {                                                                                           \
        const FLOATV(W) v = (LOAD(W, x, at + c) - GET(W, high) - GET(W, low)) * GET(W, factor);    \
        EPILOGUE(W, SHIFTED(W, SCALED(W, v, channel + c), channel + c), at + c, channel + c);      \
    } while (0)

// The mean over a group's channels of what has been added up for each.
static inline float KERNEL(normalize_group)(const float *sum)
{
    float total = 0.0f;
    for (int k = 0; k < WIDTH; k++)
        total += sum[k];
    return total / COUNT;
}

TW_ENTRY KERNEL(normalize)(NORMALIZE_PARAMS)
{
    NORMALIZE_USE;
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER);
    const int first = tw_group(1) * BLOCK, groups = min(BLOCK, GROUPS - first);
    const int channel = first * WIDTH, channels = groups * WIDTH;
    float sum[SPAN], square[SPAN], high[SPAN], low[SPAN], factor[SPAN];
    for (int outer = begin; outer < end; outer++) {
        for (int c = 0; c < channels; c++)
            sum[c] = high[c] = low[c] = 0.0f;
#if CENTER
        ROWS(ADD)
        for (int g = 0; g < groups; g++) {
            const float mean_of = KERNEL(normalize_group)(sum + g * WIDTH);
            for (int k = 0; k < WIDTH; k++)
                high[g * WIDTH + k] = mean_of;
        }
#endif
        for (int c = 0; c < channels; c++)
            sum[c] = square[c] = 0.0f;
        ROWS(ADD_SQUARE)
        for (int g = 0; g < groups; g++) {
            const int c = g * WIDTH;
            const float rest = CENTER ? KERNEL(normalize_group)(sum + c) : 0.0f;
            const float r = KERNEL(normalize_rstd)(KERNEL(normalize_group)(square + c), rest);
            KEEP_MEAN(outer * GROUPS + first + g, high[c], rest);
            KEEP_RSTD(outer * GROUPS + first + g, r);
            for (int k = 0; k < WIDTH; k++) {
                low[c + k] = rest;
                factor[c + k] = r;
            }
        }
        ROWS(FINISH)
    }
}
#else
#define SHARE(name, value)                                                                         \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                  \
    name[item] = value;                                                                            \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                  \
    for (int half_size = LOCAL / 2; half_size > 0; half_size /= 2) {                               \
        if (item < half_size)                                                                      \
            name[item] += name[item + half_size];                                                  \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
    }

TW_ENTRY KERNEL(normalize)(NORMALIZE_PARAMS)
{
    NORMALIZE_USE;
    __local float shared[LOCAL];
    const int item = tw_item(0), outer = tw_group(0), group = tw_group(1);
    float high = 0.0f, low = 0.0f;
#if CENTER
    float sum = 0.0f;
    EACH(i) sum += LOAD(1, x, at);
    SHARE(shared, sum)
    high = shared[0] / COUNT;
#endif
    float rest = 0.0f, square = 0.0f;
    EACH(i)
    {
        const float d = LOAD(1, x, at) - high;
        rest += d;
        square += d * d;
    }
#if CENTER
    SHARE(shared, rest)
    low = shared[0] / COUNT;
#endif
    SHARE(shared, square)
    const float r = KERNEL(normalize_rstd)(shared[0] / COUNT, low);
    if (item == 0) {
        KEEP_MEAN(outer * GROUPS + group, high, low);
        KEEP_RSTD(outer * GROUPS + group, r);
    }
    EACH(i)
    {
        const int c = group * WIDTH + i % WIDTH;
        const float v = (LOAD(1, x, at) - high - low) * r;
        EPILOGUE(1, SHIFTED(1, SCALED(1, v, c), c), at, c);
    }
}
#endif

#else // GRADIENT
#if CENTER
#define MEAN_PARAM , TW_IN(mean)
#define MEAN_USE USE_IN(mean)
#define HIGH(row) LOAD(1, mean, 2 * (row))
#define LOW(row) LOAD(1, mean, 2 * (row) + 1)
#else
#define MEAN_PARAM
#define MEAN_USE
#define HIGH(row) 0.0f
#define LOW(row) 0.0f
#endif
#ifdef part_ABSENT
#define PART_PARAM
#define PART_USE
#define ADD_PART(W, c, dh, d)
#else
#define PART_PARAM , TW_OUT(part)
#define PART_USE USE_OUT(part)
#define ADD_PART(W, c, dh, d)                                                                      \
    do {                                                                                           \
        STORE(W, part, part_at + (c), LOAD(W, part, part_at + (c)) + (dh));                        \
        STORE(W, part, part_at + CHANNELS + (c), LOAD(W, part, part_at + CHANNELS + (c)) + (d));   \
    } while (0)
#endif

#define NORMALIZE_PARAMS                                                                           \
    TW_N, TW_IN(dy), TW_IN(x), TW_IN(rstd) MEAN_PARAM SCALE_PARAM PART_PARAM EPILOGUE_PARAMS
#define NORMALIZE_USE                                                                              \
    USE_IN(dy);                                                                                    \
    USE_IN(x);                                                                                     \
    USE_IN(rstd);                                                                                  \
    MEAN_USE;                                                                                      \
    SCALE_USE;                                                                                     \
    PART_USE

// The slab, and its sums set to 0.
#define SLAB_BEGIN(first, channels)                                                                \
    const int slab = tw_group(0), length = (OUTER + SLABS - 1) / SLABS;                            \
    const int begin = min(slab * length, OUTER), end = min(begin + length, OUTER);                 \
    const int channel = (first)*WIDTH, part_at = slab * 2 * CHANNELS + channel;                    \
    PART_CLEAR(channels)
#ifdef part_ABSENT
#define PART_CLEAR(channels)
#else
#define PART_CLEAR(channels)                                                                       \
    for (int c = 0; c < channels; c++) {                                                           \
        STORE(1, part, part_at + c, 0.0f);                                                         \
        STORE(1, part, part_at + CHANNELS + c, 0.0f);                                              \
    }
#endif

#if FORM == 1
#define ADD(W)                                                                                     \
    do {                                                                                           \
        const FLOATV(W) d = LOAD(W, dy, at + k), h = (LOAD(W, x, at + k) - high - low) * r;        \
        const FLOATV(W) e = SCALED(W, d, channel + k);                                             \
        sum##W += e;                                                                               \
        product##W += e * h;                                                                       \
        ADD_PART(W, k, d * h, d);                                                                  \
    } while (0)
#define FINISH(W)                                                                                  \
    do {                                                                                           \
        const FLOATV(W) h = (LOAD(W, x, at + k) - high - low) * r;                                 \
        const FLOATV(W) e = SCALED(W, LOAD(W, dy, at + k), channel + k);                           \
        EPILOGUE(W, (e - mean_e - h * mean_eh) * r, at + k, channel + k);                          \
    } while (0)

TW_ENTRY KERNEL(normalize_dx)(NORMALIZE_PARAMS)
{
    NORMALIZE_USE;
    const int group = tw_group(1);
    SLAB_BEGIN(group, WIDTH)
    for (int outer = begin; outer < end; outer++) {
        const int row = outer * GROUPS + group;
        const float high = HIGH(row), low = LOW(row), r = LOAD(1, rstd, row);
        SUMS(sum);
        SUMS(product);
        ROWS(ADD)
        const float mean_e = CENTER ? TOTAL(sum) / COUNT : 0.0f, mean_eh = TOTAL(product) / COUNT;
        ROWS(FINISH)
    }
}
#elif FORM == 2
#define ADD(W)                                                                                     \
    do {                                                                                           \
        const FLOATV(W) d = LOAD(W, dy, at + c);                                                   \
        const FLOATV(W) h = (LOAD(W, x, at + c) - GET(W, high) - GET(W, low)) * GET(W, factor);    \
        PUT(W, GET(W, sum) + d, sum);                                                              \
        PUT(W, GET(W, product) + d * h, product);                                                  \
    } while (0)
#define FINISH(W)                                                                                  \
    do {                                                                                           \
        const FLOATV(W) h = (LOAD(W, x, at + c) - GET(W, high) - GET(W, low)) * GET(W, factor);    \
        const FLOATV(W) e = SCALED(W, LOAD(W, dy, at + c), channel + c);                           \
        EPILOGUE(W, (e - GET(W, sum) - h * GET(W, product)) * GET(W, factor), at + c,              \
                 channel + c);                                                                     \
    } while (0)
// A channel's sums of dy and dy * h are its part of dshift and dscale; its group's sums of e and e * h follow from them.
#define KEEP(W) ADD_PART(W, c, GET(W, product), GET(W, sum))

TW_ENTRY KERNEL(normalize_dx)(NORMALIZE_PARAMS)
{
    NORMALIZE_USE;
    const int first = tw_group(1) * BLOCK, groups = min(BLOCK, GROUPS - first);
    const int channels = groups * WIDTH;
    SLAB_BEGIN(first, channels)
    float sum[SPAN], product[SPAN], high[SPAN], low[SPAN], factor[SPAN];
    for (int outer = begin; outer < end; outer++) {
        for (int c = 0; c < channels; c++) {
            const int row = outer * GROUPS + first + c / WIDTH;
            high[c] = HIGH(row);
            low[c] = LOW(row);
            factor[c] = LOAD(1, rstd, row);
            sum[c] = product[c] = 0.0f;
        }
        ROWS(ADD)
        ACROSS(KEEP);
        for (int c = 0; c < channels; c += WIDTH) {
            float mean_e = 0.0f, mean_eh = 0.0f;
            for (int k = 0; k < WIDTH; k++) {
                mean_e += SCALED(1, sum[c + k], channel + c + k);
                mean_eh += SCALED(1, product[c + k], channel + c + k);
            }
            for (int k = 0; k < WIDTH; k++) {
                sum[c + k] = CENTER ? mean_e / COUNT : 0.0f;
                product[c + k] = mean_eh / COUNT;
            }
        }
        ROWS(FINISH)
    }
}
#else
TW_ENTRY KERNEL(normalize_dx)(NORMALIZE_PARAMS)
{
    NORMALIZE_USE;
    __local float sums[LOCAL], products[LOCAL];
    const int item = tw_item(0), outer = tw_group(0), group = tw_group(1);
    const int row = outer * GROUPS + group;
    const float high = HIGH(row), low = LOW(row), r = LOAD(1, rstd, row);
    float sum = 0.0f, product = 0.0f;
    EACH(i)
    {
        const float h = (LOAD(1, x, at) - high - low) * r;
        const float e = SCALED(1, LOAD(1, dy, at), group * WIDTH + i % WIDTH);
        sum += e;
        product += e * h;
    }
    sums[item] = sum;
    products[item] = product;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        if (item < half_size) {
            sums[item] += sums[item + half_size];
            products[item] += products[item + half_size];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    const float mean_e = CENTER ? sums[0] / COUNT : 0.0f, mean_eh = products[0] / COUNT;
    EACH(i)
    {
        const int c = group * WIDTH + i % WIDTH;
        const float h = (LOAD(1, x, at) - high - low) * r;
        const float e = SCALED(1, LOAD(1, dy, at), c);
        EPILOGUE(1, (e - mean_e - h * mean_eh) * r, at, c);
    }
}
#endif
#endif
