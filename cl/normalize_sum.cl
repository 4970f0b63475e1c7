// SPDX-License-Identifier: Apache-2.0
// dscale and dshift of normalize: part [SLABS][2][CHANNELS] added up over the slabs in their order. An item takes STEP
// channels.
#ifdef dscale_ABSENT
#define DSCALE_PARAM
#else
#define DSCALE_PARAM , TW_OUT(dscale)
#endif
#ifdef dshift_ABSENT
#define DSHIFT_PARAM
#else
#define DSHIFT_PARAM , TW_OUT(dshift)
#endif

TW_ENTRY KERNEL(normalize_sum)(TW_N, TW_IN(part) DSCALE_PARAM DSHIFT_PARAM TW_SIZES(CHANNELS SLABS STEP))
{
    USE_IN(part);
#ifndef dscale_ABSENT
    USE_OUT(dscale);
#endif
#ifndef dshift_ABSENT
    USE_OUT(dshift);
#endif
    const int begin = tw_global(0) * STEP, end = min(begin + STEP, CHANNELS);
    for (int c = begin; c < end; c++) {
        float scale_sum = 0.0f, shift_sum = 0.0f;
        for (int slab = 0; slab < SLABS; slab++) {
            scale_sum += LOAD(1, part, slab * 2 * CHANNELS + c);
            shift_sum += LOAD(1, part, (slab * 2 + 1) * CHANNELS + c);
        }
#ifndef dscale_ABSENT
        STORE(1, dscale, c, scale_sum);
#endif
#ifndef dshift_ABSENT
        STORE(1, dshift, c, shift_sum);
#endif
    }
}
