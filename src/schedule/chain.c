// SPDX-License-Identifier: Apache-2.0
// Chains: launches that follow one another, made as one. Those of less work than a launch costs
// (PoCL 3.1: 3 to 7 us) are made by one item in their order: regression's step of 11 launches is
// two so. Larger ones are shared by as many items as there are cores, which wait for one another
// between them (core/chain.cl): at the end of a launch the driver's threads fall asleep, and to
// wake them takes time (two launches that others fill the gaps of were 30 us shorter, on a virtual
// machine).
//
// Only where kernels are called (caps.calls): the caller gets a table of what to call with what.
// A trace shows launches, and has them made one by one.
#include "schedule/program_text.h"
#include <math.h>
#include <stdio.h>

/* What one item does in a microsecond, at the least: multiply-adds, bytes, groups. */
#define COST_US 1e4
#define BYTES_US 8e3
#define GROUPS_US 20.0
/* More would be sooner done by all cores. */
#define MOST_US 4.0
/* What is worth a launch of its own; and no chain is longer than so many times that, because where
 * one core is taken away by another program, the chain's rest is done without it. */
#define MOST_SHARED_US 2000.0
#define MOST_CHAIN 4

/* Ranges that the groups of a step are cut into, one for each item: where there are more items,
 * some have one in common. */
#define MOST_RANGES 8

/* Buffers of a chain: one place of the caller's is the table's. */
#define MOST_BASES (TW_CALLER_TENSORS - 1)
#define SCALARS 6

static double duration(const tw_recipe *recipe, const tw_launch *launch, double cost)
{
    const int64_t n = TW_MAX(recipe->batch, 1);
    double bytes = 0, groups = 1;
    for (int a = 0; a < launch->n_args; a++)
        if (launch->arg[a].kind == TW_ARG_TENSOR)
            bytes += (double)recipe->tensor[launch->arg[a].tensor.id].bytes;
    for (int d = 0; d < 3; d++)
        groups *= (double)tw_launch_groups(launch, d, n);
    if (groups < 1) /* nothing to do: left out by itself */
        return INFINITY;
    return cost / COST_US + bytes / BYTES_US + groups / GROUPS_US;
}

/* ---- which launches ---- */

/* The buffer's place among the chain's, which is made if it is new; -1 when there is none left. */
static int base_of(tw_chain *chain, const tw_tensor *tensor)
{
    for (int i = 0; i < chain->n_bases; i++)
        if (chain->base[i]->space == tensor->space && chain->base[i]->index == tensor->index)
            return i;
    if (chain->n_bases == MOST_BASES)
        return -1;
    chain->base[chain->n_bases] = tensor;
    return chain->n_bases++;
}

static bool take_bases(const tw_recipe *recipe, tw_chain *chain, const tw_launch *launch)
{
    for (int a = 0; a < launch->n_args; a++)
        if (launch->arg[a].kind == TW_ARG_TENSOR &&
            base_of(chain, &recipe->tensor[launch->arg[a].tensor.id]) < 0)
            return false;
    return true;
}

/* Adds the launch to the chain, if it may be one of it. */
static bool join(tw_runner *runner, tw_chain *chain, int i, double cost)
{
    const tw_launch *launch = runner->bound[i].launch;
    const tw_called *called = &runner->programs.called[i];
    const tw_called *first = &runner->programs.called[chain->first];
    const int bases = chain->n_bases, units = runner->recipe->caps.units;
    const double us = duration(runner->recipe, launch, cost);
    if (!called->program || called->program != first->program ||
        us > (units > 1 ? MOST_SHARED_US : MOST_US) || chain->us + us > MOST_CHAIN * MOST_SHARED_US)
        return false;
    if (!take_bases(runner->recipe, chain, launch)) {
        chain->n_bases = bases;
        return false;
    }
    runner->bound[i].small = us <= MOST_US;
    chain->items = us > MOST_US ? units : TW_MAX(chain->items, 1);
    chain->us += us;
    chain->last = i;
    chain->count++;
    return true;
}

/* ---- the table ---- */

