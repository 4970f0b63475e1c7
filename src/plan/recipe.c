// SPDX-License-Identifier: Apache-2.0
// From a graph to stages: binds letters, adds gradients, finds what is needed and where each value
// lives.
#include "plan/inside.h"

/* ---- tensors ---- */

int tw_recipe_tensor(tw_recipe *recipe, const char *label, tw_type type, tw_dim count,
                     tw_space space, int index, uint64_t offset)
{
    if (!tw_grow(recipe->context, &recipe->tensor, &recipe->capacity_tensors, recipe->n_tensors,
                 sizeof *recipe->tensor))
        return -1;
    recipe->tensor[recipe->n_tensors] = (tw_tensor){
        .label = label,
        .type = type,
        .count = count,
        .space = space,
        .index = index,
        .offset = offset,
        .bytes = (uint64_t)tw_dim_at(count, recipe->batch) * tw_caps_type_size(&recipe->caps, type),
        .first = -1,
        .last = -1,
    };
    return recipe->n_tensors++;
}

tw_status tw_recipe_empty(tw_context *context, const tw_caps *caps, tw_recipe **recipe,
                          tw_error *error)
{
    tw_recipe *r = tw_calloc(context, 1, sizeof *r);
    if (!r)
        return tw_fail_memory(error);
    r->context = context;
    r->arena.context = context;
    r->caps = *caps;
    r->batch = 1;
    *recipe = r;
    return TW_OK;
}

void tw_recipe_destroy(tw_recipe **recipe)
{
    if (!recipe || !*recipe)
        return;
    tw_recipe *r = *recipe;
    tw_graph_destroy(&r->bound);
    tw_free(r->context, r->tensor);
    tw_free(r->context, r->stage);
    tw_arena_free(&r->arena);
    tw_free(r->context, r);
    *recipe = NULL;
}

tw_node *tw_plan_root(tw_node *node)
{
    while (node->call->op->flags & TW_OP_VIEW)
        node = node->call->input[0];
    return node;
}

bool tw_plan_is_elementwise(const tw_call *call)
{
    return call->op->row != 0;
}

static const tw_param_slot *find_slot(const tw_param_table *table, const char *name)
{
    for (int i = 0; i < table->count; i++)
        if (strcmp(table->slot[i].name, name) == 0)
            return &table->slot[i];
    return NULL;
}

/* ---- what is to be computed ---- */

