// SPDX-License-Identifier: Apache-2.0
// FNV-1a, 64 bits (Fowler, Noll, Vo): small, the same everywhere, good enough for names and cache
// keys.
#include "base/hash.h"
#include <string.h>

uint64_t tw_hash(uint64_t start, const void *data, size_t length)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < length; i++)
        start = (start ^ byte[i]) * 0x100000001b3u;
    return start;
}

uint64_t tw_hash_text(const char *text)
{
    return tw_hash(TW_HASH_START, text, strlen(text));
}
