// SPDX-License-Identifier: Apache-2.0
// How calls report failure: a status, and a sentence in a struct that the caller owns.
#ifndef THALWEG_STATUS_H
#define THALWEG_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define TW_API __declspec(dllexport)
#else
#define TW_API __attribute__((visibility("default")))
#endif

#if defined(__GNUC__)
#define TW_NODISCARD __attribute__((warn_unused_result))
#define TW_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define TW_NODISCARD
#define TW_PRINTF(text, first)
#endif

/* Every status: name, pinned value, text. Values never change their meaning; new ones are appended.
 */
#define TW_STATUS_LIST(X)                                                                          \
    X(TW_OK, 0, "no error")                                                                        \
    X(TW_ERROR_ARGUMENT, 1, "invalid argument")                                                    \
    X(TW_ERROR_MEMORY, 2, "out of host memory")                                                    \
    X(TW_ERROR_SYNTAX, 3, "syntax error")                                                          \
    X(TW_ERROR_NAME, 4, "unknown name")                                                            \
    X(TW_ERROR_SHAPE, 5, "shapes do not fit")                                                      \
    X(TW_ERROR_TYPE, 6, "types do not fit")                                                        \
    X(TW_ERROR_FILE, 7, "file cannot be read or written")                                          \
    X(TW_ERROR_FORMAT, 8, "file is damaged or of another format")                                  \
    X(TW_ERROR_DATA, 9, "data out of range")                                                       \
    X(TW_ERROR_NO_DEVICE, 10, "no usable device")                                                  \
    X(TW_ERROR_DEVICE, 11, "device reported an error")                                             \
    X(TW_ERROR_BUILD, 12, "kernel does not build")                                                 \
    X(TW_ERROR_DEVICE_MEMORY, 13, "out of device memory")                                          \
    X(TW_ERROR_UNSUPPORTED, 14, "not supported")                                                   \
    X(TW_ERROR_CANCELLED, 15, "cancelled")                                                         \
    X(TW_ERROR_NUMBER, 16, "not a finite number")                                                  \
    X(TW_ERROR_INTERNAL, 17, "error inside thalweg")

typedef enum tw_status {
#define TW_STATUS_ENUM(name, value, text) name = value,
    TW_STATUS_LIST(TW_STATUS_ENUM)
#undef TW_STATUS_ENUM
} tw_status;

/* What went wrong. The caller owns it, may reuse it, and may pass NULL wherever one is asked for.
 * Filled only on failure. */
typedef struct tw_error {
    tw_status code;
    int32_t line, column; /* in the model text, from 1; 0 where there is none */
    char text[1000];      /* one English sentence: what, where, what to do; UTF-8, 0-terminated */
} tw_error;

/* The name of a status ("TW_ERROR_SHAPE") and its short text. Never NULL. Any thread. */
TW_API const char *tw_status_name(tw_status status);
TW_API const char *tw_status_text(tw_status status);

#ifdef __cplusplus
}
#endif
#endif
