// SPDX-License-Identifier: Apache-2.0
// thalweg devices: what OpenCL offers here, and whether it computes what the host computes.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define MAX_DEVICES 32
#define BATCH 8
#define STEPS 3
#define TOLERANCE                                                                                  \
    1e-3 /* of the largest weight, after three steps in float against the same in double */

/* A net of everything that matters, small enough for the host's reference. */
static const char check_model[] =
    "thalweg 1\n"
    "image = input f32[n,9,9,2]\n"
    "label = input i32[n] classes=5\n"
    "conv2d(image) filters=6 kernel=3 act=relu\n"
    "maxpool2d size=2\n"
    "flatten\n"
    "dense units=12 act=tanh\n"
    "logits = dense units=5\n"
    "loss = cross_entropy(logits, label)\n"
    "train loss=loss optimizer=\"momentum lr=0.1\" metrics=accuracy\n";

/* The weights after training, one after the other; *count numbers that the caller frees. */
typedef struct outcome {
    float *value;
    size_t count;
} outcome;

static void fill_batch(float *image, int32_t *label)
{
    uint32_t state = 1;
    for (size_t i = 0; i < (size_t)BATCH * 9 * 9 * 2; i++) {
        state =
            state * 1664525u + 1013904223u; /* Numerical Recipes' generator: any numbers will do */
        image[i] = (float)(state >> 8) / 16777216.0f - 0.5f;
    }
    for (int i = 0; i < BATCH; i++)
        label[i] = i % 5;
}

static tw_status collect(tw_params *params, outcome *out, tw_error *error)
{
    size_t total = 0, at = 0;
    for (int32_t i = 0; i < tw_params_count(params); i++) {
        tw_array array;
        (void)tw_params_describe(params, i, &array, NULL);
        total += (size_t)tw_array_count(&array);
    }
    if (!(out->value = calloc(total + 1, sizeof *out->value))) {
        if (error) {
            error->code = TW_ERROR_MEMORY;
            (void)snprintf(error->text, sizeof error->text, "out of memory");
        }
        return TW_ERROR_MEMORY;
    }
    out->count = total;
    for (int32_t i = 0; i < tw_params_count(params); i++) {
        tw_array array;
        const char *name = tw_params_describe(params, i, &array, NULL);
        const size_t count = (size_t)tw_array_count(&array);
        const tw_status status =
            tw_params_get(params, name, out->value + at, count * sizeof *out->value, error);
        if (status != TW_OK)
            return status;
        at += count;
    }
    return TW_OK;
}

static tw_status train(tw_params *params, outcome *out, tw_error *error)
{
    static float image[BATCH * 9 * 9 * 2];
    static int32_t label[BATCH];
    const void *inputs[2] = {image, label};
    tw_trainer *trainer = NULL;
    const tw_trainer_options options = {.batch = BATCH, .seed = 1};
    fill_batch(image, label);
    tw_status status = tw_trainer_create(params, &options, &trainer, error);
    for (int i = 0; i < STEPS && status == TW_OK; i++)
        status = tw_trainer_step(trainer, BATCH, inputs, error);
    if (status == TW_OK)
        status = tw_trainer_wait(trainer, NULL, error);
    if (status == TW_OK)
        status = collect(params, out, error);
    tw_trainer_destroy(&trainer);
    return status;
}

/* Trains the small net on a device. */
static tw_status try_device(tw_context *context, const char *selector, outcome *out,
                            tw_error *error)
{
    tw_graph *graph = NULL;
    tw_device *device = NULL;
    tw_params *params = NULL;
    tw_status status = tw_graph_parse(context, check_model, strlen(check_model), &graph, error);
    if (status == TW_OK)
        status = tw_device_open(context, selector, &device, error);
    if (status == TW_OK)
        status = tw_params_create(graph, device, 1, &params, error);
    if (status == TW_OK)
        status = train(params, out, error);
    tw_params_destroy(&params);
    tw_device_destroy(&device);
    tw_graph_destroy(&graph);
    return status;
}

/* The largest difference, as a part of the largest weight; NaN counts as infinite. */
static double difference(const outcome *a, const outcome *b)
{
    double most = 0, size = 0;
    if (a->count != b->count)
        return INFINITY;
    for (size_t i = 0; i < a->count; i++) {
        const double gap = fabs((double)a->value[i] - (double)b->value[i]);
        if (!isfinite(gap))
            return INFINITY;
        most = fmax(most, gap);
        size = fmax(size, fabs((double)b->value[i]));
    }
    return size > 0 ? most / size : INFINITY;
}

