// SPDX-License-Identifier: Apache-2.0
// Choice of register tiles, and the launch that adds partial sums.
#include "op/tile.h"

tw_tile tw_tile_columns(const tw_caps *caps, int64_t columns, bool packed)
{
    const int vw = TW_MIN(TW_MAX(caps->vector, 4), 16);
    const int64_t vectors = (columns + vw - 1) / vw;
    /* Two vectors a row halve the scalar loads; an odd vector more is wasted work unless there are
     * many. */
    return tw_tile_of(caps, columns, vectors == 1 || (packed && vectors == 3) ? 1 : 2);
}

tw_tile tw_tile_of(const tw_caps *caps, int64_t columns, int nv)
{
    tw_tile tile = {.vw = TW_MIN(TW_MAX(caps->vector, 4), 16), .nv = nv};
    tile.width = tile.nv * tile.vw;
    tile.blocks = (columns + tile.width - 1) / tile.width;
    return tile;
}

bool tw_tile_trial(const tw_caps *caps, int i, tw_tile_shape *shape)
{
    /* Accumulators, a vector of each column and a scalar of one row. */
    static const tw_tile_shape few[] = {{2, 2}, {3, 2}, {4, 2},  {5, 2}, {6, 2},
                                        {4, 1}, {8, 1}, {12, 1}, {3, 3}, {2, 4}};
    static const tw_tile_shape many[] = {{2, 2},  {4, 2}, {6, 2},  {8, 2},  {10, 2}, {12, 2},
                                         {14, 2}, {8, 1}, {14, 1}, {16, 1}, {28, 1}, {6, 3},
                                         {8, 3},  {4, 4}, {6, 4},  {1, 8},  {2, 8},  {1, 16}};
    const bool enough = caps->registers >= 32;
    if (i >= (enough ? TW_COUNT(many) : TW_COUNT(few)))
        return false;
    *shape = enough ? many[i] : few[i];
    return true;
}

int tw_tile_trial_vectors(const tw_caps *caps, int64_t columns)
{
    const int64_t vectors = tw_tile_of(caps, columns, 1).blocks;
    return (int)TW_MIN(vectors, 4);
}

int tw_tile_max_rows_of(const tw_caps *caps, int nv)
{
    return TW_MAX((caps->registers >= 32 ? 28 : 12) / nv, 1);
}

int tw_tile_max_rows(const tw_caps *caps)
{
    return tw_tile_max_rows_of(caps, 2);
}

int tw_tile_rows(const tw_caps *caps, tw_dim rows, int nv)
{
    const int most = tw_tile_max_rows_of(caps, nv);
    if (!tw_dim_fixed(rows) && (rows.scale == 1 || most >= 28))
        return most >= 16 ? 16 : most >= 8 ? 8 : 4;
    if (!tw_dim_fixed(rows))
        return most >= 12 ? 12 : most;
    int best = 1;
    int64_t best_cost = INT64_MAX;
    for (int r = 1; r <= TW_MIN(most, rows.scale); r++) {
        const int64_t cost =
            (rows.scale + r - 1) / r * (r + 3); /* 3: loads of the other side, and the loop */
        if (cost <= best_cost) {
            best = r;
            best_cost = cost;
        }
    }
    return best;
}

void tw_launch_define_tile(tw_site *site, tw_launch *launch, const tw_tile *tile)
{
    tw_launch_define(site, launch, "VW", tile->vw);
    tw_launch_define(site, launch, "NV", tile->nv);
    tw_launch_define(site, launch, "BLOCKS", tile->blocks);
}

unsigned tw_tile_widths(const tw_tile *tile)
{
    return (unsigned)tile->vw | 1u;
}

int tw_split(const tw_caps *caps, int64_t groups, int64_t most)
{
    const int64_t wanted = 4 * (int64_t)caps->units;
    const int64_t parts = (wanted + groups - 1) / TW_MAX(groups, 1);
    return (int)TW_MAX(1, TW_MIN(TW_MIN(parts, most), 64));
}

static void slab_sum_simt(tw_site *site, tw_candidate *candidate, const tw_slabs *sum)
{
    tw_launch *l = tw_candidate_launch(site, candidate, "slab_sum_simt.cl", "slab_sum_simt");
    const tw_dim count = tw_dim_multiply(sum->rows, TW_DIM(sum->columns));
    tw_launch_define(site, l, "GROUP", TW_SIMT_GROUP);
    tw_launch_define(site, l, "SLABS", sum->slabs);
    tw_launch_define(site, l, "COLUMNS", sum->columns);
    tw_launch_define_dim(site, l, "COUNT", count);
    tw_launch_in(site, l, "part", sum->part, TW_F32);
    tw_launch_epilogue(site, l, 1);
    tw_launch_global(l, 0, count, TW_SIMT_GROUP, TW_SIMT_GROUP);
    tw_launch_global(l, 1, sum->batch, 1, 1);
}

void tw_slab_sum(tw_site *site, tw_candidate *candidate, const tw_slabs *sum)
{
    if (!candidate)
        return;
    if (candidate->family == TW_FAMILY_SIMT) {
        slab_sum_simt(site, candidate, sum);
        return;
    }
    const tw_tile tile = tw_tile_columns(site->caps, sum->columns, true);
    const int64_t chunk = TW_MAX(1, 4096 / sum->pitch);
    tw_launch *l = tw_candidate_launch(site, candidate, "slab_sum.cl", "slab_sum");
    tw_launch_define(site, l, "VW", tile.vw);
    tw_launch_define(site, l, "SLABS", sum->slabs);
    tw_launch_define(site, l, "GROUPS", sum->groups);
    tw_launch_define_dim(site, l, "ROWS", sum->rows);
    tw_launch_define(site, l, "PITCH", sum->pitch);
    tw_launch_define(site, l, "COLUMNS", sum->columns);
    tw_launch_define(site, l, "CHUNK", chunk);
    tw_launch_in(site, l, "part", sum->part, TW_F32);
    tw_launch_epilogue(site, l, tw_tile_widths(&tile));
    tw_launch_global(l, 0, sum->rows, chunk, 1);
    tw_launch_global(l, 1, TW_DIM(sum->groups), 1, 1);
    tw_launch_global(l, 2, sum->batch, 1, 1);
}
