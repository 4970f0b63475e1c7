// SPDX-License-Identifier: Apache-2.0
// Convolution of 3x3 taps at stride 1 for CPUs by Winograd's F(4x4,3x3): 36 multiplications instead of 144 for 4x4
// outputs (Lavin and Gray 2015, arXiv 1509.09308); the points are those of core/winograd.cl.
//
// x [n,H,W,CI]; w: packed by winograd_pack.cl. Tiles are numbered over all images, and a strip of STRIP of them goes
// through the three phases at once, so that what is between them stays in the cache:
//     v [36][V_PITCH] of [STRIP][CI] = B^T d B: the tile's 6x6 pixels, those in the padding 0
//     m [36][M_PITCH] of [STRIP][TILE_WIDTH] = v w: 36 products
//     y = A^T m A: 4x4 pixels, of which those inside the image are stored
// POOLED (core/pool.cl): the pixels' windows, which divide a tile; OH and OW end where the last windows end.
// Groups: SLICES, each with a scratch of its own; group i does the strips i, i + SLICES, ...
// One vector more than they hold: at a power of two all 36 places of a tile would meet in one set of the cache.
#define V_PITCH (STRIP * CI + VW)
#define M_PITCH (STRIP * TILE_WIDTH + VW)
#define SCRATCH (36 * (V_PITCH + M_PITCH))
#define TILES ((IMAGES) * (TILES_H * TILES_W))
#define ROW(i) ((i) * CI)

// to[k * ts] = sum of A^T[k][j] * from[j * fs]
#define OUTPUT_LINE(from, fs, to, ts)                                                                                 \
    do {                                                                                                              \
        const FLOATV(VW) sum1 = from[1 * (fs)] + from[2 * (fs)], sum2 = from[3 * (fs)] + from[4 * (fs)];              \
        const FLOATV(VW) difference1 = from[1 * (fs)] - from[2 * (fs)];                                               \
        const FLOATV(VW) difference2 = from[3 * (fs)] - from[4 * (fs)];                                               \
        to[0 * (ts)] = from[0 * (fs)] + sum1 + sum2;                                                                  \
        to[1 * (ts)] = WINOGRAD_HALF * difference1 + WINOGRAD_TWO * difference2;                                      \
        to[2 * (ts)] = 0.5f * sum1 + 2.0f * sum2;                                                                     \
        to[3 * (ts)] = 0.5f * WINOGRAD_HALF * difference1 + 2.0f * WINOGRAD_TWO * difference2 + from[5 * (fs)];       \
    } while (0)

#if POOLED
#define PUT_PIXELS                                                                                                    \
    TILE_LOOP for (tw_index r = 0; r < tw_min(4, OH - oy); r += POOL_H)                                               \
        TILE_LOOP for (tw_index s = 0; s < tw_min(4, OW - ox); s += POOL_W)                                           \
            POOL_EPILOGUE(PIXEL,                                                                                      \
                          ((image * (OH / POOL_H) + (oy + r) / POOL_H) * (OW / POOL_W) + (ox + s) / POOL_W) * CO +    \
                              column,                                                                                 \
                          column, column, CO);
#define PIXEL(ky, kx) out[(r + (ky)) * 4 + s + (kx)]
#else
#define PUT_PIXELS                                                                                                    \
    TILE_LOOP for (tw_index r = 0; r < tw_min(4, OH - oy); r++)                                                       \
        TILE_LOOP for (tw_index s = 0; s < tw_min(4, OW - ox); s++)                                                   \
            TILE_EPILOGUE(out[r * 4 + s], ((image * OH + oy + r) * OW + ox + s) * CO + column, column, column, CO);
#endif

TW_ENTRY KERNEL(winograd)(TW_N, TW_IN(x), TW_IN(w), TW_OUT(scratch) POOL_PARAMS EPILOGUE_PARAMS TW_SIZES())
{
    USE_IN(x);
    USE_IN(w);
    USE_OUT(scratch);
    USE_POOL
    const tw_index v = tw_group(0) * SCRATCH, m = v + 36 * V_PITCH;
    for (tw_index first = tw_group(0) * STRIP; first < TILES; first += SLICES * STRIP) {
        for (tw_index i = 0; i < STRIP; i++) {
            const tw_index tile = tw_min(first + i, TILES - 1); // behind the last tile: that one again, not stored
            const tw_index image = tile / (TILES_H * TILES_W);
            const tw_index iy = tile / TILES_W % TILES_H * 4 - PT, ix = tile % TILES_W * 4 - PL;
            WINOGRAD_INPUTS(x, image, iy, ix, scratch, v + i * CI, V_PITCH);
        }
        for (tw_index block = 0; block < BLOCKS; block++) {
            for (tw_index e = 0; e < 36; e++)
                TILE_LOOP for (tw_index row = 0; row < STRIP; row += ROWS)
                {
                    TILE_BEGIN(acc, ROWS)
                    const tw_index a = v + e * V_PITCH + row * CI, b = (block * 36 + e) * (CI * TILE_WIDTH);
                    for (tw_index c = 0; c < CI; c++)
                        TILE_STEP(acc, ROWS, scratch, a + c, ROW, w, b + c * TILE_WIDTH);
                    TILE_UNROLL for (tw_index i = 0; i < ROWS; i++)
                        TILE_UNROLL for (tw_index u = 0; u < NV; u++)
                            STORE(VW, scratch, m + e * M_PITCH + (row + i) * TILE_WIDTH + u * VW, acc[i][u]);
                }
            for (tw_index i = 0; i < tw_min(STRIP, TILES - first); i++) {
                const tw_index image = (first + i) / (TILES_H * TILES_W);
                const tw_index oy = (first + i) / TILES_W % TILES_H * 4, ox = (first + i) % TILES_W * 4;
                TILE_LOOP for (tw_index u = 0; u < NV; u++)
                {
                    const tw_index column = block * TILE_WIDTH + u * VW;
                    FLOATV(VW) t[24], out[16];
                    TILE_LOOP for (tw_index s = 0; s < 6; s++)
                    {
                        FLOATV(VW) line[6];
                        TILE_UNROLL for (tw_index r = 0; r < 6; r++) line[r] =
                            LOAD(VW, scratch, m + (r * 6 + s) * M_PITCH + i * TILE_WIDTH + u * VW);
                        OUTPUT_LINE(line, 1, (t + s), 6);
                    }
                    TILE_LOOP for (tw_index r = 0; r < 4; r++) OUTPUT_LINE((t + r * 6), 1, (out + r * 4), 1);
                    PUT_PIXELS
                }
            }
        }
    }
}
