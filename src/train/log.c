// SPDX-License-Identifier: Apache-2.0
// log.jsonl and classes.txt in the folder of a run.
#include <math.h>

#include "train/trainer.h"

/* The epoch that a line of the log tells of; -1 if it tells of none (a half-written line). */
static int64_t epoch_of(const char *line, size_t length)
{
    static const char start[] = "{\"epoch\": ";
    if (length < sizeof start || memcmp(line, start, sizeof start - 1) != 0 ||
        line[length - 1] != '}')
        return -1;
    size_t digits = 0;
    const char *number = line + sizeof start - 1;
    while (number[digits] >= '0' && number[digits] <= '9')
        digits++;
    int64_t epoch = -1;
    return tw_parse_int(number, digits, &epoch) ? epoch : -1;
}

tw_status tw_log_read(tw_context *context, const char *folder, int64_t epoch, tw_text *text,
                      tw_error *error)
{
    tw_text path;
    TW_TRY(tw_path(context, folder, "log.jsonl", &path, error));
    char *data = NULL;
    size_t length = 0;
    const tw_status status = tw_read_file(context, path.data, 0, &data, &length, NULL);
    tw_text_clear(&path);
    if (status == TW_ERROR_MEMORY)
        return tw_fail_memory(error);
    if (status != TW_OK)
        return TW_OK; /* no log yet */
    for (const char *line = data, *end = data + length; line < end;) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        const size_t bytes = (size_t)((stop ? stop : end) - line);
        const int64_t at = epoch_of(line, bytes);
        if (at >= 1 && at <= epoch) {
            tw_text_append(text, line, bytes);
            tw_text_puts(text, "\n");
        }
        line += bytes + 1;
    }
    tw_free(context, data);
    return text->failed ? tw_fail_memory(error) : TW_OK;
}

static void number(tw_text *text, double value)
{
    if (isfinite(value))
        tw_text_double(text, value);
    else
        tw_text_puts(text, "null"); /* JSON has no NaN */
}

static void values(const tw_trainer *trainer, const char *prefix, const double *value,
                   tw_text *text)
{
    for (int i = 0; value && i < trainer->n_values; i++) {
        tw_text_printf(text, ", \"%s%s\": ", prefix, trainer->value[i].name);
        number(text, value[i]);
    }
}

void tw_log_line(const tw_trainer *trainer, int64_t epoch, double seconds, const double *train,
                 const double *test, tw_text *text)
{
    tw_text_printf(text, "{\"epoch\": %lld, \"seconds\": ", (long long)epoch);
    number(text, floor(seconds * 1000) / 1000);
    values(trainer, "train_", train, text);
    values(trainer, "test_", test, text);
    tw_text_puts(text, "}\n");
}

tw_status tw_log_write(tw_context *context, const char *folder, const tw_text *text,
                       tw_error *error)
{
    if (text->failed)
        return tw_fail_memory(error);
    tw_text path;
    TW_TRY(tw_path(context, folder, "log.jsonl", &path, error));
    const tw_status status =
        tw_write_file(context, path.data, text->data ? text->data : "", text->length, error);
    tw_text_clear(&path);
    return status;
}
