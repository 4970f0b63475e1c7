// SPDX-License-Identifier: Apache-2.0
// Gradient of normalize: x, dy, dx [OUTER, MIDDLE, GROUPS, WIDTH]. With h = (x - mean) * rstd and e = dy * scale,
//     dx = rstd * (e - mean(e) - h * mean(e * h)),   dscale = sum(dy * h),   dshift = sum(dy).
// CENTER 0: without mean and mean(e). Two passes over a row, the second from the cache.
//
// Forms 1 and 2, simd: a work-item takes a slab of OUTER, and one group (vectors along WIDTH) or BLOCK groups (vectors
// across). It leaves the slab's dscale and dshift in part [SLABS][2][channels]; normalize_sum.cl adds them up.
// Form 3, simt: a work-group of LOCAL takes a row; the sums are normalize_dw.cl's.

#define CHANNELS (GROUPS * WIDTH)
#define COUNT ((float)(MIDDLE * WIDTH))
#define PLACE(outer, middle, group) (((outer) * (MIDDLE) + (middle)) * CHANNELS + (group) * WIDTH)

#ifdef scale_ABSENT
#define SCALE_PARAM
#define SCALE_USE
#define SCALED(W, v, c) (v)
#else
#define SCALE_PARAM , TW_IN(scale)
#define SCALE_USE USE_IN(scale)
#define SCALED(W, v, c) ((v) * LOAD(W, scale, c))
#endif
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
#define ADD_PART(W, c, d, h)
#else
#define PART_PARAM , TW_OUT(part)
#define PART_USE USE_OUT(part)
#define ADD_PART(W, c, d, h)                                                                       \
    STORE(W, part, part_at + (c), LOAD(W, part, part_at + (c)) + (d) * (h));                       \
    STORE(W, part, part_at + CHANNELS + (c), LOAD(W, part, part_at + CHANNELS + (c)) + (d))
#endif

#define NORMALIZE_PARAMS                                                                           \
    const int n, TW_IN(dy), TW_IN(x), TW_IN(rstd) MEAN_PARAM SCALE_PARAM PART_PARAM EPILOGUE_PARAMS
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

#define ADD(W)                                                                                     \
    do {                                                                                           \
        const FLOATV(W) d = LOAD(W, dy, at + k), h = (LOAD(W, x, at + k) - high - low) * r;        \
        const FLOATV(W) e = SCALED(W, d, channel + k);                                             \
        sum##W += e;                                                                               \
        product##W += e * h;                                                                       \
        ADD_PART(W, k, d, h);                                                                      \
    } while (0)
#define FINISH(W)                                                                                  \
    do {                                                                                           \
        const FLOATV(W) h = (LOAD(W, x, at + k) - high - low) * r;                                 \
        const FLOATV(W) e = SCALED(W, LOAD(W, dy, at + k), channel + k);                           \
        EPILOGUE(W, (e - mean_e - h * mean_eh) * r, at + k, channel + k);                          \
    } while (0)
#define ROWS(BODY)                                                                                 \
    for (int middle = 0; middle < MIDDLE; middle++) {                                              \
        const int at = PLACE(outer, middle, group);                                                \
        ALONG(BODY);                                                                               \
    }

__kernel void KERNEL(normalize_dx)(NORMALIZE_PARAMS)
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
#define KEEP(W) ADD_PART_OF(W, c, GET(W, sum), GET(W, product))
#ifdef part_ABSENT
#define ADD_PART_OF(W, c, d, dh)
#else
#define ADD_PART_OF(W, c, d, dh)                                                                   \
    do {                                                                                           \
        STORE(W, part, part_at + (c), LOAD(W, part, part_at + (c)) + (dh));                        \
        STORE(W, part, part_at + CHANNELS + (c), LOAD(W, part, part_at + CHANNELS + (c)) + (d));   \
    } while (0)
#endif
#define ROWS(BODY)                                                                                 \
    for (int middle = 0; middle < MIDDLE; middle++) {                                              \
        const int at = PLACE(outer, middle, first);                                                \
        ACROSS(BODY);                                                                              \
    }

__kernel void KERNEL(normalize_dx)(NORMALIZE_PARAMS)
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
#define EACH(i)                                                                                    \
    for (int i = item, at = 0;                                                                     \
         at = PLACE(outer, i / WIDTH, group) + i % WIDTH, i < MIDDLE * WIDTH; i += LOCAL)

__kernel void KERNEL(normalize_dx)(NORMALIZE_PARAMS)
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
