// SPDX-License-Identifier: Apache-2.0
// Packs the recurrent weight [U][GATES*U] for recurrence.cl: packed [BLOCKS][U][GATES][VW], zeros behind the last unit.
// Groups: (row k, block).
TW_ENTRY KERNEL(recurrence_pack)(TW_N, TW_IN(weight), TW_OUT(packed))
{
    USE_IN(weight);
    USE_OUT(packed);
    const int k = tw_group(0), block = tw_group(1), count = min(VW, U - block * VW);
    for (int g = 0; g < GATES; g++) {
        const int from = (k * GATES + g) * U + block * VW, to = ((block * U + k) * GATES + g) * VW;
        for (int i = 0; i < VW; i++)
            STORE(1, packed, to + i, i < count ? LOAD(1, weight, from + i) : 0.0f);
    }
}
