// SPDX-License-Identifier: Apache-2.0
// The description of a network: nodes made by text, in C or from a model file.
//
// One grammar names and sets up operators everywhere (see docs/language.md):
//
//     tw_node *x = tw_input(g, "image f32[n,28,28,1]");
//     x = tw_op(g, "conv2d filters=32 kernel=3 act=relu", 1, &x);
//     x = tw_op(g, "logits = dense units=10", 1, &x);
//
// Building is sticky: a bad call poisons the graph and returns NULL, later calls with NULL inputs
// return NULL, and tw_graph_check, or whoever takes the graph next, reports the first error. So
// building needs no checks.
#ifndef THALWEG_GRAPH_H
#define THALWEG_GRAPH_H

#include <thalweg/array.h>
#include <thalweg/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_graph tw_graph; /* used by one thread at a time */
typedef struct tw_node tw_node; /* one value: a result of an operator. Lives as long as its graph */

TW_API TW_NODISCARD tw_status tw_graph_create(tw_context *context, tw_graph **graph,
                                              tw_error *error);
TW_API void tw_graph_destroy(tw_graph **graph);

/* Parses a model text ("thalweg 1" on its first line). text: borrowed for the call, length bytes,
 * need not be 0-terminated. Errors: SYNTAX, NAME, SHAPE, TYPE with line and column in *error;
 * MEMORY. */
TW_API TW_NODISCARD tw_status tw_graph_parse(tw_context *context, const char *text, size_t length,
                                             tw_graph **graph, tw_error *error);
/* The same from a file. Errors: as above, and FILE. */
TW_API TW_NODISCARD tw_status tw_graph_read(tw_context *context, const char *path, tw_graph **graph,
                                            tw_error *error);

/* The graph as model text, which parses back to an equal graph. *text is taken by the caller: free
 * it with tw_text_free. */
TW_API TW_NODISCARD tw_status tw_graph_print(const tw_graph *graph, char **text, tw_error *error);
TW_API void tw_text_free(tw_context *context, char **text);

/* An input: "NAME TYPE[DIM,...]" and attributes, e.g. "label i32[n] classes=10". A letter is a size
 * bound later; n is the batch. */
TW_API tw_node *tw_input(tw_graph *graph, const char *text);
/* A parameter of its own: "NAME TYPE[DIM,...] init=glorot_uniform trainable=yes". */
TW_API tw_node *tw_parameter(tw_graph *graph, const char *text);
/* An operator: "[NAME =] OPERATOR attribute=value ...", its inputs in the operator's order; an
 * optional input that is left out is NULL at its place (only when count reaches beyond it). Returns
 * its first result. */
TW_API tw_node *tw_op(tw_graph *graph, const char *text, int32_t count, tw_node *const *inputs);
/* Result number index (from 0) of the operator that made node. */
TW_API tw_node *tw_result(tw_node *node, int32_t index);
/* A train line, in order: "loss=NODE optimizer=\"adam lr=0.001\" metrics=accuracy params=PATTERN".
 */
TW_API TW_NODISCARD tw_status tw_train(tw_graph *graph, const char *text, tw_error *error);

/* The node of that name, or NULL (which poisons nothing). */
TW_API tw_node *tw_graph_find(const tw_graph *graph, const char *name);
/* The first error of building, as status and sentence; TW_OK if none. */
TW_API TW_NODISCARD tw_status tw_graph_check(const tw_graph *graph, tw_error *error);

/* What a node is. The name lives as long as the graph. A letter's size is given as -1. */
TW_API const char *tw_node_name(const tw_node *node);
TW_API tw_type tw_node_type(const tw_node *node);
TW_API int32_t tw_node_shape(const tw_node *node, int64_t dim[TW_MAX_RANK]); /* returns the rank */
/* The same with letters of these sizes ("t=28 s=10"). Errors: NAME, SHAPE (of sizes). */
TW_API TW_NODISCARD tw_status tw_node_shape_for(const tw_node *node, const char *sizes,
                                                int64_t dim[TW_MAX_RANK], int32_t *rank,
                                                tw_error *error);

/* The inputs, in order: count, and each. */
TW_API int32_t tw_graph_input_count(const tw_graph *graph);
TW_API tw_node *tw_graph_input(const tw_graph *graph, int32_t index);
/* classes= of an input, 0 if it has none. */
TW_API int64_t tw_input_classes(const tw_node *node);

/* The operator reference that `thalweg ops` prints: all names, or one operator with its inputs and
 * attributes. name NULL: all. Written to a text that the caller frees with tw_text_free. Errors:
 * NAME (names the nearest). */
TW_API TW_NODISCARD tw_status tw_operators_print(tw_context *context, const char *name, char **text,
                                                 tw_error *error);

#ifdef __cplusplus
}
#endif
#endif