/* small: rows that are a step with this one, 0: it is shared. */
static int64_t *put_row(const tw_runner *runner, tw_chain *chain, int i, int small, int64_t *row)
{
    const tw_launch *launch = runner->bound[i].launch;
    *row++ = runner->programs.called[i].number;
    *row++ = tw_launch_tensors(launch);
    for (int d = 0; d < 3; d++) {
        *row++ = launch->global[d].scale;
        *row++ = launch->global[d].letters != 0;
        *row++ = launch->divide[d];
    }
    *row++ = small;
    for (int a = 0; a < launch->n_args; a++) {
        if (launch->arg[a].kind != TW_ARG_TENSOR)
            continue;
        const tw_tensor *tensor = &runner->recipe->tensor[launch->arg[a].tensor.id];
        *row++ = 1 + base_of(chain, tensor);
        *row++ = (int64_t)(tensor->offset / tw_type_size(tensor->type));
    }
    return row;
}

/* The next launch of the chain; behind the last if there is none. */
static int next_of(const tw_runner *runner, const tw_chain *chain, int i)
{
    do
        i++;
    while (i <= chain->last && runner->bound[i].launch->constant);
    return i;
}

/* Small launches from this one on. */
static int small_from(const tw_runner *runner, const tw_chain *chain, int i)
{
    int count = 0;
    for (; i <= chain->last && runner->bound[i].small; i = next_of(runner, chain, i))
        count++;
    return count;
}

/* Rows behind the counters; *steps of them: a shared launch, or small ones up to the next shared.
 */
static int64_t *put_rows(const tw_runner *runner, tw_chain *chain, int64_t *row, int64_t *steps)
{
    bool before = false; /* the launch before is small, too */
    for (int i = chain->first; i <= chain->last; i = next_of(runner, chain, i)) {
        *steps += !before || !runner->bound[i].small;
        before = runner->bound[i].small;
        row = put_row(runner, chain, i, small_from(runner, chain, i), row);
    }
    return row;
}

static tw_status put_table(tw_runner *runner, tw_chain *chain, tw_error *error)
{
    const int ranges = TW_MIN(chain->items, MOST_RANGES);
    /* a step a launch at the most */
    const size_t counters = (size_t)chain->count * TW_CHAIN_SETS * (size_t)(1 + ranges) *
                            TW_CHAIN_LINE * sizeof(int32_t) / sizeof(int64_t);
    size_t most = TW_CHAIN_HEAD + counters;
    for (int i = chain->first; i <= chain->last; i++)
        most += TW_CHAIN_ROW + 2 * (size_t)tw_launch_tensors(runner->bound[i].launch);
    int64_t *table = tw_arena_alloc(&runner->arena, most * sizeof *table);
    if (!table)
        return tw_fail_memory(error);
    table[0] = (int64_t)(TW_CHAIN_HEAD + counters);
    table[2] = ranges;
    const int64_t *end = put_rows(runner, chain, table + table[0], &table[1]);
    const uint64_t bytes = (uint64_t)(end - table) * sizeof *table;
    TW_TRY(runner->backend->buffer_create(runner->device, bytes, &chain->table, error));
    runner->memory += bytes;
    return runner->backend->write(runner->compute, chain->table, 0, bytes, table, 0, NULL, NULL,
                                  error);
}

/* ---- arguments ---- */

static bool reads_scalars(const tw_runner *runner, const tw_chain *chain)
{
    for (int i = chain->first; i <= chain->last; i++)
        for (int a = 0; a < runner->bound[i].launch->n_args; a++)
            if (runner->bound[i].launch->arg[a].kind != TW_ARG_TENSOR)
                return true;
    return false;
}

