// SPDX-License-Identifier: Apache-2.0
// What subcommands open in turn, and how failures are told.
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"

int cli_fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("thalweg: ", stderr);
    (void)vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    return code;
}

/* Line number `line` of a file, with a mark below the column. Silent where it cannot be read. */
static void show_line(const char *path, int line, int column)
{
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    char text[400];
    int at = 1;
    while (fgets(text, sizeof text, file)) {
        const bool ends = strchr(text, '\n') != NULL;
        if (at == line) {
            text[strcspn(text, "\r\n")] = 0;
            for (char *c = text; *c; c++) /* a binary file must not reach the terminal */
                if ((unsigned char)*c < ' ' || *c == 127)
                    *c = *c == '\t' ? ' ' : '?';
            (void)fprintf(stderr, "    %s\n", text);
            if (column >= 1 && column <= (int)strlen(text) + 1)
                (void)fprintf(stderr, "    %*s^\n", column - 1, "");
            break;
        }
        at += ends;
    }
    (void)fclose(file);
}

/* The sentence without the place in front of it, which is printed in another form. */
static const char *without_place(const tw_error *error)
{
    char place[64];
    (void)snprintf(place, sizeof place, "line %d, column %d: ", (int)error->line,
                   (int)error->column);
    const char *found = strstr(error->text, place);
    return found ? found + strlen(place) : error->text;
}

int cli_error(const tw_error *error, const char *model)
{
    const int code = error->code == TW_ERROR_NO_DEVICE ? CLI_NO_DEVICE : CLI_FAILED;
    if (error->line <= 0 || !model)
        return cli_fail(code, "%s", error->text);
    (void)cli_fail(code, "%s:%d:%d: %s", model, (int)error->line, (int)error->column,
                   without_place(error));
    show_line(model, error->line, error->column);
    return code;
}

bool cli_exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

bool cli_is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

double cli_seconds(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void cli_json_text(FILE *out, const char *text)
{
    putc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            (void)fprintf(out, "\\%c", *c);
        else if (*c < 0x20)
            (void)fprintf(out, "\\u%04x", *c);
        else
            putc(*c, out);
    }
    putc('"', out);
}

void cli_json_number(FILE *out, double value)
{
    if (isfinite(value))
        (void)fprintf(out, "%.9g", value);
    else
        fputs("null", out);
}

int cli_find_model(const cli_args *args, cli_session *session)
{
    const char *path = args->operand;
    if (!path)
        return cli_fail(CLI_USAGE, "give a model: a .tw file, or the folder of a run");
    if (strlen(path) + 24 > sizeof session->model)
        return cli_fail(CLI_USAGE, "the path of the model is too long");
    session->weights[0] = session->folder[0] = 0;
    if (cli_is_folder(path)) {
        (void)snprintf(session->folder, sizeof session->folder, "%s", path);
        (void)snprintf(session->model, sizeof session->model, "%s/model.tw", path);
        (void)snprintf(session->weights, sizeof session->weights, "%s/weights.safetensors", path);
        if (!cli_exists(session->model))
            return cli_fail(CLI_FAILED, "%s holds no run: there is no model.tw in it", path);
    } else {
        (void)snprintf(session->model, sizeof session->model, "%s", path);
    }
    if (args->weights)
        (void)snprintf(session->weights, sizeof session->weights, "%s", args->weights);
    return CLI_DONE;
}

static void print_warning(void *user, tw_log_level level, const char *line)
{
    (void)user;
    if (level == TW_LOG_WARNING)
        (void)fprintf(stderr, "thalweg: warning: %s\n", line);
}

int cli_open_context(cli_session *session)
{
    tw_error error;
    const tw_context_options options = {.log = print_warning};
    if (tw_context_create(&options, &session->context, &error) != TW_OK)
        return cli_error(&error, NULL);
    return CLI_DONE;
}

int cli_load_weights(const cli_args *args, cli_session *session)
{
    tw_error error;
    int32_t taken = 0;
    if (!session->weights[0])
        return CLI_DONE;
    if (tw_params_load(session->params, session->weights, args->partial, &taken, &error) != TW_OK)
        return cli_error(&error, NULL);
    if (args->partial && taken == 0)
        return cli_fail(CLI_FAILED, "%s holds none of the model's weights in their shapes",
                        session->weights);
    if (args->partial && !args->json)
        (void)fprintf(stderr, "thalweg: took %d of %d weights from %s\n", (int)taken,
                      (int)tw_params_count(session->params), session->weights);
    return CLI_DONE;
}

static int take_sizes(cli_session *session, const char *remembered, const char *told)
{
    /* What stands last counts. */
    const int length = snprintf(session->sizes, sizeof session->sizes, "%s %s", remembered, told);
    if (length < 0 || (size_t)length >= sizeof session->sizes)
        return cli_fail(CLI_USAGE, "--sizes is too long");
    return CLI_DONE;
}

int cli_open(const cli_args *args, uint64_t seed, cli_session *session)
{
    tw_error error;
    if (tw_graph_read(session->context, session->model, &session->graph, &error) != TW_OK)
        return cli_error(&error, session->model);
    if (tw_device_open(session->context, args->device, &session->device, &error) != TW_OK)
        return cli_error(&error, NULL);
    if (tw_params_create(session->graph, session->device, seed, &session->params, &error) != TW_OK)
        return cli_error(&error, session->model);
    if (session->folder[0] && tw_preparation_read(session->context, session->folder,
                                                  &session->preparation, &error) != TW_OK)
        return cli_error(&error, NULL);
    const int code = take_sizes(session, tw_preparation_sizes(session->preparation),
                                args->sizes ? args->sizes : "");
    return code == CLI_DONE ? cli_load_weights(args, session) : code;
}

int cli_open_model(const cli_args *args, cli_session *session)
{
    int code = cli_find_model(args, session);
    if (code == CLI_DONE)
        code = cli_open_context(session);
    return code == CLI_DONE ? cli_open(args, 0, session) : code;
}

int cli_open_trained(const cli_args *args, cli_session *session)
{
    const int code = cli_open_model(args, session);
    if (code != CLI_DONE || session->weights[0] || tw_params_count(session->params) == 0)
        return code;
    return cli_fail(
        CLI_USAGE,
        "%s comes without weights: give --weights FILE.safetensors, or the folder of a run",
        args->operand);
}

int cli_open_data(const cli_args *args, cli_session *session, const char *spec, int32_t count,
                  const char *const *outputs, tw_dataset **data)
{
    tw_error error;
    const tw_dataset_options options = {.sizes = args->sizes,
                                        .preparation = session->preparation,
                                        .n_outputs = count,
                                        .outputs = outputs};
    if (tw_dataset_open_for(session->graph, spec, &options, data, &error) != TW_OK)
        return cli_error(&error, session->model);
    return take_sizes(session, "", tw_preparation_sizes(tw_dataset_preparation(*data)));
}

void cli_close(cli_session *session)
{
    tw_preparation_destroy(&session->preparation);
    tw_params_destroy(&session->params);
    tw_device_destroy(&session->device);
    tw_graph_destroy(&session->graph);
    tw_context_destroy(&session->context);
}
