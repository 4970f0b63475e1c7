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
/* What the reference's functions are called with. spare: bytes for results without a tensor, each an
 * array of double; NULL: they have no data. */
void tw_reference_call(const tw_reference *reference, void *const *data, char *spare,
                       const tw_runtime *runtime, tw_host_call *host);

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

/* A key of 16 hexadecimal digits and a blank at the start of a line that goes on; false: it is none. */
bool tw_read_key(const char *text, size_t length, uint64_t *key);

/* ---- what was measured, in memory and in the cache folder (tuned.c) ---- */
/* The candidate that was fastest for a stage. */
typedef struct tw_tuned_entry {
    uint64_t key;       /* of the stage: tw_stage_key */
    uint64_t winner;    /* tw_proof_key of the candidate: another text, or version, is another candidate */
    char name[100];     /* of the candidate */
    double standard_ms; /* what the first standing candidate took, and what this one took */
    double ms;
    char label[60]; /* of the stage: for people */
    bool saved;     /* stands in the file */
} tw_tuned_entry;
typedef struct tw_tuned tw_tuned;
/* Reads the tuned file of the device, unless $THALWEG_TUNED is "no": then tw_tuned_find finds nothing. A file of
 * another version is named in the log and not used. NULL when memory is out. */
tw_tuned *tw_tuned_create(tw_context *context, uint64_t identity);
void tw_tuned_destroy(tw_tuned **tuned);
bool tw_tuned_empty(const tw_tuned *tuned); /* nothing will be found */
const tw_tuned_entry *tw_tuned_find(const tw_tuned *tuned, uint64_t key); /* NULL: none */
/* Takes the place of an entry with the same key. Errors: MEMORY. */
tw_status tw_tuned_add(tw_tuned *tuned, const tw_tuned_entry *entry, tw_error *error);
/* Writes what is new to the cache folder, together with what others have written. Errors: FILE, MEMORY. */
tw_status tw_tuned_save(tw_tuned *tuned, tw_error *error);
/* The path of the file of a device, which the caller frees; NULL: nothing is kept on disk, or memory is out. */
char *tw_tuned_path(tw_context *context, uint64_t identity);
/* What a stage's entry hangs on: the proof keys of its standard candidates, the batch, and whether weights change
 * between runs (else what is made of them alone is not run each time, nor timed). */
uint64_t tw_stage_key(const tw_recipe *recipe, const tw_stage *stage);

/* ---- programs (programs.c, program_text.c) ---- */
/* The kernel files that stand at the head of each program, in order; NULL behind the last. */
const char *tw_program_head(int index);
/* What has been built, so that plans on the same weights (training, evaluation) build and generate code once for the
 * kernels that they have in common. Used by one thread at a time. */
typedef struct tw_built tw_built;
tw_built *tw_built_create(tw_context *context, tw_device *device); /* NULL when memory is out */
void tw_built_destroy(tw_built **built);
/* What a program's caller is told to call a launch's function; program NULL: the launch has a kernel of its own. */
typedef struct tw_called {
    tw_program *program;
    int number;
} tw_called;
/* The kernels of a recipe's chosen launches. */
typedef struct tw_programs {
    tw_built *built; /* borrowed */
    int n_kernels; /* as many as launches, in their order; one object each, so that arguments stay set */
    tw_kernel **kernel;
    tw_called *called;
} tw_programs;
/* Makes the kernels of launches in order, and builds what is not in `built`, as one program. When a text does not
 * build, guilty[i] is set for the launches that hold it, and the status is BUILD. */
tw_status tw_programs_build(tw_built *built, int count, tw_launch *const *launches, bool *guilty, tw_programs *programs,
                            tw_error *error);
/* A kernel that makes `count` launches one after the other, by a chain's rows (program_text.h), of the program that
 * calls launch `first`. place: where the arguments that it will be launched with stand in the caller. The caller
 * destroys it. */
tw_status tw_programs_chain(const tw_programs *programs, int first, int count, int n_args, const int *place,
                            const char *name, tw_kernel **kernel, tw_error *error);
