// SPDX-License-Identifier: Apache-2.0
// Measures one row of thalweg bench --ops: device time of its launches, by their trace.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench_ops.h"

#define MAX_PORTS 8
#define MAX_LAUNCHES 64
#define WARM_UP 2 /* runs that are not counted: both of the two in flight have their own memory */
#define LEAST 3   /* passes of a block */
#define MOST 50
#define BLOCKS 5     /* of passes, with the limits measured before each and behind the last */
#define SECONDS 0.04 /* that the passes of a block may take beyond the least number */

typedef struct work {
    const cli_session *session;
    const bench_row *row;
    tw_graph *graph;
    tw_params *params;
    tw_plan *plan; /* or trainer */
    tw_trainer *trainer;
    void *input[MAX_PORTS];
    double nanoseconds; /* of the pass under way */
    int launches;       /* of it, and the groups of each */
    int64_t groups[MAX_LAUNCHES];
    double pass[BLOCKS * MOST];
    int passes;
    double block[BLOCKS];                   /* the best pass of each */
    double limit[BLOCKS + 1][BENCH_LIMITS]; /* before each, and behind the last */
    double bytes;                           /* of the plan's inputs and outputs */
} work;

/* ---- the model of a row ---- */

/* "a f32[n,3]; b ..." as lines "a = input f32[n,3]". */
static void put_inputs(const char *inputs, FILE *out)
{
    for (const char *at = inputs; *at;) {
        at += strspn(at, "; ");
        const size_t name = strcspn(at, " "), length = strcspn(at, ";");
        if (length > name)
            (void)fprintf(out, "%.*s = input%.*s\n", (int)name, at, (int)(length - name),
                          at + name);
        at += length;
    }
}

static int parse(work *w)
{
    tw_error error;
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return cli_fail(CLI_FAILED, "out of memory");
    fputs("thalweg 1\n", out);
    put_inputs(w->row->inputs, out);
    (void)fprintf(out, "%s\n", w->row->text);
    if (w->row->optimizer)
        (void)fprintf(out, "train loss=loss optimizer=\"%s\"\n", w->row->optimizer);
    if (fclose(out) != 0) {
        free(text);
        return cli_fail(CLI_FAILED, "out of memory");
    }
    const tw_status status = tw_graph_parse(w->session->context, text, length, &w->graph, &error);
    free(text);
    return status == TW_OK ? CLI_DONE : cli_error(&error, NULL);
}

/* ---- what it runs on ---- */

static uint32_t next(uint32_t *state)
{
    *state =
        *state * 1664525u + 1013904223u; /* Numerical Recipes' generator: any numbers will do */
    return *state >> 8;
}

static void fill(const tw_array *array, int64_t classes, void *data)
{
    const int64_t count = tw_array_count(array);
    uint32_t state = 1;
    for (int64_t i = 0; i < count; i++) {
        const uint32_t random = next(&state);
        if (array->type == TW_F32)
            ((float *)data)[i] = (float)random / 8388608.0f - 1.0f;
        else if (array->type == TW_I32)
            ((int32_t *)data)[i] = (int32_t)(random % (uint32_t)(classes > 0 ? classes : 2));
        else if (array->type == TW_U8) /* the winner of four pixels */
            ((uint8_t *)data)[i] = (uint8_t)(random >> 8 & 3);
    }
}

static double bytes_of(const tw_array *array)
{
    return (double)tw_array_count(array) * (double)tw_type_size(array->type);
}

static int make_inputs(work *w)
{
    for (int32_t i = 0; i < tw_plan_input_count(w->plan); i++) {
        tw_array array;
        const char *name = tw_plan_input(w->plan, i, &array);
        w->input[i] = calloc(1, (size_t)bytes_of(&array) + 1);
        if (!w->input[i])
            return cli_fail(CLI_FAILED, "out of memory");
        fill(&array, tw_input_classes(tw_graph_find(w->graph, name)), w->input[i]);
        w->bytes += bytes_of(&array);
    }
    for (int32_t i = 0; i < tw_plan_output_count(w->plan); i++) {
        tw_array array;
        (void)tw_plan_output(w->plan, i, &array);
        w->bytes += bytes_of(&array);
    }
    return CLI_DONE;
}

static int open_plan(work *w, const cli_args *args)
{
    tw_error error;
    char names[200];
    const char *output[MAX_PORTS];
    int32_t count = 0;
    (void)snprintf(names, sizeof names, "%s", w->row->outputs);
    for (char *at = names; *at && count < MAX_PORTS; count++) {
        output[count] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
    }
    const tw_plan_options options = {.batch = w->row->batch, .kernels = args->kernels};
    if (tw_plan_create(w->params, count, output, &options, &w->plan, &error) != TW_OK ||
        tw_plan_trace(w->plan, &error) != TW_OK)
        return cli_error(&error, NULL);
    return make_inputs(w);
}

static int open_trainer(work *w, const cli_args *args)
{
    tw_error error;
    const tw_trainer_options options = {.batch = w->row->batch, .kernels = args->kernels};
    if (tw_trainer_create(w->params, &options, &w->trainer, &error) != TW_OK ||
        tw_trainer_trace(w->trainer, &error) != TW_OK)
        return cli_error(&error, NULL);
    return CLI_DONE;
}

/* ---- passes ---- */

static void add(void *user, const tw_trace_event *event)
{
    work *w = user;
    const bool of_optimizer = w->row->optimizer && strcmp(event->label, w->row->optimizer) == 0;
    if (event->lane != TW_LANE_COMPUTE ||
        (w->row->launches != BENCH_PLAN &&
         of_optimizer != (w->row->launches == BENCH_OPTIMIZER_ITSELF)))
        return;
    w->nanoseconds += (double)(event->end - event->start);
    if (w->launches < MAX_LAUNCHES)
        w->groups[w->launches++] = event->groups;
}

