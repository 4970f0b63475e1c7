// SPDX-License-Identifier: Apache-2.0
// Programs and kernels on OpenCL: builds and their errors, launches, and random numbers against the
// host's.
#include "base/random.h"
#include "base/text.h"
#include "device/device.h"
#include "failing.h"
#include "harness.h"

static tw_error error;
static tw_failing memory;
static tw_context *context;
static tw_device *device;
static const tw_backend *b;
static tw_queue *queue;
static tw_program *program;
static tw_kernel *kernel;
static char log_text[8000];

static void listen(void *user, tw_log_level level, const char *line)
{
    (void)user;
    (void)level;
    strncat(log_text, line, sizeof log_text - strlen(log_text) - 1);
    strncat(log_text, "\n", sizeof log_text - strlen(log_text) - 1);
}

/* False where there is no OpenCL to test. */
static bool begin(void)
{
    const tw_allocator allocator = {tw_failing_resize, &memory};
    memory = (tw_failing){.fail_at = -1};
    log_text[0] = '\0';
    const tw_context_options options = {.allocator = &allocator, .log = listen, .cache_folder = ""};
    CHECK_OK(tw_context_create(&options, &context, &error), error);
    if (tw_device_open(context, NULL, &device, &error) != TW_OK) {
        printf("# %s\n", error.text);
        tw_context_destroy(&context);
        return false;
    }
    b = device->backend;
    if (!b->program_build) {
        printf("# '%s' has no programs\n", device->info.name);
        tw_device_destroy(&device);
        tw_context_destroy(&context);
        return false;
    }
    CHECK_OK(b->queue_create(device, false, &queue, &error), error);
    return true;
}

static void end(void)
{
    b->kernel_destroy(device, &kernel);
    b->program_destroy(device, &program);
    b->queue_destroy(device, &queue);
    CHECK(!kernel && !program);
    b->kernel_destroy(device, &kernel);
    b->program_destroy(device, &program);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && memory.wrong == 0);
}

static tw_status build(const char *text)
{
    return b->program_build(device, text, strlen(text), &program, &error);
}

static const char add_text[] =
    "__kernel void add(const int n, __global float *x, const ulong x_offset, const float f,\n"
    "                  const uint u)\n"
    "{\n"
    "    const int i = get_global_id(0) + n * get_global_id(1);\n"
    "    x[x_offset + i] += f * i + u * get_local_size(0);\n"
    "}\n";

static tw_kernel_arg int_arg(int32_t i)
{
    return (tw_kernel_arg){.size = sizeof i, .value.i = i};
}
static tw_kernel_arg uint_arg(uint32_t u)
{
    return (tw_kernel_arg){.size = sizeof u, .value.u = u};
}
static tw_kernel_arg float_arg(float f)
{
    return (tw_kernel_arg){.size = sizeof f, .value.f = f};
}
static tw_kernel_arg buffer_arg(tw_buffer *buffer, uint64_t offset)
{
    return (tw_kernel_arg){.buffer = buffer, .offset = offset};
}

static void launches(void)
{
    if (!begin())
        return;
    enum { N = 12, M = 5, OFFSET = 7, ALL = 100 };
    float x[ALL];
    tw_buffer *buffer;
    tw_event *event = NULL;
    CHECK_OK(build(add_text), error);
    CHECK_OK(b->kernel_create(device, program, "add", &kernel, &error), error);
    CHECK_OK(b->buffer_create(device, sizeof x, &buffer, &error), error);
    CHECK_OK(b->fill_zero(queue, buffer, 0, sizeof x, &error), error);
    const tw_kernel_arg args[] = {int_arg(N), buffer_arg(buffer, OFFSET), float_arg(0.5f),
                                  uint_arg(1000)};
    CHECK_OK(b->launch(queue, kernel, 4, args, 2, (int64_t[]){N / 4, M}, (int[]){4, 1}, 0, NULL,
                       &event, &error),
             error);
    CHECK_OK(b->event_wait(event, &error), error);
    b->event_release(&event);
    CHECK_OK(b->launch(queue, kernel, 4, args, 2, (int64_t[]){N, M}, (int[]){1, 1}, 0, NULL, NULL,
                       &error),
             error);
    CHECK_OK(b->read(queue, buffer, 0, sizeof x, x, 0, NULL, &event, &error), error);
    CHECK_OK(b->event_wait(event, &error), error);
    b->event_release(&event);
    for (int i = 0; i < ALL; i++) {
        const int at = i - OFFSET;
        CHECK(x[i] == (at >= 0 && at < N * M ? (float)at + 5000 : 0));
    }
    /* Nothing to run is no error, and gives an event all the same. */
    CHECK_OK(b->launch(queue, kernel, 4, args, 2, (int64_t[]){N, 0}, (int[]){1, 1}, 0, NULL, &event,
                       &error),
             error);
    CHECK(event != NULL);
    CHECK_OK(b->event_wait(event, &error), error);
    b->event_release(&event);
    b->buffer_destroy(device, &buffer);
    end();
}

