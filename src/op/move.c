// SPDX-License-Identifier: Apache-2.0
// Elements to other places: transpose, broadcast, slice, pad, and the gradients of slice and pad.
#include "op/expr.h"
#include "op/helpers.h"
#include "op/rows.h"
#include <stdio.h>

#define NO_MORE                                                                                    \
    {                                                                                              \
        NULL, TW_ATTR_INT, NULL, NULL, NULL                                                        \
    }
#define TO_THE_END INT64_MAX

/* What cl/move.cl is told of each axis of the result; see there. */
typedef struct move {
    int mode;
    int rank;
    tw_dim size[TW_MAX_RANK], stride[TW_MAX_RANK], length[TW_MAX_RANK];
    int64_t start[TW_MAX_RANK], step[TW_MAX_RANK];
    double fill;
} move;

static bool axis_is_plain(const move *m, int d)
{
    return m->start[d] == 0 && m->step[d] == 1 &&
           (m->mode == 0 || tw_dim_equal(m->size[d], m->length[d]));
}

/* Joins neighbours that are walked through as if they were one axis. */
static void join_axes(move *m)
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

static void define_axes(tw_site *site, tw_launch *launch, const move *m)
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

/* Adds the one candidate of the family. */
static void move_candidate(tw_site *site, move m)
{
    const tw_type type = tw_site_in_type(site, 0);
    const tw_shape *y = tw_site_out_shape(site, 0);
    const tw_family family = site->caps->family;
    join_axes(&m);
    const tw_dim run = m.rank ? m.size[m.rank - 1] : TW_DIM(1);
    const tw_dim rows = tw_dim_divide(tw_shape_count(y), run);
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
    else
        tw_launch_global(launch, 0, rows, chunk, 1);
    tw_launch_epilogue(site, launch, 1 | 4 | 16);
}

/* A move that takes each axis of the result from the same axis of x. */
static move straight_move(const tw_site *site, int mode)
{
    const tw_shape *x = tw_site_in_shape(site, 0), *y = tw_site_out_shape(site, 0);
    move m = {.mode = mode, .rank = y->rank};
    for (int d = 0; d < y->rank; d++) {
        m.size[d] = y->dim[d];
        m.length[d] = x->dim[d];
        m.stride[d] = tw_shape_span(x, d + 1, x->rank);
        m.step[d] = 1;
    }
    return m;
}

/* The references: for each place of the result the index in x, or -1 for `fill`. */
typedef int64_t (*source_function)(const tw_call *call, const tw_host_tensor *x,
                                   const tw_host_tensor *y, const int64_t *place);

static void each_place(const tw_host_call *host, source_function source, double fill)
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

/* ---- transpose ---- */

static const tw_attribute transpose_attributes[] = {
    {"perm", TW_ATTR_INTS, "", NULL, "axis of x for each axis of the result (default: reversed)"},
    NO_MORE};

static bool permutation(const tw_call *call, int rank, int64_t perm[TW_MAX_RANK])
{
    const tw_attr *given = tw_attr_get(call, "perm");
    unsigned seen = 0;
    for (int d = 0; d < rank; d++)
        perm[d] = rank - 1 - d;
    if (given->absent)
        return true;
    if (given->count != rank)
        return false;
    for (int d = 0; d < rank; d++) {
        perm[d] = given->list[d].scale + (given->list[d].scale < 0 ? rank : 0);
        if (perm[d] < 0 || perm[d] >= rank || (seen >> perm[d] & 1))
            return false;
        seen |= 1u << perm[d];
    }
    return true;
}

static tw_status transpose_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    int64_t perm[TW_MAX_RANK];
    if (!permutation(call, x->rank, perm))
        return tw_fail(error, TW_ERROR_SHAPE, "perm= must name each of the %d axes once", x->rank);
    tw_shape y = {.rank = x->rank};
    for (int d = 0; d < y.rank; d++)
        y.dim[d] = x->dim[perm[d]];
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void transpose_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    const int rank = call->input[0]->shape.rank;
    int64_t perm[TW_MAX_RANK], back[TW_MAX_RANK];
    char text[TW_MAX_RANK * 4];
    if (!wanted[0] || !permutation(call, rank, perm))
        return;
    for (int d = 0; d < rank; d++)
        back[perm[d]] = d;
    for (int d = 0, at = 0; d < rank; d++)
        at += snprintf(text + at, sizeof text - (size_t)at, d ? ",%d" : "%d", (int)back[d]);
    dx[0] = rank ? tw_emit1(g, dy[0], "transpose perm=%s", text) : dy[0];
}

