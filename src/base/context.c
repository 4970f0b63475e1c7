// SPDX-License-Identifier: Apache-2.0
// The root object: made and destroyed, its log and its cache folder.
#include "base/context.h"
#include "base/text.h"
#include <stdlib.h>
#include <unistd.h>

const char *tw_version(void)
{
    return TW_VERSION;
}

static void *malloc_resize(void *user, void *pointer, size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size == 0) {
        free(pointer);
        return NULL;
    }
    return realloc(pointer, new_size);
}

/* "a" or "a/b", copied; NULL when memory is out. */
static char *join(tw_context *context, const char *a, const char *b)
{
    tw_text text = {.context = context};
    tw_text_puts(&text, a);
    tw_text_puts(&text, b);
    return tw_text_take(&text);
}

/* Sets the cache folder's path by the rules of context.h; false when memory is out. */
static bool choose_cache_folder(tw_context *context, const char *option)
{
    const char *folder = option ? option : getenv("THALWEG_CACHE");
    if (folder) {
        if (!*folder)
            return true;
        context->cache_folder = join(context, folder, "");
        return context->cache_folder != NULL;
    }
    /* The XDG base directory specification: a relative path is to be ignored. */
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/')
        context->cache_folder = join(context, xdg, "/thalweg");
    else if (home && *home)
        context->cache_folder = join(context, home, "/.cache/thalweg");
    else
        return true;
    return context->cache_folder != NULL;
}

static bool make_mutexes(tw_context *context)
{
    pthread_mutexattr_t recursive;
    if (pthread_mutexattr_init(&recursive) != 0)
        return false;
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    const bool made = pthread_mutex_init(&context->log_mutex, &recursive) == 0;
    pthread_mutexattr_destroy(&recursive);
    if (!made)
        return false;
    if (pthread_mutex_init(&context->cache_mutex, NULL) != 0) {
        pthread_mutex_destroy(&context->log_mutex);
        return false;
    }
    return true;
}

tw_status tw_context_create(const tw_context_options *options, tw_context **context,
                            tw_error *error)
{
    const tw_context_options defaults = {0};
    if (!options)
        options = &defaults;
    if (!context)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_context_create: context is NULL");
    if (options->allocator && !options->allocator->resize)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_context_create: allocator->resize is NULL");

    const tw_allocator allocator =
        options->allocator ? *options->allocator : (tw_allocator){malloc_resize, NULL};
    tw_context *made = allocator.resize(allocator.user, NULL, 0, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    *made =
        (tw_context){.allocator = allocator, .log = options->log, .log_user = options->log_user};
    if (!make_mutexes(made)) {
        allocator.resize(allocator.user, made, sizeof *made, 0);
        return tw_fail_memory(error);
    }
    if (!choose_cache_folder(made, options->cache_folder)) {
        tw_context_destroy(&made);
        return tw_fail_memory(error);
    }
    *context = made;
    return TW_OK;
}

void tw_context_destroy(tw_context **context)
{
    if (!context || !*context)
        return;
    tw_context *gone = *context;
    *context = NULL;
    tw_free(gone, gone->cache_folder);
    pthread_mutex_destroy(&gone->cache_mutex);
    pthread_mutex_destroy(&gone->log_mutex);
    const tw_allocator allocator = gone->allocator;
    allocator.resize(allocator.user, gone, sizeof *gone, 0);
}

/* Hands over each line of text; empty lines are dropped. text is cut up. */
static void log_lines(tw_context *context, tw_log_level level, char *text)
{
    pthread_mutex_lock(&context->log_mutex);
    for (char *line = text; *line;) {
        const size_t length = strcspn(line, "\r\n");
        const bool last = line[length] == '\0';
        line[length] = '\0';
        if (length > 0)
            context->log(context->log_user, level, line);
        line += length + !last;
    }
    pthread_mutex_unlock(&context->log_mutex);
}

void tw_log(tw_context *context, tw_log_level level, const char *format, ...)
{
    if (!context->log)
        return;
    char line[512], *text = line, *large = NULL;
    va_list args;
    va_start(args, format);
    const int length = tw_vformat(line, sizeof line, format, args);
    va_end(args);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof line) { /* when memory is out, the cut line has to do */
        large = tw_alloc(context, (size_t)length + 1);
        if (large) {
            va_start(args, format);
            tw_vformat(large, (size_t)length + 1, format, args);
            va_end(args);
            text = large;
        }
    }
    log_lines(context, level, text);
    tw_free(context, large);
}

const char *tw_cache_folder(tw_context *context)
{
    pthread_mutex_lock(&context->cache_mutex);
    if (!context->cache_checked) {
        context->cache_checked = true;
        context->cache_usable = context->cache_folder &&
                                tw_make_folder(context, context->cache_folder, NULL) == TW_OK &&
                                access(context->cache_folder, W_OK | X_OK) == 0;
    }
    const char *folder = context->cache_usable ? context->cache_folder : NULL;
    pthread_mutex_unlock(&context->cache_mutex);
    return folder;
}
