// SPDX-License-Identifier: Apache-2.0
// f16 (IEEE 754 binary16) and bf16 to and from float, in integers: the same on every machine.
#ifndef TW_BASE_HALF_H
#define TW_BASE_HALF_H

#include <stdint.h>

float tw_from_f16(uint16_t bits);
float tw_from_bf16(uint16_t bits);
/* Rounded to nearest, ties to even; beyond the largest becomes infinite, NaN stays NaN. */
uint16_t tw_to_f16(float value);
uint16_t tw_to_bf16(float value);

#endif
