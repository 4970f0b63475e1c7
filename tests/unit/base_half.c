// SPDX-License-Identifier: Apache-2.0
// f16 and bf16: every value there and back, rounding to nearest even, the edges.
#include "harness.h"

#include "base/half.h"

/* The value of f16 bits by its definition. */
static double meaning(uint32_t bits)
{
    const int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    const double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return bits & 0x8000 ? -size : size;
}

static void reads_every_f16(void)
{
    int wrong = 0;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const float value = tw_from_f16((uint16_t)bits);
        if ((bits & 0x7c00) != 0x7c00)
            wrong += value != meaning(bits) || tw_to_f16(value) != bits;
        else if (bits & 0x3ff)
            wrong += !isnan(value) || !isnan(tw_from_f16(tw_to_f16(value)));
        else
            wrong += !isinf(value) || tw_to_f16(value) != bits;
    }
    CHECK(wrong == 0);
}

/* Between neighbours: the middle goes to the even one, what is beside it to the nearer. */
static void rounds_f16(void)
{
    int wrong = 0;
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        const float middle = (float)((meaning(bits) + meaning(bits + 1)) / 2);
        wrong += tw_to_f16(middle) != (bits % 2 ? bits + 1 : bits);
        wrong += tw_to_f16(nextafterf(middle, 0)) != bits;
        wrong += tw_to_f16(nextafterf(middle, INFINITY)) != bits + 1;
        wrong += tw_to_f16(-middle) != (0x8000 | (bits % 2 ? bits + 1 : bits));
    }
    CHECK(wrong == 0);
    CHECK(tw_to_f16(65519) == 0x7bff && tw_to_f16(65520) == 0x7c00 && tw_to_f16(1e30f) == 0x7c00);
    CHECK(tw_to_f16(-INFINITY) == 0xfc00 && tw_to_f16(1e-10f) == 0);
}

static void converts_bf16(void)
{
    int wrong = 0;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        const float value = tw_from_bf16((uint16_t)bits);
        wrong += isnan(value) ? !isnan(tw_from_bf16(tw_to_bf16(value))) : tw_to_bf16(value) != bits;
    }
    CHECK(wrong == 0);
    CHECK(tw_from_bf16(0x3f80) == 1 && tw_to_bf16(1 + 0x1p-8f) == 0x3f80);
    CHECK(tw_to_bf16(1 + 3 * 0x1p-8f) == 0x3f82 && tw_to_bf16(1 + 0x1p-8f + 0x1p-20f) == 0x3f81);
    CHECK(tw_to_bf16(3.4e38f) == 0x7f80);
}

TESTS(T(reads_every_f16), T(rounds_f16), T(converts_bf16))
