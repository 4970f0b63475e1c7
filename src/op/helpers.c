// SPDX-License-Identifier: Apache-2.0
// What several operators share: axes, shapes collapsed around an axis, texts of shapes, elements of
// host tensors.
#include "op/helpers.h"

tw_collapsed tw_collapse(const tw_shape *shape, int from, int to)
{
    return (tw_collapsed){tw_shape_span(shape, 0, from), tw_shape_span(shape, from, to),
                          tw_shape_span(shape, to, shape->rank)};
}

bool tw_has_tail(tw_dim row)
{
    return !tw_dim_fixed(row) || row.scale % 16 != 0;
}

tw_status tw_axis_of(const tw_call *call, const char *name, int rank, int *axis, tw_error *error)
{
    const int64_t value = tw_attr_int(call, name);
    if (rank == 0)
        return tw_fail(error, TW_ERROR_SHAPE, "%s= needs an input with axes, but it is one number",
                       name);
    if (value < -rank || value >= rank)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "%s=%lld is out of range for an input of rank %d (valid: %d to %d)", name,
                       (long long)value, rank, -rank, rank - 1);
    *axis = (int)(value < 0 ? value + rank : value);
    return TW_OK;
}

int tw_axis_checked(const tw_call *call, const char *name, int rank)
{
    const int64_t value = tw_attr_int(call, name);
    return (int)(value < 0 ? value + rank : value);
}

tw_status tw_expect_real(const tw_call *call, int input, tw_error *error)
{
    const tw_type type = call->input[input]->type;
    if (tw_type_is_real(type))
        return TW_OK;
    return tw_fail(error, TW_ERROR_TYPE, "input %s is %s, but must be f32, f16 or bf16: cast it",
                   tw_call_input_name(call, input), tw_type_name(type));
}

const char *tw_shape_dims(const tw_shape *shape, char *buffer)
{
    char text[TW_SHAPE_TEXT];
    tw_shape_text(shape, text);
    const size_t length = strlen(text);
    memcpy(buffer, text + 1, length - 1);
    buffer[length - 2] = 0; /* in the place of "]" */
    return buffer;
}

tw_node *tw_emit_reshape(tw_graph *g, tw_node *x, const tw_shape *shape)
{
    if (!x || tw_shape_equal(&x->shape, shape))
        return x;
    char dims[TW_SHAPE_TEXT];
    if (shape->rank == 0)
        return tw_emit1(g, x, "reshape");
    return tw_emit1(g, x, "reshape shape=%s", tw_shape_dims(shape, dims));
}

tw_node *tw_emit_extent(tw_graph *g, tw_dim count, tw_type type)
{
    const tw_shape shape = {1, {count}};
    char dims[TW_SHAPE_TEXT];
    tw_node *extent = tw_emit(g, 0, NULL, "extent dims=%s", tw_shape_dims(&shape, dims));
    return type == TW_F32 ? extent : tw_emit1(g, extent, "cast type=%s", tw_type_name(type));
}

tw_node *tw_emit_broadcast(tw_graph *g, tw_node *x, const tw_shape *shape)
{
    if (!x || tw_shape_equal(&x->shape, shape))
        return x;
    char dims[TW_SHAPE_TEXT];
    return tw_emit1(g, x, "broadcast shape=%s", tw_shape_dims(shape, dims));
}

int64_t tw_host_span(const tw_host_tensor *tensor, int from, int to)
{
    int64_t product = 1;
    for (int d = from; d < to; d++)
        product *= tensor->dim[d];
    return product;
}

tw_dim tw_last_dim(const tw_shape *shape)
{
    return shape->rank ? shape->dim[shape->rank - 1] : TW_DIM(1);
}

void tw_launch_define_value(tw_site *site, tw_launch *launch, tw_type type)
{
    tw_launch_define_text(site, launch, "VALUE", tw_type_is_real(type) ? "float" : "int");
    tw_launch_define_text(site, launch, "VALUEV", tw_type_is_real(type) ? "FLOATV" : "INTV");
}

int64_t tw_dim_nominal(tw_dim dim)
{
    return tw_dim_at(dim, TW_NOMINAL_BATCH);
}
