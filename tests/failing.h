// SPDX-License-Identifier: Apache-2.0
// An allocator that counts, and fails at a chosen call: tests of what happens when memory is out.
//
//     tw_failing memory = {.fail_at = -1};
//     tw_allocator allocator = {tw_failing_resize, &memory};
//     ... make a context with it, set memory.fail_at = memory.calls + k, call, expect
//     TW_ERROR_MEMORY, destroy ... CHECK(memory.live == 0);
#ifndef TW_TESTS_FAILING_H
#define TW_TESTS_FAILING_H

#include <stddef.h>
#include <stdlib.h>

typedef struct tw_failing {
    long calls;   /* allocations and growths so far */
    long fail_at; /* number of the call that fails, from 0; -1: none. Later calls work again */
    long live;    /* allocations not yet freed */
    size_t bytes; /* of these */
    int wrong;    /* a pointer was handed over with another size than it was made with */
} tw_failing;

/* Each block begins with its size, so that the old sizes that the library tells can be checked. */
static inline void *tw_failing_resize(void *user, void *pointer, size_t old_size, size_t new_size)
{
    tw_failing *memory = user;
    max_align_t *old = pointer ? (max_align_t *)pointer - 1 : NULL;
    if (old && *(size_t *)old != old_size)
        memory->wrong++;
    if (new_size == 0) {
        if (old) {
            memory->live--;
            memory->bytes -= old_size;
        }
        free(old);
        return NULL;
    }
    if (memory->calls++ == memory->fail_at)
        return NULL;
    max_align_t *made = realloc(old, sizeof *made + new_size);
    if (!made)
        return NULL;
    *(size_t *)made = new_size;
    memory->live += pointer == NULL;
    memory->bytes += new_size - (pointer ? old_size : 0);
    return made + 1;
}

#endif
