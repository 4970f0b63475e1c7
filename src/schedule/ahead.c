// SPDX-License-Identifier: Apache-2.0
// Builds the kernels of several recipes together, before their runners are made: a program costs
// anew whatever it holds (PoCL 3.1: 0.1 s, and a kernel for each kind of arguments), and is not
// built in parallel with another.
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

tw_status tw_schedule_build(tw_params *params, int count, tw_recipe *const *recipes,
                            tw_error *error)
{
    if (!params->device->backend->program_build || count == 0)
        return TW_OK;
    tw_arena arena = {.context = params->context};
    tw_error cause;
    const tw_status status = build(params, count, recipes, &arena, &cause);
    tw_arena_free(&arena);
    return status == TW_ERROR_MEMORY ? tw_fail_memory(error) : TW_OK;
}
