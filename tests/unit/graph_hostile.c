// SPDX-License-Identifier: Apache-2.0
// Memory that runs out at every allocation in turn, and texts mutated at random: always a sentence,
// never a crash.
#include "failing.h"
#include "graph_ops.h"

static const char *const model =
    "thalweg 1\n"
    "image = input f32[n,2t,8] # an image\n"
    "label = input i32[n] classes=10\n"
    "w = parameter f32[8] init=\"uniform low=-0.5\" l2=0.01\n"
    "block disc(x, s)\n"
    "  scale(x) factor=0.25 mode=hard kernel=3,5\n"
    "  v = parameter f32[8]\n"
    "  h = mul(scale_1, v)\n"
    "  return h, s\n"
    "end\n"
    "real, side = disc(image, label)\n"
    "fake = disc(real, s=image)\n"
    "scale note=\"a \\\"quote\\\"\" into=bf16\n"
    "y, k = cell(scale_1)\n"
    "outer\n"
    "bn = norm\n"
    "add(bn, w)\n"
    "reshape shape=n,t,16\n"
    "loss = reduce_sum axes=0,1,-1\n"
    "train loss=loss optimizer=\"adam lr=0.001\" metrics=accuracy params=*.weight|w name=gen\n";

/* ---- memory ---- */

/* Parses, prints, binds and differentiates; the first failure's status. */
static tw_status whole_way(tw_context *context, const char *source, tw_error *error)
{
    tw_graph *g = NULL, *b = NULL;
    char *text = NULL;
    tw_node **map = NULL, *dw = NULL;
    tw_status status =
        tw_graph_parse_with(context, test_operators, source, strlen(source), &g, error);
    if (status == TW_OK)
        status = tw_graph_print(g, &text, error);
    if (status == TW_OK) {
        tw_node *loss = tw_graph_find(g, "loss");
        status = tw_graph_bind(g, &loss, 1, "t=3", true, &b, &map, error);
    }
    if (status == TW_OK) {
        tw_node *w = tw_graph_find(b, "w");
        status = tw_graph_gradient(b, tw_graph_find(b, "loss"), 1, &w, &dw, error);
        CHECK(status != TW_OK || dw);
    }
    tw_text_free(context, &text);
    tw_graph_destroy(&b);
    tw_graph_destroy(&g);
    return status;
}

/* Runs with allocation number fail_at failing; false when nothing failed any more. */
static bool fails_cleanly(const char *source, long fail_at)
{
    tw_failing memory = {.fail_at = fail_at};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    tw_context *context = NULL;
    tw_error error = {0};
    tw_status status = tw_context_create(
        &(tw_context_options){.allocator = &allocator, .cache_folder = ""}, &context, &error);
    if (status == TW_OK)
        status = whole_way(context, source, &error);
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && memory.wrong == 0);
    if (status == TW_OK) {
        CHECK(memory.calls <= fail_at && fail_at > 20);
        return false;
    }
    CHECK(status == TW_ERROR_MEMORY && strstr(error.text, "memory"));
    if (tw_failures)
        printf("# allocation %ld: %s\n", fail_at, error.text);
    return !tw_failures;
}

/* Arenas take large blocks: lines before the rest move what each block ends in. */
static void every_allocation_may_fail(void)
{
    for (int lines = 0; lines < 40 && !tw_failures; lines++) {
        char source[4000] = "thalweg 1\n";
        for (int i = 0; i < lines; i++)
            strcat(source, "fill value=1\n");
        strcat(source, model + strlen("thalweg 1\n"));
        long fail_at = 0;
        while (fails_cleanly(source, fail_at))
            fail_at++;
    }
}

/* ---- mutations ---- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Applies a few edits: a byte set, a run deleted, a run copied elsewhere, a token put in. */
static size_t mutate(char *text, size_t length, size_t capacity, uint64_t *state)
{
    static const char *const tokens[] = {"(", ")",  "=",    ",",   "\"",     "f32[",
                                         "]", "\n", "\0",   "end", "block ", "return",
                                         "n", "-1", "disc", "#"};
    const int edits = 1 + (int)(next_random(state) % 4);
    for (int e = 0; e < edits && length > 1; e++) {
        const size_t at = next_random(state) % length;
        size_t run = 1 + next_random(state) % 12;
        run = TW_MIN(run, length - at);
        const char *token = tokens[next_random(state) % (uint32_t)TW_COUNT(tokens)];
        const size_t put = TW_MAX(strlen(token), (size_t)1);
        switch (next_random(state) % 4) {
        case 0:
            text[at] = (char)next_random(state);
            break;
        case 1:
            memmove(text + at, text + at + run, length - at - run);
            length -= run;
            break;
        case 2:
            memmove(text + next_random(state) % (length - run + 1), text + at, run);
            break;
        default:
            if (length + put > capacity)
                break;
            memmove(text + at + put, text + at, length - at);
            memcpy(text + at, token, put);
            length += put;
        }
    }
    return length;
}

/* What parses must print to what parses and prints the same. */
static void check_stable(tw_context *context, tw_graph *g)
{
    char *first = NULL, *second = NULL;
    tw_graph *again = NULL;
    tw_error error = {0};
    CHECK_OK(tw_graph_print(g, &first, &error), error);
    if (first)
        CHECK_OK(tw_graph_parse_with(context, test_operators, first, strlen(first), &again, &error),
                 error);
    if (again) {
        CHECK_OK(tw_graph_print(again, &second, &error), error);
        CHECK_TEXT(second, first);
    }
    tw_text_free(context, &first);
    tw_text_free(context, &second);
    tw_graph_destroy(&again);
}

static void check_bind(tw_graph *g)
{
    tw_graph *b = NULL;
    tw_node **map = NULL, *root = g->last ? g->last->result[0] : NULL;
    tw_error error = {0};
    if (root && tw_graph_bind(g, &root, 1, "t=3", true, &b, &map, &error) == TW_OK) {
        tw_node *input = b->first->result[0], *gradient = NULL;
        CHECK(map[root->id] != NULL);
        if (tw_graph_gradient(b, map[root->id], 1, &input, &gradient, &error) != TW_OK)
            CHECK(error.text[0]);
    } else if (root) {
        CHECK(error.text[0]);
    }
    tw_graph_destroy(&b);
}

static void mutated_texts_never_crash(void)
{
    tw_context *context = test_context();
    uint64_t state = 1;
    int good = 0;
    for (int turn = 0; turn < 20000 && !tw_failures; turn++) {
        const size_t start = strlen(model), capacity = start + 64;
        char *buffer = malloc(capacity);
        memcpy(buffer, model, start);
        const size_t length = mutate(buffer, start, capacity, &state);
        char *text = malloc(length ? length : 1); /* of its exact size: a read beyond it shows */
        memcpy(text, buffer, length);
        free(buffer);
        tw_graph *g = NULL;
        tw_error error = {0};
        if (tw_graph_parse_with(context, test_operators, text, length, &g, &error) == TW_OK) {
            good++;
            check_stable(context, g);
            check_bind(g);
        } else {
            CHECK(!g && error.text[0] && error.line >= 1 && error.column >= 1);
            CHECK(!strchr(error.text, '\n') && error.code != TW_ERROR_INTERNAL);
        }
        if (tw_failures)
            printf("# turn %d: %.*s\n# %s\n", turn, (int)length, text, error.text);
        tw_graph_destroy(&g);
        free(text);
    }
    CHECK(good > 500);
    tw_context_destroy(&context);
}

TESTS(T(every_allocation_may_fail), T(mutated_texts_never_crash))
