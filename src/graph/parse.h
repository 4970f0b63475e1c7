// SPDX-License-Identifier: Apache-2.0
// What the parser of model files is made of: parse.c reads lines, resolve.c finds inputs, block.c
// defines and calls blocks.
#ifndef TW_GRAPH_PARSE_H
#define TW_GRAPH_PARSE_H

#include "graph/internal.h"

/* A block is kept as text and read again at each call. */
typedef struct block {
    tw_span name;
    int n_parameters, index;
    tw_span parameter[TW_MAX_INPUTS];
    tw_lexer body; /* stands on the line after "block" */
    struct block *next;
} block;

/* What is being read: the model, or one call of a block. */
typedef struct frame {
    const block *block; /* NULL: the model */
    tw_lexer lexer;
    tw_node *previous; /* the value of the line before */
    int n_results;     /* of a return line; 0: none yet */
    tw_node *result[TW_MAX_RESULTS];
} frame;

typedef struct parser {
    tw_graph *g;
    block *blocks; /* newest first */
    int n_blocks, block_calls, depth;
} parser;

/* Poison with a sentence about a piece of the text, or with the lexer's; both return false. */
bool tw_parse_fail(parser *p, tw_span span, tw_status status, const char *format, ...)
    TW_PRINTF(4, 5);
bool tw_parse_good(parser *p, tw_status status, const tw_error *error); /* true if status is OK */

/* One line; false at the end of the model or of the block, or when the graph is poisoned. */
bool tw_parse_line(parser *p, frame *f);

/* ---- resolve.c ---- */
/* The node of that name in the scope, or poisons. */
tw_node *tw_parse_node(parser *p, const frame *f, tw_span span);
/* The arguments of a statement as inputs of the operator: TW_MAX_INPUTS places. Returns how many;
 * -1: poisoned. */
int tw_parse_arguments(parser *p, const frame *f, const tw_statement *s, const tw_operator *op,
                       tw_node **input);

/* ---- block.c ---- */
const block *tw_block_find(const parser *p, tw_span name);
bool tw_block_define(parser *p, frame *f); /* after the word "block" */
bool tw_block_call(parser *p, frame *f, const block *b, const tw_statement *s);
/* A parameter made in a block is one of its weights: the first call makes it, the others share it.
 */
tw_node *tw_block_parameter(parser *p, const tw_operator *op, const tw_statement *s);

#endif
