// SPDX-License-Identifier: Apache-2.0
// What an OpenCL device is: texts, numbers, caps, and whether thalweg can run on it.
#include "base/hash.h"
#include "device/opencl/opencl.h"
#include <stdio.h>

/* Cuts blanks at both ends, in place: drivers pad their names. */
static char *trim(char *text)
{
    const char *start = text + strspn(text, " \t\r\n");
    size_t length = strlen(start);
    while (length > 0 && strchr(" \t\r\n", start[length - 1]))
        length--;
    memmove(text, start, length);
    text[length] = '\0';
    return text;
}

char *tw_opencl_text(tw_context *context, cl_device_id device, cl_device_info what)
{
    size_t size = 0;
    if (clGetDeviceInfo(device, what, 0, NULL, &size) != CL_SUCCESS)
        size = 0;
    char *text = tw_calloc(context, size + 1, 1);
    if (!text || size == 0)
        return text;
    if (clGetDeviceInfo(device, what, size, text, NULL) != CL_SUCCESS)
        text[0] = '\0';
    return trim(text);
}

char *tw_opencl_platform_text(tw_context *context, cl_platform_id platform, cl_platform_info what)
{
    size_t size = 0;
    if (clGetPlatformInfo(platform, what, 0, NULL, &size) != CL_SUCCESS)
        size = 0;
    char *text = tw_calloc(context, size + 1, 1);
    if (!text || size == 0)
        return text;
    if (clGetPlatformInfo(platform, what, size, text, NULL) != CL_SUCCESS)
        text[0] = '\0';
    return trim(text);
}

uint64_t tw_opencl_number(cl_device_id device, cl_device_info what, size_t size)
{
    union {
        cl_uint small;
        cl_ulong large;
        size_t size;
    } value = {.large = 0};
    assert(size == sizeof value.small || size == sizeof value.large);
    if (clGetDeviceInfo(device, what, size, &value, NULL) != CL_SUCCESS)
        return 0;
    return size == sizeof value.small ? value.small : value.large;
}

#define NUMBER(device, what, type) tw_opencl_number(device, what, sizeof(type))

static cl_platform_id platform_of(cl_device_id device)
{
    cl_platform_id platform = NULL;
    clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
    return platform;
}

/* The reason why thalweg cannot run on the device, or NULL. */
static const char *why_not(cl_device_id device, const char *version)
{
    int major = 0, minor = 0;
    if (sscanf(version, "OpenCL %d.%d", &major, &minor) != 2 || major < 1 ||
        (major == 1 && minor < 2))
        return "it has no OpenCL 1.2";
    if (NUMBER(device, CL_DEVICE_TYPE, cl_device_type) & CL_DEVICE_TYPE_CUSTOM)
        return "it is a custom device, without kernels of one's own";
    if (!NUMBER(device, CL_DEVICE_AVAILABLE, cl_bool))
        return "it is not available now";
    if (!NUMBER(device, CL_DEVICE_COMPILER_AVAILABLE, cl_bool))
        return "its driver has no compiler";
    if (!NUMBER(device, CL_DEVICE_ENDIAN_LITTLE, cl_bool))
        return "it is big-endian";
    const uint64_t needed =
        CL_FP_INF_NAN | CL_FP_ROUND_TO_NEAREST; /* the embedded profile may lack them */
    if ((NUMBER(device, CL_DEVICE_SINGLE_FP_CONFIG, cl_device_fp_config) & needed) != needed)
        return "its floats have no infinities and NaNs, or do not round to nearest";
    return NULL;
}

/* Copies as much as fits. */
static void put(char *target, size_t size, const char *text)
{
    const size_t length = TW_MIN(strlen(text), size - 1);
    memcpy(target, text, length);
    target[length] = '\0';
}

/* Oclgrind sets several of the bits. */
static const char *type_name(uint64_t type)
{
    return type & CL_DEVICE_TYPE_GPU ? "gpu" : type & CL_DEVICE_TYPE_CPU ? "cpu" : "accelerator";
}

tw_status tw_opencl_describe(tw_context *context, cl_device_id device, const char *selector,
                             tw_device_info *info, tw_error *error)
{
    char *name = tw_opencl_text(context, device, CL_DEVICE_NAME);
    char *version = tw_opencl_text(context, device, CL_DEVICE_VERSION);
    char *driver = tw_opencl_text(context, device, CL_DRIVER_VERSION);
    char *platform = tw_opencl_platform_text(context, platform_of(device), CL_PLATFORM_NAME);
    const bool complete = name && version && driver && platform;
    if (complete) {
        *info =
            (tw_device_info){.units = (int32_t)NUMBER(device, CL_DEVICE_MAX_COMPUTE_UNITS, cl_uint),
                             .memory = NUMBER(device, CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong),
                             .allocation = NUMBER(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong)};
        put(info->selector, sizeof info->selector, selector);
        put(info->name, sizeof info->name, name);
        put(info->platform, sizeof info->platform, platform);
        put(info->version, sizeof info->version, version);
        put(info->driver, sizeof info->driver, driver);
        put(info->type, sizeof info->type,
            type_name(NUMBER(device, CL_DEVICE_TYPE, cl_device_type)));
        const char *reason = why_not(device, version);
        info->usable = reason == NULL;
        put(info->why_not, sizeof info->why_not, reason ? reason : "");
    }
    tw_free(context, name);
    tw_free(context, version);
    tw_free(context, driver);
    tw_free(context, platform);
    return complete ? TW_OK : tw_fail_memory(error);
}

