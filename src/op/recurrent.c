// SPDX-License-Identifier: Apache-2.0
// Layers over sequences: one product of all inputs with the weight, then the recurrence, once or in
// both directions. Weights, defaults and masks are Keras's.
#include "op/recurrent.h"
#include <inttypes.h>
#include <stdio.h>

enum { X, WEIGHT, RECURRENT, BIAS, MASK, H0, C0 };

/* Where a layer's inputs and results stand, and what it computes. */
typedef struct layer {
    tw_cell cell;
    int gates, states; /* states: 2 with a cell state */
    int backward;      /* index of backward_weight */
    bool bidirectional, sequences, bias;
    int64_t units;
} layer;

static layer layer_of(const tw_call *call)
{
    layer l = {.gates = 1, .states = 1};
    if (strcmp(call->op->name, "lstm") == 0)
        l = (layer){.cell = TW_CELL_LSTM, .gates = 4, .states = 2};
    else if (strcmp(call->op->name, "gru") == 0)
        l = (layer){.cell = tw_attr_bool(call, "reset_after") ? TW_CELL_GRU : TW_CELL_GRU_BEFORE,
                    .gates = 3,
                    .states = 1};
    l.backward = H0 + l.states;
    l.bidirectional = tw_attr_bool(call, "bidirectional");
    l.sequences = tw_attr_bool(call, "return_sequences");
    l.bias = tw_attr_bool(call, "bias");
    l.units = tw_attr_int(call, "units");
    return l;
}

/* Which of a direction's inputs (WEIGHT, RECURRENT, BIAS, MASK, H0, C0) this one is. */
static int role_of(const layer *l, int input)
{
    const int i = input - l->backward;
    return i < 0 ? input : i < 3 ? WEIGHT + i : H0 + i - 3;
}

/* The input of that role of the forward or the backward direction; the mask is of both. */
static tw_node *input_of(const tw_call *call, const layer *l, bool backward, int role)
{
    const int i = !backward || role == MASK ? role
                  : role < MASK             ? l->backward + role - WEIGHT
                                            : l->backward + 3 + role - H0;
    if (role == C0 && l->states < 2)
        return NULL;
    return i < call->n_inputs ? call->input[i] : NULL;
}

/* What the input of a role must look like. */
static tw_shape shape_of(const tw_call *call, const layer *l, int role)
{
    const tw_shape *x = &call->input[X]->shape;
    const tw_dim units = TW_DIM(l->units), columns = TW_DIM(l->gates * l->units);
    switch (role) {
    case WEIGHT:
        return (tw_shape){2, {x->dim[2], columns}};
    case RECURRENT:
        return (tw_shape){2, {units, columns}};
    case BIAS:
        return l->cell == TW_CELL_GRU ? (tw_shape){2, {TW_DIM(2), columns}}
                                      : (tw_shape){1, {columns}};
    case MASK:
        return (tw_shape){2, {x->dim[0], x->dim[1]}};
    default:
        return (tw_shape){2, {x->dim[0], units}};
    }
}

static tw_status check_sizes(const tw_call *call, const layer *l, tw_error *error)
{
    char text[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, X, error));
    if (call->input[X]->shape.rank != 3)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s must be sequences, [n,steps,features]",
                       tw_shape_text(&call->input[X]->shape, text));
    if (l->units < 1 || l->units > INT32_MAX / 4)
        return tw_fail(error, TW_ERROR_SHAPE, "units=%" PRId64 " must be from 1 to %d", l->units,
                       INT32_MAX / 4);
    return TW_OK;
}

