// SPDX-License-Identifier: Apache-2.0
// Groups become stages: their C references, and the candidates that their operators offer.
#include "plan/inside.h"

tw_stage *tw_recipe_stage(tw_recipe *recipe, const char *label)
{
    if (!tw_grow(recipe->context, &recipe->stage, &recipe->capacity_stages, recipe->n_stages,
                 sizeof *recipe->stage))
        return NULL;
    recipe->stage[recipe->n_stages] = (tw_stage){.label = label};
    return &recipe->stage[recipe->n_stages++];
}

static int new_tensor(tw_recipe *recipe, const char *label, tw_type type, tw_dim count)
{
    return tw_recipe_tensor(recipe, label, type, count, TW_SPACE_NONE, 0, 0);
}

void tw_recipe_site(tw_recipe *recipe, tw_site *site)
{
    *site = (tw_site){.caps = &recipe->caps,
                      .arena = &recipe->arena,
                      .recipe = recipe,
                      .new_tensor = new_tensor,
                      .batch = recipe->batch};
}

/* Leaves out the candidates with a workspace of more than 2^31 elements, which kernels count in
 * ints. Returns how many are left. */
static int leave_out_large(tw_candidate **candidate, int count)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (!candidate[i]->too_large)
            candidate[kept++] = candidate[i];
    return kept;
}

tw_status tw_recipe_close(tw_recipe *recipe, tw_stage *stage, tw_site *site, tw_error *error)
{
    if (site->status != TW_OK)
        return tw_fail(error, site->status, "%s: %s", stage->label, site->error.text);
    stage->candidate = site->candidates;
    stage->n_candidates = stage->n_standard = leave_out_large(site->candidates, site->n_candidates);
    if (site->n_candidates && !stage->n_candidates)
        return tw_fail(
            error, TW_ERROR_UNSUPPORTED,
            "%s needs a workspace of more than 2^31 elements at batch %lld: take a smaller batch",
            stage->label, (long long)recipe->batch);
    return TW_OK;
}

/* ---- references ---- */

static tw_status add_reference(tw_making *m, tw_stage *stage, const tw_call *call, tw_error *error)
{
    if (call->n_inputs > TW_MAX_REFERENCE)
        return tw_fail(error, TW_ERROR_UNSUPPORTED, "%s has more than %d inputs", call->name,
                       TW_MAX_REFERENCE);
    tw_reference *r = &stage->reference[stage->n_references++];
    *r = (tw_reference){.label = call->name,
                        .function = call->op->host,
                        .slack = call->op->slack,
                        .data = call,
                        .n_in = call->n_inputs,
                        .n_out = call->n_results};
    for (int i = 0; i < call->n_inputs; i++) {
        r->in[i] = call->input[i] ? m->tensor[call->input[i]->id] : -1;
        if (call->input[i]) {
            r->in_type[i] = call->input[i]->type;
            r->in_shape[i] = call->input[i]->shape;
        }
    }
    for (int i = 0; i < call->n_results; i++) {
        r->out[i] = m->tensor[call->result[i]->id];
        r->out_type[i] = call->result[i]->type;
        r->out_shape[i] = call->result[i]->shape;
    }
    return TW_OK;
}

static double call_cost(const tw_call *call, int64_t batch)
{
    if (call->op->cost)
        return call->op->cost(call, batch);
    double elements = 0;
    for (int i = 0; i < call->n_results; i++)
        elements += (double)tw_dim_at(tw_shape_count(&call->result[i]->shape), batch);
    return elements;
}

static tw_status add_references(tw_making *m, const tw_group *g, tw_stage *stage, tw_error *error)
{
    const tw_group *front = g->front >= 0 ? &m->groups[g->front] : NULL;
    const int before = front ? front->n_inlined + front->n_members : 0;
    const int count = before + g->n_inlined + g->n_members + 2;
    stage->reference = tw_arena_alloc(&m->recipe->arena, (size_t)count * sizeof *stage->reference);
    if (!stage->reference)
        return tw_fail_memory(error);
    for (int i = 0; i < before; i++)
        TW_TRY(add_reference(
            m, stage,
            i < front->n_inlined ? front->inlined[i] : front->member[i - front->n_inlined], error));
    for (int i = 0; i < g->n_inlined; i++)
        TW_TRY(add_reference(m, stage, g->inlined[i], error));
    if (g->anchor)
        TW_TRY(add_reference(m, stage, g->anchor, error));
    if (g->tail)
        TW_TRY(add_reference(m, stage, g->tail, error));
    for (int i = 0; i < g->n_members; i++)
        TW_TRY(add_reference(m, stage, g->member[i], error));
    stage->cost = g->anchor ? call_cost(g->anchor, m->recipe->batch) : 0;
    stage->cost += g->tail ? call_cost(g->tail, m->recipe->batch) : 0;
    for (int i = 0; i < g->n_members; i++)
        stage->cost += call_cost(g->member[i], m->recipe->batch);
    for (int i = 0; front && i < front->n_members; i++)
        stage->cost += call_cost(front->member[i], m->recipe->batch);
    return TW_OK;
}