/* Writes "pass", or why not. */
static bool self_check(tw_context *context, const tw_device_info *info, const outcome *expected,
                       char *verdict, size_t size)
{
    tw_error error;
    outcome got = {.value = NULL};
    bool passed = false;
    if (!info->usable) {
        (void)snprintf(verdict, size, "not usable: %s", info->why_not);
    } else if (try_device(context, info->selector, &got, &error) != TW_OK) {
        (void)snprintf(verdict, size, "fail: %s", error.text);
    } else {
        const double apart = difference(&got, expected);
        passed = apart <= TOLERANCE;
        (void)snprintf(verdict, size,
                       passed ? "pass"
                              : "fail: a small net's weights after %d steps differ by %.2g of "
                                "their size from the host's",
                       STEPS, apart);
    }
    free(got.value);
    return passed;
}

static void print_device(const tw_device_info *info, bool passed, const char *verdict, bool json)
{
    if (!json) {
        printf("%s  %s\n    %s, %s, driver %s\n    %s, %d compute units, %.1f GiB (%.1f GiB at "
               "once)\n    "
               "self-check: %s\n",
               info->selector, info->name, info->platform, info->version, info->driver, info->type,
               (int)info->units, (double)info->memory / 1073741824,
               (double)info->allocation / 1073741824, verdict);
        return;
    }
    const char *const names[] = {"selector", "name", "platform", "version", "driver", "type"};
    const char *const texts[] = {info->selector, info->name,   info->platform,
                                 info->version,  info->driver, info->type};
    for (int i = 0; i < 6; i++) {
        printf("%s\"%s\": ", i ? ", " : "{", names[i]);
        cli_json_text(stdout, texts[i]);
    }
    printf(", \"units\": %d, \"memory\": %llu, \"allocation\": %llu, \"passes\": %s, \"check\": ",
           (int)info->units, (unsigned long long)info->memory, (unsigned long long)info->allocation,
           passed ? "true" : "false");
    cli_json_text(stdout, verdict);
    printf("}\n");
}

static int check_all(const cli_args *args, tw_context *context, const tw_device_info *infos,
                     int32_t count)
{
    tw_error error;
    outcome expected = {.value = NULL};
    int passes = 0;
    if (try_device(context, "host", &expected, &error) != TW_OK) {
        free(expected.value);
        return cli_fail(CLI_FAILED, "the self-check fails on the host itself: %s", error.text);
    }
    for (int32_t i = 0; i < count; i++) {
        char verdict[1200];
        const bool passed = self_check(context, &infos[i], &expected, verdict, sizeof verdict);
        passes += passed;
        print_device(&infos[i], passed, verdict, args->json);
        fflush(stdout);
    }
    free(expected.value);
    if (passes == 0)
        return cli_fail(
            CLI_NO_DEVICE,
            "no device here passes the self-check: update its driver, or train slowly with "
            "--device host");
    return CLI_DONE;
}

static int run(const cli_args *args)
{
    static tw_device_info infos[MAX_DEVICES];
    cli_session session = {.context = NULL};
    tw_error error;
    int32_t count = 0;
    int code = cli_open_context(&session);
    if (code == CLI_DONE &&
        tw_device_list(session.context, infos, MAX_DEVICES, &count, &error) != TW_OK)
        code = cli_error(&error, NULL);
    if (code == CLI_DONE && count == 0)
        code =
            cli_fail(CLI_NO_DEVICE,
                     "there is no OpenCL here: install the driver of your GPU, or PoCL for the CPU "
                     "(Debian: pocl-opencl-icd)");
    if (code == CLI_DONE)
        code = check_all(args, session.context, infos, count < MAX_DEVICES ? count : MAX_DEVICES);
    cli_close(&session);
    return code;
}

static const cli_option options[] = {CLI_OPTION_JSON, CLI_OPTION_END};
const cli_command cli_devices = {
    "devices",
    "",
    "Lists what OpenCL offers here, and checks that it computes rightly",
    "Each device trains a small net, whose weights must be those of the host's reference.",
    options,
    run};
