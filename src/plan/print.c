// SPDX-License-Identifier: Apache-2.0
// A recipe as text: its launches in order, or its memory map.
#include "plan/recipe.h"

static void print_dim(tw_dim dim, tw_text *text)
{
    if (!dim.letters || dim.scale != 1)
        tw_text_printf(text, "%lld", (long long)dim.scale);
    if (dim.letters)
        tw_text_puts(text, "n");
}

static void print_launch(const tw_recipe *recipe, const tw_launch *launch, tw_text *text)
{
    tw_text_printf(text, "    %s:%s [", launch->file ? launch->file : "library", launch->entry);
    for (int d = 0; d < launch->dims; d++) {
        tw_text_puts(text, d ? ", " : "");
        print_dim(launch->global[d], text);
        if (launch->divide[d] != 1)
            tw_text_printf(text, "/%lld", (long long)launch->divide[d]);
        if (launch->local[d] != 1)
            tw_text_printf(text, " x %d", launch->local[d]);
    }
    tw_text_puts(text, launch->constant ? "] once:" : "]");
    for (int written = 0; written < 2; written++) {
        tw_text_puts(text, written ? " ->" : "");
        for (int i = 0; i < launch->n_args; i++)
            if (launch->arg[i].kind == TW_ARG_TENSOR &&
                launch->arg[i].tensor.written == (written != 0))
                tw_text_printf(text, " %s", recipe->tensor[launch->arg[i].tensor.id].label);
    }
    tw_text_puts(text, "\n");
}

static void print_stage(const tw_recipe *recipe, const tw_stage *stage, tw_text *text)
{
    tw_text_printf(text, "%s:", stage->label);
    for (int i = 0; i < stage->n_references; i++) {
        const tw_call *call = stage->reference[i].data;
        tw_text_printf(text, " %s", recipe->bound ? call->op->name : stage->reference[i].label);
    }
    if (!stage->n_candidates) {
        tw_text_puts(text, " (reference)\n");
        return;
    }
    const tw_candidate *candidate = stage->candidate[stage->chosen];
    tw_text_printf(text, " (%s)\n", candidate->name);
    for (int i = 0; i < candidate->n_launches; i++)
        print_launch(recipe, candidate->launch[i], text);
}

static const char *space_name(tw_space space)
{
    static const char *const names[] = {"none",      "input", "output", "params",
                                        "gradients", "work",  "keep",   "external"};
    return names[space];
}

static void print_memory(const tw_recipe *recipe, tw_text *text)
{
    tw_text_puts(text, "space        offset       bytes  launches     tensor\n");
    for (int i = 0; i < recipe->n_tensors; i++) {
        const tw_tensor *t = &recipe->tensor[i];
        if (t->first < 0)
            continue;
        tw_text_printf(text, "%-9s%10llu  %10llu  %4d - %-4d  %s\n", space_name(t->space),
                       (unsigned long long)t->offset, (unsigned long long)t->bytes, t->first,
                       t->last, t->label);
    }
    tw_text_printf(text, "peak %.2f MiB at batch %lld\n", (double)recipe->peak_bytes / 1048576,
                   (long long)recipe->batch);
}

tw_status tw_recipe_print(const tw_recipe *recipe, bool memory, tw_text *text)
{
    for (int s = 0; s < recipe->n_stages && !memory; s++)
        print_stage(recipe, &recipe->stage[s], text);
    if (memory)
        print_memory(recipe, text);
    return text->failed ? TW_ERROR_MEMORY : TW_OK;
}
