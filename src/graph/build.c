// SPDX-License-Identifier: Apache-2.0
// Makes calls: names them, parses their attributes, makes the weights they lack, infers their
// results, links them in.
#include "graph/internal.h"
#include <limits.h>

/* ---- scopes ---- */

void tw_scope_enter(tw_graph *g, struct tw_scope *scope, const char *prefix, const char *weights,
                    const tw_call *origin)
{
    *scope = (struct tw_scope){g->scope, prefix, weights, origin};
    g->scope = scope;
}

void tw_scope_leave(tw_graph *g)
{
    g->scope = g->scope->outer;
}

const char *tw_scope_prefix(const tw_graph *g)
{
    return g->scope ? g->scope->prefix : "";
}

/* ---- operators and their ports ---- */

const tw_operator *tw_operator_find(const tw_operator *const *const *operators, const char *name)
{
    for (; *operators; operators++)
        for (const tw_operator *const *op = *operators; *op; op++)
            if (strcmp((*op)->name, name) == 0)
                return *op;
    return NULL;
}

const tw_operator *tw_build_operator(tw_graph *g, tw_span word)
{
    const char *candidates[512] = {"train", "block", "end", "return"}; /* begin lines as well */
    int count = 4;
    const char *name = tw_arena_text(&g->arena, word.at, word.length);
    const tw_operator *op = name ? tw_operator_find(g->operators, name) : NULL;
    tw_error error = {0};
    if (op)
        return op;
    if (!name) {
        tw_poison_memory(g);
        return NULL;
    }
    for (const tw_operator *const *const *file = g->operators; *file; file++)
        for (const tw_operator *const *each = *file; *each && count < TW_COUNT(candidates); each++)
            if (!((*each)->flags & TW_OP_INTERNAL))
                candidates[count++] = (*each)->name;
    const int nearest = tw_nearest(name, candidates, count);
    if (nearest >= 0)
        tw_fail_span(&error, TW_ERROR_NAME, word,
                     "there is no operator \"%.*s\"; did you mean \"%s\"?", TW_SPAN(word),
                     candidates[nearest]);
    else
        tw_fail_span(&error, TW_ERROR_NAME, word,
                     "there is no operator \"%.*s\"; `thalweg ops` lists all", TW_SPAN(word));
    tw_poison_error(g, NULL, &error);
    return NULL;
}

bool tw_port_at(const char *ports, int index, tw_port *port)
{
    const char *at = ports ? ports : "";
    for (;;) {
        at += strspn(at, " ");
        const int length = (int)strcspn(at, " ?.");
        if (length == 0)
            return false;
        const char *mark = at + length;
        *port = (tw_port){at, length, *mark == '?', *mark == '.'};
        if (index-- == 0 || port->many)
            return true;
        at = mark + strspn(mark, "?.");
    }
}

int tw_port_count(const char *ports)
{
    tw_port port;
    int count = 0;
    while (count < TW_MAX_INPUTS && tw_port_at(ports, count, &port) && !port.many)
        count++;
    return count;
}

const char *tw_call_input_name(const tw_call *call, int input)
{
    tw_port port;
    const char *name = NULL;
    if (tw_port_at(call->op->inputs, input, &port))
        name = tw_arena_text(&call->graph->arena, port.name, (size_t)port.length);
    if (!name)
        tw_poison_memory(call->graph);
    return name ? name : "input";
}

/* ---- calls ---- */

tw_call *tw_call_new(tw_graph *g, const tw_operator *op)
{
    tw_port port;
    tw_call *call = tw_arena_alloc(&g->arena, sizeof *call);
    tw_node **input = tw_arena_alloc(&g->arena, sizeof *input * TW_MAX_INPUTS);
    if (!call || !input) {
        tw_poison_memory(g);
        return NULL;
    }
    *call = (tw_call){.graph = g, .op = op, .input = input, .line = g->line, .id = -1};
    while (call->n_results < TW_MAX_RESULTS && tw_port_at(op->results, call->n_results, &port)) {
        tw_node *node = tw_arena_alloc(&g->arena, sizeof *node);
        if (!node) {
            tw_poison_memory(g);
            return NULL;
        }
        *node = (tw_node){.call = call, .result = call->n_results, .id = -1};
        call->result[call->n_results++] = node;
    }
    return call;
}

void tw_result_set(tw_call *call, int result, tw_type type, const tw_shape *shape)
{
    call->result[result]->type = type;
    call->result[result]->shape = *shape;
}

