// SPDX-License-Identifier: Apache-2.0
// NPY: versions, types, byte orders, Fortran order, and every way in which a file can be wrong.
#include "data_help.h"

/* Writes a file of that version with a header text and data. */
static void put_npy(fixture *f, const char *name, int version, const char *text, const void *data,
                    size_t size)
{
    unsigned char file[2000] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    const size_t length = strlen(text);
    size_t n = 6;
    file[n++] = (unsigned char)version;
    file[n++] = 0;
    file[n++] = (unsigned char)length;
    file[n++] = (unsigned char)(length >> 8);
    if (version > 1)
        n += 2;
    memcpy(file + n, text, length);
    memcpy(file + n + length, data, size);
    put(f, name, file, n + length + size);
}

static const float six[] = {0, 1, 2, 3, 4, 5};
static const unsigned char two_labels[] = {1, 0};

static void put_xy(fixture *f)
{
    put_npy(f, "x.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }       \n",
            six, sizeof six);
    put_npy(f, "y.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n",
            two_labels, 2);
}

static void reads_versions(void)
{
    for (int version = 1; version <= 3; version++) {
        fixture f;
        begin(&f, "x f32[n,3]", NULL);
        put_npy(&f, "x.npy", version, "{\"shape\": (2L, 3), 'fortran_order':False,'descr':'<f4'}\n",
                six, sizeof six);
        CHECK_OK(open_spec(&f, "npy:%s/x.npy"), f.error);
        CHECK(memcmp(whole(&f)[0], six, sizeof six) == 0);
        end(&f);
    }
}

static void reads_types(void)
{
    static const struct {
        const char *descr;
        int size;
        unsigned char bytes[16];
    } types[] = {{"<f4", 4, {0, 0, 0, 0x40, 0, 0, 0xe0, 0x40}},
                 {">f4", 4, {0x40, 0, 0, 0, 0x40, 0xe0, 0, 0}},
                 {"<f8", 8, {0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0x1c, 0x40}},
                 {">f8", 8, {0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x1c, 0, 0, 0, 0, 0, 0}},
                 {"<f2", 2, {0, 0x40, 0, 0x47}},
                 {">f2", 2, {0x40, 0, 0x47, 0}},
                 {"|i1", 1, {2, 7}},
                 {"<i2", 2, {2, 0, 7, 0}},
                 {">i2", 2, {0, 2, 0, 7}},
                 {"<i4", 4, {2, 0, 0, 0, 7, 0, 0, 0}},
                 {">i4", 4, {0, 0, 0, 2, 0, 0, 0, 7}},
                 {"<i8", 8, {2, 0, 0, 0, 0, 0, 0, 0, 7}},
                 {">i8", 8, {0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7}},
                 {"|u1", 1, {2, 7}},
                 {"<u2", 2, {2, 0, 7, 0}},
                 {"<u4", 4, {2, 0, 0, 0, 7, 0, 0, 0}},
                 {">u8", 8, {0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7}}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        fixture f;
        char text[100];
        begin(&f, "x i32[n]", NULL);
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (2,)}\n",
                 types[i].descr);
        put_npy(&f, "x.npy", 1, text, types[i].bytes, 2 * (size_t)types[i].size);
        CHECK_OK(open_spec(&f, "npy:%s/x.npy"), f.error);
        const int32_t *x = whole(&f)[0];
        CHECK(x[0] == 2 && x[1] == 7);
        end(&f);
    }
}

static void reads_bool(void)
{
    fixture f;
    begin(&f, "x bool[n]", NULL);
    put_npy(&f, "x.npy", 1, "{'descr': '|b1', 'fortran_order': False, 'shape': (2,)}\n", two_labels,
            2);
    CHECK_OK(open_spec(&f, "npy:%s/x.npy"), f.error);
    const uint8_t *x = whole(&f)[0];
    CHECK(x[0] == 1 && x[1] == 0);
    end(&f);
}

static void reads_fortran_order(void)
{
    fixture f;
    float data[24], want[24];
    begin(&f, "x f32[n,3,4]", NULL);
    for (int i = 0, at = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 4; k++, at++) {
                want[at] = (float)at;
                data[i + 2 * j + 6 * k] = (float)at;
            }
    put_npy(&f, "x.npy", 2, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }\n", data,
            sizeof data);
    CHECK_OK(open_spec(&f, "npy:%s/x.npy"), f.error);
    CHECK(memcmp(whole(&f)[0], want, sizeof want) == 0);
    end(&f);
}

