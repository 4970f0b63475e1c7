// SPDX-License-Identifier: Apache-2.0
// Fronts: a group of elementwise calls whose result a reduction reads becomes part of the
// reduction's launch, computed where that would load it.
//
// A reduction visits each element of its input once, so the front may store what others read of it
// as well (an activation's gradient, whose sum over rows is the bias's). Both groups then run where
// the reduction stood; or, where a group between them reads of the front, where that stood, if
// nothing that the reduction's epilogue reads is made later.
#include "plan/inside.h"

#define MOST_TENSORS 10 /* of both programs: launches of more are kernels of their own on PoCL */

/* Whether a group but these two reads the call's result, or the plan's caller does; *first: the
 * earliest such group. */
static bool read_elsewhere(const tw_making *m, const tw_call *call, int front, int group,
                           int *first)
{
    bool found = false;
    for (int i = 0; i < m->n_sinks; i++)
        found |= tw_plan_root(m->sink[i].node)->call == call;
    for (const tw_call *user = call->next; user; user = user->next)
        for (int i = 0; i < user->n_inputs && m->live[user->id]; i++) {
            const int number = m->group[user->id];
            if (number < 0 || number == front || number == group || !user->input[i] ||
                tw_plan_root(user->input[i])->call != call)
                continue;
            found = true;
            *first = TW_MIN(*first, number);
        }
    return found;
}

/* The latest group that makes what the epilogue reads, or the reduction itself if the epilogue
 * reads of the front, which is in memory only if others want it. */
static int latest_operand(const tw_making *m, const tw_group *g, int front, int group)
{
    int latest = -1;
    for (int k = 0; k < g->n_members; k++)
        for (int i = 0; i < g->member[k]->n_inputs; i++) {
            tw_node *in = g->member[k]->input[i];
            const int from = in ? m->group[tw_plan_root(in)->call->id] : -1;
            if (from == front)
                return group;
            if (from != group)
                latest = TW_MAX(latest, from);
        }
    return latest;
}

/* Whether a member of the front reads a parameter that the plan overwrites: it must stay where it
 * is. */
static bool reads_updated(const tw_making *m, const tw_group *front)
{
    for (int k = 0; k < front->n_members; k++)
        for (int i = 0; i < front->member[k]->n_inputs; i++)
            for (const tw_update *u = m->graph->updates; u && front->member[k]->input[i];
                 u = u->next)
                if (tw_plan_root(front->member[k]->input[i])->call == u->parameter->call)
                    return true;
    return false;
}

static bool is_front(const tw_making *m, const tw_group *front, const tw_node *node)
{
    bool known = false;
    for (int i = 0; i < front->n_known; i++)
        known |= front->known_node[i] == node->id;
    return known && !front->anchor && !front->taken && front->n_members > 0 &&
           m->recipe->caps.family != TW_FAMILY_HOST && tw_expr_linear(front->expr) &&
           !tw_expr_random(front->expr);
}

/* Numbers of groups that change places. */
static void exchange(tw_making *m, int a, int b)
{
    const tw_group kept = m->groups[a];
    m->groups[a] = m->groups[b];
    m->groups[b] = kept;
    for (int i = 0; i < m->graph->n_calls; i++)
        m->group[i] = m->group[i] == a ? b : m->group[i] == b ? a : m->group[i];
}

static void join(tw_making *m, int front, int group)
{
    tw_group *f = &m->groups[front];
    const tw_node *root = tw_plan_root(m->groups[group].anchor->input[0]);
    for (int i = 0; i < f->n_known; i++)
        if (f->known_node[i] == root->id)
            f->expr->result = f->known_step[i];
    f->taken = true;
    m->groups[group].front = front;
    for (int i = 0; i < m->graph->n_calls; i++)
        if (m->group[i] == front)
            m->group[i] = group;
}

static void find_front(tw_making *m, int group)
{
    const tw_group *g = &m->groups[group];
    const tw_node *root = tw_plan_root(g->anchor->input[0]);
    const int front = m->group[root->call->id];
    if (front < 0 || front >= group || !is_front(m, &m->groups[front], root))
        return;
    const tw_group *f = &m->groups[front];
    int first_reader = m->n_groups,
        tensors = f->expr->n_operands + g->expr->n_operands + g->n_members + 1;
    for (int k = 0; k < f->n_members; k++)
        tensors += read_elsewhere(m, f->member[k], front, group, &first_reader);
    const int latest = latest_operand(m, g, front, group);
    if (tensors > MOST_TENSORS || latest == group)
        return;
    if (first_reader > group && !reads_updated(m, f)) {
        join(m, front, group);
    } else if (latest < front) {
        exchange(m, front, group);
        join(m, group, front);
    }
}

void tw_plan_fronts(tw_making *m)
{
    for (int i = 0; i < m->n_groups && m->options->fusion; i++)
        if (m->groups[i].anchor && (m->groups[i].anchor->op->flags & TW_OP_FRONT))
            find_front(m, i);
}
