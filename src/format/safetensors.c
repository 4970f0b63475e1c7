// SPDX-License-Identifier: Apache-2.0
// safetensors in memory: looking up, converting, freeing.
#include "format/safetensors_dtype.h"

#include "base/half.h"

static const tw_safetensors_dtype_row rows[] = {
    [TW_ST_F32] = {"F32", TW_F32, 4},    [TW_ST_F16] = {"F16", TW_F16, 2},
    [TW_ST_BF16] = {"BF16", TW_BF16, 2}, [TW_ST_F64] = {"F64", TW_TYPE_NONE, 8},
    [TW_ST_I32] = {"I32", TW_I32, 4},    [TW_ST_I64] = {"I64", TW_TYPE_NONE, 8},
    [TW_ST_U8] = {"U8", TW_U8, 1},       [TW_ST_BOOL] = {"BOOL", TW_BOOL, 1},
};

const tw_safetensors_dtype_row *tw_safetensors_dtypes(int *count)
{
    *count = TW_COUNT(rows);
    return rows;
}

const char *tw_safetensors_dtype_name(tw_safetensors_dtype dtype)
{
    return rows[dtype].name;
}

void tw_safetensors_free(tw_safetensors **file)
{
    if (!file || !*file)
        return;
    tw_context *context = (*file)->context;
    tw_arena_free(&(*file)->arena);
    tw_free(context, (*file)->data);
    tw_free(context, *file);
    *file = NULL;
}

const tw_safetensors_tensor *tw_safetensors_find(const tw_safetensors *file, const char *name)
{
    int low = 0, high = file->count;
    while (low < high) {
        const int middle = low + (high - low) / 2, order = strcmp(file->tensors[middle].name, name);
        if (order == 0)
            return &file->tensors[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const char *tw_safetensors_metadata(const tw_safetensors *file, const char *key)
{
    for (int i = 0; i < file->n_metadata; i++)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}

/* Element number i; only F64 has values that float does not hold, and is rounded. */
static float float_at(const tw_safetensors_tensor *tensor, int64_t i)
{
    const void *data = tensor->array.data;
    switch (tensor->dtype) {
    case TW_ST_F32:
        return ((const float *)data)[i];
    case TW_ST_F16:
        return tw_from_f16(((const uint16_t *)data)[i]);
    case TW_ST_BF16:
        return tw_from_bf16(((const uint16_t *)data)[i]);
    case TW_ST_F64:
        return (float)((const double *)data)[i];
    case TW_ST_I32:
        return (float)((const int32_t *)data)[i];
    case TW_ST_I64:
        return (float)((const int64_t *)data)[i];
    case TW_ST_U8:
    case TW_ST_BOOL:
        break;
    }
    return ((const uint8_t *)data)[i];
}

static bool is_integer(tw_safetensors_dtype dtype)
{
    return dtype == TW_ST_I32 || dtype == TW_ST_I64 || dtype == TW_ST_U8 || dtype == TW_ST_BOOL;
}

static int64_t integer_at(const tw_safetensors_tensor *tensor, int64_t i)
{
    if (tensor->dtype == TW_ST_I64)
        return ((const int64_t *)tensor->array.data)[i];
    if (tensor->dtype == TW_ST_I32)
        return ((const int32_t *)tensor->array.data)[i];
    return ((const uint8_t *)tensor->array.data)[i];
}

/* Checked first, so that nothing is written on failure. */
static tw_status check_range(const tw_safetensors_tensor *tensor, int64_t count, tw_error *error)
{
    for (int64_t i = 0; i < count; i++) {
        const int64_t value = integer_at(tensor, i);
        if (value < INT32_MIN || value > INT32_MAX)
            return tw_fail(error, TW_ERROR_DATA,
                           "tensor \"%s\": element %lld is %lld, which 32 bits do not hold",
                           tensor->name, (long long)i, (long long)value);
    }
    return TW_OK;
}

tw_status tw_safetensors_copy(const tw_safetensors_tensor *tensor, tw_type type, void *data,
                              tw_error *error)
{
    const int64_t count = tw_array_count(&tensor->array);
    if (tensor->array.type == type && type != TW_TYPE_NONE) {
        if (count > 0)
            memcpy(data, tensor->array.data, (size_t)count * tw_type_size(type));
        return TW_OK;
    }
    if (type == TW_F32) {
        for (int64_t i = 0; i < count; i++)
            ((float *)data)[i] = float_at(tensor, i);
        return TW_OK;
    }
    if (type == TW_I32 && is_integer(tensor->dtype)) {
        TW_TRY(check_range(tensor, count, error));
        for (int64_t i = 0; i < count; i++)
            ((int32_t *)data)[i] = (int32_t)integer_at(tensor, i);
        return TW_OK;
    }
    return tw_fail(error, TW_ERROR_TYPE, "tensor \"%s\" holds %s, which does not convert to %s",
                   tensor->name, rows[tensor->dtype].name, tw_type_name(type));
}
