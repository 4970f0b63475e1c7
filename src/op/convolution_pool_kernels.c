// SPDX-License-Identifier: Apache-2.0
// Candidates for the gradients of a convolution through the maxpool behind it
// (cl/convolution_pool_dx.cl, cl/convolution_pool_dw.cl).
#include "op/convolution_launch.h"
#include "op/convolution_pool.h"

/* Of a first-level cache of 32 KB: weights of a part and a block of channels, and rows of x, beside
 * what passes by. */
#define WEIGHT_BYTES 24576
#define ROWS_BYTES 22528
#define BAND_WINDOWS 32 /* of a band at least, so that its weights are worth loading */
#define SLICES 4        /* work-groups a core */

/* Vectors of sums beside an operand: a part of a row of taps by x, rows of taps by the weight. */
static int64_t most_sums(const tw_caps *caps)
{
    return caps->registers >= 32 ? 24 : 12;
}

/* The largest divisor of `count` up to `most`. */
static int64_t divisor(int64_t count, int64_t most)
{
    int64_t best = TW_MIN(count, most);
    while (count % best)
        best--;
    return best;
}

static void define_pool(tw_site *site, tw_launch *l, const tw_convolution_pool *p, tw_plane size,
                        const int64_t pad[2])
{
    const tw_convolution *c = &p->convolution;
    tw_define_plane(site, l, size, pad[0], pad[1]);
    tw_launch_define_dim(site, l, "IMAGES", c->images);
    tw_launch_define(site, l, "KH", c->kh);
    tw_launch_define(site, l, "KW", c->kw);
    tw_launch_define(site, l, "CI", c->ci);
    tw_launch_define(site, l, "CO", c->co);
    tw_launch_define(site, l, "PH", p->ph);
    tw_launch_define(site, l, "PW", p->pw);
    tw_launch_define(site, l, "POOL_H", p->size[0]);
    tw_launch_define(site, l, "POOL_W", p->size[1]);
}

/* Workspaces for the gradients that are gone through, and how many each list has, as further
 * arguments. */
static void lists(tw_site *site, tw_candidate *candidate, tw_launch *l, tw_dim elements,
                  tw_dim count)
{
    tw_launch_out(site, l, "values",
                  tw_candidate_workspace(site, candidate, TW_F32, elements, "values"), TW_F32);
    tw_launch_out(site, l, "places",
                  tw_candidate_workspace(site, candidate, TW_I32, elements, "places"), TW_I32);
    tw_launch_out(site, l, "counts",
                  tw_candidate_workspace(site, candidate, TW_I32, count, "counts"), TW_I32);
}

/* ---- by x ---- */

#define PART 6 /* vectors of a part */

/* The weight as [parts][co][part * vw]. */
static int pack_weight(tw_site *site, tw_candidate *candidate, const tw_convolution *c,
                       const tw_tile *tile)
{
    const int64_t taps = c->kh * c->kw * c->ci, chunk = 64;
    const int packed =
        tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(taps * c->co), "packed weight");
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_pack.cl", "matmul_pack");
    tw_launch_define_tile(site, l, tile);
    tw_launch_define(site, l, "N", taps);
    tw_launch_define(site, l, "K", c->co);
    tw_launch_define(site, l, "TRANSPOSED", 1);
    tw_launch_define(site, l, "CHUNK", chunk);
    tw_launch_in(site, l, "b", site->in[2], TW_F32);
    tw_launch_out(site, l, "packed", packed, TW_F32);
    tw_launch_global(l, 0, TW_DIM(c->co), chunk, 1);
    tw_launch_global(l, 1, TW_DIM(tile->blocks), 1, 1);
    return packed;
}

/* Vectors of a part of a row of taps, output channels of a block, rows of windows of a band. */
typedef struct dx_way {
    int64_t part, block, band;
} dx_way;

/* A way whose parts have at most so many vectors, and whose weights are within so many bytes. */
static dx_way dx_way_of(const tw_convolution_pool *p, int vw, int64_t most, int64_t bytes)
{
    const tw_convolution *c = &p->convolution;
    dx_way way = {.part = divisor(c->kw * c->ci / vw, most)};
    way.block = divisor(c->co, TW_MAX(1, bytes / (way.part * vw * (int64_t)sizeof(float))));
    way.band = TW_MIN(p->ph, tw_ceil_divide(BAND_WINDOWS, p->pw));
    return way;
}

