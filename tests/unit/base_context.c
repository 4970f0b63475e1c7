// SPDX-License-Identifier: Apache-2.0
// Contexts, statuses, errors, the log and the cache folder.
#include "base/base.h"
#include "base/text.h"
#include "failing.h"
#include "harness.h"
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

static tw_error error;

static void statuses(void)
{
    CHECK_TEXT(tw_status_name(TW_OK), "TW_OK");
    CHECK_TEXT(tw_status_name(TW_ERROR_SHAPE), "TW_ERROR_SHAPE");
    CHECK_TEXT(tw_status_text(TW_ERROR_SHAPE), "shapes do not fit");
    CHECK_TEXT(tw_status_name((tw_status)999), "TW_STATUS_UNKNOWN");
    CHECK_TEXT(tw_status_text((tw_status)999), "unknown status");
    CHECK(TW_ERROR_INTERNAL == 17);
    CHECK_TEXT(tw_version(), TW_VERSION);
}

static void errors(void)
{
    CHECK(tw_fail(&error, TW_ERROR_NAME, "no %s", "name") == TW_ERROR_NAME);
    CHECK(error.code == TW_ERROR_NAME && error.line == 0 && error.column == 0);
    CHECK_TEXT(error.text, "no name");
    CHECK(tw_fail_at(&error, TW_ERROR_SYNTAX, 3, 7, "bad %d", 1) == TW_ERROR_SYNTAX);
    CHECK(error.line == 3 && error.column == 7);
    CHECK(tw_fail(&error, TW_ERROR_FILE, "while reading: %s", error.text) ==
          TW_ERROR_FILE); /* wraps itself */
    CHECK_TEXT(error.text, "while reading: bad 1");
    CHECK(tw_fail(NULL, TW_ERROR_DATA, "unseen") == TW_ERROR_DATA);
    CHECK(tw_fail_memory(&error) == TW_ERROR_MEMORY);
    CHECK_HAS(error.text, "out of host memory");
}

static void long_errors(void)
{
    char text[1200];
    /* Each of the four last bytes that fit may be within a character of 4 bytes: none may be cut in
     * two. */
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        tw_fail(&error, TW_ERROR_NAME, "%s", text);
        const size_t length = strlen(error.text);
        CHECK((length - shift) % 4 == 0 && length >= sizeof error.text - 4 &&
              length < sizeof error.text);
        CHECK(memcmp(error.text, text, length) == 0);
    }
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    tw_fail(&error, TW_ERROR_NAME, "%s", text);
    CHECK(strlen(error.text) == sizeof error.text - 1);
}

static void create(void)
{
    tw_context *context = NULL;
    CHECK_OK(tw_context_create(NULL, &context, &error), error);
    tw_log(context, TW_LOG_WARNING, "nobody listens");
    tw_context_destroy(&context);
    CHECK(context == NULL);
    tw_context_destroy(&context);
    tw_context_destroy(NULL);

    CHECK(tw_context_create(NULL, NULL, &error) == TW_ERROR_ARGUMENT);
    const tw_allocator none = {NULL, NULL};
    CHECK(tw_context_create(&(tw_context_options){.allocator = &none}, &context, &error) ==
          TW_ERROR_ARGUMENT);
    CHECK(context == NULL);
}

static void create_without_memory(void)
{
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    const tw_context_options options = {.allocator = &allocator, .cache_folder = "/tmp/unused"};
    tw_context *context = NULL;
    CHECK_OK(tw_context_create(&options, &context, &error), error);
    tw_context_destroy(&context);
    const long calls = memory.calls;
    CHECK(calls >= 2 && memory.live == 0 && memory.bytes == 0 && memory.wrong == 0);
    for (long i = 0; i < calls; i++) {
        memory.fail_at = memory.calls + i;
        CHECK(tw_context_create(&options, &context, &error) == TW_ERROR_MEMORY);
        CHECK(context == NULL && memory.live == 0);
    }
}

/* ---- log ---- */

typedef struct listener {
    tw_context *context; /* not NULL: log again from within */
    char lines[40][100];
    int count, inside, overlaps;
    size_t longest;
    tw_log_level level;
} listener;

static void listen(void *user, tw_log_level level, const char *line)
{
    listener *l = user;
    if (l->inside && !l->context)
        l->overlaps++;
    l->inside = 1;
    sched_yield(); /* a chance for another thread to come in */
    l->level = level;
    l->longest = TW_MAX(l->longest, strlen(line));
    snprintf(l->lines[l->count % 40], sizeof l->lines[0], "%.99s", line);
    l->count++;
    if (l->context) {
        tw_context *context = l->context;
        l->context = NULL;
        tw_log(context, TW_LOG_INFO, "from within");
    }
    l->inside = 0;
}

