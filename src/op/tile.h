// SPDX-License-Identifier: Apache-2.0
// Register tiles of the simd family, and partial sums: what products and convolutions share
// (cl/core/tile.cl).
#ifndef TW_OP_TILE_H
#define TW_OP_TILE_H

#include "op/helpers.h"

/* Columns in blocks of nv vectors of vw floats. */
typedef struct tw_tile {
    int vw, nv, width; /* width = nv * vw */
    int64_t blocks;    /* that cover the columns, the last perhaps in part */
} tw_tile;

/* packed: the columns are copied with zeros behind them, so that a block may reach over the end;
 * otherwise they are read where they are, and must be (and are left to be checked by) a multiple of
 * vw. */
tw_tile tw_tile_columns(const tw_caps *caps, int64_t columns, bool packed);
/* The same with nv vectors a row; columns that are read where they are must have that many. */
tw_tile tw_tile_of(const tw_caps *caps, int64_t columns, int nv);
/* Register tiles worth a trial beside the one that the rules choose: those that the registers hold.
 * false: there is no number i. */
typedef struct tw_tile_shape {
    int rows, nv;
} tw_tile_shape;
bool tw_tile_trial(const tw_caps *caps, int i, tw_tile_shape *shape);
/* The most vectors a row that such a tile may have for so many columns. */
int tw_tile_trial_vectors(const tw_caps *caps, int64_t columns);
/* Most rows of two vectors that fit the registers beside a row of the other side. */
int tw_tile_max_rows(const tw_caps *caps);
/* The same of nv vectors. */
int tw_tile_max_rows_of(const tw_caps *caps, int nv);
/* Rows of a tile of nv vectors a row for so many rows: little waste in the last tile. Rows that are
 * the batch itself, or follow it in tiles of one vector where there are 32 registers, get a power of
 * two. */
int tw_tile_rows(const tw_caps *caps, tw_dim rows, int nv);
/* VW, NV, BLOCKS */
void tw_launch_define_tile(tw_site *site, tw_launch *launch, const tw_tile *tile);
/* The mask for tw_launch_epilogue: vectors, and single elements at the end of a row. */
unsigned tw_tile_widths(const tw_tile *tile);

/* Work-groups that keep a device busy, as a number of parts for work that comes in `groups` and
 * could be split `most` times. */
int tw_split(const tw_caps *caps, int64_t groups, int64_t most);

/* Adds partial sums in a fixed order, with the site's epilogue:
 * part [batch][slabs][groups][rows][pitch] -> result [batch][rows][groups * columns]. simt: pitch
 * is columns. */
typedef struct tw_slabs {
    int part; /* tensor */
    int slabs;
    tw_dim batch, rows;
    int64_t groups, pitch, columns;
} tw_slabs;
void tw_slab_sum(tw_site *site, tw_candidate *candidate, const tw_slabs *sum);

#define TW_SIMT_GROUP 64 /* work-items of plain simt kernels */

#endif
