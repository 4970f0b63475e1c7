// SPDX-License-Identifier: Apache-2.0
// Files of data read from front to back, unpacked on the way if they are gzipped.
#ifndef TW_DATA_STREAM_H
#define TW_DATA_STREAM_H

#include "data/column.h"

typedef struct tw_stream tw_stream;

/* Opens a regular file. Errors: FILE (missing, a folder, a pipe), MEMORY. */
tw_status tw_stream_open(tw_context *context, const char *path, tw_stream **stream,
                         tw_error *error);
void tw_stream_close(tw_stream **stream); /* accepts NULL, sets NULL */
const char *tw_stream_path(const tw_stream *stream);

/* Is there a file of that name (of any kind)? */
bool tw_file_exists(const char *path);
bool tw_folder_exists(const char *path);
/* Bytes of a regular file. Errors: FILE. */
tw_status tw_file_size(const char *path, uint64_t *size, tw_error *error);

/* Reads up to size bytes; *got is less only at the end. Errors: FILE, FORMAT (damaged or truncated
 * gzip data). */
tw_status tw_stream_read(tw_stream *stream, void *data, size_t size, size_t *got, tw_error *error);
/* Reads exactly size bytes, of what is called `what` in the sentence on a file that ends before. */
tw_status tw_stream_exact(tw_stream *stream, void *data, size_t size, const char *what,
                          tw_error *error);
/* Checks that nothing is left. */
tw_status tw_stream_end(tw_stream *stream, tw_error *error);
/* Checks, before memory is taken for them, that cells of these sizes may yet come: as many bytes as
 * the file has, or as gzip's best compression could make of it. *bytes is what they take. Errors:
 * FORMAT. */
tw_status tw_stream_expect(tw_stream *stream, tw_cell cell, int32_t rank, const int64_t *dim,
                           uint64_t *bytes, tw_error *error);

#endif
