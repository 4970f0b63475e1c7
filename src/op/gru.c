// SPDX-License-Identifier: Apache-2.0
// gru: gated recurrent unit (Cho et al. 2014, equations 5 to 8), as Keras's GRU; its default,
// reset_after, is PyTorch's and cuDNN's.
#include "op/recurrent.h"

static const tw_attribute gru_attributes[] = {
    TW_RECURRENT_ATTRIBUTES(TW_RECURRENT_ACT TW_RECURRENT_GATE),
    {"reset_after", TW_ATTR_BOOL, "yes", NULL,
     "apply the reset gate to the state's product (bias [2,3*units]); no: to the state"},
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

static const tw_operator gru = {
    .name = "gru",
    .doc = "gated recurrent unit: z, r = gates, y = h = z h + (1 - z) act(x W + r (h U))",
    .inputs = "x weight? recurrent? bias? mask? h0? backward_weight? backward_recurrent? "
              "backward_bias? backward_h0?",
    .results = "y h backward_h",
    .attributes = gru_attributes,
    .weight = tw_recurrent_weight,
    .infer = tw_recurrent_infer,
    .expand = tw_recurrent_expand,
};

const tw_operator *const tw_op_gru[] = {&gru, NULL};
