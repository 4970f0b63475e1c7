// SPDX-License-Identifier: Apache-2.0
// Planning without a device: gradients and constants of parameters, and what is refused.
#include "plan/recipes.h"

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

TESTS(T(gradients_lie_as_parameters_do), T(frozen_parameters_have_no_gradient),
      T(packed_weights_are_kept_in_inference_only), T(an_unknown_output_names_the_nearest),
      T(a_loss_must_be_a_number), T(batch_nought_is_an_error), T(attention_says_what_does_not_fit))
