// SPDX-License-Identifier: Apache-2.0
// Buffers, transfers, queues and events on the host device and on the OpenCL device that is chosen
// by default.
#include "device/device.h"
#include "failing.h"
#include "harness.h"

static tw_error error;
static tw_failing memory;
static tw_context *context;
static tw_device *devices[2]; /* the host, OpenCL */
static int n_devices;

static char last_log[2000];
static int log_count;

static void listen(void *user, tw_log_level level, const char *line)
{
    (void)user;
    (void)level;
    log_count++;
    strncat(last_log, line, sizeof last_log - strlen(last_log) - 1);
    strncat(last_log, "\n", sizeof last_log - strlen(last_log) - 1);
}

static void begin(void)
{
    const tw_allocator allocator = {tw_failing_resize, &memory};
    memory = (tw_failing){.fail_at = -1};
    const tw_context_options options = {.allocator = &allocator, .log = listen, .cache_folder = ""};
    CHECK_OK(tw_context_create(&options, &context, &error), error);
    n_devices = 0;
    for (int i = 0; i < 2; i++) {
        const tw_status status =
            tw_device_open(context, i == 0 ? "host" : NULL, &devices[n_devices], &error);
        if (status == TW_OK)
            n_devices++;
        else
            printf("# %s\n", error.text); /* without any OpenCL the host is all there is to test */
    }
    CHECK(n_devices > 0);
}

static void end(void)
{
    for (int i = 0; i < n_devices; i++) {
        tw_device_destroy(&devices[i]);
        CHECK(devices[i] == NULL);
    }
    tw_device_destroy(&devices[0]);
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && memory.wrong == 0);
}

#define EACH_DEVICE(d, b)                                                                          \
    for (int device_number = 0; device_number < n_devices; device_number++)                        \
        for (tw_device *d = devices[device_number]; d; d = NULL)                                   \
            for (const tw_backend *b = d->backend; b; b = NULL)

static void capabilities(void)
{
    begin();
    EACH_DEVICE(d, b)
    {
        tw_device_info info;
        tw_device_describe(d, &info);
        printf("# %s '%s' (%s, %s, driver %s): %d units, vector %d, %d registers, %.1f MB, cache "
               "%.1f MB\n",
               info.selector, info.name, info.platform, info.version, info.driver, d->caps.units,
               d->caps.vector, d->caps.registers, (double)info.memory / 1048576,
               (double)d->caps.cache / 1048576);
        CHECK(info.usable && info.name[0] && info.platform[0] && info.why_not[0] == '\0');
        CHECK(info.memory > 0 && info.allocation > 0 && info.allocation <= info.memory &&
              info.units > 0);
        CHECK(d->caps.units == info.units && d->caps.max_allocation == info.allocation);
        CHECK(d->caps.vector == 4 || d->caps.vector == 8 || d->caps.vector == 16);
        CHECK(d->caps.registers == 16 || d->caps.registers == 32);
        CHECK(d->caps.alignment >= 64 && (d->caps.alignment & (d->caps.alignment - 1)) == 0);
        CHECK(d->caps.max_work_group >= 1 && d->caps.identity != 0);
        CHECK((d->caps.family == TW_FAMILY_HOST) == (strcmp(info.type, "host") == 0));
        CHECK((d->caps.family == TW_FAMILY_SIMD) == (strcmp(info.type, "cpu") == 0));
        CHECK((strcmp(b->name, "host") == 0) == (d->caps.family == TW_FAMILY_HOST));
        CHECK((b->program_build == NULL) == (d->caps.family == TW_FAMILY_HOST));
        CHECK((b->launch == NULL) == (d->caps.family == TW_FAMILY_HOST));
    }
    CHECK(n_devices < 2 || devices[0]->caps.identity != devices[1]->caps.identity);
    end();
}

