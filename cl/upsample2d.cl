// SPDX-License-Identifier: Apache-2.0
// Images x [n,H,W,C] enlarged to [n,H*SY,W*SX,C]: each pixel repeated, or BILINEAR between the centres of pixels; beyond the
// outermost centres the outermost pixels go on. Vectors run over channels.
//
// simd: a group computes a row of the result. simt (VW 1): a work-item computes one element.
#define OH (H * SY)
#define OW (W * SX)
#define AT(image, iy, ix) ((((image)*H + (iy)) * W + (ix)) * C)

#if BILINEAR
// Where place `out` of the enlarged row lies in the row of `extent` places.
#define CENTRE(out, factor, extent) clamp(((out) + 0.5f) / factor - 0.5f, 0.0f, (float)(extent - 1))
#define PIXEL_BEGIN(image, oy, ox)                                                                 \
    const float py = CENTRE(oy, SY, H), px = CENTRE(ox, SX, W);                                    \
    const int y0 = (int)py, x0 = (int)px, y1 = min(y0 + 1, H - 1), x1 = min(x0 + 1, W - 1);        \
    const float fy = py - (float)y0, fx = px - (float)x0;                                          \
    const int a00 = AT(image, y0, x0), a01 = AT(image, y0, x1);                                    \
    const int a10 = AT(image, y1, x0), a11 = AT(image, y1, x1)
#define PIXEL(WIDTH, c)                                                                            \
    ((LOAD(WIDTH, x, a00 + (c)) * (1.0f - fx) + LOAD(WIDTH, x, a01 + (c)) * fx) * (1.0f - fy) +    \
     (LOAD(WIDTH, x, a10 + (c)) * (1.0f - fx) + LOAD(WIDTH, x, a11 + (c)) * fx) * fy)
#else
#define PIXEL_BEGIN(image, oy, ox) const int a = AT(image, (oy) / SY, (ox) / SX)
#define PIXEL(WIDTH, c) LOAD(WIDTH, x, a + (c))
#endif

TW_ENTRY KERNEL(upsample2d)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
#if VW > 1
    const int row = tw_group(0), image = tw_group(1);
    for (int column = 0; column < OW; column++) {
        const int at = ((image * OH + row) * OW + column) * C;
        PIXEL_BEGIN(image, row, column);
        int c = 0;
        for (; c + VW <= C; c += VW)
            EPILOGUE(VW, PIXEL(VW, c), at + c, c);
        for (; c < C; c++)
            EPILOGUE(1, PIXEL(1, c), at + c, c);
    }
#else
    const int item = tw_group(0) * GROUP + tw_item(0);
    if (item < (IMAGES) * (OH * OW * C)) {
        const int image = item / (OH * OW * C), row = item / (OW * C) % OH;
        const int column = item / C % OW, c = item % C;
        PIXEL_BEGIN(image, row, column);
        EPILOGUE(1, PIXEL(1, c), item, c);
    }
#endif
}
