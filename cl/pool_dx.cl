// SPDX-License-Identifier: Apache-2.0
// Gradient of pooling by its input: each pixel of dx [n,H,W,C] gathers from the windows of dy [n,OH,OW,C] that hold it:
// those whose largest value it was (MAXIMUM: which holds its number), or its share of each.
//
// simd: a group computes a row of dx. simt (VW 1): a work-item computes one element.

// Pixels of the window that begins at `begin` within `extent`.
#define INSIDE(begin, size, extent) (min((begin) + (size), extent) - max(begin, 0))

#if MAXIMUM
#define SHARE(WIDTH, at, oy, ox, k) select((FLOATV(WIDTH))(0), LOAD(WIDTH, dy, at), LOAD(WIDTH, which, at) == (k))
#else
#define SHARE(WIDTH, at, oy, ox, k)                                                                                   \
    LOAD(WIDTH, dy, at) / (float)(INSIDE((oy)*SY - PT, KH, H) * INSIDE((ox)*SX - PL, KW, W))
#endif

#if KH == SY && KW == SX
// Windows lie side by side: a pixel is in one at most.
#define GATHER(WIDTH, image, iy, ix, c)                                                                               \
    do {                                                                                                              \
        const int oy = ((iy) + PT) / SY, ox = ((ix) + PL) / SX;                                                       \
        FLOATV(WIDTH) sum = 0;                                                                                        \
        if (oy < OH && ox < OW) {                                                                                     \
            const int k = ((iy) + PT) % SY * KW + ((ix) + PL) % SX;                                                   \
            sum = SHARE(WIDTH, (((image)*OH + oy) * OW + ox) * C + (c), oy, ox, k);                                   \
        }                                                                                                             \
        EPILOGUE(WIDTH, sum, (((image)*H + (iy)) * W + (ix)) * C + (c), c);                                           \
    } while (0)
#else
#define GATHER(WIDTH, image, iy, ix, c)                                                                               \
    do {                                                                                                              \
        FLOATV(WIDTH) sum = 0;                                                                                        \
        for (int ky = ((iy) + PT) % SY; ky < KH && ky <= (iy) + PT; ky += SY) {                                       \
            const int oy = ((iy) + PT - ky) / SY;                                                                     \
            for (int kx = ((ix) + PL) % SX; oy < OH && kx < KW && kx <= (ix) + PL; kx += SX) {                        \
                const int ox = ((ix) + PL - kx) / SX;                                                                 \
                if (ox < OW)                                                                                          \
                    sum += SHARE(WIDTH, (((image)*OH + oy) * OW + ox) * C + (c), oy, ox, ky *KW + kx);                \
            }                                                                                                         \
        }                                                                                                             \
        EPILOGUE(WIDTH, sum, (((image)*H + (iy)) * W + (ix)) * C + (c), c);                                           \
    } while (0)
#endif

#if MAXIMUM
TW_ENTRY KERNEL(pool_dx)(TW_N, TW_IN(dy), TW_IN(which) EPILOGUE_PARAMS)
#else
TW_ENTRY KERNEL(pool_dx)(TW_N, TW_IN(dy) EPILOGUE_PARAMS)
#endif
{
    USE_IN(dy);
#if MAXIMUM
    USE_IN(which);
#endif
#if VW > 1
    const int row = tw_group(0), image = tw_group(1);
    for (int column = 0; column < W; column++) {
        int channel = 0;
        for (; channel + VW <= C; channel += VW)
            GATHER(VW, image, row, column, channel);
        for (; channel < C; channel++)
            GATHER(1, image, row, column, channel);
    }
#else
    const int item = tw_group(0) * GROUP + tw_item(0);
    if (item < (IMAGES) * (H * W * C))
        GATHER(1, item / (H * W * C), item / (W * C) % H, item / C % W, item % C);
#endif
}
