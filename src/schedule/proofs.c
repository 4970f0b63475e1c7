// SPDX-License-Identifier: Apache-2.0
// Which kernels have been proven or struck off on this device and driver: a table, kept in a file
// of the cache folder.
#include "base/hash.h"
#include "schedule/schedule.h"
#include <inttypes.h>

/* Its first line. A file that begins otherwise is of another version and is written anew. */
#define HEADING "thalweg proofs 1\n"
#define FILE_LIMIT (16u << 20)

typedef struct tw_proof_entry {
    uint64_t key;
    tw_verdict verdict;
    bool saved;   /* stands in the file */
    bool passing; /* is not to stand there */
    char label[100];
} tw_proof_entry;

struct tw_proofs {
    tw_context *context;
    uint64_t identity;
    int count, capacity;
    tw_proof_entry *entry;
};

static tw_proof_entry *find(const tw_proofs *proofs, uint64_t key)
{
    for (int i = 0; i < proofs->count; i++)
        if (proofs->entry[i].key == key)
            return &proofs->entry[i];
    return NULL;
}

static tw_proof_entry *add(tw_proofs *proofs, uint64_t key, tw_verdict verdict, const char *label,
                           size_t length)
{
    tw_proof_entry *entry = find(proofs, key);
    if (!entry) {
        if (!tw_grow(proofs->context, &proofs->entry, &proofs->capacity, proofs->count,
                     sizeof *entry))
            return NULL;
        entry = &proofs->entry[proofs->count++];
    }
    *entry = (tw_proof_entry){.key = key, .verdict = verdict};
    length = TW_MIN(length, sizeof entry->label - 1);
    for (size_t i = 0; i < length; i++)
        entry->label[i] = label[i] == '\n' ? ' ' : label[i];
    return entry;
}

bool tw_read_key(const char *text, size_t length, uint64_t *key)
{
    uint64_t value = 0;
    if (length < 18 || text[16] != ' ')
        return false;
    for (int i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef", *at = text[i] ? strchr(digits, text[i]) : NULL;
        if (!at)
            return false;
        value = value << 4 | (uint64_t)(at - digits);
    }
    *key = value;
    return true;
}

/* "0123456789abcdef proven conv2d_1=gemm_simd": false if the line is nothing of ours. */
static bool take_line(tw_proofs *proofs, const char *line, size_t length)
{
    uint64_t key = 0;
    if (!tw_read_key(line, length, &key))
        return false;
    line += 17;
    length -= 17;
    const bool proven = length > 7 && memcmp(line, "proven ", 7) == 0;
    if (!proven && !(length > 7 && memcmp(line, "struck ", 7) == 0))
        return false;
    if (find(proofs, key))
        return true; /* what this process found out is newer */
    tw_proof_entry *entry =
        add(proofs, key, proven ? TW_VERDICT_PROVEN : TW_VERDICT_STRUCK, line + 7, length - 7);
    if (entry)
        entry->saved = true;
    return true;
}

/* NULL when nothing is to be kept on disk, or memory is out. */
static char *path_of(const tw_proofs *proofs)
{
    const char *folder = tw_cache_folder(proofs->context);
    if (!folder)
        return NULL;
    tw_text path = {.context = proofs->context};
    tw_text_printf(&path, "%s/proofs-%016" PRIx64 ".txt", folder, proofs->identity);
    return tw_text_take(&path);
}

static void load(tw_proofs *proofs, const char *path)
{
    char *data = NULL;
    size_t length = 0;
    if (tw_read_file(proofs->context, path, FILE_LIMIT, &data, &length, NULL) != TW_OK)
        return;
    const size_t heading = sizeof HEADING - 1;
    if (length >= heading && memcmp(data, HEADING, heading) == 0)
        for (char *line = data + heading, *end; (end = strchr(line, '\n')); line = end + 1)
            (void)take_line(proofs, line, (size_t)(end - line));
    tw_free(proofs->context, data);
}

tw_proofs *tw_proofs_create(tw_context *context, uint64_t identity)
{
    tw_proofs *proofs = tw_calloc(context, 1, sizeof *proofs);
    if (!proofs)
        return NULL;
    proofs->context = context;
    proofs->identity = identity;
    char *path = path_of(proofs);
    if (path)
        load(proofs, path);
    tw_free(context, path);
    return proofs;
}

void tw_proofs_destroy(tw_proofs **proofs)
{
    if (!proofs || !*proofs)
        return;
    tw_context *context = (*proofs)->context;
    tw_free(context, (*proofs)->entry);
    tw_free(context, *proofs);
    *proofs = NULL;
}

tw_verdict tw_proofs_find(const tw_proofs *proofs, uint64_t key)
{
    const tw_proof_entry *entry = find(proofs, key);
    return entry ? entry->verdict : TW_VERDICT_NONE;
}

void tw_proofs_add(tw_proofs *proofs, uint64_t key, tw_verdict verdict, const char *label,
                   bool lasting)
{
    tw_proof_entry *entry = add(proofs, key, verdict, label, strlen(label));
    if (entry)
        entry->passing = !lasting;
}

void tw_proofs_save(tw_proofs *proofs)
{
    bool news = false;
    for (int i = 0; i < proofs->count; i++)
        news |= !proofs->entry[i].saved && !proofs->entry[i].passing;
    char *path = news ? path_of(proofs) : NULL;
    if (!path)
        return;
    load(proofs, path); /* another process may have written meanwhile */
    tw_text text = {.context = proofs->context};
    tw_text_puts(&text, HEADING);
    for (int i = 0; i < proofs->count; i++)
        if (!proofs->entry[i].passing)
            tw_text_printf(&text, "%016" PRIx64 " %s %s\n", proofs->entry[i].key,
                           proofs->entry[i].verdict == TW_VERDICT_PROVEN ? "proven" : "struck",
                           proofs->entry[i].label);
    if (!text.failed && tw_write_file(proofs->context, path, text.data, text.length, NULL) == TW_OK)
        for (int i = 0; i < proofs->count; i++)
            proofs->entry[i].saved = true;
    tw_text_clear(&text);
    tw_free(proofs->context, path);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return text ? tw_hash(hash, text, strlen(text) + 1) : tw_hash(hash, "", 1);
}

static uint64_t hash_int(uint64_t hash, int64_t value)
{
    return tw_hash(hash, &value, sizeof value);
}

static uint64_t hash_arg(uint64_t hash, const tw_arg *arg)
{
    hash = hash_int(hash, arg->kind);
    return arg->kind == TW_ARG_USER ? hash_int(hash, arg->slot) : hash;
}

uint64_t tw_proof_key(const tw_candidate *candidate)
{
    uint64_t hash = hash_text(TW_HASH_START, TW_VERSION);
    for (int i = 0; tw_program_head(i); i++)
        hash = hash_text(hash, tw_kernel_text(tw_program_head(i)));
    for (int i = 0; i < candidate->n_launches; i++) {
        const tw_launch *launch = candidate->launch[i];
        hash = hash_text(hash, launch->file ? tw_kernel_text(launch->file) : "library");
        hash = hash_text(hash, launch->macros);
        hash = hash_text(hash, launch->entry);
        for (int a = 0; a < launch->n_args; a++)
            hash = hash_arg(hash, &launch->arg[a]);
        for (int d = 0; d < launch->dims; d++) {
            hash = hash_int(hash_int(hash, launch->global[d].scale), launch->global[d].letters);
            hash = hash_int(hash_int(hash, launch->divide[d]), launch->local[d]);
        }
    }
    return hash;
}
