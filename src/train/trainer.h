// SPDX-License-Identifier: Apache-2.0
// The inside of a trainer, and what the files of this room ask of one another.
#ifndef TW_TRAIN_TRAINER_H
#define TW_TRAIN_TRAINER_H

#include <stdatomic.h>
#include <thalweg/train.h>

#include "train/update.h"

/* A scalar that training yields: a loss or a metric. */
typedef struct tw_value {
    const char *name;      /* "loss", "gen.accuracy" */
    const char *node;      /* name of what is summed over the batches: one number, */
    const tw_call *call;   /* or, of a metric that has `finish`, several; else NULL */
    int first_sum, n_sums; /* its places among the sums */
} tw_value;

/* Where a runner's inputs and a list of values are found: the runner's ports are by name. */
typedef struct tw_ports {
    int n_inputs;
    int *input;          /* by the recipe's inputs: number among the graph's */
    const void **column; /* the same, to pass on */
    int *output;         /* by values: number among the recipe's outputs */
} tw_ports;

/* One train line at work. */
typedef struct tw_line {
    tw_trainer *trainer;
    int index;
    const tw_train_line *spec;
    tw_optimizer optimizer;
    int first_value, n_values; /* among the trainer's; the first one is the loss */
    int first_sum, n_sums;     /* of all its values */
    const char *penalty;       /* node that is added to the loss as reported (l1, l2), or NULL */
    const char **names;        /* of the outputs: values, then the penalty */
    tw_recipe *recipe;         /* until it runs */
    tw_runner *runner;
    tw_updater updater;
    tw_ports ports;    /* outputs: the line's values, then the penalty */
    uint64_t step;     /* steps enqueued since the first one ever */
    uint64_t received; /* steps whose values have come back */
    int64_t samples;   /* in the sums */
} tw_line;

/* Loss and metrics in inference mode. */
typedef struct tw_evaluator {
    tw_runner *runner;
    tw_ports ports; /* outputs: every value, then each line's penalty (-1: none) */
    double *sum;
    int64_t samples;
} tw_evaluator;

/* How far tw_trainer_fit has come; part of a checkpoint. */
typedef struct tw_course {
    int64_t epoch;        /* done */
    int64_t batches;      /* done in the epoch that follows */
    int64_t stale;        /* epochs since the best one */
    double best;          /* its loss; infinity before the first */
    int64_t batch, count; /* the batch size and number of samples by which `batches` counts */
    bool no_shuffle;
} tw_course;

struct tw_trainer {
    tw_context *context;
    tw_params *params; /* borrowed */
    tw_arena arena;
    tw_trainer_options options; /* texts in the arena */
    tw_caps caps;
    char *model; /* the graph as text, before nodes of ours came in */
    tw_buffer *gradients;
    int n_lines, n_values, n_sums;
    tw_line *line;
    tw_value *value;
    double *sum; /* since the last wait: of each value times its samples, or of its counts */
    const char *
        *choices; /* by line, the evaluator's last: "stage=candidate\n..." to obey, or NULL */
    tw_evaluator evaluator;
    tw_course course;
    int64_t steps_told; /* options.steps_per_epoch as given: tw_trainer_fit sets it if it is 0 */
    int64_t total;      /* steps of the whole training, 0: not known */
    atomic_int cancelled;
    int bad_line; /* the train line whose loss is no finite number, -1: none */
    uint64_t bad_step;
    double bad_loss;
};

/* ---- values.c ---- */
/* Appends the nodes of metrics and penalties to the graph and lists the values. Errors: NAME,
 * SHAPE, ... */
tw_status tw_values_create(tw_trainer *trainer, tw_error *error);

/* Adds what was computed of a batch of n. */
void tw_value_add(const tw_value *value, const float *batch, int64_t n, double *sums);
/* Of all batches that were added, with so many samples. */
double tw_value_of(const tw_value *value, const double *sums, int64_t samples);

/* ---- trainer.c ---- */
/* Fills *ports for a runner and the names of `count` values (NULL ones get -1). Arrays live in the
 * arena. */
tw_status tw_ports_create(tw_trainer *trainer, tw_runner *runner, int count,
                          const char *const *names, tw_ports *ports, tw_error *error);
/* Picks the recipe's inputs out of the graph's. */
const void *const *tw_ports_columns(const tw_ports *ports, const void *const *inputs);
/* "stage=candidate\n..." as the list that tw_runner_options wants, in the arena; NULL for NULL. */
tw_status tw_choices_split(tw_arena *arena, const char *text, const char *const **list,
                           tw_error *error);
/* A trainer with lines and values, but nothing on the device yet: no runners. */
tw_status tw_trainer_prepare(tw_params *params, const tw_trainer_options *options,
                             tw_trainer **trainer, tw_error *error);
/* The plan of a line's forward and backward pass. */
tw_status tw_line_recipe(tw_trainer *trainer, const tw_line *line, tw_recipe **recipe,
                         tw_error *error);
/* Makes the lines' runners, again after trainer->choices has changed. Optimizer states begin anew.
 */
tw_status tw_lines_create(tw_trainer *trainer, tw_error *error);
void tw_lines_destroy(tw_trainer *trainer);
/* Waits for all steps, without touching the sums. Errors: NUMBER, DEVICE. */
tw_status tw_trainer_finish(tw_trainer *trainer, tw_error *error);
/* Means of what has come back. */
void tw_trainer_means(const tw_trainer *trainer, double *values);
void tw_trainer_reset_means(tw_trainer *trainer);

/* ---- evaluate.c ---- */
tw_status tw_evaluator_create(tw_trainer *trainer,
                              tw_error *error); /* does nothing the second time */
void tw_evaluator_destroy(tw_trainer *trainer);

/* ---- checkpoint.c ---- */
/* Writes model.tw, weights.safetensors where weights is true, and state.safetensors. All steps are
 * done. */
tw_status tw_checkpoint_write(tw_trainer *trainer, const char *folder, bool weights,
                              tw_error *error);

/* ---- log.c: log.jsonl of a run's folder ---- */
/* Reads what the log holds up to and with an epoch, into text. A missing file is an empty one. */
tw_status tw_log_read(tw_context *context, const char *folder, int64_t epoch, tw_text *text,
                      tw_error *error);
/* Appends an epoch's line. test may be NULL. */
void tw_log_line(const tw_trainer *trainer, int64_t epoch, double seconds, const double *train,
                 const double *test, tw_text *text);
tw_status tw_log_write(tw_context *context, const char *folder, const tw_text *text,
                       tw_error *error);

#endif
