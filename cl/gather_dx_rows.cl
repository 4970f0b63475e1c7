// SPDX-License-Identifier: Apache-2.0
// Gradient of gather over numbers that gather_sort.cl has sorted: each row of dx is the sum of the rows of dy that were picked
// from it, in their order. A work-item takes CHUNK rows of one outer index.
//
// Rows of dy come from anywhere: they are asked for ahead, into the second-level cache, which has more requests under way than
// the first (2048x64 rows of 128, in C: 4.2 ms by the first, 2.3 by the second, 4.8 without).
#define VECTORS ((INNER + 15) / 16 < 8 ? (INNER + 15) / 16 : 8)
#define AHEAD (32 / SLABS + 1)
#if STREAM // dx is written past the caches
#define STORE_ROW(at, v) tw_stream_f32_16(dx + (at), v)
#else
#define STORE_ROW(at, v) STORE(16, dx, at, v)
#endif
// For each number j, in their order, of those that name `row`; e: where it stands.
#define EACH_NUMBER                                                                                                   \
    TW_ROLLED                                                                                                         \
    for (int slab = 0; slab < SLABS; slab++)                                                                          \
        TW_ROLLED                                                                                                     \
        for (int e = from[slab], behind = last[slab * AXIS + row]; e < behind; e++)

TW_ENTRY KERNEL(gather_dx_rows)(TW_N, TW_IN(dy), TW_IN(last), TW_IN(order), TW_OUT(dx))
{
    USE_IN(dy);
    USE_IN(last);
    USE_IN(order);
    USE_OUT(dx);
    const int first = tw_group(0) * CHUNK, end = min(first + CHUNK, AXIS), outer = tw_group(1);
    const int length = (PICKS + SLABS - 1) / SLABS;
    int from[SLABS];
    TW_ROLLED
    for (int slab = 0; slab < SLABS; slab++)
        from[slab] = first ? last[slab * AXIS + first - 1] : min(slab * length, PICKS);
    TW_ROLLED
    for (int row = first; row < end; row++) {
        const int to = (outer * AXIS + row) * INNER;
#if INNER >= 16
        // the last vector of a row, and the last block of vectors, overlap what is before them
        TW_ROLLED
        for (int block = 0; block < INNER; block += 16 * VECTORS) {
            const int left = max(min(block, INNER - 16 * VECTORS), 0);
            float16 sum[VECTORS];
            TILE_UNROLL for (int k = 0; k < VECTORS; k++)
                sum[k] = 0.0f;
            EACH_NUMBER
            {
                const int next = (outer * PICKS + order[min(e + AHEAD, PICKS - 1)]) * INNER + left;
                const int at = (outer * PICKS + order[e]) * INNER + left;
                TILE_UNROLL for (int k = 0; k < VECTORS; k++) {
                    TW_PREFETCH_FAR(dy, next + 16 * k);
                    sum[k] += LOAD(16, dy, at + min(16 * k, INNER - 16));
                }
            }
            TILE_UNROLL for (int k = 0; k < VECTORS; k++)
                STORE_ROW(to + left + min(16 * k, INNER - 16), sum[k]);
        }
#else
        TW_ROLLED
        for (int i = 0; i < INNER; i++) {
            float sum = 0.0f;
            EACH_NUMBER
            {
                sum += LOAD(1, dy, (outer * PICKS + order[e]) * INNER + i);
            }
            STORE(1, dx, to + i, sum);
        }
#endif
        TW_ROLLED
        for (int slab = 0; slab < SLABS; slab++)
            from[slab] = last[slab * AXIS + row];
    }
}