/* Only arguments that changed are set again: each may change alone, a buffer also by another in its
 * place. */
static void changing_arguments(void)
{
    if (!begin())
        return;
    enum { ALL = 16 };
    float x[ALL];
    tw_buffer *buffer = NULL, *other = NULL;
    CHECK_OK(build(add_text), error);
    CHECK_OK(b->kernel_create(device, program, "add", &kernel, &error), error);
    CHECK_OK(b->buffer_create(device, sizeof x, &other, &error), error);
    for (int round = 0; round < 6; round++) {
        b->buffer_destroy(device, &buffer); /* the next may well get the same address */
        CHECK_OK(b->buffer_create(device, sizeof x, &buffer, &error), error);
        CHECK_OK(b->fill_zero(queue, buffer, 0, sizeof x, &error), error);
        CHECK_OK(b->fill_zero(queue, other, 0, sizeof x, &error), error);
        tw_kernel_arg args[] = {int_arg(1), buffer_arg(buffer, 2), float_arg(1), uint_arg(10)};
        if (round == 1)
            args[1].offset = 3;
        if (round == 2)
            args[2].value.f = -1;
        if (round == 3)
            args[3].value.u = 20;
        if (round == 4)
            args[1].buffer = other;
        for (int twice = 0; twice < 2; twice++)
            CHECK_OK(b->launch(queue, kernel, 4, args, 1, (int64_t[]){4}, (int[]){1}, 0, NULL, NULL,
                               &error),
                     error);
        CHECK_OK(b->read(queue, args[1].buffer, 0, sizeof x, x, 0, NULL, NULL, &error), error);
        CHECK_OK(b->finish(queue, &error), error);
        for (int i = 0; i < ALL; i++) {
            const int at = i - (int)args[1].offset;
            CHECK(x[i] == (at >= 0 && at < 4
                               ? 2 * (args[2].value.f * (float)at + (float)args[3].value.u)
                               : 0));
        }
    }
    b->buffer_destroy(device, &buffer);
    b->buffer_destroy(device, &other);
    end();
}

static void bad_launches(void)
{
    if (!begin())
        return;
    tw_buffer *buffer;
    CHECK_OK(build(add_text), error);
    CHECK_OK(b->kernel_create(device, program, "add", &kernel, &error), error);
    CHECK_OK(b->buffer_create(device, 100, &buffer, &error), error);
    tw_kernel_arg args[] = {int_arg(1), buffer_arg(buffer, 0), float_arg(1), uint_arg(1),
                            uint_arg(1)};
    const int64_t one[3] = {1, 1, 1};
    const int local[3] = {1, 1, 1};
    tw_event *event = NULL;
    CHECK(b->launch(queue, kernel, 4, args, 0, one, local, 0, NULL, &event, &error) ==
          TW_ERROR_INTERNAL);
    CHECK_HAS(error.text, "'add'");
    CHECK(b->launch(queue, kernel, 4, args, 4, one, local, 0, NULL, &event, &error) ==
          TW_ERROR_INTERNAL);
    CHECK(b->launch(queue, kernel, 4, args, 1, (int64_t[]){-1}, local, 0, NULL, &event, &error) ==
          TW_ERROR_INTERNAL);
    CHECK(b->launch(queue, kernel, 4, args, 1, one, (int[]){0}, 0, NULL, &event, &error) ==
          TW_ERROR_INTERNAL);
    CHECK(b->launch(queue, kernel, 4, args, 1, (int64_t[]){INT64_MAX}, (int[]){64}, 0, NULL, &event,
                    &error) == TW_ERROR_INTERNAL);
    CHECK(b->launch(queue, kernel, 5, args, 1, one, local, 0, NULL, &event, &error) ==
          TW_ERROR_DEVICE);
    CHECK_HAS(error.text, "CL_INVALID_ARG_INDEX");
    CHECK_HAS(error.text, "'add'");
    args[2].size = 2;
    CHECK(b->launch(queue, kernel, 4, args, 1, one, local, 0, NULL, &event, &error) ==
          TW_ERROR_DEVICE);
    CHECK_HAS(error.text, "CL_INVALID_ARG_SIZE");
    args[2].size = 4;
    const int too_many = 2 * device->caps.max_work_group;
    CHECK(b->launch(queue, kernel, 4, args, 1, one, (int[]){too_many}, 0, NULL, &event, &error) ==
          TW_ERROR_DEVICE);
    CHECK_HAS(error.text, "CL_INVALID_WORK_"); /* _GROUP_SIZE, or _ITEM_SIZE */
    CHECK_HAS(error.text, device->info.name);
    CHECK(event == NULL);
    b->buffer_destroy(device, &buffer);
    end();
}

