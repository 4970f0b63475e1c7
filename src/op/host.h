// SPDX-License-Identifier: Apache-2.0
// Elements of host tensors as numbers, for the C references.
#ifndef TW_OP_HOST_H
#define TW_OP_HOST_H

#include "base/launch.h"

static inline bool tw_type_is_real(tw_type type)
{
    return type == TW_F32 || type == TW_F16 || type == TW_BF16;
}

static inline double tw_host_get(const tw_host_tensor *tensor, int64_t i)
{
    if (tw_type_is_real(tensor->type))
        return ((const double *)tensor->data)[i];
    return tensor->type == TW_I32 ? ((const int32_t *)tensor->data)[i]
                                  : ((const uint8_t *)tensor->data)[i];
}

static inline void tw_host_put(const tw_host_tensor *tensor, int64_t i, double value)
{
    if (tw_type_is_real(tensor->type))
        ((double *)tensor->data)[i] = value;
    else if (tensor->type == TW_I32)
        ((int32_t *)tensor->data)[i] = (int32_t)(int64_t)value;
    else
        ((uint8_t *)tensor->data)[i] = (uint8_t)(int64_t)value;
}

/* Index into `tensor` for place `index` of a result with these sizes, by NumPy's broadcasting. */
static inline int64_t tw_host_broadcast(const tw_host_tensor *tensor, const tw_host_tensor *result,
                                        int64_t index)
{
    int64_t at = 0, stride = 1;
    for (int d = result->rank - 1, t = tensor->rank - 1; d >= 0; d--, t--) {
        const int64_t place = index % result->dim[d];
        index /= result->dim[d];
        if (t >= 0) {
            at += tensor->dim[t] == 1 ? 0 : place * stride;
            stride *= tensor->dim[t];
        }
    }
    return at;
}

#endif
