// SPDX-License-Identifier: Apache-2.0
// Makes few programs of many launches: each distinct pair of kernel file and macros stands once in
// one text.
//
// Building is serial inside drivers, and each program costs anew (PoCL 3.1: 0.3 s each), so all
// goes into one. Entries are told apart by number: KERNEL(gemm) is gemm_3 in the fourth text.
// Whatever a file or its macros define is undefined behind it, but for guards (#ifndef X, #define
// X) of functions that several texts share.
#include "base/hash.h"
#include "schedule/schedule.h"
#include <stdio.h>

/* A kernel file under certain macros. */
typedef struct tw_unit {
    const char *file, *macros, *text;
    uint64_t hash;
    int program; /* that it is built in */
} tw_unit;

typedef struct tw_units {
    int count;
    tw_unit *unit;
    int *of_launch; /* unit of each launch */
} tw_units;

static int find_unit(const tw_units *units, const tw_launch *launch, uint64_t hash)
{
    for (int i = 0; i < units->count; i++)
        if (units->unit[i].hash == hash && strcmp(units->unit[i].file, launch->file) == 0 &&
            strcmp(units->unit[i].macros, launch->macros) == 0)
            return i;
    return -1;
}

static tw_status collect(tw_units *units, tw_arena *arena, int count, tw_launch *const *launches,
                         tw_error *error)
{
    units->unit = tw_arena_alloc(arena, (size_t)TW_MAX(count, 1) * sizeof *units->unit);
    units->of_launch = tw_arena_alloc(arena, (size_t)TW_MAX(count, 1) * sizeof *units->of_launch);
    if (!units->unit || !units->of_launch)
        return tw_fail_memory(error);
    for (int i = 0; i < count; i++) {
        if (launches[i]->product)
            continue;
        const uint64_t hash = tw_hash_text(launches[i]->macros);
        int found = find_unit(units, launches[i], hash);
        if (found < 0) {
            const char *text = tw_kernel_text(launches[i]->file);
            if (!text)
                return tw_fail(error, TW_ERROR_INTERNAL, "%s: there is no kernel file \"%s\"",
                               launches[i]->label, launches[i]->file);
            found = units->count++;
            units->unit[found] = (tw_unit){launches[i]->file, launches[i]->macros, text, hash, 0};
        }
        units->of_launch[i] = found;
    }
    return TW_OK;
}

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
    static const char *const heads[] = {"core/core.cl", "core/tile.cl", "core/random.cl"};
    return index < TW_COUNT(heads) ? heads[index] : NULL;
}

static void put_head(tw_text *text)
{
    for (int i = 0; tw_program_head(i); i++)
        put_file(text, tw_program_head(i), tw_kernel_text(tw_program_head(i)));
}

static void put_unit(tw_text *text, const tw_unit *unit, int number)
{
    tw_text_printf(text, "#line 1 \"macros of %s\"\n#define KERNEL(name) name##_%d\n", unit->file,
                   number);
    tw_text_puts(text, unit->macros);
    tw_text_puts(text, "\n");
    put_file(text, unit->file, unit->text);
    const size_t start = text->length;
    undefine(text, start, unit->macros);
    undefine(text, start, unit->text);
    tw_text_puts(text, "#undef KERNEL\n");
}

/* Builds units from .. to - 1 as one program, the next in the list. */
static tw_status build(tw_programs *programs, const tw_units *units, int from, int to,
                       tw_error *error)
{
    const tw_backend *backend = programs->device->backend;
    tw_text text = {.context = programs->context};
    put_head(&text);
    for (int i = from; i < to; i++)
        put_unit(&text, &units->unit[i], i);
    tw_program *program = NULL;
    const tw_status status = text.failed ? tw_fail_memory(error)
                                         : backend->program_build(programs->device, text.data,
                                                                  text.length, &program, error);
    tw_text_clear(&text);
    if (status != TW_OK)
        return status;
    for (int i = from; i < to; i++)
        units->unit[i].program = programs->n_programs;
    programs->program[programs->n_programs++] = program;
    return TW_OK;
}

/* The whole did not build: each unit by itself, so that those which do not build are known. What
 * builds one by one, but not together, is kept as it is. Another failure than BUILD ends it. */
