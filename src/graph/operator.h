// SPDX-License-Identifier: Apache-2.0
// The descriptor of an operator: everything the house knows about it stands in one constant.
#ifndef TW_GRAPH_OPERATOR_H
#define TW_GRAPH_OPERATOR_H

#include "base/launch.h"
#include "graph/graph.h"

typedef enum tw_attribute_type {
    TW_ATTR_INT,    /* 3 */
    TW_ATTR_FLOAT,  /* 0.3 */
    TW_ATTR_BOOL,   /* yes, no */
    TW_ATTR_CHOICE, /* one of the words of choices */
    TW_ATTR_INTS,   /* 3  or  3,5: one to eight integers */
    TW_ATTR_DIMS,   /* n,28,28 : sizes that may be letters, or -1 once for "the rest" */
    TW_ATTR_TYPE,   /* f32 */
    TW_ATTR_TEXT    /* a word, or "quoted" */
} tw_attribute_type;

/* One attribute; tables end with a NULL name. value_default is text in the grammar's form; NULL:
 * required;
 * "" : absent unless given (tw_attr_given tells). */
typedef struct tw_attribute {
    const char *name;
    tw_attribute_type type;
    const char *value_default;
    const char *choices; /* of TW_ATTR_CHOICE: "valid|same" ("tanh|relu") */
    const char *doc;     /* one line */
} tw_attribute;

/* A weight that an operator makes when it is given none at that input. */
typedef struct tw_weight_spec {
    tw_type type;
    tw_shape shape;
    const char
        *init; /* default initialiser, Keras's: "glorot_uniform", "zeros", "ones", "uniform", ... */
    bool trainable; /* default; false for running statistics */
} tw_weight_spec;

enum {
    TW_OP_EPILOGUE =
        1, /* its kernels end in EPILOGUE: elementwise consumers may be fused onto result 0 */
    TW_OP_INTERNAL = 2, /* a primitive that other operators expand to, or a gradient: not meant for
                           model files */
    TW_OP_VIEW = 4,     /* result 0 is input 0 under another shape: no launch */
    TW_OP_LEAF = 8, /* computed from nothing per element (fill, extent, random_*): repeated in every
                       consumer */
    TW_OP_TAILED = 16, /* with TW_OP_EPILOGUE: a call with TW_OP_TAIL that alone reads result 0 may
                          be computed in the same stage, and by the same kernel */
    TW_OP_TAIL = 32,   /* with TW_OP_EPILOGUE: of one input; offers one candidate for each family */
    TW_OP_ORDERED = 64, /* elementwise; a larger input makes no smaller result, to the bit, where no
                           attribute is below 0 */
    TW_OP_LARGEST = 128, /* result 0: the largest of some of input 0's elements, of the same place
                            in the last dimension; other results say which */
    TW_OP_FRONT =
        256, /* its kernels read each element of input 0 once, by FRONT_VALUE where elementwise
               calls make it: these may be fused before it (op/site.h, tw_launch_front) */
};

/* What a leaf (TW_OP_LEAF) is, for kernels that compute it in place. */
typedef enum tw_leaf {
    TW_LEAF_NONE,
    TW_LEAF_FILL,
    TW_LEAF_EXTENT,
    TW_LEAF_UNIFORM,
    TW_LEAF_NORMAL
} tw_leaf;

/* Static constant, one per operator; the registry lists them. Hooks that are NULL do not apply. */
struct tw_operator {
    const char *name; /* "conv2d": letters, digits and _ */
    const char *doc;  /* one line */
    /* Inputs by name, in order: "x weight? bias?"; '?' optional, a last "x..." any number. */
    const char *inputs;
    const char *results;            /* "y", "y h c" */
    const tw_attribute *attributes; /* NULL: none */
    unsigned flags;
    int row;      /* of cl/elementwise.def (op/rows.h) for elementwise operators; 0 otherwise */
    tw_leaf leaf; /* with TW_OP_LEAF */

