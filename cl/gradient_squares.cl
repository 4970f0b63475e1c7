// SPDX-License-Identifier: Apache-2.0
// For clipping by norm: the sum of squares of each chunk of the gradients, penalties included (tables as in
// optimizer.cl). The order of the sum is fixed.

#ifdef REGULARISED
#define GRADIENT(W, i) (LOAD(W, G, i) + sign(LOAD(W, P, i)) * l1 + LOAD(W, P, i) * l2)
#else
#define GRADIENT(W, i) LOAD(W, G, i)
#endif

TW_ENTRY KERNEL(gradient_squares)(TW_N, TW_IN(P), TW_IN(G), TW_IN(T), TW_IN(F), TW_OUT(SUM))
{
    USE_IN(P);
    USE_IN(G);
    USE_IN(T);
    USE_IN(F);
    USE_OUT(SUM);
    const int chunk = tw_group(0);
    const int first = T[4 * chunk], end = first + T[4 * chunk + 1], segment = T[4 * chunk + 2];
    const float l1 = F[4 * segment], l2 = F[4 * segment + 1];
#if ITEMS > 1
    __local float part[ITEMS];
    float sum = 0.0f;
    for (int i = first + tw_item(0); i < end; i += ITEMS) {
        const float g = GRADIENT(1, i);
        sum += g * g;
    }
    part[tw_item(0)] = sum;
    for (int half_way = ITEMS / 2; half_way > 0; half_way /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (tw_item(0) < half_way)
            part[tw_item(0)] += part[tw_item(0) + half_way];
    }
    if (tw_item(0) == 0)
        SUM[chunk] = part[0];
#else
    float16 sums = 0.0f;
    int i = first;
    for (; i + 16 <= end; i += 16) {
        const float16 g = GRADIENT(16, i);
        sums += g * g;
    }
    const float8 eight = sums.lo + sums.hi;
    const float4 four = eight.lo + eight.hi;
    float sum = (four.x + four.y) + (four.z + four.w);
    for (; i < end; i++) {
        const float g = GRADIENT(1, i);
        sum += g * g;
    }
    SUM[chunk] = sum;
#endif
}
