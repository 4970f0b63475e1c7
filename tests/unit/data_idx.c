// SPDX-License-Identifier: Apache-2.0
// IDX: every element type, plain and gzipped, and every way in which a file can be wrong.
#include "data_help.h"

#include <zlib.h>

/* Two images of 2x3 with bytes 0 to 11, labels 3 and 1. */
static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0,  0,
                                       0, 3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255};
static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 3, 1};

static void put_pair(fixture *f)
{
    put(f, "train-images-idx3-ubyte", images, sizeof images);
    put(f, "train-labels-idx1-ubyte", labels, sizeof labels);
}

static void put_gzip(fixture *f, const char *name, const void *bytes, size_t size)
{
    gzFile file = gzopen(at(f, name), "wb");
    CHECK(file && gzwrite(file, bytes, (unsigned)size) == (int)size);
    if (file)
        gzclose(file);
}

static void check_pair(fixture *f)
{
    const void *const *columns = whole(f);
    const float *image = columns[0];
    const int32_t *label = columns[1];
    CHECK(tw_dataset_count(f->data) == 2 && tw_dataset_class_count(f->data) == 0);
    for (int i = 0; i < 11; i++)
        CHECK(image[i] == (float)i / 255.0f);
    CHECK(image[11] == 1);
    CHECK(label[0] == 3 && label[1] == 1);
}

static void reads_plain(void)
{
    fixture f;
    begin(&f, "image f32[n,2,3,1]", "label i32[n] classes=4", NULL);
    put_pair(&f);
    CHECK_OK(open_spec(&f, "idx:%s:train"), f.error);
    check_pair(&f);
    end(&f);
}

static void reads_gzip(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", "label i32[n] classes=4", NULL);
    put_gzip(&f, "t10k-images-idx3-ubyte.gz", images, sizeof images);
    put_gzip(&f, "t10k-labels-idx1-ubyte.gz", labels, sizeof labels);
    CHECK_OK(open_spec(&f, "idx:%s:test"), f.error);
    check_pair(&f);
    end(&f);
}

static void reads_other_names(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", "label i32[n] classes=4", NULL);
    put(&f, "train-images.idx3-ubyte", images, sizeof images);
    put_gzip(&f, "train-labels.idx1-ubyte.gz", labels, sizeof labels);
    CHECK_OK(open_spec(&f, "idx:%s:train"), f.error);
    check_pair(&f);
    end(&f);
}

static void reads_two_gzip_members(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", NULL);
    char bytes[400];
    put_gzip(&f, "a", images, 10);
    put_gzip(&f, "b", images + 10, sizeof images - 10);
    FILE *a = fopen(at(&f, "a"), "rb"), *b = fopen(at(&f, "b"), "rb");
    size_t size = fread(bytes, 1, 200, a);
    size += fread(bytes + size, 1, 200, b);
    fclose(a);
    fclose(b);
    put(&f, "train-images-idx3-ubyte.gz", bytes, size);
    CHECK_OK(open_spec(&f, "idx:%s:train"), f.error);
    CHECK(((const float *)whole(&f)[0])[11] == 1);
    end(&f);
}

static void reads_every_type(void)
{
    static const struct {
        unsigned char code, bytes[16];
        int size;
    } types[] = {{0x08, {2, 7}, 1},
                 {0x09, {2, 7}, 1},
                 {0x0b, {0, 2, 0, 7}, 2},
                 {0x0c, {0, 0, 0, 2, 0, 0, 0, 7}, 4},
                 {0x0d, {0x40, 0, 0, 0, 0x40, 0xe0, 0, 0}, 4},
                 {0x0e, {0x40, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x1c, 0, 0, 0, 0, 0, 0}, 8}};
    for (int i = 0; i < 6; i++) {
        unsigned char file[40] = {0, 0, types[i].code, 2, 0, 0, 0, 2, 0, 0, 0, 1};
        memcpy(file + 12, types[i].bytes, 16);
        fixture f;
        begin(&f, "x i32[n]", NULL);
        put(&f, "train-images-idx3-ubyte", file, 12 + 2 * (size_t)types[i].size);
        CHECK_OK(open_spec(&f, "idx:%s:train"), f.error);
        const int32_t *x = whole(&f)[0];
        CHECK(x[0] == 2 && x[1] == 7);
        end(&f);
    }
}

static void reads_negative_numbers(void)
{
    fixture f;
    begin(&f, "x f32[n]", NULL);
    const unsigned char bytes[] = {0, 0, 9, 2, 0, 0, 0, 2, 0, 0, 0, 1, 0xff, 0x80};
    const unsigned char shorts[] = {0, 0, 0xb, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xfe};
    put(&f, "train-images-idx3-ubyte", bytes, sizeof bytes);
    CHECK_OK(open_spec(&f, "idx:%s:train"), f.error);
    const float *x = whole(&f)[0];
    CHECK(x[0] == -1 && x[1] == -128);
    put(&f, "train-images-idx3-ubyte", shorts, sizeof shorts);
    CHECK_OK(open_spec(&f, "idx:%s:train"), f.error);
    CHECK(((const float *)whole(&f)[0])[0] == -2);
    end(&f);
}

