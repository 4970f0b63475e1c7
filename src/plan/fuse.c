// SPDX-License-Identifier: Apache-2.0
// Fusion: each call finds its group, and elementwise calls become programs behind the call that
// makes their input.
//
// Groups run in the order in which they are opened. An elementwise call may join the latest of the
// groups that make its inputs: all its other inputs are then ready before that group runs. So one
// sweep in topological order is enough, and an activation's gradient lands in the kernel that
// produces dy by the same rule as a bias in its product.
#include "base/hash.h"
#include "op/rows.h"
#include "plan/inside.h"

/* A random leaf has an element for each place of its shape; other things that are inlined are
 * single numbers. */
static bool is_random(const tw_call *call)
{
    return call->op->leaf == TW_LEAF_UNIFORM || call->op->leaf == TW_LEAF_NORMAL;
}

static bool is_single(const tw_node *node)
{
    return tw_dim_is_one(tw_shape_count(&node->shape));
}

/* The most steps in place of one value: a call and all that its (at most three) inputs are computed
 * from then have room in one program. */
#define MOST_IN_PLACE ((TW_MAX_STEPS - 1) / 3)

/* Leaves, and single numbers computed from nothing but such (1 / n, say), also as the elements of a
 * tensor (a loss's gradient), can be computed wherever they are read. Returns the steps that takes,
 * counted anew for each reader among them; 0: it is to be in memory. */
static int steps_in_place(const tw_making *m, const tw_call *call)
{
    if (!m->live[call->id] || !m->options->fusion)
        return 0;
    if (call->op->flags & TW_OP_LEAF)
        return 1;
    const bool spread = call->op->row == TW_ROW_BROADCAST && is_single(call->input[0]);
    bool single = tw_plan_is_elementwise(call) && call->n_inputs > 0 &&
                  (spread || is_single(call->result[0]));
    int steps = 1;
    for (int i = 0; i < call->n_inputs && single; i++) {
        const tw_call *from = call->input[i] ? tw_plan_root(call->input[i])->call : NULL;
        single = !from || (m->inlined[from->id] && !is_random(from));
        steps += from ? m->inlined[from->id] : 0;
    }
    return single && steps <= MOST_IN_PLACE ? steps : 0;
}

/* What kernels of other kinds read, or what leaves the plan, must be in memory. */
static void find_inlined(tw_making *m)
{
    for (const tw_call *call = m->graph->first; call; call = call->next)
        m->inlined[call->id] = steps_in_place(m, call);
    for (int i = 0; i < m->n_sinks; i++)
        m->inlined[m->sink[i].node->call->id] = 0;
    for (const tw_call *call = m->graph->first; call; call = call->next) {
        if (!m->live[call->id] || (call->op->flags & TW_OP_VIEW))
            continue;
        for (int i = 0; i < call->n_inputs; i++) {
            const tw_node *in = call->input[i], *root = in ? tw_plan_root(call->input[i]) : NULL;
            if (root &&
                (!tw_plan_is_elementwise(call) ||
                 (is_random(root->call) && !tw_shape_equal(&root->shape, &call->result[0]->shape))))
                m->inlined[root->call->id] = 0;
        }
    }
    for (const tw_call *call = m->graph->first; call; call = call->next) /* by what is left */
        m->inlined[call->id] = m->inlined[call->id] ? steps_in_place(m, call) : 0;
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

static int inline_step(tw_making *m, tw_group *g, const tw_node *node);
static int call_step(tw_making *m, tw_group *g, const tw_call *call);

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
    return add_step(g, node, &step);
}

/* Computes in place: a leaf, or a single number and what it is computed from. */
static int inline_step(tw_making *m, tw_group *g, const tw_node *node)
{
    const int s = node->call->op->leaf ? leaf_step(g, node) : call_step(m, g, node->call);
    g->inlined[g->n_inlined++] = node->call;
    return s;
}

