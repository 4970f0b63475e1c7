// SPDX-License-Identifier: Apache-2.0
// OpenCL's platforms and devices: listed, opened by number, adopted from the caller.
#include "device/opencl/opencl.h"
#include <stdio.h>

#define NO_PLATFORM                                                                                \
    (-1001) /* CL_PLATFORM_NOT_FOUND_KHR, of the ICD loader: nothing is installed                  \
             */

/* All platforms, in the order of the ICD loader. None is no error. */
static tw_status platforms(tw_context *context, cl_platform_id **found, cl_uint *count,
                           tw_error *error)
{
    *found = NULL;
    *count = 0;
    cl_uint n = 0;
    cl_int code = clGetPlatformIDs(0, NULL, &n);
    if (code == NO_PLATFORM || (code == CL_SUCCESS && n == 0))
        return TW_OK;
    if (code != CL_SUCCESS)
        return tw_opencl_fail(error, code, "cannot list the OpenCL platforms");
    cl_platform_id *list = tw_calloc(context, n, sizeof *list);
    if (!list)
        return tw_fail_memory(error);
    code = clGetPlatformIDs(n, list, NULL);
    if (code != CL_SUCCESS) {
        tw_free(context, list);
        return tw_opencl_fail(error, code, "cannot list the OpenCL platforms");
    }
    *found = list;
    *count = n;
    return TW_OK;
}

/* A platform's devices. A driver that fails here is passed over with a line in the log, so that a
 * broken one does not hide the others. */
static tw_status devices(tw_context *context, cl_platform_id platform, int number,
                         cl_device_id **found, cl_uint *count, tw_error *error)
{
    *found = NULL;
    *count = 0;
    cl_uint n = 0;
    cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &n);
    if (code == CL_DEVICE_NOT_FOUND || (code == CL_SUCCESS && n == 0))
        return TW_OK;
    cl_device_id *list = code == CL_SUCCESS ? tw_calloc(context, n, sizeof *list) : NULL;
    if (code == CL_SUCCESS && !list)
        return tw_fail_memory(error);
    if (code == CL_SUCCESS)
        code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, n, list, NULL);
    if (code != CL_SUCCESS) {
        tw_free(context, list);
        tw_log(context, TW_LOG_WARNING,
               "OpenCL platform %d is passed over: its devices cannot be listed: %s (%d)", number,
               tw_opencl_error_name(code), (int)code);
        return TW_OK;
    }
    *found = list;
    *count = n;
    return TW_OK;
}

tw_status tw_opencl_each(tw_context *context, tw_opencl_visit visit, void *user, tw_error *error)
{
    cl_platform_id *platform;
    cl_uint n_platforms;
    TW_TRY(platforms(context, &platform, &n_platforms, error));
    tw_status status = TW_OK;
    for (cl_uint p = 0; p < n_platforms && status == TW_OK; p++) {
        cl_device_id *device;
        cl_uint n_devices;
        status = devices(context, platform[p], (int)p, &device, &n_devices, error);
        for (cl_uint d = 0; d < n_devices && status == TW_OK; d++)
            status = visit(user, (int)p, (int)d, platform[p], device[d], error);
        tw_free(context, device);
    }
    tw_free(context, platform);
    return status;
}

/* ---- listing ---- */

typedef struct listing {
    tw_context *context;
    tw_device_info *infos;
    int32_t capacity, count;
} listing;

static void selector_text(char text[16], int platform, int number)
{
    snprintf(text, 16, "%d:%d", platform % 100000, number % 100000);
}

static tw_status add_to_list(void *user, int platform, int number, cl_platform_id platform_id,
                             cl_device_id device, tw_error *error)
{
    (void)platform_id;
    listing *list = user;
    if (list->count < list->capacity) {
        char selector[16];
        selector_text(selector, platform, number);
        TW_TRY(
            tw_opencl_describe(list->context, device, selector, &list->infos[list->count], error));
    }
    list->count++;
    return TW_OK;
}

tw_status tw_opencl_list(tw_context *context, tw_device_info *infos, int32_t capacity,
                         int32_t *count, tw_error *error)
{
    listing list = {context, infos, capacity, 0};
    TW_TRY(tw_opencl_each(context, add_to_list, &list, error));
    *count = list.count;
    return TW_OK;
}

/* ---- opening ---- */

static void destroy(tw_device *device)
{
    tw_opencl *cl = device->state;
    if (cl) {
        if (cl->context)
            clReleaseContext(cl->context);
        if (cl->device)
            clReleaseDevice(cl->device); /* counts for sub-devices alone */
        tw_free(device->context, cl);
    }
    tw_free(device->context, device);
}

static const tw_backend backend = {
    .name = "opencl",
    .destroy = destroy,
    .buffer_create = tw_opencl_buffer_create,
    .buffer_create_shared = tw_opencl_buffer_create_shared,
    .buffer_on = tw_opencl_buffer_on,
    .buffer_destroy = tw_opencl_buffer_destroy,
    .buffer_memory = tw_opencl_buffer_memory,
    .program_build = tw_opencl_program_build,
    .program_destroy = tw_opencl_program_destroy,
    .kernel_create = tw_opencl_kernel_create,
    .kernel_arrange = tw_opencl_kernel_arrange,
#ifdef TW_CLBLAST
    .product_create = tw_opencl_product_create,
#endif
    .kernel_destroy = tw_opencl_kernel_destroy,
    .queue_create = tw_opencl_queue_create,
    .queue_destroy = tw_opencl_queue_destroy,
    .queue_profile = tw_opencl_queue_profile,
    .write = tw_opencl_write,
    .read = tw_opencl_read,
    .fill_zero = tw_opencl_fill_zero,
    .copy = tw_opencl_copy,
    .launch = tw_opencl_launch,
    .flush = tw_opencl_flush,
    .finish = tw_opencl_finish,
    .event_wait = tw_opencl_event_wait,
    .event_done = tw_opencl_event_done,
    .event_release = tw_opencl_event_release,
    .event_times = tw_opencl_event_times,
};

