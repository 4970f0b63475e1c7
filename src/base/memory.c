// SPDX-License-Identifier: Apache-2.0
// Memory through the context's allocator, growing arrays, and arenas.
#include "base/context.h"
#include "base/text.h"
#include <limits.h>

/* Before each allocation stands its size, because the allocator is told the old size and tw_free is
 * not. */
typedef union header {
    size_t size; /* of the whole, header included */
    max_align_t align;
} header;

void *tw_resize(tw_context *context, void *pointer, size_t new_size)
{
    if (new_size >
        PTRDIFF_MAX - sizeof(header)) /* what allocators may add their own few bytes to */
        return NULL;
    header *old = pointer ? (header *)pointer - 1 : NULL;
    header *made = context->allocator.resize(context->allocator.user, old, old ? old->size : 0,
                                             sizeof(header) + new_size);
    if (!made)
        return NULL;
    made->size = sizeof(header) + new_size;
    return made + 1;
}

void *tw_alloc(tw_context *context, size_t size)
{
    return tw_resize(context, NULL, size);
}

void *tw_calloc(tw_context *context, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *pointer = tw_alloc(context, count * size);
    return pointer ? memset(pointer, 0, count * size) : NULL;
}

void tw_free(tw_context *context, void *pointer)
{
    if (!pointer)
        return;
    header *old = (header *)pointer - 1;
    context->allocator.resize(context->allocator.user, old, old->size, 0);
}

char *tw_copy_text(tw_context *context, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? tw_alloc(context, length + 1) : NULL;
    if (!copy)
        return NULL;
    if (length > 0)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

bool tw_grow(tw_context *context, void *array_pointer, int *capacity, int count, size_t size)
{
    if (count < *capacity)
        return true;
    if (count > INT_MAX / 2)
        return false;
    const int wanted = count < 8 ? 8 : 2 * count;
    if (size != 0 && (size_t)wanted > SIZE_MAX / size)
        return false;
    void *old; /* array_pointer is a T **, whatever T: read and written as bytes */
    memcpy(&old, array_pointer, sizeof old);
    void *grown = tw_resize(context, old, (size_t)wanted * size);
    if (!grown)
        return false;
    memcpy(array_pointer, &grown, sizeof grown);
    *capacity = wanted;
    return true;
}

typedef struct tw_arena_block {
    struct tw_arena_block *next;
    size_t used, size; /* bytes behind the block's head */
} tw_arena_block;

#define ARENA_ALIGN sizeof(max_align_t)
#define BLOCK_HEAD ((sizeof(tw_arena_block) + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN)
#define BLOCK_FIRST ((size_t)4096)
#define BLOCK_LARGEST ((size_t)256 * 1024)

/* A block for size bytes at least; each is twice as large as the one before, up to a limit. */
static tw_arena_block *add_block(tw_arena *arena, size_t size)
{
    size_t wanted = arena->blocks ? TW_MIN(2 * arena->blocks->size, BLOCK_LARGEST) : BLOCK_FIRST;
    wanted = TW_MAX(wanted, size);
    if (wanted > SIZE_MAX - BLOCK_HEAD)
        return NULL;
    tw_arena_block *block = tw_calloc(arena->context, 1, BLOCK_HEAD + wanted);
    if (!block)
        return NULL;
    block->next = arena->blocks;
    block->size = wanted;
    arena->blocks = block;
    return block;
}

void *tw_arena_alloc(tw_arena *arena, size_t size)
{
    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size = TW_MAX((size + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN, ARENA_ALIGN);
    tw_arena_block *block = arena->blocks;
    if (!block || size > block->size - block->used)
        block = add_block(arena, size);
    if (!block)
        return NULL;
    void *pointer = (char *)block + BLOCK_HEAD + block->used;
    block->used += size;
    return pointer;
}

char *tw_arena_text(tw_arena *arena, const char *text, size_t length)
{
    char *copy = length < SIZE_MAX ? tw_arena_alloc(arena, length + 1) : NULL;
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

char *tw_arena_printf(tw_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = tw_vformat(NULL, 0, format, args);
    va_end(args);
    char *text = length >= 0 ? tw_arena_alloc(arena, (size_t)length + 1) : NULL;
    if (!text)
        return NULL;
    va_start(args, format);
    tw_vformat(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

void tw_arena_free(tw_arena *arena)
{
    while (arena->blocks) {
        tw_arena_block *next = arena->blocks->next;
        tw_free(arena->context, arena->blocks);
        arena->blocks = next;
    }
}
