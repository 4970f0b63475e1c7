// SPDX-License-Identifier: Apache-2.0
// What planning may know of a device: plain numbers.
#ifndef TW_BASE_CAPS_H
#define TW_BASE_CAPS_H

#include "base/base.h"

/* simd: explicit vector register tiles, work-group size 1 (CPUs). simt: work-groups of 64 to 256
 * (GPUs). host: the C references in double. Chosen by device type, never by extension names. */
typedef enum tw_family { TW_FAMILY_HOST, TW_FAMILY_SIMD, TW_FAMILY_SIMT } tw_family;

typedef struct tw_caps {
    tw_family family;
    int units;     /* compute units: cores of a CPU */
    int vector;    /* floats in a vector register: 4 (SSE, NEON), 8 (AVX2), 16 (AVX-512) */
    int registers; /* vector registers: 16, or 32 with AVX-512 and NEON */
    uint64_t global_memory, max_allocation, local_memory,
        cache;       /* bytes; cache: last-level or per CL query */
    uint64_t stream; /* bytes from which results are written past the caches; 0: never */
    int max_work_group;
    int alignment;     /* bytes that sub-allocations start at: 64 at least */
    bool products;     /* the backend has a library for products of matrices (CLBlast) */
    bool calls;        /* the driver takes long over each kernel, however small: few kernels, which
                          call the work as functions, are built sooner */
    uint64_t identity; /* hash of platform, device, driver and their versions */
} tw_caps;

/* Bytes of an element in device memory: the host device stores f32, f16 and bf16 as double. */
size_t tw_caps_type_size(const tw_caps *caps, tw_type type);

#endif
