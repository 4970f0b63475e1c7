// SPDX-License-Identifier: Apache-2.0
// Candidates for attention and its gradient (cl/attention*.cl).
#include "op/attention.h"
#include "op/tile.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define SIDE 64        /* most queries, and keys, of a simd tile */
#define SLICES_UNIT 2  /* work-groups for each compute unit, each with a scratch of its own */
#define SHARED_ROWS 16 /* most rows of a simt tile */

/* Tiles of the simd family. A row of d elements is padded to whole vectors of `wide` floats. */
typedef struct tiles {
    int vw, wide;
    int64_t queries, keys, padded, value_padded;
} tiles;

static int64_t round_up(int64_t count, int64_t unit)
{
    return (count + unit - 1) / unit * unit;
}

static tiles choose_tiles(const tw_site *site, const tw_attention *s)
{
    tiles t = {.vw = TW_MIN(TW_MAX(site->caps->vector, 4), 16)};
    for (t.wide = 4; t.wide < t.vw && t.wide < TW_MIN(s->width, s->value_width);)
        t.wide *= 2;
    t.queries = TW_MIN(SIDE, round_up(s->queries, 16));
    t.keys = TW_MIN(SIDE, round_up(s->keys, 16));
    t.padded = round_up(s->width, t.wide);
    t.value_padded = round_up(s->value_width, t.wide);
    return t;
}

/* Rows of a register tile that is so many vectors wide; divides 16. */
static int tile_rows(const tw_caps *caps, int vectors)
{
    return (caps->registers >= 32 ? 16 : 8) / vectors;
}

static void define_columns(tw_site *site, tw_launch *l, const char *rows, const char *vectors,
                           int64_t count)
{
    const int wide = count % 2 == 0 ? 2 : 1;
    tw_launch_define(site, l, vectors, wide);
    tw_launch_define(site, l, rows, tile_rows(site->caps, wide));
}

static void define_tiles(tw_site *site, tw_launch *l, const tiles *t)
{
    tw_launch_define(site, l, "VW", t->vw);
    tw_launch_define(site, l, "WD", t->wide);
    tw_launch_define(site, l, "BQ", t->queries);
    tw_launch_define(site, l, "BK", t->keys);
    define_columns(site, l, "ROWS_S", "NV_S", t->queries / t->vw);
    define_columns(site, l, "ROWS_D", "NV_D", t->padded / t->wide);
    define_columns(site, l, "ROWS_DV", "NV_DV", t->value_padded / t->wide);
}

/* Floats of a group's scratch; as in cl/attention.cl, or in the gradient's
 * cl/parts/attention_dx.cl. */
static int64_t scratch_floats(const tiles *t, const tw_attention *s, bool gradient)
{
    const int64_t scores = t->queries * t->keys;
    int64_t count = s->width * t->queries + t->keys * (t->padded + t->value_padded) + scores;
    if (gradient)
        count += 2 * t->queries + s->value_width * t->queries + scores +
                 2 * t->queries * t->padded + t->queries * t->value_padded +
                 t->keys * (t->padded + t->value_padded);
    else
        count += 3 * t->queries + t->queries * t->value_padded;
    return round_up(count + (s->dropout > 0 ? scores : 0), 16);
}

static void define_sizes(tw_site *site, tw_launch *l, const tw_attention *s)
{
    tw_launch_define_dim(site, l, "BATCH", s->batch);
    tw_launch_define(site, l, "QUERIES", s->queries);
    tw_launch_define(site, l, "KEYS", s->keys);
    tw_launch_define(site, l, "HEADS", s->heads);
    tw_launch_define(site, l, "D", s->width);
    tw_launch_define(site, l, "DV", s->value_width);
    tw_launch_define(site, l, "CAUSAL", s->causal);
    tw_launch_define_float(site, l, "SCALE", s->scale);
    tw_launch_define(site, l, "DROPOUT", s->dropout > 0);
    if (s->dropout > 0) { /* random words, of which 24 bits count, below this: 0 */
        char text[24];
        tw_launch_define(site, l, "DROPOUT_BELOW", (int64_t)ceil(s->dropout * 16777216.0));
        tw_launch_define_float(site, l, "DROPOUT_FACTOR", 1 / (1 - s->dropout));
        (void)snprintf(text, sizeof text, "%uu", (unsigned)(s->stream & 0xffffffffu));
        tw_launch_define_text(site, l, "STREAM_LO", text);
        (void)snprintf(text, sizeof text, "%uu", (unsigned)(s->stream >> 32));
        tw_launch_define_text(site, l, "STREAM_HI", text);
    }
    if (s->mask) {
        tw_launch_define(site, l, "MASK_IMAGE", tw_attention_mask_step(s, 0));
        tw_launch_define(site, l, "MASK_HEAD", tw_attention_mask_step(s, 1));
        tw_launch_define(site, l, "MASK_QUERY", tw_attention_mask_step(s, 2));
    }
}