static void transfers(void)
{
    begin();
    EACH_DEVICE(d, b)
    {
        enum { SIZE = 1000 };
        unsigned char source[SIZE], target[SIZE];
        for (int i = 0; i < SIZE; i++)
            source[i] = (unsigned char)(i * 7 + 1);
        tw_buffer *x = NULL, *y = NULL;
        tw_queue *queue = NULL;
        CHECK_OK(b->buffer_create(d, SIZE, &x, &error), error);
        CHECK_OK(b->buffer_create(d, SIZE, &y, &error), error);
        CHECK_OK(b->queue_create(d, false, &queue, &error), error);
        CHECK((b->buffer_memory(x) != NULL) == (d->caps.family == TW_FAMILY_HOST));

        CHECK_OK(b->write(queue, x, 0, SIZE, source, 0, NULL, NULL, &error), error);
        CHECK_OK(b->fill_zero(queue, y, 0, SIZE, &error), error);
        CHECK_OK(b->copy(queue, x, 101, y, 202, 303, &error), error);
        CHECK_OK(b->read(queue, y, 0, SIZE, target, 0, NULL, NULL, &error), error);
        CHECK_OK(b->finish(queue, &error), error);
        for (int i = 0; i < SIZE; i++)
            CHECK(target[i] == (i >= 202 && i < 505 ? source[i - 101] : 0));

        /* Fills of all alignments, with canaries; copies within one buffer. */
        static const int ranges[][2] = {{0, 16},  {16, 64}, {4, 8},    {3, 9},
                                        {999, 1}, {7, 0},   {1000, 0}, {8, 100}};
        for (int r = 0; r < TW_COUNT(ranges); r++) {
            const int from = ranges[r][0], length = ranges[r][1];
            CHECK_OK(b->write(queue, x, 0, SIZE, source, 0, NULL, NULL, &error), error);
            CHECK_OK(b->fill_zero(queue, x, (uint64_t)from, (uint64_t)length, &error), error);
            CHECK_OK(b->read(queue, x, 0, SIZE, target, 0, NULL, NULL, &error), error);
            CHECK_OK(b->finish(queue, &error), error);
            for (int i = 0; i < SIZE; i++)
                CHECK(target[i] == (i >= from && i < from + length ? 0 : source[i]));
        }
        CHECK_OK(b->write(queue, x, 0, SIZE, source, 0, NULL, NULL, &error), error);
        CHECK_OK(b->copy(queue, x, 0, x, 500, 500, &error), error);
        CHECK_OK(b->read(queue, x, 499, 501, target, 0, NULL, NULL, &error), error);
        CHECK_OK(b->flush(queue, &error), error);
        CHECK_OK(b->finish(queue, &error), error);
        CHECK(target[0] == source[499] && memcmp(target + 1, source, 500) == 0);

        b->queue_destroy(d, &queue);
        b->buffer_destroy(d, &x);
        b->buffer_destroy(d, &y);
        CHECK(!queue && !x && !y);
        b->buffer_destroy(d, &x);
        b->queue_destroy(d, &queue);
    }
    end();
}

static void ranges(void)
{
    begin();
    EACH_DEVICE(d, b)
    {
        static const uint64_t bad[][2] = {{0, 101},
                                          {100, 1},
                                          {101, 0},
                                          {UINT64_MAX, 1},
                                          {1, UINT64_MAX},
                                          {UINT64_MAX, 101},
                                          {50, UINT64_MAX - 40}};
        char bytes[200] = {0};
        tw_buffer *x, *y;
        tw_queue *queue;
        CHECK_OK(b->buffer_create(d, 100, &x, &error), error);
        CHECK_OK(b->buffer_create(d, 1000, &y, &error), error);
        CHECK_OK(b->queue_create(d, false, &queue, &error), error);
        for (int i = 0; i < TW_COUNT(bad); i++) {
            const uint64_t from = bad[i][0], size = bad[i][1];
            tw_event *event = NULL;
            CHECK(b->write(queue, x, from, size, bytes, 0, NULL, &event, &error) ==
                  TW_ERROR_INTERNAL);
            CHECK(b->read(queue, x, from, size, bytes, 0, NULL, &event, &error) ==
                  TW_ERROR_INTERNAL);
            CHECK(b->fill_zero(queue, x, from, size, &error) == TW_ERROR_INTERNAL);
            CHECK(b->copy(queue, x, from, y, 0, size, &error) == TW_ERROR_INTERNAL);
            CHECK(b->copy(queue, y, 0, x, from, size, &error) == TW_ERROR_INTERNAL);
            CHECK(event == NULL);
        }
        CHECK(b->fill_zero(queue, x, 99, 2, &error) == TW_ERROR_INTERNAL);
        CHECK_HAS(error.text, "2 bytes from 99 on");
        CHECK_HAS(error.text, "buffer of 100 bytes");
        CHECK_OK(b->write(queue, x, 100, 0, bytes, 0, NULL, NULL, &error), error);
        CHECK_OK(b->copy(queue, x, 100, y, 3, 0, &error), error);
        CHECK_OK(b->finish(queue, &error), error);
        b->queue_destroy(d, &queue);
        b->buffer_destroy(d, &x);
        b->buffer_destroy(d, &y);
    }
    end();
}

