// SPDX-License-Identifier: Apache-2.0
// Epochs: batches in order and shuffled, the partial last one, splits, and a thread that can be
// stopped anywhere.
#include "data_help.h"

#define SAMPLES 1003

static float values[SAMPLES][3];
static int32_t labels[SAMPLES];

/* Sample i is {i, i + 0.25, i + 0.5} with label i. */
static void begin_samples(fixture *f)
{
    begin(f, "x f32[n,3]", "y i32[n] classes=1003", NULL);
    for (int i = 0; i < SAMPLES; i++) {
        for (int k = 0; k < 3; k++)
            values[i][k] = (float)i + (float)k * 0.25f;
        labels[i] = i;
    }
    const tw_array arrays[] = {{.type = TW_F32, .rank = 2, .dim = {SAMPLES, 3}, .data = values},
                               {.type = TW_I32, .rank = 1, .dim = {SAMPLES}, .data = labels}};
    CHECK_OK(tw_dataset_from_arrays(f->graph, 2, arrays, &f->data, &f->error), f->error);
}

/* Runs an epoch; seen[i] is the label of sample i of the epoch. Returns how many samples came. */
static int run_epoch(fixture *f, tw_dataset *data, int64_t batch, bool shuffle, uint64_t seed,
                     int64_t epoch, int32_t *seen)
{
    int64_t n, total = 0;
    const void *const *columns;
    bool right = true;
    CHECK_OK(tw_dataset_start(data, batch, shuffle, seed, epoch, &f->error), f->error);
    for (;;) {
        CHECK_OK(tw_dataset_next(data, &n, &columns, &f->error), f->error);
        if (n == 0)
            break;
        const int64_t left = tw_dataset_count(data) - total;
        right &= n == (left < batch ? left : batch);
        right &= (uintptr_t)columns[0] % 64 == 0;
        for (int64_t i = 0; i < n; i++) {
            seen[total + i] = ((const int32_t *)columns[1])[i];
            for (int k = 0; k < 3; k++)
                right &= ((const float *)columns[0])[3 * i + k] ==
                         (float)seen[total + i] + (float)k * 0.25f;
        }
        total += n;
    }
    CHECK(right);
    CHECK_OK(tw_dataset_next(data, &n, &columns, &f->error), f->error);
    CHECK(n == 0);
    return (int)total;
}

static void gives_batches_in_order(void)
{
    static const int64_t batches[] = {1, 2, 100, 501, 1002, 1003, 5000};
    static int32_t seen[SAMPLES];
    fixture f;
    begin_samples(&f);
    for (int i = 0; i < 7; i++) {
        CHECK(run_epoch(&f, f.data, batches[i], false, 0, 0, seen) == SAMPLES);
        CHECK(memcmp(seen, labels, sizeof labels) == 0);
    }
    end(&f);
}

static void shuffles_by_seed_and_epoch(void)
{
    static int32_t first[SAMPLES], second[SAMPLES];
    static bool met[SAMPLES];
    fixture f;
    begin_samples(&f);
    CHECK(run_epoch(&f, f.data, 100, true, 7, 3, first) == SAMPLES);
    CHECK(memcmp(first, labels, sizeof labels) != 0);
    for (int i = 0; i < SAMPLES; i++)
        met[first[i]] = true;
    for (int i = 0; i < SAMPLES; i++)
        CHECK(met[i]);
    CHECK(run_epoch(&f, f.data, 64, true, 7, 3, second) == SAMPLES);
    CHECK(memcmp(first, second, sizeof first) == 0); /* whatever the batch */
    CHECK(run_epoch(&f, f.data, 100, true, 7, 4, second) == SAMPLES);
    CHECK(memcmp(first, second, sizeof first) != 0);
    CHECK(run_epoch(&f, f.data, 100, true, 8, 3, second) == SAMPLES);
    CHECK(memcmp(first, second, sizeof first) != 0);
    end(&f);
}

