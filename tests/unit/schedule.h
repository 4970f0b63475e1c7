// SPDX-License-Identifier: Apache-2.0
// What the tests of the schedule room share: a context that keeps its last log line, devices, a
// model with its weights, a small model, and cache folders.
#ifndef TW_TESTS_SCHEDULE_H
#define TW_TESTS_SCHEDULE_H

#include "harness.h"
#include <dirent.h>
#include <stdint.h>
#include <thalweg/thalweg.h>
#include <unistd.h>

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

/* A model, its weights on a device, and room for a plan of it. */
typedef struct setup {
    tw_context *context;
    tw_device *device;
    tw_graph *graph;
    tw_params *params;
    tw_plan *plan;
    tw_error error;
} setup;

/* select: as for open_device; cache: as for open_context. */
static inline void open_setup(setup *s, const char *cache, const char *select, const char *text,
                              uint64_t seed)
{
    *s = (setup){.context = open_context(NULL, cache)};
    s->device = open_device(s->context, select);
    s->graph = parse(s->context, text);
    CHECK_OK(tw_params_create(s->graph, s->device, seed, &s->params, &s->error), s->error);
}

static inline void close_setup(setup *s)
{
    tw_plan_destroy(&s->plan);
    tw_params_destroy(&s->params);
    tw_graph_destroy(&s->graph);
    tw_device_destroy(&s->device);
    tw_context_destroy(&s->context);
}

/* ---- a cache folder ---- */

/* Makes an empty one and writes its path to folder. */
static inline void make_folder(char folder[64])
{
    snprintf(folder, 64, "/tmp/thalweg-test-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
}

/* The path of the file in the folder whose name begins so; "": none. */
static inline void find_file(const char *folder, const char *start, char path[200])
{
    *path = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' && strncmp(e->d_name, start, strlen(start)) == 0)
            snprintf(path, 200, "%.60s/%.100s", folder, e->d_name);
    if (d)
        closedir(d);
}

static inline void remove_folder(const char *folder)
{
    char path[200];
    for (find_file(folder, "", path); *path; find_file(folder, "", path))
        unlink(path);
    CHECK(rmdir(folder) == 0);
}

/* How often a word stands in the folder's file whose name begins so. */
static inline int count_in_file(const char *folder, const char *start, const char *word)
{
    char path[200], text[8000];
    find_file(folder, start, path);
    FILE *file = *path ? fopen(path, "r") : NULL;
    if (!file)
        return 0;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    return count;
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
