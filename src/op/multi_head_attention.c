// SPDX-License-Identifier: Apache-2.0
// The layers over the primitive attention: scaled_dot_product_attention, and multi_head_attention
// with its projections (Vaswani et al. 2017, "Attention is all you need", section 3.2), as in
// Keras.
#include "op/attention.h"
#include <inttypes.h>
#include <math.h>

#define CAUSAL_ATTRIBUTE                                                                           \
    {                                                                                              \
        "causal", TW_ATTR_BOOL, "no", NULL, "query i sees keys 0 to i alone"                       \
    }
#define DROPOUT_ATTRIBUTE                                                                          \
    {                                                                                              \
        "dropout", TW_ATTR_FLOAT, "0", NULL, "share of the probabilities set to 0 in training"     \
    }

static tw_status check_dropout(const tw_call *call, tw_error *error)
{
    const double dropout = tw_attr_float(call, "dropout");
    if (dropout >= 0 && dropout < 1)
        return TW_OK;
    return tw_fail(error, TW_ERROR_DATA, "dropout must be at least 0 and below 1");
}

/* The types must be one, and real. */
static tw_status check_types(const tw_call *call, const int *inputs, int count, tw_error *error)
{
    for (int i = 0; i < count; i++) {
        const int k = inputs[i];
        if (k >= call->n_inputs || !call->input[k])
            continue;
        TW_TRY(tw_expect_real(call, k, error));
        if (call->input[k]->type != call->input[0]->type)
            return tw_fail(error, TW_ERROR_TYPE, "query is %s and %s %s",
                           tw_type_name(call->input[0]->type), tw_call_input_name(call, k),
                           tw_type_name(call->input[k]->type));
    }
    return TW_OK;
}

/* attention with the mask in four dimensions; stream names its random numbers. */
static tw_node *emit_attention(tw_graph *g, const tw_call *call, tw_node *const *qkv, tw_node *mask,
                               double scale, bool training)
{
    tw_node *inputs[4] = {qkv[0], qkv[1], qkv[2], NULL};
    if (mask) {
        const tw_shape wide = tw_attention_mask_shape(&mask->shape);
        inputs[3] = tw_emit_reshape(g, mask, &wide);
    }
    return tw_emit(g, mask ? 4 : 3, inputs, "attention causal=%s scale=%s dropout=%s stream=\"%s\"",
                   tw_attr_bool(call, "causal") ? "yes" : "no", tw_number(g, scale),
                   tw_number(g, training ? tw_attr_float(call, "dropout") : 0), call->name);
}

/* ---- scaled_dot_product_attention ---- */

enum { QUERY, KEY, VALUE, MASK };

static const tw_attribute product_attributes[] = {
    CAUSAL_ATTRIBUTE,
    {"scale", TW_ATTR_FLOAT, "", NULL, "factor on the products (default: 1 / sqrt(width))"},
    DROPOUT_ATTRIBUTE,
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

/* [n,length,width] as [n,length,1,width] */
static tw_shape with_heads(const tw_shape *shape)
{
    tw_shape wide = *shape;
    if (shape->rank == 3) {
        wide.rank = 4;
        wide.dim[2] = TW_DIM(1);
        wide.dim[3] = shape->dim[2];
    }
    return wide;
}

static tw_status product_infer(tw_call *call, tw_error *error)
{
    const tw_shape *q = &call->input[QUERY]->shape;
    char text[TW_SHAPE_TEXT];
    tw_shape wide[3];
    TW_TRY(check_types(call, (const int[]){QUERY, KEY, VALUE}, 3, error));
    TW_TRY(check_dropout(call, error));
    for (int i = 0; i < 3; i++) {
        const tw_shape *shape = &call->input[i]->shape;
        if (shape->rank != q->rank || shape->rank < 3 || shape->rank > 4)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "%s%s must be [n,length,heads,width], or all three [n,length,width]",
                           tw_call_input_name(call, i), tw_shape_text(shape, text));
        wide[i] = with_heads(shape);
    }
    TW_TRY(tw_attention_check(&wide[QUERY], &wide[KEY], &wide[VALUE],
                              call->n_inputs > MASK ? call->input[MASK] : NULL, error));
    tw_shape y = *q;
    y.dim[y.rank - 1] = call->input[VALUE]->shape.dim[y.rank - 1];
    tw_result_set(call, 0, call->input[QUERY]->type, &y);
    return TW_OK;
}

static void product_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    const tw_dim width = tw_last_dim(&call->input[QUERY]->shape);
    const double scale =
        tw_attr_given(call, "scale") ? tw_attr_float(call, "scale") : 1 / sqrt((double)width.scale);
    tw_node *qkv[3];
    for (int i = 0; i < 3; i++) {
        const tw_shape wide = with_heads(&call->input[i]->shape);
        qkv[i] = tw_emit_reshape(g, call->input[i], &wide);
    }
    tw_node *y = emit_attention(g, call, qkv, call->n_inputs > MASK ? call->input[MASK] : NULL,
                                scale, training);
    results[0] = tw_emit_reshape(g, y, &call->result[0]->shape);
}

