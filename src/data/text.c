// SPDX-License-Identifier: Apache-2.0
// Text as windows of characters. A character is a code point of UTF-8; its number is its place in
// the vocabulary. The text lies in memory once: windows are overlapping samples of it.
#include "data/classes.h"
#include "data/loaders.h"
#include "data/stream.h"
#include "data/utf8.h"

#include "base/text.h"

#include <stdio.h>

#define PIECE 65536 /* bytes read at once */

typedef struct text_data {
    tw_table *table;
    const tw_graph *graph;
    tw_error *error;
    const char *path;
    const char *vocabulary; /* file of it, NULL: none named */
    int64_t length, step;
    bool drop; /* leave characters out that the vocabulary lacks */
    tw_spec_part part;
    unsigned char *bytes; /* the whole file */
    size_t size;
    int32_t *number; /* of each code point in the vocabulary, from 1; 0: not in it */
    int32_t *tokens;
    int64_t count; /* of tokens */
} text_data;

/* ---- the SPEC ---- */

/* The length of windows: by length=, else as the model's first input has it, or its letter. */
static tw_status find_length(text_data *t, const char *value)
{
    const tw_node *input = tw_graph_input(t->graph, 0);
    if (value)
        return tw_spec_number("length", value, 1, &t->length, t->error);
    t->length = input->shape.rank >= 2 ? tw_table_size(t->table, input->shape.dim[1]) : -1;
    if (t->length >= 1)
        return TW_OK;
    return tw_fail(t->error, TW_ERROR_SYNTAX,
                   "text needs the length of its windows: text:FILE,length=T, or give the size of "
                   "input \"%s\" by --sizes",
                   input->name);
}

static tw_status take_options(text_data *t, const char *rest)
{
    static const char *const names[] = {"length", "step", "vocabulary", "unknown", "part", "split"},
                             *const words[] = {"error", "drop"};
    const char *values[TW_COUNT(names)];
    int unknown = 0;
    TW_TRY(tw_spec_options(t->table, rest, TW_COUNT(names), names, &t->path, values, t->error));
    TW_TRY(find_length(t, values[0]));
    t->step = t->length;
    if (values[1])
        TW_TRY(tw_spec_number("step", values[1], 1, &t->step, t->error));
    t->vocabulary = values[2];
    TW_TRY(tw_spec_choice("unknown", values[3], 2, words, &unknown, t->error));
    t->drop = unknown == 1;
    return tw_spec_take_part(values[4], values[5], &t->part, t->error);
}

/* ---- characters ---- */

static int64_t line_of(const text_data *t, size_t at)
{
    int64_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += t->bytes[i] == '\n';
    return line;
}

static tw_status fail_encoding(const text_data *t, size_t at)
{
    if (t->bytes[at] == 0)
        return tw_fail(t->error, TW_ERROR_FORMAT,
                       "'%s' holds bytes of value 0: it is no text, or text in UTF-16; save it as "
                       "UTF-8",
                       t->path);
    return tw_fail(
        t->error, TW_ERROR_FORMAT,
        "'%s', line %lld, is no text in UTF-8 (byte %02X): convert the file, for example "
        "by iconv -f latin1 -t utf-8",
        t->path, (long long)line_of(t, at), t->bytes[at]);
}

static tw_status fail_unknown(const text_data *t, size_t at, int32_t code)
{
    char shown[5] = "";
    if (code >= 32 && code != 127)
        tw_utf8_print(code, shown);
    return tw_fail(t->error, TW_ERROR_DATA,
                   "'%s', line %lld, holds the character %s%s%sU+%04X, which is not in the "
                   "vocabulary of %d characters; unknown=drop leaves such characters out",
                   t->path, (long long)line_of(t, at), shown[0] ? "\"" : "", shown,
                   shown[0] ? "\" " : "", (unsigned)code, t->table->preparation.n_classes);
}

/* ---- the file ---- */

