// SPDX-License-Identifier: Apache-2.0
// Every row of bench/ops.def is a model that can be planned in both families, and no two rows have
// one name.
#include "harness.h"
#include "plan/recipe.h"

typedef struct row {
    const char *name, *shapes;
    int64_t batch;
    const char *inputs, *text, *outputs; /* outputs NULL: a training step */
    double operations, bytes;
} row;

#define ROW(name, shapes, batch, inputs, operations, text, outputs)                                \
    {name, shapes, batch, inputs, text, outputs, operations, 0},
#define STEP(name, shapes, text, optimizer, which, operations, bytes)                              \
    {name, shapes, 1, "", text, NULL, operations, bytes},
static const row rows[] = {
#include "../../bench/ops.def"
};

static tw_status parse(tw_context *context, const row *r, tw_graph **graph, tw_error *error)
{
    tw_text text = {.context = context};
    tw_text_puts(&text, "thalweg 1\n");
    for (const char *at = r->inputs; *at;) {
        at += strspn(at, "; ");
        const int name = (int)strcspn(at, " "), length = (int)strcspn(at, ";");
        tw_text_printf(&text, "%.*s = input%.*s\n", name, at, length - name, at + name);
        at += length;
    }
    tw_text_printf(&text, "%s\n", r->text);
    const tw_status status = tw_graph_parse(context, text.data, text.length, graph, error);
    tw_text_clear(&text);
    return status;
}

static tw_status make(const row *r, const tw_caps *caps, tw_error *error)
{
    tw_context *context = NULL;
    tw_graph *graph = NULL;
    tw_recipe *recipe = NULL;
    tw_param_table table;
    char names[100] = "";
    const char *output[8];
    TW_TRY(tw_context_create(NULL, &context, error));
    tw_arena arena = {.context = context};
    tw_recipe_options options = {.batch = r->batch, .fusion = true, .output = output};
    snprintf(names, sizeof names, "%s", r->outputs ? r->outputs : "");
    for (char *at = strtok(names, " "); at; at = strtok(NULL, " "))
        output[options.n_outputs++] = at;
    if (!r->outputs) {
        options.loss = "loss";
        options.training = true;
    }
    tw_status status = parse(context, r, &graph, error);
    if (status == TW_OK)
        status = tw_param_table_create(graph, &arena, &table, error);
    if (status == TW_OK)
        status = tw_recipe_create(graph, &table, caps, &options, &recipe, error);
    if (status == TW_OK)
        status = tw_recipe_layout(recipe, error);
    tw_recipe_destroy(&recipe);
    tw_arena_free(&arena);
    tw_graph_destroy(&graph);
    tw_context_destroy(&context);
    return status;
}

static void plan_all(tw_family family)
{
    const tw_caps caps = {.family = family,
                          .units = 2,
                          .vector = family == TW_FAMILY_SIMD ? 16 : 1,
                          .registers = 32,
                          .alignment = 64,
                          .global_memory = (uint64_t)1 << 34,
                          .max_allocation = (uint64_t)1 << 33,
                          .cache = 1u << 20,
                          .max_work_group = 256,
                          .local_memory = 1u << 15};
    for (int i = 0; i < TW_COUNT(rows); i++) {
        tw_error error = {0};
        const tw_status status = make(&rows[i], &caps, &error);
        if (status != TW_OK)
            printf("# %s %s: %s\n", rows[i].name, rows[i].shapes, error.text);
        CHECK(status == TW_OK);
    }
}

static void simd(void)
{
    plan_all(TW_FAMILY_SIMD);
}

static void simt(void)
{
    plan_all(TW_FAMILY_SIMT);
}

static void names(void)
{
    for (int i = 0; i < TW_COUNT(rows); i++)
        for (int k = 0; k < i; k++)
            CHECK(strcmp(rows[i].name, rows[k].name) || strcmp(rows[i].shapes, rows[k].shapes));
}

static void counts(void)
{
    for (int i = 0; i < TW_COUNT(rows); i++) {
        CHECK(rows[i].operations >= 0);
        CHECK(rows[i].outputs ? rows[i].bytes == 0 : rows[i].bytes > 0);
    }
}

TESTS(T(simd), T(simt), T(names), T(counts))
