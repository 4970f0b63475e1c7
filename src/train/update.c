// SPDX-License-Identifier: Apache-2.0
// An optimizer's tables, states and launches. The parameters lie in one buffer, so that a step is
// one launch: a work-group takes a chunk of one parameter, whose penalties and clipping factor
// stand in the tables.
#include "train/update.h"

#include <math.h>

/* Elements a chunk: enough work for a group, few enough that small networks occupy every core. */
#define CHUNK 4096

enum {
    CHUNKS,
    RANGES,
    SEGMENTS,
    STATES
}; /* places in tw_updater.buffer, and numbers of external buffers */

double tw_parameter_number(const tw_call *parameter, const char *name, double otherwise)
{
    for (int i = 0; parameter->op->attributes && parameter->op->attributes[i].name; i++)
        if (strcmp(parameter->op->attributes[i].name, name) == 0 && !parameter->attr[i].absent)
            return parameter->attr[i].f;
    return otherwise;
}

static tw_status find_segments(tw_updater *u, const bool *has_gradient, tw_error *error)
{
    const tw_param_table *table = &u->params->table;
    u->segment = tw_calloc(u->params->context, (size_t)table->count + 1, sizeof *u->segment);
    if (!u->segment)
        return tw_fail_memory(error);
    for (int i = 0; i < table->count; i++) {
        const tw_param_slot *slot = &table->slot[i];
        if (!has_gradient[i] || !slot->trainable || slot->count == 0)
            continue;
        u->segment[u->n_segments++] = (tw_segment){
            .slot = i,
            .l1 = tw_parameter_number(slot->call, "l1", 0),
            .l2 = tw_parameter_number(slot->call, "l2", 0),
            .lr = tw_parameter_number(slot->call, "lr", 1),
            .decays = !u->optimizer->no_decay || !tw_match(u->optimizer->no_decay, slot->name),
        };
        u->n_chunks += (int)((slot->count + CHUNK - 1) / CHUNK);
    }
    if (u->n_segments == 0)
        return tw_fail(error, TW_ERROR_NAME,
                       "there is nothing to train: no trainable parameter that params= matches "
                       "reaches the loss");
    return TW_OK;
}

static bool regularised(const tw_updater *u)
{
    for (int s = 0; s < u->n_segments; s++)
        if (u->segment[s].l1 != 0 || u->segment[s].l2 != 0)
            return true;
    return false;
}

/* A buffer of the device, made if it is not there, filled from host memory. bytes: as the device
 * stores them. */
static tw_status filled_buffer(tw_params *params, const void *data, uint64_t bytes,
                               tw_buffer **buffer, tw_error *error)
{
    tw_device *device = params->device;
    if (!*buffer)
        TW_TRY(device->backend->buffer_create(device, bytes, buffer, error));
    TW_TRY(device->backend->write(params->queue, *buffer, 0, bytes, data, 0, NULL, NULL, error));
    return device->backend->finish(params->queue, error);
}

/* The same from `count` numbers, stored as the device stores f32. */
static tw_status filled_floats(tw_params *params, const double *data, uint64_t count,
                               tw_buffer **buffer, tw_error *error)
{
    if (tw_caps_type_size(&params->device->caps, TW_F32) == sizeof(double))
        return filled_buffer(params, data, count * sizeof(double), buffer, error);
    float *narrow = tw_alloc(params->context, (size_t)count * sizeof *narrow);
    if (!narrow)
        return tw_fail_memory(error);
    for (uint64_t i = 0; i < count; i++)
        narrow[i] = (float)data[i];
    const tw_status status = filled_buffer(params, narrow, count * sizeof *narrow, buffer, error);
    tw_free(params->context, narrow);
    return status;
}

static tw_status fill_segments(tw_updater *u, tw_error *error)
{
    double *row = tw_calloc(u->params->context, (size_t)u->n_segments, 4 * sizeof *row);
    if (!row)
        return tw_fail_memory(error);
    for (int s = 0; s < u->n_segments; s++) {
        row[4 * s] = u->segment[s].l1;
        row[4 * s + 1] = 2 * u->segment[s].l2;
        row[4 * s + 2] = u->segment[s].decays ? u->segment[s].lr : 0;
        row[4 * s + 3] = u->segment[s].lr;
    }
    const tw_status status =
        filled_floats(u->params, row, 4 * (uint64_t)u->n_segments, &u->buffer[SEGMENTS], error);
    tw_free(u->params->context, row);
    return status;
}

