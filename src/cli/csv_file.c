// SPDX-License-Identifier: Apache-2.0
// Writing values as CSV, number by number.
#include "csv_file.h"
#include <string.h>

#define DIGITS 9 /* of a float's decimal form, from which the same float is read */

bool csv_has(tw_type type)
{
    return type != TW_F16 && type != TW_BF16;
}

double csv_number(tw_type type, const void *values, int64_t at)
{
    switch (type) {
    case TW_F32:
        return (double)((const float *)values)[at];
    case TW_I32:
        return (double)((const int32_t *)values)[at];
    default:
        return (double)((const unsigned char *)values)[at];
    }
}

/* Ends a line with its last number, or parts this one from the next. */
static int put_mark(csv_writer *w)
{
    w->at = (w->at + 1) % w->row;
    return cli_file_write(&w->file, w->at ? "," : "\n", 1);
}

static int put_names(csv_writer *w, const char *node)
{
    int code = CLI_DONE;
    for (int64_t i = 1; i <= w->row && code == CLI_DONE; i++) {
        char number[24] = "";
        if (w->row > 1)
            (void)snprintf(number, sizeof number, "_%lld", (long long)i);
        code = cli_file_write(&w->file, node, strlen(node));
        if (code == CLI_DONE && *number)
            code = cli_file_write(&w->file, number, strlen(number));
        if (code == CLI_DONE)
            code = put_mark(w);
    }
    return code;
}

int csv_begin(csv_writer *w, const char *path, const char *node, tw_type type, int64_t row)
{
    *w = (csv_writer){.type = type, .row = row};
    const int code = cli_file_open(&w->file, path);
    return code == CLI_DONE ? put_names(w, node) : code;
}

int csv_append(csv_writer *w, const void *values, int64_t elements)
{
    int code = CLI_DONE;
    for (int64_t i = 0; i < elements && code == CLI_DONE; i++) {
        char number[40];
        const int length =
            snprintf(number, sizeof number, "%.*g", w->type == TW_F32 ? DIGITS : DIGITS + 1,
                     csv_number(w->type, values, i));
        code = cli_file_write(&w->file, number, (size_t)length);
        if (code == CLI_DONE)
            code = put_mark(w);
    }
    return code;
}

int csv_end(csv_writer *w)
{
    return cli_file_close(&w->file);
}

void csv_abort(csv_writer *w)
{
    cli_file_abort(&w->file);
}
