// SPDX-License-Identifier: Apache-2.0
// The gradient by the weight of a convolution and the maxpool of windows of four pixels behind it for GPUs, plain: one
// work-item an element of dw [KH,KW,CI,CO] and a slab of images; slab_sum_simt.cl adds part [SLABS][KH*KW*CI*CO].
// x [n,H,W,CI], dy and which [n,PH,PW,CO]. Groups: (elements, slab).
TW_ENTRY KERNEL(convolution_pool_dw_simt)(TW_N, TW_IN(x), TW_IN(dy), TW_IN(which), TW_OUT(part))
{
    USE_IN(x);
    USE_IN(dy);
    USE_IN(which);
    USE_OUT(part);
    const int item = tw_group(0) * GROUP + tw_item(0), slab = tw_group(1);
    if (item >= KH * KW * CI * CO)
        return;
    const int co = item % CO, ci = item / CO % CI, kx = item / (CO * CI) % KW, ky = item / (CO * CI * KW);
    const int last = (int)((long)(IMAGES) * (slab + 1) / SLABS);
    float sum = 0;
    for (int image = (int)((long)(IMAGES)*slab / SLABS); image < last; image++)
        for (int window = 0; window < PH * PW; window++) {
            const int at = (image * (PH * PW) + window) * CO + co, k = LOAD(1, which, at) & 3;
            const int iy = window / PW * POOL_H + k / POOL_W + ky - PT;
            const int ix = window % PW * POOL_W + k % POOL_W + kx - PL;
            if (iy >= 0 && iy < H && ix >= 0 && ix < W)
                sum = LOAD(1, x, ((image * H + iy) * W + ix) * CI + ci) * LOAD(1, dy, at) + sum;
        }
    STORE(1, part, slab * (KH * KW * CI * CO) + item, sum);
}
