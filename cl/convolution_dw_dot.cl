// SPDX-License-Identifier: Apache-2.0
// The weight's gradient of a convolution to few channels for CPUs: partial sums of one slab of rows, for slab_turn.cl.
// Vectors lie along the channels of x; dy's few numbers are broadcast.
//
// x [n,H,W,CI], dy [n,OH,OW,CO], part [SLABS][KH*KW][CO][CI], in which the sums grow row by row: those of a row of taps and
// NV vectors of channels are in registers while a row of dy is gone through. Pixels from LEFT to RIGHT - 1 have all taps
// inside. CI is a multiple of NV * VW. Groups: (slab).
#define SHIFT(kx) (PL - (kx)*DX)
#define EACH(kx, v, co)                                                                                               \
    TILE_UNROLL for (int kx = 0; kx < KW; kx++)                                                                       \
        TILE_UNROLL for (int v = 0; v < NV; v++)                                                                      \
            TILE_UNROLL for (int co = 0; co < CO; co++)

// Adds the pixels from FROM to TO - 1; INSIDE: all their taps have a place in the row.
#define PIXELS(FROM, TO, INSIDE)                                                                                      \
    TILE_LOOP for (int ox = FROM; ox < TO; ox++)                                                                      \
    {                                                                                                                 \
        FLOATV(VW) d[CO];                                                                                             \
        TILE_UNROLL for (int co = 0; co < CO; co++) d[co] = LOAD(1, dy, (row * OW + ox) * CO + co);                   \
        TILE_UNROLL for (int kx = 0; kx < KW; kx++)                                                                   \
            if (INSIDE || (ox * SX >= SHIFT(kx) && ox * SX - SHIFT(kx) < W))                                          \
                TILE_UNROLL for (int v = 0; v < NV; v++)                                                              \
            {                                                                                                         \
                const FLOATV(VW) at = LOAD(VW, x, ((source * W) + ox * SX - SHIFT(kx)) * CI + c + v * VW);            \
                TILE_UNROLL for (int co = 0; co < CO; co++) sum[kx][v][co] = at * d[co] + sum[kx][v][co];             \
            }                                                                                                         \
    }

TW_ENTRY KERNEL(convolution_dw_dot)(TW_N, TW_IN(x), TW_IN(dy), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_OUT(part);
    const int slab = tw_group(0), rows = (IMAGES)*OH, sums = slab * (KH * KW * CO * CI);
    TW_ROLLED
    for (int i = 0; i < KH * KW * CO * CI; i += VW)
        STORE(VW, part, sums + i, (FLOATV(VW))(0));
    const int last = (int)((long)rows * (slab + 1) / SLABS);
    for (int row = (int)((long)rows * slab / SLABS); row < last; row++)
        for (int ky = 0; ky < KH; ky++) {
            const int iy = row % OH * SY + ky * DY - PT, source = row / OH * H + iy;
            if (iy < 0 || iy >= H)
                continue;
            TILE_LOOP for (int c = 0; c < CI; c += NV * VW)
            {
                FLOATV(VW) sum[KW][NV][CO];
                const int to = sums + ky * (KW * CO * CI) + c;
                EACH(kx, v, co) sum[kx][v][co] = LOAD(VW, part, to + (kx * CO + co) * CI + v * VW);
                if (LEFT > 0)
                    PIXELS(0, LEFT, 0)
                PIXELS(LEFT, RIGHT, 1)
                if (RIGHT < OW)
                    PIXELS(RIGHT, OW, 0)
                EACH(kx, v, co) STORE(VW, part, to + (kx * CO + co) * CI + v * VW, sum[kx][v][co]);
            }
        }
}
