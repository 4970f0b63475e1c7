// SPDX-License-Identifier: Apache-2.0
// How training is told: a bar on a terminal, plain lines in a pipe, JSON objects.
#ifndef THALWEG_CLI_PROGRESS_H
#define THALWEG_CLI_PROGRESS_H

#include "cli.h"

typedef struct cli_progress {
    const tw_trainer *trainer;
    bool json, terminal;
    bool bar_shown;
    int64_t first_step; /* of the epoch as this process has seen it: a resumed one begins in the
                           middle */
    int64_t first_samples;
    double first_seconds;
    bool any_epoch; /* an epoch has ended */
    /* Of a fold of a cross-validation, whose epochs have no lines; NULL, 0 otherwise. */
    int64_t fold, folds;
    bool keep_best; /* these are of the epoch with the least test loss, not the last */
    double *values, *test_values; /* of that epoch */
} cli_progress;

void cli_progress_start(cli_progress *progress, const tw_trainer *trainer, bool json);
bool cli_progress_report(void *user, const tw_progress *progress); /* a tw_progress_function */
void cli_progress_end(cli_progress *progress);                     /* takes the bar away */

#endif
