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

typedef enum bench_limit {
    BENCH_ARITHMETIC, /* 1e9 operations a second */
    BENCH_MEMORY,     /* 1e9 bytes a second */
    BENCH_LAUNCH,     /* milliseconds of a pass's launches, computing nothing */
    BENCH_LIMITS
} bench_limit;

/* What was measured. Times are milliseconds of a pass. A machine that is shared with others is
 * faster at one time than at another, in its arithmetic and in its memory: so the limits are
 * measured before and behind each block of passes, and the block is held against them. */
typedef struct bench_result {
    const bench_row *row;
    int passes;
    double best, median;
    double bytes;
    double limit[BENCH_LIMITS]; /* the best beside its blocks; 0: not known (the host device) */
    double part[BENCH_LIMITS];  /* of each limit, reached by a block's best pass: the median of the
                                   blocks */
    double then; /* this row's time in the saved run, as it would be with this run's limits; 0: it
                    is not in there */
} bench_result;

/* The limit that binds a row, and the part of it that was reached; 0 where nothing is known. */
typedef struct bench_share {
    bench_limit limit;
    double fraction;
} bench_share;
/* "memory" */
const char *bench_limit_name(bench_limit limit);
bench_share bench_share_of(const bench_result *result);

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
void bench_saved_compare(const bench_saved *saved, bench_result *result);
/* A row has become slower by more than 10 %. */
bool bench_is_slower(const bench_result *result);

void bench_print_json(const tw_device_info *info, const bench_result *results, int count);
/* saved: a further column. */
void bench_print_table(const tw_device_info *info, bool saved, const bench_result *results,
                       int count);

int cli_bench_ops(const cli_args *args);

#endif
