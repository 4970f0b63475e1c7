// SPDX-License-Identifier: Apache-2.0
// Units, and the text of a program that holds several.
#ifndef TW_SCHEDULE_PROGRAM_TEXT_H
#define TW_SCHEDULE_PROGRAM_TEXT_H

#include "schedule/schedule.h"

/* Letters of a signature: the kinds of a kernel's arguments behind n. A tensor is a pointer and an
 * offset. */
#define TW_SIGN_TENSOR 't'
#define TW_SIGN_UINT 'u'
#define TW_SIGN_FLOAT 'f'

/* The name of a kernel that calls units, by number. */
#define TW_CALLER "tw_caller_%d"

/* A kernel file under certain macros, of which one entry is launched. */
typedef struct tw_unit {
    const char *file, *macros, *entry, *signature, *text;
    /* macros but for the sizes that may be parameters (TW_SIZES), these as parameters, and their
     * values as arguments; the whole, "" and "" if there are none */
    const char *fixed, *sizes, *values;
    uint64_t hash;       /* of the macros */
    bool single;         /* work-groups of one item, and a text that can be a function (TW_ENTRY) */
    tw_program *program; /* that it is built in; NULL: not yet */
    int number;          /* of the unit in there */
    int body;            /* number of the unit whose function is called for it */
    bool lifted;         /* that function takes the sizes */
    int caller;          /* the kernel that calls it; -1: it is a kernel itself, ENTRY_NUMBER */
} tw_unit;

/* Fills in fixed, sizes and values, in the arena. lifts: there may be parameters. False when memory
 * is out. */
bool tw_unit_split(tw_unit *unit, bool lifts, tw_arena *arena);
/* Appends the text of a program that holds these units, and numbers them. calls: as caps.calls. */
void tw_program_put(tw_text *text, tw_unit *unit, int count, bool calls);

#endif
