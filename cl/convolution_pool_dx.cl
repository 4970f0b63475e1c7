// SPDX-License-Identifier: Apache-2.0
// The gradient by x of a convolution and the maxpool of 2x2 windows (or others of four pixels) behind it, for CPUs: of
// the four pixels of a window one alone has a gradient, in each channel another. So it takes a quarter of the
// multiply-adds of a convolution of all their gradients, which are never in memory.
//
// dy [n,PH,PW,CO] is the gradient of the pool's result, and which [n,PH,PW,CO] the number of the pixel that was the
// largest. A row of taps, (kx, ci), is one run of dx; vectors go over it. w is packed by matmul_pack.cl:
// [parts][CO][P*VW], a part being P vectors of a row of taps. Bands of BAND rows of windows are gone through one after
// the other:
//     the output channels of each window, in blocks of CB, are sorted by pixel, and those without a gradient left out:
//         value, place [BAND*PW][BLOCKS][4][CB], and how many there are of each pixel, count [BAND*PW][BLOCKS][4]
//     plane [BAND*POOL_H+KH-1][WIDE][CI], rows of dx within its padding: for each part and block, whose weights stay in
//         the first-level cache, and each pixel, the sum over its channels is added where its taps lie
//     the rows of the plane to which no further window adds are handed over; the others become its first.
// Groups: SLICES, each with a scratch of its own; group i does the images i, i + SLICES, ...
#define RUN (KW * CI)
#define BLOCKS (CO / CB)
#define ROW (WIDE * CI)
#define PLANE ((BAND * POOL_H + KH - 1) * ROW)
#define LISTS (BAND * PW * BLOCKS * 4)
#define GET TW_CAT(tw_load_f32_, VW)
#define PUT TW_CAT(tw_store_f32_, VW)

// Sorts the channels of all windows of a band.
static inline void KERNEL(sort)(__global const TW_STORAGE(dy) *dy, __global const TW_STORAGE(which) *which,
                                const int windows, __global float *value, __global int *place, __global int *count)
{
    TW_ROLLED
    for (int list = 0; list < windows * (BLOCKS * 4); list += 4) {
        ulong counts = 0; // 16 bits for each pixel
        TW_ROLLED
        for (int j = 0; j < CB; j++) {
            const int at = list / 4 * CB + j, k = LOAD(1, which, at) & 3;
            const float share = LOAD(1, dy, at);
            const int to = (list + k) * CB + ((int)(counts >> (16 * k)) & 0xffff);
            value[to] = share;
            place[to] = j * (P * VW);
            counts += (ulong)(share != 0) << (16 * k);
        }
        TW_ROLLED
        for (int k = 0; k < 4; k++)
            count[list + k] = (int)(counts >> (16 * k)) & 0xffff;
    }
}

TW_ENTRY KERNEL(convolution_pool_dx)(TW_N, TW_IN(dy), TW_IN(which), TW_IN(w), TW_OUT(planes), TW_OUT(values),
                                     TW_OUT(places), TW_OUT(counts) EPILOGUE_PARAMS)
{
    USE_IN(dy);
    USE_IN(which);
    USE_IN(w);
    const int slice = tw_group(0);
    __global float *const plane = planes_base + planes_offset + slice * PLANE;
    __global float *const value = values_base + values_offset + slice * (LISTS * CB);
    __global int *const place = places_base + places_offset + slice * (LISTS * CB);
    __global int *const count = counts_base + counts_offset + slice * LISTS;
    for (int image = slice; image < (IMAGES); image += SLICES) {
        TW_ROLLED
        for (int i = 0; i < PLANE; i += VW)
            PUT(plane + i, (FLOATV(VW))(0));
        for (int band = 0; band < PH; band += BAND) {
            const int rows = min(BAND, PH - band), first = (image * PH + band) * (PW * CO);
            KERNEL(sort)(dy + first, which + first, rows * PW, value, place, count);
            for (int task = 0; task < KH * RUN / (P * VW) * BLOCKS; task++) {
                const int block = task % BLOCKS, tap = task / BLOCKS * (P * VW);
                __global const float *const weight = w + task * (CB * P * VW);
                for (int window = 0; window < rows * PW; window++)
                    for (int k = 0; k < 4; k++) {
                        const int list = (window * BLOCKS + block) * 4 + k;
                        const int y = window / PW * POOL_H + k / POOL_W + tap / RUN;
                        const int x = window % PW * POOL_W + k % POOL_W;
                        __global float *const at = plane + y * ROW + x * CI + tap % RUN;
                        const int last = list * CB + count[list];
                        FLOATV(VW) acc[P];
                        TILE_UNROLL for (int i = 0; i < P; i++) acc[i] = GET(at + i * VW);
                        TILE_LOOP for (int e = list * CB; e < last; e++)
                        {
                            const FLOATV(VW) share = (FLOATV(VW))(value[e]);
                            __global const float *const from = weight + place[e];
                            TILE_UNROLL for (int i = 0; i < P; i++) acc[i] = share * GET(from + i * VW) + acc[i];
                        }
                        TILE_UNROLL for (int i = 0; i < P; i++) PUT(at + i * VW, acc[i]);
                    }
            }
            // row y of the plane is row band * POOL_H + y - PT of dx
            const int done = band + BAND < PH ? BAND * POOL_H : H + PT - band * POOL_H;
            for (int y = 0; y < done; y++) {
                const int iy = band * POOL_H + y - PT, kept = y < BAND * POOL_H + KH - 1;
                if (iy < 0 || iy >= H)
                    continue;
                TW_ROLLED
                for (int i = 0; i < W * CI; i += VW) {
                    const FLOATV(VW) v = kept ? GET(plane + y * ROW + PL * CI + i) : (FLOATV(VW))(0);
                    EPILOGUE(VW, v, (image * H + iy) * (W * CI) + i, i % CI);
                }
            }
            TW_ROLLED
            for (int i = 0; i < PLANE; i += VW)
                PUT(plane + i, i < (KH - 1) * ROW ? GET(plane + BAND * POOL_H * ROW + i) : (FLOATV(VW))(0));
        }
    }
}
