// SPDX-License-Identifier: Apache-2.0
// Reads a safetensors file: 8 bytes of header length, a JSON header, the tensors' bytes.
#include "format/safetensors_dtype.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ALIGNMENT 16 /* of a tensor's bytes in memory: files need not align theirs */

typedef struct reader {
    const char *path;
    FILE *input;
    uint64_t size;  /* of the file */
    uint64_t bytes; /* of all tensors: what follows the header */
    json_t *header;
    tw_safetensors *file;
    struct place *places; /* one a tensor, in the order of the file */
    tw_error *error;
} reader;

/* Where a tensor's bytes stand. */
typedef struct place {
    uint64_t begin, end; /* from the header's end */
    int tensor;
} place;

#define FAIL(r, code, ...) tw_fail((r)->error, code, __VA_ARGS__)

static tw_status open_file(reader *r)
{
    struct stat about;
    if (stat(r->path, &about) != 0)
        return tw_fail_file(r->error, "read", r->path, errno);
    if (!S_ISREG(about.st_mode))
        return FAIL(r, TW_ERROR_FILE, "'%s' is %s, not a safetensors file", r->path,
                    S_ISDIR(about.st_mode) ? "a folder" : "no ordinary file");
    r->size = (uint64_t)about.st_size;
    r->input = fopen(r->path, "rb");
    if (!r->input)
        return tw_fail_file(r->error, "read", r->path, errno);
    return TW_OK;
}

static tw_status read_bytes(reader *r, void *data, size_t size)
{
    if (fread(data, 1, size, r->input) == size)
        return TW_OK;
    if (ferror(r->input))
        return tw_fail_file(r->error, "read", r->path, errno);
    return FAIL(r, TW_ERROR_FORMAT, "'%s' became shorter while it was read", r->path);
}

static tw_status parse_header(reader *r, const char *text, size_t length)
{
    json_error_t why;
    r->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &why);
    if (!r->header && json_error_code(&why) == json_error_out_of_memory)
        return tw_fail_memory(r->error);
    if (!r->header)
        return FAIL(r, TW_ERROR_FORMAT,
                    "'%s': the header is no JSON that safetensors allows: %s (byte %d)", r->path,
                    why.text, why.position);
    if (!json_is_object(r->header))
        return FAIL(r, TW_ERROR_FORMAT, "'%s': the header is no JSON object", r->path);
    return TW_OK;
}

static tw_status read_header(reader *r)
{
    unsigned char prefix[8];
    if (r->size < sizeof prefix)
        return FAIL(r, TW_ERROR_FORMAT, "'%s' has %llu bytes: too few for a safetensors file",
                    r->path, (unsigned long long)r->size);
    TW_TRY(read_bytes(r, prefix, sizeof prefix));
    uint64_t length = 0;
    for (int i = 8; i-- > 0;)
        length = length << 8 | prefix[i];
    if (length > TW_SAFETENSORS_MAX_HEADER || length > r->size - sizeof prefix)
        return FAIL(
            r, TW_ERROR_FORMAT,
            "'%s' is truncated or no safetensors file: it has %llu bytes and claims a header "
            "of %llu (at most %u are allowed)",
            r->path, (unsigned long long)r->size, (unsigned long long)length,
            TW_SAFETENSORS_MAX_HEADER);
    r->bytes = r->size - sizeof prefix - length;
    char *text = tw_alloc(r->file->context, (size_t)length + 1);
    if (!text)
        return tw_fail_memory(r->error);
    tw_status status = read_bytes(r, text, (size_t)length);
    if (status == TW_OK)
        status = parse_header(r, text, (size_t)length);
    tw_free(r->file->context, text);
    return status;
}

static char *copy(reader *r, const char *text)
{
    return tw_arena_text(&r->file->arena, text, strlen(text));
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const tw_safetensors_pair *)a)->key, ((const tw_safetensors_pair *)b)->key);
}

