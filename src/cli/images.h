// SPDX-License-Identifier: Apache-2.0
// Pictures of nodes' values: a grid of samples, a row for each of the nodes in turn, as PNG.
#ifndef THALWEG_CLI_IMAGES_H
#define THALWEG_CLI_IMAGES_H

#include "inputs.h"

enum { IMAGES_MOST_NAMES = 8 };

typedef struct images_node {
    int height, width, channels;
    tw_type type;
    void *values; /* of all samples */
} images_node;

typedef struct cli_images {
    char text[1024]; /* the names, cut */
    const char *name[IMAGES_MOST_NAMES];
    images_node node[IMAGES_MOST_NAMES];
    int n_nodes;
    tw_plan *plan;
    double low, high;
    int64_t count; /* samples */
    cli_inputs inputs;
    void *input[CLI_MOST_INPUTS]; /* of the plan, each with the data's first samples */
} cli_images;

/* Reads names and range: before anything is opened. Returns an exit code. */
int images_read(cli_images *images, const char *names, const char *range);
/* Plans the nodes for `count` samples (0: about a hundred pictures, 10 a row; random nodes have the
 * same values at every images_draw) and copies what they need from the first samples of data (NULL:
 * none), whose running epoch ends. Fewer samples are fewer pictures. */
int images_open(cli_images *images, const cli_session *session, const cli_args *args, uint64_t seed,
                int64_t count, tw_dataset *data);
/* Computes the nodes with the weights as they are now, in inference mode, and writes the grid. */
int images_draw(cli_images *images, const char *path);
void images_close(cli_images *images); /* accepts zeros */

#endif
