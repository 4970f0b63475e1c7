// SPDX-License-Identifier: Apache-2.0
// Which candidates were measured fastest on this device and driver: a table, kept in a file of the
// cache folder that tuning alone writes.
#include "base/hash.h"
#include "schedule/schedule.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Its first line. A file that begins otherwise is of another version. */
#define HEADING "thalweg tuned 1\n"
#define FILE_LIMIT (16u << 20)

struct tw_tuned {
    tw_context *context;
    uint64_t identity;
    bool ignored; /* by $THALWEG_TUNED */
    int count, capacity;
    tw_tuned_entry *entry;
};

static tw_tuned_entry *find(const tw_tuned *tuned, uint64_t key)
{
    for (int i = 0; i < tuned->count; i++)
        if (tuned->entry[i].key == key)
            return &tuned->entry[i];
    return NULL;
}

static tw_status put(tw_tuned *tuned, const tw_tuned_entry *entry, tw_error *error)
{
    tw_tuned_entry *place = find(tuned, entry->key);
    if (!place) {
        if (!tw_grow(tuned->context, &tuned->entry, &tuned->capacity, tuned->count, sizeof *place))
            return tw_fail_memory(error);
        place = &tuned->entry[tuned->count++];
    }
    *place = *entry;
    return TW_OK;
}

/* ---- lines ---- */

/* Copies the word at *at, which ends before `end`, into word; false if there is none or no room. */
static bool next_word(const char **at, const char *end, char *word, size_t size)
{
    size_t length = 0;
    while (*at < end && **at == ' ')
        (*at)++;
    while (*at < end && **at != ' ' && length + 1 < size)
        word[length++] = *(*at)++;
    word[length] = '\0';
    return length > 0 && (*at == end || **at == ' ');
}

static bool next_ms(const char **at, const char *end, double *ms)
{
    char word[40];
    return next_word(at, end, word, sizeof word) && tw_parse_double(word, strlen(word), ms) &&
           *ms >= 0;
}

/* "KEY WINNER standard_ms ms NAME LABEL"; false: it is nothing of ours. */
static bool read_line(const char *line, const char *end, tw_tuned_entry *entry)
{
    *entry = (tw_tuned_entry){.saved = true};
    if (!tw_read_key(line, (size_t)(end - line), &entry->key) ||
        !tw_read_key(line + 17, (size_t)(end - line - 17), &entry->winner))
        return false;
    line += 34;
    return next_ms(&line, end, &entry->standard_ms) && next_ms(&line, end, &entry->ms) &&
           next_word(&line, end, entry->name, sizeof entry->name) &&
           next_word(&line, end, entry->label, sizeof entry->label);
}

/* What this process measured is newer than what the file says. */
static void take_lines(tw_tuned *tuned, char *data)
{
    for (char *line = data, *end; (end = strchr(line, '\n')); line = end + 1) {
        tw_tuned_entry entry;
        if (read_line(line, end, &entry) && !find(tuned, entry.key))
            (void)put(tuned, &entry, NULL); /* for want of memory it is as if it were not there */
    }
}

static void load(tw_tuned *tuned, const char *path)
{
    char *data = NULL;
    size_t length = 0;
    if (tw_read_file(tuned->context, path, FILE_LIMIT, &data, &length, NULL) != TW_OK)
        return;
    const size_t heading = sizeof HEADING - 1;
    if (length >= heading && memcmp(data, HEADING, heading) == 0)
        take_lines(tuned, data + heading);
    else
        tw_log(tuned->context, TW_LOG_WARNING,
               "%s is of another version than this thalweg, or damaged, and is not used: run "
               "`thalweg tune` again",
               path);
    tw_free(tuned->context, data);
}

/* ---- from outside ---- */

char *tw_tuned_path(tw_context *context, uint64_t identity)
{
    const char *folder = tw_cache_folder(context);
    if (!folder)
        return NULL;
    tw_text path = {.context = context};
    tw_text_printf(&path, "%s/tuned-%016" PRIx64 ".txt", folder, identity);
    return tw_text_take(&path);
}

