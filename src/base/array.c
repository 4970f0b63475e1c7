// SPDX-License-Identifier: Apache-2.0
// Element types and host arrays.
#include "base/base.h"

const char *tw_type_name(tw_type type)
{
    switch (type) {
#define TW_CASE(name, value, text, bytes)                                                          \
    case name:                                                                                     \
        return text;
        TW_TYPE_LIST(TW_CASE)
#undef TW_CASE
    case TW_TYPE_NONE:
        break;
    }
    return "?";
}

size_t tw_type_size(tw_type type)
{
    switch (type) {
#define TW_CASE(name, value, text, bytes)                                                          \
    case name:                                                                                     \
        return bytes;
        TW_TYPE_LIST(TW_CASE)
#undef TW_CASE
    case TW_TYPE_NONE:
        break;
    }
    return 0;
}

int64_t tw_array_count(const tw_array *array)
{
    int64_t count = 1;
    bool empty = false, overflow = false;
    if (array->rank < 0 || array->rank > TW_MAX_RANK)
        return -1;
    for (int i = 0; i < array->rank; i++) {
        const int64_t size = array->dim[i];
        if (size < 0)
            return -1;
        if (size == 0)
            empty = true;
        else if (count > INT64_MAX / size)
            overflow = true;
        else
            count *= size;
    }
    return empty ? 0 : overflow ? -1 : count;
}
