// SPDX-License-Identifier: Apache-2.0
// Gradients of normalize by scale and shift, simt: an item a channel adds up dy * (x - mean) * rstd and dy over the rows of
// its slab, into part [SLABS][2][channels]; normalize_sum.cl adds the slabs. Sizes as in normalize.cl. Groups: (channels,
// slab).
#define CHANNELS (GROUPS * WIDTH)
#if CENTER
#define MEAN_PARAM , TW_IN(mean)
#define CENTERED(v, row) ((v) - LOAD(1, mean, 2 * (row)) - LOAD(1, mean, 2 * (row) + 1))
#else
#define MEAN_PARAM
#define CENTERED(v, row) (v)
#endif

TW_ENTRY KERNEL(normalize_dw)(TW_N, TW_IN(dy), TW_IN(x), TW_IN(rstd) MEAN_PARAM, TW_OUT(part))
{
    USE_IN(dy);
    USE_IN(x);
    USE_IN(rstd);
#if CENTER
    USE_IN(mean);
#endif
    USE_OUT(part);
    const int channel = tw_group(0) * LOCAL + tw_item(0), slab = tw_group(1);
    if (channel >= CHANNELS)
        return;
    const int rows = OUTER * MIDDLE, length = (rows + SLABS - 1) / SLABS;
    const int begin = min(slab * length, rows), end = min(begin + length, rows);
    float scale_sum = 0.0f, shift_sum = 0.0f;
    for (int i = begin; i < end; i++) {
        const int row = i / (MIDDLE)*GROUPS + channel / WIDTH;
        const float d = LOAD(1, dy, i * CHANNELS + channel);
        scale_sum += d * CENTERED(LOAD(1, x, i * CHANNELS + channel), row) * LOAD(1, rstd, row);
        shift_sum += d;
    }
    STORE(1, part, slab * 2 * CHANNELS + channel, scale_sum);
    STORE(1, part, (slab * 2 + 1) * CHANNELS + channel, shift_sum);
}
