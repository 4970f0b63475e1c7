// SPDX-License-Identifier: Apache-2.0
// Candidates for recurrence and recurrence_dx: packing of the weight, then one launch for all
// steps.
#include "op/recurrence.h"
#include "op/tile.h"
#include <stdio.h>

#define SIMT_ROWS 4  /* sequences of a work-group of the simt family */
#define SLAB_MOST 64 /* of the simd family: their states stay in the first-level cache */

/* The arguments of a kernel that has many optional ones: PARAMS for its signature, USE_PARAMS for
 * its body. */
typedef struct arguments {
    tw_site *site;
    tw_launch *launch;
    tw_shared_place shared; /* out -1: none */
    char params[640], uses[512];
} arguments;

static void add(arguments *a, const char *name, int id, tw_type type, bool written)
{
    const size_t p = strlen(a->params), u = strlen(a->uses);
    if (written)
        tw_launch_out(a->site, a->launch, name, id, type);
    else
        tw_launch_in(a->site, a->launch, name, id, type);
    if (id < 0)
        return;
    if (id == a->shared.out || id == a->shared.in) /* not restrict */
        (void)snprintf(a->params + p, sizeof a->params - p,
                       ", __global float *%s_base, const ulong %s_offset", name, name);
    else
        (void)snprintf(a->params + p, sizeof a->params - p, ", TW_%s(%s)", written ? "OUT" : "IN",
                       name);
    (void)snprintf(a->uses + u, sizeof a->uses - u, "USE_%s(%s); ", written ? "OUT" : "IN", name);
}

static void add_input(arguments *a, const char *name, int input)
{
    const tw_site *s = a->site;
    const bool given = input < s->call->n_inputs && s->call->input[input];
    add(a, name, given ? s->in[input] : -1, given ? tw_site_in_type(s, input) : TW_F32, false);
}

static void finish(arguments *a)
{
    tw_launch_define_text(a->site, a->launch, "PARAMS", a->params);
    tw_launch_define_text(a->site, a->launch, "USE_PARAMS", a->uses);
}

/* Lets a result overwrite an input of its size that is read element by element before it. */
static arguments begin(tw_site *site, tw_launch *launch, int result, int input)
{
    arguments a = {.site = site, .launch = launch, .shared = {-1, -1}};
    const tw_dim out = tw_shape_count(tw_site_out_shape(site, result)),
                 in = tw_shape_count(tw_site_in_shape(site, input));
    if (site->out[result] >= 0 && tw_dim_equal(out, in)) {
        a.shared = (tw_shared_place){site->out[result], site->in[input]};
        tw_launch_share(launch, a.shared.out, a.shared.in);
    }
    return a;
}

static bool is_given(const tw_site *site, int input)
{
    return input < site->call->n_inputs && site->call->input[input];
}

/* ---- shapes of the work ---- */

/* How a launch cuts up the sequences: vectors of vw units, tiles of `rows` sequences, slabs of so
 * many that every unit of the device has two where the batch allows. */
typedef struct cut {
    int vw, rows, slab;
} cut;

/* Rows of a tile whose accumulators, `vectors` a row, fit the registers, such that the slab's last
 * tile is used well. */
static int tile_rows(const tw_caps *caps, int vectors, int slab)
{
    const int most = TW_MAX(1, TW_MIN((caps->registers - vectors - 2) / vectors, 14));
    int best = 1, best_cost = INT32_MAX;
    for (int rows = 1; rows <= most; rows++) {
        const int cost = (slab + rows - 1) / rows * (rows + 1);
        if (cost < best_cost) {
            best = rows;
            best_cost = cost;
        }
    }
    return best;
}

static cut cut_of(const tw_site *site, const tw_recurrence *r, int vectors)
{
    if (site->caps->family == TW_FAMILY_SIMT)
        return (cut){1, SIMT_ROWS, SIMT_ROWS};
    const int64_t n = tw_dim_at(r->n, site->batch);
    const int64_t share = (n + 2 * site->caps->units - 1) / (2 * site->caps->units);
    cut c = {.vw = TW_MIN(TW_MAX(site->caps->vector, 4), 16)};
    c.slab = (int)TW_MIN(TW_MAX(share, 8), SLAB_MOST);
    c.rows = tile_rows(site->caps, vectors, c.slab);
    return c;
}

