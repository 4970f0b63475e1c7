// SPDX-License-Identifier: Apache-2.0
// Gradient of topk: dx[o, indices[o, k, i], i] = dy[o, k, i], 0 elsewhere; no place is named twice along K.
// SIMT: a work-item takes an element of dx and looks for it; else CHUNK lines, cleared first.
TW_ENTRY KERNEL(topk_dx)(TW_N, TW_IN(dy), TW_IN(indices), TW_OUT(dx))
{
    USE_IN(dy);
    USE_IN(indices);
    USE_OUT(dx);
#if SIMT
    const int at = tw_global(0), outer = at / INNER / AXIS, place = at / INNER % AXIS;
    if (outer >= OUTER)
        return;
    float v = 0.0f;
    for (int k = 0; k < K; k++) {
        const int from = (outer * K + k) * INNER + at % INNER;
        if (LOAD(1, indices, from) == place)
            v = LOAD(1, dy, from);
    }
    STORE(1, dx, at, v);
#else
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER * INNER);
    for (int line = begin; line < end; line++) {
        const int from = line / INNER * K * INNER + line % INNER, to = line / INNER * AXIS * INNER + line % INNER;
        for (int i = 0; i < AXIS; i++)
            STORE(1, dx, to + i * INNER, 0.0f);
        for (int k = 0; k < K; k++) {
            const int place = LOAD(1, indices, from + k * INNER);
            if (place >= 0 && place < AXIS)
                STORE(1, dx, to + place * INNER, LOAD(1, dy, from + k * INNER));
        }
    }
#endif
}
