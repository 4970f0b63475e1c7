// SPDX-License-Identifier: Apache-2.0
// Programs of several launches: kernels that have a caller in common compute what they compute
// alone, however the driver likes them; texts that do not build, and memory that runs out.
#include "failing.h"
#include "schedule/program_text.h"
#include "unit/schedule.h"

#define ELEMENTS 40
#define MOST 8

typedef struct bench {
    tw_failing memory;
    tw_context *context;
    tw_device *device;
    tw_built *built;
    tw_launch launch[MOST];
    char macros[MOST][400];
    bool guilty[MOST];
    int count;
    tw_error error;
} bench;

/* NULL context: there is no device to build for. */
static bench *open_bench(bool calls)
{
    bench *b = calloc(1, sizeof *b);
    b->memory.fail_at = -1;
    tw_allocator allocator = {tw_failing_resize, &b->memory};
    tw_context_options options = {.allocator = &allocator, .cache_folder = ""};
    CHECK_OK(tw_context_create(&options, &b->context, &b->error), b->error);
    CHECK_OK(tw_device_open(b->context, NULL, &b->device, &b->error), b->error);
    b->device->caps.calls = calls;
    b->built = tw_built_create(b->context, b->device);
    CHECK(b->built);
    return b;
}

static void close_bench(bench *b)
{
    tw_built_destroy(&b->built);
    tw_device_destroy(&b->device);
    tw_context_destroy(&b->context);
    CHECK(b->memory.live == 0 && b->memory.wrong == 0);
    free(b);
}

/* y = EXPRESSION of x, the element, and f, a float argument (user: whether there is one); in groups
 * of `local` items. */
static void add(bench *b, const char *expression, bool user, int local)
{
    tw_launch *l = &b->launch[b->count];
    snprintf(b->macros[b->count], sizeof b->macros[0],
             "#define VW 1\n#define COLS 1\n#define COUNT (%d * n)\n"
             "#define EPILOGUE_PARAMS , __global const float *x, ulong x_at, __global float *y, "
             "ulong y_at%s\n"
             "#define EPILOGUE(W, v, at, col) y[y_at + at] = %s\n",
             ELEMENTS, user ? ", const float f" : "", expression);
    *l = (tw_launch){.label = "y",
                     .file = "elementwise.cl",
                     .macros = b->macros[b->count],
                     .entry = "elementwise",
                     .n_args = user ? 3 : 2,
                     .dims = 1,
                     .local = {local, 1, 1}};
    l->arg[0] = (tw_arg){.kind = TW_ARG_TENSOR, .tensor = {0, false}};
    l->arg[1] = (tw_arg){.kind = TW_ARG_TENSOR, .tensor = {1, true}};
    l->arg[2] = (tw_arg){.kind = TW_ARG_USER, .slot = 0};
    b->count++;
}

static tw_status build(bench *b, tw_programs *programs)
{
    tw_launch *launches[MOST];
    for (int i = 0; i < b->count; i++)
        launches[i] = &b->launch[i];
    return tw_programs_build(b->built, b->count, launches, b->guilty, programs, &b->error);
}

/* What launch i makes of 0, 1, 2, ... with f = 5. */
static void run(bench *b, const tw_programs *programs, int i, float *y)
{
    const tw_backend *backend = b->device->backend;
    float x[ELEMENTS];
    for (int e = 0; e < ELEMENTS; e++)
        x[e] = (float)e;
    tw_buffer *in = NULL, *out = NULL;
    tw_queue *queue = NULL;
    CHECK_OK(backend->buffer_create(b->device, sizeof x, &in, &b->error), b->error);
    CHECK_OK(backend->buffer_create(b->device, sizeof x, &out, &b->error), b->error);
    CHECK_OK(backend->queue_create(b->device, false, &queue, &b->error), b->error);
    CHECK_OK(backend->write(queue, in, 0, sizeof x, x, 0, NULL, NULL, &b->error), b->error);
    const tw_kernel_arg args[] = {
        {.size = 4, .value.i = 1}, {.buffer = in}, {.buffer = out}, {.size = 4, .value.f = 5}};
    const int64_t groups[3] = {ELEMENTS / b->launch[i].local[0], 1, 1};
    CHECK_OK(backend->launch(queue, programs->kernel[i], 1 + b->launch[i].n_args, args, 1, groups,
                             b->launch[i].local, 0, NULL, NULL, &b->error),
             b->error);
    CHECK_OK(backend->read(queue, out, 0, sizeof x, y, 0, NULL, NULL, &b->error), b->error);
    CHECK_OK(backend->finish(queue, &b->error), b->error);
    backend->queue_destroy(b->device, &queue);
    backend->buffer_destroy(b->device, &in);
    backend->buffer_destroy(b->device, &out);
}

