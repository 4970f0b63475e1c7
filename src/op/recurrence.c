// SPDX-License-Identifier: Apache-2.0
// recurrence: the steps of rnn, lstm and gru, given the product of all inputs with the weight; and
// recurrence_dx, its gradient by the sums before the activations, from which products over all
// steps at once make the weights' gradients.
#include "op/recurrence.h"
#include "op/rows.h"
#include <inttypes.h>
#include <math.h>

#define COMMON                                                                                     \
    {"cell", TW_ATTR_CHOICE, NULL, TW_CELL_WORDS, "formulas of a step"},                           \
        {"act", TW_ATTR_TEXT, "tanh", NULL, "activation of the candidate state"},                  \
        {"recurrent_act", TW_ATTR_TEXT, "sigmoid", NULL, "activation of the gates"},               \
    {                                                                                              \
        "reverse", TW_ATTR_BOOL, "no", NULL, "take the steps from the last to the first"           \
    }
static const tw_attribute recurrence_attributes[] = {COMMON, TW_ATTRIBUTES_END};

/* ---- reading ---- */

const tw_operator *tw_recurrent_activation(const tw_graph *g, const char *act)
{
    if (strcmp(act, "linear") == 0 || strcmp(act, "none") == 0)
        act = "identity";
    const tw_operator *op = tw_operator_find(g->operators, act);
    if (!op || op->row <= 0 || tw_row_which(op->row) || strchr(op->inputs, ' '))
        return NULL;
    const tw_row *row = tw_row_get(op->row);
    const char *uses = row->derivative[0].uses;
    return row->inputs == 1 && uses && !strchr(uses, 'A') ? op : NULL;
}

tw_recurrence tw_recurrence_of(const tw_call *call)
{
    static const int gates[] = {1, 4, 3, 3}, saved[] = {1, 4, 4, 3};
    const bool forward = call->n_results == TW_REC_RESULTS;
    const tw_shape *w = &call->input[forward ? TW_REC_WEIGHT : TW_DREC_WEIGHT]->shape;
    const tw_shape *steps = &call->input[forward ? TW_REC_X : TW_DREC_GATES]->shape;
    const tw_cell cell = (tw_cell)tw_attr_int(call, "cell");
    return (tw_recurrence){
        .cell = cell,
        .gates = gates[cell],
        .saved = saved[cell],
        .reverse = tw_attr_bool(call, "reverse"),
        .n = steps->dim[0],
        .t = steps->dim[1],
        .units = w->dim[0].scale,
        .act = tw_recurrent_activation(call->graph, tw_attr_text(call, "act")),
        .recurrent_act = tw_recurrent_activation(call->graph, tw_attr_text(call, "recurrent_act"))};
}

/* ---- inference ---- */

/* [n,u] or [n,t,columns], for columns above 0. */
static tw_shape shape_of(const tw_recurrence *r, int64_t columns)
{
    if (columns == 0)
        return (tw_shape){2, {r->n, TW_DIM(r->units)}};
    return (tw_shape){3, {r->n, r->t, TW_DIM(columns)}};
}

static tw_status expect(const tw_call *call, int input, const tw_shape *shape, tw_error *error)
{
    char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
    if (input >= call->n_inputs || !call->input[input])
        return TW_OK;
    const tw_node *node = call->input[input];
    if (!tw_shape_equal(&node->shape, shape))
        return tw_fail(error, TW_ERROR_SHAPE, "%s is %s, but must be %s",
                       tw_call_input_name(call, input), tw_shape_text(&node->shape, is),
                       tw_shape_text(shape, must));
    if (strcmp(tw_call_input_name(call, input), "mask") != 0 && node->type != TW_F32)
        return tw_fail(error, TW_ERROR_TYPE, "%s is %s, but must be f32",
                       tw_call_input_name(call, input), tw_type_name(node->type));
    return TW_OK;
}

/* What both primitives check: the weight, the rank of the steps, the activations. */
static tw_status check_common(const tw_call *call, int weight, int steps, tw_error *error)
{
    const tw_shape *w = &call->input[weight]->shape;
    if (w->rank != 2 || !tw_dim_fixed(w->dim[0]) || !tw_dim_fixed(w->dim[1]) ||
        call->input[steps]->shape.rank != 3)
        return tw_fail(error, TW_ERROR_SHAPE, "a recurrence needs [n,t,columns] and a matrix");
    for (int i = 0; i < 2; i++) {
        const char *act = tw_attr_text(call, i ? "recurrent_act" : "act");
        if (!tw_recurrent_activation(call->graph, act))
            return tw_fail(error, TW_ERROR_NAME, "%s is no activation of a recurrence", act);
    }
    return TW_OK;
}