static int64_t transpose_source(const tw_call *call, const tw_host_tensor *x,
                                const tw_host_tensor *y, const int64_t *place)
{
    int64_t perm[TW_MAX_RANK], from[TW_MAX_RANK] = {0}, at = 0;
    permutation(call, y->rank, perm);
    for (int d = 0; d < y->rank; d++)
        from[perm[d]] = place[d];
    for (int d = 0; d < x->rank; d++)
        at = at * x->dim[d] + from[d];
    return at;
}

static void transpose_host(const tw_host_call *host)
{
    each_place(host, transpose_source, 0);
}

static void transpose_variants(tw_site *site)
{
    const tw_shape *x = tw_site_in_shape(site, 0);
    int64_t perm[TW_MAX_RANK];
    permutation(site->call, x->rank, perm);
    move m = straight_move(site, 0);
    for (int d = 0; d < m.rank; d++)
        m.stride[d] = tw_shape_span(x, (int)perm[d] + 1, x->rank);
    move_candidate(site, m);
}

static const tw_operator transpose = {
    .name = "transpose",
    .doc = "axes in another order",
    .inputs = "x",
    .results = "y",
    .attributes = transpose_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = transpose_infer,
    .grad = transpose_grad,
    .host = transpose_host,
    .variants = transpose_variants,
};

/* ---- broadcast ---- */

static const tw_attribute broadcast_attributes[] = {
    {"shape", TW_ATTR_DIMS, NULL, NULL, "sizes of the result, letters allowed"}, NO_MORE};

static tw_status broadcast_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    const tw_attr *sizes = tw_attr_get(call, "shape");
    char from[TW_SHAPE_TEXT], to[TW_SHAPE_TEXT];
    tw_shape y = {.rank = sizes->count};
    for (int d = 0; d < y.rank; d++)
        y.dim[d] = sizes->list[d];
    bool fits = y.rank >= x->rank;
    for (int d = 0; d < x->rank && fits; d++) {
        const tw_dim a = x->dim[d], b = y.dim[y.rank - x->rank + d];
        fits = tw_dim_is_one(a) || tw_dim_equal(a, b) || !tw_dim_known(a) || !tw_dim_known(b);
    }
    if (!fits)
        return tw_fail(error, TW_ERROR_SHAPE, "%s cannot be broadcast to %s",
                       tw_shape_text(x, from), tw_shape_text(&y, to));
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

static void broadcast_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    (void)g, (void)call;
    if (wanted[0])
        dx[0] = dy[0]; /* the caller sums it down */
}

static int64_t broadcast_source(const tw_call *call, const tw_host_tensor *x,
                                const tw_host_tensor *y, const int64_t *place)
{
    int64_t at = 0;
    (void)call;
    for (int d = 0; d < x->rank; d++)
        at = at * x->dim[d] + (x->dim[d] == 1 ? 0 : place[y->rank - x->rank + d]);
    return at;
}

static void broadcast_host(const tw_host_call *host)
{
    each_place(host, broadcast_source, 0);
}

static const tw_operator broadcast = {
    .name = "broadcast",
    .doc = "repeated along axes of size 1, and along new ones in front",
    .inputs = "x",
    .results = "y",
    .attributes = broadcast_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = broadcast_infer,
    .grad = broadcast_grad,
    .row = TW_ROW_BROADCAST, /* elementwise: fused into what reads it */
    .host = broadcast_host,
};

/* ---- slice ---- */

static const tw_attribute slice_attributes[] = {
    {"starts", TW_ATTR_INTS, "", NULL,
     "first place along each of axes, negative from the end (default: 0)"},
    {"ends", TW_ATTR_INTS, "", NULL,
     "place behind the last one, negative from the end (default: the end)"},
    {"axes", TW_ATTR_INTS, "", NULL, "axes that are cut (default: the first ones)"},
    {"steps", TW_ATTR_INTS, "", NULL, "every how many places, at least 1 (default: 1)"},
    NO_MORE};

static const tw_attribute slice_dx_attributes[] = {
    {"shape", TW_ATTR_DIMS, NULL, NULL, "sizes of what was cut"},
    {"starts", TW_ATTR_INTS, NULL, NULL, "first place along every axis"},
    {"steps", TW_ATTR_INTS, NULL, NULL, "every how many places along every axis"},
    NO_MORE};

