// SPDX-License-Identifier: Apache-2.0
// What the files of the graph room share with each other and with nobody else.
#ifndef TW_GRAPH_INTERNAL_H
#define TW_GRAPH_INTERNAL_H

#include "graph/graph.h"
#include "graph/operator.h"

/* Limits that turn absurd texts into sentences instead of long waits. */
#define TW_MAX_TEXT ((size_t)16 << 20)
#define TW_MAX_NAME 120
#define TW_MAX_CALLS (1 << 17)
#define TW_MAX_PAIRS 48
#define TW_MAX_DEPTH 32

/* ---- lex.c: text to statements ---- */

/* A piece of the text being read; not 0-terminated. */
typedef struct tw_span {
    const char *at;
    size_t length;
    int column; /* from 1 */
} tw_span;
/* For "%.*s" in sentences: never more than 60 characters of what somebody wrote. */
#define TW_SPAN(span) (int)TW_MIN((span).length, (size_t)60), (span).at

typedef struct tw_pair {
    tw_span key; /* empty for an argument by position, and for "f32[n,28]" */
    tw_span value;
    bool quoted;
} tw_pair;

/* "[names =] word[(args)] pairs". */
typedef struct tw_statement {
    int n_names, n_args, n_pairs;
    bool parentheses;
    tw_span name[TW_MAX_RESULTS], word;
    tw_pair arg[TW_MAX_INPUTS], pair[TW_MAX_PAIRS];
} tw_statement;

typedef struct tw_lexer {
    const char *at, *end, *line_start;
    int line;
} tw_lexer;

void tw_lex_start(tw_lexer *lexer, const char *text, size_t length, int line);
bool tw_lex_line_end(tw_lexer *lexer);  /* nothing but blanks and a comment is left of the line */
void tw_lex_next_line(tw_lexer *lexer); /* skips the rest of the line */
int tw_lex_column(const tw_lexer *lexer);
bool tw_lex_take(tw_lexer *lexer, char symbol); /* skips blanks, and the symbol if it is next */
/* what: what is expected, for the sentence: "an operator". */
tw_status tw_lex_name(tw_lexer *lexer, const char *what, tw_span *span, tw_error *error);
tw_status tw_lex_value(tw_lexer *lexer, tw_span *span, bool *quoted, tw_error *error);
tw_status tw_lex_pairs(tw_lexer *lexer, tw_statement *s, tw_error *error);
tw_status tw_lex_statement(tw_lexer *lexer, tw_statement *s, tw_error *error);
tw_status tw_lex_line_done(tw_lexer *lexer, tw_error *error); /* an error if the line goes on */
/* For texts from C that are one statement: an error if anything is left. */
tw_status tw_lex_text_done(tw_lexer *lexer, tw_error *error);
bool tw_span_is(tw_span span, const char *word);
/* tw_fail with the column of a span. */
tw_status tw_fail_span(tw_error *error, tw_status code, tw_span span, const char *format, ...)
    TW_PRINTF(4, 5);

/* ---- attributes.c ---- */
int tw_attribute_index(const tw_attribute *table, const char *name); /* -1: not in the table */
tw_status tw_attributes_parse(tw_arena *arena, const char *owner, const tw_attribute *table,
                              const tw_pair *pairs, int count, tw_attr **attr, tw_error *error);
/* Appends "attr=value" values as they parse back: words bare, other texts quoted. */
void tw_attr_print(const tw_attribute *row, const tw_attr *attr, tw_text *text);
void tw_print_word(const char *word, tw_text *text);
void tw_print_dim(tw_dim dim, tw_text *text);

/* ---- names.c: one table of names and counters a graph ---- */
tw_node *tw_names_find(const tw_graph *g, const char *name);
/* name lives in the arena; a name that is there already gets the new node. False: memory is out. */
bool tw_names_add(tw_graph *g, const char *name, tw_node *node);
/* The counter of that key (no name: keys contain a blank); NULL: memory is out. */
int *tw_names_counter(tw_graph *g, const char *key);
void tw_names_free(tw_graph *g);
/* The name nearest to word among those that begin with prefix, without the prefix; NULL: none is
 * near. */
const char *tw_names_nearest(const tw_graph *g, const char *prefix, const char *word);

/* ---- build.c ---- */

/* Where calls are being made: in a block's call, or in a call's expansion or gradient. */
struct tw_scope {
    struct tw_scope *outer;
    const char *prefix;    /* of the names of calls: "disc_2." or "dense_1/" */
    const char *weights;   /* of the names of weights: "disc." */
    const tw_call *origin; /* in a bound graph */
};
void tw_scope_enter(tw_graph *g, struct tw_scope *scope, const char *prefix, const char *weights,
                    const tw_call *origin);
void tw_scope_leave(tw_graph *g);
const char *tw_scope_prefix(const tw_graph *g); /* "" at the top */

tw_status tw_graph_create_with(tw_context *context, const tw_operator *const *const *operators,
                               tw_graph **graph, tw_error *error);
tw_status tw_graph_parse_with(tw_context *context, const tw_operator *const *const *operators,
                              const char *text, size_t length, tw_graph **graph, tw_error *error);
/* Poisons with a failure's own sentence, "NAME: " before it if name is given. */
tw_node *tw_poison_error(tw_graph *g, const char *name, const tw_error *error);
tw_node *tw_poison_memory(tw_graph *g);
/* Makes the call of a statement whose inputs are known. name: NULL for the statement's, or an
 * automatic one. */
tw_node *tw_build(tw_graph *g, const tw_operator *op, const tw_statement *s, const char *name,
                  int count, tw_node *const *inputs);
/* The operator of that name, or poisons with the nearest one. */
const tw_operator *tw_build_operator(tw_graph *g, tw_span word);
/* A call without name, attributes and inputs, that is in no list yet. */
tw_call *tw_call_new(tw_graph *g, const tw_operator *op);
tw_status tw_call_infer(tw_call *call,
                        tw_error *error);      /* infer, and what every result must fulfil */
bool tw_call_link(tw_graph *g, tw_call *call); /* appends to the graph; false: poisoned */
/* Gives a node (and its call, of which it is the first result) another name; the old one keeps
 * working. */
bool tw_node_rename(tw_graph *g, tw_node *node, const char *name);
/* Word number index of an operator's "x weight? bias?"; false: there are not so many. */
typedef struct tw_port {
    const char *name;
    int length;
    bool optional, many;
} tw_port;
bool tw_port_at(const char *ports, int index, tw_port *port);
int tw_port_count(const char *ports);

/* ---- weights.c ---- */
/* Fills the inputs that the call was not given with weights, as its operator says. False: poisoned.
 */
bool tw_make_weights(tw_graph *g, tw_call *call);

/* ---- emit.c: composites in bound graphs ---- */
tw_node *tw_expand(tw_graph *g, tw_call *call);

/* ---- train.c ---- */
tw_status tw_train_parse(tw_graph *g, tw_lexer *lexer, tw_error *error);

#endif
