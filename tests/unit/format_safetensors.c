// SPDX-License-Identifier: Apache-2.0
// safetensors: there and back, byte for byte the same, and every way in which a file can be wrong.
#include "data_help.h"

#include "format/safetensors.h"

static const float six[] = {0, 1, 2, 3, 4, 5};
static const uint8_t three[] = {7, 8, 9};
static const uint16_t halves[] = {0x3c00, 0xc000};
static const int32_t number = -5;

static const tw_safetensors_entry entries[] = {{"dense_1.weight", {TW_F32, 2, {2, 3}, (void *)six}},
                                               {"a\"b\\\n\xc3\xa9", {TW_U8, 1, {3}, (void *)three}},
                                               {"half", {TW_F16, 1, {2}, (void *)halves}},
                                               {"brain", {TW_BF16, 2, {2, 1}, (void *)halves}},
                                               {"scalar", {TW_I32, 0, {0}, (void *)&number}},
                                               {"mask", {TW_BOOL, 1, {1}, (void *)"\1"}},
                                               {"empty", {TW_F32, 2, {0, 5}, NULL}}};
#define ENTRIES ((int)(sizeof entries / sizeof *entries))
static const tw_safetensors_pair pairs[] = {
    {"thalweg", "1"}, {"epoch", "3"}, {"text", "\"\t/\xe2\x82\xac"}};

static size_t read_bytes(const char *path, char *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    const size_t length = file ? fread(bytes, 1, size, file) : 0;
    if (file)
        fclose(file);
    return length;
}

static void reads_what_it_wrote(void)
{
    fixture f;
    tw_safetensors *file = NULL;
    begin(&f, NULL);
    CHECK_OK(tw_safetensors_write(f.context, at(&f, "a"), ENTRIES, entries, 3, pairs, &f.error),
             f.error);
    CHECK_OK(tw_safetensors_read(f.context, at(&f, "a"), &file, &f.error), f.error);
    CHECK(file->count == ENTRIES && file->n_metadata == 3);
    for (int i = 0; i < ENTRIES; i++) {
        const tw_array *want = &entries[i].array;
        const tw_safetensors_tensor *got = tw_safetensors_find(file, entries[i].name);
        CHECK(got && got->array.type == want->type && got->array.rank == want->rank);
        CHECK(got && memcmp(got->array.dim, want->dim, sizeof want->dim) == 0);
        CHECK(got && (uintptr_t)got->array.data % 16 == 0);
        if (got && want->data)
            CHECK(memcmp(got->array.data, want->data,
                         (size_t)tw_array_count(want) * tw_type_size(want->type)) == 0);
    }
    for (int i = 0; i < 3; i++)
        CHECK_TEXT(tw_safetensors_metadata(file, pairs[i].key), pairs[i].value);
    CHECK(tw_safetensors_find(file, "none") == NULL &&
          tw_safetensors_metadata(file, "none") == NULL);
    tw_safetensors_free(&file);
    CHECK(file == NULL);
    tw_safetensors_free(&file);
    tw_safetensors_free(NULL);
    end(&f);
}

static void writes_the_same_bytes_in_any_order(void)
{
    static char first[4096], second[4096];
    tw_safetensors_entry turned[ENTRIES];
    const tw_safetensors_pair swapped[] = {pairs[2], pairs[0], pairs[1]};
    fixture f;
    begin(&f, NULL);
    for (int i = 0; i < ENTRIES; i++)
        turned[i] = entries[ENTRIES - 1 - i];
    CHECK_OK(tw_safetensors_write(f.context, at(&f, "a"), ENTRIES, entries, 3, pairs, &f.error),
             f.error);
    CHECK_OK(tw_safetensors_write(f.context, at(&f, "b"), ENTRIES, turned, 3, swapped, &f.error),
             f.error);
    const size_t size = read_bytes(at(&f, "a"), first, sizeof first);
    CHECK(size > 100 && read_bytes(at(&f, "b"), second, sizeof second) == size);
    CHECK(memcmp(first, second, size) == 0);
    CHECK((unsigned char)first[0] % 8 == 0);
    end(&f);
}