/* Floats in a vector register: 4, 8 or 16. PoCL and Intel's runtime report the native width right,
 * AVX-512 included; where a driver says less than SSE and NEON have, 4 is safe. */
static int vector_width(cl_device_id device)
{
    const uint64_t native = NUMBER(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, cl_uint);
    return native >= 16 ? 16 : native >= 8 ? 8 : 4;
}

/* A CPU that OpenCL drives is the one that this code runs on, so its architecture is known when
 * compiling. */
static int register_count(int vector)
{
#if defined(__aarch64__) || defined(__arm__)
    (void)vector;
    return 32;
#else
    return vector == 16 ? 32 : 16;
#endif
}

/* Platform, device and driver with their versions: what measured choices and verdicts hold for. */
static bool identity(tw_context *context, cl_device_id device, uint64_t *hash)
{
    const cl_platform_id platform = platform_of(device);
    char *texts[] = {tw_opencl_platform_text(context, platform, CL_PLATFORM_NAME),
                     tw_opencl_platform_text(context, platform, CL_PLATFORM_VERSION),
                     tw_opencl_text(context, device, CL_DEVICE_NAME),
                     tw_opencl_text(context, device, CL_DEVICE_VERSION),
                     tw_opencl_text(context, device, CL_DRIVER_VERSION)};
    bool complete = true;
    *hash = TW_HASH_START;
    for (int i = 0; i < TW_COUNT(texts); i++) {
        complete = complete && texts[i];
        if (texts[i])
            *hash = tw_hash(*hash, texts[i],
                            strlen(texts[i]) + 1); /* with the closing 0, which parts them */
        tw_free(context, texts[i]);
    }
    return complete;
}

/* PoCL generates a kernel's code three times (as a function, and in two launchers), each through
 * all of LLVM's passes, and links it by a process of its own. False when memory is out. */
static bool ask_for_pocl(tw_context *context, cl_device_id device, bool *pocl)
{
    char *name = tw_opencl_platform_text(context, platform_of(device), CL_PLATFORM_NAME);
    const bool known = name != NULL;
    *pocl = name && strcmp(name, "Portable Computing Language") == 0;
    tw_free(context, name);
    return known;
}

/* Bytes of a last-level cache that no driver falls below in earnest. */
#define LAST_CACHE_LEAST ((uint64_t)16 << 20)

tw_status tw_opencl_caps(tw_context *context, cl_device_id device, tw_caps *caps, tw_error *error)
{
    const bool cpu = strcmp(type_name(NUMBER(device, CL_DEVICE_TYPE, cl_device_type)), "cpu") == 0;
    const int vector = vector_width(device);
    const uint64_t alignment =
        NUMBER(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN, cl_uint) / 8; /* given in bits */
    const uint64_t work_group = NUMBER(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, size_t);
    *caps =
        (tw_caps){.family = cpu ? TW_FAMILY_SIMD : TW_FAMILY_SIMT,
                  .units = (int)TW_MAX(NUMBER(device, CL_DEVICE_MAX_COMPUTE_UNITS, cl_uint), 1u),
                  .vector = vector,
                  .registers = register_count(vector),
                  .global_memory = NUMBER(device, CL_DEVICE_GLOBAL_MEM_SIZE, cl_ulong),
                  .max_allocation = NUMBER(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, cl_ulong),
                  .local_memory = NUMBER(device, CL_DEVICE_LOCAL_MEM_SIZE, cl_ulong),
                  .cache = NUMBER(device, CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, cl_ulong),
                  .max_work_group = (int)TW_MIN(TW_MAX(work_group, 1u), (uint64_t)INT32_MAX),
                  .alignment = (int)TW_MIN(TW_MAX(alignment, 64u), 4096u)};
    if (cpu) /* some drivers name a cache of a core */
        caps->stream = TW_MAX(caps->cache, LAST_CACHE_LEAST);
    bool pocl = false;
    if (!ask_for_pocl(context, device, &pocl))
        return tw_fail_memory(error);
    caps->calls = cpu && pocl;
#ifdef TW_CLBLAST
    caps->products = true;
#endif
    return identity(context, device, &caps->identity) ? TW_OK : tw_fail_memory(error);
}
