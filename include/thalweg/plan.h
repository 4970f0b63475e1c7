// SPDX-License-Identifier: Apache-2.0
// Weights on a device, and plans: immutable launch lists that compute chosen nodes.
#ifndef THALWEG_PLAN_H
#define THALWEG_PLAN_H

#include <thalweg/device.h>
#include <thalweg/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_params tw_params; /* used by one thread at a time */
typedef struct tw_plan tw_plan;     /* run by one thread at a time */

/* The named weights of graph, on device, initialised from seed (Philox; equal on every device).
 * graph and device are borrowed until the params are destroyed. Errors: the graph's first error,
 * DEVICE_MEMORY, DEVICE, MEMORY. */
TW_API TW_NODISCARD tw_status tw_params_create(tw_graph *graph, tw_device *device, uint64_t seed,
                                               tw_params **params, tw_error *error);
TW_API void tw_params_destroy(tw_params **params);
/* Initialises all weights anew, from another seed: as tw_params_create, but plans made on them
 * stay.
 */
TW_API TW_NODISCARD tw_status tw_params_reset(tw_params *params, uint64_t seed, tw_error *error);

TW_API int32_t tw_params_count(const tw_params *params);
/* Name, type and shape of weight number index; array->data is NULL. The name lives as long as the
 * graph. */
TW_API const char *tw_params_describe(const tw_params *params, int32_t index, tw_array *array,
                                      bool *trainable);
/* Copies one weight out of, or into, the device; data holds its elements as its type (f32),
 * row-major. Waits. */
TW_API TW_NODISCARD tw_status tw_params_get(tw_params *params, const char *name, void *data,
                                            size_t bytes, tw_error *error);
TW_API TW_NODISCARD tw_status tw_params_set(tw_params *params, const char *name, const void *data,
                                            size_t bytes, tw_error *error);
/* Reads a safetensors file. Without partial every weight must be there, in shape, and none beside;
 * the sentence lists missing, extra and misshaped names, and nothing is changed. With partial what
 * fits is taken and *taken counts it. */
TW_API TW_NODISCARD tw_status tw_params_load(tw_params *params, const char *path, bool partial,
                                             int32_t *taken, tw_error *error);
/* Writes a safetensors file: beside, then renamed. */
TW_API TW_NODISCARD tw_status tw_params_save(tw_params *params, const char *path, tw_error *error);

/* Zero means default. */
typedef struct tw_plan_options {
    int64_t batch;       /* the most that letter n may be; 0: 32 */
    const char *sizes;   /* other letters: "t=28 v=100"; NULL: none */
    const char *kernels; /* "simd", "simt", "host"; NULL: $THALWEG_KERNELS, else by device type */
    uint64_t memory_budget; /* bytes of device memory; 0: the device's own limit */
    bool no_fusion;         /* one launch a node: for tests */
    bool no_proof;          /* use variants without holding them against the host reference first */
    uint64_t seed;          /* for random nodes */
    bool borrow_inputs;     /* tw_plan_enqueue need not copy the inputs: see there */
} tw_plan_options;

/* A plan for inference of the named nodes (outputs: count names, copied). options: borrowed for the
 * call, NULL for defaults. params is borrowed until the plan is destroyed. Errors: NAME, SHAPE,
 * BUILD, DEVICE_MEMORY, ... */
TW_API TW_NODISCARD tw_status tw_plan_create(tw_params *params, int32_t count,
                                             const char *const *outputs,
                                             const tw_plan_options *options, tw_plan **plan,
                                             tw_error *error);
TW_API void tw_plan_destroy(tw_plan **plan);

/* The inputs that the plan reads, in the graph's order, and its outputs; data is NULL, the batch at
 * its maximum. */
TW_API int32_t tw_plan_input_count(const tw_plan *plan);
TW_API const char *tw_plan_input(const tw_plan *plan, int32_t index, tw_array *array);
TW_API int32_t tw_plan_output_count(const tw_plan *plan);
TW_API const char *tw_plan_output(const tw_plan *plan, int32_t index, tw_array *array);
/* Bytes of device memory that running the plan takes, parameters not counted. Known before it runs.
 */
TW_API uint64_t tw_plan_memory(const tw_plan *plan);

/* Runs the plan for a batch of n (1 to the maximum): inputs and outputs are host arrays, row-major,
 * in the nodes' types. tw_plan_enqueue returns once the inputs are copied (they may be reused at
 * once); with borrow_inputs they are borrowed until tw_plan_wait, must not change before, and are
 * read where they are if the device computes in the host's memory. outputs[i] (may be NULL) are
 * borrowed, and may be computed in, until tw_plan_wait. A bounded number of runs is in flight; the
 * call waits for the oldest when it is reached. An asynchronous failure shows at the next call. */
TW_API TW_NODISCARD tw_status tw_plan_enqueue(tw_plan *plan, int64_t n, const void *const *inputs,
                                              void *const *outputs, tw_error *error);
TW_API TW_NODISCARD tw_status tw_plan_wait(tw_plan *plan, tw_error *error);
/* Both in one: nothing is borrowed once it returns. */
TW_API TW_NODISCARD tw_status tw_plan_run(tw_plan *plan, int64_t n, const void *const *inputs,
                                          void *const *outputs, tw_error *error);
/* Random nodes take their numbers from the seed and from how many runs there were, the first being
 * step 0. Sets the step of the next run: after a run, the same step gives the same numbers again.
 */
TW_API void tw_plan_set_step(tw_plan *plan, uint32_t step);
/* The launches as text, a line each (for `thalweg print` and golden tests), or the memory map. */
TW_API TW_NODISCARD tw_status tw_plan_print(const tw_plan *plan, bool memory, char **text,
                                            tw_error *error);
/* From now on every launch and transfer is recorded; tw_plan_trace_write writes Chrome's trace
 * format. */
TW_API TW_NODISCARD tw_status tw_plan_trace(tw_plan *plan, tw_error *error);
TW_API TW_NODISCARD tw_status tw_plan_trace_write(tw_plan *plan, const char *path, tw_error *error);

/* What was recorded, one by one. */
typedef enum tw_lane { TW_LANE_UPLOAD, TW_LANE_COMPUTE, TW_LANE_DOWNLOAD } tw_lane;
typedef struct tw_trace_event {
    const char *label; /* the node or input; lives as long as the plan */
    tw_lane lane;
    uint64_t start, end; /* nanoseconds of the device's clock */
    int64_t groups;      /* work-groups of a launch; 0: a transfer, or the host's work */
} tw_trace_event;
typedef void (*tw_trace_function)(void *user, const tw_trace_event *event);
/* Waits, calls visit with each event recorded so far, in order, and forgets them. */
TW_API TW_NODISCARD tw_status tw_plan_trace_read(tw_plan *plan, tw_trace_function visit, void *user,
                                                 tw_error *error);

#ifdef __cplusplus
}
#endif
#endif
