// SPDX-License-Identifier: Apache-2.0
// The parts of a SPEC.
#include "data/loaders.h"
#include "data/stream.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>

tw_status tw_spec_folder(tw_table *table, const char *rest, const char *form, const char **folder,
                         bool *train, tw_error *error)
{
    const char *colon = strrchr(rest, ':');
    if (!colon || colon == rest || (strcmp(colon, ":train") != 0 && strcmp(colon, ":test") != 0))
        return tw_fail(error, TW_ERROR_SYNTAX,
                       "the data \"%s\" do not say which set: it must be of the form %s", rest,
                       form);
    *train = strcmp(colon, ":train") == 0;
    const char *copy = tw_arena_text(&table->arena, rest, (size_t)(colon - rest));
    if (!copy)
        return tw_fail_memory(error);
    if (!tw_folder_exists(copy))
        return tw_fail(error, TW_ERROR_FILE, "'%s' is %s, but %s needs one", copy,
                       tw_file_exists(copy) ? "a file, not a folder" : "no folder that is there",
                       form);
    *folder = copy;
    return TW_OK;
}

/* The option whose "NAME=" stands at text, of equal names the first without a value; -1 if none. */
static int option_at(const char *text, int count, const char *const *names,
                     const char *const *values)
{
    int found = -1;
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(names[i]);
        if (strncmp(text, names[i], length) == 0 && text[length] == '=') {
            found = i;
            if (!values[i])
                break;
        }
    }
    return found;
}

/* Fails if the path is no file, but ends with what looks like a misspelt option. */
static tw_status check_path(const char *path, int count, const char *const *names, tw_error *error)
{
    const char *comma = strrchr(path, ',');
    const size_t letters = comma ? strspn(comma + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
    char word[32];
    if (letters == 0 || letters >= sizeof word || comma[1 + letters] != '=' || tw_file_exists(path))
        return TW_OK;
    memcpy(word, comma + 1, letters);
    word[letters] = '\0';
    const int nearest = tw_nearest(word, names, count);
    return tw_fail(error, TW_ERROR_SYNTAX,
                   "the data \"%s\" are no file, and have no option %s=%s%s%s", path, word,
                   nearest >= 0 ? ": did you mean " : "", nearest >= 0 ? names[nearest] : "",
                   nearest >= 0 ? "=?" : "");
}

tw_status tw_spec_options(tw_table *table, const char *rest, int count, const char *const *names,
                          const char **path, const char **values, tw_error *error)
{
    char *copy = tw_arena_text(&table->arena, rest, strlen(rest));
    if (!copy)
        return tw_fail_memory(error);
    for (int i = 0; i < count; i++)
        values[i] = NULL;
    for (char *at = copy; *at; at++) {
        const int option = *at == ',' ? option_at(at + 1, count, names, values) : -1;
        if (option < 0)
            continue;
        if (values[option])
            return tw_fail(error, TW_ERROR_SYNTAX, "the data \"%s\" have %s= once too often", rest,
                           names[option]);
        *at = '\0';
        values[option] = at + 1 + strlen(names[option]) + 1;
    }
    if (!*copy)
        return tw_fail(error, TW_ERROR_SYNTAX, "the data name no file");
    *path = copy;
    return check_path(copy, count, names, error);
}

tw_status tw_spec_number(const char *name, const char *value, int64_t least, int64_t *number,
                         tw_error *error)
{
    if (tw_parse_int(value, strlen(value), number) && *number >= least && *number <= INT32_MAX)
        return TW_OK;
    return tw_fail(error, TW_ERROR_SYNTAX, "%s=%s: it must be a whole number from %lld", name,
                   value, (long long)least);
}

tw_status tw_spec_choice(const char *name, const char *value, int count, const char *const *words,
                         int *index, tw_error *error)
{
    char list[200] = "";
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        if (!value || strcmp(value, words[i]) == 0) {
            *index = value ? i : *index;
            return TW_OK;
        }
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s",
                               i == 0           ? ""
                               : i == count - 1 ? " or "
                                                : ", ",
                               words[i]);
    }
    return tw_fail(error, TW_ERROR_SYNTAX, "%s=%s: it must be %s", name, value, list);
}

tw_status tw_spec_take_part(const char *part, const char *split, tw_spec_part *out, tw_error *error)
{
    static const char *const parts[] = {"train", "test"};
    int test = 0;
    *out = (tw_spec_part){.given = part != NULL, .split = 0.1};
    TW_TRY(tw_spec_choice("part", part, 2, parts, &test, error));
    out->test = test == 1;
    if (split && !part)
        return tw_fail(error, TW_ERROR_SYNTAX,
                       "split=%s cuts the data in two: say which part by part=train or part=test",
                       split);
    if (split && (!tw_parse_double(split, strlen(split), &out->split) || !(out->split > 0) ||
                  !(out->split < 1)))
        return tw_fail(error, TW_ERROR_SYNTAX, "split=%s: it must be above 0 and below 1", split);
    return TW_OK;
}

void tw_spec_rows(const tw_spec_part *part, int64_t count, int64_t *begin, int64_t *end)
{
    const int64_t kept =
        (int64_t)floor((double)count * (1 - part->split)); /* as tw_dataset_split */
    *begin = part->given && part->test ? kept : 0;
    *end = part->given && !part->test ? kept : count;
}

int64_t tw_table_size(const tw_table *table, tw_dim dim)
{
    for (int i = 0; i < 26 && tw_dim_known(dim); i++) {
        if (!(dim.letters & 1u << i))
            continue;
        if (!table->size[i])
            return -1;
        dim = tw_dim_bind(dim, 1u << i, table->size[i]);
    }
    return tw_dim_known(dim) ? dim.scale : -1;
}