    /* Fills *spec for input number `input` that was not given, as a weight that the operator makes;
     * returns false if that input is simply absent (bias=no). The other inputs are there. May fail
     * through *error (status != OK). */
    bool (*weight)(const tw_call *call, int input, tw_weight_spec *spec, tw_status *status,
                   tw_error *error);
    /* Checks inputs and attributes; sets type and shape of each result with tw_result_set. Pure:
     * called again with letters bound. Sentences need not name the node: the caller puts "conv2d_1:
     * " before them. */
    tw_status (*infer)(tw_call *call, tw_error *error);
    /* Composite operators: emits what it is made of into g (whose letters are bound) and fills
     * results[]. call's inputs are nodes of g. training: dropout, batch_norm. An operator has
     * either expand, or host and variants. */
    void (*expand)(tw_graph *g, const tw_call *call, bool training, tw_node **results);
    /* Emits the gradient of each wanted input into dx[i] (NULL: none). dy[r] is NULL where nothing
     * depends on result r. Broadcasting needs no care: dx may have the broadcast shape, the caller
     * sums it down. */
    void (*grad)(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                 tw_node **dx);
    /* Metrics whose value over many batches is no mean of the batches' (recall): the value, from
     * result 1's numbers (f32, a fixed count of them) summed over the batches. Result 0 is that of
     * one batch. */
    double (*finish)(const tw_call *call, const double *sums, int64_t count);
    /* The C reference; data is the tw_call. */
    tw_host_function host;
    /* Sets *part to the shape of the leading part of input 0 that the call reads. NULL: all. */
    void (*reads)(const tw_call *call, tw_shape *part);
    /* Changes the call so that result 0 is only its leading part of that shape; false: it is as it
     * was. NULL: never. */
    bool (*narrow)(tw_call *call, const tw_shape *part);
    /* What tells how near to right a whole number is that a kernel gave. NULL: it must be the
     * reference's. */
    tw_host_slack slack;
    /* Multiply-adds, or element operations, at its shapes with batch n: bounds proofs, feeds
     * `bench`. NULL: the number of elements of results. */
    double (*cost)(const tw_call *call, int64_t n);
    /* Proofs of kernels draw real inputs from [-1, 1) and whole ones from 0 and 1; or, with the
     * range that this hook gives for an input, from [-range, range) (where a result feeds back on
     * itself, so that rounding grows) and whole ones below range (of rows, classes, pixels). */
    double (*range)(const tw_call *call, int input);
    /* How many elements of result 0 lie in one run as its kernels write them; NULL: the last axis.
     * What is written past the caches should be whole lines. */
    tw_dim (*run)(const tw_call *call);
    /* Adds candidates to the site, best first for its caps (op/site.h). */
    void (*variants)(struct tw_site *site);
};

/* The attributes of every operator that makes weights of its own; they stand last in its table.
 * init, l1, l2 are for the weights proper (inputs called "weight" or "..._weight", else the first
 * made), bias_init for "bias" and "..._bias". */
#define TW_WEIGHT_ATTRIBUTES                                                                       \
    {"init", TW_ATTR_TEXT, "", NULL, "initialiser of the weight (default: Keras's)"},              \
        {"bias_init", TW_ATTR_TEXT, "", NULL, "initialiser of the bias"},                          \
        {"l1", TW_ATTR_FLOAT, "0", NULL, "adds l1 * sum(|w|) to the loss"},                        \
        {"l2", TW_ATTR_FLOAT, "0", NULL, "adds l2 * sum(w^2) to the loss"},                        \
    {                                                                                              \
        "trainable", TW_ATTR_BOOL, "yes", NULL, "whether training changes the weights"             \
    }

/* The registry: for each file of src/op its NULL-terminated list `const tw_operator *const
 * tw_op_FILE[]`; itself NULL-terminated. Generated from the list in src/op/meson.build. */
extern const tw_operator *const *const tw_operators[];

#endif
