// SPDX-License-Identifier: Apache-2.0
// embedding: a learned row for each token: gather from the weight. Its gradient is gather_dx, which
// adds the rows of equal tokens in their order.
#include "op/helpers.h"
#include <inttypes.h>

static const tw_attribute embedding_attributes[] = {
    {"vocabulary", TW_ATTR_INT, NULL, NULL, "how many tokens there are: 0 to vocabulary - 1"},
    {"width", TW_ATTR_INT, NULL, NULL, "size of a token's row, the last dimension of the result"},
    {"type", TW_ATTR_TYPE, "f32", NULL, "type of a weight that it makes"},
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

static tw_status check_sizes(const tw_call *call, tw_error *error)
{
    const int64_t vocabulary = tw_attr_int(call, "vocabulary"), width = tw_attr_int(call, "width");
    if (vocabulary < 1 || width < 1 || vocabulary > INT32_MAX / width)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "vocabulary=%" PRId64 " and width=%" PRId64
                       " must be at least 1, their product at most %d",
                       vocabulary, width, INT32_MAX);
    return TW_OK;
}

static bool embedding_weight(const tw_call *call, int input, tw_weight_spec *spec,
                             tw_status *status, tw_error *error)
{
    const tw_type type = (tw_type)tw_attr_int(call, "type");
    (void)input;
    *status = check_sizes(call, error);
    if (*status == TW_OK && !tw_type_is_real(type))
        *status = tw_fail(error, TW_ERROR_TYPE, "type=%s: a weight is f32, f16 or bf16",
                          tw_type_name(type));
    *spec = (tw_weight_spec){
        type,
        {2, {TW_DIM(tw_attr_int(call, "vocabulary")), TW_DIM(tw_attr_int(call, "width"))}},
        "uniform",
        true};
    return *status == TW_OK;
}

static tw_status embedding_infer(tw_call *call, tw_error *error)
{
    const int64_t vocabulary = tw_attr_int(call, "vocabulary"), width = tw_attr_int(call, "width");
    const tw_type type = call->input[0]->type;
    const tw_node *w = call->input[1];
    tw_shape y = call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    TW_TRY(check_sizes(call, error));
    if (type != TW_I32 && type != TW_U8)
        return tw_fail(error, TW_ERROR_TYPE, "tokens are %s, but must be i32 or u8: cast them",
                       tw_type_name(type));
    TW_TRY(tw_expect_real(call, 1, error));
    if (w->shape.rank != 2 || !tw_dim_equal(w->shape.dim[0], TW_DIM(vocabulary)) ||
        !tw_dim_equal(w->shape.dim[1], TW_DIM(width)))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "a weight %s does not go with vocabulary=%" PRId64 " and width=%" PRId64,
                       tw_shape_text(&w->shape, text), vocabulary, width);
    if (y.rank == TW_MAX_RANK)
        return tw_fail(error, TW_ERROR_SHAPE, "tokens of rank %d: the most is %d", y.rank,
                       TW_MAX_RANK - 1);
    TW_TRY(tw_input_expect_classes(call->input[0], vocabulary, error));
    y.dim[y.rank++] = TW_DIM(width);
    tw_result_set(call, 0, w->type, &y);
    return TW_OK;
}

static void embedding_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    (void)training;
    results[0] = tw_emit2(g, call->input[1], call->input[0], "gather");
}

static const tw_operator embedding = {
    .name = "embedding",
    .doc = "a learned row for each token; tokens in data are checked, others out of range are held "
           "to it (below 0: from the end)",
    .inputs = "tokens weight?",
    .results = "y",
    .attributes = embedding_attributes,
    .weight = embedding_weight,
    .infer = embedding_infer,
    .expand = embedding_expand};

const tw_operator *const tw_op_embedding[] = {&embedding, NULL};
