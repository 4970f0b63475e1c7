// SPDX-License-Identifier: Apache-2.0
// The gradient of recurrence: a group takes a slab of sequences back through all STEPS steps. At each it turns the
// gradient dh by the state into that by the sums before the activations (dx, and dr by the state's product where they
// differ), then dh by the state before it: dr times the recurrent weight transposed.
//
// simd (LOCAL 1): ROWS sequences at a time, so that their gradients stay in the first-level cache, then in tiles of
// TILE_WIDTH units; the weight is packed [BLOCKS][GATES*U][TILE_WIDTH] by matmul_pack.cl. simt: VW is 1, the slab ROWS
// sequences, an item takes every LOCAL-th unit; the weight is [U][GATES*U].
//
// state: planes [n][UP] of dh, of dc (lstm) or the gradient by r * h (gru_before), and of what came in by the outputs of
// hidden steps: they show the real step before them. Behind these [n][GATES*U], of which a slab uses its first ROWS rows
// for the factor of the product: in dx or dr, STEPS rows apart, it would lie in few sets of a cache.
#define UP (BLOCKS * TILE_WIDTH)
#define DC (n * UP)
#define DRESET DC
#define DOUT (2 * (n * UP))
#define FACTOR (3 * (n * UP) + first * (GATES * U))
#include "parts/recurrence.cl"

#define SAVED_GATE(g) GET(gates, (at * SAVED + g) * U + col)
// The gradient by sum g: into dx; into the factor of the product, which is dr where that is wanted.
#ifdef dx_ABSENT
#define DX(g, v)
#else
#define DX(g, v) PUT(dx, (at * GATES + g) * U + col, v)
#endif
#ifdef dr_ABSENT
#define DR(g, v) PUT(state, FACTOR + ((row - top) * GATES + g) * U + col, v)
#else
#define DR(g, v)                                                                                                      \
    PUT(state, FACTOR + ((row - top) * GATES + g) * U + col, v);                                                      \
    PUT(dr, (at * GATES + g) * U + col, v)
#endif
#define D(g, v)                                                                                                       \
    {                                                                                                                 \
        const FLOATV(VW) d_sum = v;                                                                                   \
        DX(g, d_sum);                                                                                                 \
        DR(g, d_sum);                                                                                                 \
    }

// BACK(from, to, TO): columns from .. to - 1 of the factor times the weight are added to plane TO, for the sequences from
// `begin` to `end` - 1.
#if LOCAL > 1
#define FIRST_COLUMN tw_item(0)
#define SYNC barrier(CLK_GLOBAL_MEM_FENCE)
#define BACK(from, to, TO)                                                                                            \
    SYNC;                                                                                                             \
    for (int col = FIRST_COLUMN; col < U; col += LOCAL) {                                                             \
        float sum[ROWS];                                                                                              \
        for (int i = 0; i < ROWS; i++)                                                                                \
            sum[i] = 0.0f;                                                                                            \
        for (int k = from; k < (to); k++) {                                                                           \
            const float w = LOAD(1, weight, col * (GATES * U) + k);                                                   \
            for (int i = 0; i < ROWS; i++)                                                                            \
                sum[i] += w * LOAD(1, state, FACTOR + min(i, end - begin - 1) * (GATES * U) + k);                     \
        }                                                                                                             \
        for (int row = begin; row < end; row++)                                                                       \
            STORE(1, state, (TO) + row * UP + col, LOAD(1, state, (TO) + row * UP + col) + sum[row - begin]);         \
    }                                                                                                                 \
    SYNC;
