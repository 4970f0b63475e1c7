// SPDX-License-Identifier: Apache-2.0
// Candidates for a product in register tiles (cl/matmul.cl).
#include "op/product_launch.h"

/* b kept below this is read from the cache by every tile of rows; above it, tiles of one block of
 * columns follow one another, so that the block stays there. */
#define SMALL_B 50000

/* Rows of a large b in place that are asked for ahead: a narrow block of its columns is a stride
 * that no cache foresees (image_cnn's dense layer: 1.8 ms without). */
#define AHEAD 16

/* Likewise rows of a transposed a, of which a tile takes a narrow part (1x1 convolutions of 256 to
 * 512 channels by the weight: 9.2 ms, then 8.4). */
#define A_DOWN 8

/* Tiles of rows of a panel that a large b passes by; groups a core that are enough, and for panels
 * of one tile where b is read in place. */
#define PANEL 4
#define ENOUGH 8
#define FEW 4

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

/* Sums so short that a tile of many rows by one vector is faster than one by two, where b is read in
 * place and the rows of the result do not meet in one set of the first-level cache. */
#define BRIEF 128

/* Elements of both sides that a second-level cache holds, and the most slabs for the sake of it. */
#define NEAR 200000
#define MOST_NEAR 32

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
    if (tiles == 1 || k * width <= NEAR || !tw_product_may_split(p))
        return 1;
    return (int)TW_MIN(TW_MIN(elements / NEAR, elements / (8 * results)), MOST_NEAR);
}

static int simd_slabs(const tw_site *site, const tw_product *p, tw_tile_shape shape)
{
    const int64_t rows = tw_dim_at(p->m, site->batch), tiles = (rows + shape.rows - 1) / shape.rows;
    const tw_tile tile = tw_tile_of(site->caps, p->n.scale, shape.nv);
    const int64_t groups = tiles * tile.blocks * tw_dim_at(p->batch, site->batch);
    return TW_MAX(tw_product_slabs(site, p, groups, 128), near_slabs(site, p, tiles, tile.width));
}

/* Vectors a row of a tile: many where there are few rows, so that b is read in long runs and the
 * registers are in use; one where two would leave much of the last block empty. */
int tw_product_vectors(const tw_site *site, const tw_product *p, bool place)
{
    const tw_tile one = tw_tile_of(site->caps, p->n.scale, 1);
    const int64_t rows = tw_dim_at(p->m, site->batch);
    const int64_t vectors = place ? p->n.scale / one.vw : one.blocks; /* the most of a tile */
    if (rows <= 6 && site->caps->registers >= 32) {
        const int64_t blocks = (one.blocks + (rows <= 2 ? 7 : 3)) / (rows <= 2 ? 8 : 4);
        return (int)TW_MIN((one.blocks + blocks - 1) / blocks, vectors);
    }
    const bool brief = place && !tw_dim_fixed(p->m) && tw_dim_nominal(p->k) <= BRIEF &&
                       !is_aliased(p->n) && site->caps->registers >= 32;
    return vectors == 1 || (one.blocks % 2 == 1 && one.blocks < 16) || brief ? 1 : 2;
}

int tw_product_rows(const tw_site *site, const tw_product *p, int nv)
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
    const int64_t rows = tw_dim_at(p->m, site->batch) / way->shape.rows;
    const int64_t matrices = tw_dim_at(p->batch, site->batch) * way->slabs;
    const int64_t units = site->caps->units;
    int tiles = way->row_dim == 1 || p->transpose_a ? 1 : PANEL;
    while (way->place && tiles > 1 && rows / tiles * matrices < ENOUGH * units)
        tiles /= 2;
    const int64_t enough = way->place && tiles == 1 ? FEW : ENOUGH;
    return rows / tiles * matrices >= enough * units ? tiles : 0;
}

static simd_way choose_simd(const tw_site *site, const tw_product *p)
{
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    simd_way way = {.place = tw_product_in_place(p, vw) && !pack_pays(site, p)};
    way.shape.nv = tw_product_vectors(site, p, way.place);
    way.shape.rows = tw_product_rows(site, p, way.shape.nv);
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
    tw_product_sizes(site, l, p);
    tw_launch_define_tile(site, l, &tile);
    tw_launch_define(site, l, "ROWS", rows);
    tw_launch_define(site, l, "IN_PLACE", place);
    tw_launch_define(site, l, "SLABS", slabs);
    tw_launch_define(site, l, "ROW_DIM", row_dim);
    tw_launch_define(site, l, "PANEL", panel);
    tw_launch_define(site, l, "RUN", run);
    tw_launch_define(site, l, "AHEAD", place && row_dim == 0 && way->shape.nv <= 2 ? AHEAD : 0);
    tw_launch_define(site, l, "A_DOWN", p->transpose_a && row_dim == 0 ? A_DOWN : 0);
    tw_launch_define(site, l, "A_AHEAD", rows_ahead(p, way, &tile));
    tw_launch_in(site, l, "a", p->a, p->a_type);
    tw_launch_in(site, l, "b", b, place ? p->b_type : TW_F32);
    tw_launch_global(l, row_dim, p->m, panel, 1);
    tw_launch_global(l, 1 - row_dim, TW_DIM(tile.blocks), run, 1);
    tw_launch_global(l, 2, tw_dim_multiply(p->batch, TW_DIM(slabs)), 1, 1);
    tw_product_finish(site, candidate, l, p, slabs, tile.blocks * tile.width,
                      tw_tile_widths(&tile));
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

void tw_product_tiles_simd(tw_site *site, const tw_product *p)
{
    const simd_way standard = choose_simd(site, p);
    product_simd(site, p, &standard, tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_simd"));
    if (site->wanted)
        alternatives_simd(site, p, &standard);
}