/* More than one chunk: 3 columns of 20000 rows. */
static void reads_large_fortran_order(void)
{
    static float data[60000];
    static const char start[] = "\x93NUMPY\x01\x00\x46\x00"
                                "{'descr': '<f4', 'fortran_order': True, 'shape': (20000, 3), }"
                                "       \n";
    fixture f;
    begin(&f, "x f32[n,3]", NULL);
    for (int i = 0; i < 60000; i++)
        data[i] = (float)i;
    FILE *file = fopen(at(&f, "x.npy"), "wb");
    CHECK(fwrite(start, 1, sizeof start - 1, file) == 80);
    CHECK(fwrite(data, 1, sizeof data, file) == sizeof data);
    fclose(file);
    CHECK_OK(open_spec(&f, "npy:%s/x.npy"), f.error);
    const float *x = f.data ? whole(&f)[0] : data;
    bool right = true;
    for (int i = 0; i < 60000; i++)
        right &= x[i] == data[i % 3 * 20000 + i / 3];
    CHECK(right);
    end(&f);
}

static void reads_two_files(void)
{
    fixture f;
    begin(&f, "x f32[n,3,1]", "y i32[n] classes=2", NULL);
    put_xy(&f);
    CHECK_OK(open_spec(&f, "npy:%s/x.npy,%s/y.npy"), f.error);
    const void *const *columns = whole(&f);
    CHECK(memcmp(columns[0], six, sizeof six) == 0);
    CHECK(((const int32_t *)columns[1])[0] == 1 && ((const int32_t *)columns[1])[1] == 0);
    end(&f);
}

static void drops_spare_files(void)
{
    fixture f;
    begin(&f, "x f32[n,3]", NULL);
    put_xy(&f);
    CHECK_OK(open_spec(&f, "npy:%s/x.npy,%s/none.npy"), f.error);
    end(&f);
}

static void opens_for_some_inputs(void)
{
    fixture f;
    tw_array array;
    begin(&f, "x f32[n,3]", "y i32[n] classes=2", NULL);
    put_xy(&f);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_SHAPE,
                "input \"y\" i32[n] has no data: it is input number 2, and the data have 1 column");
    CHECK_HAS(f.error.text, "npy:X.npy,Y.npy");
    char spec[200];
    snprintf(spec, sizeof spec, "npy:%s/x.npy", f.folder);
    CHECK_OK(
        tw_dataset_open_for(f.graph, spec,
                            &(tw_dataset_options){.n_outputs = 1, .outputs = (const char *[]){"x"}},
                            &f.data, &f.error),
        f.error);
    const void *const *columns = whole(&f);
    CHECK(memcmp(columns[0], six, sizeof six) == 0 && columns[1] == NULL);
    tw_dataset_describe(f.data, 0, &array);
    CHECK(array.type == TW_F32 && array.rank == 2 && array.dim[0] == 2 && array.dim[1] == 3);
    tw_dataset_describe(f.data, 1, &array);
    CHECK(array.type == TW_TYPE_NONE && array.rank == 0);
    tw_dataset_destroy(&f.data);
    CHECK(
        tw_dataset_open_for(f.graph, spec,
                            &(tw_dataset_options){.n_outputs = 1, .outputs = (const char *[]){"z"}},
                            &f.data, &f.error) == TW_ERROR_NAME);
    CHECK_HAS(f.error.text, "no node \"z\"");
    end(&f);
}

static void names_bad_values(void)
{
    fixture f;
    float values[] = {0, 1, 2, 3, NAN, 5};
    begin(&f, "x f32[n,3]", "y i32[n] classes=2", NULL);
    put_xy(&f);
    const char *text = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
    put_npy(&f, "x.npy", 1, text, values, sizeof values);
    CHECK_FAILS(&f, "npy:%s/x.npy,%s/y.npy", TW_ERROR_DATA,
                "x.npy': row 1, element 1 of 3 (counted from 0) is NaN");
    values[4] = -INFINITY;
    put_npy(&f, "x.npy", 1, text, values, sizeof values);
    CHECK_FAILS(&f, "npy:%s/x.npy,%s/y.npy", TW_ERROR_DATA, "is infinite");
    put_xy(&f);
    const int64_t labels[] = {1, 5000000000};
    text = "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }\n";
    put_npy(&f, "y.npy", 1, text, labels, sizeof labels);
    CHECK_FAILS(&f, "npy:%s/x.npy,%s/y.npy", TW_ERROR_DATA,
                "row 1 (counted from 0) holds the label 5000000000");
    const int64_t negative[] = {-1, 0};
    put_npy(&f, "y.npy", 1, text, negative, sizeof negative);
    CHECK_FAILS(&f, "npy:%s/x.npy,%s/y.npy", TW_ERROR_DATA, "holds the label -1");
    const double half[] = {0, 0.5};
    put_npy(&f, "y.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", half,
            sizeof half);
    CHECK_FAILS(&f, "npy:%s/x.npy,%s/y.npy", TW_ERROR_DATA, "is 0.5, which is not whole");
    end(&f);
}

