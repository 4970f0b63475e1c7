// SPDX-License-Identifier: Apache-2.0
// Optimizers: how the text of a train line ("adam lr=0.001 schedule=cosine steps=1000") becomes
// numbers and a rule.
#ifndef TW_TRAIN_OPTIMIZER_H
#define TW_TRAIN_OPTIMIZER_H

#include "graph/operator.h"

#define TW_MAX_STATES 3
#define TW_MAX_CONSTANTS 4

/* Slots of tw_runtime.user: what changes from step to step. */
enum {
    TW_USER_RATE, /* the learning rate, times the optimizer's bias correction */
    TW_USER_DECAY /* learning rate * weight_decay: the part of a weight that goes before its update
                   */
};

typedef struct tw_optimizer tw_optimizer;

/* One weight's update in double: g is its gradient (penalties and clipping applied), state[k] its
 * place in state buffer k (NULL where the optimizer keeps none there), rate is user[TW_USER_RATE].
 */
typedef void (*tw_optimizer_rule)(const tw_optimizer *optimizer, double rate, double g, double *w,
                                  double *const *state);

/* What is known of an optimizer stands in one constant; the rule in OpenCL is RULE_NAME of
 * cl/optimizer.cl. */
typedef struct tw_optimizer_kind {
    const char *name, *doc;
    const char *kernel;                         /* "RULE_adam" */
    const tw_attribute *attributes;             /* its own ones, then the common ones */
    const char *constant[TW_MAX_CONSTANTS + 1]; /* its numeric options, as the rule numbers them; in
                                                   upper case they are the kernel's macros */
    const char *state[TW_MAX_STATES]; /* names of the state buffers by slot; NULL: slot not used */
    /* Option without which (no, or 0) a state slot stays empty; NULL: always there. */
    const char *state_option[TW_MAX_STATES];
    const char *initial; /* option that holds the states' first value; NULL: zero */
    tw_optimizer_rule rule;
    double (*correction)(const tw_optimizer *optimizer,
                         double step); /* factor of the rate at step 1, 2, ...; or NULL */
} tw_optimizer_kind;

typedef enum tw_rate_schedule {
    TW_RATE_CONSTANT,
    TW_RATE_STEP,
    TW_RATE_EXPONENTIAL,
    TW_RATE_COSINE
} tw_rate_schedule;

/* How the learning rate goes; the formulas are those of Keras's schedules. */
typedef struct tw_rate {
    tw_rate_schedule schedule;
    double lr;     /* the highest */
    double steps;  /* length of the decay in steps; 0: given in epochs, or the whole training
                      (cosine) */
    double epochs; /* the same in epochs; 0: not given */
    double rate;   /* factor that is reached after `steps` */
    double alpha;  /* cosine: lowest rate as a part of lr */
    double warmup; /* steps of linear growth from 0, before the schedule starts */
    bool staircase;
} tw_rate;

struct tw_optimizer {
    const tw_optimizer_kind *kind;
    double constant[TW_MAX_CONSTANTS];
    bool has_state[TW_MAX_STATES];
    double initial;
    double weight_decay, clip_value, clip_norm, global_clip_norm; /* 0: none */
    const char *no_decay; /* pattern of parameters that weight_decay leaves alone; NULL: none */
    tw_rate rate;
};

/* Parses an optimizer's text into *optimizer; texts live in the arena. Errors: NAME (with the
 * nearest optimizer or option), SYNTAX (an option out of its range). */
tw_status tw_optimizer_parse(tw_arena *arena, const char *text, tw_optimizer *optimizer,
                             tw_error *error);

/* The learning rate at a step (from 0). steps_per_epoch and total (steps of the whole training) are
 * 0 if not known. Errors: ARGUMENT (the schedule needs one that is not known). */
tw_status tw_rate_at(const tw_rate *rate, uint64_t step, int64_t steps_per_epoch, int64_t total,
                     double *lr, tw_error *error);

/* Fills user[] for a step (from 0) at learning rate lr. */
void tw_optimizer_scalars(const tw_optimizer *optimizer, double lr, uint64_t step, float *user);

#endif