static tw_status take_metadata(reader *r, json_t *metadata)
{
    if (!json_is_object(metadata))
        return FAIL(r, TW_ERROR_FORMAT, "'%s': __metadata__ is no JSON object", r->path);
    const size_t count = json_object_size(metadata);
    r->file->metadata = tw_arena_alloc(&r->file->arena, count * sizeof *r->file->metadata + 1);
    if (!r->file->metadata)
        return tw_fail_memory(r->error);
    const char *key;
    json_t *value;
    json_object_foreach(metadata, key, value)
    {
        if (!json_is_string(value))
            return FAIL(r, TW_ERROR_FORMAT, "'%s': __metadata__ \"%s\" is no string", r->path, key);
        tw_safetensors_pair *pair = &r->file->metadata[r->file->n_metadata++];
        pair->key = copy(r, key);
        pair->value = copy(r, json_string_value(value));
        if (!pair->key || !pair->value)
            return tw_fail_memory(r->error);
    }
    if (count > 1)
        qsort(r->file->metadata, count, sizeof *r->file->metadata, by_key);
    return TW_OK;
}

static tw_status take_dtype(reader *r, tw_safetensors_tensor *tensor, json_t *entry)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    if (!name)
        return FAIL(r, TW_ERROR_FORMAT, "'%s': tensor \"%s\" has no dtype", r->path, tensor->name);
    int count;
    const tw_safetensors_dtype_row *rows = tw_safetensors_dtypes(&count);
    for (int i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0) {
            tensor->dtype = (tw_safetensors_dtype)i;
            tensor->array.type = rows[i].type;
            return TW_OK;
        }
    return FAIL(
        r, TW_ERROR_UNSUPPORTED,
        "'%s': tensor \"%s\" has type \"%s\"; read are F32, F16, BF16, F64, I32, I64, U8 and "
        "BOOL",
        r->path, tensor->name, name);
}

static tw_status take_shape(reader *r, tw_safetensors_tensor *tensor, json_t *entry)
{
    json_t *shape = json_object_get(entry, "shape");
    const size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > TW_MAX_RANK)
        return FAIL(r, TW_ERROR_FORMAT, "'%s': tensor \"%s\" has no shape of at most %d sizes",
                    r->path, tensor->name, TW_MAX_RANK);
    tensor->array.rank = (int32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        json_t *size = json_array_get(shape, i);
        if (!json_is_integer(size) || json_integer_value(size) < 0)
            return FAIL(r, TW_ERROR_FORMAT,
                        "'%s': tensor \"%s\" has a size that is no whole number", r->path,
                        tensor->name);
        tensor->array.dim[i] = json_integer_value(size);
    }
    return TW_OK;
}

/* Offsets in bounds, and as many bytes as the shape takes. */
static tw_status take_place(reader *r, tw_safetensors_tensor *tensor, json_t *entry, place *p)
{
    json_t *offsets = json_object_get(entry, "data_offsets");
    json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return FAIL(r, TW_ERROR_FORMAT, "'%s': tensor \"%s\" has no data_offsets [begin, end]",
                    r->path, tensor->name);
    p->begin = (uint64_t)json_integer_value(begin);
    p->end = (uint64_t)json_integer_value(end);
    if (p->end > r->bytes)
        return FAIL(
            r, TW_ERROR_FORMAT,
            "'%s' is truncated: tensor \"%s\" ends at byte %llu of the data, which have %llu",
            r->path, tensor->name, (unsigned long long)p->end, (unsigned long long)r->bytes);
    int n_rows;
    const size_t size = tw_safetensors_dtypes(&n_rows)[tensor->dtype].size;
    const int64_t count = tw_array_count(&tensor->array);
    if (count < 0 || (uint64_t)count > r->bytes / size ||
        (uint64_t)count * size != p->end - p->begin)
        return FAIL(r, TW_ERROR_FORMAT,
                    "'%s': tensor \"%s\" has %llu bytes, which its shape and type %s do not take",
                    r->path, tensor->name, (unsigned long long)(p->end - p->begin),
                    tw_safetensors_dtype_name(tensor->dtype));
    return TW_OK;
}