typedef struct cut {
    int64_t start, end, step; /* as given; of an axis that is not cut 0, TO_THE_END, 1 */
} cut;

/* The cuts of all axes of an input. */
static tw_status read_cuts(const tw_call *call, int rank, cut cuts[TW_MAX_RANK], tw_error *error)
{
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    int64_t given[4][TW_MAX_RANK] = {{0}};
    int count = 0;
    for (int d = 0; d < rank; d++)
        cuts[d] = (cut){0, TO_THE_END, 1};
    for (int i = 0; i < 4; i++)
        if (!tw_attr_get(call, names[i])->absent)
            count = TW_MAX(count, tw_attr_get(call, names[i])->count);
    if (count > rank)
        return tw_fail(error, TW_ERROR_SHAPE, "%d axes are to be cut, the input has %d", count,
                       rank);
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < count; k++)
            given[i][k] = i == 1 ? TO_THE_END : i == 2 ? k : i == 3 ? 1 : 0;
        const tw_attr *attr = tw_attr_get(call, names[i]);
        if (!attr->absent &&
            ((i == 2 && attr->count != count) || !tw_attr_ints(call, names[i], count, given[i])))
            return tw_fail(error, TW_ERROR_SHAPE,
                           "starts, ends, axes and steps have different counts");
    }
    unsigned seen = 0;
    for (int k = 0; k < count; k++) {
        const int64_t axis = given[2][k] + (given[2][k] < 0 ? rank : 0);
        if (axis < 0 || axis >= rank || (seen >> axis & 1))
            return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct and lie in %d to %d",
                           -rank, rank - 1);
        if (given[3][k] < 1)
            return tw_fail(error, TW_ERROR_SHAPE, "steps must be at least 1");
        seen |= 1u << axis;
        cuts[axis] = (cut){given[0][k], given[1][k], given[3][k]};
    }
    return TW_OK;
}

static bool cut_takes_all(cut c)
{
    return c.start == 0 && c.end >= INT32_MAX && c.step == 1;
}

/* Start and end within an axis of that size, by ONNX's rules. */
static cut cut_within(cut c, int64_t size)
{
    c.start = TW_MAX(0, TW_MIN(c.start < 0 ? c.start + size : c.start, size));
    c.end = TW_MAX(0, TW_MIN(c.end < 0 ? c.end + size : c.end, size));
    return c;
}

static tw_status slice_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    cut cuts[TW_MAX_RANK];
    char text[TW_SHAPE_TEXT];
    tw_shape y = *x;
    TW_TRY(read_cuts(call, x->rank, cuts, error));
    for (int d = 0; d < x->rank; d++) {
        if (cut_takes_all(cuts[d]))
            continue;
        if (x->dim[d].letters & TW_BATCH)
            return tw_fail(error, TW_ERROR_SHAPE, "axis %d of %s holds the batch and cannot be cut",
                           d, tw_shape_text(x, text));
        y.dim[d] = TW_DIM(-1);
        if (!tw_dim_fixed(x->dim[d]))
            continue;
        const cut c = cut_within(cuts[d], x->dim[d].scale);
        if (c.end <= c.start)
            return tw_fail(error, TW_ERROR_SHAPE, "nothing is left of axis %d of %s", d,
                           tw_shape_text(x, text));
        y.dim[d] = TW_DIM((c.end - c.start + c.step - 1) / c.step);
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* The cuts of a call that infer has accepted, with shapes bound. */
static void bound_cuts(const tw_call *call, cut cuts[TW_MAX_RANK])
{
    const tw_shape *x = &call->input[0]->shape;
    if (read_cuts(call, x->rank, cuts, NULL) != TW_OK)
        return; /* infer has refused it */
    for (int d = 0; d < x->rank; d++)
        cuts[d] =
            cut_takes_all(cuts[d]) ? (cut){0, TO_THE_END, 1} : cut_within(cuts[d], x->dim[d].scale);
}

static void slice_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                       tw_node **dx)
{
    const tw_shape *x = &call->input[0]->shape;
    cut cuts[TW_MAX_RANK];
    char dims[TW_SHAPE_TEXT], starts[TW_MAX_RANK * 21], steps[TW_MAX_RANK * 21];
    if (!wanted[0])
        return;
    if (x->rank == 0) { /* nothing to cut */
        dx[0] = dy[0];
        return;
    }
    bound_cuts(call, cuts);
    for (int d = 0, a = 0, b = 0; d < x->rank; d++) {
        a += snprintf(starts + a, sizeof starts - (size_t)a, d ? ",%lld" : "%lld",
                      (long long)cuts[d].start);
        b += snprintf(steps + b, sizeof steps - (size_t)b, d ? ",%lld" : "%lld",
                      (long long)cuts[d].step);
    }
    dx[0] = tw_emit1(g, dy[0], "slice_dx shape=%s starts=%s steps=%s", tw_shape_dims(x, dims),
                     starts, steps);
}

