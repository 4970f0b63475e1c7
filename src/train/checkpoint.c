// SPDX-License-Identifier: Apache-2.0
// Checkpoints: a folder with model.tw, weights.safetensors and state.safetensors. The state holds
// everything that a resume needs, the weights too, so that one rename decides which epoch a folder
// stands at: a crash between two files leaves a state that is whole. weights.safetensors is what
// others read, and with keep_best another epoch's.
#include <inttypes.h>
#include <stdio.h>

#include "format/safetensors.h"
#include "train/trainer.h"

#define VERSION "1" /* of state.safetensors: others are refused */

/* ---- a buffer laid out as the parameters, as an array of a file ---- */

/* Host memory for it. The host device computes in double, which the format has no writable type
 * for: its elements are eight bytes each. */
static tw_status array_create(const tw_trainer *t, tw_array *array, tw_error *error)
{
    const bool wide = tw_caps_type_size(&t->caps, TW_F32) == sizeof(double);
    *array = (tw_array){.type = wide ? TW_U8 : TW_F32, .rank = wide ? 2 : 1};
    array->dim[0] = t->params->table.elements;
    array->dim[1] = wide ? (int64_t)sizeof(double) : 0;
    array->data =
        tw_alloc(t->context, (size_t)array->dim[0] * (wide ? sizeof(double) : sizeof(float)));
    return array->data ? TW_OK : tw_fail_memory(error);
}

static size_t element_bytes(const tw_array *array)
{
    return array->type == TW_U8 ? sizeof(double) : sizeof(float);
}

/* What lies between the parameters is nobody's, and must not make files differ. */
static void clear_gaps(const tw_param_table *table, const tw_array *array)
{
    const size_t size = element_bytes(array);
    int64_t at = 0;
    for (int i = 0; i <= table->count; i++) {
        const int64_t next = i < table->count ? table->slot[i].offset : table->elements;
        if (next > at)
            memset((char *)array->data + (size_t)at * size, 0, (size_t)(next - at) * size);
        at = i < table->count ? next + table->slot[i].count : next;
    }
}

static tw_status array_read(const tw_trainer *t, tw_buffer *buffer, tw_array *array,
                            tw_error *error)
{
    const tw_backend *backend = t->params->device->backend;
    TW_TRY(array_create(t, array, error));
    TW_TRY(backend->read(t->params->queue, buffer, 0,
                         (uint64_t)array->dim[0] * element_bytes(array), array->data, 0, NULL, NULL,
                         error));
    TW_TRY(backend->finish(t->params->queue, error));
    clear_gaps(&t->params->table, array);
    return TW_OK;
}

/* Into the device's buffer, from a file of the same or of the other kind of device. */
static tw_status array_write(const tw_trainer *t, const tw_array *from, tw_buffer *buffer,
                             tw_error *error)
{
    const tw_backend *backend = t->params->device->backend;
    tw_array to;
    TW_TRY(tw_params_claim(t->params, error));
    TW_TRY(array_create(t, &to, error));
    const size_t bytes = (size_t)to.dim[0] * element_bytes(&to);
    if (to.type == from->type)
        memcpy(to.data, from->data, bytes);
    for (int64_t i = 0; to.type != from->type && i < to.dim[0]; i++) {
        double wide; /* bytes of a file are not aligned for it */
        if (to.type == TW_F32) {
            memcpy(&wide, (const char *)from->data + (size_t)i * sizeof wide, sizeof wide);
            ((float *)to.data)[i] = (float)wide;
        } else {
            ((double *)to.data)[i] = (double)((const float *)from->data)[i];
        }
    }
    tw_status status =
        backend->write(t->params->queue, buffer, 0, bytes, to.data, 0, NULL, NULL, error);
    if (status == TW_OK)
        status = backend->finish(t->params->queue, error);
    tw_free(t->context, to.data);
    return status;
}

/* ---- writing ---- */

typedef struct state_file {
    tw_arena arena;
    int count, n_metadata;
    tw_safetensors_entry *entry;
    tw_safetensors_pair *metadata;
} state_file;

