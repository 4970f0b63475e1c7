// SPDX-License-Identifier: Apache-2.0
// What several operators share: axes, shapes collapsed around an axis, texts of shapes, elements of
// host tensors.
#ifndef TW_OP_HELPERS_H
#define TW_OP_HELPERS_H

#include "op/host.h"
#include "op/site.h"

/* The last row of a table of attributes. */
#define TW_ATTRIBUTES_END                                                                          \
    {                                                                                              \
        NULL, TW_ATTR_INT, NULL, NULL, NULL                                                        \
    }

/* A batch that stands for "typical" where a split is chosen at plan time: the choice must not
 * follow n. */
#define TW_NOMINAL_BATCH 64

/* A shape as [outer, axis, inner], seen from one axis or a run of axes. */
typedef struct tw_collapsed {
    tw_dim outer, axis, inner;
} tw_collapsed;

/* The shape around axes from .. to - 1. */
tw_collapsed tw_collapse(const tw_shape *shape, int from, int to);
/* Whether a row of that many elements may end in a part of a vector of 16. */
bool tw_has_tail(tw_dim row);
/* The integer attribute NAME as an axis of that rank, negative from the end. */
tw_status tw_axis_of(const tw_call *call, const char *name, int rank, int *axis, tw_error *error);
/* The axis of a call whose infer has accepted it. */
int tw_axis_checked(const tw_call *call, const char *name, int rank);

/* TYPE error unless the input is of a real type. */
tw_status tw_expect_real(const tw_call *call, int input, tw_error *error);

/* "n,28,28" for shape= attributes; "" for rank 0. buffer: TW_SHAPE_TEXT bytes; returned. */
const char *tw_shape_dims(const tw_shape *shape, char *buffer);
/* x under another shape of as many elements (x itself if it has it already). */
tw_node *tw_emit_reshape(tw_graph *g, tw_node *x, const tw_shape *shape);
/* The product of sizes as a rank-0 number of that type, at this run's batch. */
tw_node *tw_emit_extent(tw_graph *g, tw_dim count, tw_type type);
/* x repeated to the shape by NumPy's rule. */
tw_node *tw_emit_broadcast(tw_graph *g, tw_node *x, const tw_shape *shape);

/* Product of dim[from] to dim[to - 1]. */
int64_t tw_host_span(const tw_host_tensor *tensor, int from, int to);

/* ---- for variants ---- */
/* Size of the last dimension, 1 for rank 0: what `col` counts within. */
tw_dim tw_last_dim(const tw_shape *shape);
/* "float" or "int": what LOAD gives for the type. Defined for kernels as VALUE (scalar) and
 * VALUEV(W) by tw_launch_define_value. */
void tw_launch_define_value(tw_site *site, tw_launch *launch, tw_type type);
/* The value at the nominal batch. */
int64_t tw_dim_nominal(tw_dim dim);

#endif