static int64_t slice_source(const tw_call *call, const tw_host_tensor *x, const tw_host_tensor *y,
                            const int64_t *place)
{
    cut cuts[TW_MAX_RANK];
    int64_t at = 0;
    bound_cuts(call, cuts);
    for (int d = 0; d < y->rank; d++)
        at = at * x->dim[d] + cuts[d].start + place[d] * cuts[d].step;
    return at;
}

static void slice_host(const tw_host_call *host)
{
    each_place(host, slice_source, 0);
}

static void slice_variants(tw_site *site)
{
    cut cuts[TW_MAX_RANK];
    move m = straight_move(site, 0);
    bound_cuts(site->call, cuts);
    for (int d = 0; d < m.rank; d++) {
        m.start[d] = cuts[d].start;
        m.step[d] = cuts[d].step;
    }
    move_candidate(site, m);
}

static const tw_operator slice = {
    .name = "slice",
    .doc = "a part of x along some axes",
    .inputs = "x",
    .results = "y",
    .attributes = slice_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = slice_infer,
    .grad = slice_grad,
    .host = slice_host,
    .variants = slice_variants,
};

static tw_status slice_dx_infer(tw_call *call, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "shape");
    int64_t values[TW_MAX_RANK];
    tw_shape x = {.rank = sizes->count};
    if (x.rank != call->input[0]->shape.rank || !tw_attr_ints(call, "starts", x.rank, values) ||
        !tw_attr_ints(call, "steps", x.rank, values))
        return tw_fail(error, TW_ERROR_SHAPE, "shape, starts and steps need %d values each",
                       call->input[0]->shape.rank);
    for (int d = 0; d < x.rank; d++) {
        x.dim[d] = sizes->list[d];
        if (values[d] < 1)
            return tw_fail(error, TW_ERROR_SHAPE, "steps must be at least 1");
    }
    tw_result_set(call, 0, call->input[0]->type, &x);
    return TW_OK;
}

static int64_t slice_dx_source(const tw_call *call, const tw_host_tensor *dy,
                               const tw_host_tensor *dx, const int64_t *place)
{
    int64_t starts[TW_MAX_RANK], steps[TW_MAX_RANK], at = 0;
    tw_attr_ints(call, "starts", dx->rank, starts);
    tw_attr_ints(call, "steps", dx->rank, steps);
    for (int d = 0; d < dx->rank; d++) {
        const int64_t from = place[d] - starts[d];
        if (from < 0 || from % steps[d] || from / steps[d] >= dy->dim[d])
            return -1;
        at = at * dy->dim[d] + from / steps[d];
    }
    return at;
}

static void slice_dx_host(const tw_host_call *host)
{
    each_place(host, slice_dx_source, 0);
}

static void slice_dx_variants(tw_site *site)
{
    move m = straight_move(site, 1);
    tw_attr_ints(site->call, "starts", m.rank, m.start);
    tw_attr_ints(site->call, "steps", m.rank, m.step);
    move_candidate(site, m);
}

static const tw_operator slice_dx = {
    .name = "slice_dx",
    .doc = "gradient of slice: dy at its places, 0 elsewhere",
    .inputs = "dy",
    .results = "dx",
    .attributes = slice_dx_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = slice_dx_infer,
    .host = slice_dx_host,
    .variants = slice_dx_variants,
};

/* ---- pad ---- */

static const tw_attribute pad_attributes[] = {
    {"pads", TW_ATTR_INTS, NULL, NULL,
     "places put before each of axes, then those put behind each"},
    {"axes", TW_ATTR_INTS, "", NULL, "axes that are padded (default: the first ones)"},
    {"mode", TW_ATTR_CHOICE, "constant", "constant|reflect|edge", "what stands there"},
    {"value", TW_ATTR_FLOAT, "0", NULL, "of mode=constant"},
    NO_MORE};

static const tw_attribute pad_dx_attributes[] = {
    {"axis", TW_ATTR_INT, NULL, NULL, "the padded axis"},
    {"before", TW_ATTR_INT, NULL, NULL, "places put before"},
    {"behind", TW_ATTR_INT, NULL, NULL, "places put behind"},
    {"mode", TW_ATTR_CHOICE, NULL, "reflect|edge", "what stood there"},
    NO_MORE};

