// SPDX-License-Identifier: Apache-2.0
// Elements to other places: what transpose, slice, pad and their like share.
#include "op/move.h"
#include "op/expr.h"
#include <stdio.h>

#define TILE 8192     /* elements that a work-item transposes, and ... */
#define ACROSS 4096   /* at most of the axis along which neighbours in x lie: long runs are read */
#define LEAST_TILE 16 /* size of an axis from which tiles pay */

static bool axis_is_plain(const tw_move *m, int d)
{
    return m->start[d] == 0 && m->step[d] == 1 &&
           (m->mode == 0 || tw_dim_equal(m->size[d], m->length[d]));
}

/* Joins neighbours that are walked through as if they were one axis. */
static void join_axes(tw_move *m)
{
    for (int d = m->rank - 2; d >= 0; d--) {
        if (!axis_is_plain(m, d) || !axis_is_plain(m, d + 1) ||
            !(tw_dim_equal(m->stride[d], tw_dim_multiply(m->stride[d + 1], m->size[d + 1])) ||
              tw_dim_is_one(m->size[d])))
            continue;
        m->size[d] = m->length[d] = tw_dim_multiply(m->size[d], m->size[d + 1]);
        m->stride[d] = m->stride[d + 1];
        m->rank--;
        for (int e = d + 1; e < m->rank; e++) {
            m->size[e] = m->size[e + 1];
            m->stride[e] = m->stride[e + 1];
            m->length[e] = m->length[e + 1];
            m->start[e] = m->start[e + 1];
            m->step[e] = m->step[e + 1];
        }
    }
}

static void define_axes(tw_site *site, tw_launch *launch, const tw_move *m)
{
    char name[16];
    for (int k = 0; k < 8; k++) {
        const int d = k - (8 - m->rank);
        snprintf(name, sizeof name, "SIZE%d", k);
        tw_launch_define_dim(site, launch, name, d < 0 ? TW_DIM(1) : m->size[d]);
        snprintf(name, sizeof name, "STRIDE%d", k);
        tw_launch_define_dim(site, launch, name, d < 0 ? TW_DIM(0) : m->stride[d]);
        snprintf(name, sizeof name, "LENGTH%d", k);
        tw_launch_define_dim(site, launch, name, d < 0 ? TW_DIM(1) : m->length[d]);
        snprintf(name, sizeof name, "START%d", k);
        tw_launch_define(site, launch, name, d < 0 ? 0 : m->start[d]);
        snprintf(name, sizeof name, "STEP%d", k);
        tw_launch_define(site, launch, name, d < 0 ? 1 : m->step[d]);
    }
}

/* The axis before the last along which neighbours in x lie, if both are long enough for tiles; -1.
 */
static int tiled_axis(const tw_move *m)
{
    const int last = m->rank - 1;
    if (m->mode != 0 || last < 1 || tw_dim_is_one(m->stride[last]) ||
        tw_dim_nominal(m->size[last]) < LEAST_TILE)
        return -1;
    for (int d = 0; d < last; d++)
        if (axis_is_plain(m, d) && tw_dim_is_one(m->stride[d]) &&
            tw_dim_nominal(m->size[d]) >= LEAST_TILE)
            return d;
    return -1;
}

/* What cl/move.cl's tiles want to know; takes the tiled axis out of m. Returns what the others but
 * the last have. */
static tw_dim define_tiles(tw_site *site, tw_launch *launch, tw_move *m, int axis)
{
    char name[16];
    tw_dim stride[TW_MAX_RANK], next = TW_DIM(1), rows = TW_DIM(1);
    for (int d = m->rank - 1; d >= 0; d--) {
        stride[d] = next;
        next = tw_dim_multiply(next, m->size[d]);
        if (d != axis && d != m->rank - 1)
            rows = tw_dim_multiply(rows, m->size[d]);
    }
    for (int k = 0; k < 7; k++) {
        const int d = k - (8 - m->rank);
        snprintf(name, sizeof name, "PLACE%d", k);
        tw_launch_define_dim(site, launch, name, d < 0 ? TW_DIM(0) : stride[d]);
    }
    tw_launch_define_dim(site, launch, "TILES", m->size[axis]);
    tw_launch_define_dim(site, launch, "PLACE_STRIDE", stride[axis]);
    const int64_t across = TW_MIN(tw_dim_nominal(m->size[axis]), ACROSS);
    const int64_t along = TW_MAX(16, TILE / across / 16 * 16);
    tw_launch_define(site, launch, "ALONG", along);
    tw_launch_define(site, launch, "ACROSS", ACROSS);
    tw_launch_global(launch, 0, m->size[m->rank - 1], along, 1);
    tw_launch_global(launch, 1, m->size[axis], ACROSS, 1);
    tw_launch_global(launch, 2, rows, 1, 1);
    m->size[axis] = TW_DIM(1);
    return rows;
}