static void sizes(void)
{
    begin();
    EACH_DEVICE(d, b)
    {
        tw_buffer *x = NULL;
        tw_queue *queue;
        char byte;
        CHECK_OK(b->queue_create(d, false, &queue, &error), error);
        CHECK_OK(b->buffer_create(d, 0, &x, &error), error); /* nothing is something */
        CHECK_OK(b->fill_zero(queue, x, 0, 0, &error), error);
        CHECK(b->read(queue, x, 0, 1, &byte, 0, NULL, NULL, &error) == TW_ERROR_INTERNAL);
        b->buffer_destroy(d, &x);
        static const uint64_t huge[] = {UINT64_MAX, (uint64_t)1 << 60};
        for (int i = 0; i < 2; i++) {
            CHECK(b->buffer_create(d, huge[i], &x, &error) == TW_ERROR_DEVICE_MEMORY);
            CHECK(x == NULL);
            CHECK_HAS(error.text, "MB");
            CHECK_HAS(error.text, "make the batch or the model smaller");
        }
        b->queue_destroy(d, &queue);
    }
    end();
}

/* Three queues joined by events, as a step uses them: up, over, down. */
static void events(void)
{
    begin();
    EACH_DEVICE(d, b)
    {
        enum { SIZE = 1 << 20 };
        char *source = malloc(SIZE), *target = calloc(1, SIZE);
        tw_buffer *x, *y;
        tw_queue *up, *over, *down;
        CHECK_OK(b->buffer_create(d, SIZE, &x, &error), error);
        CHECK_OK(b->buffer_create(d, SIZE, &y, &error), error);
        CHECK_OK(b->queue_create(d, true, &up, &error), error);
        CHECK_OK(b->queue_create(d, false, &over, &error), error);
        CHECK_OK(b->queue_create(d, false, &down, &error), error);
        for (int step = 0; step < 20; step++) {
            tw_event *sent = NULL, *copied = NULL, *received = NULL;
            memset(source, step + 1, SIZE);
            CHECK_OK(b->write(up, x, 0, SIZE, source, 0, NULL, &sent, &error), error);
            CHECK_OK(b->flush(up, &error), error);
            /* A write of no bytes waits, and gives an event. */
            char nothing;
            CHECK_OK(b->write(over, y, 0, 0, &nothing, 1, &sent, NULL, &error), error);
            CHECK_OK(b->copy(over, x, 0, y, 0, SIZE, &error), error);
            CHECK_OK(b->write(over, y, 0, 0, &nothing, 0, NULL, &copied, &error), error);
            CHECK_OK(b->flush(over, &error), error);
            tw_event *const waits[] = {copied, NULL, sent};
            CHECK_OK(b->read(down, y, 0, SIZE, target, 3, waits, &received, &error), error);
            CHECK(sent && copied && received);
            CHECK_OK(b->event_wait(received, &error), error);
            CHECK(b->event_done(received) && b->event_done(copied) && b->event_done(sent));
            CHECK(target[0] == step + 1 && target[SIZE - 1] == step + 1);
            uint64_t start = 0, stop = 0;
            if (d->caps.family == TW_FAMILY_HOST)
                CHECK(!b->event_times(sent, &start, &stop));
            else
                CHECK(b->event_times(sent, &start, &stop) && start <= stop && stop > 0);
            b->event_release(&sent);
            b->event_release(&copied);
            b->event_release(&received);
            CHECK(!sent && !copied && !received);
            b->event_release(&sent);
        }
        b->queue_destroy(d, &up);
        b->queue_destroy(d, &over);
        b->queue_destroy(d, &down);
        b->buffer_destroy(d, &x);
        b->buffer_destroy(d, &y);
        free(source);
        free(target);
    }
    end();
}

