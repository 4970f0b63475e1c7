// SPDX-License-Identifier: Apache-2.0
// Makes few programs of many launches: each distinct pair of kernel file and macros stands once in
// one text.
//
// Building is serial inside drivers, and each program costs anew (PoCL 3.1: 0.3 s each), so all
// that is not built yet goes into one. Entries are told apart by number: KERNEL(gemm) is gemm_3 in
// the fourth text. Whatever a file or its macros define is undefined behind it, but for guards
// (#ifndef X, #define X) of functions that several texts share.
#include "base/hash.h"
#include "schedule/schedule.h"
#include <stdio.h>

/* A kernel file under certain macros. */
typedef struct tw_unit {
    const char *file, *macros, *text;
    uint64_t hash;
    tw_program *program; /* that it is built in; NULL: not yet */
    int number;          /* of its entries in there */
} tw_unit;

struct tw_built {
    tw_context *context;
    tw_device *device;
    tw_arena arena; /* units' texts */
    int n_units, unit_capacity;
    tw_unit *unit;
    int n_programs, program_capacity;
    tw_program **program;
};

tw_built *tw_built_create(tw_context *context, tw_device *device)
{
    tw_built *built = tw_calloc(context, 1, sizeof *built);
    if (built)
        *built = (tw_built){.context = context, .device = device, .arena = {.context = context}};
    return built;
}

void tw_built_destroy(tw_built **built)
{
    if (!*built)
        return;
    tw_built *b = *built;
    for (int i = 0; i < b->n_programs; i++)
        b->device->backend->program_destroy(b->device, &b->program[i]);
    tw_free(b->context, b->program);
    tw_free(b->context, b->unit);
    tw_arena_free(&b->arena);
    tw_free(b->context, b);
    *built = NULL;
}

static int find_unit(const tw_built *built, const tw_launch *launch, uint64_t hash)
{
    for (int i = 0; i < built->n_units; i++)
        if (built->unit[i].hash == hash && strcmp(built->unit[i].file, launch->file) == 0 &&
            strcmp(built->unit[i].macros, launch->macros) == 0)
            return i;
    return -1;
}

static tw_status add_unit(tw_built *built, const tw_launch *launch, uint64_t hash, tw_error *error)
{
    const char *text = tw_kernel_text(launch->file);
    if (!text)
        return tw_fail(error, TW_ERROR_INTERNAL, "%s: there is no kernel file \"%s\"",
                       launch->label, launch->file);
    tw_unit unit = {.text = text, .hash = hash};
    unit.file = tw_arena_text(&built->arena, launch->file, strlen(launch->file));
    unit.macros = tw_arena_text(&built->arena, launch->macros, strlen(launch->macros));
    if (!unit.file || !unit.macros ||
        !tw_grow(built->context, &built->unit, &built->unit_capacity, built->n_units, sizeof unit))
        return tw_fail_memory(error);
    built->unit[built->n_units++] = unit;
    return TW_OK;
}

