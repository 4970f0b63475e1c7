// SPDX-License-Identifier: Apache-2.0
// Which candidate serves each stage: the one recorded, else the first that is not struck off.
// Nothing is measured here.
#include "schedule/schedule.h"

/* The choice recorded for a stage, or NULL. */
static const char *recorded(const tw_stage *stage, const char *const *choices)
{
    const size_t length = strlen(stage->label);
    for (; choices && *choices; choices++)
        if (strncmp(*choices, stage->label, length) == 0 && (*choices)[length] == '=')
            return *choices + length + 1;
    return NULL;
}

static int first_standing(const tw_stage *stage)
{
    for (int i = 0; i < stage->n_candidates; i++)
        if (!stage->candidate[i]->struck)
            return i;
    return -1;
}

static tw_status choose_one(tw_context *context, tw_stage *stage, const char *const *choices,
                            tw_error *error)
{
    stage->chosen = first_standing(stage);
    if (stage->chosen < 0)
        return tw_fail(
            error, TW_ERROR_BUILD,
            "%s: every kernel that could serve is struck off on this device: it does not build, or "
            "computes "
            "something else than the reference; a newer driver, or THALWEG_KERNELS, may help",
            stage->label);
    const char *name = recorded(stage, choices);
    for (int i = 0; name && i < stage->n_candidates; i++)
        if (strcmp(stage->candidate[i]->name, name) == 0 && !stage->candidate[i]->struck) {
            stage->chosen = i;
            return TW_OK;
        }
    if (name)
        tw_log(context, TW_LOG_WARNING,
               "%s: the recorded kernel %s is not to be had here; %s serves", stage->label, name,
               stage->candidate[stage->chosen]->name);
    return TW_OK;
}

tw_status tw_choose(tw_recipe *recipe, const tw_proofs *proofs, const char *const *choices,
                    tw_error *error)
{
    for (int s = 0; s < recipe->n_stages; s++) {
        tw_stage *stage = &recipe->stage[s];
        for (int i = 0; i < stage->n_candidates; i++) {
            const tw_verdict verdict = tw_proofs_find(proofs, tw_proof_key(stage->candidate[i]));
            stage->candidate[i]->verified |= verdict == TW_VERDICT_PROVEN;
            stage->candidate[i]->struck |= verdict == TW_VERDICT_STRUCK;
        }
        if (stage->n_candidates > 0)
            TW_TRY(choose_one(recipe->context, stage, choices, error));
    }
    return TW_OK;
}

const char *const *tw_choices_list(const tw_recipe *recipe, tw_arena *arena)
{
    const char **list = tw_arena_alloc(arena, ((size_t)recipe->n_stages + 1) * sizeof *list);
    int count = 0;
    for (int s = 0; list && s < recipe->n_stages; s++) {
        const tw_stage *stage = &recipe->stage[s];
        if (stage->n_candidates < 2)
            continue;
        list[count] =
            tw_arena_printf(arena, "%s=%s", stage->label, stage->candidate[stage->chosen]->name);
        if (!list[count++])
            return NULL;
    }
    return list;
}
