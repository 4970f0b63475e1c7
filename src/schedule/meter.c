// SPDX-License-Identifier: Apache-2.0
// What a device can do at most: a loop of multiply-adds, STREAM's triad, and a launch of nothing,
// timed on the device's clock.
#include "schedule/schedule.h"
#include <inttypes.h>

#define PASSES 3
#define LAUNCH_PASSES 50
#define OPERATIONS 24       /* of a step of limit_fma, by element of a vector */
#define LONG_ENOUGH 2000000 /* nanoseconds that the loop of multiply-adds shall take */
#define MOST_STEPS (1 << 26)
#define ARRAY_BYTES ((uint64_t)64 << 20) /* of each of the triad's, where the cache is smaller */
#define BLOCK 4096                       /* elements of a work-group of the triad */

enum { FMA, TRIAD, NOTHING, KERNELS };

struct tw_meter {
    tw_device *device;
    const tw_backend *backend;
    tw_queue *queue;
    tw_buffer *array[3];
    int64_t elements; /* of each array: a multiple of BLOCK */
    tw_built *built;
    tw_programs programs;
    int vector, items[KERNELS];
    int64_t groups[KERNELS];
    int32_t steps; /* of limit_fma; 0: not found yet */
};

/* ---- sizes ---- */

static void choose_sizes(tw_meter *m)
{
    const tw_caps *caps = &m->device->caps;
    const bool groups = caps->family == TW_FAMILY_SIMT;
    uint64_t bytes = TW_MAX(ARRAY_BYTES, 2 * caps->cache);
    if (caps->max_allocation)
        bytes = TW_MIN(bytes, caps->max_allocation);
    if (caps->global_memory)
        bytes = TW_MIN(bytes, caps->global_memory / 8);
    m->elements = TW_MAX((int64_t)(bytes / sizeof(float)) / BLOCK, 1) * BLOCK;
    m->vector = groups ? 1 : caps->vector;
    for (int k = 0; k < KERNELS; k++)
        m->items[k] = groups ? TW_MIN(256, TW_MAX(caps->max_work_group, 1)) : 1;
    m->groups[FMA] = (int64_t)TW_MAX(caps->units, 1) * (groups ? 16 : 4);
    m->groups[FMA] = TW_MIN(m->groups[FMA], m->elements / (m->items[FMA] * m->vector));
    m->groups[TRIAD] = m->elements / BLOCK;
}

/* ---- kernels ---- */

/* What programs.c asks of a launch: a file, an entry and macros. Types are macros as in op/site.h.
 */
static tw_status build(tw_meter *m, tw_error *error)
{
    tw_text macros = {.context = m->device->context};
    tw_text_printf(&macros,
                   "#define VW %d\n#define ITEMS %d\n#define BLOCK %d\n#define A_TYPE f32\n"
                   "#define B_TYPE f32\n#define Y_TYPE f32\n",
                   m->vector, m->items[TRIAD], BLOCK);
    tw_launch launch[KERNELS] = {
        {.label = "limit_fma", .file = "limit_fma.cl", .entry = "limit_fma"},
        {.label = "limit_triad", .file = "limit_triad.cl", .entry = "limit_triad"},
        {.label = "limit_launch", .file = "limit_launch.cl", .entry = "limit_launch"}};
    tw_launch *launches[KERNELS];
    bool guilty[KERNELS];
    for (int k = 0; k < KERNELS; k++) {
        launch[k].macros = macros.data;
        launches[k] = &launch[k];
    }
    m->built = tw_built_create(m->device->context, m->device);
    const tw_status status =
        macros.failed || !m->built
            ? tw_fail_memory(error)
            : tw_programs_build(m->built, KERNELS, launches, guilty, &m->programs, error);
    tw_text_clear(&macros);
    return status;
}

/* Zeros, so that every page is there, and the numbers that limit_fma begins with. */
static tw_status fill(tw_meter *m, tw_error *error)
{
    float half[28];
    for (int i = 0; i < TW_COUNT(half); i++)
        half[i] = 0.5f;
    for (int i = 0; i < TW_COUNT(m->array); i++) {
        const uint64_t bytes = (uint64_t)m->elements * sizeof(float);
        TW_TRY(m->backend->buffer_create(m->device, bytes, &m->array[i], error));
        TW_TRY(m->backend->fill_zero(m->queue, m->array[i], 0, bytes, error));
    }
    TW_TRY(m->backend->write(m->queue, m->array[0], 0, sizeof half, half, 0, NULL, NULL, error));
    return m->backend->finish(m->queue, error);
}

/* ---- timing ---- */

