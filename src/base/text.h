// SPDX-License-Identifier: Apache-2.0
// Text: a growing buffer, numbers that ignore the locale, names by likeness, files read and written
// whole.
#ifndef TW_BASE_TEXT_H
#define TW_BASE_TEXT_H

#include "base/base.h"

/* A growing 0-terminated text. Sticky: once memory is out, failed is set and appends do nothing. */
typedef struct tw_text {
    tw_context *context;
    char *data; /* NULL while empty */
    size_t length, capacity;
    bool failed;
} tw_text;
void tw_text_append(tw_text *text, const char *data, size_t length);
void tw_text_puts(tw_text *text, const char *data);
void tw_text_printf(tw_text *text, const char *format, ...) TW_PRINTF(2, 3);
void tw_text_double(tw_text *text,
                    double value); /* shortest form that parses back ("0.001", "1e-07", "3") */
void tw_text_json(tw_text *text, const char *data); /* with quotes and escapes */
char *tw_text_take(tw_text *text); /* the data, now the caller's (tw_free); NULL if failed */
void tw_text_clear(tw_text *text); /* frees */

/* vsnprintf in the C locale: "%g" has a point whatever the program's locale. All that formats in
 * base goes through it (tw_text_printf, tw_arena_printf, tw_fail, tw_log). */
int tw_vformat(char *buffer, size_t size, const char *format, va_list args) TW_PRINTF(3, 0);

/* Whole texts as numbers, in the C locale whatever the program's locale is. False: not a number, or
 * out of range, or longer than 1000 letters. "inf", "-inf" and "nan" (any case) are numbers;
 * hexadecimal ones are not. */
bool tw_parse_double(const char *text, size_t length, double *value);
bool tw_parse_int(const char *text, size_t length, int64_t *value);

/* Index of the candidate nearest to word (edit distance), -1 if none is near enough to be meant. */
int tw_nearest(const char *word, const char *const *candidates, int count);
/* Does text match a pattern of letters, * (any run) and ? (any one), alternatives parted by '|'? */
bool tw_match(const char *pattern, const char *text);

/* Reads a whole file, 0-terminated beyond its length. limit: refuse larger files (0: none). Errors:
 * FILE, MEMORY. */
tw_status tw_read_file(tw_context *context, const char *path, size_t limit, char **data,
                       size_t *length, tw_error *error);
/* Writes beside and renames: readers see the old file or the new one, never half. Syncs, and
 * reports a full disk. A device or pipe (/dev/stdout) is written to, not replaced. Errors: FILE,
 * MEMORY. */
tw_status tw_write_file(tw_context *context, const char *path, const void *data, size_t length,
                        tw_error *error);
/* The same for a file that lies in several pieces in memory: written one after another. */
typedef struct tw_part {
    const void *data;
    size_t length;
} tw_part;
tw_status tw_write_parts(tw_context *context, const char *path, int count, const tw_part *parts,
                         tw_error *error);
/* Removes what writers of that path left beside it when they were killed. Silent. */
void tw_remove_leftovers(tw_context *context, const char *path);
/* "FOLDER/NAME" in *path, a text that the caller clears; it is empty on failure. Errors: MEMORY. */
tw_status tw_path(tw_context *context, const char *folder, const char *name, tw_text *path,
                  tw_error *error);
/* TW_ERROR_FILE, "cannot <what> '<path>': " and what the errno `code` means. */
tw_status tw_fail_file(tw_error *error, const char *what, const char *path, int code);
/* Makes a folder and its parents; an existing one is fine. Errors: FILE. */
tw_status tw_make_folder(tw_context *context, const char *path, tw_error *error);

#endif