static void dx_simd(tw_site *site, const tw_convolution_pool *p, const dx_way *way,
                    tw_candidate *candidate)
{
    const tw_convolution *c = &p->convolution;
    if (!candidate)
        return;
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const int64_t part = way->part, block = way->block, band = way->band, run = part * vw;
    const tw_tile tile = {
        .vw = vw, .nv = (int)part, .width = (int)run, .blocks = c->kh * c->kw * c->ci / run};
    const int64_t wide = TW_MAX(c->w + c->pad[1], c->ow + c->kw - 1);
    const int64_t windows = band * p->pw, slices = SLICES * (int64_t)site->caps->units;
    const int w = pack_weight(site, candidate, c, &tile);
    const int plane = tw_candidate_workspace(
        site, candidate, TW_F32, TW_DIM(slices * (band * p->size[0] + c->kh - 1) * wide * c->ci),
        "planes");
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_pool_dx.cl", "convolution_pool_dx");
    define_pool(site, l, p, (tw_plane){c->h, c->w}, c->pad);
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "P", part);
    tw_launch_define(site, l, "CB", block);
    tw_launch_define(site, l, "BAND", band);
    tw_launch_define(site, l, "WIDE", wide);
    tw_launch_define(site, l, "SLICES", slices);
    tw_launch_in(site, l, "dy", site->in[0], TW_F32);
    tw_launch_in(site, l, "which", site->in[1], TW_U8);
    tw_launch_in(site, l, "w", w, TW_F32);
    tw_launch_out(site, l, "planes", plane, TW_F32);
    lists(site, candidate, l, TW_DIM(slices * windows * TW_POOL_PIXELS * c->co),
          TW_DIM(slices * windows * TW_POOL_PIXELS * (c->co / block)));
    tw_launch_global(l, 0, TW_DIM(slices), 1, 1);
    tw_launch_epilogue(site, l, (unsigned)vw);
}

static void try_dx(tw_site *site, const tw_convolution_pool *p, const dx_way *standard, dx_way way)
{
    way.band = TW_MAX(1, TW_MIN(way.band, p->ph));
    if (way.part != standard->part || way.block != standard->block || way.band != standard->band)
        dx_simd(site, p, &way,
                tw_site_alternative(site, TW_FAMILY_SIMD, "convolution_pool_dx_simd:%dx%dx%d",
                                    (int)way.part, (int)way.block, (int)way.band));
}

static void dx_ways(tw_site *site, const tw_convolution_pool *p)
{
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const dx_way standard = dx_way_of(p, vw, PART, WEIGHT_BYTES);
    dx_simd(site, p, &standard,
            tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_pool_dx_simd"));
    try_dx(site, p, &standard, (dx_way){standard.part, standard.block, standard.band / 2});
    try_dx(site, p, &standard, (dx_way){standard.part, standard.block, standard.band * 2});
    try_dx(site, p, &standard, dx_way_of(p, vw, PART / 2, WEIGHT_BYTES));
    try_dx(site, p, &standard, dx_way_of(p, vw, 2 * PART, WEIGHT_BYTES));
    try_dx(site, p, &standard, dx_way_of(p, vw, PART, 2 * WEIGHT_BYTES));
}

static void dx_simt(tw_site *site, const tw_convolution_pool *p)
{
    const tw_convolution *c = &p->convolution;
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMT, "convolution_pool_dx_simt");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_pool_dx_simt.cl",
                                       "convolution_pool_dx_simt");
    if (!l)
        return;
    define_pool(site, l, p, (tw_plane){c->h, c->w}, c->pad);
    tw_launch_define(site, l, "GROUP", TW_SIMT_GROUP);
    tw_launch_in(site, l, "dy", site->in[0], TW_F32);
    tw_launch_in(site, l, "which", site->in[1], TW_U8);
    tw_launch_in(site, l, "w", site->in[2], TW_F32);
    tw_launch_global(l, 0, tw_shape_count(tw_site_out_shape(site, 0)), TW_SIMT_GROUP,
                     TW_SIMT_GROUP);
    tw_launch_epilogue(site, l, 1);
}

void tw_convolution_pool_dx_variants(tw_site *site)
{
    tw_convolution_pool p;
    tw_convolution_pool_of(site->call, false, &p);
    dx_ways(site, &p);
    dx_simt(site, &p);
}

/* ---- by the weight ---- */

static void inputs_of_dw(tw_site *site, tw_launch *l, int x)
{
    tw_launch_in(site, l, "x", x, TW_F32);
    tw_launch_in(site, l, "dy", site->in[1], TW_F32);
    tw_launch_in(site, l, "which", site->in[2], TW_U8);
}

