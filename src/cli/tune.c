// SPDX-License-Identifier: Apache-2.0
// thalweg tune: measures the kernels that could serve a model, and remembers the fastest.
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* The first interrupt keeps what was measured, a second one ends the process at once. */
static void catch_interrupts(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

/* ---- the table ---- */

typedef struct table {
    const cli_args *args;
    bool terminal, begun;
} table;

static void json_field(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    cli_json_text(stdout, text);
    printf(", ");
}

static void print_json(const tw_tune_progress *now)
{
    printf("{");
    json_field("plan", now->plan);
    json_field("stage", now->stage);
    if (now->candidate) {
        json_field("candidate", now->candidate);
        printf("\"ms\": %.6f}\n", now->ms);
        return;
    }
    printf("\"uses\": %d, ", (int)now->uses);
    json_field("standard", now->standard);
    printf("\"standard_ms\": %.6f, ", now->standard_ms);
    json_field("best", now->best);
    printf("\"best_ms\": %.6f, \"done\": %d, \"stages\": %d, \"seconds\": %.3f}\n", now->best_ms,
           (int)now->done, (int)now->stages, now->seconds);
}

static void print_head(table *t)
{
    if (!t->begun)
        printf("%-10s %-34s %4s  %-24s %9s  %-32s %9s\n", "plan", "stage", "uses", "standard", "ms",
               "fastest", "ms");
    t->begun = true;
}

static void print_stage(table *t, const tw_tune_progress *now)
{
    const bool changed = strcmp(now->standard, now->best) != 0;
    if (t->terminal)
        printf("\r\033[K"); /* clears the line */
    print_head(t);
    printf("%-10s %-34s %4d  %-24s %9.4f", now->plan, now->stage, (int)now->uses, now->standard,
           now->standard_ms);
    if (changed)
        printf("  %-32s %9.4f  %.2f times as fast\n", now->best, now->best_ms,
               now->standard_ms / now->best_ms);
    else
        printf("  the same\n");
}

static bool report(void *user, const tw_tune_progress *now)
{
    table *t = user;
    if (t->args->json && (!now->candidate || t->args->candidates)) {
        print_json(now);
    } else if (!t->args->json && !now->candidate) {
        print_stage(t, now);
    } else if (!t->args->json && t->args->candidates) {
        print_head(t);
        printf("%-10s %-34s       %-24s %9.4f\n", now->plan, now->stage, now->candidate, now->ms);
    } else if (t->terminal) {
        printf("\r%d of %d  %s: %s  %.4f ms\033[K", (int)now->done, (int)now->stages, now->stage,
               now->candidate, now->ms);
    }
    (void)fflush(stdout);
    return !interrupted;
}

static void print_result(const cli_args *args, const tw_tune_result *r, double seconds)
{
    const int left = r->stages - r->measured;
    if (args->json) {
        printf("{\"stages\": %d, \"measured\": %d, \"changed\": %d, \"left\": %d, "
               "\"standard_ms\": %.6f, \"best_ms\": %.6f, \"seconds\": %.3f, \"saved\": %s, ",
               (int)r->stages, (int)r->measured, (int)r->changed, left, r->standard_ms, r->best_ms,
               seconds, r->saved ? "true" : "false");
        printf("\"file\": ");
        cli_json_text(stdout, r->file);
        printf("}\n");
        return;
    }
    if (r->measured == 0)
        printf("nothing was measured: ");
    else
        printf("%d of %d stages measured, %d changed: %.3f ms before, %.3f ms after; ",
               (int)r->measured, (int)r->stages, (int)r->changed, r->standard_ms, r->best_ms);
    if (r->stages == 0)
        printf("no stage has a choice\n");
    else if (left > 0)
        printf("%d left for want of time or memory: run it again, or give more --seconds\n", left);
    else
        printf("%.0f s\n", seconds);
    if (r->measured > 0 && r->saved)
        printf("saved to %s\n", r->file);
}

/* ---- the command ---- */

static int tune(const cli_args *args, cli_session *session)
{
    tw_error error;
    tw_tune_result result = {.stages = 0};
    table t = {.args = args, .terminal = !args->json && isatty(STDOUT_FILENO)};
    const double start = cli_seconds();
    const tw_tune_options options = {.batch = args->batch,
                                     .sizes = session->sizes,
                                     .kernels = args->kernels,
                                     /* 0 would mean the library's default */
                                     .seconds = args->seconds > 0 ? args->seconds : 1e-9,
                                     .progress = report,
                                     .user = &t};
    catch_interrupts();
    const tw_status status = tw_tune(session->params, &options, &result, &error);
    if (t.terminal)
        printf("\r\033[K");
    if (status != TW_OK && status != TW_ERROR_CANCELLED)
        return cli_error(&error, session->model);
    print_result(args, &result, cli_seconds() - start);
    if (!result.saved)
        return cli_fail(CLI_FAILED, "what was measured could not be saved: %s", result.why);
    return status == TW_OK ? CLI_DONE : CLI_INTERRUPTED;
}

static int forget(const cli_args *args, cli_session *session)
{
    tw_error error;
    if (tw_device_open(session->context, args->device, &session->device, &error) != TW_OK ||
        tw_tune_forget(session->context, session->device, &error) != TW_OK)
        return cli_error(&error, NULL);
    return CLI_DONE;
}

static int run(const cli_args *args)
{
    cli_session session = {.context = NULL};
    if (args->forget && args->operand)
        return cli_fail(CLI_USAGE, "--forget is for all models of a device: leave %s out",
                        args->operand);
    if (!args->forget && !args->operand)
        return cli_fail(CLI_USAGE, "tune needs a model: thalweg tune MODEL.tw; or --forget");
    int code = args->forget ? cli_open_context(&session) : cli_open_model(args, &session);
    if (code == CLI_DONE)
        code = args->forget ? forget(args, &session) : tune(args, &session);
    cli_close(&session);
    return code;
}

static const cli_option options[] = {
    {"--batch", CLI_COUNT, offsetof(cli_args, batch), "N", "samples a step (default 32)"},
    {"--seconds", CLI_NUMBER, offsetof(cli_args, seconds), "S",
     "no stage is begun after this (default 120)"},
    {"--candidates", CLI_FLAG, offsetof(cli_args, candidates), NULL,
     "prints every candidate's time"},
    {"--forget", CLI_FLAG, offsetof(cli_args, forget), NULL,
     "removes what was measured on the device, for all models"},
    CLI_OPTION_SIZES,
    CLI_OPTION_DEVICE,
    CLI_OPTION_KERNELS,
    CLI_OPTION_JSON,
    CLI_OPTION_END};
const cli_command cli_tune = {
    "tune",
    "[MODEL.tw]",
    "Measures the kernels that could serve a model",
    "Every stage of training and inference (the node prediction) is measured with each kernel "
    "that\n"
    "could compute it, proven first. The fastest are remembered for this device and driver, and\n"
    "serve all commands with stages of the same sizes and batch; with THALWEG_TUNED=no they do "
    "not.\n"
    "Nothing else should run meanwhile. The costliest stages come first, those measured earlier "
    "last.",
    options,
    run};