#else
#define FIRST_COLUMN 0
#define SYNC
#define AT(i) ((i) * (GATES * U))
#define BACK_TILE(ROWS_, from, to, TO)                                                                                \
    do {                                                                                                              \
        TILE_BEGIN(acc, ROWS_)                                                                                        \
        int p = FACTOR + (from), q = (block * (GATES * U) + (from)) * TILE_WIDTH;                                     \
        for (int k = from; k < (to); k++) {                                                                           \
            TILE_STEP(acc, ROWS_, state, p, AT, weight, q);                                                           \
            p++;                                                                                                      \
            q += TILE_WIDTH;                                                                                          \
        }                                                                                                             \
        TILE_END(acc, ROWS_, out)                                                                                     \
        for (int i = begin - top; i < ROWS_; i++)                                                                     \
            for (int v = 0; v < NV; v++) {                                                                            \
                const int own = (TO) + (top + i) * UP + block * TILE_WIDTH + v * VW;                                  \
                STORE(VW, state, own, LOAD(VW, state, own) + out[i][v]);                                              \
            }                                                                                                         \
    } while (0)
#define BACK(from, to, TO)                                                                                            \
    for (int block = 0; block < BLOCKS; block++) {                                                                    \
        if (rows == ROWS)                                                                                             \
            BACK_TILE(ROWS, from, to, TO);                                                                            \
        else                                                                                                          \
            BACK_TILE(1, from, to, TO);                                                                               \
    }
#endif

// What a step is for one vector of a sequence's units: from d, the gradient by the state behind it, to the gradients by the
// sums, and to what is left in d for the state before it but for the product.
#if CELL == RNN
#define CELL_BACK                                                                                                     \
    D(0, ACT_DX(VW, d, SAVED_GATE(0)))                                                                                \
    d = 0;
#elif CELL == LSTM
#define CELL_BACK                                                                                                     \
    const FLOATV(VW) gate_i = SAVED_GATE(0), gate_f = SAVED_GATE(1), gate_g = SAVED_GATE(2);                          \
    const FLOATV(VW) gate_o = SAVED_GATE(3), c_old = GET(carry, at * U + col);                                        \
    const FLOATV(VW) a = ACT(VW, gate_f * c_old + gate_i * gate_g);                                                   \
    const FLOATV(VW) d_c = LOAD(VW, state, DC + own) + ACT_DX(VW, d * gate_o, a);                                     \
    D(0, GATE_DX(VW, d_c * gate_g, gate_i))                                                                           \
    D(1, GATE_DX(VW, d_c * c_old, gate_f))                                                                            \
    D(2, ACT_DX(VW, d_c * gate_i, gate_g))                                                                            \
    D(3, GATE_DX(VW, d * a, gate_o))                                                                                  \
    STORE(VW, state, DC + own, d_c * gate_f);                                                                         \
    d = 0;
#elif CELL == GRU
#define CELL_BACK                                                                                                     \
    const FLOATV(VW) gate_z = SAVED_GATE(0), gate_r = SAVED_GATE(1), candidate = SAVED_GATE(2);                       \
    const FLOATV(VW) d_candidate = ACT_DX(VW, d * (1.0f - gate_z), candidate);                                        \
    D(0, GATE_DX(VW, d * (GET(before, at * U + col) - candidate), gate_z))                                            \
    D(1, GATE_DX(VW, d_candidate * SAVED_GATE(3), gate_r))                                                            \
    DX(2, d_candidate);                                                                                               \
    DR(2, d_candidate * gate_r);                                                                                      \
    d *= gate_z;
#else
#define CELL_BACK                                                                                                     \
    const FLOATV(VW) gate_z = SAVED_GATE(0), candidate = SAVED_GATE(2);                                               \
    D(0, GATE_DX(VW, d * (GET(before, at * U + col) - candidate), gate_z))                                            \
    D(2, ACT_DX(VW, d * (1.0f - gate_z), candidate))                                                                  \
    STORE(VW, state, DRESET + own, (FLOATV(VW))(0));                                                                  \
    d *= gate_z;
#endif

