// SPDX-License-Identifier: Apache-2.0
// What the tests with an operator of their own share: its launch.
#ifndef TW_TESTS_SCHEDULE_SITE_H
#define TW_TESTS_SCHEDULE_SITE_H

#include "op/site.h"

/* A candidate of that name, and its launch of the elementwise kernel by single elements of input 0,
 * which is X, f32: as many as *count. The test adds further tensors, the epilogue and the groups.
 */
static inline tw_launch *elementwise_launch(tw_site *site, const char *name, tw_dim *count)
{
    tw_candidate *c = tw_site_candidate(site, site->caps->family, name);
    tw_launch *l = tw_candidate_launch(site, c, "elementwise.cl", "elementwise");
    *count = tw_shape_count(tw_site_in_shape(site, 0));
    tw_launch_define(site, l, "VW", 1);
    tw_launch_define(site, l, "COLS", 1);
    tw_launch_define_dim(site, l, "COUNT", *count);
    tw_launch_in(site, l, "X", site->in[0], TW_F32);
    return l;
}

#endif
