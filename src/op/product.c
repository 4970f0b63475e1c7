// SPDX-License-Identifier: Apache-2.0
// Candidates for a product: register tiles (simd), local-memory tiles (simt), with the sum split
// where there are few.
#include "op/product.h"
#include <math.h>

#define SIMT_PER 4 /* rows and columns of a work-item, of 16 x 16 in a group */

/* b kept below this is read from the cache by every tile of rows; above it, tiles of one block of
 * columns follow one another, so that the block stays there. */
#define SMALL_B 50000

/* Rows of a large b in place that are asked for ahead: a narrow block of its columns is a stride
 * that no cache foresees (image_cnn's dense layer: 1.8 ms without). */
#define AHEAD 16

/* Tiles of rows of a panel that a large b passes by, and groups a core that are enough. */
#define PANEL 4
#define ENOUGH 8

/* Elements of a tile of rows that is asked for while the one before it is multiplied. */
#define SHORT_ROWS 2048

/* Rows this many bytes apart meet in one set of the first-level cache, which holds CACHE_WAYS. */
#define CACHE_STRIDE 4096
#define CACHE_WAYS 8

/* With that many rows a b of so many elements is packed although it could be read in place: where
 * its rows meet in few sets of the caches, and where it is large anyway (docs/kernels.md). */
#define PACK_ROWS_ALIASED 256
#define PACK_ROWS 768
#define PACK_B 500000

/* Elements of both sides that a second-level cache holds, and the most slabs for the sake of it. */
#define NEAR 200000
#define MOST_NEAR 32

/* A long sum of a small result: elements of the result at most, elements read at least, and those
 * of both sides that are read once and then multiplied. */
#define MOST_LONG 32768
#define LEAST_LONG (2 * NEAR)
#define CHUNK 24576
#define LINE 16 /* of a cache */

/* A product of no more multiply-adds takes less time element by element than another launch, to
 * pack b, would. */
#define TINY 8192
#define MOST_PLAIN (16 * TINY) /* up to here tuning tries it */

static void define_sizes(tw_site *site, tw_launch *l, const tw_product *p)
{
    tw_launch_define_dim(site, l, "M", p->m);
    tw_launch_define_dim(site, l, "N", p->n);
    tw_launch_define_dim(site, l, "K", p->k);
    tw_launch_define_dim(site, l, "A_ROW", p->transpose_a ? TW_DIM(1) : p->k);
    tw_launch_define_dim(site, l, "A_COL", p->transpose_a ? p->m : TW_DIM(1));
    tw_launch_define_text(site, l, "A_INDEX", p->a_index);
    tw_launch_define_text(site, l, "B_INDEX", p->b_index);
}

/* Strides of b for the kernels that read it by elements. */
static void define_b(tw_site *site, tw_launch *l, const tw_product *p)
{
    tw_launch_define_dim(site, l, "B_ROW", p->transpose_b ? TW_DIM(1) : p->n);
    tw_launch_define_dim(site, l, "B_COL", p->transpose_b ? p->k : TW_DIM(1));
}

/* Whether vectors of b's rows can be loaded where they are: the last ones overlap. */
static bool in_place(const tw_product *p, int vw)
{
    return !p->transpose_b && p->n.scale >= vw;
}

static bool is_aliased(tw_dim row)
{
    return tw_dim_fixed(row) && row.scale * (int64_t)sizeof(float) % CACHE_STRIDE == 0;
}

/* Whether a copy of b costs less than what it saves all tiles of rows. */
static bool pack_pays(const tw_site *site, const tw_product *p)
{
    const int64_t rows = tw_dim_at(p->m, site->batch), k = tw_dim_at(p->k, site->batch);
    return k * p->n.scale >= PACK_B && rows >= (is_aliased(p->n) ? PACK_ROWS_ALIASED : PACK_ROWS);
}

