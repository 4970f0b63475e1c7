// SPDX-License-Identifier: Apache-2.0
// Convolution to few channels for CPUs, forward and by x (so also transposed): vectors run over the many channels that
// are summed, and each result's vector is added up at the end of its sum. Register tiles with the few channels as
// columns (convolution.cl, convolution_phase.cl) would multiply by zeros in most lanes.
//
// x [n,SOURCE_H,SOURCE_W,SUM] (by x: the gradient of y), w [KH,KW,LANES,SUM], result [n,RESULT_H,RESULT_W,LANES]. By x
// the pixels of the result that are SX apart (a phase) meet the same taps. A tile is PIXELS pixels of a phase by LANES
// channels, and a whole row of results is kept before its epilogue: so tiles may overlap, and reach behind the row's end.
// EDGES: only the first and the last tile of a row have taps outside, which are known when the kernel is compiled.
// LINEAR: the epilogue goes by vectors over the row, whatever the channels. Groups: (row of the result, image).
#define PIXELS (VW / LANES)

#if BY_X
#define SUM CO
#define LANES CI
#define RESULT_H H
#define RESULT_W W
#define SOURCE_H OH
#define SOURCE_W OW
#define PHASES SX
#define STEP_X 1
// the row of the source that tap ky meets at row y of the result, below 0 if none; the same from pixel 0 of the phase
#define SOURCE_ROW(y, ky) (((y) + PT - (ky)*DY) % SY == 0 ? ((y) + PT - (ky)*DY) / SY : -1)
#define MEETS(phase, kx) (((phase) + PL - (kx)*DX) % SX == 0)
#define SHIFT(phase, kx) (((phase) + PL - (kx)*DX) / SX)
#else
#define SUM CI
#define LANES CO
#define RESULT_H OH
#define RESULT_W OW
#define SOURCE_H H
#define SOURCE_W W
#define PHASES 1
#define STEP_X SX
#define SOURCE_ROW(y, ky) ((y)*SY + (ky)*DY - PT)
#define MEETS(phase, kx) 1
#define SHIFT(phase, kx) ((kx)*DX - PL)
#endif

// Two vectors of sums become one: pairs of parts of each that are `v.first` and `v.second` are added.
#define JOIN(k, first, second)                                                                                        \
    acc[k] = (FLOATV(VW))(acc[2 * (k)].first, acc[2 * (k) + 1].first) +                                               \
             (FLOATV(VW))(acc[2 * (k)].second, acc[2 * (k) + 1].second)
#define JOIN_ALL(count, first, second)                                                                                \
    TILE_UNROLL for (tw_index k = 0; k < (count); k++) JOIN(k, first, second)
#if VW == 16
#define ADD_UP                                                                                                        \
    JOIN_ALL(8, lo, hi);                                                                                              \
    JOIN_ALL(4, s012389ab, s4567cdef);                                                                                \
    JOIN_ALL(2, s014589cd, s2367abef);                                                                                \
    JOIN_ALL(1, even, odd)
#elif VW == 8
#define ADD_UP                                                                                                        \
    JOIN_ALL(4, lo, hi);                                                                                              \
    JOIN_ALL(2, s0145, s2367);                                                                                        \
    JOIN_ALL(1, even, odd)
#else
#define ADD_UP                                                                                                        \
    JOIN_ALL(2, lo, hi);                                                                                              \
    JOIN_ALL(1, even, odd)
#endif

// Taps of a row that go together, so that each pixel of the source is loaded once for them: all of them, unless they are
// too many for the registers, or phases meet different ones. They and PIXELS pixels reach over SPAN pixels of the source; pixel s of these meets the tile's pixel
// REACH(s, g) / STEP_X at tap g of them.
#if PHASES == 1 && KW * LANES <= 9
#define TOGETHER KW
#else
#define TOGETHER 1
#endif
#define SPAN ((PIXELS - 1) * STEP_X + (TOGETHER - 1) * DX + 1)
#if BY_X
#define FIRST_TAP (kx + TOGETHER - 1) // that which meets the first of them
#define REACH(s, g) ((s) - (TOGETHER - 1 - (g)) * DX)
#else
#define FIRST_TAP kx
#define REACH(s, g) ((s) - (g)*DX)
#endif

// The row of the source that no tile has read yet is asked for AHEAD elements before it is needed, where the sums of a
// pixel are short; rows lie one behind the other.
#define AHEAD 2048
#if TOGETHER == KW
#define FETCH_AHEAD(s, ky)                                                                                            \
    if ((ky) == (BY_X ? 0 : KH - 1) && (s) < PIXELS * STEP_X)                                                         \
    TW_PREFETCH(x, a + (s)*SUM + AHEAD)
#else
#define FETCH_AHEAD(s, ky)
#endif

