// SPDX-License-Identifier: Apache-2.0
// Tuning: measures the kernels that could serve a model on this device, and remembers the fastest.
#ifndef THALWEG_TUNE_H
#define THALWEG_TUNE_H

#include <thalweg/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a callback learns: that a candidate was measured, or (candidate is NULL) that a stage is
 * done. A stage is a group of nodes that kernels compute together. Texts are borrowed for the call.
 */
typedef struct tw_tune_progress {
    const char *plan;      /* "train", "train gen" (a train line's name), "inference" */
    const char *stage;     /* the node that its kernels are for: "conv2d_1" */
    const char *candidate; /* "convolution_simd"; NULL: the stage is done */
    double ms;             /* of the candidate: one run at the full batch */
    const char *standard;  /* of a stage that is done: what serves without tuning, */
    double standard_ms;    /* and its time; */
    const char *best;      /* the fastest: standard itself unless another is clearly faster, */
    double best_ms;        /* and its time */
    int32_t uses;          /* how many stages of the plans are alike: measured once */
    int32_t done, stages;  /* stages done, this one included, of those that have a choice */
    double seconds;        /* since tuning began */
} tw_tune_progress;
/* Returns false to stop; what was measured is kept. */
typedef bool (*tw_tune_function)(void *user, const tw_tune_progress *progress);

/* Zero means default. */
typedef struct tw_tune_options {
    int64_t batch;          /* the batch that the plans will have; 0: 32 */
    const char *sizes;      /* other letters, as in tw_plan_options */
    const char *kernels;    /* as in tw_plan_options */
    uint64_t memory_budget; /* as in tw_plan_options */
    double seconds;    /* no stage is begun after this; 0: 120. The costliest stages come first, and
                          those that the tuned file does not know yet before the others */
    int32_t n_outputs; /* nodes whose inference is tuned as well, */
    const char *const *outputs; /* names, borrowed; none: "prediction", if the model has it */
    tw_tune_function progress;  /* NULL: none */
    void *user;
} tw_tune_options;

typedef struct tw_tune_result {
    int32_t stages;   /* different ones that have a choice */
    int32_t measured; /* of them */
    int32_t changed;  /* of these, where another than the standard candidate is clearly faster */
    double standard_ms, best_ms; /* sums over all uses of the measured stages */
    bool saved;      /* the tuned file holds what was measured; nothing measured: true */
    char file[1000]; /* its path, "" without a cache folder */
    char why[300];   /* why it could not be saved */
} tw_tune_result;

/* Measures the train lines' plans and an inference plan of the params' graph, on random numbers:
 * every candidate is built and held against the host reference first, then timed in turn with the
 * others at the full batch. The fastest go into the tuned file of the device and driver, in the
 * cache folder, which every plan and trainer made afterwards obeys for stages of the same kernels,
 * shapes and batch. Weights are not touched; options: borrowed for the call, NULL for defaults.
 * Takes about `seconds`, and blocks the device meanwhile: nothing else should run. Errors: those of
 * tw_trainer_create and tw_plan_create, UNSUPPORTED (the host device), CANCELLED (by the callback;
 * *result is filled and what was measured is kept). A file that cannot be written is no error: see
 * result->saved. */
TW_API TW_NODISCARD tw_status tw_tune(tw_params *params, const tw_tune_options *options,
                                      tw_tune_result *result, tw_error *error);

/* Removes the device's tuned file: plans made from new params take the standard candidates again.
 * To ignore it without removing it, set $THALWEG_TUNED to "no". Errors: FILE. */
TW_API TW_NODISCARD tw_status tw_tune_forget(tw_context *context, tw_device *device,
                                             tw_error *error);

#ifdef __cplusplus
}
#endif
#endif
