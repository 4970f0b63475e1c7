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
    const tw_op_row *row;
    int number, failed;
} tap;

/* One line of TAP: the row's text, then what of it was checked. */
static void report(void *user, const bool passed, const char *name, const char *message)
{
    tap *t = user;
    printf("%s %d - %s | %s", passed ? "ok" : "not ok", ++t->number, t->row->op, t->row->inputs);
    printf("%s%s [%s]\n", t->row->training ? " training" : "", t->row->batch ? " batch" : "", name);
    if (!passed)
        printf("# %s\n", message);
    t->failed += !passed;
    fflush(stdout);
}

static void run_row(tap *t, tw_context *context, row_bench *bench, const bool speed)
{
    row_case c;
    char message[ROW_MESSAGE] = "";
    if (!row_case_open(&c, context, t->row)) {
        report(t, false, "row", c.error.text);
        row_case_close(&c);
        return;
    }
    if (c.loss)
        report(t, row_check_gradient(&c, message), "gradient of the reference", message);
    const tw_family families[2] = {TW_FAMILY_SIMD, TW_FAMILY_SIMT};
    for (int i = 0; i < 2 && row_bench_caps(bench); i++) {
        row_check_kernels(bench, &c, families[i], ROW_FORWARD, speed, report, t);
        if (c.loss)
            row_check_kernels(bench, &c, families[i], ROW_GRADIENTS, speed, report, t);
    }
    row_case_close(&c);
}

int tw_op_main(int argc, char **argv, const char *name, const tw_op_row *rows, int count)
{
    const bool speed = argc > 1 && strcmp(argv[1], "--speed") == 0;
    const char *part = argc > 1 + speed ? argv[1 + speed] : "";
    tw_error error = {0};
    tw_context *context = NULL;
    row_bench *bench = NULL;
    tap t = {0};
    if (tw_context_create(NULL, &context, &error) != TW_OK ||
        !row_bench_open(&bench, context, &error)) {
        printf("Bail out! %s: %s\n", name, error.text);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        t.row = &rows[i];
        if (strstr(rows[i].op, part))
            run_row(&t, context, bench, speed);
    }
    row_bench_close(&bench);
    tw_context_destroy(&context);
    printf("1..%d\n", t.number);
    return t.failed != 0 || t.number == 0;
}
