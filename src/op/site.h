// SPDX-License-Identifier: Apache-2.0
// How an operator offers kernels: at a site (a call with shapes, caps and fused elementwise work)
// it adds candidates.
#ifndef TW_OP_SITE_H
#define TW_OP_SITE_H

#include "base/launch.h"
#include "graph/operator.h"

struct tw_expr;

/* A way to compute the site: launches in order, and workspaces that live only while they run. */
typedef struct tw_candidate {
    const char *name; /* "gemm_simd": what tuned files and checkpoints record */
    tw_family family;
    int n_launches, n_workspaces;
    bool too_large; /* has a workspace of more than 2^31 elements: left out of the recipe */
    tw_launch *launch[8];
    int workspace[8]; /* tensor ids */
    bool verified;    /* set once proven on this device + driver */
    bool struck;      /* failed its proof, or does not build */
} tw_candidate;

/* A call that reads the site's result 0, alone, and is computed in the same stage: by a kernel that
 * does both, or by a launch of its own, which tw_launch_epilogue adds. */
typedef struct tw_tail {
    const tw_call *call;
    const int *out;                 /* as the site's out, of the tail's results */
    const struct tw_expr *epilogue; /* behind the tail */
} tw_tail;

typedef struct tw_site {
    const tw_call
        *call; /* bound: letters are gone but n; NULL for a stage of elementwise calls alone */
    const tw_caps *caps;
    const int *in; /* tensor id of each input of call; -1 absent */
    const int
        *out; /* tensor id of each result; -1 if nobody needs it. With the flag TW_OP_EPILOGUE
                 result 0 is stored by the epilogue, and out[0] is not an argument of the kernel */
    const struct tw_expr *epilogue; /* what EPILOGUE computes: at least the store of result 0 */
    const tw_tail *tail;            /* NULL: none. The epilogue then stores result 0 alone */
    tw_candidate *into;             /* the candidate that the launches of a tail are added to */
    const struct tw_expr *front; /* with the flag TW_OP_FRONT: what makes input 0, which is not in
                                    memory; NULL: nothing */
    tw_arena *arena;
    int64_t batch;      /* the most that n may be */
    const char *label;  /* the stage's name */
    const char *wanted; /* NULL: the standard candidates; else alternatives: the one of this name,
                           or all ("*") */
    struct tw_recipe
        *recipe; /* owns the tensors; new_tensor adds one (the room plan is not seen from here) */
    int (*new_tensor)(struct tw_recipe *recipe, const char *label, tw_type type, tw_dim count);
    tw_candidate **candidates;
    int n_candidates;
    tw_status status;
    tw_error error;
} tw_site;

/* A new candidate. Returns NULL when memory is out or the caps' family is another (so that a hook
 * may simply offer its simd and its simt one in turn and skip NULL): all calls below accept NULL.
 */
tw_candidate *tw_site_candidate(tw_site *site, tw_family family, const char *name);
/* The same for a way that stands behind the standard ones: other tiles, another number of slabs.
 * Alternatives are made only where tuning, or a choice that names one, asks for them; NULL where
 * this one is not asked for. The name says everything that is set: "matmul_simd:8x2:k4". */
tw_candidate *tw_site_alternative(tw_site *site, tw_family family, const char *format, ...)
    TW_PRINTF(3, 4);
/* A workspace tensor of the candidate: count elements. Returns its id. */
int tw_candidate_workspace(tw_site *site, tw_candidate *candidate, tw_type type, tw_dim count,
                           const char *label);
/* A launch of KERNEL(entry) in cl/FILE. */
tw_launch *tw_candidate_launch(tw_site *site, tw_candidate *candidate, const char *file,
                               const char *entry);

/* Kernel arguments, in the order of the kernel's signature after `const int n`.
 * A tensor argument NAME becomes TW_IN(NAME) or TW_OUT(NAME) in the signature, and defines
 * NAME_TYPE (f32, i32, ...). id -1: defines NAME_ABSENT and passes nothing. */
void tw_launch_in(tw_site *site, tw_launch *launch, const char *name, int id, tw_type type);
void tw_launch_out(tw_site *site, tw_launch *launch, const char *name, int id, tw_type type);
/* out may overwrite in (base/launch.h, tw_shared_place) where nobody reads in any more; nothing if
 * either is -1. */
void tw_launch_share(tw_launch *launch, int out, int in);
void tw_launch_user(tw_site *site, tw_launch *launch,
                    int slot); /* const float: runtime.user[slot] */
/* const uint seed_lo, const uint seed_hi, const uint step, const uint line */
void tw_launch_seed(tw_site *site, tw_launch *launch);
/* Adds the epilogue: EPILOGUE_PARAMS stands last in the kernel's signature, and EPILOGUE(W, v, at,
 * col) in its body (cl/core/core.cl). Exactly one launch of a candidate of an operator with
 * TW_OP_EPILOGUE has it: the one that has the final values of result 0. widths: bit mask of the W
 * used (1 | 4 | 16). Where the site has a tail, its launches follow: so this launch must be the
 * last one of its candidate, and this call the last one that makes one. */
void tw_launch_epilogue(tw_site *site, tw_launch *launch, unsigned widths);
/* The same for a launch that computes the tail as well: the epilogue is that behind the tail. */
void tw_launch_tail_epilogue(tw_site *site, tw_launch *launch, unsigned widths);

/* Input 0 where the site has a front: defines FRONT 1, FRONT_PARAMS (what stands for TW_IN(x) in
 * the signature) and FRONT_VALUE(W, v, at), which stands for a LOAD. Exactly one launch of a
 * candidate has it. */
void tw_launch_front(tw_site *site, tw_launch *launch, unsigned widths);

/* A launch of the device's library of products, where caps->products: c (a workspace) is written.
 */
void tw_candidate_product(tw_site *site, tw_candidate *candidate, const tw_library_product *product,
                          int a, int b, int c);
/* The epilogue as a launch of its own, for results that something else than a kernel of ours left
 * in `value` (f32). */
void tw_candidate_epilogue(tw_site *site, tw_candidate *candidate, int value);

/* Macros: "#define NAME value". A dim becomes 64, n or (64*n): sizes of a layer are constants, the
 * batch is not. */
void tw_launch_define(tw_site *site, tw_launch *launch, const char *name, int64_t value);
void tw_launch_define_dim(tw_site *site, tw_launch *launch, const char *name, tw_dim value);
void tw_launch_define_float(tw_site *site, tw_launch *launch, const char *name, double value);
void tw_launch_define_text(tw_site *site, tw_launch *launch, const char *name, const char *value);

/* NAME(W, a), the value of an elementwise operator of one input with its default parameters, and
 * NAME_DX(W, dy, y), its gradient, if that is a function of the result y alone; W of widths. */
void tw_launch_row(tw_site *site, tw_launch *launch, const char *name, const tw_operator *op,
                   unsigned widths);

/* Size of dimension d (0 to 2): ceil(size / divide) groups of `local` items. Default 1, 1, 1. */
void tw_launch_global(tw_launch *launch, int d, tw_dim size, int64_t divide, int local);

/* The candidates of a stage of elementwise calls alone (call is NULL, everything is the epilogue).
 */
void tw_elementwise_variants(tw_site *site);

/* The type and shape of an input or result of the site's call. */
const tw_shape *tw_site_in_shape(const tw_site *site, int input);
const tw_shape *tw_site_out_shape(const tw_site *site, int result);
tw_type tw_site_in_type(const tw_site *site, int input);
tw_type tw_site_out_type(const tw_site *site, int result);

#endif
