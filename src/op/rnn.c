// SPDX-License-Identifier: Apache-2.0
// rnn: the simple recurrent layer (Elman 1990), as Keras's SimpleRNN.
#include "op/recurrent.h"

static const tw_attribute rnn_attributes[] = {TW_RECURRENT_ATTRIBUTES(TW_RECURRENT_ACT),
                                              TW_WEIGHT_ATTRIBUTES, TW_ATTRIBUTES_END};

static const tw_operator rnn = {
    .name = "rnn",
    .doc = "simple recurrent layer: y = h = act(x W + h U + bias)",
    .inputs = "x weight? recurrent? bias? mask? h0? backward_weight? backward_recurrent? "
              "backward_bias? backward_h0?",
    .results = "y h backward_h",
    .attributes = rnn_attributes,
    .weight = tw_recurrent_weight,
    .infer = tw_recurrent_infer,
    .expand = tw_recurrent_expand,
};

const tw_operator *const tw_op_rnn[] = {&rnn, NULL};