/* part [slabs][co][taps] -> dw [taps][co] */
static void turn_slabs(tw_site *site, tw_candidate *candidate, int part, int slabs, int vw,
                       int64_t taps, int64_t co)
{
    tw_launch *l = tw_candidate_launch(site, candidate, "slab_squares.cl", "slab_squares");
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_define(site, l, "ROWS", taps);
    tw_launch_define(site, l, "PITCH", tw_ceil_divide(taps, vw) * vw);
    tw_launch_define(site, l, "COLUMNS", co);
    tw_launch_in(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(taps), vw, 1);
    tw_launch_epilogue(site, l, (unsigned)vw);
}

/* Rows of windows whose x, `row` bytes a row, is near. */
static int64_t choose_band(const tw_convolution_pool *p, int64_t row)
{
    const int64_t fits = (ROWS_BYTES / row - p->convolution.kh + 1) / p->size[0];
    return TW_MAX(1, TW_MIN(fits, p->ph));
}

/* x with its padding: a copy where it has some. Its size is left in *size. */
static int whole_x(tw_site *site, tw_candidate *candidate, const tw_convolution *c, tw_plane *size)
{
    const tw_plane from = {c->h, c->w};
    *size = (tw_plane){c->h + c->pad[0] + c->pad[2], c->w + c->pad[1] + c->pad[3]};
    return !tw_convolution_padded(c)
               ? site->in[0]
               : tw_emit_pad(site, candidate,
                             &(tw_padding){site->in[0], TW_F32, c->images, from, *size, c->pad[0],
                                           c->pad[1], 1, c->ci, c->ci});
}

static const int64_t no_pad[2] = {0, 0};

/* Rows of taps of a pass, vectors of each; rows of windows of a band. */
typedef struct dw_way {
    int64_t rows, part, band;
} dw_way;

static void dw_simd(tw_site *site, const tw_convolution_pool *p, const dw_way *way,
                    tw_candidate *candidate)
{
    const tw_convolution *c = &p->convolution;
    if (!candidate)
        return;
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const int64_t band = way->band;
    const int slabs = tw_split(site->caps, 1, tw_dim_nominal(c->images));
    const int64_t taps = c->kh * c->kw * c->ci;
    tw_plane size;
    const int x = whole_x(site, candidate, c, &size);
    const int part = tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(slabs * taps * c->co),
                                            "partial sums");
    tw_launch *l =
        tw_candidate_launch(site, candidate, "convolution_pool_dw.cl", "convolution_pool_dw");
    define_pool(site, l, p, size, no_pad);
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "TY", way->rows);
    tw_launch_define(site, l, "P", way->part);
    tw_launch_define(site, l, "BAND", band);
    tw_launch_define(site, l, "SLABS", slabs);
    inputs_of_dw(site, l, x);
    lists(site, candidate, l, TW_DIM(slabs * band * p->pw * c->co), TW_DIM(slabs * c->co));
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(slabs), 1, 1);
    turn_slabs(site, candidate, part, slabs, vw, taps, c->co);
}

static void try_dw(tw_site *site, const tw_convolution_pool *p, const dw_way *standard, dw_way way)
{
    way.band = TW_MAX(1, TW_MIN(way.band, p->ph));
    if (way.rows != standard->rows || way.part != standard->part || way.band != standard->band)
        dw_simd(site, p, &way,
                tw_site_alternative(site, TW_FAMILY_SIMD, "convolution_pool_dw_simd:%dx%dx%d",
                                    (int)way.rows, (int)way.part, (int)way.band));
}

static void dw_ways(tw_site *site, const tw_convolution_pool *p)
{
    const tw_convolution *c = &p->convolution;
    const int64_t run = c->kw * c->ci / tw_tile_columns(site->caps, 1, true).vw;
    const int64_t most = most_sums(site->caps);
    const int64_t row = (c->w + c->pad[1] + c->pad[3]) * c->ci * (int64_t)sizeof(float);
    dw_way standard = {1, divisor(run, most), choose_band(p, row)};
    if (c->kh * run <= most)
        standard.rows = c->kh;
    dw_simd(site, p, &standard,
            tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_pool_dw_simd"));
    try_dw(site, p, &standard, (dw_way){standard.rows, standard.part, standard.band / 2});
    try_dw(site, p, &standard, (dw_way){standard.rows, standard.part, standard.band * 2});
    try_dw(site, p, &standard, (dw_way){1, divisor(run, most / 2), standard.band});
}

#define PATCHES_BYTES 16384 /* of a band's patches: in a first-level cache */

/* Output channels whose sums are kept, and rows of windows of a band. */
typedef struct few_way {
    int64_t block, band;
} few_way;

/* Numbers of the patches of a row of windows. */
static int64_t patches_row(const tw_convolution_pool *p, int vw)
{
    const tw_convolution *c = &p->convolution;
    return p->pw * TW_POOL_PIXELS * tw_ceil_divide(c->kh * c->kw * c->ci, vw) * vw;
}

static void dw_few_simd(tw_site *site, const tw_convolution_pool *p, const few_way *way,
                        tw_candidate *candidate)
{
    const tw_convolution *c = &p->convolution;
    if (!candidate)
        return;
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const int64_t taps = c->kh * c->kw * c->ci, vectors = tw_ceil_divide(taps, vw);
    const int64_t band = way->band;
    const int slabs = tw_split(site->caps, 1, tw_dim_nominal(c->images));
    tw_plane size;
    const int x = whole_x(site, candidate, c, &size);
    const int patches = tw_candidate_workspace(
        site, candidate, TW_F32, TW_DIM(slabs * (band * patches_row(p, vw) + vw)), "patches");
    const int part = tw_candidate_workspace(site, candidate, TW_F32,
                                            TW_DIM(slabs * c->co * vectors * vw), "partial sums");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_pool_dw_few.cl",
                                       "convolution_pool_dw_few");
    define_pool(site, l, p, size, no_pad);
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "V", vectors);
    tw_launch_define(site, l, "CB", way->block);
    tw_launch_define(site, l, "BAND", band);
    tw_launch_define(site, l, "SLABS", slabs);
    inputs_of_dw(site, l, x);
    tw_launch_out(site, l, "patches", patches, TW_F32);
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(slabs), 1, 1);
    turn_slabs(site, candidate, part, slabs, vw, taps, c->co);
}

