// SPDX-License-Identifier: Apache-2.0
// For those who share OpenCL objects with thalweg. Not part of thalweg.h: it needs OpenCL's
// headers.
#ifndef THALWEG_OPENCL_H
#define THALWEG_OPENCL_H

#include <thalweg/device.h>

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#if defined(__APPLE__)
#include <OpenCL/opencl.h>
#else
#include <CL/cl.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A device of the caller's OpenCL context, on which thalweg makes queues and buffers of its own.
 * shared and cl_device are retained, and released by tw_device_destroy: the caller may release them
 * at once. cl_device must be one of the context's devices. Errors: ARGUMENT, NO_DEVICE (the device
 * cannot run thalweg: the sentence says why), DEVICE, MEMORY. */
TW_API TW_NODISCARD tw_status tw_device_from_opencl(tw_context *context, cl_context shared,
                                                    cl_device_id cl_device, tw_device **device,
                                                    tw_error *error);

#ifdef __cplusplus
}
#endif
#endif
