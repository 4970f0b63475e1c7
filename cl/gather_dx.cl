// SPDX-License-Identifier: Apache-2.0
// Gradient of gather: dx[o, index[j], i] = the sum of dy[o, j, i] over all j of that number, in the order of j: equal numbers
// add up the same at every run, without atomics. Every owner of places of dx walks over all PICKS numbers.
//
// Numbers below 0 count from the end; others out of range are held to it, as gather does.
#define PLACE_OF(number) min(max((number) < 0 ? (number) + AXIS : (number), 0), AXIS - 1)

#if ITEMS
// simt: a work-group owns ROWS x COLUMNS of dx, kept in local memory. For each TILE of numbers its items list, in order, those
// of its rows (each looks at PER of them; a prefix sum of how many it found says where its own go), then add up the rows of dy
// that are listed. An item adds into one column (COLUMNS a power of two), and rows of every SUBS-th number: the same
// elements of `sum` that it clears and stores, since LOCAL is SUBS * COLUMNS. Between the use of a list and the next one stand the
// barriers of the prefix sum.
#define TILE (LOCAL * PER)
#define SUBS (LOCAL / COLUMNS)
TW_ENTRY KERNEL(gather_dx)(TW_N, TW_IN(dy), TW_IN(index), TW_OUT(dx))
{
    USE_IN(dy);
    USE_IN(index);
    USE_OUT(dx);
    __local float sum[ROWS * COLUMNS];
    __local int from[TILE], to[TILE], found[LOCAL];
    const int item = tw_item(0), outer = tw_group(2);
    const int first = tw_group(0) * ROWS, left = tw_group(1) * COLUMNS;
    const int column = item % COLUMNS, sub = item / COLUMNS;
    for (int e = item; e < ROWS * COLUMNS; e += LOCAL)
        sum[e] = 0.0f;
    for (int tile = 0; tile < PICKS; tile += TILE) {
        const int begin = tile + item * PER;
        uint mine = 0;
        for (int p = 0; p < PER && begin + p < PICKS; p++) {
            const int row = PLACE_OF(LOAD(1, index, begin + p)) - first;
            mine |= (uint)(row >= 0 && row < ROWS) << p;
        }
        const int own = popcount(mine);
        found[item] = own;
        for (int step = 1; step < LOCAL; step *= 2) {
            barrier(CLK_LOCAL_MEM_FENCE);
            const int before = item >= step ? found[item - step] : 0;
            barrier(CLK_LOCAL_MEM_FENCE);
            found[item] += before;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        const int count = found[LOCAL - 1];
        int at = found[item] - own;
        for (int p = 0; p < PER; p++)
            if (mine >> p & 1) {
                from[at] = begin + p;
                to[at++] = PLACE_OF(LOAD(1, index, begin + p)) - first;
            }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (left + column < INNER)
            for (int e = 0; e < count; e++)
                if (to[e] % SUBS == sub)
                    sum[to[e] * COLUMNS + column] += LOAD(1, dy, (outer * PICKS + from[e]) * INNER + left + column);
    }
    for (int e = item; e < ROWS * COLUMNS; e += LOCAL)
        if (first + e / COLUMNS < AXIS && left + column < INNER)
            STORE(1, dx, (outer * AXIS + first + e / COLUMNS) * INNER + left + column, sum[e]);
}
#else
// simd: a work-item owns COLUMNS columns of every OWNERS-th row. Blocks of columns are equal work whatever the numbers are; rows
// are dealt out in turn, because often the first numbers are the frequent ones.
TW_ENTRY KERNEL(gather_dx)(TW_N, TW_IN(dy), TW_IN(index), TW_OUT(dx))
{
    USE_IN(dy);
    USE_IN(index);
    USE_OUT(dx);
    const int left = tw_group(0) * COLUMNS, columns = min(COLUMNS, INNER - left), owner = tw_group(1), outer = tw_group(2);
    for (int row = owner; row < AXIS; row += OWNERS) {
        const int to = (outer * AXIS + row) * INNER + left;
        int i = 0;
        for (; i + 16 <= columns; i += 16)
            STORE(16, dx, to + i, (float16)(0.0f));
        for (; i < columns; i++)
            STORE(1, dx, to + i, 0.0f);
    }
    for (int j = 0; j < PICKS; j++) {
        const int number = LOAD(1, index, j), place = PLACE_OF(number);
        if (place % OWNERS != owner)
            continue;
        const int from = (outer * PICKS + j) * INNER + left, to = (outer * AXIS + place) * INNER + left;
        int i = 0;
        for (; i + 16 <= columns; i += 16)
            STORE(16, dx, to + i, LOAD(16, dx, to + i) + LOAD(16, dy, from + i));
        for (; i < columns; i++)
            STORE(1, dx, to + i, LOAD(1, dx, to + i) + LOAD(1, dy, from + i));
    }
}
#endif