static void try_few(tw_site *site, const tw_convolution_pool *p, const few_way *standard,
                    few_way way)
{
    way.band = TW_MAX(1, TW_MIN(way.band, p->ph));
    if (way.block != standard->block || way.band != standard->band)
        dw_few_simd(site, p, &way,
                    tw_site_alternative(site, TW_FAMILY_SIMD, "convolution_pool_dw_few:%dx%d",
                                        (int)way.block, (int)way.band));
}

static void dw_few_ways(tw_site *site, const tw_convolution_pool *p)
{
    const tw_convolution *c = &p->convolution;
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const int64_t vectors = tw_ceil_divide(c->kh * c->kw * c->ci, vw);
    const int64_t rows = PATCHES_BYTES / (patches_row(p, vw) * (int64_t)sizeof(float));
    const few_way standard = {divisor(c->co, TW_MAX(1, most_sums(site->caps) / vectors)),
                              TW_MAX(1, TW_MIN(rows, p->ph))};
    dw_few_simd(site, p, &standard,
                tw_site_candidate(site, TW_FAMILY_SIMD, "convolution_pool_dw_few"));
    try_few(site, p, &standard, (few_way){standard.block, standard.band / 2});
    try_few(site, p, &standard, (few_way){standard.block, standard.band * 2});
    try_few(site, p, &standard,
            (few_way){divisor(c->co, TW_MAX(1, standard.block / 2)), standard.band});
    try_few(site, p, &standard, (few_way){divisor(c->co, 2 * standard.block), standard.band});
}

static void dw_simt(tw_site *site, const tw_convolution_pool *p)
{
    const tw_convolution *c = &p->convolution;
    tw_candidate *candidate = tw_site_candidate(site, TW_FAMILY_SIMT, "convolution_pool_dw_simt");
    if (!candidate)
        return;
    const int slabs = (int)TW_MIN(tw_dim_nominal(c->images), 16);
    const int64_t taps = c->kh * c->kw * c->ci;
    const int part = tw_candidate_workspace(site, candidate, TW_F32, TW_DIM(slabs * taps * c->co),
                                            "partial sums");
    tw_launch *l = tw_candidate_launch(site, candidate, "convolution_pool_dw_simt.cl",
                                       "convolution_pool_dw_simt");
    define_pool(site, l, p, (tw_plane){c->h, c->w}, c->pad);
    tw_launch_define(site, l, "GROUP", TW_SIMT_GROUP);
    tw_launch_define(site, l, "SLABS", slabs);
    inputs_of_dw(site, l, site->in[0]);
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_launch_global(l, 0, TW_DIM(taps * c->co), TW_SIMT_GROUP, TW_SIMT_GROUP);
    tw_launch_global(l, 1, TW_DIM(slabs), 1, 1);
    tw_slab_sum(site, candidate,
                &(tw_slabs){part, slabs, TW_DIM(1), TW_DIM(taps), 1, c->co, c->co});
}

void tw_convolution_pool_dw_variants(tw_site *site)
{
    tw_convolution_pool p;
    tw_convolution_pool_of(site->call, true, &p);
    if (tw_convolution_pool_few(&p.convolution))
        dw_few_ways(site, &p);
    else
        dw_ways(site, &p);
    dw_simt(site, &p);
}