static tw_status build_singly(tw_programs *programs, const tw_units *units, bool *bad,
                              tw_error *error)
{
    tw_status status = TW_OK;
    for (int i = 0; i < units->count; i++) {
        tw_error cause;
        const tw_status built = build(programs, units, i, i + 1, &cause);
        if (built == TW_OK)
            continue;
        bad[i] = true;
        if (status == TW_OK || built != TW_ERROR_BUILD)
            status = tw_fail(error, built, "%s", cause.text);
        if (built != TW_ERROR_BUILD)
            return status;
    }
    return status;
}

static tw_status make_kernel(const tw_programs *programs, const tw_units *units,
                             const tw_launch *launch, int unit, tw_kernel **kernel, tw_error *error)
{
    const tw_backend *backend = programs->device->backend;
    if (launch->product)
        return backend->product_create(programs->device, launch->product, kernel, error);
    char entry[200];
    snprintf(entry, sizeof entry, "%s_%d", launch->entry, unit);
    return backend->kernel_create(programs->device, programs->program[units->unit[unit].program],
                                  entry, kernel, error);
}

static tw_status make_kernels(tw_programs *programs, const tw_units *units, int count,
                              tw_launch *const *launches, bool *guilty, tw_error *error)
{
    programs->kernel =
        tw_calloc(programs->context, (size_t)TW_MAX(count, 1), sizeof *programs->kernel);
    if (!programs->kernel)
        return tw_fail_memory(error);
    programs->n_kernels = count;
    for (int i = 0; i < count; i++) {
        tw_error cause;
        const tw_status status = make_kernel(programs, units, launches[i], units->of_launch[i],
                                             &programs->kernel[i], &cause);
        if (status == TW_OK)
            continue;
        guilty[i] = status == TW_ERROR_BUILD;
        return tw_fail(error, status, "%s: %s of %s: %.800s", launches[i]->label,
                       launches[i]->entry, launches[i]->file ? launches[i]->file : "the library",
                       cause.text);
    }
    return TW_OK;
}

static tw_status build_all(tw_programs *programs, tw_arena *arena, int count,
                           tw_launch *const *launches, bool *guilty, tw_error *error)
{
    tw_units units = {0};
    TW_TRY(collect(&units, arena, count, launches, error));
    programs->program =
        tw_calloc(programs->context, (size_t)TW_MAX(units.count, 1), sizeof *programs->program);
    bool *bad = tw_arena_alloc(arena, (size_t)TW_MAX(units.count, 1) * sizeof *bad);
    if (!programs->program || !bad)
        return tw_fail_memory(error);
    tw_status status = units.count ? build(programs, &units, 0, units.count, error) : TW_OK;
    if (status == TW_ERROR_BUILD)
        status = build_singly(programs, &units, bad, error);
    for (int i = 0; i < count; i++)
        guilty[i] = !launches[i]->product && bad[units.of_launch[i]];
    return status == TW_OK ? make_kernels(programs, &units, count, launches, guilty, error)
                           : status;
}

tw_status tw_programs_build(tw_context *context, tw_device *device, int count,
                            tw_launch *const *launches, bool *guilty, tw_programs *programs,
                            tw_error *error)
{
    tw_arena arena = {.context = context};
    *programs = (tw_programs){.context = context, .device = device};
    memset(guilty, 0, (size_t)count * sizeof *guilty);
    const tw_status status = build_all(programs, &arena, count, launches, guilty, error);
    tw_arena_free(&arena);
    if (status != TW_OK)
        tw_programs_free(programs);
    return status;
}

void tw_programs_free(tw_programs *programs)
{
    if (!programs->device)
        return;
    const tw_backend *backend = programs->device->backend;
    for (int i = 0; i < programs->n_kernels; i++)
        if (programs->kernel[i])
            backend->kernel_destroy(programs->device, &programs->kernel[i]);
    for (int i = 0; i < programs->n_programs; i++)
        backend->program_destroy(programs->device, &programs->program[i]);
    tw_free(programs->context, programs->kernel);
    tw_free(programs->context, programs->program);
    *programs = (tw_programs){0};
}