static tw_status find_root(const tw_graph *graph, const char *name, tw_node **node, tw_error *error)
{
    *node = tw_graph_find(graph, name);
    if (*node)
        return TW_OK;
    const char *near = NULL;
    const char **names = tw_calloc(graph->context, (size_t)graph->n_calls + 1, sizeof *names);
    int count = 0;
    for (const tw_call *call = graph->first; call && names; call = call->next)
        names[count++] = call->name;
    const int nearest = names ? tw_nearest(name, names, count) : -1;
    near = nearest >= 0 ? names[nearest] : NULL;
    tw_free(graph->context, names);
    return tw_fail(error, TW_ERROR_NAME, "the model has no node named %s%s%s%s", name,
                   near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

/* Binds the graph to what the outputs and the loss need; *roots are the outputs, then the loss. */
static tw_status bind_roots(tw_making *m, const tw_graph *graph, tw_node **roots, tw_error *error)
{
    const tw_recipe_options *o = m->options;
    int count = 0;
    for (int i = 0; i < o->n_outputs; i++)
        TW_TRY(find_root(graph, o->output[i], &roots[count++], error));
    if (o->loss)
        TW_TRY(find_root(graph, o->loss, &roots[count++], error));
    if (!count)
        return tw_fail(error, TW_ERROR_ARGUMENT, "a plan needs at least one output");
    tw_node **map = NULL;
    TW_TRY(
        tw_graph_bind(graph, roots, count, o->sizes, o->training, &m->recipe->bound, &map, error));
    m->graph = m->recipe->bound;
    for (int i = 0; i < count; i++)
        roots[i] = map[roots[i]->id];
    return o->fusion ? tw_plan_reorder(m->graph, roots, count, error) : TW_OK;
}

static tw_status add_sink(tw_making *m, tw_node *node, int tensor, tw_error *error)
{
    /* A sink's memory must be its own: what is an input, a parameter, a leaf, or a sink already, is
     * copied. */
    tw_node *root = tw_plan_root(node);
    bool copy = tw_is_input(root->call) || tw_is_parameter(root->call) ||
                (root->call->op->flags & TW_OP_LEAF);
    for (int i = 0; i < m->n_sinks; i++)
        copy |= m->sink[i].node == root;
    if (copy)
        root = tw_emit1(m->graph, node, "identity");
    if (!root || tensor < 0)
        return m->graph->status != TW_OK ? tw_graph_check(m->graph, error) : tw_fail_memory(error);
    m->sink[m->n_sinks++] = (struct tw_sink){root, tensor};
    return TW_OK;
}

/* Small outputs share a buffer: a chain of launches has room for few (schedule/chain.c). */
static void place_output(tw_recipe *r, int id, int *shared, uint64_t *end)
{
    tw_tensor *tensor = &r->tensor[id];
    if (tensor->bytes >= TW_DIRECT_BYTES)
        return;
    const uint64_t unit = (uint64_t)TW_MAX(r->caps.alignment, 64);
    *shared = *shared < 0 ? tensor->index : *shared;
    tensor->index = *shared;
    tensor->offset = (*end + unit - 1) / unit * unit;
    *end = tensor->offset + tensor->bytes;
}

static tw_status add_outputs(tw_making *m, tw_node **roots, tw_error *error)
{
    tw_recipe *r = m->recipe;
    const int count = m->options->n_outputs + (m->options->loss != NULL);
    r->output = tw_arena_alloc(&r->arena, (size_t)count * sizeof *r->output);
    if (!r->output)
        return tw_fail_memory(error);
    int shared = -1;
    uint64_t end = 0;
    for (int i = 0; i < count; i++) {
        const bool loss = i == m->options->n_outputs;
        const char *name = loss ? m->options->loss : m->options->output[i];
        name = tw_arena_text(&r->arena, name, strlen(name));
        const int id = tw_recipe_tensor(r, name, roots[i]->type, tw_shape_count(&roots[i]->shape),
                                        TW_SPACE_OUTPUT, i, 0);
        if (!name || id < 0)
            return tw_fail_memory(error);
        place_output(r, id, &shared, &end);
        r->output[r->n_outputs++] = (tw_recipe_port){name, roots[i], id};
        TW_TRY(add_sink(m, roots[i], id, error));
    }
    return TW_OK;
}

static const char *pattern(const tw_making *m)
{
    return m->options->params_pattern ? m->options->params_pattern : "*";
}

/* Gradients of the loss by the parameters that the train line updates, placed as the parameters
 * are. */
static tw_status add_gradients(tw_making *m, tw_node *loss, tw_error *error)
{
    tw_recipe *r = m->recipe;
    if (loss->shape.rank != 0 || loss->type != TW_F32) {
        char text[TW_SHAPE_TEXT];
        return tw_fail(error, TW_ERROR_SHAPE,
                       "the loss %s must be a single f32 number, but it is %s%s: use a loss "
                       "operator, or reduce_mean",
                       loss->name, tw_type_name(loss->type), tw_shape_text(&loss->shape, text));
    }
    const tw_param_table *table = m->table;
    tw_node **by = tw_arena_alloc(&r->arena, (size_t)(table->count + 1) * sizeof *by);
    tw_node **gradient = tw_arena_alloc(&r->arena, (size_t)(table->count + 1) * sizeof *gradient);
    const tw_param_slot **slot =
        tw_arena_alloc(&r->arena, (size_t)(table->count + 1) * sizeof *slot);
    if (!by || !gradient || !slot)
        return tw_fail_memory(error);
    int count = 0;
    for (tw_call *call = m->graph->first; call; call = call->next) {
        const tw_param_slot *s = tw_is_parameter(call) ? find_slot(table, call->name) : NULL;
        if (!s || !s->trainable || !tw_match(pattern(m), call->name))
            continue;
        by[count] = call->result[0];
        slot[count++] = s;
    }
    TW_TRY(tw_graph_gradient(m->graph, loss, count, by, gradient, error));
    for (int i = 0; i < count; i++) {
        if (!gradient[i])
            continue;
        r->has_gradient[slot[i] - table->slot] = true;
        const uint64_t offset = (uint64_t)slot[i]->offset * tw_caps_type_size(&r->caps, TW_F32);
        const int id = tw_recipe_tensor(r, slot[i]->name, TW_F32, TW_DIM(slot[i]->count),
                                        TW_SPACE_GRADIENTS, 0, offset);
        TW_TRY(add_sink(m, gradient[i], id, error));
    }
    return TW_OK;
}

static int parameter_tensor(tw_making *m, const tw_call *call)
{
    const tw_param_slot *slot = find_slot(m->table, call->name);
    tw_recipe *r = m->recipe;
    return tw_recipe_tensor(r, call->name, call->result[0]->type,
                            tw_shape_count(&call->result[0]->shape), TW_SPACE_PARAMS, 0,
                            (uint64_t)slot->offset * tw_caps_type_size(&r->caps, TW_F32));
}

/* Running statistics that the train line's params= covers: written where the parameter lies. The
 * stages that read the old value come before, because the new one is computed from it. */
static tw_status add_updates(tw_making *m, tw_error *error)
{
    for (const tw_update *u = m->graph->updates; u && m->options->loss; u = u->next)
        if (tw_match(pattern(m), u->parameter->call->name))
            TW_TRY(add_sink(m, u->value, parameter_tensor(m, u->parameter->call), error));
    return TW_OK;
}

/* ---- side tables ---- */

/* A call is live if a sink or a live call needs it; inputs come before their users, so one sweep
 * backwards is enough. */
static tw_status mark_live(tw_making *m, tw_error *error)
{
    for (int i = 0; i < m->n_sinks; i++)
        m->live[m->sink[i].node->call->id] = true;
    tw_call **order = tw_arena_alloc(&m->recipe->arena, (size_t)m->graph->n_calls * sizeof *order);
    if (!order)
        return tw_fail_memory(error);
    int count = 0;
    for (tw_call *call = m->graph->first; call; call = call->next)
        order[count++] = call;
    while (count-- > 0)
        for (int i = 0; i < order[count]->n_inputs && m->live[order[count]->id]; i++)
            if (order[count]->input[i])
                m->live[order[count]->input[i]->call->id] = true;
    return TW_OK;
}

static tw_status check_size(const tw_making *m, const tw_node *node, tw_error *error)
{
    const tw_dim count = tw_shape_count(&node->shape);
    char text[TW_SHAPE_TEXT];
    if (!tw_dim_known(count) || (count.letters & ~TW_BATCH))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "%s has shape %s, which is not known once letters are bound", node->name,
                       tw_shape_text(&node->shape, text));
    if (tw_dim_at(count, m->recipe->batch) > INT32_MAX)
        return tw_fail(
            error, TW_ERROR_UNSUPPORTED,
            "%s of shape %s has more than 2^31 elements at batch %lld: take a smaller batch",
            node->name, tw_shape_text(&node->shape, text), (long long)m->recipe->batch);
    return TW_OK;
}

static tw_status assign_tensors(tw_making *m, tw_error *error)
{
    tw_recipe *r = m->recipe;
    for (int i = 0; i < m->n_sinks; i++)
        m->tensor[m->sink[i].node->id] = m->sink[i].tensor;
    for (tw_call *call = m->graph->first; call; call = call->next) {
        for (int k = 0; k < call->n_results && m->live[call->id]; k++) {
            tw_node *node = call->result[k];
            TW_TRY(check_size(m, node, error));
            if (m->tensor[node->id] >= 0)
                continue;
            const tw_dim count = tw_shape_count(&node->shape);
            if (call->op->flags & TW_OP_VIEW)
                m->tensor[node->id] = m->tensor[tw_plan_root(node)->id];
            else if (tw_is_parameter(call))
                m->tensor[node->id] = parameter_tensor(m, call);
            else
                m->tensor[node->id] =
                    tw_recipe_tensor(r, node->name, node->type, count, TW_SPACE_NONE, 0, 0);
            if (m->tensor[node->id] < 0)
                return tw_fail_memory(error);
        }
    }
    return TW_OK;
}

static tw_status assign_inputs(tw_making *m, const tw_graph *graph, tw_error *error)
{
    tw_recipe *r = m->recipe;
    const int count = tw_graph_input_count(graph);
    r->input = tw_arena_alloc(&r->arena, (size_t)TW_MAX(count, 1) * sizeof *r->input);
    if (!r->input)
        return tw_fail_memory(error);
    for (int i = 0; i < count; i++) {
        tw_node *node = tw_graph_find(m->graph, tw_node_name(tw_graph_input(graph, i)));
        if (!node || !m->live[node->call->id])
            continue;
        const int id = m->tensor[node->id];
        r->tensor[id].space = TW_SPACE_INPUT;
        r->tensor[id].index = r->n_inputs;
        r->input[r->n_inputs++] = (tw_recipe_port){node->name, node, id};
    }
    return TW_OK;
}

static tw_status allocate_tables(tw_making *m, tw_error *error)
{
    tw_arena *arena = &m->recipe->arena;
    m->live = tw_arena_alloc(arena, (size_t)m->graph->n_calls * sizeof *m->live);
    m->inlined = tw_arena_alloc(arena, (size_t)m->graph->n_calls * sizeof *m->inlined);
    m->stored = tw_arena_alloc(arena, (size_t)m->graph->n_nodes * sizeof *m->stored);
    m->tensor = tw_arena_alloc(arena, (size_t)m->graph->n_nodes * sizeof *m->tensor);
    m->group = tw_arena_alloc(arena, (size_t)m->graph->n_calls * sizeof *m->group);
    if (!m->live || !m->inlined || !m->stored || !m->tensor || !m->group)
        return tw_fail_memory(error);
    for (int i = 0; i < m->graph->n_nodes; i++)
        m->tensor[i] = -1;
    for (int i = 0; i < m->graph->n_calls; i++)
        m->group[i] = -1;
    return TW_OK;
}

static tw_status make(tw_making *m, const tw_graph *graph, tw_error *error)
{
    tw_arena *arena = &m->recipe->arena;
    const int n_roots = m->options->n_outputs + 1;
    tw_node **roots = tw_arena_alloc(arena, (size_t)n_roots * sizeof *roots);
    m->recipe->has_gradient = tw_arena_alloc(arena, (size_t)m->table->count + 1);
    if (!roots || !m->recipe->has_gradient)
        return tw_fail_memory(error);
    TW_TRY(bind_roots(m, graph, roots, error));
    int n_updates = 0;
    for (const tw_update *u = m->graph->updates; u; u = u->next)
        n_updates++;
    m->sink =
        tw_arena_alloc(arena, (size_t)(n_roots + m->table->count + n_updates) * sizeof *m->sink);
    if (!m->sink)
        return tw_fail_memory(error);
    TW_TRY(add_outputs(m, roots, error));
    if (m->options->loss)
        TW_TRY(add_gradients(m, roots[m->options->n_outputs], error));
    TW_TRY(add_updates(m, error));
    TW_TRY(tw_graph_check(m->graph, error));
    TW_TRY(allocate_tables(m, error));
    TW_TRY(mark_live(m, error));
    TW_TRY(assign_tensors(m, error));
    TW_TRY(assign_inputs(m, graph, error));
    TW_TRY(tw_plan_fuse(m, error));
    return tw_plan_stages(m, error);
}

tw_status tw_recipe_create(const tw_graph *graph, const tw_param_table *table, const tw_caps *caps,
                           const tw_recipe_options *options, tw_recipe **recipe, tw_error *error)
{
    if (options->batch < 1)
        return tw_fail(error, TW_ERROR_ARGUMENT, "the batch must be at least 1, not %lld",
                       (long long)options->batch);
    tw_recipe *r = NULL;
    TW_TRY(tw_graph_check(graph, error));
    TW_TRY(tw_recipe_empty(graph->context, caps, &r, error));
    r->batch = options->batch;
    r->memory_budget = options->memory_budget;
    r->training = options->loss != NULL;
    tw_making making = {.recipe = r, .options = options, .table = table};
    const tw_status status = make(&making, graph, error);
    tw_free(r->context, making.groups);
    if (status != TW_OK) {
        tw_recipe_destroy(&r);
        return status;
    }
    *recipe = r;
    return TW_OK;
}
