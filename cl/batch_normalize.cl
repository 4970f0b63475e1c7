// SPDX-License-Identifier: Apache-2.0
// x [ROWS, CHANNELS] by each channel's mean and variance, times scale plus shift; and (GRADIENT) the gradient by x. With
// rstd = 1 / sqrt(variance + EPSILON) and h = (x - mean) * rstd:
//     y = h * scale + shift,   dx = rstd * scale * (dy - dshift / ROWS - h * dscale / ROWS).
// simd: a work-item takes CHUNK rows of COLUMNS channels. simt: an item takes an element (ITEMS a group).

#if GRADIENT
#define OTHERS_PARAMS TW_IN(dy), TW_IN(x), TW_IN(mean), TW_IN(variance), TW_IN(dscale), TW_IN(dshift) SCALE_PARAM
#define OTHERS_USE                                                                                 \
    USE_IN(dy);                                                                                    \
    USE_IN(dscale);                                                                                \
    USE_IN(dshift)
// What is subtracted, and what (x - mean) is multiplied by, for channel c.
#define SECOND(W, c) (LOAD(W, dshift, c) / (float)(ROWS))
#define THIRD(W, c, rstd) (LOAD(W, dscale, c) * (rstd) / (float)(ROWS))
#define RESULT(W, at, middle, factor, second, third)                                               \
    ((factor) * (LOAD(W, dy, at) - (second) - (LOAD(W, x, at) - (middle)) * (third)))
#else
#define OTHERS_PARAMS TW_IN(x), TW_IN(mean), TW_IN(variance) SCALE_PARAM SHIFT_PARAM
#define OTHERS_USE SHIFT_USE
#define SECOND(W, c) SHIFTED(W, 0.0f, c)
#define THIRD(W, c, rstd) 0.0f
#define RESULT(W, at, middle, factor, second, third) ((LOAD(W, x, at) - (middle)) * (factor) + (second))
#endif

TW_ENTRY KERNEL(batch_normalize)(TW_N, OTHERS_PARAMS EPILOGUE_PARAMS TW_SIZES(ROWS CHANNELS CHUNK))
{
    USE_IN(x);
    USE_IN(mean);
    USE_IN(variance);
    SCALE_USE;
    OTHERS_USE;
#if ITEMS > 1
    const tw_index at = tw_global(0), c = at % CHANNELS;
    if (at >= ROWS * CHANNELS)
        return;
    const float rstd = 1.0f / sqrt(LOAD(1, variance, c) + EPSILON);
    EPILOGUE(1, RESULT(1, at, LOAD(1, mean, c), SCALED(1, rstd, c), SECOND(1, c), THIRD(1, c, rstd)), at, c);
#else
    const tw_index begin = tw_group(0) * CHUNK, end = tw_min(begin + CHUNK, ROWS), first = tw_group(1) * COLUMNS;
    const tw_index columns = tw_min(COLUMNS, CHANNELS - first), whole = columns / 16, rest = columns % 16;
    float16 middle16[COLUMNS / 16], factor16[COLUMNS / 16], second16[COLUMNS / 16], third16[COLUMNS / 16];
    float middle1[16], factor1[16], second1[16], third1[16];
#define PREPARE(W, k, c)                                                                           \
    {                                                                                              \
        const FLOATV(W) rstd = 1.0f / sqrt(LOAD(W, variance, c) + EPSILON);                        \
        middle##W[k] = LOAD(W, mean, c);                                                           \
        factor##W[k] = SCALED(W, rstd, c);                                                         \
        second##W[k] = SECOND(W, c);                                                               \
        third##W[k] = THIRD(W, c, rstd);                                                           \
    }
    for (tw_index k = 0; k < whole; k++)
        PREPARE(16, k, first + 16 * k)
    for (tw_index k = 0; k < rest; k++)
        PREPARE(1, k, first + 16 * whole + k)
    for (tw_index row = begin; row < end; row++) {
        const tw_index at = row * CHANNELS + first;
        for (tw_index k = 0; k < whole; k++)
            EPILOGUE(16, RESULT(16, at + 16 * k, middle16[k], factor16[k], second16[k], third16[k]), at + 16 * k,
                     first + 16 * k);
        for (tw_index k = 16 * whole; k < columns; k++)
            EPILOGUE(1, RESULT(1, at + k, middle1[k & 15], factor1[k & 15], second1[k & 15], third1[k & 15]), at + k,
                     first + k);
    }
#endif
}
