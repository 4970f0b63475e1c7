// SPDX-License-Identifier: Apache-2.0
// Where each parameter of a graph lies in the contiguous buffer.
#include "plan/recipe.h"

#define SLOT_ALIGNMENT                                                                             \
    64 /* elements: a whole number of cache lines and of vectors for every type */

tw_status tw_param_table_create(const tw_graph *graph, tw_arena *arena, tw_param_table *table,
                                tw_error *error)
{
    *table = (tw_param_table){0};
    int count = 0;
    for (const tw_call *call = graph->first; call; call = call->next)
        count += tw_is_parameter(call);
    table->slot = tw_arena_alloc(arena, (size_t)TW_MAX(count, 1) * sizeof *table->slot);
    if (!table->slot)
        return tw_fail_memory(error);
    for (const tw_call *call = graph->first; call; call = call->next) {
        if (!tw_is_parameter(call))
            continue;
        const tw_node *node = call->result[0];
        const tw_dim elements = tw_shape_count(&node->shape);
        if (!tw_dim_fixed(elements))
            return tw_fail(error, TW_ERROR_SHAPE,
                           "parameter %s has a size that is a letter: weights need numbers",
                           call->name);
        table->slot[table->count++] = (tw_param_slot){
            .name = call->name,
            .call = call,
            .type = node->type,
            .shape = node->shape,
            .offset = table->elements,
            .count = elements.scale,
            .trainable = tw_parameter_trainable(call),
        };
        if (elements.scale > INT64_C(0x7fffffff) - table->elements - SLOT_ALIGNMENT)
            return tw_fail(error, TW_ERROR_UNSUPPORTED,
                           "with %s the parameters are more than 2^31 elements", call->name);
        table->elements += (elements.scale + SLOT_ALIGNMENT - 1) / SLOT_ALIGNMENT * SLOT_ALIGNMENT;
    }
    return TW_OK;
}
