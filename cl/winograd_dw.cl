// SPDX-License-Identifier: Apache-2.0
// The weight's gradient of a convolution of 3x3 taps at stride 1 for CPUs by Winograd's F(3x3,4x4): dy's tiles of 4x4
// pixels are the filter, and the 6x6 pixels of x that they meet give the 3x3 taps by 36 multiplications instead of 144
// (Lavin and Gray 2015, arXiv 1509.09308, section 4.1 turned round; the points of core/winograd.cl).
//
// x [n,H,W,CI], dy [n,OH,OW,CO]. Tiles are numbered over all images; a slab of them goes through in strips of STRIP, so
// that what is between the phases stays in the cache:
//     v [36][V_PITCH] of [STRIP][CIP] = B^T x B: pixels in the padding are 0; CIP is CI, up to a multiple of ROWS
//     u [36][U_PITCH] of [STRIP][COLUMNS] = G dy G^T: pixels behind the image are 0
//     m [36][CIP][COLUMNS] += v^T u
// and at its end part [SLABS][9*CI][BLOCKS*COLUMNS] = A^T m A, for slab_sum.cl.
// Groups: (block of COLUMNS output channels, slab), each with a scratch of its own.
#define TILES ((IMAGES) * (TILES_H * TILES_W))
#define ROW(i) (i)
// One vector more than they hold: at a power of two all 36 places of a tile would meet in one set of the cache.
#define V_PITCH (STRIP * CIP + VW)
#define U_PITCH (STRIP * COLUMNS + VW)

// to[k * ts] = sum of G[k][j] * from[j * fs]
#define GRADIENT_LINE(from, fs, to, ts)                                                                               \
    do {                                                                                                              \
        const FLOATV(VW) even1 = -2.0f / 3.0f * (from[0] + 0.5f * from[2 * (fs)]);                                    \
        const FLOATV(VW) odd1 = -2.0f / 3.0f * WINOGRAD_HALF * (from[1 * (fs)] + 0.5f * from[3 * (fs)]);              \
        const FLOATV(VW) even2 = 1.0f / 6.0f * (from[0] + 2.0f * from[2 * (fs)]);                                     \
        const FLOATV(VW) odd2 = WINOGRAD_TWO / 6.0f * (from[1 * (fs)] + 2.0f * from[3 * (fs)]);                       \
        to[0] = from[0];                                                                                              \
        to[1 * (ts)] = even1 + odd1;                                                                                  \
        to[2 * (ts)] = even1 - odd1;                                                                                  \
        to[3 * (ts)] = even2 + odd2;                                                                                  \
        to[4 * (ts)] = even2 - odd2;                                                                                  \
        to[5 * (ts)] = from[3 * (fs)];                                                                                \
    } while (0)

// to[k * ts] = sum of A^T[k][j] * from[j * fs]
#define TAP_LINE(from, fs, to, ts)                                                                                    \
    do {                                                                                                              \
        const FLOATV(VW) sum1 = from[1 * (fs)] + from[2 * (fs)], sum2 = from[3 * (fs)] + from[4 * (fs)];              \
        to[0] = from[0] + sum1 + sum2;                                                                                \
        to[1 * (ts)] = WINOGRAD_HALF * (from[1 * (fs)] - from[2 * (fs)]) +                                            \
                       WINOGRAD_TWO * (from[3 * (fs)] - from[4 * (fs)]);                                              \
        to[2 * (ts)] = 0.5f * sum1 + 2.0f * sum2 + from[5 * (fs)];                                                    \
    } while (0)