static int pack_b(tw_site *site, tw_candidate *candidate, const tw_product *p, const tw_tile *tile)
{
    const tw_dim count =
        tw_dim_multiply(tw_dim_multiply(p->b_matrices, p->k), TW_DIM(tile->blocks * tile->width));
    const int packed = tw_candidate_workspace(site, candidate, TW_F32, count, "packed b");
    const int64_t chunk = 64;
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_pack.cl", "matmul_pack");
    tw_launch_define_tile(site, l, tile);
    tw_launch_define_dim(site, l, "N", p->n);
    tw_launch_define_dim(site, l, "K", p->k);
    tw_launch_define(site, l, "TRANSPOSED", p->transpose_b);
    tw_launch_define(site, l, "CHUNK", chunk);
    tw_launch_in(site, l, "b", p->b, p->b_type);
    tw_launch_out(site, l, "packed", packed, TW_F32);
    tw_launch_global(l, 0, p->k, chunk, 1);
    tw_launch_global(l, 1, TW_DIM(tile->blocks), 1, 1);
    tw_launch_global(l, 2, p->b_matrices, 1, 1);
    return packed;
}

/* Whether partial sums have a size to plan with. */
static bool may_split(const tw_product *p)
{
    return tw_dim_known(tw_dim_multiply(p->batch, tw_dim_multiply(p->m, p->n)));
}

static int slab_count(const tw_site *site, const tw_product *p, int64_t groups, int64_t least)
{
    const int64_t k = tw_dim_nominal(p->k);
    return may_split(p) ? tw_split(site->caps, groups, k / least) : 1;
}

/* A workspace for partial sums as the launch's result `part`, and the launch that adds them. */
static void add_slabs(tw_site *site, tw_candidate *candidate, tw_launch *l, const tw_product *p,
                      int slabs, int64_t pitch)
{
    const tw_dim rows = tw_dim_multiply(p->batch, p->m);
    const int part = tw_candidate_workspace(
        site, candidate, TW_F32, tw_dim_multiply(rows, TW_DIM(slabs * pitch)), "partial sums");
    tw_launch_out(site, l, "part", part, TW_F32);
    tw_slab_sum(site, candidate,
                &(tw_slabs){.part = part,
                            .slabs = slabs,
                            .batch = p->batch,
                            .rows = p->m,
                            .groups = 1,
                            .pitch = pitch,
                            .columns = p->n.scale});
}

/* Result: the epilogue, or with several slabs `part` and the sum. */
static void finish(tw_site *site, tw_candidate *candidate, tw_launch *l, const tw_product *p,
                   int slabs, int64_t pitch, unsigned widths)
{
    if (slabs == 1) {
        tw_launch_epilogue(site, l, widths);
        return;
    }
    add_slabs(site, candidate, l, p, slabs, pitch);
}

/* A way to go about a product in register tiles. */
typedef struct simd_way {
    tw_tile_shape shape;
    int slabs;
    bool place;  /* b is read where it is */
    int row_dim; /* 0: groups of one block of columns follow one another */
    int panel;   /* tiles of rows of a group that makes all columns; 0: a tile a group */
} simd_way;

/* Slabs of a sum so long that a block of columns does not stay in the second-level cache from one
 * tile of rows to the next: parts of both sides that do, as long as adding up the results is a
 * small part of the traffic. */
static int near_slabs(const tw_site *site, const tw_product *p, int64_t tiles, int width)
{
    const int64_t m = tw_dim_at(p->m, site->batch), k = tw_dim_at(p->k, site->batch);
    const int64_t results = m * p->n.scale, elements = k * (m + p->n.scale);
    if (tiles == 1 || k * width <= NEAR || !may_split(p))
        return 1;
    return (int)TW_MIN(TW_MIN(elements / NEAR, elements / (8 * results)), MOST_NEAR);
}