void tw_programs_free(tw_programs *programs);

/* ---- choice (choose.c) ---- */
/* Takes for each stage what `choices` say; without choices (NULL) what the tuned file says (NULL: there is none); else
 * the first candidate that is not struck off, which is what a stage has that choices leave out.
 * Errors: BUILD (a stage has none left), MEMORY. */
tw_status tw_choose(tw_recipe *recipe, const tw_proofs *proofs, const tw_tuned *tuned, const char *const *choices,
                    tw_error *error);
/* Notes what is known of a stage's candidates, from the one with that number on. */
void tw_take_verdicts(tw_stage *stage, int from, const tw_proofs *proofs);
/* "stage=candidate" of the stages with several candidates; NULL-terminated, in the arena. NULL: memory is out. */
const char *const *tw_choices_list(const tw_recipe *recipe, tw_arena *arena);

/* ---- measuring (measure.c) ---- */
typedef struct tw_measuring {
    bool (*over)(void *user);                               /* the time is up */
    bool (*tell)(void *user, const char *name, double ms); /* of a candidate; false: stop */
    void *user;
} tw_measuring;
typedef struct tw_measured {
    bool done;          /* false: the time was up, there is no choice, or no memory for it */
    int standard, best; /* candidates: the first that stands, and the fastest; the same if none is clearly faster */
    double standard_ms, best_ms; /* a run at the full batch */
} tw_measured;
/* Builds, proves and times all candidates of the stage that its recipe's memory budget allows, in device memory of its
 * own. Verdicts are saved. Errors: CANCELLED, MEMORY, DEVICE, DEVICE_MEMORY. */
tw_status tw_measure(tw_params *params, tw_recipe *recipe, tw_stage *stage, const tw_measuring *measuring,
                     tw_measured *measured, tw_error *error);

/* ---- the runner ---- */
/* An event of a run, with what it stands for in a trace. */
typedef struct tw_mark {
    tw_event *event;
    const char *label;
    tw_lane lane;
    int64_t groups; /* of a launch */
} tw_mark;

/* An output that the host copies once the run has ended, from memory that it shares with the device. */
typedef struct tw_pickup {
    void *target;
    const void *source;
    size_t bytes;
} tw_pickup;

/* What one run in flight has of its own. */
typedef struct tw_slot {
    bool beside; /* it runs in the runner's side queue, with the second of the work buffers */
    tw_buffer **input, **output; /* in shared memory, where there is such; NULL: no output has this index */
    void **staged; /* copies of the inputs, host types; NULL where the buffer is shared */
    tw_pickup *pickup; /* of the run that is in flight */
    int n_pickups;
    tw_buffer **source, **target; /* inputs and outputs on the caller's own memory, while the run is in flight; NULL
                                     where they are in the slot's */
    void **host;   /* outputs for `received`, made when first asked for */
    tw_mark *mark; /* events of the run that is in flight */
    int n_marks;
    tw_event *done; /* the last of it, among the marks; NULL: nothing to wait for */
    bool busy;
    int64_t n;
    tw_received received;
    void *user;
} tw_slot;

/* Bound launches first to last, but for constant ones among them, made by one launch of the caller (chain.c). */
typedef struct tw_chain {
    int first, last, count;
    int items;        /* that make it; 1, or as many as there are cores */
    double us;        /* what one item would take, by the rates of chain.c */
    int turn[2];      /* of two sets of counters, for the next run in order, and for the next beside */
    int n_bases;
    const tw_tensor *base[16]; /* of each buffer that they use, a tensor in there */
    tw_buffer *table;          /* rows for the caller */
    tw_kernel *kernel;
    int n_args;
    tw_kernel_arg *arg;
} tw_chain;

