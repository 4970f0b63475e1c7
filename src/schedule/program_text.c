// SPDX-License-Identifier: Apache-2.0
// The text of a program: the head, then each unit (a kernel file under its macros), and what
// undefines its macros again.
//
// Entries are told apart by number: KERNEL(gemm) is gemm_3 in the fourth unit. Whatever a file or
// its macros define is undefined behind it, but for guards (#ifndef X, #define X) of functions that
// several texts share.
//
// Where caps.calls, units of work-groups of one item become functions, and one kernel calls them
// all; its first argument says which. PoCL 3.1 generates a kernel's code three times over and
// starts a linker for each: 37 kernels of mnist_cnn took 5.3 s one by one, 1.7 s as 5. Units that
// differ in nothing but sizes which their file lists as TW_SIZES are one function. The same kernel,
// given a table, makes several launches one after the other: a chain (chain.c).
#include "schedule/program_text.h"
#include <stdio.h>

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* The name that a line "# DIRECTIVE NAME ..." speaks of, and its length; NULL if the line is no
 * such line. */
static const char *directive(const char *line, const char *word, size_t *length)
{
    const char *at = skip_blanks(line);
    const size_t letters = strlen(word);
    if (*at != '#')
        return NULL;
    at = skip_blanks(at + 1);
    if (strncmp(at, word, letters) != 0 || is_name(at[letters]))
        return NULL;
    at = skip_blanks(at + letters);
    for (*length = 0; is_name(at[*length]);)
        ++*length;
    return *length ? at : NULL;
}

/* Whether the line defines, as nothing, the name that the line before it asked for: the guard of
 * something that is to stand once in the whole program. */
static bool is_guard(const char *before, const char *name, size_t length)
{
    size_t asked_length;
    const char *asked = before ? directive(before, "ifndef", &asked_length) : NULL;
    const char after = *skip_blanks(name + length);
    return asked && asked_length == length && memcmp(asked, name, length) == 0 &&
           (after == '\n' || after == '\0');
}

/* "#undef NAME" for what lines "#define NAME..." of source define, each once since `start` of the
 * text. */
static void undefine(tw_text *text, size_t start, const char *source)
{
    const char *before = NULL;
    for (const char *line = source; line;
         before = line, line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        size_t length;
        const char *name = directive(line, "define", &length);
        if (!name || is_guard(before, name, length))
            continue;
        const size_t mark = text->length;
        tw_text_puts(text, "#undef ");
        tw_text_append(text, name, length);
        tw_text_puts(text, "\n");
        if (text->failed)
            return;
        const char *first = strstr(text->data + start, text->data + mark);
        if (first < text->data + mark) { /* it stands there already */
            text->length = mark;
            text->data[mark] = '\0';
        }
    }
}

static void put_file(tw_text *text, const char *file, const char *source)
{
    tw_text_printf(text, "#line 1 \"%s\"\n", file);
    tw_text_puts(text, source);
    tw_text_puts(text, "\n");
}

const char *tw_program_head(int index)
{
    static const char *const heads[] = {"core/core.cl",   "core/tile.cl",     "core/activation.cl",
                                        "core/random.cl", "core/channels.cl", "core/winograd.cl",
                                        "core/pool.cl"};
    return index < TW_COUNT(heads) ? heads[index] : NULL;
}

static void put_head(tw_text *text)
{
    for (int i = 0; tw_program_head(i); i++)
        put_file(text, tw_program_head(i), tw_kernel_text(tw_program_head(i)));
}

/* Says how the unit is to be read: as a function, with parameters for its sizes. */
static void put_form(tw_text *text, const tw_unit *unit)
{
    if (unit->called)
        tw_text_puts(text, "#undef TW_CALLED\n#define TW_CALLED 1\n");
    if (unit->lifted)
        tw_text_printf(text, "#undef TW_LIFTED\n#define TW_LIFTED 1\n#define TW_LIFTED_SIZES %s\n",
                       unit->sizes);
}

static void put_form_end(tw_text *text, const tw_unit *unit)
{
    if (unit->called)
        tw_text_puts(text, "#undef TW_CALLED\n#define TW_CALLED 0\n");
    if (unit->lifted)
        tw_text_puts(text, "#undef TW_LIFTED\n#undef TW_LIFTED_SIZES\n#define TW_LIFTED 0\n");
}

