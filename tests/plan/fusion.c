// SPDX-License-Identifier: Apache-2.0
// Planning without a device: which calls are computed together, and in what order.
#include "plan/recipes.h"

static void a_chain_is_one_launch(void)
{
    bench b;
    CHECK_OK(plan(&b,
                  "thalweg 1\nx = input f32[n,5,7]\nw = parameter f32[7]\na = mul(x, w)\nb = "
                  "tanh(a)\ny = add(b, x)\n",
                  "y", TW_FAMILY_SIMD),
             b.error);
    CHECK_TEXT(b.text.data, "y: mul tanh add (elementwise_simd)\n"
                            "    elementwise.cl:elementwise [5n/292, 1, 1] x w -> y\n");
    close_bench(&b);
}

static void without_fusion_each_call_is_a_launch(void)
{
    bench b;
    CHECK_OK(plan_with(&b, "thalweg 1\nx = input f32[n,5,7]\na = exp(x)\ny = tanh(a)\n", "y",
                       &caps_of[TW_FAMILY_SIMT], &(tw_recipe_options){.batch = 8}),
             b.error);
    CHECK_TEXT(b.text.data, "a: exp (elementwise_simt)\n"
                            "    elementwise.cl:elementwise [35n/64 x 64, 1, 1] x -> a\n"
                            "y: tanh (elementwise_simt)\n"
                            "    elementwise.cl:elementwise [35n/64 x 64, 1, 1] a -> y\n");
    close_bench(&b);
}

static void bias_and_activation_follow_the_product(void)
{
    bench b;
    CHECK_OK(plan(&b, "thalweg 1\nx = input f32[n,20]\ny = dense(x) units=32 act=relu\n", "y",
                  TW_FAMILY_SIMD),
             b.error);
    CHECK_HAS(b.text.data, "matmul add relu (");
    CHECK(b.recipe->n_stages == 1);
    close_bench(&b);
}

static void an_activations_gradient_goes_where_dy_is_made(void)
{
    bench b;
    CHECK_OK(
        plan(&b,
             "thalweg 1\nx = input f32[n,20]\nt = input f32[n,1]\nh = dense(x) units=32 act=relu\n"
             "y = dense(h) units=1\nloss = mse(y, t)\n",
             NULL, TW_FAMILY_SIMD),
        b.error);
    CHECK_HAS(b.text.data, "matmul relu_d0 (");
    close_bench(&b);
}

/* Both read no more than forward computes in the product's kernel. */
static void a_losss_gradient_is_made_with_the_loss(void)
{
    bench b;
    CHECK_OK(plan(&b,
                  "thalweg 1\nx = input f32[n,8]\nt = input f32[n,8]\ny = dense(x) units=8 "
                  "act=sigmoid\nloss = mse(y, t)\n",
                  NULL, TW_FAMILY_SIMD),
             b.error);
    CHECK_HAS(b.text.data, "matmul add sigmoid sub square square_d0 sigmoid_d0 (matmul_simd)\n");
    CHECK_HAS(b.text.data, " -> loss/square_1 y/grad/sigmoid_d0_1\n");
    close_bench(&b);
}

/* c must be in memory for the sum, which comes behind the product: what is computed from it cannot
 * be computed with the product. */
static void what_is_in_memory_is_read_once_it_is_there(void)
{
    bench b;
    CHECK_OK(plan(&b,
                  "thalweg 1\nx = input f32[n,8]\nw = parameter f32[8,8]\ny = matmul(x, w)\n"
                  "c = fill value=2\nd = exp(c)\ne = broadcast(d) shape=n,8\nz = mul(y, e)\n"
                  "v = reshape(c) shape=1\ns = cumsum(v)\nq = mul(z, s)\n",
                  "q", TW_FAMILY_SIMD),
             b.error);
    const char *made = strstr(b.text.data, " -> c\n"), *product = strstr(b.text.data, "-> y\n");
    const char *used = strstr(b.text.data, "c -> d\n");
    CHECK(product && made && used && made < used);
    close_bench(&b);
}

/* c1 = c0 * c0 and so on: each has two readers of the one before it. */
static void long_chains_of_numbers_are_in_memory(void)
{
    char model[2000] = "thalweg 1\nx = input f32[n,4]\nc0 = fill value=1.0001\n";
    for (int i = 1; i <= 40; i++) {
        const size_t at = strlen(model);
        snprintf(model + at, sizeof model - at, "c%d = mul(c%d, c%d)\n", i, i - 1, i - 1);
    }
    const size_t at = strlen(model);
    snprintf(model + at, sizeof model - at, "y = add(x, c40)\n");
    bench b;
    CHECK_OK(plan(&b, model, "y", TW_FAMILY_SIMD), b.error);
    CHECK_HAS(b.text.data, "x c40 -> y");
    close_bench(&b);
}

