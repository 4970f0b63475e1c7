// SPDX-License-Identifier: Apache-2.0
// Philox 4x32-10 as in src/base/random.c: the same words, and uniform numbers that are bitwise the host's.
//
//     tw_random_uniform(seed_lo, seed_hi, step, line, name_lo, name_hi, element)    float in [0, 1)
//     tw_random_normal(seed_lo, seed_hi, step, line, name_lo, name_hi, element)     float
//     tw_random_uniform_W, tw_random_normal_W (W: 1, 2, 4, 8, 16)                   floatW for elements element .. + W - 1
//
// step counts steps, line is the number of the train line, name_lo and name_hi are the halves of the hash of the node's
// name. Any element may be the first; it is fastest when element % 4 == 0.
// `static`, not plain `inline`: C99's inline leaves no body behind where a compiler chooses not to inline.

// Four words for each of the blocks c0.., one block a lane.
#define TW_PHILOX(T)                                                                                                  \
    static inline void tw_philox_##T(uint k0, uint k1, T c0, T c1, T c2, T c3, T *w0, T *w1, T *w2, T *w3)            \
    {                                                                                                                 \
        for (int round = 0; round < 10; round++) {                                                                    \
            const T a_low = c0 * (T)0xD2511F53u, a_high = mul_hi(c0, (T)0xD2511F53u);                                 \
            const T b_low = c2 * (T)0xCD9E8D57u, b_high = mul_hi(c2, (T)0xCD9E8D57u);                                 \
            c0 = b_high ^ c1 ^ (T)k0;                                                                                 \
            c2 = a_high ^ c3 ^ (T)k1;                                                                                 \
            c1 = b_low;                                                                                               \
            c3 = a_low;                                                                                               \
            k0 += 0x9E3779B9u;                                                                                        \
            k1 += 0xBB67AE85u;                                                                                        \
        }                                                                                                             \
        *w0 = c0;                                                                                                     \
        *w1 = c1;                                                                                                     \
        *w2 = c2;                                                                                                     \
        *w3 = c3;                                                                                                     \
    }
TW_PHILOX(uint)