// Adds to acc what PIXELS pixels of the phase from `place` on meet, of which pixel s of the source is there if INSIDE(s).
#define ADD(place, INSIDE)                                                                                            \
    TILE_LOOP for (tw_index ky = 0; ky < KH; ky++)                                                                    \
    {                                                                                                                 \
        const tw_index sy = SOURCE_ROW(row, ky);                                                                      \
        if (sy < 0 || sy >= SOURCE_H)                                                                                 \
            continue;                                                                                                 \
        TILE_LOOP for (tw_index kx = 0; kx < KW; kx += TOGETHER)                                                      \
        {                                                                                                             \
            if (!MEETS(phase, kx))                                                                                    \
                continue;                                                                                             \
            const tw_index sx = (place)*STEP_X + SHIFT(phase, FIRST_TAP);                                             \
            tw_index a = ((image * SOURCE_H + sy) * SOURCE_W + sx) * SUM, b = (ky * KW + kx) * (LANES * SUM);         \
            TILE_LOOP for (tw_index c = 0; c < SUM; c += VW, a += VW, b += VW)                                        \
            {                                                                                                         \
                FLOATV(VW) tap[TOGETHER * LANES];                                                                     \
                TILE_UNROLL for (tw_index j = 0; j < TOGETHER * LANES; j++) tap[j] = LOAD(VW, w, b + j * SUM);        \
                TILE_UNROLL for (tw_index s = 0; s < SPAN; s++)                                                       \
                    if (INSIDE(s)) {                                                                                  \
                        const FLOATV(VW) v = LOAD(VW, x, a + s * SUM);                                                \
                        FETCH_AHEAD(s, ky);                                                                           \
                        TILE_UNROLL for (tw_index g = 0; g < TOGETHER; g++)                                           \
                            if (REACH(s, g) >= 0 && REACH(s, g) % STEP_X == 0 && REACH(s, g) < PIXELS * STEP_X)       \
                                TILE_UNROLL for (tw_index j = 0; j < LANES; j++) acc[REACH(s, g) / STEP_X * LANES + j] = \
                                    v * tap[g * LANES + j] + acc[REACH(s, g) / STEP_X * LANES + j];                   \
                    }                                                                                                 \
            }                                                                                                         \
        }                                                                                                             \
    }
#define ALL(s) 1
#define SOME(s) (sx + (s) >= 0 && sx + (s) < SOURCE_W)

TW_ENTRY KERNEL(convolution_dot)(TW_N, TW_IN(x), TW_IN(w) EPILOGUE_PARAMS TW_SIZES())
{
    USE_IN(x);
    USE_IN(w);
    const tw_index row = tw_group(0), image = tw_group(1);
    float out[RESULT_W * LANES + VW];
#if PHASES > 1
    float sums[(RESULT_W + PHASES - 1) / PHASES * LANES + VW];
#else
#define sums out
#endif
    TILE_LOOP for (tw_index phase = 0; phase < PHASES; phase++)
    {
        const tw_index count = (RESULT_W - phase + PHASES - 1) / PHASES;
#if !EDGES
        tw_index from = 0, to = count; // pixels that have all their taps inside
        TILE_LOOP for (tw_index kx = 0; kx < KW; kx++)
        {
            const tw_index shift = SHIFT(phase, kx), reach = SOURCE_W - 1 - shift;
            if (!MEETS(phase, kx))
                continue;
            from = tw_max(from, (STEP_X - 1 - shift) / STEP_X);
            to = tw_min(to, reach < 0 ? 0 : reach / STEP_X + 1);
        }
#endif
        TILE_LOOP for (tw_index begin = 0; begin < count; begin += PIXELS)
        {
            const tw_index p = tw_min(begin, tw_max(count - PIXELS, 0));
            FLOATV(VW) acc[VW];
            TILE_UNROLL for (tw_index i = 0; i < VW; i++) acc[i] = (FLOATV(VW))(0);
#if EDGES
            if (p == 0)
                ADD(0, SOME)
            else if (p == RESULT_W - PIXELS)
                ADD(RESULT_W - PIXELS, SOME)
            else
                ADD(p, ALL)
#else
            if (p < from || p + PIXELS > to)
                ADD(p, SOME)
            else
                ADD(p, ALL)
#endif
            ADD_UP;
            TW_CAT(vstore, VW)(acc[0], 0, sums + p * LANES);
        }
#if PHASES > 1
        TILE_LOOP for (tw_index q = 0; q < count; q++)
            TILE_LOOP for (tw_index j = 0; j < LANES; j++) out[(q * PHASES + phase) * LANES + j] = sums[q * LANES + j];
#endif
    }
    const tw_index at = (image * RESULT_H + row) * (RESULT_W * LANES);
    tw_index i = 0;
#if LINEAR
    TILE_LOOP for (; i + VW <= RESULT_W * LANES; i += VW) EPILOGUE(VW, TW_CAT(vload, VW)(0, out + i), at + i, 0);
#endif
#if !LINEAR || RESULT_W * LANES % VW
    TILE_LOOP for (; i < RESULT_W * LANES; i++) EPILOGUE(1, out[i], at + i, i % LANES);
#endif
}