static void bounds_numbers_by_type(void)
{
    fixture f;
    const double large[] = {1, 1e39};
    const int64_t whole_numbers[] = {1, 3000000000};
    begin(&f, "x f32[n]", NULL);
    put_npy(&f, "x.npy", 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }\n", large,
            16);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_DATA,
                "is 1e+39, which input \"x\" of type f32 does not hold");
    end(&f);
    begin(&f, "x i32[n]", NULL);
    put_npy(&f, "x.npy", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }\n",
            whole_numbers, 16);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_DATA, "is 3000000000, which input \"x\" of type i32");
    end(&f);
    begin(&f, "x bool[n]", NULL);
    put_npy(&f, "x.npy", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n", "\1\2",
            2);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_DATA, "is 2, which input \"x\" of type bool");
    end(&f);
}

static void refuses_headers(void)
{
    static const struct {
        const char *text, *want;
        tw_status status;
    } bad[] = {
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }\n", "negative size",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 30), }\n", "announces 240 bytes",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n", "goes on after",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999, 9999999999), }\n",
         "multiply to more than memory", TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }\n",
         "no tuple of integers", TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", "a single number",
         TW_ERROR_SHAPE},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3), }\n", "goes on after",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6), }\n",
         "more than 8 sizes", TW_ERROR_FORMAT},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }\n", "type '<c8'",
         TW_ERROR_UNSUPPORTED},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }\n", "type '|O'",
         TW_ERROR_UNSUPPORTED},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }\n", "several fields",
         TW_ERROR_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (3,), }\n", "neither True nor False",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': 3, }\n", "no tuple", TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 4), }\n", "no tuple",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, }\n", "lacks descr", TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'more': 1}\n", "none of descr",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)", "no dict", TW_ERROR_FORMAT},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} x", "goes on after them",
         TW_ERROR_FORMAT},
        {"{'descr': '<f4, 'fortran_order': False}", "", TW_ERROR_UNSUPPORTED},
        {"{'descr': 'f", "no type", TW_ERROR_FORMAT},
        {"[1, 2]\n", "no dict", TW_ERROR_FORMAT},
        {"", "no dict", TW_ERROR_FORMAT},
    };
    fixture f;
    begin(&f, "x f32[n,3]", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_npy(&f, "x.npy", 1, bad[i].text, six, sizeof six);
        CHECK_FAILS(&f, "npy:%s/x.npy", bad[i].status, bad[i].want);
    }
    end(&f);
}

static void refuses_damaged_files(void)
{
    fixture f;
    begin(&f, "x f32[n,3]", NULL);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_FILE, "no such file");
    CHECK_FAILS(&f, "npy:%s", TW_ERROR_FILE, "it is a folder");
    CHECK_FAILS(&f, "npy:/dev/zero", TW_ERROR_FILE, "no ordinary file");
    CHECK_FAILS(&f, "npy:", TW_ERROR_SYNTAX, "npy:X.npy,Y.npy");
    put_text(&f, "x.npy", "PK\3\4 an archive");
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_FORMAT, "is no NPY file");
    put(&f, "x.npy", "\x93NUMPY\4\0\1\0x", 11);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_FORMAT, "NPY version 4");
    put(&f, "x.npy", "\x93NUMPY\1\0", 8);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_FORMAT, "is truncated: its header");
    put(&f, "x.npy", "\x93NUMPY\2\0\377\377\377\377", 12);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_FORMAT, "claims a header of 4294967295 bytes");
    put(&f, "x.npy", "\x93NUMPY\1\0\4\0{\0}\n", 14);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_FORMAT, "a zero byte");
    end(&f);
}

static void refuses_other_shapes(void)
{
    fixture f;
    begin(&f, "x f32[n,4]", NULL);
    put_xy(&f);
    CHECK_FAILS(&f, "npy:%s/x.npy", TW_ERROR_SHAPE,
                "x.npy' f32[2,3] does not fit input \"x\" f32[n,4]: a sample has 3 values");
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "x f32[n,3]", "y i32[n] classes=2", NULL);
    put_xy(&f);
    fail_memory_in_turn(&f, "npy:%s/x.npy,%s/y.npy");
    end(&f);
}

static void survives_mutations(void)
{
    fixture f;
    begin(&f, "x f32[n,3]", "y i32[n] classes=2", NULL);
    put_xy(&f);
    mutate(&f, "x.npy", "npy:%s/x.npy,%s/y.npy", 2000);
    put_npy(&f, "x.npy", 2, "{'descr': '>f2', 'fortran_order': True, 'shape': (2, 3), }\n", six,
            12);
    mutate(&f, "x.npy", "npy:%s/x.npy,%s/y.npy", 2000);
    end(&f);
}

TESTS(T(reads_versions), T(reads_types), T(reads_bool), T(reads_fortran_order),
      T(reads_large_fortran_order), T(reads_two_files), T(drops_spare_files),
      T(opens_for_some_inputs), T(names_bad_values), T(bounds_numbers_by_type), T(refuses_headers),
      T(refuses_damaged_files), T(refuses_other_shapes), T(survives_missing_memory),
      T(survives_mutations))