static void computes(bool calls)
{
    bench *b = open_bench(calls);
    tw_programs programs;
    float y[ELEMENTS];
    add(b, "x[x_at + at] + 1", false, 1);
    add(b, "x[x_at + at] * f", true, 1);
    add(b, "x[x_at + at] * 3", false, 1);
    add(b, "x[x_at + at] - f", true, 1);
    add(b, "x[x_at + at] + 8", false, 8);
    CHECK_OK(build(b, &programs), b->error);
    for (int twice = 0; twice < 2; twice++) { /* each kernel keeps its number */
        run(b, &programs, 0, y);
        CHECK(y[0] == 1 && y[39] == 40);
        run(b, &programs, 1, y);
        CHECK(y[0] == 0 && y[39] == 195);
        run(b, &programs, 2, y);
        CHECK(y[0] == 0 && y[39] == 117);
        run(b, &programs, 3, y);
        CHECK(y[0] == -5 && y[39] == 34);
        run(b, &programs, 4, y);
        CHECK(y[0] == 8 && y[39] == 47);
    }
    tw_programs_free(&programs);
    /* what is built is found again, beside something new */
    add(b, "x[x_at + at] + 2", false, 1);
    CHECK_OK(build(b, &programs), b->error);
    run(b, &programs, 2, y);
    CHECK(y[39] == 117);
    run(b, &programs, 5, y);
    CHECK(y[39] == 41);
    tw_programs_free(&programs);
    close_bench(b);
}

static void called(void)
{
    computes(true);
}

static void alone(void)
{
    computes(false);
}

static int count_word(const char *text, const char *word)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    return count;
}

/* One caller of all units but those of groups of several items; each is called with what its
 * signature says. */
static void caller(void)
{
    tw_unit unit[4];
    for (int i = 0; i < 4; i++)
        unit[i] = (tw_unit){.file = "f.cl",
                            .macros = "",
                            .entry = "f",
                            .signature = i == 1 ? "tspl1t" : "t",
                            .text = "TW_ENTRY KERNEL(f)(TW_N) {}\n",
                            .single = i != 3};
    bench *b = open_bench(true);
    tw_text text = {.context = b->context};
    tw_arena arena = {.context = b->context};
    for (int i = 0; i < 4; i++)
        CHECK(tw_unit_split(&unit[i], true, &arena));
    tw_program_put(&text, unit, 4, true);
    CHECK(unit[0].called && unit[1].called && unit[2].called && !unit[3].called);
    CHECK(unit[2].number == 2);
    CHECK(count_word(text.data, "\n__kernel void tw_caller(const ulong16 words") == 1);
    CHECK_HAS(text.data, "f_1(x, y, z, as_int((uint)(block[0] >> 32)), b[0], block[4], "
                         "as_uint((uint)(block[1] >> 0)), as_uint((uint)(block[1] >> 32)), "
                         "as_uint((uint)(block[2] >> 0)), as_uint((uint)(block[2] >> 32)), "
                         "as_float((uint)(block[3] >> 32)), b[1], block[5]);");
    CHECK_HAS(text.data, "f_2(x, y, z, as_int((uint)(block[0] >> 32)), b[0], block[4]);");
    CHECK(count_word(text.data, "f_3(x") == 0);
    tw_text_clear(&text);
    tw_program_put(&text, unit, 4, false);
    CHECK(!unit[0].called && count_word(text.data, "tw_caller") == 0);
    tw_text_clear(&text);
    tw_arena_free(&arena);
    close_bench(b);
}

/* What the caller has no room for is a kernel by itself: more tensors, or another of the user's
 * numbers. */
static void uncalled(void)
{
    bench *b = open_bench(true);
    tw_programs programs;
    float y[ELEMENTS];
    add(b, "x[x_at + at] + 1", false, 1);
    add(b, "x[x_at + at] * f", true, 1);
    add(b, "x[x_at + at] - f", true, 1);
    b->launch[2].arg[2].slot = TW_CALLER_USERS;
    CHECK_OK(build(b, &programs), b->error);
    CHECK(programs.called[0].program && programs.called[1].program && !programs.called[2].program);
    for (int i = 0; i < 3; i++)
        run(b, &programs, i, y);
    CHECK(y[39] == 34);
    tw_programs_free(&programs);
    close_bench(b);
}

/* Units that differ in listed sizes and streams alone have one function; one that differs in more
 * has its own, with its sizes as macros. */
