// SPDX-License-Identifier: Apache-2.0
// Gradients as nodes: reverse accumulation over the calls, each asked for the gradients of its
// inputs.
#include "graph/internal.h"

typedef struct reverse {
    tw_graph *g;
    int n_nodes, n_calls; /* before any gradient was emitted */
    tw_call **calls;      /* by id */
    bool *needed;         /* by node id: depends on what is asked for, through real numbers */
    tw_node **gradient;   /* by node id: the sum so far */
} reverse;

static bool is_real(const tw_node *node)
{
    return node->type == TW_F32 || node->type == TW_F16 || node->type == TW_BF16;
}

static void find_needed(reverse *r, int count, tw_node *const *with_respect_to)
{
    for (int i = 0; i < count; i++)
        r->needed[with_respect_to[i]->id] = is_real(with_respect_to[i]);
    for (int id = 0; id < r->n_calls; id++) {
        const tw_call *call = r->calls[id];
        bool any = false;
        for (int i = 0; i < call->n_inputs; i++)
            any = any || (call->input[i] && r->needed[call->input[i]->id]);
        for (int i = 0; any && i < call->n_results; i++)
            r->needed[call->result[i]->id] = is_real(call->result[i]);
    }
}

/* The axes of a broadcast gradient that x does not have, or has as 1: "0,2". False: x is not below
 * it. */
static bool broadcast_axes(const tw_shape *from, const tw_shape *x, tw_text *axes)
{
    const int lead = from->rank - x->rank;
    for (int d = 0; d < from->rank; d++) {
        const bool summed =
            d < lead || (tw_dim_is_one(x->dim[d - lead]) && !tw_dim_is_one(from->dim[d]));
        if (summed)
            tw_text_printf(axes, "%s%d", axes->length ? "," : "", d);
        else if (!tw_dim_equal(from->dim[d], x->dim[d - lead]))
            return false;
    }
    return lead >= 0;
}

static tw_node *reshape_like(tw_graph *g, tw_node *dx, const tw_shape *shape)
{
    tw_text sizes = {.context = g->context};
    for (int i = 0; i < shape->rank; i++) {
        tw_text_puts(&sizes, i ? "," : " shape=");
        tw_print_dim(shape->dim[i], &sizes);
    }
    tw_node *node = sizes.failed ? tw_poison_memory(g)
                                 : tw_emit1(g, dx, "reshape%s", sizes.data ? sizes.data : "");
    tw_text_clear(&sizes);
    return node;
}

/* Sums a gradient of a broadcast shape down to x's. */
static tw_node *reduce_to(tw_graph *g, tw_node *dx, const tw_node *x, const tw_call *call)
{
    if (dx && tw_shape_equal(&dx->shape, &x->shape) && dx->type == x->type)
        return dx;
    if (!dx)
        return NULL;
    tw_text axes = {.context = g->context};
    const bool below = broadcast_axes(&dx->shape, &x->shape, &axes);
    if (axes.failed)
        tw_poison_memory(g);
    if (!below || dx->type != x->type) {
        char is[TW_SHAPE_TEXT], must[TW_SHAPE_TEXT];
        tw_poison(g, TW_ERROR_INTERNAL, "%s: the gradient of %s is %s%s where %s%s is due",
                  call->name, x->name, tw_type_name(dx->type), tw_shape_text(&dx->shape, is),
                  tw_type_name(x->type), tw_shape_text(&x->shape, must));
    }
    if (axes.length)
        dx = tw_emit1(g, dx, "reduce_sum axes=%s keepdims=%s", axes.data,
                      dx->shape.rank == x->shape.rank ? "yes" : "no");
    tw_text_clear(&axes);
    if (dx && !tw_shape_equal(&dx->shape, &x->shape))
        dx = reshape_like(g, dx, &x->shape);
    return dx;
}

static void accumulate(reverse *r, const tw_node *x, tw_node *dx)
{
    tw_node **sum = &r->gradient[x->id];
    if (dx)
        *sum = *sum ? tw_emit2(r->g, *sum, dx, "add") : dx;
}

