// SPDX-License-Identifier: Apache-2.0
// What the tests of the schedule room share: a context that keeps its last log line, devices, a
// small model.
#ifndef TW_TESTS_SCHEDULE_H
#define TW_TESTS_SCHEDULE_H

#include "harness.h"
#include <stdint.h>
#include <thalweg/thalweg.h>

/* Counts the warnings that name a kernel (not the lines of a compiler's log), and keeps the last.
 */
typedef struct watch {
    int warnings;
    char last[600];
} watch;

static inline void watch_log(void *user, tw_log_level level, const char *line)
{
    watch *seen = user;
    if (level != TW_LOG_WARNING || !(strstr(line, "struck off") || strstr(line, "recorded kernel")))
        return;
    seen->warnings++;
    snprintf(seen->last, sizeof seen->last, "%s", line);
}

/* A context that writes to `cache` ("" : to nowhere). */
static inline tw_context *open_context(watch *seen, const char *cache)
{
    tw_context_options options = {
        .log = seen ? watch_log : NULL, .log_user = seen, .cache_folder = cache};
    tw_context *context = NULL;
    tw_error error;
    CHECK_OK(tw_context_create(&options, &context, &error), error);
    return context;
}

/* "host", or NULL for the OpenCL device under test; NULL (and a failure) when it cannot be opened.
 */
static inline tw_device *open_device(tw_context *context, const char *select)
{
    tw_device *device = NULL;
    tw_error error;
    CHECK_OK(tw_device_open(context, select, &device, &error), error);
    return device;
}

static inline tw_graph *parse(tw_context *context, const char *text)
{
    tw_graph *graph = NULL;
    tw_error error;
    CHECK_OK(tw_graph_parse(context, text, strlen(text), &graph, &error), error);
    return graph;
}

/* Elementwise operators alone: y = tanh(a * x + b), z = x * x. */
static const char small_model[] = "thalweg 1\n"
                                  "x = input f32[n,5]\n"
                                  "a = parameter f32[5] init=\"uniform min=-1 max=1\"\n"
                                  "b = parameter f32[1] init=\"constant value=0.25\"\n"
                                  "p = mul(x, a)\n"
                                  "q = add(p, b)\n"
                                  "y = tanh(q)\n"
                                  "z = mul(x, x)\n";

#endif
