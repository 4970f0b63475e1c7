// SPDX-License-Identifier: Apache-2.0
// Names in model text: which node each stands for, and what was meant where there is none.
#include "graph/parse.h"

/* Line of the statement that makes the name, this one or a later; 0: there is none. */
static int defined_later(const frame *f, tw_span name)
{
    tw_lexer lexer = f->lexer;
    tw_error error;
    for (lexer.at = lexer.line_start; lexer.at < lexer.end; tw_lex_next_line(&lexer)) {
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
    if (line && line == p->g->line)
        return tw_parse_fail(p, span, TW_ERROR_NAME,
                             "\"%.*s\" would depend on itself: models have no cycles",
                             TW_SPAN(span));
    if (line)
        return tw_parse_fail(p, span, TW_ERROR_NAME,
                             "\"%.*s\" is used before it is defined, in line %d", TW_SPAN(span),
                             line);
    const char *nearest = tw_names_nearest(p->g, tw_scope_prefix(p->g), name);
    if (nearest)
        return tw_parse_fail(p, span, TW_ERROR_NAME, "there is no \"%.*s\"; did you mean \"%s\"?",
                             TW_SPAN(span), nearest);
    if (f->block)
        return tw_parse_fail(
            p, span, TW_ERROR_NAME,
            "there is no \"%.*s\" here: a block sees what its own lines make and its "
            "parameters",
            TW_SPAN(span));
    return tw_parse_fail(p, span, TW_ERROR_NAME, "there is no \"%.*s\"", TW_SPAN(span));
}

tw_node *tw_parse_node(parser *p, const frame *f, tw_span span)
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
    tw_parse_fail(p, key, TW_ERROR_NAME, "%s has no input \"%.*s\"; its inputs are: %s", op->name,
                  TW_SPAN(key), *op->inputs ? op->inputs : "none");
    return -1;
}

/* Resolves the arguments of a statement into inputs; returns how many, -1: poisoned. */
int tw_parse_arguments(parser *p, const frame *f, const tw_statement *s, const tw_operator *op,
                       tw_node **input)
{
    int count = 0;
    bool keyed = false;
    memset(input, 0, sizeof *input * TW_MAX_INPUTS);
    for (int i = 0; i < s->n_args; i++) {
        int place = i;
        keyed = keyed || s->arg[i].key.length;
        if (keyed && !s->arg[i].key.length) {
            tw_parse_fail(p, s->arg[i].value, TW_ERROR_SYNTAX,
                          "the input \"%.*s\" by position stands after one by name",
                          TW_SPAN(s->arg[i].value));
            return -1;
        }
        if (keyed && (place = port_of(p, op, s->arg[i].key)) < 0)
            return -1;
        if (input[place]) {
            tw_parse_fail(p, s->arg[i].key, TW_ERROR_SYNTAX, "the input \"%.*s\" is given twice",
                          TW_SPAN(s->arg[i].key));
            return -1;
        }
        input[place] = tw_parse_node(p, f, s->arg[i].value);
        if (!input[place])
            return -1;
        count = TW_MAX(count, place + 1);
    }
    return count;
}