static tw_launch *steps_launch(tw_site *site, tw_candidate *candidate, const char *file,
                               const char *entry, const tw_recurrence *r, const cut *c)
{
    tw_launch *l = tw_candidate_launch(site, candidate, file, entry);
    tw_launch_define(site, l, "CELL", r->cell);
    tw_launch_define(site, l, "GATES", r->gates);
    tw_launch_define(site, l, "SAVED", r->saved);
    tw_launch_define(site, l, "U", r->units);
    tw_launch_define_dim(site, l, "STEPS", r->t);
    tw_launch_define(site, l, "REVERSE", r->reverse);
    tw_launch_define(site, l, "ROWS", c->rows);
    tw_launch_define(site, l, "SLAB", c->slab);
    const int local = site->caps->family == TW_FAMILY_SIMT ? TW_SIMT_GROUP : 1;
    tw_launch_define(site, l, "LOCAL", local);
    tw_launch_row(site, l, "ACT", r->act, (unsigned)c->vw);
    tw_launch_row(site, l, "GATE", r->recurrent_act, (unsigned)c->vw);
    tw_launch_global(l, 0, local == 1 ? r->n : tw_dim_multiply(r->n, TW_DIM(local)),
                     (int64_t)c->slab * local, local);
    return l;
}

/* So many numbers for each sequence. */
static tw_dim planes(const tw_recurrence *r, int64_t width)
{
    return tw_dim_multiply(r->n, TW_DIM(width));
}

/* ---- forward ---- */

static int pack(tw_site *site, tw_candidate *candidate, const tw_recurrence *r, int vw)
{
    const int64_t blocks = (r->units + vw - 1) / vw;
    const int packed =
        tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(blocks * r->units * r->gates * vw),
                               "packed recurrent weight");
    tw_launch *l = tw_candidate_launch(site, candidate, "recurrence_pack.cl", "recurrence_pack");
    tw_launch_define(site, l, "U", r->units);
    tw_launch_define(site, l, "GATES", r->gates);
    tw_launch_define(site, l, "VW", vw);
    tw_launch_in(site, l, "weight", site->in[TW_REC_WEIGHT], TW_F32);
    tw_launch_out(site, l, "packed", packed, TW_F32);
    tw_launch_global(l, 0, TW_DIM(r->units), 1, 1);
    tw_launch_global(l, 1, TW_DIM(blocks), 1, 1);
    return packed;
}

void tw_recurrence_variants(tw_site *site)
{
    const tw_recurrence r = tw_recurrence_of(site->call);
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const cut c = cut_of(site, &r, r.gates);
    const int64_t blocks = (r.units + c.vw - 1) / c.vw;
    tw_candidate *candidate =
        tw_site_candidate(site, site->caps->family, simt ? "recurrence_simt" : "recurrence_simd");
    if (!candidate)
        return;
    const int weight = simt ? site->in[TW_REC_WEIGHT] : pack(site, candidate, &r, c.vw);
    const int state =
        tw_candidate_workspace(site, candidate, TW_F32, planes(&r, 4 * blocks * c.vw), "states");
    tw_launch *l = steps_launch(site, candidate, "recurrence.cl", "recurrence", &r, &c);
    tw_launch_define(site, l, "VW", c.vw);
    tw_launch_define(site, l, "BLOCKS", blocks);
    tw_launch_define(site, l, "MASKED", is_given(site, TW_REC_MASK));
    tw_launch_define(site, l, "SEEN", is_given(site, TW_REC_MASK) && is_given(site, TW_REC_H0));
    arguments a = begin(site, l, TW_REC_GATES, TW_REC_X);
    add_input(&a, "x", TW_REC_X);
    add(&a, "weight", weight, TW_F32, false);
    add_input(&a, "bias", TW_REC_BIAS);
    add_input(&a, "mask", TW_REC_MASK);
    add_input(&a, "h0", TW_REC_H0);
    add_input(&a, "c0", r.cell == TW_CELL_LSTM ? TW_REC_C0 : TW_REC_INPUTS);
    add(&a, "state", state, TW_F32, true);
    static const char *const names[] = {"y", "output", "h", "c", "gates", "before", "carry"};
    for (int i = 0; i < TW_REC_RESULTS; i++) {
        const bool lstm_only = i == TW_REC_C || i == TW_REC_CARRY;
        add(&a, names[i], lstm_only && r.cell != TW_CELL_LSTM ? -1 : site->out[i], TW_F32, true);
    }
    finish(&a);
}

