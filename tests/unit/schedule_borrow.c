// SPDX-License-Identifier: Apache-2.0
// Inputs that are borrowed: operators give the same to the bit from the caller's array as from a
// copy of it, write nothing there, and read nothing before or behind it: it lies between two pages
// that may not be touched.
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "unit/schedule.h"
#include <sys/mman.h>
#include <unistd.h>

/* An array that ends, or begins, at a page that may not be touched. */
typedef struct fenced {
    char *map;
    size_t mapped, page;
    void *data;
} fenced;

static fenced fence(const void *from, size_t bytes, bool at_end)
{
    fenced f = {.page = (size_t)sysconf(_SC_PAGESIZE)};
    const size_t room = (bytes + f.page - 1) / f.page * f.page;
    f.mapped = room + 2 * f.page;
    f.map = mmap(NULL, f.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(f.map != MAP_FAILED);
    f.data = f.map + f.page + (at_end ? room - bytes : 0);
    memcpy(f.data, from, bytes);
    CHECK(mprotect(f.map, f.page, PROT_NONE) == 0);
    CHECK(mprotect(f.map + f.mapped - f.page, f.page, PROT_NONE) == 0);
    return f;
}

static void unfence(fenced *f)
{
    CHECK(munmap(f->map, f->mapped) == 0);
}

typedef struct bench {
    setup on;
    tw_plan *plan[2];           /* one that copies, one that borrows */
    size_t in_bytes, out_bytes; /* a row of the batch */
    tw_type type;
} bench;

static void open_bench(bench *b, const char *model, int64_t batch)
{
    static const char *const output[] = {"y"};
    *b = (bench){0};
    open_setup(&b->on, "", NULL, model, 5);
    for (int i = 0; i < 2; i++) {
        const tw_plan_options options = {.batch = batch, .borrow_inputs = i == 1, .no_proof = true};
        CHECK_OK(tw_plan_create(b->on.params, 1, output, &options, &b->plan[i], &b->on.error),
                 b->on.error);
    }
    tw_array array;
    tw_plan_input(b->plan[0], 0, &array);
    b->type = array.type;
    b->in_bytes = (size_t)(tw_array_count(&array) / batch) * tw_type_size(array.type);
    tw_plan_output(b->plan[0], 0, &array);
    b->out_bytes = (size_t)(tw_array_count(&array) / batch) * tw_type_size(array.type);
}

static void close_bench(bench *b)
{
    tw_plan_destroy(&b->plan[0]);
    tw_plan_destroy(&b->plan[1]);
    close_setup(&b->on);
}

static void *numbers(const bench *b, int64_t n)
{
    const size_t count = (size_t)n * b->in_bytes / 4;
    float *x = malloc(count * 4);
    for (size_t i = 0; i < count; i++)
        if (b->type == TW_I32)
            ((int32_t *)(void *)x)[i] = (int32_t)(i % 7);
        else
            x[i] = (float)((i * 7919) % 1009) / 500 - 1;
    return x;
}

/* A batch of n through both plans, the borrowed array twice at once, at both fences. */
static void compare(bench *b, int64_t n)
{
    const size_t bytes = (size_t)n * b->in_bytes, result = (size_t)n * b->out_bytes;
    void *x = numbers(b, n), *y[3];
    fenced f[2] = {fence(x, bytes, false), fence(x, bytes, true)};
    for (int i = 0; i < 3; i++)
        y[i] = malloc(result);
    CHECK_OK(
        tw_plan_run(b->plan[0], n, (const void *[]){f[0].data}, (void *[]){y[2]}, &b->on.error),
        b->on.error);
    CHECK_OK(tw_plan_enqueue(b->plan[0], n, (const void *[]){x}, (void *[]){y[0]}, &b->on.error),
             b->on.error);
    CHECK_OK(tw_plan_wait(b->plan[0], &b->on.error), b->on.error);
    CHECK(memcmp(y[0], y[2], result) == 0);
    for (int i = 0; i < 2; i++)
        CHECK_OK(tw_plan_enqueue(b->plan[1], n, (const void *[]){f[i].data}, (void *[]){y[1 + i]},
                                 &b->on.error),
                 b->on.error);
    CHECK_OK(tw_plan_wait(b->plan[1], &b->on.error), b->on.error);
    for (int i = 0; i < 2; i++) {
        CHECK(memcmp(y[0], y[1 + i], result) == 0);
        CHECK(memcmp(x, f[i].data, bytes) == 0);
        unfence(&f[i]);
    }
    for (int i = 0; i < 3; i++)
        free(y[i]);
    free(x);
}

/* Batches of 4 k rows: what comes behind them begins at 16 bytes. */
static void check(const char *model, int64_t batch)
{
    bench b;
    char text[400];
    snprintf(text, sizeof text, "thalweg 1\n%s\n", model);
    open_bench(&b, text, batch);
    CHECK((size_t)batch * b.in_bytes >= 65536);
    compare(&b, batch);
    compare(&b, batch - 4);
    close_bench(&b);
}

static void products(void)
{
    check("x = input f32[n,301]\ny = dense(x) units=13", 64);
    check("x = input f32[n,64]\ny = dense(x) units=80 act=sigmoid", 512);
    check("x = input f32[n,33,17]\ny = dense(x) units=1", 36);
    check("x = input f32[n,17,33]\ny = matmul(x, x) transpose_b=yes", 36);
}

static void convolutions(void)
{
    check("x = input f32[n,29,31,1]\ny = conv2d(x) filters=5 kernel=3 act=relu", 24);
    check("x = input f32[n,32,30,3]\ny = conv2d(x) filters=32 kernel=3 padding=same", 12);
    check("x = input f32[n,21,19,3]\ny = conv2d(x) filters=7 kernel=5 stride=2", 24);
    check("x = input f32[n,15,14,32]\ny = conv2d(x) filters=16 kernel=3 padding=same", 8);
    check("x = input f32[n,15,14,18]\ny = conv2d(x) filters=17 kernel=1", 8);
    check("x = input f32[n,15,14,20]\ny = conv2d(x) filters=20 groups=20 kernel=3 padding=same", 8);
    check("x = input f32[n,13,14,64]\ny = conv2d(x) filters=3 kernel=5", 8);
    check("x = input f32[n,120,9]\ny = conv1d(x) filters=11 kernel=5", 24);
}

static void rows(void)
{
    check("x = input f32[n,1003]\ny = softmax(x)", 20);
    check("x = input f32[n,40,11]\ny = softmax(x)", 60);
    check("x = input f32[n,40,11]\ny = layer_norm(x)", 60);
    check("x = input f32[n,43,19]\ny = reduce_sum(x) axes=1", 60);
    check("x = input f32[n,43,19]\ny = reduce_max(x) axes=2", 60);
    check("x = input f32[n,43,19]\ny = transpose(x) perm=0,2,1", 60);
    check("x = input f32[n,817]\ny = gelu(x)", 24);
    check("x = input f32[n,27,25,7]\ny = maxpool2d(x) size=2", 16);
    check("x = input f32[n,27,25,7]\ny = avgpool2d(x) size=3 stride=2", 16);
    check("x = input f32[n,43,19]\ny = cumsum(x) axis=1", 60);
}

static void sequences(void)
{
    check("x = input i32[n,1025]\ny = embedding(x) vocabulary=7 width=5", 20);
    check("x = input f32[n,28,27]\ny = lstm(x) units=20", 32);
    check("x = input f32[n,31,24]\ny = multi_head_attention(x) heads=3 key_dim=8", 28);
}

/* The result comes where the input lies, or a row behind that. */
static void in_place(void)
{
    enum { BATCH = 256, WIDTH = 96, COUNT = BATCH * WIDTH };
    bench b;
    float *y = malloc(COUNT * sizeof *y), *both = malloc((COUNT + WIDTH) * sizeof *both);
    open_bench(&b, "thalweg 1\nx = input f32[n,96]\ny = dense(x) units=96\n", BATCH);
    float *x = numbers(&b, BATCH);
    CHECK_OK(tw_plan_run(b.plan[0], BATCH, (const void *[]){x}, (void *[]){y}, &b.on.error),
             b.on.error);
    for (int shift = 0; shift <= WIDTH; shift += WIDTH) {
        memcpy(both, x, COUNT * sizeof *x);
        CHECK_OK(tw_plan_run(b.plan[0], BATCH, (const void *[]){both}, (void *[]){both + shift},
                             &b.on.error),
                 b.on.error);
        CHECK(memcmp(both + shift, y, COUNT * sizeof *y) == 0);
    }
    close_bench(&b);
    free(x);
    free(y);
    free(both);
}

TESTS(T(in_place), T(products), T(convolutions), T(rows), T(sequences))
