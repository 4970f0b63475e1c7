// SPDX-License-Identifier: Apache-2.0
// A registry of small operators for the tests of the graph room: each shows one thing that
// operators may do.
#ifndef TW_TESTS_GRAPH_OPS_H
#define TW_TESTS_GRAPH_OPS_H

#include "graph/internal.h"
#include "harness.h"

extern const tw_operator *const tw_op_source[];

#define END                                                                                        \
    {                                                                                              \
        NULL, TW_ATTR_INT, NULL, NULL, NULL                                                        \
    }

static tw_status same_infer(tw_call *call, tw_error *error)
{
    (void)error;
    for (int i = 0; i < call->n_results; i++)
        tw_result_set(call, i, call->input[0]->type, &call->input[0]->shape);
    return TW_OK;
}

/* The longer shape wins: enough of broadcasting for these tests. */
static tw_status pair_infer(tw_call *call, tw_error *error)
{
    const tw_node *a = call->input[0], *b = call->input[1];
    if (a->type != b->type)
        return tw_fail(error, TW_ERROR_TYPE, "%s does not go with %s", tw_type_name(a->type),
                       tw_type_name(b->type));
    const tw_node *longer = a->shape.rank >= b->shape.rank ? a : b;
    tw_result_set(call, 0, a->type, &longer->shape);
    return TW_OK;
}

static void add_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                     tw_node **dx)
{
    (void)g;
    (void)call;
    for (int i = 0; i < 2; i++)
        dx[i] = wanted[i] ? dy[0] : NULL;
}

static void mul_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                     tw_node **dx)
{
    for (int i = 0; i < 2; i++)
        if (wanted[i])
            dx[i] = tw_emit2(g, dy[0], call->input[1 - i], "mul");
}

static const tw_attribute scale_attributes[] = {
    {"factor", TW_ATTR_FLOAT, "1", NULL, "the factor"},
    {"mode", TW_ATTR_CHOICE, "soft", "soft|hard", "how"},
    {"kernel", TW_ATTR_INTS, "3", NULL, "sizes"},
    {"on", TW_ATTR_BOOL, "yes", NULL, "whether"},
    {"into", TW_ATTR_TYPE, "f32", NULL, "type"},
    {"note", TW_ATTR_TEXT, "", NULL, "a text"},
    {"count", TW_ATTR_INT, "", NULL, "a number"},
    END};

static void scale_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                       tw_node **dx)
{
    (void)wanted;
    dx[0] = tw_emit1(g, dy[0], "scale factor=%s", tw_number(g, tw_attr_float(call, "factor")));
}

static tw_status affine_infer(tw_call *call, tw_error *error)
{
    tw_shape shape = call->input[0]->shape;
    const int64_t units = tw_attr_int(call, "units");
    if (shape.rank < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "x has no sizes");
    if (units < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "units=%lld must be positive", (long long)units);
    shape.dim[shape.rank - 1] = TW_DIM(units);
    tw_result_set(call, 0, TW_F32, &shape);
    return TW_OK;
}

static bool affine_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                          tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    if (x->rank < 1) {
        *status = tw_fail(error, TW_ERROR_SHAPE, "x has no sizes");
        return false;
    }
    if (input == 2 && !tw_attr_bool(call, "bias"))
        return false;
    spec->type = TW_F32;
    spec->trainable = true;
    spec->init = input == 1 ? "glorot_uniform" : "zeros";
    spec->shape.rank = input == 1 ? 2 : 1;
    spec->shape.dim[0] = x->dim[x->rank - 1];
    spec->shape.dim[spec->shape.rank - 1] = TW_DIM(tw_attr_int(call, "units"));
    return true;
}

static const tw_attribute affine_attributes[] = {
    {"units", TW_ATTR_INT, NULL, NULL, "number of outputs"},
    {"bias", TW_ATTR_BOOL, "yes", NULL, "whether there is one"},
    TW_WEIGHT_ATTRIBUTES,
    END};

static tw_status reduce_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    unsigned mask;
    tw_shape y = {0};
    if (!tw_attr_axes(call, "axes", x->rank, &mask))
        return tw_fail(error, TW_ERROR_SHAPE, "the axes do not fit");
    for (int i = 0; i < x->rank; i++)
        if (!(mask >> i & 1))
            y.dim[y.rank++] = x->dim[i];
        else if (tw_attr_bool(call, "keepdims"))
            y.dim[y.rank++] = TW_DIM(1);
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void reduce_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                        tw_node **dx)
{
    (void)wanted;
    dx[0] = tw_emit2(g, dy[0], call->input[0], "spread");
}

static const tw_attribute reduce_attributes[] = {{"axes", TW_ATTR_INTS, "", NULL, "which"},
                                                 {"keepdims", TW_ATTR_BOOL, "no", NULL, "whether"},
                                                 END};

