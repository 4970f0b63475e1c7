// SPDX-License-Identifier: Apache-2.0
// The launches that follow a train line's backward pass: its optimizer over the contiguous
// parameter buffer.
#ifndef TW_TRAIN_UPDATE_H
#define TW_TRAIN_UPDATE_H

#include "schedule/run.h"
#include "train/optimizer.h"

/* A run of the buffer that belongs to one parameter, which the optimizer changes. */
typedef struct tw_segment {
    int slot; /* number in the params' table */
    double l1, l2;
    double lr;   /* factor of the learning rate */
    bool decays; /* whether weight_decay applies */
} tw_segment;

/* An optimizer at work on one params' buffer: tables and states on the device, and the runner. */
typedef struct tw_updater {
    tw_params *params;
    const tw_optimizer *optimizer;
    int n_segments, n_chunks;
    tw_segment *segment;
    tw_buffer *buffer[3 + TW_MAX_STATES]; /* chunks, ranges, segments, then the states; NULL where
                                             not used */
    tw_recipe *recipe;                    /* until it runs */
    tw_runner *runner;
} tw_updater;

/* A number among a parameter's attributes (l1, l2, lr); `otherwise` where it has none. */
double tw_parameter_number(const tw_call *parameter, const char *name, double otherwise);

/* Finds the segments (trainable parameters with a gradient), fills the tables, sets the states to
 * their first values and prepares the launches, as updater->recipe. has_gradient: by number in the
 * table. optimizer: borrowed until destroyed; *updater must not move. Errors: NAME (nothing to
 * train), DEVICE_MEMORY, ... */
tw_status tw_updater_create(tw_params *params, const tw_caps *caps, const tw_optimizer *optimizer,
                            const bool *has_gradient, tw_updater *updater, tw_error *error);
/* Makes its runner. gradients: borrowed until destroyed. Errors: BUILD, DEVICE_MEMORY, ... */
tw_status tw_updater_start(tw_updater *updater, tw_buffer *gradients, tw_error *error);
void tw_updater_destroy(tw_updater *updater);
tw_status tw_updater_reset(tw_updater *updater, tw_error *error); /* the states' first values */
/* Enqueues one update with the scalars of tw_optimizer_scalars; the weights' version grows. */
tw_status tw_updater_enqueue(tw_updater *updater, const float *user, tw_error *error);

/* State buffer of a slot, NULL if the optimizer has none there. It is as large as the parameters'
 * buffer. */
tw_buffer *tw_updater_state(const tw_updater *updater, int slot);
uint64_t tw_updater_memory(const tw_updater *updater); /* bytes on the device */

#endif
