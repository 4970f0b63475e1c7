// SPDX-License-Identifier: Apache-2.0
// The K largest along AXIS of [OUTER, AXIS, INNER], sorted, and their places. Of equal ones the first stands first; NaN counts as
// larger than all.
#define BEATS(a, b) ((a) > (b) || ((a) != (a) && (b) == (b)))
#ifdef values_ABSENT
#define TOPK_VALUES
#define TOPK_VALUE(at, v)
#else
#define TOPK_VALUES , TW_OUT(values)
#define TOPK_VALUE(at, v) STORE(1, values, at, v)
#endif
#ifdef indices_ABSENT
#define TOPK_INDICES
#define TOPK_INDEX(at, i)
#else
#define TOPK_INDICES , TW_OUT(indices)
#define TOPK_INDEX(at, i) STORE(1, indices, at, i)
#endif

TW_ENTRY KERNEL(topk)(TW_N, TW_IN(x) TOPK_VALUES TOPK_INDICES)
{
    USE_IN(x);
#ifndef values_ABSENT
    USE_OUT(values);
#endif
#ifndef indices_ABSENT
    USE_OUT(indices);
#endif
#if SIMT
    // A work-group takes a line: K times the best of those behind the one found last, each item among every LOCAL-th.
    __local VALUE best_value[LOCAL];
    __local int best_place[LOCAL];
    const int item = tw_item(0), line = tw_group(0);
    const int from = line / INNER * AXIS * INNER + line % INNER, to = line / INNER * K * INNER + line % INNER;
    VALUE last = 0;
    int last_place = -1;
    for (int k = 0; k < K; k++) {
        VALUE best = 0;
        int place = AXIS;
        for (int i = item; i < AXIS; i += LOCAL) {
            const VALUE a = LOAD(1, x, from + i * INNER);
            const int left = last_place < 0 || BEATS(last, a) || (!BEATS(a, last) && i > last_place);
            if (left && (place == AXIS || BEATS(a, best))) {
                best = a;
                place = i;
            }
        }
        best_value[item] = best;
        best_place[item] = place;
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int width = LOCAL / 2; width > 0; width /= 2) {
            if (item < width && best_place[item + width] < AXIS) {
                const VALUE a = best_value[item + width], b = best_value[item];
                const int better = best_place[item] == AXIS || BEATS(a, b) ||
                                   (!BEATS(b, a) && best_place[item + width] < best_place[item]);
                if (better) {
                    best_value[item] = a;
                    best_place[item] = best_place[item + width];
                }
            }
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        last = best_value[0];
        last_place = best_place[0];
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item == 0) {
            TOPK_VALUE(to + k * INNER, last);
            TOPK_INDEX(to + k * INNER, last_place);
        }
    }
#else
    // A work-item takes CHUNK lines, each read once: what is found so far is kept sorted. Most elements are below the last kept.
    const int begin = tw_group(0) * CHUNK, end = min(begin + CHUNK, OUTER * INNER);
    VALUE found[K];
    int places[K];
    for (int line = begin; line < end; line++) {
        const int from = line / INNER * AXIS * INNER + line % INNER, to = line / INNER * K * INNER + line % INNER;
        for (int i = 0; i < AXIS; i++) {
            const VALUE a = LOAD(1, x, from + i * INNER);
            int k = min(i, K);
            if (k == K && !BEATS(a, found[K - 1]))
                continue;
            for (k = min(k, K - 1); k > 0 && BEATS(a, found[k - 1]); k--) {
                found[k] = found[k - 1];
                places[k] = places[k - 1];
            }
            found[k] = a;
            places[k] = i;
        }
        for (int k = 0; k < K; k++) {
            TOPK_VALUE(to + k * INNER, found[k]);
            TOPK_INDEX(to + k * INNER, places[k]);
        }
    }
#endif
}
