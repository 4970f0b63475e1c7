// SPDX-License-Identifier: Apache-2.0
// A graph's table of names: what each name stands for, and how many of each operator have been
// numbered.
#include "base/hash.h"
#include "graph/internal.h"

/* Open addressing, linear probing, never more than half full. Nothing is ever removed. */
typedef struct tw_entry {
    const char *key; /* in the arena; NULL: free */
    tw_node *node;
    int counter;
} tw_entry;

struct tw_names {
    tw_entry *slot;
    size_t capacity, count; /* capacity: a power of two */
};

static tw_entry *find_slot(tw_entry *slot, size_t capacity, const char *key)
{
    size_t at = (size_t)tw_hash_text(key) & (capacity - 1);
    while (slot[at].key && strcmp(slot[at].key, key) != 0)
        at = (at + 1) & (capacity - 1);
    return &slot[at];
}

static bool make_room(tw_graph *g)
{
    struct tw_names *names = g->names;
    if (!names)
        names = g->names = tw_arena_alloc(&g->arena, sizeof *names);
    if (!names)
        return false;
    if (names->count * 2 < names->capacity)
        return true;
    const size_t capacity = names->capacity ? names->capacity * 2 : 64;
    tw_entry *slot = tw_calloc(g->context, capacity, sizeof *slot);
    if (!slot)
        return false;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slot[i].key)
            *find_slot(slot, capacity, names->slot[i].key) = names->slot[i];
    tw_free(g->context, names->slot);
    names->slot = slot;
    names->capacity = capacity;
    return true;
}

static tw_entry *entry_of(tw_graph *g, const char *key)
{
    if (!make_room(g))
        return NULL;
    tw_entry *entry = find_slot(g->names->slot, g->names->capacity, key);
    if (!entry->key) {
        entry->key = key;
        g->names->count++;
    }
    return entry;
}

tw_node *tw_names_find(const tw_graph *g, const char *name)
{
    if (!g->names || !g->names->slot)
        return NULL;
    return find_slot(g->names->slot, g->names->capacity, name)->node;
}

bool tw_names_add(tw_graph *g, const char *name, tw_node *node)
{
    tw_entry *entry = entry_of(g, name);
    if (entry)
        entry->node = node;
    return entry != NULL;
}

int *tw_names_counter(tw_graph *g, const char *key)
{
    tw_entry *entry = entry_of(g, key);
    return entry ? &entry->counter : NULL;
}

void tw_names_free(tw_graph *g)
{
    if (g->names)
        tw_free(g->context, g->names->slot);
}

const char *tw_names_nearest(const tw_graph *g, const char *prefix, const char *word)
{
    const struct tw_names *names = g->names;
    const size_t length = strlen(prefix);
    if (!names || !names->count)
        return NULL;
    const char **candidate = tw_calloc(g->context, names->count, sizeof *candidate);
    if (!candidate)
        return NULL;
    int count = 0;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->slot[i].node && strncmp(names->slot[i].key, prefix, length) == 0)
            candidate[count++] = names->slot[i].key + length;
    const int nearest = tw_nearest(word, candidate, count);
    const char *found = nearest < 0 ? NULL : candidate[nearest];
    tw_free(g->context, candidate);
    return found;
}