static int simd_slabs(const tw_site *site, const tw_product *p, tw_tile_shape shape)
{
    const int64_t rows = tw_dim_at(p->m, site->batch), tiles = (rows + shape.rows - 1) / shape.rows;
    const tw_tile tile = tw_tile_of(site->caps, p->n.scale, shape.nv);
    const int64_t groups = tiles * tile.blocks * tw_dim_at(p->batch, site->batch);
    return TW_MAX(slab_count(site, p, groups, 128), near_slabs(site, p, tiles, tile.width));
}

/* Vectors a row of a tile: many where there are few rows, so that b is read in long runs and the
 * registers are in use; one where two would leave much of the last block empty. */
static int choose_vectors(const tw_site *site, const tw_product *p, bool place)
{
    const tw_tile one = tw_tile_of(site->caps, p->n.scale, 1);
    const int64_t rows = tw_dim_at(p->m, site->batch);
    const int64_t vectors = place ? p->n.scale / one.vw : one.blocks; /* the most of a tile */
    if (rows <= 6 && site->caps->registers >= 32) {
        const int64_t blocks = (one.blocks + (rows <= 2 ? 7 : 3)) / (rows <= 2 ? 8 : 4);
        return (int)TW_MIN((one.blocks + blocks - 1) / blocks, vectors);
    }
    return vectors == 1 || (one.blocks % 2 == 1 && one.blocks < 16) ? 1 : 2;
}

static int choose_rows(const tw_site *site, const tw_product *p, int nv)
{
    const int most = tw_tile_max_rows_of(site->caps, nv);
    const int64_t rows = tw_dim_at(p->m, site->batch);
    if (rows <= most)
        return (int)rows;
    const bool aliased = !p->transpose_a && is_aliased(p->k) && most > CACHE_WAYS;
    return aliased ? CACHE_WAYS : tw_tile_rows(site->caps, p->m, nv);
}

/* A group for each tile keeps many cores busy with little; where there are many tiles of rows, a
 * group makes all columns of one, or of some where b is large and passes by once for all of them.
 */
static int choose_panel(const tw_site *site, const tw_product *p, const simd_way *way)
{
    const int64_t rows = tw_dim_at(p->m, site->batch), batch = tw_dim_at(p->batch, site->batch);
    const int tiles = way->row_dim == 1 ? 1 : PANEL;
    const int64_t groups = rows / ((int64_t)way->shape.rows * tiles) * batch * way->slabs;
    return groups >= ENOUGH * (int64_t)site->caps->units ? tiles : 0;
}

static simd_way choose_simd(const tw_site *site, const tw_product *p)
{
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    simd_way way = {.place = in_place(p, vw) && !pack_pays(site, p)};
    way.shape.nv = choose_vectors(site, p, way.place);
    way.shape.rows = choose_rows(site, p, way.shape.nv);
    way.slabs = simd_slabs(site, p, way.shape);
    way.row_dim = tw_dim_nominal(p->k) * p->n.scale > SMALL_B ? 0 : 1;
    way.panel = choose_panel(site, p, &way);
    return way;
}

/* Elements that each step of the sum asks for of the tile of rows that comes next, where those are
 * short runs, which nothing foresees, and have room in a corner of the first-level cache. */
static int64_t rows_ahead(const tw_product *p, const simd_way *way, const tw_tile *tile)
{
    const bool follows = way->row_dim == 1 && !p->transpose_a && way->slabs == 1;
    return follows && way->shape.rows * tw_dim_nominal(p->k) <= SHORT_ROWS
               ? (way->shape.rows + tile->blocks - 1) / tile->blocks
               : 0;
}

