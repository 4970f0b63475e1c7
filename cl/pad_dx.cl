// SPDX-License-Identifier: Apache-2.0
// Gradient of padding one axis by reflection or (EDGE) by its ends: each place of dx adds up the places of dy that came from it.
// dy is [outer, PADDED, INNER], dx [outer, AXIS, INNER] of COUNT elements; a work-item takes CHUNK of them.

TW_ENTRY KERNEL(pad_dx)(TW_N, TW_IN(dy) EPILOGUE_PARAMS)
{
    USE_IN(dy);
    const int begin = tw_global(0) * CHUNK, end = min(begin + CHUNK, COUNT);
    for (int at = begin; at < end; at++) {
        const int inner = at % INNER, place = at / INNER % AXIS;
        const int base = at / INNER / AXIS * PADDED * INNER + inner;
        float v = LOAD(1, dy, base + (place + BEFORE) * INNER);
#if EDGE
        if (place == 0)
            for (int i = 0; i < BEFORE; i++)
                v += LOAD(1, dy, base + i * INNER);
        if (place == AXIS - 1)
            for (int i = BEFORE + AXIS; i < PADDED; i++)
                v += LOAD(1, dy, base + i * INNER);
#else
        const int mirrored = BEFORE + 2 * (AXIS - 1) - place;
        if (place > 0 && place <= BEFORE)
            v += LOAD(1, dy, base + (BEFORE - place) * INNER);
        if (place < AXIS - 1 && mirrored < PADDED)
            v += LOAD(1, dy, base + mirrored * INNER);
#endif
        EPILOGUE(1, v, at, at % LAST);
    }
}
