// SPDX-License-Identifier: Apache-2.0
// FNV-1a, 64 bits: names and cache keys.
#ifndef TW_BASE_HASH_H
#define TW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define TW_HASH_START 0xcbf29ce484222325u
uint64_t tw_hash(uint64_t start, const void *data,
                 size_t length); /* chainable: start is the hash so far */
uint64_t tw_hash_text(const char *text);

#endif
