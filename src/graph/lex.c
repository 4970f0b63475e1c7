// SPDX-License-Identifier: Apache-2.0
// Cuts model text into statements: names, an operator's word, arguments, attribute=value pairs.
// Knows no operator.
#include "graph/internal.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Printable ASCII: all that may stand outside comments. */
static bool is_plain(char c)
{
    return c > ' ' && c <= '~';
}

tw_status tw_fail_span(tw_error *error, tw_status code, tw_span span, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    tw_fail_v(error, code, format, args);
    va_end(args);
    error->column = span.column;
    return code;
}

bool tw_span_is(tw_span span, const char *word)
{
    return span.length == strlen(word) && memcmp(span.at, word, span.length) == 0;
}

void tw_lex_start(tw_lexer *lexer, const char *text, size_t length, int line)
{
    *lexer = (tw_lexer){text, text + length, text, line};
}

int tw_lex_column(const tw_lexer *lexer)
{
    return (int)(lexer->at - lexer->line_start) + 1;
}

static void skip_blanks(tw_lexer *lexer)
{
    while (lexer->at < lexer->end &&
           (*lexer->at == ' ' || *lexer->at == '\t' || *lexer->at == '\r'))
        lexer->at++;
}

bool tw_lex_line_end(tw_lexer *lexer)
{
    skip_blanks(lexer);
    return lexer->at == lexer->end || *lexer->at == '\n' || *lexer->at == '#';
}

void tw_lex_next_line(tw_lexer *lexer)
{
    while (lexer->at < lexer->end && *lexer->at != '\n')
        lexer->at++;
    if (lexer->at < lexer->end) {
        lexer->at++;
        lexer->line++;
    }
    lexer->line_start = lexer->at;
}

bool tw_lex_take(tw_lexer *lexer, char symbol)
{
    skip_blanks(lexer);
    if (lexer->at == lexer->end || *lexer->at != symbol)
        return false;
    lexer->at++;
    return true;
}

/* The piece that stands where something else was expected. */
static tw_status unexpected(tw_lexer *lexer, const char *what, tw_error *error)
{
    const bool ended = tw_lex_line_end(lexer);
    tw_span span = {lexer->at, 0, tw_lex_column(lexer)};
    if (ended)
        return tw_fail_span(error, TW_ERROR_SYNTAX, span, "expected %s, found the end of the line",
                            what);
    while (span.at + span.length < lexer->end && is_plain(span.at[span.length]))
        span.length++;
    if (span.length == 0)
        return tw_fail_span(error, TW_ERROR_SYNTAX, span,
                            "expected %s, found the byte 0x%02x: a model is plain text", what,
                            (unsigned char)*span.at);
    return tw_fail_span(error, TW_ERROR_SYNTAX, span, "expected %s, found \"%.*s\"", what,
                        TW_SPAN(span));
}

tw_status tw_lex_line_done(tw_lexer *lexer, tw_error *error)
{
    return tw_lex_line_end(lexer) ? TW_OK : unexpected(lexer, "the end of the line", error);
}

tw_status tw_lex_text_done(tw_lexer *lexer, tw_error *error)
{
    skip_blanks(lexer);
    while (lexer->at < lexer->end && *lexer->at == '\n') {
        lexer->at++;
        skip_blanks(lexer);
    }
    return lexer->at == lexer->end ? TW_OK : unexpected(lexer, "the end of the text", error);
}

tw_status tw_lex_name(tw_lexer *lexer, const char *what, tw_span *span, tw_error *error)
{
    skip_blanks(lexer);
    const char *at = lexer->at;
    if (at == lexer->end || !is_letter(*at))
        return unexpected(lexer, what, error);
    while (at < lexer->end &&
           (is_letter(*at) || is_digit(*at) ||
            (*at == '.' && at + 1 < lexer->end && (is_letter(at[1]) || is_digit(at[1])))))
        at++;
    *span = (tw_span){lexer->at, (size_t)(at - lexer->at), tw_lex_column(lexer)};
    if (span->length > TW_MAX_NAME)
        return tw_fail_span(error, TW_ERROR_SYNTAX, *span,
                            "the name \"%.*s...\" has %zu characters, more than %d", TW_SPAN(*span),
                            span->length, TW_MAX_NAME);
    lexer->at = at;
    return TW_OK;
}

static tw_status quoted_value(tw_lexer *lexer, tw_span *span, tw_error *error)
{
    const int column = tw_lex_column(lexer);
    const char *start = ++lexer->at;
    const char *at = start;
    while (at < lexer->end && *at != '"' && (is_plain(*at) || *at == ' '))
        at += *at == '\\' && at + 1 < lexer->end && is_plain(at[1]) ? 2 : 1;
    *span = (tw_span){start, (size_t)(at - start), column};
    if (at == lexer->end || *at == '\n' || *at == '\r')
        return tw_fail_span(error, TW_ERROR_SYNTAX, *span, "the quote \"%.*s is not closed",
                            TW_SPAN(*span));
    lexer->at = at;
    if (*at != '"')
        return unexpected(lexer, "a quoted text of plain characters", error);
    lexer->at++;
    return TW_OK;
}