static void in(tw_site *site, tw_launch *l, const char *name, int input)
{
    const bool there = input < site->call->n_inputs && site->call->input[input];
    tw_launch_in(site, l, name, there ? site->in[input] : -1,
                 there ? tw_site_in_type(site, input) : TW_BOOL);
}

static void out(tw_site *site, tw_launch *l, const char *name, int result)
{
    tw_launch_out(site, l, name, site->out[result], tw_site_out_type(site, result));
}

static void seed(tw_site *site, tw_launch *l, const tw_attention *s)
{
    if (l && s->dropout > 0)
        tw_launch_seed(site, l);
}

static void forward_inputs(tw_site *site, tw_launch *l)
{
    in(site, l, "query", ATTENTION_QUERY);
    in(site, l, "key", ATTENTION_KEY);
    in(site, l, "value", ATTENTION_VALUE);
    in(site, l, "mask", ATTENTION_MASK);
}

static void forward_results(tw_site *site, tw_launch *l, const tw_attention *s)
{
    out(site, l, "y", 0);
    out(site, l, "lse", 1);
    seed(site, l, s);
}

static void dx_inputs(tw_site *site, tw_launch *l, bool with_y)
{
    in(site, l, "dy", DX_DY);
    in(site, l, "query", DX_QUERY);
    in(site, l, "key", DX_KEY);
    in(site, l, "value", DX_VALUE);
    if (with_y)
        in(site, l, "y", DX_Y);
    in(site, l, "lse", DX_LSE);
    in(site, l, "mask", DX_MASK);
}

/* sum(dy * y) of each query, from the pass over queries for the one over keys */
static int delta_of(tw_site *site, tw_candidate *candidate, const tw_attention *s)
{
    return tw_candidate_workspace(
        site, candidate, TW_F32, tw_dim_multiply(s->batch, TW_DIM(s->heads * s->queries)), "delta");
}

static void queries_results(tw_site *site, tw_launch *l, const tw_attention *s, int delta)
{
    tw_launch_out(site, l, "delta", delta, TW_F32);
    out(site, l, "dq", 0);
    seed(site, l, s);
}

static bool keys_wanted(const tw_site *site)
{
    return site->out[1] >= 0 || site->out[2] >= 0;
}

static void keys_results(tw_site *site, tw_launch *l, const tw_attention *s, int delta)
{
    tw_launch_in(site, l, "delta", delta, TW_F32);
    out(site, l, "dk", 1);
    out(site, l, "dv", 2);
    seed(site, l, s);
}

/* ---- simd ---- */

/* A launch of NAME.cl, whose groups take their shares in turn. */
static tw_launch *simd_launch(tw_site *site, tw_candidate *candidate, const tw_attention *s,
                              const tiles *t, const char *file, const char *entry)
{
    tw_launch *l = tw_candidate_launch(site, candidate, file, entry);
    const int slices = SLICES_UNIT * site->caps->units;
    if (!l)
        return NULL;
    define_sizes(site, l, s);
    define_tiles(site, l, t);
    tw_launch_define(site, l, "SLICES", slices);
    tw_launch_global(l, 0, TW_DIM(slices), 1, 1);
    return l;
}

static int scratch_of(tw_site *site, tw_candidate *candidate, const tw_attention *s, const tiles *t,
                      bool gradient)
{
    const int64_t floats = scratch_floats(t, s, gradient) * SLICES_UNIT * site->caps->units;
    return tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(floats), "scratch");
}

static void forward_simd(tw_site *site, const tw_attention *s)
{
    const tiles t = choose_tiles(site, s);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "attention_simd");
    const int scratch = scratch_of(site, candidate, s, &t, false);
    tw_launch *l = simd_launch(site, candidate, s, &t, "attention.cl", "attention");
    if (!l)
        return;
    forward_inputs(site, l);
    tw_launch_out(site, l, "scratch", scratch, TW_F32);
    forward_results(site, l, s);
}

