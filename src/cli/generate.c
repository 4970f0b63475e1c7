// SPDX-License-Identifier: Apache-2.0
// Text written by a model of characters: the distribution at the last character known, a draw, and
// so on. The window is filled from the left, what lies behind the text is never looked at by a
// causal model; when it is full it slides.
#include "generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH 200 /* characters, if --length does not say */

typedef struct generator {
    const cli_args *args;
    const tw_preparation *vocabulary;
    tw_plan *plan;
    int32_t characters;    /* of the vocabulary */
    int64_t window, width; /* characters the model sees; probabilities it gives */
    bool each_place;       /* probabilities at every place of the window */
    int64_t count, end;    /* of tokens: now, and of the finished text */
    int32_t *tokens;       /* the text so far */
    int32_t *seen;         /* the window */
    float *probability;    /* the plan's output */
    double *weight;        /* of each character in the draw */
    uint64_t random;
} generator;

/* splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014),
 * of which the upper 53 bits are a number in [0,1). */
static double draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

/* ---- the model ---- */

static int measure_input(generator *g, const char *node)
{
    tw_array in;
    if (tw_plan_input_count(g->plan) != 1)
        return cli_fail(CLI_FAILED, "--text: node %s needs %d inputs, not the characters alone",
                        node, (int)tw_plan_input_count(g->plan));
    const char *name = tw_plan_input(g->plan, 0, &in);
    if (in.type != TW_I32 || in.rank != 2)
        return cli_fail(CLI_FAILED,
                        "--text: input %s of the model is no window of characters, i32[n,t]", name);
    g->window = in.dim[1];
    return CLI_DONE;
}

static int measure_output(generator *g, const char *node)
{
    tw_array out;
    (void)tw_plan_output(g->plan, 0, &out);
    g->each_place = out.rank == 3 && out.dim[1] == g->window;
    g->width = out.rank > 0 ? out.dim[out.rank - 1] : 0;
    if (out.type != TW_F32 || out.dim[0] != 1 || (out.rank != 2 && !g->each_place) ||
        g->width < g->characters)
        return cli_fail(CLI_FAILED,
                        "--text: node %s does not give the probabilities of %d characters, as "
                        "f32[n,t,%d] or f32[n,%d]",
                        node, (int)g->characters, (int)g->characters, (int)g->characters);
    g->seen = calloc((size_t)g->window, sizeof *g->seen);
    g->probability = calloc((size_t)tw_array_count(&out), sizeof *g->probability);
    g->weight = calloc((size_t)g->characters, sizeof *g->weight);
    return g->seen && g->probability && g->weight ? CLI_DONE
                                                  : cli_fail(CLI_FAILED, "out of memory");
}

static int open_model(generator *g, const cli_session *session, const char *node)
{
    tw_error error;
    const tw_plan_options options = {
        .batch = 1, .sizes = session->sizes, .kernels = g->args->kernels, .seed = g->args->seed};
    g->vocabulary = session->preparation;
    g->characters = tw_preparation_class_count(g->vocabulary);
    if (g->characters == 0)
        return cli_fail(CLI_FAILED,
                        "--text needs the folder of a run that was trained on text:FILE: %s has no "
                        "vocabulary (classes.txt)",
                        g->args->operand);
    if (tw_plan_create(session->params, 1, &node, &options, &g->plan, &error) != TW_OK)
        return cli_error(&error, session->model);
    const int code = measure_input(g, node);
    return code == CLI_DONE ? measure_output(g, node) : code;
}

/* ---- the prompt ---- */

/* Bytes of the character of UTF-8 at text; 1 for what is none. */
static size_t character_length(const char *text)
{
    const unsigned char first = (unsigned char)*text;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 1;
    return length;
}

static int take_prompt(generator *g)
{
    const char *prompt = g->args->text;
    const int64_t more = g->args->length > 0 ? g->args->length : LENGTH;
    g->tokens = calloc(strlen(prompt) + (size_t)more, sizeof *g->tokens);
    if (!g->tokens)
        return cli_fail(CLI_FAILED, "out of memory: give a smaller --length");
    while (*prompt) {
        const size_t length = character_length(prompt);
        int32_t number = 0;
        for (; number < g->characters; number++) {
            const char *character = tw_preparation_class(g->vocabulary, number);
            if (strlen(character) == length && memcmp(character, prompt, length) == 0)
                break;
        }
        if (number == g->characters)
            return cli_fail(CLI_FAILED,
                            "--text: the character \"%.*s\" is none that the model knows; its %d "
                            "are in classes.txt",
                            (int)length, prompt, (int)g->characters);
        g->tokens[g->count++] = number;
        prompt += length;
    }
    g->end = g->count + more;
    if (!g->each_place && g->count < g->window)
        return cli_fail(CLI_FAILED,
                        "--text: the prompt has %lld characters, but this model tells what follows "
                        "%lld: give a longer one, or, where the model leaves its length open, a "
                        "smaller --sizes",
                        (long long)g->count, (long long)g->window);
    return CLI_DONE;
}

