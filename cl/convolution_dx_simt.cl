// SPDX-License-Identifier: Apache-2.0
// The gradient of a convolution by x for GPUs, plain: one work-item an element of dx [n,H,W,CI] gathers from dy.
TW_ENTRY KERNEL(convolution_dx_simt)(TW_N, TW_IN(dy), TW_IN(w) EPILOGUE_PARAMS)
{
    USE_IN(dy);
    USE_IN(w);
    const int at = tw_group(0) * GROUP + tw_item(0);
    if (at >= (IMAGES) * (H * W * CI))
        return;
    const int ci = at % CI, ix = at / CI % W, iy = at / (CI * W) % H, image = at / (CI * W * H);
    const int group = ci / CIG;
    float sum = 0;
    for (int ky = 0; ky < KH; ky++) {
        const int t = iy + PT - ky * DY, oy = t / SY;
        if (t < 0 || t % SY != 0 || oy >= OH)
            continue;
        for (int kx = 0; kx < KW; kx++) {
            const int u = ix + PL - kx * DX, ox = u / SX;
            if (u < 0 || u % SX != 0 || ox >= OW)
                continue;
            const int a = ((image * OH + oy) * OW + ox) * CO + group * COG;
            const int b = ((ky * KW + kx) * CIG + ci % CIG) * CO + group * COG;
            for (int co = 0; co < COG; co++)
                sum = LOAD(1, dy, a + co) * LOAD(1, w, b + co) + sum;
        }
    }
    EPILOGUE(1, sum, at, ci);
}