static int load_step(tw_making *m, tw_group *g, const tw_node *node, const tw_shape *result)
{
    tw_expr *e = g->expr;
    e->operand[e->n_operands] =
        (tw_operand){m->tensor[node->id], node->type, access_of(result, node), node->shape};
    const tw_expr_step step = {
        .kind = TW_EXPR_LOAD, .arg = {e->n_operands++}, .n_args = 1, .type = node->type};
    return add_step(g, node, &step);
}

/* The step of a value that a call of the group reads: in the group, computed in place, or in
 * memory. */
static int input_step(tw_making *m, tw_group *g, tw_node *node, const tw_shape *result)
{
    tw_node *root = tw_plan_root(node);
    int s = known_step(g, node);
    if (s < 0)
        s = known_step(g, root); /* a view of a value of the group: elements keep their order */
    if (s >= 0)
        return s;
    return m->inlined[root->call->id] ? inline_step(m, g, root) : load_step(m, g, node, result);
}

/* The step that computes an elementwise call. */
static int call_step(tw_making *m, tw_group *g, const tw_call *call)
{
    const int row = call->op->row;
    tw_expr_step step = {.kind = row == TW_ROW_CAST ? TW_EXPR_CAST : TW_EXPR_ROW,
                         .type = call->result[0]->type};
    for (int i = 0; i < call->n_inputs; i++)
        if (call->input[i])
            step.arg[step.n_args++] = input_step(m, g, call->input[i], &call->result[0]->shape);
    if (row == TW_ROW_BROADCAST) {
        g->known_node[g->n_known] = call->result[0]->id;
        g->known_step[g->n_known++] = step.arg[0];
        return step.arg[0];
    }
    if (row > 0)
        step.row = row, step.which = tw_row_which(row);
    int p = 0;
    for (const tw_attribute *a = call->op->attributes; a && a->name; a++)
        if (a->type == TW_ATTR_FLOAT)
            step.number[p++] = tw_attr_float(call, a->name);
    return add_step(g, call->result[0], &step);
}

static void add_member(tw_making *m, tw_group *g, const tw_call *call)
{
    (void)call_step(m, g, call);
    g->member[g->n_members++] = call;
}

/* ---- groups ---- */

static tw_group *open_group(tw_making *m, const tw_call *anchor, const tw_shape *shape)
{
    tw_expr *expr = tw_arena_alloc(&m->recipe->arena, sizeof *expr);
    if (!expr || !tw_grow(m->recipe->context, &m->groups, &m->capacity_groups, m->n_groups,
                          sizeof *m->groups))
        return NULL;
    tw_group *g = &m->groups[m->n_groups++];
    *g = (tw_group){.anchor = anchor, .shape = *shape, .front = -1, .expr = expr};
    g->open = m->options->fusion && (!anchor || (anchor->op->flags & TW_OP_EPILOGUE));
    expr->shape = *shape;
    if (anchor && (anchor->op->flags & TW_OP_EPILOGUE)) {
        expr->value_type = anchor->result[0]->type;
        add_step(g, anchor->result[0],
                 &(tw_expr_step){.kind = TW_EXPR_VALUE, .type = anchor->result[0]->type});
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

/* The most steps that a call can add: itself, its loads, and what is computed in place for it. */
static int added_steps(const tw_making *m, const tw_call *call)
{
    int steps = 1;
    for (int i = 0; i < call->n_inputs; i++)
        if (call->input[i])
            steps += TW_MAX(m->inlined[tw_plan_root(call->input[i])->call->id], 1);
    return steps;
}

/* Whether the group can take the call: shapes, other results of the anchor, and room in the
 * program. */
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
        if (inside || (m->inlined[root->call->id] && !is_random(root->call)))
            continue;
        const tw_access access = access_of(shape, in);
        if (!same && access != TW_ACCESS_SAME && access != TW_ACCESS_SCALAR)
            return false; /* reached through a view: only the order of elements is known */
    }
    const tw_expr *e = g->expr;
    const int steps = added_steps(m, call);
    return g->n_members < TW_COUNT(g->member) &&
           e->n_operands + call->n_inputs <= TW_MAX_OPERANDS &&
           e->n_steps + steps <= TW_MAX_STEPS && g->n_known + steps <= TW_MAX_STEPS;
}

