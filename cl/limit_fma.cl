// SPDX-License-Identifier: Apache-2.0
// The most multiply-adds that a device does: 12 chains a work-item that do not wait for one another, all in registers
// (12 accumulators and 2 factors of VW floats fit 16 vector registers). A step has 24 * VW operations.

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
#define BEGIN(i) FLOATV(VW) v##i = LOAD(VW, A, i);
#define STEP(i) v##i = v##i * a + b;
#define ADD(i) sum += v##i;

// A [VW + 12] of numbers from 0 to 1: with the factor and the summand 0.5 nothing grows or becomes denormal.
TW_ENTRY KERNEL(limit_fma)(TW_N, TW_IN(A), TW_OUT(Y))
{
    USE_IN(A);
    USE_OUT(Y);
    const FLOATV(VW) a = LOAD(VW, A, 0), b = LOAD(VW, A, 1);
    FLOATV(VW) sum = 0.0f;
    EACH(BEGIN)
    for (int i = 0; i < n; i++) {
        EACH(STEP)
    }
    EACH(ADD)
    STORE(VW, Y, tw_global(0) * VW, sum);
}