static void product_simd(tw_site *site, const tw_product *p, const simd_way *way,
                         tw_candidate *candidate)
{
    const bool place = way->place;
    const tw_tile tile = tw_tile_of(site->caps, p->n.scale, way->shape.nv);
    const int rows = way->shape.rows, slabs = way->slabs, row_dim = way->row_dim;
    const int64_t panel = (int64_t)rows * TW_MAX(way->panel, 1);
    const int64_t run = way->panel ? tile.blocks : 1;
    if (!candidate)
        return;
    const int b = place ? p->b : pack_b(site, candidate, p, &tile);
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul.cl", "matmul");
    define_sizes(site, l, p);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "ROWS", rows);
    tw_launch_define(site, l, "IN_PLACE", place);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_define(site, l, "ROW_DIM", row_dim);
    tw_launch_define(site, l, "PANEL", panel);
    tw_launch_define(site, l, "RUN", run);
    tw_launch_define(site, l, "AHEAD", place && row_dim == 0 && way->shape.nv <= 2 ? AHEAD : 0);
    tw_launch_define(site, l, "A_AHEAD", rows_ahead(p, way, &tile));
    tw_launch_in(site, l, "a", p->a, p->a_type);
    tw_launch_in(site, l, "b", b, place ? p->b_type : TW_F32);
    tw_launch_global(l, row_dim, p->m, panel, 1);
    tw_launch_global(l, 1 - row_dim, TW_DIM(tile.blocks), run, 1);
    tw_launch_global(l, 2, tw_dim_multiply(p->batch, TW_DIM(slabs)), 1, 1);
    finish(site, candidate, l, p, slabs, tile.blocks * tile.width, tw_tile_widths(&tile));
}

static void try_simd(tw_site *site, const tw_product *p, const simd_way *standard, simd_way way)
{
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const bool same = way.shape.rows == standard->shape.rows &&
                      way.shape.nv == standard->shape.nv && way.slabs == standard->slabs &&
                      way.place == standard->place && way.row_dim == standard->row_dim &&
                      way.panel == standard->panel;
    const int64_t columns = (int64_t)way.shape.nv * vw;
    const bool fits =
        way.place ? !p->transpose_b && columns <= p->n.scale : columns < p->n.scale + vw;
    if (!same && fits && way.shape.rows <= tw_dim_at(p->m, site->batch) && way.slabs >= 1 &&
        way.slabs <= TW_MAX(tw_dim_nominal(p->k), 1))
        product_simd(site, p, &way,
                     tw_site_alternative(site, TW_FAMILY_SIMD, "matmul_simd:%dx%d:k%d:%s:%s:p%d",
                                         way.shape.rows, way.shape.nv, way.slabs,
                                         way.place ? "direct" : "packed",
                                         way.row_dim ? "rows" : "columns", way.panel));
}

/* Other tiles, with their own number of slabs; other numbers of slabs, packing and order with the
 * standard tile. */
static void alternatives_simd(tw_site *site, const tw_product *p, const simd_way *standard)
{
    static const int times[] = {-4, -2, 2, 4}; /* slabs; negative: fewer */
    simd_way way = *standard;
    for (int i = 0; tw_tile_trial(site->caps, i, &way.shape); i++) {
        way.slabs = simd_slabs(site, p, way.shape);
        way.panel = choose_panel(site, p, &way);
        try_simd(site, p, standard, way);
    }
    for (int i = 0; i < TW_COUNT(times); i++) {
        way = *standard;
        way.slabs = times[i] > 0 ? way.slabs * times[i] : way.slabs / -times[i];
        try_simd(site, p, standard, way);
    }
    way = *standard;
    way.slabs = 1;
    try_simd(site, p, standard, way);
    way = *standard;
    way.row_dim = !way.row_dim;
    try_simd(site, p, standard, way);
    for (way = *standard, way.panel = 0; way.panel <= 2 * PANEL;
         way.panel = 2 * way.panel + (way.panel == 0))
        try_simd(site, p, standard, way);
    way = *standard;
    way.place = !way.place;
    try_simd(site, p, standard, way);
}

