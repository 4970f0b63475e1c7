// SPDX-License-Identifier: Apache-2.0
// Windows over images and sequences: padding rules and sizes, for convolutions and pools.
#include "base/text.h"
#include "op/convolution.h"
#include <inttypes.h>

int64_t tw_dim_number(tw_dim dim)
{
    return tw_dim_fixed(dim) ? dim.scale : -1;
}

int64_t tw_window_reach(int64_t size, int64_t dilation)
{
    return (size - 1) * dilation + 1;
}

int64_t tw_window_places(int64_t extent, int64_t pad_before, int64_t pad_after, int64_t size,
                         int64_t stride, int64_t dilation)
{
    const int64_t room = extent + pad_before + pad_after - tw_window_reach(size, dilation);
    return room < 0 ? 0 : room / stride + 1;
}

static tw_status check_least(const char *name, int64_t value, int64_t least, tw_error *error)
{
    if (value >= least && value <= (1 << 24))
        return TW_OK;
    return tw_fail(error, TW_ERROR_SHAPE,
                   "%s=%" PRId64 " is not possible: the least is %" PRId64 ", the most 16777216",
                   name, value, least);
}

tw_status tw_int_of(const tw_call *call, const char *name, int64_t least, int64_t *value,
                    tw_error *error)
{
    *value = tw_attr_int(call, name);
    return check_least(name, *value, least, error);
}

tw_status tw_ints_of(const tw_call *call, const char *name, int count, int64_t least,
                     int64_t *values, tw_error *error)
{
    if (!tw_attr_ints(call, name, count, values))
        return tw_fail(error, TW_ERROR_SHAPE, "%s= takes one number, or %d", name, count);
    for (int i = 0; i < count; i++)
        TW_TRY(check_least(name, values[i], least, error));
    return TW_OK;
}

/* "1", "1,2" or "1,2,1,2"; returns how many, 0 if it is something else. */
static int parse_numbers(const char *text, int64_t values[4])
{
    int count = 0;
    for (;;) {
        const size_t length = strcspn(text, ",");
        if (count == 4 || !tw_parse_int(text, length, &values[count]) || values[count] < 0 ||
            values[count] > (1 << 24))
            return 0;
        count++;
        if (!text[length])
            return count;
        text += length + 1;
    }
}

static void same_padding(int64_t extent, int64_t size, int64_t stride, int64_t dilation,
                         int64_t *before, int64_t *after)
{
    const int64_t places = (extent + stride - 1) / stride;
    const int64_t total =
        TW_MAX(0, (places - 1) * stride + tw_window_reach(size, dilation) - extent);
    *before = total / 2;
    *after = total - total / 2;
}

tw_status tw_padding_of(const tw_call *call, const int64_t extent[2], const int64_t size[2],
                        const int64_t stride[2], const int64_t dilation[2], int64_t pad[4],
                        tw_error *error)
{
    const char *text = tw_attr_text(call, "padding");
    memset(pad, 0, 4 * sizeof *pad);
    if (strcmp(text, "valid") == 0)
        return TW_OK;
    if (strcmp(text, "same") == 0) {
        for (int d = 0; d < 2; d++)
            same_padding(TW_MAX(extent[d], 0), size[d], stride[d], dilation[d], &pad[d],
                         &pad[d + 2]);
        return TW_OK;
    }
    const int count = parse_numbers(text, pad);
    if (count != 1 && count != 2 && count != 4)
        return tw_fail(error, TW_ERROR_SYNTAX,
                       "padding=%s is neither \"valid\", \"same\" nor 1, 2 or 4 numbers "
                       "(top,left,bottom,right)",
                       text);
    if (count == 1)
        pad[1] = pad[0];
    if (count < 4) {
        pad[2] = pad[0];
        pad[3] = pad[1];
    }
    return TW_OK;
}

tw_status tw_padding_1d(const tw_call *call, int64_t steps, int64_t size, int64_t stride,
                        int64_t dilation, bool causal, int64_t pad[2], tw_error *error)
{
    const char *text = tw_attr_text(call, "padding");
    int64_t numbers[4];
    pad[0] = pad[1] = 0;
    if (strcmp(text, "valid") == 0)
        return TW_OK;
    if (strcmp(text, "same") == 0) {
        same_padding(TW_MAX(steps, 0), size, stride, dilation, &pad[0], &pad[1]);
        return TW_OK;
    }
    if (causal && strcmp(text, "causal") == 0) {
        pad[0] = tw_window_reach(size, dilation) - 1;
        return TW_OK;
    }
    const int count = parse_numbers(text, numbers);
    if (count != 1 && count != 2)
        return tw_fail(error, TW_ERROR_SYNTAX,
                       "padding=%s is neither \"valid\", \"same\"%s nor 1 or 2 numbers "
                       "(before,after)",
                       text, causal ? ", \"causal\"" : "");
    pad[0] = numbers[0];
    pad[1] = numbers[count - 1];
    return TW_OK;
}
