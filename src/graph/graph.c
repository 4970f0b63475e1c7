// SPDX-License-Identifier: Apache-2.0
// The graph as an object: created, destroyed, asked about its nodes, poisoned by its first error.
#include "graph/internal.h"
#include <stdio.h>

tw_status tw_graph_create_with(tw_context *context, const tw_operator *const *const *operators,
                               tw_graph **graph, tw_error *error)
{
    if (!context || !graph)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a graph needs a context and a place to go to");
    tw_graph *g = tw_calloc(context, 1, sizeof *g);
    if (!g)
        return tw_fail_memory(error);
    g->context = context;
    g->arena.context = context;
    g->operators = operators;
    *graph = g;
    return TW_OK;
}

tw_status tw_graph_create(tw_context *context, tw_graph **graph, tw_error *error)
{
    return tw_graph_create_with(context, tw_operators, graph, error);
}

void tw_graph_destroy(tw_graph **graph)
{
    if (!graph || !*graph)
        return;
    tw_graph *g = *graph;
    tw_names_free(g);
    tw_arena_free(&g->arena);
    tw_free(g->context, g);
    *graph = NULL;
}

void tw_text_free(tw_context *context, char **text)
{
    if (!text)
        return;
    tw_free(context, *text);
    *text = NULL;
}

/* ---- the first error ---- */

/* The sentence, with the place in the model text before it. */
static void keep_error(tw_graph *g, tw_status status, int column, const char *sentence)
{
    if (g->status != TW_OK)
        return;
    if (column == 0 || g->generated)
        column = g->column;
    if (g->line)
        tw_fail(&g->error, status, "line %d, column %d: %s", g->line, column, sentence);
    else
        tw_fail(&g->error, status, "%s", sentence);
    g->error.line = g->line;
    g->error.column = g->line ? column : 0;
    g->status = status;
}

tw_node *tw_poison(tw_graph *g, tw_status status, const char *format, ...)
{
    if (g->status != TW_OK)
        return NULL;
    char sentence[sizeof g->error.text];
    va_list args;
    va_start(args, format);
    tw_vformat(sentence, sizeof sentence, format, args);
    va_end(args);
    keep_error(g, status, 0, sentence);
    return NULL;
}

tw_node *tw_poison_error(tw_graph *g, const char *name, const tw_error *error)
{
    char sentence[sizeof error->text + TW_MAX_NAME];
    snprintf(sentence, sizeof sentence, "%.*s%s%s", TW_MAX_NAME, name ? name : "", name ? ": " : "",
             error->text);
    keep_error(g, error->code, error->column, sentence);
    return NULL;
}

tw_node *tw_poison_memory(tw_graph *g)
{
    tw_error error = {0};
    tw_fail_memory(&error);
    return tw_poison_error(g, NULL, &error);
}

tw_status tw_graph_check(const tw_graph *graph, tw_error *error)
{
    if (!graph)
        return tw_fail(error, TW_ERROR_ARGUMENT, "there is no graph: NULL was given");
    if (graph->status != TW_OK && error)
        *error = graph->error;
    return graph->status;
}

/* ---- nodes ---- */

tw_node *tw_graph_find(const tw_graph *graph, const char *name)
{
    return graph && name ? tw_names_find(graph, name) : NULL;
}

tw_node *tw_result(tw_node *node, int32_t index)
{
    if (!node)
        return NULL;
    if (node->expanded && index >= 0)
        return node->expanded[index];
    if (index >= 0 && index < node->call->n_results)
        return node->call->result[index];
    return tw_poison(node->call->graph, TW_ERROR_ARGUMENT, "%s has no result number %d: it has %d",
                     node->name, (int)index, node->call->n_results);
}

const char *tw_node_name(const tw_node *node)
{
    return node ? node->name : "";
}

tw_type tw_node_type(const tw_node *node)
{
    return node ? node->type : TW_TYPE_NONE;
}

int32_t tw_node_shape(const tw_node *node, int64_t dim[TW_MAX_RANK])
{
    if (!node)
        return 0;
    for (int i = 0; i < node->shape.rank; i++)
        dim[i] = tw_dim_fixed(node->shape.dim[i]) ? node->shape.dim[i].scale : -1;
    return node->shape.rank;
}

tw_status tw_node_shape_for(const tw_node *node, const char *sizes, int64_t dim[TW_MAX_RANK],
                            int32_t *rank, tw_error *error)
{
    int64_t size[26] = {0};
    TW_TRY(tw_sizes_parse(sizes, size, error));
    for (int i = 0; i < node->shape.rank; i++) {
        tw_dim bound = node->shape.dim[i];
        for (int k = 0; k < 26; k++)
            if (size[k])
                bound = tw_dim_bind(bound, 1u << k, size[k]);
        dim[i] = tw_dim_fixed(bound) ? bound.scale : -1;
    }
    *rank = node->shape.rank;
    return TW_OK;
}

bool tw_is_input(const tw_call *call)
{
    return strcmp(call->op->name, "input") == 0;
}

bool tw_is_parameter(const tw_call *call)
{
    return strcmp(call->op->name, "parameter") == 0;
}

bool tw_parameter_trainable(const tw_call *call)
{
    return tw_attr_bool(call, "trainable");
}

int32_t tw_graph_input_count(const tw_graph *graph)
{
    int32_t count = 0;
    for (const tw_call *call = graph ? graph->first : NULL; call; call = call->next)
        count += tw_is_input(call);
    return count;
}

tw_node *tw_graph_input(const tw_graph *graph, int32_t index)
{
    for (const tw_call *call = graph ? graph->first : NULL; call; call = call->next)
        if (tw_is_input(call) && index-- == 0)
            return call->result[0];
    return NULL;
}

int64_t tw_input_classes(const tw_node *node)
{
    return node && tw_is_input(node->call) ? tw_attr_int(node->call, "classes") : 0;
}

tw_status tw_input_expect_classes(tw_node *node, int64_t classes, tw_error *error)
{
    if (!node || !tw_is_input(node->call) || (node->type != TW_I32 && node->type != TW_U8))
        return TW_OK;
    tw_attr *attr = &node->call->attr[tw_attribute_index(node->call->op->attributes, "classes")];
    if (attr->absent)
        *attr = (tw_attr){.given = true, .i = classes};
    if (attr->i <= classes)
        return TW_OK;
    return tw_fail(error, TW_ERROR_SHAPE,
                   "values of %s are from 0 to %lld by its classes=%lld, but must be below %lld "
                   "here",
                   node->name, (long long)attr->i - 1, (long long)attr->i, (long long)classes);
}
