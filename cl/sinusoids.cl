// SPDX-License-Identifier: Apache-2.0
// y[t, 2i] = sin(t * w_i), y[t, 2i + 1] = cos(t * w_i). TURNS: w_i / 2pi of each column as 2^-64 turns, so that the phase after t
// steps is a product modulo 2^64: nothing of it is lost, however long the sequence is. A cosine is a quarter of a turn ahead.
// ITEMS: a work-item an element (simt). Otherwise CHUNK rows, in vectors.
__constant ulong KERNEL(turns)[COLUMNS] = {TURNS};

#define tw_quarter_1 ((ulong)(column & 1) << 62)
#define tw_quarter_16 ((ulong16)((ulong8)(0, 1, 0, 1, 0, 1, 0, 1), (ulong8)(0, 1, 0, 1, 0, 1, 0, 1)) << 62)
#define tw_ulong_1 ulong
#define tw_ulong_16 ulong16
#define tw_turns_1 KERNEL(turns)[column]
#define tw_turns_16 vload16(0, KERNEL(turns) + column)
#define tw_half_turns_1(phase) ((float)(int)(uint)((phase) >> 32))
#define tw_half_turns_16(phase) convert_float16(as_int16(convert_uint16((phase) >> 32)))

// sin(pi u) for u = 2^-31 * (upper half of the phase): brought to |u| <= 1/2, then Taylor's series (error below 6e-8).
#define WAVE(W)                                                                                    \
    const TW_CAT(tw_ulong_, W) phase = (ulong)t * TW_CAT(tw_turns_, W) + TW_CAT(tw_quarter_, W);   \
    const FLOATV(W) u = TW_CAT(tw_half_turns_, W)(phase) * 4.656612873077393e-10f;                 \
    const FLOATV(W) a = 0.5f - fabs(0.5f - fabs(u)), b = a * a;                                    \
    const FLOATV(W) v = copysign(a, u) *                                                              \
                        (3.14159265f + b * (-5.16771278f + b * (2.55016404f + b *                  \
                        (-0.599264529f + b * (0.0821458866f + b * -0.00737043094f)))))

TW_ENTRY KERNEL(sinusoids)(TW_N EPILOGUE_PARAMS)
{
#if ITEMS
    const int at = tw_global(0), t = at / COLUMNS, column = at % COLUMNS;
    if (t >= STEPS)
        return;
    WAVE(1);
    EPILOGUE(1, v, at, column);
#else
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, STEPS);
    for (int t = begin; t < end; t++) {
        int column = 0;
        for (; column + 16 <= COLUMNS; column += 16) {
            WAVE(16);
            EPILOGUE(16, v, t * COLUMNS + column, column);
        }
        for (; column < COLUMNS; column++) {
            WAVE(1);
            EPILOGUE(1, v, t * COLUMNS + column, column);
        }
    }
#endif
}
