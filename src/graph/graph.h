// SPDX-License-Identifier: Apache-2.0
// The inside of a graph: calls of operators in the order they were made (which is topological),
// values, attributes.
#ifndef TW_GRAPH_GRAPH_H
#define TW_GRAPH_GRAPH_H

#include "base/base.h"
#include "base/shape.h"
#include "base/text.h"
#include <thalweg/graph.h>

typedef struct tw_operator tw_operator;
typedef struct tw_call tw_call;
struct tw_site;
struct tw_host_call;

#define TW_MAX_INPUTS 16
#define TW_MAX_RESULTS 8

/* A parsed attribute, in the place its row has in the operator's table. */
typedef struct tw_attr {
    bool given;               /* written by the user, not the default */
    bool absent;              /* neither written nor a default */
    int count;                /* of list */
    int64_t i;                /* INT, BOOL (0, 1), CHOICE (index of the word), TYPE */
    double f;                 /* FLOAT */
    const char *text;         /* as written: TEXT (without quotes), CHOICE */
    tw_dim list[TW_MAX_RANK]; /* INTS, DIMS ("-1" is scale -1) */
} tw_attr;

/* A value: one result of a call. */
struct tw_node {
    tw_call *call;
    int result; /* its number among the call's results */
    int id;     /* dense, from 0: index for side tables */
    tw_type type;
    tw_shape shape;
    const char *name;   /* of result 0 the call's name; of others as given in "y, h, c = ...", else
                           "NAME.h" */
    tw_node **expanded; /* in a bound graph, if it is result 0 of a composite: all results of that
                           (tw_result) */
};

/* One use of an operator. Inputs, parameters and constants are calls too (operators "input",
 * "parameter"). */
struct tw_call {
    tw_graph *graph;
    const tw_operator *op;
    const char *name; /* unique in its graph */
    int id;           /* dense, from 0, in order */
    tw_attr *attr;    /* as long as the operator's table */
    int n_inputs;     /* up to the last one given */
    tw_node **input;  /* NULL: optional and absent */
    int n_results;
    tw_node *result[TW_MAX_RESULTS];
    bool named;           /* the user gave the name */
    bool owns_weights;    /* some weights were made by it */
    const tw_call *owner; /* of a parameter that a call made for itself: that call */
    int line;             /* in the model text, 0 if none */
    tw_call *next;
    const tw_call *origin; /* in a bound graph: the call of the user's graph that this one stems
                              from, or NULL */
};

/* A value that a train line writes into a parameter when it has computed it (running statistics).
 */
typedef struct tw_update {
    tw_node *parameter, *value;
    struct tw_update *next;
} tw_update;

/* A train line as parsed; patterns as tw_match. */
typedef struct tw_train_line {
    const char *name; /* "train" or given by name= ; "" for a sole unnamed line */
    tw_node *loss;
    const char *optimizer; /* "adam lr=0.001" */
    const char *metrics;   /* "accuracy,top_k" or "" */
    const char *params;    /* "*" */
    int line;
    struct tw_train_line *next;
} tw_train_line;

struct tw_graph {
    tw_context *context;
    tw_arena arena;
    const tw_operator *const *const *operators; /* the registry, tw_operators */
    tw_call *first, *last;
    int n_calls, n_nodes;
    tw_update *updates;
    tw_train_line *train;
    tw_status status; /* the first error, sticky */
    tw_error error;
    bool bound,
        training; /* made by tw_graph_bind: composites are expanded as they are emitted; and how */
    int depth;    /* expansions within expansions */
    int line, column; /* where the text being parsed stands, 0 outside a parse */
    bool generated; /* the text being read is an operator's: its columns mean nothing to the user */
    struct tw_scope *scope; /* the block whose call is being expanded: prefix of names, counters */
    struct tw_names *names; /* name -> call, and counters by operator; graph/names.c */
};

/* ---- building, for operators and rewrites (all sticky) ---- */
/* tw_op with a formatted text: tw_emit(g, 2, (tw_node *[]){a, b}, "matmul transpose_b=%s", "yes").
 */
tw_node *tw_emit(tw_graph *g, int count, tw_node *const *inputs, const char *format, ...)
    TW_PRINTF(4, 5);
