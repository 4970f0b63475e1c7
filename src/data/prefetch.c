// SPDX-License-Identifier: Apache-2.0
// An epoch: a thread converts batches into a ring of slots, ahead of the one who takes them.
#include "data/dataset.h"

#include "base/hash.h"
#include "base/random.h"

#include <pthread.h>
#include <signal.h>

#define SLOTS 3      /* one is being used, one is ready, one is being filled */
#define ALIGNMENT 64 /* of a batch: a cache line, and what zero-copy uploads ask for */

typedef struct slot {
    int64_t n;
    tw_status status;
    tw_error error;
    void **memory;        /* one an input: as allocated, */
    const void **columns; /* and aligned; NULL for an input that gets nothing */
} slot;

struct tw_prefetch {
    const tw_storage *storage;
    int64_t first, count, batch, n_batches;
    const int64_t *rows; /* the data set's, or NULL */
    bool shuffle;
    tw_random random;
    int64_t *order; /* of a shuffled epoch: rows, from first on */
    slot slots[SLOTS];
    bool has_mutex, has_filled, has_freed, has_thread;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t filled, freed;
    int64_t produced,
        consumed; /* batches: number produced lies in slot produced % SLOTS until consumed */
    bool held;    /* the taker still uses batch number `consumed` */
    bool stop;
};

static void fill(tw_prefetch *p, slot *s, int64_t number)
{
    const int64_t begin = number * p->batch, *order = p->shuffle ? p->order : p->rows;
    s->n = TW_MIN(p->batch, p->count - begin);
    s->status = TW_OK;
    for (int i = 0; i < p->storage->n_inputs && s->status == TW_OK; i++) {
        const tw_binding *binding = &p->storage->bindings[i];
        if (binding->column)
            s->status =
                tw_convert(binding, order ? p->first : p->first + begin,
                           order ? order + begin : NULL, s->n, (void *)s->columns[i], &s->error);
    }
}

/* Waits for a free slot; false: stop. */
static bool wait_free(tw_prefetch *p)
{
    pthread_mutex_lock(&p->mutex);
    while (!p->stop && p->produced - p->consumed == SLOTS)
        pthread_cond_wait(&p->freed, &p->mutex);
    const bool stop = p->stop;
    pthread_mutex_unlock(&p->mutex);
    return !stop;
}

static void *run(void *user)
{
    tw_prefetch *p = user;
    if (p->shuffle)
        tw_random_permutation(&p->random, p->count, p->order);
    for (int64_t i = 0; p->shuffle && p->rows && i < p->count; i++)
        p->order[i] = p->rows[p->order[i]];
    for (int64_t number = 0; number < p->n_batches && wait_free(p); number++) {
        slot *s = &p->slots[number % SLOTS];
        fill(p, s, number);
        pthread_mutex_lock(&p->mutex);
        p->produced++;
        pthread_cond_signal(&p->filled);
        pthread_mutex_unlock(&p->mutex);
        if (s->status != TW_OK)
            break;
    }
    return NULL;
}

void tw_prefetch_destroy(tw_prefetch **prefetch)
{
    tw_prefetch *p = *prefetch;
    if (!p)
        return;
    if (p->has_thread) {
        pthread_mutex_lock(&p->mutex);
        p->stop = true;
        pthread_cond_signal(&p->freed);
        pthread_mutex_unlock(&p->mutex);
        pthread_join(p->thread, NULL);
    }
    if (p->has_freed)
        pthread_cond_destroy(&p->freed);
    if (p->has_filled)
        pthread_cond_destroy(&p->filled);
    if (p->has_mutex)
        pthread_mutex_destroy(&p->mutex);
    tw_context *context = p->storage->context;
    for (int i = 0; i < SLOTS; i++) {
        for (int k = 0; p->slots[i].memory && k < p->storage->n_inputs; k++)
            tw_free(context, p->slots[i].memory[k]);
        tw_free(context, p->slots[i].memory);
        tw_free(context, p->slots[i].columns);
    }
    tw_free(context, p->order);
    tw_free(context, p);
    *prefetch = NULL;
}