/* ---- writing ---- */

/* Probabilities of the character after the last one. */
static int compute(generator *g, const float **probability)
{
    tw_error error;
    const int64_t known = g->count < g->window ? g->count : g->window;
    const void *inputs[1] = {g->seen};
    void *outputs[1] = {g->probability};
    memcpy(g->seen, g->tokens + g->count - known, (size_t)known * sizeof *g->seen);
    if (tw_plan_run(g->plan, 1, inputs, outputs, &error) != TW_OK)
        return cli_error(&error, NULL);
    *probability = g->probability + (g->each_place ? (known - 1) * g->width : 0);
    double sum = 0;
    bool right = true;
    for (int64_t i = 0; i < g->width; i++) {
        right = right && (*probability)[i] >= 0;
        sum += (double)(*probability)[i];
    }
    if (!right || !(fabs(sum - 1) < 0.01))
        return cli_fail(CLI_FAILED,
                        "--text: the node's values are no probabilities (their sum is %g): it must "
                        "be the output of softmax",
                        sum);
    return CLI_DONE;
}

/* Leaves out all but the --top-k greatest; of equal ones the first. */
static void keep_greatest(generator *g)
{
    const int64_t most = g->args->top_k;
    if (most == 0 || most >= g->characters)
        return;
    for (int32_t left = g->characters; left > most; left--) {
        int32_t least = -1;
        for (int32_t i = 0; i < g->characters; i++)
            if (g->weight[i] >= 0 && (least < 0 || g->weight[i] <= g->weight[least]))
                least = i;
        g->weight[least] = -1;
    }
    for (int32_t i = 0; i < g->characters; i++)
        g->weight[i] = fmax(g->weight[i], 0);
}

/* A character by its probability to the power 1/temperature; the most probable one at 0. */
static int32_t choose(generator *g, const float *probability)
{
    int32_t best = 0;
    double sum = 0;
    for (int32_t i = 1; i < g->characters; i++)
        if (probability[i] > probability[best])
            best = i;
    if (g->args->temperature <= 0 || !(probability[best] > 0))
        return best;
    for (int32_t i = 0; i < g->characters; i++)
        g->weight[i] =
            pow((double)probability[i] / (double)probability[best], 1 / g->args->temperature);
    keep_greatest(g);
    for (int32_t i = 0; i < g->characters; i++)
        sum += g->weight[i];
    double place = draw(&g->random) * sum;
    for (int32_t i = 0; i < g->characters; i++) {
        place -= g->weight[i];
        if (place < 0)
            return i;
    }
    return best; /* rounding */
}

static int write_all(generator *g)
{
    fputs(g->args->text, stdout);
    while (g->count < g->end) {
        const float *probability = NULL;
        const int code = compute(g, &probability);
        if (code != CLI_DONE)
            return code;
        g->tokens[g->count] = choose(g, probability);
        fputs(tw_preparation_class(g->vocabulary, g->tokens[g->count]), stdout);
        if (fflush(stdout) != 0)
            return CLI_FAILED; /* main says why */
        g->count++;
    }
    printf("\n");
    return CLI_DONE;
}

int generate_check(const cli_args *args)
{
    const char *other = args->data      ? "--data"
                        : args->out     ? "--out"
                        : args->images  ? "--images"
                        : args->samples ? "--samples"
                        : args->batch   ? "--batch"
                                        : NULL;
    if (args->text && other)
        return cli_fail(CLI_USAGE, "give --text or %s, not both", other);
    if (!args->text && (args->length || args->top_k || args->temperature != 1))
        return cli_fail(CLI_USAGE, "--length, --temperature and --top-k are for --text PROMPT");
    return CLI_DONE;
}

int generate_text(const cli_args *args, const cli_session *session, const char *node)
{
    generator g = {.args = args, .random = args->seed};
    int code = open_model(&g, session, node);
    if (code == CLI_DONE)
        code = take_prompt(&g);
    if (code == CLI_DONE)
        code = write_all(&g);
    tw_plan_destroy(&g.plan);
    free(g.tokens);
    free(g.seen);
    free(g.probability);
    free(g.weight);
    return code;
}
