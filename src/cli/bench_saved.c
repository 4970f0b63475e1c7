// SPDX-License-Identifier: Apache-2.0
// A run of thalweg bench --ops that was saved with --json, to hold another one against.
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "bench_ops.h"

#define SLOWER 1.1

struct bench_saved {
    json_t *head;
    json_t *rows; /* object: "operator shapes" -> row */
};

static void name_of(const char *operator, const char * shapes, char *out, size_t size)
{
    (void)snprintf(out, size, "%s %s", operator, shapes);
}

/* One line: the head of the run, or a row. False: neither. */
static bool take(bench_saved *saved, json_t *line)
{
    const char *operator= json_string_value(json_object_get(line, "operator"));
    const char *shapes = json_string_value(json_object_get(line, "shapes"));
    if (!saved->head) {
        if (!json_is_string(json_object_get(line, "device")) ||
            !json_object_get(line, "gflops_limit"))
            return false;
        saved->head = json_incref(line);
        return true;
    }
    if (!operator|| !shapes || !(json_number_value(json_object_get(line, "ms")) > 0))
        return false;
    char name[300];
    name_of(operator, shapes, name, sizeof name);
    return json_object_set(saved->rows, name, line) == 0;
}

static int read_lines(FILE *file, const char *path, bench_saved *saved)
{
    for (int number = 1;; number++) {
        json_error_t error;
        int c;
        while ((c = getc(file)) == '\n' || c == '\r' || c == ' ')
            ;
        if (c == EOF)
            break;
        (void)ungetc(c, file);
        json_t *line = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
        const bool taken = line && take(saved, line);
        json_decref(line);
        if (!taken)
            return cli_fail(CLI_FAILED,
                            "%s: object %d is not of a run saved with thalweg bench --ops --json",
                            path, number);
    }
    if (!saved->head || json_object_size(saved->rows) == 0)
        return cli_fail(CLI_FAILED, "%s holds no run: save one with thalweg bench --ops --json",
                        path);
    return CLI_DONE;
}

int bench_saved_read(const char *path, bench_saved **saved)
{
    FILE *file = cli_is_folder(path) ? NULL : fopen(path, "r");
    if (!file)
        return cli_fail(CLI_FAILED, "%s cannot be read: %s", path,
                        cli_is_folder(path) ? "it is a folder" : strerror(errno));
    int code = CLI_FAILED;
    *saved = calloc(1, sizeof **saved);
    if (*saved && ((*saved)->rows = json_object()))
        code = read_lines(file, path, *saved);
    else
        code = cli_fail(CLI_FAILED, "out of memory");
    (void)fclose(file);
    return code;
}

void bench_saved_free(bench_saved **saved)
{
    if (!*saved)
        return;
    json_decref((*saved)->head);
    json_decref((*saved)->rows);
    free(*saved);
    *saved = NULL;
}

bool bench_saved_is_of(const bench_saved *saved, const char *device)
{
    return strcmp(json_string_value(json_object_get(saved->head, "device")), device) == 0;
}

void bench_saved_compare(const bench_saved *saved, bench_result *result)
{
    char name[300];
    name_of(result->row->operator, result->row->shapes, name, sizeof name);
    const json_t *row = json_object_get(saved->rows, name);
    if (!row)
        return;
    const bench_share now = bench_share_of(result);
    const double then = json_number_value(json_object_get(row, bench_limit_name(now.limit)));
    result->then = then > 0 && now.fraction > 0 ? result->best * now.fraction / then
                                                : json_number_value(json_object_get(row, "ms"));
}

bool bench_is_slower(const bench_result *result)
{
    return result->then > 0 && result->best > result->then * SLOWER;
}