static tw_status read_bytes(text_data *t)
{
    tw_stream *stream = NULL;
    tw_context *context = t->table->context;
    size_t room = 0, got = 0;
    TW_TRY(tw_stream_open(context, t->path, &stream, t->error));
    tw_status status = TW_OK;
    do {
        if (room - t->size < PIECE) {
            room = room ? 2 * room : 4 * PIECE;
            unsigned char *grown = tw_resize(context, t->bytes, room);
            if (!grown) {
                status = tw_fail_memory(t->error);
                break;
            }
            t->bytes = grown;
        }
        status = tw_stream_read(stream, t->bytes + t->size, room - t->size, &got, t->error);
        t->size += status == TW_OK ? got : 0;
        if (t->size > INT32_MAX)
            status = tw_fail(t->error, TW_ERROR_UNSUPPORTED,
                             "'%s' holds more than 2 GB of text: take a part of it", t->path);
    } while (status == TW_OK && got > 0);
    tw_stream_close(&stream);
    return status;
}

/* Marks the characters that the text uses and counts them. A byte order mark is none of them. */
static tw_status mark_codes(text_data *t)
{
    static const unsigned char mark[3] = {0xef, 0xbb, 0xbf};
    if (t->size >= sizeof mark && memcmp(t->bytes, mark, sizeof mark) == 0) {
        t->size -= sizeof mark;
        memmove(t->bytes, t->bytes + sizeof mark, t->size);
    }
    for (size_t at = 0; at < t->size; t->count++) {
        const size_t begin = at;
        const int32_t code = tw_utf8_next(t->bytes, t->size, &at);
        if (code <= 0)
            return fail_encoding(t, begin);
        t->number[code] = 1;
    }
    if (t->count == 0)
        return tw_fail(t->error, TW_ERROR_FORMAT, "'%s' is empty", t->path);
    return TW_OK;
}

/* The vocabulary of the text: its characters by rising code. */
static tw_status own_vocabulary(text_data *t)
{
    tw_preparation *p = &t->table->preparation;
    int count = 0;
    for (int32_t code = 0; code < TW_CODES; code++)
        count += t->number[code] != 0;
    p->classes = tw_arena_alloc(&t->table->arena, (size_t)count * sizeof *p->classes);
    if (!p->classes)
        return tw_fail_memory(t->error);
    for (int32_t code = 0; code < TW_CODES; code++) {
        char text[5];
        if (!t->number[code])
            continue;
        tw_utf8_print(code, text);
        p->classes[p->n_classes] = tw_arena_text(&t->table->arena, text, strlen(text));
        if (!p->classes[p->n_classes])
            return tw_fail_memory(t->error);
        t->number[code] = ++p->n_classes;
    }
    return TW_OK;
}

/* A vocabulary made elsewhere; source: for sentences. */
static tw_status take_vocabulary(text_data *t, int count, const char *const *classes,
                                 const char *source)
{
    tw_preparation *p = &t->table->preparation;
    p->classes = tw_arena_alloc(&t->table->arena, (size_t)count * sizeof *p->classes + 1);
    if (!p->classes)
        return tw_fail_memory(t->error);
    memset(t->number, 0, TW_CODES * sizeof *t->number);
    for (int i = 0; i < count; i++) {
        const size_t size = strlen(classes[i]);
        size_t at = 0;
        const int32_t code = tw_utf8_next((const unsigned char *)classes[i], size, &at);
        if (code < 0 || at != size)
            return tw_fail(t->error, TW_ERROR_FORMAT,
                           "%s is no vocabulary: \"%.40s\" on line %d is not one character", source,
                           classes[i], i + 1);
        p->classes[i] = tw_arena_text(&t->table->arena, classes[i], size);
        if (!p->classes[i])
            return tw_fail_memory(t->error);
        t->number[code] = i + 1;
    }
    p->n_classes = count;
    return TW_OK;
}

