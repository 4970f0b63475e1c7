// SPDX-License-Identifier: Apache-2.0
// The weight's gradient of a depthwise convolution for CPUs: partial sums of one slab of images, for slab_sum.cl.
//
// x [n,H,W,CI], dy [n,OH,OW,CI], part [SLABS][KH*KW][PITCH]. Groups: (tap, block of VW channels, slab).
#define DEPTHWISE(WIDTH, c)                                                                                           \
    do {                                                                                                              \
        FLOATV(WIDTH) sum = 0;                                                                                        \
        for (int image = from; image < to; image++)                                                                   \
            for (int oy = 0; oy < OH; oy++) {                                                                         \
                const int iy = oy * SY + ky * DY - PT;                                                                \
                if (iy < 0 || iy >= H)                                                                                \
                    continue;                                                                                         \
                for (int ox = begin; ox < end; ox++)                                                                  \
                    sum = LOAD(WIDTH, x, ((image * H + iy) * W + ox * SX - shift) * CI + (c)) *                       \
                              LOAD(WIDTH, dy, ((image * OH + oy) * OW + ox) * CI + (c)) +                             \
                          sum;                                                                                        \
            }                                                                                                         \
        STORE(WIDTH, part, (slab * (KH * KW) + tap) * PITCH + (c), sum);                                              \
    } while (0)

__kernel void KERNEL(convolution_depthwise_dw)(const int n, TW_IN(x), TW_IN(dy), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_OUT(part);
    const int tap = tw_group(0), first = tw_group(1) * VW, slab = tw_group(2);
    const int ky = tap / KW, kx = tap % KW, shift = PL - kx * DX;
    const int begin = shift > 0 ? (shift + SX - 1) / SX : 0;
    const int end = W - 1 + shift < 0 ? 0 : min(OW, (W - 1 + shift) / SX + 1);
    const int from = (int)((long)(IMAGES)*slab / SLABS), to = (int)((long)(IMAGES) * (slab + 1) / SLABS);
    if (first + VW <= CI) {
        DEPTHWISE(VW, first);
    } else {
        for (int c = first; c < CI; c++)
            DEPTHWISE(1, c);
    }
}