/* A launch with its kernel and its arguments as far as they are known. */
typedef struct tw_bound {
    tw_chain *chain; /* that it is of; NULL: none */
    bool small;      /* one item of a chain makes it */
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
    tw_queue *side;            /* the params', for every second run (side.c); NULL: all follow one another */
    bool last_beside;          /* the run before */
    bool ordered_over;         /* the run that first saw keep_version is known to be over, constant launches and all */
    tw_buffer *work[2][16];    /* of runs in order, and of those beside */
    tw_buffer *keep;
    uint64_t keep_version; /* params->version that KEEP was computed from; 0: never */
    uint64_t memory;

    tw_programs programs;
    int n_bound;
    tw_bound *bound;
    int n_chains;
    tw_chain *chain;
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
/* The run that was in the slot has no more to do with the caller's memory. */
void tw_slot_let_go(const tw_runner *runner, tw_slot *slot);
/* Bytes of an input's or output's array in host memory at the maximal batch. */
size_t tw_runner_port_bytes(const tw_runner *runner, const tw_recipe_port *port);
/* The same for a batch of n. */
size_t tw_runner_bytes_at(const tw_runner *runner, const tw_recipe_port *port, int64_t n);
/* Device memory that counts as the runner's. Errors: DEVICE_MEMORY, MEMORY. */
tw_status tw_runner_make_buffer(tw_runner *runner, uint64_t bytes, tw_buffer **buffer, tw_error *error);
/* Runs beside one another (side.c): makes what they need, if this runner's may go so. After the buffers. */
tw_status tw_side_create(tw_runner *runner, const tw_runner_options *options, tw_error *error);
/* Says where the slot's next run goes: after weights have changed in order, behind what changed them; where another
 * computes in the same array, behind it; else in turn. Errors: DEVICE. */
tw_status tw_side_take(tw_runner *runner, tw_slot *slot, int64_t n, void *const *outputs, tw_error *error);
tw_queue *tw_slot_queue(const tw_runner *runner, const tw_slot *slot);
/* Whether the slot's run may compute an output in this memory of the caller's: what earlier runs bring there will have
 * come before. */
bool tw_side_in_order(const tw_runner *runner, const tw_slot *slot, const void *memory, size_t bytes);
/* Proves every chosen candidate of the runners' recipes, one or more on the same weights, that is neither proven nor
 * struck off; strikes off those that fail and sets *struck. The launches' kernels are in each one's programs (prove.c). */
tw_status tw_prove(int count, tw_runner *const *runners, bool *struck, tw_error *error);
/* The same for the chosen candidate of one stage, whose kernels begin at first_kernel; nothing is saved. */
tw_status tw_prove_stage(tw_runner *runner, tw_stage *stage, int first_kernel, tw_error *error);
/* A recipe's chosen launches in order; *count of them. In the arena; NULL: memory is out. */
tw_launch **tw_chosen_launches(const tw_recipe *recipe, tw_arena *arena, int *count);
tw_launch **tw_runner_launches(tw_runner *runner, int *count);
/* Arguments of launches (bind.c): finds what is constant, and fills in what a run decides. */
tw_status tw_bind_create(tw_runner *runner, tw_error *error);
void tw_bind_run(const tw_runner *runner, const tw_slot *slot, tw_bound *bound, const tw_runtime *runtime);
/* Finds chains among the bound launches, whose kernels are there, and makes what they need (chain.c). */
tw_status tw_chain_create(tw_runner *runner, tw_error *error);
void tw_chain_destroy(tw_runner *runner);
/* Fills in a chain's arguments for a run. */
void tw_chain_bind(const tw_runner *runner, const tw_slot *slot, tw_chain *chain, const tw_runtime *runtime);
/* The value of an argument; two are filled for a seed. Returns how many. */
int tw_bind_scalar(const tw_arg *arg, const tw_runtime *runtime, tw_kernel_arg *out);
/* How many kernel arguments a launch argument becomes. */
int tw_bind_width(tw_arg_kind kind);
/* Takes a trace's piece; false when memory is out. */
bool tw_trace_add(tw_runner *runner, const tw_trace_event *event);
uint64_t tw_trace_clock(void);

#endif