bool tw_recurrent_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                         tw_error *error)
{
    const layer l = layer_of(call);
    const int role = role_of(&l, input);
    if (role > BIAS || (role == BIAS && !l.bias) || (input >= l.backward && !l.bidirectional))
        return false;
    *status = check_sizes(call, &l, error);
    if (*status == TW_OK && !tw_dim_fixed(call->input[X]->shape.dim[2]))
        *status = tw_fail(error, TW_ERROR_SHAPE,
                          "the last size of x must be a number, for it is the weight's");
    if (*status != TW_OK)
        return false;
    static const char *const init[] = {[WEIGHT] = "glorot_uniform", [RECURRENT] = "orthogonal"};
    *spec = (tw_weight_spec){call->input[X]->type, shape_of(call, &l, role),
                             role < BIAS              ? init[role]
                             : l.cell == TW_CELL_LSTM ? "forget_bias"
                                                      : "zeros",
                             true};
    return true;
}

/* ---- inference ---- */

static tw_status check_activation(const tw_call *call, const char *attribute, tw_error *error)
{
    const tw_operator *const *const *operators = call->graph->operators;
    const char *act = tw_attr_text(call, attribute);
    char names[600] = "linear";
    if (tw_recurrent_activation(call->graph, act))
        return TW_OK;
    for (const tw_operator *const *const *file = operators; *file; file++)
        for (const tw_operator *const *op = *file; *op; op++) {
            const size_t length = strlen(names);
            if (!((*op)->flags & TW_OP_INTERNAL) &&
                tw_recurrent_activation(call->graph, (*op)->name) == *op)
                (void)snprintf(names + length, sizeof names - length, ", %s", (*op)->name);
        }
    return tw_fail(error, TW_ERROR_NAME,
                   "%s=%s: its derivative must be a function of its result, as it is of %s",
                   attribute, act, names);
}

static tw_status check_inputs(const tw_call *call, const layer *l, tw_error *error)
{
    char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
    for (int i = WEIGHT; i < call->n_inputs; i++) {
        const tw_node *node = call->input[i];
        const char *name = tw_call_input_name(call, i);
        const int role = role_of(l, i);
        if (!node)
            continue;
        if (i >= l->backward && !l->bidirectional)
            return tw_fail(error, TW_ERROR_ARGUMENT, "%s is given, but bidirectional=no", name);
        if (role == BIAS && !l->bias)
            return tw_fail(error, TW_ERROR_ARGUMENT, "%s is given, but bias=no", name);
        const tw_shape shape = shape_of(call, l, role);
        bool equal = node->shape.rank == shape.rank;
        for (int d = 0; equal && d < shape.rank; d++)
            equal = !tw_dim_known(shape.dim[d]) || !tw_dim_known(node->shape.dim[d]) ||
                    tw_dim_equal(shape.dim[d], node->shape.dim[d]);
        if (!equal)
            return tw_fail(error, TW_ERROR_SHAPE, "%s is %s, but must be %s", name,
                           tw_shape_text(&node->shape, is), tw_shape_text(&shape, must));
        if (role != MASK && node->type != call->input[X]->type)
            return tw_fail(error, TW_ERROR_TYPE, "%s is %s, but x is %s", name,
                           tw_type_name(node->type), tw_type_name(call->input[X]->type));
    }
    return TW_OK;
}

tw_status tw_recurrent_infer(tw_call *call, tw_error *error)
{
    const layer l = layer_of(call);
    TW_TRY(check_sizes(call, &l, error));
    TW_TRY(check_activation(call, "act", error));
    if (l.cell != TW_CELL_RNN)
        TW_TRY(check_activation(call, "recurrent_act", error));
    TW_TRY(check_inputs(call, &l, error));
    const tw_shape *x = &call->input[X]->shape;
    const bool twice = l.bidirectional && tw_attr_is(call, "merge", "concat");
    const tw_dim width = TW_DIM(twice ? 2 * l.units : l.units);
    const tw_shape steps = {3, {x->dim[0], x->dim[1], width}}, last = {2, {x->dim[0], width}},
                   state = shape_of(call, &l, H0);
    tw_result_set(call, 0, call->input[X]->type, l.sequences ? &steps : &last);
    for (int i = 1; i < call->n_results; i++)
        tw_result_set(call, i, call->input[X]->type, &state);
    return TW_OK;
}