static bool add_pair(state_file *f, const char *key, const char *value)
{
    if (!key || !value)
        return false;
    f->metadata[f->n_metadata++] = (tw_safetensors_pair){key, value};
    return true;
}

static bool add_integer(state_file *f, const char *key, int64_t value)
{
    return add_pair(f, key, tw_arena_printf(&f->arena, "%" PRId64, value));
}

static bool add_double(state_file *f, const char *key, double value)
{
    return add_pair(f, key, tw_arena_printf(&f->arena, "%.17g", value));
}

static const char *line_key(state_file *f, int line, const char *name)
{
    return tw_arena_printf(&f->arena, "line.%d.%s", line, name);
}

/* The choices of a runner, one a line. */
static const char *choices_text(tw_arena *arena, const tw_runner *runner)
{
    const char *text = "";
    for (const char *const *c = tw_runner_choices(runner); c && *c && text; c++)
        text = tw_arena_printf(arena, "%s%s\n", text, *c);
    return text;
}

static bool add_line(state_file *f, const tw_trainer *t, const tw_line *line)
{
    bool fine =
        add_integer(f, line_key(f, line->index, "step"), (int64_t)line->step) &&
        add_integer(f, line_key(f, line->index, "samples"), line->samples) &&
        add_pair(f, line_key(f, line->index, "choices"), choices_text(&f->arena, line->runner));
    for (int v = 0; v < line->n_sums && fine; v++) {
        const char *key = tw_arena_printf(&f->arena, "line.%d.sum.%d", line->index, v);
        fine = add_double(f, key, t->sum[line->first_sum + v]);
    }
    return fine;
}

static bool add_metadata(state_file *f, const tw_trainer *t)
{
    const tw_course *course = &t->course;
    bool fine =
        add_pair(f, "thalweg.state", VERSION) && add_integer(f, "lines", t->n_lines) &&
        add_pair(f, "seed", tw_arena_printf(&f->arena, "%" PRIu64, t->options.seed)) &&
        add_integer(f, "epoch", course->epoch) && add_integer(f, "batches", course->batches) &&
        add_integer(f, "stale", course->stale) && add_double(f, "best", course->best) &&
        add_integer(f, "batch", t->options.batch) && add_integer(f, "count", course->count) &&
        add_integer(f, "no_shuffle", course->no_shuffle);
    for (int i = 0; i < t->n_lines && fine; i++)
        fine = add_line(f, t, &t->line[i]);
    if (fine && t->evaluator.runner)
        fine = add_pair(f, "test.choices", choices_text(&f->arena, t->evaluator.runner));
    return fine;
}

static tw_status add_buffer(state_file *f, const tw_trainer *t, const char *name, tw_buffer *buffer,
                            tw_error *error)
{
    tw_safetensors_entry *entry = &f->entry[f->count];
    if (!(entry->name = name))
        return tw_fail_memory(error);
    f->count++;
    return array_read(t, buffer, &entry->array, error);
}

static tw_status fill_state(state_file *f, const tw_trainer *t, tw_error *error)
{
    const size_t tensors = 1 + (size_t)t->n_lines * TW_MAX_STATES;
    const size_t pairs = 16 + (size_t)t->n_lines * 3 + (size_t)t->n_sums;
    f->entry = tw_arena_alloc(&f->arena, tensors * sizeof *f->entry);
    f->metadata = tw_arena_alloc(&f->arena, pairs * sizeof *f->metadata);
    if (!f->entry || !f->metadata || !add_metadata(f, t))
        return tw_fail_memory(error);
    TW_TRY(add_buffer(f, t, "parameters", t->params->buffer, error));
    for (int i = 0; i < t->n_lines; i++)
        for (int k = 0; k < TW_MAX_STATES; k++) {
            const tw_line *line = &t->line[i];
            if (line->optimizer.has_state[k])
                TW_TRY(add_buffer(f, t, line_key(f, i, line->optimizer.kind->state[k]),
                                  tw_updater_state(&line->updater, k), error));
        }
    return TW_OK;
}