static void names_what_is_missing(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", "label i32[n] classes=4", NULL);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FILE, "looked for train-images-idx3-ubyte");
    put(&f, "train-images-idx3-ubyte", images, sizeof images);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FILE,
                "has no labels: looked for train-labels-idx1-ubyte");
    CHECK_FAILS(&f, "idx:%s:test", TW_ERROR_FILE, "t10k-images-idx3-ubyte");
    CHECK_FAILS(&f, "idx:%s/none:train", TW_ERROR_FILE, "is no folder that is there");
    CHECK_FAILS(&f, "idx:%s/train-images-idx3-ubyte:train", TW_ERROR_FILE,
                "is a file, not a folder");
    CHECK_FAILS(&f, "idx:%s", TW_ERROR_SYNTAX, "idx:DIR:train|test");
    CHECK_FAILS(&f, "idx:%s:validation", TW_ERROR_SYNTAX, "which set");
    CHECK_FAILS(&f, "idx", TW_ERROR_SYNTAX, "idx:DIR:train|test");
    CHECK(mkdir(at(&f, "train-labels-idx1-ubyte"), 0777) == 0);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FILE, "it is a folder, not a file");
    end(&f);
}

static void refuses_damaged_files(void)
{
    fixture f;
    unsigned char bytes[sizeof images + 1] = {0};
    begin(&f, "image f32[n,6]", "label i32[n] classes=4", NULL);
    put_pair(&f);
    put(&f, "train-images-idx3-ubyte", images, sizeof images - 1);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "announces 12 bytes of data, the file has 27");
    put(&f, "train-images-idx3-ubyte", images, 9);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT,
                "is truncated: its sizes should have 12 more bytes");
    put(&f, "train-images-idx3-ubyte", images, 0);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "is truncated: its header");
    memcpy(bytes, images, sizeof images);
    put(&f, "train-images-idx3-ubyte", bytes, sizeof bytes);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "goes on after byte 28");
    put_text(&f, "train-images-idx3-ubyte", "P5 28 28 255");
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "is no IDX file: it begins with 50 35 20 32");
    put(&f, "train-images-idx3-ubyte", labels, sizeof labels);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "holds labels (1 size), not images");
    put(&f, "train-images-idx3-ubyte", images, sizeof images);
    put(&f, "train-labels-idx1-ubyte", images, sizeof images);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "holds images (3 sizes), not labels");
    end(&f);
}

static void refuses_absurd_sizes(void)
{
    fixture f;
    unsigned char bytes[sizeof images];
    begin(&f, "image f32[n,6]", NULL);
    memcpy(bytes, images, sizeof images);
    memset(bytes + 4, 255, 12);
    put(&f, "train-images-idx3-ubyte", bytes, sizeof bytes);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "multiply to more than memory can hold");
    memcpy(bytes, images, sizeof images);
    bytes[4] = 127;
    put(&f, "train-images-idx3-ubyte", bytes, sizeof bytes);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "announces");
    put_gzip(&f, "train-images-idx3-ubyte", bytes, sizeof bytes);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "(gzipped)");
    bytes[3] = 9;
    put(&f, "train-images-idx3-ubyte", bytes, sizeof bytes);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "has 9 sizes");
    memcpy(bytes, images, sizeof images);
    bytes[7] = 0;
    put(&f, "train-images-idx3-ubyte", bytes, 16);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_DATA, "holds no samples");
    end(&f);
}

static void refuses_damaged_gzip(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", NULL);
    unsigned char bytes[256];
    put_gzip(&f, "train-images-idx3-ubyte.gz", images, sizeof images);
    FILE *file = fopen(at(&f, "train-images-idx3-ubyte.gz"), "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    put(&f, "train-images-idx3-ubyte.gz", bytes, size - 3);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "gzip data end early");
    bytes[size - 6] ^= 1;
    put(&f, "train-images-idx3-ubyte.gz", bytes, size);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "gzip data are invalid");
    bytes[size - 6] ^= 1;
    bytes[10] = 255;
    put(&f, "train-images-idx3-ubyte.gz", bytes, size);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_FORMAT, "gzip data are invalid");
    end(&f);
}

static void names_a_label_out_of_range(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", "label i32[n] classes=3", NULL);
    put_pair(&f);
    CHECK_FAILS(
        &f, "idx:%s:train", TW_ERROR_DATA,
        "row 0 (counted from 0) holds the label 3; input \"label\" takes labels from 0 to 2");
    unsigned char more[] = {0, 0, 8, 1, 0, 0, 0, 3, 1, 1, 1};
    put(&f, "train-labels-idx1-ubyte", more, sizeof more);
    CHECK_FAILS(&f, "idx:%s:train", TW_ERROR_SHAPE, "has 2 samples, but");
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", "label i32[n] classes=4", NULL);
    put_gzip(&f, "train-images-idx3-ubyte.gz", images, sizeof images);
    put(&f, "train-labels-idx1-ubyte", labels, sizeof labels);
    fail_memory_in_turn(&f, "idx:%s:train");
    end(&f);
}

static void survives_mutations(void)
{
    fixture f;
    begin(&f, "image f32[n,6]", "label i32[n] classes=4", NULL);
    put_pair(&f);
    mutate(&f, "train-images-idx3-ubyte", "idx:%s:train", 2000);
    mutate(&f, "train-labels-idx1-ubyte", "idx:%s:train", 1000);
    remove(at(&f, "train-images-idx3-ubyte"));
    put_gzip(&f, "train-images-idx3-ubyte.gz", images, sizeof images);
    mutate(&f, "train-images-idx3-ubyte.gz", "idx:%s:train", 2000);
    end(&f);
}

TESTS(T(reads_plain), T(reads_gzip), T(reads_other_names), T(reads_two_gzip_members),
      T(reads_every_type), T(reads_negative_numbers), T(names_what_is_missing),
      T(refuses_damaged_files), T(refuses_absurd_sizes), T(refuses_damaged_gzip),
      T(names_a_label_out_of_range), T(survives_missing_memory), T(survives_mutations))
