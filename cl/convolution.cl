// SPDX-License-Identifier: Apache-2.0
// Direct NHWC convolution for CPUs, without im2col: a tile is TR x TC output pixels by TILE_WIDTH output channels.
//
// x [n,H,W,CI]: with its left and right padding in place (convolution_pad.cl); PT rows above and those below may be
// missing, if TR is 1: their taps are skipped. w: packed by convolution_pack.cl. At dilation 1 without groups the taps
// (kx, ci) are one contiguous run of x: RUN = KW*CI and KXN = 1; otherwise RUN = CIG and KXN = KW.
// EDGES: a tile is a whole row at stride 1 without groups and dilation, and each tap leaves out the pixels for which it
// lies in the padding of PL: nothing is copied, no zero is multiplied. Otherwise PL = 0.
// Groups: (block of channels, band of TR rows, image). The last tile of a row, and the last band, overlap those before
// them and store only what is theirs.
//
// POOLED (core/pool.cl): OH and OW end where the last windows end. A band is a row of windows, which TR divides; it is kept
// in private memory, in the first-level cache that is, until all of it is there.
#define ROWS (TR * TC)
// Places in x and w, moved step by step: of sums of indices PoCL's compiler makes an addition for each row.
#define x_at_TYPE x_TYPE
#define w_at_TYPE w_TYPE
#define PIXEL(i) ((i) / TC * (SY * W * CI) + (i) % TC * (SX * CI))

#if EDGES
#define EDGE_FROM(kx) (PL > (kx) ? PL - (kx) : 0)
#define EDGE_TO(kx) (W + PL - (kx) < ROWS ? W + PL - (kx) : ROWS)
#define EDGE_TAP(kx)                                                                                                  \
    if ((kx) < KW)                                                                                                    \
        for (int c = 0; c < CI; c++, x_at++, w_at += TILE_WIDTH)                                                      \
            TILE_STEP_ROWS(acc, EDGE_FROM(kx), EDGE_TO(kx), x_at, 0, PIXEL, w_at, 0);
#endif

#if POOLED
#define BAND POOL_H
#define PLACE(row, column, v) (((row)*OW + (column)) * NV + (v))
#define KEPT(ky, kx) kept[PLACE(ky, ox *POOL_W + (kx), v)]
#else
#define BAND TR
#endif

TW_ENTRY KERNEL(convolution)(TW_N, TW_IN(x), TW_IN(w) POOL_PARAMS EPILOGUE_PARAMS TW_SIZES())
{
    USE_IN(x);
    USE_IN(w);
    USE_POOL
    const int block = tw_group(0) % BLOCKS, group = tw_group(0) / BLOCKS, image = tw_group(2);
    const int band = tw_group(1) * BAND;
#if POOLED
    FLOATV(VW) kept[POOL_H * OW * NV];
#endif
    for (int row = 0; row < BAND; row += TR) {
        for (int begin = 0; begin < OW; begin += TC) {
            const int top = min(band + row, OH - TR), left = min(begin, OW - TC);
            TILE_BEGIN(acc, ROWS)
            __global const TW_STORAGE(w) *w_at = w + tw_group(0) * (KH * KW * CIG * TILE_WIDTH);
            for (int ky = 0; ky < KH; ky++) {
                const int iy = top * SY + ky * DY - PT;
                if (iy < 0 || iy >= H) {
                    w_at += KW * CIG * TILE_WIDTH;
                    continue;
                }
                __global const TW_STORAGE(x) *x_at = x + ((image * H + iy) * W + left * SX - PL) * CI + group * CIG;
#if EDGES
                EDGE_TAP(0)
                EDGE_TAP(1)
                EDGE_TAP(2)
                EDGE_TAP(3)
                EDGE_TAP(4)
#else
                for (int kx = 0; kx < KXN; kx++, x_at += DX * CI - RUN)
                    for (int c = 0; c < RUN; c++, x_at++, w_at += TILE_WIDTH)
                        TILE_STEP(acc, ROWS, x_at, 0, PIXEL, w_at, 0);
#endif
            }
#if POOLED
            TILE_UNROLL for (int i = 0; i < ROWS; i++)
                TILE_UNROLL for (int v = 0; v < NV; v++)
                    kept[PLACE(top - band + i / TC, left + i % TC, v)] = acc[i][v];
#else
            TILE_END(acc, ROWS, out)
            for (int i = 0; i < ROWS; i++) {
                const int oy = top + i / TC, ox = left + i % TC;
                if (oy < band || ox < begin)
                    continue;
                for (int v = 0; v < NV; v++) {
                    const int column = block * TILE_WIDTH + v * VW, col = group * COG + column;
                    TILE_EPILOGUE(out[i][v], ((image * OH + oy) * OW + ox) * CO + col, col, column, COG);
                }
            }
#endif
        }
    }
#if POOLED
    TILE_LOOP for (int ox = 0; ox < OW / POOL_W; ox++)
        TILE_LOOP for (int v = 0; v < NV; v++)
        {
            const int column = block * TILE_WIDTH + v * VW, col = group * COG + column;
            const int at = ((image * (OH / POOL_H) + tw_group(1)) * (OW / POOL_W) + ox) * CO + col;
            POOL_EPILOGUE(KEPT, at, col, column, COG);
        }
#endif
}
