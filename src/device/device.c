// SPDX-License-Identifier: Apache-2.0
// Which device is meant: listing, selection, opening.
#include "device/device.h"
#include "base/text.h"
#include <stdlib.h>

tw_status tw_device_list(tw_context *context, tw_device_info *infos, int32_t capacity,
                         int32_t *count, tw_error *error)
{
    if (!context || !count || capacity < 0 || (capacity > 0 && !infos))
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_device_list: an argument is NULL or negative");
    return tw_opencl_list(context, infos, capacity, count, error);
}

/* All devices, to be freed with tw_free; NULL when there is none. */
static tw_status list_all(tw_context *context, tw_device_info **infos, int *count, tw_error *error)
{
    *infos = NULL;
    int32_t n = 0;
    TW_TRY(tw_opencl_list(context, NULL, 0, &n, error));
    *count = n;
    if (n == 0)
        return TW_OK;
    tw_device_info *list = tw_calloc(context, (size_t)n, sizeof *list);
    if (!list)
        return tw_fail_memory(error);
    int32_t found = 0;
    const tw_status status = tw_opencl_list(context, list, n, &found, error);
    if (status != TW_OK) {
        tw_free(context, list);
        return status;
    }
    *infos = list;
    *count = TW_MIN(n, found);
    return TW_OK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Is part in text, in any case? */
static bool contains(const char *text, const char *part)
{
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && lower(text[i]) == lower(part[i]))
            i++;
        if (!part[i])
            return true;
    }
    return false;
}

/* "PLATFORM:DEVICE", both decimal numbers. */
static bool is_number_pair(const char *select)
{
    const size_t first = strspn(select, "0123456789");
    if (first == 0 || select[first] != ':')
        return false;
    const size_t second = strspn(select + first + 1, "0123456789");
    return second > 0 && select[first + 1 + second] == '\0';
}

/* Does select (NULL: any) mean this device? */
static bool is_meant(const tw_device_info *info, const char *select)
{
    if (!select)
        return true;
    if (is_number_pair(select))
        return strcmp(info->selector, select) == 0;
    return contains(info->name, select) || contains(info->platform, select) ||
           contains(info->version, select); /* "pocl" stands only here */
}

/* The best of those meant: usable before unusable; without a selector GPUs before others; then the
 * first. */
static int choose(const tw_device_info *infos, int count, const char *select)
{
    int best = -1, best_rank = -1;
    for (int i = 0; i < count; i++) {
        const bool preferred = !select && strcmp(infos[i].type, "gpu") == 0;
        const int rank = 2 * infos[i].usable + preferred;
        if (is_meant(&infos[i], select) && rank > best_rank) {
            best = i;
            best_rank = rank;
        }
    }
    return best;
}

static tw_status fail_none(tw_context *context, const tw_device_info *infos, int count,
                           const char *select, tw_error *error)
{
    if (count == 0)
        return tw_fail(error, TW_ERROR_NO_DEVICE,
                       "no OpenCL device was found%s%s%s: install a driver for the GPU, or PoCL "
                       "for the CPU (Debian: "
                       "pocl-opencl-icd), or choose the device 'host', which is slow",
                       select ? " ('" : "", select ? select : "", select ? "' was asked for)" : "");
    tw_text text = {.context = context};
    for (int i = 0; i < count; i++)
        tw_text_printf(&text, "%s%s '%s' (%s)", i ? ", " : "", infos[i].selector, infos[i].name,
                       infos[i].platform);
    const tw_status status = tw_fail(
        error, TW_ERROR_NO_DEVICE, "no OpenCL device is meant by '%s': there is %.700s, and 'host'",
        select ? select : "", text.data && !text.failed ? text.data : "another");
    tw_text_clear(&text);
    return status;
}

tw_status tw_device_open(tw_context *context, const char *select, tw_device **device,
                         tw_error *error)
{
    if (!context || !device)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_device_open: context or device is NULL");
    if (!select)
        select = getenv("THALWEG_DEVICE");
    if (select && !*select)
        select = NULL;
    if (select && strcmp(select, "host") == 0)
        return tw_host_open(context, device, error);

    tw_device_info *infos;
    int count;
    TW_TRY(list_all(context, &infos, &count, error));
    const int chosen = choose(infos, count, select);
    tw_status status;
    if (chosen < 0)
        status = fail_none(context, infos, count, select, error);
    else if (!infos[chosen].usable)
        status = tw_fail(error, TW_ERROR_NO_DEVICE, "device %s '%s' (%s) cannot be used: %s",
                         infos[chosen].selector, infos[chosen].name, infos[chosen].platform,
                         infos[chosen].why_not);
    else
        status = tw_opencl_open(context, infos[chosen].selector, device, error);
    tw_free(context, infos);
    return status;
}

void tw_device_destroy(tw_device **device)
{
    if (!device || !*device)
        return;
    (*device)->backend->destroy(*device);
    *device = NULL;
}

void tw_device_describe(const tw_device *device, tw_device_info *info)
{
    *info = device->info;
}
