// SPDX-License-Identifier: Apache-2.0
// Memory: when each tensor is alive, and where it lies. Everything is known before anything runs.
#include "plan/recipe.h"

/* One step of the plan: a launch, or on the host device a reference. */
typedef struct layout_step {
    tw_launch *launch;
    const tw_reference *reference;
    bool alone; /* a stage of elementwise calls: may work in place */
} layout_step;

typedef struct layout {
    tw_recipe *recipe;
    layout_step *step;
    int n_steps;
    int *same_place; /* by tensor: the tensor that it overwrites, or -1 */
    int *order;      /* tensors to place */
    int n_order;
} layout;

static bool is_managed(const tw_tensor *t)
{
    return t->space == TW_SPACE_NONE || t->space == TW_SPACE_WORK || t->space == TW_SPACE_KEEP;
}

/* ---- steps ---- */

static tw_status collect_steps(layout *l, tw_error *error)
{
    tw_recipe *r = l->recipe;
    int count = 0;
    for (int s = 0; s < r->n_stages; s++)
        count += r->stage[s].n_candidates ? r->stage[s].candidate[r->stage[s].chosen]->n_launches
                                          : r->stage[s].n_references;
    l->step = tw_calloc(r->context, (size_t)count + 1, sizeof *l->step);
    if (!l->step)
        return tw_fail_memory(error);
    for (int s = 0; s < r->n_stages; s++) {
        const tw_stage *stage = &r->stage[s];
        if (!stage->n_candidates)
            for (int i = 0; i < stage->n_references; i++)
                l->step[l->n_steps++] = (layout_step){.reference = &stage->reference[i]};
        for (int i = 0; stage->n_candidates && i < stage->candidate[stage->chosen]->n_launches; i++)
            l->step[l->n_steps++] =
                (layout_step){.launch = stage->candidate[stage->chosen]->launch[i],
                              .alone = !stage->anchor && r->bound};
    }
    return TW_OK;
}

static void touch(tw_recipe *r, int id, int step)
{
    if (id < 0)
        return;
    tw_tensor *t = &r->tensor[id];
    if (t->first < 0)
        t->first = step;
    t->last = step;
}

static void find_lifetimes(layout *l)
{
    tw_recipe *r = l->recipe;
    for (int i = 0; i < r->n_tensors; i++) {
        r->tensor[i].first = r->tensor[i].last = -1;
        if (is_managed(&r->tensor[i]))
            r->tensor[i].space = TW_SPACE_NONE;
    }
    for (int s = 0; s < l->n_steps; s++) {
        const tw_launch *launch = l->step[s].launch;
        const tw_reference *reference = l->step[s].reference;
        for (int i = 0; launch && i < launch->n_args; i++)
            if (launch->arg[i].kind == TW_ARG_TENSOR)
                touch(r, launch->arg[i].tensor.id, s);
        for (int i = 0; reference && i < reference->n_in; i++)
            touch(r, reference->in[i], s);
        for (int i = 0; reference && i < reference->n_out; i++)
            touch(r, reference->out[i], s);
    }
    for (int i = 0; i < r->n_tensors; i++)
        if (r->tensor[i].first >= 0 && is_managed(&r->tensor[i]))
            r->tensor[i].space = TW_SPACE_WORK;
}

/* ---- launches that depend on parameters alone ---- */

static bool reads_only_parameters(const layout *l, const tw_launch *launch)
{
    const tw_recipe *r = l->recipe;
    int reads = 0;
    for (int i = 0; i < launch->n_args; i++) {
        const tw_arg *arg = &launch->arg[i];
        if (arg->kind != TW_ARG_TENSOR)
            return false; /* all other arguments differ from run to run */
        const tw_tensor *t = &r->tensor[arg->tensor.id];
        const bool kept = t->space == TW_SPACE_KEEP;
        if (arg->tensor.written ? t->space != TW_SPACE_WORK || t->count.letters
                                : t->space != TW_SPACE_PARAMS && !kept)
            return false;
        reads += !arg->tensor.written;
    }
    return reads > 0;
}

/* In plans for inference, what is made of parameters alone (packed weights) is kept from run to
 * run. A tensor with another writer as well is not. */
static void find_constants(layout *l)
{
    tw_recipe *r = l->recipe;
    for (int s = 0; s < l->n_steps; s++) {
        tw_launch *launch = l->step[s].launch;
        if (!launch)
            continue;
        launch->constant = !r->training && r->bound && reads_only_parameters(l, launch);
        for (int i = 0; launch->constant && i < launch->n_args; i++)
            if (launch->arg[i].kind == TW_ARG_TENSOR && launch->arg[i].tensor.written)
                r->tensor[launch->arg[i].tensor.id].space = TW_SPACE_KEEP;
    }
}

/* ---- in place ---- */

static bool reads_tensor(const tw_launch *launch, int id, int *times)
{
    *times = 0;
    for (int i = 0; i < launch->n_args; i++)
        *times += launch->arg[i].kind == TW_ARG_TENSOR && launch->arg[i].tensor.id == id;
    return *times > 0;
}

