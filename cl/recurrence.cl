// SPDX-License-Identifier: Apache-2.0
// The steps of rnn, lstm and gru: a group takes a slab of sequences through all STEPS steps, so that no step waits for
// another group.
//
// simd (LOCAL 1): at a step, tiles of ROWS sequences by one vector of units meet the state: GATES vectors (one a gate)
// for each sequence stay in registers while the sum over the state's U units runs, so that the step's formulas find all
// gates of a unit at once. The recurrent weight is packed [BLOCKS][U][GATES][VW] with zeros behind the last unit: one run
// of memory, which stays in the first-level cache while all tiles of a slab go over a block.
// simt: VW is 1, the slab ROWS sequences; an item takes every LOCAL-th unit of all of them; the weight is [U][GATES][U].
//
// x [n][STEPS][GATES*U] already holds the inputs' product; state: planes [n][UP] of what is carried from step to step.
#define UP (BLOCKS * VW)
#define H(parity) ((parity) * (n * UP)) // the state before and after a step, in turn
#define C (2 * (n * UP))                // lstm: the cell state
#define RESET C                         // gru_before: r * h, and z
#define UPDATE (3 * (n * UP))
#include "parts/recurrence.cl"

// EACH_TILE(source, FROM): z[i][v] = the product of the states at plane `source` of ROWS sequences from `top` on
// with NV gates from FROM on; then FORMULAS, for each sequence `row` and each vector of units from `col` on.
#define EACH_ROW                                                                                                      \
    for (int row = begin; row < end; row++) {                                                                         \
        const int i = row - top, at = row * STEPS + t, own = row * UP + col;                                          \
        const FLOATV(VW) old = LOAD(VW, state, H(parity) + own);                                                      \
        FORMULAS                                                                                                      \
    }
#if LOCAL > 1
#define FIRST_COLUMN tw_item(0)
#define SYNC barrier(CLK_GLOBAL_MEM_FENCE)
#define EACH_TILE(source, FROM)                                                                                       \
    for (int col = FIRST_COLUMN; col < U; col += LOCAL) {                                                             \
        const int top = first, begin = first, end = last;                                                             \
        float z[ROWS][NV];                                                                                            \
        for (int i = 0; i < ROWS; i++)                                                                                \
            for (int v = 0; v < NV; v++)                                                                              \
                z[i][v] = 0.0f;                                                                                       \
        for (int k = 0; k < U; k++)                                                                                   \
            for (int i = 0; i < ROWS; i++) {                                                                          \
                const float a = LOAD(1, state, (source) + min(first + i, last - 1) * UP + k);                         \
                for (int v = 0; v < NV; v++)                                                                          \
                    z[i][v] += a * LOAD(1, weight, (k * GATES + (FROM) + v) * U + col);                               \
            }                                                                                                         \
        EACH_ROW                                                                                                      \
    }                                                                                                                 \
    SYNC;
#else
#define FIRST_COLUMN 0
#define SYNC
#define AT(i) ((i) * UP)
#define PRODUCT(ROWS_, source, FROM)                                                                                  \
    do {                                                                                                              \
        TILE_BEGIN(acc, ROWS_)                                                                                        \
        int p = (source) + top * UP, q = (block * (U * GATES) + (FROM)) * VW;                                         \
        for (int k = 0; k < U; k++) {                                                                                 \
            TILE_STEP(acc, ROWS_, state, p, AT, weight, q);                                                           \
            p++;                                                                                                      \
            q += GATES * VW;                                                                                          \
        }                                                                                                             \
        TILE_UNROLL for (int i = 0; i < ROWS_; i++)                                                                   \
            TILE_UNROLL for (int v = 0; v < NV; v++) z[i][v] = acc[i][v];                                             \
    } while (0)