static tw_status write_state(const tw_trainer *t, const char *folder, tw_error *error)
{
    state_file f = {.arena.context = t->context};
    tw_text path;
    TW_TRY(tw_path(t->context, folder, "state.safetensors", &path, error));
    tw_status status = fill_state(&f, t, error);
    if (status == TW_OK)
        status = tw_safetensors_write(t->context, path.data, f.count, f.entry, f.n_metadata,
                                      f.metadata, error);
    for (int i = 0; i < f.count; i++)
        tw_free(t->context, f.entry[i].array.data);
    tw_arena_free(&f.arena);
    tw_text_clear(&path);
    return status;
}

tw_status tw_checkpoint_write(tw_trainer *trainer, const char *folder, bool weights,
                              tw_error *error)
{
    tw_text path;
    TW_TRY(tw_make_folder(trainer->context, folder, error));
    TW_TRY(tw_path(trainer->context, folder, "model.tw", &path, error));
    tw_status status =
        tw_write_file(trainer->context, path.data, trainer->model, strlen(trainer->model), error);
    tw_text_clear(&path);
    if (status == TW_OK && weights) {
        TW_TRY(tw_path(trainer->context, folder, "weights.safetensors", &path, error));
        status = tw_params_save(trainer->params, path.data, error);
        tw_text_clear(&path);
    }
    return status == TW_OK ? write_state(trainer, folder, error) : status;
}

