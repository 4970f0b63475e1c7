// SPDX-License-Identifier: Apache-2.0
// Attention for GPUs: as for CPUs, with one work-item for each query (PASS 0: y and lse; PASS 1: dq and delta) or
// each key (PASS 2: dk and dv), which keeps its row and its sums to itself. A group of GROUP of them shares tiles of
// TILE rows of the other side in local memory. Tiles that are all hidden are skipped: by CAUSAL, and by masks that are the
// same for all queries.
#define ROW_OF(length, place, width) (((image * (length) + (place)) * HEADS + head) * (width))
#define OWN (PASS == 2 ? KEYS : QUERIES)

#ifdef mask_ABSENT
#define MASK_IN
#define MASKED(query_, key_) true
#else
#define MASK_IN TW_IN(mask),
#define MASKED(query_, key_)                                                                                          \
    (LOAD(1, mask, image * (MASK_IMAGE) + head * (MASK_HEAD) + (query_) * (MASK_QUERY) + (key_)) != 0)
#endif
#define VISIBLE(query_, key_) ((!CAUSAL || (key_) <= (query_)) && MASKED(query_, key_))

#if DROPOUT
#define DROPOUT_PARAMETERS , const uint seed_lo, const uint seed_hi, const uint step, const uint line
#define KEPT(query_, key_)                                                                                            \
    *(tw_random_word(seed_lo, seed_hi, step, line, STREAM_LO, STREAM_HI,                                              \
                     (ulong)((image * HEADS + head) * QUERIES + (query_)) * ((KEYS + 3) / 4 * 4) + (ulong)(key_)) >>  \
                  8 <                                                                                                 \
              DROPOUT_BELOW                                                                                           \
          ? 0.0f                                                                                                      \
          : DROPOUT_FACTOR)
#else
#define DROPOUT_PARAMETERS
#define KEPT(query_, key_)
#endif

// `count` rows of `width` from row `first` of [BATCH,length,HEADS,width], by all items of the group.
#define TILE_IN(tile, name, length, first, count, width)                                                              \
    for (int e = tw_item(0); e < (count) * (width); e += GROUP)                                                       \
        tile[e] = LOAD(1, name, ROW_OF(length, (first) + e / (width), width) + e % (width))

#define ROW_IN(row, name, length, width)                                                                              \
    for (int d = 0; d < (width); d++)                                                                                 \
        row[d] = inside ? LOAD(1, name, ROW_OF(length, own, width) + d) : 0.0f

#define ROW_OUT(row, name, length, width, factor)                                                                     \
    for (int d = 0; d < (width) && inside; d++)                                                                       \
        STORE(1, name, ROW_OF(length, own, width) + d, row[d] * (factor))

// Loop over the tiles of the other side: [from, to) in steps of TILE.
#if PASS == 2
#define FROM (CAUSAL ? tw_group(0) * GROUP : 0)
#define TO QUERIES
#else
#define FROM 0
#define TO (CAUSAL ? min(KEYS, (tw_group(0) + 1) * GROUP) : KEYS)
#endif

#define PLACE                                                                                                         \
    const int own = tw_group(0) * GROUP + tw_item(0), head = tw_group(1) % HEADS, image = tw_group(1) / HEADS;        \
    const bool inside = own < OWN

#if PASS != 2
// Whether a tile of keys has to be looked at: the same for the whole group.
#if !defined(mask_ABSENT) && MASK_QUERY == 0
#define SEEN(any, first, count)                                                                                       \
    bool any = false;                                                                                                 \
    for (int j = 0; j < (count); j++)                                                                                 \
    any = any || MASKED(0, (first) + j)
#else
#define SEEN(any, first, count) const bool any = true
#endif
#endif