/* Whether `in` dies in step s, where nothing else takes its place, and is of out's size. */
static bool may_take_place(const layout *l, int s, int out, int in)
{
    const tw_recipe *r = l->recipe;
    const tw_launch *launch = l->step[s].launch;
    const tw_tensor *t = &r->tensor[out], *u = &r->tensor[in];
    int times = 0;
    if (t->space != TW_SPACE_WORK || l->same_place[out] >= 0 || t->first != s ||
        !reads_tensor(launch, in, &times) || times > 1)
        return false;
    bool taken = u->space != TW_SPACE_WORK || u->last != s || u->type != t->type ||
                 !tw_dim_equal(u->count, t->count);
    for (int k = 0; k < launch->n_args && !taken; k++)
        taken = launch->arg[k].kind == TW_ARG_TENSOR && launch->arg[k].tensor.written &&
                l->same_place[launch->arg[k].tensor.id] == in;
    return !taken;
}

/* An elementwise launch may overwrite an operand of the result's size that dies in it: each element
 * is read before it is written. Operands of fewer elements (broadcast ones) have other sizes. */
static void place_elementwise(layout *l, int s)
{
    const tw_launch *launch = l->step[s].launch;
    for (int o = 0; o < launch->n_args; o++) {
        if (launch->arg[o].kind != TW_ARG_TENSOR || !launch->arg[o].tensor.written)
            continue;
        const int out = launch->arg[o].tensor.id;
        for (int i = 0; i < launch->n_args; i++) {
            const tw_arg *arg = &launch->arg[i];
            if (arg->kind == TW_ARG_TENSOR && !arg->tensor.written &&
                may_take_place(l, s, out, arg->tensor.id))
                l->same_place[out] = arg->tensor.id;
        }
    }
}

static void find_in_place(layout *l)
{
    for (int s = 0; s < l->n_steps; s++) {
        const tw_launch *launch = l->step[s].launch;
        if (!launch || launch->constant)
            continue;
        if (l->step[s].alone)
            place_elementwise(l, s);
        for (int i = 0; i < launch->n_shared; i++)
            if (may_take_place(l, s, launch->shared[i].out, launch->shared[i].in))
                l->same_place[launch->shared[i].out] = launch->shared[i].in;
    }
}

/* A chain of tensors in one place lives from the first one's birth to the last one's death. */
static void merge_lifetimes(layout *l)
{
    tw_recipe *r = l->recipe;
    for (int i = 0; i < r->n_tensors; i++) {
        int root = i;
        while (l->same_place[root] >= 0)
            root = l->same_place[root];
        if (root != i)
            r->tensor[root].last = TW_MAX(r->tensor[root].last, r->tensor[i].last);
    }
}

/* ---- placing ---- */

static uint64_t round_up(uint64_t value, uint64_t unit)
{
    return (value + unit - 1) / unit * unit;
}

static bool overlaps(const tw_tensor *a, const tw_tensor *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Greedy by size: the largest first, each at the lowest place that is free while it lives
 * (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020,
 * section 5.1). */
static void place(layout *l, int which)
{
    tw_recipe *r = l->recipe;
    tw_tensor *t = &r->tensor[l->order[which]];
    const uint64_t unit = (uint64_t)TW_MAX(r->caps.alignment, 64);
    for (t->index = 0;; t->index++) {
        uint64_t at = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (int i = 0; i < which; i++) {
                const tw_tensor *u = &r->tensor[l->order[i]];
                if (u->index == t->index && overlaps(t, u) && at < u->offset + u->bytes &&
                    u->offset < at + t->bytes) {
                    at = round_up(u->offset + u->bytes, unit);
                    moved = true;
                }
            }
        }
        t->offset = at;
        if (at + t->bytes <= r->caps.max_allocation || t->index == TW_COUNT(r->work_bytes) - 1)
            return;
    }
}

static void sort_by_size(layout *l)
{
    const tw_tensor *t = l->recipe->tensor;
    for (int i = 1; i < l->n_order; i++) {
        const int id = l->order[i];
        int k = i;
        for (; k > 0 && t[l->order[k - 1]].bytes < t[id].bytes; k--)
            l->order[k] = l->order[k - 1];
        l->order[k] = id;
    }
}

static void place_all(layout *l)
{
    tw_recipe *r = l->recipe;
    const uint64_t unit = (uint64_t)TW_MAX(r->caps.alignment, 64);
    r->keep_bytes = 0;
    r->n_work = 0;
    memset(r->work_bytes, 0, sizeof r->work_bytes);
    for (int i = 0; i < r->n_tensors; i++) {
        tw_tensor *t = &r->tensor[i];
        if (t->space == TW_SPACE_KEEP) {
            t->offset = r->keep_bytes;
            r->keep_bytes += round_up(t->bytes, unit);
        } else if (t->space == TW_SPACE_WORK && l->same_place[i] < 0) {
            l->order[l->n_order++] = i;
        }
    }
    sort_by_size(l);
    for (int i = 0; i < l->n_order; i++) {
        place(l, i);
        const tw_tensor *t = &r->tensor[l->order[i]];
        r->work_bytes[t->index] = TW_MAX(r->work_bytes[t->index], t->offset + t->bytes);
        r->n_work = TW_MAX(r->n_work, t->index + 1);
    }
    for (int i = 0; i < r->n_tensors; i++) {
        int root = i;
        while (l->same_place[root] >= 0)
            root = l->same_place[root];
        r->tensor[i].index = r->tensor[root].index;
        r->tensor[i].offset = r->tensor[root].offset;
    }
}

