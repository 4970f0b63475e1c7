// SPDX-License-Identifier: Apache-2.0
// The context's inside, for the files of this room alone.
#ifndef TW_BASE_CONTEXT_H
#define TW_BASE_CONTEXT_H

#include "base/base.h"
#include <pthread.h>

struct tw_context {
    tw_allocator allocator;
    tw_log_function log;
    void *log_user;
    pthread_mutex_t log_mutex;   /* recursive: a log function may call the library */
    pthread_mutex_t cache_mutex; /* guards the three below */
    char *cache_folder;          /* NULL: nothing is kept on disk */
    bool cache_checked;          /* the folder was made, or cannot be */
    bool cache_usable;
};

#endif
