// SPDX-License-Identifier: Apache-2.0
// Mean and variance of each channel of [ROWS, CHANNELS], joined from those of slabs in their order: part [SLABS][2][CHANNELS]
// holds each slab's mean and sum of squared differences (channel_sums.cl). An item takes STEP channels.
TW_ENTRY KERNEL(channel_moments)(TW_N, TW_IN(part), TW_OUT(mean), TW_OUT(variance) TW_SIZES(ROWS CHANNELS SLABS STEP))
{
    USE_IN(part);
    USE_OUT(mean);
    USE_OUT(variance);
    const int length = (ROWS + SLABS - 1) / SLABS;
    const int begin = tw_global(0) * STEP, end = min(begin + STEP, CHANNELS);
    for (int c = begin; c < end; c++) {
        float middle = 0.0f, squares = 0.0f;
        for (int slab = 0; slab < SLABS; slab++) {
            const int from = min(slab * length, ROWS), to = min(from + length, ROWS);
            const float d = LOAD(1, part, slab * 2 * CHANNELS + c) - middle;
            const float share = (float)(to - from) / (float)max(to, 1);
            if (to > from) {
                middle += d * share;
                squares += LOAD(1, part, (slab * 2 + 1) * CHANNELS + c) + d * d * (share * (float)from);
            }
        }
        STORE(1, mean, c, middle);
        STORE(1, variance, c, squares / (float)(ROWS));
    }
}
