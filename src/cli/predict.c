// SPDX-License-Identifier: Apache-2.0
// thalweg predict: a node's values over a data set, as an NPY file or as lines of numbers.
#include <stdlib.h>
#include <string.h>

#include "npy.h"

#define MAX_INPUTS 64

/* What predicting needs beside the session. */
typedef struct prediction {
    const cli_args *args;
    tw_plan *plan;
    tw_dataset *data;
    tw_array shape; /* of the node, the batch at its maximum */
    int64_t row;    /* elements a sample */
    int32_t n_inputs;
    int32_t input[MAX_INPUTS]; /* by the plan's inputs: number among the graph's */
    char *values;
    npy_writer out;
} prediction;

static int find_inputs(prediction *p, const cli_session *session, const char **names)
{
    p->n_inputs = tw_plan_input_count(p->plan);
    if (p->n_inputs > MAX_INPUTS)
        return cli_fail(CLI_FAILED, "the node needs more than %d inputs", MAX_INPUTS);
    for (int32_t i = 0; i < p->n_inputs; i++) {
        tw_array array;
        names[i] = tw_plan_input(p->plan, i, &array);
        for (int32_t k = 0; k < tw_graph_input_count(session->graph); k++)
            if (strcmp(tw_node_name(tw_graph_input(session->graph, k)), names[i]) == 0)
                p->input[i] = k;
    }
    return CLI_DONE;
}

static int measure(prediction *p, const char *node, int64_t batch)
{
    p->row = 1;
    (void)tw_plan_output(p->plan, 0, &p->shape);
    if (p->shape.rank == 0 || p->shape.dim[0] != batch)
        return cli_fail(CLI_FAILED,
                        "node %s has no value for each sample: choose another with --node", node);
    for (int i = 1; i < p->shape.rank; i++)
        p->row *= p->shape.dim[i];
    p->values = malloc((size_t)(batch * p->row) * tw_type_size(p->shape.type) + 1);
    return p->values ? CLI_DONE : cli_fail(CLI_FAILED, "out of memory");
}

static int open_plan(prediction *p, const cli_session *session)
{
    tw_error error;
    const char *names[MAX_INPUTS] = {NULL};
    const char *node = p->args->node ? p->args->node : "prediction";
    const int64_t batch = p->args->batch > 0 ? p->args->batch : 128;
    const tw_plan_options options = {.batch = batch, .kernels = p->args->kernels};
    if (!tw_graph_find(session->graph, node))
        return cli_fail(CLI_FAILED,
                        "%s has no node \"%s\": name the output so, or choose another with --node",
                        session->model, node);
    if (tw_plan_create(session->params, 1, &node, &options, &p->plan, &error) != TW_OK)
        return cli_error(&error, session->model);
    int code = measure(p, node, batch);
    if (code == CLI_DONE)
        code = find_inputs(p, session, names);
    if (code == CLI_DONE && tw_dataset_open_for(session->graph, p->args->data, p->n_inputs, names,
                                                &p->data, &error) != TW_OK)
        code = cli_error(&error, NULL);
    if (code == CLI_DONE && tw_dataset_start(p->data, batch, false, 0, 0, &error) != TW_OK)
        code = cli_error(&error, NULL);
    return code;
}

static double element(const prediction *p, int64_t at)
{
    switch (p->shape.type) {
    case TW_F32:
        return (double)((const float *)(const void *)p->values)[at];
    case TW_I32:
        return (double)((const int32_t *)(const void *)p->values)[at];
    default:
        return (double)((const unsigned char *)p->values)[at];
    }
}

static void print_rows(const prediction *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < p->row; k++)
            printf("%.6g%c", element(p, i * p->row + k), k + 1 < p->row ? ',' : '\n');
}

static int predict(prediction *p)
{
    tw_error error;
    for (;;) {
        int64_t n = 0;
        const void *const *columns = NULL;
        const void *inputs[MAX_INPUTS];
        void *outputs[1] = {p->values};
        if (tw_dataset_next(p->data, &n, &columns, &error) != TW_OK)
            return cli_error(&error, NULL);
        if (n == 0)
            return CLI_DONE;
        for (int32_t i = 0; i < p->n_inputs; i++)
            inputs[i] = columns[p->input[i]];
        if (tw_plan_run(p->plan, n, inputs, outputs, &error) != TW_OK)
            return cli_error(&error, NULL);
        if (!p->args->out)
            print_rows(p, n);
        else if (npy_append(&p->out, p->values, n * p->row) != CLI_DONE)
            return CLI_FAILED;
    }
}

static int write_all(prediction *p)
{
    if (!p->args->out) {
        if (p->shape.type == TW_F16 || p->shape.type == TW_BF16)
            return cli_fail(CLI_USAGE, "values of type %s are not printed: give --out Y.npy",
                            tw_type_name(p->shape.type));
        return predict(p);
    }
    int code = npy_begin(&p->out, p->args->out, &p->shape, tw_dataset_count(p->data));
    if (code == CLI_DONE)
        code = predict(p);
    if (code == CLI_DONE)
        code = npy_end(&p->out);
    npy_abort(&p->out);
    return code;
}

static int check(const cli_args *args)
{
    if (!args->data)
        return cli_fail(CLI_USAGE, "predict needs --data SPEC: see thalweg --help");
    if (args->out && cli_is_folder(args->out))
        return cli_fail(CLI_FAILED,
                        "--out %s is a folder: give the name of a file, such as %s/y.npy",
                        args->out, args->out);
    return CLI_DONE;
}

static int run(const cli_args *args)
{
    cli_session session = {.context = NULL};
    prediction p = {.args = args};
    int code = check(args);
    if (code == CLI_DONE)
        code = cli_find_model(args, &session);
    if (code == CLI_DONE)
        code = cli_need_weights(args, &session);
    if (code == CLI_DONE)
        code = cli_open_context(&session);
    if (code == CLI_DONE)
        code = cli_open(args, 0, &session);
    if (code == CLI_DONE)
        code = open_plan(&p, &session);
    if (code == CLI_DONE)
        code = write_all(&p);
    free(p.values);
    tw_dataset_destroy(&p.data);
    tw_plan_destroy(&p.plan);
    cli_close(&session);
    return code;
}

static const cli_option options[] = {
    {"--data", CLI_TEXT, offsetof(cli_args, data), "SPEC", "what to predict for"},
    {"--out", CLI_TEXT, offsetof(cli_args, out), "Y.npy",
     "where to write (default: numbers on the screen, a line a sample)"},
    {"--node", CLI_TEXT, offsetof(cli_args, node), "NAME", "node to compute (default prediction)"},
    {"--weights", CLI_TEXT, offsetof(cli_args, weights), "FILE.safetensors",
     "weights (default: the run's)"},
    {"--partial", CLI_FLAG, offsetof(cli_args, partial), NULL, "take the weights that fit"},
    {"--batch", CLI_COUNT, offsetof(cli_args, batch), "N", "samples at a time (default 128)"},
    CLI_OPTION_DEVICE,
    CLI_OPTION_KERNELS,
    CLI_OPTION_END};
const cli_command cli_predict = {
    "predict", "DIR|MODEL.tw", "Computes the node `prediction` for each sample",
    NULL,      options,        run};
