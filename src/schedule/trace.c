// SPDX-License-Identifier: Apache-2.0
// The trace of a runner in Chrome's format: one complete event ("X") for each launch and transfer.
#include "schedule/schedule.h"
#include <inttypes.h>
#include <time.h>

bool tw_trace_add(tw_runner *runner, const tw_trace_event *event)
{
    if (!tw_grow(runner->context, &runner->event, &runner->capacity_events, runner->n_events,
                 sizeof *runner->event))
        return false;
    runner->event[runner->n_events] = *event;
    runner->event[runner->n_events++].end = TW_MAX(event->start, event->end);
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
    for (int i = 0; i < runner->n_events && !text->failed; i++) {
        const tw_trace_event *event = &runner->event[i];
        const char last = text->length ? text->data[text->length - 1] : '[';
        tw_text_puts(text, last == '[' ? "\n{\"name\":" : ",\n{\"name\":");
        tw_text_json(text, event->label);
        tw_text_printf(text, ",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":%d",
                       lanes[event->lane], (int)event->lane);
        put_time(text, "ts", event->start);
        put_time(text, "dur", event->end - event->start);
        tw_text_puts(text, "}");
    }
    return text->failed ? TW_ERROR_MEMORY : TW_OK;
}

tw_status tw_runner_trace_read(tw_runner *runner, tw_trace_function visit, void *user,
                               tw_error *error)
{
    TW_TRY(tw_runner_wait(runner, error));
    for (int i = 0; i < runner->n_events; i++)
        visit(user, &runner->event[i]);
    runner->n_events = 0;
    return TW_OK;
}
