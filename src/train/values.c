// SPDX-License-Identifier: Apache-2.0
// What a training reports: losses, metrics and penalties as nodes of the graph, under names that
// begin with "metric.".
#include <ctype.h>

#include "train/trainer.h"

/* "metric.accuracy", or with several train lines "metric.gen.accuracy". */
static const char *line_name(tw_trainer *t, const tw_line *line, const char *start,
                             const char *name)
{
    if (t->n_lines == 1)
        return tw_arena_printf(&t->arena, "%s%s", start, name);
    if (line->spec->name && line->spec->name[0])
        return tw_arena_printf(&t->arena, "%s%s.%s", start, line->spec->name, name);
    return tw_arena_printf(&t->arena, "%strain%d.%s", start, line->index + 1, name);
}

static tw_status scalar_node(const tw_line *line, const tw_node *node, const char *name,
                             tw_error *error)
{
    if (node->shape.rank != 0 || node->type != TW_F32)
        return tw_fail_at(
            error, TW_ERROR_SHAPE, line->spec->line, 1,
            "metrics=%s: \"%s\" is not a single f32 number that a batch could be judged by", name,
            node->name);
    return TW_OK;
}

/* A metric is a node of the graph, or an operator's text, which is applied to the first two inputs
 * of the loss. */
static tw_status metric_node(tw_trainer *t, const tw_line *line, const char *text, const char *name,
                             tw_node **node, tw_error *error)
{
    tw_graph *graph = t->params->graph;
    const char *own = line_name(t, line, "metric.", name);
    if (!own)
        return tw_fail_memory(error);
    *node = tw_graph_find(graph, name);
    if (!*node)
        *node = tw_graph_find(graph, own);
    if (!*node) {
        const tw_call *loss = line->spec->loss->call;
        const int count = TW_MIN(loss->n_inputs, 2);
        *node = tw_emit(graph, count, loss->input, "%s = %s", own, text);
    }
    if (!*node) {
        tw_error why = {.code = TW_OK};
        const tw_status status = tw_graph_check(graph, &why);
        return tw_fail_at(error, status, line->spec->line, 1, "metrics=%s: %s", name, why.text);
    }
    return scalar_node(line, *node, name, error);
}

static tw_status add_value(tw_trainer *t, tw_line *line, int *capacity, const char *name,
                           const tw_node *node, tw_error *error)
{
    if (!tw_grow(t->context, &t->value, capacity, t->n_values, sizeof *t->value))
        return tw_fail_memory(error);
    const char *shown = line_name(t, line, "", name);
    if (!shown)
        return tw_fail_memory(error);
    for (int i = line->first_value; i < t->n_values; i++)
        if (strcmp(t->value[i].name, shown) == 0)
            return tw_fail_at(error, TW_ERROR_NAME, line->spec->line, 1,
                              "metrics=: \"%s\" stands twice; the loss is always among them", name);
    tw_value *value = &t->value[t->n_values++];
    *value = (tw_value){.name = shown, .node = node->name, .first_sum = t->n_sums, .n_sums = 1};
    if (node->call->op->finish && node == node->call->result[0]) {
        const tw_node *counts = node->call->result[1];
        value->call = node->call;
        value->node = counts->name;
        value->n_sums = (int)tw_shape_count(&counts->shape).scale;
    }
    line->n_values++;
    line->n_sums += value->n_sums;
    t->n_sums += value->n_sums;
    return TW_OK;
}

/* One of "accuracy,top_k_accuracy k=3": cuts it off *rest, blanks around it removed. NULL at the
 * end. */
static char *next_metric(tw_trainer *t, const char **rest)
{
    while (**rest == ',' || isspace((unsigned char)**rest))
        (*rest)++;
    size_t length = strcspn(*rest, ",");
    const char *start = *rest;
    *rest += length;
    while (length > 0 && isspace((unsigned char)start[length - 1]))
        length--;
    return length > 0 ? tw_arena_text(&t->arena, start, length) : NULL;
}

static tw_status add_metrics(tw_trainer *t, tw_line *line, int *capacity, tw_error *error)
{
    const char *rest = line->spec->metrics ? line->spec->metrics : "";
    for (const char *text; (text = next_metric(t, &rest)) != NULL;) {
        const char *name = tw_arena_text(&t->arena, text, strcspn(text, " \t"));
        tw_node *node = NULL;
        if (!name)
            return tw_fail_memory(error);
        TW_TRY(metric_node(t, line, text, name, &node, error));
        TW_TRY(add_value(t, line, capacity, name, node, error));
    }
    return TW_OK;
}

/* sum + number * total(OPERATOR(parameter)) */
static tw_node *penalty_term(tw_graph *g, tw_node *sum, tw_node *parameter, const char *operator,
                             double number)
{
    if (number == 0)
        return sum;
    tw_node *size = tw_emit1(g, tw_emit1(g, parameter, "%s", operator), "reduce_sum");
    tw_node *term = tw_emit2(g, size, tw_emit_scalar(g, number), "mul");
    return sum ? tw_emit2(g, sum, term, "add") : term;
}

/* l1 and l2 of what the line trains, which its loss includes as reported (Keras does so); its
 * gradient is the optimizer's part. */
static tw_status add_penalty(tw_trainer *t, tw_line *line, tw_error *error)
{
    tw_graph *graph = t->params->graph;
    const char *name = line_name(t, line, "metric.", "penalty");
    if (!name)
        return tw_fail_memory(error);
    if (tw_graph_find(graph, name)) {
        line->penalty = name;
        return TW_OK;
    }
    tw_node *sum = NULL;
    for (int i = 0; i < t->params->table.count; i++) {
        const tw_param_slot *slot = &t->params->table.slot[i];
        if (!slot->trainable || !tw_match(line->spec->params, slot->name))
            continue;
        sum = penalty_term(graph, sum, slot->call->result[0], "abs",
                           tw_parameter_number(slot->call, "l1", 0));
        sum = penalty_term(graph, sum, slot->call->result[0], "square",
                           tw_parameter_number(slot->call, "l2", 0));
    }
    if (sum)
        line->penalty = name;
    if (sum)
        (void)tw_emit1(graph, sum, "%s = identity", name); /* a failure is the graph's */
    return tw_graph_check(graph, error);
}

tw_status tw_values_create(tw_trainer *trainer, tw_error *error)
{
    int capacity = 0;
    for (int i = 0; i < trainer->n_lines; i++) {
        tw_line *line = &trainer->line[i];
        line->first_value = trainer->n_values;
        line->first_sum = trainer->n_sums;
        TW_TRY(add_value(trainer, line, &capacity, "loss", line->spec->loss, error));
        TW_TRY(add_metrics(trainer, line, &capacity, error));
        TW_TRY(add_penalty(trainer, line, error));
    }
    trainer->sum = tw_calloc(trainer->context, (size_t)trainer->n_sums, sizeof *trainer->sum);
    return trainer->sum ? TW_OK : tw_fail_memory(error);
}

void tw_value_add(const tw_value *value, const float *batch, int64_t n, double *sums)
{
    for (int i = 0; i < value->n_sums; i++)
        sums[value->first_sum + i] += value->call ? (double)batch[i] : (double)batch[i] * (double)n;
}

double tw_value_of(const tw_value *value, const double *sums, int64_t samples)
{
    if (samples == 0)
        return 0;
    const double *own = sums + value->first_sum;
    return value->call ? value->call->op->finish(value->call, own, value->n_sums)
                       : *own / (double)samples;
}