tw_status tw_trainer_save(tw_trainer *trainer, const char *folder, tw_error *error)
{
    if (trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a trainer made with evaluate_only has no state to save");
    TW_TRY(tw_trainer_finish(trainer, error));
    return tw_checkpoint_write(trainer, folder, true, error);
}

/* ---- reading ---- */

typedef struct reader {
    const tw_safetensors *file;
    const char *folder;
    tw_status status; /* sticky */
    tw_error *error;
} reader;

static const char *text_of(reader *r, const char *key)
{
    const char *value = tw_safetensors_metadata(r->file, key);
    if (!value && r->status == TW_OK)
        r->status = tw_fail(r->error, TW_ERROR_FORMAT,
                            "%s/state.safetensors has no \"%s\": it is damaged", r->folder, key);
    return value;
}

static int64_t integer_of(reader *r, const char *key)
{
    int64_t value = 0;
    const char *text = text_of(r, key);
    if (text && r->status == TW_OK && (!tw_parse_int(text, strlen(text), &value) || value < 0))
        r->status =
            tw_fail(r->error, TW_ERROR_FORMAT,
                    "%s/state.safetensors: \"%s\" is no count but \"%.40s\"", r->folder, key, text);
    return value;
}

static double double_of(reader *r, const char *key)
{
    double value = 0;
    const char *text = text_of(r, key);
    if (text && r->status == TW_OK && !tw_parse_double(text, strlen(text), &value))
        r->status = tw_fail(r->error, TW_ERROR_FORMAT,
                            "%s/state.safetensors: \"%s\" is no number but \"%.40s\"", r->folder,
                            key, text);
    return value;
}

static uint64_t seed_of(reader *r)
{
    const char *text = text_of(r, "seed");
    uint64_t seed = 0;
    for (; text && *text >= '0' && *text <= '9'; text++)
        seed = seed * 10 + (uint64_t)(*text - '0');
    return seed;
}

static tw_status open_state(tw_context *context, const char *folder, tw_safetensors **file,
                            tw_error *error)
{
    tw_text path;
    TW_TRY(tw_path(context, folder, "state.safetensors", &path, error));
    const tw_status status = tw_safetensors_read(context, path.data, file, error);
    tw_text_clear(&path);
    if (status != TW_OK)
        return status;
    const char *version = tw_safetensors_metadata(*file, "thalweg.state");
    if (version && strcmp(version, VERSION) == 0)
        return TW_OK;
    tw_safetensors_free(file);
    if (!version)
        return tw_fail(error, TW_ERROR_FORMAT, "%s/state.safetensors was not written by thalweg",
                       folder);
    return tw_fail(
        error, TW_ERROR_FORMAT,
        "%s/state.safetensors is of another version of thalweg: it can only be resumed by that one "
        "(its weights.safetensors can be used with --weights)",
        folder);
}

tw_status tw_checkpoint_read(tw_context *context, const char *folder, tw_checkpoint *checkpoint,
                             tw_error *error)
{
    tw_safetensors *file = NULL;
    if (!context || !folder || !checkpoint)
        return tw_fail(error, TW_ERROR_ARGUMENT, "tw_checkpoint_read: no argument may be NULL");
    TW_TRY(open_state(context, folder, &file, error));
    reader r = {.file = file, .folder = folder, .error = error};
    const tw_checkpoint found = {
        .epoch = integer_of(&r, "epoch"),
        .step = integer_of(&r, "line.0.step"),
        .batch = integer_of(&r, "batch"),
        .seed = seed_of(&r),
        .no_shuffle = integer_of(&r, "no_shuffle") != 0,
    };
    tw_safetensors_free(&file);
    if (r.status == TW_OK)
        *checkpoint = found;
    return r.status;
}

/* The tensor of that name, which must have the size of the parameters' buffer. */
static const tw_array *buffer_of(reader *r, const tw_trainer *t, const char *name)
{
    const tw_safetensors_tensor *tensor = name ? tw_safetensors_find(r->file, name) : NULL;
    if (tensor && tensor->array.dim[0] == t->params->table.elements &&
        ((tensor->array.rank == 1 && tensor->array.type == TW_F32) ||
         (tensor->array.rank == 2 && tensor->array.type == TW_U8 &&
          tensor->array.dim[1] == (int64_t)sizeof(double))))
        return &tensor->array;
    if (r->status == TW_OK)
        r->status =
            name ? tw_fail(
                       r->error, TW_ERROR_FORMAT,
                       "%s/state.safetensors: \"%s\" is missing or has another size: it is damaged",
                       r->folder, name)
                 : tw_fail_memory(r->error);
    return NULL;
}

static tw_status check_model(tw_trainer *t, const char *folder, tw_error *error)
{
    tw_text path;
    char *text = NULL;
    size_t length = 0;
    TW_TRY(tw_path(t->context, folder, "model.tw", &path, error));
    const tw_status status = tw_read_file(t->context, path.data, 0, &text, &length, error);
    tw_text_clear(&path);
    TW_TRY(status);
    const bool same = strcmp(text, t->model) == 0;
    tw_free(t->context, text);
    return same ? TW_OK
                : tw_fail(error, TW_ERROR_ARGUMENT,
                          "%s/model.tw is another model than the one to train: resume with the "
                          "same model, or take its "
                          "weights alone with --weights %s/weights.safetensors",
                          folder, folder);
}

/* Everything that a state says but its tensors, checked before anything is changed. */
typedef struct restored {
    tw_course course;
    uint64_t seed;
    int64_t *step, *samples; /* by line */
    double *sum;
    const char **choices;
} restored;

static tw_status read_counters(reader *r, tw_trainer *t, tw_arena *arena, restored *s)
{
    s->step = tw_arena_alloc(arena, (size_t)t->n_lines * sizeof *s->step);
    s->samples = tw_arena_alloc(arena, (size_t)t->n_lines * sizeof *s->samples);
    s->sum = tw_arena_alloc(arena, (size_t)t->n_sums * sizeof *s->sum);
    s->choices = tw_arena_alloc(&t->arena, (size_t)(t->n_lines + 1) * sizeof *s->choices);
    if (!s->step || !s->samples || !s->sum || !s->choices)
        return tw_fail_memory(r->error);
    if (integer_of(r, "lines") != t->n_lines && r->status == TW_OK)
        return tw_fail(r->error, TW_ERROR_FORMAT,
                       "%s/state.safetensors is of another number of train lines", r->folder);
    s->seed = seed_of(r);
    s->course = (tw_course){.epoch = integer_of(r, "epoch"),
                            .batches = integer_of(r, "batches"),
                            .stale = integer_of(r, "stale"),
                            .best = double_of(r, "best"),
                            .batch = integer_of(r, "batch"),
                            .count = integer_of(r, "count"),
                            .no_shuffle = integer_of(r, "no_shuffle") != 0};
    for (int i = 0; i < t->n_lines && r->status == TW_OK; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "line.%d.step", i);
        s->step[i] = integer_of(r, key);
        (void)snprintf(key, sizeof key, "line.%d.samples", i);
        s->samples[i] = integer_of(r, key);
        (void)snprintf(key, sizeof key, "line.%d.choices", i);
        s->choices[i] = text_of(r, key);
        for (int v = 0; v < t->line[i].n_sums; v++) {
            (void)snprintf(key, sizeof key, "line.%d.sum.%d", i, v);
            s->sum[t->line[i].first_sum + v] = double_of(r, key);
        }
    }
    s->choices[t->n_lines] = tw_safetensors_metadata(r->file, "test.choices");
    return r->status;
}

