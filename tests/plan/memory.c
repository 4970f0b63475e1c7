// SPDX-License-Identifier: Apache-2.0
// Planning without a device: no two living tensors share memory, how much there is, and what
// happens where it runs out.
#include "plan/recipes.h"

/* Two tensors alive at one launch may share bytes only if the later one is written in place of the
 * earlier one. */
static int clashes(const tw_recipe *r)
{
    int count = 0;
    for (int i = 0; i < r->n_tensors; i++) {
        const tw_tensor *a = &r->tensor[i];
        for (int k = 0; k < i && a->space == TW_SPACE_WORK; k++) {
            const tw_tensor *b = &r->tensor[k];
            const bool alive = b->space == TW_SPACE_WORK && b->index == a->index &&
                               a->first <= b->last && b->first <= a->last;
            const bool meet = a->offset < b->offset + b->bytes && b->offset < a->offset + a->bytes;
            const bool in_place = a->offset == b->offset && a->bytes == b->bytes;
            count += alive && meet && !in_place;
        }
    }
    return count;
}

static void living_tensors_do_not_share(void)
{
    for (int family = TW_FAMILY_HOST; family <= TW_FAMILY_SIMT; family++) {
        bench b;
        CHECK_OK(plan(&b, convnet, NULL, (tw_family)family), b.error);
        CHECK(clashes(b.recipe) == 0);
        uint64_t sum = 0;
        for (int i = 0; i < b.recipe->n_tensors; i++) {
            const tw_tensor *t = &b.recipe->tensor[i];
            sum += t->space == TW_SPACE_WORK ? t->bytes : 0;
            CHECK(t->space != TW_SPACE_WORK || t->offset % 64 == 0);
            CHECK(t->space != TW_SPACE_WORK ||
                  t->offset + t->bytes <= b.recipe->work_bytes[t->index]);
        }
        CHECK(b.recipe->work_bytes[0] < sum); /* something was shared */
        close_bench(&b);
    }
}

/* How many of the places that launches may share are shared. */
static int shared_places(const tw_recipe *r)
{
    int count = 0;
    for (int s = 0; r && s < r->n_stages; s++) {
        const tw_candidate *c = r->stage[s].candidate[0];
        for (int l = 0; l < c->n_launches; l++)
            for (int i = 0; i < c->launch[l]->n_shared; i++) {
                const tw_tensor *out = &r->tensor[c->launch[l]->shared[i].out],
                                *in = &r->tensor[c->launch[l]->shared[i].in];
                count += out->index == in->index && out->offset == in->offset;
            }
    }
    return count;
}

/* A recurrence's gates overwrite its sums, and its gradient by the sums the gates; but not the
 * gates of a gru without reset_after, which are read again. */
static void a_recurrence_works_in_place(void)
{
    static const char *const layer[] = {"lstm(x) units=5", "gru(x) units=5 reset_after=no"};
    for (int k = 0; k < 4; k++) {
        bench b;
        char model[200];
        (void)snprintf(model, sizeof model,
                       "thalweg 1\nx = input f32[n,9,6]\nt = input f32[n,5]\n"
                       "y = %s\nloss = mse(y, t)\n",
                       layer[k % 2]);
        CHECK_OK(plan(&b, model, NULL, k < 2 ? TW_FAMILY_SIMD : TW_FAMILY_SIMT), b.error);
        CHECK(shared_places(b.recipe) == 2 - k % 2);
        CHECK(b.recipe && clashes(b.recipe) == 0);
        close_bench(&b);
    }
}

static void small_allocations_give_several_buffers(void)
{
    tw_caps caps = caps_of[TW_FAMILY_SIMD];
    caps.max_allocation = 400 * 1024;
    bench b;
    CHECK_OK(plan_with(&b, convnet, NULL, &caps, NULL), b.error);
    CHECK(b.recipe && b.recipe->n_work > 1 && clashes(b.recipe) == 0);
    for (int i = 0; b.recipe && i < b.recipe->n_work; i++)
        CHECK(b.recipe->work_bytes[i] <= caps.max_allocation);
    close_bench(&b);
}

static void a_budget_too_small_is_an_error(void)
{
    bench b;
    const tw_recipe_options options = {.batch = 8, .fusion = true, .memory_budget = 4096};
    CHECK(plan_with(&b, convnet, NULL, &caps_of[TW_FAMILY_SIMD], &options) ==
          TW_ERROR_DEVICE_MEMORY);
    CHECK_HAS(b.error.text, "MiB are allowed");
    close_bench(&b);
}

static void too_large_a_tensor_is_an_error(void)
{
    bench b;
    const tw_recipe_options options = {.batch = INT64_C(1) << 30, .fusion = true};
    CHECK(plan_with(&b, convnet, NULL, &caps_of[TW_FAMILY_SIMD], &options) == TW_ERROR_UNSUPPORTED);
    CHECK_HAS(b.error.text, "2^31");
    close_bench(&b);
}