static void random_numbers_are_made_where_they_are_used(void)
{
    bench b;
    CHECK_OK(
        plan(
            &b,
            "thalweg 1\nx = input f32[n,20]\nu = random_uniform(x)\na = mul(x, u)\ny = sub(a, u)\n",
            "y", TW_FAMILY_SIMD),
        b.error);
    CHECK(b.recipe->n_stages == 1);
    CHECK_HAS(b.text.data, "random_uniform mul sub");
    close_bench(&b);
}

static void a_view_costs_nothing(void)
{
    bench b;
    CHECK_OK(plan(&b, "thalweg 1\nx = input f32[n,4,5]\na = exp(x)\nb = flatten(a)\ny = tanh(b)\n",
                  "y", TW_FAMILY_SIMD),
             b.error);
    CHECK(b.recipe->n_stages == 1);
    close_bench(&b);
}

static void an_output_that_is_an_input_is_copied(void)
{
    bench b;
    CHECK_OK(plan(&b, "thalweg 1\nx = input f32[n,4]\ny = reshape(x) shape=n,2,2\n", "y",
                  TW_FAMILY_SIMD),
             b.error);
    CHECK_HAS(b.text.data, "identity");
    close_bench(&b);
}

/* ---- what keeps the order of numbers goes behind a maxpool ---- */

/* Calls that the stage of the anchor computes; 0: there is no such stage. */
static int calls_of(const bench *b, const char *anchor)
{
    for (int s = 0; s < b->recipe->n_stages; s++)
        if (b->recipe->stage[s].anchor && strcmp(b->recipe->stage[s].anchor->op->name, anchor) == 0)
            return b->recipe->stage[s].n_references;
    return 0;
}

static void pools_come_first(void)
{
    bench b;
    static const char moved[] = "thalweg 1\nx = input f32[n,8,8,3]\n"
                                "c = conv2d(x) filters=4 kernel=3 act=relu\n"
                                "p = maxpool2d(c)\nloss = reduce_mean(p)\n";
    CHECK_OK(plan(&b, moved, "p", TW_FAMILY_SIMD), b.error);
    CHECK(calls_of(&b, "convolution") == 4 && calls_of(&b, "maxpool") == 0);
    close_bench(&b);
    /* the bias's gradient sums pooled elements: 3 x 3 of 6 x 6, four channels */
    CHECK_OK(plan(&b, moved, NULL, TW_FAMILY_SIMD), b.error);
    for (int s = 0; s < b.recipe->n_stages; s++) {
        const tw_stage *stage = &b.recipe->stage[s];
        if (stage->anchor && strcmp(stage->anchor->op->name, "reduce_sum") == 0)
            CHECK(tw_dim_at(tw_shape_count(&stage->anchor->input[0]->shape), 1) == 36);
    }
    close_bench(&b);
    /* not where something else reads the relu, where it does not keep the order, or bends it back
     */
    static const char *const kept[] = {
        "c = conv2d(x) filters=4 kernel=3 act=relu\np = maxpool2d(c)\nq = reduce_sum(c)\n"
        "r = reduce_sum(p)\nloss = add(q, r)\n",
        "c = conv2d(x) filters=4 kernel=3 act=gelu\np = maxpool2d(c)\nloss = reduce_mean(p)\n",
        "h = conv2d(x) filters=4 kernel=3\nc = leaky_relu(h) alpha=-0.5\np = maxpool2d(c)\n"
        "loss = reduce_mean(p)\n"};
    for (int i = 0; i < TW_COUNT(kept); i++) {
        char model[400];
        snprintf(model, sizeof model, "thalweg 1\nx = input f32[n,8,8,3]\n%s", kept[i]);
        CHECK_OK(plan(&b, model, "loss", TW_FAMILY_SIMD), b.error);
        CHECK(calls_of(&b, "convolution") == 3 && calls_of(&b, "maxpool") == 1);
        close_bench(&b);
    }
}

/* Elementwise calls are computed where a reduction reads them; what others read is stored there. */
static void sums_make_what_they_read(void)
{
    bench b;
    static const struct {
        const char *model;
        int stages; /* with the sum's */
    } cases[] = {
        /* one launch: the difference, its square, their mean */
        {"b = input f32[n,8]\nloss = mse(x, b)\n", 1},
        /* the product comes between, so the sum runs before it */
        {"w = parameter f32[8,8]\ny = tanh(x)\nz = matmul(y, w)\ns = reduce_sum(y)\nq = "
         "reduce_sum(z)\n"
         "loss = add(q, s)\n",
         3},
        /* not with a row that is repeated, with random numbers, or where the sum is needed before
         */
        {"b = parameter f32[8]\ny = add(x, b)\nloss = reduce_sum(y)\n", 2},
        {"r = random_uniform(x)\ny = mul(x, r)\nloss = reduce_sum(y)\n", 2},
    };
    for (int i = 0; i < TW_COUNT(cases); i++) {
        char model[400];
        snprintf(model, sizeof model, "thalweg 1\nx = input f32[n,8]\n%s", cases[i].model);
        CHECK_OK(plan(&b, model, "loss", TW_FAMILY_SIMD), b.error);
        CHECK(b.recipe->n_stages == cases[i].stages);
        close_bench(&b);
    }
}