void tw_move_candidate(tw_site *site, tw_move m)
{
    const tw_type type = tw_site_in_type(site, 0);
    const tw_shape *y = tw_site_out_shape(site, 0);
    const tw_family family = site->caps->family;
    join_axes(&m);
    const tw_dim run = m.rank ? m.size[m.rank - 1] : TW_DIM(1);
    tw_dim rows = tw_dim_divide(tw_shape_count(y), run);
    const int tile = family == TW_FAMILY_SIMD ? tiled_axis(&m) : -1;
    const bool plain =
        m.rank && axis_is_plain(&m, m.rank - 1) && tw_dim_is_one(m.stride[m.rank - 1]);
    const bool vector = tw_expr_linear(site->epilogue) || tw_dim_equal(run, tw_last_dim(y));
    const int64_t chunk = TW_MAX(1, 4096 / TW_MAX(1, tw_dim_nominal(run)));
    tw_launch *launch =
        tw_candidate_launch(site, tw_site_candidate(site, family, "move"), "move.cl", "move");
    tw_launch_define(site, launch, "MODE", m.mode);
    tw_launch_define(site, launch, "ITEMS", family == TW_FAMILY_SIMT);
    tw_launch_define(site, launch, "PLAIN", plain);
    tw_launch_define(site, launch, "VECTOR", vector);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define(site, launch, "TILED", tile >= 0);
    if (tile >= 0)
        rows = define_tiles(site, launch, &m, tile);
    tw_launch_define_dim(site, launch, "ROWS", rows);
    tw_launch_define_dim(site, launch, "COLUMNS", tw_last_dim(y));
    define_axes(site, launch, &m);
    tw_launch_define_value(site, launch, type);
    if (tw_type_is_real(type))
        tw_launch_define_float(site, launch, "FILL", m.fill);
    else
        tw_launch_define(site, launch, "FILL", (int64_t)m.fill);
    tw_launch_in(site, launch, "x", site->in[0], type);
    if (family == TW_FAMILY_SIMT)
        tw_launch_global(launch, 0, tw_shape_count(y), 64, 64);
    else if (tile < 0)
        tw_launch_global(launch, 0, rows, chunk, 1);
    tw_launch_epilogue(site, launch, 1 | 4 | 16);
}

tw_move tw_move_straight(const tw_site *site, int mode)
{
    const tw_shape *x = tw_site_in_shape(site, 0), *y = tw_site_out_shape(site, 0);
    tw_move m = {.mode = mode, .rank = y->rank};
    for (int d = 0; d < y->rank; d++) {
        m.size[d] = y->dim[d];
        m.length[d] = x->dim[d];
        m.stride[d] = tw_shape_span(x, d + 1, x->rank);
        m.step[d] = 1;
    }
    return m;
}

void tw_move_each_place(const tw_host_call *host, tw_move_source source, double fill)
{
    const tw_host_tensor *x = &host->in[0], *y = &host->out[0];
    for (int64_t i = 0; i < y->count; i++) {
        int64_t place[TW_MAX_RANK], rest = i;
        for (int d = y->rank - 1; d >= 0; d--) {
            place[d] = rest % y->dim[d];
            rest /= y->dim[d];
        }
        const int64_t from = source(host->data, x, y, place);
        tw_host_put(y, i, from < 0 ? fill : tw_host_get(x, from));
    }
}