tw_tuned *tw_tuned_create(tw_context *context, uint64_t identity)
{
    tw_tuned *tuned = tw_calloc(context, 1, sizeof *tuned);
    if (!tuned)
        return NULL;
    const char *asked = getenv("THALWEG_TUNED");
    *tuned = (tw_tuned){
        .context = context, .identity = identity, .ignored = asked && strcmp(asked, "no") == 0};
    char *path = tuned->ignored ? NULL : tw_tuned_path(context, identity);
    if (path)
        load(tuned, path);
    tw_free(context, path);
    return tuned;
}

void tw_tuned_destroy(tw_tuned **tuned)
{
    if (!tuned || !*tuned)
        return;
    tw_context *context = (*tuned)->context;
    tw_free(context, (*tuned)->entry);
    tw_free(context, *tuned);
    *tuned = NULL;
}

bool tw_tuned_empty(const tw_tuned *tuned)
{
    return !tuned || tuned->ignored || tuned->count == 0;
}

const tw_tuned_entry *tw_tuned_find(const tw_tuned *tuned, uint64_t key)
{
    return tw_tuned_empty(tuned) ? NULL : find(tuned, key);
}

static void put_blanks(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text <= ' ')
            *text = '_';
}

tw_status tw_tuned_add(tw_tuned *tuned, const tw_tuned_entry *entry, tw_error *error)
{
    tw_tuned_entry clean = *entry;
    clean.saved = false;
    put_blanks(clean.name);
    put_blanks(clean.label);
    return put(tuned, &clean, error);
}

static void write_lines(const tw_tuned *tuned, tw_text *text)
{
    tw_text_puts(text, HEADING);
    for (int i = 0; i < tuned->count; i++) {
        const tw_tuned_entry *e = &tuned->entry[i];
        tw_text_printf(text, "%016" PRIx64 " %016" PRIx64 " %.6f %.6f %s %s\n", e->key, e->winner,
                       e->standard_ms, e->ms, e->name, e->label[0] ? e->label : "-");
    }
}

tw_status tw_tuned_save(tw_tuned *tuned, tw_error *error)
{
    bool news = false;
    for (int i = 0; i < tuned->count; i++)
        news |= !tuned->entry[i].saved;
    if (!news)
        return TW_OK;
    if (!tw_cache_folder(tuned->context))
        return tw_fail(error, TW_ERROR_FILE,
                       "there is no cache folder that could be written to: set THALWEG_CACHE to "
                       "one");
    char *path = tw_tuned_path(tuned->context, tuned->identity);
    if (!path)
        return tw_fail_memory(error);
    load(tuned, path); /* another process may have written meanwhile */
    tw_text text = {.context = tuned->context};
    write_lines(tuned, &text);
    const tw_status status =
        text.failed ? tw_fail_memory(error)
                    : tw_write_file(tuned->context, path, text.data, text.length, error);
    for (int i = 0; i < tuned->count && status == TW_OK; i++)
        tuned->entry[i].saved = true;
    tw_text_clear(&text);
    tw_free(tuned->context, path);
    return status;
}

tw_status tw_tune_forget(tw_context *context, tw_device *device, tw_error *error)
{
    if (!context || !device)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "tw_tune_forget: context and device must not be NULL");
    if (!tw_cache_folder(context))
        return TW_OK;
    char *path = tw_tuned_path(context, device->caps.identity);
    if (!path)
        return tw_fail_memory(error);
    const tw_status status =
        remove(path) == 0 || errno == ENOENT ? TW_OK : tw_fail_file(error, "remove", path, errno);
    tw_free(context, path);
    return status;
}

uint64_t tw_stage_key(const tw_recipe *recipe, const tw_stage *stage)
{
    uint64_t hash = tw_hash_text("stage");
    for (int i = 0; i < stage->n_standard; i++) {
        const uint64_t key = tw_proof_key(stage->candidate[i]);
        hash = tw_hash(hash, &key, sizeof key);
    }
    hash = tw_hash(hash, &recipe->batch, sizeof recipe->batch);
    return tw_hash(hash, &recipe->training, sizeof recipe->training);
}
