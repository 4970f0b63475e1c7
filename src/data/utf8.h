// SPDX-License-Identifier: Apache-2.0
// Characters of text: code points of Unicode in UTF-8.
#ifndef TW_DATA_UTF8_H
#define TW_DATA_UTF8_H

#include "base/base.h"

#define TW_CODES 0x110000 /* code points are below */

/* The character at *at (below size), which moves behind it; -1 where the bytes are no UTF-8: also
 * overlong forms, surrogates, codes above 10FFFF. */
int32_t tw_utf8_next(const unsigned char *bytes, size_t size, size_t *at);
/* A code point as text, 0-terminated. */
void tw_utf8_print(int32_t code, char out[5]);

#endif