static tw_status fill_chunks(tw_updater *u, tw_error *error)
{
    const size_t chunk_bytes = 4 * (size_t)u->n_chunks * sizeof(int32_t);
    const size_t range_bytes = 2 * (size_t)u->n_segments * sizeof(int32_t);
    int32_t *chunk = tw_calloc(u->params->context, 1, chunk_bytes + range_bytes);
    if (!chunk)
        return tw_fail_memory(error);
    int32_t *range = chunk + 4 * (size_t)u->n_chunks;
    int at = 0;
    for (int s = 0; s < u->n_segments; s++) {
        const tw_param_slot *slot = &u->params->table.slot[u->segment[s].slot];
        range[2 * s] = at;
        for (int64_t done = 0; done < slot->count; done += CHUNK, at++) {
            chunk[4 * at] = (int32_t)(slot->offset + done);
            chunk[4 * at + 1] = (int32_t)TW_MIN(slot->count - done, CHUNK);
            chunk[4 * at + 2] = s;
        }
        range[2 * s + 1] = at;
    }
    tw_status status = filled_buffer(u->params, chunk, chunk_bytes, &u->buffer[CHUNKS], error);
    if (status == TW_OK)
        status = filled_buffer(u->params, range, range_bytes, &u->buffer[RANGES], error);
    tw_free(u->params->context, chunk);
    return status;
}

/* The states' first values, into buffers that are made where they are not yet. */
static tw_status fill_states(tw_updater *u, tw_error *error)
{
    const uint64_t count = (uint64_t)u->params->table.elements;
    double *first = tw_calloc(u->params->context, (size_t)count, sizeof *first);
    if (!first)
        return tw_fail_memory(error);
    for (int s = 0; s < u->n_segments; s++) {
        const tw_param_slot *slot = &u->params->table.slot[u->segment[s].slot];
        for (int64_t i = 0; i < slot->count; i++)
            first[slot->offset + i] = u->optimizer->initial;
    }
    tw_status status = TW_OK;
    for (int k = 0; k < TW_MAX_STATES && status == TW_OK; k++)
        if (u->optimizer->has_state[k])
            status = filled_floats(u->params, first, count, &u->buffer[STATES + k], error);
    tw_free(u->params->context, first);
    return status;
}

tw_status tw_updater_reset(tw_updater *updater, tw_error *error)
{
    return fill_states(updater, error);
}

/* ---- the reference: in P, G, states; out P, states, in place ---- */

/* g with its penalties: what Keras clips is the gradient of the loss that includes them. */
static double penalised(const tw_segment *segment, double w, double g)
{
    return g + segment->l1 * ((w > 0) - (w < 0)) + 2 * segment->l2 * w;
}

static double host_squares(const tw_updater *u, const tw_host_call *call, const tw_segment *segment)
{
    const tw_param_slot *slot = &u->params->table.slot[segment->slot];
    const double *p = call->in[0].data, *g = call->in[1].data;
    double sum = 0;
    for (int64_t i = slot->offset; i < slot->offset + slot->count; i++)
        sum += pow(penalised(segment, p[i], g[i]), 2);
    return sum;
}

/* NaN for a norm that is not finite, as Keras's. */
static double clip_factor(double squares, double bound)
{
    const double norm = sqrt(squares);
    return bound / fmax(norm, bound) + (norm - norm);
}

