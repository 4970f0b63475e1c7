// SPDX-License-Identifier: Apache-2.0
// Names and texts of statuses, and how an error's sentence is filled in.
#include "base/text.h"
#include <stdio.h>

const char *tw_status_name(tw_status status)
{
    switch (status) {
#define TW_CASE(name, value, text)                                                                 \
    case name:                                                                                     \
        return #name;
        TW_STATUS_LIST(TW_CASE)
#undef TW_CASE
    }
    return "TW_STATUS_UNKNOWN";
}

const char *tw_status_text(tw_status status)
{
    switch (status) {
#define TW_CASE(name, value, text)                                                                 \
    case name:                                                                                     \
        return text;
        TW_STATUS_LIST(TW_CASE)
#undef TW_CASE
    }
    return "unknown status";
}

/* Cuts an UTF-8 character that the end of the buffer has split. */
static void cut_split_character(char *text)
{
    size_t length = strlen(text), start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    const unsigned char lead = (unsigned char)text[start - 1];
    const size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (length - (start - 1) < want)
        text[start - 1] = '\0';
}

static tw_status fill(tw_error *error, tw_status code, int line, int column, const char *format,
                      va_list args)
{
    if (!error)
        return code;
    /* Written beside first: the arguments may point into error->text, which is being wrapped. */
    char text[sizeof error->text];
    const int length = tw_vformat(text, sizeof text, format, args);
    if (length < 0)
        snprintf(text, sizeof text, "%s", tw_status_text(code));
    else if ((size_t)length >= sizeof text)
        cut_split_character(text);
    memcpy(error->text, text, strlen(text) + 1);
    error->code = code;
    error->line = line;
    error->column = column;
    return code;
}

tw_status tw_fail_v(tw_error *error, tw_status code, const char *format, va_list args)
{
    return fill(error, code, 0, 0, format, args);
}

tw_status tw_fail(tw_error *error, tw_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(error, code, 0, 0, format, args);
    va_end(args);
    return code;
}

tw_status tw_fail_at(tw_error *error, tw_status code, int line, int column, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fill(error, code, line, column, format, args);
    va_end(args);
    return code;
}

tw_status tw_fail_memory(tw_error *error)
{
    return tw_fail(error, TW_ERROR_MEMORY,
                   "out of host memory: close other programs, or make the model, "
                   "the batch or the data set smaller");
}
