// SPDX-License-Identifier: Apache-2.0
// Text written by a model of characters.
#ifndef THALWEG_CLI_GENERATE_H
#define THALWEG_CLI_GENERATE_H

#include "cli.h"

/* Refuses options that do not go with --text, or go with it alone. */
int generate_check(const cli_args *args);
/* Writes the prompt and args->length characters more to standard output, one by one. node: the
 * probabilities of the next character, f32[n,t,vocabulary] at each place of the window, or
 * f32[n,vocabulary] after a whole window. Returns an exit code. */
int generate_text(const cli_args *args, const cli_session *session, const char *node);

#endif
