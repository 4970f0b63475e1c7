// SPDX-License-Identifier: Apache-2.0
// Conversion of rows: cells go in chunks to double, which holds all that an input can take, are
// checked, and are stored in the input's type. What needs neither is copied, and pixels have a loop
// of their own.
#include "data/convert.h"

#include "base/half.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define CHUNK 256

static uint16_t to_f16(double value)
{
    return tw_to_f16((float)value);
}

static uint16_t to_bf16(double value)
{
    return tw_to_bf16((float)value);
}

void tw_cells_load(tw_cell cell, const void *data, int64_t at, int count, double *out)
{
#define LOAD(type, convert)                                                                        \
    do {                                                                                           \
        const type *in = (const type *)data + at;                                                  \
        for (int i = 0; i < count; i++)                                                            \
            out[i] = (double)convert(in[i]);                                                       \
    } while (0)
    switch (cell) {
    case TW_CELL_F32:
        LOAD(float, );
        break;
    case TW_CELL_F64:
        LOAD(double, );
        break;
    case TW_CELL_F16:
        LOAD(uint16_t, tw_from_f16);
        break;
    case TW_CELL_BF16:
        LOAD(uint16_t, tw_from_bf16);
        break;
    case TW_CELL_I8:
        LOAD(int8_t, );
        break;
    case TW_CELL_I16:
        LOAD(int16_t, );
        break;
    case TW_CELL_I32:
        LOAD(int32_t, );
        break;
    case TW_CELL_I64:
        LOAD(int64_t, );
        break;
    case TW_CELL_U8:
    case TW_CELL_BOOL:
        LOAD(uint8_t, );
        break;
    case TW_CELL_U16:
        LOAD(uint16_t, );
        break;
    case TW_CELL_U32:
        LOAD(uint32_t, );
        break;
    case TW_CELL_U64:
        LOAD(uint64_t, );
        break;
    }
#undef LOAD
}

/* Values that were checked, into elements from number `at` on. */
static void store(tw_type type, const double *values, int count, void *data, int64_t at)
{
#define STORE(type, convert)                                                                       \
    do {                                                                                           \
        type *out = (type *)data + at;                                                             \
        for (int i = 0; i < count; i++)                                                            \
            out[i] = convert(values[i]);                                                           \
    } while (0)
    switch (type) {
    case TW_F32:
        STORE(float, (float));
        break;
    case TW_F16:
        STORE(uint16_t, to_f16);
        break;
    case TW_BF16:
        STORE(uint16_t, to_bf16);
        break;
    case TW_I32:
        STORE(int32_t, (int32_t));
        break;
    case TW_U8:
    case TW_BOOL:
        STORE(uint8_t, (uint8_t));
        break;
    case TW_TYPE_NONE:
        break;
    }
#undef STORE
}

void tw_binding_limits(tw_binding *b)
{
    b->whole = true;
    switch (b->type) {
    case TW_I32:
        b->low = INT32_MIN;
        b->high = INT32_MAX;
        break;
    case TW_U8:
        b->low = 0;
        b->high = UINT8_MAX;
        break;
    case TW_BOOL:
        b->low = 0;
        b->high = 1;
        break;
    default:
        b->whole = false;
        b->high = b->type == TW_F16 ? 65504 : FLT_MAX;
        b->low = -b->high;
    }
    if (b->classes) {
        b->whole = true;
        b->low = 0;
        b->high = TW_MIN(b->high, (double)(b->classes - 1));
    }
}

static tw_status fail_value(const tw_binding *b, int64_t row, int64_t element, double value,
                            tw_error *error)
{
    char where[96] = "";
    const int64_t width = tw_column_width(b->column);
    if (width > 1)
        snprintf(where, sizeof where, ", element %lld of %lld", (long long)element,
                 (long long)width);
    const char *name = b->column->name;
    const long long r = row;
    if (isnan(value) || isinf(value))
        return tw_fail(error, TW_ERROR_DATA,
                       "%s: row %lld%s (counted from 0) is %s; repair it or leave the row out",
                       name, r, where, isnan(value) ? "NaN" : "infinite");
    if (b->whole && value != trunc(value))
        return tw_fail(error, TW_ERROR_DATA,
                       "%s: row %lld%s (counted from 0) is %.9g, which is not whole as input "
                       "\"%s\" needs",
                       name, r, where, value, b->input);
    if (b->classes)
        return tw_fail(error, TW_ERROR_DATA,
                       "%s: row %lld%s (counted from 0) holds the label %.15g; input \"%s\" "
                       "takes labels from 0 to %lld",
                       name, r, where, value, b->input, (long long)b->classes - 1);
    return tw_fail(error, TW_ERROR_DATA,
                   "%s: row %lld%s (counted from 0) is %.15g, which input \"%s\" of type %s "
                   "does not hold",
                   name, r, where, value, b->input, tw_type_name(b->type));
}