/* ---- gradient ---- */

static int pack_transposed(tw_site *site, tw_candidate *candidate, const tw_recurrence *r,
                           const tw_tile *tile)
{
    const int64_t columns = r->gates * r->units, chunk = 64;
    const int packed = tw_candidate_workspace(site, candidate, TW_F32,
                                              TW_DIM(columns * tile->blocks * tile->width),
                                              "packed recurrent weight");
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_pack.cl", "matmul_pack");
    tw_launch_define_tile(site, l, tile);
    tw_launch_define(site, l, "N", r->units);
    tw_launch_define(site, l, "K", columns);
    tw_launch_define(site, l, "TRANSPOSED", 1);
    tw_launch_define(site, l, "CHUNK", chunk);
    tw_launch_in(site, l, "b", site->in[TW_DREC_WEIGHT], TW_F32);
    tw_launch_out(site, l, "packed", packed, TW_F32);
    tw_launch_global(l, 0, TW_DIM(columns), chunk, 1);
    tw_launch_global(l, 1, TW_DIM(tile->blocks), 1, 1);
    return packed;
}

void tw_recurrence_dx_variants(tw_site *site)
{
    const tw_recurrence r = tw_recurrence_of(site->call);
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const tw_tile tile =
        simt ? (tw_tile){1, 1, 1, r.units} : tw_tile_columns(site->caps, r.units, true);
    const cut c = cut_of(site, &r, tile.nv);
    tw_candidate *candidate = tw_site_candidate(site, site->caps->family,
                                                simt ? "recurrence_dx_simt" : "recurrence_dx_simd");
    if (!candidate)
        return;
    const int weight =
        simt ? site->in[TW_DREC_WEIGHT] : pack_transposed(site, candidate, &r, &tile);
    const int state = tw_candidate_workspace(
        site, candidate, TW_F32, planes(&r, 3 * tile.blocks * tile.width + r.gates * r.units),
        "states");
    tw_launch *l = steps_launch(site, candidate, "recurrence_dx.cl", "recurrence_dx", &r, &c);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "MASKED", is_given(site, TW_DREC_MASK));
    arguments a = begin(site, l, TW_DREC_DX, TW_DREC_GATES);
    add(&a, "weight", weight, TW_F32, false);
    add_input(&a, "gates", TW_DREC_GATES);
    add_input(&a, "before", TW_DREC_BEFORE);
    add_input(&a, "carry", TW_DREC_CARRY);
    add_input(&a, "mask", TW_DREC_MASK);
    add_input(&a, "dy", TW_DREC_DY);
    add_input(&a, "dlast", TW_DREC_DLAST);
    add_input(&a, "dh", TW_DREC_DH);
    add_input(&a, "dc", TW_DREC_DC);
    add(&a, "state", state, TW_F32, true);
    add(&a, "dx", site->out[TW_DREC_DX], TW_F32, true);
    add(&a, "dr", site->out[TW_DREC_DR], TW_F32, true);
    add(&a, "dh0", site->out[TW_DREC_DH0], TW_F32, true);
    add(&a, "dc0", r.cell == TW_CELL_LSTM ? site->out[TW_DREC_DC0] : -1, TW_F32, true);
    finish(&a);
}
