// SPDX-License-Identifier: Apache-2.0
// Blocks: kept as text where they are defined, read again at each call; the calls share their
// weights.
#include "graph/parse.h"

#define MAX_BLOCKS 1000
#define MAX_BLOCK_CALLS 10000

const block *tw_block_find(const parser *p, tw_span name)
{
    for (const block *b = p->blocks; b; b = b->next)
        if (b->name.length == name.length && memcmp(b->name.at, name.at, name.length) == 0)
            return b;
    return NULL;
}

static bool expect(parser *p, frame *f, char symbol, const char *what)
{
    if (tw_lex_take(&f->lexer, symbol))
        return true;
    const tw_span found = {f->lexer.at, 0, tw_lex_column(&f->lexer)};
    return tw_parse_fail(p, found, TW_ERROR_SYNTAX, "expected %s", what);
}

static bool block_head(parser *p, frame *f, block *b)
{
    tw_error error = {0};
    if (!tw_parse_good(p, tw_lex_name(&f->lexer, "the name of the block", &b->name, &error),
                       &error))
        return false;
    const char *name = tw_arena_text(&p->g->arena, b->name.at, b->name.length);
    if (!name)
        return tw_poison_memory(p->g);
    if (memchr(b->name.at, '.', b->name.length))
        return tw_parse_fail(p, b->name, TW_ERROR_SYNTAX, "the name of block \"%.*s\" has a dot",
                             TW_SPAN(b->name));
    if (tw_operator_find(p->g->operators, name))
        return tw_parse_fail(p, b->name, TW_ERROR_NAME,
                             "\"%.*s\" is an operator, so no block's name", TW_SPAN(b->name));
    if (tw_block_find(p, b->name))
        return tw_parse_fail(p, b->name, TW_ERROR_NAME, "a block \"%.*s\" is there already",
                             TW_SPAN(b->name));
    if (!expect(p, f, '(', "( after the name of the block"))
        return false;
    while (!tw_lex_take(&f->lexer, ')')) {
        if (b->n_parameters == TW_MAX_INPUTS)
            return tw_parse_fail(p, b->name, TW_ERROR_SYNTAX,
                                 "block \"%.*s\" has too many parameters", TW_SPAN(b->name));
        if (b->n_parameters && !expect(p, f, ',', ", or ) after a parameter of the block"))
            return false;
        tw_span *parameter = &b->parameter[b->n_parameters++];
        if (!tw_parse_good(p, tw_lex_name(&f->lexer, "a parameter of the block", parameter, &error),
                           &error))
            return false;
    }
    return tw_parse_good(p, tw_lex_line_done(&f->lexer, &error), &error);
}

/* "block disc(x)": keeps its body, and skips it. */
bool tw_block_define(parser *p, frame *f)
{
    block *b = tw_arena_alloc(&p->g->arena, sizeof *b);
    if (!b)
        return tw_poison_memory(p->g);
    if (!block_head(p, f, b))
        return false;
    if (p->n_blocks == MAX_BLOCKS)
        return tw_parse_fail(p, b->name, TW_ERROR_SYNTAX, "block \"%.*s\" is one too many",
                             TW_SPAN(b->name));
    tw_lexer lexer = f->lexer;
    tw_lex_next_line(&lexer);
    b->body = lexer;
    b->index = p->n_blocks++;
    for (; lexer.at < lexer.end; tw_lex_next_line(&lexer)) {
        tw_error error = {0};
        tw_span word;
        if (tw_lex_line_end(&lexer) || tw_lex_name(&lexer, "", &word, &error) != TW_OK)
            continue;
        const bool alone = tw_lex_line_end(&lexer);
        if (tw_span_is(word, "end") && alone) {
            f->lexer = lexer;
            b->next = p->blocks;
            p->blocks = b;
            return true;
        }
        if (tw_span_is(word, "block") && !alone && *lexer.at != '=' && *lexer.at != ',') {
            p->g->line = lexer.line;
            return tw_parse_fail(p, word, TW_ERROR_SYNTAX,
                                 "a \"%.*s\" inside another: define it before, outside",
                                 TW_SPAN(word));
        }
    }
    return tw_parse_fail(p, b->name, TW_ERROR_SYNTAX, "block \"%.*s\" has no line \"end\"",
                         TW_SPAN(b->name));
}

