// SPDX-License-Identifier: Apache-2.0
// What a plan reads, from a data set of the model's.
#include "inputs.h"

#include <string.h>

int cli_inputs_open(cli_inputs *inputs, cli_session *session, const cli_args *args, int count,
                    const char *const *names)
{
    *inputs = (cli_inputs){.data = NULL};
    return args->data ? cli_open_data(args, session, args->data, count, names, &inputs->data)
                      : CLI_DONE;
}

int cli_inputs_find(cli_inputs *inputs, const tw_plan *plan, const cli_session *session)
{
    tw_array array;
    inputs->count = tw_plan_input_count(plan);
    if (inputs->count > CLI_MOST_INPUTS)
        return cli_fail(CLI_FAILED, "the node needs more than %d inputs", (int)CLI_MOST_INPUTS);
    if (inputs->count > 0 && !inputs->data)
        return cli_fail(CLI_USAGE, "the model needs data for its input %s: give --data SPEC",
                        tw_plan_input(plan, 0, &array));
    for (int32_t i = 0; i < inputs->count; i++)
        for (int32_t k = 0; k < tw_graph_input_count(session->graph); k++)
            if (strcmp(tw_node_name(tw_graph_input(session->graph, k)),
                       tw_plan_input(plan, i, &array)) == 0)
                inputs->column[i] = k;
    return CLI_DONE;
}

int cli_inputs_count(cli_inputs *inputs, const cli_args *args)
{
    inputs->samples = inputs->data ? tw_dataset_count(inputs->data) : args->samples;
    if (args->samples > inputs->samples)
        return cli_fail(CLI_FAILED, "--samples %lld: the data have only %lld",
                        (long long)args->samples, (long long)inputs->samples);
    if (args->samples > 0)
        inputs->samples = args->samples;
    return CLI_DONE;
}