static bool make_buffer(tw_prefetch *p, slot *s, int input)
{
    const tw_binding *binding = &p->storage->bindings[input];
    const uint64_t row = (uint64_t)binding->width * tw_type_size(binding->type);
    if (!binding->column)
        return true;
    if (row > (PTRDIFF_MAX - ALIGNMENT) / (uint64_t)p->batch)
        return false;
    s->memory[input] =
        tw_alloc(p->storage->context, (size_t)(row * (uint64_t)p->batch) + ALIGNMENT);
    const uintptr_t address = (uintptr_t)s->memory[input];
    s->columns[input] = (char *)s->memory[input] + (ALIGNMENT - address % ALIGNMENT) % ALIGNMENT;
    return s->memory[input] != NULL;
}

static bool make_slots(tw_prefetch *p)
{
    tw_context *context = p->storage->context;
    const size_t n_inputs = (size_t)p->storage->n_inputs;
    for (int i = 0; i < SLOTS; i++) {
        slot *s = &p->slots[i];
        s->memory = tw_calloc(context, n_inputs, sizeof *s->memory);
        s->columns = tw_calloc(context, n_inputs, sizeof *s->columns);
        if (!s->memory || !s->columns)
            return false;
        for (int k = 0; k < p->storage->n_inputs; k++)
            if (!make_buffer(p, s, k))
                return false;
    }
    p->order = p->shuffle ? tw_calloc(context, (size_t)p->count, sizeof *p->order) : NULL;
    return p->order || !p->shuffle;
}

/* Signals are for the program's own threads. */
static bool make_thread(tw_prefetch *p)
{
    p->has_mutex = pthread_mutex_init(&p->mutex, NULL) == 0;
    p->has_filled = pthread_cond_init(&p->filled, NULL) == 0;
    p->has_freed = pthread_cond_init(&p->freed, NULL) == 0;
    if (!p->has_mutex || !p->has_filled || !p->has_freed)
        return false;
    sigset_t all, old;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &old) != 0)
        return false;
    p->has_thread = pthread_create(&p->thread, NULL, run, p) == 0;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return p->has_thread;
}

tw_status tw_dataset_start(tw_dataset *dataset, int64_t batch, bool shuffle, uint64_t seed,
                           int64_t epoch, tw_error *error)
{
    if (batch < 1)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a batch of %lld samples: it must be at least 1",
                       (long long)batch);
    tw_prefetch *p = tw_calloc(dataset->storage->context, 1, sizeof *p);
    if (!p)
        return tw_fail_memory(error);
    p->storage = dataset->storage;
    p->first = dataset->first;
    p->count = dataset->count;
    p->rows = dataset->rows;
    p->batch = TW_MIN(batch, p->count);
    p->n_batches = (p->count - 1) / p->batch + 1;
    p->shuffle = shuffle;
    p->random = (tw_random){.seed = seed, .name = tw_hash_text("shuffle"), .step = (uint32_t)epoch};
    tw_status status = TW_OK;
    if (!make_slots(p))
        status = tw_fail_memory(error);
    else if (!make_thread(p))
        status = tw_fail(error, TW_ERROR_MEMORY, "the system starts no thread for reading data");
    if (status != TW_OK) {
        tw_prefetch_destroy(&p);
        return status;
    }
    tw_prefetch_destroy(&dataset->prefetch);
    dataset->prefetch = p;
    return TW_OK;
}

/* Gives the last batch back and waits for the next; NULL at the end of the epoch. */
static slot *take(tw_prefetch *p)
{
    pthread_mutex_lock(&p->mutex);
    if (p->held) {
        p->held = false;
        p->consumed++;
        pthread_cond_signal(&p->freed);
    }
    slot *s = NULL;
    if (p->consumed < p->n_batches) {
        while (p->produced == p->consumed)
            pthread_cond_wait(&p->filled, &p->mutex);
        s = &p->slots[p->consumed % SLOTS];
        p->held = s->status == TW_OK; /* a failed batch stays: each call reports it */
    }
    pthread_mutex_unlock(&p->mutex);
    return s;
}

tw_status tw_dataset_next(tw_dataset *dataset, int64_t *n, const void *const **columns,
                          tw_error *error)
{
    if (!dataset->prefetch)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "no epoch of the data was started: call tw_dataset_start");
    const slot *s = take(dataset->prefetch);
    if (s && s->status != TW_OK) {
        if (error)
            *error = s->error;
        return s->status;
    }
    *n = s ? s->n : 0;
    *columns = s ? s->columns : NULL;
    return TW_OK;
}
