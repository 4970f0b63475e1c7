// SPDX-License-Identifier: Apache-2.0
// Philox 4x32-10 and what is drawn from it.
#include "base/random.h"
#include <math.h>

void tw_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4])
{
    uint32_t k0 = key[0], k1 = key[1];
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    for (int round = 0; round < 10; round++) {
        const uint64_t a = (uint64_t)0xD2511F53u * c0, b = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)b;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9u; /* the golden ratio */
        k1 += 0xBB67AE85u; /* sqrt(3) - 1 */
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

uint32_t tw_random_word(const tw_random *random, uint64_t element)
{
    const uint32_t key[2] = {(uint32_t)random->seed, (uint32_t)(random->seed >> 32)};
    const uint32_t counter[4] = {(uint32_t)(element / 4), random->step,
                                 (uint32_t)random->name ^ (uint32_t)(element >> 34),
                                 (uint32_t)(random->name >> 32) ^ random->line};
    uint32_t word[4];
    tw_philox(key, counter, word);
    return word[element % 4];
}

double tw_random_uniform(const tw_random *random, uint64_t element)
{
    return (tw_random_word(random, element) >> 8) * 0x1p-24;
}

double tw_random_normal(const tw_random *random, uint64_t element)
{
    const double u = tw_random_uniform(random, 2 * element);
    const double v = tw_random_uniform(random, 2 * element + 1);
    return sqrt(-2 * log(1 - u)) * cos(6.283185307179586476925286766559 * v);
}

void tw_random_permutation(const tw_random *random, int64_t count, int64_t *order)
{
    for (int64_t i = 0; i < count; i++)
        order[i] = i;
    for (int64_t i = count - 1; i > 0; i--) {
        /* 64 bits modulo i + 1: the bias is below (i + 1) / 2^64 */
        const uint64_t high = tw_random_word(random, 2 * (uint64_t)i);
        const uint64_t low = tw_random_word(random, 2 * (uint64_t)i + 1);
        const int64_t j = (int64_t)((high << 32 | low) % ((uint64_t)i + 1));
        const int64_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}
