// SPDX-License-Identifier: Apache-2.0
// Words as classes: each word once, numbered.
#ifndef TW_DATA_CLASSES_H
#define TW_DATA_CLASSES_H

#include "base/text.h"

/* Zeroed but for the context. names lie in the arena; the tables are freed by tw_classes_free. */
typedef struct tw_classes {
    tw_context *context;
    tw_arena *arena;
    int count, capacity;
    const char **names;
    int *slots; /* hash table of n_slots (a power of two): number of a name + 1, 0: free */
    int n_slots;
} tw_classes;

/* The number of a word, -1 if it has none. */
int tw_classes_find(const tw_classes *classes, const char *word);
/* The same; a new word gets the next number. -1: no memory. */
int tw_classes_add(tw_classes *classes, const char *word);
/* Sorts the names (strcmp); new_number[old number] is where each went. False: no memory. */
bool tw_classes_sort(tw_classes *classes, int *new_number);
void tw_classes_free(tw_classes *classes);

/* Adds the classes of a file of names, a line each. Blank lines are none; \n, \r and \\ stand for a
 * line feed, a carriage return and a backslash. Errors: FILE, FORMAT (not UTF-8 text, a name
 * twice), MEMORY. */
tw_status tw_classes_read(tw_classes *classes, const char *path, tw_error *error);
/* Appends a name as a line of such a file. */
void tw_classes_print(const char *name, tw_text *text);

#endif
