// SPDX-License-Identifier: Apache-2.0
// Makes few programs of many launches: each distinct triple of kernel file, macros and entry stands
// once in one text.
//
// Building is serial inside drivers, and each program costs anew (PoCL 3.1: 0.3 s each), so all
// that is not built yet goes into one.
#include "base/hash.h"
#include "schedule/program_text.h"
#include <stdio.h>

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

/* The kinds of a launch's arguments behind n. */
typedef char signature[TW_MAX_ARGS + 1];

static void sign(const tw_launch *launch, signature out)
{
    static const char letters[] = {[TW_ARG_TENSOR] = TW_SIGN_TENSOR,
                                   [TW_ARG_SEED] = TW_SIGN_SEED,
                                   [TW_ARG_STEP] = TW_SIGN_STEP,
                                   [TW_ARG_LINE] = TW_SIGN_LINE};
    int count = 0;
    for (int a = 0; a < launch->n_args; a++)
        out[count++] = launch->arg[a].kind == TW_ARG_USER ? (char)('0' + launch->arg[a].slot)
                                                          : letters[launch->arg[a].kind];
    out[count] = '\0';
}

/* Whether the caller has what the launch is given. */
static bool caller_fits(const tw_launch *launch)
{
    for (int a = 0; a < launch->n_args; a++)
        if (launch->arg[a].kind == TW_ARG_USER && launch->arg[a].slot >= TW_CALLER_USERS)
            return false;
    return tw_launch_tensors(launch) <= TW_CALLER_TENSORS;
}

static bool is_single(const tw_launch *launch)
{
    const char *text = tw_kernel_text(launch->file);
    return launch->local[0] == 1 && launch->local[1] == 1 && launch->local[2] == 1 && text &&
           strstr(text, "TW_ENTRY") && caller_fits(launch);
}

/* What the launch is one of, but for its program; the texts are the launch's own and `out`. */
static tw_unit unit_of(const tw_launch *launch, signature out)
{
    sign(launch, out);
    return (tw_unit){.file = launch->file,
                     .macros = launch->macros,
                     .entry = launch->entry,
                     .signature = out,
                     .hash = tw_hash_text(launch->macros),
                     .single = is_single(launch)};
}

static int find_unit(const tw_built *built, const tw_unit *unit)
{
    for (int i = 0; i < built->n_units; i++) {
        const tw_unit *other = &built->unit[i];
        if (other->hash == unit->hash && other->single == unit->single &&
            strcmp(other->file, unit->file) == 0 && strcmp(other->entry, unit->entry) == 0 &&
            strcmp(other->signature, unit->signature) == 0 &&
            strcmp(other->macros, unit->macros) == 0)
            return i;
    }
    return -1;
}

static const char *copy(tw_built *built, const char *text)
{
    return tw_arena_text(&built->arena, text, strlen(text));
}

static tw_status add_unit(tw_built *built, const tw_launch *launch, tw_unit unit, tw_error *error)
{
    unit.text = tw_kernel_text(launch->file);
    if (!unit.text)
        return tw_fail(error, TW_ERROR_INTERNAL, "%s: there is no kernel file \"%s\"",
                       launch->label, launch->file);
    unit.file = copy(built, unit.file);
    unit.macros = copy(built, unit.macros);
    unit.entry = copy(built, unit.entry);
    unit.signature = copy(built, unit.signature);
    if (!unit.file || !unit.macros || !unit.entry || !unit.signature ||
        !tw_unit_split(&unit, built->device->caps.calls, &built->arena) ||
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
        signature letters;
        const tw_unit wanted = unit_of(launches[i], letters);
        unit[i] = find_unit(built, &wanted);
        if (unit[i] < 0) {
            unit[i] = built->n_units;
            TW_TRY(add_unit(built, launches[i], wanted, error));
        }
    }
    return TW_OK;
}

