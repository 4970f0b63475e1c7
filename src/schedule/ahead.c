// SPDX-License-Identifier: Apache-2.0
// Builds and proves the kernels of several recipes together, before their runners are made: a
// program costs anew whatever it holds (PoCL 3.1: 0.1 s, and a kernel for each kind of arguments),
// and is not built in parallel with another; and the first launch of a program waits until code is
// generated, in which time the host is done with the references of all (conditional_gan with empty
// caches: 0.25 s of 3.5).
#include "schedule/schedule.h"

/* Appends the launches that a runner of the recipe would choose. */
static tw_status append_launches(tw_params *params, tw_recipe *recipe, tw_arena *arena,
                                 tw_launch **launches, int *count, tw_error *error)
{
    int more;
    TW_TRY(tw_choose(recipe, params->proofs, params->tuned, NULL, error));
    tw_launch **chosen = tw_chosen_launches(recipe, arena, &more);
    if (!chosen)
        return tw_fail_memory(error);
    for (int i = 0; i < more; i++)
        launches[(*count)++] = chosen[i];
    return TW_OK;
}

static int most_launches(const tw_recipe *recipe)
{
    int sum = 0;
    for (int s = 0; s < recipe->n_stages; s++) {
        int most = 0;
        for (int c = 0; c < recipe->stage[s].n_candidates; c++)
            most = TW_MAX(most, recipe->stage[s].candidate[c]->n_launches);
        sum += most;
    }
    return sum;
}

static tw_status build(tw_params *params, int count, tw_recipe *const *recipes, tw_arena *arena,
                       tw_error *error)
{
    int most = 0, n = 0;
    for (int i = 0; i < count; i++)
        most += most_launches(recipes[i]);
    tw_launch **launches = tw_arena_alloc(arena, (size_t)TW_MAX(most, 1) * sizeof *launches);
    bool *guilty = tw_arena_alloc(arena, (size_t)TW_MAX(most, 1) * sizeof *guilty);
    if (!launches || !guilty)
        return tw_fail_memory(error);
    for (int i = 0; i < count; i++)
        TW_TRY(append_launches(params, recipes[i], arena, launches, &n, error));
    tw_programs programs;
    TW_TRY(tw_programs_build(params->built, n, launches, guilty, &programs, error));
    tw_programs_free(&programs);
    return TW_OK;
}

/* As much of a runner as proofs need, with the kernels of what was chosen. */
static tw_status make_prover(tw_params *params, tw_recipe *recipe, tw_arena *arena,
                             tw_runner **prover, tw_error *error)
{
    int count;
    tw_launch **launches = tw_chosen_launches(recipe, arena, &count);
    bool *guilty = tw_arena_alloc(arena, (size_t)TW_MAX(count, 1) * sizeof *guilty);
    tw_runner *made = tw_arena_alloc(arena, sizeof *made);
    if (!launches || !guilty || !made)
        return tw_fail_memory(error);
    *made = (tw_runner){.context = params->context,
                        .params = params,
                        .device = params->device,
                        .backend = params->device->backend,
                        .recipe = recipe,
                        .compute = params->queue};
    TW_TRY(tw_programs_build(params->built, count, launches, guilty, &made->programs, error));
    *prover = made;
    return TW_OK;
}

static tw_status prove(tw_params *params, int count, tw_recipe *const *recipes, tw_arena *arena,
                       tw_error *error)
{
    tw_runner **provers = tw_arena_alloc(arena, (size_t)count * sizeof *provers);
    if (!provers)
        return tw_fail_memory(error);
    bool struck = false;
    int made = 0;
    tw_status status = TW_OK;
    while (made < count && status == TW_OK) {
        status = make_prover(params, recipes[made], arena, &provers[made], error);
        made += status == TW_OK;
    }
    if (status == TW_OK)
        status = tw_prove(count, provers, &struck, error);
    for (int i = 0; i < made; i++)
        tw_programs_free(&provers[i]->programs);
    return status;
}

tw_status tw_schedule_prepare(tw_params *params, int count, tw_recipe *const *recipes,
                              bool no_proof, tw_error *error)
{
    if (!params->device->backend->program_build || count == 0)
        return TW_OK;
    tw_arena arena = {.context = params->context};
    tw_error cause;
    tw_status status = build(params, count, recipes, &arena, &cause);
    if (status == TW_OK && !no_proof)
        status = prove(params, count, recipes, &arena, &cause);
    tw_arena_free(&arena);
    return status == TW_ERROR_MEMORY ? tw_fail_memory(error) : TW_OK;
}