static bool choices_differ(tw_trainer *t, tw_arena *arena, const restored *s)
{
    bool differ = false;
    for (int i = 0; i < t->n_lines; i++) {
        const char *own = choices_text(arena, t->line[i].runner);
        differ = differ || !own || strcmp(own, s->choices[i]) != 0;
    }
    return differ;
}

/* The recorded choices of kernels are obeyed, so that the sums are done in the same order. */
static tw_status obey_choices(tw_trainer *t, tw_arena *arena, const restored *s, tw_error *error)
{
    if (s->choices[t->n_lines]) {
        tw_evaluator_destroy(t);
        const char *text = s->choices[t->n_lines];
        if (!(t->choices[t->n_lines] = tw_arena_text(&t->arena, text, strlen(text))))
            return tw_fail_memory(error);
    }
    if (!choices_differ(t, arena, s))
        return TW_OK;
    for (int i = 0; i < t->n_lines; i++)
        if (!(t->choices[i] = tw_arena_text(&t->arena, s->choices[i], strlen(s->choices[i]))))
            return tw_fail_memory(error);
    tw_lines_destroy(t);
    return tw_lines_create(t, error);
}

static tw_status restore_buffers(reader *r, tw_trainer *t, tw_arena *arena, bool check)
{
    const tw_array *array = buffer_of(r, t, "parameters");
    if (array && !check)
        r->status = array_write(t, array, t->params->buffer, r->error);
    for (int i = 0; i < t->n_lines; i++)
        for (int k = 0; k < TW_MAX_STATES && r->status == TW_OK; k++) {
            const tw_line *line = &t->line[i];
            if (!line->optimizer.has_state[k])
                continue;
            array = buffer_of(
                r, t, tw_arena_printf(arena, "line.%d.%s", i, line->optimizer.kind->state[k]));
            if (array && !check)
                r->status = array_write(t, array, tw_updater_state(&line->updater, k), r->error);
        }
    if (!check)
        t->params->version++;
    return r->status;
}

static tw_status resume(tw_trainer *t, reader *r, tw_arena *arena, tw_error *error)
{
    restored s = {.seed = 0};
    TW_TRY(read_counters(r, t, arena, &s));
    TW_TRY(restore_buffers(r, t, arena, true));
    TW_TRY(obey_choices(t, arena, &s, error));
    TW_TRY(restore_buffers(r, t, arena, false));
    t->course = s.course;
    t->options.seed = s.seed;
    memcpy(t->sum, s.sum, (size_t)t->n_sums * sizeof *t->sum);
    for (int i = 0; i < t->n_lines; i++) {
        t->line[i].step = t->line[i].received = (uint64_t)s.step[i];
        t->line[i].samples = s.samples[i];
    }
    t->bad_line = -1;
    return TW_OK;
}

tw_status tw_trainer_resume(tw_trainer *trainer, const char *folder, tw_error *error)
{
    tw_safetensors *file = NULL;
    if (trainer->options.evaluate_only)
        return tw_fail(error, TW_ERROR_ARGUMENT,
                       "a trainer made with evaluate_only cannot resume: load its weights");
    (void)tw_trainer_finish(trainer, NULL); /* whatever came of what is thrown away now */
    TW_TRY(check_model(trainer, folder, error));
    TW_TRY(open_state(trainer->context, folder, &file, error));
    reader r = {.file = file, .folder = folder, .error = error};
    tw_arena arena = {.context = trainer->context};
    const tw_status status = resume(trainer, &r, &arena, error);
    tw_arena_free(&arena);
    tw_safetensors_free(&file);
    return status;
}
