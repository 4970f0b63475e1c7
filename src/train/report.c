// SPDX-License-Identifier: Apache-2.0
// What a trainer tells of itself: launches, memory, trace.
#include "train/trainer.h"

tw_status tw_trainer_print(const tw_trainer *trainer, bool memory, char **text, tw_error *error)
{
    if (trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a trainer made with evaluate_only has no launches of steps");
    tw_text out = {.context = trainer->context};
    for (int i = 0; i < trainer->n_lines; i++) {
        const tw_line *line = &trainer->line[i];
        if (trainer->n_lines > 1)
            tw_text_printf(&out, "%strain line %d\n", i ? "\n" : "", i + 1);
        tw_status status = tw_recipe_print(tw_runner_recipe(line->runner), memory, &out);
        if (status == TW_OK)
            status = tw_recipe_print(tw_runner_recipe(line->updater.runner), memory, &out);
        if (status != TW_OK) {
            tw_text_clear(&out);
            return tw_fail(error, status, "the launches cannot be printed: %s",
                           tw_status_text(status));
        }
    }
    if (out.failed || !(*text = tw_text_take(&out))) {
        tw_text_clear(&out);
        return tw_fail_memory(error);
    }
    return TW_OK;
}

uint64_t tw_trainer_memory(const tw_trainer *trainer)
{
    const uint64_t size = tw_caps_type_size(&trainer->caps, TW_F32);
    uint64_t bytes = (uint64_t)trainer->params->table.elements * size;
    if (trainer->gradients)
        bytes *= 2;
    for (int i = 0; i < trainer->n_lines && !trainer->options.evaluate_only; i++)
        bytes += tw_runner_memory(trainer->line[i].runner) +
                 tw_runner_memory(trainer->line[i].updater.runner) +
                 tw_updater_memory(&trainer->line[i].updater);
    return bytes + (trainer->evaluator.runner ? tw_runner_memory(trainer->evaluator.runner) : 0);
}

tw_status tw_trainer_trace(tw_trainer *trainer, tw_error *error)
{
    if (trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a trainer made with evaluate_only has no steps to trace");
    for (int i = 0; i < trainer->n_lines; i++) {
        TW_TRY(tw_runner_trace(trainer->line[i].runner, error));
        TW_TRY(tw_runner_trace(trainer->line[i].updater.runner, error));
    }
    return TW_OK;
}

static tw_status append(tw_runner *runner, tw_text *text)
{
    tw_text events = {.context = text->context};
    const tw_status status = tw_runner_trace_append(runner, &events);
    if (status == TW_OK && events.length > 0) {
        if (text->data && text->data[text->length - 1] != '[')
            tw_text_puts(text, ",\n");
        tw_text_append(text, events.data, events.length);
    }
    text->failed = text->failed || events.failed;
    tw_text_clear(&events);
    return status;
}

tw_status tw_trainer_trace_write(tw_trainer *trainer, const char *path, tw_error *error)
{
    if (trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a trainer made with evaluate_only has no steps to trace");
    TW_TRY(tw_trainer_finish(trainer, error));
    tw_text text = {.context = trainer->context};
    tw_text_puts(&text, "[");
    tw_status status = TW_OK;
    for (int i = 0; i < trainer->n_lines && status == TW_OK; i++) {
        status = append(trainer->line[i].runner, &text);
        if (status == TW_OK)
            status = append(trainer->line[i].updater.runner, &text);
    }
    tw_text_puts(&text, "]\n");
    if (status != TW_OK)
        (void)tw_fail(error, status, "the trace cannot be put together: %s",
                      tw_status_text(status));
    else
        status = text.failed ? tw_fail_memory(error)
                             : tw_write_file(trainer->context, path, text.data, text.length, error);
    tw_text_clear(&text);
    return status;
}

tw_status tw_trainer_trace_read(tw_trainer *trainer, tw_trace_function visit, void *user,
                                tw_error *error)
{
    if (trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a trainer made with evaluate_only has no steps to trace");
    TW_TRY(tw_trainer_finish(trainer, error));
    for (int i = 0; i < trainer->n_lines; i++) {
        TW_TRY(tw_runner_trace_read(trainer->line[i].runner, visit, user, error));
        TW_TRY(tw_runner_trace_read(trainer->line[i].updater.runner, visit, user, error));
    }
    return TW_OK;
}
