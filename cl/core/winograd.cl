// SPDX-License-Identifier: Apache-2.0
// The input's side of Winograd's F(4x4,3x3) and F(3x3,4x4), which convolutions and their gradient by the weight share.
// The points are 0, +-sqrt(1/2), +-sqrt(2) and infinity: with the usual 0, +-1, +-2 the error is about three times as
// large (docs/kernels.md). Macros only. A kernel that uses them is given H, W and CI of x, and VW.
#define WINOGRAD_HALF 0.70710678f
#define WINOGRAD_TWO 1.41421356f

// to[k * ts] = sum of B^T[k][j] * from[j * fs]
#define WINOGRAD_INPUT_LINE(WIDTH, from, fs, to, ts)                                                                  \
    do {                                                                                                              \
        const FLOATV(WIDTH) even1 = from[4 * (fs)] - 2.0f * from[2 * (fs)];                                           \
        const FLOATV(WIDTH) odd1 = WINOGRAD_HALF * from[3 * (fs)] - WINOGRAD_TWO * from[1 * (fs)];                    \
        const FLOATV(WIDTH) even2 = from[4 * (fs)] - 0.5f * from[2 * (fs)];                                           \
        const FLOATV(WIDTH) odd2 = WINOGRAD_TWO * from[3 * (fs)] - WINOGRAD_HALF * from[1 * (fs)];                    \
        to[0 * (ts)] = from[0 * (fs)] - 2.5f * from[2 * (fs)] + from[4 * (fs)];                                       \
        to[1 * (ts)] = even1 + odd1;                                                                                  \
        to[2 * (ts)] = even1 - odd1;                                                                                  \
        to[3 * (ts)] = even2 + odd2;                                                                                  \
        to[4 * (ts)] = even2 - odd2;                                                                                  \
        to[5 * (ts)] = from[1 * (fs)] - 2.5f * from[3 * (fs)] + from[5 * (fs)];                                       \
    } while (0)

// B^T d B for WIDTH channels from c on of x's 6x6 pixels d, the first at (iy, ix): place (r, s) goes to
// to[at + c + (r * 6 + s) * pitch]. INSIDE: no pixel is in the padding. The loops over rows and columns stay loops:
// unrolled, they take PoCL seconds to compile and run no faster, because 36 vectors fit no register file.
#define WINOGRAD_INPUT(WIDTH, c, INSIDE, x, image, iy, ix, to, at, pitch)                                             \
    do {                                                                                                              \
        FLOATV(WIDTH) wino_t[36];                                                                                     \
        TILE_LOOP for (tw_index r = 0; r < 6; r++)                                                                    \
        {                                                                                                             \
            FLOATV(WIDTH) d[6];                                                                                       \
            TILE_UNROLL for (tw_index s = 0; s < 6; s++)                                                              \
            {                                                                                                         \
                d[s] = (FLOATV(WIDTH))(0);                                                                            \
                if (INSIDE || ((iy) + r >= 0 && (iy) + r < H && (ix) + s >= 0 && (ix) + s < W))                       \
                    d[s] = LOAD(WIDTH, x, (((image)*H + (iy) + r) * W + (ix) + s) * CI + (c));                        \
            }                                                                                                         \
            WINOGRAD_INPUT_LINE(WIDTH, d, 1, (wino_t + r * 6), 1);                                                    \
        }                                                                                                             \
        TILE_LOOP for (tw_index s = 0; s < 6; s++)                                                                    \
        {                                                                                                             \
            FLOATV(WIDTH) d[6];                                                                                       \
            WINOGRAD_INPUT_LINE(WIDTH, (wino_t + s), 6, d, 1);                                                        \
            TILE_UNROLL for (tw_index r = 0; r < 6; r++) STORE(WIDTH, to, (at) + (c) + (r * 6 + s) * (pitch), d[r]);  \
        }                                                                                                             \
    } while (0)

// Channels by vectors; those behind the last whole vector one by one.
#define WINOGRAD_CHANNELS(INSIDE, x, image, iy, ix, to, at, pitch)                                                    \
    do {                                                                                                              \
        tw_index wino_c = 0;                                                                                          \
        for (; wino_c + VW <= CI; wino_c += VW)                                                                       \
            WINOGRAD_INPUT(VW, wino_c, INSIDE, x, image, iy, ix, to, at, pitch);                                      \
        if (CI % VW)                                                                                                  \
            for (; wino_c < CI; wino_c++)                                                                             \
                WINOGRAD_INPUT(1, wino_c, INSIDE, x, image, iy, ix, to, at, pitch);                                   \
    } while (0)

// All channels of a tile.
#define WINOGRAD_INPUTS(x, image, iy, ix, to, at, pitch)                                                              \
    do {                                                                                                              \
        if ((iy) >= 0 && (iy) + 6 <= H && (ix) >= 0 && (ix) + 6 <= W)                                                 \
            WINOGRAD_CHANNELS(1, x, image, iy, ix, to, at, pitch);                                                    \
        else                                                                                                          \
            WINOGRAD_CHANNELS(0, x, image, iy, ix, to, at, pitch);                                                    \
    } while (0)
