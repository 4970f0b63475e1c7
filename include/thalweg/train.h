// SPDX-License-Identifier: Apache-2.0
// Training: steps, the loop over epochs, evaluation, checkpoints.
#ifndef THALWEG_TRAIN_H
#define THALWEG_TRAIN_H

#include <thalweg/data.h>
#include <thalweg/plan.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_trainer tw_trainer; /* used by one thread at a time; tw_trainer_cancel from any */

/* Zero means default. */
typedef struct tw_trainer_options {
    int64_t batch;          /* 0: 32 */
    uint64_t seed;          /* weights, shuffling and random nodes */
    const char *sizes;      /* other letters, as in tw_plan_options */
    const char *kernels;    /* as in tw_plan_options */
    uint64_t memory_budget; /* as in tw_plan_options */
    bool no_fusion, no_proof;
    bool evaluate_only; /* nothing for steps is built: only tw_trainer_evaluate will be called */
    bool borrow_inputs; /* tw_trainer_step need not copy the inputs: see there */
    int64_t steps_per_epoch; /* what schedules in epochs count by; 0: told by tw_trainer_fit */
} tw_trainer_options;

/* A trainer for the graph's train lines, updating params; both borrowed until it is destroyed.
 * Errors: SYNTAX/NAME of a train line, NAME (no train line), and those of tw_plan_create. */
TW_API TW_NODISCARD tw_status tw_trainer_create(tw_params *params,
                                                const tw_trainer_options *options,
                                                tw_trainer **trainer, tw_error *error);
TW_API void tw_trainer_destroy(tw_trainer **trainer);

/* Begins a new training: fresh weights by seed (which becomes the trainer's), optimizers and
 * counters as at first. What was compiled stays, so that the folds of a cross-validation, or
 * several seeds, cost no more than their steps. Steps that were enqueued are waited for, and
 * forgotten. */
TW_API TW_NODISCARD tw_status tw_trainer_restart(tw_trainer *trainer, uint64_t seed,
                                                 tw_error *error);

/* One step (every train line once, in order) on n samples; inputs in the graph's order, copied
 * before it returns; with borrow_inputs they are borrowed until tw_trainer_wait, must not change
 * before, and are read where they are if the device computes in the host's memory. Enqueued, not
 * waited for. */
TW_API TW_NODISCARD tw_status tw_trainer_step(tw_trainer *trainer, int64_t n,
                                              const void *const *inputs, tw_error *error);

/* The scalars that training yields: loss and metrics of each train line, "loss", "accuracy",
 * "gen.loss", ... */
TW_API int32_t tw_trainer_value_count(const tw_trainer *trainer);
TW_API const char *tw_trainer_value_name(const tw_trainer *trainer, int32_t index);
/* Waits for all steps; values[i] is the mean over the samples since the last call (or
 * tw_trainer_create). */
TW_API TW_NODISCARD tw_status tw_trainer_wait(tw_trainer *trainer, double *values, tw_error *error);
/* Mean of each value over a data set, in inference mode. */
TW_API TW_NODISCARD tw_status tw_trainer_evaluate(tw_trainer *trainer, tw_dataset *data,
                                                  double *values, tw_error *error);

/* What a callback learns. Values are those of tw_trainer_value_name's order; test_values is NULL
 * without a test set. */
typedef struct tw_progress {
    int64_t epoch, epochs; /* from 1 */
    int64_t step, steps;   /* within the epoch */
    int64_t samples;       /* done in this epoch */
    double seconds;        /* since the epoch began */
    const double *values;  /* running means; the most recent that have come back */
    const double *test_values;
    bool epoch_done;
} tw_progress;
/* Returns false to stop after this step. */
typedef bool (*tw_progress_function)(void *user, const tw_progress *progress);

typedef struct tw_fit_options {
    int64_t epochs; /* 0: 1. Counted from the first one ever: a resumed trainer does the rest */
    int64_t steps;  /* stop after so many steps in all; 0: no limit */
    bool no_shuffle;
    tw_dataset *test; /* borrowed; NULL: none */
    const char *out;  /* folder that receives model.tw, weights.safetensors, state.safetensors and
                         log.jsonl after each epoch, and what the data were read by
                         (tw_preparation_write); NULL: none. Created if missing */
    bool keep_best; /* weights.safetensors holds the epoch with the least test (else train) loss */
    int64_t
        patience; /* stop after so many epochs without a lower test (else train) loss; 0: never */
    tw_progress_function
        progress; /* called at each epoch's end and at most about 20 times a second */
    void *user;
} tw_fit_options;

/* Trains over a data set. Errors: those of stepping, DATA, NUMBER (the loss became NaN or infinite:
 * says the step), CANCELLED. */
TW_API TW_NODISCARD tw_status tw_trainer_fit(tw_trainer *trainer, tw_dataset *data,
                                             const tw_fit_options *options, tw_error *error);
/* Makes a running fit return TW_ERROR_CANCELLED after the step it is in. Any thread, also a signal
 * handler. */
TW_API void tw_trainer_cancel(tw_trainer *trainer);

/* A checkpoint in a folder: weights, optimizer states, counters, choices. Written beside and
 * renamed. Resuming needs the same graph (checked). Exact: the next step is bitwise that of a run
 * never stopped. */
TW_API TW_NODISCARD tw_status tw_trainer_save(tw_trainer *trainer, const char *folder,
                                              tw_error *error);
TW_API TW_NODISCARD tw_status tw_trainer_resume(tw_trainer *trainer, const char *folder,
                                                tw_error *error);
/* What a checkpoint tells of the run that wrote it, so that a trainer like that one's can be made
 * to resume it. */
typedef struct tw_checkpoint {
    int64_t epoch; /* done */
    int64_t step;  /* done in all */
    int64_t batch;
    uint64_t seed;
    bool no_shuffle;
} tw_checkpoint;
/* Errors: FILE (no checkpoint there), FORMAT. */
TW_API TW_NODISCARD tw_status tw_checkpoint_read(tw_context *context, const char *folder,
                                                 tw_checkpoint *checkpoint, tw_error *error);
TW_API int64_t tw_trainer_epoch(const tw_trainer *trainer); /* epochs done */

/* The launches of a step, as tw_plan_print; bytes of device memory of all plans and states. */
TW_API TW_NODISCARD tw_status tw_trainer_print(const tw_trainer *trainer, bool memory, char **text,
                                               tw_error *error);
TW_API uint64_t tw_trainer_memory(const tw_trainer *trainer);
TW_API TW_NODISCARD tw_status tw_trainer_trace(tw_trainer *trainer, tw_error *error);
TW_API TW_NODISCARD tw_status tw_trainer_trace_write(tw_trainer *trainer, const char *path,
                                                     tw_error *error);
/* As tw_plan_trace_read: for each train line its launches, then its optimizer's. */
TW_API TW_NODISCARD tw_status tw_trainer_trace_read(tw_trainer *trainer, tw_trace_function visit,
                                                    void *user, tw_error *error);

#ifdef __cplusplus
}
#endif
#endif
