// SPDX-License-Identifier: Apache-2.0
// Binding: a copy of the calls that some nodes need, its letters made numbers and its composites
// expanded.
#include "graph/internal.h"
#include <limits.h>

typedef struct binding {
    const tw_graph *from;
    tw_graph *to;
    bool *needed;     /* by call id */
    tw_node **map;    /* by node id of `from` */
    int64_t size[26]; /* of each letter; 0: not bound */
} binding;

/* The end of a pair: pairs stand apart by blanks or commas. */
static bool parts_pairs(char c)
{
    return c == ' ' || c == ',';
}

tw_status tw_sizes_parse(const char *sizes, int64_t size[26], tw_error *error)
{
    for (const char *at = sizes ? sizes : ""; *at;) {
        if (parts_pairs(*at)) {
            at++;
            continue;
        }
        int length = 0;
        while (at[length] && !parts_pairs(at[length]))
            length++;
        if (length < 3 || at[1] != '=' || *at < 'a' || *at > 'z')
            return tw_fail(error, TW_ERROR_NAME,
                           "sizes: \"%.*s\" is not a letter with a number, as in t=28", length, at);
        if (*at == 'n')
            return tw_fail(error, TW_ERROR_NAME, "sizes: n is the batch, which has its own option");
        int64_t value = 0;
        if (!tw_parse_int(at + 2, (size_t)length - 2, &value) || value < 1 || value > INT_MAX)
            return tw_fail(error, TW_ERROR_SHAPE, "sizes: %.*s is not a number from 1 to %d",
                           length, at, INT_MAX);
        size[*at - 'a'] = value;
        at += length;
    }
    return TW_OK;
}

static void mark(binding *b, tw_call *const *calls, tw_node *const *roots, int n_roots)
{
    for (int i = 0; i < n_roots; i++)
        b->needed[roots[i]->call->id] = true;
    for (int id = b->from->n_calls - 1; id >= 0; id--)
        for (int i = 0; b->needed[id] && i < calls[id]->n_inputs; i++)
            if (calls[id]->input[i])
                b->needed[calls[id]->input[i]->call->id] = true;
}

static tw_status find_needed(binding *b, tw_node *const *roots, int n_roots, tw_error *error)
{
    for (int i = 0; i < n_roots; i++)
        if (!roots[i] || roots[i]->call->graph != b->from)
            return tw_fail(error, TW_ERROR_ARGUMENT, "output %d is not a node of this graph", i);
    const size_t count = (size_t)TW_MAX(b->from->n_calls, 1);
    tw_call **calls = tw_calloc(b->from->context, count, sizeof *calls);
    b->needed = tw_arena_alloc(&b->to->arena, count * sizeof *b->needed);
    b->map = tw_arena_alloc(&b->to->arena, (size_t)TW_MAX(b->from->n_nodes, 1) * sizeof *b->map);
    if (!calls || !b->needed || !b->map) {
        tw_free(b->from->context, calls);
        return tw_fail_memory(error);
    }
    for (tw_call *call = b->from->first; call; call = call->next)
        calls[call->id] = call;
    mark(b, calls, roots, n_roots);
    tw_free(b->from->context, calls);
    return TW_OK;
}

static bool bind_dim(binding *b, const tw_call *call, tw_dim *dim)
{
    for (char c = 'a'; c <= 'z'; c++) {
        if (c == 'n' || !(dim->letters & TW_LETTER(c)))
            continue;
        if (!b->size[c - 'a'])
            return tw_poison(
                b->to, TW_ERROR_NAME,
                "%s: the size %c is not known: give it by --sizes %c=32 (in C by the option sizes, "
                "\"%c=32\"), or write a number in its place",
                call->name, c, c, c);
        *dim = tw_dim_bind(*dim, TW_LETTER(c), b->size[c - 'a']);
    }
    return true;
}

/* A copy of the call's attributes with letters bound wherever sizes stand. */
static bool bind_attributes(binding *b, const tw_call *from, tw_call *to)
{
    const tw_attribute *row = from->op->attributes;
    int count = 0;
    while (row && row[count].name)
        count++;
    to->attr = tw_arena_alloc(&b->to->arena, (size_t)TW_MAX(count, 1) * sizeof *to->attr);
    if (!to->attr)
        return tw_poison_memory(b->to);
    for (int i = 0; i < count; i++) {
        to->attr[i] = from->attr[i];
        for (int k = 0; row[i].type == TW_ATTR_DIMS && k < to->attr[i].count; k++)
            if (!bind_dim(b, from, &to->attr[i].list[k]))
                return false;
    }
    return true;
}

static bool bind_call(binding *b, const tw_call *from)
{
    tw_graph *g = b->to;
    tw_error error = {0};
    tw_call *call = tw_call_new(g, from->op);
    if (!call || !bind_attributes(b, from, call))
        return false;
    call->name = from->name;
    call->named = from->named;
    call->line = from->line;
    call->n_inputs = from->n_inputs;
    for (int i = 0; i < call->n_results; i++)
        call->result[i]->name = from->result[i]->name;
    for (int i = 0; i < from->n_inputs; i++)
        call->input[i] = from->input[i] ? b->map[from->input[i]->id] : NULL;
    for (int i = 0; i < from->n_inputs; i++)
        if (from->input[i] && !call->input[i])
            return tw_poison(g, TW_ERROR_NAME,
                             "%s: %s has no result %s: it makes none with its attributes",
                             from->name, from->input[i]->call->name, from->input[i]->name);
    if (tw_call_infer(call, &error) != TW_OK)
        return tw_poison_error(g, from->name, &error);
    tw_node *first = call->result[0];
    if (from->op->expand && !(first = tw_expand(g, call)))
        return false;
    if (!from->op->expand && !tw_call_link(g, call))
        return false;
    for (int i = 0; i < from->n_results; i++)
        b->map[from->result[i]->id] =
            from->op->expand ? tw_names_find(g, from->result[i]->name) : call->result[i];
    return true;
}

static tw_status bind_calls(binding *b, tw_error *error)
{
    for (const tw_call *call = b->from->first; call; call = call->next) {
        struct tw_scope scope;
        if (!b->needed[call->id])
            continue;
        tw_scope_enter(b->to, &scope, "", "", call);
        const bool bound = bind_call(b, call);
        tw_scope_leave(b->to);
        if (!bound)
            break;
    }
    return tw_graph_check(b->to, error);
}

tw_status tw_graph_bind(const tw_graph *g, tw_node *const *roots, int n_roots, const char *sizes,
                        bool training, tw_graph **bound, tw_node ***map, tw_error *error)
{
    binding b = {.from = g};
    tw_error local = {0};
    TW_TRY(tw_graph_check(g, error));
    tw_status status = tw_graph_create_with(g->context, g->operators, &b.to, &local);
    if (status == TW_OK) {
        b.to->bound = true;
        b.to->training = training;
        status = tw_sizes_parse(sizes, b.size, &local);
    }
    if (status == TW_OK)
        status = find_needed(&b, roots, n_roots, &local);
    if (status == TW_OK)
        status = bind_calls(&b, &local);
    if (status != TW_OK) {
        tw_graph_destroy(&b.to);
        if (error)
            *error = local;
        return status;
    }
    *bound = b.to;
    *map = b.map;
    return TW_OK;
}
