// SPDX-License-Identifier: Apache-2.0
// thalweg predict: a node's values over a data set, as an NPY or CSV file, a picture or lines of
// numbers.
#include <stdlib.h>
#include <string.h>

#include "csv_file.h"
#include "generate.h"
#include "images.h"
#include "npy.h"

/* What predicting needs beside the session. */
typedef struct prediction {
    const cli_args *args;
    tw_plan *plan;
    cli_inputs inputs;
    tw_array shape; /* of the node, the batch at its maximum */
    int64_t row;    /* elements a sample */
    char *values;
    bool csv; /* which of both is written */
    npy_writer npy;
    csv_writer table;
} prediction;

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

static const char *first_node(const cli_args *args)
{
    return args->node ? args->node : "prediction";
}

static int find_node(const cli_session *session, const char *name, const char *option)
{
    if (tw_graph_find(session->graph, name))
        return CLI_DONE;
    return cli_fail(CLI_FAILED,
                    "%s has no node \"%s\": name the output so, or choose another with %s",
                    session->model, name, option);
}

static int open_plan(prediction *p, cli_session *session)
{
    tw_error error;
    const char *node = first_node(p->args);
    const int64_t batch = p->args->batch > 0 ? p->args->batch : 128;
    int code = cli_inputs_open(&p->inputs, session, p->args, 1, &node);
    const tw_plan_options options = {.batch = batch,
                                     .sizes = session->sizes,
                                     .kernels = p->args->kernels,
                                     .seed = p->args->seed};
    if (code == CLI_DONE &&
        tw_plan_create(session->params, 1, &node, &options, &p->plan, &error) != TW_OK)
        code = cli_error(&error, session->model);
    if (code == CLI_DONE)
        code = measure(p, node, batch);
    if (code == CLI_DONE)
        code = cli_inputs_find(&p->inputs, p->plan, session);
    if (code == CLI_DONE)
        code = cli_inputs_count(&p->inputs, p->args);
    if (code == CLI_DONE && p->inputs.data &&
        tw_dataset_start(p->inputs.data, batch, false, 0, 0, &error) != TW_OK)
        code = cli_error(&error, NULL);
    return code;
}

static void print_rows(const prediction *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < p->row; k++)
            printf("%.6g%c", csv_number(p->shape.type, p->values, i * p->row + k),
                   k + 1 < p->row ? ',' : '\n');
}

static int append(prediction *p, int64_t elements)
{
    return p->csv ? csv_append(&p->table, p->values, elements)
                  : npy_append(&p->npy, p->values, elements);
}

/* The next batch of the data, or of nothing where the node needs none. */
static int next_inputs(const prediction *p, int64_t left, const void **inputs, int64_t *n)
{
    tw_error error;
    const void *const *columns = NULL;
    *n = p->shape.dim[0];
    if (p->inputs.data && tw_dataset_next(p->inputs.data, n, &columns, &error) != TW_OK)
        return cli_error(&error, NULL);
    for (int32_t i = 0; i < p->inputs.count && columns; i++)
        inputs[i] = columns[p->inputs.column[i]];
    *n = *n < left ? *n : left;
    return CLI_DONE;
}

static int predict(prediction *p)
{
    tw_error error;
    int64_t n = 0;
    for (int64_t left = p->inputs.samples; left > 0; left -= n) {
        const void *inputs[CLI_MOST_INPUTS];
        void *outputs[1] = {p->values};
        const int code = next_inputs(p, left, inputs, &n);
        if (code != CLI_DONE)
            return code;
        if (n == 0)
            return CLI_DONE;
        if (tw_plan_run(p->plan, n, inputs, outputs, &error) != TW_OK)
            return cli_error(&error, NULL);
        if (!p->args->out)
            print_rows(p, n);
        else if (append(p, n * p->row) != CLI_DONE)
            return CLI_FAILED;
    }
    return CLI_DONE;
}

static int write_npy(prediction *p)
{
    int code = npy_begin(&p->npy, p->args->out, &p->shape, p->inputs.samples);
    if (code == CLI_DONE)
        code = predict(p);
    if (code == CLI_DONE)
        code = npy_end(&p->npy);
    npy_abort(&p->npy);
    return code;
}

static int write_csv(prediction *p)
{
    int code = csv_begin(&p->table, p->args->out, first_node(p->args), p->shape.type, p->row);
    if (code == CLI_DONE)
        code = predict(p);
    if (code == CLI_DONE)
        code = csv_end(&p->table);
    csv_abort(&p->table);
    return code;
}

/* What is behind the last dot of a file's name, with it; "" for a name without one. */
static const char *ending(const char *path)
{
    const char *folder = strrchr(path, '/'), *dot = strrchr(folder ? folder : path, '.');
    return dot ? dot : "";
}

static int write_all(prediction *p)
{
    p->csv = p->args->out && strcmp(ending(p->args->out), ".csv") == 0;
    if (p->args->out && !p->csv)
        return write_npy(p);
    if (!csv_has(p->shape.type))
        return cli_fail(CLI_USAGE, "values of type %s are not written as text: give --out Y.npy",
                        tw_type_name(p->shape.type));
    return p->csv ? write_csv(p) : predict(p);
}

static bool is_picture(const cli_args *args)
{
    return args->images || (args->out && strcmp(ending(args->out), ".png") == 0);
}