/* n, the table, the buffers, and if a launch asks for any, the run's scalars. */
static tw_status make_kernel(tw_runner *runner, tw_chain *chain, tw_error *error)
{
    int place[2 + MOST_BASES + SCALARS + TW_CALLER_USERS] = {TW_CALLER_N, 0};
    int count = 2;
    for (int i = 0; i < chain->n_bases; i++)
        place[count++] = 1 + i;
    if (reads_scalars(runner, chain))
        for (int i = TW_CALLER_SEED; i < TW_CALLER_USER + TW_CALLER_USERS; i++)
            place[count++] = i;
    chain->n_args = count;
    chain->arg = tw_arena_alloc(&runner->arena, (size_t)count * sizeof *chain->arg);
    if (!chain->arg)
        return tw_fail_memory(error);
    char name[120];
    snprintf(name, sizeof name, "%d launches from %.80s on", chain->count,
             runner->bound[chain->first].launch->label);
    return tw_programs_chain(&runner->programs, chain->first, chain->count, count, place, name,
                             &chain->kernel, error);
}

void tw_chain_bind(const tw_runner *runner, const tw_slot *slot, tw_chain *chain,
                   const tw_runtime *runtime)
{
    int count = 0;
    chain->arg[count++] = (tw_kernel_arg){.size = sizeof(int32_t), .value.i = (int32_t)runtime->n};
    chain->arg[count++] = (tw_kernel_arg){
        .buffer = chain->table, .offset = (uint64_t)(2 * slot->beside + chain->turn[slot->beside])};
    for (int i = 0; i < chain->n_bases; i++)
        chain->arg[count++] =
            (tw_kernel_arg){.buffer = tw_runner_buffer(runner, slot, chain->base[i])};
    if (count == chain->n_args)
        return;
    static const tw_arg scalar[] = {{.kind = TW_ARG_SEED},
                                    {.kind = TW_ARG_STEP},
                                    {.kind = TW_ARG_LINE},
                                    {.kind = TW_ARG_USER, .slot = 0},
                                    {.kind = TW_ARG_USER, .slot = 1}};
    for (int i = 0; i < TW_COUNT(scalar); i++)
        count += tw_bind_scalar(&scalar[i], runtime, &chain->arg[count]);
}

/* ---- from outside ---- */

static tw_status keep(tw_runner *runner, tw_chain *chain, tw_error *error)
{
    if (chain->count < 2)
        return TW_OK;
    tw_chain *kept = &runner->chain[runner->n_chains++];
    *kept = *chain;
    for (int i = kept->first; i <= kept->last; i++)
        if (!runner->bound[i].launch->constant)
            runner->bound[i].chain = kept;
    TW_TRY(make_kernel(runner, kept, error));
    return put_table(runner, kept, error);
}

/* The cost of the stage that each launch is of. */
static double *costs_of(tw_runner *runner)
{
    double *cost =
        tw_arena_alloc(&runner->arena, (size_t)TW_MAX(runner->n_bound, 1) * sizeof *cost);
    const tw_recipe *recipe = runner->recipe;
    int at = 0;
    for (int s = 0; s < recipe->n_stages && cost; s++) {
        const tw_stage *stage = &recipe->stage[s];
        for (int l = 0; stage->n_candidates && l < stage->candidate[stage->chosen]->n_launches; l++)
            cost[at++] = stage->cost;
    }
    return cost;
}

tw_status tw_chain_create(tw_runner *runner, tw_error *error)
{
    const double *cost = costs_of(runner);
    runner->chain =
        tw_arena_alloc(&runner->arena, (size_t)TW_MAX(runner->n_bound, 1) * sizeof *runner->chain);
    if (!cost || !runner->chain)
        return tw_fail_memory(error);
    tw_chain open = {0};
    for (int i = 0; i < runner->n_bound; i++) {
        if (runner->bound[i].launch->constant || (open.count && join(runner, &open, i, cost[i])))
            continue;
        TW_TRY(keep(runner, &open, error));
        open = (tw_chain){.first = i};
        (void)join(runner, &open, i, cost[i]);
    }
    TW_TRY(keep(runner, &open, error));
    return runner->n_chains ? runner->backend->finish(runner->compute, error) : TW_OK;
}

void tw_chain_destroy(tw_runner *runner)
{
    for (int i = 0; i < runner->n_chains; i++) {
        if (runner->chain[i].kernel)
            runner->backend->kernel_destroy(runner->device, &runner->chain[i].kernel);
        if (runner->chain[i].table)
            runner->backend->buffer_destroy(runner->device, &runner->chain[i].table);
    }
}
