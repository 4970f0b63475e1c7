// SPDX-License-Identifier: Apache-2.0
// Where networks run: an OpenCL device, or the host reference.
#ifndef THALWEG_DEVICE_H
#define THALWEG_DEVICE_H

#include <stdbool.h>
#include <thalweg/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_device tw_device; /* shareable between threads */

typedef struct tw_device_info {
    char selector[16]; /* "0:1": platform and device number; "host" */
    char name[128], platform[128], version[64], driver[64];
    char type[16];       /* "cpu", "gpu", "accelerator", "host" */
    int32_t units;       /* compute units */
    uint64_t memory;     /* bytes of global memory */
    uint64_t allocation; /* bytes of the largest single buffer */
    bool usable;         /* false: why_not says why */
    char why_not[128];
} tw_device_info;

/* Describes up to capacity devices of all OpenCL platforms (not the host); *count is how many there
 * are. No platform is no error: *count is 0. infos may be NULL when capacity is 0. */
TW_API TW_NODISCARD tw_status tw_device_list(tw_context *context, tw_device_info *infos,
                                             int32_t capacity, int32_t *count, tw_error *error);

/* select: "host", "PLATFORM:DEVICE" by number, a part of a platform's or device's name in any case,
 * or NULL for $THALWEG_DEVICE, else the first GPU, else the first device. "host" is never chosen
 * unless named. On Linux PoCL's threads, which serve the whole process, are kept on a core each
 * from then on, where there are as many, unless $POCL_AFFINITY is set. A child made by fork after
 * that has none of a driver's threads, and waits forever where it uses OpenCL: fork before, or
 * exec. Errors: NO_DEVICE (the sentence lists what there is), DEVICE. */
TW_API TW_NODISCARD tw_status tw_device_open(tw_context *context, const char *select,
                                             tw_device **device, tw_error *error);
/* Every object made on the device is destroyed first. */
TW_API void tw_device_destroy(tw_device **device);
TW_API void tw_device_describe(const tw_device *device, tw_device_info *info);

/* Measures what a device can do at most, to hold the rates of kernels against. */
typedef struct tw_meter tw_meter; /* used by one thread at a time */

/* Builds three kernels, and takes memory for three arrays of at least 64 MiB. The device is
 * borrowed until the meter is destroyed. Errors: UNSUPPORTED (the host device), DEVICE_MEMORY,
 * DEVICE, BUILD, MEMORY. */
TW_API TW_NODISCARD tw_status tw_meter_create(tw_device *device, tw_meter **meter, tw_error *error);
TW_API void tw_meter_destroy(tw_meter **meter);
/* 1e9 f32 operations a second, the best of 3 passes: independent multiply-adds in registers, which
 * count as 2. Takes about 0.01 s. */
TW_API TW_NODISCARD tw_status tw_meter_arithmetic(tw_meter *meter, double *gflops, tw_error *error);
/* 1e9 bytes a second, the best of 3 passes: y = a + s * b over the arrays, 12 bytes an element
 * (STREAM's triad). */
TW_API TW_NODISCARD tw_status tw_meter_memory(tw_meter *meter, double *gbytes, tw_error *error);
/* Microseconds, the best of 50 passes: a launch of `groups` (at least 1) work-groups that compute
 * next to nothing, from its start to its end. 0: less than the device's clock tells apart. */
TW_API TW_NODISCARD tw_status tw_meter_launch(tw_meter *meter, int64_t groups, double *microseconds,
                                              tw_error *error);

#ifdef __cplusplus
}
#endif
#endif