static void profiling(void)
{
    begin();
    EACH_DEVICE(d, b)
    {
        char bytes[100] = {0};
        uint64_t start = 0, stop = 0;
        tw_buffer *x;
        tw_queue *queue;
        tw_event *event = NULL;
        CHECK_OK(b->buffer_create(d, 100, &x, &error), error);
        CHECK_OK(b->queue_create(d, false, &queue, &error), error);
        CHECK_OK(b->write(queue, x, 0, 100, bytes, 0, NULL, NULL, &error), error);
        for (int i = 0; i < 2; i++) { /* twice is once */
            CHECK_OK(b->queue_profile(queue, &error), error);
            CHECK_OK(b->write(queue, x, 0, 100, bytes, 0, NULL, &event, &error), error);
            CHECK_OK(b->event_wait(event, &error), error);
            CHECK(b->event_times(event, &start, &stop) == (d->caps.family != TW_FAMILY_HOST) &&
                  start <= stop);
            b->event_release(&event);
        }
        b->queue_destroy(d, &queue);
        b->buffer_destroy(d, &x);
    }
    end();
}

/* ---- selection ---- */

static void listing(void)
{
    begin();
    int32_t count = -1, again = -1;
    CHECK_OK(tw_device_list(context, NULL, 0, &count, &error), error);
    tw_device_info infos[64];
    CHECK_OK(tw_device_list(context, infos, 64, &again, &error), error);
    CHECK(count == again && count >= n_devices - 1);
    for (int i = 0; i < TW_MIN(count, 64); i++) {
        CHECK(infos[i].usable || infos[i].why_not[0]);
        if (!infos[i].usable)
            continue;
        tw_device *device = NULL;
        CHECK_OK(tw_device_open(context, infos[i].selector, &device, &error), error);
        CHECK(device && strcmp(device->info.selector, infos[i].selector) == 0);
        CHECK(device && strcmp(device->info.name, infos[i].name) == 0);
        tw_device_destroy(&device);
    }
    CHECK(tw_device_list(NULL, infos, 1, &count, &error) == TW_ERROR_ARGUMENT);
    CHECK(tw_device_list(context, NULL, 1, &count, &error) == TW_ERROR_ARGUMENT);
    CHECK(tw_device_list(context, NULL, -1, &count, &error) == TW_ERROR_ARGUMENT);
    CHECK(tw_device_list(context, NULL, 0, NULL, &error) == TW_ERROR_ARGUMENT);
    end();
}