static void writes_an_empty_file(void)
{
    char bytes[32];
    fixture f;
    tw_safetensors *file = NULL;
    begin(&f, NULL);
    CHECK_OK(tw_safetensors_write(f.context, at(&f, "a"), 0, NULL, 0, NULL, &f.error), f.error);
    CHECK(read_bytes(at(&f, "a"), bytes, sizeof bytes) == 16);
    CHECK(memcmp(bytes, "\10\0\0\0\0\0\0\0{}      ", 16) == 0);
    CHECK_OK(tw_safetensors_read(f.context, at(&f, "a"), &file, &f.error), f.error);
    CHECK(file->count == 0 && tw_safetensors_find(file, "x") == NULL);
    tw_safetensors_free(&file);
    end(&f);
}

static void refuses_to_write(void)
{
    fixture f;
    begin(&f, NULL);
    put_text(&f, "a", "old");
    const tw_safetensors_entry twice[] = {entries[0], entries[1], entries[0]};
    CHECK(tw_safetensors_write(f.context, at(&f, "a"), 3, twice, 0, NULL, &f.error) ==
          TW_ERROR_ARGUMENT);
    CHECK_HAS(f.error.text, "two tensors are named \"dense_1.weight\"");
    const tw_safetensors_pair keys[] = {pairs[0], pairs[0]};
    CHECK(tw_safetensors_write(f.context, at(&f, "a"), 0, NULL, 2, keys, &f.error) ==
          TW_ERROR_ARGUMENT);
    CHECK_HAS(f.error.text, "metadata \"thalweg\" is given twice");
    const tw_safetensors_entry reserved[] = {{"__metadata__", entries[0].array}};
    CHECK(tw_safetensors_write(f.context, at(&f, "a"), 1, reserved, 0, NULL, &f.error) ==
          TW_ERROR_ARGUMENT);
    const tw_safetensors_entry negative[] = {{"x", {TW_F32, 1, {-1}, NULL}}};
    CHECK(tw_safetensors_write(f.context, at(&f, "a"), 1, negative, 0, NULL, &f.error) ==
          TW_ERROR_ARGUMENT);
    const tw_safetensors_entry untyped[] = {{"x", {TW_TYPE_NONE, 1, {1}, (void *)six}}};
    CHECK(tw_safetensors_write(f.context, at(&f, "a"), 1, untyped, 0, NULL, &f.error) ==
          TW_ERROR_ARGUMENT);
    CHECK(tw_safetensors_write(f.context, at(&f, "none/a"), 0, NULL, 0, NULL, &f.error) ==
          TW_ERROR_FILE);
    char bytes[8];
    CHECK(read_bytes(at(&f, "a"), bytes, sizeof bytes) == 3);
    end(&f);
}

/* Writes header and data, reads, and returns the status. */
static tw_status read_text(fixture *f, const char *header, size_t data, tw_safetensors **file)
{
    char bytes[2000] = {0};
    const size_t length = strlen(header);
    bytes[0] = (char)(unsigned char)length;
    bytes[1] = (char)(length >> 8);
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < data; i++)
        bytes[8 + length + i] = (char)(i + 1);
    put(f, "x", bytes, 8 + length + data);
    f->error.text[0] = '\0';
    return tw_safetensors_read(f->context, at(f, "x"), file, &f->error);
}