static void host_segment(const tw_updater *u, const tw_host_call *call, const tw_segment *segment,
                         double scale)
{
    const tw_optimizer *o = u->optimizer;
    const tw_param_slot *slot = &u->params->table.slot[segment->slot];
    double *p = call->out[0].data;
    const double *gradient = call->in[1].data;
    const double rate = (double)call->runtime->user[TW_USER_RATE] * segment->lr;
    const double decay =
        segment->decays ? (double)call->runtime->user[TW_USER_DECAY] * segment->lr : 0;
    for (int64_t i = slot->offset; i < slot->offset + slot->count; i++) {
        double *state[TW_MAX_STATES] = {NULL};
        for (int k = 0; k < TW_MAX_STATES; k++)
            if (o->has_state[k])
                state[k] = (double *)call->out[1 + k].data + i;
        double g = penalised(segment, p[i], gradient[i]);
        if (o->clip_value > 0)
            g = g > o->clip_value ? o->clip_value : g < -o->clip_value ? -o->clip_value : g;
        p[i] -= p[i] * decay;
        o->kind->rule(o, rate, g * scale, &p[i], state);
    }
}

static void host_update(const tw_host_call *call)
{
    const tw_updater *u = call->data;
    const tw_optimizer *o = u->optimizer;
    double squares = 0, scale = 1;
    for (int s = 0; o->global_clip_norm > 0 && s < u->n_segments; s++)
        squares += host_squares(u, call, &u->segment[s]);
    if (o->global_clip_norm > 0)
        scale = clip_factor(squares, o->global_clip_norm);
    for (int s = 0; s < u->n_segments; s++) {
        if (o->clip_norm > 0)
            scale = clip_factor(host_squares(u, call, &u->segment[s]), o->clip_norm);
        host_segment(u, call, &u->segment[s], scale);
    }
}

/* ---- the launches ---- */

typedef struct tensors {
    int p, g, chunks, ranges, segments, state[TW_MAX_STATES];
} tensors;

/* The tensors as the recipe knows them; false when memory is out. */
static bool make_tensors(const tw_updater *u, tw_recipe *recipe, tensors *t)
{
    const tw_dim all = TW_DIM(u->params->table.elements);
    t->p = tw_recipe_tensor(recipe, "parameters", TW_F32, all, TW_SPACE_PARAMS, 0, 0);
    t->g = tw_recipe_tensor(recipe, "gradients", TW_F32, all, TW_SPACE_GRADIENTS, 0, 0);
    t->chunks = tw_recipe_tensor(recipe, "chunks", TW_I32, TW_DIM(4 * (int64_t)u->n_chunks),
                                 TW_SPACE_EXTERNAL, CHUNKS, 0);
    t->ranges = tw_recipe_tensor(recipe, "ranges", TW_I32, TW_DIM(2 * (int64_t)u->n_segments),
                                 TW_SPACE_EXTERNAL, RANGES, 0);
    t->segments = tw_recipe_tensor(recipe, "segments", TW_F32, TW_DIM(4 * (int64_t)u->n_segments),
                                   TW_SPACE_EXTERNAL, SEGMENTS, 0);
    bool made = t->p >= 0 && t->g >= 0 && t->chunks >= 0 && t->ranges >= 0 && t->segments >= 0;
    for (int k = 0; k < TW_MAX_STATES; k++) {
        t->state[k] = -1;
        if (u->optimizer->has_state[k]) {
            t->state[k] = tw_recipe_tensor(recipe, u->optimizer->kind->state[k], TW_F32, all,
                                           TW_SPACE_EXTERNAL, STATES + k, 0);
            made = made && t->state[k] >= 0;
        }
    }
    return made;
}

static tw_reference *make_reference(tw_recipe *recipe, const tw_updater *u, const tensors *t)
{
    tw_reference *reference = tw_arena_alloc(&recipe->arena, sizeof *reference);
    if (!reference)
        return NULL;
    const tw_shape all = {.rank = 1, .dim = {TW_DIM(u->params->table.elements)}};
    *reference = (tw_reference){.label = u->optimizer->kind->name,
                                .function = host_update,
                                .data = u,
                                .n_in = 2 + TW_MAX_STATES,
                                .n_out = 1 + TW_MAX_STATES};
    for (int i = 0; i < reference->n_in; i++) {
        reference->in[i] = i == 0 ? t->p : i == 1 ? t->g : t->state[i - 2];
        reference->in_type[i] = TW_F32;
        reference->in_shape[i] = all;
    }
    for (int i = 0; i < reference->n_out; i++) {
        reference->out[i] = i == 0 ? t->p : t->state[i - 1];
        reference->out_type[i] = TW_F32;
        reference->out_shape[i] = all;
    }
    return reference;
}

