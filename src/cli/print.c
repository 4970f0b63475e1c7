// SPDX-License-Identifier: Apache-2.0
// thalweg print: a model as text, its layers and sizes, or the memory of a training step.
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void print_shape(const int64_t *dim, int32_t rank)
{
    printf("[");
    for (int32_t i = 0; i < rank; i++) {
        if (i > 0)
            printf(",");
        if (dim[i] < 0)
            printf("%s", i == 0 ? "n" : "?");
        else
            printf("%lld", (long long)dim[i]);
    }
    printf("]");
}

/* The node that a line of the printed model makes first ("y" of "y, h = ..."), or NULL. */
static const tw_node *node_of_line(const tw_graph *graph, const char *line, size_t length)
{
    char name[256];
    const size_t end = strcspn(line, " ,=");
    if (end == 0 || end >= sizeof name || end >= length || !memchr(line, '=', length))
        return NULL;
    memcpy(name, line, end);
    name[end] = 0;
    if (strcmp(name, "train") == 0 || strcmp(name, "thalweg") == 0)
        return NULL;
    return tw_graph_find(graph, name);
}

/* "dense" of "hidden = dense(x) units=3" */
static void print_operator(const char *line, size_t length)
{
    const char *equals = memchr(line, '=', length);
    const char *start = equals ? equals + 1 : line;
    while (*start == ' ')
        start++;
    printf("%-18.*s", (int)strcspn(start, " (\n"), start);
}

static int print_nodes(const cli_args *args, const tw_graph *graph, const char *text)
{
    tw_error error;
    printf("%-24s %-18s %s\n", "node", "operator", "shape");
    for (const char *line = text; *line;) {
        const size_t length = strcspn(line, "\n");
        const tw_node *node = node_of_line(graph, line, length);
        if (node) {
            int64_t dim[TW_MAX_RANK];
            int32_t rank = 0;
            if (tw_node_shape_for(node, args->sizes, dim, &rank, &error) != TW_OK)
                return cli_error(&error, NULL);
            printf("%-24s ", tw_node_name(node));
            print_operator(line, length);
            printf(" %s", tw_type_name(tw_node_type(node)));
            print_shape(dim, rank);
            printf("\n");
        }
        line += length + (line[length] == '\n');
    }
    return CLI_DONE;
}

static void print_params(const tw_params *params)
{
    int64_t trained = 0, fixed = 0;
    printf("\n%-43s %s\n", "weight", "shape");
    for (int32_t i = 0; i < tw_params_count(params); i++) {
        tw_array array;
        bool trainable = true;
        const char *name = tw_params_describe(params, i, &array, &trainable);
        printf("%-43s %s", name, tw_type_name(array.type));
        print_shape(array.dim, array.rank);
        printf("%s\n", trainable ? "" : "  not trained");
        *(trainable ? &trained : &fixed) += tw_array_count(&array);
    }
    printf("\n%lld trained numbers", (long long)trained);
    if (fixed > 0)
        printf(" and %lld others", (long long)fixed);
    printf(", %.2f MB\n", (double)(trained + fixed) * 4 / 1e6);
}

/* Sizes need no device: the host serves for the parameters. */
static int print_summary(const cli_args *args, cli_session *session, const char *text)
{
    tw_error error;
    if (tw_device_open(session->context, "host", &session->device, &error) != TW_OK)
        return cli_error(&error, NULL);
    if (tw_params_create(session->graph, session->device, 0, &session->params, &error) != TW_OK)
        return cli_error(&error, session->model);
    const int code = print_nodes(args, session->graph, text);
    if (code == CLI_DONE)
        print_params(session->params);
    return code;
}

static int print_memory(const cli_args *args, cli_session *session)
{
    tw_error error;
    tw_trainer *trainer = NULL;
    char *text = NULL;
    const tw_trainer_options options = {.batch = args->batch > 0 ? args->batch : 32,
                                        .kernels = args->kernels,
                                        .sizes = args->sizes,
                                        .no_proof = true,
                                        .steps_per_epoch = 1};
    if (tw_device_open(session->context, args->device, &session->device, &error) != TW_OK)
        return cli_error(&error, NULL);
    if (tw_params_create(session->graph, session->device, 0, &session->params, &error) != TW_OK ||
        tw_trainer_create(session->params, &options, &trainer, &error) != TW_OK)
        return cli_error(&error, session->model);
    int code = CLI_DONE;
    if (tw_trainer_print(trainer, true, &text, &error) != TW_OK)
        code = cli_error(&error, NULL);
    else
        printf("%s%.2f MB of device memory at batch %lld\n", text,
               (double)tw_trainer_memory(trainer) / 1e6, (long long)options.batch);
    if (text)
        tw_text_free(session->context, &text);
    tw_trainer_destroy(&trainer);
    return code;
}

static int print(const cli_args *args, cli_session *session)
{
    tw_error error;
    char *text = NULL;
    if (tw_graph_read(session->context, session->model, &session->graph, &error) != TW_OK)
        return cli_error(&error, session->model);
    if (args->memory)
        return print_memory(args, session);
    if (tw_graph_print(session->graph, &text, &error) != TW_OK)
        return cli_error(&error, session->model);
    int code = CLI_DONE;
    if (args->summary)
        code = print_summary(args, session, text);
    else
        fputs(text, stdout);
    tw_text_free(session->context, &text);
    return code;
}

static int run(const cli_args *args)
{
    cli_session session = {.context = NULL};
    if (args->summary && args->memory)
        return cli_fail(CLI_USAGE, "give --summary or --memory, not both");
    int code = cli_find_model(args, &session);
    if (code == CLI_DONE)
        code = cli_open_context(&session);
    if (code == CLI_DONE)
        code = print(args, &session);
    cli_close(&session);
    return code;
}

static const cli_option options[] = {
    {"--summary", CLI_FLAG, offsetof(cli_args, summary), NULL,
     "nodes, shapes, weights and their number"},
    {"--memory", CLI_FLAG, offsetof(cli_args, memory), NULL,
     "where a training step keeps what, and how much that is"},
    {"--batch", CLI_COUNT, offsetof(cli_args, batch), "N", "for --memory (default 32)"},
    {"--sizes", CLI_TEXT, offsetof(cli_args, sizes), "t=64,...",
     "for --summary and --memory: sizes of the model's letters"},
    CLI_OPTION_DEVICE,
    CLI_OPTION_KERNELS,
    CLI_OPTION_END};
const cli_command cli_print = {
    "print", "DIR|MODEL.tw", "Prints a model with everything written out", NULL, options, run};
