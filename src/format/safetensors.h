// SPDX-License-Identifier: Apache-2.0
// Files of named arrays in the safetensors format: https://huggingface.co/docs/safetensors
#ifndef TW_FORMAT_SAFETENSORS_H
#define TW_FORMAT_SAFETENSORS_H

#include "base/base.h"

/* Element types of the format that are read. thalweg's own types are written as their namesakes
 * (f32 as F32, bool as BOOL, ...); F64 and I64 have none, so a tensor of these has array.type
 * TW_TYPE_NONE and is read by tw_safetensors_copy. */
typedef enum tw_safetensors_dtype {
    TW_ST_F32,
    TW_ST_F16,
    TW_ST_BF16,
    TW_ST_F64,
    TW_ST_I32,
    TW_ST_I64,
    TW_ST_U8,
    TW_ST_BOOL
} tw_safetensors_dtype;

typedef struct tw_safetensors_tensor {
    const char *name;
    tw_safetensors_dtype dtype;
    tw_array array; /* type, rank, dim; data points into the file's buffer, aligned for its type */
} tw_safetensors_tensor;

typedef struct tw_safetensors_pair {
    const char *key, *value;
} tw_safetensors_pair;

/* A file that was read. */
typedef struct tw_safetensors {
    int count;
    tw_safetensors_tensor *tensors; /* sorted by name (strcmp) */
    int n_metadata;
    tw_safetensors_pair *metadata; /* __metadata__, sorted by key */
    tw_context *context;
    tw_arena arena; /* names, tables */
    char *data;     /* the tensors' bytes */
} tw_safetensors;

/* Reads a whole file. Everything is checked before it is believed: the header's length, JSON,
 * types, shapes, and that the tensors' bytes fill the file without gap or overlap. *file stays
 * untouched on failure. Errors: FILE (missing, a folder, unreadable), FORMAT (what is wrong with
 * which tensor), MEMORY. */
tw_status tw_safetensors_read(tw_context *context, const char *path, tw_safetensors **file,
                              tw_error *error);
void tw_safetensors_free(tw_safetensors **file); /* accepts NULL, sets NULL */

/* The tensor of that name, the value of that key of the metadata; NULL if there is none. */
const tw_safetensors_tensor *tw_safetensors_find(const tw_safetensors *file, const char *name);
const char *tw_safetensors_metadata(const tw_safetensors *file, const char *key);

/* Copies a tensor's elements as `type` into data (tw_array_count(&tensor->array) elements of it):
 * the same type, any float or integer into f32, any integer into i32. Errors: TYPE (no such
 * conversion), DATA (an integer that i32 does not hold). */
tw_status tw_safetensors_copy(const tw_safetensors_tensor *tensor, tw_type type, void *data,
                              tw_error *error);
const char *tw_safetensors_dtype_name(tw_safetensors_dtype dtype); /* "F32" */

/* One tensor to write: data are array.dim's elements, row-major, borrowed for the call. */
typedef struct tw_safetensors_entry {
    const char *name;
    tw_array array;
} tw_safetensors_entry;

/* Writes a file beside and renames it, streaming: no copy of the data is made. The same entries and
 * metadata in any order give the same bytes: tensors are laid out by falling alignment, then by
 * name; metadata by key. Names and keys are UTF-8, each once. Errors:
 * ARGUMENT (a name twice, or "__metadata__"), FILE (a full disk), MEMORY. */
tw_status tw_safetensors_write(tw_context *context, const char *path, int count,
                               const tw_safetensors_entry *entries, int n_metadata,
                               const tw_safetensors_pair *metadata, tw_error *error);

#endif
