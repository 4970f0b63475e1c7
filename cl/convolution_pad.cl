// SPDX-License-Identifier: Apache-2.0
// Copies x [n,H,W,GROUPS*CG] into a larger plane of zeros [n,PH,PW,GROUPS*CP]: PT rows above and PL pixels to the left
// (negative: cropped), and each group's channels followed by zeros up to CP. Groups: (row of the plane, image).
#define ZEROS                                                                                                         \
    TW_ROLLED                                                                                                         \
    for (; i + VW <= end; i += VW)                                                                                    \
        STORE(VW, padded, target + i, (FLOATV(VW))(0));                                                               \
    TW_ROLLED                                                                                                         \
    for (; i < end; i++)                                                                                              \
        STORE(1, padded, target + i, 0.0f);

TW_ENTRY KERNEL(convolution_pad)(TW_N, TW_IN(x), TW_OUT(padded) TW_SIZES(H W PT PL PH PW GROUPS CG CP))
{
    USE_IN(x);
    USE_OUT(padded);
    const int row = tw_group(0), image = tw_group(1), iy = row - PT;
    const int source = (image * H + iy) * (W * GROUPS * CG), target = (image * PH + row) * (PW * GROUPS * CP);
    const int first = iy < 0 || iy >= H ? PW : max(PL, 0), last = iy < 0 || iy >= H ? PW : min(W + PL, PW);
    int i = 0, end = first * GROUPS * CP;
    ZEROS
    if (CG == CP) {
        const int shift = source - PL * GROUPS * CG;
        end = max(last, first) * GROUPS * CP;
        TW_ROLLED
        for (; i + VW <= end; i += VW)
            STORE(VW, padded, target + i, LOAD(VW, x, shift + i));
        TW_ROLLED
        for (; i < end; i++)
            STORE(1, padded, target + i, LOAD(1, x, shift + i));
    } else {
        TW_ROLLED
        for (int p = first * GROUPS; p < last * GROUPS; p++)
            TW_ROLLED
            for (int c = 0; c < CP; c++) {
                float v = 0;
                if (c < CG)
                    v = LOAD(1, x, source + (p - PL * GROUPS) * CG + c);
                STORE(1, padded, target + p * CP + c, v);
            }
        i = max(last, first) * GROUPS * CP;
    }
    end = PW * GROUPS * CP;
    ZEROS
}
