// SPDX-License-Identifier: Apache-2.0
// f16 and bf16 to and from float.
#include "base/half.h"

#include <string.h>

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float tw_from_f16(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, rest = bits & 0x7fff;
    if (rest >= 0x7c00) /* infinite or NaN */
        return float_of(sign | 0x7f800000 | (rest & 0x3ff) << 13);
    if (rest >= 0x0400)
        return float_of(sign | ((rest << 13) + (112u << 23)));
    /* A multiple of 2^-24, exact in float. */
    return float_of(sign | bits_of((float)rest * 0x1p-24f));
}

float tw_from_bf16(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

/* value >> shift, rounded to nearest, ties to even. */
static uint32_t shift_even(uint32_t value, int shift)
{
    const uint32_t half = 1u << (shift - 1), odd = (value >> shift) & 1;
    return (value + half - 1 + odd) >> shift;
}

uint16_t tw_to_f16(float value)
{
    const uint32_t bits = bits_of(value), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
    if (rest >= 0x47800000) /* 65536 and more */
        return (uint16_t)(sign | 0x7c00);
    if (rest >= 0x38800000) /* normal: a carry out of the fraction counts the exponent up, to
                               infinity at the end */
        return (uint16_t)(sign | shift_even(rest - (112u << 23), 13));
    if (rest < 0x33000000) /* below 2^-25 */
        return (uint16_t)sign;
    const int exponent = (int)(rest >> 23);
    return (uint16_t)(sign | shift_even((rest & 0x7fffff) | 0x800000, 126 - exponent));
}

uint16_t tw_to_bf16(float value)
{
    const uint32_t bits = bits_of(value);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)shift_even(bits, 16);
}
