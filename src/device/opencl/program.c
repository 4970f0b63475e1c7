// SPDX-License-Identifier: Apache-2.0
// Programs built from kernel text, and their kernels.
#include "device/opencl/opencl.h"

/* CL1.2 on every device: the kernels are written in it, and every usable device compiles it, those
 * of OpenCL 2 and 3 included. -cl-mad-enable lets a*b+c become one operation; finite-math and
 * fast-relaxed-math are not given, because training must see NaN. */
static const char build_options[] = "-cl-std=CL1.2 -cl-mad-enable";

/* The compiler's log; NULL if there is none or memory is out. */
static char *build_log(tw_device *device, cl_program program)
{
    const tw_opencl *cl = device->state;
    size_t size = 0;
    if (clGetProgramBuildInfo(program, cl->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) !=
            CL_SUCCESS ||
        size < 2)
        return NULL;
    char *log = tw_calloc(device->context, size + 1, 1);
    if (!log)
        return NULL;
    if (clGetProgramBuildInfo(program, cl->device, CL_PROGRAM_BUILD_LOG, size, log, NULL) !=
        CL_SUCCESS)
        log[0] = '\0';
    if (log[strspn(log, " \t\r\n")])
        return log;
    tw_free(device->context, log);
    return NULL;
}

/* The log goes whole into the context's log, and from its first error on, as far as it fits, into
 * the sentence. */
static tw_status fail_build(tw_device *device, cl_program program, cl_int code, tw_error *error)
{
    char *log = build_log(device, program);
    if (log)
        tw_log(device->context, TW_LOG_WARNING, "a program does not build on '%s':\n%s",
               device->info.name, log);
    const char *first = log ? strstr(log, "error") : NULL;
    while (first && first > log && first[-1] != '\n') /* the whole line: it says where */
        first--;
    const tw_status status =
        tw_fail(error, TW_ERROR_BUILD, "a program does not build on '%s': %s (%d): %.600s",
                device->info.name, tw_opencl_error_name(code), (int)code,
                first ? first
                : log ? log
                      : "the driver gives no reason");
    tw_free(device->context, log);
    return status;
}

/* From text every time: PoCL's own cache is faster than fetching and reloading its binaries. A
 * platform where that is otherwise would look for a binary here. */
tw_status tw_opencl_program_build(tw_device *device, const char *text, size_t length,
                                  tw_program **program, tw_error *error)
{
    const tw_opencl *cl = device->state;
    tw_program *made = tw_calloc(device->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    cl_int code;
    tw_status status = TW_OK;
    made->program = clCreateProgramWithSource(cl->context, 1, &text, &length, &code);
    if (code != CL_SUCCESS) {
        status = tw_opencl_fail(error, code, "cannot make a program of %zu bytes", length);
        made->program = NULL;
    } else {
        code = clBuildProgram(made->program, 1, &cl->device, build_options, NULL, NULL);
        if (code != CL_SUCCESS)
            status = fail_build(device, made->program, code, error);
    }
    if (status != TW_OK) {
        tw_opencl_program_destroy(device, &made);
        return status;
    }
    char *warnings = build_log(device, made->program);
    if (warnings)
        tw_log(device->context, TW_LOG_DEBUG, "the compiler of '%s' says:\n%s", device->info.name,
               warnings);
    tw_free(device->context, warnings);
    *program = made;
    return TW_OK;
}

void tw_opencl_program_destroy(tw_device *device, tw_program **program)
{
    if (!*program)
        return;
    if ((*program)->program)
        clReleaseProgram((*program)->program);
    tw_free(device->context, *program);
    *program = NULL;
}

tw_status tw_opencl_kernel_create(tw_device *device, tw_program *program, const char *entry,
                                  tw_kernel **kernel, tw_error *error)
{
    tw_kernel *made = tw_calloc(device->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    made->device = device;
    made->name = tw_copy_text(device->context, entry, strlen(entry));
    tw_status status = TW_OK;
    if (!made->name) {
        status = tw_fail_memory(error);
    } else {
        cl_int code;
        made->kernel = clCreateKernel(program->program, entry, &code);
        if (code != CL_SUCCESS) {
            made->kernel = NULL;
            status = tw_opencl_fail(error, code, "cannot make the kernel '%s' on '%s'", entry,
                                    device->info.name);
        }
    }
    if (status != TW_OK) {
        tw_opencl_kernel_destroy(device, &made);
        return status;
    }
    *kernel = made;
    return TW_OK;
}

/* A copy, with its places behind it. */
static tw_arrangement *copy_arrangement(tw_context *context, const tw_arrangement *of)
{
    const size_t places = (size_t)of->n_args * sizeof *of->place;
    tw_arrangement *copy = tw_alloc(context, sizeof *copy + places);
    if (!copy)
        return NULL;
    int *place = (int *)(copy + 1);
    *copy = *of;
    memcpy(place, of->place, places);
    copy->place = place;
    return copy;
}

tw_status tw_opencl_kernel_arrange(tw_kernel *kernel, const tw_arrangement *arrangement,
                                   const char *name, tw_error *error)
{
    tw_context *context = kernel->device->context;
    char *copy = tw_copy_text(context, name, strlen(name));
    tw_arrangement *kept = copy_arrangement(context, arrangement);
    if (!copy || !kept) {
        tw_free(context, copy);
        tw_free(context, kept);
        return tw_fail_memory(error);
    }
    tw_free(context, kernel->name);
    tw_free(context, kernel->arrangement);
    kernel->name = copy;
    kernel->arrangement = kept;
    memcpy(kernel->block, kept->block, sizeof kernel->block);
    cl_int code = clSetKernelArg(kernel->kernel, 0, sizeof kernel->block, kernel->block);
    for (int i = 0; i < kept->pointers && code == CL_SUCCESS; i++)
        code = clSetKernelArg(kernel->kernel, (cl_uint)(1 + i), sizeof(cl_mem), NULL);
    return code == CL_SUCCESS
               ? TW_OK
               : tw_opencl_fail(error, code, "the arguments of the kernel '%s' on '%s'",
                                kernel->name, kernel->device->info.name);
}

void tw_opencl_kernel_destroy(tw_device *device, tw_kernel **kernel)
{
    if (!*kernel)
        return;
    if ((*kernel)->kernel)
        clReleaseKernel((*kernel)->kernel);
    tw_free(device->context, (*kernel)->name);
    tw_free(device->context, (*kernel)->set);
    tw_free(device->context, (*kernel)->arrangement);
    tw_free(device->context, *kernel);
    *kernel = NULL;
}
