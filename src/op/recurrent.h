// SPDX-License-Identifier: Apache-2.0
// The layers rnn, lstm and gru: what their descriptors share.
#ifndef TW_OP_RECURRENT_H
#define TW_OP_RECURRENT_H

#include "op/recurrence.h"

#define TW_RECURRENT_ATTRIBUTES(activations)                                                       \
    {"units", TW_ATTR_INT, NULL, NULL, "size of the state"},                                       \
        activations{"return_sequences", TW_ATTR_BOOL, "no", NULL,                                  \
                    "y [n,t,units] is the output at every step; no: at the last one, [n,units]"},  \
        {"bidirectional", TW_ATTR_BOOL, "no", NULL, "a second direction with weights of its own"}, \
        {"merge", TW_ATTR_CHOICE, "concat", "concat|sum|mul|ave", "of the two directions into y"}, \
        {"reverse", TW_ATTR_BOOL, "no", NULL,                                                      \
         "take the steps from the last to the first (y keeps the order of x)"},                    \
    {                                                                                              \
        "bias", TW_ATTR_BOOL, "yes", NULL, "whether a bias is added"                               \
    }
#define TW_RECURRENT_ACT                                                                           \
    {"act", TW_ATTR_TEXT, "tanh", NULL,                                                            \
     "activation whose derivative is a function of its result: tanh, sigmoid, relu, ..."},

#define TW_RECURRENT_GATE                                                                          \
    {"recurrent_act", TW_ATTR_TEXT, "sigmoid", NULL, "activation of the gates, likewise"},

/* Hooks: inputs "x weight? recurrent? bias? mask? h0? [c0?] backward_weight? backward_recurrent?
 * backward_bias? backward_h0? [backward_c0?]", results "y h [c] backward_h [backward_c]". */
bool tw_recurrent_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                         tw_error *error);
tw_status tw_recurrent_infer(tw_call *call, tw_error *error);
void tw_recurrent_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results);

#endif
