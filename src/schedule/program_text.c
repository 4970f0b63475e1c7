// SPDX-License-Identifier: Apache-2.0
// The text of a program: the head, then each unit (a kernel file under its macros), and what
// undefines its macros again.
//
// Entries are told apart by number: KERNEL(gemm) is gemm_3 in the fourth unit. Whatever a file or
// its macros define is undefined behind it, but for guards (#ifndef X, #define X) of functions that
// several texts share.
//
// Where caps.calls, units of work-groups of one item become functions, and one kernel calls all
// whose arguments are of the same kinds; its last argument says which. PoCL 3.1 generates a
// kernel's code three times over and starts a linker for each: 37 kernels of mnist_cnn took 5.3 s
// one by one, 1.7 s as 5. Units that differ in nothing but sizes which their file lists as TW_SIZES
// are one function.
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
    static const char *const heads[] = {"core/core.cl", "core/tile.cl", "core/activation.cl",
                                        "core/random.cl", "core/winograd.cl"};
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
    if (unit->caller >= 0)
        tw_text_puts(text, "#undef TW_CALLED\n#define TW_CALLED 1\n");
    if (unit->lifted)
        tw_text_printf(text, "#undef TW_LIFTED\n#define TW_LIFTED 1\n#define TW_LIFTED_SIZES %s\n",
                       unit->sizes);
}

static void put_form_end(tw_text *text, const tw_unit *unit)
{
    if (unit->caller >= 0)
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

/* ---- kernels that call ---- */

/* The parameters, or the arguments, that the letters of a signature stand for. */
static void put_signature(tw_text *text, const char *signature, bool declared)
{
    for (int i = 0; signature[i]; i++)
        switch (signature[i]) {
        case TW_SIGN_TENSOR:
            tw_text_printf(text, declared ? ", __global void *a%d, const ulong o%d" : ", a%d, o%d",
                           i, i);
            break;
        case TW_SIGN_UINT:
            tw_text_printf(text, declared ? ", const uint a%d" : ", a%d", i);
            break;
        default:
            tw_text_printf(text, declared ? ", const float a%d" : ", a%d", i);
        }
}

/* The kernel number `caller`, for the units that name it. */
static void put_caller(tw_text *text, const tw_unit *unit, int count, int caller)
{
    const char *signature = NULL;
    for (int i = 0; i < count && !signature; i++)
        signature = unit[i].caller == caller ? unit[i].signature : NULL;
    tw_text_printf(text, "__kernel void " TW_CALLER "(const int n", caller);
    put_signature(text, signature, true);
    tw_text_puts(text, ", const int which)\n{\n"
                       "    const int x = (int)get_global_id(0), y = (int)get_global_id(1), "
                       "z = (int)get_global_id(2);\n    switch (which) {\n");
    for (int i = 0; i < count; i++) {
        if (unit[i].caller != caller)
            continue;
        tw_text_printf(text, "    case %d:\n        %s_%d(x, y, z, n", i, unit[i].entry,
                       unit[i].body);
        put_signature(text, signature, false);
        tw_text_printf(text, "%s);\n        break;\n", unit[i].lifted ? unit[i].values : "");
    }
    tw_text_puts(text, "    }\n}\n");
}

/* Gives units of one signature the same caller, where they may have one; returns how many there
 * are. */
static int find_callers(tw_unit *unit, int count, bool calls)
{
    int callers = 0;
    for (int i = 0; i < count; i++) {
        unit[i].caller = -1;
        for (int j = 0; j < i && unit[i].single && unit[i].caller < 0; j++)
            if (strcmp(unit[j].signature, unit[i].signature) == 0)
                unit[i].caller = unit[j].caller;
        if (calls && unit[i].single && unit[i].caller < 0)
            unit[i].caller = callers++;
    }
    return callers;
}

static bool same_but_sizes(const tw_unit *a, const tw_unit *b)
{
    return a->caller >= 0 && a->caller == b->caller && a->sizes[0] &&
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
    const int callers = find_callers(unit, count, calls);
    find_bodies(unit, count);
    put_head(text);
    for (int i = 0; i < count; i++) {
        unit[i].number = i;
        if (unit[i].body == i)
            put_unit(text, &unit[i], i);
    }
    for (int i = 0; i < callers; i++)
        put_caller(text, unit, count, i);
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

/* Takes a line of the macros apart: into the sizes, if it defines one, else into the rest. */
static void split_line(const char *line, size_t length, const char *list, tw_text *fixed,
                       tw_text *sizes, tw_text *values)
{
    size_t letters;
    const char *name = directive(line, "define", &letters);
    if (!name || name + letters > line + length || name[letters] != ' ' ||
        !in_list(list, name, letters)) {
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
