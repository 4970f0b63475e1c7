// SPDX-License-Identifier: Apache-2.0
// Planning without a device: what is fused, what is computed once, and that no two living tensors
// share memory.
#include "harness.h"
#include "plan/recipe.h"

typedef struct bench {
    tw_context *context;
    tw_graph *graph;
    tw_arena arena;
    tw_param_table table;
    tw_recipe *recipe;
    tw_error error;
    tw_text text;
} bench;

static const tw_caps caps_of[] = {
    [TW_FAMILY_HOST] = {.family = TW_FAMILY_HOST,
                        .units = 1,
                        .vector = 1,
                        .registers = 16,
                        .alignment = 64,
                        .global_memory = 1u << 30,
                        .max_allocation = 1u << 30},
    [TW_FAMILY_SIMD] = {.family = TW_FAMILY_SIMD,
                        .units = 2,
                        .vector = 16,
                        .registers = 32,
                        .alignment = 64,
                        .global_memory = 1u << 30,
                        .max_allocation = 1u << 30,
                        .cache = 1u << 20,
                        .max_work_group = 4096,
                        .local_memory = 1u << 15},
    [TW_FAMILY_SIMT] = {.family = TW_FAMILY_SIMT,
                        .units = 16,
                        .vector = 1,
                        .registers = 32,
                        .alignment = 128,
                        .global_memory = 1u << 30,
                        .max_allocation = 1u << 30,
                        .cache = 1u << 20,
                        .max_work_group = 256,
                        .local_memory = 1u << 15},
};

static void close_bench(bench *b)
{
    tw_text_clear(&b->text);
    tw_recipe_destroy(&b->recipe);
    tw_arena_free(&b->arena);
    tw_graph_destroy(&b->graph);
    tw_context_destroy(&b->context);
}

/* Plans the model for `output`, or for training its loss if output is NULL. */
static tw_status plan_with(bench *b, const char *model, const char *output, const tw_caps *caps,
                           const tw_recipe_options *like)
{
    *b = (bench){0};
    TW_TRY(tw_context_create(NULL, &b->context, &b->error));
    b->arena.context = b->text.context = b->context;
    TW_TRY(tw_graph_parse(b->context, model, strlen(model), &b->graph, &b->error));
    TW_TRY(tw_param_table_create(b->graph, &b->arena, &b->table, &b->error));
    tw_recipe_options options =
        like ? *like : (tw_recipe_options){.batch = 8, .fusion = caps->family != TW_FAMILY_HOST};
    options.n_outputs = output != NULL;
    options.output = &output;
    options.loss = output ? NULL : "loss";
    options.training = !output;
    TW_TRY(tw_recipe_create(b->graph, &b->table, caps, &options, &b->recipe, &b->error));
    TW_TRY(tw_recipe_layout(b->recipe, &b->error));
    return tw_recipe_print(b->recipe, false, &b->text);
}

static tw_status plan(bench *b, const char *model, const char *output, tw_family family)
{
    return plan_with(b, model, output, &caps_of[family], NULL);
}

/* ---- fusion ---- */

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

/* ---- parameters' gradients and constants ---- */

static void gradients_lie_as_parameters_do(void)
{
    bench b;
    CHECK_OK(plan(&b,
                  "thalweg 1\nx = input f32[n,20]\nt = input f32[n,3]\ny = dense(x) units=3\nloss "
                  "= mse(y, t)\n",
                  NULL, TW_FAMILY_SIMD),
             b.error);
    int found = 0;
    for (int i = 0; i < b.recipe->n_tensors; i++)
        if (b.recipe->tensor[i].space == TW_SPACE_GRADIENTS)
            for (int s = 0; s < b.table.count; s++)
                if (strcmp(b.table.slot[s].name, b.recipe->tensor[i].label) == 0)
                    found += b.recipe->tensor[i].offset == (uint64_t)b.table.slot[s].offset * 4;
    CHECK(found == 2);
    CHECK(b.recipe->has_gradient[0] && b.recipe->has_gradient[1]);
    close_bench(&b);
}

static void frozen_parameters_have_no_gradient(void)
{
    bench b;
    CHECK_OK(plan(&b,
                  "thalweg 1\nx = input f32[n,20]\nt = input f32[n,3]\nh = dense(x) units=4 "
                  "trainable=no\n"
                  "y = dense(h) units=3\nloss = mse(y, t)\n",
                  NULL, TW_FAMILY_SIMD),
             b.error);
    int with = 0;
    for (int s = 0; s < b.table.count; s++)
        with += b.recipe->has_gradient[s];
    CHECK(b.table.count == 4 && with == 2);
    close_bench(&b);
}

