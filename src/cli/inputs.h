// SPDX-License-Identifier: Apache-2.0
// What a plan reads, from a data set of the model's.
#ifndef THALWEG_CLI_INPUTS_H
#define THALWEG_CLI_INPUTS_H

#include "cli.h"

enum { CLI_MOST_INPUTS = 64 };

typedef struct cli_inputs {
    int32_t count;
    int32_t column[CLI_MOST_INPUTS]; /* by the plan's inputs: number among the graph's */
    tw_dataset *data;                /* NULL: none was given */
    int64_t samples;
} cli_inputs;

/* Opens args->data, if it is given, for what the nodes of these names need. Returns an exit code; a
 * data set that was opened is the caller's to destroy in any case. */
int cli_inputs_open(cli_inputs *inputs, cli_session *session, const cli_args *args, int count,
                    const char *const *names);
/* Where the inputs of a plan of these nodes are among the columns. Refuses a plan that reads what
 * is not there. */
int cli_inputs_find(cli_inputs *inputs, const tw_plan *plan, const cli_session *session);
/* samples: args->samples, else those of the data. */
int cli_inputs_count(cli_inputs *inputs, const cli_args *args);

#endif
