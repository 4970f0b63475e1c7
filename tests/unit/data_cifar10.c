// SPDX-License-Identifier: Apache-2.0
// CIFAR-10's binary files: planes become pixels, five files one set, names of classes.
#include "data_help.h"

#define RECORD 3073

/* Byte of the made-up image `image` in plane c at pixel i. */
static unsigned char pixel(int image, int c, int i)
{
    return (unsigned char)(image * 50 + c * 10 + i % 7);
}

static void put_records(fixture *f, const char *name, int first, int count)
{
    static unsigned char file[8 * RECORD];
    for (int k = 0; k < count; k++) {
        unsigned char *record = file + k * RECORD;
        record[0] = (unsigned char)((first + k) % 10);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 1024; i++)
                record[1 + c * 1024 + i] = pixel(first + k, c, i);
    }
    put(f, name, file, (size_t)count * RECORD);
}

static void put_train(fixture *f)
{
    char name[32];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "data_batch_%d.bin", i + 1);
        put_records(f, name, i, 1);
    }
}

static void reads_train(void)
{
    fixture f;
    begin(&f, "image f32[n,32,32,3]", "label i32[n] classes=10", NULL);
    put_train(&f);
    put_text(&f, "batches.meta.txt",
             "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
    CHECK_OK(open_spec(&f, "cifar10:%s:train"), f.error);
    const void *const *columns = whole(&f);
    const float *image = columns[0];
    bool right = tw_dataset_count(f.data) == 5;
    for (int k = 0; right && k < 5; k++)
        for (int i = 0; i < 1024; i++)
            for (int c = 0; c < 3; c++)
                right &= image[(k * 1024 + i) * 3 + c] == (float)pixel(k, c, i) / 255.0f;
    CHECK(right);
    CHECK(((const int32_t *)columns[1])[4] == 4);
    CHECK(tw_dataset_class_count(f.data) == 10);
    CHECK_TEXT(tw_dataset_class(f.data, 9), "truck");
    end(&f);
}

static void reads_test_without_names(void)
{
    fixture f;
    begin(&f, "image u8[n,32,32,3]", "label i32[n] classes=10", NULL);
    put_records(&f, "test_batch.bin", 1, 2);
    CHECK_OK(open_spec(&f, "cifar10:%s:test"), f.error);
    CHECK(((const uint8_t *)whole(&f)[0])[3072 + 2] == pixel(2, 2, 0));
    CHECK(tw_dataset_class_count(f.data) == 0);
    put_text(&f, "batches.meta.txt", "one\ntwo\n");
    CHECK_OK(open_spec(&f, "cifar10:%s:test"), f.error);
    CHECK(tw_dataset_class_count(f.data) == 0);
    end(&f);
}

static void names_what_is_wrong(void)
{
    fixture f;
    begin(&f, "image f32[n,32,32,3]", "label i32[n] classes=10", NULL);
    CHECK_FAILS(&f, "cifar10:%s:train", TW_ERROR_FILE,
                "data_batch_1.bin' is missing; looked for data_batch_1.bin to data_batch_5.bin");
    put_train(&f);
    remove(at(&f, "data_batch_4.bin"));
    CHECK_FAILS(&f, "cifar10:%s:train", TW_ERROR_FILE, "data_batch_4.bin' is missing");
    CHECK_FAILS(&f, "cifar10:%s:test", TW_ERROR_FILE, "looked for test_batch.bin");
    CHECK_FAILS(&f, "cifar10:%s/none:test", TW_ERROR_FILE, "is no folder that is there");
    CHECK_FAILS(&f, "cifar10:%s:valid", TW_ERROR_SYNTAX, "cifar10:DIR:train|test");
    static unsigned char bytes[RECORD + 1];
    put(&f, "test_batch.bin", bytes, RECORD - 1);
    CHECK_FAILS(&f, "cifar10:%s:test", TW_ERROR_FORMAT, "its 3072 bytes are no multiple of 3073");
    put(&f, "test_batch.bin", bytes, 0);
    CHECK_FAILS(&f, "cifar10:%s:test", TW_ERROR_FORMAT, "its 0 bytes");
    bytes[0] = 10;
    put(&f, "test_batch.bin", bytes, RECORD);
    CHECK_FAILS(&f, "cifar10:%s:test", TW_ERROR_FORMAT,
                "image 0 (counted from 0) has the label 10");
    remove(at(&f, "test_batch.bin"));
    CHECK(mkdir(at(&f, "test_batch.bin"), 0777) == 0);
    CHECK_FAILS(&f, "cifar10:%s:test", TW_ERROR_FILE, "it is a folder");
    end(&f);
}

static void bounds_labels_by_classes(void)
{
    fixture f;
    begin(&f, "image f32[n,3072]", "label i32[n] classes=2", NULL);
    put_records(&f, "test_batch.bin", 1, 2);
    CHECK_FAILS(&f, "cifar10:%s:test", TW_ERROR_DATA, "row 1 (counted from 0) holds the label 2");
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "image f32[n,3072]", "label i32[n] classes=10", NULL);
    put_records(&f, "test_batch.bin", 1, 2);
    put_text(&f, "batches.meta.txt", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    fail_memory_in_turn(&f, "cifar10:%s:test");
    end(&f);
}

static void survives_mutations(void)
{
    fixture f;
    begin(&f, "image f32[n,3072]", "label i32[n] classes=10", NULL);
    put_records(&f, "test_batch.bin", 1, 2);
    put_text(&f, "batches.meta.txt", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    mutate(&f, "test_batch.bin", "cifar10:%s:test", 300);
    end(&f);
}

TESTS(T(reads_train), T(reads_test_without_names), T(names_what_is_wrong),
      T(bounds_labels_by_classes), T(survives_missing_memory), T(survives_mutations))
