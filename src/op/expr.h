// SPDX-License-Identifier: Apache-2.0
// Elementwise work as a straight-line program: what epilogues and elementwise launches compute, and
// its kernel text.
#ifndef TW_OP_EXPR_H
#define TW_OP_EXPR_H

#include "base/launch.h"
#include "graph/operator.h"

/* How an operand is indexed from the place `at` in the result. */
typedef enum tw_access {
    TW_ACCESS_SAME,   /* [at] */
    TW_ACCESS_ROW,    /* [col]: broadcast over all but the last dimension (a bias) */
    TW_ACCESS_SCALAR, /* [0] */
    TW_ACCESS_GENERAL /* any other broadcast: index computed from the shapes */
} tw_access;

typedef struct tw_operand {
    int tensor; /* id */
    tw_type type;
    tw_access access;
    tw_shape shape; /* for GENERAL */
} tw_operand;

typedef enum tw_expr_kind {
    TW_EXPR_VALUE,   /* the anchor's result (variable v of EPILOGUE) */
    TW_EXPR_LOAD,    /* operand arg[0] */
    TW_EXPR_ROW,     /* row of elementwise.def: its value, or with which > 0 its derivative by input
                        which - 1 */
    TW_EXPR_CONST,   /* number */
    TW_EXPR_EXTENT,  /* dim at this run's batch, as a number */
    TW_EXPR_UNIFORM, /* random in [0, 1) by element `at`, name hash in hash */
    TW_EXPR_NORMAL,
    TW_EXPR_CAST /* arg[0] converted to type */
} tw_expr_kind;

typedef struct tw_expr_step {
    tw_expr_kind kind;
    int row, which;
    int arg[5], n_args; /* earlier steps (LOAD: operand) */
    double number[4];   /* CONST: [0]; ROW: the attributes p0 to p3 */
    tw_dim dim;
    uint64_t hash;
    tw_type type; /* of the result */
} tw_expr_step;

typedef struct tw_expr_store {
    int step, tensor;
    tw_type type;
    bool stream; /* larger than the caches: written past them */
} tw_expr_store;

#define TW_MAX_OPERANDS 10
#define TW_MAX_STORES 12
#define TW_MAX_STEPS 48
typedef struct tw_expr {
    tw_shape shape;     /* of the result: the iteration space */
    tw_type value_type; /* of the anchor's result */
    int n_operands, n_steps, n_stores;
    int result; /* of a front: the step whose value the kernel behind it takes */
    tw_operand operand[TW_MAX_OPERANDS];
    tw_expr_step step[TW_MAX_STEPS];
    tw_expr_store store[TW_MAX_STORES];
} tw_expr;

/* Appends the functions of the rows used, for each width in the mask, and the macros
 * EPILOGUE_PARAMS, EPILOGUE(W, v, at, col) and EPILOGUE_EXPECT(at). */
void tw_expr_print(const tw_expr *expr, unsigned widths, tw_text *text);
/* The same for what is fused before a kernel: FRONT_PARAMS, and FRONT_VALUE(W, v, at), which leaves
 * the value of the step `result`, as one of that type, in v. The expression is linear, without
 * random numbers. */
void tw_expr_print_front(const tw_expr *expr, tw_type type, unsigned widths, tw_text *text);
/* The macros of tw_launch_row (op/site.h). */
void tw_expr_print_row(const tw_operator *op, const char *name, unsigned widths, tw_text *text);
/* Whether a random number is among its steps: then seed, step and line are arguments of the kernel.
 */
bool tw_expr_random(const tw_expr *expr);
/* Whether no operand is broadcast but scalars: then the place in the row does not matter. */
bool tw_expr_linear(const tw_expr *expr);

#endif
