// SPDX-License-Identifier: Apache-2.0
// How device memory holds elements.
#include "base/caps.h"

size_t tw_caps_type_size(const tw_caps *caps, tw_type type)
{
    const bool real = type == TW_F32 || type == TW_F16 || type == TW_BF16;
    return caps->family == TW_FAMILY_HOST && real ? sizeof(double) : tw_type_size(type);
}