static void log_lines(void)
{
    listener l = {0};
    tw_context *context;
    CHECK_OK(
        tw_context_create(&(tw_context_options){.log = listen, .log_user = &l}, &context, &error),
        error);
    tw_log(context, TW_LOG_WARNING, "one %d\ntwo\r\n\n%s", 1, "three\n");
    CHECK(l.count == 3 && l.level == TW_LOG_WARNING);
    CHECK_TEXT(l.lines[0], "one 1");
    CHECK_TEXT(l.lines[1], "two");
    CHECK_TEXT(l.lines[2], "three");
    tw_log(context, TW_LOG_INFO, "%s", "");
    CHECK(l.count == 3);

    char text[3000];
    memset(text, 'y', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    tw_log(context, TW_LOG_DEBUG, "%s", text);
    CHECK(l.count == 4 && l.longest == sizeof text - 1 && l.level == TW_LOG_DEBUG);

    l.context = context;
    tw_log(context, TW_LOG_DEBUG, "outer");
    CHECK(l.count == 6);
    CHECK_TEXT(l.lines[5], "from within");
    tw_context_destroy(&context);
}

static void *log_much(void *user)
{
    for (int i = 0; i < 500; i++)
        tw_log(user, TW_LOG_INFO, "line");
    return NULL;
}

static void log_from_threads(void)
{
    listener l = {0};
    tw_context *context;
    CHECK_OK(
        tw_context_create(&(tw_context_options){.log = listen, .log_user = &l}, &context, &error),
        error);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, log_much, context) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK(l.count == 2000 && l.overlaps == 0);
    tw_context_destroy(&context);
}

/* ---- cache folder ---- */

static char folder[200];

/* The cache folder of a context made with this option, as text; "" for none. */
static const char *cache_of(const char *option, char *buffer)
{
    tw_context *context;
    CHECK_OK(tw_context_create(&(tw_context_options){.cache_folder = option}, &context, &error),
             error);
    const char *found = tw_cache_folder(context);
    CHECK(found == tw_cache_folder(context));
    strcpy(buffer, found ? found : "");
    tw_context_destroy(&context);
    return buffer;
}

static void cache_folder(void)
{
    char path[300], got[300];
    const char *before = getenv("THALWEG_CACHE");
    char *kept = before ? strdup(before) : NULL;
    strcpy(folder, "/tmp/tw_test_cache_XXXXXX");
    CHECK(mkdtemp(folder) != NULL);

    snprintf(path, sizeof path, "%s/a/b", folder);
    CHECK_TEXT(cache_of(path, got), path);
    struct stat info;
    CHECK(stat(path, &info) == 0 && S_ISDIR(info.st_mode));
    CHECK_TEXT(cache_of("", got), "");

    snprintf(path, sizeof path, "%s/env", folder);
    setenv("THALWEG_CACHE", path, 1);
    CHECK_TEXT(cache_of(NULL, got), path);
    CHECK_TEXT(cache_of("", got), "");
    setenv("THALWEG_CACHE", "", 1);
    CHECK_TEXT(cache_of(NULL, got), "");
    unsetenv("THALWEG_CACHE");

    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char *kept_xdg = xdg ? strdup(xdg) : NULL, *kept_home = home ? strdup(home) : NULL;
    setenv("XDG_CACHE_HOME", folder, 1);
    snprintf(path, sizeof path, "%s/thalweg", folder);
    CHECK_TEXT(cache_of(NULL, got), path);
    setenv("XDG_CACHE_HOME", "relative", 1);
    setenv("HOME", folder, 1);
    snprintf(path, sizeof path, "%s/.cache/thalweg", folder);
    CHECK_TEXT(cache_of(NULL, got), path);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    CHECK_TEXT(cache_of(NULL, got), "");

    /* A file stands where the folder should be. */
    snprintf(path, sizeof path, "%s/file", folder);
    FILE *file = fopen(path, "w");
    CHECK(file && fclose(file) == 0);
    CHECK_TEXT(cache_of(path, got), "");
    strcat(path, "/below");
    CHECK_TEXT(cache_of(path, got), "");

    if (kept)
        setenv("THALWEG_CACHE", kept, 1);
    if (kept_xdg)
        setenv("XDG_CACHE_HOME", kept_xdg, 1);
    if (kept_home)
        setenv("HOME", kept_home, 1);
    free(kept);
    free(kept_xdg);
    free(kept_home);
    snprintf(path, sizeof path, "rm -r %s", folder);
    CHECK(system(path) == 0);
}

TESTS(T(statuses), T(errors), T(long_errors), T(create), T(create_without_memory), T(log_lines),
      T(log_from_threads), T(cache_folder))
