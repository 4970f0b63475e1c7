// SPDX-License-Identifier: Apache-2.0
// Packs the weight of a convolution as convolution.cl reads it: [GROUPS][BLOCKS][KH][KW][inner][TILE_WIDTH], zeros
// where a block reaches beyond the group's channels.
//
// FLIP 0: w [KH,KW,CIG,GROUPS*COG] as it is, inner = CIG, lanes = COG. FLIP 1: for the gradient by x, which is a
// convolution of dy with the taps reversed and the channels exchanged: inner = COG, lanes = CIG. FLIP 2: channels
// exchanged alone. Groups: (group and block, tap).
TW_ENTRY KERNEL(convolution_pack)(TW_N, TW_IN(w), TW_OUT(packed) TW_SIZES(KH KW CIG COG GROUPS BLOCKS FLIP NV))
{
    USE_IN(w);
    USE_OUT(packed);
    const int block = tw_group(0) % BLOCKS, group = tw_group(0) / BLOCKS, tap = tw_group(1);
    const int inner = FLIP ? COG : CIG, lanes = FLIP ? CIG : COG;
    const int source = (FLIP == 1 ? KH * KW - 1 - tap : tap) * CIG * (GROUPS * COG) + group * COG;
    const int target = (tw_group(0) * (KH * KW) + tap) * inner * TILE_WIDTH, first = block * TILE_WIDTH;
    const int inner_step = FLIP ? 1 : GROUPS * COG, lane_step = FLIP ? GROUPS * COG : 1;
    TW_ROLLED
    for (int i = 0; i < inner; i++)
        TW_ROLLED
        for (int j = 0; j < TILE_WIDTH; j++) {
            float v = 0;
            if (first + j < lanes)
                v = LOAD(1, w, source + i * inner_step + (first + j) * lane_step);
            STORE(1, packed, target + i * TILE_WIDTH + j, v);
        }
}
