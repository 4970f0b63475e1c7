// SPDX-License-Identifier: Apache-2.0
// The progress bar and its plain relatives.
#include "progress.h"

#include <string.h>
#include <unistd.h>

#define BAR 24

void cli_progress_start(cli_progress *p, const tw_trainer *trainer, bool json)
{
    *p = (cli_progress){
        .trainer = trainer, .json = json, .terminal = !json && isatty(STDOUT_FILENO)};
}

static void print_values(const cli_progress *p, const char *prefix, const double *values)
{
    for (int i = 0; values && i < tw_trainer_value_count(p->trainer); i++)
        printf("  %s%s %.4f", prefix, tw_trainer_value_name(p->trainer, i), values[i]);
}

static void print_duration(double seconds)
{
    const long whole = seconds > 0 && seconds < 1e8 ? (long)(seconds + 0.5) : 0;
    if (whole >= 3600)
        printf("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        printf("%ld:%02ld", whole / 60, whole % 60);
}

/* Samples a second since the first report of the epoch; 0 while that is not known. */
static double rate_of(const cli_progress *p, const tw_progress *now)
{
    const double seconds = now->seconds - p->first_seconds;
    return seconds > 0 ? (double)(now->samples - p->first_samples) / seconds : 0;
}

static void print_bar(cli_progress *p, const tw_progress *now)
{
    const int filled = now->steps > 0 ? (int)(BAR * now->step / now->steps) : 0;
    const double rate = rate_of(p, now);
    printf("\r");
    if (p->folds > 0)
        printf("fold %lld/%lld  ", (long long)p->fold, (long long)p->folds);
    printf("epoch %lld/%lld [", (long long)now->epoch, (long long)now->epochs);
    for (int i = 0; i < BAR; i++)
        putchar(i < filled ? '=' : i == filled ? '>' : ' ');
    printf("] %lld/%lld", (long long)now->step, (long long)now->steps);
    if (rate > 0) {
        printf("  %.0f samples/s  ", rate);
        const double steps = (double)(now->step - p->first_step);
        if (steps > 0)
            print_duration((double)(now->steps - now->step) * (now->seconds - p->first_seconds) /
                           steps);
        printf(" left");
    }
    print_values(p, "", now->values);
    printf("\033[K"); /* clears the rest of the line */
    fflush(stdout);
    p->bar_shown = true;
}

static void print_epoch(const cli_progress *p, const tw_progress *now)
{
    printf("epoch %lld/%lld  %.1f s  %.0f samples/s", (long long)now->epoch, (long long)now->epochs,
           now->seconds, now->seconds > 0 ? (double)now->samples / now->seconds : 0);
    print_values(p, "", now->values);
    print_values(p, "test_", now->test_values);
    printf("\n");
}

static void json_values(const cli_progress *p, const char *prefix, const double *values)
{
    for (int i = 0; values && i < tw_trainer_value_count(p->trainer); i++) {
        char name[300];
        (void)snprintf(name, sizeof name, "%s%s", prefix, tw_trainer_value_name(p->trainer, i));
        printf(", ");
        cli_json_text(stdout, name);
        printf(": ");
        cli_json_number(stdout, values[i]);
    }
}

static void json_epoch(const cli_progress *p, const tw_progress *now)
{
    printf("{\"epoch\": %lld, \"epochs\": %lld, \"steps\": %lld, \"seconds\": %.3f",
           (long long)now->epoch, (long long)now->epochs, (long long)now->step, now->seconds);
    json_values(p, "train_", now->values);
    json_values(p, "test_", now->test_values);
    printf("}\n");
}

static void keep_values(const cli_progress *p, const tw_progress *now)
{
    const size_t bytes = (size_t)tw_trainer_value_count(p->trainer) * sizeof *now->values;
    if (p->any_epoch && p->keep_best && !(now->test_values[0] < p->test_values[0]))
        return;
    memcpy(p->values, now->values, bytes);
    memcpy(p->test_values, now->test_values, bytes);
}

bool cli_progress_report(void *user, const tw_progress *now)
{
    cli_progress *p = user;
    if (now->epoch_done) {
        cli_progress_end(p);
        if (p->folds > 0)
            keep_values(p, now);
        else if (p->json)
            json_epoch(p, now);
        else
            print_epoch(p, now);
        fflush(stdout);
        p->any_epoch = true;
        p->first_step = 0;
    } else if (p->terminal) {
        if (p->first_step == 0) {
            p->first_step = now->step;
            p->first_samples = now->samples;
            p->first_seconds = now->seconds;
        }
        print_bar(p, now);
    }
    return true;
}

void cli_progress_end(cli_progress *p)
{
    if (p->bar_shown)
        printf("\r\033[K");
    p->bar_shown = false;
    fflush(stdout);
}
