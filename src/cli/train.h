// SPDX-License-Identifier: Apache-2.0
// A training as the command does it: what train.c opens, and folds.c runs several times.
#ifndef THALWEG_CLI_TRAIN_H
#define THALWEG_CLI_TRAIN_H

#include "images.h"
#include "progress.h"

typedef struct cli_training {
    const cli_args *args;
    cli_session session;
    tw_checkpoint checkpoint; /* of the folder to resume */
    const char *out;          /* folder, or NULL */
    tw_dataset *data, *test;
    tw_trainer *trainer;
    cli_progress progress;
    cli_images images; /* drawn after each epoch, if args->images names any */
    int images_code;   /* a failure of drawing, which ends the training */
    /* Of one fold of --folds: */
    int64_t fold;                 /* from 1; 0: the training is no fold */
    double *values, *test_values; /* receive what is reported of it */
} cli_training;

/* The output folder, before anything costs time: nothing that is there is written over unless it is
 * resumed. */
int cli_training_check_out(const cli_training *training);
/* Trains over data, judges by test, writes to out. The epochs' lines are not printed for a fold. */
int cli_training_fit(cli_training *training);

/* Cross-validation: the same for OUT/fold-1, ...; all folds of training->data. */
int cli_folds_check_out(const cli_training *training);
int cli_folds_run(cli_training *training);

#endif