/* Drivers call this from threads of their own. */
static void CL_CALLBACK notify(const char *text, const void *private_info, size_t size, void *user)
{
    (void)private_info;
    (void)size;
    if (user) /* Oclgrind 21.10 forgets it */
        tw_log(user, TW_LOG_WARNING, "OpenCL driver: %s", text ? text : "(no text)");
}

/* Makes the tw_device; shared: the caller's context, or NULL to make one. */
static tw_status make_device(tw_context *context, cl_device_id id, cl_context shared,
                             const char *selector, tw_device **device, tw_error *error)
{
    tw_device *made = tw_calloc(context, 1, sizeof *made);
    tw_opencl *cl = tw_calloc(context, 1, sizeof *cl);
    tw_status status = made && cl ? TW_OK : tw_fail_memory(error);
    if (!made) {
        tw_free(context, cl);
        return status;
    }
    *made = (tw_device){.context = context, .backend = &backend, .state = cl};
    if (status == TW_OK)
        status = tw_opencl_describe(context, id, selector, &made->info, error);
    if (status == TW_OK && !made->info.usable)
        status = tw_fail(error, TW_ERROR_NO_DEVICE, "device %s '%s' cannot be used: %s", selector,
                         made->info.name, made->info.why_not);
    if (status == TW_OK)
        status = tw_opencl_caps(context, id, &made->caps, error);
    if (status == TW_OK) {
        cl_int code = CL_SUCCESS;
        cl->context = shared ? shared : clCreateContext(NULL, 1, &id, notify, context, &code);
        if (shared)
            code = clRetainContext(shared);
        if (code != CL_SUCCESS) {
            cl->context = NULL;
            status = tw_opencl_fail(error, code, "cannot open device %s '%s'", selector,
                                    made->info.name);
        }
    }
    if (status == TW_OK && clRetainDevice(id) == CL_SUCCESS)
        cl->device = id;
    else if (status == TW_OK)
        status = tw_fail(error, TW_ERROR_DEVICE, "cannot retain device %s '%s'", selector,
                         made->info.name);
    if (status != TW_OK) {
        destroy(made);
        return status;
    }
    if (strcmp(made->info.type, "cpu") == 0)
        tw_opencl_shares(cl->context, cl->device, &cl->shares_memory, &cl->shares_any);
    *device = made;
    return TW_OK;
}

typedef struct search {
    char wanted[16];        /* by selector */
    cl_device_id wanted_id; /* or by the device itself */
    cl_device_id found;
    char selector[16];
} search;

static tw_status look(void *user, int platform, int number, cl_platform_id platform_id,
                      cl_device_id device, tw_error *error)
{
    (void)platform_id;
    (void)error;
    search *s = user;
    char selector[16];
    selector_text(selector, platform, number);
    if (s->wanted_id ? device == s->wanted_id : strcmp(selector, s->wanted) == 0) {
        s->found = device;
        memcpy(s->selector, selector, sizeof selector);
    }
    return TW_OK;
}

tw_status tw_opencl_open(tw_context *context, const char *select, tw_device **device,
                         tw_error *error)
{
    search s = {.wanted_id = NULL};
    snprintf(s.wanted, sizeof s.wanted, "%s", select);
    TW_TRY(tw_opencl_each(context, look, &s, error));
    if (!s.found)
        return tw_fail(error, TW_ERROR_NO_DEVICE, "there is no OpenCL device %s", select);
    TW_TRY(make_device(context, s.found, NULL, s.selector, device, error));
    const tw_caps *caps = &(*device)->caps;
    if (caps->calls) /* PoCL, on a CPU */
        tw_opencl_pin(((tw_opencl *)(*device)->state)->context, s.found, caps->units);
    return TW_OK;
}

/* Is the device one of the context's? Asked by making a queue: among CL_CONTEXT_DEVICES PoCL 3.1
 * lists the whole device where the context was made for a part of it. */
static tw_status check_member(cl_context shared, cl_device_id id, tw_error *error)
{
    cl_int code;
    cl_command_queue queue = clCreateCommandQueue(shared, id, 0, &code);
    if (code == CL_SUCCESS)
        clReleaseCommandQueue(queue);
    if (code == CL_INVALID_DEVICE)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "tw_device_from_opencl: the device is none of the context's devices");
    if (code != CL_SUCCESS)
        return tw_opencl_fail(error, code, "tw_device_from_opencl: no queue can be made");
    return TW_OK;
}

tw_status tw_device_from_opencl(tw_context *context, cl_context shared, cl_device_id cl_device,
                                tw_device **device, tw_error *error)
{
    if (!context || !shared || !cl_device || !device)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_device_from_opencl: an argument is NULL");
    TW_TRY(check_member(shared, cl_device, error));
    search s = {.wanted_id = cl_device, .selector = "shared"}; /* a sub-device stands in no list */
    TW_TRY(tw_opencl_each(context, look, &s, error));
    return make_device(context, cl_device, shared, s.selector, device, error);
}