#if PASS == 0
#ifdef lse_ABSENT
#define LSE_OUT
#else
#define LSE_OUT , TW_OUT(lse)
#endif
TW_ENTRY KERNEL(attention_simt)(TW_N, TW_IN(query), TW_IN(key), TW_IN(value), MASK_IN TW_OUT(y)
                                         LSE_OUT DROPOUT_PARAMETERS)
{
    USE_IN(query);
    USE_IN(key);
    USE_IN(value);
#ifndef mask_ABSENT
    USE_IN(mask);
#endif
    USE_OUT(y);
    __local float keys[TILE * D], values[TILE * DV];
    float q[D], sums[DV], score[TILE], high = -INFINITY, sum = 0.0f;
    PLACE;
    ROW_IN(q, query, QUERIES, D);
    for (int d = 0; d < DV; d++)
        sums[d] = 0.0f;
    for (int first = FROM; first < TO; first += TILE) {
        const int count = min(TILE, KEYS - first);
        SEEN(any, first, count);
        if (any) {
            TILE_IN(keys, key, KEYS, first, count, D);
            TILE_IN(values, value, KEYS, first, count, DV);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        if (any && inside) {
            float highest = high;
            for (int j = 0; j < count; j++) {
                float dot = 0.0f;
                for (int d = 0; d < D; d++)
                    dot = q[d] * keys[j * D + d] + dot;
                score[j] = VISIBLE(own, first + j) ? dot * SCALE : -INFINITY;
                highest = max(highest, score[j]);
            }
            // of a query that has seen nothing yet: any finite number
            const float by = highest == -INFINITY ? 0.0f : highest, factor = exp(high - by);
            high = highest;
            sum *= factor;
            for (int d = 0; d < DV; d++)
                sums[d] *= factor;
            for (int j = 0; j < count; j++) {
                const float p = exp(score[j] - by), kept = p KEPT(own, first + j);
                sum += p;
                for (int d = 0; d < DV; d++)
                    sums[d] = kept * values[j * DV + d] + sums[d];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    ROW_OUT(sums, y, QUERIES, DV, sum == 0.0f ? 0.0f : 1.0f / sum);
#ifndef lse_ABSENT
    USE_OUT(lse);
    if (inside)
        lse[(image * HEADS + head) * QUERIES + own] = sum == 0.0f ? 0.0f : high + log(sum);
#endif
}
#elif PASS == 1
#ifdef dq_ABSENT
#define DQ_OUT
#else
#define DQ_OUT , TW_OUT(dq)
#endif
TW_ENTRY KERNEL(attention_simt)(TW_N, TW_IN(dy), TW_IN(query), TW_IN(key), TW_IN(value), TW_IN(y),
                                     TW_IN(lse), MASK_IN TW_OUT(delta) DQ_OUT DROPOUT_PARAMETERS)
{
    USE_IN(dy);
    USE_IN(query);
    USE_IN(key);
    USE_IN(value);
    USE_IN(y);
    USE_IN(lse);
#ifndef mask_ABSENT
    USE_IN(mask);
#endif
    USE_OUT(delta);
    __local float keys[TILE * D], values[TILE * DV];
    // Each item's own number; Intel's CPU compiler loses variables that are set in a branch and read behind barriers.
    __local float lses[GROUP], deltas[GROUP];
    float q[D], gradient[DV], sums[D];
    PLACE;
    ROW_IN(q, query, QUERIES, D);
    ROW_IN(gradient, dy, QUERIES, DV);
    if (inside) {
        const int row = (image * HEADS + head) * QUERIES + own;
        float own_delta = 0.0f;
        lses[tw_item(0)] = lse[row];
        for (int d = 0; d < DV; d++)
            own_delta = gradient[d] * LOAD(1, y, ROW_OF(QUERIES, own, DV) + d) + own_delta;
        delta[row] = deltas[tw_item(0)] = own_delta;
    }
    for (int d = 0; d < D; d++)
        sums[d] = 0.0f;
    for (int first = FROM; first < TO; first += TILE) {
        const int count = min(TILE, KEYS - first);
        SEEN(any, first, count);
        if (any) {
            TILE_IN(keys, key, KEYS, first, count, D);
            TILE_IN(values, value, KEYS, first, count, DV);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int j = 0; j < (any && inside ? count : 0); j++) {
            float dot = 0.0f, product = 0.0f;
            for (int d = 0; d < D; d++)
                dot = q[d] * keys[j * D + d] + dot;
            for (int d = 0; d < DV; d++)
                product = gradient[d] * values[j * DV + d] + product;
            const float p = VISIBLE(own, first + j) ? exp(dot * SCALE - lses[tw_item(0)]) : 0.0f;
            const float ds = p * (product KEPT(own, first + j) - deltas[tw_item(0)]) * SCALE;
            for (int d = 0; d < D; d++)
                sums[d] = ds * keys[j * D + d] + sums[d];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#ifndef dq_ABSENT
    USE_OUT(dq);
    ROW_OUT(sums, dq, QUERIES, D, 1.0f);
#endif
}
#else
#ifdef dk_ABSENT
#define DK_OUT
#else
#define DK_OUT , TW_OUT(dk)
#endif
#ifdef dv_ABSENT
#define DV_OUT
#else
#define DV_OUT , TW_OUT(dv)
#endif
TW_ENTRY KERNEL(attention_simt)(TW_N, TW_IN(dy), TW_IN(query), TW_IN(key), TW_IN(value), TW_IN(lse),
                                     MASK_IN TW_IN(delta) DK_OUT DV_OUT DROPOUT_PARAMETERS)
{
    USE_IN(dy);
    USE_IN(query);
    USE_IN(key);
    USE_IN(value);
    USE_IN(lse);
#ifndef mask_ABSENT
    USE_IN(mask);
#endif
    USE_IN(delta);
    __local float queries[TILE * D], gradients[TILE * DV], lses[TILE], deltas[TILE];
    float k[D], v[DV], key_sums[D], value_sums[DV];
    PLACE;
    ROW_IN(k, key, KEYS, D);
    ROW_IN(v, value, KEYS, DV);
    for (int d = 0; d < D; d++)
        key_sums[d] = 0.0f;
    for (int d = 0; d < DV; d++)
        value_sums[d] = 0.0f;
    for (int first = FROM; first < TO; first += TILE) {
        const int count = min(TILE, QUERIES - first), row = (image * HEADS + head) * QUERIES + first;
        TILE_IN(queries, query, QUERIES, first, count, D);
        TILE_IN(gradients, dy, QUERIES, first, count, DV);
        for (int i = tw_item(0); i < count; i += GROUP) {
            lses[i] = lse[row + i];
            deltas[i] = delta[row + i];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int i = 0; i < (inside ? count : 0); i++) {
            float dot = 0.0f, product = 0.0f;
            for (int d = 0; d < D; d++)
                dot = k[d] * queries[i * D + d] + dot;
            for (int d = 0; d < DV; d++)
                product = v[d] * gradients[i * DV + d] + product;
            const float p = VISIBLE(first + i, own) ? exp(dot * SCALE - lses[i]) : 0.0f, kept = p KEPT(first + i, own);
            const float ds = p * (product KEPT(first + i, own) - deltas[i]) * SCALE;
            for (int d = 0; d < D; d++)
                key_sums[d] = ds * queries[i * D + d] + key_sums[d];
            for (int d = 0; d < DV; d++)
                value_sums[d] = kept * gradients[i * DV + d] + value_sums[d];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#ifndef dk_ABSENT
    USE_OUT(dk);
    ROW_OUT(key_sums, dk, KEYS, D, 1.0f);
#endif
#ifndef dv_ABSENT
    USE_OUT(dv);
    ROW_OUT(value_sums, dv, KEYS, DV, 1.0f);
#endif
}
#endif
