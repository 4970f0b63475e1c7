// SPDX-License-Identifier: Apache-2.0
// Where values come from: inputs, filled at each run, and parameters, kept between runs. Neither is
// launched.
#include "graph/operator.h"
#include <limits.h>

/* The attributes type and shape as result 0. letters: sizes may be letters. */
static tw_status set_typed_shape(tw_call *call, bool letters, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "shape");
    tw_shape shape = {.rank = sizes->count};
    char text[TW_SHAPE_TEXT];
    for (int i = 0; i < sizes->count; i++)
        shape.dim[i] = sizes->list[i];
    for (int i = 0; i < sizes->count; i++) {
        const tw_dim dim = sizes->list[i];
        if (dim.scale < 1 || dim.scale > INT_MAX)
            return tw_fail(error, TW_ERROR_SHAPE, "the sizes %s must each be from 1 to %d",
                           tw_shape_text(&shape, text), INT_MAX);
        if (dim.letters && !letters)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "the sizes %s of a weight must be numbers, known when it is made",
                           tw_shape_text(&shape, text));
    }
    tw_result_set(call, 0, (tw_type)tw_attr_int(call, "type"), &shape);
    return TW_OK;
}

static tw_status input_infer(tw_call *call, tw_error *error)
{
    const int64_t classes = tw_attr_int(call, "classes");
    TW_TRY(set_typed_shape(call, true, error));
    if (!tw_attr_given(call, "classes"))
        return TW_OK;
    if (classes < 1 || classes > INT_MAX)
        return tw_fail(error, TW_ERROR_DATA, "classes=%lld must be from 1 to %d",
                       (long long)classes, INT_MAX);
    if (call->result[0]->type != TW_I32 && call->result[0]->type != TW_U8)
        return tw_fail(error, TW_ERROR_TYPE, "classes= bounds integers, but this input is %s",
                       tw_type_name(call->result[0]->type));
    return TW_OK;
}

static tw_status parameter_infer(tw_call *call, tw_error *error)
{
    TW_TRY(set_typed_shape(call, false, error));
    for (const char *const *name = (const char *const[]){"l1", "l2", "lr", NULL}; *name; name++) {
        const double value = tw_attr_float(call, *name);
        if (!(value >= 0 && value <= 1e30))
            return tw_fail(error, TW_ERROR_DATA, "%s= must not be negative, nor infinite", *name);
    }
    return TW_OK;
}

static const tw_operator input = {
    .name = "input",
    .doc = "a value given at each run: image = input f32[n,28,28,1]",
    .inputs = "",
    .results = "y",
    .attributes =
        (const tw_attribute[]){
            {"type", TW_ATTR_TYPE, "f32", NULL, "type of the elements"},
            {"shape", TW_ATTR_DIMS, "", NULL, "sizes; letters are bound later, n is the batch"},
            {"classes", TW_ATTR_INT, "", NULL, "labels are 0 to classes - 1"},
            {NULL, TW_ATTR_INT, NULL, NULL, NULL}},
    .infer = input_infer,
};

static const tw_operator parameter = {
    .name = "parameter",
    .doc = "a weight: w = parameter f32[3,4] init=zeros",
    .inputs = "",
    .results = "y",
    .attributes =
        (const tw_attribute[]){
            {"type", TW_ATTR_TYPE, "f32", NULL, "type of the elements"},
            {"shape", TW_ATTR_DIMS, "", NULL, "sizes, all numbers"},
            {"init", TW_ATTR_TEXT, "glorot_uniform", NULL, "initialiser"},
            {"l1", TW_ATTR_FLOAT, "0", NULL, "adds l1 * sum(|w|) to the loss"},
            {"l2", TW_ATTR_FLOAT, "0", NULL, "adds l2 * sum(w^2) to the loss"},
            {"trainable", TW_ATTR_BOOL, "yes", NULL, "whether training changes it"},
            {"lr", TW_ATTR_FLOAT, "1", NULL, "factor on the learning rate"},
            {NULL, TW_ATTR_INT, NULL, NULL, NULL}},
    .infer = parameter_infer,
};

const tw_operator *const tw_op_source[] = {&input, &parameter, NULL};
