// SPDX-License-Identifier: Apache-2.0
// Sizes of launches.
#include "base/launch.h"

int64_t tw_launch_groups(const tw_launch *launch, int d, int64_t n)
{
    if (d >= launch->dims)
        return 1;
    const int64_t items = tw_dim_at(launch->global[d], n);
    const int64_t divide = TW_MAX(launch->divide[d], 1);
    return items <= 0 ? items : (items - 1) / divide + 1;
}
