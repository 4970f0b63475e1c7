// SPDX-License-Identifier: Apache-2.0
// Sizes that are products of a number and letters.
#include "base/shape.h"
#include <stdio.h>

static const tw_dim unknown = {-1, 0};

/* Product of two sizes that are not negative, or -1 on overflow. */
static int64_t multiply(int64_t a, int64_t b)
{
    return a != 0 && b > INT64_MAX / a ? -1 : a * b;
}

/* A size of zero is zero whatever its letters. */
static tw_dim make(int64_t scale, uint32_t letters)
{
    if (scale < 0)
        return unknown;
    return (tw_dim){scale, scale == 0 ? 0 : letters};
}

bool tw_dim_known(tw_dim dim)
{
    return dim.scale >= 0;
}

bool tw_dim_fixed(tw_dim dim)
{
    return dim.scale >= 0 && dim.letters == 0;
}

bool tw_dim_equal(tw_dim a, tw_dim b)
{
    return a.scale >= 0 && a.scale == b.scale && (a.letters == b.letters || a.scale == 0);
}

bool tw_dim_is_one(tw_dim dim)
{
    return dim.scale == 1 && dim.letters == 0;
}

tw_dim tw_dim_multiply(tw_dim a, tw_dim b)
{
    if (a.scale < 0 || b.scale < 0 || (a.letters & b.letters))
        return unknown;
    return make(multiply(a.scale, b.scale), a.letters | b.letters);
}

tw_dim tw_dim_divide(tw_dim a, tw_dim b)
{
    if (a.scale < 0 || b.scale <= 0 || a.scale % b.scale != 0)
        return unknown;
    if (a.scale != 0 && (b.letters & ~a.letters))
        return unknown;
    return make(a.scale / b.scale, a.letters & ~b.letters);
}

int64_t tw_dim_at(tw_dim dim, int64_t n)
{
    assert((dim.letters & ~TW_BATCH) == 0);
    if (dim.scale < 0 || n < 0)
        return -1;
    return dim.letters & TW_BATCH ? multiply(dim.scale, n) : dim.scale;
}

tw_dim tw_dim_bind(tw_dim dim, uint32_t letter, int64_t value)
{
    if (dim.scale < 0 || !(dim.letters & letter))
        return dim;
    if (value < 0)
        return unknown;
    return make(multiply(dim.scale, value), dim.letters & ~letter);
}

tw_dim tw_shape_span(const tw_shape *shape, int from, int to)
{
    tw_dim product = TW_DIM(1);
    for (int i = from; i < to; i++)
        product = tw_dim_multiply(product, shape->dim[i]);
    return product;
}

tw_dim tw_shape_count(const tw_shape *shape)
{
    return tw_shape_span(shape, 0, shape->rank);
}

bool tw_shape_equal(const tw_shape *a, const tw_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (!tw_dim_equal(a->dim[i], b->dim[i]))
            return false;
    return true;
}

/* Longest: 19 digits and 26 letters with '*' between. */
#define DIM_TEXT 80

static void dim_text(tw_dim dim, char *text)
{
    if (dim.scale < 0) {
        memcpy(text, "?", 2);
        return;
    }
    int length = 0;
    if (dim.scale != 1 || dim.letters == 0)
        length = snprintf(text, DIM_TEXT, "%lld", (long long)dim.scale);
    bool first = true;
    for (int i = 0; i < 26; i++)
        if (dim.letters >> i & 1u) {
            if (!first)
                text[length++] = '*';
            text[length++] = (char)('a' + i);
            first = false;
        }
    text[length] = '\0';
}

const char *tw_shape_text(const tw_shape *shape, char *buffer)
{
    size_t length = 0;
    buffer[length++] = '[';
    for (int i = 0; i < shape->rank; i++) {
        char text[DIM_TEXT];
        dim_text(shape->dim[i], text);
        const size_t more = strlen(text) + (i > 0);
        if (length + more > TW_SHAPE_TEXT - 6) { /* room for ",...]" */
            memcpy(buffer + length, ",...", 4);
            length += 4;
            break;
        }
        if (i > 0)
            buffer[length++] = ',';
        memcpy(buffer + length, text, strlen(text));
        length += strlen(text);
    }
    buffer[length++] = ']';
    buffer[length] = '\0';
    return buffer;
}
