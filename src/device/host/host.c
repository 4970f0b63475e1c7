// SPDX-License-Identifier: Apache-2.0
// The host device: buffers are plain memory, commands run at once, and there are no programs. The C
// references of launch records run on it.
#include "base/hash.h"
#include "device/device.h"
#include <stdio.h>
#include <unistd.h>

struct tw_buffer {
    uint64_t bytes;
    void *memory;
};

struct tw_queue {
    tw_device *device;
};

static void destroy(tw_device *device)
{
    tw_free(device->context, device);
}

static tw_status buffer_create(tw_device *device, uint64_t bytes, tw_buffer **buffer,
                               tw_error *error)
{
    const bool fits = bytes <= device->caps.max_allocation && bytes <= SIZE_MAX;
    tw_buffer *made = tw_alloc(device->context, sizeof *made);
    void *memory = fits ? tw_calloc(device->context, 1, (size_t)bytes) : NULL;
    if (!made || !memory) {
        tw_free(device->context, made);
        tw_free(device->context, memory);
        return tw_fail(
            error, TW_ERROR_DEVICE_MEMORY,
            "the host has no room for a buffer of %.1f MB: make the batch or the model smaller",
            (double)bytes / (1024 * 1024));
    }
    *made = (tw_buffer){bytes, memory};
    *buffer = made;
    return TW_OK;
}

static void buffer_destroy(tw_device *device, tw_buffer **buffer)
{
    if (!*buffer)
        return;
    tw_free(device->context, (*buffer)->memory);
    tw_free(device->context, *buffer);
    *buffer = NULL;
}

static void *buffer_memory(tw_buffer *buffer)
{
    return buffer->memory;
}

static tw_status queue_create(tw_device *device, bool profiling, tw_queue **queue, tw_error *error)
{
    (void)profiling;
    tw_queue *made = tw_alloc(device->context, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    made->device = device;
    *queue = made;
    return TW_OK;
}

static void queue_destroy(tw_device *device, tw_queue **queue)
{
    tw_free(device->context, *queue);
    *queue = NULL;
}

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

/* Everything is complete once it is enqueued; the queue itself stands for any event. */
static void give_event(tw_queue *queue, tw_event **event)
{
    if (event)
        *event = (tw_event *)queue;
}

static tw_status write_buffer(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                              const void *source, int n_waits, tw_event *const *waits,
                              tw_event **event, tw_error *error)
{
    (void)n_waits;
    (void)waits;
    TW_TRY(check_range(buffer, offset, bytes, "upload to the host device", error));
    if (bytes > 0)
        memcpy((char *)buffer->memory + offset, source, (size_t)bytes);
    give_event(queue, event);
    return TW_OK;
}

static tw_status read_buffer(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                             void *target, int n_waits, tw_event *const *waits, tw_event **event,
                             tw_error *error)
{
    (void)n_waits;
    (void)waits;
    TW_TRY(check_range(buffer, offset, bytes, "download from the host device", error));
    if (bytes > 0)
        memcpy(target, (const char *)buffer->memory + offset, (size_t)bytes);
    give_event(queue, event);
    return TW_OK;
}

static tw_status fill_zero(tw_queue *queue, tw_buffer *buffer, uint64_t offset, uint64_t bytes,
                           tw_error *error)
{
    (void)queue;
    TW_TRY(check_range(buffer, offset, bytes, "fill with zeros", error));
    memset((char *)buffer->memory + offset, 0, (size_t)bytes);
    return TW_OK;
}

static tw_status copy(tw_queue *queue, tw_buffer *source, uint64_t source_offset, tw_buffer *target,
                      uint64_t target_offset, uint64_t bytes, tw_error *error)
{
    (void)queue;
    TW_TRY(check_range(source, source_offset, bytes, "copy on the host device", error));
    TW_TRY(check_range(target, target_offset, bytes, "copy on the host device", error));
    memmove((char *)target->memory + target_offset, (const char *)source->memory + source_offset,
            (size_t)bytes);
    return TW_OK;
}

static tw_status complete(tw_queue *queue, tw_error *error)
{
    (void)queue;
    (void)error;
    return TW_OK;
}

static tw_status event_wait(tw_event *event, tw_error *error)
{
    (void)event;
    (void)error;
    return TW_OK;
}

static bool event_done(tw_event *event)
{
    (void)event;
    return true;
}

static void event_release(tw_event **event)
{
    *event = NULL;
}

static bool event_times(tw_event *event, uint64_t *start, uint64_t *end)
{
    (void)event;
    (void)start;
    (void)end;
    return false;
}

static const tw_backend backend = {
    .name = "host",
    .destroy = destroy,
    .buffer_create = buffer_create,
    .buffer_create_shared = buffer_create,
    .buffer_destroy = buffer_destroy,
    .buffer_memory = buffer_memory,
    .queue_create = queue_create,
    .queue_destroy = queue_destroy,
    .queue_profile = complete,
    .write = write_buffer,
    .read = read_buffer,
    .fill_zero = fill_zero,
    .copy = copy,
    .flush = complete,
    .finish = complete,
    .event_wait = event_wait,
    .event_done = event_done,
    .event_release = event_release,
    .event_times = event_times,
};

/* Bytes of the machine's memory; a guess where the system does not tell. */
static uint64_t machine_memory(void)
{
#if defined(_SC_PHYS_PAGES)
    const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    if (pages > 0 && size > 0)
        return (uint64_t)pages * (uint64_t)size;
#endif
    return (uint64_t)1 << 32;
}

tw_status tw_host_open(tw_context *context, tw_device **device, tw_error *error)
{
    tw_device *made = tw_calloc(context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    const uint64_t memory = machine_memory();
    *made = (tw_device){.context = context, .backend = &backend};
    made->caps = (tw_caps){.family = TW_FAMILY_HOST,
                           .units = 1,
                           .vector = 4,
                           .registers = 16,
                           .global_memory = memory,
                           .max_allocation = memory,
                           .local_memory = 32768,
                           .cache = 1 << 20,
                           .max_work_group = 1,
                           .alignment = 64,
                           .identity = tw_hash_text("host " TW_VERSION)};
    made->info = (tw_device_info){.selector = "host",
                                  .name = "C reference in double precision",
                                  .platform = "thalweg",
                                  .version = TW_VERSION,
                                  .driver = TW_VERSION,
                                  .type = "host",
                                  .units = 1,
                                  .memory = memory,
                                  .allocation = memory,
                                  .usable = true};
    *device = made;
    return TW_OK;
}
