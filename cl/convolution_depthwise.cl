// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution for CPUs, forward, by x and by the weight: each channel has a filter of its
// own, so vectors run over channels, and there is no sum over them.
//
// source [n,SOURCE_H,SOURCE_W,CI]: x, or (BY_X) the gradient of y; taps [KH*KW][PITCH]: w, PITCH =
// CI; result [n,RESULT_H,RESULT_W,CI]. A tile is a pixel of each of TR rows of the result (BY_X: TR
// a multiple of SY). Pixel follows pixel, all channels of each, so that every row is read as it
// lies: tiles of four pixels a row took twice as long. Taps in the padding are left out. The last
// band of rows may reach over the result. Groups: (band, image).
//
// BY_W: the result is there, dy, and the taps are what is summed, those of a slab of bands; taps
// [SLABS][KH*KW][PITCH], in which the sums grow, is for slab_sum.cl. Groups: (slab).
#if BY_X
#define RESULT_H H
#define RESULT_W W
#define SOURCE_H OH
#define SOURCE_W OW
// Whether place p of the result meets tap k at any place of the source, and which.
#define HAS_TAP(p, k, stride, dilation, pad) (((p) + (pad) - (k) * (dilation)) % (stride) == 0)
#define SOURCE(p, k, stride, dilation, pad) (((p) + (pad) - (k) * (dilation)) / (stride))
#define SOURCE_TOP (top / SY)
#else
#define RESULT_H OH
#define RESULT_W OW
#define SOURCE_H H
#define SOURCE_W W
#define HAS_TAP(p, k, stride, dilation, pad) 1
#define SOURCE(p, k, stride, dilation, pad) ((p) * (stride) + (k) * (dilation) - (pad))
#define SOURCE_TOP (top * SY)
#endif
#define BANDS ((RESULT_H + TR - 1) / TR)
#define WITHIN(i) (RESULT_H % TR == 0 || top + (i) < RESULT_H)
#define PLACE(i, c) (((image * RESULT_H + top + (i)) * RESULT_W + px) * CI + (c))
#define EACH_ROW TILE_UNROLL for (int i = 0; i < TR; i++)

#if KH * KW * TR <= 200
#define TAP_LOOP TILE_UNROLL
#else
#define TAP_LOOP TILE_LOOP
#endif

#if BY_W
#define ADD(i, v) tap = v * of[i] + tap
#define PUT_TAP(WIDTH, at) STORE(WIDTH, taps, at, tap)
#else
#define ADD(i, v) of[i] = v * tap + of[i]
#define PUT_TAP(WIDTH, at)
#endif

// Multiplies what the tile meets at channel c, by the taps or (BY_W) by the tile, of[TR].
#define MULTIPLY(WIDTH, c)                                                                         \
    TAP_LOOP for (int ky = 0; ky < KH; ky++) TAP_LOOP for (int kx = 0; kx < KW; kx++)              \
    {                                                                                              \
        const int sx = SOURCE(px, kx, SX, DX, PL), at = first + (ky * KW + kx) * PITCH + (c);      \
        if (!HAS_TAP(px, kx, SX, DX, PL) || sx < 0 || sx >= SOURCE_W)                              \
            continue;                                                                              \
        FLOATV(WIDTH) tap = LOAD(WIDTH, taps, at);                                                 \
        EACH_ROW                                                                                   \
        {                                                                                          \
            const int sy = SOURCE_TOP + SOURCE(i, ky, SY, DY, PT);                                 \
            if (HAS_TAP(i, ky, SY, DY, PT) && sy >= 0 && sy < SOURCE_H)                            \
                ADD(i, LOAD(WIDTH, source, ((image * SOURCE_H + sy) * SOURCE_W + sx) * CI + (c))); \
        }                                                                                          \
        PUT_TAP(WIDTH, at);                                                                        \
    }

#if BY_W
#define CHANNELS(WIDTH, c)                                                                         \
    do {                                                                                           \
        FLOATV(WIDTH) of[TR];                                                                      \
        EACH_ROW of[i] = WITHIN(i) ? LOAD(WIDTH, dy, PLACE(i, c)) : (FLOATV(WIDTH))(0);            \
        MULTIPLY(WIDTH, c)                                                                         \
    } while (0)
#else
#define CHANNELS(WIDTH, c)                                                                         \
    do {                                                                                           \
        FLOATV(WIDTH) of[TR], out[TR];                                                             \
        EACH_ROW of[i] = (FLOATV(WIDTH))(0);                                                       \
        MULTIPLY(WIDTH, c)                                                                         \
        EACH_ROW out[i] = of[i];                                                                   \
        TW_ROLLED                                                                                  \
        for (int i = 0; i < TR; i++)                                                               \
            if (WITHIN(i))                                                                         \
                EPILOGUE(WIDTH, out[i], PLACE(i, c), c);                                           \
    } while (0)
#endif

// All pixels of a band, all their channels.
#define BAND                                                                                       \
    TILE_LOOP for (int px = 0; px < RESULT_W; px++)                                                \
    {                                                                                              \
        int c = 0;                                                                                 \
        TILE_LOOP for (; c + VW <= CI; c += VW) CHANNELS(VW, c);                                   \
        if (CI % VW)                                                                               \
            TILE_LOOP for (; c < CI; c++) CHANNELS(1, c);                                          \
    }

#if BY_W
TW_ENTRY KERNEL(convolution_depthwise)(TW_N, TW_IN(source), TW_IN(dy), TW_OUT(taps))
{
    USE_IN(source);
    USE_IN(dy);
    USE_OUT(taps);
    const int slab = tw_group(0), bands = (IMAGES)*BANDS, first = slab * (KH * KW * PITCH);
    TW_ROLLED
    for (int i = 0; i < KH * KW * PITCH; i++)
        STORE(1, taps, first + i, 0.0f);
    const int last = (int)((long)bands * (slab + 1) / SLABS);
    for (int band = (int)((long)bands * slab / SLABS); band < last; band++) {
        const int image = band / BANDS, top = band % BANDS * TR;
        BAND
    }
}
#else
TW_ENTRY KERNEL(convolution_depthwise)(TW_N, TW_IN(source), TW_IN(taps) EPILOGUE_PARAMS)
{
    USE_IN(source);
    USE_IN(taps);
    const int image = tw_group(1), top = tw_group(0) * TR, first = 0;
    BAND
}
#endif
