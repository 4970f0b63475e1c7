// SPDX-License-Identifier: Apache-2.0
// The tests' runner: a table of functions, one TAP line each, so that Meson and tools/check.sh can
// count them.
//
//     static void adds(void) { CHECK(1 + 1 == 2); }
//     TESTS(T(adds))
#ifndef TW_TESTS_HARNESS_H
#define TW_TESTS_HARNESS_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tw_failures; /* of the running test */

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("# %s:%d: %s is false\n", __FILE__, __LINE__, #condition);                      \
            tw_failures++;                                                                         \
        }                                                                                          \
    } while (0)
/* status == TW_OK, else prints the error's text */
#define CHECK_OK(call, error)                                                                      \
    do {                                                                                           \
        if ((call) != TW_OK) {                                                                     \
            printf("# %s:%d: %s: %s\n", __FILE__, __LINE__, #call, (error).text);                  \
            tw_failures++;                                                                         \
        }                                                                                          \
    } while (0)
#define CHECK_TEXT(got, want)                                                                      \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        if (!got_ || strcmp(got_, want_) != 0) {                                                   \
            printf("# %s:%d: got  \"%s\"\n# want \"%s\"\n", __FILE__, __LINE__,                    \
                   got_ ? got_ : "NULL", want_);                                                   \
            tw_failures++;                                                                         \
        }                                                                                          \
    } while (0)
#define CHECK_HAS(got, part)                                                                       \
    do {                                                                                           \
        const char *got_ = (got), *part_ = (part);                                                 \
        if (!got_ || !strstr(got_, part_)) {                                                       \
            printf("# %s:%d: \"%s\" does not contain \"%s\"\n", __FILE__, __LINE__,                \
                   got_ ? got_ : "NULL", part_);                                                   \
            tw_failures++;                                                                         \
        }                                                                                          \
    } while (0)
#define CHECK_NEAR(got, want, tolerance)                                                           \
    do {                                                                                           \
        const double got_ = (got), want_ = (want);                                                 \
        if (!(fabs(got_ - want_) <= (tolerance))) {                                                \
            printf("# %s:%d: got %.17g, want %.17g\n", __FILE__, __LINE__, got_, want_);           \
            tw_failures++;                                                                         \
        }                                                                                          \
    } while (0)

typedef struct tw_test {
    const char *name;
    void (*run)(void);
} tw_test;

/* Runs all tests, or those whose name contains argv[1]. */
static int tw_run_tests(int argc, char **argv, const tw_test *tests, int count)
{
    int failed = 0, number = 0;
    for (int i = 0; i < count; i++) {
        if (argc > 1 && !strstr(tests[i].name, argv[1]))
            continue;
        tw_failures = 0;
        tests[i].run();
        printf("%s %d - %s\n", tw_failures ? "not ok" : "ok", ++number, tests[i].name);
        fflush(stdout);
        failed += tw_failures != 0;
    }
    printf("1..%d\n", number);
    return failed != 0;
}

#define T(function)                                                                                \
    {                                                                                              \
#function, function                                                                        \
    }
#define TESTS(...)                                                                                 \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        static const tw_test tests[] = {__VA_ARGS__};                                              \
        return tw_run_tests(argc, argv, tests, (int)(sizeof tests / sizeof *tests));               \
    }

#endif
