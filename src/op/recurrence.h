// SPDX-License-Identifier: Apache-2.0
// The recurrence of rnn, lstm and gru over the steps of a sequence, and its gradient: what the
// files of the two primitives share.
#ifndef TW_OP_RECURRENCE_H
#define TW_OP_RECURRENCE_H

#include "op/helpers.h"

/* Sources: rnn: Elman, "Finding Structure in Time", 1990. lstm: Hochreiter and Schmidhuber, "Long
 * Short-Term Memory", 1997, with the forget gate of Gers et al., "Learning to Forget", 2000, and
 * without peepholes. gru: Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder",
 * 2014, equations 5 to 8; there, and in GRU_BEFORE, the reset gate is applied to the state before
 * its product, in GRU to the product (cuDNN, PyTorch, Keras's reset_after). */
typedef enum tw_cell { TW_CELL_RNN, TW_CELL_LSTM, TW_CELL_GRU, TW_CELL_GRU_BEFORE } tw_cell;
#define TW_CELL_WORDS "rnn|lstm|gru|gru_before"

/* A call of either primitive, read. Columns are gates * units: lstm i, f, g, o; gru z, r, h. */
typedef struct tw_recurrence {
    tw_cell cell;
    int gates; /* of a product's columns */
    int saved; /* values a unit and step that the gradient needs: gates, and gru's product q */
    bool reverse;
    tw_dim n, t;
    int64_t units;
    const tw_operator *act, *recurrent_act;
} tw_recurrence;

/* Inputs and results of `recurrence`. */
enum { TW_REC_X, TW_REC_WEIGHT, TW_REC_BIAS, TW_REC_MASK, TW_REC_H0, TW_REC_C0, TW_REC_INPUTS };
enum {
    TW_REC_Y,      /* [n,t,u] the output at each step */
    TW_REC_LAST,   /* [n,u] that of the last step taken */
    TW_REC_H,      /* [n,u] the final state */
    TW_REC_C,      /* [n,u] the final cell state (lstm) */
    TW_REC_GATES,  /* [n,t,saved*u] for the gradient: gates as activated; gru q = h U + bias */
    TW_REC_BEFORE, /* [n,t,u] the state before each step */
    TW_REC_CARRY,  /* [n,t,u] the cell state before each step (lstm) */
    TW_REC_RESULTS
};
/* Of `recurrence_dx`. */
enum {
    TW_DREC_WEIGHT,
    TW_DREC_GATES,
    TW_DREC_BEFORE,
    TW_DREC_CARRY,
    TW_DREC_MASK,
    TW_DREC_DY,
    TW_DREC_DLAST,
    TW_DREC_DH,
    TW_DREC_DC,
    TW_DREC_INPUTS
};
enum {
    TW_DREC_DX,  /* [n,t,gates*u] by x */
    TW_DREC_DR,  /* the same by the product of the state (gru's differ in the last gate) */
    TW_DREC_DH0, /* [n,u] */
    TW_DREC_DC0, /* [n,u] (lstm) */
    TW_DREC_RESULTS
};

/* Of a call that infer has accepted. */
tw_recurrence tw_recurrence_of(const tw_call *call);
/* The elementwise operator that act= names, if its derivative is a function of the result alone
 * (what a step keeps); NULL otherwise. "linear" and "none" are identity. */
const tw_operator *tw_recurrent_activation(const tw_graph *g, const char *act);

void tw_recurrence_host(const tw_host_call *host);
void tw_recurrence_dx_host(const tw_host_call *host);
void tw_recurrence_variants(tw_site *site);
void tw_recurrence_dx_variants(tw_site *site);

#endif
