// SPDX-License-Identifier: Apache-2.0
// Kernels of normalize and its gradient: what cl/normalize*.cl are given, and in how many parts.
#include "op/normalize.h"

#define BLOCK 64         /* channels of a work-item where vectors run across groups (simd) */
#define SHORT 16         /* groups narrower than a vector */
#define CHUNK_LEAST 1024 /* elements that a work-item should have (simd) */
#define SLAB_LEAST 4     /* of the outer axis in a slab of the gradients of scale and shift */

static void define_normal(tw_site *site, tw_launch *l, const tw_normal *v)
{
    tw_launch_define_dim(site, l, "OUTER", v->outer);
    tw_launch_define_dim(site, l, "MIDDLE", v->middle);
    tw_launch_define(site, l, "GROUPS", v->groups);
    tw_launch_define(site, l, "WIDTH", v->width);
    tw_launch_define(site, l, "CENTER", v->center);
    tw_launch_define(site, l, "GRADIENT", v->gradient);
    tw_launch_define_float(site, l, "EPSILON", tw_attr_float(site->call, "epsilon"));
}

/* Optional input number `input`, -1 where it is absent. */
static void optional_in(tw_site *site, tw_launch *l, const char *name, int input)
{
    const bool given = input < site->call->n_inputs && site->call->input[input];
    tw_launch_in(site, l, name, given ? site->in[input] : -1, TW_F32);
}

/* Vectors along a group, or, where groups are narrow, across several: form 1 or 2. */
static int simd_form(const tw_normal *v)
{
    return v->width >= SHORT || v->groups == 1 ? 1 : 2;
}

/* Groups that a work-item of the simd family takes. */
static int64_t group_block(const tw_normal *v)
{
    return simd_form(v) == 1 ? 1 : TW_MIN(v->groups, (BLOCK + v->width - 1) / v->width);
}

static tw_launch *forward_launch(tw_site *site, tw_family family, const char *name, int form)
{
    const tw_normal v = tw_normal_of(site->call);
    tw_launch *l = tw_candidate_launch(site, tw_site_candidate(site, family, name), "normalize.cl",
                                       "normalize");
    define_normal(site, l, &v);
    tw_launch_define(site, l, "FORM", form);
    tw_launch_in(site, l, "x", site->in[TW_NORMALIZE_X], tw_site_in_type(site, TW_NORMALIZE_X));
    optional_in(site, l, "scale", TW_NORMALIZE_SCALE);
    optional_in(site, l, "shift", TW_NORMALIZE_SHIFT);
    tw_launch_out(site, l, "mean", v.center ? site->out[1] : -1, TW_F32);
    tw_launch_out(site, l, "rstd", site->out[2], TW_F32);
    return l;
}

static int64_t row_length(const tw_normal *v)
{
    return TW_MAX(1, tw_dim_nominal(v->middle) * v->width);
}

/* Items of a work-group that shares a row (simt): a power of two. */
static int simt_items(const tw_site *site, const tw_normal *v)
{
    return row_length(v) > 512 && site->caps->max_work_group >= 256 ? 256 : TW_SIMT_GROUP;
}

void tw_normalize_variants(tw_site *site)
{
    const tw_normal v = tw_normal_of(site->call);
    const int form = simd_form(&v), items = simt_items(site, &v);
    const int64_t block = group_block(&v);
    const int64_t chunk = TW_MAX(1, CHUNK_LEAST / (row_length(&v) * block));
    tw_launch *l = forward_launch(site, TW_FAMILY_SIMD,
                                  form == 1 ? "normalize_rows" : "normalize_columns", form);
    tw_launch_define(site, l, "CHUNK", chunk);
    tw_launch_define(site, l, "BLOCK", block);
    tw_launch_global(l, 0, v.outer, chunk, 1);
    tw_launch_global(l, 1, TW_DIM(v.groups), block, 1);
    tw_launch_epilogue(site, l, 1 | 4 | 16);
    l = forward_launch(site, TW_FAMILY_SIMT, "normalize_group", 3);
    tw_launch_define(site, l, "LOCAL", items);
    tw_launch_global(l, 0, v.outer, 1, items);
    tw_launch_global(l, 1, TW_DIM(v.groups), 1, 1);
    tw_launch_epilogue(site, l, 1);
}

/* ---- the gradient: dx, slabs of the sums for dscale and dshift, their sum ---- */

typedef struct slabs {
    int part, count; /* part [count][2][channels] */
} slabs;

static bool sums_wanted(const tw_site *site)
{
    return site->out[1] >= 0 || site->out[2] >= 0;
}

