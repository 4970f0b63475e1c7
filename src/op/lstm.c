// SPDX-License-Identifier: Apache-2.0
// lstm: long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000), as Keras's
// LSTM.
#include "op/recurrent.h"

static const tw_attribute lstm_attributes[] = {
    TW_RECURRENT_ATTRIBUTES(TW_RECURRENT_ACT TW_RECURRENT_GATE), TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

static const tw_operator lstm = {
    .name = "lstm",
    .doc = "long short-term memory: i, f, o = gates, c = f c + i act(g), y = h = o act(c)",
    .inputs = "x weight? recurrent? bias? mask? h0? c0? backward_weight? backward_recurrent? "
              "backward_bias? backward_h0? backward_c0?",
    .results = "y h c backward_h backward_c",
    .attributes = lstm_attributes,
    .weight = tw_recurrent_weight,
    .infer = tw_recurrent_infer,
    .expand = tw_recurrent_expand,
};

const tw_operator *const tw_op_lstm[] = {&lstm, NULL};
