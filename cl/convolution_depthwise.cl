// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution for CPUs, forward and by x: each channel has a filter of its own, so vectors run over channels
// and there is no sum over them. Taps in the padding are left out.
//
// x [n,H,W,C], w [KH,KW,1,C], y [n,OH,OW,C]. BY_X: x is y's gradient, the result x's. Pixels go by PX where all taps of
// all of them are inside (and, by x, at stride 1), so that a tap's weight is loaded once for them; one by one elsewhere.
// Channels are the inner loop, and memory is read as it lies. Groups: (row of the result, image).
#if BY_X
#define RESULT_H H
#define RESULT_W W
#define SOURCE_H OH
#define SOURCE_W OW
#define LINEAR (SY == 1 && SX == 1)
// the place in the source that tap k meets at place p of the result, if p has it at all; below 0: none
#define SOURCE(p, k, stride, dilation, pad)                                                                           \
    (((p) + (pad) - (k) * (dilation)) % (stride) == 0 ? ((p) + (pad) - (k) * (dilation)) / (stride) : -1)
#define STEP_X 1
#else
#define RESULT_H OH
#define RESULT_W OW
#define SOURCE_H H
#define SOURCE_W W
#define LINEAR 1
#define SOURCE(p, k, stride, dilation, pad) ((p) * (stride) + (k) * (dilation) - (pad))
#define STEP_X SX
#endif

// COUNT pixels from px on. INSIDE: all their taps have a place in the row.
#define DEPTHWISE(WIDTH, c, COUNT, INSIDE)                                                                            \
    do {                                                                                                              \
        FLOATV(WIDTH) sum[COUNT];                                                                                     \
        TILE_UNROLL for (int i = 0; i < COUNT; i++) sum[i] = (FLOATV(WIDTH))(0);                                      \
        TILE_LOOP for (int ky = 0; ky < KH; ky++)                                                                     \
        {                                                                                                             \
            const int sy = SOURCE(row, ky, SY, DY, PT);                                                               \
            if (sy < 0 || sy >= SOURCE_H)                                                                             \
                continue;                                                                                             \
            TILE_UNROLL for (int kx = 0; kx < KW; kx++)                                                               \
            {                                                                                                         \
                const int sx = SOURCE(px, kx, SX, DX, PL);                                                            \
                if (!INSIDE && (sx < 0 || sx >= SOURCE_W))                                                            \
                    continue;                                                                                         \
                const FLOATV(WIDTH) tap = LOAD(WIDTH, w, (ky * KW + kx) * CI + (c));                                  \
                const int at = ((image * SOURCE_H + sy) * SOURCE_W + sx) * CI + (c);                                  \
                TILE_UNROLL for (int i = 0; i < COUNT; i++)                                                           \
                    sum[i] = LOAD(WIDTH, x, at + i * (STEP_X * CI)) * tap + sum[i];                                   \
            }                                                                                                         \
        }                                                                                                             \
        for (int i = 0; i < COUNT; i++)                                                                               \
            EPILOGUE(WIDTH, sum[i], ((image * RESULT_H + row) * RESULT_W + px + i) * CI + (c), c);                    \
    } while (0)

#define CHANNELS(COUNT, INSIDE)                                                                                       \
    do {                                                                                                              \
        int c = 0;                                                                                                    \
        TILE_LOOP for (; c + VW <= CI; c += VW) DEPTHWISE(VW, c, COUNT, INSIDE);                                      \
        if (CI % VW)                                                                                                  \
            TILE_LOOP for (; c < CI; c++) DEPTHWISE(1, c, COUNT, INSIDE);                                             \
    } while (0)

TW_ENTRY KERNEL(convolution_depthwise)(TW_N, TW_IN(x), TW_IN(w) EPILOGUE_PARAMS)
{
    USE_IN(x);
    USE_IN(w);
    const int row = tw_group(0), image = tw_group(1);
    for (int px = 0; px < RESULT_W;) {
#if LINEAR
        const int a = SOURCE(px, 0, SX, DX, PL), b = SOURCE(px, KW - 1, SX, DX, PL);
        if (min(a, b) >= 0 && max(a, b) + (PX - 1) * STEP_X < SOURCE_W && px + PX <= RESULT_W) {
            CHANNELS(PX, 1);
            px += PX;
            continue;
        }
#endif
        CHANNELS(1, 0);
        px++;
    }
}
