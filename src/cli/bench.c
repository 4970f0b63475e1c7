// SPDX-License-Identifier: Apache-2.0
// thalweg bench: times training and inference of a model on random data, each batch uploaded from
// host memory.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench_ops.h"

#define STEPS 30
#define PASSES 3
#define MAX_INPUTS 64

typedef struct bench {
    const cli_args *args;
    cli_session session;
    tw_dataset *data; /* random */
    int64_t batch;
    int32_t n_inputs;
    void *input[MAX_INPUTS]; /* one batch of each of the graph's inputs */
    double train_ms, infer_ms, first_step_ms;
    uint64_t device_bytes;
} bench;

/* Memory for one batch of an input. */
static int make_input(bench *b, int32_t index, size_t *row)
{
    tw_array array;
    tw_dataset_describe(b->data, index, &array);
    array.dim[0] = b->batch;
    const int64_t count = tw_array_count(&array);
    if (count < 0 || count > INT32_MAX)
        return cli_fail(CLI_FAILED,
                        "input %s has more than 2^31 elements at batch %lld: take a smaller one",
                        tw_node_name(tw_graph_input(b->session.graph, index)), (long long)b->batch);
    *row = (size_t)(count / b->batch) * tw_type_size(array.type);
    b->input[index] = calloc((size_t)b->batch, *row);
    return b->input[index] ? CLI_DONE
                           : cli_fail(CLI_FAILED, "out of memory: take a smaller batch than %lld",
                                      (long long)b->batch);
}

/* A data set may be smaller than the batch: it is repeated. */
static int copy_batch(bench *b, const size_t *row)
{
    tw_error error;
    int64_t n = 0;
    for (int64_t have = 0; have < b->batch; have += n) {
        const void *const *columns = NULL;
        const int64_t left = b->batch - have;
        if (have % tw_dataset_count(b->data) == 0 &&
            tw_dataset_start(b->data, b->batch, false, 0, 0, &error) != TW_OK)
            return cli_error(&error, NULL);
        if (tw_dataset_next(b->data, &n, &columns, &error) != TW_OK)
            return cli_error(&error, NULL);
        n = n < left ? n : left;
        for (int32_t i = 0; i < b->n_inputs; i++)
            memcpy((char *)b->input[i] + (size_t)have * row[i], columns[i], (size_t)n * row[i]);
    }
    return CLI_DONE;
}

/* Copies a batch of random data: the same one is uploaded in every step, so that no input pipeline
 * is timed. */
static int fill_inputs(bench *b)
{
    size_t row[MAX_INPUTS];
    b->n_inputs = tw_graph_input_count(b->session.graph);
    if (b->n_inputs > MAX_INPUTS)
        return cli_fail(CLI_FAILED, "bench takes models of at most %d inputs", MAX_INPUTS);
    int code = cli_open_data(b->args, &b->session, "random", 0, NULL, &b->data);
    for (int32_t i = 0; i < b->n_inputs && code == CLI_DONE; i++)
        code = make_input(b, i, &row[i]);
    return code == CLI_DONE ? copy_batch(b, row) : code;
}

static int train_pass(bench *b, tw_trainer *trainer, int steps)
{
    tw_error error;
    for (int i = 0; i < steps; i++)
        if (tw_trainer_step(trainer, b->batch, (const void *const *)b->input, &error) != TW_OK)
            return cli_error(&error, NULL);
    if (tw_trainer_wait(trainer, NULL, &error) != TW_OK)
        return cli_error(&error, NULL);
    return CLI_DONE;
}

static int time_training(bench *b, double start)
{
    tw_error error;
    tw_trainer *trainer = NULL;
    const tw_trainer_options options = {.batch = b->batch,
                                        .kernels = b->args->kernels,
                                        .sizes = b->session.sizes,
                                        .steps_per_epoch = STEPS,
                                        .borrow_inputs = true};
    if (tw_trainer_create(b->session.params, &options, &trainer, &error) != TW_OK)
        return cli_error(&error, b->session.model);
    int code = train_pass(b, trainer, 1);
    b->first_step_ms = (cli_seconds() - start) * 1e3;
    if (code == CLI_DONE)
        code = train_pass(b, trainer, 3);
    for (int pass = 0; pass < PASSES && code == CLI_DONE; pass++) {
        const double from = cli_seconds();
        code = train_pass(b, trainer, STEPS);
        b->train_ms = fmin(b->train_ms, (cli_seconds() - from) * 1e3 / STEPS);
    }
    b->device_bytes = tw_trainer_memory(trainer);
    tw_trainer_destroy(&trainer);
    return code;
}

/* Results come into two arrays in turn, as for a program that looks at one of them while the next
 * is computed. */
static int infer_pass(const bench *b, tw_plan *plan, int steps, void *const output[2])
{
    tw_error error;
    const void *inputs[MAX_INPUTS] = {NULL};
    for (int32_t i = 0; i < tw_plan_input_count(plan); i++) {
        tw_array array;
        const char *name = tw_plan_input(plan, i, &array);
        for (int32_t k = 0; k < b->n_inputs; k++)
            if (strcmp(tw_node_name(tw_graph_input(b->session.graph, k)), name) == 0)
                inputs[i] = b->input[k];
    }
    for (int i = 0; i < steps; i++)
        if (tw_plan_enqueue(plan, b->batch, inputs, &output[i % 2], &error) != TW_OK)
            return cli_error(&error, NULL);
    if (tw_plan_wait(plan, &error) != TW_OK)
        return cli_error(&error, NULL);
    return CLI_DONE;
}