static void put_unit(tw_text *text, const tw_unit *unit, int number)
{
    put_form(text, unit);
    tw_text_printf(text, "#line 1 \"macros of %s\"\n#define KERNEL(name) name##_%d\n", unit->file,
                   number);
    tw_text_puts(text, unit->lifted ? unit->fixed : unit->macros);
    tw_text_puts(text, "\n");
    put_file(text, unit->file, unit->text);
    const size_t start = text->length;
    undefine(text, start, unit->macros);
    undefine(text, start, unit->text);
    tw_text_puts(text, "#undef KERNEL\n");
    put_form_end(text, unit);
}

/* ---- the kernel that calls ---- */

/* A word of 32 bits of the caller's block, whose elements are of 64. */
static void put_word(tw_text *text, const char *type, int word)
{
    tw_text_printf(text, "as_%s((uint)(block[%d] >> %d))", type, word / 2, word % 2 * 32);
}

static void put_argument(tw_text *text, const char *type, int word)
{
    tw_text_puts(text, ", ");
    put_word(text, type, word);
}

/* What a unit is called with, behind its place in the launch. */
static void put_arguments(tw_text *text, const char *signature)
{
    int tensors = 0;
    put_argument(text, "int", TW_CALLER_N);
    for (; *signature; signature++)
        switch (*signature) {
        case TW_SIGN_TENSOR:
            tw_text_printf(text, ", b[%d], block[%d]", tensors, TW_CALLER_OFFSET / 2 + tensors);
            tensors++;
            break;
        case TW_SIGN_SEED:
            put_argument(text, "uint", TW_CALLER_SEED);
            put_argument(text, "uint", TW_CALLER_SEED + 1);
            break;
        case TW_SIGN_STEP:
            put_argument(text, "uint", TW_CALLER_STEP);
            break;
        case TW_SIGN_LINE:
            put_argument(text, "uint", TW_CALLER_LINE);
            break;
        default:
            put_argument(text, "float", TW_CALLER_USER + (*signature - '0'));
        }
}

/* The function that makes one group of the unit `which`, given the caller's block and tensors in
 * memory. The caller, of which PoCL makes three copies, and chains both call it: a switch of its
 * own in each copy was a quarter of all machine code. */
static void put_call(tw_text *text, const tw_unit *unit, int count)
{
    tw_text_puts(text,
                 "static __attribute__((noinline)) void tw_call(const int which, const int x, "
                 "const int y, const int z, const ulong *block, __global void **b)\n{\n"
                 "    switch (which) {\n");
    for (int i = 0; i < count; i++) {
        if (!unit[i].called)
            continue;
        tw_text_printf(text, "    case %d: {\n", i);
        if (unit[i].lifted) { /* sizes may be multiples of it */
            tw_text_puts(text, "        const int n = ");
            put_word(text, "int", TW_CALLER_N);
            tw_text_puts(text, ";\n");
        }
        tw_text_printf(text, "        %s_%d(x, y, z", unit[i].entry, unit[i].body);
        put_arguments(text, unit[i].signature);
        tw_text_printf(text, "%s);\n        break;\n    }\n", unit[i].lifted ? unit[i].values : "");
    }
    tw_text_puts(text, "    }\n}\n");
}

/* The caller's pointers from .. to - 1, into its array. */
static void put_pointers(tw_text *text, int from, int to)
{
    for (int i = from; i < to; i++)
        tw_text_printf(text, "        b[%d] = b%d;\n", i, i);
}

static void put_caller(tw_text *text, const tw_unit *unit, int count)
{
    put_call(text, unit, count);
    tw_text_printf(text,
                   "#define TW_CALLER_TENSORS %d\n#define TW_CALLER_OFFSET %d\n"
                   "#define TW_CHAIN_HEAD %d\n#define TW_CHAIN_LINE %d\n#define TW_CHAIN_ROW %d\n",
                   TW_CALLER_TENSORS, TW_CALLER_OFFSET / 2, TW_CHAIN_HEAD, TW_CHAIN_LINE,
                   TW_CHAIN_ROW);
    put_file(text, "core/chain.cl", tw_kernel_text("core/chain.cl"));
    tw_text_puts(text, "__kernel void " TW_CALLER "(const ulong16 words");
    for (int i = 0; i < TW_CALLER_TENSORS; i++)
        tw_text_printf(text, ", __global void *b%d", i);
    tw_text_puts(text,
                 ")\n{\n    ulong16 kept = words;\n    const ulong *block = (const ulong *)&kept;\n"
                 "    __global void *b[TW_CALLER_TENSORS];\n    const int which = ");
    put_word(text, "int", TW_CALLER_WHICH);
    tw_text_puts(text, ", x = (int)get_global_id(0);\n    {\n");
    put_pointers(text, 0, TW_CALLER_FEW);
    tw_text_printf(text, "    }\n    if (which < 0 || which >= %d) {\n", TW_CALLER_MANY);
    put_pointers(text, TW_CALLER_FEW, TW_CALLER_TENSORS);
    tw_text_printf(text,
                   "    }\n    if (which < 0)\n"
                   "        tw_chain(-which, block, b, x, (int)get_global_size(0));\n"
                   "    else\n"
                   "        tw_call(which %% %d, x, (int)get_global_id(1), (int)get_global_id(2), "
                   "block, b);\n}\n",
                   TW_CALLER_MANY);
}