static tw_status spread_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, call->input[1]->type, &call->input[1]->shape);
    return TW_OK;
}

static tw_status reshape_infer(tw_call *call, tw_error *error)
{
    (void)error;
    const tw_attr *sizes = tw_attr_get(call, "shape");
    tw_shape y = {.rank = sizes->count};
    for (int i = 0; i < y.rank; i++)
        y.dim[i] = sizes->list[i];
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static tw_status scalar_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, TW_F32, &(tw_shape){0});
    return TW_OK;
}

static tw_status index_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, TW_I32, &call->input[0]->shape);
    return TW_OK;
}

static void twice_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    tw_node *half = tw_emit1(g, call->input[0], "scale factor=0.5");
    results[0] = tw_emit2(g, half, tw_emit1(g, half, "scale factor=3"), "add");
}

static void outer_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    results[0] = tw_emit1(g, tw_emit1(g, call->input[0], "twice"), "twice");
}

static void norm_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    if (training)
        tw_emit_update(g, call->input[1], tw_emit1(g, call->input[1], "scale factor=0.9"));
    results[0] = training ? tw_emit2(g, call->input[0], call->input[1], "mul") : call->input[0];
}

static bool norm_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                        tw_error *error)
{
    if (input == 1 && call->input[0]->shape.rank < 1) {
        *status = tw_fail(error, TW_ERROR_SHAPE, "x has no sizes");
        return false;
    }
    *spec = (tw_weight_spec){TW_F32, {.rank = 1}, "ones", false};
    spec->shape.dim[0] = call->input[0]->shape.dim[call->input[0]->shape.rank - 1];
    return true;
}

static void endless_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    results[0] = tw_emit1(g, call->input[0], "endless");
}

static const tw_attribute fill_attributes[] = {{"value", TW_ATTR_FLOAT, NULL, NULL, "number"}, END};
static const tw_attribute reshape_attributes[] = {{"shape", TW_ATTR_DIMS, "", NULL, "sizes"}, END};

/* clang-format off */
#define OP(name_, ...) static const tw_operator op_##name_ = {.name = #name_, .doc = "a test", .results = "y", __VA_ARGS__}
OP(fill, .inputs = "", .attributes = fill_attributes, .infer = scalar_infer);
OP(add, .inputs = "a b", .infer = pair_infer, .grad = add_grad);
OP(mul, .inputs = "a b", .infer = pair_infer, .grad = mul_grad);
OP(scale, .inputs = "x", .attributes = scale_attributes, .infer = same_infer, .grad = scale_grad);
OP(affine, .inputs = "x weight? bias?", .attributes = affine_attributes, .infer = affine_infer, .weight = affine_weight);
OP(reduce_sum, .inputs = "x", .attributes = reduce_attributes, .infer = reduce_infer, .grad = reduce_grad);
OP(spread, .inputs = "x like", .infer = spread_infer, .flags = TW_OP_INTERNAL);
OP(reshape, .inputs = "x", .attributes = reshape_attributes, .infer = reshape_infer, .grad = reduce_grad, .flags = TW_OP_VIEW);
OP(join, .inputs = "x...", .infer = same_infer);
OP(pick, .inputs = "x mask? other?", .infer = same_infer);
OP(nearest, .inputs = "x", .infer = index_infer);
OP(stuck, .inputs = "x", .infer = same_infer);
OP(twice, .inputs = "x", .infer = same_infer, .expand = twice_expand);
OP(outer, .inputs = "x", .infer = same_infer, .expand = outer_expand);
OP(norm, .inputs = "x state?", .infer = same_infer, .weight = norm_weight, .expand = norm_expand);
OP(endless, .inputs = "x", .infer = same_infer, .expand = endless_expand);
static const tw_operator op_cell = {.name = "cell", .doc = "a test", .inputs = "x", .results = "y h c", .infer = same_infer};

static const tw_operator *const test_file[] = {&op_fill, &op_add, &op_mul, &op_scale, &op_affine, &op_reduce_sum,
    &op_spread, &op_reshape, &op_join, &op_pick, &op_nearest, &op_stuck, &op_twice, &op_outer, &op_norm, &op_endless,
    &op_cell, NULL};
/* clang-format on */
static const tw_operator *const *const test_operators[] = {tw_op_source, test_file, NULL};

static tw_context *test_context(void)
{
    tw_context *context = NULL;
    tw_error error;
    CHECK_OK(tw_context_create(&(tw_context_options){.cache_folder = ""}, &context, &error), error);
    return context;
}

/* Parses a model text; NULL (and a failed check) if that fails. */
static inline tw_graph *parsed(tw_context *context, const char *text)
{
    tw_graph *g = NULL;
    tw_error error;
    CHECK_OK(tw_graph_parse_with(context, test_operators, text, strlen(text), &g, &error), error);
    return g;
}

#endif
