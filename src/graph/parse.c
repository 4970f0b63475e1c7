// SPDX-License-Identifier: Apache-2.0
// Model files: statements line by line, names resolved, blocks called.
#include "graph/internal.h"

#define MAX_BLOCKS 1000
#define MAX_BLOCK_CALLS 10000

/* A block is kept as text and read again at each call. */
typedef struct block {
    tw_span name;
    int n_parameters, index;
    tw_span parameter[TW_MAX_INPUTS];
    tw_lexer body; /* stands on the line after "block" */
    struct block *next;
} block;

/* What is being read: the model, or one call of a block. */
typedef struct frame {
    const block *block; /* NULL: the model */
    tw_lexer lexer;
    tw_node *previous; /* the value of the line before */
    int n_results;     /* of a return line; 0: none yet */
    tw_node *result[TW_MAX_RESULTS];
} frame;

typedef struct parser {
    tw_graph *g;
    block *blocks; /* newest first */
    int n_blocks, block_calls, depth;
} parser;

static bool read_line(parser *p, frame *f);

/* Poisons with the lexer's sentence if status is one. */
static bool good(parser *p, tw_status status, const tw_error *error)
{
    if (status != TW_OK)
        tw_poison_error(p->g, NULL, error);
    return status == TW_OK;
}

static bool fail(parser *p, tw_span span, tw_status status, const char *format, ...)
    TW_PRINTF(4, 5);
static bool fail(parser *p, tw_span span, tw_status status, const char *format, ...)
{
    tw_error error = {0};
    va_list args;
    va_start(args, format);
    tw_fail_v(&error, status, format, args);
    va_end(args);
    error.column = span.column;
    return tw_poison_error(p->g, NULL, &error);
}

static const block *find_block(const parser *p, tw_span name)
{
    for (const block *b = p->blocks; b; b = b->next)
        if (b->name.length == name.length && memcmp(b->name.at, name.at, name.length) == 0)
            return b;
    return NULL;
}

/* ---- names of inputs ---- */

/* Line of a later statement that makes the name; 0: there is none. */
static int defined_later(const frame *f, tw_span name)
{
    tw_lexer lexer = f->lexer;
    tw_error error;
    for (tw_lex_next_line(&lexer); lexer.at < lexer.end; tw_lex_next_line(&lexer)) {
        tw_span word;
        if (f->block && tw_lex_name(&lexer, "", &word, &error) == TW_OK &&
            tw_span_is(word, "end") && tw_lex_line_end(&lexer))
            return 0;
        lexer.at = lexer.line_start;
        while (tw_lex_name(&lexer, "", &word, &error) == TW_OK) {
            const bool same =
                word.length == name.length && memcmp(word.at, name.at, name.length) == 0;
            const bool more = tw_lex_take(&lexer, ',');
            if (same && (more || tw_lex_take(&lexer, '=')))
                return lexer.line;
            if (!more)
                break;
        }
    }
    return 0;
}

static bool unknown_name(parser *p, const frame *f, tw_span span, const char *name)
{
    const int line = defined_later(f, span);
    if (line)
        return fail(p, span, TW_ERROR_NAME, "\"%.*s\" is used before it is defined, in line %d",
                    TW_SPAN(span), line);
    const char *nearest = tw_names_nearest(p->g, tw_scope_prefix(p->g), name);
    if (nearest)
        return fail(p, span, TW_ERROR_NAME, "there is no \"%.*s\"; did you mean \"%s\"?",
                    TW_SPAN(span), nearest);
    if (f->block)
        return fail(p, span, TW_ERROR_NAME,
                    "there is no \"%.*s\" here: a block sees what its own lines make and its "
                    "parameters",
                    TW_SPAN(span));
    return fail(p, span, TW_ERROR_NAME, "there is no \"%.*s\"", TW_SPAN(span));
}

static tw_node *find_node(parser *p, const frame *f, tw_span span)
{
    const char *name =
        tw_arena_printf(&p->g->arena, "%s%.*s", tw_scope_prefix(p->g), (int)span.length, span.at);
    if (!name)
        return tw_poison_memory(p->g);
    tw_node *node = tw_names_find(p->g, name);
    if (!node)
        unknown_name(p, f, span, name + strlen(tw_scope_prefix(p->g)));
    return node;
}

/* The place of a named argument in "x weight? bias?"; -1: there is none. */
static int port_of(parser *p, const tw_operator *op, tw_span key)
{
    tw_port port;
    for (int i = 0; tw_port_at(op->inputs, i, &port); i++) {
        if (key.length == (size_t)port.length && memcmp(key.at, port.name, key.length) == 0)
            return i;
        if (port.many)
            break;
    }
    fail(p, key, TW_ERROR_NAME, "%s has no input \"%.*s\"; its inputs are: %s", op->name,
         TW_SPAN(key), *op->inputs ? op->inputs : "none");
    return -1;
}

