// SPDX-License-Identifier: Apache-2.0
// The weight's gradient of a convolution for CPUs: partial sums of one slab of images, added by slab_sum.cl in a fixed
// order. A tile is TY x TK x TC taps (ky, kx, channel) by TILE_WIDTH output channels; the sum runs over pixels.
//
// x [n,H,W,CI] and dy [n,OH,OW,GROUPS*CP] (CP: channels of a group, padded to whole vectors). As in convolution.cl,
// without groups and dilation (kx, ci) is one run: KXN = 1, RUN = KW*CI; then, or if TY*TK > 1, x holds its padding and
// PT = PL = 0. Otherwise (a tile within one tap) pixels whose tap falls into the padding are left out.
// part [SLABS][GROUPS][KH*KW*CIG][BLOCKS*TILE_WIDTH]. Groups: (tile of taps, group and block, slab).
#define ROWS (TY * TK * TC)
#define x_at_TYPE x_TYPE // places that move step by step, as in convolution.cl
#define dy_at_TYPE dy_TYPE
#define TAP(i) ((i) / (TK * TC) * (DY * W * CI) + (i) / TC % TK * (DX * CI) + (i) % TC)
#define TILES(count, size) (((count) + (size) - 1) / (size))

TW_ENTRY KERNEL(convolution_dw)(TW_N, TW_IN(x), TW_IN(dy), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_OUT(part);
    const int tile = tw_group(0), slab = tw_group(2);
    const int block = tw_group(1) % BLOCKS, group = tw_group(1) / BLOCKS;
    const int c0 = tile % TILES(RUN, TC) * TC, kx0 = tile / TILES(RUN, TC) % TILES(KXN, TK) * TK;
    const int ky0 = tile / TILES(RUN, TC) / TILES(KXN, TK) * TY;
    const int c = min(c0, RUN - TC), kx = min(kx0, KXN - TK), ky = min(ky0, KH - TY);
    // the pixels [begin, end) of a row for which this tap is inside x
    const int shift = PL - kx * DX;
    const int begin = shift > 0 ? (shift + SX - 1) / SX : 0;
    const int end = W - 1 + shift < 0 ? 0 : min(OW, (W - 1 + shift) / SX + 1);

    TILE_BEGIN(acc, ROWS)
    const int last = (int)((long)(IMAGES) * (slab + 1) / SLABS);
    for (int image = (int)((long)(IMAGES)*slab / SLABS); image < last; image++)
        for (int oy = 0; oy < OH; oy++) {
            const int iy = oy * SY + ky * DY - PT;
            if (iy < 0 || iy >= H)
                continue;
            __global const TW_STORAGE(x) *x_at =
                x + ((image * H + iy) * W + begin * SX - shift) * CI + group * CIG + c;
            __global const TW_STORAGE(dy) *dy_at =
                dy + ((image * OH + oy) * OW + begin) * (GROUPS * CP) + group * CP + block * TILE_WIDTH;
            for (int ox = begin; ox < end; ox++, x_at += SX * CI, dy_at += GROUPS * CP)
                TILE_STEP(acc, ROWS, x_at, 0, TAP, dy_at, 0);
        }
    TILE_END(acc, ROWS, out)
    for (int i = 0; i < ROWS; i++) {
        const int ty = ky + i / (TK * TC), tk = kx + i / TC % TK, tc = c + i % TC;
        if (ty < ky0 || tk < kx0 || tc < c0)
            continue; // another tile's
        const int row = (slab * GROUPS + group) * (KH * KXN * RUN) + (ty * KXN + tk) * RUN + tc;
        for (int v = 0; v < NV; v++)
            STORE(VW, part, row * (BLOCKS * TILE_WIDTH) + block * TILE_WIDTH + v * VW, out[i][v]);
    }
}
