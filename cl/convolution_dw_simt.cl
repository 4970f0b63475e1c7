// SPDX-License-Identifier: Apache-2.0
// The weight's gradient of a convolution for GPUs, plain: one work-item an element of dw [KH,KW,CIG,CO] and a slab of
// images; slab_sum_simt.cl adds part [SLABS][KH*KW*CIG*CO]. Groups: (elements, slab).
TW_ENTRY KERNEL(convolution_dw_simt)(TW_N, TW_IN(x), TW_IN(dy), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_OUT(part);
    const int at = tw_group(0) * GROUP + tw_item(0), slab = tw_group(1);
    if (at >= KH * KW * CIG * CO)
        return;
    const int co = at % CO, ci = at / CO % CIG + co / COG * CIG;
    const int kx = at / (CO * CIG) % KW, ky = at / (CO * CIG * KW);
    const int shift = PL - kx * DX, last = (int)((long)(IMAGES) * (slab + 1) / SLABS);
    const int begin = shift > 0 ? (shift + SX - 1) / SX : 0;
    const int end = W - 1 + shift < 0 ? 0 : min(OW, (W - 1 + shift) / SX + 1);
    float sum = 0;
    for (int image = (int)((long)(IMAGES)*slab / SLABS); image < last; image++)
        for (int oy = 0; oy < OH; oy++) {
            const int iy = oy * SY + ky * DY - PT;
            if (iy < 0 || iy >= H)
                continue;
            for (int ox = begin; ox < end; ox++)
                sum = LOAD(1, x, ((image * H + iy) * W + ox * SX - shift) * CI + ci) *
                          LOAD(1, dy, ((image * OH + oy) * OW + ox) * CO + co) +
                      sum;
        }
    STORE(1, part, slab * (KH * KW * CIG * CO) + at, sum);
}
