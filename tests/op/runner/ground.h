// SPDX-License-Identifier: Apache-2.0
// A recipe's tensors as bytes of one buffer: laid out, filled, and looked at after a run.
#ifndef TW_TESTS_OP_GROUND_H
#define TW_TESTS_OP_GROUND_H

#include "runner.h"

typedef struct ground {
    tw_device *device;
    const tw_recipe *recipe;
    uint64_t *offset; /* bytes, by tensor id; odd in elements, but for rows with `stream` */
    uint64_t bytes;
    uint8_t *before, *after,
        *again; /* images of the buffer: before a run, after it, after another */
    tw_buffer *buffer;
} ground;

/* ground_close frees what a failed ground_open has made. */
bool ground_open(ground *g, tw_device *device, const tw_recipe *recipe, tw_error *error);
void ground_close(ground *g);

/* What a candidate does with each tensor: uses[id] is a sum of these. */
enum { READ = 1, WRITTEN = 2, WORKSPACE = 4 };
void ground_uses(const ground *g, const tw_candidate *candidate, uint8_t *uses);
/* The image before a run: canaries, and the values of what is read. */
void ground_paint(ground *g, const row_memory *m, const uint8_t *uses);

/* The image after a run; false with a message. Bytes that may have changed: written tensors at
 * batch n, workspaces as a whole. */
bool ground_check_canaries(const ground *g, const uint8_t *uses, int64_t n, char *message);
/* The written results against the reference's. */
bool ground_check_values(const ground *g, const row_memory *m, const uint8_t *uses, double asked,
                         char *message);
/* The written results of two runs, bitwise. */
bool ground_check_again(const ground *g, const uint8_t *uses, int64_t n, char *message);

#endif