static void products_simd(tw_site *site, const tw_product *p)
{
    const simd_way standard = choose_simd(site, p);
    product_simd(site, p, &standard, tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_simd"));
    if (site->wanted)
        alternatives_simd(site, p, &standard);
}

/* ---- long sums ---- */

/* Lines of so many elements of a row, shared by so many tiles. */
static int64_t lines_each(int64_t elements, int64_t tiles)
{
    return (elements + LINE * tiles - 1) / (LINE * tiles);
}

/* The most slabs of a long sum whose own results are a small part of what is read. */
static int64_t most_slabs(const tw_site *site, const tw_product *p)
{
    const int64_t m = p->m.scale, n = p->n.scale;
    return tw_dim_at(p->k, site->batch) * (m + n) / (8 * m * n);
}

/* Whether what a long sum reads stays in no near cache, and its result is small enough to. */
static bool is_long(const tw_site *site, const tw_product *p)
{
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const int64_t k = tw_dim_at(p->k, site->batch);
    return p->transpose_a && tw_dim_fixed(p->m) && p->m.scale >= vw && in_place(p, vw) &&
           may_split(p) && p->m.scale * p->n.scale <= MOST_LONG &&
           k * (p->m.scale + p->n.scale) >= LEAST_LONG && most_slabs(site, p) >= site->caps->units;
}

static void product_slabs(tw_site *site, const tw_product *p, tw_tile_shape shape, int chunk,
                          int slabs, tw_candidate *candidate)
{
    const tw_tile tile = tw_tile_of(site->caps, p->n.scale, shape.nv);
    const int64_t tiles = tile.blocks * ((p->m.scale + shape.rows - 1) / shape.rows);
    if (!candidate)
        return;
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_slabs.cl", "matmul_slabs");
    define_sizes(site, l, p);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "ROWS", shape.rows);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_define(site, l, "CHUNK", chunk);
    tw_launch_define(site, l, "A_LINES", lines_each(p->m.scale, tiles));
    tw_launch_define(site, l, "B_LINES", lines_each(p->n.scale, tiles));
    tw_launch_in(site, l, "a", p->a, p->a_type);
    tw_launch_in(site, l, "b", p->b, p->b_type);
    tw_launch_global(l, 0, TW_DIM(slabs), 1, 1);
    tw_launch_global(l, 1, p->batch, 1, 1);
    add_slabs(site, candidate, l, p, slabs, tile.blocks * tile.width);
}

static void try_slabs(tw_site *site, const tw_product *p, tw_tile_shape shape, int64_t chunk,
                      int64_t slabs)
{
    if (slabs >= 1 && chunk >= 1)
        product_slabs(site, p, shape, (int)chunk, (int)slabs,
                      tw_site_alternative(site, TW_FAMILY_SIMD, "matmul_slabs:%dx%d:k%d:c%d",
                                          shape.rows, shape.nv, (int)slabs, (int)chunk));
}