// Four blocks, each word in the lower half of 64 bits: a product is one instruction then, where mul_hi of vectors took
// several (PoCL 3.1: dropout of 16384x1024 in 33 ms).
static inline void tw_philox_4(uint k0, uint k1, ulong4 c0, ulong4 c1, ulong4 c2, ulong4 c3, uint4 *w0, uint4 *w1,
                               uint4 *w2, uint4 *w3)
{
    const ulong4 low = (ulong4)0xffffffffu;
    for (int round = 0; round < 10; round++) {
        const ulong4 a = (c0 & low) * (ulong4)0xD2511F53u, b = (c2 & low) * (ulong4)0xCD9E8D57u;
        c0 = (b >> 32) ^ c1 ^ (ulong4)k0;
        c2 = (a >> 32) ^ c3 ^ (ulong4)k1;
        c1 = b & low;
        c3 = a & low;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    *w0 = convert_uint4(c0);
    *w1 = convert_uint4(c1);
    *w2 = convert_uint4(c2);
    *w3 = convert_uint4(c3);
}

#define TW_RANDOM_ARGUMENTS                                                                                           \
    const uint seed_lo, const uint seed_hi, const uint step, const uint line, const uint name_lo, const uint name_hi, \
        const ulong element
#define TW_RANDOM_STREAM seed_lo, seed_hi, step, line, name_lo, name_hi

// The four words of one block: elements 4 * block .. 4 * block + 3.
static inline uint4 tw_random_block(const uint seed_lo, const uint seed_hi, const uint step, const uint line,
                                    const uint name_lo, const uint name_hi, const ulong block)
{
    uint w0, w1, w2, w3;
    tw_philox_uint(seed_lo, seed_hi, (uint)block, step, name_lo ^ (uint)(block >> 32), name_hi ^ line, &w0, &w1, &w2, &w3);
    return (uint4)(w0, w1, w2, w3);
}

static inline uint tw_random_word(TW_RANDOM_ARGUMENTS)
{
    const uint4 w = tw_random_block(TW_RANDOM_STREAM, element >> 2);
    const uint even = element & 2 ? w.z : w.x, odd = element & 2 ? w.w : w.y;
    return element & 1 ? odd : even;
}

// Words from any element on: blocks are made whole, and shifted, through memory, where the first element does not begin
// one. (Selecting among vectors by a scalar condition would do, but Oclgrind 21.10 gets it wrong.)
static inline uint4 tw_random_word_4(TW_RANDOM_ARGUMENTS)
{
    const uint shift = (uint)element & 3u;
    const uint4 a = tw_random_block(TW_RANDOM_STREAM, element >> 2);
    if (shift == 0)
        return a;
    const uint4 b = tw_random_block(TW_RANDOM_STREAM, (element >> 2) + 1);
    uint words[8];
    vstore4(a, 0, words);
    vstore4(b, 1, words);
    return vload4(0, words + shift);
}

static inline uint16 tw_random_word_16(TW_RANDOM_ARGUMENTS)
{
    const ulong4 block = (ulong4)(element >> 2) + (ulong4)(0, 1, 2, 3);
    uint4 w0, w1, w2, w3;
    tw_philox_4(seed_lo, seed_hi, block & (ulong4)0xffffffffu, (ulong4)step, (ulong4)name_lo ^ (block >> 32),
                (ulong4)(name_hi ^ line), &w0, &w1, &w2, &w3);
    const uint16 a = (uint16)(w0.x, w1.x, w2.x, w3.x, w0.y, w1.y, w2.y, w3.y, w0.z, w1.z, w2.z, w3.z, w0.w, w1.w,
                              w2.w, w3.w);
    const uint shift = (uint)element & 3u;
    if (shift == 0)
        return a;
    const uint4 b = tw_random_block(TW_RANDOM_STREAM, (element >> 2) + 4);
    uint words[20];
    vstore16(a, 0, words);
    vstore4(b, 4, words);
    return vload16(0, words + shift);
}

// 24 bits, so that the conversion and the product are exact.
static inline float tw_random_uniform(TW_RANDOM_ARGUMENTS)
{
    return (float)(tw_random_word(TW_RANDOM_STREAM, element) >> 8) * 0x1p-24f;
}
#define tw_random_uniform_1 tw_random_uniform
static inline float2 tw_random_uniform_2(TW_RANDOM_ARGUMENTS)
{
    return (float2)(tw_random_uniform(TW_RANDOM_STREAM, element), tw_random_uniform(TW_RANDOM_STREAM, element + 1));
}
static inline float4 tw_random_uniform_4(TW_RANDOM_ARGUMENTS)
{
    return convert_float4(tw_random_word_4(TW_RANDOM_STREAM, element) >> 8) * 0x1p-24f;
}
static inline float8 tw_random_uniform_8(TW_RANDOM_ARGUMENTS)
{
    return (float8)(tw_random_uniform_4(TW_RANDOM_STREAM, element), tw_random_uniform_4(TW_RANDOM_STREAM, element + 4));
}
static inline float16 tw_random_uniform_16(TW_RANDOM_ARGUMENTS)
{
    return convert_float16(tw_random_word_16(TW_RANDOM_STREAM, element) >> 8) * 0x1p-24f;
}

// Box-Muller on uniforms 2e and 2e + 1; 1 - u is exact and never 0.
#define TW_BOX_MULLER(u, v) (sqrt(-2.0f * log(1.0f - (u))) * cospi(2.0f * (v)))
static inline float tw_random_normal(TW_RANDOM_ARGUMENTS)
{
    const uint4 w = tw_random_block(TW_RANDOM_STREAM, element >> 1);
    const uint u = element & 1 ? w.z : w.x, v = element & 1 ? w.w : w.y;
    return TW_BOX_MULLER((float)(u >> 8) * 0x1p-24f, (float)(v >> 8) * 0x1p-24f);
}
#define tw_random_normal_1 tw_random_normal
static inline float2 tw_random_normal_2(TW_RANDOM_ARGUMENTS)
{
    const float4 u = tw_random_uniform_4(TW_RANDOM_STREAM, 2 * element);
    return TW_BOX_MULLER(u.even, u.odd);
}
static inline float4 tw_random_normal_4(TW_RANDOM_ARGUMENTS)
{
    const float8 u = tw_random_uniform_8(TW_RANDOM_STREAM, 2 * element);
    return TW_BOX_MULLER(u.even, u.odd);
}
static inline float8 tw_random_normal_8(TW_RANDOM_ARGUMENTS)
{
    const float16 u = tw_random_uniform_16(TW_RANDOM_STREAM, 2 * element);
    return TW_BOX_MULLER(u.even, u.odd);
}
static inline float16 tw_random_normal_16(TW_RANDOM_ARGUMENTS)
{
    return (float16)(tw_random_normal_8(TW_RANDOM_STREAM, element), tw_random_normal_8(TW_RANDOM_STREAM, element + 8));
}
