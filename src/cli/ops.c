// SPDX-License-Identifier: Apache-2.0
// thalweg ops: the operator reference.
#include "cli.h"

static int run(const cli_args *args)
{
    cli_session session = {.context = NULL};
    tw_error error;
    char *text = NULL;
    int code = cli_open_context(&session);
    if (code == CLI_DONE &&
        tw_operators_print(session.context, args->operand, &text, &error) != TW_OK)
        code = cli_error(&error, NULL);
    if (code == CLI_DONE)
        fputs(text, stdout);
    if (text)
        tw_text_free(session.context, &text);
    cli_close(&session);
    return code;
}

static const cli_option options[] = {CLI_OPTION_END};
const cli_command cli_ops = {
    "ops", "[NAME]", "Lists the operators, or tells of one: inputs and attributes",
    NULL,  options,  run};
