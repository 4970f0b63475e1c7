// SPDX-License-Identifier: Apache-2.0
// Fusion: each call finds its group, and elementwise calls become programs behind the call that makes their input.
//
// Groups run in the order in which they are opened. An elementwise call may join the latest of the groups that make its
// inputs: all its other inputs are then ready before that group runs. So one sweep in topological order is enough, and
// an activation's gradient lands in the kernel that produces dy by the same rule as a bias in its product.
#include "base/hash.h"
#include "plan/inside.h"

static bool is_leaf(const tw_call *call) { return (call->op->flags & TW_OP_LEAF) != 0; }
/* A random leaf has an element for each place of its shape; the others are single numbers. */
static bool is_random(const tw_call *call)
{
    return call->op->leaf == TW_LEAF_UNIFORM || call->op->leaf == TW_LEAF_NORMAL;
}

/* Leaves are computed inside elementwise programs, unless another consumer needs them in memory. */
static void find_materialised(tw_making *m)
{
    for (const tw_call *call = m->graph->first; call; call = call->next) {
        for (int i = 0; i < call->n_inputs && m->live[call->id]; i++) {
            const tw_node *in = call->input[i];
            if (!in || !is_leaf(in->call))
                continue;
            const bool fits = !is_random(in->call) || tw_shape_equal(&in->shape, &call->result[0]->shape);
            if (!m->options->fusion || !tw_plan_is_elementwise(call) || !fits)
                m->materialised[in->call->id] = true;
        }
    }
}

/* ---- programs ---- */

static int known_step(const tw_group *g, const tw_node *node)
{
    for (int i = 0; i < g->n_known; i++)
        if (g->known_node[i] == node->id)
            return g->known_step[i];
    return -1;
}

static int add_step(tw_group *g, const tw_node *node, const tw_expr_step *step)
{
    tw_expr *e = g->expr;
    e->step[e->n_steps] = *step;
    g->known_node[g->n_known] = node->id;
    g->known_step[g->n_known++] = e->n_steps;
    return e->n_steps++;
}

/* How a value is read by a call of the group whose result has the shape `result`. */
static tw_access access_of(const tw_shape *result, const tw_node *node)
{
    const tw_shape *in = &node->shape;
    const tw_dim count = tw_shape_count(in);
    if (tw_shape_equal(in, result))
        return TW_ACCESS_SAME;
    if (tw_dim_is_one(count))
        return TW_ACCESS_SCALAR;
    const bool row = in->rank > 0 && tw_dim_equal(in->dim[in->rank - 1], count) &&
                     tw_dim_equal(in->dim[in->rank - 1], result->dim[result->rank - 1]);
    return row ? TW_ACCESS_ROW : TW_ACCESS_GENERAL;
}

static int leaf_step(tw_group *g, const tw_node *node)
{
    const tw_call *call = node->call;
    tw_expr_step step = {.type = node->type};
    if (call->op->leaf == TW_LEAF_FILL) {
        step.kind = TW_EXPR_CONST;
        step.number[0] = tw_attr_float(call, "value");
    } else if (call->op->leaf == TW_LEAF_EXTENT) {
        const tw_attr *dims = tw_attr_get(call, "dims");
        step.kind = TW_EXPR_EXTENT;
        step.dim = TW_DIM(1);
        for (int i = 0; i < dims->count; i++)
            step.dim = tw_dim_multiply(step.dim, dims->list[i]);
    } else {
        step.kind = call->op->leaf == TW_LEAF_UNIFORM ? TW_EXPR_UNIFORM : TW_EXPR_NORMAL;
        step.hash = tw_hash_text(call->name);
    }
    g->leaf[g->n_leaves++] = call;
    return add_step(g, node, &step);
}

static int load_step(tw_making *m, tw_group *g, const tw_node *node, const tw_shape *result)
{
    tw_expr *e = g->expr;
    e->operand[e->n_operands] = (tw_operand){m->tensor[node->id], node->type, access_of(result, node), node->shape};
    const tw_expr_step step = {.kind = TW_EXPR_LOAD, .arg = {e->n_operands++}, .n_args = 1, .type = node->type};
    return add_step(g, node, &step);
}

/* The step of a value that a member reads, which is in the group, a leaf, or in memory. */
static int input_step(tw_making *m, tw_group *g, tw_node *node, const tw_shape *result)
{
    int s = known_step(g, node);
    tw_node *root = tw_plan_root(node);
    if (s < 0 && root != node)
        s = known_step(g, root); /* a view of a value of the group: elements keep their order */
    if (s >= 0)
        return s;
    if (is_leaf(node->call) && !m->materialised[node->call->id])
        return leaf_step(g, node);
    return load_step(m, g, node, result);
}

static void add_member(tw_making *m, tw_group *g, const tw_call *call)
{
    tw_expr_step step = {.kind = TW_EXPR_ROW, .type = call->result[0]->type};
    const int row = call->op->row;
    if (row == -1)
        step.kind = TW_EXPR_CAST;
    else
        step.row = row, step.which = (row - 1) % 4;
    for (int i = 0; i < call->n_inputs; i++)
        if (call->input[i])
            step.arg[step.n_args++] = input_step(m, g, call->input[i], &call->result[0]->shape);
    int p = 0;
    for (const tw_attribute *a = call->op->attributes; a && a->name; a++)
        if (a->type == TW_ATTR_FLOAT)
            step.number[p++] = tw_attr_float(call, a->name);
    add_step(g, call->result[0], &step);
    g->member[g->n_members++] = call;
}

/* ---- groups ---- */

