// SPDX-License-Identifier: Apache-2.0
// The models that the pages of docs/ and the files of examples/ show: with the real operators they
// parse, print stably, and each train line has a gradient for every weight it trains.
#include "graph/internal.h"
#include "harness.h"
#include <dirent.h>

static tw_context *context;

/* Binds a train line's loss for training and differentiates it by its weights. */
static void check_train_line(const tw_graph *g, const tw_train_line *line)
{
    tw_graph *bound = NULL;
    tw_node **map = NULL, *weight[128], *gradient[128] = {NULL};
    tw_error error = {0};
    int count = 0;
    CHECK_OK(tw_graph_bind(g, &line->loss, 1, NULL, true, &bound, &map, &error), error);
    if (!bound)
        return;
    for (const tw_call *call = bound->first; call && count < TW_COUNT(weight); call = call->next)
        if (tw_is_parameter(call) && tw_parameter_trainable(call) &&
            tw_match(line->params, call->name))
            weight[count++] = call->result[0];
    CHECK(count > 0);
    CHECK_OK(tw_graph_gradient(bound, map[line->loss->id], count, weight, gradient, &error), error);
    for (int i = 0; i < count; i++)
        CHECK(gradient[i] && tw_shape_equal(&gradient[i]->shape, &weight[i]->shape));
    tw_graph_destroy(&bound);
}

static void check_model(const char *text, size_t length)
{
    tw_graph *g = NULL, *again = NULL;
    char *first = NULL, *second = NULL;
    tw_error error = {0};
    CHECK_OK(tw_graph_parse(context, text, length, &g, &error), error);
    if (g)
        CHECK_OK(tw_graph_print(g, &first, &error), error);
    if (first)
        CHECK_OK(tw_graph_parse(context, first, strlen(first), &again, &error), error);
    if (again)
        CHECK_OK(tw_graph_print(again, &second, &error), error);
    if (second)
        CHECK_TEXT(second, first);
    for (const tw_train_line *line = g ? g->train : NULL; line; line = line->next)
        check_train_line(g, line);
    tw_text_free(context, &first);
    tw_text_free(context, &second);
    tw_graph_destroy(&g);
    tw_graph_destroy(&again);
}

/* The file of the source tree, which Meson tells the tests. */
static char *read_source(const char *name, size_t *length)
{
    const char *root = getenv("THALWEG_SOURCE");
    char path[1000], *text = NULL;
    tw_error error = {0};
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", name);
    CHECK_OK(tw_read_file(context, path, 0, &text, length, &error), error);
    return text;
}

/* How many models the page shows. */
static int check_page(const char *name)
{
    size_t length = 0;
    int models = 0;
    char *text = read_source(name, &length);
    for (char *at = text ? strstr(text, "```\nthalweg 1") : NULL; at;
         at = strstr(at, "```\nthalweg 1")) {
        char *start = at + 4, *end = strstr(start, "```");
        if (!end)
            break;
        check_model(start, (size_t)(end - start));
        models++;
        at = end + 3;
    }
    tw_free(context, text);
    return models;
}

static void documented_models_hold(void)
{
    CHECK(tw_context_create(NULL, &context, NULL) == TW_OK);
    CHECK(check_page("README.md") == 1);
    CHECK(check_page("docs/language.md") == 4);
    CHECK(check_page("docs/networks.md") == 5);
    tw_context_destroy(&context);
}

static void examples_hold(void)
{
    const char *root = getenv("THALWEG_SOURCE");
    char path[1000];
    int models = 0;
    CHECK(tw_context_create(NULL, &context, NULL) == TW_OK);
    snprintf(path, sizeof path, "%s/examples", root ? root : ".");
    DIR *folder = opendir(path);
    CHECK(folder != NULL);
    for (struct dirent *e; folder && (e = readdir(folder));) {
        const size_t letters = strlen(e->d_name);
        if (letters < 3 || strcmp(e->d_name + letters - 3, ".tw") != 0)
            continue;
        size_t length = 0;
        snprintf(path, sizeof path, "examples/%s", e->d_name);
        char *text = read_source(path, &length);
        if (text)
            check_model(text, length);
        tw_free(context, text);
        models++;
    }
    if (folder)
        closedir(folder);
    CHECK(models >= 6);
    tw_context_destroy(&context);
}

/* `thalweg ops`: every operator that models may use, and any by its name. */
static void the_reference_names_operators(void)
{
    char *text = NULL;
    tw_error error = {0};
    CHECK(tw_context_create(NULL, &context, NULL) == TW_OK);
    CHECK_OK(tw_operators_print(context, NULL, &text, &error), error);
    CHECK_HAS(text, "y = dense(x, weight?, bias?)\n");
    CHECK_HAS(text, "    units=INTEGER  ");
    CHECK(text && !strstr(text, "relu_d0"));
    tw_text_free(context, &text);
    CHECK_OK(tw_operators_print(context, "relu_d0", &text, &error), error);
    CHECK_HAS(text, "relu_d0");
    tw_text_free(context, &text);
    CHECK(tw_operators_print(context, "conv2", &text, &error) == TW_ERROR_NAME && !text);
    CHECK_TEXT(error.text, "there is no operator \"conv2\"; did you mean \"conv2d\"?");
    tw_context_destroy(&context);
}

TESTS(T(documented_models_hold), T(examples_hold), T(the_reference_names_operators))
