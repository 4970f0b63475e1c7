// SPDX-License-Identifier: Apache-2.0
// A file that appears whole or not at all: written beside its place, then renamed.
#ifndef THALWEG_CLI_FILE_H
#define THALWEG_CLI_FILE_H

#include "cli.h"

typedef struct cli_file {
    FILE *file;
    char path[4096], beside[4200]; /* the file, and the one that becomes it ("": none, a device) */
} cli_file;

/* A device or a pipe, such as /dev/stdout, is written to, not replaced. Each returns an exit code;
 * after a failure nothing is left. */
int cli_file_open(cli_file *file, const char *path);
int cli_file_write(cli_file *file, const void *data, size_t bytes);
int cli_file_close(cli_file *file);  /* renames the file to its place */
void cli_file_abort(cli_file *file); /* removes it; accepts one that has ended */

#endif
