// SPDX-License-Identifier: Apache-2.0
// Products of matrices by CLBlast, which launches kernels of its own on our queue. Built with the
// Meson feature clblast.
#include "device/opencl/opencl.h"
#include <clblast_c.h>

tw_status tw_opencl_product_create(tw_device *device, const tw_library_product *product,
                                   tw_kernel **kernel, tw_error *error)
{
    tw_kernel *made = tw_calloc(device->context, 1, sizeof *made);
    char *name = tw_copy_text(device->context, "CLBlast", strlen("CLBlast"));
    if (!made || !name) {
        tw_free(device->context, made);
        tw_free(device->context, name);
        return tw_fail_memory(error);
    }
    made->device = device;
    made->name = name;
    made->product = product;
    *kernel = made;
    return TW_OK;
}

static tw_status fail(const tw_queue *queue, CLBlastStatusCode code, tw_error *error)
{
    if (code > -1024) /* CLBlast hands OpenCL's own codes on; its own are below */
        return tw_opencl_fail(error, (cl_int)code, "a product by CLBlast on '%s'",
                              queue->device->info.name);
    return tw_fail(error, TW_ERROR_DEVICE, "a product by CLBlast on '%s' fails with its status %d",
                   queue->device->info.name, (int)code);
}

/* args: n, a, b, c. CLBlast reads a batch stride of 0 as one matrix for all. */
tw_status tw_opencl_product_launch(tw_queue *queue, tw_kernel *kernel, const tw_kernel_arg *args,
                                   int n_waits, tw_event *const *waits, tw_event **event,
                                   tw_error *error)
{
    const tw_library_product *p = kernel->product;
    const int64_t n = args[0].value.i;
    const size_t rows = (size_t)tw_dim_at(p->m, n), columns = (size_t)tw_dim_at(p->n, n),
                 k = (size_t)tw_dim_at(p->k, n);
    const size_t batch = (size_t)tw_dim_at(p->batch, n);
    cl_event made = NULL;
    if (n_waits > 0) { /* in an in-order queue what follows comes after the barrier */
        const cl_int code = clEnqueueBarrierWithWaitList(
            queue->queue, (cl_uint)n_waits, (const cl_event *)(const void *)waits, NULL);
        if (code != CL_SUCCESS)
            return tw_opencl_fail(error, code, "a product by CLBlast on '%s'",
                                  queue->device->info.name);
    }
    const CLBlastStatusCode code = CLBlastSgemmStridedBatched(
        CLBlastLayoutRowMajor, p->transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo,
        p->transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo, rows, columns, k, 1.0f,
        args[1].buffer->memory, args[1].offset, p->transpose_a ? rows : k, p->one_a ? 0 : rows * k,
        args[2].buffer->memory, args[2].offset, p->transpose_b ? k : columns,
        p->one_b ? 0 : k * columns, 0.0f, args[3].buffer->memory, args[3].offset, columns,
        rows * columns, batch, &queue->queue, event ? &made : NULL);
    if (code != CLBlastSuccess)
        return fail(queue, code, error);
    if (event)
        *event = (tw_event *)made;
    return TW_OK;
}
