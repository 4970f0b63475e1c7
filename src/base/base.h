// SPDX-License-Identifier: Apache-2.0
// What every room uses: the context's inside, memory, arenas, errors, log lines.
#ifndef TW_BASE_BASE_H
#define TW_BASE_BASE_H

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <thalweg/array.h>
#include <thalweg/context.h>

#define TW_COUNT(array) ((int)(sizeof(array) / sizeof(*(array))))
#define TW_MIN(a, b) ((a) < (b) ? (a) : (b))
#define TW_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Returns the status of a failing call from the function it stands in. */
#define TW_TRY(call)                                                                               \
    do {                                                                                           \
        const tw_status tw_try_ = (call);                                                          \
        if (tw_try_ != TW_OK)                                                                      \
            return tw_try_;                                                                        \
    } while (0)

/* ---- memory: every allocation goes through the context's allocator. NULL when it fails; sizes are
 * checked. ---- */
void *tw_alloc(tw_context *context, size_t size); /* uninitialised; size 0 gives a valid pointer */
void *tw_calloc(tw_context *context, size_t count,
                size_t size); /* zeroed; NULL on overflow of the product */
void *tw_resize(tw_context *context, void *pointer, size_t new_size);     /* as realloc */
void tw_free(tw_context *context, void *pointer);                         /* accepts NULL */
char *tw_copy_text(tw_context *context, const char *text, size_t length); /* 0-terminated copy */

/* Makes room for one more in a growing array (doubling). Usage: if (!tw_grow(c, &v, &capacity,
 * count, sizeof *v)). */
bool tw_grow(tw_context *context, void *array_pointer, int *capacity, int count, size_t size);

/* An arena: allocations that are freed together. Zeroed memory, aligned for any type; NULL when
 * memory is out. */
typedef struct tw_arena {
    tw_context *context;
    struct tw_arena_block *blocks;
} tw_arena;
void *tw_arena_alloc(tw_arena *arena, size_t size);
char *tw_arena_text(tw_arena *arena, const char *text, size_t length);
char *tw_arena_printf(tw_arena *arena, const char *format, ...) TW_PRINTF(2, 3);
void tw_arena_free(tw_arena *arena);

/* ---- errors ---- */
/* Fills *error (if any) and returns code: return tw_fail(error, TW_ERROR_SHAPE, "..."). */
tw_status tw_fail(tw_error *error, tw_status code, const char *format, ...) TW_PRINTF(3, 4);
tw_status tw_fail_at(tw_error *error, tw_status code, int line, int column, const char *format, ...)
    TW_PRINTF(5, 6);
tw_status tw_fail_v(tw_error *error, tw_status code, const char *format, va_list args);
tw_status tw_fail_memory(tw_error *error); /* TW_ERROR_MEMORY with its sentence */

/* ---- log and environment of a context ---- */
void tw_log(tw_context *context, tw_log_level level, const char *format, ...) TW_PRINTF(3, 4);
/* Folder for what thalweg may keep on disk, or NULL when nothing is to be kept. Created on first
 * use; a folder that cannot be made, or is read-only, gives NULL silently. */
const char *tw_cache_folder(tw_context *context);

#endif