/* All of it, a head at a time. */
static void dx_heads_simd(tw_site *site, const tw_attention *s)
{
    const tiles t = choose_tiles(site, s);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "attention_dx_heads");
    const int scratch = scratch_of(site, candidate, s, &t, true);
    tw_launch *l = simd_launch(site, candidate, s, &t, "attention_dx.cl", "attention_dx");
    if (!l)
        return;
    dx_inputs(site, l, true);
    tw_launch_out(site, l, "scratch", scratch, TW_F32);
    out(site, l, "dq", 0);
    out(site, l, "dk", 1);
    out(site, l, "dv", 2);
    seed(site, l, s);
}

/* dq by tiles of queries, then dk and dv by tiles of keys. */
static void dx_tiles_simd(tw_site *site, const tw_attention *s)
{
    const tiles t = choose_tiles(site, s);
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMD, "attention_dx_tiles");
    const int scratch = scratch_of(site, candidate, s, &t, true);
    const int delta = delta_of(site, candidate, s);
    tw_launch *l = simd_launch(site, candidate, s, &t, "attention_dq.cl", "attention_dq");
    if (!l)
        return;
    dx_inputs(site, l, true);
    tw_launch_out(site, l, "scratch", scratch, TW_F32);
    queries_results(site, l, s, delta);
    if (!keys_wanted(site) ||
        !(l = simd_launch(site, candidate, s, &t, "attention_dkv.cl", "attention_dkv")))
        return;
    dx_inputs(site, l, false);
    tw_launch_out(site, l, "scratch", scratch, TW_F32);
    keys_results(site, l, s, delta);
}

/* ---- simt ---- */

/* Rows of the other side in local memory, of which a group may have no more than a half. */
static int64_t shared_rows(const tw_site *site, const tw_attention *s)
{
    const int64_t floats = (int64_t)site->caps->local_memory / 8;
    return TW_MIN(TW_MAX(floats / (s->width + s->value_width + 2), 1), SHARED_ROWS);
}

static tw_launch *simt_launch(tw_site *site, tw_candidate *candidate, const tw_attention *s,
                              int pass)
{
    tw_launch *l = tw_candidate_launch(site, candidate, "attention_simt.cl", "attention_simt");
    if (!l)
        return NULL;
    define_sizes(site, l, s);
    tw_launch_define(site, l, "PASS", pass);
    tw_launch_define(site, l, "GROUP", TW_SIMT_GROUP);
    tw_launch_define(site, l, "TILE", shared_rows(site, s));
    tw_launch_global(l, 0, TW_DIM(pass == 2 ? s->keys : s->queries), TW_SIMT_GROUP, TW_SIMT_GROUP);
    tw_launch_global(l, 1, tw_dim_multiply(s->batch, TW_DIM(s->heads)), 1, 1);
    return l;
}

static void forward_simt(tw_site *site, const tw_attention *s)
{
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMT, "attention_simt");
    tw_launch *l = simt_launch(site, candidate, s, 0);
    if (!l)
        return;
    forward_inputs(site, l);
    forward_results(site, l, s);
}

static void dx_simt(tw_site *site, const tw_attention *s)
{
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMT, "attention_dx_simt");
    const int delta = delta_of(site, candidate, s);
    tw_launch *l = simt_launch(site, candidate, s, 1);
    if (!l)
        return;
    dx_inputs(site, l, true);
    queries_results(site, l, s, delta);
    if (!keys_wanted(site) || !(l = simt_launch(site, candidate, s, 2)))
        return;
    dx_inputs(site, l, false);
    keys_results(site, l, s, delta);
}

void tw_attention_variants(tw_site *site)
{
    const tw_attention s = tw_attention_of(site->call);
    forward_simd(site, &s);
    forward_simt(site, &s);
}

/* One pass needs a head for each core, and adds dk and dv up where they are, which only f32 holds
 * exactly enough. */
void tw_attention_dx_variants(tw_site *site)
{
    const tw_attention s = tw_attention_of(site->call);
    const int64_t heads = tw_dim_at(s.batch, site->batch) * s.heads;
    const bool exact = tw_site_in_type(site, DX_QUERY) == TW_F32;
    if (exact && heads >= 2 * site->caps->units)
        dx_heads_simd(site, &s);
    dx_tiles_simd(site, &s);
    if (exact && heads < 2 * site->caps->units)
        dx_heads_simd(site, &s);
    dx_simt(site, &s);
}