static void build_errors(void)
{
    if (!begin())
        return;
    CHECK(build("__kernel void broken(const int n)\n{\n    n = undeclared_name;\n}\n") ==
          TW_ERROR_BUILD);
    CHECK(program == NULL);
    CHECK_HAS(error.text, "does not build");
    CHECK_HAS(error.text, "CL_BUILD_PROGRAM_FAILURE");
    CHECK_HAS(error.text, "undeclared_name");
    CHECK_HAS(log_text, "undeclared_name");
    CHECK(strlen(log_text) > 0 && memory.fail_at == -1);
    for (int i = 0; i < 2; i++) { /* the log is done without when memory is out; the rest is not */
        memory.fail_at = memory.calls + i;
        const tw_status status =
            build("__kernel void broken(const int n) { n = undeclared_name; }");
        CHECK(status == (i == 0 ? TW_ERROR_MEMORY : TW_ERROR_BUILD) && program == NULL);
    }
    memory.fail_at = -1;
    CHECK_OK(build(add_text), error);
    CHECK(b->kernel_create(device, program, "subtract", &kernel, &error) == TW_ERROR_DEVICE);
    CHECK_HAS(error.text, "CL_INVALID_KERNEL_NAME");
    CHECK_HAS(error.text, "'subtract'");
    CHECK(kernel == NULL);
    end();
}

/* ---- random numbers ---- */

static const char random_text[] =
    "#define STREAM const uint seed_lo, const uint seed_hi, const uint step, const uint line, \\\n"
    "               const uint name_lo, const uint name_hi, \\\n"
    "               const uint first_lo, const uint first_hi\n"
    "#define FIRST (((ulong)first_hi << 32) + first_lo)\n"
    "#define DRAW(W, KIND) \\\n"
    "    __kernel void KIND##_##W(const int n, __global float *out, \\\n"
    "                             const ulong out_offset, STREAM) \\\n"
    "    { \\\n"
    "        const ulong at = (ulong)get_global_id(0) * W; \\\n"
    "        tw_store_f32_##W(out + out_offset + at, \\\n"
    "                         tw_random_##KIND##_##W(TW_RANDOM_STREAM, FIRST + at)); \\\n"
    "    }\n"
    "DRAW(1, uniform) DRAW(2, uniform) DRAW(4, uniform) DRAW(8, uniform) DRAW(16, uniform)\n"
    "DRAW(1, normal) DRAW(2, normal) DRAW(4, normal) DRAW(8, normal) DRAW(16, normal)\n"
    "#define DRAW_MANY(W) \\\n"
    "    __kernel void uniform_##W(const int n, __global float *out, \\\n"
    "                              const ulong out_offset, STREAM) \\\n"
    "    { \\\n"
    "        const ulong at = (ulong)get_global_id(0) * W; \\\n"
    "        float16 drawn[W / 16]; \\\n"
    "        tw_random_uniform_##W(TW_RANDOM_STREAM, FIRST + at, drawn); \\\n"
    "        for (int i = 0; i < W / 16; i++) \\\n"
    "            tw_store_f32_16(out + out_offset + at + 16 * i, drawn[i]); \\\n"
    "    }\n"
    "DRAW_MANY(32) DRAW_MANY(64)\n";