static void packed_weights_are_kept_in_inference_only(void)
{
    const char *model = "thalweg 1\nx = input f32[n,20]\nt = input f32[n,10]\ny = dense(x) "
                        "units=10\nloss = mse(y, t)\n";
    bench b;
    CHECK_OK(plan(&b, model, "y", TW_FAMILY_SIMD), b.error);
    CHECK_HAS(b.text.data, "once:");
    CHECK(b.recipe->keep_bytes > 0);
    close_bench(&b);
    CHECK_OK(plan(&b, model, NULL, TW_FAMILY_SIMD), b.error);
    CHECK(!strstr(b.text.data, "once:"));
    CHECK(b.recipe->keep_bytes == 0);
    close_bench(&b);
}

/* ---- memory ---- */

static const char *const convnet =
    "thalweg 1\nimage = input f32[n,28,28,1]\nlabel = input i32[n] classes=10\n"
    "conv2d(image) filters=8 kernel=3 act=relu\nmaxpool2d size=2\nconv2d filters=16 kernel=3 "
    "padding=same act=relu\n"
    "maxpool2d size=2\nflatten\ndropout rate=0.5\ndense units=20 act=tanh\nlogits = dense "
    "units=10\n"
    "prediction = softmax(logits)\nloss = cross_entropy(logits, label)\n";

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

/* ---- errors ---- */

static void an_unknown_output_names_the_nearest(void)
{
    bench b;
    CHECK(plan(&b, convnet, "prediktion", TW_FAMILY_SIMD) == TW_ERROR_NAME);
    CHECK_HAS(b.error.text, "did you mean prediction?");
    close_bench(&b);
}

static void a_loss_must_be_a_number(void)
{
    bench b;
    CHECK(plan(&b, "thalweg 1\nx = input f32[n,20]\nloss = dense(x) units=3\n", NULL,
               TW_FAMILY_SIMD) == TW_ERROR_SHAPE);
    CHECK_HAS(b.error.text, "must be a single f32 number");
    close_bench(&b);
}

static void batch_nought_is_an_error(void)
{
    bench b;
    CHECK(plan_with(&b, convnet, "prediction", &caps_of[TW_FAMILY_SIMD], &(tw_recipe_options){0}) ==
          TW_ERROR_ARGUMENT);
    CHECK_HAS(b.error.text, "at least 1");
    close_bench(&b);
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

static void refused(const char *call, const char *sentence)
{
    bench b;
    char model[400];
    (void)snprintf(model, sizeof model,
                   "thalweg 1\nx = input f32[n,6,10]\nc = input f32[n,4,10]\n"
                   "m = input bool[n,5]\nf = input f32[n,6]\ny = %s\nloss = reduce_mean(y)\n",
                   call);
    CHECK(plan(&b, model, NULL, TW_FAMILY_SIMD) != TW_OK);
    CHECK_HAS(b.error.text, sentence);
    close_bench(&b);
}

static void attention_says_what_does_not_fit(void)
{
    refused("multi_head_attention(x) heads=4", "heads=4 do not divide the query's width 10");
    refused("multi_head_attention(x, mask=m) heads=2",
            "mask[n,5] does not fit the scores [n,heads,queries,keys], which are [n,2,6,6]");
    refused("multi_head_attention(x, mask=f) heads=2", "a mask is bool, u8 or i32");
    refused("multi_head_attention(x, x, c) heads=2", "have different lengths");
    refused("scaled_dot_product_attention(x, c, x)", "have different lengths");
    refused("multi_head_attention(x) heads=2 dropout=1", "dropout must be at least 0 and below 1");
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

TESTS(T(pools_come_first), T(sums_make_what_they_read), T(a_pool_follows_its_convolution),
      T(attention_takes_memory_linear_in_the_length), T(attention_says_what_does_not_fit),
      T(a_chain_is_one_launch), T(without_fusion_each_call_is_a_launch),
      T(bias_and_activation_follow_the_product), T(an_activations_gradient_goes_where_dy_is_made),
      T(a_losss_gradient_is_made_with_the_loss), T(what_is_in_memory_is_read_once_it_is_there),
      T(long_chains_of_numbers_are_in_memory), T(random_numbers_are_made_where_they_are_used),
      T(a_view_costs_nothing), T(an_output_that_is_an_input_is_copied),
      T(gradients_lie_as_parameters_do), T(frozen_parameters_have_no_gradient),
      T(packed_weights_are_kept_in_inference_only), T(living_tensors_do_not_share),
      T(a_recurrence_works_in_place), T(small_allocations_give_several_buffers),
      T(a_budget_too_small_is_an_error), T(too_large_a_tensor_is_an_error),
      T(an_unknown_output_names_the_nearest), T(a_loss_must_be_a_number),
      T(batch_nought_is_an_error), T(each_allocation_may_fail))
