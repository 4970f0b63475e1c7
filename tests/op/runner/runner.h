// SPDX-License-Identifier: Apache-2.0
// The parts of the op-test runner: a row made into graphs and values, the reference on the host,
// kernels on a device.
#ifndef TW_TESTS_OP_RUNNER_H
#define TW_TESTS_OP_RUNNER_H

#include "device/device.h"
#include "graph/graph.h"
#include "op/op.h"
#include "plan/recipe.h"

#define ROW_VALUES 48
#define ROW_MESSAGE 1100

/* An input or parameter of the row, at the plan's maximal batch. */
typedef struct row_value {
    tw_node *node; /* of the bound graph */
    bool checked;  /* the gradient by it is held against differences */
    int64_t count;
    void *data; /* as a C reference sees it: double, int32_t or uint8_t; rounded to the value's type
                 */
    tw_node *gradient; /* of the bound graph; NULL: none */
} row_value;

/* A row with its graph bound, loss and gradients emitted. */
typedef struct row_case {
    const tw_op_row *row;
    tw_context *context;
    int64_t batch;
    tw_graph *graph, *bound;
    tw_node *y, *loss; /* loss: sum(y * upstream), NULL for a row without gradient */
    int n_values;
    row_value value[ROW_VALUES];
    bool rough; /* ties or special values: differences mean nothing */
    tw_arena arena;
    tw_param_table table;
    tw_error error;
} row_case;

/* values.c. False: case->error says why. row_case_close frees what there is. */
bool row_case_open(row_case *c, tw_context *context, const tw_op_row *row);
void row_case_close(row_case *c);
row_value *row_case_value(row_case *c, const char *name);
/* A recipe for the caps that computes y, or the loss, or the gradients of all checked values. */
typedef enum row_want { ROW_FORWARD, ROW_LOSS, ROW_GRADIENTS } row_want;
bool row_case_recipe(row_case *c, const tw_caps *caps, row_want want, bool fusion,
                     tw_recipe **recipe);
/* One element of an array in host types, and rounding to what the type can hold. */
double row_get(tw_type type, const void *data, int64_t i);
void row_set(tw_type type, void *data, int64_t i, double value);
double row_round(tw_type type, double value);
extern const tw_runtime row_runtime; /* seed and step of every run; n is filled in */

/* reference.c: the tensors of a recipe in host memory, and the C references run on them. */
typedef struct row_memory {
    const tw_recipe *recipe;
    tw_runtime runtime;
    void **data; /* by tensor id */
    bool *known; /* holds a value */
} row_memory;
bool row_memory_open(row_memory *m, row_case *c, const tw_recipe *recipe, int64_t n);
void row_memory_close(row_memory *m);
bool row_memory_fill(row_memory *m, row_case *c); /* inputs and parameters */
void row_stage_run(row_memory *m, const tw_stage *stage);
/* Rounds what the stage computed to the types that it is stored in. */
void row_stage_round(row_memory *m, const tw_stage *stage);
int row_output_tensor(const tw_recipe *recipe, const tw_node *node); /* -1: not an output */
/* Gradients of the reference against central differences; false with a message. */
bool row_check_gradient(row_case *c, char message[ROW_MESSAGE]);

/* kernels.c: every candidate of the recipes that were added, built together and checked stage by
 * stage. */
typedef void (*row_report)(void *user, const tw_op_row *row, bool passed, const char *name,
                           const char *message);
typedef struct row_bench row_bench; /* an open device, and the recipes that wait */
/* speed: print the time of each candidate. */
bool row_bench_open(row_bench **bench, tw_context *context, bool speed, row_report report,
                    void *user, tw_error *error);
void row_bench_close(row_bench **bench);
const tw_caps *row_bench_caps(const row_bench *bench); /* NULL: the host device was asked for */
/* The case stays as it is until row_bench_run, which checks all that was added; due when it is
 * full. */
void row_bench_add(row_bench *bench, row_case *c, tw_family family, row_want want);
bool row_bench_full(const row_bench *bench);
void row_bench_run(row_bench *bench);

#endif
