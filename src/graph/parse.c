// SPDX-License-Identifier: Apache-2.0
// Model files: the header, and statements line by line.
#include "graph/parse.h"

/* Poisons with the lexer's sentence if status is one. */
bool tw_parse_good(parser *p, tw_status status, const tw_error *error)
{
    if (status != TW_OK)
        tw_poison_error(p->g, NULL, error);
    return status == TW_OK;
}

bool tw_parse_fail(parser *p, tw_span span, tw_status status, const char *format, ...)
{
    tw_error error = {0};
    va_list args;
    va_start(args, format);
    tw_fail_v(&error, status, format, args);
    va_end(args);
    error.column = span.column;
    return tw_poison_error(p->g, NULL, &error);
}

/* ---- statements ---- */

static bool call_operator(parser *p, frame *f, const tw_statement *s)
{
    tw_node *input[TW_MAX_INPUTS] = {NULL}, *node = NULL;
    tw_port port;
    const tw_operator *op = tw_build_operator(p->g, s->word);
    if (!op)
        return false;
    int count = tw_parse_arguments(p, f, s, op, input);
    if (count < 0)
        return false;
    if (!s->parentheses && tw_port_at(op->inputs, 0, &port)) {
        if (!f->previous && !port.optional)
            return tw_parse_fail(p, s->word, TW_ERROR_SYNTAX,
                                 "\"%.*s\" has no line before it to take as its input",
                                 TW_SPAN(s->word));
        input[0] = f->previous;
        count = f->previous != NULL;
    }
    p->g->column = s->word.column;
    if (f->block && strcmp(op->name, "input") == 0)
        return tw_parse_fail(p, s->word, TW_ERROR_SYNTAX,
                             "an \"%.*s\" inside a block: inputs stand outside", TW_SPAN(s->word));
    if (f->block && strcmp(op->name, "parameter") == 0)
        node = tw_block_parameter(p, op, s);
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
        if (!tw_parse_good(p, tw_lex_name(&f->lexer, "the name of a result", &span, &error),
                           &error))
            return false;
        if (f->n_results == TW_MAX_RESULTS)
            return tw_parse_fail(p, span, TW_ERROR_SYNTAX, "too many results, at \"%.*s\"",
                                 TW_SPAN(span));
        f->result[f->n_results] = tw_parse_node(p, f, span);
        if (!f->result[f->n_results++])
            return false;
    } while (tw_lex_take(&f->lexer, ','));
    return tw_parse_good(p, tw_lex_line_done(&f->lexer, &error), &error);
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
    if (!tw_parse_good(p, tw_lex_statement(&f->lexer, &s, &error), &error) ||
        !tw_parse_good(p, tw_lex_line_done(&f->lexer, &error), &error))
        return false;
    p->g->column = s.word.column;
    if (f->n_results)
        return tw_parse_fail(p, s.word, TW_ERROR_SYNTAX,
                             "\"%.*s\" stands after the return of its block", TW_SPAN(s.word));
    const block *b = tw_block_find(p, s.word);
    return b ? tw_block_call(p, f, b, &s) : call_operator(p, f, &s);
}

bool tw_parse_line(parser *p, frame *f)
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
            return tw_parse_good(p, tw_lex_line_done(&f->lexer, &error), &error) && false;
        else if (f->block && key == RETURN && !f->n_results)
            on = return_line(p, f);
        else if (!f->block && key == BLOCK)
            on = tw_block_define(p, f);
        else if (!f->block && key == TRAIN)
            on = tw_train_parse(p->g, &f->lexer, NULL) == TW_OK;
        else
            on = tw_parse_fail(p, word, TW_ERROR_SYNTAX, "\"%.*s\" has no place %s", TW_SPAN(word),
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
    if (!tw_parse_good(p, tw_lex_value(lexer, &version, &quoted, &error), &error))
        return false;
    if (!tw_span_is(version, "1"))
        return tw_parse_fail(
            p, version, TW_ERROR_FORMAT,
            "version %.*s of the grammar is not known: this library reads thalweg 1",
            TW_SPAN(version));
    const bool done = tw_parse_good(p, tw_lex_line_done(lexer, &error), &error);
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
        while (tw_parse_line(&p, &f))
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
