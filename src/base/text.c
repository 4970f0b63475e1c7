// SPDX-License-Identifier: Apache-2.0
// The growing text, JSON strings, nearest names, and patterns.
#include "base/text.h"
#include <stdio.h>

/* Makes room for more bytes and the closing 0. */
static bool reserve(tw_text *text, size_t more)
{
    if (text->failed || more >= SIZE_MAX - text->length) {
        text->failed = true;
        return false;
    }
    const size_t wanted = text->length + more + 1;
    if (wanted <= text->capacity)
        return true;
    size_t capacity = text->capacity < 64 ? 64 : text->capacity;
    while (capacity < wanted)
        capacity = capacity > SIZE_MAX / 2 ? wanted : 2 * capacity;
    char *data = tw_resize(text->context, text->data, capacity);
    if (!data) {
        text->failed = true;
        return false;
    }
    text->data = data;
    text->capacity = capacity;
    return true;
}

void tw_text_append(tw_text *text, const char *data, size_t length)
{
    if (!reserve(text, length))
        return;
    if (length > 0)
        memcpy(text->data + text->length, data, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void tw_text_puts(tw_text *text, const char *data)
{
    tw_text_append(text, data, strlen(data));
}

void tw_text_printf(tw_text *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int length = tw_vformat(NULL, 0, format, args);
    va_end(args);
    if (length < 0) {
        text->failed = true;
        return;
    }
    if (!reserve(text, (size_t)length))
        return;
    va_start(args, format);
    tw_vformat(text->data + text->length, (size_t)length + 1, format, args);
    va_end(args);
    text->length += (size_t)length;
}

/* Bytes of the UTF-8 character at text (which is 0-terminated), 0 if it is none. Overlong forms,
 * surrogates and what lies beyond U+10FFFF are none. */
static int utf8_length(const unsigned char *text)
{
    const unsigned char lead = text[0];
    const int length = lead < 0x80   ? 1
                       : lead < 0xc2 ? 0
                       : lead < 0xe0 ? 2
                       : lead < 0xf0 ? 3
                       : lead < 0xf5 ? 4
                                     : 0;
    for (int i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    const bool wrong = (lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
                       (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f);
    return wrong ? 0 : length;
}

void tw_text_json(tw_text *text, const char *data)
{
    tw_text_puts(text, "\"");
    for (const char *p = data; *p;) {
        const unsigned char c = (unsigned char)*p;
        const int length = utf8_length((const unsigned char *)p);
        if (c == '"' || c == '\\')
            tw_text_printf(text, "\\%c", c);
        else if (c == '\n')
            tw_text_puts(text, "\\n");
        else if (c == '\t')
            tw_text_puts(text, "\\t");
        else if (c < 0x20)
            tw_text_printf(text, "\\u%04x", c);
        else if (length == 0)
            tw_text_puts(text, "\\ufffd"); /* JSON must be UTF-8, file names need not be */
        else
            tw_text_append(text, p, (size_t)length);
        p += length ? length : 1;
    }
    tw_text_puts(text, "\"");
}

char *tw_text_take(tw_text *text)
{
    if (!text->data)
        tw_text_append(text, "", 0);
    char *data = text->failed ? NULL : text->data;
    if (text->failed)
        tw_free(text->context, text->data);
    *text = (tw_text){.context = text->context};
    return data;
}

void tw_text_clear(tw_text *text)
{
    tw_free(text->context, text->data);
    *text = (tw_text){.context = text->context};
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#define LONGEST_WORD 63

/* Edits (insert, delete, replace, swap neighbours: Damerau's, as optimal string alignment) that
 * make b of a, letters' case aside. Both are at most LONGEST_WORD long. */
static int edit_distance(const char *a, const char *b)
{
    const int n = (int)strlen(a), m = (int)strlen(b);
    int row[3]
           [LONGEST_WORD + 1]; /* row i % 3: distances of a's first i letters to each start of b */
    for (int j = 0; j <= m; j++)
        row[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *now = row[i % 3];
        const int *before = row[(i + 2) % 3], *second = row[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= m; j++) {
            const bool same = lower(a[i - 1]) == lower(b[j - 1]);
            int best = TW_MIN(before[j] + 1, now[j - 1] + 1);
            best = TW_MIN(best, before[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                best = TW_MIN(best, second[j - 2] + 1);
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

int tw_nearest(const char *word, const char *const *candidates, int count)
{
    const size_t length = strlen(word);
    int nearest = -1, least = 0;
    if (length > LONGEST_WORD)
        return -1;
    for (int i = 0; i < count; i++) {
        const size_t other = strlen(candidates[i]);
        if (other > LONGEST_WORD)
            continue;
        const int distance = edit_distance(word, candidates[i]);
        const int limit =
            (int)(TW_MAX(length, other) + 1) / 3; /* a third of the letters may be wrong */
        if (distance <= limit && (nearest < 0 || distance < least)) {
            nearest = i;
            least = distance;
        }
    }
    return nearest;
}

/* One alternative, pattern[0] to end. On a mismatch the last star takes one letter more; earlier
 * stars need no retry. */
static bool match_one(const char *pattern, const char *end, const char *text)
{
    const char *star = NULL, *after = NULL;
    while (*text) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            after = text;
        } else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++after;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

bool tw_match(const char *pattern, const char *text)
{
    for (;;) {
        const char *end = pattern + strcspn(pattern, "|");
        if (match_one(pattern, end, text))
            return true;
        if (!*end)
            return false;
        pattern = end + 1;
    }
}
