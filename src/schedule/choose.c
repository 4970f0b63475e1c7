// SPDX-License-Identifier: Apache-2.0
// Which candidate serves each stage: the one recorded, the one of the tuned file, else the first
// that is not struck off. Nothing is measured here.
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

void tw_take_verdicts(tw_stage *stage, int from, const tw_proofs *proofs)
{
    for (int i = from; i < stage->n_candidates; i++) {
        const tw_verdict verdict = tw_proofs_find(proofs, tw_proof_key(stage->candidate[i]));
        stage->candidate[i]->verified |= verdict == TW_VERDICT_PROVEN;
        stage->candidate[i]->struck |= verdict == TW_VERDICT_STRUCK;
    }
}

static int first_standing(const tw_stage *stage)
{
    for (int i = 0; i < stage->n_candidates; i++)
        if (!stage->candidate[i]->struck)
            return i;
    return -1;
}

static int by_name(const tw_stage *stage, const char *name)
{
    for (int i = 0; i < stage->n_candidates; i++)
        if (strcmp(stage->candidate[i]->name, name) == 0)
            return i;
    return -1;
}

/* The candidate of that name if it stands, an alternative made for it if need be; -1: none. */
static tw_status standing(tw_stage *stage, const char *name, const tw_proofs *proofs, int *number,
                          tw_error *error)
{
    if (by_name(stage, name) < 0) {
        const int from = stage->n_candidates;
        TW_TRY(tw_recipe_offer(stage, name, error));
        tw_take_verdicts(stage, from, proofs);
    }
    *number = by_name(stage, name);
    if (*number >= 0 && stage->candidate[*number]->struck)
        *number = -1;
    return TW_OK;
}

/* Obeys a checkpoint. */
static tw_status choose_recorded(tw_context *context, tw_stage *stage, const char *name,
                                 const tw_proofs *proofs, tw_error *error)
{
    int number = -1;
    TW_TRY(standing(stage, name, proofs, &number, error));
    if (number >= 0)
        stage->chosen = number;
    else
        tw_log(context, TW_LOG_WARNING,
               "%s: the recorded kernel %s is not to be had here; %s serves", stage->label, name,
               stage->candidate[stage->chosen]->name);
    return TW_OK;
}

/* Obeys the tuned file, if the winner is still what was measured. */
static tw_status choose_tuned(const tw_recipe *recipe, tw_stage *stage, const tw_proofs *proofs,
                              const tw_tuned *tuned, tw_error *error)
{
    const tw_tuned_entry *entry = tw_tuned_find(tuned, tw_stage_key(recipe, stage));
    int number = -1;
    if (entry)
        TW_TRY(standing(stage, entry->name, proofs, &number, error));
    if (number >= 0 && tw_proof_key(stage->candidate[number]) == entry->winner)
        stage->chosen = number;
    return TW_OK;
}

static tw_status choose_one(const tw_recipe *recipe, tw_stage *stage, const tw_proofs *proofs,
                            const tw_tuned *tuned, const char *const *choices, tw_error *error)
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
    if (name)
        return choose_recorded(recipe->context, stage, name, proofs, error);
    return choices || tw_tuned_empty(tuned) ? TW_OK
                                            : choose_tuned(recipe, stage, proofs, tuned, error);
}

tw_status tw_choose(tw_recipe *recipe, const tw_proofs *proofs, const tw_tuned *tuned,
                    const char *const *choices, tw_error *error)
{
    for (int s = 0; s < recipe->n_stages; s++) {
        tw_stage *stage = &recipe->stage[s];
        tw_take_verdicts(stage, 0, proofs);
        if (stage->n_candidates > 0)
            TW_TRY(choose_one(recipe, stage, proofs, tuned, choices, error));
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