/* Whether a sink or another call than `reader` needs the node. */
static bool read_elsewhere(const tw_making *m, const tw_node *node, const tw_call *reader)
{
    for (int i = 0; i < m->n_sinks; i++)
        if (tw_plan_root(m->sink[i].node) == node)
            return true;
    for (const tw_call *call = node->call->next; call; call = call->next)
        for (int i = 0; i < call->n_inputs && m->live[call->id] && call != reader; i++)
            if (call->input[i] == node)
                return true;
    return false;
}

/* Whether the call is to be the tail of the group that makes its input, which nothing has joined
 * yet. */
static bool may_follow(const tw_making *m, const tw_group *g, const tw_call *call)
{
    const tw_node *in = call->input[0];
    return g->open && g->anchor && g->anchor == in->call && !g->tail && g->n_members == 0 &&
           in == g->anchor->result[0] && (g->anchor->op->flags & TW_OP_TAILED) &&
           !read_elsewhere(m, in, call);
}

/* The group's program begins anew, with what the tail computes. */
static bool follow(tw_making *m, tw_group *g, const tw_call *call)
{
    const tw_node *result = call->result[0];
    tw_expr *expr = tw_arena_alloc(&m->recipe->arena, sizeof *expr);
    if (!expr)
        return false;
    g->before_tail = g->expr;
    g->tail = call;
    g->shape = result->shape;
    g->n_known = 0;
    g->expr = expr;
    expr->shape = result->shape;
    expr->value_type = result->type;
    add_step(g, result, &(tw_expr_step){.kind = TW_EXPR_VALUE, .type = result->type});
    return true;
}