TW_ENTRY KERNEL(recurrence_dx)(TW_N PARAMS)
{
    USE_PARAMS
    const int slabs = (n + SLAB - 1) / SLAB, slab = tw_group(0);
    const int first = (int)((long)n * slab / slabs), last = (int)((long)n * (slab + 1) / slabs);
    const int rows = LOCAL > 1 ? last - first : last - first >= ROWS ? ROWS : 1;
    for (int row = first; row < last; row++)
        for (int col = FIRST_COLUMN; col < U; col += VW * LOCAL) {
            const int own = row * UP + col;
            FLOATV(VW) dh_last = 0, dout = 0;
#ifndef dh_ABSENT
            dh_last += GET(dh, row * U + col);
#endif
#ifndef dlast_ABSENT
            dout += GET(dlast, row * U + col);
#endif
#if MASKED
            STORE(VW, state, DOUT + own, dout);
#else
            dh_last += dout;
#endif
            STORE(VW, state, own, dh_last);
#if CELL == LSTM
#ifdef dc_ABSENT
            STORE(VW, state, DC + own, (FLOATV(VW))(0));
#else
            STORE(VW, state, DC + own, GET(dc, row * U + col));
#endif
#endif
        }
    for (int step = STEPS - 1; step >= 0; step--)
        for (int begin = first; begin < last; begin += rows) {
            // the last tile begins earlier, among sequences that are finished: their rows of the factor are not looked at
            const int t = REVERSE ? STEPS - 1 - step : step, top = min(begin, last - rows), end = top + rows;
            for (int row = begin; row < end; row++) {
                const int at = row * STEPS + t;
                // what the next tile needs, or the first one at the next step: STEPS rows apart, it is no pattern that a
                // core foresees
                const int ahead = row + rows < last ? at + rows * STEPS
                                                    : at + (rows - (last - first)) * STEPS + (REVERSE ? 1 : -1);
#if MASKED
                const bool real = LOAD(1, mask, at) != 0;
#endif
                for (int col = FIRST_COLUMN; col < U; col += VW * LOCAL) {
                    const int own = row * UP + col;
                    for (int g = 0; g < SAVED; g++)
                        TW_PREFETCH(gates, (ahead * SAVED + g) * U + col);
#if CELL == LSTM
                    TW_PREFETCH(carry, ahead * U + col);
#endif
#ifndef dy_ABSENT
                    TW_PREFETCH(dy, ahead * U + col);
#endif
                    FLOATV(VW) d = LOAD(VW, state, own);
#if MASKED
                    FLOATV(VW) dout = LOAD(VW, state, DOUT + own);
#ifndef dy_ABSENT
                    dout += GET(dy, at * U + col);
#endif
                    STORE(VW, state, DOUT + own, real ? (FLOATV(VW))(0) : dout);
                    if (!real) {
                        for (int g = 0; g < GATES; g++)
                            D(g, (FLOATV(VW))(0))
#if CELL == GRU_BEFORE
                        STORE(VW, state, DRESET + own, (FLOATV(VW))(0));
#endif
                        continue;
                    }
                    d += dout;
#elif !defined(dy_ABSENT)
                    d += GET(dy, at * U + col);
#endif
                    CELL_BACK
                    STORE(VW, state, own, d);
                }
            }
#if CELL == GRU_BEFORE
            BACK(2 * U, 3 * U, DRESET)
            for (int row = begin; row < end; row++)
                for (int col = FIRST_COLUMN; col < U; col += VW * LOCAL) {
                    const int at = row * STEPS + t, own = row * UP + col;
                    const FLOATV(VW) reset = LOAD(VW, state, DRESET + own), gate_r = SAVED_GATE(1);
                    D(1, GATE_DX(VW, reset * GET(before, at * U + col), gate_r))
                    STORE(VW, state, own, LOAD(VW, state, own) + reset * gate_r);
                }
            BACK(0, 2 * U, 0)
#else
            BACK(0, GATES * U, 0)
#endif
        }
    for (int row = first; row < last; row++)
        for (int col = FIRST_COLUMN; col < U; col += VW * LOCAL) {
#ifndef dh0_ABSENT
            PUT(dh0, row * U + col, LOAD(VW, state, row * UP + col));
#endif
#ifndef dc0_ABSENT
            PUT(dc0, row * U + col, LOAD(VW, state, DC + row * UP + col));
#endif
        }
}