static void reads_unaligned_and_other_types(void)
{
    fixture f;
    tw_safetensors *file = NULL;
    float as_float[2];
    int32_t as_int[2];
    begin(&f, NULL);
    CHECK_OK(
        read_text(&f,
                  " {\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                  "\"b\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[1,9]},"
                  "\"c\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[9,17],\"more\":1}}  ",
                  17, &file),
        f.error);
    const tw_safetensors_tensor *b = tw_safetensors_find(file, "b"),
                                *c = tw_safetensors_find(file, "c");
    CHECK(b->array.type == TW_TYPE_NONE && b->dtype == TW_ST_I64 &&
          (uintptr_t)b->array.data % 16 == 0);
    CHECK(tw_safetensors_copy(b, TW_I32, as_int, &f.error) == TW_ERROR_DATA);
    CHECK_HAS(f.error.text, "tensor \"b\": element 0 is");
    CHECK(tw_safetensors_copy(c, TW_I32, as_int, &f.error) == TW_ERROR_TYPE);
    CHECK_HAS(f.error.text, "holds F64, which does not convert to i32");
    *(int64_t *)b->array.data = -3;
    *(double *)c->array.data = 0.1;
    CHECK_OK(tw_safetensors_copy(b, TW_I32, as_int, &f.error), f.error);
    CHECK_OK(tw_safetensors_copy(b, TW_F32, as_float, &f.error), f.error);
    CHECK(as_int[0] == -3 && as_float[0] == -3);
    CHECK_OK(tw_safetensors_copy(c, TW_F32, as_float, &f.error), f.error);
    CHECK(as_float[0] == 0.1f);
    tw_safetensors_free(&file);
    CHECK_OK(tw_safetensors_write(f.context, at(&f, "a"), ENTRIES, entries, 0, NULL, &f.error),
             f.error);
    CHECK_OK(tw_safetensors_read(f.context, at(&f, "a"), &file, &f.error), f.error);
    CHECK_OK(tw_safetensors_copy(tw_safetensors_find(file, "half"), TW_F32, as_float, &f.error),
             f.error);
    CHECK(as_float[0] == 1 && as_float[1] == -2);
    CHECK_OK(tw_safetensors_copy(tw_safetensors_find(file, "brain"), TW_F32, as_float, &f.error),
             f.error);
    CHECK(as_float[1] == -2);
    CHECK_OK(tw_safetensors_copy(tw_safetensors_find(file, "mask"), TW_I32, as_int, &f.error),
             f.error);
    CHECK(as_int[0] == 1);
    tw_safetensors_free(&file);
    end(&f);
}

#define ONE(dtype, shape, offsets)                                                                 \
    "{\"a\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void refuses_headers(void)
{
    static const struct {
        const char *header;
        size_t data;
        const char *want;
    } bad[] = {
        {ONE("F32", "[2]", "[0,8]"), 7, "ends at byte 8 of the data, which have 7"},
        {ONE("F32", "[2]", "[0,8]"), 9, "has 1 bytes after its last tensor"},
        {ONE("F32", "[3]", "[0,8]"), 8, "has 8 bytes, which its shape and type F32 do not take"},
        {ONE("F32", "[2]", "[4,12]"), 12, "begins after a gap"},
        {ONE("F32", "[-2]", "[0,8]"), 8, "no whole number"},
        {ONE("F32", "[2.5]", "[0,8]"), 8, "no whole number"},
        {ONE("F32", "[4611686018427387904,4]", "[0,0]"), 0, "do not take"},
        {ONE("F32", "[4611686018427387905]", "[0,4]"), 4, "do not take"},
        {ONE("F32", "[99999999999999999999]", "[0,8]"), 8, "no JSON"},
        {ONE("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, "no shape of at most 8"},
        {ONE("F32", "2", "[0,8]"), 8, "no shape"},
        {ONE("F32", "[2]", "[8,0]"), 8, "no data_offsets"},
        {ONE("F32", "[2]", "[-8,0]"), 8, "no data_offsets"},
        {ONE("F32", "[2]", "[0]"), 8, "no data_offsets"},
        {ONE("F32", "[2]", "\"all\""), 8, "no data_offsets"},
        {ONE("F8_E4M3", "[8]", "[0,8]"), 8, "has type \"F8_E4M3\""},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "has no dtype"},
        {"{\"a\":3}", 0, "is no JSON object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ \"a\" is no string"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is no JSON object"},
        {"[]", 0, "no JSON object"},
        {"{\"a\":", 0, "no JSON"},
        {"{} x", 0, "no JSON"},
        {"", 0, "no JSON"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[2,4]}}",
         4, "duplicate object key"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
         3, "overlaps another"},
    };
    fixture f;
    tw_safetensors *file = NULL;
    begin(&f, NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const tw_status status = read_text(&f, bad[i].header, bad[i].data, &file);
        CHECK(status == TW_ERROR_FORMAT || status == TW_ERROR_UNSUPPORTED);
        CHECK_HAS(f.error.text, bad[i].want);
        CHECK(file == NULL);
    }
    end(&f);
}