static void add_slabs(tw_site *site, tw_candidate *candidate, const tw_normal *v, slabs s)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const int64_t channels = v->groups * v->width;
    tw_launch *l = tw_candidate_launch(site, candidate, "normalize_sum.cl", "normalize_sum");
    tw_launch_define(site, l, "SLABS", s.count);
    tw_launch_define(site, l, "CHANNELS", channels);
    tw_launch_define(site, l, "STEP", simt ? 1 : BLOCK);
    tw_launch_in(site, l, "part", s.part, TW_F32);
    tw_launch_out(site, l, "dscale", site->out[1], TW_F32);
    tw_launch_out(site, l, "dshift", site->out[2], TW_F32);
    tw_launch_global(l, 0, TW_DIM(channels), simt ? TW_SIMT_GROUP : BLOCK,
                     simt ? TW_SIMT_GROUP : 1);
}

static slabs make_slabs(tw_site *site, tw_candidate *candidate, const tw_normal *v, int count)
{
    const tw_dim size = TW_DIM(2 * count * v->groups * v->width);
    slabs s = {-1, count};
    if (sums_wanted(site))
        s.part = tw_candidate_workspace(site, candidate, TW_F32, size, "normalize_slabs");
    return s;
}

static tw_launch *dx_launch(tw_site *site, tw_candidate *candidate, const char *file,
                            const char *entry, slabs s)
{
    const tw_normal v = tw_normal_of(site->call);
    tw_launch *l = tw_candidate_launch(site, candidate, file, entry);
    define_normal(site, l, &v);
    tw_launch_define(site, l, "SLABS", s.count);
    tw_launch_in(site, l, "dy", site->in[TW_NORMALIZE_DX_DY],
                 tw_site_in_type(site, TW_NORMALIZE_DX_DY));
    tw_launch_in(site, l, "x", site->in[TW_NORMALIZE_DX_X],
                 tw_site_in_type(site, TW_NORMALIZE_DX_X));
    tw_launch_in(site, l, "rstd", site->in[TW_NORMALIZE_DX_RSTD], TW_F32);
    optional_in(site, l, "mean", TW_NORMALIZE_DX_MEAN);
    return l;
}

/* One launch reads dy and x, once from memory and once more from the cache, and leaves dx and the
 * sums of its slab. */
static void dx_simd(tw_site *site, const tw_normal *v)
{
    const int form = simd_form(v);
    const int64_t block = group_block(v), blocks = (v->groups + block - 1) / block;
    const int count =
        tw_split(site->caps, blocks, TW_MAX(1, tw_dim_nominal(v->outer) / SLAB_LEAST));
    tw_candidate *candidate = tw_site_candidate(
        site, TW_FAMILY_SIMD, form == 1 ? "normalize_dx_rows" : "normalize_dx_columns");
    const slabs s = make_slabs(site, candidate, v, count);
    tw_launch *l = dx_launch(site, candidate, "normalize.cl", "normalize_dx", s);
    tw_launch_define(site, l, "FORM", form);
    tw_launch_define(site, l, "BLOCK", block);
    optional_in(site, l, "scale", TW_NORMALIZE_DX_SCALE);
    tw_launch_out(site, l, "part", s.part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(count), 1, 1);
    tw_launch_global(l, 1, TW_DIM(blocks), 1, 1);
    tw_launch_epilogue(site, l, 1 | 4 | 16);
    if (s.part >= 0)
        add_slabs(site, candidate, v, s);
}

/* A work-group a row for dx, and apart from that an item a channel for the sums of a slab. */
static void dx_simt(tw_site *site, const tw_normal *v)
{
    const int items = simt_items(site, v);
    const int64_t channels = v->groups * v->width,
                  columns = (channels + TW_SIMT_GROUP - 1) / TW_SIMT_GROUP;
    const int64_t rows = TW_MAX(1, tw_dim_nominal(v->outer) * tw_dim_nominal(v->middle));
    const int count = tw_split(site->caps, columns, TW_MAX(1, rows / 16));
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMT, "normalize_dx_group");
    const slabs s = make_slabs(site, candidate, v, count);
    tw_launch *l = dx_launch(site, candidate, "normalize.cl", "normalize_dx", s);
    tw_launch_define(site, l, "FORM", 3);
    tw_launch_define(site, l, "LOCAL", items);
    optional_in(site, l, "scale", TW_NORMALIZE_DX_SCALE);
    tw_launch_out(site, l, "part", -1, TW_F32);
    tw_launch_global(l, 0, v->outer, 1, items);
    tw_launch_global(l, 1, TW_DIM(v->groups), 1, 1);
    tw_launch_epilogue(site, l, 1);
    if (s.part < 0)
        return;
    l = dx_launch(site, candidate, "normalize_dw.cl", "normalize_dw", s);
    tw_launch_define(site, l, "LOCAL", TW_SIMT_GROUP);
    tw_launch_out(site, l, "part", s.part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(channels), TW_SIMT_GROUP, TW_SIMT_GROUP);
    tw_launch_global(l, 1, TW_DIM(count), 1, 1);
    add_slabs(site, candidate, v, s);
}

void tw_normalize_dx_variants(tw_site *site)
{
    const tw_normal v = tw_normal_of(site->call);
    if (site->caps->family == TW_FAMILY_SIMD)
        dx_simd(site, &v);
    else
        dx_simt(site, &v);
}
