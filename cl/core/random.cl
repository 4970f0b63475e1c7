// SPDX-License-Identifier: Apache-2.0
// Philox 4x32-10 as in src/base/random.c: the same words, and uniform numbers that are bitwise the host's.
//
//     tw_random_uniform(seed_lo, seed_hi, step, line, name_lo, name_hi, element)    float in [0, 1)
//     tw_random_normal(seed_lo, seed_hi, step, line, name_lo, name_hi, element)     float
//     tw_random_uniform_W, tw_random_normal_W (W: 1, 2, 4, 8, 16)                   floatW for elements element .. + W - 1
//
// step counts steps, line is the number of the train line, name_lo and name_hi are the halves of the hash of the node's
// name. Any element may be the first; it is fastest when element % 4 == 0. tw_random_uniform_32(..., drawn) and _64 leave 32
// and 64 in vectors of 16, in less time than so many of 16.
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

// W blocks from `block` on in one run of 4 W words, each word of the state in the lower half of 64 bits: a product is one
// instruction then, where mul_hi of vectors took several; upper halves are not cleared, since products look at the lower ones
// alone. What the first two rounds make of step and names is one number for all blocks. The rounds are written out: in a
// loop each waits for the one before. (PoCL 3.1, dropout of 16384x1024: 33 ms by mul_hi, 14 in a loop, 7 by four blocks,
// 5 by eight; of 128x4096, in the caches, 0.140 by eight, 0.118 by sixteen.)
#define TW_PHILOX_ROUND(T, i)                                                                                         \
    {                                                                                                                 \
        const T a = (c0 & low) * (T)0xD2511F53u, b = (c2 & low) * (T)0xCD9E8D57u;                                     \
        c0 = (b >> 32) ^ c1 ^ (T)(k0 + i##u * 0x9E3779B9u);                                                           \
        c2 = (a >> 32) ^ c3 ^ (T)(k1 + i##u * 0xBB67AE85u);                                                           \
        c1 = b;                                                                                                       \
        c3 = a;                                                                                                       \
    }
#define TW_PHILOX_BLOCKS(T, lanes)                                                                                    \
    const T low = (T)0xffffffffu;                                                                                     \
    const ulong b0 = (ulong)s2 * 0xCD9E8D57u;                                                                         \
    const ulong a1 = (ulong)((uint)(b0 >> 32) ^ s1 ^ k0) * 0xD2511F53u;                                               \
    const T a0 = (((T)block + lanes) & low) * (T)0xD2511F53u;                                                         \
    const T b1 = (((a0 >> 32) ^ (T)(s3 ^ k1)) & low) * (T)0xCD9E8D57u;                                                \
    T c0 = (b1 >> 32) ^ (T)((uint)b0 ^ (k0 + 0x9E3779B9u)), c1 = b1;                                                  \
    T c2 = a0 ^ (T)((uint)(a1 >> 32) ^ (k1 + 0xBB67AE85u)), c3 = (T)a1;                                               \
    TW_PHILOX_ROUND(T, 2)                                                                                             \
    TW_PHILOX_ROUND(T, 3)                                                                                             \
    TW_PHILOX_ROUND(T, 4)                                                                                             \
    TW_PHILOX_ROUND(T, 5)                                                                                             \
    TW_PHILOX_ROUND(T, 6)                                                                                             \
    TW_PHILOX_ROUND(T, 7)                                                                                             \
    TW_PHILOX_ROUND(T, 8)                                                                                             \
    TW_PHILOX_ROUND(T, 9)
// Of two words of each of eight blocks, the lower halves of a and b: one behind the other. (As a | b << 32 clang makes of the
// shift and the product before it one product of 64 bits.)
static inline ulong8 tw_philox_pairs(const ulong8 a, const ulong8 b)
{
    const uint16 u = as_uint16(a), v = as_uint16(b);
    return as_ulong8((uint16)(u.s0, v.s0, u.s2, v.s2, u.s4, v.s4, u.s6, v.s6, u.s8, v.s8, u.sa, v.sa, u.sc, v.sc, u.se, v.se));
}
#define TW_PHILOX_WORDS(words, c0, c1, c2, c3)                                                                        \
    do {                                                                                                              \
        const ulong8 x = tw_philox_pairs(c0, c1), y = tw_philox_pairs(c2, c3);                                        \
        (words)[0] = as_uint16((ulong8)(x.s0, y.s0, x.s1, y.s1, x.s2, y.s2, x.s3, y.s3));                             \
        (words)[1] = as_uint16((ulong8)(x.s4, y.s4, x.s5, y.s5, x.s6, y.s6, x.s7, y.s7));                             \
    } while (0)
static inline uint16 tw_philox_4(const uint k0, const uint k1, const ulong block, const uint s1, const uint s2,
                                 const uint s3)
{
    TW_PHILOX_BLOCKS(ulong4, (ulong4)(0, 1, 2, 3));
    const ulong4 x = (c0 & low) | c1 << 32, y = (c2 & low) | c3 << 32;
    return as_uint16((ulong8)(x.s0, y.s0, x.s1, y.s1, x.s2, y.s2, x.s3, y.s3));
}
static inline void tw_philox_8(const uint k0, const uint k1, const ulong block, const uint s1, const uint s2,
                               const uint s3, uint16 *words)
{
    TW_PHILOX_BLOCKS(ulong8, (ulong8)(0, 1, 2, 3, 4, 5, 6, 7));
    TW_PHILOX_WORDS(words, c0, c1, c2, c3);
}
static inline void tw_philox_16(const uint k0, const uint k1, const ulong block, const uint s1, const uint s2,
                                const uint s3, uint16 *words)
{
    TW_PHILOX_BLOCKS(ulong16, (ulong16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    TW_PHILOX_WORDS(words, c0.lo, c1.lo, c2.lo, c3.lo);
    TW_PHILOX_WORDS(words + 2, c0.hi, c1.hi, c2.hi, c3.hi);
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

// Whether the upper half of a block's number changes within so many blocks: then they are made one by one.
#define TW_RANDOM_CARRIES(block, blocks) (((block) + (blocks)-1) >> 32 != (block) >> 32)

static inline uint16 tw_random_word_16(TW_RANDOM_ARGUMENTS)
{
    const ulong block = element >> 2;
    const uint shift = (uint)element & 3u;
    uint words[20];
    if (TW_RANDOM_CARRIES(block, 4)) {
        for (int k = 0; k < 4; k++)
            vstore4(tw_random_block(TW_RANDOM_STREAM, block + k), k, words);
    } else {
        const uint16 a = tw_philox_4(seed_lo, seed_hi, block, step, name_lo ^ (uint)(block >> 32), name_hi ^ line);
        if (shift == 0)
            return a;
        vstore16(a, 0, words);
    }
    vstore4(tw_random_block(TW_RANDOM_STREAM, block + 4), 4, words);
    return vload16(0, words + shift);
}

// 32 and 64 words, in vectors of 16: the fastest.
static inline void tw_random_word_32(TW_RANDOM_ARGUMENTS, uint16 *words)
{
    const ulong block = element >> 2;
    if ((element & 3) == 0 && !TW_RANDOM_CARRIES(block, 8)) {
        tw_philox_8(seed_lo, seed_hi, block, step, name_lo ^ (uint)(block >> 32), name_hi ^ line, words);
    } else {
        words[0] = tw_random_word_16(TW_RANDOM_STREAM, element);
        words[1] = tw_random_word_16(TW_RANDOM_STREAM, element + 16);
    }
}
static inline void tw_random_word_64(TW_RANDOM_ARGUMENTS, uint16 *words)
{
    const ulong block = element >> 2;
    if ((element & 3) == 0 && !TW_RANDOM_CARRIES(block, 16)) {
        tw_philox_16(seed_lo, seed_hi, block, step, name_lo ^ (uint)(block >> 32), name_hi ^ line, words);
    } else {
        tw_random_word_32(TW_RANDOM_STREAM, element, words);
        tw_random_word_32(TW_RANDOM_STREAM, element + 32, words + 2);
    }
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
#define TW_RANDOM_UNIFORM_MANY(W)                                                                                     \
    static inline void tw_random_uniform_##W(TW_RANDOM_ARGUMENTS, float16 *drawn)                                     \
    {                                                                                                                 \
        uint16 words[W / 16];                                                                                         \
        tw_random_word_##W(TW_RANDOM_STREAM, element, words);                                                         \
        for (int i = 0; i < W / 16; i++)                                                                              \
            drawn[i] = convert_float16(words[i] >> 8) * 0x1p-24f;                                                     \
    }
TW_RANDOM_UNIFORM_MANY(32)
TW_RANDOM_UNIFORM_MANY(64)

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
    float16 u[2];
    tw_random_uniform_32(TW_RANDOM_STREAM, 2 * element, u);
    return (float16)(TW_BOX_MULLER(u[0].even, u[0].odd), TW_BOX_MULLER(u[1].even, u[1].odd));
}