/* Resolves the arguments of a statement into inputs; returns how many, -1: poisoned. */
static int resolve(parser *p, const frame *f, const tw_statement *s, const tw_operator *op,
                   tw_node **input)
{
    int count = 0;
    bool keyed = false;
    memset(input, 0, sizeof *input * TW_MAX_INPUTS);
    for (int i = 0; i < s->n_args; i++) {
        int place = i;
        keyed = keyed || s->arg[i].key.length;
        if (keyed && !s->arg[i].key.length) {
            fail(p, s->arg[i].value, TW_ERROR_SYNTAX,
                 "the input \"%.*s\" by position stands after one by name",
                 TW_SPAN(s->arg[i].value));
            return -1;
        }
        if (keyed && (place = port_of(p, op, s->arg[i].key)) < 0)
            return -1;
        if (input[place]) {
            fail(p, s->arg[i].key, TW_ERROR_SYNTAX, "the input \"%.*s\" is given twice",
                 TW_SPAN(s->arg[i].key));
            return -1;
        }
        input[place] = find_node(p, f, s->arg[i].value);
        if (!input[place])
            return -1;
        count = TW_MAX(count, place + 1);
    }
    return count;
}

/* ---- blocks ---- */

static bool expect(parser *p, frame *f, char symbol, const char *what)
{
    if (tw_lex_take(&f->lexer, symbol))
        return true;
    const tw_span found = {f->lexer.at, 0, tw_lex_column(&f->lexer)};
    return fail(p, found, TW_ERROR_SYNTAX, "expected %s", what);
}

static bool block_head(parser *p, frame *f, block *b)
{
    tw_error error = {0};
    if (!good(p, tw_lex_name(&f->lexer, "the name of the block", &b->name, &error), &error))
        return false;
    const char *name = tw_arena_text(&p->g->arena, b->name.at, b->name.length);
    if (!name)
        return tw_poison_memory(p->g);
    if (memchr(b->name.at, '.', b->name.length))
        return fail(p, b->name, TW_ERROR_SYNTAX, "the name of block \"%.*s\" has a dot",
                    TW_SPAN(b->name));
    if (tw_operator_find(p->g->operators, name))
        return fail(p, b->name, TW_ERROR_NAME, "\"%.*s\" is an operator, so no block's name",
                    TW_SPAN(b->name));
    if (find_block(p, b->name))
        return fail(p, b->name, TW_ERROR_NAME, "a block \"%.*s\" is there already",
                    TW_SPAN(b->name));
    if (!expect(p, f, '(', "( after the name of the block"))
        return false;
    while (!tw_lex_take(&f->lexer, ')')) {
        if (b->n_parameters == TW_MAX_INPUTS)
            return fail(p, b->name, TW_ERROR_SYNTAX, "block \"%.*s\" has too many parameters",
                        TW_SPAN(b->name));
        if (b->n_parameters && !expect(p, f, ',', ", or ) after a parameter of the block"))
            return false;
        tw_span *parameter = &b->parameter[b->n_parameters++];
        if (!good(p, tw_lex_name(&f->lexer, "a parameter of the block", parameter, &error), &error))
            return false;
    }
    return good(p, tw_lex_line_done(&f->lexer, &error), &error);
}

/* "block disc(x)": keeps its body, and skips it. */
static bool define_block(parser *p, frame *f)
{
    block *b = tw_arena_alloc(&p->g->arena, sizeof *b);
    if (!b)
        return tw_poison_memory(p->g);
    if (!block_head(p, f, b))
        return false;
    if (p->n_blocks == MAX_BLOCKS)
        return fail(p, b->name, TW_ERROR_SYNTAX, "block \"%.*s\" is one too many",
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
            return fail(p, word, TW_ERROR_SYNTAX,
                        "a \"%.*s\" inside another: define it before, outside", TW_SPAN(word));
        }
    }
    return fail(p, b->name, TW_ERROR_SYNTAX, "block \"%.*s\" has no line \"end\"",
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
        if (!name || !find_block(p, span))
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
        while (read_line(p, body))
            ;
    p->depth--;
    tw_scope_leave(g);
    if (g->status != TW_OK)
        return false;
    g->line = line;
    g->column = column;
    if (!body->n_results && body->previous)
        body->result[body->n_results++] = body->previous;
    return body->n_results ||
           fail(p, b->name, TW_ERROR_SYNTAX, "block \"%.*s\" has no result", TW_SPAN(b->name));
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
        count = resolve(
            p, f, s, &(tw_operator){.name = name, .inputs = ports.data ? ports.data : ""}, input);
    else if ((input[0] = f->previous))
        count = 1;
    else
        fail(p, s->word, TW_ERROR_SYNTAX, "\"%.*s\" has no line before it to take as its input",
             TW_SPAN(s->word));
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
        return fail(p, span, TW_ERROR_NAME, "the name \"%.*s\" is taken already", TW_SPAN(span));
    if (node->call->id >= start && !tw_is_input(node->call) && !tw_is_parameter(node->call))
        return tw_node_rename(g, node, name);
    return tw_names_add(g, name, node) || tw_poison_memory(g);
}

