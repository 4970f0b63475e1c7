// SPDX-License-Identifier: Apache-2.0
// Emission: how operators and rewrites make calls by text; in a bound graph composites are expanded
// as they come.
#include "graph/internal.h"

static tw_node *emit(tw_graph *g, int count, tw_node *const *inputs, const char *format,
                     va_list args)
{
    char text[512];
    if (g->status != TW_OK)
        return NULL;
    const int length = tw_vformat(text, sizeof text, format, args);
    if (length < 0 || length >= (int)sizeof text)
        return tw_poison(g, TW_ERROR_INTERNAL, "an operator's text is too long: %.60s...", format);
    const bool generated = g->generated;
    g->generated = true;
    tw_node *node = tw_op(g, text, count, inputs);
    g->generated = generated;
    return node;
}

tw_node *tw_emit(tw_graph *g, int count, tw_node *const *inputs, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tw_node *node = emit(g, count, inputs, format, args);
    va_end(args);
    return node;
}

tw_node *tw_emit1(tw_graph *g, tw_node *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tw_node *node = emit(g, 1, &a, format, args);
    va_end(args);
    return node;
}

tw_node *tw_emit2(tw_graph *g, tw_node *a, tw_node *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tw_node *node = emit(g, 2, (tw_node *[]){a, b}, format, args);
    va_end(args);
    return node;
}

const char *tw_number(tw_graph *g, double value)
{
    tw_text text = {.context = g->context};
    tw_attr_print(&(tw_attribute){.type = TW_ATTR_FLOAT}, &(tw_attr){.f = value}, &text);
    const char *number = text.failed ? NULL : tw_arena_text(&g->arena, text.data, text.length);
    tw_text_clear(&text);
    if (!number)
        tw_poison_memory(g);
    return number ? number : "0";
}

tw_node *tw_emit_scalar(tw_graph *g, double value)
{
    return tw_emit(g, 0, NULL, "fill value=%s", tw_number(g, value));
}

static tw_update *find_update(const tw_graph *g, const tw_node *parameter)
{
    tw_update *update = g->updates;
    while (update && update->parameter != parameter)
        update = update->next;
    return update;
}

tw_node *tw_emit_updated(const tw_graph *g, tw_node *parameter)
{
    const tw_update *update = find_update(g, parameter);
    return update ? update->value : parameter;
}

void tw_emit_update(tw_graph *g, tw_node *parameter, tw_node *value)
{
    if (g->status != TW_OK || !parameter || !value)
        return;
    if (!tw_is_parameter(parameter->call) || parameter->type != value->type ||
        !tw_shape_equal(&parameter->shape, &value->shape)) {
        tw_poison(g, TW_ERROR_INTERNAL, "%s cannot update %s", value->name, parameter->name);
        return;
    }
    tw_update *update = find_update(g, parameter);
    if (update) {
        update->value = value;
        return;
    }
    tw_update **last = &g->updates;
    while (*last)
        last = &(*last)->next;
    *last = tw_arena_alloc(&g->arena, sizeof **last);
    if (*last)
        **last = (tw_update){parameter, value, NULL};
    else
        tw_poison_memory(g);
}

/* The results of a composite: as inferred, and under the names of the composite's own. Names go
 * from the last result to the first, so that a call which makes several of them is called after the
 * first. */
static bool adopt(tw_graph *g, const tw_call *call, tw_node **result, int start)
{
    for (int i = call->n_results - 1; i >= 0; i--) {
        const tw_node *due = call->result[i];
        if (!result[i])
            continue;
        if (result[i]->type != due->type || !tw_shape_equal(&result[i]->shape, &due->shape)) {
            char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
            return tw_poison(g, TW_ERROR_INTERNAL, "%s: %s expands to %s%s where %s%s is due",
                             call->name, call->op->name, tw_type_name(result[i]->type),
                             tw_shape_text(&result[i]->shape, is), tw_type_name(due->type),
                             tw_shape_text(&due->shape, must));
        }
        if (result[i]->call->id < start) {
            if (!tw_names_add(g, due->name, result[i]))
                return tw_poison_memory(g);
        } else if (!tw_node_rename(g, result[i], due->name)) {
            return false;
        }
    }
    if (!result[0])
        return tw_poison(g, TW_ERROR_INTERNAL, "%s: %s expands to nothing", call->name,
                         call->op->name);
    if (result[0]->call->id >= start)
        result[0]->expanded = result;
    return true;
}

tw_node *tw_expand(tw_graph *g, tw_call *call)
{
    struct tw_scope scope;
    const int start = g->n_calls;
    const char *prefix = tw_arena_printf(&g->arena, "%s/", call->name);
    tw_node **result = tw_arena_alloc(&g->arena, sizeof *result * TW_MAX_RESULTS);
    if (!prefix || !result)
        return tw_poison_memory(g);
    if (g->depth == TW_MAX_DEPTH)
        return tw_poison(g, TW_ERROR_INTERNAL, "%.120s: its expansion does not end", call->name);
    tw_scope_enter(g, &scope, prefix, prefix, g->scope ? g->scope->origin : NULL);
    g->depth++;
    call->op->expand(g, call, g->training, result);
    g->depth--;
    tw_scope_leave(g);
    return g->status == TW_OK && adopt(g, call, result, start) ? result[0] : NULL;
}
