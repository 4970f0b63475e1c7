// SPDX-License-Identifier: Apache-2.0
// Candidates for a product of a long sum and a small result (cl/matmul_slabs.cl).
#include "op/product_launch.h"

/* A long sum of a small result: elements of the result at most, elements read at least, and those
 * of both sides that are read once and then multiplied. What lies in the caches may be read again:
 * below 8 MB tiles stand first. */
#define MOST_LONG 32768
#define LEAST_LONG 400000
#define LEAST_FAR 2000000
#define CHUNK 24576
#define LINE 16 /* of a cache */

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

/* Elements of both sides. */
static int64_t elements_read(const tw_site *site, const tw_product *p)
{
    return tw_dim_at(p->k, site->batch) * (p->m.scale + p->n.scale);
}

bool tw_product_is_far(const tw_site *site, const tw_product *p)
{
    return elements_read(site, p) >= LEAST_FAR;
}

bool tw_product_is_long(const tw_site *site, const tw_product *p)
{
    const int vw = tw_tile_columns(site->caps, 1, true).vw;
    return p->transpose_a && tw_dim_fixed(p->m) && p->m.scale >= vw && tw_product_in_place(p, vw) &&
           tw_product_may_split(p) && p->m.scale * p->n.scale <= MOST_LONG &&
           elements_read(site, p) >= LEAST_LONG && most_slabs(site, p) >= site->caps->units;
}

static void product_slabs(tw_site *site, const tw_product *p, tw_tile_shape shape, int chunk,
                          int slabs, tw_candidate *candidate)
{
    const tw_tile tile = tw_tile_of(site->caps, p->n.scale, shape.nv);
    const int64_t tiles = tile.blocks * ((p->m.scale + shape.rows - 1) / shape.rows);
    if (!candidate)
        return;
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_slabs.cl", "matmul_slabs");
    tw_product_sizes(site, l, p);
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
    tw_product_add_slabs(site, candidate, l, p, slabs, tile.blocks * tile.width);
}

static void try_slabs(tw_site *site, const tw_product *p, tw_tile_shape shape, int64_t chunk,
                      int64_t slabs)
{
    if (slabs >= 1 && chunk >= 1)
        product_slabs(site, p, shape, (int)chunk, (int)slabs,
                      tw_site_alternative(site, TW_FAMILY_SIMD, "matmul_slabs:%dx%d:k%d:c%d",
                                          shape.rows, shape.nv, (int)slabs, (int)chunk));
}

void tw_product_slabs_simd(tw_site *site, const tw_product *p)
{
    const int nv = tw_product_vectors(site, p, true);
    const tw_tile_shape standard = {tw_product_rows(site, p, nv), nv};
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
