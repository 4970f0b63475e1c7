// SPDX-License-Identifier: Apache-2.0
// The trace of a runner in Chrome's format: one complete event ("X") for each launch and transfer.
#include "schedule/schedule.h"
#include <inttypes.h>
#include <time.h>

bool tw_trace_add(tw_runner *runner, const char *label, int lane, uint64_t start, uint64_t end)
{
    if (!tw_grow(runner->context, &runner->span, &runner->capacity_spans, runner->n_spans,
                 sizeof *runner->span))
        return false;
    runner->span[runner->n_spans++] = (tw_span){label, lane, start, TW_MAX(start, end)};
    return true;
}

uint64_t tw_trace_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

tw_status tw_runner_trace(tw_runner *runner, tw_error *error)
{
    if (runner->tracing)
        return TW_OK;
    TW_TRY(tw_runner_wait(runner, error));
    TW_TRY(runner->backend->queue_profile(runner->compute, error));
    if (runner->upload != runner->compute)
        TW_TRY(runner->backend->queue_profile(runner->upload, error));
    if (runner->download != runner->compute)
        TW_TRY(runner->backend->queue_profile(runner->download, error));
    runner->tracing = true;
    return TW_OK;
}

/* Nanoseconds as the microseconds that the format has. */
static void put_time(tw_text *text, const char *key, uint64_t nanoseconds)
{
    tw_text_printf(text, ",\"%s\":%" PRIu64 ".%03u", key, nanoseconds / 1000,
                   (unsigned)(nanoseconds % 1000));
}

tw_status tw_runner_trace_append(tw_runner *runner, tw_text *text)
{
    static const char *const lanes[] = {"upload", "compute", "download"};
    TW_TRY(tw_runner_wait(runner, NULL));
    for (int i = 0; i < runner->n_spans && !text->failed; i++) {
        const tw_span *span = &runner->span[i];
        const char last = text->length ? text->data[text->length - 1] : '[';
        tw_text_puts(text, last == '[' ? "\n{\"name\":" : ",\n{\"name\":");
        tw_text_json(text, span->label);
        tw_text_printf(text, ",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%d", lanes[span->lane],
                       span->lane);
        put_time(text, "ts", span->start);
        put_time(text, "dur", span->end - span->start);
        tw_text_puts(text, "}");
    }
    return text->failed ? TW_ERROR_MEMORY : TW_OK;
}