/* ---- multi_head_attention ---- */

enum {
    MHA_QUERY,
    MHA_VALUE,
    MHA_KEY,
    MHA_MASK,
    QUERY_WEIGHT,
    QUERY_BIAS,
    KEY_WEIGHT,
    KEY_BIAS,
    VALUE_WEIGHT,
    VALUE_BIAS,
    OUTPUT_WEIGHT,
    OUTPUT_BIAS
};

static const tw_attribute mha_attributes[] = {
    {"heads", TW_ATTR_INT, NULL, NULL, "number of heads"},
    {"key_dim", TW_ATTR_INT, "", NULL,
     "width of each head's queries and keys (default: the query's width / heads)"},
    {"value_dim", TW_ATTR_INT, "", NULL, "width of each head's values (default: key_dim)"},
    {"output_dim", TW_ATTR_INT, "", NULL, "width of the result (default: the query's)"},
    {"bias", TW_ATTR_BOOL, "yes", NULL, "whether each projection adds a bias"},
    CAUSAL_ATTRIBUTE,
    DROPOUT_ATTRIBUTE,
    TW_WEIGHT_ATTRIBUTES,
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

/* Sizes of a layer, and its inputs: value is the query where none is given, key the value. */
typedef struct mha {
    int64_t heads, key_dim, value_dim, output_dim;
    tw_node *query, *value, *key, *mask;
} mha;

static tw_node *optional(const tw_call *call, int input, tw_node *otherwise)
{
    return call->n_inputs > input && call->input[input] ? call->input[input] : otherwise;
}

static tw_status positive(const tw_call *call, const char *name, int64_t otherwise, int64_t *value,
                          tw_error *error)
{
    *value = tw_attr_given(call, name) ? tw_attr_int(call, name) : otherwise;
    if (*value >= 1 && *value <= INT32_MAX)
        return TW_OK;
    return tw_fail(error, TW_ERROR_SHAPE, "%s=%" PRId64 " must be from 1 to %d", name, *value,
                   INT32_MAX);
}

/* The last size, which the weights need as a number. */
static tw_status width_of(const tw_node *node, const char *name, int64_t *width, tw_error *error)
{
    const tw_shape *shape = &node->shape;
    char text[TW_SHAPE_TEXT];
    if (shape->rank != 3 || !tw_dim_fixed(shape->dim[2]))
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "%s%s must be [n,length,width], the width a number: the weights depend on it", name,
            tw_shape_text(shape, text));
    *width = shape->dim[2].scale;
    return TW_OK;
}

static tw_status mha_read(const tw_call *call, mha *m, tw_error *error)
{
    int64_t width = 0, other = 0;
    *m = (mha){.query = call->input[MHA_QUERY], .mask = optional(call, MHA_MASK, NULL)};
    m->value = optional(call, MHA_VALUE, m->query);
    m->key = optional(call, MHA_KEY, m->value);
    TW_TRY(width_of(m->query, "query", &width, error));
    TW_TRY(width_of(m->value, "value", &other, error));
    TW_TRY(width_of(m->key, "key", &other, error));
    TW_TRY(positive(call, "heads", 0, &m->heads, error));
    if (!tw_attr_given(call, "key_dim") && width % m->heads != 0)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "heads=%" PRId64 " do not divide the query's width %" PRId64
                       ": give key_dim=, the width of a head",
                       m->heads, width);
    TW_TRY(positive(call, "key_dim", width / m->heads, &m->key_dim, error));
    TW_TRY(positive(call, "value_dim", m->key_dim, &m->value_dim, error));
    return positive(call, "output_dim", width, &m->output_dim, error);
}

/* The shape that a weight has. */
static tw_shape weight_shape(const mha *m, int input)
{
    const tw_dim heads = TW_DIM(m->heads), key = TW_DIM(m->key_dim), value = TW_DIM(m->value_dim),
                 out = TW_DIM(m->output_dim);
    switch (input) {
    case QUERY_WEIGHT:
        return (tw_shape){3, {tw_last_dim(&m->query->shape), heads, key}};
    case KEY_WEIGHT:
        return (tw_shape){3, {tw_last_dim(&m->key->shape), heads, key}};
    case VALUE_WEIGHT:
        return (tw_shape){3, {tw_last_dim(&m->value->shape), heads, value}};
    case OUTPUT_WEIGHT:
        return (tw_shape){3, {heads, value, out}};
    case VALUE_BIAS:
        return (tw_shape){2, {heads, value}};
    case OUTPUT_BIAS:
        return (tw_shape){1, {out}};
    default:
        return (tw_shape){2, {heads, key}};
    }
}

static bool is_bias(int input)
{
    return (input - QUERY_WEIGHT) % 2 == 1;
}