static int run_pass(work *w)
{
    tw_error error;
    w->nanoseconds = 0;
    w->launches = 0;
    tw_status status;
    if (w->plan) {
        status = tw_plan_run(w->plan, w->row->batch, (const void *const *)w->input, NULL, &error);
        if (status == TW_OK)
            status = tw_plan_trace_read(w->plan, add, w, &error);
    } else {
        status = tw_trainer_step(w->trainer, w->row->batch, NULL, &error);
        if (status == TW_OK)
            status = tw_trainer_wait(w->trainer, NULL, &error);
        if (status == TW_OK)
            status = tw_trainer_trace_read(w->trainer, add, w, &error);
    }
    return status == TW_OK ? CLI_DONE : cli_error(&error, NULL);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int run_block(work *w, int block)
{
    const double start = cli_seconds();
    int code = CLI_DONE;
    for (int i = 0; i < MOST && (i < LEAST || cli_seconds() - start < SECONDS); i++) {
        code = run_pass(w);
        if (code != CLI_DONE)
            break;
        const double time = w->nanoseconds * 1e-6;
        w->pass[w->passes++] = time;
        w->block[block] = i == 0 ? time : fmin(w->block[block], time);
    }
    return code;
}

/* What the device can do now; the third is the time of as many launches as a pass has, over as many
 * groups. */
static int measure_limits(const work *w, tw_meter *meter, double *limit)
{
    tw_error error;
    if (!meter)
        return CLI_DONE;
    if (tw_meter_arithmetic(meter, &limit[BENCH_ARITHMETIC], &error) != TW_OK ||
        tw_meter_memory(meter, &limit[BENCH_MEMORY], &error) != TW_OK)
        return cli_error(&error, NULL);
    for (int i = 0; i < w->launches; i++) {
        double microseconds = 0;
        if (tw_meter_launch(meter, w->groups[i], &microseconds, &error) != TW_OK)
            return cli_error(&error, NULL);
        limit[BENCH_LAUNCH] += microseconds * 1e-3;
    }
    return CLI_DONE;
}

static int run_blocks(work *w, tw_meter *meter)
{
    int code = CLI_DONE;
    for (int i = 0; i < WARM_UP && code == CLI_DONE; i++)
        code = run_pass(w);
    for (int i = 0; i < BLOCKS && code == CLI_DONE; i++) {
        code = measure_limits(w, meter, w->limit[i]);
        if (code == CLI_DONE)
            code = run_block(w, i);
    }
    return code == CLI_DONE ? measure_limits(w, meter, w->limit[BLOCKS]) : code;
}

/* ---- what comes of them ---- */

/* The better of two: a rate is better when it is greater, a time when it is less. */
static double better(bench_limit limit, double a, double b)
{
    return limit == BENCH_LAUNCH ? fmin(a, b) : fmax(a, b);
}

/* The part of a limit that a block reached. */
static double part_of(const work *w, const bench_result *result, bench_limit limit, int block)
{
    const double bound = better(limit, w->limit[block][limit], w->limit[block + 1][limit]);
    const double count = limit == BENCH_ARITHMETIC ? w->row->operations : result->bytes;
    if (!(bound > 0) || !(w->block[block] > 0))
        return 0;
    return limit == BENCH_LAUNCH ? bound / w->block[block] : count / w->block[block] * 1e-6 / bound;
}

static void find_parts(const work *w, bench_result *result)
{
    for (bench_limit limit = 0; limit < BENCH_LIMITS; limit++) {
        double part[BLOCKS];
        result->limit[limit] = w->limit[0][limit];
        for (int i = 0; i < BLOCKS; i++) {
            part[i] = part_of(w, result, limit, i);
            result->limit[limit] = better(limit, result->limit[limit], w->limit[i + 1][limit]);
        }
        qsort(part, BLOCKS, sizeof *part, compare);
        result->part[limit] = part[BLOCKS / 2];
    }
}

static void find_result(work *w, bench_result *result)
{
    *result = (bench_result){.row = w->row, .passes = w->passes};
    qsort(w->pass, (size_t)w->passes, sizeof *w->pass, compare);
    result->best = w->pass[0];
    result->median = w->pass[w->passes / 2];
    result->bytes = w->row->bytes > 0 ? w->row->bytes : w->bytes;
    find_parts(w, result);
}

int bench_row_time(const cli_session *session, const cli_args *args, const bench_row *row,
                   tw_meter *meter, bench_result *result)
{
    tw_error error;
    work *w = calloc(1, sizeof *w);
    if (!w)
        return cli_fail(CLI_FAILED, "out of memory");
    w->session = session;
    w->row = row;
    int code = parse(w);
    if (code == CLI_DONE &&
        tw_params_create(w->graph, session->device, 0, &w->params, &error) != TW_OK)
        code = cli_error(&error, NULL);
    if (code == CLI_DONE)
        code = row->optimizer ? open_trainer(w, args) : open_plan(w, args);
    if (code == CLI_DONE)
        code = run_blocks(w, meter);
    if (code == CLI_DONE)
        find_result(w, result);
    tw_plan_destroy(&w->plan);
    tw_trainer_destroy(&w->trainer);
    tw_params_destroy(&w->params);
    tw_graph_destroy(&w->graph);
    for (int i = 0; i < MAX_PORTS; i++)
        free(w->input[i]);
    free(w);
    return code;
}