/* Each run in flight has inputs and outputs of its own. Two hide the enqueuing of one behind the
 * computing of the other; where they are small, a run may be over before the host that waited for
 * the one before it is awake again, so that more are worth their memory (2 and 4 runs of
 * autoencoder at batch 128: 0.160 and 0.153 ms). */
#define RING_BYTES (4u << 20)

static void add_up(tw_recipe *r)
{
    uint64_t ports = 0;
    for (int i = 0; i < r->n_inputs; i++)
        ports += r->tensor[r->input[i].tensor].bytes;
    for (int i = 0; i < r->n_outputs; i++)
        ports += r->tensor[r->output[i].tensor].bytes;
    r->in_flight = (int)TW_MAX(2, TW_MIN(TW_MAX_IN_FLIGHT, RING_BYTES / TW_MAX(ports, 1)));
    r->peak_bytes = r->keep_bytes + (uint64_t)r->in_flight * ports;
    for (int i = 0; i < r->n_work; i++)
        r->peak_bytes += r->work_bytes[i];
}

static tw_status layout_once(tw_recipe *r, tw_error *error)
{
    layout l = {.recipe = r};
    l.same_place = tw_calloc(r->context, (size_t)r->n_tensors + 1, sizeof *l.same_place);
    l.order = tw_calloc(r->context, (size_t)r->n_tensors + 1, sizeof *l.order);
    tw_status status = l.same_place && l.order ? collect_steps(&l, error) : tw_fail_memory(error);
    for (int i = 0; i < r->n_tensors && status == TW_OK; i++)
        l.same_place[i] = -1;
    if (status == TW_OK) {
        find_lifetimes(&l);
        find_constants(&l);
        find_in_place(&l);
        merge_lifetimes(&l);
        place_all(&l);
        add_up(r);
    }
    tw_free(r->context, l.same_place);
    tw_free(r->context, l.order);
    tw_free(r->context, l.step);
    return status;
}

/* ---- the budget ---- */

static uint64_t workspace_bytes(const tw_recipe *r, const tw_candidate *c)
{
    uint64_t bytes = 0;
    for (int i = 0; i < c->n_workspaces; i++)
        bytes += r->tensor[c->workspace[i]].bytes;
    return bytes;
}

/* Gives the stage whose candidate takes the most workspace one that takes less; false if none does.
 */
static bool take_smaller(tw_recipe *r)
{
    tw_stage *worst = NULL;
    uint64_t most = 0;
    int better = 0;
    for (int s = 0; s < r->n_stages; s++) {
        tw_stage *stage = &r->stage[s];
        const uint64_t bytes =
            stage->n_candidates ? workspace_bytes(r, stage->candidate[stage->chosen]) : 0;
        for (int c = 0; c < stage->n_candidates && bytes > most; c++) {
            if (!stage->candidate[c]->struck && workspace_bytes(r, stage->candidate[c]) < bytes) {
                worst = stage;
                most = bytes;
                better = c;
            }
        }
    }
    if (worst)
        worst->chosen = better;
    return worst != NULL;
}

static tw_status check_allocations(const tw_recipe *r, tw_error *error)
{
    for (int i = 0; i < r->n_tensors; i++) {
        const tw_tensor *t = &r->tensor[i];
        if (t->first >= 0 && r->caps.max_allocation && t->bytes > r->caps.max_allocation)
            return tw_fail(error, TW_ERROR_DEVICE_MEMORY,
                           "%s needs %.1f MiB at batch %lld, but the device gives at most %.1f MiB "
                           "in one piece: take "
                           "a smaller batch",
                           t->label, (double)t->bytes / 1048576, (long long)r->batch,
                           (double)r->caps.max_allocation / 1048576);
    }
    return TW_OK;
}

tw_status tw_recipe_layout(tw_recipe *r, tw_error *error)
{
    const uint64_t budget = r->memory_budget ? r->memory_budget : r->caps.global_memory;
    do
        TW_TRY(layout_once(r, error));
    while (budget && r->peak_bytes > budget && take_smaller(r));
    if (budget && r->peak_bytes > budget)
        return tw_fail(error, TW_ERROR_DEVICE_MEMORY,
                       "the plan needs %.1f MiB of device memory at batch %lld, but %.1f MiB are "
                       "allowed: take a "
                       "smaller batch or a larger budget",
                       (double)r->peak_bytes / 1048576, (long long)r->batch,
                       (double)budget / 1048576);
    return check_allocations(r, error);
}