static int items(const tw_site *site)
{
    return site->caps->family == TW_FAMILY_SIMT
               ? (int)TW_MIN(256, TW_MAX(site->caps->max_work_group, 1))
               : 1;
}

static void add_tables(const tw_updater *u, tw_site *site, tw_launch *launch, const tensors *t)
{
    tw_launch_in(site, launch, "T", t->chunks, TW_I32);
    tw_launch_in(site, launch, "F", t->segments, TW_F32);
    tw_launch_define(site, launch, "ITEMS", items(site));
    if (regularised(u))
        tw_launch_define(site, launch, "REGULARISED", 1);
}

/* Clipping by norm: two small launches before the update. Returns the tensor of factors. */
static int add_norms(const tw_updater *u, tw_site *site, tw_candidate *candidate, const tensors *t)
{
    const tw_optimizer *o = u->optimizer;
    const int sums =
        tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(u->n_chunks), "squares");
    const int scales =
        tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(u->n_segments), "scales");
    tw_launch *launch =
        tw_candidate_launch(site, candidate, "gradient_squares.cl", "gradient_squares");
    tw_launch_in(site, launch, "P", t->p, TW_F32);
    tw_launch_in(site, launch, "G", t->g, TW_F32);
    add_tables(u, site, launch, t);
    tw_launch_out(site, launch, "SUM", sums, TW_F32);
    tw_launch_global(launch, 0, TW_DIM(u->n_chunks), 1, items(site));

    launch = tw_candidate_launch(site, candidate, "gradient_scales.cl", "gradient_scales");
    tw_launch_in(site, launch, "SUM", sums, TW_F32);
    tw_launch_in(site, launch, "R", t->ranges, TW_I32);
    tw_launch_out(site, launch, "SCALE", scales, TW_F32);
    tw_launch_define(site, launch, "ITEMS", items(site));
    tw_launch_define(site, launch, "SEGMENTS", u->n_segments);
    tw_launch_define_float(site, launch, "CLIP_NORM",
                           o->clip_norm > 0 ? o->clip_norm : o->global_clip_norm);
    if (o->global_clip_norm > 0)
        tw_launch_define(site, launch, "WHOLE", 1);
    tw_launch_global(launch, 0, TW_DIM(1), 1, items(site));
    return scales;
}

/* BETA_1, and BETA_1_REST = 1 - beta_1, which is subtracted here because float would lose half of
 * its digits. */
static void define_constants(const tw_optimizer *o, tw_site *site, tw_launch *launch)
{
    for (int i = 0; i < TW_MAX_CONSTANTS && o->kind->constant[i]; i++) {
        char name[40] = "";
        size_t length = 0;
        for (const char *c = o->kind->constant[i]; *c && length < 30; c++)
            name[length++] = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
        tw_launch_define_float(site, launch, name, o->constant[i]);
        memcpy(name + length, "_REST", sizeof "_REST");
        tw_launch_define_float(site, launch, name, 1 - o->constant[i]);
    }
}

static void add_candidate(const tw_updater *u, tw_site *site, const tensors *t)
{
    static const char *const state_name[TW_MAX_STATES] = {"S0", "S1", "S2"};
    const tw_optimizer *o = u->optimizer;
    tw_candidate *candidate = tw_site_candidate(site, site->caps->family, o->kind->name);
    const bool by_norm = o->clip_norm > 0 || o->global_clip_norm > 0;
    const int scales = by_norm ? add_norms(u, site, candidate, t) : -1;
    tw_launch *launch = tw_candidate_launch(site, candidate, "optimizer.cl", "optimizer");
    tw_launch_out(site, launch, "P", t->p, TW_F32);
    tw_launch_in(site, launch, "G", t->g, TW_F32);
    add_tables(u, site, launch, t);
    if (by_norm) {
        tw_launch_in(site, launch, "SCALE", scales, TW_F32);
        tw_launch_define(site, launch, "CLIP_NORM", 1);
    }
    for (int k = 0; k < TW_MAX_STATES; k++)
        tw_launch_out(site, launch, state_name[k], t->state[k], TW_F32);
    tw_launch_user(site, launch, TW_USER_RATE);
    tw_launch_user(site, launch, TW_USER_DECAY);
    tw_launch_define_text(site, launch, "RULE", o->kind->kernel);
    define_constants(o, site, launch);
    if (o->clip_value > 0)
        tw_launch_define_float(site, launch, "CLIP_VALUE", o->clip_value);
    tw_launch_global(launch, 0, TW_DIM(u->n_chunks), 1, items(site));
    /* A proof feeds a kernel with random numbers, which the table of chunks must not be:
     * tests/train holds the rules against their formulas instead. */
    if (candidate)
        candidate->verified = true;
}