enum { DRAWN = 192 };

/* Draws elements first .. + DRAWN - 1 with kernel "KIND_W". */
static void draw(const char *kind, int width, const tw_random *r, uint64_t first, tw_buffer *buffer,
                 float *drawn)
{
    char name[32];
    snprintf(name, sizeof name, "%s_%d", kind, width);
    CHECK_OK(b->kernel_create(device, program, name, &kernel, &error), error);
    const tw_kernel_arg args[] = {int_arg(DRAWN),
                                  buffer_arg(buffer, 3),
                                  uint_arg((uint32_t)r->seed),
                                  uint_arg((uint32_t)(r->seed >> 32)),
                                  uint_arg(r->step),
                                  uint_arg(r->line),
                                  uint_arg((uint32_t)r->name),
                                  uint_arg((uint32_t)(r->name >> 32)),
                                  uint_arg((uint32_t)first),
                                  uint_arg((uint32_t)(first >> 32))};
    tw_event *event = NULL;
    CHECK_OK(b->launch(queue, kernel, TW_COUNT(args), args, 1, (int64_t[]){DRAWN / width},
                       (int[]){1}, 0, NULL, NULL, &error),
             error);
    CHECK_OK(b->read(queue, buffer, 3 * sizeof *drawn, DRAWN * sizeof *drawn, drawn, 0, NULL,
                     &event, &error),
             error);
    CHECK_OK(b->event_wait(event, &error), error);
    b->event_release(&event);
    b->kernel_destroy(device, &kernel);
}

static void random_numbers(void)
{
    if (!begin())
        return;
    static const int widths[] = {1, 2, 4, 8, 16, 32, 64};
    static const uint64_t firsts[] = {0,
                                      1,
                                      2,
                                      3,
                                      5,
                                      4000000002,
                                      ((uint64_t)1 << 34) - 8,
                                      ((uint64_t)1 << 34) - 6,
                                      ((uint64_t)3 << 34) + 1};
    const tw_random r = {
        .seed = 0x0123456789abcdef, .name = 0xfedcba9876543210, .line = 3, .step = 17};
    tw_text text = {.context = context};
    tw_text_puts(&text, tw_kernel_text("core/core.cl"));
    tw_text_puts(&text, tw_kernel_text("core/random.cl"));
    tw_text_puts(&text, random_text);
    CHECK_OK(b->program_build(device, text.data, text.length, &program, &error), error);
    tw_text_clear(&text);
    tw_buffer *buffer;
    CHECK_OK(b->buffer_create(device, (DRAWN + 3) * sizeof(float), &buffer, &error), error);
    double worst = 0;
    for (int w = 0; program && w < TW_COUNT(widths); w++)
        for (int f = 0; f < TW_COUNT(firsts); f++) {
            float drawn[DRAWN];
            int wrong = 0;
            draw("uniform", widths[w], &r, firsts[f], buffer, drawn);
            for (int i = 0; i < DRAWN; i++) {
                const float want = (float)tw_random_uniform(&r, firsts[f] + (uint64_t)i);
                wrong += memcmp(&drawn[i], &want, sizeof want) != 0;
            }
            if (wrong)
                printf("# width %d from %llu on\n", widths[w], (unsigned long long)firsts[f]);
            CHECK(wrong == 0);
            if (widths[w] >= 32) /* of normal ones there are at most 16 */
                continue;
            draw("normal", widths[w], &r, firsts[f], buffer, drawn);
            for (int i = 0; i < DRAWN; i++) {
                const double want = tw_random_normal(&r, firsts[f] + (uint64_t)i);
                worst = TW_MAX(worst, fabs(drawn[i] - want));
            }
        }
    CHECK(worst < 4e-6); /* log and sqrt to a few units in the last place, of values up to 6 */
    b->buffer_destroy(device, &buffer);
    end();
}

TESTS(T(launches), T(changing_arguments), T(bad_launches), T(build_errors), T(random_numbers))
