// SPDX-License-Identifier: Apache-2.0
// Specs, random data, arrays in memory, and what binds to what.
#include "data_help.h"

static tw_array array_of(tw_type type, void *data, int rank, int64_t a, int64_t b, int64_t c)
{
    return (tw_array){.type = type, .rank = rank, .dim = {a, b, c}, .data = data};
}

static tw_status from_arrays(fixture *f, int count, const tw_array *arrays)
{
    tw_dataset_destroy(&f->data);
    return tw_dataset_from_arrays(f->graph, count, arrays, &f->data, &f->error);
}

static void refuses_specs(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", NULL);
    CHECK_FAILS(&f, "images:%s", TW_ERROR_SYNTAX,
                "the forms are: idx:DIR:train|test, cifar10:DIR:train|test");
    CHECK(strstr(f.error.text, "images:DIR") == NULL);
    CHECK_FAILS(&f, "cvs:a.csv", TW_ERROR_SYNTAX, "do you mean csv?");
    CHECK_FAILS(&f, "", TW_ERROR_SYNTAX, "npy:X.npy,Y.npy");
    CHECK_FAILS(&f, "a-very-long-word-that-no-table-of-loaders-will-ever-hold:x", TW_ERROR_SYNTAX,
                "the forms are");
    end(&f);
}

static void refuses_graphs(void)
{
    fixture f;
    begin(&f, NULL);
    CHECK_FAILS(&f, "random", TW_ERROR_SHAPE, "no inputs");
    (void)tw_input(f.graph, "x f32[");
    CHECK(open_spec(&f, "random") != TW_OK && f.data == NULL);
    end(&f);
    begin(&f, "x f32[3,2]", NULL);
    CHECK_FAILS(&f, "random", TW_ERROR_SHAPE, "its first size must be n");
    end(&f);
}

static void makes_random_data(void)
{
    fixture f;
    begin(&f, "x f32[n,5]", "y i32[n] classes=3", "b bool[n,2]", "u u8[n]", NULL);
    CHECK_OK(open_spec(&f, "random:700"), f.error);
    const void *const *columns = whole(&f);
    const float *x = columns[0];
    const int32_t *y = columns[1];
    int seen[3] = {0};
    double sum = 0;
    bool right = tw_dataset_count(f.data) == 700;
    for (int i = 0; right && i < 3500; i++) {
        right &= x[i] >= 0 && x[i] < 1;
        sum += x[i];
    }
    for (int i = 0; right && i < 700; i++) {
        right &= y[i] >= 0 && y[i] < 3;
        seen[y[i] % 3]++;
        right &= ((const uint8_t *)columns[2])[i] <= 1;
    }
    CHECK(right);
    CHECK_NEAR(sum / 3500, 0.5, 0.03);
    CHECK(seen[0] > 150 && seen[1] > 150 && seen[2] > 150);
    const float first = x[0];
    CHECK_OK(open_spec(&f, "random:1"), f.error);
    CHECK(((const float *)whole(&f)[0])[0] == first);
    CHECK_OK(open_spec(&f, "random:1,seed=1"), f.error);
    CHECK(((const float *)whole(&f)[0])[0] != first);
    CHECK_OK(open_spec(&f, "random"), f.error);
    CHECK(tw_dataset_count(f.data) == 1024);
    end(&f);
}

static void refuses_random_data(void)
{
    fixture f;
    begin(&f, "x f32[n,5]", NULL);
    CHECK_FAILS(&f, "random:0", TW_ERROR_SYNTAX, "random:COUNT");
    CHECK_FAILS(&f, "random:many", TW_ERROR_SYNTAX, "random:COUNT");
    CHECK_FAILS(&f, "random:5,seed=x", TW_ERROR_SYNTAX, "seed=x");
    end(&f);
    begin(&f, "x i32[n,5]", NULL);
    CHECK_FAILS(&f, "random", TW_ERROR_DATA, "add classes= to it");
    end(&f);
    begin(&f, "x f32[n,t]", NULL);
    CHECK_FAILS(&f, "random", TW_ERROR_SHAPE, "need sizes in numbers, but input \"x\" is f32[n,t]");
    end(&f);
}

static void converts_types(void)
{
    static uint8_t u8[] = {0, 51, 255, 1};
    static uint16_t f16[] = {0x3c00, 0xc000, 0x3800, 0}, bf16[] = {0x3f80, 0xc000, 0x3f00, 0};
    static float f32[] = {1, -2, 0.5f, 0};
    static int32_t i32[] = {1, -2, 5, 0};
    static const float pixels[] = {0, 0.2f, 1, 1 / 255.0f};
    fixture f;
    begin(&f, "x f32[n,2]", NULL);
    CHECK_OK(from_arrays(&f, 1, (tw_array[]){array_of(TW_U8, u8, 2, 2, 2, 0)}), f.error);
    CHECK(memcmp(whole(&f)[0], pixels, sizeof pixels) == 0);
    CHECK_OK(from_arrays(&f, 1, (tw_array[]){array_of(TW_F16, f16, 2, 2, 2, 0)}), f.error);
    CHECK(memcmp(whole(&f)[0], f32, sizeof f32) == 0);
    CHECK_OK(from_arrays(&f, 1, (tw_array[]){array_of(TW_BF16, bf16, 2, 2, 2, 0)}), f.error);
    CHECK(memcmp(whole(&f)[0], f32, sizeof f32) == 0);
    CHECK_OK(from_arrays(&f, 1, (tw_array[]){array_of(TW_I32, i32, 2, 2, 2, 0)}), f.error);
    CHECK(((const float *)whole(&f)[0])[1] == -2);
    end(&f);
    begin(&f, "x f16[n,2]", "y bf16[n,2]", NULL);
    CHECK_OK(from_arrays(&f, 2,
                         (tw_array[]){array_of(TW_F32, f32, 2, 2, 2, 0),
                                      array_of(TW_F32, f32, 2, 2, 2, 0)}),
             f.error);
    CHECK(memcmp(whole(&f)[0], f16, sizeof f16) == 0 &&
          memcmp(whole(&f)[1], bf16, sizeof bf16) == 0);
    f32[1] = 70000;
    CHECK(from_arrays(&f, 2,
                      (tw_array[]){array_of(TW_F32, f32, 2, 2, 2, 0),
                                   array_of(TW_F32, f32, 2, 2, 2, 0)}) == TW_ERROR_DATA);
    CHECK_HAS(
        f.error.text,
        "column 0: row 0, element 1 of 2 (counted from 0) is 70000, which input \"x\" of type f16");
    f32[1] = -2;
    end(&f);
}

