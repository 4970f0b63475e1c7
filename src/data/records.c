// SPDX-License-Identifier: Apache-2.0
// The reader of CSV records. It takes the file a piece at a time: only one record is in memory.
#include "data/records.h"

#define END (-1)

tw_status tw_records_open(tw_records *records, tw_context *context, const char *path,
                          tw_error *error)
{
    memset(records, 0, offsetof(tw_records, buffer));
    records->context = context;
    records->next_line = 1;
    return tw_stream_open(context, path, &records->stream, error);
}

void tw_records_close(tw_records *records)
{
    tw_stream_close(&records->stream);
    tw_free(records->context, records->fields);
    tw_free(records->context, records->text);
    records->fields = NULL;
    records->text = NULL;
}

/* The next byte without taking it; END also on failure, which status tells. */
static int peek(tw_records *r, tw_error *error)
{
    if (r->at == r->length && r->status == TW_OK) {
        r->at = r->length = 0;
        r->status = tw_stream_read(r->stream, r->buffer, sizeof r->buffer, &r->length, error);
        if (r->status == TW_OK && memchr(r->buffer, 0, r->length))
            r->status = tw_fail(error, TW_ERROR_FORMAT,
                                "'%s' holds bytes of value 0: it is no text, or text in UTF-16; "
                                "save it as UTF-8",
                                tw_stream_path(r->stream));
        if (r->status != TW_OK)
            r->length = 0;
    }
    return r->at < r->length ? r->buffer[r->at] : END;
}

static bool put(tw_records *r, char letter)
{
    if (r->used == r->room) {
        const size_t room = r->room ? 2 * r->room : 1024;
        char *grown = tw_resize(r->context, r->text, room);
        if (!grown)
            return false;
        r->text = grown;
        r->room = room;
    }
    r->text[r->used++] = letter;
    return true;
}

static tw_status take_quoted(tw_records *r, tw_error *error)
{
    const int64_t begin = r->next_line;
    r->at++;
    for (;;) {
        const int c = peek(r, error);
        if (c == END)
            return r->status != TW_OK ? r->status
                                      : tw_fail(error, TW_ERROR_FORMAT,
                                                "'%s': the quote that opens on line %lld is never "
                                                "closed",
                                                tw_stream_path(r->stream), (long long)begin);
        r->at++;
        if (c == '"' && peek(r, error) != '"')
            break;
        r->at += c == '"'; /* a doubled quote is one */
        r->next_line += c == '\n';
        if (!put(r, (char)c))
            return tw_fail_memory(error);
    }
    const int c = peek(r, error);
    if (c != END && c != ',' && c != '\n' && c != '\r')
        return tw_fail(error, TW_ERROR_FORMAT,
                       "'%s', line %lld: text follows a closing quote; a quote within a field is "
                       "written twice",
                       tw_stream_path(r->stream), (long long)r->next_line);
    return TW_OK;
}

static tw_status take_plain(tw_records *r, tw_error *error)
{
    int c;
    while ((c = peek(r, error)) != END && c != ',' && c != '\n' && c != '\r') {
        if (!put(r, (char)c))
            return tw_fail_memory(error);
        r->at++;
    }
    return TW_OK;
}

static tw_status take_field(tw_records *r, tw_error *error)
{
    if (!tw_grow(r->context, &r->fields, &r->capacity, r->n_fields, sizeof *r->fields))
        return tw_fail_memory(error);
    tw_field *field = &r->fields[r->n_fields];
    *field = (tw_field){.begin = r->used, .quoted = peek(r, error) == '"'};
    TW_TRY(field->quoted ? take_quoted(r, error) : take_plain(r, error));
    field->length = r->used - field->begin;
    r->n_fields++;
    return put(r, '\0') ? TW_OK : tw_fail_memory(error);
}

static tw_status take_record(tw_records *r, tw_error *error)
{
    r->n_fields = 0;
    r->used = 0;
    r->line = r->next_line;
    int c;
    do {
        TW_TRY(take_field(r, error));
        c = peek(r, error);
        r->at += c != END;
    } while (c == ',');
    r->next_line++;
    if (c == '\r' && peek(r, error) == '\n')
        r->at++;
    return r->status;
}

static bool is_blank(const tw_records *r)
{
    return r->n_fields == 1 && !r->fields[0].quoted && r->fields[0].length == 0;
}

tw_status tw_records_next(tw_records *records, tw_error *error)
{
    static const unsigned char mark[3] = {0xef, 0xbb, 0xbf}; /* UTF-8's byte order mark */
    const int first = peek(records, error);
    if (records->next_line == 1 && first == mark[0] && records->length >= sizeof mark &&
        memcmp(records->buffer, mark, sizeof mark) == 0 && records->at == 0)
        records->at = sizeof mark;
    do {
        records->end = peek(records, error) == END;
        TW_TRY(records->status);
        if (records->end)
            return TW_OK;
        TW_TRY(take_record(records, error));
    } while (is_blank(records));
    return TW_OK;
}
