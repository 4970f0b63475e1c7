// SPDX-License-Identifier: Apache-2.0
// Elements between the types of host arrays and the storage of the host device: real types are
// double there.
#include "base/half.h"
#include "schedule/schedule.h"

void tw_to_storage(tw_type type, const void *source, void *target, int64_t count)
{
    double *out = target;
    switch (type) {
    case TW_F32:
        for (int64_t i = 0; i < count; i++)
            out[i] = ((const float *)source)[i];
        break;
    case TW_F16:
        for (int64_t i = 0; i < count; i++)
            out[i] = tw_from_f16(((const uint16_t *)source)[i]);
        break;
    case TW_BF16:
        for (int64_t i = 0; i < count; i++)
            out[i] = tw_from_bf16(((const uint16_t *)source)[i]);
        break;
    default:
        memcpy(target, source, (size_t)count * tw_type_size(type));
    }
}

void tw_from_storage(tw_type type, const void *source, void *target, int64_t count)
{
    const double *in = source;
    switch (type) {
    case TW_F32:
        for (int64_t i = 0; i < count; i++)
            ((float *)target)[i] = (float)in[i];
        break;
    case TW_F16:
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)target)[i] = tw_to_f16((float)in[i]);
        break;
    case TW_BF16:
        for (int64_t i = 0; i < count; i++)
            ((uint16_t *)target)[i] = tw_to_bf16((float)in[i]);
        break;
    default:
        memcpy(target, source, (size_t)count * tw_type_size(type));
    }
}
