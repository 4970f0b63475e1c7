// SPDX-License-Identifier: Apache-2.0
// Gradient of upsample2d: each pixel of dx [n,H,W,C] gathers from those of dy [n,H*SY,W*SX,C] that it has a share of.
//
// simd: a group computes a row of dx. simt (VW 1): a work-item computes one element.
#define OH (H * SY)
#define OW (W * SX)

#if BILINEAR
// Places whose centre is less than one place away from `in`, 2 * factor or one more; at the borders those beyond it as
// well, which are held to it.
#define FROM(in, factor) max(0, ((2 * (in)-1) * factor - 1) / 2)
#define TO(in, factor, extent) min((extent)*factor, ((2 * (in) + 3) * factor + 1) / 2)
#define CENTRE(out, factor, extent) clamp(((out) + 0.5f) / factor - 0.5f, 0.0f, (float)(extent - 1))
#define SHARE(out, in, factor, extent) max(0.0f, 1.0f - fabs(CENTRE(out, factor, extent) - (float)(in)))
#define WEIGHTED(v, weight) ((v) * (weight))
#else
#define FROM(in, factor) ((in)*factor)
#define TO(in, factor, extent) ((in)*factor + factor)
#define SHARE(out, in, factor, extent) 1.0f
#define WEIGHTED(v, weight) (v)
#endif

#if VW > 1
// All channels of all rows of a pixel have the same shares along a row.
#define SHARE_X(ox, ix) share_x[(ox)-from_x]
#else
#define SHARE_X(ox, ix) SHARE(ox, ix, SX, W)
#endif

#define GATHER(WIDTH, image, iy, ix, c)                                                            \
    do {                                                                                           \
        FLOATV(WIDTH) sum = 0;                                                                     \
        for (int oy = FROM(iy, SY); oy < TO(iy, SY, H); oy++) {                                    \
            const int line = ((image)*OH + oy) * OW;                                               \
            FLOATV(WIDTH) row_sum = 0;                                                             \
            for (int ox = FROM(ix, SX); ox < TO(ix, SX, W); ox++)                                  \
                row_sum += WEIGHTED(LOAD(WIDTH, dy, (line + ox) * C + (c)), SHARE_X(ox, ix));      \
            sum += WEIGHTED(row_sum, SHARE(oy, iy, SY, H));                                        \
        }                                                                                          \
        EPILOGUE(WIDTH, sum, (((image)*H + (iy)) * W + (ix)) * C + (c), c);                        \
    } while (0)

TW_ENTRY KERNEL(upsample2d_dx)(TW_N, TW_IN(dy) EPILOGUE_PARAMS)
{
    USE_IN(dy);
#if VW > 1
    const int row = tw_group(0), image = tw_group(1);
    for (int column = 0; column < W; column++) {
#if BILINEAR
        float share_x[2 * SX + 2];
        const int from_x = FROM(column, SX), to_x = TO(column, SX, W);
        for (int ox = from_x; ox < to_x; ox++)
            SHARE_X(ox, column) = SHARE(ox, column, SX, W);
#endif
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