static void splits(void)
{
    static int32_t seen[SAMPLES];
    fixture f;
    tw_dataset *rest = NULL, *more = NULL;
    begin_samples(&f);
    CHECK_OK(tw_dataset_start(f.data, 10, true, 0, 0, &f.error), f.error);
    CHECK_OK(tw_dataset_split(f.data, 0.2, &rest, &f.error), f.error);
    CHECK(tw_dataset_count(f.data) == 802 && tw_dataset_count(rest) == 201);
    CHECK(run_epoch(&f, f.data, 100, false, 0, 0, seen) == 802 && seen[0] == 0 && seen[801] == 801);
    CHECK(run_epoch(&f, rest, 100, false, 0, 0, seen) == 201 && seen[0] == 802 &&
          seen[200] == 1002);
    CHECK(run_epoch(&f, rest, 100, true, 0, 0, seen) == 201);
    for (int i = 0; i < 201; i++)
        CHECK(seen[i] >= 802);
    CHECK_OK(tw_dataset_split(rest, 0.5, &more, &f.error), f.error);
    CHECK(tw_dataset_count(rest) == 100 && tw_dataset_count(more) == 101);
    tw_dataset_destroy(&f.data); /* the others keep the storage */
    CHECK(run_epoch(&f, more, 7, false, 0, 0, seen) == 101 && seen[0] == 902);
    tw_dataset_destroy(&rest);
    CHECK(run_epoch(&f, more, 7, true, 0, 0, seen) == 101);
    tw_dataset_destroy(&more);
    end(&f);
}

static void refuses_splits(void)
{
    static const double fractions[] = {-0.1, 1.1, 0, 1, NAN, 0.0};
    fixture f;
    tw_dataset *rest = NULL;
    begin_samples(&f);
    for (int i = 0; i < 6; i++) {
        CHECK(tw_dataset_split(f.data, fractions[i], &rest, &f.error) == TW_ERROR_ARGUMENT);
        CHECK_HAS(f.error.text, "a split of");
    }
    CHECK(rest == NULL && tw_dataset_count(f.data) == SAMPLES);
    end(&f);
}

static void refuses_misuse(void)
{
    fixture f;
    int64_t n;
    const void *const *columns;
    begin_samples(&f);
    CHECK(tw_dataset_next(f.data, &n, &columns, &f.error) == TW_ERROR_ARGUMENT);
    CHECK_HAS(f.error.text, "tw_dataset_start");
    CHECK(tw_dataset_start(f.data, 0, false, 0, 0, &f.error) == TW_ERROR_ARGUMENT);
    CHECK_HAS(f.error.text, "at least 1");
    CHECK(tw_dataset_start(f.data, -5, false, 0, 0, NULL) == TW_ERROR_ARGUMENT);
    tw_dataset_destroy(NULL);
    end(&f);
}

/* Stopped after 0, 1, 2, ... batches: by a new epoch, and by destroying. */
static void stops_midway(void)
{
    fixture f;
    begin_samples(&f);
    for (int taken = 0; taken < 30; taken++) {
        CHECK_OK(tw_dataset_start(f.data, 20, taken % 2, 1, taken, &f.error), f.error);
        for (int i = 0; i < taken; i++) {
            int64_t n = 0;
            const void *const *columns;
            CHECK_OK(tw_dataset_next(f.data, &n, &columns, &f.error), f.error);
            CHECK(n == 20);
        }
    }
    end(&f);
    for (int taken = 0; taken < 6; taken++) {
        begin_samples(&f);
        CHECK_OK(tw_dataset_start(f.data, 20, true, 1, 0, &f.error), f.error);
        for (int i = 0; i < taken; i++) {
            int64_t n = 0;
            const void *const *columns;
            CHECK_OK(tw_dataset_next(f.data, &n, &columns, &f.error), f.error);
        }
        end(&f);
    }
}

/* The caller's arrays may change between epochs: labels are checked again, since kernels index by
 * them. */
static void reports_what_the_thread_finds(void)
{
    fixture f;
    int64_t n = 0;
    const void *const *columns;
    begin_samples(&f);
    labels[25] = 5000;
    CHECK_OK(tw_dataset_start(f.data, 10, false, 0, 0, &f.error), f.error);
    for (int i = 0; i < 2; i++)
        CHECK_OK(tw_dataset_next(f.data, &n, &columns, &f.error), f.error);
    n = 77;
    for (int i = 0; i < 3; i++) {
        CHECK(tw_dataset_next(f.data, &n, &columns, &f.error) == TW_ERROR_DATA);
        CHECK_HAS(f.error.text, "column 1: row 25 (counted from 0) holds the label 5000");
        CHECK(n == 77);
    }
    CHECK(tw_dataset_next(f.data, &n, &columns, NULL) == TW_ERROR_DATA);
    labels[25] = 25;
    static int32_t seen[SAMPLES];
    CHECK(run_epoch(&f, f.data, 10, false, 0, 0, seen) == SAMPLES);
    end(&f);
}

TESTS(T(gives_batches_in_order), T(shuffles_by_seed_and_epoch), T(splits), T(refuses_splits),
      T(refuses_misuse), T(stops_midway), T(reports_what_the_thread_finds))
