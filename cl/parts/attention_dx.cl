// SPDX-License-Identifier: Apache-2.0
// What the kernels of attention's gradient for CPUs share, behind parts/attention.cl: the gradient from the logarithms
// of the softmax's sums (Dao et al. 2022, arXiv 2205.14135, algorithm 4). WITH_ROWS: queries and dy are needed by rows
// too, and the probabilities after dropout: for dk and dv.
#include "parts/attention.cl"

#define LSE (ST + BK * BQ)   // [BQ] times LOG2E
#define DELTA (LSE + BQ)     // [BQ] times SCALE
#define DYT (DELTA + BQ)     // [DV][BQ] dy, times SCALE
#define DST (DYT + DV * BQ)  // [BK][BQ] gradient by the products of keys and queries
#define DQR (DST + BK * BQ)  // [BQ][DP] dq
#define QR (DQR + BQ * DP)   // [BQ][DP] queries
#define DYR (QR + BQ * DP)   // [BQ][DVP] dy
#define DKR (DYR + BQ * DVP) // [BK][DP] dk
#define DVR (DKR + BK * DP)  // [BK][DVP] dv
#define BEHIND (DVR + BK * DVP)
#include "parts/attention_dropout.cl"

#define GET_DQ(W, m, n) LOAD(W, scratch, DQR + (m)*DP + (n))
#define PUT_DQ(W, m, n, v) STORE(W, scratch, DQR + (m)*DP + (n), v)
#define GET_DK(W, m, n) LOAD(W, scratch, DKR + (m)*DP + (n))
#define PUT_DK(W, m, n, v) STORE(W, scratch, DKR + (m)*DP + (n), v)
#define GET_DV(W, m, n) LOAD(W, scratch, DVR + (m)*DVP + (n))
#define PUT_DV(W, m, n, v) STORE(W, scratch, DVR + (m)*DVP + (n), v)
#define PUT_DS(W, m, n, v)                                                                                            \
    STORE(W, scratch, DST + (m)*BQ + (n),                                                                             \
          LOAD(W, scratch, ST + (m)*BQ + (n)) *                                                                       \
              ((v)KEPT(W, (m)*BQ + (n)) - LOAD(W, scratch, DELTA + (n))))

// ST: probabilities. DST: the gradient by scaled products, times SCALE.
static inline void KERNEL(gradients)(__global float *scratch)
{
    TILE_LOOP for (int i = 0; i < BQ; i += VW)
    {
        const FLOATV(VW) lse = LOAD(VW, scratch, LSE + i);
        TILE_LOOP for (int j = 0; j < BK; j++)
            STORE(VW, scratch, ST + j * BQ + i, KERNEL(power)(LOAD(VW, scratch, ST + j * BQ + i) - lse));
    }
    SCORES(VR, DV, DVP, DYT, PUT_DS)
#if DROPOUT && WITH_ROWS
    TILE_LOOP for (int i = 0; i < BK * BQ; i += VW) STORE(VW, scratch, ST + i, LOAD(VW, scratch, ST + i) KEPT(VW, i));
#endif
}

// The tile's queries and dy, in the forms that are needed, and LSE.
static inline void KERNEL(queries_in)(__global const TW_STORAGE(query) *query, __global const TW_STORAGE(query) *dy,
                                      __global const float *lse, const int queries, __global float *scratch)
{
    KERNEL(transposed)(query, Q_ROW, queries, D, SCALE * LOG2E, scratch + QT);
    KERNEL(transposed)(dy, V_ROW, queries, DV, SCALE, scratch + DYT);
#if WITH_ROWS
    KERNEL(rows)(query, Q_ROW, queries, D, BQ, DP, scratch + QR);
    KERNEL(rows)(dy, V_ROW, queries, DV, BQ, DVP, scratch + DYR);
#endif
    TILE_LOOP for (int i = 0; i < BQ; i++) STORE(1, scratch, LSE + i, i < queries ? lse[i] * LOG2E : 0.0f);
}

// A result that nobody needs is no argument, and is not computed: WANT_DQ(x) is x, or nothing.
#ifdef dq_ABSENT
#define DQ_OUT
#define WANT_DQ(x)
#else
#define DQ_OUT , TW_OUT(dq)
#define WANT_DQ(x) x
#endif
#ifdef dk_ABSENT
#define DK_OUT
#define WANT_DK(x)
#else
#define DK_OUT , TW_OUT(dk)
#define WANT_DK(x) x
#endif
#ifdef dv_ABSENT
#define DV_OUT
#define WANT_DV(x)
#else
#define DV_OUT , TW_OUT(dv)
#define WANT_DV(x) x
#endif

// Where a head's rows of a tensor begin: of number `at`, or of `head` of `image`.
#define HEAD_AT(name, at, rows, row, width)                                                                           \
    (name##_base + name##_offset + (at) / HEADS * (rows) * (row) + (at) % HEADS * (width))
#define HEAD_Q(name) (name##_base + name##_offset + image * QUERIES * Q_ROW + head * D)
#define HEAD_K(name) (name##_base + name##_offset + image * KEYS * Q_ROW + head * D)
#define HEAD_Y(name) (name##_base + name##_offset + image * QUERIES * V_ROW + head * DV)
#define HEAD_V(name) (name##_base + name##_offset + image * KEYS * V_ROW + head * DV)
#define HEAD_ROWS(name) (name##_base + name##_offset + (image * HEADS + head) * QUERIES)
#define POINTER __global const TW_STORAGE(query) *const
#define RESULT __global TW_STORAGE(query) *const
