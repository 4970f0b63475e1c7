// SPDX-License-Identifier: Apache-2.0
// The gradient by the weight of a convolution and the maxpool of 2x2 windows (or others of four pixels) behind it, for
// CPUs: of the four pixels of a window one alone has a gradient, in each channel another. So it takes a quarter of the
// multiply-adds of convolution_dw.cl, and the gradient of the convolution is never in memory.
//
// x [n,H,W,CI] holds its padding; dy [n,PH,PW,CO] is the gradient of the pool's result, and which [n,PH,PW,CO] the
// number of the pixel that was the largest. Vectors run over a row of taps, (kx, ci), which is one run. Bands of BAND
// rows of windows are gone through one after the other:
//     for each output channel the gradients that are not 0, value [CO][BAND*PW], where in x the pixel's taps begin,
//         place [CO][BAND*PW], and how many they are, count [CO]
//     the sums of a channel for TY rows of taps, P vectors of each, stay in registers while they are gone through; the
//         band's pixels of x stay in the first-level cache from one channel to the next.
// part [SLABS][CO][KH*KW*CI], added and turned by slab_squares.cl. Groups: (slab of images).
#define RUN (KW * CI)
#define SUMS (KH * RUN)
#define LIST (BAND * PW)
#define TAP(i) ((i) / P * (W * CI) + (i) % P * VW)

// Lists the gradients of a band of so many rows.
static inline void KERNEL(list)(__global const TW_STORAGE(dy) *dy, __global const TW_STORAGE(which) *which,
                                const int rows, __global float *value, __global int *place, __global int *count)
{
    TW_ROLLED
    for (int co = 0; co < CO; co++)
        count[co] = 0;
    TW_ROLLED
    for (int window = 0; window < rows * PW; window++) {
        const int pixel = (window / PW * POOL_H * W + window % PW * POOL_W) * CI;
        TW_ROLLED
        for (int co = 0; co < CO; co++) {
            const int k = LOAD(1, which, window * CO + co) & 3, to = co * LIST + count[co];
            const float share = LOAD(1, dy, window * CO + co);
            value[to] = share;
            place[to] = pixel + (k / POOL_W * W + k % POOL_W) * CI;
            count[co] += share != 0;
        }
    }
}

TW_ENTRY KERNEL(convolution_pool_dw)(TW_N, TW_IN(x), TW_IN(dy), TW_IN(which), TW_OUT(values), TW_OUT(places),
                                     TW_OUT(counts), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_IN(which);
    USE_OUT(part);
    const int slab = tw_group(0), sums = slab * (CO * SUMS);
    __global float *const value = values_base + values_offset + slab * (CO * LIST);
    __global int *const place = places_base + places_offset + slab * (CO * LIST);
    __global int *const count = counts_base + counts_offset + slab * CO;
    TW_ROLLED
    for (int i = 0; i < CO * SUMS; i += VW)
        STORE(VW, part, sums + i, (FLOATV(VW))(0));
    const int last = (int)((long)(IMAGES) * (slab + 1) / SLABS);
    for (int image = (int)((long)(IMAGES)*slab / SLABS); image < last; image++)
        for (int band = 0; band < PH; band += BAND) {
            const int first = (image * PH + band) * (PW * CO);
            KERNEL(list)(dy + first, which + first, min(BAND, PH - band), value, place, count);
            for (int task = 0; task < SUMS / (TY * P * VW) * CO; task++) {
                const int tap = task / CO * (TY * P * VW), co = task % CO;
                const int to = sums + co * SUMS + tap, end = co * LIST + count[co];
                __global const float *const at = x + ((image * H + band * POOL_H + tap / RUN) * W) * CI + tap % RUN;
                FLOATV(VW) acc[TY * P];
                TILE_UNROLL for (int i = 0; i < TY * P; i++) acc[i] = LOAD(VW, part, to + i * VW);
                TILE_LOOP for (int e = co * LIST; e < end; e++)
                {
                    const FLOATV(VW) share = (FLOATV(VW))(value[e]);
                    __global const float *const from = at + place[e];
                    TILE_UNROLL for (int i = 0; i < TY * P; i++) acc[i] =
                        share * TW_CAT(tw_load_f32_, VW)(from + TAP(i)) + acc[i];
                }
                TILE_UNROLL for (int i = 0; i < TY * P; i++) STORE(VW, part, to + i * VW, acc[i]);
            }
        }
}