static bool call_block(parser *p, frame *f, const block *b, const tw_statement *s)
{
    tw_node *input[TW_MAX_INPUTS] = {NULL};
    frame body;
    const int start = p->g->n_calls;
    if (f->block && b->index >= f->block->index)
        return fail(p, s->word, TW_ERROR_SYNTAX,
                    "block \"%.*s\" is called inside itself: a block calls blocks before it",
                    TW_SPAN(s->word));
    if (s->n_pairs)
        return fail(p, s->pair[0].key, TW_ERROR_SYNTAX, "\"%.*s\": a block takes no attributes",
                    TW_SPAN(s->pair[0].key));
    if (p->depth == TW_MAX_DEPTH || ++p->block_calls > MAX_BLOCK_CALLS)
        return fail(p, s->word, TW_ERROR_SYNTAX, "too many calls of blocks, at \"%.*s\"",
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

/* ---- statements ---- */

/* A parameter made in a block is one of its weights: the first call makes it, the others share it.
 */
static tw_node *block_parameter(parser *p, const tw_operator *op, const tw_statement *s)
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
        fail(p, span, TW_ERROR_NAME, "the name \"%.*s\" is taken already, or one too many",
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

static bool call_operator(parser *p, frame *f, const tw_statement *s)
{
    tw_node *input[TW_MAX_INPUTS] = {NULL}, *node = NULL;
    tw_port port;
    const tw_operator *op = tw_build_operator(p->g, s->word);
    if (!op)
        return false;
    int count = resolve(p, f, s, op, input);
    if (count < 0)
        return false;
    if (!s->parentheses && tw_port_at(op->inputs, 0, &port)) {
        if (!f->previous && !port.optional)
            return fail(p, s->word, TW_ERROR_SYNTAX,
                        "\"%.*s\" has no line before it to take as its input", TW_SPAN(s->word));
        input[0] = f->previous;
        count = f->previous != NULL;
    }
    p->g->column = s->word.column;
    if (f->block && strcmp(op->name, "input") == 0)
        return fail(p, s->word, TW_ERROR_SYNTAX, "an \"%.*s\" inside a block: inputs stand outside",
                    TW_SPAN(s->word));
    if (f->block && strcmp(op->name, "parameter") == 0)
        node = block_parameter(p, op, s);
    else
        node = tw_build(p->g, op, s, NULL, count, input);
    if (node)
        f->previous = node;
    return node;
}

static bool return_line(parser *p, frame *f)
{
    tw_error error = {0};
    do {
        tw_span span;
        if (!good(p, tw_lex_name(&f->lexer, "the name of a result", &span, &error), &error))
            return false;
        if (f->n_results == TW_MAX_RESULTS)
            return fail(p, span, TW_ERROR_SYNTAX, "too many results, at \"%.*s\"", TW_SPAN(span));
        f->result[f->n_results] = find_node(p, f, span);
        if (!f->result[f->n_results++])
            return false;
    } while (tw_lex_take(&f->lexer, ','));
    return good(p, tw_lex_line_done(&f->lexer, &error), &error);
}

typedef enum keyword { NONE, TRAIN, BLOCK, END, RETURN } keyword;

/* The keyword that a line begins with; names that look like one are followed by = or a comma. */
static keyword take_keyword(tw_lexer *lexer, tw_span *word)
{
    static const char *const words[] = {"", "train", "block", "end", "return"};
    tw_lexer ahead = *lexer;
    tw_error error;
    if (tw_lex_name(&ahead, "", word, &error) != TW_OK)
        return NONE;
    if (!tw_lex_line_end(&ahead) && (*ahead.at == '=' || *ahead.at == ','))
        return NONE;
    for (int i = TRAIN; i <= RETURN; i++)
        if (tw_span_is(*word, words[i])) {
            *lexer = ahead;
            return (keyword)i;
        }
    return NONE;
}

static bool statement(parser *p, frame *f)
{
    tw_error error = {0};
    tw_statement s;
    if (!good(p, tw_lex_statement(&f->lexer, &s, &error), &error) ||
        !good(p, tw_lex_line_done(&f->lexer, &error), &error))
        return false;
    p->g->column = s.word.column;
    if (f->n_results)
        return fail(p, s.word, TW_ERROR_SYNTAX, "\"%.*s\" stands after the return of its block",
                    TW_SPAN(s.word));
    const block *b = find_block(p, s.word);
    return b ? call_block(p, f, b, &s) : call_operator(p, f, &s);
}

/* One line; false at the end of the model or of the block, or when the graph is poisoned. */
static bool read_line(parser *p, frame *f)
{
    tw_span word = {0};
    tw_error error = {0};
    if (f->lexer.at == f->lexer.end)
        return false;
    p->g->line = f->lexer.line;
    p->g->column = 1;
    bool on = true;
    if (!tw_lex_line_end(&f->lexer)) {
        const keyword key = take_keyword(&f->lexer, &word);
        if (key == NONE)
            on = statement(p, f);
        else if (f->block && key == END)
            return good(p, tw_lex_line_done(&f->lexer, &error), &error) && false;
        else if (f->block && key == RETURN && !f->n_results)
            on = return_line(p, f);
        else if (!f->block && key == BLOCK)
            on = define_block(p, f);
        else if (!f->block && key == TRAIN)
            on = tw_train_parse(p->g, &f->lexer, NULL) == TW_OK;
        else
            on = fail(p, word, TW_ERROR_SYNTAX, "\"%.*s\" has no place %s", TW_SPAN(word),
                      f->block ? "inside a block" : "outside a block");
    }
    tw_lex_next_line(&f->lexer);
    return on && p->g->status == TW_OK;
}

/* ---- the whole ---- */

/* "thalweg 1" on the first line that says something. */
static bool header(parser *p, frame *f)
{
    tw_lexer *lexer = &f->lexer;
    tw_span word, version;
    tw_error error = {0};
    bool quoted = false;
    if (lexer->end - lexer->at >= 3 && memcmp(lexer->at, "\xef\xbb\xbf", 3) == 0)
        lexer->at += 3; /* the byte order mark of some editors */
    while (lexer->at < lexer->end && tw_lex_line_end(lexer))
        tw_lex_next_line(lexer);
    p->g->line = lexer->line;
    p->g->column = 1;
    if (lexer->at == lexer->end)
        return tw_poison(p->g, TW_ERROR_SYNTAX,
                         "the text is empty: a model begins with the line \"thalweg 1\"");
    if (tw_lex_name(lexer, "", &word, &error) != TW_OK || !tw_span_is(word, "thalweg"))
        return tw_poison(p->g, TW_ERROR_SYNTAX,
                         "this is no model: its first line must be \"thalweg 1\"");
    if (!good(p, tw_lex_value(lexer, &version, &quoted, &error), &error))
        return false;
    if (!tw_span_is(version, "1"))
        return fail(p, version, TW_ERROR_FORMAT,
                    "version %.*s of the grammar is not known: this library reads thalweg 1",
                    TW_SPAN(version));
    const bool done = good(p, tw_lex_line_done(lexer, &error), &error);
    tw_lex_next_line(lexer);
    return done;
}

tw_status tw_graph_parse_with(tw_context *context, const tw_operator *const *const *operators,
                              const char *text, size_t length, tw_graph **graph, tw_error *error)
{
    frame f = {.previous = NULL};
    parser p = {.g = NULL};
    if (!context || !text || !graph)
        return tw_fail(error, TW_ERROR_ARGUMENT, "parsing needs a context, a text and a place");
    if (length > TW_MAX_TEXT)
        return tw_fail(error, TW_ERROR_SYNTAX, "the text has %zu bytes; a model has %zu at most",
                       length, TW_MAX_TEXT);
    TW_TRY(tw_graph_create_with(context, operators, &p.g, error));
    tw_lex_start(&f.lexer, text, length, 1);
    if (header(&p, &f))
        while (read_line(&p, &f))
            ;
    p.g->line = p.g->column = 0;
    const tw_status status = tw_graph_check(p.g, error);
    if (status != TW_OK)
        tw_graph_destroy(&p.g);
    else
        *graph = p.g;
    return status;
}

tw_status tw_graph_parse(tw_context *context, const char *text, size_t length, tw_graph **graph,
                         tw_error *error)
{
    return tw_graph_parse_with(context, tw_operators, text, length, graph, error);
}

tw_status tw_graph_read(tw_context *context, const char *path, tw_graph **graph, tw_error *error)
{
    char *text = NULL;
    size_t length = 0;
    tw_error local = {0};
    if (!context || !path || !graph)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "reading a model needs a context, a path, a place");
    TW_TRY(tw_read_file(context, path, TW_MAX_TEXT, &text, &length, error));
    const tw_status status = tw_graph_parse(context, text, length, graph, &local);
    tw_free(context, text);
    if (status != TW_OK)
        tw_fail_at(error, status, local.line, local.column, "%.200s: %s", path, local.text);
    return status;
}