/* NaN compares false. */
static tw_status check(const tw_binding *b, const double *values, int count, int64_t row,
                       int64_t element, tw_error *error)
{
    for (int i = 0; i < count; i++)
        if (!(values[i] >= b->low && values[i] <= b->high) ||
            (b->whole && values[i] != trunc(values[i])))
            return fail_value(b, row, element + i, values[i], error);
    return TW_OK;
}

/* Are cells and elements the same bytes, all of them valid? */
static bool is_copy(const tw_binding *b)
{
    if ((b->classes && !b->column->classed) || b->one_hot)
        return false;
    const tw_cell cell = b->column->cell;
    return (cell == TW_CELL_F32 && b->type == TW_F32) ||
           (cell == TW_CELL_I32 && b->type == TW_I32) || (cell == TW_CELL_U8 && b->type == TW_U8) ||
           (cell == TW_CELL_F16 && b->type == TW_F16) ||
           (cell == TW_CELL_BF16 && b->type == TW_BF16);
}

/* One row by way of double; dst NULL: only checked. */
static tw_status convert_row(const tw_binding *b, int64_t row, void *dst, int64_t at,
                             tw_error *error)
{
    const int64_t width = tw_column_width(b->column), stride = tw_column_stride(b->column);
    double values[CHUNK];
    for (int64_t element = 0; element < width; element += CHUNK) {
        const int count = (int)TW_MIN((int64_t)CHUNK, width - element);
        tw_cells_load(b->column->cell, b->column->data, row * stride + element, count, values);
        TW_TRY(check(b, values, count, row, element, error));
        if (b->pixels)
            for (int i = 0; i < count; i++)
                values[i] /= 255;
        if (dst && b->one_hot) { /* width is 1; zero is all bits zero in every type */
            const size_t size = tw_type_size(b->type);
            memset((char *)dst + (size_t)at * size, 0, (size_t)b->width * size);
            store(b->type, &(double){1}, 1, dst, at + (int64_t)values[0]);
        } else if (dst) {
            store(b->type, values, count, dst, at + element);
        }
    }
    return TW_OK;
}

static void convert_pixels(const uint8_t *restrict in, int64_t count, float *restrict out)
{
    for (int64_t i = 0; i < count; i++)
        out[i] = (float)in[i] / 255.0f;
}

tw_status tw_convert(const tw_binding *b, int64_t first, const int64_t *order, int64_t n, void *dst,
                     tw_error *error)
{
    const int64_t width = tw_column_width(b->column), stride = tw_column_stride(b->column);
    const size_t size = tw_cell_size(b->column->cell);
    const bool copy = is_copy(b), pixels = b->pixels && b->type == TW_F32;
    const char *data = b->column->data;
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = first + (order ? order[i] : i);
        const char *in = data + (size_t)(row * stride) * size;
        if (copy)
            memcpy((char *)dst + (size_t)(i * width) * size, in, (size_t)width * size);
        else if (pixels)
            convert_pixels((const uint8_t *)in, width, (float *)dst + i * width);
        else
            TW_TRY(convert_row(b, row, dst, i * b->width, error));
    }
    return TW_OK;
}

/* Can no cell of this type be wrong for the input? */
static bool is_always_right(const tw_binding *b)
{
    const tw_cell cell = b->column->cell;
    if (b->classes)
        return b->column->classed;
    if (cell == TW_CELL_BOOL || cell == TW_CELL_U8)
        return b->type != TW_BOOL;
    return !tw_cell_is_float(cell) && (b->type == TW_F32 || b->type == TW_BF16);
}

tw_status tw_convert_check(const tw_binding *b, int64_t first, int64_t n, tw_error *error)
{
    if (is_always_right(b))
        return TW_OK;
    for (int64_t i = 0; i < n; i++)
        TW_TRY(convert_row(b, first + i, NULL, 0, error));
    return TW_OK;
}
