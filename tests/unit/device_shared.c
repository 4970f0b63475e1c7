// SPDX-License-Identifier: Apache-2.0
// A device on the caller's own OpenCL context, events that fail, and names of OpenCL's errors.
#include "device/opencl/opencl.h"
#include "failing.h"
#include "harness.h"

static tw_error error;
static tw_failing memory;
static tw_context *context;
static cl_device_id id, other_id; /* other_id: NULL where there is but one */

/* False where there is no OpenCL to test. */
static bool begin(void)
{
    const tw_allocator allocator = {tw_failing_resize, &memory};
    memory = (tw_failing){.fail_at = -1};
    cl_platform_id platform;
    cl_uint count = 0;
    setenv("POCL_DEVICES", "pthread basic", 1); /* two devices, if it is PoCL */
    if (clGetPlatformIDs(1, &platform, &count) != CL_SUCCESS || count == 0 ||
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, &count) != CL_SUCCESS || count == 0) {
        printf("# there is no OpenCL device\n");
        return false;
    }
    cl_device_id both[2];
    if (count > 1 && clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 2, both, NULL) == CL_SUCCESS)
        other_id = both[1];
    CHECK_OK(tw_context_create(&(tw_context_options){.allocator = &allocator, .cache_folder = ""},
                               &context, &error),
             error);
    return true;
}

static void end(void)
{
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && memory.wrong == 0);
}

static cl_uint references(cl_context shared)
{
    cl_uint count = 0;
    CHECK(clGetContextInfo(shared, CL_CONTEXT_REFERENCE_COUNT, sizeof count, &count, NULL) ==
          CL_SUCCESS);
    return count;
}

static void adopted(void)
{
    if (!begin())
        return;
    cl_int code;
    cl_context shared = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    CHECK(code == CL_SUCCESS && references(shared) == 1);
    tw_device *device = NULL;
    CHECK_OK(tw_device_from_opencl(context, shared, id, &device, &error), error);
    CHECK(references(shared) == 2);
    CHECK(device && strcmp(device->info.selector, "0:0") == 0 && device->info.name[0]);
    CHECK(((tw_opencl *)device->state)->context == shared);

    /* The caller's buffers and thalweg's live in one context. */
    const tw_backend *b = device->backend;
    tw_buffer *buffer;
    tw_queue *queue;
    int got = 0, sent = 42;
    CHECK_OK(b->buffer_create(device, 4, &buffer, &error), error);
    CHECK_OK(b->queue_create(device, false, &queue, &error), error);
    CHECK_OK(b->write(queue, buffer, 0, 4, &sent, 0, NULL, NULL, &error), error);
    cl_mem mine = clCreateBuffer(shared, CL_MEM_READ_WRITE, 4, NULL, &code);
    CHECK(clEnqueueCopyBuffer(queue->queue, buffer->memory, mine, 0, 0, 4, 0, NULL, NULL) ==
          CL_SUCCESS);
    CHECK(clEnqueueReadBuffer(queue->queue, mine, CL_TRUE, 0, 4, &got, 0, NULL, NULL) ==
          CL_SUCCESS);
    CHECK(got == 42);
    clReleaseMemObject(mine);
    b->buffer_destroy(device, &buffer);
    b->queue_destroy(device, &queue);

    const cl_uint before = references(shared);
    clReleaseContext(shared); /* the device keeps it */
    CHECK(references(shared) == before - 1);
    clRetainContext(shared);
    tw_device_destroy(&device);
    CHECK(references(shared) == 1);

    const long live = memory.live, calls_before = memory.calls;
    CHECK_OK(tw_device_from_opencl(context, shared, id, &device, &error), error);
    tw_device_destroy(&device);
    const long calls = memory.calls - calls_before;
    for (long i = 0; i < calls; i++) {
        memory.fail_at = memory.calls + i;
        CHECK(tw_device_from_opencl(context, shared, id, &device, &error) == TW_ERROR_MEMORY);
        CHECK(device == NULL && memory.live == live && references(shared) == 1);
    }
    clReleaseContext(shared);
    end();
}

static void refused(void)
{
    if (!begin())
        return;
    cl_int code;
    cl_context shared = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    tw_device *device = NULL;
    CHECK(tw_device_from_opencl(NULL, shared, id, &device, &error) == TW_ERROR_ARGUMENT);
    CHECK(tw_device_from_opencl(context, NULL, id, &device, &error) == TW_ERROR_ARGUMENT);
    CHECK(tw_device_from_opencl(context, shared, NULL, &device, &error) == TW_ERROR_ARGUMENT);
    CHECK(tw_device_from_opencl(context, shared, id, NULL, &error) == TW_ERROR_ARGUMENT);
    if (other_id) {
        CHECK(tw_device_from_opencl(context, shared, other_id, &device, &error) ==
              TW_ERROR_ARGUMENT);
        CHECK_HAS(error.text, "none of the context's devices");
    }
    CHECK(device == NULL && references(shared) == 1);
    clReleaseContext(shared);
    end();
}

