// SPDX-License-Identifier: Apache-2.0
// The gradient by x of a convolution and the maxpool of windows of four pixels behind it for GPUs, plain: one work-item
// an element of dx [n,H,W,CI] gathers from dy [n,PH,PW,CO] of the windows whose largest pixel it met. Groups:
// (elements).
TW_ENTRY KERNEL(convolution_pool_dx_simt)(TW_N, TW_IN(dy), TW_IN(which), TW_IN(w) EPILOGUE_PARAMS)
{
    USE_IN(dy);
    USE_IN(which);
    USE_IN(w);
    const int item = tw_group(0) * GROUP + tw_item(0);
    if (item >= (IMAGES) * (H * W * CI))
        return;
    const int ci = item % CI, ix = item / CI % W, iy = item / (CI * W) % H, image = item / (CI * W * H);
    float sum = 0;
    for (int ky = 0; ky < KH; ky++)
        for (int kx = 0; kx < KW; kx++) {
            const int y = iy + PT - ky, x = ix + PL - kx;
            if (y < 0 || x < 0 || y / POOL_H >= PH || x / POOL_W >= PW)
                continue;
            const int k = y % POOL_H * POOL_W + x % POOL_W;
            const int at = ((image * PH + y / POOL_H) * PW + x / POOL_W) * CO, tap = ((ky * KW + kx) * CI + ci) * CO;
            for (int co = 0; co < CO; co++)
                if ((LOAD(1, which, at + co) & 3) == k)
                    sum = LOAD(1, dy, at + co) * LOAD(1, w, tap + co) + sum;
        }
    EPILOGUE(1, sum, item, ci);
}