tw_node *tw_emit1(tw_graph *g, tw_node *a, const char *format, ...) TW_PRINTF(3, 4);
tw_node *tw_emit2(tw_graph *g, tw_node *a, tw_node *b, const char *format, ...) TW_PRINTF(4, 5);
/* A rank-0 f32 constant: operator "fill". */
tw_node *tw_emit_scalar(tw_graph *g, double value);
/* A number as the grammar writes it, for "%s" in tw_emit (whose "%g" would follow the program's
 * locale). */
const char *tw_number(tw_graph *g, double value);
/* The parameter's next value, in place of one that was emitted before. Layers that share the
 * parameter, as in a block that is called twice, take what it has become so far from
 * tw_emit_updated (the parameter itself before the first), so that they follow one another. */
void tw_emit_update(tw_graph *g, tw_node *parameter, tw_node *value);
tw_node *tw_emit_updated(const tw_graph *g, tw_node *parameter);
/* Poisons the graph (if it is not already) and returns NULL. */
tw_node *tw_poison(tw_graph *g, tw_status status, const char *format, ...) TW_PRINTF(3, 4);

/* ---- for infer ---- */
void tw_result_set(tw_call *call, int result, tw_type type, const tw_shape *shape);
const char *tw_call_input_name(const tw_call *call, int input);

/* ---- attributes by name; the name must stand in the operator's table ---- */
const tw_attr *tw_attr_get(const tw_call *call, const char *name);
bool tw_attr_given(const tw_call *call, const char *name); /* written, or has a default */
int64_t tw_attr_int(const tw_call *call, const char *name);
double tw_attr_float(const tw_call *call, const char *name);
bool tw_attr_bool(const tw_call *call, const char *name);
const char *tw_attr_text(const tw_call *call, const char *name); /* TEXT and CHOICE */
bool tw_attr_is(const tw_call *call, const char *name, const char *word);
/* INTS: copies `count` values; a single one given is repeated, another count is an error the parser
 * has no way to know: returns false then (infer reports it). */
bool tw_attr_ints(const tw_call *call, const char *name, int count, int64_t *out);
/* Axis attribute values, negative from the end, as a bit mask; false if out of range or doubled.
 * Absent: all axes. */
bool tw_attr_axes(const tw_call *call, const char *name, int rank, unsigned *mask);

/* ---- for infer: what an operator's use of an input says about it ---- */
/* The node's values serve as class numbers below `classes`. An input without classes= gets it, so
 * that data are checked against it; one with more is an error. */
tw_status tw_input_expect_classes(tw_node *node, int64_t classes, tw_error *error);

/* ---- reading ---- */
bool tw_is_input(const tw_call *call);
bool tw_is_parameter(const tw_call *call);
bool tw_parameter_trainable(const tw_call *call);
const tw_operator *tw_operator_find(const tw_operator *const *const *operators, const char *name);
/* Prints one call as a line of model text without line end. */
void tw_call_print(const tw_call *call, tw_text *text);
/* Parses option texts such as "adam lr=0.001": the leading word is given to lookup, which returns
 * the word's attribute table (NULL: unknown word; it has then filled *error). *attr has as many
 * places as the table has rows. */
typedef const struct tw_attribute *(*tw_options_lookup)(const char *word, tw_error *error);
tw_status tw_options_parse(tw_arena *arena, const char *text, const char **word, tw_error *error,
                           tw_options_lookup lookup, tw_attr **attr);

/* ---- passes ---- */
/* "t=28 s=10" or "t=28,s=10" into the sizes of letters; those that it does not name stay. NULL:
 * none. Errors: NAME (not a letter, or n), SHAPE (a number out of range). */
tw_status tw_sizes_parse(const char *sizes, int64_t size[26], tw_error *error);
/* A copy of what `roots` need, letters bound (`sizes`: "t=28"; n stays a letter), composites
 * expanded (for training or not), views kept. *map receives node of g by id -> node of the copy
 * (NULL where not needed). Errors: the graph's first error; SHAPE, NAME (an unbound letter). */
tw_status tw_graph_bind(const tw_graph *g, tw_node *const *roots, int n_roots, const char *sizes,
                        bool training, tw_graph **bound, tw_node ***map, tw_error *error);
/* Emits the gradient of the scalar loss with respect to each of `count` nodes, as nodes of the same
 * graph; gradient[i] is NULL where loss does not depend on it. Reverse accumulation in order of
 * calls. */
tw_status tw_graph_gradient(tw_graph *g, tw_node *loss, int count, tw_node *const *with_respect_to,
                            tw_node **gradient, tw_error *error);

#endif
