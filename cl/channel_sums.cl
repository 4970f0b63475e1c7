// SPDX-License-Identifier: Apache-2.0
// Sums over the rows of x [ROWS, CHANNELS] for each channel, by slabs of rows: part [SLABS][2][CHANNELS].
//
// Forward: mean, and sum of (x - mean)^2, of a slab's rows. Blocks of BLOCK_ROWS rows, which the cache keeps, are read twice
// (mean; squares) and joined as Chan, Golub and LeVeque (1983) do, so that a large mean costs no digits.
// GRADIENT: sum of dy * h and of dy, h = (x - mean) / sqrt(variance + EPSILON): the gradients by scale and shift.
// simd: a work-item takes COLUMNS channels of a slab (ITEMS 1). simt: an item takes one, groups of ITEMS.

#if GRADIENT
#define SUMS_PARAMS TW_N, TW_IN(dy), TW_IN(x), TW_IN(mean), TW_IN(variance), TW_OUT(part)
#define SUMS_USE                                                                                   \
    USE_IN(dy);                                                                                    \
    USE_IN(x);                                                                                     \
    USE_IN(mean);                                                                                  \
    USE_IN(variance);                                                                              \
    USE_OUT(part)
#else
#define SUMS_PARAMS TW_N, TW_IN(x), TW_OUT(part)
#define SUMS_USE                                                                                   \
    USE_IN(x);                                                                                     \
    USE_OUT(part)
#endif

#if ITEMS > 1
TW_ENTRY KERNEL(channel_sums)(SUMS_PARAMS TW_SIZES(ROWS CHANNELS SLABS BLOCK_ROWS))
{
    SUMS_USE;
    const tw_index c = tw_global(0), slab = tw_group(1);
    const tw_index length = (ROWS + SLABS - 1) / SLABS, from = tw_min(slab * length, ROWS), to = tw_min(from + length, ROWS);
    if (c >= CHANNELS)
        return;
    float first = 0.0f, second = 0.0f;
#if GRADIENT
    const float middle = LOAD(1, mean, c), rstd = 1.0f / sqrt(LOAD(1, variance, c) + EPSILON);
    for (tw_index r = from; r < to; r++) {
        const float d = LOAD(1, dy, r * CHANNELS + c);
        first += d * ((LOAD(1, x, r * CHANNELS + c) - middle) * rstd);
        second += d;
    }
#else
    for (tw_index r = from; r < to; r++)
        first += LOAD(1, x, r * CHANNELS + c);
    first /= (float)tw_max(to - from, 1);
    for (tw_index r = from; r < to; r++) {
        const float d = LOAD(1, x, r * CHANNELS + c) - first;
        second += d * d;
    }
#endif
    STORE(1, part, slab * 2 * CHANNELS + c, first);
    STORE(1, part, (slab * 2 + 1) * CHANNELS + c, second);
}
#else
// For each whole vector of the channels, then for each single one: BODY(W, k, c) with slot k of the sums of width W.
#define EACH_CHANNEL(BODY)                                                                         \
    for (tw_index k = 0; k < whole; k++)                                                           \
        BODY(16, k, first + 16 * k)                                                                \
    for (tw_index k = 0; k < rest; k++)                                                            \
        BODY(1, k, first + 16 * whole + k)
#define SLOT_16(name, k) name##16[k]
#define SLOT_1(name, k) name##1[k]
#define SLOT(W, name, k) TW_CAT(SLOT_, W)(name, k)
#define SLOTS(name) float16 name##16[COLUMNS / 16]; float name##1[16]

#define CLEAR(W, k, c) SLOT(W, one, k) = SLOT(W, two, k) = 0.0f;
#define LEAVE(W, k, c)                                                                             \
    {                                                                                              \
        STORE(W, part, slab * 2 * CHANNELS + (c), SLOT(W, one, k));                                \
        STORE(W, part, (slab * 2 + 1) * CHANNELS + (c), SLOT(W, two, k));                          \
    }
#if GRADIENT
#define PREPARE(W, k, c)                                                                           \
    {                                                                                              \
        SLOT(W, middle, k) = LOAD(W, mean, c);                                                     \
        SLOT(W, rstd, k) = 1.0f / sqrt(LOAD(W, variance, c) + EPSILON);                            \
    }
#define ADD(W, k, c)                                                                               \
    {                                                                                              \
        const FLOATV(W) d = LOAD(W, dy, r * CHANNELS + (c));                                       \
        SLOT(W, one, k) += d * ((LOAD(W, x, r * CHANNELS + (c)) - SLOT(W, middle, k)) * SLOT(W, rstd, k)); \
        SLOT(W, two, k) += d;                                                                      \
    }
#else
#define BEGIN(W, k, c) SLOT(W, mean, k) = SLOT(W, square, k) = 0.0f;
#define ADD(W, k, c) SLOT(W, mean, k) += LOAD(W, x, r * CHANNELS + (c));
#define DIVIDE(W, k, c) SLOT(W, mean, k) *= inverse;
#define ADD_SQUARE(W, k, c)                                                                        \
    {                                                                                              \
        const FLOATV(W) d = LOAD(W, x, r * CHANNELS + (c)) - SLOT(W, mean, k);                     \
        SLOT(W, square, k) += d * d;                                                               \
    }
#define JOIN(W, k, c)                                                                              \
    {                                                                                              \
        const FLOATV(W) d = SLOT(W, mean, k) - SLOT(W, one, k);                                    \
        SLOT(W, one, k) += d * share;                                                              \
        SLOT(W, two, k) += SLOT(W, square, k) + d * d * (share * before);                          \
    }
#endif

TW_ENTRY KERNEL(channel_sums)(SUMS_PARAMS TW_SIZES(ROWS CHANNELS SLABS BLOCK_ROWS))
{
    SUMS_USE;
    const tw_index first = tw_group(0) * COLUMNS, slab = tw_group(1);
    const tw_index length = (ROWS + SLABS - 1) / SLABS, from = tw_min(slab * length, ROWS), to = tw_min(from + length, ROWS);
    const tw_index columns = tw_min(COLUMNS, CHANNELS - first), whole = columns / 16, rest = columns % 16;
    SLOTS(one);
    SLOTS(two);
    EACH_CHANNEL(CLEAR)
#if GRADIENT
    SLOTS(middle);
    SLOTS(rstd);
    EACH_CHANNEL(PREPARE)
    for (tw_index r = from; r < to; r++) {
        EACH_CHANNEL(ADD)
    }
#else
    SLOTS(mean);
    SLOTS(square);
    for (tw_index begin = from; begin < to; begin += BLOCK_ROWS) {
        const tw_index end = tw_min(begin + BLOCK_ROWS, to);
        const float before = (float)(begin - from), inverse = 1.0f / (float)(end - begin);
        const float share = (float)(end - begin) / (float)(end - from);
        EACH_CHANNEL(BEGIN)
        for (tw_index r = begin; r < end; r++) {
            EACH_CHANNEL(ADD)
        }
        EACH_CHANNEL(DIVIDE)
        for (tw_index r = begin; r < end; r++) {
            EACH_CHANNEL(ADD_SQUARE)
        }
        EACH_CHANNEL(JOIN)
    }
#endif
    EACH_CHANNEL(LEAVE)
}
#endif
