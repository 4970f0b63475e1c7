// SPDX-License-Identifier: Apache-2.0
// Element types, and an array in host memory as loaders and plans see it.
#ifndef THALWEG_ARRAY_H
#define THALWEG_ARRAY_H

#include <stddef.h>
#include <thalweg/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TW_MAX_RANK 8

/* Element types: name, pinned value, name in the text form, bytes in host memory. */
#define TW_TYPE_LIST(X)                                                                            \
    X(TW_F32, 1, "f32", 4)                                                                         \
    X(TW_F16, 2, "f16", 2)                                                                         \
    X(TW_BF16, 3, "bf16", 2)                                                                       \
    X(TW_I32, 4, "i32", 4)                                                                         \
    X(TW_U8, 5, "u8", 1)                                                                           \
    X(TW_BOOL, 6, "bool", 1)

typedef enum tw_type {
    TW_TYPE_NONE = 0,
#define TW_TYPE_ENUM(name, value, text, bytes) name = value,
    TW_TYPE_LIST(TW_TYPE_ENUM)
#undef TW_TYPE_ENUM
} tw_type;

TW_API const char *tw_type_name(tw_type type); /* "f32"; "?" for none */
TW_API size_t tw_type_size(tw_type type);      /* bytes an element, 0 for none */

/* A dense row-major array in host memory; who owns data is said where an array is handed over. */
typedef struct tw_array {
    tw_type type;
    int32_t rank;
    int64_t dim[TW_MAX_RANK];
    void *data;
} tw_array;

/* Number of elements; -1 if a size is negative or the product overflows. */
TW_API int64_t tw_array_count(const tw_array *array);

#ifdef __cplusplus
}
#endif
#endif