/* "disc." for the first call, then "disc_2.": never the name of another block. */
static const char *call_prefix(parser *p, const block *b)
{
    const char *key = tw_arena_printf(&p->g->arena, " %.*s", (int)b->name.length, b->name.at);
    int *counter = key ? tw_names_counter(p->g, key) : NULL;
    if (!counter)
        return NULL;
    if (++*counter == 1)
        return tw_arena_printf(&p->g->arena, "%s.", key + 1);
    for (;; ++*counter) {
        const char *name = tw_arena_printf(&p->g->arena, "%s_%d.", key + 1, *counter);
        const tw_span span = {name, name ? strlen(name) - 1 : 0, 0};
        if (!name || !tw_block_find(p, span))
            return name;
    }
}

/* The inputs become names of the block's scope. */
static bool enter_inputs(parser *p, const block *b, tw_node *const *input)
{
    for (int i = 0; i < b->n_parameters; i++) {
        const char *name = tw_arena_printf(&p->g->arena, "%s%.*s", tw_scope_prefix(p->g),
                                           (int)b->parameter[i].length, b->parameter[i].at);
        if (!name || !tw_names_add(p->g, name, input[i]))
            return tw_poison_memory(p->g);
    }
    return true;
}

static bool run_body(parser *p, const block *b, tw_node *const *input, frame *body)
{
    struct tw_scope scope;
    tw_graph *g = p->g;
    const int line = g->line, column = g->column;
    const char *prefix = call_prefix(p, b);
    const char *weights = tw_arena_printf(&g->arena, "%.*s.", (int)b->name.length, b->name.at);
    if (!prefix || !weights)
        return tw_poison_memory(g);
    *body = (frame){.block = b, .lexer = b->body, .previous = b->n_parameters ? input[0] : NULL};
    tw_scope_enter(g, &scope, prefix, weights, NULL);
    p->depth++;
    if (enter_inputs(p, b, input))
        while (tw_parse_line(p, body))
            ;
    p->depth--;
    tw_scope_leave(g);
    if (g->status != TW_OK)
        return false;
    g->line = line;
    g->column = column;
    if (!body->n_results && body->previous)
        body->result[body->n_results++] = body->previous;
    return body->n_results || tw_parse_fail(p, b->name, TW_ERROR_SYNTAX,
                                            "block \"%.*s\" has no result", TW_SPAN(b->name));
}

static int block_inputs(parser *p, const frame *f, const block *b, const tw_statement *s,
                        tw_node **input)
{
    /* A block's parameters are to its arguments what an operator's inputs are. */
    tw_text ports = {.context = p->g->context};
    for (int i = 0; i < b->n_parameters; i++)
        tw_text_printf(&ports, "%.*s ", (int)b->parameter[i].length, b->parameter[i].at);
    const char *name = tw_arena_text(&p->g->arena, b->name.at, b->name.length);
    int count = -1;
    if (ports.failed || !name)
        tw_poison_memory(p->g);
    else if (s->parentheses || !b->n_parameters)
        count = tw_parse_arguments(
            p, f, s, &(tw_operator){.name = name, .inputs = ports.data ? ports.data : ""}, input);
    else if ((input[0] = f->previous))
        count = 1;
    else
        tw_parse_fail(p, s->word, TW_ERROR_SYNTAX,
                      "\"%.*s\" has no line before it to take as its input", TW_SPAN(s->word));
    tw_text_clear(&ports);
    bool complete = count == b->n_parameters;
    for (int i = 0; i < count && complete; i++)
        complete = input[i] != NULL;
    if (count >= 0 && !complete)
        return tw_poison(p->g, TW_ERROR_SYNTAX, "block %.*s takes %d inputs, but %d are given",
                         TW_SPAN(b->name), b->n_parameters, s->parentheses ? s->n_args : count),
               -1;
    return count;
}

