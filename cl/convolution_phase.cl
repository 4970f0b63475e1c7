// SPDX-License-Identifier: Apache-2.0
// The gradient of a strided convolution by x (and so a strided conv2d_transpose) for CPUs, without inserting zeros: the
// pixels of dx that are SX apart (a phase) meet the same taps, at neighbouring pixels of dy. A tile is TC pixels of a
// phase by TILE_WIDTH channels.
//
// dy [n,OH,PW,CO]: each row between zeros, so that pixel 0 stands at LEFT (convolution_pad.cl). w: packed by
// convolution_pack.cl with FLIP 2. PARTS: groups times blocks of channels. Groups: (row of dx, image).
#define PIXEL(i) ((i)*CO)
#define dy_at_TYPE dy_TYPE // places that move step by step, as in convolution.cl
#define w_at_TYPE w_TYPE

// A single tap is soon summed: the pixels that come next are asked for meanwhile.
#if KH * KW == 1
#define FETCH_AHEAD(ROWS, c) TW_PREFETCH(dy_at, (ROWS) * (CO + (c)) - (c))
#else
#define FETCH_AHEAD(ROWS, c)
#endif

// `ROWS` pixels of the phase, from number `left` on, of which those from `begin` on are stored.
#define PHASE_TILE(ROWS, left, begin)                                                                                 \
    do {                                                                                                              \
        TILE_BEGIN(acc, ROWS)                                                                                         \
        for (int ky = 0; ky < KH; ky++) {                                                                             \
            const int t = iy + PT - ky * DY, oy = t / SY;                                                             \
            if (t < 0 || t % SY != 0 || oy >= OH)                                                                     \
                continue;                                                                                             \
            for (int kx = 0; kx < KW; kx++) {                                                                         \
                const int u = phase + PL - kx * DX;                                                                   \
                if (u % SX != 0)                                                                                      \
                    continue;                                                                                         \
                __global const TW_STORAGE(dy) *dy_at =                                                                \
                    dy + ((image * OH + oy) * PW + LEFT + u / SX + (left)) * CO + group * COG;                        \
                __global const TW_STORAGE(w) *w_at = w + ((part * KH + ky) * KW + kx) * (COG * TILE_WIDTH);           \
                for (int c = 0; c < COG; c++, dy_at++, w_at += TILE_WIDTH) {                                          \
                    FETCH_AHEAD(ROWS, c);                                                                             \
                    TILE_STEP(acc, ROWS, dy_at, 0, PIXEL, w_at, 0);                                                   \
                }                                                                                                     \
            }                                                                                                         \
        }                                                                                                             \
        TILE_END(acc, ROWS, out)                                                                                      \
        for (int i = (begin) - (left); i < ROWS; i++)                                                                 \
            for (int v = 0; v < NV; v++) {                                                                            \
                const int column = block * TILE_WIDTH + v * VW, col = group * CIG + column;                           \
                const int at = ((image * H + iy) * W + ((left) + i) * SX + phase) * CI + col;                         \
                TILE_EPILOGUE(out[i][v], at, col, column, CIG);                                                       \
            }                                                                                                         \
    } while (0)

TW_ENTRY KERNEL(convolution_phase)(TW_N, TW_IN(dy), TW_IN(w) EPILOGUE_PARAMS TW_SIZES())
{
    USE_IN(dy);
    USE_IN(w);
    const int iy = tw_group(0), image = tw_group(1);
    TILE_LOOP for (int k = 0; k < PARTS * SX; k++)
    {
        const int part = k / SX, phase = k % SX, block = part % BLOCKS, group = part / BLOCKS;
        const int pixels = (W - phase + SX - 1) / SX;
        if (pixels >= TC) {
            for (int begin = 0; begin < pixels; begin += TC) {
                const int left = min(begin, pixels - TC);
                PHASE_TILE(TC, left, begin);
            }
        } else {
            for (int q = 0; q < pixels; q++)
                PHASE_TILE(1, q, q);
        }
    }
}