static tw_status read_pads(const tw_call *call, int rank, int64_t before[TW_MAX_RANK],
                           int64_t behind[TW_MAX_RANK], tw_error *error)
{
    const tw_attr *pads = tw_attr_get(call, "pads"), *axes = tw_attr_get(call, "axes");
    const int count = axes->absent ? pads->count / 2 : axes->count;
    unsigned seen = 0;
    memset(before, 0, TW_MAX_RANK * sizeof *before);
    memset(behind, 0, TW_MAX_RANK * sizeof *behind);
    if (pads->count != 2 * count || count > rank)
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "pads= needs two values for each padded axis: first all before, then all behind");
    for (int k = 0; k < count; k++) {
        int64_t axis = axes->absent ? k : axes->list[k].scale;
        axis += axis < 0 ? rank : 0;
        if (axis < 0 || axis >= rank || (seen >> axis & 1))
            return tw_fail(error, TW_ERROR_SHAPE, "axes must be distinct and lie in %d to %d",
                           -rank, rank - 1);
        seen |= 1u << axis;
        before[axis] = pads->list[k].scale;
        behind[axis] = pads->list[count + k].scale;
        if (before[axis] < 0 || behind[axis] < 0 || before[axis] > INT32_MAX ||
            behind[axis] > INT32_MAX)
            return tw_fail(error, TW_ERROR_SHAPE, "pads must not be negative: use slice");
    }
    return TW_OK;
}

static tw_status pad_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    int64_t before[TW_MAX_RANK], behind[TW_MAX_RANK];
    char text[TW_SHAPE_TEXT];
    tw_shape y = *x;
    TW_TRY(read_pads(call, x->rank, before, behind, error));
    for (int d = 0; d < x->rank; d++) {
        if (before[d] == 0 && behind[d] == 0)
            continue;
        if (x->dim[d].letters & TW_BATCH)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "axis %d of %s holds the batch and cannot be padded", d,
                           tw_shape_text(x, text));
        y.dim[d] = TW_DIM(-1);
        if (!tw_dim_fixed(x->dim[d]))
            continue;
        if (tw_attr_is(call, "mode", "reflect") && TW_MAX(before[d], behind[d]) >= x->dim[d].scale)
            return tw_fail(
                error, TW_ERROR_SHAPE,
                "mode=reflect needs pads smaller than the axis; axis %d of %s is too short", d,
                tw_shape_text(x, text));
        y.dim[d] = TW_DIM(x->dim[d].scale + before[d] + behind[d]);
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* A constant's gradient is a slice; other modes are undone axis by axis, for they act on each by
 * itself. */
static void pad_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                     tw_node **dx)
{
    const tw_shape *x = &call->input[0]->shape;
    int64_t before[TW_MAX_RANK], behind[TW_MAX_RANK];
    if (!wanted[0] || read_pads(call, x->rank, before, behind, NULL) != TW_OK)
        return;
    dx[0] = dy[0];
    for (int d = 0; d < x->rank; d++) {
        if (before[d] == 0 && behind[d] == 0)
            continue;
        if (tw_attr_is(call, "mode", "constant"))
            dx[0] = tw_emit1(g, dx[0], "slice axes=%d starts=%lld ends=%lld", d,
                             (long long)before[d], (long long)(before[d] + x->dim[d].scale));
        else
            dx[0] =
                tw_emit1(g, dx[0], "pad_dx axis=%d before=%lld behind=%lld mode=%s", d,
                         (long long)before[d], (long long)behind[d], tw_attr_text(call, "mode"));
    }
}

static int64_t pad_source(const tw_call *call, const tw_host_tensor *x, const tw_host_tensor *y,
                          const int64_t *place)
{
    int64_t before[TW_MAX_RANK], behind[TW_MAX_RANK], at = 0;
    const bool reflect = tw_attr_is(call, "mode", "reflect"),
               edge = tw_attr_is(call, "mode", "edge");
    if (read_pads(call, y->rank, before, behind, NULL) != TW_OK)
        return -1;
    for (int d = 0; d < y->rank; d++) {
        int64_t from = place[d] - before[d];
        const int64_t last = x->dim[d] - 1;
        if (from < 0)
            from = reflect ? -from : edge ? 0 : -1;
        else if (from > last)
            from = reflect ? 2 * last - from : edge ? last : -1;
        if (from < 0)
            return -1;
        at = at * x->dim[d] + from;
    }
    return at;
}

