// SPDX-License-Identifier: Apache-2.0
// Memory, growing arrays, arenas; element types, hashes, device sizes of elements.
#include "base/caps.h"
#include "base/hash.h"
#include "failing.h"
#include "harness.h"
#include <limits.h>

static tw_error error;
static tw_failing memory;

static tw_context *make(void)
{
    const tw_allocator allocator = {tw_failing_resize, &memory};
    tw_context *context = NULL;
    memory = (tw_failing){.fail_at = -1};
    CHECK_OK(tw_context_create(&(tw_context_options){.allocator = &allocator, .cache_folder = ""},
                               &context, &error),
             error);
    return context;
}

static void end(tw_context *context)
{
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && memory.bytes == 0 && memory.wrong == 0);
}

static bool aligned(const void *pointer)
{
    return (uintptr_t)pointer % _Alignof(max_align_t) == 0;
}

static void allocation(void)
{
    tw_context *context = make();
    const long live = memory.live;
    char *a = tw_alloc(context, 10), *b = tw_alloc(context, 0), *c = tw_calloc(context, 3, 7);
    CHECK(a && b && c && aligned(a) && aligned(b) && aligned(c));
    for (int i = 0; i < 21; i++)
        CHECK(c[i] == 0);
    memset(a, 'a', 10);
    a = tw_resize(context, a, 100000);
    CHECK(a && a[0] == 'a' && a[9] == 'a');
    a = tw_resize(context, a, 1);
    CHECK(a && a[0] == 'a');
    char *copy = tw_copy_text(context, "hello", 4), *empty = tw_copy_text(context, NULL, 0);
    CHECK_TEXT(copy, "hell");
    CHECK_TEXT(empty, "");
    CHECK(memory.live == live + 5);
    tw_free(context, a);
    tw_free(context, b);
    tw_free(context, c);
    tw_free(context, copy);
    tw_free(context, empty);
    tw_free(context, NULL);
    CHECK(memory.live == live);
    end(context);
}

static void overflow(void)
{
    tw_context *context = make();
    CHECK(tw_alloc(context, SIZE_MAX) == NULL);
    CHECK(tw_alloc(context, SIZE_MAX - 8) == NULL);
    CHECK(tw_calloc(context, SIZE_MAX / 2, 3) == NULL);
    CHECK(tw_calloc(context, SIZE_MAX, 2) == NULL);
    CHECK(tw_copy_text(context, "x", SIZE_MAX) == NULL);
    tw_arena arena = {.context = context};
    CHECK(tw_arena_alloc(&arena, SIZE_MAX) == NULL);
    CHECK(tw_arena_alloc(&arena, SIZE_MAX - 100) == NULL);
    CHECK(tw_arena_text(&arena, "x", SIZE_MAX) == NULL);
    char *kept = tw_alloc(context, 4);
    CHECK(tw_resize(context, kept, SIZE_MAX) == NULL); /* as realloc: the old one stays */
    memcpy(kept, "abc", 4);
    tw_free(context, kept);
    tw_arena_free(&arena);
    end(context);
}

static void growing(void)
{
    tw_context *context = make();
    int *v = NULL, capacity = 0;
    for (int i = 0; i < 1000; i++) {
        CHECK(tw_grow(context, &v, &capacity, i, sizeof *v));
        CHECK(capacity > i);
        v[i] = i;
    }
    CHECK(v[999] == 999 && v[0] == 0 && capacity < 2100);
    memory.fail_at = memory.calls;
    int *old = v;
    const int old_capacity = capacity;
    CHECK(!tw_grow(context, &v, &capacity, capacity, sizeof *v));
    CHECK(v == old && capacity == old_capacity && v[999] == 999);
    int full = INT_MAX;
    CHECK(!tw_grow(context, &v, &full, INT_MAX, 1));
    tw_free(context, v);
    end(context);
}

