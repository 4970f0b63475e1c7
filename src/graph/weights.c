// SPDX-License-Identifier: Apache-2.0
// The weights that a call makes for itself where it is given none, or shares with the other calls
// of its block.
#include "graph/internal.h"

static const tw_attr *owner_attr(const tw_call *call, const char *name)
{
    const int index = tw_attribute_index(call->op->attributes, name);
    return index < 0 || call->attr[index].absent ? NULL : &call->attr[index];
}

/* Is the name `word`, or something before it: "query_weight"? */
static bool ends_in(const char *name, size_t length, const char *word)
{
    const size_t letters = strlen(word);
    return length >= letters && memcmp(name + length - letters, word, letters) == 0 &&
           (length == letters || name[length - letters - 1] == '_');
}

/* What bias_init= is for: what is added, not multiplied. */
static bool is_bias(const char *name)
{
    return ends_in(name, strlen(name), "bias") || ends_in(name, strlen(name), "shift");
}

/* Is this input a weight proper: one called "weight" or "..._weight", else the first that the call
 * makes, unless it is a bias? */
static bool is_proper(const tw_call *call, int input)
{
    tw_port port;
    bool has_weight = false;
    const char *name = tw_call_input_name(call, input);
    for (int i = 0; i < TW_MAX_INPUTS && tw_port_at(call->op->inputs, i, &port) && !port.many; i++)
        has_weight = has_weight || ends_in(port.name, port.length, "weight");
    return has_weight ? ends_in(name, strlen(name), "weight")
                      : !call->owns_weights && !is_bias(name);
}

/* The text of the parameter: "parameter f32[3,4] init=zeros l2=0.01 trainable=no". */
static void describe_weight(const tw_call *call, int input, const tw_weight_spec *spec,
                            tw_text *text)
{
    const bool proper = is_proper(call, input);
    const char *name = tw_call_input_name(call, input);
    const tw_attr *init = proper          ? owner_attr(call, "init")
                          : is_bias(name) ? owner_attr(call, "bias_init")
                                          : NULL;
    const tw_attr *trainable = owner_attr(call, "trainable");
    tw_text_printf(text, "parameter type=%s", tw_type_name(spec->type));
    for (int i = 0; i < spec->shape.rank; i++) {
        tw_text_puts(text, i ? "," : " shape=");
        tw_print_dim(spec->shape.dim[i], text);
    }
    tw_text_puts(text, " init=");
    tw_print_word(init ? init->text : spec->init, text);
    for (const char *const *decay = (const char *const[]){"l1", "l2", NULL}; *decay; decay++) {
        const tw_attr *factor = proper ? owner_attr(call, *decay) : NULL;
        if (factor && factor->f != 0) {
            tw_text_printf(text, " %s=", *decay);
            tw_text_double(text, factor->f);
        }
    }
    if (!spec->trainable || (trainable && !trainable->i))
        tw_text_puts(text, " trainable=no");
}

/* A weight of that name which is there already: another call of the block made it, or the model's
 * text gives it. */
static tw_node *reuse_weight(tw_graph *g, const tw_call *call, tw_node *node,
                             const tw_weight_spec *spec)
{
    char is[TW_SHAPE_TEXT], needed[TW_SHAPE_TEXT];
    if (tw_is_parameter(node->call) && node->type == spec->type &&
        tw_shape_equal(&node->shape, &spec->shape))
        return node;
    return tw_poison(g, TW_ERROR_SHAPE,
                     "%s: it would share %s, which is %s%s, but needs %s%s; calls of a block share "
                     "their weights, so their inputs must be alike",
                     call->name, node->name, tw_type_name(node->type),
                     tw_shape_text(&node->shape, is), tw_type_name(spec->type),
                     tw_shape_text(&spec->shape, needed));
}

static tw_node *make_weight(tw_graph *g, tw_call *call, int input, const tw_weight_spec *spec)
{
    const char *local = call->name + strlen(tw_scope_prefix(g));
    const char *name = tw_arena_printf(&g->arena, "%s%s.%s", g->scope ? g->scope->weights : "",
                                       local, tw_call_input_name(call, input));
    if (!name || g->status != TW_OK)
        return tw_poison_memory(g);
    tw_node *node = tw_names_find(g, name);
    if (node)
        return reuse_weight(g, call, node, spec);
    const tw_operator *parameter = tw_operator_find(g->operators, "parameter");
    tw_text text = {.context = g->context};
    describe_weight(call, input, spec, &text);
    tw_statement s;
    tw_lexer lexer;
    tw_error error = {0};
    if (text.failed || !parameter) {
        tw_text_clear(&text);
        return tw_poison_memory(g);
    }
    const bool generated = g->generated;
    g->generated = true;
    tw_lex_start(&lexer, text.data, text.length, 0);
    if (tw_lex_statement(&lexer, &s, &error) != TW_OK)
        tw_poison_error(g, name, &error);
    else
        node = tw_build(g, parameter, &s, name, 0, NULL);
    g->generated = generated;
    tw_text_clear(&text);
    if (node)
        node->call->owner = call;
    call->owns_weights = call->owns_weights || node;
    return node;
}

bool tw_make_weights(tw_graph *g, tw_call *call)
{
    tw_port port;
    for (int i = 0; i < TW_MAX_INPUTS && tw_port_at(call->op->inputs, i, &port) && !port.many;
         i++) {
        tw_weight_spec spec = {0};
        tw_status status = TW_OK;
        tw_error error = {0};
        if (call->input[i])
            continue;
        const bool wanted = call->op->weight(call, i, &spec, &status, &error);
        if (status != TW_OK)
            return tw_poison_error(g, call->name, &error);
        if (!wanted)
            continue;
        call->input[i] = make_weight(g, call, i, &spec);
        if (!call->input[i])
            return false;
        call->n_inputs = TW_MAX(call->n_inputs, i + 1);
    }
    return true;
}
