// SPDX-License-Identifier: Apache-2.0
// Sizes of launches, and what they are given.
#include "base/launch.h"

int64_t tw_launch_groups(const tw_launch *launch, int d, int64_t n)
{
    if (d >= launch->dims)
        return 1;
    const int64_t items = tw_dim_at(launch->global[d], n);
    const int64_t divide = TW_MAX(launch->divide[d], 1);
    return items <= 0 ? items : (items - 1) / divide + 1;
}

int tw_launch_tensors(const tw_launch *launch)
{
    int count = 0;
    for (int a = 0; a < launch->n_args; a++)
        count += launch->arg[a].kind == TW_ARG_TENSOR;
    return count;
}