static void refuses_files(void)
{
    fixture f;
    tw_safetensors *file = NULL;
    begin(&f, NULL);
    CHECK(tw_safetensors_read(f.context, at(&f, "none"), &file, &f.error) == TW_ERROR_FILE);
    CHECK_HAS(f.error.text, "no such file");
    CHECK(tw_safetensors_read(f.context, f.folder, &file, &f.error) == TW_ERROR_FILE);
    CHECK_HAS(f.error.text, "a folder");
    CHECK(tw_safetensors_read(f.context, "/dev/zero", &file, &f.error) == TW_ERROR_FILE);
    put_text(&f, "x", "1234567");
    CHECK(tw_safetensors_read(f.context, at(&f, "x"), &file, &f.error) == TW_ERROR_FORMAT);
    CHECK_HAS(f.error.text, "has 7 bytes: too few");
    put_text(&f, "x", "PK\3\4 an archive, no header");
    CHECK(tw_safetensors_read(f.context, at(&f, "x"), &file, &f.error) == TW_ERROR_FORMAT);
    CHECK_HAS(f.error.text, "is truncated or no safetensors file");
    put(&f, "x", "\3\0\0\0\0\0\0\0{}", 10);
    CHECK(tw_safetensors_read(f.context, at(&f, "x"), &file, &f.error) == TW_ERROR_FORMAT);
    CHECK(file == NULL);
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, NULL);
    const char *path = at(&f, "a");
    tw_status status = TW_ERROR_MEMORY;
    for (long left = 0; status != TW_OK && left < 1000; left++) {
        const long live = f.memory.live;
        tw_safetensors *file = NULL;
        f.memory.left = left;
        status = tw_safetensors_write(f.context, path, ENTRIES, entries, 3, pairs, &f.error);
        if (status == TW_OK)
            status = tw_safetensors_read(f.context, path, &file, &f.error);
        f.memory.left = -1;
        CHECK(status == TW_OK || status == TW_ERROR_MEMORY);
        tw_safetensors_free(&file);
        CHECK(f.memory.live == live);
    }
    CHECK(status == TW_OK);
    end(&f);
}

static void survives_mutations(void)
{
    static unsigned char bytes[4096], changed[4096];
    fixture f;
    uint32_t state = 88675123u;
    int good = 0;
    begin(&f, NULL);
    CHECK_OK(tw_safetensors_write(f.context, at(&f, "a"), ENTRIES, entries, 3, pairs, &f.error),
             f.error);
    const size_t size = read_bytes(at(&f, "a"), (char *)bytes, sizeof bytes);
    for (int i = 0; i < 3000; i++) {
        tw_safetensors *file = NULL;
        size_t length = size;
        memcpy(changed, bytes, size);
        for (uint32_t edits = 1 + next_random(&state) % 3; edits > 0; edits--) {
            const size_t place = next_random(&state) % length;
            if (next_random(&state) % 4 == 0)
                length = place + 1;
            else if (next_random(&state) % 2)
                changed[place] ^= (unsigned char)(1u << next_random(&state) % 8);
            else
                changed[place] = (unsigned char)"0123456789[]{},:\""[next_random(&state) % 17];
        }
        put(&f, "b", changed, length);
        if (tw_safetensors_read(f.context, at(&f, "b"), &file, &f.error) == TW_OK) {
            unsigned sum = 0;
            for (int k = 0; k < file->count; k++) {
                float copy[64];
                if (tw_array_count(&file->tensors[k].array) <= 64)
                    CHECK_OK(tw_safetensors_copy(&file->tensors[k], TW_F32, copy, &f.error),
                             f.error);
                sum += (unsigned)strlen(file->tensors[k].name);
            }
            good += sum > 0;
        } else {
            CHECK(file == NULL);
        }
        tw_safetensors_free(&file);
    }
    printf("# %d of 3000 mutations are read\n", good);
    end(&f);
}

TESTS(T(reads_what_it_wrote), T(writes_the_same_bytes_in_any_order), T(writes_an_empty_file),
      T(refuses_to_write), T(reads_unaligned_and_other_types), T(refuses_headers), T(refuses_files),
      T(survives_missing_memory), T(survives_mutations))
