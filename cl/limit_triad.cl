// SPDX-License-Identifier: Apache-2.0
// The most that a device's memory moves: y = a + 0.5 * b, as STREAM's triad. A work-item of a CPU takes a run of BLOCK
// elements (a multiple of VW), one of a GPU every ITEMS-th of the group's.
TW_ENTRY KERNEL(limit_triad)(TW_N, TW_IN(A), TW_IN(B), TW_OUT(Y))
{
    USE_IN(A);
    USE_IN(B);
    USE_OUT(Y);
    const int first = tw_group(0) * BLOCK;
    for (int i = first + tw_item(0) * VW; i < first + BLOCK; i += ITEMS * VW)
        STORE(VW, Y, i, LOAD(VW, A, i) + LOAD(VW, B, i) * 0.5f);
}
