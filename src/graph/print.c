// SPDX-License-Identifier: Apache-2.0
// A graph as model text, which parses back to an equal graph.
#include "graph/internal.h"

/* Is text "NAME.PORT"? */
static bool is_port_name(const char *text, const char *name, const tw_port *port)
{
    const size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && text[length] == '.' &&
           strlen(text + length + 1) == (size_t)port->length &&
           memcmp(text + length + 1, port->name, (size_t)port->length) == 0;
}

/* A weight that parsing its owner's line makes again, under this name. */
static bool derivable(const tw_node *node)
{
    const tw_call *owner = node->call->owner;
    tw_port port;
    for (int i = 0; owner && i < owner->n_inputs; i++)
        if (owner->input[i] == node)
            return tw_port_at(owner->op->inputs, i, &port) &&
                   is_port_name(node->name, owner->name, &port);
    return false;
}

static void print_names(const tw_call *call, tw_text *text)
{
    int last = 0;
    for (int i = 1; i < call->n_results; i++) {
        tw_port port = {0};
        if (tw_port_at(call->op->results, i, &port) &&
            !is_port_name(call->result[i]->name, call->name, &port))
            last = i;
    }
    for (int i = 0; i <= last; i++)
        tw_text_printf(text, "%s%s", i ? ", " : "", call->result[i]->name);
}

static void print_inputs(const tw_call *call, tw_text *text)
{
    tw_port port;
    bool gap = false;
    const char *comma = "";
    if (!tw_port_at(call->op->inputs, 0, &port))
        return;
    tw_text_puts(text, "(");
    for (int i = 0; i < call->n_inputs; i++) {
        const tw_node *node = call->input[i];
        if (!node || (node->call->owner == call && derivable(node))) {
            gap = true;
            continue;
        }
        tw_text_puts(text, comma);
        if (gap && tw_port_at(call->op->inputs, i, &port))
            tw_text_printf(text, "%.*s=", port.length, port.name);
        tw_text_puts(text, node->name);
        comma = ", ";
    }
    tw_text_puts(text, ")");
}

/* Inputs and parameters: " f32[n,28,28,1]"; their attributes type and shape are not printed again.
 */
static bool print_typed_shape(const tw_call *call, tw_text *text)
{
    if (!tw_is_input(call) && !tw_is_parameter(call))
        return false;
    const tw_shape *shape = &call->result[0]->shape;
    tw_text_printf(text, " %s[", tw_type_name(call->result[0]->type));
    for (int i = 0; i < shape->rank; i++) {
        tw_text_puts(text, i ? "," : "");
        tw_print_dim(shape->dim[i], text);
    }
    tw_text_puts(text, "]");
    return true;
}

void tw_call_print(const tw_call *call, tw_text *text)
{
    const tw_attribute *row = call->op->attributes;
    print_names(call, text);
    tw_text_printf(text, " = %s", call->op->name);
    print_inputs(call, text);
    const bool typed = print_typed_shape(call, text);
    for (int i = 0; row && row[i].name; i++) {
        if (!call->attr[i].given ||
            (typed && (strcmp(row[i].name, "type") == 0 || strcmp(row[i].name, "shape") == 0)))
            continue;
        tw_text_printf(text, " %s=", row[i].name);
        tw_attr_print(&row[i], &call->attr[i], text);
    }
}

static void print_train(const tw_train_line *line, tw_text *text)
{
    tw_text_printf(text, "train loss=%s optimizer=", line->loss->name);
    tw_print_word(line->optimizer, text);
    const struct {
        const char *name, *value;
        bool print;
    } rest[] = {{"metrics", line->metrics, *line->metrics != '\0'},
                {"params", line->params, strcmp(line->params, "*") != 0},
                {"name", line->name, *line->name != '\0'}};
    for (int i = 0; i < TW_COUNT(rest); i++)
        if (rest[i].print) {
            tw_text_printf(text, " %s=", rest[i].name);
            tw_print_word(rest[i].value, text);
        }
    tw_text_puts(text, "\n");
}

tw_status tw_graph_print(const tw_graph *graph, char **text, tw_error *error)
{
    TW_TRY(tw_graph_check(graph, error));
    tw_text out = {.context = graph->context};
    tw_text_puts(&out, "thalweg 1\n");
    for (const tw_call *call = graph->first; call; call = call->next) {
        if (derivable(call->result[0]))
            continue;
        tw_call_print(call, &out);
        tw_text_puts(&out, "\n");
    }
    for (const tw_train_line *line = graph->train; line; line = line->next)
        print_train(line, &out);
    char *taken = tw_text_take(&out);
    if (!taken) {
        tw_text_clear(&out);
        return tw_fail_memory(error);
    }
    *text = taken;
    return TW_OK;
}