static tw_status recurrence_infer(tw_call *call, tw_error *error)
{
    TW_TRY(check_common(call, TW_REC_WEIGHT, TW_REC_X, error));
    const tw_recurrence r = tw_recurrence_of(call);
    const int64_t columns = r.gates * r.units;
    const tw_shape steps = shape_of(&r, columns), state = shape_of(&r, 0), mask = {2, {r.n, r.t}},
                   bias = {2, {TW_DIM(2), TW_DIM(columns)}},
                   weight = {2, {TW_DIM(r.units), TW_DIM(columns)}};
    if (call->n_inputs > TW_REC_BIAS && call->input[TW_REC_BIAS] && r.cell != TW_CELL_GRU)
        return tw_fail(error, TW_ERROR_SHAPE, "a bias of the product is gru's alone");
    const tw_shape *due[TW_REC_INPUTS] = {&steps, &weight, &bias, &mask, &state, &state};
    for (int i = 0; i < TW_REC_INPUTS; i++)
        TW_TRY(expect(call, i, due[i], error));
    const int64_t result[TW_REC_RESULTS] = {r.units, 0, 0, 0, r.saved * r.units, r.units, r.units};
    for (int i = 0; i < TW_REC_RESULTS; i++) {
        const tw_shape shape = shape_of(&r, result[i]);
        tw_result_set(call, i, TW_F32, &shape);
    }
    return TW_OK;
}

static tw_status dx_infer(tw_call *call, tw_error *error)
{
    TW_TRY(check_common(call, TW_DREC_WEIGHT, TW_DREC_GATES, error));
    const tw_recurrence r = tw_recurrence_of(call);
    const int64_t columns = r.gates * r.units;
    const tw_shape steps = shape_of(&r, columns), saved = shape_of(&r, r.saved * r.units),
                   unit = shape_of(&r, r.units), state = shape_of(&r, 0), mask = {2, {r.n, r.t}},
                   weight = {2, {TW_DIM(r.units), TW_DIM(columns)}};
    const tw_shape *due[TW_DREC_INPUTS] = {&weight, &saved, &unit,  &unit, &mask,
                                           &unit,   &state, &state, &state};
    for (int i = 0; i < TW_DREC_INPUTS; i++)
        TW_TRY(expect(call, i, due[i], error));
    for (int i = 0; i < TW_DREC_RESULTS; i++)
        tw_result_set(call, i, TW_F32, i <= TW_DREC_DR ? &steps : &state);
    return TW_OK;
}

/* ---- gradient ---- */

static tw_node *flat(tw_graph *g, tw_node *x)
{
    if (!x)
        return NULL;
    const tw_shape shape = {2, {tw_shape_span(&x->shape, 0, 2), x->shape.dim[2]}};
    return tw_emit_reshape(g, x, &shape);
}

/* a^T b over all steps of all sequences */
static tw_node *weight_product(tw_graph *g, tw_node *a, tw_node *b)
{
    return tw_emit2(g, flat(g, a), flat(g, b), "matmul transpose_a=yes");
}

static tw_node *columns_of(tw_graph *g, tw_node *x, int64_t from, int64_t to)
{
    return tw_emit1(g, x, "slice axes=2 starts=%" PRId64 " ends=%" PRId64, from, to);
}

/* dU = sum over steps of state^T d(state U): the state, for the candidate of GRU_BEFORE the reset
 * one. */
static tw_node *recurrent_gradient(tw_graph *g, const tw_call *call, tw_node *dr)
{
    const tw_recurrence r = tw_recurrence_of(call);
    tw_node *before = call->result[TW_REC_BEFORE];
    if (r.cell != TW_CELL_GRU_BEFORE)
        return weight_product(g, before, dr);
    tw_node *gate = columns_of(g, call->result[TW_REC_GATES], r.units, 2 * r.units);
    tw_node *gates = weight_product(g, before, columns_of(g, dr, 0, 2 * r.units));
    tw_node *candidate = weight_product(g, tw_emit2(g, gate, before, "mul"),
                                        columns_of(g, dr, 2 * r.units, 3 * r.units));
    return tw_emit2(g, gates, candidate, "concat axis=1");
}

/* [2,columns]: x's and the product's */
static tw_node *bias_gradient(tw_graph *g, tw_node *dx, tw_node *dr)
{
    if (!dx)
        return NULL;
    const tw_shape row = {2, {TW_DIM(1), dx->shape.dim[2]}};
    return tw_emit2(g, tw_emit_reshape(g, tw_emit1(g, dx, "reduce_sum axes=0,1"), &row),
                    tw_emit_reshape(g, tw_emit1(g, dr, "reduce_sum axes=0,1"), &row),
                    "concat axis=0");
}

