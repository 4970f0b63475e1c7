// SPDX-License-Identifier: Apache-2.0
// A trial of one kernel candidate, as the files that prove kernels share it: prove.c runs trials,
// trial.c makes them, judge.c says what came out.
#ifndef TW_SCHEDULE_TRIAL_H
#define TW_SCHEDULE_TRIAL_H

#include "schedule/schedule.h"

typedef struct tw_trial_tensor {
    int id;
    tw_type type;
    int64_t count;
    bool device, host;  /* kernels use it; references do */
    bool written, made; /* by a kernel; by a reference */
    bool given;         /* read before it is written: holds random numbers */
    double range;       /* of these, as tw_operator.range says */
    uint64_t offset;    /* in the trial's buffer */
    void *data;         /* for references */
} tw_trial_tensor;

typedef struct tw_trial {
    tw_runner *runner;
    tw_stage *stage;
    tw_candidate *candidate;
    uint64_t key;
    int first_kernel;
    tw_runtime runtime;
    int draw;
    bool positive; /* numbers in [0.1, 1) instead of [-1, 1) */
    tw_arena arena;
    int n_tensors;
    tw_trial_tensor *tensor;
    int *place; /* tensor id -> index in `tensor`, -1 */
    void **data;
    uint64_t bytes; /* of the buffer */
    char *image;    /* what goes into the buffer, and what came back */
    tw_buffer *buffer;
    tw_event *done;
    tw_error failure; /* why the candidate is no good */
} tw_trial;

/* ---- trial.c ---- */
/* The least that operators of the stage say of the tensor, where their references read it
 * (tw_operator.range); 1 where nothing is said. */
double tw_trial_range(const tw_stage *stage, int id);
/* Whole numbers of that range stay below this. A label or an index of which nothing is said is
 * valid in anything that has two classes or rows. */
double tw_trial_whole_below(tw_type type, double range);
/* Fills in what the trial of its stage's candidate is made of, and allocates it. *too_large: it is
 * not to be tried. Errors: MEMORY, DEVICE_MEMORY. */
tw_status tw_trial_plan(tw_trial *trial, bool *too_large, tw_error *error);
/* Draws numbers into the image and computes what is to come out; anew with positive ones if
 * logarithms and roots made NaN. Errors: MEMORY. */
tw_status tw_trial_draw(tw_trial *trial, tw_error *error);
/* Waits, where the device is still at it, and frees what the trial is made of. */
void tw_trial_finish(tw_trial *trial);

/* ---- judge.c ---- */
#define TW_TRIAL_CANARY 0xff /* fills what is not given: NaN, -1 */
bool tw_trial_is_real(tw_type type);
/* Whether what came back is right; says in failure what is not. */
bool tw_trial_judge(tw_trial *trial);

#endif