static void products_slabs(tw_site *site, const tw_product *p)
{
    const int nv = choose_vectors(site, p, true);
    const tw_tile_shape standard = {choose_rows(site, p, nv), nv};
    const int64_t chunk = TW_MAX(CHUNK / (p->m.scale + p->n.scale), 1);
    const int64_t slabs = TW_MIN(2 * (int64_t)tw_split(site->caps, 1, 64), most_slabs(site, p));
    product_slabs(site, p, standard, (int)chunk, (int)slabs,
                  tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_slabs"));
    if (!site->wanted)
        return;
    try_slabs(site, p, standard, chunk / 2, slabs);
    try_slabs(site, p, standard, chunk * 2, slabs);
    try_slabs(site, p, standard, chunk, slabs / 2);
    try_slabs(site, p, standard, chunk, slabs * 2);
}

/* Whether the rows of both sides lie along the sum. */
static bool is_dot(const tw_product *p)
{
    const bool row_a = !p->transpose_a || tw_dim_is_one(p->m);
    return row_a && (p->transpose_b || tw_dim_is_one(p->n)) && tw_dim_fixed(p->n);
}

/* Measured (docs/kernels.md): packing b takes as long as the sums at the end of the vectors at
 * about twice as many rows as the sum is long. A vector is never packed: it would be a block of
 * columns. */
static bool dot_pays(const tw_site *site, const tw_product *p)
{
    const int64_t rows = tw_dim_at(p->m, site->batch), k = tw_dim_at(p->k, site->batch);
    return is_dot(p) && (tw_dim_is_one(p->n) || 2 * rows <= k);
}

static void product_dot(tw_site *site, const tw_product *p, int most, tw_candidate *candidate)
{
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    const int rows = tw_dim_fixed(p->m) ? (int)TW_MIN(most, p->m.scale) : most;
    if (!candidate)
        return;
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_dot.cl", "matmul_dot");
    define_sizes(site, l, p);
    tw_launch_define(site, l, "VW", vw);
    tw_launch_define(site, l, "ROWS", rows);
    tw_launch_define(site, l, "COLUMNS", TW_MIN(p->n.scale, 4));
    tw_launch_in(site, l, "a", p->a, p->a_type);
    tw_launch_in(site, l, "b", p->b, p->b_type);
    if (l)
        tw_launch_epilogue(site, l, (unsigned)vw | 1u);
    tw_launch_global(l, 0, p->m, rows, 1);
    tw_launch_global(l, 1, p->n, vw, 1);
    tw_launch_global(l, 2, p->batch, 1, 1);
}

static void products_dot(tw_site *site, const tw_product *p)
{
    const int standard = site->caps->registers >= 32 ? 4 : 2;
    product_dot(site, p, standard, tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_dot"));
    for (int rows = 1; site->wanted && rows <= 5; rows++)
        if (rows != standard && (!tw_dim_fixed(p->m) || rows <= p->m.scale))
            product_dot(site, p, rows,
                        tw_site_alternative(site, TW_FAMILY_SIMD, "matmul_dot:%d", rows));
}

/* For columns that follow the batch, where there is no number of blocks to plan with, and for tiny
 * products. */
static void product_plain(tw_site *site, const tw_product *p, tw_candidate *candidate)
{
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_plain.cl", "matmul_plain");
    define_sizes(site, l, p);
    define_b(site, l, p);
    tw_launch_in(site, l, "a", p->a, p->a_type);
    tw_launch_in(site, l, "b", p->b, p->b_type);
    if (l)
        tw_launch_epilogue(site, l, 1);
    tw_launch_global(l, 0, p->m, 1, 1);
    tw_launch_global(l, 1, p->batch, 1, 1);
}

/* As many slabs as make work for the device, in tiles of 16 * per rows and columns. */
static int simt_slabs(const tw_site *site, const tw_product *p, int per)
{
    const int64_t m = tw_dim_nominal(p->m), n = tw_dim_nominal(p->n), side = 16 * per;
    const int64_t groups = (m + side - 1) / side * ((n + side - 1) / side);
    return tw_dim_fixed(p->n) ? slab_count(site, p, groups * tw_dim_nominal(p->batch), 256) : 1;
}

static void product_simt(tw_site *site, const tw_product *p, int per, int slabs,
                         tw_candidate *candidate)
{
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_simt.cl", "matmul_simt");
    if (!l)
        return;
    define_sizes(site, l, p);
    define_b(site, l, p);
    tw_launch_define(site, l, "PER", per);
    tw_launch_define(site, l, "A_COLUMN_FIRST", !p->transpose_a);
    tw_launch_define(site, l, "B_COLUMN_FIRST", p->transpose_b);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_in(site, l, "a", p->a, p->a_type);
    tw_launch_in(site, l, "b", p->b, p->b_type);
    tw_launch_global(l, 0, p->n, 16 * per, 16);
    tw_launch_global(l, 1, p->m, 16 * per, 16);
    tw_launch_global(l, 2, tw_dim_multiply(p->batch, TW_DIM(slabs)), 1, 1);
    finish(site, candidate, l, p, slabs, p->n.scale, 1);
}

static void products_simt(tw_site *site, const tw_product *p)
{
    const int standard = simt_slabs(site, p, SIMT_PER);
    product_simt(site, p, SIMT_PER, standard,
                 tw_site_candidate(site, TW_FAMILY_SIMT, "matmul_simt"));
    for (int per = 2; site->wanted && per <= 6; per += 2) {
        const int usual = simt_slabs(site, p, per), slabs[] = {usual, usual * 2, usual / 2, 1};
        for (int i = 0; i < TW_COUNT(slabs); i++)
            if ((per != SIMT_PER || slabs[i] != standard) && slabs[i] >= 1 &&
                (slabs[i] == 1 || (usual > 1 && slabs[i] <= tw_dim_nominal(p->k))))
                product_simt(site, p, per, slabs[i],
                             tw_site_alternative(site, TW_FAMILY_SIMT, "matmul_simt:%dx%d:k%d", per,
                                                 per, slabs[i]));
    }
}

/* By the device's library, for f32 matrices that lie one behind the other. Last in order: it is
 * taken where a tuned file says so, or where ours fail. */
static void product_library(tw_site *site, const tw_product *p)
{
    const bool one_a = strcmp(p->a_index, "0") == 0, one_b = strcmp(p->b_index, "0") == 0;
    if (!site->caps->products || p->a_type != TW_F32 || p->b_type != TW_F32 ||
        (!one_a && strcmp(p->a_index, "batch") != 0) ||
        (!one_b && strcmp(p->b_index, "batch") != 0))
        return;
    const tw_dim count = tw_dim_multiply(p->batch, tw_dim_multiply(p->m, p->n));
    tw_candidate *candidate = tw_site_candidate(site, site->caps->family, "matmul_library");
    const int c = tw_candidate_workspace(site, candidate, TW_F32, count, "product");
    tw_candidate_product(site, candidate,
                         &(tw_library_product){.transpose_a = p->transpose_a,
                                               .transpose_b = p->transpose_b,
                                               .one_a = one_a,
                                               .one_b = one_b,
                                               .batch = p->batch,
                                               .m = p->m,
                                               .n = p->n,
                                               .k = p->k},
                         p->a, p->b, c);
    tw_candidate_epilogue(site, candidate, c);
}

/* Multiply-adds at the full batch; infinity where that is not known. */
static double work_of(const tw_site *site, const tw_product *p)
{
    const tw_dim results = tw_dim_multiply(p->batch, tw_dim_multiply(p->m, p->n));
    return tw_dim_known(results)
               ? (double)tw_dim_at(results, site->batch) * (double)tw_dim_at(p->k, site->batch)
               : INFINITY;
}

/* Whether packing b would cost more than it brings. Only where a side is transposed, as in
 * gradients: a weight that is multiplied forward is packed once for all of inference, and then
 * tiles are faster. */
static bool is_tiny(const tw_site *site, const tw_product *p)
{
    return work_of(site, p) <= TINY && (p->transpose_a || p->transpose_b) &&
           !in_place(p, tw_tile_columns(site->caps, 1, true).vw);
}

void tw_product_variants(tw_site *site, const tw_product *p)
{
    const bool tiles = tw_dim_fixed(p->n) && tw_dim_known(tw_dim_multiply(p->b_matrices, p->k));
    const bool tiny = is_tiny(site, p);
    if (tiny)
        product_plain(site, p, tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_plain"));
    if (dot_pays(site, p))
        products_dot(site, p);
    if (tiles && is_long(site, p))
        products_slabs(site, p);
    if (tiles)
        products_simd(site, p);
    else if (!tiny)
        product_plain(site, p, tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_plain"));
    if (is_dot(p) && !dot_pays(site, p))
        products_dot(site, p);
    if (tiles && !tiny && work_of(site, p) <= MOST_PLAIN)
        product_plain(site, p, tw_site_alternative(site, TW_FAMILY_SIMD, "matmul_plain:elements"));
    products_simt(site, p);
    product_library(site, p);
}