/* The candidate of that name of the stage of a convolution. */
static const tw_candidate *candidate_of(const bench *b, const char *name)
{
    for (int s = 0; s < b->recipe->n_stages; s++)
        for (int i = 0; i < b->recipe->stage[s].n_candidates; i++)
            if (strcmp(b->recipe->stage[s].candidate[i]->name, name) == 0)
                return b->recipe->stage[s].candidate[i];
    return NULL;
}

/* A maxpool behind a convolution is a part of its stage: of its kernel, or with the convolution's
 * result in a workspace. */
static void a_pool_follows_its_convolution(void)
{
    bench b;
    static const char head[] = "thalweg 1\nx = input f32[n,9,9,3]\n"
                               "c = conv2d(x) filters=4 kernel=2 bias=no\n";
    char model[300];
    snprintf(model, sizeof model, "%sp = maxpool2d(c)\nloss = reduce_mean(p)\n", head);
    CHECK_OK(plan(&b, model, "p", TW_FAMILY_SIMD), b.error);
    CHECK(b.recipe->n_stages == 1 && calls_of(&b, "convolution") == 2);
    CHECK_HAS(b.text.data, "(convolution_pool_simd)");
    CHECK(strstr(b.text.data, "pool.cl") == NULL && strstr(b.text.data, "which") == NULL);
    const tw_candidate *one = candidate_of(&b, "convolution_pool_simd"),
                       *two = candidate_of(&b, "convolution_simd");
    CHECK(one && two && two->n_launches == one->n_launches + 1);
    CHECK(b.recipe->tensor[two->workspace[two->n_workspaces - 1]].space == TW_SPACE_NONE);
    close_bench(&b);
    CHECK_OK(plan(&b, model, "p", TW_FAMILY_SIMT), b.error);
    CHECK_HAS(b.text.data, "pool.cl:pool");
    close_bench(&b);
    CHECK_OK(plan(&b, model, NULL, TW_FAMILY_SIMD), b.error);
    CHECK_HAS(b.text.data, "(convolution_pool_simd)");
    close_bench(&b);
    /* windows of three by three hold 6 x 6 of 8 x 8 pixels: others have no gradient either */
    snprintf(model, sizeof model, "%sp = maxpool2d(c) size=3\nloss = reduce_mean(p)\n", head);
    CHECK_OK(plan(&b, model, NULL, TW_FAMILY_SIMD), b.error);
    for (int s = 0; s < b.recipe->n_stages; s++) {
        const tw_call *call = b.recipe->stage[s].anchor;
        if (call && strcmp(call->op->name, "maxpool_dx") == 0)
            CHECK(tw_dim_at(tw_shape_count(&call->result[0]->shape), 1) == 6 * 6 * 4);
    }
    close_bench(&b);
    /* windows that overlap are another kernel's; what else reads the convolution needs its result
     */
    snprintf(model, sizeof model, "%sp = maxpool2d(c) stride=1\n", head);
    CHECK_OK(plan(&b, model, "p", TW_FAMILY_SIMD), b.error);
    CHECK_HAS(b.text.data, "(convolution_simd)");
    CHECK_HAS(b.text.data, "pool.cl:pool");
    close_bench(&b);
    snprintf(model, sizeof model,
             "%sp = maxpool2d(c)\nq = reduce_sum(c)\nr = reduce_sum(p)\ny = add(q, r)\n", head);
    CHECK_OK(plan(&b, model, "y", TW_FAMILY_SIMD), b.error);
    CHECK(calls_of(&b, "convolution") == 1 && calls_of(&b, "maxpool") == 1);
    close_bench(&b);
    CHECK_OK(plan(&b, model, "c", TW_FAMILY_SIMD), b.error);
    CHECK(calls_of(&b, "convolution") == 1);
    close_bench(&b);
}

TESTS(T(a_chain_is_one_launch), T(without_fusion_each_call_is_a_launch),
      T(bias_and_activation_follow_the_product), T(an_activations_gradient_goes_where_dy_is_made),
      T(a_losss_gradient_is_made_with_the_loss), T(what_is_in_memory_is_read_once_it_is_there),
      T(long_chains_of_numbers_are_in_memory), T(random_numbers_are_made_where_they_are_used),
      T(a_view_costs_nothing), T(an_output_that_is_an_input_is_copied), T(pools_come_first),
      T(sums_make_what_they_read), T(a_pool_follows_its_convolution))