static tw_group *open_group(tw_making *m, const tw_call *anchor, const tw_shape *shape)
{
    tw_expr *expr = tw_arena_alloc(&m->recipe->arena, sizeof *expr);
    if (!expr || !tw_grow(m->recipe->context, &m->groups, &m->capacity_groups, m->n_groups, sizeof *m->groups))
        return NULL;
    tw_group *g = &m->groups[m->n_groups++];
    *g = (tw_group){.anchor = anchor, .shape = *shape, .expr = expr};
    g->open = m->options->fusion && (!anchor || (anchor->op->flags & TW_OP_EPILOGUE));
    expr->shape = *shape;
    if (anchor && (anchor->op->flags & TW_OP_EPILOGUE)) {
        expr->value_type = anchor->result[0]->type;
        add_step(g, anchor->result[0], &(tw_expr_step){.kind = TW_EXPR_VALUE, .type = anchor->result[0]->type});
    }
    return g;
}

/* The latest group that makes an input of the call, -1 if none does. */
static int latest_group(const tw_making *m, const tw_call *call)
{
    int latest = -1;
    for (int i = 0; i < call->n_inputs; i++)
        if (call->input[i])
            latest = TW_MAX(latest, m->group[tw_plan_root(call->input[i])->call->id]);
    return latest;
}

/* Whether the group can take the call: shapes, other results of the anchor, and room in the program. */
static bool may_join(const tw_making *m, const tw_group *g, int number, const tw_call *call)
{
    const tw_shape *shape = &call->result[0]->shape;
    const bool same = tw_shape_equal(shape, &g->shape);
    if (!g->open || !tw_dim_equal(tw_shape_count(shape), tw_shape_count(&g->shape)))
        return false;
    for (int i = 0; i < call->n_inputs; i++) {
        tw_node *in = call->input[i], *root = in ? tw_plan_root(in) : NULL;
        if (!in)
            continue;
        const bool inside = m->group[root->call->id] == number;
        if (inside && (known_step(g, root) < 0 || !tw_shape_equal(&in->shape, shape)))
            return false; /* a second result, or one that is broadcast */
        if (inside || (is_leaf(in->call) && !m->materialised[in->call->id] && !is_random(in->call)))
            continue;
        const tw_access access = access_of(shape, in);
        if (!same && access != TW_ACCESS_SAME && access != TW_ACCESS_SCALAR)
            return false; /* reached through a view: only the order of elements is known */
    }
    const tw_expr *e = g->expr;
    return g->n_members < TW_COUNT(g->member) && e->n_operands + call->n_inputs <= TW_MAX_OPERANDS &&
           e->n_steps + call->n_inputs + 1 <= TW_MAX_STEPS;
}

static tw_status group_call(tw_making *m, const tw_call *call, tw_error *error)
{
    const bool elementwise = tw_plan_is_elementwise(call);
    if (elementwise) {
        const int latest = latest_group(m, call);
        if (latest >= 0 && may_join(m, &m->groups[latest], latest, call)) {
            m->group[call->id] = latest;
            add_member(m, &m->groups[latest], call);
            return TW_OK;
        }
    }
    const bool leaf = is_leaf(call);
    tw_group *g = open_group(m, elementwise || leaf ? NULL : call, &call->result[0]->shape);
    if (!g)
        return tw_fail_memory(error);
    m->group[call->id] = m->n_groups - 1;
    if (elementwise)
        add_member(m, g, call);
    else if (leaf)
        (void)leaf_step(g, call->result[0]);
    return TW_OK;
}

/* ---- what must be stored ---- */

static void find_stored(tw_making *m)
{
    for (int i = 0; i < m->n_sinks; i++)
        m->stored[m->sink[i].node->id] = true;
    for (const tw_call *call = m->graph->first; call; call = call->next) {
        for (int i = 0; i < call->n_inputs && m->live[call->id]; i++) {
            if (!call->input[i] || (call->op->flags & TW_OP_VIEW))
                continue;
            const tw_node *root = tw_plan_root(call->input[i]);
            if (m->group[call->id] != m->group[root->call->id])
                m->stored[root->id] = true;
        }
    }
}

static void add_stores(tw_making *m, tw_group *g)
{
    tw_expr *e = g->expr;
    const bool epilogue = g->anchor && (g->anchor->op->flags & TW_OP_EPILOGUE);
    const tw_node *candidates[TW_MAX_STORES + 1];
    int count = 0;
    if (epilogue)
        candidates[count++] = g->anchor->result[0];
    for (int i = 0; i < g->n_members; i++)
        candidates[count++] = g->member[i]->result[0];
    if (!g->anchor && !g->n_members)
        candidates[count++] = g->leaf[0]->result[0];
    for (int i = 0; i < count; i++)
        if (m->stored[candidates[i]->id])
            e->store[e->n_stores++] =
                (tw_expr_store){known_step(g, candidates[i]), m->tensor[candidates[i]->id], candidates[i]->type};
}

tw_status tw_plan_fuse(tw_making *m, tw_error *error)
{
    find_materialised(m);
    for (const tw_call *call = m->graph->first; call; call = call->next) {
        const bool no_stage = tw_is_input(call) || tw_is_parameter(call) || (call->op->flags & TW_OP_VIEW) ||
                              (is_leaf(call) && !m->materialised[call->id]);
        if (m->live[call->id] && !no_stage)
            TW_TRY(group_call(m, call, error));
    }
    find_stored(m);
    for (int i = 0; i < m->n_groups; i++)
        add_stores(m, &m->groups[i]);
    return TW_OK;
}
