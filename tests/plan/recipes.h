// SPDX-License-Identifier: Apache-2.0
// What the tests of the plan room share: a model planned without a device.
#ifndef TW_TESTS_RECIPES_H
#define TW_TESTS_RECIPES_H

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

static inline void close_bench(bench *b)
{
    tw_text_clear(&b->text);
    tw_recipe_destroy(&b->recipe);
    tw_arena_free(&b->arena);
    tw_graph_destroy(&b->graph);
    tw_context_destroy(&b->context);
}

/* Plans the model for `output`, or for training its loss if output is NULL. */
static inline tw_status plan_with(bench *b, const char *model, const char *output,
                                  const tw_caps *caps, const tw_recipe_options *like)
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

static inline tw_status plan(bench *b, const char *model, const char *output, tw_family family)
{
    return plan_with(b, model, output, &caps_of[family], NULL);
}

/* Two convolutions with pools, two dense layers: something of everything. */
static const char convnet[] =
    "thalweg 1\nimage = input f32[n,28,28,1]\nlabel = input i32[n] classes=10\n"
    "conv2d(image) filters=8 kernel=3 act=relu\nmaxpool2d size=2\nconv2d filters=16 kernel=3 "
    "padding=same act=relu\n"
    "maxpool2d size=2\nflatten\ndropout rate=0.5\ndense units=20 act=tanh\nlogits = dense "
    "units=10\n"
    "prediction = softmax(logits)\nloss = cross_entropy(logits, label)\n";

#endif