/* Builds units from .. to - 1 as one program. */
static tw_status build(tw_built *built, int from, int to, tw_error *error)
{
    if (!tw_grow(built->context, &built->program, &built->program_capacity, built->n_programs,
                 sizeof *built->program))
        return tw_fail_memory(error);
    tw_text text = {.context = built->context};
    tw_program_put(&text, &built->unit[from], to - from, built->device->caps.calls);
    tw_program *program = NULL;
    const tw_status status =
        text.failed ? tw_fail_memory(error)
                    : built->device->backend->program_build(built->device, text.data, text.length,
                                                            &program, error);
    tw_text_clear(&text);
    if (status != TW_OK)
        return status;
    for (int i = from; i < to; i++)
        built->unit[i].program = program;
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

/* Where the arguments of a launch stand in the caller's block, or among its pointers. */
static int arrange(const tw_launch *launch, int *place)
{
    int count = 0, tensors = 0;
    place[count++] = TW_CALLER_N;
    for (int a = 0; a < launch->n_args; a++)
        switch (launch->arg[a].kind) {
        case TW_ARG_TENSOR:
            place[count++] = tensors++;
            break;
        case TW_ARG_SEED:
            place[count++] = TW_CALLER_SEED;
            place[count++] = TW_CALLER_SEED + 1;
            break;
        case TW_ARG_STEP:
            place[count++] = TW_CALLER_STEP;
            break;
        case TW_ARG_LINE:
            place[count++] = TW_CALLER_LINE;
            break;
        case TW_ARG_USER:
            place[count++] = TW_CALLER_USER + launch->arg[a].slot;
            break;
        }
    return count;
}

/* The caller in a program, made to do one thing. */
static tw_status make_caller(const tw_built *built, tw_program *program, int which,
                             const char *name, int n_args, const int *place, tw_kernel **kernel,
                             tw_error *error)
{
    const tw_backend *backend = built->device->backend;
    tw_arrangement arrangement = {.pointers = TW_CALLER_TENSORS,
                                  .offsets = TW_CALLER_OFFSET,
                                  .n_args = n_args,
                                  .place = place};
    arrangement.block[TW_CALLER_WHICH] = (uint32_t)which;
    TW_TRY(backend->kernel_create(built->device, program, TW_CALLER, kernel, error));
    const tw_status status = backend->kernel_arrange(*kernel, &arrangement, name, error);
    if (status != TW_OK)
        backend->kernel_destroy(built->device, kernel);
    return status;
}

static tw_status make_kernel(const tw_built *built, const tw_launch *launch, int number,
                             tw_kernel **kernel, tw_error *error)
{
    const tw_backend *backend = built->device->backend;
    if (launch->product)
        return backend->product_create(built->device, launch->product, kernel, error);
    const tw_unit *unit = &built->unit[number];
    char entry[200];
    snprintf(entry, sizeof entry, "%s_%d", unit->entry, unit->number);
    if (!unit->called)
        return backend->kernel_create(built->device, unit->program, entry, kernel, error);
    int place[1 + 2 * TW_MAX_ARGS];
    const int count = arrange(launch, place);
    const int many = tw_launch_tensors(launch) > TW_CALLER_FEW ? TW_CALLER_MANY : 0;
    return make_caller(built, unit->program, unit->number + many, entry, count, place, kernel,
                       error);
}

static tw_status make_kernels(tw_programs *programs, const int *unit, int count,
                              tw_launch *const *launches, bool *guilty, tw_error *error)
{
    const tw_built *built = programs->built;
    programs->kernel =
        tw_calloc(built->context, (size_t)TW_MAX(count, 1), sizeof *programs->kernel);
    programs->called =
        tw_calloc(built->context, (size_t)TW_MAX(count, 1), sizeof *programs->called);
    if (!programs->kernel || !programs->called)
        return tw_fail_memory(error);
    programs->n_kernels = count;
    for (int i = 0; i < count; i++) {
        const tw_unit *of = launches[i]->product ? NULL : &built->unit[unit[i]];
        if (of && of->called)
            programs->called[i] = (tw_called){of->program, of->number};
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

tw_status tw_programs_chain(const tw_programs *programs, int first, int count, int n_args,
                            const int *place, const char *name, tw_kernel **kernel, tw_error *error)
{
    return make_caller(programs->built, programs->called[first].program, -count, name, n_args,
                       place, kernel, error);
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
    tw_free(built->context, programs->called);
    *programs = (tw_programs){0};
}