static tw_status take_tensor(reader *r, const char *name, json_t *entry)
{
    const int index = r->file->count;
    tw_safetensors_tensor *tensor = &r->file->tensors[index];
    tensor->name = copy(r, name);
    if (!tensor->name)
        return tw_fail_memory(r->error);
    if (!json_is_object(entry))
        return FAIL(r, TW_ERROR_FORMAT, "'%s': tensor \"%s\" is no JSON object", r->path, name);
    TW_TRY(take_dtype(r, tensor, entry));
    TW_TRY(take_shape(r, tensor, entry));
    TW_TRY(take_place(r, tensor, entry, &r->places[index]));
    r->places[index].tensor = index;
    r->file->count++;
    return TW_OK;
}

static tw_status take_entries(reader *r)
{
    const size_t count = json_object_size(r->header);
    r->file->tensors = tw_arena_alloc(&r->file->arena, count * sizeof *r->file->tensors + 1);
    r->places = tw_arena_alloc(&r->file->arena, count * sizeof *r->places + 1);
    if (!r->file->tensors || !r->places)
        return tw_fail_memory(r->error);
    const char *name;
    json_t *entry;
    json_object_foreach(r->header, name, entry)
    {
        TW_TRY(strcmp(name, "__metadata__") == 0 ? take_metadata(r, entry)
                                                 : take_tensor(r, name, entry));
    }
    return TW_OK;
}

static int by_place(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* Bytes that belong to two tensors or to none are how one file could be read in two ways: the
 * format forbids them. */
static tw_status check_places(reader *r)
{
    if (r->file->count > 1)
        qsort(r->places, (size_t)r->file->count, sizeof *r->places, by_place);
    uint64_t end = 0;
    for (int i = 0; i < r->file->count; i++) {
        const place *p = &r->places[i];
        if (p->begin != end)
            return FAIL(r, TW_ERROR_FORMAT, "'%s': tensor \"%s\" %s", r->path,
                        r->file->tensors[p->tensor].name,
                        p->begin < end ? "overlaps another" : "begins after a gap in the data");
        end = p->end;
    }
    if (end != r->bytes)
        return FAIL(r, TW_ERROR_FORMAT, "'%s' has %llu bytes after its last tensor", r->path,
                    (unsigned long long)(r->bytes - end));
    return TW_OK;
}

static size_t rounded(uint64_t size)
{
    return (size_t)((size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
}

static tw_status read_tensors(reader *r)
{
    size_t total = 0;
    for (int i = 0; i < r->file->count; i++)
        total += rounded(r->places[i].end - r->places[i].begin);
    r->file->data = tw_alloc(r->file->context, total);
    if (!r->file->data)
        return tw_fail_memory(r->error);
    char *at = r->file->data;
    for (int i = 0; i < r->file->count; i++) {
        const size_t size = (size_t)(r->places[i].end - r->places[i].begin);
        TW_TRY(read_bytes(r, at, size));
        r->file->tensors[r->places[i].tensor].array.data = at;
        at += rounded(size);
    }
    return TW_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const tw_safetensors_tensor *)a)->name,
                  ((const tw_safetensors_tensor *)b)->name);
}

static tw_status read_all(reader *r)
{
    TW_TRY(open_file(r));
    TW_TRY(read_header(r));
    TW_TRY(take_entries(r));
    TW_TRY(check_places(r));
    TW_TRY(read_tensors(r));
    if (r->file->count > 1)
        qsort(r->file->tensors, (size_t)r->file->count, sizeof *r->file->tensors, by_name);
    return TW_OK;
}

tw_status tw_safetensors_read(tw_context *context, const char *path, tw_safetensors **file,
                              tw_error *error)
{
    reader r = {.path = path, .error = error};
    r.file = tw_calloc(context, 1, sizeof *r.file);
    if (!r.file)
        return tw_fail_memory(error);
    r.file->context = context;
    r.file->arena.context = context;
    const tw_status status = read_all(&r);
    if (r.input)
        fclose(r.input);
    json_decref(r.header);
    if (status == TW_OK)
        *file = r.file;
    else
        tw_safetensors_free(&r.file);
    return status;
}
