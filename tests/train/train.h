// SPDX-License-Identifier: Apache-2.0
// What the training tests share: a model text made into a trainer.
#ifndef TW_TESTS_TRAIN_H
#define TW_TESTS_TRAIN_H

#include <thalweg/thalweg.h>

typedef struct session {
    tw_context *context;
    tw_graph *graph;
    tw_device *device;
    tw_params *params;
    tw_trainer *trainer;
    tw_error error;
} session;

static inline void session_close(session *s)
{
    tw_trainer_destroy(&s->trainer);
    tw_params_destroy(&s->params);
    tw_device_destroy(&s->device);
    tw_graph_destroy(&s->graph);
    tw_context_destroy(&s->context);
}

/* device NULL: the first OpenCL device. A failure counts and is closed. */
static inline bool session_open(session *s, const char *text, const char *device,
                                const tw_trainer_options *options)
{
    const int before = tw_failures;
    *s = (session){.context = NULL};
    CHECK_OK(tw_context_create(NULL, &s->context, &s->error), s->error);
    if (tw_failures == before)
        CHECK_OK(tw_graph_parse(s->context, text, strlen(text), &s->graph, &s->error), s->error);
    if (tw_failures == before)
        CHECK_OK(tw_device_open(s->context, device, &s->device, &s->error), s->error);
    if (tw_failures == before)
        CHECK_OK(tw_params_create(s->graph, s->device, options ? options->seed : 0, &s->params,
                                  &s->error),
                 s->error);
    if (tw_failures == before)
        CHECK_OK(tw_trainer_create(s->params, options, &s->trainer, &s->error), s->error);
    if (tw_failures == before)
        return true;
    session_close(s);
    return false;
}

/* Whether there is an OpenCL device; a test on one passes where there is none. */
static inline bool have_device(void)
{
    tw_context *context = NULL;
    tw_device *device = NULL;
    tw_error error;
    const bool have = tw_context_create(NULL, &context, &error) == TW_OK &&
                      tw_device_open(context, NULL, &device, &error) == TW_OK;
    if (!have)
        printf("# no OpenCL device: nothing is tested on one\n");
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    return have;
}

#endif