/* What is to be written is told by the name's ending; a name without one, such as a pipe's, is of
 * an NPY file. */
static int check_ending(const cli_args *args)
{
    const char *end = args->out ? ending(args->out) : "";
    if (!*end || is_picture(args) || strcmp(end, ".npy") == 0 || strcmp(end, ".csv") == 0)
        return CLI_DONE;
    return cli_fail(CLI_USAGE,
                    "--out %s: a name that ends in %s says nothing of what to write: .npy and .csv "
                    "are numbers, .png is a picture",
                    args->out, end);
}

/* The values as a grid of pictures. */
static int draw(const cli_args *args, cli_session *session)
{
    cli_images images;
    cli_inputs inputs = {.data = NULL};
    int code = images_read(&images, args->images ? args->images : first_node(args), args->range);
    for (int i = 0; i < images.n_nodes && code == CLI_DONE; i++)
        code = find_node(session, images.name[i], "--images");
    if (code == CLI_DONE)
        code = cli_inputs_open(&inputs, session, args, images.n_nodes, images.name);
    if (code == CLI_DONE)
        code = cli_inputs_count(&inputs, args);
    if (code == CLI_DONE)
        code = images_open(&images, session, args, args->seed, args->samples, inputs.data);
    if (code == CLI_DONE)
        code = images_draw(&images, args->out);
    images_close(&images);
    tw_dataset_destroy(&inputs.data);
    return code;
}

static int write_numbers(const cli_args *args, cli_session *session)
{
    prediction p = {.args = args};
    int code = open_plan(&p, session);
    if (code == CLI_DONE)
        code = write_all(&p);
    free(p.values);
    tw_dataset_destroy(&p.inputs.data);
    tw_plan_destroy(&p.plan);
    return code;
}

static int check(const cli_args *args)
{
    const int code = generate_check(args);
    if (code != CLI_DONE)
        return code;
    if (!args->data && args->samples == 0 && !args->text)
        return cli_fail(CLI_USAGE, "predict needs --data SPEC, or --samples COUNT for a model that "
                                   "needs no data, or --text PROMPT: see thalweg --help");
    if (args->out && cli_is_folder(args->out))
        return cli_fail(CLI_FAILED,
                        "--out %s is a folder: give the name of a file, such as %s/y.npy",
                        args->out, args->out);
    if (check_ending(args) != CLI_DONE)
        return CLI_USAGE;
    if (args->images && args->node)
        return cli_fail(CLI_USAGE, "give --images or --node, not both");
    if (args->images && !args->out)
        return cli_fail(CLI_USAGE, "--images needs a file for the picture: --out FILE.png");
    if (args->range && !is_picture(args))
        return cli_fail(CLI_USAGE, "--range is for pictures: --out FILE.png");
    return CLI_DONE;
}

static int run(const cli_args *args)
{
    cli_session session = {.context = NULL};
    int code = check(args);
    if (code == CLI_DONE)
        code = cli_open_trained(args, &session);
    if (code == CLI_DONE && !args->images)
        code = find_node(&session, first_node(args), "--node");
    if (code == CLI_DONE)
        code = args->text         ? generate_text(args, &session, first_node(args))
               : is_picture(args) ? draw(args, &session)
                                  : write_numbers(args, &session);
    cli_close(&session);
    return code;
}

static const cli_option options[] = {
    {"--data", CLI_TEXT, offsetof(cli_args, data), "SPEC", "what to predict for"},
    {"--samples", CLI_COUNT, offsetof(cli_args, samples), "COUNT",
     "the data's first COUNT alone; without --data, as many of a model that needs none"},
    {"--out", CLI_TEXT, offsetof(cli_args, out), "Y.npy|Y.csv|Y.png",
     "where to write (default: numbers on the screen, a line a sample)"},
    {"--node", CLI_TEXT, offsetof(cli_args, node), "NAME", "node to compute (default prediction)"},
    CLI_OPTION_IMAGES("these nodes' values, rows in turn, as the picture --out FILE.png"),
    CLI_OPTION_RANGE,
    {"--text", CLI_TEXT, offsetof(cli_args, text), "PROMPT",
     "goes on with a text, where the run was trained on text:FILE"},
    {"--length", CLI_COUNT, offsetof(cli_args, length), "N",
     "characters to write after the prompt (default 200)"},
    {"--temperature", CLI_NUMBER, offsetof(cli_args, temperature), "X",
     "below 1 more probable characters, above it more surprising ones; 0: the most probable "
     "(default 1)"},
    {"--top-k", CLI_COUNT, offsetof(cli_args, top_k), "K",
     "draw among the K most probable characters alone"},
    {"--seed", CLI_SEED, offsetof(cli_args, seed), "N",
     "of random operators, and of a text's draws (default 0)"},
    {"--weights", CLI_TEXT, offsetof(cli_args, weights), "FILE.safetensors",
     "weights (default: the run's)"},
    {"--partial", CLI_FLAG, offsetof(cli_args, partial), NULL, "take the weights that fit"},
    {"--batch", CLI_COUNT, offsetof(cli_args, batch), "N", "samples at a time (default 128)"},
    CLI_OPTION_SIZES,
    CLI_OPTION_DEVICE,
    CLI_OPTION_KERNELS,
    CLI_OPTION_END};
const cli_command cli_predict = {
    "predict", "DIR|MODEL.tw", "Computes the node `prediction` for each sample",
    NULL,      options,        run};
