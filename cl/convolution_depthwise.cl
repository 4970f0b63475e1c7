// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution for CPUs, forward and by x: each channel has a filter of its own, so vectors run over channels
// and there is no sum over them. Taps in the padding are left out.
//
// x [n,H,W,C], w [KH,KW,1,C], y [n,OH,OW,C]. BY_X: in is y's gradient, the result x's. Groups: (block of VW channels, row
// of the result, image).
#if BY_X
#define RESULT_H H
#define RESULT_W W
#define SOURCE_H OH
#define SOURCE_W OW
#else
#define RESULT_H OH
#define RESULT_W OW
#define SOURCE_H H
#define SOURCE_W W
#endif

// The place in the source that tap k meets at place p of the result; negative: none.
static inline int KERNEL(depthwise_source)(const int p, const int k, const int stride, const int dilation, const int pad)
{
#if BY_X
    const int t = p + pad - k * dilation;
    return t >= 0 && t % stride == 0 ? t / stride : -1;
#else
    return p * stride + k * dilation - pad;
#endif
}

#define DEPTHWISE(WIDTH, c)                                                                                           \
    for (int px = 0; px < RESULT_W; px++) {                                                                           \
        FLOATV(WIDTH) sum = 0;                                                                                        \
        for (int ky = 0; ky < KH; ky++) {                                                                             \
            const int sy = KERNEL(depthwise_source)(row, ky, SY, DY, PT);                                             \
            if (sy < 0 || sy >= SOURCE_H)                                                                             \
                continue;                                                                                             \
            for (int kx = 0; kx < KW; kx++) {                                                                         \
                const int sx = KERNEL(depthwise_source)(px, kx, SX, DX, PL);                                          \
                if (sx < 0 || sx >= SOURCE_W)                                                                         \
                    continue;                                                                                         \
                sum = LOAD(WIDTH, x, ((image * SOURCE_H + sy) * SOURCE_W + sx) * CI + (c)) *                          \
                          LOAD(WIDTH, w, (ky * KW + kx) * CI + (c)) +                                                 \
                      sum;                                                                                            \
            }                                                                                                         \
        }                                                                                                             \
        EPILOGUE(WIDTH, sum, ((image * RESULT_H + row) * RESULT_W + px) * CI + (c), c);                                   \
    }

__kernel void KERNEL(convolution_depthwise)(const int n, TW_IN(x), TW_IN(w) EPILOGUE_PARAMS)
{
    USE_IN(x);
    USE_IN(w);
    const int first = tw_group(0) * VW, row = tw_group(1), image = tw_group(2);
    if (first + VW <= CI) {
        DEPTHWISE(VW, first)
    } else {
        for (int c = first; c < CI; c++)
            DEPTHWISE(1, c)
    }
}