static tw_status launch(tw_meter *m, int kernel, int32_t n, uint64_t *nanoseconds, tw_error *error)
{
    const int64_t groups[3] = {m->groups[kernel], 1, 1};
    const int local[3] = {m->items[kernel], 1, 1};
    tw_kernel_arg args[4] = {{.size = sizeof n, .value.i = n}};
    int count = 1;
    if (kernel != NOTHING)
        args[count++] = (tw_kernel_arg){.buffer = m->array[0]};
    if (kernel == TRIAD)
        args[count++] = (tw_kernel_arg){.buffer = m->array[1]};
    args[count++] = (tw_kernel_arg){.buffer = m->array[2]};
    tw_event *event = NULL;
    TW_TRY(m->backend->launch(m->queue, m->programs.kernel[kernel], count, args, 1, groups, local,
                              0, NULL, &event, error));
    tw_status status = m->backend->flush(m->queue, error);
    if (status == TW_OK)
        status = m->backend->event_wait(event, error);
    uint64_t start = 0, end = 0;
    if (status == TW_OK && (!m->backend->event_times(event, &start, &end) || end < start ||
                            (end == start && kernel != NOTHING)))
        status = tw_fail(error, TW_ERROR_DEVICE, "%s: the device has no times of its launches",
                         m->device->info.name);
    m->backend->event_release(&event);
    *nanoseconds = end - start;
    return status;
}

/* The least time of some passes. */
static tw_status best(tw_meter *m, int kernel, int32_t n, uint64_t *nanoseconds, tw_error *error)
{
    *nanoseconds = UINT64_MAX;
    for (int i = 0; i < (kernel == NOTHING ? LAUNCH_PASSES : PASSES); i++) {
        uint64_t time;
        TW_TRY(launch(m, kernel, n, &time, error));
        *nanoseconds = TW_MIN(*nanoseconds, time);
    }
    return TW_OK;
}

/* Doubles the loop until it takes long enough for the launch itself not to count. */
static tw_status find_steps(tw_meter *m, tw_error *error)
{
    uint64_t time = 0;
    int32_t steps = 1 << 10;
    TW_TRY(launch(m, FMA, steps, &time, error));
    for (time = 0; time < LONG_ENOUGH && steps < MOST_STEPS;) {
        steps *= 2;
        TW_TRY(launch(m, FMA, steps, &time, error));
    }
    m->steps = steps;
    return TW_OK;
}

tw_status tw_meter_arithmetic(tw_meter *meter, double *gflops, tw_error *error)
{
    uint64_t time = 0;
    if (!meter->steps)
        TW_TRY(find_steps(meter, error));
    TW_TRY(best(meter, FMA, meter->steps, &time, error));
    *gflops = (double)OPERATIONS * meter->vector * meter->items[FMA] * (double)meter->groups[FMA] *
              meter->steps / (double)time;
    return TW_OK;
}

tw_status tw_meter_memory(tw_meter *meter, double *gbytes, tw_error *error)
{
    uint64_t time = 0;
    TW_TRY(best(meter, TRIAD, 1, &time, error));
    *gbytes = 3.0 * sizeof(float) * (double)meter->elements / (double)time;
    return TW_OK;
}

tw_status tw_meter_launch(tw_meter *meter, int64_t groups, double *microseconds, tw_error *error)
{
    uint64_t time = 0;
    if (groups < 1)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a launch has at least 1 work-group, not %" PRId64,
                       groups);
    meter->groups[NOTHING] = groups;
    TW_TRY(best(meter, NOTHING, 1, &time, error));
    *microseconds = (double)time * 1e-3;
    return TW_OK;
}

static tw_status make(tw_meter *m, tw_error *error)
{
    uint64_t time = 0;
    choose_sizes(m);
    TW_TRY(m->backend->queue_create(m->device, true, &m->queue, error));
    TW_TRY(build(m, error));
    TW_TRY(fill(m, error));
    return launch(m, TRIAD, 1, &time, error); /* generates its code */
}

tw_status tw_meter_create(tw_device *device, tw_meter **meter, tw_error *error)
{
    if (!device || !meter)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a meter needs a device");
    if (device->caps.family == TW_FAMILY_HOST)
        return tw_fail(error, TW_ERROR_UNSUPPORTED,
                       "the host device runs references, not kernels: it has no limits");
    tw_meter *made = tw_calloc(device->context, 1, sizeof *made);
    if (!made)
        return tw_fail_memory(error);
    made->device = device;
    made->backend = device->backend;
    const tw_status status = make(made, error);
    if (status == TW_OK)
        *meter = made;
    else
        tw_meter_destroy(&made);
    return status;
}

void tw_meter_destroy(tw_meter **meter)
{
    if (!meter || !*meter)
        return;
    tw_meter *m = *meter;
    tw_programs_free(&m->programs);
    if (m->built)
        tw_built_destroy(&m->built);
    for (int i = 0; i < TW_COUNT(m->array); i++)
        if (m->array[i])
            m->backend->buffer_destroy(m->device, &m->array[i]);
    if (m->queue)
        m->backend->queue_destroy(m->device, &m->queue);
    tw_free(m->device->context, m);
    *meter = NULL;
}
