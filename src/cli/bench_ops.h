// SPDX-License-Identifier: Apache-2.0
// thalweg bench --ops: its rows, what is measured of each, and a saved run to hold them against.
#ifndef THALWEG_CLI_BENCH_OPS_H
#define THALWEG_CLI_BENCH_OPS_H

#include "cli.h"

typedef enum bench_launches {
    BENCH_PLAN,             /* all launches of a plan */
    BENCH_OPTIMIZER_ITSELF, /* of a training step: the optimizer's */
    BENCH_OTHERS            /* of a training step: all but the optimizer's */
} bench_launches;

/* A row of bench/ops.def. */
typedef struct bench_row {
    const char *operator, * shapes;
    int64_t batch;
    const char *inputs;    /* "a f32[n,3]; b i32[n] classes=5" */
    const char *text;      /* lines of a model */
    const char *outputs;   /* names; NULL: a training step */
    const char *optimizer; /* of a training step */
    bench_launches launches;
    double operations, bytes; /* bytes 0: those of inputs and outputs */
} bench_row;

/* 0: not known (the host device). */
typedef struct bench_limits {
    double gflops; /* the best of the run */
    double least_gbytes, most_gbytes;
} bench_limits;

/* What was measured. Times are milliseconds of a pass. */
typedef struct bench_result {
    const bench_row *row;
    int passes;
    double best, median;
    double bytes;
    double gbytes_limit; /* the best triad beside its passes: memory shared with other machines is
                            faster at one time than at another */
    double launch_limit; /* milliseconds of its launches, computed nothing; 0: not known */
    double then; /* this row's time in the saved run, as it would be with this run's limits; 0: it
                    is not in there */
} bench_result;

/* The limit that binds a row, and the part of it that was reached; 0 where nothing is known. */
typedef enum bench_limit { BENCH_ARITHMETIC, BENCH_MEMORY, BENCH_LAUNCH } bench_limit;
typedef struct bench_share {
    bench_limit limit;
    double fraction;
} bench_share;
/* "memory" */
const char *bench_limit_name(bench_limit limit);
bench_share bench_share_of(const bench_result *result, const bench_limits *limits);

/* The table: rows whose "operator shapes" hold one of the names, or all. *count of them, which the
 * caller frees; NULL when memory is out. */
const bench_row **bench_rows_find(int n_names, const char *const *names, int *count);
/* The operator that is nearest to a name. */
const char *bench_rows_nearest(const char *name);

/* Measures one row. meter: NULL on the host. */
int bench_row_time(const cli_session *session, const cli_args *args, const bench_row *row,
                   tw_meter *meter, bench_result *result);

/* A run that was saved with --json; gives a line on stderr if the file is no such run. */
typedef struct bench_saved bench_saved;
int bench_saved_read(const char *path, bench_saved **saved);
void bench_saved_free(bench_saved **saved);
/* Whether it was of that device. */
bool bench_saved_is_of(const bench_saved *saved, const char *device);
/* Fills result->then. */
void bench_saved_compare(const bench_saved *saved, const bench_limits *limits,
                         bench_result *result);
/* A row has become slower by more than 10 %. */
bool bench_is_slower(const bench_result *result);

void bench_print_json(const tw_device_info *info, const bench_limits *limits,
                      const bench_result *results, int count);
/* saved: a further column. */
void bench_print_table(const tw_device_info *info, const bench_limits *limits, bool saved,
                       const bench_result *results, int count);

int cli_bench_ops(const cli_args *args);

#endif