/* A context of a part of a device. */
static void sub_device(void)
{
    if (!begin())
        return;
    cl_int code;
    cl_uint units = 0, count = 0;
    static cl_device_id part[64]; /* never released: PoCL 3.1 looks at a part after the last wait
                                     for it has returned */
    cl_device_id whole = id;
    clGetDeviceInfo(whole, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    if (units < 2 && other_id) {
        whole = other_id;
        clGetDeviceInfo(whole, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL);
    }
    const cl_device_partition_property equally[] = {CL_DEVICE_PARTITION_EQUALLY, 1, 0};
    if (units < 2 || units > 64 ||
        clCreateSubDevices(whole, equally, 64, part, &count) != CL_SUCCESS || count == 0) {
        printf("# the device cannot be parted\n");
    } else {
        tw_device *device = NULL;
        cl_context own = clCreateContext(NULL, 1, part, NULL, NULL, &code);
        CHECK(code == CL_SUCCESS);
        CHECK_OK(tw_device_from_opencl(context, own, part[0], &device, &error), error);
        CHECK(device && strcmp(device->info.selector, "shared") == 0 && device->info.units == 1);
        clReleaseContext(own);
        tw_buffer *buffer;
        tw_queue *queue;
        int got = 0, sent = 42;
        const tw_backend *b = device->backend;
        CHECK_OK(b->buffer_create(device, 4, &buffer, &error), error);
        CHECK_OK(b->queue_create(device, false, &queue, &error), error);
        CHECK_OK(b->write(queue, buffer, 0, 4, &sent, 0, NULL, NULL, &error), error);
        CHECK_OK(b->read(queue, buffer, 0, 4, &got, 0, NULL, NULL, &error), error);
        CHECK_OK(b->finish(queue, &error), error);
        CHECK(got == 42);
        b->buffer_destroy(device, &buffer);
        b->queue_destroy(device, &queue);
        tw_device_destroy(&device);
    }
    end();
}

/* A command that fails after it was enqueued shows where it is waited for. */
static void asynchronous_failure(void)
{
    if (!begin())
        return;
    cl_int code;
    cl_context shared = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    tw_device *device = NULL;
    CHECK_OK(tw_device_from_opencl(context, shared, id, &device, &error), error);
    cl_event user = clCreateUserEvent(shared, &code);
    CHECK(code == CL_SUCCESS);
    tw_event *event = (tw_event *)user;
    CHECK(!device->backend->event_done(event));
    CHECK(clSetUserEventStatus(user, CL_OUT_OF_RESOURCES) == CL_SUCCESS);
    CHECK(device->backend->event_done(event));
    CHECK(device->backend->event_wait(event, &error) == TW_ERROR_DEVICE);
    CHECK_HAS(error.text, "CL_OUT_OF_RESOURCES");
    device->backend->event_release(&event);
    CHECK(event == NULL);
    tw_device_destroy(&device);
    clReleaseContext(shared);
    end();
}

static void too_many_waits(void)
{
    if (!begin())
        return;
    tw_device *device = NULL;
    tw_queue *queue;
    tw_buffer *buffer;
    char byte = 0;
    CHECK_OK(tw_opencl_open(context, "0:0", &device, &error), error);
    const tw_backend *b = device->backend;
    CHECK_OK(b->queue_create(device, false, &queue, &error), error);
    CHECK_OK(b->buffer_create(device, 1, &buffer, &error), error);
    tw_event *event = NULL, *second = NULL, *waits[17];
    CHECK_OK(b->write(queue, buffer, 0, 1, &byte, 0, NULL, &event, &error), error);
    for (int i = 0; i < 17; i++)
        waits[i] = event;
    CHECK(b->read(queue, buffer, 0, 1, &byte, 17, waits, &second, &error) == TW_ERROR_INTERNAL &&
          second == NULL);
    CHECK_OK(b->read(queue, buffer, 0, 1, &byte, 16, waits, &second, &error), error);
    CHECK_OK(b->event_wait(second, &error), error);
    b->event_release(&event);
    b->event_release(&second);
    b->buffer_destroy(device, &buffer);
    b->queue_destroy(device, &queue);
    CHECK(tw_opencl_open(context, "7:7", &device, &error) == TW_ERROR_NO_DEVICE);
    tw_device_destroy(&device);
    end();
}

static void error_names(void)
{
    CHECK_TEXT(tw_opencl_error_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES");
    CHECK_TEXT(tw_opencl_error_name(-72), "CL_MAX_SIZE_RESTRICTION_EXCEEDED");
    CHECK_TEXT(tw_opencl_error_name(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    CHECK_TEXT(tw_opencl_error_name(-9999), "unknown OpenCL error");
    /* The table's numbers are the headers'. */
#define NAMED(name) CHECK_TEXT(tw_opencl_error_name(name), #name)
    NAMED(CL_DEVICE_NOT_FOUND);
    NAMED(CL_MEM_OBJECT_ALLOCATION_FAILURE);
    NAMED(CL_KERNEL_ARG_INFO_NOT_AVAILABLE);
    NAMED(CL_INVALID_VALUE);
    NAMED(CL_INVALID_KERNEL_ARGS);
    NAMED(CL_INVALID_EVENT_WAIT_LIST);
    NAMED(CL_INVALID_DEVICE_PARTITION_COUNT);
    CHECK(tw_opencl_fail(&error, CL_MEM_OBJECT_ALLOCATION_FAILURE, "x %d", 1) ==
          TW_ERROR_DEVICE_MEMORY);
    CHECK_TEXT(error.text,
               "x 1: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4); make the batch or the model smaller");
    CHECK(tw_opencl_fail(&error, CL_OUT_OF_HOST_MEMORY, "x") == TW_ERROR_MEMORY);
    CHECK(tw_opencl_fail(&error, CL_LINK_PROGRAM_FAILURE, "x") == TW_ERROR_BUILD);
    CHECK(tw_opencl_fail(NULL, CL_INVALID_VALUE, "x") == TW_ERROR_DEVICE);
}

TESTS(T(adopted), T(refused), T(sub_device), T(asynchronous_failure), T(too_many_waits),
      T(error_names))
