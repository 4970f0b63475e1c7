// SPDX-License-Identifier: Apache-2.0
// Candidates for a product: their order, those that are no register tiles, and what all launches
// share.
#include "op/product_launch.h"
#include <math.h>

#define SIMT_PER 4 /* rows and columns of a work-item, of 16 x 16 in a group */

/* A product of no more multiply-adds takes less time element by element than another launch, to
 * pack b, would. */
#define TINY 8192
#define MOST_PLAIN (16 * TINY) /* up to here tuning tries it */

/* ---- what launches share ---- */

void tw_product_sizes(tw_site *site, tw_launch *l, const tw_product *p)
{
    tw_launch_define_dim(site, l, "M", p->m);
    tw_launch_define_dim(site, l, "N", p->n);
    tw_launch_define_dim(site, l, "K", p->k);
    tw_launch_define_dim(site, l, "A_ROW", p->transpose_a ? TW_DIM(1) : p->k);
    tw_launch_define_dim(site, l, "A_COL", p->transpose_a ? p->m : TW_DIM(1));
    tw_launch_define_text(site, l, "A_INDEX", p->a_index);
    tw_launch_define_text(site, l, "B_INDEX", p->b_index);
}

bool tw_product_in_place(const tw_product *p, int vw)
{
    return !p->transpose_b && p->n.scale >= vw;
}

bool tw_product_may_split(const tw_product *p)
{
    return tw_dim_known(tw_dim_multiply(p->batch, tw_dim_multiply(p->m, p->n)));
}

int tw_product_slabs(const tw_site *site, const tw_product *p, int64_t groups, int64_t least)
{
    const int64_t k = tw_dim_nominal(p->k);
    return tw_product_may_split(p) ? tw_split(site->caps, groups, k / least) : 1;
}

void tw_product_add_slabs(tw_site *site, tw_candidate *candidate, tw_launch *l, const tw_product *p,
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

void tw_product_finish(tw_site *site, tw_candidate *candidate, tw_launch *l, const tw_product *p,
                       int slabs, int64_t pitch, unsigned widths)
{
    if (slabs == 1) {
        tw_launch_epilogue(site, l, widths);
        return;
    }
    tw_product_add_slabs(site, candidate, l, p, slabs, pitch);
}

/* ---- candidates ---- */

/* Strides of b for the kernels that read it by elements. */
static void define_b(tw_site *site, tw_launch *l, const tw_product *p)
{
    tw_launch_define_dim(site, l, "B_ROW", p->transpose_b ? TW_DIM(1) : p->n);
    tw_launch_define_dim(site, l, "B_COL", p->transpose_b ? p->k : TW_DIM(1));
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
    tw_product_sizes(site, l, p);
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
    tw_product_sizes(site, l, p);
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
    return tw_dim_fixed(p->n) ? tw_product_slabs(site, p, groups * tw_dim_nominal(p->batch), 256)
                              : 1;
}

static void product_simt(tw_site *site, const tw_product *p, int per, int slabs,
                         tw_candidate *candidate)
{
    tw_launch *l = tw_candidate_launch(site, candidate, "matmul_simt.cl", "matmul_simt");
    if (!l)
        return;
    tw_product_sizes(site, l, p);
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
    tw_product_finish(site, candidate, l, p, slabs, p->n.scale, 1);
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
           !tw_product_in_place(p, tw_tile_columns(site->caps, 1, true).vw);
}

void tw_product_variants(tw_site *site, const tw_product *p)
{
    const bool tiles = tw_dim_fixed(p->n) && tw_dim_known(tw_dim_multiply(p->b_matrices, p->k));
    const bool tiny = is_tiny(site, p);
    if (tiny)
        product_plain(site, p, tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_plain"));
    if (dot_pays(site, p))
        products_dot(site, p);
    const bool slabs = tiles && tw_product_is_long(site, p);
    if (slabs && tw_product_is_far(site, p))
        tw_product_slabs_simd(site, p);
    if (tiles)
        tw_product_tiles_simd(site, p);
    else if (!tiny)
        product_plain(site, p, tw_site_candidate(site, TW_FAMILY_SIMD, "matmul_plain"));
    if (slabs && !tw_product_is_far(site, p))
        tw_product_slabs_simd(site, p);
    if (is_dot(p) && !dot_pays(site, p))
        products_dot(site, p);
    if (tiles && !tiny && work_of(site, p) <= MOST_PLAIN)
        product_plain(site, p, tw_site_alternative(site, TW_FAMILY_SIMD, "matmul_plain:elements"));
    products_simt(site, p);
    product_library(site, p);
}