static tw_status make_recipe(tw_updater *u, tw_recipe *recipe, tw_error *error)
{
    tensors t;
    tw_stage *stage = tw_recipe_stage(recipe, u->optimizer->kind->name);
    if (!stage || !make_tensors(u, recipe, &t))
        return tw_fail_memory(error);
    stage->reference = make_reference(recipe, u, &t);
    if (!stage->reference)
        return tw_fail_memory(error);
    stage->n_references = 1;
    stage->cost = (double)u->params->table.elements * 4;
    tw_site site;
    tw_recipe_site(recipe, &site);
    site.label = u->optimizer->kind->name;
    if (site.caps->family != TW_FAMILY_HOST)
        add_candidate(u, &site, &t);
    return tw_recipe_close(recipe, stage, &site, error);
}

tw_status tw_updater_start(tw_updater *u, tw_buffer *gradients, tw_error *error)
{
    const tw_runner_options options = {
        .n_external = TW_COUNT(u->buffer), .external = u->buffer, .gradients = gradients};
    return tw_runner_create(u->params, &u->recipe, &options, &u->runner, error);
}

tw_status tw_updater_create(tw_params *params, const tw_caps *caps, const tw_optimizer *optimizer,
                            const bool *has_gradient, tw_updater *updater, tw_error *error)
{
    *updater = (tw_updater){.params = params, .optimizer = optimizer};
    tw_status status = find_segments(updater, has_gradient, error);
    if (status == TW_OK)
        status = fill_chunks(updater, error);
    if (status == TW_OK)
        status = fill_segments(updater, error);
    if (status == TW_OK)
        status = fill_states(updater, error);
    if (status == TW_OK)
        status = tw_recipe_empty(params->context, caps, &updater->recipe, error);
    if (status == TW_OK)
        status = make_recipe(updater, updater->recipe, error);
    if (status != TW_OK)
        tw_updater_destroy(updater);
    return status;
}

void tw_updater_destroy(tw_updater *updater)
{
    if (!updater->params)
        return;
    tw_device *device = updater->params->device;
    tw_runner_destroy(&updater->runner);
    tw_recipe_destroy(&updater->recipe);
    for (int i = 0; i < TW_COUNT(updater->buffer); i++)
        if (updater->buffer[i])
            device->backend->buffer_destroy(device, &updater->buffer[i]);
    tw_free(updater->params->context, updater->segment);
    *updater = (tw_updater){.params = NULL};
}

tw_status tw_updater_enqueue(tw_updater *updater, const float *user, tw_error *error)
{
    tw_runtime runtime = {.n = 1};
    runtime.user[TW_USER_RATE] = user[TW_USER_RATE];
    runtime.user[TW_USER_DECAY] = user[TW_USER_DECAY];
    TW_TRY(tw_params_claim(updater->params, error));
    TW_TRY(tw_runner_enqueue(updater->runner, &runtime, &(tw_exchange){0}, error));
    updater->params->version++;
    return TW_OK;
}

tw_buffer *tw_updater_state(const tw_updater *updater, int slot)
{
    return updater->buffer[STATES + slot];
}

uint64_t tw_updater_memory(const tw_updater *updater)
{
    uint64_t bytes = (6 * (uint64_t)updater->n_segments + 4 * (uint64_t)updater->n_chunks) * 4;
    for (int k = 0; k < TW_MAX_STATES; k++)
        if (updater->buffer[STATES + k])
            bytes += (uint64_t)updater->params->table.elements *
                     tw_caps_type_size(&updater->params->device->caps, TW_F32);
    return bytes;
}