static tw_status find_vocabulary(text_data *t)
{
    const tw_preparation *given = t->table->given;
    if (!t->vocabulary)
        return given && given->n_classes ? take_vocabulary(t, given->n_classes, given->classes,
                                                           "classes.txt of the training")
                                         : own_vocabulary(t);
    tw_classes classes = {.context = t->table->context, .arena = &t->table->arena};
    tw_status status = tw_classes_read(&classes, t->vocabulary, t->error);
    if (status == TW_OK)
        status = take_vocabulary(t, classes.count, classes.names, t->vocabulary);
    tw_classes_free(&classes);
    return status;
}

static tw_status make_tokens(text_data *t)
{
    t->tokens = tw_alloc(t->table->context, (size_t)t->count * sizeof *t->tokens);
    if (!t->tokens)
        return tw_fail_memory(t->error);
    t->count = 0;
    for (size_t at = 0; at < t->size;) {
        const size_t begin = at;
        const int32_t code = tw_utf8_next(t->bytes, t->size, &at);
        if (t->number[code])
            t->tokens[t->count++] = t->number[code] - 1;
        else if (!t->drop)
            return fail_unknown(t, begin, code);
    }
    return TW_OK;
}

/* ---- columns ---- */

/* Column 0: windows of tokens. Column 1: the tokens that follow each of them, or, for an input
 * i32[n], the one that follows the window. */
static tw_status add_columns(text_data *t)
{
    tw_table *table = t->table;
    const bool next = table->n_inputs > 1 && table->needed[1];
    const int64_t windows =
        t->count < t->length + next ? 0 : (t->count - t->length - next) / t->step + 1;
    if (windows == 0)
        return tw_fail(t->error, TW_ERROR_DATA,
                       "'%s'%s has %lld characters, a window of length=%lld needs %lld", t->path,
                       !t->part.given ? ""
                       : t->part.test ? " (part=test)"
                                      : " (part=train)",
                       (long long)t->count, (long long)t->length, (long long)t->length + next);
    const char *name = tw_arena_printf(&table->arena, "'%s'", t->path);
    const char *next_name = tw_arena_printf(&table->arena, "next characters of '%s'", t->path);
    if (!name || !next_name)
        return tw_fail_memory(t->error);
    const int64_t dim[2] = {windows, t->length};
    int32_t *tokens = t->tokens;
    tw_column *column;
    t->tokens = NULL;
    TW_TRY(tw_table_adopt(table, name, TW_CELL_I32, 2, dim, tokens, &column, t->error));
    column->stride = t->step;
    column->classed = true;
    if (!next)
        return TW_OK;
    const bool last = tw_graph_input(t->graph, 1)->shape.rank == 1;
    TW_TRY(tw_table_view(table, next_name, last ? t->length : 1, last ? 1 : 2, dim, &column,
                         t->error));
    column->classed = true;
    return TW_OK;
}

static tw_status load(text_data *t, const char *rest)
{
    TW_TRY(take_options(t, rest));
    t->number = tw_calloc(t->table->context, TW_CODES, sizeof *t->number);
    if (!t->number)
        return tw_fail_memory(t->error);
    TW_TRY(read_bytes(t));
    TW_TRY(mark_codes(t));
    TW_TRY(find_vocabulary(t));
    TW_TRY(make_tokens(t));
    int64_t begin, end;
    tw_spec_rows(&t->part, t->count, &begin, &end);
    t->count = end - begin;
    if (begin > 0)
        memmove(t->tokens, t->tokens + begin, (size_t)t->count * sizeof *t->tokens);
    return add_columns(t);
}

tw_status tw_load_text(tw_table *table, const tw_graph *graph, const char *rest, tw_error *error)
{
    text_data t = {.table = table, .graph = graph, .error = error};
    table->hint = "text has characters and the next ones";
    const tw_status status = load(&t, rest);
    tw_free(table->context, t.bytes);
    tw_free(table->context, t.number);
    tw_free(table->context, t.tokens);
    return status;
}
