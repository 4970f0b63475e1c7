// SPDX-License-Identifier: Apache-2.0
// Train lines: which loss, which optimizer, which weights. What an optimizer's text means is the
// train room's business.
#include "graph/internal.h"

static const tw_attribute train_attributes[] = {
    {"loss", TW_ATTR_TEXT, NULL, NULL, "the node to be made small, one number"},
    {"optimizer", TW_ATTR_TEXT, "adam", NULL, "an optimizer and its attributes"},
    {"metrics", TW_ATTR_TEXT, "", NULL, "metrics, separated by commas"},
    {"params", TW_ATTR_TEXT, "*", NULL, "pattern of the names of the weights to be trained"},
    {"name", TW_ATTR_TEXT, "", NULL, "its name, where there are several"},
    {NULL, TW_ATTR_INT, NULL, NULL, NULL},
};

static tw_node *find_loss(tw_graph *g, const char *name)
{
    char shape[TW_SHAPE_TEXT];
    tw_node *loss = tw_names_find(g, name);
    if (!loss) {
        const char *nearest = tw_names_nearest(g, "", name);
        return nearest
                   ? tw_poison(g, TW_ERROR_NAME,
                               "train: loss=%.60s is no node; did you mean \"%s\"?", name, nearest)
                   : tw_poison(g, TW_ERROR_NAME, "train: loss=%.60s is no node", name);
    }
    if (loss->shape.rank > 0 || loss->type == TW_I32 || loss->type == TW_U8 ||
        loss->type == TW_BOOL)
        return tw_poison(
            g, TW_ERROR_SHAPE,
            "train: a loss is one real number, but %s is %s%s; reduce it, as with mean", loss->name,
            tw_type_name(loss->type), tw_shape_text(&loss->shape, shape));
    return loss;
}

/* A line without a name is "" while it is the only one, and train_NUMBER among several. */
static bool name_lines(tw_graph *g)
{
    int number = 0;
    for (tw_train_line *line = g->train; line && g->train->next; line = line->next) {
        number++;
        if (!*line->name)
            line->name = tw_arena_printf(&g->arena, "train_%d", number);
        if (!line->name)
            return tw_poison_memory(g);
        for (const tw_train_line *other = g->train; other != line; other = other->next)
            if (strcmp(other->name, line->name) == 0)
                return tw_poison(g, TW_ERROR_NAME, "train: two lines have the name %.60s",
                                 line->name);
    }
    return true;
}

static bool is_identifier(const char *name)
{
    tw_lexer lexer;
    tw_span span;
    tw_error error;
    tw_lex_start(&lexer, name, strlen(name), 0);
    return tw_lex_name(&lexer, "a name", &span, &error) == TW_OK && tw_lex_line_end(&lexer) &&
           span.length == strlen(name);
}

static bool add_line(tw_graph *g, const tw_attr *attr)
{
    tw_node *loss = find_loss(g, attr[0].text);
    tw_train_line **last = &g->train;
    if (!loss)
        return false;
    if (attr[4].given && !is_identifier(attr[4].text))
        return tw_poison(g, TW_ERROR_SYNTAX, "train: \"%.60s\" is not a name", attr[4].text);
    while (*last)
        last = &(*last)->next;
    *last = tw_arena_alloc(&g->arena, sizeof **last);
    if (!*last)
        return tw_poison_memory(g);
    **last = (tw_train_line){.name = attr[4].given ? attr[4].text : "",
                             .loss = loss,
                             .optimizer = attr[1].text,
                             .metrics = attr[2].given ? attr[2].text : "",
                             .params = attr[3].text,
                             .line = g->line};
    return name_lines(g);
}

tw_status tw_train_parse(tw_graph *g, tw_lexer *lexer, tw_error *error)
{
    tw_error local = {0};
    tw_statement s = {0};
    tw_attr *attr = NULL;
    if (tw_lex_pairs(lexer, &s, &local) != TW_OK || tw_lex_line_done(lexer, &local) != TW_OK ||
        tw_attributes_parse(&g->arena, "train", train_attributes, s.pair, s.n_pairs, &attr,
                            &local) != TW_OK)
        tw_poison_error(g, NULL, &local);
    else
        add_line(g, attr);
    return tw_graph_check(g, error);
}

tw_status tw_train(tw_graph *graph, const char *text, tw_error *error)
{
    tw_lexer lexer;
    TW_TRY(tw_graph_check(graph, error));
    if (!text || strlen(text) > TW_MAX_TEXT)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_train was given no text, or one without end");
    tw_lex_start(&lexer, text, strlen(text), 0);
    TW_TRY(tw_train_parse(graph, &lexer, error));
    tw_error local = {0};
    if (tw_lex_text_done(&lexer, &local) != TW_OK)
        tw_poison_error(graph, NULL, &local);
    return tw_graph_check(graph, error);
}