static void arena(void)
{
    tw_context *context = make();
    tw_arena a = {.context = context};
    const long live = memory.live;
    char *last = NULL;
    for (size_t i = 0; i < 2000; i++) {
        unsigned char *p = tw_arena_alloc(&a, i % 97);
        CHECK(p && aligned(p) && (char *)p != last);
        for (size_t j = 0; j < i % 97; j++)
            CHECK(p[j] == 0);
        memset(p, 0xff, i % 97);
        last = (char *)p;
    }
    char *large = tw_arena_alloc(&a, 3000000);
    CHECK(large && large[0] == 0 && large[2999999] == 0);
    CHECK_TEXT(tw_arena_text(&a, "thalweg", 4), "thal");
    CHECK_TEXT(tw_arena_printf(&a, "%d-%s", 5, "x"), "5-x");
    CHECK(memory.live - live < 20); /* few blocks */
    tw_arena_free(&a);
    CHECK(memory.live == live && a.blocks == NULL);
    memory.fail_at = memory.calls;
    CHECK(tw_arena_alloc(&a, 10) == NULL);
    memory.fail_at = memory.calls;
    CHECK(tw_arena_printf(&a, "%d", 1) == NULL);
    CHECK(tw_arena_alloc(&a, 10) != NULL); /* works again */
    tw_arena_free(&a);
    end(context);
}

static void types(void)
{
    CHECK_TEXT(tw_type_name(TW_BF16), "bf16");
    CHECK_TEXT(tw_type_name(TW_BOOL), "bool");
    CHECK_TEXT(tw_type_name(TW_TYPE_NONE), "?");
    CHECK_TEXT(tw_type_name((tw_type)77), "?");
    CHECK(tw_type_size(TW_F32) == 4 && tw_type_size(TW_F16) == 2 && tw_type_size(TW_U8) == 1);
    CHECK(tw_type_size(TW_TYPE_NONE) == 0 && tw_type_size((tw_type)77) == 0);
    const tw_caps host = {.family = TW_FAMILY_HOST}, simd = {.family = TW_FAMILY_SIMD};
    CHECK(tw_caps_type_size(&host, TW_F32) == 8 && tw_caps_type_size(&host, TW_BF16) == 8);
    CHECK(tw_caps_type_size(&host, TW_I32) == 4 && tw_caps_type_size(&host, TW_BOOL) == 1);
    CHECK(tw_caps_type_size(&simd, TW_F32) == 4 && tw_caps_type_size(&simd, TW_F16) == 2);
}

static void array_counts(void)
{
    tw_array a = {.rank = 0};
    CHECK(tw_array_count(&a) == 1);
    a = (tw_array){.rank = 3, .dim = {2, 3, 4}};
    CHECK(tw_array_count(&a) == 24);
    a.dim[1] = -1;
    CHECK(tw_array_count(&a) == -1);
    a = (tw_array){.rank = 2, .dim = {INT64_MAX, 1}};
    CHECK(tw_array_count(&a) == INT64_MAX);
    a.dim[1] = 2;
    CHECK(tw_array_count(&a) == -1);
    a = (tw_array){.rank = 3, .dim = {INT64_MAX, INT64_MAX, 0}};
    CHECK(tw_array_count(&a) == 0);
    a.dim[0] = -5;
    CHECK(tw_array_count(&a) == -1);
    a.rank = TW_MAX_RANK + 1;
    CHECK(tw_array_count(&a) == -1);
    a.rank = -1;
    CHECK(tw_array_count(&a) == -1);
}

static void hashes(void)
{
    /* Published test vectors of FNV-1a, 64 bits. */
    CHECK(tw_hash_text("") == 0xcbf29ce484222325u);
    CHECK(tw_hash_text("a") == 0xaf63dc4c8601ec8cu);
    CHECK(tw_hash_text("foobar") == 0x85944171f73967e8u);
    CHECK(tw_hash(tw_hash_text("foo"), "bar", 3) == tw_hash_text("foobar"));
    CHECK(tw_hash(TW_HASH_START, "\xff", 1) ==
          (TW_HASH_START ^ 0xffu) * 0x100000001b3u); /* bytes are unsigned */
}

TESTS(T(allocation), T(overflow), T(growing), T(arena), T(types), T(array_counts), T(hashes))
