// SPDX-License-Identifier: Apache-2.0
// In-order queues: transfers, launches, and events.
#include "device/opencl/opencl.h"

static tw_status make_queue(tw_device *device, bool profiling, cl_command_queue *queue,
                            tw_error *error)
{
    const tw_opencl *cl = device->state;
    cl_int code;
    cl_command_queue made = clCreateCommandQueue(cl->context, cl->device,
                                                 profiling ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    if (code != CL_SUCCESS)
        return tw_opencl_fail(error, code, "cannot make a queue on '%s'", device->info.name);
    *queue = made;
    return TW_OK;
}

tw_status tw_opencl_queue_create(tw_device *device, bool profiling, tw_queue **queue,
                                 tw_error *error)
{
    tw_queue *made = tw_calloc(device->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    made->device = device;
    made->profiling = profiling;
    const tw_status status = make_queue(device, profiling, &made->queue, error);
    if (status == TW_OK)
        *queue = made;
    else
        tw_free(device->context, made);
    return status;
}

tw_status tw_opencl_queue_profile(tw_queue *queue, tw_error *error)
{
    cl_command_queue made = NULL;
    TW_TRY(tw_opencl_finish(queue, error));
    if (queue->profiling)
        return TW_OK;
    TW_TRY(make_queue(queue->device, true, &made, error));
    clReleaseCommandQueue(queue->queue);
    queue->queue = made;
    queue->profiling = true;
    return TW_OK;
}

void tw_opencl_queue_destroy(tw_device *device, tw_queue **queue)
{
    if (!*queue)
        return;
    clFinish((*queue)->queue);
    clReleaseCommandQueue((*queue)->queue);
    tw_free(device->context, *queue);
    *queue = NULL;
}

/* ---- waits ---- */

#define MOST_WAITS 16

/* What a command waits for, as OpenCL takes it: an empty list must be NULL. */
typedef struct wait_list {
    cl_uint count;
    cl_event event[MOST_WAITS];
    const cl_event *events;
} wait_list;

/* Fills *list, which must stay where it is. NULLs among the waits are passed over. */
static tw_status wait_for(wait_list *list, int count, tw_event *const *waits, const char *what,
                          tw_error *error)
{
    list->count = 0;
    for (int i = 0; i < count; i++) {
        if (!waits[i])
            continue;
        if (list->count == MOST_WAITS)
            return tw_fail(error, TW_ERROR_INTERNAL, "%s: more than %d events to wait for", what,
                           MOST_WAITS);
        list->event[list->count++] = (cl_event)waits[i];
    }
    list->events = list->count ? list->event : NULL;
    return TW_OK;
}

/* A command of no bytes still stands in its place: it waits, and gives an event. */
static tw_status mark(tw_queue *queue, const wait_list *list, tw_event **event, const char *what,
                      tw_error *error)
{
    if (list->count == 0 && !event)
        return TW_OK;
    cl_event made = NULL;
    const cl_int code =
        clEnqueueMarkerWithWaitList(queue->queue, list->count, list->events, event ? &made : NULL);
    if (code != CL_SUCCESS)
        return tw_opencl_fail(error, code, "%s on '%s'", what, queue->device->info.name);
    if (event)
        *event = (tw_event *)made;
    return TW_OK;
}

/* ---- transfers ---- */

static tw_status check_range(const tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                             const char *what, tw_error *error)
{
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset)
        return TW_OK;
    return tw_fail(error, TW_ERROR_INTERNAL,
                   "%s: %llu bytes from %llu on do not lie in a buffer of %llu bytes", what,
                   (unsigned long long)bytes, (unsigned long long)offset,
                   (unsigned long long)buffer->bytes);
}

/* Copies from source to the buffer, or else from the buffer to target. */
static tw_status transfer(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                          const void *source, void *target, int n_waits, tw_event *const *waits,
                          tw_event **event, tw_error *error)
{
    const char *what = source ? "upload to the device" : "download from the device";
    wait_list list;
    cl_event made = NULL, *out = event ? &made : NULL;
    TW_TRY(check_range(buffer, offset, bytes, what, error));
    TW_TRY(wait_for(&list, n_waits, waits, what, error));
    if (bytes == 0)
        return mark(queue, &list, event, what, error);
    const cl_int code =
        source ? clEnqueueWriteBuffer(queue->queue, buffer->memory, CL_FALSE, (size_t)offset,
                                      (size_t)bytes, source, list.count, list.events, out)
               : clEnqueueReadBuffer(queue->queue, buffer->memory, CL_FALSE, (size_t)offset,
                                     (size_t)bytes, target, list.count, list.events, out);
    if (code != CL_SUCCESS)
        return tw_opencl_fail(error, code, "%s '%s' (%llu bytes)", what, queue->device->info.name,
                              (unsigned long long)bytes);
    if (event)
        *event = (tw_event *)made;
    return TW_OK;
}

tw_status tw_opencl_write(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                          const void *source, int n_waits, tw_event *const *waits, tw_event **event,
                          tw_error *error)
{
    return transfer(queue, buffer, offset, bytes, source, NULL, n_waits, waits, event, error);
}

tw_status tw_opencl_read(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                         void *target, int n_waits, tw_event *const *waits, tw_event **event,
                         tw_error *error)
{
    return transfer(queue, buffer, offset, bytes, NULL, target, n_waits, waits, event, error);
}

tw_status tw_opencl_fill_zero(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                              tw_error *error)
{
    static const char what[] = "fill with zeros";
    static const cl_uint zeros[4] = {0};
    TW_TRY(check_range(buffer, offset, bytes, what, error));
    if (bytes == 0)
        return TW_OK;
    /* Offset and size must be multiples of the pattern's size; drivers are faster with large
     * patterns. */
    const uint64_t both = offset | bytes;
    const size_t pattern = both % 16 == 0 ? 16 : both % 4 == 0 ? 4 : 1;
    const cl_int code = clEnqueueFillBuffer(queue->queue, buffer->memory, zeros, pattern,
                                            (size_t)offset, (size_t)bytes, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return tw_opencl_fail(error, code, "%s on '%s' (%llu bytes)", what,
                              queue->device->info.name, (unsigned long long)bytes);
    return TW_OK;
}

tw_status tw_opencl_copy(tw_queue *queue, tw_buffer *source, uint64_t source_offset,
                         tw_buffer *target, uint64_t target_offset, uint64_t bytes, tw_error *error)
{
    static const char what[] = "copy on the device";
    TW_TRY(check_range(source, source_offset, bytes, what, error));
    TW_TRY(check_range(target, target_offset, bytes, what, error));
    if (bytes == 0)
        return TW_OK;
    const cl_int code =
        clEnqueueCopyBuffer(queue->queue, source->memory, target->memory, (size_t)source_offset,
                            (size_t)target_offset, (size_t)bytes, 0, NULL, NULL);
    if (code != CL_SUCCESS)
        return tw_opencl_fail(error, code, "%s '%s' (%llu bytes)", what, queue->device->info.name,
                              (unsigned long long)bytes);
    return TW_OK;
}

/* ---- launches ---- */

/* The memory of what was set last; NULL, and all is set each time, when memory is out. */
static tw_opencl_arg *remembered(tw_kernel *kernel, int n_args)
{
    if (kernel->n_set != n_args) {
        tw_free(kernel->device->context, kernel->set);
        kernel->set = tw_alloc(kernel->device->context, (size_t)n_args * sizeof *kernel->set);
        kernel->n_set = kernel->set ? n_args : 0;
        for (int i = 0; i < kernel->n_set; i++)
            kernel->set[i] = (tw_opencl_arg){UINT64_MAX, 0};
    }
    return kernel->set;
}

static cl_int set_argument(tw_kernel *kernel, const tw_kernel_arg *arg, cl_uint index)
{
    if (!arg->buffer)
        return clSetKernelArg(kernel->kernel, index, arg->size, &arg->value);
    const cl_ulong offset = arg->offset;
    const cl_int code =
        clSetKernelArg(kernel->kernel, index, sizeof arg->buffer->memory, &arg->buffer->memory);
    return code == CL_SUCCESS ? clSetKernelArg(kernel->kernel, index + 1, sizeof offset, &offset)
                              : code;
}

/* Sets what has changed since the kernel's last launch: in a step that is repeated, next to
 * nothing. */
static tw_status set_arguments(tw_queue *queue, tw_kernel *kernel, int n_args,
                               const tw_kernel_arg *args, tw_error *error)
{
    tw_opencl_arg *set = remembered(kernel, n_args);
    cl_uint index = 0;
    for (int i = 0; i < n_args; i++) {
        const tw_kernel_arg *arg = &args[i];
        const cl_uint first = index;
        const tw_opencl_arg now = {arg->buffer ? arg->buffer->serial : 0,
                                   arg->buffer ? arg->offset : arg->value.u};
        index += arg->buffer ? 2 : 1;
        if (set && set[i].serial == now.serial && set[i].value == now.value)
            continue;
        if (set)
            set[i] = (tw_opencl_arg){UINT64_MAX, 0};
        const cl_int code = set_argument(kernel, arg, first);
        if (code != CL_SUCCESS)
            return tw_opencl_fail(error, code,
                                  "argument %d (the kernel's %u) of the kernel '%s' on '%s'", i,
                                  (unsigned)first, kernel->name, queue->device->info.name);
        if (set)
            set[i] = now;
    }
    return TW_OK;
}

static tw_status fail_argument(const tw_queue *queue, const tw_kernel *kernel, int i, cl_int code,
                               tw_error *error)
{
    return tw_opencl_fail(error, code, "argument %d of the kernel '%s' on '%s'", i, kernel->name,
                          queue->device->info.name);
}

/* The same where arguments are a block and pointers. */
static tw_status arrange_arguments(tw_queue *queue, tw_kernel *kernel, int n_args,
                                   const tw_kernel_arg *args, tw_error *error)
{
    const tw_arrangement *arrangement = kernel->arrangement;
    tw_opencl_arg *set = remembered(kernel, n_args);
    uint32_t block[TW_BLOCK_WORDS];
    memcpy(block, arrangement->block, sizeof block);
    for (int i = 0; i < n_args; i++) {
        const int place = arrangement->place[i];
        if (!args[i].buffer) {
            block[place] = args[i].value.u;
            continue;
        }
        block[arrangement->offsets + 2 * place] = (uint32_t)args[i].offset;
        block[arrangement->offsets + 2 * place + 1] = (uint32_t)(args[i].offset >> 32);
        if (set && set[i].serial == args[i].buffer->serial)
            continue;
        const cl_int code = clSetKernelArg(kernel->kernel, (cl_uint)(1 + place), sizeof(cl_mem),
                                           &args[i].buffer->memory);
        if (code != CL_SUCCESS)
            return fail_argument(queue, kernel, i, code, error);
        if (set)
            set[i].serial = args[i].buffer->serial;
    }
    if (memcmp(block, kernel->block, sizeof block) == 0)
        return TW_OK;
    memcpy(kernel->block, block, sizeof block);
    const cl_int code = clSetKernelArg(kernel->kernel, 0, sizeof block, block);
    return code == CL_SUCCESS ? TW_OK : fail_argument(queue, kernel, 0, code, error);
}

/* Global sizes of groups[d] * local[d]; *empty when there is nothing to run. */
static tw_status global_sizes(const tw_kernel *kernel, int dims, const int64_t groups[3],
                              const int local[3], size_t global[3], size_t group[3], bool *empty,
                              tw_error *error)
{
    *empty = false;
    if (dims < 1 || dims > 3)
        return tw_fail(error, TW_ERROR_INTERNAL, "kernel '%s': %d dimensions", kernel->name, dims);
    for (int d = 0; d < dims; d++) {
        if (groups[d] < 0 || local[d] < 1 || (uint64_t)groups[d] > SIZE_MAX / (size_t)local[d])
            return tw_fail(error, TW_ERROR_INTERNAL,
                           "kernel '%s': %lld work-groups of %d items in dimension %d",
                           kernel->name, (long long)groups[d], local[d], d);
        global[d] = (size_t)groups[d] * (size_t)local[d];
        group[d] = (size_t)local[d];
        *empty = *empty || groups[d] == 0;
    }
    return TW_OK;
}

tw_status tw_opencl_launch(tw_queue *queue, tw_kernel *kernel, int n_args,
                           const tw_kernel_arg *args, int dims, const int64_t groups[3],
                           const int local[3], int n_waits, tw_event *const *waits,
                           tw_event **event, tw_error *error)
{
    size_t global[3] = {1, 1, 1}, group[3] = {1, 1, 1};
    bool empty;
    wait_list list;
    cl_event made = NULL;
    TW_TRY(global_sizes(kernel, dims, groups, local, global, group, &empty, error));
    TW_TRY(wait_for(&list, n_waits, waits, kernel->name, error));
    if (empty)
        return mark(queue, &list, event, kernel->name, error);
#ifdef TW_CLBLAST
    if (kernel->product)
        return tw_opencl_product_launch(queue, kernel, args, n_waits, waits, event, error);
#endif
    TW_TRY(kernel->arrangement ? arrange_arguments(queue, kernel, n_args, args, error)
                               : set_arguments(queue, kernel, n_args, args, error));
    const cl_int code =
        clEnqueueNDRangeKernel(queue->queue, kernel->kernel, (cl_uint)dims, NULL, global, group,
                               list.count, list.events, event ? &made : NULL);
    if (code != CL_SUCCESS)
        return tw_opencl_fail(
            error, code,
            "launch of the kernel '%s' on '%s' (%zu,%zu,%zu items in groups of %zu,%zu,%zu)",
            kernel->name, queue->device->info.name, global[0], global[1], global[2], group[0],
            group[1], group[2]);
    if (event)
        *event = (tw_event *)made;
    return TW_OK;
}

tw_status tw_opencl_flush(tw_queue *queue, tw_error *error)
{
    const cl_int code = clFlush(queue->queue);
    return code == CL_SUCCESS
               ? TW_OK
               : tw_opencl_fail(error, code, "starting the work on '%s'", queue->device->info.name);
}

tw_status tw_opencl_finish(tw_queue *queue, tw_error *error)
{
    const cl_int code = clFinish(queue->queue);
    return code == CL_SUCCESS
               ? TW_OK
               : tw_opencl_fail(error, code, "waiting for '%s'", queue->device->info.name);
}

/* ---- events ---- */

/* CL_COMPLETE, CL_RUNNING, ..., or a negative code when the command failed. */
static cl_int execution_status(cl_event event)
{
    cl_int status = CL_SUCCESS;
    const cl_int code =
        clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL);
    return code == CL_SUCCESS ? status : code;
}

tw_status tw_opencl_event_wait(tw_event *event, tw_error *error)
{
    const cl_event waited = (cl_event)event;
    const cl_int code = clWaitForEvents(1, &waited);
    const cl_int status = execution_status(waited);
    if (status < 0) /* says more than CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST */
        return tw_opencl_fail(error, status,
                              "a command failed on the device after it was enqueued");
    return code == CL_SUCCESS ? TW_OK : tw_opencl_fail(error, code, "waiting for the device");
}

bool tw_opencl_event_done(tw_event *event)
{
    return execution_status((cl_event)event) <= CL_COMPLETE;
}

void tw_opencl_event_release(tw_event **event)
{
    if (!*event)
        return;
    clReleaseEvent((cl_event)*event);
    *event = NULL;
}

bool tw_opencl_event_times(tw_event *event, uint64_t *start, uint64_t *end)
{
    cl_ulong from, to;
    const cl_event asked = (cl_event)event;
    if (clGetEventProfilingInfo(asked, CL_PROFILING_COMMAND_START, sizeof from, &from, NULL) !=
            CL_SUCCESS ||
        clGetEventProfilingInfo(asked, CL_PROFILING_COMMAND_END, sizeof to, &to, NULL) !=
            CL_SUCCESS)
        return false;
    *start = from;
    *end = to;
    return true;
}