static int time_inference(bench *b)
{
    tw_error error;
    tw_plan *plan = NULL;
    static const char *const node[] = {"prediction"};
    const tw_plan_options options = {.batch = b->batch,
                                     .kernels = b->args->kernels,
                                     .sizes = b->session.sizes,
                                     .borrow_inputs = true};
    if (!tw_graph_find(b->session.graph, node[0]))
        return cli_fail(
            CLI_FAILED,
            "%s has no node \"prediction\", whose inference is timed: name the output so",
            b->session.model);
    if (tw_plan_create(b->session.params, 1, node, &options, &plan, &error) != TW_OK)
        return cli_error(&error, b->session.model);
    tw_array array;
    (void)tw_plan_output(plan, 0, &array);
    const size_t bytes = (size_t)tw_array_count(&array) * tw_type_size(array.type) + 1;
    void *output[2] = {malloc(bytes), malloc(bytes)};
    int code = output[0] && output[1] ? infer_pass(b, plan, 3, output)
                                      : cli_fail(CLI_FAILED, "out of memory");
    for (int pass = 0; pass < PASSES && code == CLI_DONE; pass++) {
        const double from = cli_seconds();
        code = infer_pass(b, plan, STEPS, output);
        b->infer_ms = fmin(b->infer_ms, (cli_seconds() - from) * 1e3 / STEPS);
    }
    free(output[0]);
    free(output[1]);
    tw_plan_destroy(&plan);
    return code;
}

/* "examples/mnist_cnn.tw" -> "mnist_cnn" */
static void short_name(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(out, size, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot && dot != out)
        *dot = 0;
}

static void print_result(const bench *b)
{
    char name[256];
    struct rusage usage;
    tw_device_info info;
    short_name(b->args->operand, name, sizeof name);
    tw_device_describe(b->session.device, &info);
    (void)getrusage(RUSAGE_SELF, &usage);
    const double host_mb = (double)usage.ru_maxrss / 1024,
                 device_mb = (double)b->device_bytes / 1048576;
    if (!b->args->json) {
        printf("%s on %s, batch %lld: training %.3f ms a step, inference %.3f ms, first step after "
               "%.0f ms, host %.1f MB, "
               "device %.1f MB\n",
               name, info.name, (long long)b->batch, b->train_ms, b->infer_ms, b->first_step_ms,
               host_mb, device_mb);
        return;
    }
    printf("{\"engine\": \"thalweg\", \"model\": ");
    cli_json_text(stdout, name);
    printf(", \"device\": ");
    cli_json_text(stdout, info.name);
    printf(", \"batch\": %lld, \"train_ms\": %.4f, \"infer_ms\": %.4f, \"first_step_ms\": %.1f, "
           "\"host_mb\": %.1f, "
           "\"device_mb\": %.1f}\n",
           (long long)b->batch, b->train_ms, b->infer_ms, b->first_step_ms, host_mb, device_mb);
}

static int run(const cli_args *args)
{
    const double start = cli_seconds();
    bench b = {.args = args, .batch = args->batch, .train_ms = INFINITY, .infer_ms = INFINITY};
    if (args->ops)
        return cli_bench_ops(args);
    if (args->against)
        return cli_fail(CLI_USAGE, "--against goes with --ops");
    if (!args->operand)
        return cli_fail(CLI_USAGE,
                        "bench needs a model: thalweg bench MODEL.tw --batch N; or --ops");
    if (args->batch == 0)
        return cli_fail(CLI_USAGE, "bench needs --batch N");
    int code = cli_open_model(args, &b.session);
    if (code == CLI_DONE)
        code = fill_inputs(&b);
    if (code == CLI_DONE)
        code = time_training(&b, start);
    if (code == CLI_DONE)
        code = time_inference(&b);
    if (code == CLI_DONE)
        print_result(&b);
    for (int32_t i = 0; i < b.n_inputs && i < MAX_INPUTS; i++)
        free(b.input[i]);
    tw_dataset_destroy(&b.data);
    cli_close(&b.session);
    return code;
}

static const cli_option options[] = {
    {"--batch", CLI_COUNT, offsetof(cli_args, batch), "N", "samples a step"},
    CLI_OPTION_SIZES,
    CLI_OPTION_DEVICE,
    CLI_OPTION_KERNELS,
    CLI_OPTION_JSON,
    {"--ops", CLI_FLAG, offsetof(cli_args, ops), NULL, "time operators: all, or those named"},
    {"--against", CLI_TEXT, offsetof(cli_args, against), "FILE",
     "with --ops: mark rows slower by 10 % than in what --ops --json wrote"},
    CLI_OPTION_END};
const cli_command cli_bench = {
    "bench",
    "MODEL.tw",
    "Times training and inference on random data",
    "Milliseconds are the best of three passes of 30 steps, with one wait at the end of each; "
    "every batch is\n"
    "uploaded from host memory. first_step_ms counts from the start of the command.\n\n"
    "thalweg bench --ops [NAME ...] [--json] [--against FILE] times operators instead (matmul, or "
    "one row:\n"
    "\"matmul 512x512x512\"): GFLOP/s and GB/s beside the limits of the device, measured in the "
    "same run. Exit code 1\n"
    "if a row is slower than in FILE by more than 10 %, differences of the limits left out.",
    options,
    run};
