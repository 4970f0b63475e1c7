// SPDX-License-Identifier: Apache-2.0
// What the files of the OpenCL backend share. Only they include OpenCL's headers.
#ifndef TW_DEVICE_OPENCL_H
#define TW_DEVICE_OPENCL_H

#include "device/device.h"
#include <stdatomic.h>
#include <thalweg/opencl.h>

/* state of a tw_device */
typedef struct tw_opencl {
    cl_context context;
    cl_device_id device;
    bool shares_memory;           /* kernels compute in the host's memory (tw_opencl_shares), */
    bool shares_any;              /* also in what does not begin at a page */
    atomic_uint_fast64_t buffers; /* made so far */
} tw_opencl;

struct tw_buffer {
    cl_mem memory;
    void *block,
        *shared; /* the host's allocation, and the place in it that memory is made on; NULL */
    uint64_t bytes;
    uint64_t serial; /* unlike a pointer, never that of a buffer that is gone */
};

struct tw_program {
    cl_program program;
};

/* A kernel argument as it was last set. */
typedef struct tw_opencl_arg {
    uint64_t serial; /* of the buffer; 0: a scalar */
    uint64_t value;  /* the offset, or the scalar's bits */
} tw_opencl_arg;

struct tw_kernel {
    tw_device *device;
    cl_kernel kernel;
    char *name;
    const tw_library_product *product; /* a library's product: kernel is NULL */
    int n_set;                         /* arguments that were set and are remembered */
    tw_opencl_arg *set;
    tw_arrangement *arrangement;    /* NULL: arguments follow one another */
    uint32_t block[TW_BLOCK_WORDS]; /* as last set */
};

struct tw_queue {
    tw_device *device;
    cl_command_queue queue;
    bool profiling;
};
/* A tw_event is the cl_event itself: nothing is allocated for it. */

/* "CL_OUT_OF_RESOURCES"; "unknown OpenCL error" for what no table knows. */
const char *tw_opencl_error_name(cl_int code);
/* Fails with "WHAT: CL_NAME (number)", and what to do where that can be said. The status follows
 * from the code. */
tw_status tw_opencl_fail(tw_error *error, cl_int code, const char *format, ...) TW_PRINTF(3, 4);

/* ---- describe.c ---- */
/* A device's text, trimmed; NULL when memory is out. To be freed with tw_free. */
char *tw_opencl_text(tw_context *context, cl_device_id device, cl_device_info what);
char *tw_opencl_platform_text(tw_context *context, cl_platform_id platform, cl_platform_info what);
uint64_t tw_opencl_number(cl_device_id device, cl_device_info what,
                          size_t size); /* 0 when the query fails */
tw_status tw_opencl_describe(tw_context *context, cl_device_id device, const char *selector,
                             tw_device_info *info, tw_error *error);
tw_status tw_opencl_caps(tw_context *context, cl_device_id device, tw_caps *caps, tw_error *error);

/* ---- platform.c ---- */
/* Calls visit with each device of each platform until it returns something but TW_OK, which is then
 * returned. */
typedef tw_status (*tw_opencl_visit)(void *user, int platform, int number,
                                     cl_platform_id platform_id, cl_device_id device,
                                     tw_error *error);
tw_status tw_opencl_each(tw_context *context, tw_opencl_visit visit, void *user, tw_error *error);

/* ---- buffer.c ---- */
/* Tries out whether buffers made on host memory are that memory, and no copy of it: what the device
 * writes is there without a map, and what the host writes reaches the device. *pages: where it
 * begins at a page; *any: wherever malloc puts it. */
void tw_opencl_shares(cl_context context, cl_device_id device, bool *pages, bool *any);

/* ---- pin.c ---- */
/* Keeps each of PoCL's threads on a core of its own, where there are as many of both (else nothing
 * is done, nor where $POCL_AFFINITY says what is wanted): woken for a launch, two threads are often
 * put on one core, and stay there for a millisecond or more while the other one idles. threads: the
 * device's compute units. Linux; elsewhere nothing is done. The threads serve the whole process. */
void tw_opencl_pin(cl_context context, cl_device_id device, int threads);

/* ---- the table's functions ---- */
tw_status tw_opencl_buffer_create(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                                  tw_error *error);
tw_status tw_opencl_buffer_create_shared(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                                         tw_error *error);
tw_buffer *tw_opencl_buffer_on(tw_device *device, void *memory, uint64_t bytes);
void tw_opencl_buffer_destroy(tw_device *device, tw_buffer **buffer);
void *tw_opencl_buffer_memory(tw_buffer *buffer);
tw_status tw_opencl_program_build(tw_device *device, const char *text, size_t length,
                                  tw_program **program, tw_error *error);
void tw_opencl_program_destroy(tw_device *device, tw_program **program);
tw_status tw_opencl_kernel_create(tw_device *device, tw_program *program, const char *entry,
                                  tw_kernel **kernel, tw_error *error);
tw_status tw_opencl_kernel_arrange(tw_kernel *kernel, const tw_arrangement *arrangement,
                                   const char *name, tw_error *error);
/* product.c, with the Meson feature clblast */
tw_status tw_opencl_product_create(tw_device *device, const tw_library_product *product,
                                   tw_kernel **kernel, tw_error *error);
tw_status tw_opencl_product_launch(tw_queue *queue, tw_kernel *kernel, const tw_kernel_arg *args,
                                   int n_waits, tw_event *const *waits, tw_event **event,
                                   tw_error *error);
void tw_opencl_kernel_destroy(tw_device *device, tw_kernel **kernel);
tw_status tw_opencl_queue_create(tw_device *device, bool profiling, tw_queue **queue,
                                 tw_error *error);
void tw_opencl_queue_destroy(tw_device *device, tw_queue **queue);
tw_status tw_opencl_queue_profile(tw_queue *queue, tw_error *error);
tw_status tw_opencl_write(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                          const void *source, int n_waits, tw_event *const *waits, tw_event **event,
                          tw_error *error);
tw_status tw_opencl_read(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                         void *target, int n_waits, tw_event *const *waits, tw_event **event,
                         tw_error *error);
tw_status tw_opencl_fill_zero(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                              tw_error *error);
tw_status tw_opencl_copy(tw_queue *queue, tw_buffer *source, uint64_t source_offset,
                         tw_buffer *target, uint64_t target_offset, uint64_t bytes,
                         tw_error *error);
tw_status tw_opencl_launch(tw_queue *queue, tw_kernel *kernel, int n_args,
                           const tw_kernel_arg *args, int dims, const int64_t groups[3],
                           const int local[3], int n_waits, tw_event *const *waits,
                           tw_event **event, tw_error *error);
tw_status tw_opencl_flush(tw_queue *queue, tw_error *error);
tw_status tw_opencl_finish(tw_queue *queue, tw_error *error);
tw_status tw_opencl_event_wait(tw_event *event, tw_error *error);
bool tw_opencl_event_done(tw_event *event);
void tw_opencl_event_release(tw_event **event);
bool tw_opencl_event_times(tw_event *event, uint64_t *start, uint64_t *end);

#endif
