// SPDX-License-Identifier: Apache-2.0
// Writing NumPy's array files, row by row:
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#ifndef THALWEG_CLI_NPY_H
#define THALWEG_CLI_NPY_H

#include "file.h"

typedef struct npy_writer {
    cli_file file;
    tw_type type;
} npy_writer;

/* Begins a file of `count` samples, each of the array's shape without its first size. Returns an
 * exit code. */
int npy_begin(npy_writer *writer, const char *path, const tw_array *array, int64_t count);
/* Appends elements. bf16, which NumPy does not know, is written as f32. */
int npy_append(npy_writer *writer, const void *data, int64_t elements);
int npy_end(npy_writer *writer);    /* renames the file to its place */
void npy_abort(npy_writer *writer); /* removes it; accepts one that has ended */

#endif
