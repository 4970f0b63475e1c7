// SPDX-License-Identifier: Apache-2.0
// The weight's gradient of a depthwise convolution for CPUs: partial sums of one slab of rows, for slab_sum.cl.
//
// x [n,H,W,CI], dy [n,OH,OW,CI], part [SLABS][KH*KW][PITCH], in which the sums grow: a run of at most RUN pixels of
// dy adds to all taps at a time, channels being the inner loop, so that memory is read as it lies. Pixels from LEFT to
// RIGHT - 1 have all taps inside. Groups: (slab).
#define SHIFT(kx) (PL - (kx)*DX)

// Adds pixel ox; INSIDE: all its taps have a place in the row.
#define PIXEL(WIDTH, c, INSIDE)                                                                                       \
    do {                                                                                                              \
        const FLOATV(WIDTH) d = LOAD(WIDTH, dy, (row * OW + ox) * CI + (c));                                          \
        TILE_UNROLL for (int kx = 0; kx < KW; kx++)                                                                   \
            if (INSIDE || (ox * SX >= SHIFT(kx) && ox * SX - SHIFT(kx) < W))                                          \
                sum[kx] = LOAD(WIDTH, x, (source * W + ox * SX - SHIFT(kx)) * CI + (c)) * d + sum[kx];                \
    } while (0)

// Pixels from `begin` to `end` - 1.
#define DEPTHWISE(WIDTH, c, INSIDE)                                                                                   \
    TILE_LOOP for (int ky = 0; ky < KH; ky++)                                                                         \
    {                                                                                                                 \
        const int iy = row % OH * SY + ky * DY - PT, source = row / OH * H + iy;                                      \
        if (iy < 0 || iy >= H)                                                                                        \
            continue;                                                                                                 \
        FLOATV(WIDTH) sum[KW];                                                                                        \
        const int to = (slab * (KH * KW) + ky * KW) * PITCH + (c);                                                    \
        TILE_UNROLL for (int kx = 0; kx < KW; kx++) sum[kx] = LOAD(WIDTH, part, to + kx * PITCH);                     \
        TILE_LOOP for (int ox = begin; ox < end; ox++) PIXEL(WIDTH, c, INSIDE);                                       \
        TILE_UNROLL for (int kx = 0; kx < KW; kx++) STORE(WIDTH, part, to + kx * PITCH, sum[kx]);                     \
    }

#define CHANNELS(INSIDE)                                                                                              \
    do {                                                                                                              \
        int c = 0;                                                                                                    \
        TILE_LOOP for (; c + VW <= CI; c += VW) DEPTHWISE(VW, c, INSIDE)                                              \
        if (CI % VW)                                                                                                  \
            TILE_LOOP for (; c < CI; c++) DEPTHWISE(1, c, INSIDE)                                                     \
    } while (0)

TW_ENTRY KERNEL(convolution_depthwise_dw)(TW_N, TW_IN(x), TW_IN(dy), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_OUT(part);
    const int slab = tw_group(0), rows = (IMAGES)*OH;
    for (int i = 0; i < KH * KW * PITCH; i++)
        STORE(1, part, slab * (KH * KW * PITCH) + i, 0.0f);
    const int last = (int)((long)rows * (slab + 1) / SLABS);
    for (int row = (int)((long)rows * slab / SLABS); row < last; row++)
        for (int begin = 0, end; begin < OW; begin = end) {
            const bool inside = begin >= LEFT && begin < RIGHT;
            end = inside ? min(begin + RUN, RIGHT) : begin < LEFT ? LEFT : OW;
            if (inside)
                CHANNELS(1);
            else
                CHANNELS(0);
        }
}
