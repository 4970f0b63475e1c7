// SPDX-License-Identifier: Apache-2.0
// Where a step stands, added to what it is: positional_encoding (sinusoids) and position_embedding
// (learned rows).
#include "op/helpers.h"
#include <inttypes.h>
#include <math.h>

#define SIMT_LOCAL 64

/* x [..., t, d]; both may be letters. */
static tw_status check_x(const tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    char text[TW_SHAPE_TEXT];
    TW_TRY(tw_expect_real(call, 0, error));
    if (x->rank < 2)
        return tw_fail(error, TW_ERROR_SHAPE, "x%s has no steps: it needs the sizes [..., t, d]",
                       tw_shape_text(x, text));
    return TW_OK;
}

/* ---- positional_encoding ---- */

static tw_status encoding_infer(tw_call *call, tw_error *error)
{
    TW_TRY(check_x(call, error));
    tw_result_set(call, 0, call->input[0]->type, &call->input[0]->shape);
    return TW_OK;
}

static void encoding_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    tw_node *x = call->input[0];
    const tw_shape table = {2, {x->shape.dim[x->shape.rank - 2], x->shape.dim[x->shape.rank - 1]}};
    char dims[TW_SHAPE_TEXT];
    (void)training;
    tw_node *waves = tw_emit(g, 0, NULL, "sinusoids shape=%s", tw_shape_dims(&table, dims));
    if (x->type != TW_F32)
        waves = tw_emit1(g, waves, "cast type=%s", tw_type_name(x->type));
    results[0] = tw_emit2(g, x, waves, "add");
}

static const tw_operator positional_encoding = {
    .name = "positional_encoding",
    .doc = "x [..., t, d] plus sinusoids of the step: sin(t / 10000^(2i/d)) in column 2i, cos of "
           "it in column 2i + 1 (Vaswani et al. 2017)",
    .inputs = "x",
    .results = "y",
    .infer = encoding_infer,
    .expand = encoding_expand,
};

/* ---- sinusoids ---- */

static const tw_attribute sinusoids_attributes[] = {
    {"shape", TW_ATTR_DIMS, NULL, NULL, "steps and columns"}, TW_ATTRIBUTES_END};

static tw_status sinusoids_infer(tw_call *call, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "shape");
    const tw_shape y = {2, {sizes->list[0], sizes->list[1]}};
    if (sizes->count != 2 || (tw_dim_known(y.dim[1]) && y.dim[1].letters & TW_BATCH))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "sinusoids need steps and columns, and the columns cannot be the batch");
    tw_result_set(call, 0, TW_F32, &y);
    return TW_OK;
}

/* Of a column's wave: radians a step. */
static double frequency(int64_t column, int64_t columns)
{
    return pow(10000.0, -(double)(column / 2 * 2) / (double)columns);
}

static void sinusoids_host(const tw_host_call *host)
{
    const tw_host_tensor *y = &host->out[0];
    const int64_t columns = y->dim[1];
    for (int64_t i = 0; i < y->count; i++) {
        const double angle = (double)(i / columns) * frequency(i % columns, columns);
        tw_host_put(y, i, i % columns % 2 ? cos(angle) : sin(angle));
    }
}

/* The waves' frequencies as 2^-64 turns a step: a step's phase is then a product that wraps around
 * as angles do, exact to 2^-52 turns after 4096 steps, where float would keep 3 digits of the
 * angle. */
static void print_turns(int64_t columns, tw_text *text)
{
    static const double pi = 3.14159265358979323846;
    for (int64_t column = 0; column < columns; column++) {
        const double turns = frequency(column, columns) / (2 * pi); /* below 1/6 */
        tw_text_printf(text, "%s%" PRIu64 "ul", column ? "," : "",
                       (uint64_t)(turns * 18446744073709551616.0));
    }
}

