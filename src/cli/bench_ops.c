// SPDX-License-Identifier: Apache-2.0
// thalweg bench --ops: each operator's rate beside the limits of the device, measured in the same
// run.
#include <stdlib.h>
#include <unistd.h>

#include "bench_ops.h"

static void show_progress(const bench_row *row, int number, int count)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (row)
        (void)fprintf(stderr, "\r\033[K%d of %d: %s %s", number, count, row->operator, row->shapes);
    else
        (void)fprintf(stderr, "\r\033[K");
}

/* A row that looks slower than it was is measured again: the machine may have been busy. */
static int measure_row(const cli_session *session, const cli_args *args, const bench_row *row,
                       tw_meter *meter, const bench_saved *saved, bench_result *result)
{
    int code = bench_row_time(session, args, row, meter, result);
    for (int again = 0; again < 2 && saved && code == CLI_DONE; again++) {
        bench_result next;
        bench_saved_compare(saved, result);
        if (!bench_is_slower(result))
            break;
        code = bench_row_time(session, args, row, meter, &next);
        bench_saved_compare(saved, &next);
        if (code == CLI_DONE && next.best * result->then < result->best * next.then)
            *result = next;
    }
    return code;
}

static int measure_rows(const cli_session *session, const cli_args *args, tw_meter *meter,
                        const bench_row **rows, int count, const bench_saved *saved,
                        bench_result *results)
{
    int code = CLI_DONE;
    for (int i = 0; i < count && code == CLI_DONE; i++) {
        show_progress(rows[i], i + 1, count);
        code = measure_row(session, args, rows[i], meter, saved, &results[i]);
        if (code != CLI_DONE)
            (void)cli_fail(code, "the row was %s %s", rows[i]->operator, rows[i]->shapes);
    }
    show_progress(NULL, 0, 0);
    return code;
}

static int measure(const cli_session *session, const cli_args *args, const bench_row **rows,
                   int count, const bench_saved *saved, bench_result *results)
{
    tw_meter *meter = NULL;
    tw_error error;
    const tw_status status = tw_meter_create(session->device, &meter, &error);
    if (status != TW_OK && status != TW_ERROR_UNSUPPORTED) /* the host has no limits */
        return cli_error(&error, NULL);
    const int code = measure_rows(session, args, meter, rows, count, saved, results);
    tw_meter_destroy(&meter);
    return code;
}

/* The table, and the exit code that a saved run asks for. */
static int report(const cli_session *session, const cli_args *args, const bench_saved *saved,
                  bench_result *results, int count)
{
    tw_device_info info;
    int slower = 0, common = 0;
    tw_device_describe(session->device, &info);
    for (int i = 0; i < count && saved; i++) {
        bench_saved_compare(saved, &results[i]);
        slower += bench_is_slower(&results[i]);
        common += results[i].then > 0;
    }
    if (args->json)
        bench_print_json(&info, results, count);
    else
        bench_print_table(&info, saved != NULL, results, count);
    if (!saved)
        return CLI_DONE;
    if (!bench_saved_is_of(saved, info.name))
        (void)cli_fail(CLI_DONE, "%s is of another device", args->against);
    if (common == 0)
        return cli_fail(CLI_FAILED, "%s has none of these rows", args->against);
    if (slower > 0)
        return cli_fail(CLI_FAILED, "%d of %d rows are slower than in %s by more than 10 %%",
                        slower, common, args->against);
    return CLI_DONE;
}

static int run_rows(const cli_args *args, const bench_row **rows, int count,
                    const bench_saved *saved)
{
    cli_session session = {.context = NULL};
    tw_error error;
    bench_result *results = calloc((size_t)count, sizeof *results);
    if (!results)
        return cli_fail(CLI_FAILED, "out of memory");
    int code = cli_open_context(&session);
    if (code == CLI_DONE &&
        tw_device_open(session.context, args->device, &session.device, &error) != TW_OK)
        code = cli_error(&error, NULL);
    if (code == CLI_DONE)
        code = measure(&session, args, rows, count, saved, results);
    if (code == CLI_DONE)
        code = report(&session, args, saved, results, count);
    cli_close(&session);
    free(results);
    return code;
}

int cli_bench_ops(const cli_args *args)
{
    int count = 0, code = CLI_DONE;
    bench_saved *saved = NULL;
    for (int i = 0; i < args->n_operands; i++) {
        const bench_row **rows = bench_rows_find(1, &args->operands[i], &count);
        free(rows);
        if (rows && count == 0)
            return cli_fail(CLI_USAGE, "there are no rows \"%s\": did you mean %s?",
                            args->operands[i], bench_rows_nearest(args->operands[i]));
    }
    const bench_row **rows = bench_rows_find(args->n_operands, args->operands, &count);
    if (!rows)
        return cli_fail(CLI_FAILED, "out of memory");
    if (args->against)
        code = bench_saved_read(args->against, &saved);
    if (code == CLI_DONE)
        code = run_rows(args, rows, count, saved);
    bench_saved_free(&saved);
    free(rows);
    return code;
}
