// SPDX-License-Identifier: Apache-2.0
// Device memory.
#include "device/opencl/opencl.h"

static double megabytes(uint64_t bytes)
{
    return (double)bytes / (1024 * 1024);
}

/* Buffers on host memory begin at a page: drivers that cannot use other places copy. */
#define PAGE 4096
/* What memory from malloc is a multiple of. */
#define ANYWHERE 16

static tw_status check_size(const tw_device *device, uint64_t bytes, tw_error *error)
{
    const uint64_t limit = device->caps.max_allocation;
    if (bytes <= SIZE_MAX - PAGE && (!limit || bytes <= limit))
        return TW_OK;
    return tw_fail(error, TW_ERROR_DEVICE_MEMORY,
                   "a buffer of %.1f MB is needed, but '%s' allows %.1f MB in one piece (of "
                   "%.1f MB in all): make "
                   "the batch or the model smaller",
                   megabytes(bytes), device->info.name, megabytes(limit),
                   megabytes(device->caps.global_memory));
}

/* shared: on memory of the host's own; place: the memory, NULL: it is made here. */
static tw_status create(tw_device *device, uint64_t bytes, bool shared, void *place,
                        tw_buffer **buffer, tw_error *error)
{
    tw_opencl *cl = device->state;
    TW_TRY(check_size(device, bytes, error));
    const size_t size = (size_t)TW_MAX(bytes, 1);
    tw_buffer *made = tw_calloc(device->context, 1, sizeof *made);
    if (made && shared && !place) {
        made->block = tw_alloc(device->context, size + PAGE);
        place = made->block ? (char *)made->block + (PAGE - (uintptr_t)made->block % PAGE) : NULL;
    }
    if (!made || (shared && !place)) {
        tw_free(device->context, made);
        return tw_fail_memory(error);
    }
    made->shared = place;
    cl_int code;
    made->bytes = bytes;
    made->serial = (uint64_t)atomic_fetch_add(&cl->buffers, 1) + 1;
    made->memory =
        clCreateBuffer(cl->context, CL_MEM_READ_WRITE | (shared ? CL_MEM_USE_HOST_PTR : 0), size,
                       made->shared, &code);
    if (code != CL_SUCCESS) {
        tw_free(device->context, made->block);
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

tw_status tw_opencl_buffer_create(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                                  tw_error *error)
{
    return create(device, bytes, false, NULL, buffer, error);
}

tw_status tw_opencl_buffer_create_shared(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                                         tw_error *error)
{
    const tw_opencl *cl = device->state;
    return create(device, bytes, cl->shares_memory, NULL, buffer, error);
}

tw_buffer *tw_opencl_buffer_on(tw_device *device, void *memory, uint64_t bytes)
{
    const tw_opencl *cl = device->state;
    const uintptr_t place = (uintptr_t)memory;
    tw_buffer *made = NULL;
    if (place % PAGE == 0 ? !cl->shares_memory : !cl->shares_any || place % ANYWHERE != 0)
        return NULL;
    return create(device, bytes, true, memory, &made, NULL) == TW_OK ? made : NULL;
}

/* Both ways, with commands that need no kernel. */
static bool try_sharing(cl_command_queue queue, cl_mem memory, volatile unsigned char *host)
{
    const unsigned char sent = 0x5a;
    unsigned char got = 0;
    host[1] = 0xa5;
    return clEnqueueWriteBuffer(queue, memory, CL_TRUE, 0, 1, &sent, 0, NULL, NULL) == CL_SUCCESS &&
           host[0] == sent &&
           clEnqueueReadBuffer(queue, memory, CL_TRUE, 1, 1, &got, 0, NULL, NULL) == CL_SUCCESS &&
           got == 0xa5;
}

static bool shares_at(cl_context context, cl_device_id device, unsigned char *host)
{
    cl_int code;
    cl_mem memory =
        clCreateBuffer(context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, PAGE, host, &code);
    if (code != CL_SUCCESS)
        return false;
    cl_command_queue queue = clCreateCommandQueue(context, device, 0, &code);
    bool shares = false;
    if (code == CL_SUCCESS) {
        shares = try_sharing(queue, memory, host);
        clFinish(queue);
        clReleaseCommandQueue(queue);
    }
    clReleaseMemObject(memory);
    return shares;
}

void tw_opencl_shares(cl_context context, cl_device_id device, bool *pages, bool *any)
{
    unsigned char block[3 * PAGE] = {0};
    unsigned char *host = block + (PAGE - (uintptr_t)block % PAGE);
    *pages = shares_at(context, device, host);
    *any = *pages && shares_at(context, device, host + ANYWHERE);
}

void tw_opencl_buffer_destroy(tw_device *device, tw_buffer **buffer)
{
    if (!*buffer)
        return;
    clReleaseMemObject((*buffer)->memory);
    tw_free(device->context, (*buffer)->block);
    tw_free(device->context, *buffer);
    *buffer = NULL;
}

void *tw_opencl_buffer_memory(tw_buffer *buffer)
{
    return buffer->shared;
}
