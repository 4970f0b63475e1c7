// SPDX-License-Identifier: Apache-2.0
// A graph made into launches for given caps: pure data, made without a device.
#ifndef TW_PLAN_RECIPE_H
#define TW_PLAN_RECIPE_H

#include "op/site.h"

/* Arrays of at least so many bytes are computed from, or in, where the caller has them: a copy
 * would take longer than a buffer to be made. */
#define TW_DIRECT_BYTES 65536

/* Where a tensor lives. */
typedef enum tw_space {
    TW_SPACE_NONE,      /* not placed: nothing chosen uses it */
    TW_SPACE_INPUT,     /* index: number of the recipe's input; a ring of buffers, one per step in
                           flight */
    TW_SPACE_OUTPUT,    /* likewise an output; those of less than TW_DIRECT_BYTES have the index of
                           the first of them, and lie behind one another */
    TW_SPACE_PARAMS,    /* offset into the params' buffer */
    TW_SPACE_GRADIENTS, /* the same offsets in a buffer of the same size */
    TW_SPACE_WORK,      /* index: which work buffer; shared over time by liveness */
    TW_SPACE_KEEP, /* depends on parameters alone (packed weights): computed when their version has
                      changed */
    TW_SPACE_EXTERNAL /* index: number of a buffer that the runner is given (optimizer state,
                         tables) */
} tw_space;

typedef struct tw_tensor {
    const char *label;
    tw_type type;
    tw_dim count; /* elements: scale, or scale * n */
    tw_space space;
    int index;
    uint64_t offset; /* bytes from the start of its buffer; a multiple of caps.alignment, or of 64
                        in PARAMS */
    uint64_t bytes;  /* at the maximal batch */
    int first, last; /* launches (in order) between which it is alive; filled by layout */
} tw_tensor;

/* A group of calls computed together: an anchor with its epilogue, or elementwise calls alone. */
typedef struct tw_stage {
    const char *label;
    const tw_call *anchor; /* NULL: elementwise calls alone */
    int n_candidates, chosen;
    int n_standard; /* of the candidates; alternatives that were asked for stand behind them */
    tw_candidate **candidate;
    tw_site *site; /* that offered them; NULL: it offers no others */
    int n_references;
    tw_reference *reference; /* in order; together they compute what the stage stores (and what it
                                need not) */
    double cost;             /* multiply-adds at the maximal batch */
} tw_stage;

typedef struct tw_recipe_port { /* an input or output */
    const char *name;
    tw_node *node; /* of the bound graph; shape with letter n */
    int tensor;
} tw_recipe_port;

/* Where each parameter lies in the contiguous buffer. Equal for every graph that prints alike. */
typedef struct tw_param_slot {
    const char *name;
    const tw_call *call; /* of the user's graph */
    tw_type type;
    tw_shape shape;
    int64_t offset, count; /* elements; offset is a multiple of 64 */
    bool trainable;
} tw_param_slot;
typedef struct tw_param_table {
    int count;
    tw_param_slot *slot;
    int64_t elements; /* of the whole buffer */
} tw_param_table;
tw_status tw_param_table_create(const tw_graph *graph, tw_arena *arena, tw_param_table *table,
                                tw_error *error);

typedef struct tw_recipe_options {
    int64_t batch;     /* maximum of n */
    const char *sizes; /* other letters */
    bool training;     /* expand dropout and batch_norm for training */
    bool fusion;
    uint64_t memory_budget; /* 0: caps.global_memory */
    int n_outputs;
    const char *const *output; /* names of nodes of the graph */
    /* For a train line: gradients of `loss` by the trainable parameters that match, into
     * SPACE_GRADIENTS; and the graph's updates that its forward pass computes. loss is an output as
     * well. NULL: none */
    const char *loss;
    const char *params_pattern;
} tw_recipe_options;

#define TW_MAX_IN_FLIGHT 8

typedef struct tw_recipe {
    tw_context *context;
    tw_arena arena;
    tw_caps caps;
    int64_t batch;
    bool training; /* has a loss: parameters change between runs */
    uint64_t memory_budget;
    tw_graph *bound; /* owned: the graph that stages and ports point into */
    int n_tensors, capacity_tensors;
    tw_tensor *tensor;
    int n_stages, capacity_stages;
    tw_stage *stage;
    int n_inputs, n_outputs;
    tw_recipe_port *input,
        *output;        /* inputs: those the outputs need, in the user's graph's order */
    bool *has_gradient; /* by number in the param table: a gradient is computed */
    int n_work;         /* this and what follows are filled by tw_recipe_layout */
    int in_flight;      /* runs that may be under way at once: 2 to TW_MAX_IN_FLIGHT */
    uint64_t work_bytes[16];
    uint64_t keep_bytes, peak_bytes;
} tw_recipe;

/* graph + caps -> stages with their candidates, none laid out yet; chosen is the first candidate.
 * table: of the same graph. Errors: the graph's first, NAME, SHAPE, UNSUPPORTED (a node without a
 * kernel of the family). */
tw_status tw_recipe_create(const tw_graph *graph, const tw_param_table *table, const tw_caps *caps,
                           const tw_recipe_options *options, tw_recipe **recipe, tw_error *error);
void tw_recipe_destroy(tw_recipe **recipe);
/* A tensor of one's own; returns its id, -1 when memory is out. */
int tw_recipe_tensor(tw_recipe *recipe, const char *label, tw_type type, tw_dim count,
                     tw_space space, int index, uint64_t offset);
/* Places every tensor that the chosen candidates use; may be called again after another choice.
 * Takes candidates with less workspace when the budget asks for it. Errors: DEVICE_MEMORY with the
 * need and the budget. */
tw_status tw_recipe_layout(tw_recipe *recipe, tw_error *error);
/* Adds the alternative of that name to a stage's candidates, or all that there are ("*"); those
 * that stand there already, and names that nobody knows, are left out. Errors: MEMORY. */
tw_status tw_recipe_offer(tw_stage *stage, const char *name, tw_error *error);
/* Launches that belong to no graph (an optimizer's): a recipe without a graph (bound is NULL),
 * stages made one by one, each with one candidate whose tensors are of PARAMS, GRADIENTS, OUTPUT
 * and EXTERNAL space, and with a reference. Laid out and run like any other. tw_recipe_site
 * prepares a site for tw_site_candidate and friends (op/site.h). */
tw_status tw_recipe_empty(tw_context *context, const tw_caps *caps, tw_recipe **recipe,
                          tw_error *error);
/* The stage is valid until the next one is made. NULL when memory is out. */
tw_stage *tw_recipe_stage(tw_recipe *recipe, const char *label);
void tw_recipe_site(tw_recipe *recipe, tw_site *site);
tw_status tw_recipe_close(tw_recipe *recipe, tw_stage *stage, tw_site *site,
                          tw_error *error); /* takes candidates */
/* The launches in order: stages' chosen ones. For `print` and golden tests. */
tw_status tw_recipe_print(const tw_recipe *recipe, bool memory, tw_text *text);

#endif
