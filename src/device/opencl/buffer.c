// SPDX-License-Identifier: Apache-2.0
// Device memory.
#include "device/opencl/opencl.h"

static double megabytes(uint64_t bytes)
{
    return (double)bytes / (1024 * 1024);
}

tw_status tw_opencl_buffer_create(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                                  tw_error *error)
{
    tw_opencl *cl = device->state;
    const uint64_t limit = device->caps.max_allocation;
    if (bytes > SIZE_MAX || (limit && bytes > limit))
        return tw_fail(error, TW_ERROR_DEVICE_MEMORY,
                       "a buffer of %.1f MB is needed, but '%s' allows %.1f MB in one piece (of "
                       "%.1f MB in all): make "
                       "the batch or the model smaller",
                       megabytes(bytes), device->info.name, megabytes(limit),
                       megabytes(device->caps.global_memory));
    tw_buffer *made = tw_calloc(device->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    cl_int code;
    made->bytes = bytes;
    made->serial = (uint64_t)atomic_fetch_add(&cl->buffers, 1) + 1;
    made->memory =
        clCreateBuffer(cl->context, CL_MEM_READ_WRITE, (size_t)TW_MAX(bytes, 1), NULL, &code);
    if (code != CL_SUCCESS) {
        tw_free(device->context, made);
        return tw_fail(error, TW_ERROR_DEVICE_MEMORY,
                       "'%s' has no room for a buffer of %.1f MB: %s (%d): make the batch or the "
                       "model smaller, or "
                       "close other programs that use the device",
                       device->info.name, megabytes(bytes), tw_opencl_error_name(code), (int)code);
    }
    *buffer = made;
    return TW_OK;
}

void tw_opencl_buffer_destroy(tw_device *device, tw_buffer **buffer)
{
    if (!*buffer)
        return;
    clReleaseMemObject((*buffer)->memory);
    tw_free(device->context, *buffer);
    *buffer = NULL;
}

void *tw_opencl_buffer_memory(tw_buffer *buffer)
{
    (void)buffer;
    return NULL;
}