/* The caller's name for a result: the node's own from now on, if this call made it, else one more
 * name for it. */
static bool name_result(parser *p, tw_span span, tw_node *node, int start)
{
    tw_graph *g = p->g;
    const char *name =
        tw_arena_printf(&g->arena, "%s%.*s", tw_scope_prefix(g), (int)span.length, span.at);
    if (!name)
        return tw_poison_memory(g);
    if (tw_names_find(g, name))
        return tw_parse_fail(p, span, TW_ERROR_NAME, "the name \"%.*s\" is taken already",
                             TW_SPAN(span));
    if (node->call->id >= start && !tw_is_input(node->call) && !tw_is_parameter(node->call))
        return tw_node_rename(g, node, name);
    return tw_names_add(g, name, node) || tw_poison_memory(g);
}

bool tw_block_call(parser *p, frame *f, const block *b, const tw_statement *s)
{
    tw_node *input[TW_MAX_INPUTS] = {NULL};
    frame body;
    const int start = p->g->n_calls;
    if (f->block && b->index >= f->block->index)
        return tw_parse_fail(
            p, s->word, TW_ERROR_SYNTAX,
            "block \"%.*s\" is called inside itself: a block calls blocks before it",
            TW_SPAN(s->word));
    if (s->n_pairs)
        return tw_parse_fail(p, s->pair[0].key, TW_ERROR_SYNTAX,
                             "\"%.*s\": a block takes no attributes", TW_SPAN(s->pair[0].key));
    if (p->depth == TW_MAX_DEPTH || ++p->block_calls > MAX_BLOCK_CALLS)
        return tw_parse_fail(p, s->word, TW_ERROR_SYNTAX, "too many calls of blocks, at \"%.*s\"",
                             TW_SPAN(s->word));
    if (block_inputs(p, f, b, s, input) < 0 || !run_body(p, b, input, &body))
        return false;
    if (s->n_names > body.n_results)
        return tw_poison(p->g, TW_ERROR_SYNTAX,
                         "%d names stand before =, but block %.*s returns %d", s->n_names,
                         TW_SPAN(b->name), body.n_results);
    for (int i = 0; i < s->n_names; i++)
        if (!name_result(p, s->name[i], body.result[i], start))
            return false;
    f->previous = body.result[0];
    return true;
}

/* A parameter made in a block is one of its weights: the first call makes it, the others share it.
 */
tw_node *tw_block_parameter(parser *p, const tw_operator *op, const tw_statement *s)
{
    tw_graph *g = p->g;
    if (!s->n_names)
        return tw_poison(g, TW_ERROR_SYNTAX, "a parameter in a block needs a name: w = parameter");
    const tw_span span = s->name[0];
    const char *shared =
        tw_arena_printf(&g->arena, "%s%.*s", g->scope->weights, (int)span.length, span.at);
    const char *name =
        tw_arena_printf(&g->arena, "%s%.*s", g->scope->prefix, (int)span.length, span.at);
    if (!name || !shared)
        return tw_poison_memory(g);
    if (tw_names_find(g, name) || s->n_names > 1) {
        tw_parse_fail(p, span, TW_ERROR_NAME, "the name \"%.*s\" is taken already, or one too many",
                      TW_SPAN(span));
        return NULL;
    }
    tw_node *node = tw_names_find(g, shared);
    if (!node)
        node = tw_build(g, op, s, shared, 0, NULL);
    if (node && !tw_names_add(g, name, node))
        return tw_poison_memory(g);
    return node;
}
