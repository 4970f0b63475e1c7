// SPDX-License-Identifier: Apache-2.0
// Copies x [n,H,W,GROUPS*CG] into a larger plane of zeros [n,PH,PW,GROUPS*CP]: PT rows above and PL pixels to the left
// (negative: cropped), and each group's channels followed by zeros up to CP. Groups: (row of the plane, image).
__kernel void KERNEL(convolution_pad)(const int n, TW_IN(x), TW_OUT(padded))
{
    USE_IN(x);
    USE_OUT(padded);
    const int row = tw_group(0), image = tw_group(1), iy = row - PT;
    const int source = (image * H + iy) * (W * GROUPS * CG), target = (image * PH + row) * (PW * GROUPS * CP);
    const int first = iy < 0 || iy >= H ? PW : max(PL, 0), last = iy < 0 || iy >= H ? PW : min(W + PL, PW);
    for (int i = 0; i < first * GROUPS * CP; i++)
        STORE(1, padded, target + i, 0.0f);
#if CG == CP
    for (int i = first * GROUPS * CP; i < last * GROUPS * CP; i++)
        STORE(1, padded, target + i, LOAD(1, x, source + i - PL * GROUPS * CG));
#else
    for (int p = first * GROUPS; p < last * GROUPS; p++)
        for (int c = 0; c < CP; c++) {
            float v = 0;
            if (c < CG)
                v = LOAD(1, x, source + (p - PL * GROUPS) * CG + c);
            STORE(1, padded, target + p * CP + c, v);
        }
#endif
    for (int i = max(last, first) * GROUPS * CP; i < PW * GROUPS * CP; i++)
        STORE(1, padded, target + i, 0.0f);
}