TW_ENTRY KERNEL(winograd_dw)(TW_N, TW_IN(x), TW_IN(dy), TW_OUT(scratch), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_OUT(scratch);
    USE_OUT(part);
    const tw_index block = tw_group(0), slab = tw_group(1);
    const tw_index m = (slab * BLOCKS + block) * (36 * (CIP * COLUMNS + V_PITCH + U_PITCH));
    const tw_index v = m + 36 * CIP * COLUMNS, u = v + 36 * V_PITCH;
    for (tw_index i = m; i < u; i += VW)
        STORE(VW, scratch, i, (FLOATV(VW))(0));
    const tw_index last = (tw_index)((long)(TILES) * (slab + 1) / SLABS);
    for (tw_index first = (tw_index)((long)(TILES)*slab / SLABS); first < last; first += STRIP) {
        const tw_index count = tw_min(STRIP, last - first);
        for (tw_index i = 0; i < count; i++) {
            const tw_index tile = first + i, image = tile / (TILES_H * TILES_W);
            const tw_index oy = tile / TILES_W % TILES_H * 4, ox = tile % TILES_W * 4;
            WINOGRAD_INPUTS(x, image, oy - PT, ox - PL, scratch, v + i * CIP, V_PITCH);
            TILE_LOOP for (tw_index c = 0; c < COLUMNS; c += VW)
            {
                const tw_index column = block * COLUMNS + c;
                FLOATV(VW) t[24];
                TILE_LOOP for (tw_index r = 0; r < 4; r++)
                {
                    FLOATV(VW) d[4];
                    TILE_UNROLL for (tw_index s = 0; s < 4; s++)
                    {
                        d[s] = (FLOATV(VW))(0);
                        if (oy + r < OH && ox + s < OW && column < CO)
                            d[s] = TW_CAT(tw_load_part_, VW)(
                                dy + ((image * OH + oy + r) * OW + ox + s) * CO + column, CO - column);
                    }
                    GRADIENT_LINE(d, 1, (t + r * 6), 1);
                }
                TILE_LOOP for (tw_index s = 0; s < 6; s++)
                {
                    FLOATV(VW) d[6];
                    GRADIENT_LINE((t + s), 6, d, 1);
                    TILE_UNROLL for (tw_index r = 0; r < 6; r++)
                        STORE(VW, scratch, u + (r * 6 + s) * U_PITCH + i * COLUMNS + c, d[r]);
                }
            }
        }
        for (tw_index e = 0; e < 36; e++)
            for (tw_index c = 0; c < COLUMNS; c += TILE_WIDTH)
                TILE_LOOP for (tw_index row = 0; row < CIP; row += ROWS)
                {
                    const tw_index a = v + e * V_PITCH + row, b = u + e * U_PITCH + c;
                    const tw_index to = m + (e * CIP + row) * COLUMNS + c;
                    FLOATV(VW) acc[ROWS][NV];
                    TILE_UNROLL for (tw_index i = 0; i < ROWS; i++)
                        TILE_UNROLL for (tw_index w = 0; w < NV; w++)
                            acc[i][w] = LOAD(VW, scratch, to + i * COLUMNS + w * VW);
                    for (tw_index k = 0; k < count; k++)
                        TILE_STEP(acc, ROWS, scratch, a + k * CIP, ROW, scratch, b + k * COLUMNS);
                    TILE_UNROLL for (tw_index i = 0; i < ROWS; i++)
                        TILE_UNROLL for (tw_index w = 0; w < NV; w++)
                            STORE(VW, scratch, to + i * COLUMNS + w * VW, acc[i][w]);
                }
    }
    for (tw_index row = 0; row < CI; row++)
        TILE_LOOP for (tw_index c = 0; c < COLUMNS; c += VW)
        {
            FLOATV(VW) t[18];
            TILE_LOOP for (tw_index s = 0; s < 6; s++)
            {
                FLOATV(VW) line[6];
                TILE_UNROLL for (tw_index r = 0; r < 6; r++)
                    line[r] = LOAD(VW, scratch, m + ((r * 6 + s) * CIP + row) * COLUMNS + c);
                TAP_LINE(line, 1, (t + s), 6);
            }
            TILE_LOOP for (tw_index r = 0; r < 3; r++)
            {
                FLOATV(VW) taps[3];
                TAP_LINE((t + r * 6), 1, taps, 1);
                TILE_UNROLL for (tw_index s = 0; s < 3; s++)
                    STORE(VW, part, ((slab * 9 + r * 3 + s) * CI + row) * (BLOCKS * COLUMNS) + block * COLUMNS + c,
                          taps[s]);
            }
        }
}