/* ---- expansion ---- */

static tw_node *as(tw_graph *g, tw_node *x, tw_type type)
{
    return !x || x->type == type ? x : tw_emit1(g, x, "cast type=%s", tw_type_name(type));
}

static tw_node *emit_direction(tw_graph *g, const tw_call *call, const layer *l, bool backward)
{
    tw_node *in[C0 + 1];
    for (int role = WEIGHT; role <= C0; role++) {
        in[role] = input_of(call, l, backward, role);
        if (role != MASK)
            in[role] = as(g, in[role], TW_F32);
    }
    tw_node *x = tw_emit2(g, as(g, call->input[X], TW_F32), in[WEIGHT], "matmul");
    if (in[BIAS] && l->cell != TW_CELL_GRU)
        x = tw_emit2(g, x, in[BIAS], "add");
    tw_node *inputs[TW_REC_INPUTS] = {
        x, in[RECURRENT], l->cell == TW_CELL_GRU ? in[BIAS] : NULL, in[MASK], in[H0], in[C0]};
    static const char *const words[] = {"rnn", "lstm", "gru", "gru_before"};
    int count = TW_REC_INPUTS;
    while (!inputs[count - 1])
        count--;
    return tw_emit(g, count, inputs, "recurrence cell=%s act=%s recurrent_act=%s reverse=%s",
                   words[l->cell], tw_attr_text(call, "act"),
                   l->cell == TW_CELL_RNN ? "sigmoid" : tw_attr_text(call, "recurrent_act"),
                   tw_attr_bool(call, "reverse") != backward ? "yes" : "no");
}

/* The direction's output. The last one differs from the final state where a mask may hide all
 * steps: then it is 0, and the state h0. */
static tw_node *output_of(const tw_call *call, const layer *l, tw_node *made, bool backward)
{
    const bool apart = input_of(call, l, backward, MASK) && input_of(call, l, backward, H0);
    return tw_result(made, l->sequences ? TW_REC_Y : apart ? TW_REC_LAST : TW_REC_H);
}

static tw_node *merge(tw_graph *g, const tw_call *call, tw_node *a, tw_node *b)
{
    if (tw_attr_is(call, "merge", "concat"))
        return tw_emit2(g, a, b, "concat axis=-1");
    if (tw_attr_is(call, "merge", "mul"))
        return tw_emit2(g, a, b, "mul");
    tw_node *sum = tw_emit2(g, a, b, "add");
    return tw_attr_is(call, "merge", "sum") ? sum : tw_emit2(g, sum, tw_emit_scalar(g, 0.5), "mul");
}

/* One direction goes on giving its last output at masked steps. Both together give 0 there, as
 * Keras's Bidirectional does, and PyTorch's pad_packed_sequence. */
static tw_node *hide(tw_graph *g, const tw_call *call, const layer *l, tw_node *y)
{
    tw_node *mask = input_of(call, l, false, MASK);
    if (!mask || !l->bidirectional || !l->sequences)
        return y;
    mask = tw_emit1(g, as(g, mask, TW_BOOL), "expand_dims axes=-1");
    return tw_emit(g, 3, (tw_node *[]){mask, y, tw_emit_scalar(g, 0)}, "where");
}

void tw_recurrent_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    const layer l = layer_of(call);
    tw_node *y = NULL;
    for (int backward = 0; backward <= l.bidirectional; backward++) {
        tw_node *made = emit_direction(g, call, &l, backward);
        tw_node *own = output_of(call, &l, made, backward);
        y = backward ? merge(g, call, y, own) : own;
        for (int i = 0; i < l.states; i++)
            results[1 + backward * l.states + i] = tw_result(made, TW_REC_H + i);
    }
    for (int i = 1; i <= (1 + l.bidirectional) * l.states; i++)
        results[i] = as(g, results[i], call->input[X]->type);
    results[0] = as(g, hide(g, call, &l, y), call->input[X]->type);
}
