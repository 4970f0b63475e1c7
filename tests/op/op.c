// SPDX-License-Identifier: Apache-2.0
// Makes of each row of an operator's tests: the reference's gradient against differences, then
// every candidate kernel of both families, forward and gradient, against the reference
// (tests/op/runner).
//
//     test_op_dense [--speed] [PART]     rows whose text contains PART; --speed times each
//     candidate
#include "op/op.h"
#include "runner/runner.h"
#include <stdio.h>
#include <stdlib.h>

typedef struct tap {
    int number, failed;
} tap;

/* One line of TAP: the row's text, then what of it was checked. */
static void report(void *user, const tw_op_row *row, const bool passed, const char *name,
                   const char *message)
{
    tap *t = user;
    printf("%s %d - %s | %s", passed ? "ok" : "not ok", ++t->number, row->op, row->inputs);
    printf("%s [%s]\n", row->training ? " | training" : "", name);
    if (!passed)
        printf("# %s\n", message);
    t->failed += !passed;
    fflush(stdout);
}

/* Opens the row, checks its gradient, and hands its recipes to the bench. NULL: there is nothing to
 * wait for. */
static row_case *start_row(tap *t, tw_context *context, row_bench *bench, const tw_op_row *row)
{
    char message[ROW_MESSAGE] = "";
    row_case *c = malloc(sizeof *c);
    if (!row_case_open(c, context, row)) {
        report(t, row, false, "row", c->error.text);
        row_case_close(c);
        free(c);
        return NULL;
    }
    if (c->loss && !c->rough) {
        const bool good = row_check_gradient(c, message);
        report(t, row, good, "gradient of the reference", message);
    }
    const tw_family families[2] = {TW_FAMILY_SIMD, TW_FAMILY_SIMT};
    for (int i = 0; i < 2 && row_bench_caps(bench); i++) {
        row_bench_add(bench, c, families[i], ROW_FORWARD);
        if (c->loss)
            row_bench_add(bench, c, families[i], ROW_GRADIENTS);
    }
    return c;
}

static void finish_rows(row_bench *bench, row_case **cases, int *count)
{
    row_bench_run(bench);
    while (*count > 0) {
        row_case *c = cases[--*count];
        row_case_close(c);
        free(c);
    }
}

static void run_rows(tap *t, tw_context *context, row_bench *bench, const char *part,
                     const tw_op_row *rows, const int count)
{
    row_case **cases = calloc((size_t)count, sizeof(row_case *));
    int waiting = 0;
    for (int i = 0; i < count; i++) {
        row_case *c = strstr(rows[i].op, part) ? start_row(t, context, bench, &rows[i]) : NULL;
        if (c)
            cases[waiting++] = c;
        if (row_bench_full(bench))
            finish_rows(bench, cases, &waiting);
    }
    finish_rows(bench, cases, &waiting);
    free(cases);
}

int tw_op_main(int argc, char **argv, const char *name, const tw_op_row *rows, int count)
{
    const bool speed = argc > 1 && strcmp(argv[1], "--speed") == 0;
    const char *part = argc > 1 + speed ? argv[1 + speed] : "";
    tw_error error = {0};
    tw_context *context = NULL;
    row_bench *bench = NULL;
    tap t = {0};
    if (tw_context_create(NULL, &context, &error) == TW_OK &&
        row_bench_open(&bench, context, speed, report, &t, &error)) {
        run_rows(&t, context, bench, part, rows, count);
        printf("1..%d\n", t.number);
    } else {
        printf("Bail out! %s: %s\n", name, error.text);
    }
    row_bench_close(&bench);
    tw_context_destroy(&context);
    return t.failed != 0 || t.number == 0;
}