static void pad_host(const tw_host_call *host)
{
    each_place(host, pad_source, tw_attr_float(host->data, "value"));
}

static void pad_variants(tw_site *site)
{
    int64_t behind[TW_MAX_RANK];
    move m = straight_move(site, tw_attr_is(site->call, "mode", "constant")  ? 1
                                 : tw_attr_is(site->call, "mode", "reflect") ? 2
                                                                             : 3);
    m.fill = tw_attr_float(site->call, "value");
    if (read_pads(site->call, m.rank, m.start, behind, NULL) == TW_OK)
        move_candidate(site, m);
}

static const tw_operator pad = {
    .name = "pad",
    .doc = "places put before and behind axes",
    .inputs = "x",
    .results = "y",
    .attributes = pad_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = pad_infer,
    .grad = pad_grad,
    .host = pad_host,
    .variants = pad_variants,
};

static tw_status pad_dx_infer(tw_call *call, tw_error *error)
{
    tw_shape x = call->input[0]->shape;
    int axis;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(tw_axis_of(call, "axis", x.rank, &axis, error));
    const int64_t length =
        x.dim[axis].scale - tw_attr_int(call, "before") - tw_attr_int(call, "behind");
    if (!tw_dim_fixed(x.dim[axis]) || length < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "pads do not fit axis %d", axis);
    x.dim[axis] = TW_DIM(length);
    tw_result_set(call, 0, call->input[0]->type, &x);
    return TW_OK;
}

/* Each place of dy goes where pad took it from. */
static void pad_dx_host(const tw_host_call *host)
{
    const tw_call *call = host->data;
    const tw_host_tensor *dy = &host->in[0], *dx = &host->out[0];
    const int axis = tw_axis_checked(call, "axis", dy->rank);
    const int64_t before = tw_attr_int(call, "before"), last = dx->dim[axis] - 1;
    const int64_t inner = tw_host_span(dy, axis + 1, dy->rank);
    for (int64_t i = 0; i < dx->count; i++)
        tw_host_put(dx, i, 0);
    for (int64_t i = 0; i < dy->count; i++) {
        int64_t from = i / inner % dy->dim[axis] - before;
        if (tw_attr_is(call, "mode", "edge"))
            from = TW_MAX(0, TW_MIN(from, last));
        else
            from = from < 0 ? -from : from > last ? 2 * last - from : from;
        const int64_t at = (i / inner / dy->dim[axis] * (last + 1) + from) * inner + i % inner;
        tw_host_put(dx, at, tw_host_get(dx, at) + tw_host_get(dy, i));
    }
}

static void pad_dx_variants(tw_site *site)
{
    const tw_shape *x = tw_site_out_shape(site, 0);
    const int axis = tw_axis_checked(site->call, "axis", x->rank);
    const tw_collapsed c = tw_collapse(x, axis, axis + 1);
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    tw_launch *launch = tw_candidate_launch(
        site, tw_site_candidate(site, site->caps->family, "pad_dx"), "pad_dx.cl", "pad_dx");
    const int64_t chunk = simt ? 1 : 256;
    const int local = simt ? 64 : 1;
    tw_launch_define(site, launch, "EDGE", tw_attr_is(site->call, "mode", "edge"));
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define(site, launch, "BEFORE", tw_attr_int(site->call, "before"));
    tw_launch_define_dim(site, launch, "PADDED", tw_site_in_shape(site, 0)->dim[axis]);
    tw_launch_define_dim(site, launch, "AXIS", c.axis);
    tw_launch_define_dim(site, launch, "INNER", c.inner);
    tw_launch_define_dim(site, launch, "COUNT", tw_shape_count(x));
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(x));
    tw_launch_in(site, launch, "dy", site->in[0], tw_site_in_type(site, 0));
    tw_launch_global(launch, 0, tw_shape_count(x), chunk * local, local);
    tw_launch_epilogue(site, launch, 1);
}

static const tw_operator pad_dx = {
    .name = "pad_dx",
    .doc = "gradient of pad by reflection or edge, along one axis",
    .inputs = "dy",
    .results = "dx",
    .attributes = pad_dx_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = pad_dx_infer,
    .host = pad_dx_host,
    .variants = pad_dx_variants,
};

const tw_operator *const tw_op_move[] = {&transpose, &broadcast, &slice, &slice_dx,
                                         &pad,       &pad_dx,    NULL};