static tw_status check_result(const tw_node *node, tw_error *error)
{
    char text[TW_SHAPE_TEXT];
    const tw_shape *shape = &node->shape;
    if (node->type == TW_TYPE_NONE || shape->rank < 0 || shape->rank > TW_MAX_RANK)
        return tw_fail(error, TW_ERROR_INTERNAL, "%s gave result %d no type or a bad rank",
                       node->call->op->name, node->result);
    bool known = true;
    int64_t elements = 1; /* of one sample, letters counting as 1: kernels index with 32 bits */
    for (int i = 0; i < shape->rank; i++) {
        const int64_t size = shape->dim[i].scale;
        known = known && tw_dim_known(shape->dim[i]);
        if (tw_dim_known(shape->dim[i]) && (size < 1 || size > INT_MAX))
            return tw_fail(error, TW_ERROR_SHAPE,
                           "the result would be %s%s, but each size must be from 1 to %d",
                           tw_type_name(node->type), tw_shape_text(shape, text), INT_MAX);
        elements = known && elements <= INT_MAX ? elements * size : elements;
    }
    if (elements > INT_MAX)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "the result %s%s would have too many elements, more than %d",
                       tw_type_name(node->type), tw_shape_text(shape, text), INT_MAX);
    if (!node->call->graph->bound || tw_dim_known(tw_shape_count(shape)))
        return TW_OK;
    return tw_fail(error, TW_ERROR_SHAPE, "the size of its result %s is not known%s",
                   tw_shape_text(shape, text), known ? ": a letter stands twice" : "");
}

tw_status tw_call_infer(tw_call *call, tw_error *error)
{
    TW_TRY(call->op->infer(call, error));
    for (int i = 0; i < call->n_results; i++)
        TW_TRY(check_result(call->result[i], error));
    return TW_OK;
}

bool tw_call_link(tw_graph *g, tw_call *call)
{
    if (!g->bound && g->n_calls >= TW_MAX_CALLS)
        return tw_poison(g, TW_ERROR_SYNTAX, "the graph has more than %d calls", TW_MAX_CALLS);
    for (int i = 0; i < call->n_results; i++)
        if (!tw_names_add(g, call->result[i]->name, call->result[i]))
            return tw_poison_memory(g);
    for (int i = 0; i < call->n_results; i++)
        call->result[i]->id = g->n_nodes++;
    call->id = g->n_calls++;
    call->origin = g->scope ? g->scope->origin : NULL;
    if (g->last)
        g->last->next = call;
    else
        g->first = call;
    g->last = call;
    return true;
}

bool tw_node_rename(tw_graph *g, tw_node *node, const char *name)
{
    if (!tw_names_add(g, name, node))
        return tw_poison_memory(g);
    node->name = name;
    if (node->result == 0)
        node->call->name = name;
    return true;
}

/* ---- names ---- */

/* "dense_2": the first number from the scope's counter on that is free. */
static const char *automatic_name(tw_graph *g, const tw_operator *op)
{
    const char *prefix = tw_scope_prefix(g);
    const char *key = tw_arena_printf(&g->arena, "%s %s", prefix, op->name);
    int *counter = key ? tw_names_counter(g, key) : NULL;
    const char *name = NULL;
    do
        name = counter ? tw_arena_printf(&g->arena, "%s%s_%d", prefix, op->name, ++*counter) : NULL;
    while (name && tw_names_find(g, name));
    if (!name)
        tw_poison_memory(g);
    return name;
}

static const char *given_name(tw_graph *g, tw_span span)
{
    const char *name =
        tw_arena_printf(&g->arena, "%s%.*s", tw_scope_prefix(g), (int)span.length, span.at);
    if (!name) {
        tw_poison_memory(g);
        return NULL;
    }
    const tw_node *other = tw_names_find(g, name);
    if (!other)
        return name;
    g->column = span.column;
    if (other->call->line)
        tw_poison(g, TW_ERROR_NAME, "the name \"%s\" is taken: line %d made %s", name,
                  other->call->line, other->name);
    else
        tw_poison(g, TW_ERROR_NAME, "the name \"%s\" is taken already", name);
    return NULL;
}

static bool name_results(tw_graph *g, tw_call *call, const tw_statement *s, const char *name)
{
    tw_port port = {0};
    call->named = s->n_names > 0 && !name;
    if (!name)
        name = s->n_names ? given_name(g, s->name[0]) : automatic_name(g, call->op);
    if (!name)
        return false;
    call->name = call->result[0]->name = name;
    if (s->n_names > call->n_results)
        return tw_poison(g, TW_ERROR_SYNTAX, "%s: %d names stand before =, but %s has %d result%s",
                         name, s->n_names, call->op->name, call->n_results,
                         call->n_results == 1 ? "" : "s");
    for (int i = 1; i < call->n_results; i++) {
        tw_port_at(call->op->results, i, &port);
        const char *result =
            i < s->n_names ? given_name(g, s->name[i])
                           : tw_arena_printf(&g->arena, "%s.%.*s", name, port.length, port.name);
        if (!result)
            return g->status != TW_OK ? false : tw_poison_memory(g);
        for (int k = 0; k < i; k++)
            if (strcmp(result, call->result[k]->name) == 0) {
                g->column = s->name[i].column;
                return tw_poison(g, TW_ERROR_NAME, "the name \"%s\" stands twice before =", result);
            }
        call->result[i]->name = result;
    }
    return true;
}

/* ---- inputs ---- */

