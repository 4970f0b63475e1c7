// SPDX-License-Identifier: Apache-2.0
// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): numbers
// by counter, no state.
#ifndef TW_BASE_RANDOM_H
#define TW_BASE_RANDOM_H

#include <stdint.h>

/* Four words for a key and a counter. cl/core/random.cl computes the same. Convention for nodes:
 * key = {seed low, seed high}; counter = {element / 4, step, name hash low ^ element / 2^34, name
 * hash high ^ line}; element e takes word e % 4. */
void tw_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

typedef struct tw_random {
    uint64_t seed, name; /* name: tw_hash_text of the node's name */
    uint32_t line, step;
} tw_random;
uint32_t tw_random_word(const tw_random *random, uint64_t element);
/* (word >> 8) * 2^-24: in [0, 1), exact in float. */
double tw_random_uniform(const tw_random *random, uint64_t element);
/* Box-Muller on uniforms 2e and 2e+1: sqrt(-2 ln(1-u)) cos(2 pi v). */
double tw_random_normal(const tw_random *random, uint64_t element);
/* A permutation of 0..count-1 (Fisher-Yates over the words). */
void tw_random_permutation(const tw_random *random, int64_t count, int64_t *order);

#endif
