// SPDX-License-Identifier: Apache-2.0
// The gradient by the weight of a convolution of few channels and the maxpool behind it, for CPUs: as
// convolution_pool_dw.cl, where a row of taps is no whole number of vectors, or all of them are few.
//
// x [n,H,W,CI] holds its padding; dy and which [n,PH,PW,CO]. Bands of BAND rows of windows are gone through one after
// the other:
//     patches [BAND*PW][4][V*VW]: the taps (ky, kx, ci) of each pixel; what stands behind the last is of no account
//     the sums of CB output channels, V vectors of taps each, stay in registers while all windows add to them.
// part [SLABS][CO][V*VW], added and turned by slab_squares.cl. Groups: (slab of images).
#define RUN (KW * CI)
#define dy_at_TYPE dy_TYPE // places that move step by step, as in convolution.cl
#define which_at_TYPE which_TYPE
#define PATCH (V * VW)
#define GET TW_CAT(tw_load_f32_, VW)
#define PUT TW_CAT(tw_store_f32_, VW)
#define PART TW_CAT(tw_load_part_, VW)
#define PATCHES (BAND * PW * (4 * PATCH) + VW)

// Copies the taps of the windows of a band by whole vectors, each over what the one before it has beyond its row. The
// band's first pixel is at x, `left` numbers before x's end.
static inline void KERNEL(patches)(__global const TW_STORAGE(x) *x, const int left, const int rows,
                                   __global float *patch)
{
    for (int row = 0; row < rows; row++)
        TILE_LOOP for (int column = 0; column < PW; column++)
            TILE_UNROLL for (int k = 0; k < 4; k++)
            {
                const int pixel = ((row * POOL_H + k / POOL_W) * W + column * POOL_W + k % POOL_W) * CI;
                __global float *const to = patch + ((row * PW + column) * 4 + k) * PATCH;
                TILE_UNROLL for (int ky = 0; ky < KH; ky++)
                    TILE_UNROLL for (int r = 0; r < RUN; r += VW)
                    {
                        const int from = pixel + ky * (W * CI) + r;
                        PUT(to + ky * RUN + r, from + VW <= left ? GET(x + from) : PART(x + from, left - from));
                    }
            }
}

TW_ENTRY KERNEL(convolution_pool_dw_few)(TW_N, TW_IN(x), TW_IN(dy), TW_IN(which), TW_OUT(patches), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_IN(which);
    USE_OUT(part);
    const int slab = tw_group(0), sums = slab * (CO * PATCH);
    __global float *const patch = patches_base + patches_offset + slab * PATCHES;
    TW_ROLLED
    for (int i = 0; i < CO * PATCH; i += VW)
        STORE(VW, part, sums + i, (FLOATV(VW))(0));
    const int last = (int)((long)(IMAGES) * (slab + 1) / SLABS);
    for (int image = (int)((long)(IMAGES)*slab / SLABS); image < last; image++)
        for (int band = 0; band < PH; band += BAND) {
            const int rows = min(BAND, PH - band), first = (image * PH + band) * (PW * CO);
            const int pixel = (image * H + band * POOL_H) * (W * CI);
            KERNEL(patches)(x + pixel, (IMAGES) * (H * W * CI) - pixel, rows, patch);
            TILE_LOOP for (int co = 0; co < CO; co += CB)
            {
                FLOATV(VW) acc[CB][V];
                TILE_UNROLL for (int i = 0; i < CB * V; i++) acc[i / V][i % V] =
                    LOAD(VW, part, sums + co * PATCH + i * VW);
                __global const TW_STORAGE(dy) *dy_at = dy + first + co;
                __global const TW_STORAGE(which) *which_at = which + first + co;
                __global const float *from = patch;
                TILE_LOOP for (int window = 0; window < rows * PW; window++)
                {
                    TILE_UNROLL for (int c = 0; c < CB; c++)
                    {
                        const FLOATV(VW) share = (FLOATV(VW))(LOAD(1, dy_at, c));
                        const size_t k = LOAD(1, which_at, c) & 3;
                        TILE_UNROLL for (int v = 0; v < V; v++) acc[c][v] =
                            share * GET(from + k * PATCH + v * VW) + acc[c][v];
                    }
                    dy_at += CO;
                    which_at += CO;
                    from += 4 * PATCH;
                }
                TILE_UNROLL for (int i = 0; i < CB * V; i++)
                    STORE(VW, part, sums + co * PATCH + i * VW, acc[i / V][i % V]);
            }
        }
}