static bool mha_weight(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                       tw_error *error)
{
    mha m;
    if (input < QUERY_WEIGHT || (is_bias(input) && !tw_attr_bool(call, "bias")))
        return false;
    *status = mha_read(call, &m, error);
    if (*status != TW_OK)
        return false;
    *spec = (tw_weight_spec){call->input[0]->type, weight_shape(&m, input),
                             is_bias(input) ? "zeros" : "glorot_uniform", true};
    return true;
}

static tw_status check_weights(const tw_call *call, const mha *m, tw_error *error)
{
    char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
    for (int i = QUERY_WEIGHT; i < call->n_inputs; i++) {
        const tw_shape due = weight_shape(m, i);
        if (call->input[i] && !tw_shape_equal(&call->input[i]->shape, &due))
            return tw_fail(error, TW_ERROR_SHAPE, "%s is %s, but must be %s",
                           tw_call_input_name(call, i), tw_shape_text(&call->input[i]->shape, is),
                           tw_shape_text(&due, must));
    }
    return TW_OK;
}

/* [n,length,heads,dim] of what a projection of x makes */
static tw_shape projected(const mha *m, const tw_node *x, int64_t dim)
{
    return (tw_shape){4, {x->shape.dim[0], x->shape.dim[1], TW_DIM(m->heads), TW_DIM(dim)}};
}

static tw_status mha_infer(tw_call *call, tw_error *error)
{
    mha m;
    TW_TRY(check_types(call,
                       (const int[]){MHA_QUERY, MHA_VALUE, MHA_KEY, QUERY_WEIGHT, QUERY_BIAS,
                                     KEY_WEIGHT, KEY_BIAS, VALUE_WEIGHT, VALUE_BIAS, OUTPUT_WEIGHT,
                                     OUTPUT_BIAS},
                       11, error));
    TW_TRY(check_dropout(call, error));
    TW_TRY(mha_read(call, &m, error));
    TW_TRY(check_weights(call, &m, error));
    const tw_shape q = projected(&m, m.query, m.key_dim), k = projected(&m, m.key, m.key_dim),
                   v = projected(&m, m.value, m.value_dim);
    TW_TRY(tw_attention_check(&q, &k, &v, m.mask, error));
    tw_shape y = m.query->shape;
    y.dim[2] = TW_DIM(m.output_dim);
    tw_result_set(call, 0, m.query->type, &y);
    return TW_OK;
}

/* x [n,length,in] times weight, as a matrix of so many columns, plus bias. */
static tw_node *project(tw_graph *g, const tw_call *call, tw_node *x, int weight, int64_t columns)
{
    const tw_shape matrix = {2, {tw_last_dim(&x->shape), TW_DIM(columns)}};
    const tw_shape row = {1, {TW_DIM(columns)}};
    tw_node *bias = optional(call, weight + 1, NULL);
    tw_node *y = tw_emit2(g, x, tw_emit_reshape(g, call->input[weight], &matrix), "matmul");
    return bias ? tw_emit2(g, y, tw_emit_reshape(g, bias, &row), "add") : y;
}

static void mha_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    mha m;
    if (mha_read(call, &m, NULL) != TW_OK)
        return; /* infer has accepted it */
    const int64_t keys = m.heads * m.key_dim, values = m.heads * m.value_dim;
    const tw_shape q = projected(&m, m.query, m.key_dim), k = projected(&m, m.key, m.key_dim),
                   v = projected(&m, m.value, m.value_dim);
    tw_shape joined = m.query->shape;
    joined.dim[2] = TW_DIM(values);
    tw_node *qkv[3] = {tw_emit_reshape(g, project(g, call, m.query, QUERY_WEIGHT, keys), &q),
                       tw_emit_reshape(g, project(g, call, m.key, KEY_WEIGHT, keys), &k),
                       tw_emit_reshape(g, project(g, call, m.value, VALUE_WEIGHT, values), &v)};
    tw_node *y = emit_attention(g, call, qkv, m.mask, 1 / sqrt((double)m.key_dim), training);
    results[0] = project(g, call, tw_emit_reshape(g, y, &joined), OUTPUT_WEIGHT, m.output_dim);
}

static const tw_operator product = {
    .name = "scaled_dot_product_attention",
    .doc = "softmax(scale * query key^T) value; a query whose keys are all hidden gives zeros",
    .inputs = "query key value mask?",
    .results = "y",
    .attributes = product_attributes,
    .infer = product_infer,
    .expand = product_expand,
};

static const tw_operator multi_head = {
    .name = "multi_head_attention",
    .doc = "projections to several heads, attention, and a projection of all of them",
    .inputs = "query value? key? mask? query_weight? query_bias? key_weight? key_bias? "
              "value_weight? value_bias? output_weight? output_bias?",
    .results = "y",
    .attributes = mha_attributes,
    .weight = mha_weight,
    .infer = mha_infer,
    .expand = mha_expand,
};

const tw_operator *const tw_op_multi_head_attention[] = {&product, &multi_head, NULL};
