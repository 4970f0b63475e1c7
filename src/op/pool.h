// SPDX-License-Identifier: Apache-2.0
// A maxpool in the kernel of the convolution before it.
#ifndef TW_OP_POOL_H
#define TW_OP_POOL_H

#include "op/site.h"

/* Windows side by side and without padding: height and width, and the pixels of the convolution
 * that they cover. */
typedef struct tw_pooling {
    int64_t size[2], h, w;
} tw_pooling;

/* Whether the site's tail is such a maxpool. */
bool tw_pooling_of(const tw_site *site, tw_pooling *pooling);
/* Whether the call is the gradient of such a maxpool. */
bool tw_pooling_of_gradient(const tw_call *call, tw_pooling *pooling);
/* tw_launch_epilogue for a kernel that can pool (cl/core/pool.cl): it does where pooling is not
 * NULL.
 */
void tw_launch_pooling(tw_site *site, tw_launch *launch, const tw_pooling *pooling,
                       unsigned widths);

#endif
