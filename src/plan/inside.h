// SPDX-License-Identifier: Apache-2.0
// What the passes of planning share while a recipe is being made.
#ifndef TW_PLAN_INSIDE_H
#define TW_PLAN_INSIDE_H

#include "op/expr.h"
#include "plan/recipe.h"

/* A stage in the making: an anchor and the elementwise calls fused behind it, or elementwise calls
 * alone. */
typedef struct tw_group {
    const tw_call *anchor; /* NULL: elementwise alone */
    const tw_call *tail;   /* reads the anchor's result, alone; NULL: none */
    tw_shape shape;        /* of the values that its program computes */
    int front;             /* group of elementwise calls that is computed where the anchor reads its
                              first input; -1: none */
    bool taken;            /* is the front of another group, and no stage of its own */
    bool open;             /* further elementwise calls may join */
    int n_members;
    const tw_call *member[TW_MAX_STORES - 1];
    int n_inlined;
    const tw_call *inlined[TW_MAX_STEPS]; /* computed in place, inputs first */
    tw_expr *expr;
    tw_expr *before_tail; /* stores the anchor's result where a kernel leaves the tail to another */
    int n_known;          /* values that have a step in expr */
    int known_node[TW_MAX_STEPS], known_step[TW_MAX_STEPS];
} tw_group;

/* Side tables by the ids of the bound graph. */
typedef struct tw_making {
    tw_recipe *recipe;
    const tw_recipe_options *options;
    const tw_param_table *table;
    tw_graph *graph; /* recipe->bound */
    bool *live;      /* by call: some sink needs it */
    int *inlined;    /* by call: steps by which every program that reads it computes it in place, so
                        that no stage does; 0: it is in memory */
    bool *stored;    /* by node: somebody outside its group reads it, or it is a sink */
    int *tensor;     /* by node; -1: none */
    int *group;      /* by call; -1: no stage (inputs, parameters, views, what is inlined) */
    tw_group *groups;
    int n_groups, capacity_groups;
    int n_sinks;
    struct tw_sink {
        tw_node *node;
        int tensor;
    } * sink;
} tw_making;

/* The node whose memory a value lies in: through reshapes and other views. */
tw_node *tw_plan_root(tw_node *node);
bool tw_plan_is_elementwise(const tw_call *call);

/* reorder.c: moves what keeps the order of numbers behind maxpools. roots: nodes that must stay
 * what they are. Before gradients are added. Errors: MEMORY. */
tw_status tw_plan_reorder(tw_graph *graph, tw_node *const *roots, int n_roots, tw_error *error);
/* fuse.c: groups and their programs. */
tw_status tw_plan_fuse(tw_making *making, tw_error *error);
/* front.c: groups of elementwise calls become part of the reductions that read them. */
void tw_plan_fronts(tw_making *making);
/* stages.c: candidates and references of each group. */
tw_status tw_plan_stages(tw_making *making, tw_error *error);

#endif
