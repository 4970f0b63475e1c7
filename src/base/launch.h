// SPDX-License-Identifier: Apache-2.0
// What planning hands to scheduling: records of kernel launches and of their references in C. No
// device in sight.
#ifndef TW_BASE_LAUNCH_H
#define TW_BASE_LAUNCH_H

#include "base/caps.h"
#include "base/shape.h"

/* How the names begin of the macros that say which streams of random numbers an epilogue draws. */
#define TW_STREAM "TW_STREAM_"
#define TW_MAX_ARGS 40
#define TW_MAX_REFERENCE 24

/* Scalars that are known only when a step runs. */
typedef struct tw_runtime {
    int64_t n; /* this run's batch */
    uint64_t seed;
    uint32_t step;  /* counts steps from 0 */
    uint32_t line;  /* number of the train line */
    float user[16]; /* what an optimizer needs: learning rate, 1 - beta^t, ... */
} tw_runtime;

typedef enum tw_arg_kind {
    TW_ARG_TENSOR, /* two kernel arguments: __global pointer, and ulong offset in elements */
    TW_ARG_SEED,   /* two uint: low, high */
    TW_ARG_STEP,   /* uint */
    TW_ARG_LINE,   /* uint: number of the train line */
    TW_ARG_USER    /* float: runtime.user[slot] */
} tw_arg_kind;

typedef struct tw_arg {
    tw_arg_kind kind;
    union {
        struct {
            int id;
            bool written;
        } tensor; /* id: index into the recipe's tensors; read if not written */
        int slot; /* of USER */
    };
} tw_arg;

/* A product of matrices that a library of the device computes, instead of a kernel: c[batch][m][n]
 * = op(a) * op(b), f32, row-major, matrices one behind the other. Its launch's arguments are a, b
 * and c. */
typedef struct tw_library_product {
    bool transpose_a, transpose_b; /* a is [k][m], b is [n][k] */
    bool one_a, one_b;             /* the same matrix for the whole batch */
    tw_dim batch, m, n, k;
} tw_library_product;

/* A tensor that a launch writes and one that it reads, of which element i is read before element i
 * of the other is written, by the same work-item: they may share their place. The kernel's
 * parameters of both are not restrict. */
typedef struct tw_shared_place {
    int out, in;
} tw_shared_place;

/* One kernel launch. Every kernel's first argument is `const int n`, the batch of this run, which
 * is not in args. All texts live in the arena of whoever made the launch. */
typedef struct tw_launch {
    const char *label; /* the node's name, for traces and errors */
    const char *file;  /* name of the kernel file, "gemm.cl": found by tw_kernel_text; NULL for a
                          library's product */
    const tw_library_product *product; /* NULL but there */
    const char *macros;                /* "#define MR 14\n#define K (9*n)\n..." */
    const char *entry;                 /* "gemm": the kernel is written KERNEL(gemm) in its file */
    int n_args, dims, n_shared;
    tw_arg arg[TW_MAX_ARGS];
    tw_shared_place shared[2];
    /* global size in dimension d at batch n: ceil(at(global[d], n) / divide[d]) work-groups of
     * local[d] items */
    tw_dim global[3];
    int64_t divide[3];
    int local[3];  /* 1,1,1 in the simd family */
    bool constant; /* depends on parameters alone (a packed weight), into KEEP space: to be run only
                      when their version has changed. Found out by tw_recipe_layout */
} tw_launch;

/* Work-groups of a launch in dimension d at batch n. */
int64_t tw_launch_groups(const tw_launch *launch, int d, int64_t n);
/* How many of its arguments are tensors. */
int tw_launch_tensors(const tw_launch *launch);

/* A tensor as a C reference sees it: f32, f16 and bf16 are double, i32 is int32_t, u8 and bool are
 * uint8_t. */
typedef struct tw_host_tensor {
    tw_type type;
    int rank;
    int64_t dim[TW_MAX_RANK];
    int64_t count;
    void *data;
} tw_host_tensor;

typedef struct tw_host_call {
    const void *data; /* what the reference was made with: the tw_call of an operator */
    int n_in, n_out;
    tw_host_tensor in[TW_MAX_REFERENCE],
        out[TW_MAX_REFERENCE]; /* a missing optional input has data NULL */
    const tw_runtime *runtime;
} tw_host_call;

/* Computes out from in. Single-threaded, plain, obviously right: it is the oracle of the tests.
 * Never fails. */
typedef void (*tw_host_function)(const tw_host_call *call);

/* By how much the call's real inputs must be off for `got`, which is not what the function gave, to
 * be right at element `at` of that result: a largest value's place is another where two differ by
 * rounding. INFINITY: it never is. */
typedef double (*tw_host_slack)(const tw_host_call *call, int result, int64_t at, int64_t got);

/* A reference and the tensors it runs on; a shape per use, because reshaped values share a tensor.
 */
typedef struct tw_reference {
    const char *label;
    tw_host_function function;
    tw_host_slack slack; /* NULL: whole numbers are exact */
    const void *data;
    int n_in, n_out;
    int in[TW_MAX_REFERENCE],
        out[TW_MAX_REFERENCE]; /* tensor ids; -1: missing optional input, or unused result */
    tw_type in_type[TW_MAX_REFERENCE], out_type[TW_MAX_REFERENCE];
    tw_shape in_shape[TW_MAX_REFERENCE], out_shape[TW_MAX_REFERENCE];
} tw_reference;

/* The text of an embedded kernel file ("gemm.cl", "core/core.cl"), or NULL. Generated at build time
 * from cl/. */
const char *tw_kernel_text(const char *file);

#endif
