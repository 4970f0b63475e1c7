// SPDX-License-Identifier: Apache-2.0
// The parts of a SPEC.
#include "data/loaders.h"
#include "data/stream.h"

#include "base/text.h"

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

/* The option whose "NAME=" stands at text; -1 if none. */
static int option_at(const char *text, int count, const char *const *names)
{
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(names[i]);
        if (strncmp(text, names[i], length) == 0 && text[length] == '=')
            return i;
    }
    return -1;
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
        const int option = *at == ',' ? option_at(at + 1, count, names) : -1;
        if (option < 0)
            continue;
        if (values[option])
            return tw_fail(error, TW_ERROR_SYNTAX, "the data \"%s\" have %s= twice", rest,
                           names[option]);
        *at = '\0';
        values[option] = at + 1 + strlen(names[option]) + 1;
    }
    if (!*copy)
        return tw_fail(error, TW_ERROR_SYNTAX, "the data name no file");
    *path = copy;
    return TW_OK;
}