// Tiles overlap at the end of a slab; each sequence is finished once.
#define EACH_TILE(source, FROM)                                                                                       \
    for (int block = 0; block < BLOCKS; block++) {                                                                    \
        const int col = block * VW, rows = last - first >= ROWS ? ROWS : 1;                                           \
        for (int begin = first; begin < last; begin += rows) {                                                        \
            const int top = min(begin, last - rows), end = top + rows;                                                \
            FLOATV(VW) z[ROWS][NV];                                                                                   \
            for (int row = begin; row < end; row++) /* x, STEPS rows apart, is no pattern that a core foresees */     \
                for (int g = 0; g < GATES; g++)                                                                       \
                    TW_PREFETCH(x, ((row * STEPS + t) * GATES + g) * U + col);                                        \
            if (rows == ROWS)                                                                                         \
                PRODUCT(ROWS, source, FROM);                                                                          \
            else                                                                                                      \
                PRODUCT(1, source, FROM);                                                                             \
            EACH_ROW                                                                                                  \
        }                                                                                                             \
    }
#endif

#define X(g) GET(x, (at * GATES + g) * U + col)
#ifdef bias_ABSENT
#define INPUT_BIAS(g) 0.0f
#define STATE_BIAS(g) 0.0f
#else
#define INPUT_BIAS(g) GET(bias, g *U + col)
#define STATE_BIAS(g) GET(bias, (GATES + g) * U + col)
#endif
#ifdef gates_ABSENT
#define SAVE(g, v)
#else
#define SAVE(g, v) PUT(gates, (at * SAVED + g) * U + col, v)
#endif

// A hidden step keeps the state. Before the first real step the output is 0, whatever h0 is (Keras); that matters where
// SEEN says so: a mask and h0 are given.
#if MASKED
#define IS_REAL real[row - first]
#else
#define IS_REAL 1
#endif
#if SEEN
#define OUTPUT(v) (seen[row - first] ? v : (FLOATV(VW))(0))
#else
#define OUTPUT(v) v
#endif
#ifdef before_ABSENT
#define SAVE_BEFORE
#else
#define SAVE_BEFORE PUT(before, at *U + col, old);
#endif
#ifdef carry_ABSENT
#define SAVE_CARRY
#else
#define SAVE_CARRY PUT(carry, at *U + col, c_old);
#endif
#ifdef y_ABSENT
#define SAVE_Y
#else
#define SAVE_Y PUT(y, at *U + col, OUTPUT(next));
#endif
#define FINISH(h)                                                                                                     \
    const FLOATV(VW) next = IS_REAL ? h : old;                                                                        \
    SAVE_BEFORE                                                                                                       \
    STORE(VW, state, H(1 - parity) + own, next);                                                                      \
    SAVE_Y

#if CELL == RNN
#define FORMULAS                                                                                                      \
    const FLOATV(VW) h_new = ACT(VW, X(0) + z[i][0]);                                                                 \
    SAVE(0, h_new);                                                                                                   \
    FINISH(h_new)
#elif CELL == LSTM
#define FORMULAS                                                                                                      \
    const FLOATV(VW) c_old = LOAD(VW, state, C + own);                                                                \
    const FLOATV(VW) gate_i = GATE(VW, X(0) + z[i][0]), gate_f = GATE(VW, X(1) + z[i][1]);                            \
    const FLOATV(VW) gate_g = ACT(VW, X(2) + z[i][2]), gate_o = GATE(VW, X(3) + z[i][3]);                             \
    SAVE(0, gate_i);                                                                                                  \
    SAVE(1, gate_f);                                                                                                  \
    SAVE(2, gate_g);                                                                                                  \
    SAVE(3, gate_o);                                                                                                  \
    SAVE_CARRY                                                                                                        \
    const FLOATV(VW) c_new = gate_f * c_old + gate_i * gate_g, h_new = gate_o * ACT(VW, c_new);                       \
    STORE(VW, state, C + own, IS_REAL ? c_new : c_old);                                                               \
    FINISH(h_new)
