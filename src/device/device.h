// SPDX-License-Identifier: Apache-2.0
// A device as scheduling sees it: buffers, programs, in-order queues and events, behind one table
// of functions.
#ifndef TW_DEVICE_DEVICE_H
#define TW_DEVICE_DEVICE_H

#include "base/launch.h"
#include <thalweg/device.h>

typedef struct tw_buffer tw_buffer;   /* device memory */
typedef struct tw_program tw_program; /* built kernel text */
typedef struct tw_kernel tw_kernel;
typedef struct tw_queue tw_queue; /* in order; used by one thread at a time */
typedef struct tw_event tw_event; /* counted reference */

/* A kernel argument with everything known. */
typedef struct tw_kernel_arg {
    tw_buffer *buffer; /* not NULL: the pointer is passed, then `offset` (elements) as ulong */
    uint64_t offset;
    uint32_t size; /* otherwise: size bytes of value */
    union {
        int32_t i;
        uint32_t u;
        float f;
    } value;
} tw_kernel_arg;

#define TW_BLOCK_WORDS 32

/* How launches give arguments to a kernel that many of them have in common: `const ulong16 block`,
 * TW_BLOCK_WORDS words of 32 bits, and so many `__global void *`. (Drivers take some time over each
 * argument; PoCL 3.1 copies every one for every launch.) A scalar, argument i, is word place[i]; a
 * buffer is pointer place[i], its offset the two words at offsets + 2 * place[i]. Pointers that are
 * not given are NULL, words as in `block`. */
typedef struct tw_arrangement {
    uint32_t block[TW_BLOCK_WORDS];
    int pointers, offsets;
    int n_args;
    const int *place; /* copied */
} tw_arrangement;

typedef struct tw_backend {
    const char *name; /* "opencl", "host" */
    void (*destroy)(tw_device *device);

    tw_status (*buffer_create)(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                               tw_error *error);
    /* The same, in memory that host and device share, if they do: then the host may read and write
     * it in place while no kernel that uses it is under way, and no transfer is needed. */
    tw_status (*buffer_create_shared)(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                                      tw_error *error);
    /* On memory of somebody else's, who keeps it until the buffer is destroyed: kernels read and write
     * it in place. NULL where the device does not compute there, or memory is out. */
    tw_buffer *(*buffer_on)(tw_device *device, void *memory, uint64_t bytes);
    void (*buffer_destroy)(tw_device *device, tw_buffer **buffer);
    /* The memory itself: of all buffers of the host device, and of shared ones. NULL elsewhere. */
    void *(*buffer_memory)(tw_buffer *buffer);

    /* Builds kernel text (its log goes into *error, shortened, and to the log of the context in
     * full). The host has no programs: NULL functions. */
    tw_status (*program_build)(tw_device *device, const char *text, size_t length,
                               tw_program **program, tw_error *error);
    void (*program_destroy)(tw_device *device, tw_program **program);
    tw_status (*kernel_create)(tw_device *device, tw_program *program, const char *entry,
                               tw_kernel **kernel, tw_error *error);
    /* For a kernel whose arguments are a block and pointers; name: for errors. Not on the host. */
    tw_status (*kernel_arrange)(tw_kernel *kernel, const tw_arrangement *arrangement,
                                const char *name, tw_error *error);
    /* A product by the device's library, launched like a kernel with the arguments n, a, b, c. NULL
     * where caps.products is false. */
    tw_status (*product_create)(tw_device *device, const tw_library_product *product,
                                tw_kernel **kernel, tw_error *error);
    void (*kernel_destroy)(tw_device *device, tw_kernel **kernel);

    tw_status (*queue_create)(tw_device *device, bool profiling, tw_queue **queue, tw_error *error);
    void (*queue_destroy)(tw_device *device, tw_queue **queue); /* finishes it first */
    /* Finishes the queue; from now on its events have times. Nothing to do where they have them
     * already, or never. */
    tw_status (*queue_profile)(tw_queue *queue, tw_error *error);
    /* Each enqueue waits for `waits` first, and gives an event when event is not NULL. write and
     * read do not block: host memory is borrowed until the event is complete. On the host device
     * they run at once. */
    tw_status (*write)(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                       const void *source, int n_waits, tw_event *const *waits, tw_event **event,
                       tw_error *error);
    tw_status (*read)(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                      void *target, int n_waits, tw_event *const *waits, tw_event **event,
                      tw_error *error);
    tw_status (*fill_zero)(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                           tw_error *error);
    tw_status (*copy)(tw_queue *queue, tw_buffer *source, uint64_t source_offset, tw_buffer *target,
                      uint64_t target_offset, uint64_t bytes, tw_error *error);
    /* groups[d] work-groups of local[d] items. args[0] is n. */
    tw_status (*launch)(tw_queue *queue, tw_kernel *kernel, int n_args, const tw_kernel_arg *args,
                        int dims, const int64_t groups[3], const int local[3], int n_waits,
                        tw_event *const *waits, tw_event **event, tw_error *error);
    tw_status (*flush)(tw_queue *queue, tw_error *error);
    tw_status (*finish)(tw_queue *queue, tw_error *error);
    tw_status (*event_wait)(
        tw_event *event, tw_error *error); /* does not spin; an asynchronous failure shows here */
    bool (*event_done)(tw_event *event);
    void (*event_release)(tw_event **event);
    /* nanoseconds of the device's clock; false without profiling */
    bool (*event_times)(tw_event *event, uint64_t *start, uint64_t *end);
} tw_backend;

struct tw_device {
    tw_context *context;
    const tw_backend *backend;
    tw_caps caps;
    tw_device_info info;
    void *state; /* the backend's own */
};

/* Opened by tw_device_open; each backend has one of these. */
tw_status tw_host_open(tw_context *context, tw_device **device, tw_error *error);
/* As tw_device_list. */
tw_status tw_opencl_list(tw_context *context, tw_device_info *infos, int32_t capacity,
                         int32_t *count, tw_error *error);
/* select: "PLATFORM:DEVICE" as listed. */
tw_status tw_opencl_open(tw_context *context, const char *select, tw_device **device,
                         tw_error *error);

#endif