static void sinusoids_variants(tw_site *site)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const tw_shape *y = tw_site_out_shape(site, 0);
    const int64_t columns = tw_dim_nominal(y->dim[1]), chunk = TW_MAX(1, 1024 / columns);
    tw_text text = {.context = site->arena->context};
    tw_launch *launch =
        tw_candidate_launch(site, tw_site_candidate(site, site->caps->family, "sinusoids"),
                            "sinusoids.cl", "sinusoids");
    print_turns(columns, &text);
    if (text.failed)
        site->status = tw_fail_memory(&site->error);
    else
        tw_launch_define_text(site, launch, "TURNS", text.data);
    tw_text_clear(&text);
    tw_launch_define(site, launch, "ITEMS", simt);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define_dim(site, launch, "STEPS", y->dim[0]);
    tw_launch_define_dim(site, launch, "COLUMNS", y->dim[1]);
    if (simt)
        tw_launch_global(launch, 0, tw_shape_count(y), SIMT_LOCAL, SIMT_LOCAL);
    else
        tw_launch_global(launch, 0, y->dim[0], chunk, 1);
    tw_launch_epilogue(site, launch, simt ? 1 : 1 | 16);
}

static const tw_operator sinusoids = {
    .name = "sinusoids",
    .doc = "what positional_encoding adds",
    .inputs = "",
    .results = "y",
    .attributes = sinusoids_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = sinusoids_infer,
    .host = sinusoids_host,
    .variants = sinusoids_variants,
};

/* ---- position_embedding ---- */

static const tw_attribute embedding_attributes[] = {
    {"length", TW_ATTR_INT, NULL, NULL, "steps of the longest sequence: rows of the weight"},
    TW_WEIGHT_ATTRIBUTES,
    TW_ATTRIBUTES_END};

static bool embedding_weight(const tw_call *call, int input, tw_weight_spec *spec,
                             tw_status *status, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape;
    const int64_t length = tw_attr_int(call, "length");
    char text[TW_SHAPE_TEXT];
    (void)input;
    *status = check_x(call, error);
    if (*status == TW_OK && (!tw_dim_fixed(x->dim[x->rank - 1]) || length < 1 ||
                             length > INT32_MAX / x->dim[x->rank - 1].scale))
        *status = tw_fail(error, TW_ERROR_SHAPE,
                          "length=%" PRId64 " with x%s: the last dimension must be a number, and "
                          "the weight [length, last] have 1 to %d elements",
                          length, tw_shape_text(x, text), INT32_MAX);
    if (*status == TW_OK)
        *spec = (tw_weight_spec){
            call->input[0]->type, {2, {TW_DIM(length), x->dim[x->rank - 1]}}, "uniform", true};
    return *status == TW_OK;
}

static tw_status embedding_infer(tw_call *call, tw_error *error)
{
    const tw_shape *x = &call->input[0]->shape, *w = &call->input[1]->shape;
    const int64_t length = tw_attr_int(call, "length");
    char text_w[TW_SHAPE_TEXT], text_x[TW_SHAPE_TEXT];
    TW_TRY(check_x(call, error));
    const tw_dim steps = x->dim[x->rank - 2], width = x->dim[x->rank - 1];
    if (call->input[1]->type != call->input[0]->type || w->rank != 2 ||
        !tw_dim_equal(w->dim[0], TW_DIM(length)) ||
        (tw_dim_known(width) && !tw_dim_equal(w->dim[1], width)))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "a weight %s%s does not go with x %s%s and length=%" PRId64,
                       tw_type_name(call->input[1]->type), tw_shape_text(w, text_w),
                       tw_type_name(call->input[0]->type), tw_shape_text(x, text_x), length);
    if ((tw_dim_fixed(steps) && steps.scale > length) || steps.letters & TW_BATCH)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "x%s has more steps than length=%" PRId64 " has rows, or as many as the "
                       "batch",
                       tw_shape_text(x, text_x), length);
    tw_result_set(call, 0, call->input[0]->type, x);
    return TW_OK;
}

static void embedding_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    tw_node *x = call->input[0], *rows = call->input[1];
    const int64_t steps = x->shape.dim[x->shape.rank - 2].scale;
    (void)training;
    if (steps < tw_attr_int(call, "length"))
        rows = tw_emit1(g, rows, "slice ends=%lld axes=0", (long long)steps);
    results[0] = tw_emit2(g, x, rows, "add");
}

static const tw_operator position_embedding = {
    .name = "position_embedding",
    .doc = "x [..., t, d] plus a learned row for each step",
    .inputs = "x weight?",
    .results = "y",
    .attributes = embedding_attributes,
    .weight = embedding_weight,
    .infer = embedding_infer,
    .expand = embedding_expand,
};

const tw_operator *const tw_op_position[] = {&positional_encoding, &sinusoids, &position_embedding,
                                             NULL};