static void opening(void)
{
    begin();
    tw_device *device = NULL;
    CHECK(tw_device_open(context, "no such thing", &device, &error) == TW_ERROR_NO_DEVICE);
    CHECK_HAS(error.text, "no such thing");
    CHECK_HAS(error.text, "'host'");
    CHECK(tw_device_open(context, "99:0", &device, &error) == TW_ERROR_NO_DEVICE);
    CHECK(tw_device_open(context, "0:9999999999999999999999", &device, &error) ==
          TW_ERROR_NO_DEVICE);
    CHECK(tw_device_open(NULL, "host", &device, &error) == TW_ERROR_ARGUMENT);
    CHECK(tw_device_open(context, "host", NULL, &error) == TW_ERROR_ARGUMENT);
    CHECK(device == NULL);
    if (n_devices == 2 && devices[1]->caps.family != TW_FAMILY_HOST) {
        CHECK(tw_device_open(context, "0:9", &device, &error) == TW_ERROR_NO_DEVICE);
        CHECK_HAS(error.text, devices[1]->info.name); /* the sentence lists what there is */
        char part[16];
        snprintf(part, sizeof part, "%.7s", devices[1]->info.platform);
        for (char *p = part; *p; p++)
            *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        CHECK_OK(tw_device_open(context, part, &device, &error), error); /* in any case */
        CHECK(device && strcmp(device->info.platform, devices[1]->info.platform) == 0);
        tw_device_destroy(&device);
    }
    tw_device_destroy(NULL);

    const char *before = getenv("THALWEG_DEVICE");
    char *kept = before ? strdup(before) : NULL;
    setenv("THALWEG_DEVICE", "host", 1);
    CHECK_OK(tw_device_open(context, NULL, &device, &error), error);
    CHECK(device && device->caps.family == TW_FAMILY_HOST);
    tw_device_destroy(&device);
    setenv("THALWEG_DEVICE", "nothing of the kind", 1);
    CHECK(tw_device_open(context, NULL, &device, &error) == TW_ERROR_NO_DEVICE);
    CHECK_OK(tw_device_open(context, "host", &device, &error),
             error); /* what is named goes before */
    tw_device_destroy(&device);
    unsetenv("THALWEG_DEVICE");
    if (tw_device_open(context, NULL, &device, &error) == TW_OK) {
        CHECK(device->caps.family != TW_FAMILY_HOST); /* the host is never chosen unless named */
        tw_device_destroy(&device);
    }
    setenv("THALWEG_DEVICE", "", 1);
    if (tw_device_open(context, NULL, &device, &error) == TW_OK)
        tw_device_destroy(&device);
    unsetenv("THALWEG_DEVICE");
    if (kept)
        setenv("THALWEG_DEVICE", kept, 1);
    free(kept);
    end();
}

/* Every allocation of opening, listing and making objects fails once: a sentence, and nothing left
 * behind. */
static tw_status use(const char *select)
{
    tw_device *d = NULL;
    int32_t count;
    tw_device_info infos[8];
    TW_TRY(tw_device_list(context, infos, 8, &count, &error));
    TW_TRY(tw_device_open(context, select, &d, &error));
    const tw_backend *b = d->backend;
    static const char text[] = "__kernel void k(const int n) {}";
    tw_buffer *x = NULL;
    tw_queue *queue = NULL;
    tw_program *program = NULL;
    tw_kernel *kernel = NULL;
    tw_status status = b->buffer_create(d, 100, &x, &error);
    if (status == TW_OK)
        status = b->queue_create(d, false, &queue, &error);
    if (status == TW_OK && b->program_build)
        status = b->program_build(d, text, sizeof text - 1, &program, &error);
    if (program && status == TW_OK)
        status = b->kernel_create(d, program, "k", &kernel, &error);
    if (b->program_build) {
        b->kernel_destroy(d, &kernel);
        b->program_destroy(d, &program);
    }
    b->queue_destroy(d, &queue);
    b->buffer_destroy(d, &x);
    tw_device_destroy(&d);
    return status;
}

static void without_memory(void)
{
    begin();
    for (int i = 0; i < n_devices; i++) {
        const char *select = devices[i]->info.selector;
        const long live = memory.live, before = memory.calls;
        CHECK_OK(use(select), error);
        const long calls = memory.calls - before;
        CHECK(calls > 3);
        int failures = 0;
        for (long c = 0; c < calls; c++) {
            memory.fail_at = memory.calls + c;
            const tw_status status = use(select);
            CHECK(status == TW_OK || status == TW_ERROR_MEMORY || status == TW_ERROR_DEVICE_MEMORY);
            failures += status != TW_OK;
            CHECK(memory.live == live);
        }
        memory.fail_at = -1;
        CHECK(failures >= calls - 2); /* a compiler's log may be done without */
    }
    end();
}

TESTS(T(capabilities), T(transfers), T(ranges), T(sizes), T(events), T(profiling), T(listing),
      T(opening), T(without_memory))