tw_status tw_lex_value(tw_lexer *lexer, tw_span *span, bool *quoted, tw_error *error)
{
    skip_blanks(lexer);
    *quoted = lexer->at < lexer->end && *lexer->at == '"';
    if (*quoted)
        return quoted_value(lexer, span, error);
    const char *at = lexer->at;
    while (at < lexer->end && is_plain(*at) && *at != '#' && *at != '"')
        at++;
    *span = (tw_span){lexer->at, (size_t)(at - lexer->at), tw_lex_column(lexer)};
    if (span->length == 0)
        return unexpected(lexer, "a value", error);
    lexer->at = at;
    return TW_OK;
}

/* "f32[n,28,28,1]" after its word: extends the span to the closing bracket. */
static tw_status bracket(tw_lexer *lexer, tw_span *span, tw_error *error)
{
    const char *at = lexer->at;
    while (at < lexer->end && *at != ']' && (is_plain(*at) || *at == ' '))
        at++;
    if (at == lexer->end || *at != ']')
        return tw_fail_span(error, TW_ERROR_SYNTAX, *span, "the bracket of %.*s[ is not closed",
                            TW_SPAN(*span));
    lexer->at = at + 1;
    span->length = (size_t)(lexer->at - span->at);
    return TW_OK;
}

tw_status tw_lex_pairs(tw_lexer *lexer, tw_statement *s, tw_error *error)
{
    while (!tw_lex_line_end(lexer)) {
        tw_span key;
        TW_TRY(tw_lex_name(lexer, "attribute=value", &key, error));
        if (s->n_pairs == TW_MAX_PAIRS)
            return tw_fail_span(error, TW_ERROR_SYNTAX, key,
                                "more than %d attributes stand in one statement", TW_MAX_PAIRS);
        tw_pair *pair = &s->pair[s->n_pairs++];
        *pair = (tw_pair){.key = key};
        if (lexer->at < lexer->end && *lexer->at == '[') {
            pair->value = key;
            pair->key.length = 0;
            TW_TRY(bracket(lexer, &pair->value, error));
        } else if (tw_lex_take(lexer, '=')) {
            TW_TRY(tw_lex_value(lexer, &pair->value, &pair->quoted, error));
        } else {
            return tw_fail_span(error, TW_ERROR_SYNTAX, key,
                                "expected attribute=value, found \"%.*s\"", TW_SPAN(key));
        }
    }
    return TW_OK;
}

static tw_status arguments(tw_lexer *lexer, tw_statement *s, tw_error *error)
{
    s->parentheses = true;
    if (tw_lex_take(lexer, ')'))
        return TW_OK;
    do {
        tw_pair arg = {0};
        TW_TRY(tw_lex_name(lexer, "the name of an input", &arg.value, error));
        if (tw_lex_take(lexer, '=')) {
            arg.key = arg.value;
            TW_TRY(tw_lex_name(lexer, "the name of an input", &arg.value, error));
        }
        if (s->n_args == TW_MAX_INPUTS)
            return tw_fail_span(error, TW_ERROR_SYNTAX, arg.value,
                                "more than %d inputs stand in one statement", TW_MAX_INPUTS);
        s->arg[s->n_args++] = arg;
        if (tw_lex_take(lexer, '('))
            return tw_fail_span(error, TW_ERROR_SYNTAX, arg.value,
                                "\"%.*s(\": a call stands on a line of its own, not in another's "
                                "parentheses",
                                TW_SPAN(arg.value));
    } while (tw_lex_take(lexer, ','));
    return tw_lex_take(lexer, ')') ? TW_OK : unexpected(lexer, ", or )", error);
}

tw_status tw_lex_statement(tw_lexer *lexer, tw_statement *s, tw_error *error)
{
    s->n_names = s->n_args = s->n_pairs = 0;
    s->parentheses = false;
    tw_span name;
    TW_TRY(tw_lex_name(lexer, "a name or an operator", &name, error));
    s->word = name;
    bool more = tw_lex_take(lexer, ',');
    if (more || tw_lex_take(lexer, '=')) {
        s->name[s->n_names++] = name;
        while (more) {
            TW_TRY(tw_lex_name(lexer, "a name", &name, error));
            if (s->n_names == TW_MAX_RESULTS)
                return tw_fail_span(error, TW_ERROR_SYNTAX, name,
                                    "more than %d names stand before =", TW_MAX_RESULTS);
            s->name[s->n_names++] = name;
            more = tw_lex_take(lexer, ',');
            if (!more && !tw_lex_take(lexer, '='))
                return unexpected(lexer, "= after the names of the results", error);
        }
        TW_TRY(tw_lex_name(lexer, "an operator after =", &s->word, error));
    }
    if (tw_lex_take(lexer, '('))
        TW_TRY(arguments(lexer, s, error));
    return tw_lex_pairs(lexer, s, error);
}
