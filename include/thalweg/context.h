// SPDX-License-Identifier: Apache-2.0
// The root object: allocator, log, cache folder. There are no globals; everything is made from a
// context.
#ifndef THALWEG_CONTEXT_H
#define THALWEG_CONTEXT_H

#include <stddef.h>
#include <thalweg/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_context tw_context;

/* One function is the whole allocator: pointer NULL allocates, new_size 0 frees (and returns NULL),
 * otherwise it resizes. Results are aligned for any type. Called from any thread. */
typedef struct tw_allocator {
    void *(*resize)(void *user, void *pointer, size_t old_size, size_t new_size);
    void *user;
} tw_allocator;

typedef enum tw_log_level { TW_LOG_DEBUG, TW_LOG_INFO, TW_LOG_WARNING } tw_log_level;

/* Receives one line without a line end. Called from any thread, one call at a time. */
typedef void (*tw_log_function)(void *user, tw_log_level level, const char *line);

/* Zero means default everywhere. */
typedef struct tw_context_options {
    const tw_allocator *allocator; /* copied; NULL: malloc */
    tw_log_function log;           /* NULL: silent. The library itself prints nothing */
    void *log_user;                /* borrowed until the context is destroyed */
    const char *cache_folder; /* copied; NULL: $THALWEG_CACHE, else $XDG_CACHE_HOME/thalweg, else
                                 ~/.cache/thalweg.
                                 "" writes nothing to disk */
} tw_context_options;

/* options: borrowed for the call, NULL for defaults. The context is shareable between threads and
 * must outlive every object made from it. Errors: MEMORY. */
TW_API TW_NODISCARD tw_status tw_context_create(const tw_context_options *options,
                                                tw_context **context, tw_error *error);
TW_API void tw_context_destroy(tw_context **context); /* accepts NULL, sets NULL */

/* The library's version, "0.1.0". */
TW_API const char *tw_version(void);

#ifdef __cplusplus
}
#endif
#endif