static void reverse_call(reverse *r, tw_call *call)
{
    tw_node *dy[TW_MAX_RESULTS] = {NULL}, *dx[TW_MAX_INPUTS] = {NULL};
    bool wanted[TW_MAX_INPUTS] = {false}, any_dy = false, any_wanted = false;
    for (int i = 0; i < call->n_results; i++) {
        dy[i] = r->gradient[call->result[i]->id];
        any_dy = any_dy || dy[i];
    }
    for (int i = 0; i < call->n_inputs; i++) {
        wanted[i] = call->input[i] && r->needed[call->input[i]->id];
        any_wanted = any_wanted || wanted[i];
    }
    if (!any_dy || !any_wanted)
        return;
    if (!call->op->grad) {
        tw_poison(r->g, TW_ERROR_UNSUPPORTED, "%s: the operator %s has no gradient", call->name,
                  call->op->name);
        return;
    }
    call->op->grad(r->g, call, dy, wanted, dx);
    for (int i = 0; i < call->n_inputs && r->g->status == TW_OK; i++)
        if (wanted[i])
            accumulate(r, call->input[i], reduce_to(r->g, dx[i], call->input[i], call));
}

/* Each call's gradient is emitted in a scope of its own, so that names depend on the call alone. */
static void reverse_all(reverse *r)
{
    for (int id = r->n_calls - 1; id >= 0 && r->g->status == TW_OK; id--) {
        struct tw_scope scope;
        tw_call *call = r->calls[id];
        const char *prefix = tw_arena_printf(&r->g->arena, "%s/grad/", call->name);
        if (!prefix) {
            tw_poison_memory(r->g);
            return;
        }
        tw_scope_enter(r->g, &scope, prefix, prefix, call->origin);
        reverse_call(r, call);
        tw_scope_leave(r->g);
    }
}

static void start(reverse *r, const tw_node *loss)
{
    struct tw_scope scope;
    const char *prefix = tw_arena_printf(&r->g->arena, "%s/grad/", loss->name);
    tw_scope_enter(r->g, &scope, prefix ? prefix : "", "", loss->call->origin);
    if (!prefix)
        tw_poison_memory(r->g);
    r->gradient[loss->id] = loss->type == TW_F32 ? tw_emit_scalar(r->g, 1)
                                                 : tw_emit(r->g, 0, NULL, "fill value=1 type=%s",
                                                           tw_type_name(loss->type));
    tw_scope_leave(r->g);
}

static tw_status check_arguments(const tw_graph *g, const tw_node *loss, int count,
                                 tw_node *const *with_respect_to, tw_error *error)
{
    if (!loss || loss->call->graph != g)
        return tw_fail(error, TW_ERROR_ARGUMENT, "the loss is not a node of this graph");
    if (!is_real(loss) || loss->shape.rank != 0)
        return tw_fail(error, TW_ERROR_SHAPE, "%s: a loss is one real number", loss->name);
    for (int i = 0; i < count; i++)
        if (!with_respect_to[i] || with_respect_to[i]->call->graph != g)
            return tw_fail(error, TW_ERROR_ARGUMENT,
                           "gradient %d is asked for something that is no node of this graph", i);
    return TW_OK;
}

tw_status tw_graph_gradient(tw_graph *g, tw_node *loss, int count, tw_node *const *with_respect_to,
                            tw_node **gradient, tw_error *error)
{
    TW_TRY(tw_graph_check(g, error));
    TW_TRY(check_arguments(g, loss, count, with_respect_to, error));
    reverse r = {.g = g, .n_nodes = g->n_nodes, .n_calls = g->n_calls};
    r.calls = tw_calloc(g->context, (size_t)r.n_calls, sizeof *r.calls);
    r.needed = tw_calloc(g->context, (size_t)r.n_nodes, sizeof *r.needed);
    r.gradient = tw_calloc(g->context, (size_t)r.n_nodes, sizeof *r.gradient);
    if (r.calls && r.needed && r.gradient) {
        for (tw_call *call = g->first; call; call = call->next)
            r.calls[call->id] = call;
        find_needed(&r, count, with_respect_to);
        if (r.needed[loss->id]) {
            start(&r, loss);
            reverse_all(&r);
        }
        for (int i = 0; i < count && g->status == TW_OK; i++)
            gradient[i] = is_real(with_respect_to[i]) ? r.gradient[with_respect_to[i]->id] : NULL;
    } else {
        tw_poison_memory(g);
    }
    tw_free(g->context, r.calls);
    tw_free(g->context, r.needed);
    tw_free(g->context, r.gradient);
    return tw_graph_check(g, error);
}