/* One u8 a sample is a label: it is not divided by 255. */
static void keeps_labels_whole(void)
{
    static uint8_t u8[] = {1, 0, 1};
    fixture f;
    begin(&f, "y f32[n,1]", NULL);
    CHECK_OK(from_arrays(&f, 1, (tw_array[]){array_of(TW_U8, u8, 1, 3, 0, 0)}), f.error);
    CHECK(((const float *)whole(&f)[0])[2] == 1);
    end(&f);
    begin(&f, "y f16[n,2]", NULL);
    CHECK_OK(from_arrays(&f, 1, (tw_array[]){array_of(TW_U8, u8, 1, 3, 0, 0)}), f.error);
    static const uint16_t hot[] = {0, 0x3c00, 0x3c00, 0, 0, 0x3c00};
    CHECK(memcmp(whole(&f)[0], hot, sizeof hot) == 0);
    end(&f);
}

static void binds_letters(void)
{
    static float data[12];
    tw_array array;
    fixture f;
    begin(&f, "x f32[n,t,2]", "y f32[n,t]", NULL);
    CHECK_OK(from_arrays(&f, 2,
                         (tw_array[]){array_of(TW_F32, data, 3, 2, 3, 2),
                                      array_of(TW_F32, data, 2, 2, 3, 0)}),
             f.error);
    tw_dataset_describe(f.data, 0, &array);
    CHECK(array.rank == 3 && array.dim[0] == 2 && array.dim[1] == 3 && array.dim[2] == 2);
    CHECK(from_arrays(&f, 2,
                      (tw_array[]){array_of(TW_F32, data, 3, 2, 3, 2),
                                   array_of(TW_F32, data, 2, 2, 4, 0)}) == TW_ERROR_SHAPE);
    CHECK_HAS(f.error.text, "column 1 f32[2,4] does not fit input \"y\" f32[n,t]");
    CHECK(from_arrays(&f, 2,
                      (tw_array[]){array_of(TW_F32, data, 2, 2, 6, 0),
                                   array_of(TW_F32, data, 2, 2, 3, 0)}) == TW_ERROR_SHAPE);
    end(&f);
}

static void refuses_arrays(void)
{
    static float data[12];
    fixture f;
    begin(&f, "x f32[n,2]", NULL);
    CHECK(from_arrays(&f, 0, NULL) == TW_ERROR_DATA);
    CHECK_HAS(f.error.text, "no columns");
    CHECK(from_arrays(&f, 1, (tw_array[]){array_of(TW_TYPE_NONE, data, 1, 3, 0, 0)}) ==
          TW_ERROR_ARGUMENT);
    CHECK(from_arrays(&f, 1, (tw_array[]){array_of(TW_F32, NULL, 1, 3, 0, 0)}) ==
          TW_ERROR_ARGUMENT);
    CHECK(from_arrays(&f, 1, (tw_array[]){array_of(TW_F32, data, 1, -3, 0, 0)}) ==
          TW_ERROR_ARGUMENT);
    CHECK(from_arrays(&f, 1, (tw_array[]){array_of(TW_F32, data, 0, 0, 0, 0)}) ==
          TW_ERROR_ARGUMENT);
    CHECK(from_arrays(&f, 1, (tw_array[]){array_of(TW_F32, data, 9, 1, 1, 1)}) ==
          TW_ERROR_ARGUMENT);
    CHECK(from_arrays(&f, 1, (tw_array[]){array_of(TW_F32, data, 2, 0, 2, 0)}) == TW_ERROR_DATA);
    CHECK_HAS(f.error.text, "no samples");
    CHECK(f.data == NULL);
    end(&f);
}

static void drops_spare_columns(void)
{
    static float data[12];
    fixture f;
    begin(&f, "x f32[n,2]", NULL);
    CHECK_OK(from_arrays(&f, 2,
                         (tw_array[]){array_of(TW_F32, data, 2, 6, 2, 0),
                                      array_of(TW_F32, NULL, 1, 99, 0, 0)}),
             f.error);
    CHECK(tw_dataset_count(f.data) == 6);
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y i32[n] classes=3", NULL);
    fail_memory_in_turn(&f, "random:5,seed=2");
    end(&f);
}

TESTS(T(refuses_specs), T(refuses_graphs), T(makes_random_data), T(refuses_random_data),
      T(converts_types), T(keeps_labels_whole), T(binds_letters), T(refuses_arrays),
      T(drops_spare_columns), T(survives_missing_memory))
