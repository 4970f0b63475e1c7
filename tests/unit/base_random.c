// SPDX-License-Identifier: Apache-2.0
// Philox against Random123's known answers; numbers drawn from it against their statistics.
#include "base/hash.h"
#include "base/random.h"
#include "harness.h"

static void known_answers(void)
{
    /* kat_vectors of Random123, philox4x32-10. */
    static const uint32_t cases[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
         0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        tw_philox(&cases[i][4], cases[i], out);
        CHECK(memcmp(out, &cases[i][6], sizeof out) == 0);
    }
}

static const tw_random stream = {0x123456789abcdef0u, 0xfedcba9876543210u, 2, 5};

static void words(void)
{
    /* The convention of random.h, spelt out for elements on both sides of 2^34. */
    static const uint64_t elements[] = {
        0, 1, 7, ((uint64_t)1 << 34) - 1, (uint64_t)1 << 34, ((uint64_t)5 << 34) + 6};
    const uint32_t key[2] = {0x9abcdef0u, 0x12345678u};
    for (int i = 0; i < 6; i++) {
        const uint64_t e = elements[i];
        const uint32_t counter[4] = {(uint32_t)(e / 4), 5,
                                     0x76543210u ^ (uint32_t)(e / ((uint64_t)1 << 34)),
                                     0xfedcba98u ^ 2u};
        uint32_t out[4];
        tw_philox(key, counter, out);
        CHECK(tw_random_word(&stream, e) == out[e % 4]);
        CHECK(tw_random_uniform(&stream, e) == (out[e % 4] >> 8) / 16777216.0);
    }
}

static void streams_differ(void)
{
    tw_random other = stream;
    other.step++;
    CHECK(tw_random_word(&stream, 0) != tw_random_word(&other, 0));
    other = stream;
    other.line++;
    CHECK(tw_random_word(&stream, 0) != tw_random_word(&other, 0));
    other = stream;
    other.name++;
    CHECK(tw_random_word(&stream, 0) != tw_random_word(&other, 0));
    other = stream;
    other.seed ^= (uint64_t)1 << 63;
    CHECK(tw_random_word(&stream, 0) != tw_random_word(&other, 0));
}

enum { SAMPLES = 200000 };

static void uniform(void)
{
    double sum = 0, squares = 0, serial = 0, before = 0.5;
    int bins[100] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        const double u = tw_random_uniform(&stream, (uint64_t)i);
        CHECK(u >= 0 && u < 1 && u * 16777216 == floor(u * 16777216) && (double)(float)u == u);
        sum += u;
        squares += u * u;
        serial += (u - 0.5) * (before - 0.5);
        before = u;
        bins[(int)(u * 100)]++;
    }
    /* Five standard deviations: of the mean 1/sqrt(12 N), of the mean square sqrt(4/45 / N), of the
     * product 1/(12 sqrt(N)). */
    const double root = sqrt(SAMPLES);
    CHECK_NEAR(sum / SAMPLES, 0.5, 5 / sqrt(12) / root);
    CHECK_NEAR(squares / SAMPLES, 1.0 / 3, 5 * sqrt(4.0 / 45) / root);
    CHECK_NEAR(serial / SAMPLES, 0, 5.0 / 12 / root);
    double chi = 0;
    for (int i = 0; i < 100; i++)
        chi += (bins[i] - SAMPLES / 100.0) * (bins[i] - SAMPLES / 100.0) / (SAMPLES / 100.0);
    CHECK_NEAR(chi, 99, 5 * sqrt(2 * 99)); /* chi squared of 99 degrees */
}

static void normal(void)
{
    double sum = 0, squares = 0, fourth = 0, serial = 0, before = 0;
    int within = 0;
    for (int i = 0; i < SAMPLES; i++) {
        const double z = tw_random_normal(&stream, (uint64_t)i);
        CHECK(isfinite(z));
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        serial += z * before;
        before = z;
        within += fabs(z) < 1;
    }
    const double root = sqrt(SAMPLES);
    CHECK_NEAR(sum / SAMPLES, 0, 5 / root);
    CHECK_NEAR(squares / SAMPLES, 1, 5 * sqrt(2) / root);
    CHECK_NEAR(fourth / SAMPLES, 3, 5 * sqrt(96) / root);
    CHECK_NEAR(serial / SAMPLES, 0, 5 / root);
    CHECK_NEAR((double)within / SAMPLES, 0.682689, 5 * 0.4655 / root);
}

static void permutation(void)
{
    enum { N = 1000 };
    int64_t order[N], again[N];
    bool seen[N] = {false};
    tw_random_permutation(&stream, N, order);
    tw_random_permutation(&stream, N, again);
    CHECK(memcmp(order, again, sizeof order) == 0);
    int fixed = 0;
    for (int i = 0; i < N; i++) {
        CHECK(order[i] >= 0 && order[i] < N && !seen[order[i]]);
        seen[order[i]] = true;
        fixed += order[i] == i;
    }
    CHECK(fixed < 8); /* one is expected */
    int64_t one = 7;
    tw_random_permutation(&stream, 0, &one);
    CHECK(one == 7);
    tw_random_permutation(&stream, 1, &one);
    CHECK(one == 0);

    /* All 24 orders of four come equally often. */
    int count[256] = {0}, orders = 0;
    tw_random r = stream;
    for (int i = 0; i < 24000; i++) {
        int64_t four[4];
        r.step = (uint32_t)i;
        tw_random_permutation(&r, 4, four);
        count[four[0] + 4 * four[1] + 16 * four[2] + 64 * four[3]]++;
    }
    for (int i = 0; i < 256; i++)
        if (count[i]) {
            orders++;
            CHECK_NEAR(count[i], 1000, 5 * sqrt(1000));
        }
    CHECK(orders == 24);
}

TESTS(T(known_answers), T(words), T(streams_differ), T(uniform), T(normal), T(permutation))
