// SPDX-License-Identifier: Apache-2.0
// Pooling of images x [n,H,W,C] to [n,OH,OW,C]: the largest value of each window and its number there (MAXIMUM), or the
// mean of its pixels inside the image. INSIDE_ALL: there is no padding, so all are. Vectors run over channels.
//
// simd: a group computes a row of results, and asks for the pixels of the next one. simt (VW 1): a work-item computes one result.
// Small windows are written out.
#if INSIDE_ALL && KH * KW <= 9
#define POOL_WINDOW TILE_UNROLL
#else
#define POOL_WINDOW
#endif
#define POOL(WIDTH, image, oy, ox, c)                                                                                 \
    do {                                                                                                              \
        const int y0 = (oy)*SY - PT, x0 = (ox)*SX - PL;                                                               \
        const int ky0 = INSIDE_ALL ? 0 : max(0, -y0), ky1 = INSIDE_ALL ? KH : min(KH, H - y0);                        \
        const int kx0 = INSIDE_ALL ? 0 : max(0, -x0), kx1 = INSIDE_ALL ? KW : min(KW, W - x0);                        \
        const int at = (((image)*OH + (oy)) * OW + (ox)) * C + (c);                                                   \
        POOL_BEGIN(WIDTH)                                                                                             \
        POOL_WINDOW                                                                                                   \
        for (int ky = ky0; ky < ky1; ky++) {                                                                          \
            POOL_WINDOW                                                                                               \
            for (int kx = kx0; kx < kx1; kx++) {                                                                      \
                const FLOATV(WIDTH) v = LOAD(WIDTH, x, (((image)*H + y0 + ky) * W + x0 + kx) * C + (c));              \
                if (WIDTH > 1)                                                                                        \
                    TW_PREFETCH_FAR(x, (((image)*H + y0 + ky + SY) * W + x0 + kx) * C + (c));                         \
                POOL_TAKE(WIDTH)                                                                                      \
            }                                                                                                         \
        }                                                                                                             \
        POOL_END(WIDTH, c)                                                                                            \
    } while (0)

#if MAXIMUM
#define POOL_BEGIN(WIDTH)                                                                                             \
    FLOATV(WIDTH) best = -INFINITY;                                                                                   \
    INTV(WIDTH) index = ky0 * KW + kx0;
#define POOL_TAKE(WIDTH) POOL_TAKE_LARGER(WIDTH, best, index, v, ky *KW + kx);
#ifdef which_ABSENT
#define PUT_WHICH(WIDTH)
#else
#define PUT_WHICH(WIDTH) STORE(WIDTH, which, at, index);
#endif
#define POOL_END(WIDTH, c)                                                                                            \
    PUT_WHICH(WIDTH)                                                                                                  \
    EPILOGUE(WIDTH, best, at, c);
#else
#define POOL_BEGIN(WIDTH) FLOATV(WIDTH) sum = 0;
#define POOL_TAKE(WIDTH) sum += v;
#define POOL_END(WIDTH, c)                                                                                            \
    const FLOATV(WIDTH) mean = sum / (float)((ky1 - ky0) * (kx1 - kx0));                                              \
    EPILOGUE(WIDTH, mean, at, c);
#endif

#if MAXIMUM && !defined(which_ABSENT)
TW_ENTRY KERNEL(pool)(TW_N, TW_IN(x), TW_OUT(which) EPILOGUE_PARAMS)
#else
TW_ENTRY KERNEL(pool)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
#endif
{
    USE_IN(x);
#if MAXIMUM && !defined(which_ABSENT)
    USE_OUT(which);
#endif
#if VW > 1
    const int row = tw_group(0), image = tw_group(1);
    for (int column = 0; column < OW; column++) {
        int channel = 0;
        for (; channel + VW <= C; channel += VW)
            POOL(VW, image, row, column, channel);
        if ((C) % VW != 0) // else it is not compiled
            for (; channel < C; channel++)
                POOL(1, image, row, column, channel);
    }
#else
    const int item = tw_group(0) * GROUP + tw_item(0);
    if (item < (IMAGES) * (OH * OW * C))
        POOL(1, item / (OH * OW * C), item / (OW * C) % OH, item / C % OW, item % C);
#endif
}
