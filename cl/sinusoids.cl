// SPDX-License-Identifier: Apache-2.0
// y[t, 2i] = sin(t * w_i), y[t, 2i + 1] = cos(t * w_i). TURNS: w_i / 2pi as 2^-64 turns, so that the phase after t steps is a
// product modulo 2^64: nothing of it is lost, however long the sequence is. Its upper half is an angle from -pi to pi.
// ITEMS: a work-item an element (simt). Otherwise CHUNK rows.
__constant ulong KERNEL(turns)[(COLUMNS + 1) / 2] = {TURNS};

static float KERNEL(wave)(const int t, const int column)
{
    const ulong phase = (ulong)t * KERNEL(turns)[column / 2] + ((ulong)(column & 1) << 62);
    return sin((float)(int)(uint)(phase >> 32) * 1.46291807926715968e-9f); // pi / 2^31
}

__kernel void KERNEL(sinusoids)(const int n EPILOGUE_PARAMS)
{
#if ITEMS
    const int at = (int)get_global_id(0);
    if (at >= STEPS * COLUMNS)
        return;
    EPILOGUE(1, KERNEL(wave)(at / COLUMNS, at % COLUMNS), at, at % COLUMNS);
#else
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, STEPS);
    for (int t = begin; t < end; t++)
        for (int column = 0; column < COLUMNS; column++)
            EPILOGUE(1, KERNEL(wave)(t, column), t * COLUMNS + column, column);
#endif
}
