// SPDX-License-Identifier: Apache-2.0
// Units, and the text of a program that holds several.
#ifndef TW_SCHEDULE_PROGRAM_TEXT_H
#define TW_SCHEDULE_PROGRAM_TEXT_H

#include "schedule/schedule.h"

/* Letters of a signature: the kinds of a kernel's arguments behind n. A tensor is a pointer and an
 * offset, a seed two numbers; a user's number is its digit. */
#define TW_SIGN_TENSOR 't'
#define TW_SIGN_SEED 's'
#define TW_SIGN_STEP 'p'
#define TW_SIGN_LINE 'l'

/* The kernel that calls units. Its arguments are a block (tw_kernel_arrange), whose words are:
 * which unit (or less than 0: as many rows of a chain), n, the scalars of a run, and offsets, in
 * elements, of the tensors, whose pointers follow the block. */
#define TW_CALLER "tw_caller"
enum {
    TW_CALLER_WHICH,
    TW_CALLER_N,
    TW_CALLER_SEED,
    TW_CALLER_STEP = 4,
    TW_CALLER_LINE,
    TW_CALLER_USER,
    TW_CALLER_OFFSET = 8
};
#define TW_CALLER_USERS 2    /* of runtime.user */
#define TW_CALLER_TENSORS 12 /* a unit of more is a kernel by itself */
/* A unit of more tensors than FEW is called by its number plus MANY: most have fewer, and a group
 * need not store the other pointers. */
#define TW_CALLER_FEW 4
#define TW_CALLER_MANY (1 << 24)

/* A chain's table (core/chain.cl). A row in front of its tensors: unit, number of tensors, of each
 * dimension the global size's scale, whether n is a factor of it, and the divisor; and how many
 * rows from this on are a step that one item makes, 0: this row is a step that the items share.
 * Numbers of 64 bits; each tensor is a buffer's place among the caller's, and an offset in
 * elements. The offset of the table itself is the number of a run's set of counters. */
#define TW_CHAIN_ROW 12
#define TW_CHAIN_HEAD 8  /* longs in front of the counters */
#define TW_CHAIN_LINE 16 /* ints from counter to counter: a line of the cache */
#define TW_CHAIN_SETS 4  /* of counters: of runs in order and of those beside, in turn */

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
    bool called;         /* by TW_CALLER; else it is a kernel itself, ENTRY_NUMBER */
} tw_unit;

/* Fills in fixed, sizes and values, in the arena. lifts: there may be parameters. False when memory
 * is out. */
bool tw_unit_split(tw_unit *unit, bool lifts, tw_arena *arena);
/* Appends the text of a program that holds these units, and numbers them. calls: as caps.calls. */
void tw_program_put(tw_text *text, tw_unit *unit, int count, bool calls);

#endif
