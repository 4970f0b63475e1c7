// SPDX-License-Identifier: Apache-2.0
// The table of safetensors' element types and the limits that reader and writer share.
#ifndef TW_FORMAT_SAFETENSORS_DTYPE_H
#define TW_FORMAT_SAFETENSORS_DTYPE_H

#include "format/safetensors.h"

#define TW_SAFETENSORS_MAX_HEADER 100000000u /* the reference implementation's limit */

typedef struct tw_safetensors_dtype_row {
    const char *name;
    tw_type type; /* TW_TYPE_NONE: thalweg has no such type */
    size_t size;
} tw_safetensors_dtype_row;

/* Indexed by tw_safetensors_dtype. */
const tw_safetensors_dtype_row *tw_safetensors_dtypes(int *count);

#endif
