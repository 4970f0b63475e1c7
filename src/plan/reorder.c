// SPDX-License-Identifier: Apache-2.0
// Elementwise calls that keep the order of numbers go behind a maxpool: maxpool(relu(c + bias))
// becomes relu(maxpool(c) + bias), whose values are the same, bit for bit, because a + b rounds to
// no less than a' + b does where a > a'. They and their gradients, the bias's sum among them, have
// the pooled elements to do then: a quarter for windows of two by two.
//
// The calls keep their places in the graph, which is in topological order, and pass what they
// compute on to the next one; so whoever reads the maxpool's result need not be told.
//
// And what a call alone reads a part of is computed in that part alone: a convolution 13 pixels
// wide before windows of two has 12, and so have its gradients.
#include "plan/inside.h"

#define MOST 8

typedef struct content {
    const tw_operator *op;
    tw_attr *attr;
    int n_inputs;
    tw_node **input;
    int data; /* which of them is handed from call to call */
} content;

/* A call before the maxpool that keeps the order of one of its inputs. */
typedef struct ordered {
    tw_call *call;
    int data;
} ordered;

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

/* The input that the call keeps the order of, all others being the same for all pixels; -1: it is
 * no such call. */
static int ordered_input(const tw_call *call)
{
    const tw_shape *shape = &call->result[0]->shape;
    int data = -1, rows = 0;
    if (!(call->op->flags & TW_OP_ORDERED))
        return -1;
    for (const tw_attribute *a = call->op->attributes; a && a->name; a++)
        if (a->type == TW_ATTR_FLOAT && !(tw_attr_float(call, a->name) >= 0))
            return -1;
    for (int i = 0; i < call->n_inputs; i++) {
        const bool whole = tw_shape_equal(&call->input[i]->shape, shape);
        if (whole && data < 0)
            data = i;
        else
            rows += is_row(call->input[i], shape);
    }
    return rows == call->n_inputs - 1 ? data : -1;
}

/* The calls between the maxpool and what it is to read, the last first; returns how many. */
static int collect(const tw_graph *graph, const tw_call *pool, tw_node *const *roots, int n_roots,
                   ordered *between)
{
    int count = 0;
    for (tw_node *node = pool->input[0]; count < MOST; count++) {
        tw_call *call = node->call;
        const int data = ordered_input(call);
        if (data < 0 || node->type != TW_F32 || call->input[data]->type != TW_F32 ||
            is_root(node, roots, n_roots) || count_uses(graph, node) > 1)
            break;
        between[count] = (ordered){call, data};
        node = call->input[data];
    }
    return count;
}

static content content_of(const ordered *o)
{
    const tw_call *call = o->call;
    return (content){call->op, call->attr, call->n_inputs, call->input, o->data};
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
static tw_status rotate(tw_graph *graph, tw_call *pool, const ordered *between, int count,
                        tw_error *error)
{
    const ordered last = {pool, 0};
    tw_call *first = between[count - 1].call;
    tw_node *data = first->input[between[count - 1].data];
    content carried = content_of(&last);
    const char *name = tw_arena_printf(&graph->arena, "%s/maxpool", pool->name);
    if (!name)
        return tw_fail_memory(error);
    for (int i = count; i >= 0; i--) {
        const ordered *o = i ? &between[i - 1] : &last;
        const content next = content_of(o);
        put(o->call, &carried, data);
        data = o->call->result[0];
        data->shape = pool->result[0]->shape;
        carried = next;
    }
    first->name = name;
    for (int k = 1; k < pool->n_results; k++) {
        first->result[k] = pool->result[k];
        first->result[k]->call = first;
    }
    first->n_results = pool->n_results;
    pool->n_results = 1;
    return TW_OK;
}

static void narrow_input(tw_graph *graph, const tw_call *call, tw_node *const *roots, int n_roots)
{
    tw_node *in = call->input[0];
    tw_shape part;
    if (!in->call->op->narrow || in->result != 0 || is_root(in, roots, n_roots) ||
        count_uses(graph, in) > 1)
        return;
    call->op->reads(call, &part);
    if (!tw_shape_equal(&part, &in->shape))
        (void)in->call->op->narrow(in->call, &part);
}

tw_status tw_plan_reorder(tw_graph *graph, tw_node *const *roots, int n_roots, tw_error *error)
{
    for (tw_call *call = graph->first; call; call = call->next) {
        ordered between[MOST];
        const int count =
            call->op->flags & TW_OP_LARGEST ? collect(graph, call, roots, n_roots, between) : 0;
        if (count)
            TW_TRY(rotate(graph, call, between, count, error));
    }
    for (const tw_call *call = graph->first; call; call = call->next)
        if (call->op->reads)
            narrow_input(graph, call, roots, n_roots);
    return TW_OK;
}
