// SPDX-License-Identifier: Apache-2.0
// For clipping by norm: from the chunks' sums of squares, the factor of each segment's gradient. One work-group.
//
// R: two ints a segment, its first chunk and the one behind its last. CLIP_NORM bounds each segment's norm, with
// WHOLE the norm of all together, which then has one factor. A norm that is not finite makes the factor NaN.

TW_ENTRY KERNEL(gradient_scales)(TW_N, TW_IN(SUM), TW_IN(R), TW_OUT(SCALE))
{
    USE_IN(SUM);
    USE_IN(R);
    USE_OUT(SCALE);
#ifdef WHOLE
    if (tw_item(0) > 0)
        return;
    float all = 0.0f;
    for (int s = 0; s < SEGMENTS; s++) {
        float sum = 0.0f;
        for (int chunk = R[2 * s]; chunk < R[2 * s + 1]; chunk++)
            sum += SUM[chunk];
        all += sum;
    }
    const float norm = sqrt(all);
    const float scale = CLIP_NORM / (norm > CLIP_NORM ? norm : CLIP_NORM) + (norm - norm);
    for (int s = 0; s < SEGMENTS; s++)
        SCALE[s] = scale;
#else
    for (int s = tw_item(0); s < SEGMENTS; s += ITEMS) {
        float sum = 0.0f;
        for (int chunk = R[2 * s]; chunk < R[2 * s + 1]; chunk++)
            sum += SUM[chunk];
        const float norm = sqrt(sum);
        SCALE[s] = CLIP_NORM / (norm > CLIP_NORM ? norm : CLIP_NORM) + (norm - norm);
    }
#endif
}
