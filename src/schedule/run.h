// SPDX-License-Identifier: Apache-2.0
// Running recipes: buffers, kernels, queues and events for one recipe on one device.
#ifndef TW_SCHEDULE_RUN_H
#define TW_SCHEDULE_RUN_H

#include "device/device.h"
#include "plan/recipe.h"
#include <thalweg/tune.h>

struct tw_params {
    tw_context *context;
    tw_graph *graph;   /* borrowed */
    tw_device *device; /* borrowed */
    tw_arena arena;
    tw_param_table table;
    tw_buffer *buffer;  /* table.elements of f32 (double on the host device) */
    tw_queue *queue;    /* for get, set, initialisation, and every runner that brings no queue of its own: all that
                           touches these weights runs in one order */
    uint64_t seed;
    uint64_t version;   /* grows whenever weights change: KEEP tensors are refreshed by it */
    tw_queue *side;     /* for runs that read weights beside those in `queue`, made when first asked for */
    bool side_busy;     /* such runs may be under way */
    struct tw_built *built;   /* kernels, shared likewise */
    struct tw_proofs *proofs; /* which kernels were proven or struck off, shared by the runners on these params */
    struct tw_tuned *tuned;   /* which were measured fastest, likewise */
};

/* To be called before anything that changes weights is enqueued: waits for the runs that read them in params->side.
 * Errors: DEVICE. */
tw_status tw_params_claim(tw_params *params, tw_error *error);

/* Number of the weight in the table, -1 if there is none of that name. */
int tw_params_find(const tw_params *params, const char *name);

/* The device's caps with the kernel family that is asked for: kernels ("simd", "simt", "host"; NULL:
 * $THALWEG_KERNELS, else the device's own). Errors: NAME, UNSUPPORTED (host kernels elsewhere, or others there). */
tw_status tw_schedule_caps(const tw_device *device, const char *kernels, tw_caps *caps, tw_error *error);

/* Runs a recipe: what tw_plan is made of, and each train line of a trainer. Owns the recipe. */
typedef struct tw_runner tw_runner;

typedef struct tw_runner_options {
    int n_external;              /* SPACE_EXTERNAL buffers, borrowed */
    tw_buffer *const *external;
    tw_buffer *gradients;        /* SPACE_GRADIENTS, borrowed; NULL if the recipe has none */
    const char *const *choices;  /* "stage=candidate" to obey (a resumed checkpoint), NULL-terminated; NULL: none */
    bool no_proof, profiling;
    bool no_chains;              /* every launch by itself */
    tw_queue *queue;             /* the compute queue, borrowed, so that several runners follow one another; NULL:
                                    params->queue */
} tw_runner_options;

/* Chooses (choices obeyed, struck-off variants skipped), lays out, builds programs, proves what is not yet proven, and
 * allocates: all that can fail early fails here. Takes *recipe. */
tw_status tw_runner_create(tw_params *params, tw_recipe **recipe, const tw_runner_options *options, tw_runner **runner,
                           tw_error *error);
void tw_runner_destroy(tw_runner **runner);
tw_recipe *tw_runner_recipe(tw_runner *runner);
/* "stage=candidate" of every stage that had a choice; NULL-terminated, lives as long as the runner. */
const char *const *tw_runner_choices(const tw_runner *runner);

/* Builds what runners of these recipes will ask for first as one program, and proves it together unless no_proof: sooner
 * than a program for each, and the host computes what is to come out for all of them while the device generates code.
 * What does not build, or is struck off, is left to them to find out. Errors: MEMORY. */
tw_status tw_schedule_prepare(tw_params *params, int count, tw_recipe *const *recipes, bool no_proof, tw_error *error);

typedef void (*tw_received)(void *user, int64_t n, const void *const *outputs);
/* What a run takes from host memory and brings there. When `received` is not NULL it is called by a later enqueue or
 * wait, in order, once this run's outputs have arrived in host memory of the runner's own (outputs[i] of the recipe, in
 * their host types), and outputs is not looked at. */
typedef struct tw_exchange {
    const void *const *inputs; /* arrays; NULL: the recipe has none */
    bool borrowed;             /* they stay as they are until the run is over; else they are copied */
    void *const *outputs;      /* NULL, all or one: not wanted */
    tw_received received;
    void *user;
} tw_exchange;
/* Enqueues one run, as tw_plan_enqueue, for a batch of runtime->n; runtime's scalars go to the kernels that ask for
 * them. exchange itself is not kept. */
tw_status tw_runner_enqueue(tw_runner *runner, const tw_runtime *runtime, const tw_exchange *exchange, tw_error *error);
tw_status tw_runner_wait(tw_runner *runner, tw_error *error);
/* Bytes of device memory that it allocated. */
uint64_t tw_runner_memory(const tw_runner *runner);

/* What tw_tune does with recipes made but not run; plans: their names in the progress. */
tw_status tw_tune_recipes(tw_params *params, int count, tw_recipe *const *recipes, const char *const *plans,
                          const tw_tune_options *options, tw_tune_result *result, tw_error *error);

/* Trace: every launch and transfer since it was switched on, as Chrome's trace events (JSON). */
tw_status tw_runner_trace(tw_runner *runner, tw_error *error);
tw_status tw_runner_trace_append(tw_runner *runner, tw_text *text); /* events, comma-separated */
/* Waits, hands over each event, and forgets them. */
tw_status tw_runner_trace_read(tw_runner *runner, tw_trace_function visit, void *user, tw_error *error);

#endif