static void sizes(void)
{
    static const char *const macros[] = {
        "#define A 1\n#define ROWS 7\n#define TW_STREAM_3_LOW (int)1u\n#define B(x) \\\n    (x)\n",
        "#define A 1\n#define ROWS (5*n)\n#define TW_STREAM_3_LOW (int)2u\n#define B(x) \\\n    "
        "(x)",
        "#define A 2\n#define ROWS 7\n#define TW_STREAM_3_LOW (int)1u\n#define B(x) \\\n    (x)\n"};
    tw_unit unit[3];
    bench *b = open_bench(true);
    tw_text text = {.context = b->context};
    tw_arena arena = {.context = b->context};
    for (int i = 0; i < 3; i++) {
        unit[i] = (tw_unit){.file = "f.cl",
                            .macros = macros[i],
                            .entry = "f",
                            .signature = "t",
                            .text = "TW_ENTRY KERNEL(f)(TW_N, TW_OUT(y) TW_SIZES(COLS ROWS)) {}\n",
                            .single = true};
        CHECK(tw_unit_split(&unit[i], true, &arena));
    }
    CHECK_TEXT(unit[1].sizes, ", const int ROWS, const int TW_STREAM_3_LOW");
    CHECK_TEXT(unit[1].values, ", (5*n), (int)2u");
    CHECK_TEXT(unit[0].fixed, unit[1].fixed);
    CHECK_HAS(unit[0].fixed, "(x)");
    tw_program_put(&text, unit, 3, true);
    CHECK(unit[0].body == 0 && unit[1].body == 0 && unit[2].body == 2);
    CHECK(unit[0].lifted && unit[1].lifted && !unit[2].lifted);
    CHECK(count_word(text.data, "TW_ENTRY KERNEL(f)") == 2);
#define N "as_int((uint)(block[0] >> 32))"
    CHECK_HAS(text.data, "case 0: {\n        const int n = " N ";\n"
                         "        f_0(x, y, z, " N ", b[0], block[4], 7, (int)1u);");
    CHECK_HAS(text.data, "f_0(x, y, z, " N ", b[0], block[4], (5*n), (int)2u);");
    CHECK_HAS(text.data, "case 2: {\n        f_2(x, y, z, " N ", b[0], block[4]);");
    CHECK(count_word(text.data, "#define ROWS 7") == 1);
    tw_text_clear(&text);
    /* not where kernels stay kernels */
    for (int i = 0; i < 3; i++)
        CHECK(tw_unit_split(&unit[i], false, &arena) && unit[i].sizes[0] == '\0' &&
              unit[i].fixed == unit[i].macros);
    tw_arena_free(&arena);
    close_bench(b);
}

/* One text that does not build: it is named, and what is right is built without it. */
static void guilty(bool calls)
{
    bench *b = open_bench(calls);
    tw_programs programs;
    float y[ELEMENTS];
    add(b, "x[x_at + at] + 1", false, 1);
    add(b, "no_such_thing(x[x_at + at])", false, 1);
    add(b, "x[x_at + at] * 3", false, 1);
    CHECK(build(b, &programs) == TW_ERROR_BUILD);
    CHECK_HAS(b->error.text, "no_such_thing");
    CHECK(!b->guilty[0] && b->guilty[1] && !b->guilty[2]);
    b->launch[1] = b->launch[2];
    b->count = 2;
    CHECK_OK(build(b, &programs), b->error);
    run(b, &programs, 1, y);
    CHECK(y[39] == 117);
    tw_programs_free(&programs);
    close_bench(b);
}

static void guilty_called(void)
{
    guilty(true);
}

static void guilty_alone(void)
{
    guilty(false);
}

/* Memory runs out at each allocation in turn: a sentence, nothing kept, and then it works. */
static void memory_out(void)
{
    for (int k = 0;; k++) {
        bench *b = open_bench(true);
        tw_programs programs = {0};
        add(b, "x[x_at + at] + 1", false, 1);
        add(b, "x[x_at + at] * 3", false, 1);
        b->memory.fail_at = b->memory.calls + k;
        const tw_status status = build(b, &programs);
        const bool reached = b->memory.calls > b->memory.fail_at;
        b->memory.fail_at = -1;
        CHECK(status == TW_OK || status == TW_ERROR_MEMORY);
        if (status != TW_OK)
            CHECK_OK(build(b, &programs), b->error);
        tw_programs_free(&programs);
        close_bench(b);
        if (!reached)
            return;
    }
}

TESTS(T(called), T(alone), T(caller), T(uncalled), T(sizes), T(guilty_called), T(guilty_alone),
      T(memory_out))
