// SPDX-License-Identifier: Apache-2.0
// Convolution for GPUs, plain: one work-item an element of y [n,OH,OW,CO].
TW_ENTRY KERNEL(convolution_simt)(TW_N, TW_IN(x), TW_IN(w) EPILOGUE_PARAMS)
{
    USE_IN(x);
    USE_IN(w);
    const int at = tw_group(0) * GROUP + tw_item(0);
    if (at >= (IMAGES) * (OH * OW * CO))
        return;
    const int co = at % CO, ox = at / CO % OW, oy = at / (CO * OW) % OH, image = at / (CO * OW * OH);
    const int group = co / COG;
    float sum = 0;
    for (int ky = 0; ky < KH; ky++) {
        const int iy = oy * SY + ky * DY - PT;
        if (iy < 0 || iy >= H)
            continue;
        for (int kx = 0; kx < KW; kx++) {
            const int ix = ox * SX + kx * DX - PL;
            if (ix < 0 || ix >= W)
                continue;
            const int a = ((image * H + iy) * W + ix) * CI + group * CIG, b = (ky * KW + kx) * (CIG * CO) + co;
            for (int ci = 0; ci < CIG; ci++)
                sum = LOAD(1, x, a + ci) * LOAD(1, w, b + ci * CO) + sum;
        }
    }
    EPILOGUE(1, sum, at, co);
}