/* b has 15 columns of 2.1e9 / 15 elements; packed in vectors of 16 it would have more than 2^31. */
static void too_large_a_workspace_is_left_out_or_an_error(void)
{
    for (int family = TW_FAMILY_SIMD; family <= TW_FAMILY_SIMT; family++) {
        bench b;
        const tw_recipe_options options = {
            .batch = 1, .fusion = true, .memory_budget = UINT64_C(1) << 40};
        tw_caps caps = caps_of[family];
        caps.global_memory = caps.max_allocation = options.memory_budget;
        const tw_status status = plan_with(&b,
                                           "thalweg 1\na = input f32[n,140000000]\nb = input "
                                           "f32[140000000,15]\ny = matmul(a, b)\n",
                                           "y", &caps, &options);
        CHECK(status == (family == TW_FAMILY_SIMD ? TW_ERROR_UNSUPPORTED : TW_OK));
        if (status != TW_OK)
            CHECK_HAS(b.error.text, "needs a workspace of more than 2^31 elements at batch 1");
        close_bench(&b);
    }
}

/* ---- attention ---- */

/* The most bytes in use while a layer of attention over `length` places is trained. */
static uint64_t attention_peak(tw_family family, int length)
{
    bench b;
    char sizes[16];
    (void)snprintf(sizes, sizeof sizes, "t=%d", length);
    CHECK_OK(plan_with(&b,
                       "thalweg 1\nx = input f32[n,t,32]\nm = input bool[n,t]\n"
                       "y = multi_head_attention(x, mask=m) heads=2 causal=yes\n"
                       "loss = reduce_mean(y)\n",
                       NULL, &caps_of[family],
                       &(tw_recipe_options){.batch = 1, .fusion = true, .sizes = sizes}),
             b.error);
    const uint64_t peak = b.recipe ? b.recipe->peak_bytes : 0;
    close_bench(&b);
    return peak;
}

static void attention_takes_memory_linear_in_the_length(void)
{
    for (tw_family family = TW_FAMILY_SIMD; family <= TW_FAMILY_SIMT; family++) {
        const uint64_t once = attention_peak(family, 4096), twice = attention_peak(family, 8192);
        CHECK(once > 0 && twice <= 2 * once);
        CHECK(twice < 8192u * 8192u / 2); /* the scores of both heads alone: 512 MiB */
    }
}

/* ---- memory running out, at each allocation in turn ---- */

typedef struct meter {
    int left; /* allocations until one fails; -1: never */
    int64_t bytes;
} meter;

static void *metered(void *user, void *pointer, size_t old_size, size_t new_size)
{
    meter *m = user;
    if (new_size && m->left == 0)
        return NULL;
    m->left -= new_size && m->left > 0;
    m->bytes += (int64_t)new_size - (pointer ? (int64_t)old_size : 0);
    if (!new_size) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, new_size);
}

static tw_status plan_metered(meter *m)
{
    const tw_allocator allocator = {metered, m};
    bench b = {0};
    tw_status status =
        tw_context_create(&(tw_context_options){.allocator = &allocator}, &b.context, &b.error);
    if (status != TW_OK)
        return status;
    b.arena.context = b.context;
    status = tw_graph_parse(b.context, convnet, strlen(convnet), &b.graph, &b.error);
    if (status == TW_OK)
        status = tw_param_table_create(b.graph, &b.arena, &b.table, &b.error);
    const tw_recipe_options options = {
        .batch = 8, .fusion = true, .training = true, .loss = "loss"};
    if (status == TW_OK)
        status = tw_recipe_create(b.graph, &b.table, &caps_of[TW_FAMILY_SIMD], &options, &b.recipe,
                                  &b.error);
    if (status == TW_OK)
        status = tw_recipe_layout(b.recipe, &b.error);
    close_bench(&b);
    return status;
}

static void each_allocation_may_fail(void)
{
    int failures = 0;
    for (int left = 0;; left++) {
        meter m = {left, 0};
        const tw_status status = plan_metered(&m);
        CHECK(m.bytes == 0);
        if (status == TW_OK)
            break;
        CHECK(status == TW_ERROR_MEMORY);
        failures++;
        if (tw_failures > 5)
            break;
    }
    CHECK(failures > 50);
}

TESTS(T(living_tensors_do_not_share), T(a_recurrence_works_in_place),
      T(small_allocations_give_several_buffers), T(a_budget_too_small_is_an_error),
      T(too_large_a_tensor_is_an_error), T(too_large_a_workspace_is_left_out_or_an_error),
      T(attention_takes_memory_linear_in_the_length), T(each_allocation_may_fail))
