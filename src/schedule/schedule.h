// SPDX-License-Identifier: Apache-2.0
// The inside of a runner, and what the files of this room ask of one another.
#ifndef TW_SCHEDULE_SCHEDULE_H
#define TW_SCHEDULE_SCHEDULE_H

#include "schedule/run.h"

/* ---- initialisers (init.c) ---- */
/* Fills values[slot->count] as the slot's init= says; numbers by Philox from seed and the slot's name.
 * Errors: SYNTAX, NAME, SHAPE (naming the weight), MEMORY. */
tw_status tw_init_values(tw_context *context, const tw_param_slot *slot, uint64_t seed,
                         double *values, tw_error *error);

/* ---- elements between a caller's array type and the double that the host device computes in (convert.c) ---- */
void tw_to_storage(tw_type type, const void *source, void *target, int64_t count);
void tw_from_storage(tw_type type, const void *source, void *target, int64_t count);

/* ---- references (reference.c) ---- */
/* Runs references in order for a batch of runtime->n; data[id] is the host storage of tensor id. */
tw_status tw_reference_run(tw_context *context, const tw_reference *references, int count,
                           void *const *data, const tw_runtime *runtime, tw_error *error);

/* ---- what is known of kernels, in memory and in the cache folder (proofs.c) ---- */
typedef enum tw_verdict { TW_VERDICT_NONE, TW_VERDICT_PROVEN, TW_VERDICT_STRUCK } tw_verdict;
typedef struct tw_proofs tw_proofs;
tw_proofs *tw_proofs_create(tw_context *context, uint64_t identity); /* NULL when memory is out */
void tw_proofs_destroy(tw_proofs **proofs);
tw_verdict tw_proofs_find(const tw_proofs *proofs, uint64_t key);
/* Remembers; what cannot be remembered for want of memory is proven again another time. lasting: on disk, too. */
void tw_proofs_add(tw_proofs *proofs, uint64_t key, tw_verdict verdict, const char *label, bool lasting);
/* Writes what is new to the cache folder, together with what others have written; silent where it cannot. */
void tw_proofs_save(tw_proofs *proofs);
/* What a candidate's verdict hangs on: the texts, macros, sizes and constants of its launches. */
uint64_t tw_proof_key(const tw_candidate *candidate);

/* ---- programs (programs.c) ---- */
/* The kernel files that stand at the head of each program, in order; NULL behind the last. */
const char *tw_program_head(int index);
/* What has been built, so that plans on the same weights (training, evaluation) build and generate code once for the
 * kernels that they have in common. Used by one thread at a time. */
typedef struct tw_built tw_built;
tw_built *tw_built_create(tw_context *context, tw_device *device); /* NULL when memory is out */
void tw_built_destroy(tw_built **built);
/* The kernels of a recipe's chosen launches. */
typedef struct tw_programs {
    tw_built *built; /* borrowed */
    int n_kernels; /* as many as launches, in their order; one object each, so that arguments stay set */
    tw_kernel **kernel;
} tw_programs;
/* Makes the kernels of launches in order, and builds what is not in `built`, as one program. When a text does not
 * build, guilty[i] is set for the launches that hold it, and the status is BUILD. */
tw_status tw_programs_build(tw_built *built, int count, tw_launch *const *launches, bool *guilty, tw_programs *programs,
                            tw_error *error);
void tw_programs_free(tw_programs *programs);

/* ---- choice (choose.c) ---- */
/* Takes for each stage what `choices` say, else the first candidate that is not struck off.
 * Errors: BUILD (a stage has none left). */
tw_status tw_choose(tw_recipe *recipe, const tw_proofs *proofs, const char *const *choices, tw_error *error);
/* "stage=candidate" of the stages with several candidates; NULL-terminated, in the arena. NULL: memory is out. */
const char *const *tw_choices_list(const tw_recipe *recipe, tw_arena *arena);

/* ---- the runner ---- */
/* An event of a run, with what it stands for in a trace. */
typedef struct tw_mark {
    tw_event *event;
    const char *label;
    tw_lane lane;
} tw_mark;

