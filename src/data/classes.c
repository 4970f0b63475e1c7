// SPDX-License-Identifier: Apache-2.0
// Words as classes: a hash table with linear probing, at most half full.
#include "data/classes.h"

#include "base/hash.h"

#include <limits.h>
#include <stdlib.h>

/* Where the word is, or would be. */
static int slot_of(const tw_classes *c, const char *word)
{
    const uint64_t mask = (uint64_t)c->n_slots - 1;
    uint64_t slot = tw_hash_text(word) & mask;
    while (c->slots[slot] && strcmp(c->names[c->slots[slot] - 1], word) != 0)
        slot = (slot + 1) & mask;
    return (int)slot;
}

int tw_classes_find(const tw_classes *c, const char *word)
{
    return c->n_slots ? c->slots[slot_of(c, word)] - 1 : -1;
}

static bool grow(tw_classes *c)
{
    if (!tw_grow(c->context, &c->names, &c->capacity, c->count, sizeof *c->names))
        return false;
    if (c->count < c->n_slots / 2)
        return true;
    if (c->n_slots > INT_MAX / 2)
        return false;
    const int n_slots = c->n_slots ? 2 * c->n_slots : 64;
    int *slots = tw_calloc(c->context, (size_t)n_slots, sizeof *slots);
    if (!slots)
        return false;
    tw_free(c->context, c->slots);
    c->slots = slots;
    c->n_slots = n_slots;
    for (int i = 0; i < c->count; i++)
        c->slots[slot_of(c, c->names[i])] = i + 1;
    return true;
}

int tw_classes_add(tw_classes *c, const char *word)
{
    const int found = tw_classes_find(c, word);
    if (found >= 0)
        return found;
    const char *name = grow(c) ? tw_arena_text(c->arena, word, strlen(word)) : NULL;
    if (!name)
        return -1;
    const int slot = slot_of(c, word);
    c->names[c->count] = name;
    c->slots[slot] = ++c->count;
    return c->count - 1;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool tw_classes_sort(tw_classes *c, int *new_number)
{
    if (c->count == 0)
        return true;
    const size_t bytes = (size_t)c->count * sizeof *c->names;
    const char **old = tw_alloc(c->context, bytes);
    if (!old)
        return false;
    memcpy(old, c->names, bytes);
    qsort(c->names, (size_t)c->count, sizeof *c->names, by_name);
    memset(c->slots, 0, (size_t)c->n_slots * sizeof *c->slots);
    for (int i = 0; i < c->count; i++)
        c->slots[slot_of(c, c->names[i])] = i + 1;
    for (int i = 0; i < c->count; i++)
        new_number[i] = tw_classes_find(c, old[i]);
    tw_free(c->context, old);
    return true;
}

void tw_classes_free(tw_classes *c)
{
    tw_free(c->context, c->names);
    tw_free(c->context, c->slots);
    c->names = NULL;
    c->slots = NULL;
}

/* ---- files ---- */

/* Undoes tw_classes_print in place. Any other backslash stays as it is: a name may be written by
 * hand. */
static void unescape(char *line)
{
    char *to = line;
    for (const char *from = line; *from; from++) {
        const char next = *from == '\\' ? from[1] : 0;
        if (next == 'n' || next == 'r' || next == '\\') {
            *to++ = (char)(next == 'n' ? '\n' : next == 'r' ? '\r' : '\\');
            from++;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

static tw_status read_line(tw_classes *c, char *line, const char *path, tw_error *error)
{
    unescape(line);
    const int count = c->count;
    if (!*line)
        return TW_OK;
    if (tw_classes_add(c, line) < 0)
        return tw_fail_memory(error);
    return c->count > count ? TW_OK
                            : tw_fail(error, TW_ERROR_FORMAT,
                                      "'%s' names the class \"%.40s\" twice", path, line);
}

tw_status tw_classes_read(tw_classes *c, const char *path, tw_error *error)
{
    char *text;
    size_t length;
    TW_TRY(tw_read_file(c->context, path, (size_t)1 << 26, &text, &length, error));
    tw_status status = TW_OK;
    if (strlen(text) != length)
        status =
            tw_fail(error, TW_ERROR_FORMAT,
                    "'%s' holds bytes of value 0: it is no text of classes, a line each", path);
    for (char *line = text; *line && status == TW_OK;) {
        const size_t size = strcspn(line, "\r\n");
        const bool last = line[size] == '\0';
        line[size] = '\0';
        status = read_line(c, line, path, error);
        line += size + !last;
    }
    tw_free(c->context, text);
    return status;
}

void tw_classes_print(const char *name, tw_text *text)
{
    for (const char *c = name; *c; c++)
        if (*c == '\n' || *c == '\r' || *c == '\\')
            tw_text_puts(text, *c == '\n' ? "\\n" : *c == '\r' ? "\\r" : "\\\\");
        else
            tw_text_append(text, c, 1);
    tw_text_puts(text, "\n");
}