static bool same_but_sizes(const tw_unit *a, const tw_unit *b)
{
    return a->called && b->called && a->sizes[0] && strcmp(a->signature, b->signature) == 0 &&
           strcmp(a->file, b->file) == 0 && strcmp(a->entry, b->entry) == 0 &&
           strcmp(a->sizes, b->sizes) == 0 && strcmp(a->fixed, b->fixed) == 0;
}

/* Units that differ in their sizes alone get one function. What none shares keeps its sizes as
 * constants. */
static void find_bodies(tw_unit *unit, int count)
{
    for (int i = 0; i < count; i++) {
        unit[i].body = i;
        unit[i].lifted = false;
        for (int j = 0; j < i && unit[i].body == i; j++)
            if (same_but_sizes(&unit[i], &unit[j])) {
                unit[i].body = unit[j].body;
                unit[i].lifted = unit[unit[i].body].lifted = true;
            }
    }
}

void tw_program_put(tw_text *text, tw_unit *unit, int count, bool calls)
{
    bool any = false;
    for (int i = 0; i < count; i++)
        any |= unit[i].called = calls && unit[i].single;
    find_bodies(unit, count);
    put_head(text);
    for (int i = 0; i < count; i++) {
        unit[i].number = i;
        if (unit[i].body == i)
            put_unit(text, &unit[i], i);
    }
    if (any)
        put_caller(text, unit, count);
}

/* ---- sizes ---- */

/* Whether the name stands in the list, which ends with ')'. */
static bool in_list(const char *list, const char *name, size_t length)
{
    for (const char *at = list; *at && *at != ')'; at = skip_blanks(at)) {
        size_t letters = 0;
        while (is_name(at[letters]))
            letters++;
        if (letters == length && memcmp(at, name, length) == 0)
            return true;
        at += letters ? letters : 1;
    }
    return false;
}

/* Whether a macro may be a parameter: a size that the list names, or a stream of random numbers. */
static bool is_size(const char *list, const char *name, size_t length)
{
    return in_list(list, name, length) || strncmp(name, TW_STREAM, strlen(TW_STREAM)) == 0;
}

/* Takes a line of the macros apart: into the sizes, if it defines one, else into the rest. */
static void split_line(const char *line, size_t length, const char *list, tw_text *fixed,
                       tw_text *sizes, tw_text *values)
{
    size_t letters;
    const char *name = directive(line, "define", &letters);
    if (!name || name + letters > line + length || name[letters] != ' ' ||
        !is_size(list, name, letters)) {
        tw_text_append(fixed, line, length);
        tw_text_puts(fixed, "\n");
        return;
    }
    tw_text_puts(sizes, ", const int ");
    tw_text_append(sizes, name, letters);
    tw_text_puts(values, ", ");
    tw_text_append(values, name + letters + 1, (size_t)(line + length - (name + letters + 1)));
}

static const char *keep(tw_arena *arena, tw_text *text)
{
    const char *kept = text->failed ? NULL
                       : text->data ? tw_arena_text(arena, text->data, text->length)
                                    : "";
    tw_text_clear(text);
    return kept;
}

bool tw_unit_split(tw_unit *unit, bool lifts, tw_arena *arena)
{
    const char *list = lifts && unit->single ? strstr(unit->text, "TW_SIZES(") : NULL;
    unit->fixed = unit->macros;
    unit->sizes = unit->values = "";
    if (!list)
        return true;
    tw_text fixed = {.context = arena->context}, sizes = fixed, values = fixed;
    for (const char *line = unit->macros; *line;) {
        const size_t length = strcspn(line, "\n");
        split_line(line, length, list + strlen("TW_SIZES("), &fixed, &sizes, &values);
        line += length + (line[length] == '\n');
    }
    unit->fixed = keep(arena, &fixed);
    unit->sizes = keep(arena, &sizes);
    unit->values = keep(arena, &values);
    return unit->fixed && unit->sizes && unit->values;
}