/* ---- candidates ---- */

static void ask(tw_site *site)
{
    if (!site->call)
        tw_elementwise_variants(site);
    else if (site->call->op->variants)
        site->call->op->variants(site);
}

/* The tensors of a call's results that are stored. */
static int *stored_results(tw_making *m, const tw_call *call)
{
    int *out =
        tw_arena_alloc(&m->recipe->arena, (size_t)(call ? call->n_results + 1 : 1) * sizeof *out);
    for (int i = 0; out && call && i < call->n_results; i++)
        out[i] = m->stored[call->result[i]->id] ? m->tensor[call->result[i]->id] : -1;
    return out;
}

/* The anchor's result is stored by candidates alone that leave the tail to another kernel. */
static tw_status add_tail(tw_making *m, const tw_group *g, tw_site *site, int *out, tw_error *error)
{
    tw_tail *tail = tw_arena_alloc(&m->recipe->arena, sizeof *tail);
    const int *tail_out = stored_results(m, g->tail);
    if (!tail || !tail_out)
        return tw_fail_memory(error);
    *tail = (tw_tail){g->tail, tail_out, g->expr};
    out[0] = m->tensor[g->anchor->result[0]->id];
    site->epilogue = g->before_tail;
    site->tail = tail;
    return TW_OK;
}

static tw_status add_candidates(tw_making *m, const tw_group *g, tw_stage *stage, tw_error *error)
{
    const tw_call *call = g->anchor;
    tw_arena *arena = &m->recipe->arena;
    tw_site *site = tw_arena_alloc(arena, sizeof *site);
    int *in = tw_arena_alloc(arena, (size_t)(call ? call->n_inputs + 1 : 1) * sizeof *in);
    int *out = stored_results(m, call);
    if (!site || !in || !out)
        return tw_fail_memory(error);
    tw_recipe_site(m->recipe, site);
    for (int i = 0; call && i < call->n_inputs; i++)
        in[i] = call->input[i] ? m->tensor[call->input[i]->id] : -1;
    site->call = call;
    site->in = in;
    site->out = out;
    site->label = stage->label;
    site->epilogue = !call || (call->op->flags & TW_OP_EPILOGUE) ? g->expr : NULL;
    if (g->tail)
        TW_TRY(add_tail(m, g, site, out, error));
    site->front = g->front >= 0 ? m->groups[g->front].expr : NULL;
    ask(site);
    TW_TRY(tw_recipe_close(m->recipe, stage, site, error));
    stage->site = site;
    if (!stage->n_candidates)
        return tw_fail(error, TW_ERROR_UNSUPPORTED, "%s: operator %s has no kernel for %s",
                       stage->label, call ? call->op->name : "elementwise",
                       m->recipe->caps.family == TW_FAMILY_SIMD ? "this CPU device"
                                                                : "this GPU device");
    return TW_OK;
}

tw_status tw_recipe_offer(tw_stage *stage, const char *name, tw_error *error)
{
    if (!stage->site)
        return TW_OK;
    tw_site site = *stage->site;
    site.candidates = stage->candidate;
    site.n_candidates = stage->n_candidates;
    site.wanted = name;
    ask(&site);
    if (site.status != TW_OK)
        return tw_fail(error, site.status, "%s: %s", stage->label, site.error.text);
    stage->candidate = site.candidates;
    stage->n_candidates = leave_out_large(site.candidates, site.n_candidates);
    return TW_OK;
}

tw_status tw_plan_stages(tw_making *m, tw_error *error)
{
    for (int i = 0; i < m->n_groups; i++) {
        const tw_group *g = &m->groups[i];
        if (g->taken)
            continue;
        const tw_call *last = g->n_members ? g->member[g->n_members - 1]
                              : g->anchor  ? g->anchor
                                           : g->inlined[0];
        tw_stage *stage = tw_recipe_stage(m->recipe, g->anchor ? g->anchor->name : last->name);
        if (!stage)
            return tw_fail_memory(error);
        stage->anchor = g->anchor;
        TW_TRY(add_references(m, g, stage, error));
        if (m->recipe->caps.family != TW_FAMILY_HOST)
            TW_TRY(add_candidates(m, g, stage, error));
    }
    return TW_OK;
}
