// SPDX-License-Identifier: Apache-2.0
// Writing values as a table that spreadsheets and --data csv: read: RFC 4180, a line a sample.
#ifndef THALWEG_CLI_CSV_FILE_H
#define THALWEG_CLI_CSV_FILE_H

#include "file.h"

typedef struct csv_writer {
    cli_file file;
    tw_type type;
    int64_t row, at; /* numbers a line, of which so many are written */
} csv_writer;

/* Whether values of the type are written as text: all but f16 and bf16. */
bool csv_has(tw_type type);
/* An element of values that csv_has. */
double csv_number(tw_type type, const void *values, int64_t at);
/* Begins a file whose first line names the columns: the node's name, or NAME_1, NAME_2 ... of a
 * sample of `row` numbers. Returns an exit code, as the following do. */
int csv_begin(csv_writer *writer, const char *path, const char *node, tw_type type, int64_t row);
/* Appends elements, with as many digits as tell each float from its neighbours. */
int csv_append(csv_writer *writer, const void *values, int64_t elements);
int csv_end(csv_writer *writer);    /* renames the file to its place */
void csv_abort(csv_writer *writer); /* removes it; accepts one that has ended */

#endif
