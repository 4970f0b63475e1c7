// SPDX-License-Identifier: Apache-2.0
// thalweg eval: loss and metrics of a model over a data set.
#include <stdlib.h>

#include "cli.h"

static void print_values(const tw_trainer *trainer, const double *values, int64_t samples,
                         bool json)
{
    const int count = tw_trainer_value_count(trainer);
    if (json)
        printf("{\"samples\": %lld", (long long)samples);
    for (int i = 0; i < count; i++) {
        const char *name = tw_trainer_value_name(trainer, i);
        if (json) {
            printf(", ");
            cli_json_text(stdout, name);
            printf(": ");
            cli_json_number(stdout, values[i]);
        } else {
            printf("%s%s %.4f", i ? "  " : "", name, values[i]);
        }
    }
    printf(json ? "}\n" : "\n");
}

static int evaluate(const cli_args *args, const cli_session *session, tw_dataset *data)
{
    tw_error error;
    tw_trainer *trainer = NULL;
    const tw_trainer_options options = {.batch = args->batch > 0 ? args->batch : 128,
                                        .kernels = args->kernels,
                                        .sizes = session->sizes,
                                        .evaluate_only = true};
    if (tw_trainer_create(session->params, &options, &trainer, &error) != TW_OK)
        return cli_error(&error, session->model);
    double *values = calloc((size_t)tw_trainer_value_count(trainer), sizeof *values);
    int code = CLI_DONE;
    if (!values)
        code = cli_fail(CLI_FAILED, "out of memory");
    else if (tw_trainer_evaluate(trainer, data, values, &error) != TW_OK)
        code = cli_error(&error, NULL);
    else
        print_values(trainer, values, tw_dataset_count(data), args->json);
    free(values);
    tw_trainer_destroy(&trainer);
    return code;
}

static int run(const cli_args *args)
{
    cli_session session = {.context = NULL};
    tw_dataset *data = NULL;
    if (!args->data)
        return cli_fail(CLI_USAGE, "eval needs --data SPEC: see thalweg --help");
    int code = cli_open_trained(args, &session);
    if (code == CLI_DONE)
        code = cli_open_data(args, &session, args->data, 0, NULL, &data);
    if (code == CLI_DONE)
        code = evaluate(args, &session, data);
    tw_dataset_destroy(&data);
    cli_close(&session);
    return code;
}

static const cli_option options[] = {
    {"--data", CLI_TEXT, offsetof(cli_args, data), "SPEC", "the data to judge by"},
    {"--weights", CLI_TEXT, offsetof(cli_args, weights), "FILE.safetensors",
     "weights (default: the run's)"},
    {"--partial", CLI_FLAG, offsetof(cli_args, partial), NULL, "take the weights that fit"},
    {"--batch", CLI_COUNT, offsetof(cli_args, batch), "N", "samples at a time (default 128)"},
    CLI_OPTION_SIZES,
    CLI_OPTION_DEVICE,
    CLI_OPTION_KERNELS,
    CLI_OPTION_JSON,
    CLI_OPTION_END};
const cli_command cli_eval = {"eval", "DIR|MODEL.tw", "Computes loss and metrics over a data set",
                              NULL,   options,        run};