/* An output that the host copies once the run has ended, from memory that it shares with the device. */
typedef struct tw_pickup {
    void *target;
    const void *source;
    size_t bytes;
} tw_pickup;

/* What one run in flight has of its own. */
typedef struct tw_slot {
    tw_buffer **input, **output; /* in shared memory, where there is such */
    void **staged; /* copies of the inputs, host types; NULL where the buffer is shared */
    tw_pickup *pickup; /* of the run that is in flight */
    int n_pickups;
    void **host;   /* outputs for `received`, made when first asked for */
    tw_mark *mark; /* events of the run that is in flight */
    int n_marks;
    tw_event *done; /* the last of it, among the marks; NULL: nothing to wait for */
    bool busy;
    int64_t n;
    tw_received received;
    void *user;
} tw_slot;

/* A launch with its kernel and its arguments as far as they are known. */
typedef struct tw_bound {
    tw_launch *launch;
    tw_kernel *kernel;
    int n_args;
    tw_kernel_arg *arg; /* arg[0]: n */
    int *place;         /* of each launch->arg, its first place in arg */
    bool *changes;      /* ... and whether it changes between runs */
    int64_t groups[3];  /* at batch groups_n */
    int64_t groups_n;
} tw_bound;

struct tw_runner {
    tw_context *context;
    tw_params *params;
    tw_device *device;
    const tw_backend *backend;
    tw_recipe *recipe;
    tw_arena arena;
    bool host; /* references instead of launches */
    bool writes_params;
    tw_buffer *gradients;
    tw_buffer **external;
    int n_external;
    const char *const *choices;
    tw_error why; /* the last candidate that was struck off, and for what; empty text: none */

    tw_queue *compute;          /* borrowed */
    tw_queue *upload, *download; /* own, or compute itself */
    tw_buffer *work[16];
    tw_buffer *keep;
    uint64_t keep_version; /* params->version that KEEP was computed from; 0: never */
    uint64_t memory;

    tw_programs programs;
    int n_bound;
    tw_bound *bound;
    bool reads_slots; /* every output lies in the slot: may be read beside the next run's computing */
    void **data;      /* host: memory of each tensor, slots' set for each run */

    tw_slot slot[TW_MAX_IN_FLIGHT]; /* recipe->in_flight of them are used */
    int next; /* slot of the next run; the oldest in flight once all are busy */

    bool tracing;
    int n_events, capacity_events;
    tw_trace_event *event;
};

/* The buffer that a tensor lies in, for the run that has the slot; NULL: it is not placed. */
tw_buffer *tw_runner_buffer(const tw_runner *runner, const tw_slot *slot, const tw_tensor *tensor);
/* Hands over the outputs of a run that is over, as far as they lie in shared memory (run.c). */
void tw_slot_pick_up(tw_slot *slot);
/* Bytes of an input's or output's array in host memory at the maximal batch. */
size_t tw_runner_port_bytes(const tw_runner *runner, const tw_recipe_port *port);
/* Proves every chosen candidate that is neither proven nor struck off; strikes off those that fail and sets *struck.
 * The launches' kernels are in runner->programs (prove.c). */
tw_status tw_prove(tw_runner *runner, bool *struck, tw_error *error);
/* The chosen launches in order; *count of them. In the runner's arena; NULL: memory is out. */
tw_launch **tw_runner_launches(tw_runner *runner, int *count);
/* Arguments of launches (bind.c): finds what is constant, and fills in what a run decides. */
tw_status tw_bind_create(tw_runner *runner, tw_error *error);
void tw_bind_run(const tw_runner *runner, const tw_slot *slot, tw_bound *bound, const tw_runtime *runtime);
/* The value of an argument; two are filled for a seed. Returns how many. */
int tw_bind_scalar(const tw_arg *arg, const tw_runtime *runtime, tw_kernel_arg *out);
/* How many kernel arguments a launch argument becomes. */
int tw_bind_width(tw_arg_kind kind);
/* Takes a trace's piece; false when memory is out. */
bool tw_trace_add(tw_runner *runner, const char *label, tw_lane lane, uint64_t start, uint64_t end);
uint64_t tw_trace_clock(void);

#endif
