// SPDX-License-Identifier: Apache-2.0
// A recipe's tensors as bytes of one buffer: laid out, filled, and looked at after a run.
#include "ground.h"
#include "base/half.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GAP 192 /* bytes of canary before each tensor; its offset is an odd number of elements */

bool ground_open(ground *g, tw_device *device, const tw_recipe *recipe, tw_error *error)
{
    *g = (ground){.device = device, .recipe = recipe};
    g->offset = calloc((size_t)recipe->n_tensors + 1, sizeof *g->offset);
    uint64_t at = 0;
    for (int i = 0; i < recipe->n_tensors; i++) {
        const uint64_t size = tw_type_size(recipe->tensor[i].type);
        at = (at + GAP + 63) / 64 * 64;
        /* rows that write past the caches: three of four tensors at whole vectors, where that is done */
        const bool whole = recipe->caps.stream == 1 && i % 4 != 3;
        g->offset[i] = at + (whole ? 0 : size * (2 * (uint64_t)(i % 5) + 1));
        at = g->offset[i] + (uint64_t)tw_dim_at(recipe->tensor[i].count, recipe->batch) * size;
    }
    g->bytes = (at + 2 * GAP + 63) / 64 * 64;
    g->before = malloc(g->bytes);
    g->after = malloc(g->bytes);
    g->again = malloc(g->bytes);
    return device->backend->buffer_create(device, g->bytes, &g->buffer, error) == TW_OK;
}

void ground_close(ground *g)
{
    if (g->buffer)
        g->device->backend->buffer_destroy(g->device, &g->buffer);
    free(g->offset);
    free(g->before);
    free(g->after);
    free(g->again);
}

static void store(const tw_type type, uint8_t *at, const void *data, const int64_t i)
{
    const double v = row_get(type, data, i);
    const float f = (float)v;
    const uint16_t half = type == TW_F16 ? tw_to_f16(f) : tw_to_bf16(f);
    const int32_t integer = type == TW_I32 ? (int32_t)v : 0;
    const uint8_t byte = type == TW_U8 || type == TW_BOOL ? (uint8_t)v : 0;
    const void *from = type == TW_F32            ? (const void *)&f
                       : type == TW_I32          ? (const void *)&integer
                       : tw_type_size(type) == 1 ? (const void *)&byte
                                                 : (const void *)&half;
    memcpy(at, from, tw_type_size(type));
}

static double load(const tw_type type, const uint8_t *at)
{
    float f;
    int32_t integer;
    uint16_t half;
    if (type == TW_F32)
        return memcpy(&f, at, 4), f;
    if (type == TW_I32)
        return memcpy(&integer, at, 4), integer;
    if (tw_type_size(type) == 1)
        return *at;
    memcpy(&half, at, 2);
    return type == TW_F16 ? tw_from_f16(half) : tw_from_bf16(half);
}

static int64_t count_at(const ground *g, const int id, const int64_t n)
{
    return tw_dim_at(g->recipe->tensor[id].count, n);
}

void ground_uses(const ground *g, const tw_candidate *candidate, uint8_t *uses)
{
    memset(uses, 0, (size_t)g->recipe->n_tensors);
    for (int l = 0; l < candidate->n_launches; l++)
        for (int a = 0; a < candidate->launch[l]->n_args; a++) {
            const tw_arg *arg = &candidate->launch[l]->arg[a];
            if (arg->kind == TW_ARG_TENSOR)
                uses[arg->tensor.id] |= arg->tensor.written ? WRITTEN : READ;
        }
    for (int w = 0; w < candidate->n_workspaces; w++)
        uses[candidate->workspace[w]] |= WORKSPACE;
}

/* NaN as f32, and as f16 and bf16 in both halves. Its payload differs from place to place: a NaN
 * that is read beyond one tensor and stored beyond another shows. */
static uint32_t canary_at(const uint64_t at)
{
    const uint32_t payload = ((uint32_t)(at / 4) * 2654435761u) >> 20;
    return 0x7fc07fc0u | (payload >> 6) << 16 | (payload & 63);
}