static void recurrence_grad(tw_graph *g, const tw_call *call, tw_node *const *dy,
                            const bool *wanted, tw_node **dx)
{
    const tw_recurrence r = tw_recurrence_of(call);
    const bool lstm = r.cell == TW_CELL_LSTM;
    tw_node *in[TW_DREC_INPUTS] = {
        [TW_DREC_WEIGHT] = call->input[TW_REC_WEIGHT],
        [TW_DREC_GATES] = call->result[TW_REC_GATES],
        [TW_DREC_BEFORE] = call->result[TW_REC_BEFORE],
        [TW_DREC_CARRY] = lstm ? call->result[TW_REC_CARRY] : NULL,
        [TW_DREC_MASK] = call->n_inputs > TW_REC_MASK ? call->input[TW_REC_MASK] : NULL,
        [TW_DREC_DY] = dy[TW_REC_Y],
        [TW_DREC_DLAST] = dy[TW_REC_LAST],
        [TW_DREC_DH] = dy[TW_REC_H],
        [TW_DREC_DC] = lstm ? dy[TW_REC_C] : NULL};
    int count = TW_DREC_INPUTS;
    while (!in[count - 1])
        count--;
    tw_node *made =
        tw_emit(g, count, in, "recurrence_dx cell=%s act=%s recurrent_act=%s reverse=%s",
                tw_attr_text(call, "cell"), tw_attr_text(call, "act"),
                tw_attr_text(call, "recurrent_act"), r.reverse ? "yes" : "no");
    tw_node *dr = tw_result(made, r.cell == TW_CELL_GRU ? TW_DREC_DR : TW_DREC_DX);
    dx[TW_REC_X] = made;
    if (wanted[TW_REC_WEIGHT])
        dx[TW_REC_WEIGHT] = recurrent_gradient(g, call, dr);
    if (wanted[TW_REC_BIAS])
        dx[TW_REC_BIAS] = bias_gradient(g, made, dr);
    dx[TW_REC_H0] = tw_result(made, TW_DREC_DH0);
    dx[TW_REC_C0] = tw_result(made, TW_DREC_DC0);
}

static double recurrence_cost(const tw_call *call, int64_t n)
{
    const tw_recurrence r = tw_recurrence_of(call);
    return (double)tw_dim_at(tw_dim_multiply(r.n, r.t), n) * (double)r.units *
           ((double)r.units * r.gates + 20.0);
}

/* Random weights of [-1, 1) would make the steps chaotic: what is rounded differently at the first
 * decides the last. These shrink a difference from step to step, whatever the activation. */
static double weight_range(const tw_recurrence *r)
{
    return 1.0 / sqrt((double)(r->units * r->gates));
}

static double recurrence_range(const tw_call *call, int input)
{
    const tw_recurrence r = tw_recurrence_of(call);
    return input == TW_REC_WEIGHT ? weight_range(&r) : 1.0;
}

static double dx_range(const tw_call *call, int input)
{
    const tw_recurrence r = tw_recurrence_of(call);
    return input == TW_DREC_WEIGHT ? weight_range(&r) : input == TW_DREC_GATES ? 0.5 : 1.0;
}

static const tw_operator recurrence = {
    .name = "recurrence",
    .doc = "the steps of rnn, lstm or gru, given x times weight for all of them",
    .inputs = "x recurrent bias? mask? h0? c0?",
    .results = "y last h c gates before carry",
    .attributes = recurrence_attributes,
    .flags = TW_OP_INTERNAL,
    .infer = recurrence_infer,
    .grad = recurrence_grad,
    .host = tw_recurrence_host,
    .cost = recurrence_cost,
    .range = recurrence_range,
    .variants = tw_recurrence_variants,
};

static const tw_operator recurrence_dx = {
    .name = "recurrence_dx",
    .doc = "gradient of recurrence by x, by the state's product and by the initial states",
    .inputs = "recurrent gates before carry? mask? dy? dlast? dh? dc?",
    .results = "dx dr dh0 dc0",
    .attributes = recurrence_attributes,
    .flags = TW_OP_INTERNAL,
    .infer = dx_infer,
    .host = tw_recurrence_dx_host,
    .cost = recurrence_cost,
    .range = dx_range,
    .variants = tw_recurrence_dx_variants,
};

const tw_operator *const tw_op_recurrence[] = {&recurrence, &recurrence_dx, NULL};
