// SPDX-License-Identifier: Apache-2.0
// Elementwise calls that keep the order of numbers go behind a maxpool: maxpool(relu(c + bias))
// becomes relu(maxpool(c) + bias), whose values are the same, bit for bit, because a + b rounds to
// no less than a' + b does where a > a'. They and their gradients, the bias's sum among them, have
// the pooled elements to do then: a quarter for windows of two by two.
//
// The calls keep their places in the graph, which is in topological order, and pass what they
// compute on to the next one; so whoever reads the maxpool's result need not be told.
#include "plan/inside.h"

#define MOST 8

typedef struct content {
    const tw_operator *op;
    tw_attr *attr;
    int n_inputs;
    tw_node **input;
    int data; /* which of them is handed from call to call */
} content;

/* How many read the node. */
static int count_uses(const tw_graph *graph, const tw_node *node)
{
    int uses = 0;
    for (const tw_call *call = graph->first; call; call = call->next)
        for (int i = 0; i < call->n_inputs; i++)
            uses += call->input[i] == node;
    for (const tw_update *u = graph->updates; u; u = u->next)
        uses += u->value == node;
    return uses;
}

static bool is_root(const tw_node *node, tw_node *const *roots, int n_roots)
{
    for (int i = 0; i < n_roots; i++)
        if (roots[i] == node)
            return true;
    return false;
}

/* A number for each channel, or one for all. */
static bool is_row(const tw_node *node, const tw_shape *shape)
{
    const tw_dim count = tw_shape_count(&node->shape);
    return tw_dim_is_one(count) ||
           (node->shape.rank == 1 && tw_dim_equal(count, shape->dim[shape->rank - 1]));
}

/* The input that such a call keeps the order of; -1: it is no such call. */
static int ordered_input(const tw_call *call)
{
    const char *name = call->op->name;
    const tw_shape *shape = &call->result[0]->shape;
    if (strcmp(name, "relu") == 0 || strcmp(name, "relu6") == 0)
        return 0;
    if (strcmp(name, "leaky_relu") == 0)
        return tw_attr_float(call, "alpha") >= 0 ? 0 : -1;
    if (strcmp(name, "add") != 0)
        return -1;
    for (int i = 0; i < 2; i++)
        if (tw_shape_equal(&call->input[i]->shape, shape) && is_row(call->input[1 - i], shape))
            return i;
    return -1;
}

/* The calls between the maxpool and what it is to read, the last first; returns how many. */
static int collect(const tw_graph *graph, const tw_call *pool, tw_node *const *roots, int n_roots,
                   tw_call **between)
{
    int count = 0;
    for (tw_node *node = pool->input[0]; count < MOST; count++) {
        tw_call *call = node->call;
        const int data = ordered_input(call);
        if (data < 0 || node->type != TW_F32 || call->input[data]->type != TW_F32 ||
            is_root(node, roots, n_roots) || count_uses(graph, node) > 1)
            break;
        between[count] = call;
        node = call->input[data];
    }
    return count;
}

static content content_of(const tw_call *call, int data)
{
    return (content){call->op, call->attr, call->n_inputs, call->input, data};
}

static void put(tw_call *call, const content *c, tw_node *data)
{
    call->op = c->op;
    call->attr = c->attr;
    call->n_inputs = c->n_inputs;
    call->input = c->input;
    call->input[c->data] = data;
}

/* Gives each call what the one before it computed, the first the pooling. */
static tw_status rotate(tw_graph *graph, tw_call *pool, tw_call *const *between, int count,
                        tw_error *error)
{
    tw_call *last = between[count - 1]; /* in the graph the first of them */
    tw_node *data = last->input[ordered_input(last)];
    content carried = content_of(pool, 0);
    const char *name = tw_arena_printf(&graph->arena, "%s/maxpool", pool->name);
    if (!name)
        return tw_fail_memory(error);
    for (int i = count; i >= 0; i--) {
        tw_call *call = i ? between[i - 1] : pool;
        const content next = content_of(call, i ? ordered_input(call) : 0);
        put(call, &carried, data);
        data = call->result[0];
        data->shape = pool->result[0]->shape;
        carried = next;
    }
    last->name = name;
    last->result[1] = pool->result[1];
    last->result[1]->call = last;
    last->n_results = 2;
    pool->n_results = 1;
    return TW_OK;
}

tw_status tw_plan_reorder(tw_graph *graph, tw_node *const *roots, int n_roots, tw_error *error)
{
    for (tw_call *call = graph->first; call; call = call->next) {
        tw_call *between[MOST];
        const int count = strcmp(call->op->name, "maxpool") == 0
                              ? collect(graph, call, roots, n_roots, between)
                              : 0;
        if (count)
            TW_TRY(rotate(graph, call, between, count, error));
    }
    return TW_OK;
}