void ground_paint(ground *g, const row_memory *m, const uint8_t *uses)
{
    for (uint64_t at = 0; at < g->bytes; at += 4) {
        const uint32_t canary = canary_at(at);
        memcpy(g->before + at, &canary, sizeof canary);
    }
    for (int id = 0; id < g->recipe->n_tensors; id++) {
        const tw_type type = g->recipe->tensor[id].type;
        if ((uses[id] & READ) && m->known[id] && !(uses[id] & (WORKSPACE | WRITTEN)))
            for (int64_t i = 0; i < count_at(g, id, m->runtime.n); i++)
                store(type, g->before + g->offset[id] + (uint64_t)i * tw_type_size(type),
                      m->data[id], i);
    }
}

/* ---- checks ---- */

bool ground_check_canaries(const ground *g, const uint8_t *uses, const int64_t n, char *message)
{
    uint64_t at = 0;
    for (int id = 0; id <= g->recipe->n_tensors; id++) {
        const bool end = id == g->recipe->n_tensors;
        if (!end && !(uses[id] & (WRITTEN | WORKSPACE)))
            continue;
        const uint64_t to = end ? g->bytes : g->offset[id];
        for (; at < to; at++)
            if (g->before[at] != g->after[at])
                break;
        if (at < to) {
            int nearest = 0;
            for (int k = 0; k < g->recipe->n_tensors; k++)
                nearest = g->offset[k] <= at ? k : nearest;
            const uint64_t size = tw_type_size(g->recipe->tensor[nearest].type);
            snprintf(
                message, ROW_MESSAGE, "writes where it must not: %s[%lld] of %lld at batch %lld",
                g->recipe->tensor[nearest].label, (long long)((at - g->offset[nearest]) / size),
                (long long)count_at(g, nearest, n), (long long)n);
            return false;
        }
        if (!end)
            at = to + (uint64_t)count_at(g, id, uses[id] & WORKSPACE ? g->recipe->batch : n) *
                          tw_type_size(g->recipe->tensor[id].type);
    }
    return true;
}

/* How far a result may be from the reference's: what f32 arithmetic loses, and half a unit in the
 * last place of what it is stored as (2^-11 of f16's 11 bits, 2^-8 of bf16's 8; f16 below 2^-14 is
 * a multiple of 2^-24). Integers are exact. */
static double tolerance_of(const tw_type type, const double asked, const double scale,
                           const double want)
{
    const double plain = (asked > 0 ? asked : 2e-5) * (1 + scale);
    return type == TW_F32    ? plain
           : type == TW_F16  ? plain + fmax(fabs(want) * 0x1p-11, 0x1p-25)
           : type == TW_BF16 ? plain + fabs(want) * 0x1p-8
                             : 0;
}

bool ground_check_values(const ground *g, const row_memory *m, const uint8_t *uses,
                         const double asked, char *message)
{
    for (int id = 0; id < g->recipe->n_tensors; id++) {
        if (!(uses[id] & WRITTEN) || (uses[id] & WORKSPACE) || !m->known[id])
            continue;
        const tw_type type = g->recipe->tensor[id].type;
        const int64_t count = count_at(g, id, m->runtime.n);
        double scale = 0;
        for (int64_t i = 0; i < count; i++) {
            const double want = fabs(row_get(type, m->data[id], i));
            scale = isfinite(want) ? fmax(scale, want) : scale;
        }
        for (int64_t i = 0; i < count; i++) {
            const double want = row_get(type, m->data[id], i);
            const double got =
                load(type, g->after + g->offset[id] + (uint64_t)i * tw_type_size(type));
            if (isnan(want)
                    ? isnan(got)
                    : got == want || fabs(got - want) <= tolerance_of(type, asked, scale, want))
                continue;
            snprintf(message, ROW_MESSAGE,
                     "%s[%lld] of %lld at batch %lld: got %.9g, want %.9g (largest %.3g)",
                     g->recipe->tensor[id].label, (long long)i, (long long)count,
                     (long long)m->runtime.n, got, want, scale);
            return false;
        }
    }
    return true;
}

bool ground_check_again(const ground *g, const uint8_t *uses, const int64_t n, char *message)
{
    for (int id = 0; id < g->recipe->n_tensors; id++) {
        const uint64_t bytes =
            (uint64_t)count_at(g, id, n) * tw_type_size(g->recipe->tensor[id].type);
        if ((uses[id] & WRITTEN) && !(uses[id] & WORKSPACE) &&
            memcmp(g->after + g->offset[id], g->again + g->offset[id], bytes) != 0) {
            snprintf(message, ROW_MESSAGE, "%s differs from run to run at batch %lld",
                     g->recipe->tensor[id].label, (long long)n);
            return false;
        }
    }
    return true;
}
