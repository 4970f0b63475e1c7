// SPDX-License-Identifier: Apache-2.0
// Running sums along AXIS of [OUTER, AXIS, INNER]; EXCLUSIVE: without the element itself; REVERSE: from the end.
//
// Form 1, simd: a work-item takes CHUNK of OUTER. Its sums of one place stand in y's columns one after another: with INNER > 1
// the sums of BLOCK columns are kept, so that memory is read along rows.
// Form 2, simt, INNER > 1: a work-item takes one column.
// Form 3, simt, INNER is 1: a work-group of LOCAL takes a row, LOCAL elements at a time (Hillis and Steele's scan), and carries
// the sum of those before.
#define PLACE(k) (REVERSE ? AXIS - 1 - (k) : (k))
#define BLOCK 16

#if FORM == 3
TW_ENTRY KERNEL(cumsum)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
    __local VALUE sum[LOCAL];
    const int item = tw_item(0), row = tw_group(0);
    VALUE before = 0;
    for (int tile = 0; tile < AXIS; tile += LOCAL) {
        const int k = tile + item, at = row * AXIS + PLACE(min(k, AXIS - 1));
        sum[item] = k < AXIS ? LOAD(1, x, at) : (VALUE)0;
        for (int step = 1; step < LOCAL; step *= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            const VALUE left = item >= step ? sum[item - step] : (VALUE)0;
            barrier(CLK_LOCAL_MEM_FENCE);
            sum[item] += left;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        const VALUE whole = before + sum[item], without = item > 0 ? before + sum[item - 1] : before;
        before += sum[LOCAL - 1];
        barrier(CLK_LOCAL_MEM_FENCE);
        if (k < AXIS)
            EPILOGUE(1, (EXCLUSIVE ? without : whole), at, at % LAST);
    }
}
#elif FORM == 2
TW_ENTRY KERNEL(cumsum)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
    const int line = tw_global(0);
    if (line >= OUTER * INNER)
        return;
    VALUE sum = 0;
    for (int k = 0; k < AXIS; k++) {
        const int at = (line / INNER * AXIS + PLACE(k)) * INNER + line % INNER;
        const VALUE before = sum;
        sum += LOAD(1, x, at);
        EPILOGUE(1, (EXCLUSIVE ? before : sum), at, at % LAST);
    }
}
#else
TW_ENTRY KERNEL(cumsum)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER);
    for (int outer = begin; outer < end; outer++)
        for (int left = 0; left < INNER; left += BLOCK) {
            const int columns = min(BLOCK, INNER - left);
            VALUE sum[BLOCK] = {0};
            for (int k = 0; k < AXIS; k++)
                for (int i = 0; i < columns; i++) {
                    const int at = (outer * AXIS + PLACE(k)) * INNER + left + i;
                    const VALUE before = sum[i], whole = before + LOAD(1, x, at);
                    sum[i] = whole;
                    EPILOGUE(1, (EXCLUSIVE ? before : whole), at, at % LAST);
                }
        }
}
#endif
