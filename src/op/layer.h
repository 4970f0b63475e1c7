// SPDX-License-Identifier: Apache-2.0
// What layers with weights share: bias, and the activation behind them.
#ifndef TW_OP_LAYER_H
#define TW_OP_LAYER_H

#include "op/helpers.h"

#define TW_LAYER_ATTRIBUTES                                                                        \
    {"bias", TW_ATTR_BOOL, "yes", NULL, "whether a bias is added"},                                \
    {                                                                                              \
        "act", TW_ATTR_TEXT, "none", NULL,                                                         \
            "activation: an elementwise operator, softmax, log_softmax"                            \
    }

/* Input 2, the bias of a layer with so many outputs, as the hook `weight` describes it. */
bool tw_layer_bias(const tw_call *call, int64_t units, tw_weight_spec *spec);
/* Checks a given bias, and act=. */
tw_status tw_layer_check(const tw_call *call, int64_t units, tw_error *error);
/* Input number `input` must be absent, or f32 of that shape: scales and shifts of norms. */
tw_status tw_expect_weight(const tw_call *call, int input, const tw_shape *shape, tw_error *error);
/* Emits bias and activation behind y. */
tw_node *tw_layer_finish(tw_graph *g, const tw_call *call, tw_node *y);

#endif