static bool take_inputs(tw_graph *g, tw_call *call, int count, tw_node *const *inputs)
{
    tw_port port;
    const int ports = tw_port_count(call->op->inputs);
    const bool many = tw_port_at(call->op->inputs, ports, &port);
    if (count > 0 && ports == 0 && !many)
        return tw_poison(g, TW_ERROR_SYNTAX, "%s: %s takes no inputs", call->name, call->op->name);
    if (count > TW_MAX_INPUTS || (count > ports && !many))
        return tw_poison(g, TW_ERROR_SYNTAX, "%s: %s takes %d input%s (%s), %d are given",
                         call->name, call->op->name, many ? TW_MAX_INPUTS : ports,
                         ports == 1 ? "" : "s", call->op->inputs ? call->op->inputs : "", count);
    for (int i = 0; i < TW_MAX_INPUTS && tw_port_at(call->op->inputs, i, &port); i++) {
        tw_node *node = i < count ? inputs[i] : NULL;
        const bool needed = port.many ? i < TW_MAX(count, ports + 1) : !port.optional;
        if (node && node->call->graph != g)
            return tw_poison(g, TW_ERROR_ARGUMENT, "%s: input %.*s is a node of another graph",
                             call->name, port.length, port.name);
        if (!node && needed)
            return tw_poison(g, TW_ERROR_SYNTAX, "%s: %s needs the input %.*s", call->name,
                             call->op->name, port.length, port.name);
        call->input[i] = node;
        if (node)
            call->n_inputs = i + 1;
    }
    return true;
}

/* ---- the whole ---- */

tw_node *tw_build(tw_graph *g, const tw_operator *op, const tw_statement *s, const char *name,
                  int count, tw_node *const *inputs)
{
    tw_error error = {0};
    tw_call *call = g->status == TW_OK ? tw_call_new(g, op) : NULL;
    if (!call || !name_results(g, call, s, name))
        return NULL;
    if (tw_attributes_parse(&g->arena, op->name, op->attributes, s->pair, s->n_pairs, &call->attr,
                            &error) != TW_OK)
        return tw_poison_error(g, call->name, &error);
    if (!take_inputs(g, call, count, inputs))
        return NULL;
    if (op->weight && !g->bound && !tw_make_weights(g, call))
        return NULL;
    if (tw_call_infer(call, &error) != TW_OK)
        return tw_poison_error(g, call->name, &error);
    if (g->bound && op->expand)
        return tw_expand(g, call);
    return tw_call_link(g, call) ? call->result[0] : NULL;
}

/* One statement of text from C: read whole, or poisoned. */
static bool read_statement(tw_graph *g, const char *text, tw_statement *s)
{
    tw_lexer lexer;
    tw_error error = {0};
    const size_t length = strlen(text);
    if (length > TW_MAX_TEXT)
        return tw_poison(g, TW_ERROR_SYNTAX, "the text of an operator is %zu bytes long", length);
    tw_lex_start(&lexer, text, length, 0);
    if (tw_lex_line_end(&lexer))
        return tw_poison(g, TW_ERROR_SYNTAX, "the text of an operator is empty");
    if (tw_lex_statement(&lexer, s, &error) == TW_OK && tw_lex_text_done(&lexer, &error) == TW_OK &&
        s->parentheses)
        tw_fail(&error, TW_ERROR_SYNTAX,
                "\"%.60s\": inputs are handed over as an array here, not in parentheses", text);
    return error.code == TW_OK || tw_poison_error(g, NULL, &error);
}

tw_node *tw_op(tw_graph *graph, const char *text, int32_t count, tw_node *const *inputs)
{
    tw_statement s;
    if (!graph || graph->status != TW_OK)
        return NULL;
    if (!text || count < 0 || (count > 0 && !inputs))
        return tw_poison(graph, TW_ERROR_ARGUMENT, "tw_op was given no text, or no inputs");
    if (!read_statement(graph, text, &s))
        return NULL;
    const tw_operator *op = tw_build_operator(graph, s.word);
    return op ? tw_build(graph, op, &s, NULL, count, inputs) : NULL;
}

/* "NAME f32[...] attribute=value": tw_input and tw_parameter. */
static tw_node *build_source(tw_graph *g, const char *operator_name, const char *text)
{
    tw_lexer lexer;
    tw_statement s = {.n_names = 1};
    tw_error error = {0};
    if (!g || g->status != TW_OK)
        return NULL;
    if (!text || strlen(text) > TW_MAX_TEXT)
        return tw_poison(g, TW_ERROR_ARGUMENT, "%s: no text, or a text without end", operator_name);
    tw_lex_start(&lexer, text, strlen(text), 0);
    if (tw_lex_name(&lexer, "a name", &s.name[0], &error) != TW_OK ||
        tw_lex_pairs(&lexer, &s, &error) != TW_OK || tw_lex_text_done(&lexer, &error) != TW_OK)
        return tw_poison_error(g, operator_name, &error);
    const tw_operator *op = tw_operator_find(g->operators, operator_name);
    return op ? tw_build(g, op, &s, NULL, 0, NULL) : NULL;
}

tw_node *tw_input(tw_graph *graph, const char *text)
{
    return build_source(graph, "input", text);
}

tw_node *tw_parameter(tw_graph *graph, const char *text)
{
    return build_source(graph, "parameter", text);
}