/* The unit of each launch; those that are new stand last, without a program. */
static tw_status collect(tw_built *built, int count, tw_launch *const *launches, int *unit,
                         tw_error *error)
{
    for (int i = 0; i < count; i++) {
        if (launches[i]->product)
            continue;
        const uint64_t hash = tw_hash_text(launches[i]->macros);
        unit[i] = find_unit(built, launches[i], hash);
        if (unit[i] < 0) {
            unit[i] = built->n_units;
            TW_TRY(add_unit(built, launches[i], hash, error));
        }
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
    static const char *const heads[] = {"core/core.cl", "core/tile.cl", "core/activation.cl",
                                        "core/random.cl", "core/winograd.cl"};
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

/* Builds units from .. to - 1 as one program. */
static tw_status build(tw_built *built, int from, int to, tw_error *error)
{
    if (!tw_grow(built->context, &built->program, &built->program_capacity, built->n_programs,
                 sizeof *built->program))
        return tw_fail_memory(error);
    tw_text text = {.context = built->context};
    put_head(&text);
    for (int i = from; i < to; i++)
        put_unit(&text, &built->unit[i], i - from);
    tw_program *program = NULL;
    const tw_status status =
        text.failed ? tw_fail_memory(error)
                    : built->device->backend->program_build(built->device, text.data, text.length,
                                                            &program, error);
    tw_text_clear(&text);
    if (status != TW_OK)
        return status;
    for (int i = from; i < to; i++) {
        built->unit[i].program = program;
        built->unit[i].number = i - from;
    }
    built->program[built->n_programs++] = program;
    return TW_OK;
}

/* The whole did not build: each unit by itself, so that those which do not build are known. What
 * builds one by one, but not together, is kept as it is. Another failure than BUILD ends it. */
static tw_status build_singly(tw_built *built, int from, tw_error *error)
{
    tw_status status = TW_OK;
    for (int i = from; i < built->n_units; i++) {
        tw_error cause;
        const tw_status done = build(built, i, i + 1, &cause);
        if (done == TW_OK)
            continue;
        if (status == TW_OK || done != TW_ERROR_BUILD)
            status = tw_fail(error, done, "%s", cause.text);
        if (done != TW_ERROR_BUILD)
            return status;
    }
    return status;
}

/* Forgets units that are not built; they stand at from or behind it. */
static void drop_unbuilt(tw_built *built, int from)
{
    int kept = from;
    for (int i = from; i < built->n_units; i++)
        if (built->unit[i].program)
            built->unit[kept++] = built->unit[i];
    built->n_units = kept;
}

static tw_status make_kernel(const tw_built *built, const tw_launch *launch, int unit,
                             tw_kernel **kernel, tw_error *error)
{
    const tw_backend *backend = built->device->backend;
    if (launch->product)
        return backend->product_create(built->device, launch->product, kernel, error);
    char entry[200];
    snprintf(entry, sizeof entry, "%s_%d", launch->entry, built->unit[unit].number);
    return backend->kernel_create(built->device, built->unit[unit].program, entry, kernel, error);
}

static tw_status make_kernels(tw_programs *programs, const int *unit, int count,
                              tw_launch *const *launches, bool *guilty, tw_error *error)
{
    const tw_built *built = programs->built;
    programs->kernel =
        tw_calloc(built->context, (size_t)TW_MAX(count, 1), sizeof *programs->kernel);
    if (!programs->kernel)
        return tw_fail_memory(error);
    programs->n_kernels = count;
    for (int i = 0; i < count; i++) {
        tw_error cause;
        const tw_status status =
            make_kernel(built, launches[i], unit[i], &programs->kernel[i], &cause);
        if (status == TW_OK)
            continue;
        guilty[i] = status == TW_ERROR_BUILD;
        return tw_fail(error, status, "%s: %s of %s: %.800s", launches[i]->label,
                       launches[i]->entry, launches[i]->file ? launches[i]->file : "the library",
                       cause.text);
    }
    return TW_OK;
}

static tw_status build_new(tw_programs *programs, int count, tw_launch *const *launches, int *unit,
                           bool *guilty, tw_error *error)
{
    tw_built *built = programs->built;
    const int from = built->n_units;
    tw_status status = collect(built, count, launches, unit, error);
    if (status == TW_OK && built->n_units > from) {
        status = build(built, from, built->n_units, error);
        if (status == TW_ERROR_BUILD)
            status = build_singly(built, from, error);
    }
    for (int i = 0; i < count && status == TW_ERROR_BUILD; i++)
        guilty[i] = !launches[i]->product && !built->unit[unit[i]].program;
    if (status == TW_OK)
        status = make_kernels(programs, unit, count, launches, guilty, error);
    drop_unbuilt(built, from);
    return status;
}

tw_status tw_programs_build(tw_built *built, int count, tw_launch *const *launches, bool *guilty,
                            tw_programs *programs, tw_error *error)
{
    *programs = (tw_programs){.built = built};
    memset(guilty, 0, (size_t)count * sizeof *guilty);
    int *unit = tw_calloc(built->context, (size_t)TW_MAX(count, 1), sizeof *unit);
    const tw_status status =
        unit ? build_new(programs, count, launches, unit, guilty, error) : tw_fail_memory(error);
    tw_free(built->context, unit);
    if (status != TW_OK)
        tw_programs_free(programs);
    return status;
}

void tw_programs_free(tw_programs *programs)
{
    if (!programs->built)
        return;
    const tw_built *built = programs->built;
    for (int i = 0; i < programs->n_kernels; i++)
        if (programs->kernel[i])
            built->device->backend->kernel_destroy(built->device, &programs->kernel[i]);
    tw_free(built->context, programs->kernel);
    *programs = (tw_programs){0};
}