#elif CELL == GRU
#define FORMULAS                                                                                                      \
    const FLOATV(VW) gate_z = GATE(VW, X(0) + INPUT_BIAS(0) + z[i][0] + STATE_BIAS(0));                               \
    const FLOATV(VW) gate_r = GATE(VW, X(1) + INPUT_BIAS(1) + z[i][1] + STATE_BIAS(1));                               \
    const FLOATV(VW) q = z[i][2] + STATE_BIAS(2), candidate = ACT(VW, X(2) + INPUT_BIAS(2) + gate_r * q);             \
    SAVE(0, gate_z);                                                                                                  \
    SAVE(1, gate_r);                                                                                                  \
    SAVE(2, candidate);                                                                                               \
    SAVE(3, q);                                                                                                       \
    const FLOATV(VW) h_new = gate_z * old + (1.0f - gate_z) * candidate;                                              \
    FINISH(h_new)
#else
#define GATE_FORMULAS                                                                                                 \
    const FLOATV(VW) gate_z = GATE(VW, X(0) + z[i][0]), gate_r = GATE(VW, X(1) + z[i][1]);                            \
    SAVE(0, gate_z);                                                                                                  \
    SAVE(1, gate_r);                                                                                                  \
    STORE(VW, state, UPDATE + own, gate_z);                                                                           \
    STORE(VW, state, RESET + own, gate_r *old);
#define STATE_FORMULAS                                                                                                \
    const FLOATV(VW) gate_z = LOAD(VW, state, UPDATE + own), candidate = ACT(VW, X(2) + z[i][0]);                     \
    SAVE(2, candidate);                                                                                               \
    const FLOATV(VW) h_new = gate_z * old + (1.0f - gate_z) * candidate;                                              \
    FINISH(h_new)
#endif

TW_ENTRY KERNEL(recurrence)(TW_N PARAMS)
{
    USE_PARAMS
    const int slabs = (n + SLAB - 1) / SLAB, slab = tw_group(0);
    const int first = (int)((long)n * slab / slabs), last = (int)((long)n * (slab + 1) / slabs);
#if MASKED
    uchar real[SLAB];
#endif
#if SEEN
    uchar seen[SLAB];
    for (int i = 0; i < SLAB; i++)
        seen[i] = 0;
#endif
    for (int row = first; row < last; row++)
        for (int col = FIRST_COLUMN; col < U; col += VW * LOCAL) {
#ifdef h0_ABSENT
            STORE(VW, state, H(0) + row * UP + col, (FLOATV(VW))(0));
#else
            STORE(VW, state, H(0) + row * UP + col, GET(h0, row * U + col));
#endif
#if CELL == LSTM
#ifdef c0_ABSENT
            STORE(VW, state, C + row * UP + col, (FLOATV(VW))(0));
#else
            STORE(VW, state, C + row * UP + col, GET(c0, row * U + col));
#endif
#endif
        }
    SYNC;
    for (int step = 0; step < STEPS; step++) {
        const int t = REVERSE ? STEPS - 1 - step : step, parity = step & 1;
#if MASKED
        for (int row = first; row < last; row++)
            real[row - first] = LOAD(1, mask, row * STEPS + t) != 0;
#endif
#if SEEN
        for (int row = first; row < last; row++)
            seen[row - first] |= real[row - first];
#endif
#if CELL == GRU_BEFORE
#define NV 2
#define FORMULAS GATE_FORMULAS
        EACH_TILE(H(parity), 0)
#undef NV
#undef FORMULAS
#define NV 1
#define FORMULAS STATE_FORMULAS
        EACH_TILE(RESET, 2)
#else
#define NV GATES
        EACH_TILE(H(parity), 0)
#endif
    }
    for (int row = first; row < last; row++)
        for (int col = FIRST_COLUMN; col < U; col += VW * LOCAL) {
            const FLOATV(VW) v = LOAD(VW, state, H(STEPS & 1) + row * UP + col);
#ifndef output_ABSENT
            PUT(output, row * U + col, OUTPUT(v));
#endif
#ifndef h_ABSENT
            PUT(h, row * U + col, v);
#endif
#ifndef c_ABSENT
            PUT(c, row * U + col, LOAD(VW, state, C + row * UP + col));
#endif
        }
}
