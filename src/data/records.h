// SPDX-License-Identifier: Apache-2.0
// Records of a CSV file, one after another: RFC 4180, with any line ends.
#ifndef TW_DATA_RECORDS_H
#define TW_DATA_RECORDS_H

#include "data/stream.h"

typedef struct tw_field {
    size_t begin; /* in text */
    size_t length;
    bool quoted;
} tw_field;

typedef struct tw_records {
    tw_context *context;
    tw_stream *stream;
    /* The record that was read last. */
    int n_fields;
    tw_field *fields;
    char *text;   /* all fields, each 0-terminated */
    int64_t line; /* that it begins on, from 1 */
    bool end;     /* there was none left */
    /* Private. */
    int capacity;
    size_t used, room;
    int64_t next_line;
    size_t at, length;
    tw_status status; /* of the stream, while a record is read */
    unsigned char buffer[1 << 15];
} tw_records;

/* Errors: FILE, FORMAT (gzip), MEMORY. Close it also after a failure. */
tw_status tw_records_open(tw_records *records, tw_context *context, const char *path,
                          tw_error *error);
void tw_records_close(tw_records *records);
/* Reads the next record that is no blank line; end is set after the last. Errors: FORMAT (quotes),
 * FILE, MEMORY. */
tw_status tw_records_next(tw_records *records, tw_error *error);
static inline const char *tw_records_field(const tw_records *records, int index)
{
    return records->text + records->fields[index].begin;
}

#endif