static tw_status group_call(tw_making *m, const tw_call *call, tw_error *error)
{
    const bool elementwise = tw_plan_is_elementwise(call), tail = call->op->flags & TW_OP_TAIL;
    const int latest = elementwise || tail ? latest_group(m, call) : -1;
    if (latest >= 0 && elementwise && may_join(m, &m->groups[latest], latest, call)) {
        m->group[call->id] = latest;
        add_member(m, &m->groups[latest], call);
        return TW_OK;
    }
    if (latest >= 0 && tail && may_follow(m, &m->groups[latest], call)) {
        m->group[call->id] = latest;
        return follow(m, &m->groups[latest], call) ? TW_OK : tw_fail_memory(error);
    }
    const bool leaf = call->op->leaf != TW_LEAF_NONE;
    tw_group *g = open_group(m, elementwise || leaf ? NULL : call, &call->result[0]->shape);
    if (!g)
        return tw_fail_memory(error);
    m->group[call->id] = m->n_groups - 1;
    if (elementwise)
        add_member(m, g, call);
    else if (leaf) {
        (void)inline_step(m, g, call->result[0]);
        g->open = false; /* only a group by itself stores a leaf */
    }
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

/* Whether a value is read by a group after this one, or leaves the plan. */
static bool read_later(const tw_making *m, const tw_node *node, int group)
{
    for (int i = 0; i < m->n_sinks; i++)
        if (tw_plan_root(m->sink[i].node) == node)
            return true;
    for (const tw_call *call = node->call; call; call = call->next)
        for (int i = 0; i < call->n_inputs && m->live[call->id] && m->group[call->id] > group; i++)
            if (call->input[i] && tw_plan_root(call->input[i]) == node)
                return true;
    return false;
}

/* Whether layout may let a result of a group of elementwise calls overwrite one of its operands. */
static bool may_overwrite(const tw_making *m, const tw_group *g)
{
    const int group = g->taken ? m->group[g->member[0]->id] : (int)(g - m->groups);
    for (int c = 0; c < g->n_members; c++)
        for (int i = 0; i < g->member[c]->n_inputs; i++) {
            const tw_node *in = g->member[c]->input[i],
                          *root = in ? tw_plan_root(g->member[c]->input[i]) : NULL;
            const int from = root ? m->group[root->call->id] : -1;
            if (from >= 0 && from != group && !read_later(m, root, group) &&
                tw_dim_equal(tw_shape_count(&root->shape), tw_shape_count(&g->shape)))
                return true;
        }
    return false;
}

/* Elements that lie in one run as the group's kernel writes them, at the plan's batch. */
static int64_t written_run(const tw_making *m, const tw_group *g, const tw_shape *shape)
{
    if (g->anchor && g->anchor->op->run && tw_expr_linear(g->expr))
        return tw_dim_at(g->anchor->op->run(g->anchor), m->recipe->batch);
    return shape->rank ? tw_dim_at(shape->dim[shape->rank - 1], m->recipe->batch) : 1;
}

/* Whether what a group stores is to be written past the caches: whoever reads it next will not find
 * it there. Two cases cost more than they save: rows that do not begin at whole lines, unless their
 * kernel writes whole lines all the same (softmax_cross_entropy_dx of 16384x1000 did not: 4.3
 * ms, 6.1), and lines that have just been read (y += x of 64 MiB: 4.0 ms, 4.8). */
static bool streams(const tw_making *m, const tw_group *g, const tw_shape *shape)
{
    const tw_caps *caps = &m->recipe->caps;
    const int64_t line = 64 / sizeof(float);
    const uint64_t count = (uint64_t)tw_dim_at(tw_shape_count(shape), m->recipe->batch);
    const bool one_run = !g->anchor && tw_expr_linear(g->expr);
    return caps->family == TW_FAMILY_SIMD && caps->stream &&
           count * sizeof(float) >= caps->stream &&
           (one_run || written_run(m, g, shape) % line == 0) && (g->anchor || !may_overwrite(m, g));
}

static void add_stores(tw_making *m, tw_group *g)
{
    tw_expr *e = g->expr;
    const bool epilogue = g->anchor && (g->anchor->op->flags & TW_OP_EPILOGUE);
    const bool stream = streams(m, g, &g->shape);
    const tw_node *candidates[TW_MAX_STORES + 1];
    int count = 0;
    if (epilogue)
        candidates[count++] = (g->tail ? g->tail : g->anchor)->result[0];
    for (int i = 0; i < g->n_members; i++)
        candidates[count++] = g->member[i]->result[0];
    if (!g->anchor && !g->n_members)
        candidates[count++] = g->inlined[0]->result[0]; /* a leaf that must be in memory */
    for (int i = 0; i < count; i++)
        if (m->stored[candidates[i]->id])
            e->store[e->n_stores++] =
                (tw_expr_store){known_step(g, candidates[i]), m->tensor[candidates[i]->id],
                                candidates[i]->type, stream && candidates[i]->type == TW_F32};
}

/* What stands between an anchor and its tail, if it must be in memory. */
static void add_store_before_tail(tw_making *m, tw_group *g)
{
    const tw_node *node = g->anchor->result[0];
    tw_expr *e = g->before_tail;
    e->store[e->n_stores++] = (tw_expr_store){0, m->tensor[node->id], node->type,
                                              node->type == TW_F32 && streams(m, g, &node->shape)};
}

tw_status tw_plan_fuse(tw_making *m, tw_error *error)
{
    find_inlined(m);
    for (const tw_call *call = m->graph->first; call; call = call->next) {
        const bool no_stage = tw_is_input(call) || tw_is_parameter(call) ||
                              (call->op->flags & TW_OP_VIEW) || m->inlined[call->id];
        if (m->live[call->id] && !no_stage)
            TW_TRY(group_call(m, call, error));
    }
    tw_plan_fronts(m);
    find_stored(m);
    for (int i = 0; i < m->n_groups; i++) {
        add_stores(m, &m->groups[i]);
        if (m->groups[i].tail)
            add_store_before_tail(m, &m->groups[i]);
    }
    return TW_OK;
}
