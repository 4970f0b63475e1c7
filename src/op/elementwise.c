// SPDX-License-Identifier: Apache-2.0
// Elementwise operators: descriptors, C references and gradients, all made from the rows of
// cl/elementwise.def.
#include "op/expr.h"
#include "op/host.h"
#include "op/rows.h"
#include <math.h>

/* ---- the rows as C functions ---- */
#define R(c) ((TW_NUMBER)(c))
#define SEL(condition, then, otherwise) ((condition) ? (TW_NUMBER)(then) : (TW_NUMBER)(otherwise))
#define D(uses, expression) (expression)
#define NO 0
#define TW_ROW_FUNCTION(suffix, name, expression)                                                  \
    static TW_NUMBER row_##name##suffix(const TW_NUMBER *v, const double *p)                       \
    {                                                                                              \
        const TW_NUMBER a = v[0], b = v[1], c = v[2], y = v[3];                                    \
        const double p0 = p[0], p1 = p[1];                                                         \
        (void)a, (void)b, (void)c, (void)y, (void)p0, (void)p1;                                    \
        return (TW_NUMBER)(expression);                                                            \
    }

#define TW_NUMBER double
#define DIV(x, z) ((x) / (z))
#define FLOORMOD(x, z) ((x) - (z)*floor((x) / (z)))
#define BOUND(p) (p)
#define SHL(x, z) ((x)*exp2(z))
#define SHR(x, z) floor((x) / exp2(z))
#define TANH(x) tanh(x)
#define SIGMOID(x) (1 / (1 + exp(-(x))))
#define ERF(x) erf(x)
#define EW(name, inputs, kind, params, value, da, db, dc, doc)                                     \
    TW_ROW_FUNCTION(_real, name, value)                                                            \
    TW_ROW_FUNCTION(_d0, name, da)                                                                 \
    TW_ROW_FUNCTION(_d1, name, db)                                                                 \
    TW_ROW_FUNCTION(_d2, name, dc)
#include "../../cl/elementwise.def"
#undef EW
#undef TW_NUMBER
#undef DIV
#undef FLOORMOD
#undef BOUND
#undef SHL
#undef SHR
#undef TANH
#undef SIGMOID
#undef ERF

/* Integers compute in 64 bits and are kept modulo 2^32, as OpenCL's int is. */
#define TW_NUMBER int64_t
#define DIV(x, z) ((z) == 0 ? 0 : (x) / (z))
#define FLOORMOD(x, z) ((z) == 0 ? 0 : (((x) % (z)) + (z)) % (z))
#define BOUND(p) ((p) < -2147483648.0 ? INT32_MIN : (p) > 2147483647.0 ? INT32_MAX : (int64_t)(p))
#define SHL(x, z) ((int32_t)((uint32_t)(x) << ((z)&31)))
#define SHR(x, z) ((int64_t)((uint32_t)(x) >> ((z)&31)))
#define INTEGER_ROW_REAL(name, value)
#define INTEGER_ROW_REALTEST(name, value)
#define INTEGER_ROW_NUMBER(name, value) TW_ROW_FUNCTION(_integer, name, value)
#define INTEGER_ROW_INTEGER(name, value) TW_ROW_FUNCTION(_integer, name, value)
#define INTEGER_ROW_COMPARE(name, value) TW_ROW_FUNCTION(_integer, name, value)
#define INTEGER_ROW_LOGIC(name, value) TW_ROW_FUNCTION(_integer, name, value)
#define INTEGER_ROW_SELECT(name, value) TW_ROW_FUNCTION(_integer, name, value)
#define EW(name, inputs, kind, params, value, da, db, dc, doc) INTEGER_ROW_##kind(name, value)
#include "../../cl/elementwise.def"
#undef EW
#undef D
#undef NO

/* ---- the table ---- */
#define INTEGER_NAME_REAL(name) NULL
#define INTEGER_NAME_REALTEST(name) NULL
#define INTEGER_NAME_NUMBER(name) row_##name##_integer
#define INTEGER_NAME_INTEGER(name) row_##name##_integer
#define INTEGER_NAME_COMPARE(name) row_##name##_integer
#define INTEGER_NAME_LOGIC(name) row_##name##_integer
#define INTEGER_NAME_SELECT(name) row_##name##_integer
#define P0 NULL
#define P1(n0, v0, d0)                                                                             \
    (const tw_attribute[])                                                                         \
    {                                                                                              \
        {n0, TW_ATTR_FLOAT, v0, NULL, d0},                                                         \
        {                                                                                          \
            NULL, 0, NULL, NULL, NULL                                                              \
        }                                                                                          \
    }
#define P2(n0, v0, d0, n1, v1, d1)                                                                 \
    (const tw_attribute[])                                                                         \
    {                                                                                              \
        {n0, TW_ATTR_FLOAT, v0, NULL, d0}, {n1, TW_ATTR_FLOAT, v1, NULL, d1},                      \
        {                                                                                          \
            NULL, 0, NULL, NULL, NULL                                                              \
        }                                                                                          \
    }
#define D(uses, expression)                                                                        \
    {                                                                                              \
#uses, #expression                                                                         \
    }
#define NO                                                                                         \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }
#define EW(name, inputs, kind, params, value, da, db, dc, doc)                                     \
    {#name,                                                                                        \
     inputs,                                                                                       \
     TW_ROW_##kind,                                                                                \
     #value,                                                                                       \
     {da, db, dc},                                                                                 \
     row_##name##_real,                                                                            \
     {row_##name##_d0, row_##name##_d1, row_##name##_d2},                                          \
     INTEGER_NAME_##kind(name)},
static const tw_row rows[] = {
#include "../../cl/elementwise.def"
};
#undef EW

const tw_row *tw_row_get(int row)
{
    return &rows[(row - 1) / 4];
}
int tw_row_which(int row)
{
    return (row - 1) % 4;
}

/* ---- inference ---- */

/* A literal takes the type of what it is used with. */
static bool is_literal(const tw_node *node)
{
    return (node->call->op->flags & TW_OP_LEAF) != 0 && tw_type_is_real(node->type);
}

static tw_status broadcast_shapes(const tw_call *call, tw_shape *shape, tw_error *error)
{
    *shape = (tw_shape){0};
    for (int i = 0; i < call->n_inputs; i++) {
        if (!call->input[i])
            continue;
        const tw_shape *in = &call->input[i]->shape;
        tw_shape wide = {.rank = TW_MAX(shape->rank, in->rank)};
        for (int d = 0; d < wide.rank; d++) {
            const int s = d - (wide.rank - shape->rank), t = d - (wide.rank - in->rank);
            const tw_dim a = s < 0 ? TW_DIM(1) : shape->dim[s], b = t < 0 ? TW_DIM(1) : in->dim[t];
            if (tw_dim_is_one(a) || !tw_dim_known(b))
                wide.dim[d] = b;
            else if (tw_dim_is_one(b) || !tw_dim_known(a) || tw_dim_equal(a, b))
                wide.dim[d] = a;
            else {
                char one[TW_SHAPE_TEXT], other[TW_SHAPE_TEXT];
                return tw_fail(error, TW_ERROR_SHAPE,
                               "shapes %s and %s do not broadcast: sizes from the right must be "
                               "equal, or 1",
                               tw_shape_text(shape, one), tw_shape_text(in, other));
            }
        }
        *shape = wide;
    }
    return TW_OK;
}

/* The common type of the inputs from `first` on. */
static tw_status common_type(const tw_call *call, int first, tw_type *type, tw_error *error)
{
    *type = TW_TYPE_NONE;
    int owner = first;
    for (int i = first; i < call->n_inputs; i++) {
        const tw_node *in = call->input[i];
        if (!in || is_literal(in))
            continue;
        if (*type != TW_TYPE_NONE && in->type != *type)
            return tw_fail(
                error, TW_ERROR_TYPE, "inputs %s (%s) and %s (%s) differ in type: cast one of them",
                call->input[owner]->name, tw_type_name(*type), in->name, tw_type_name(in->type));
        if (*type == TW_TYPE_NONE)
            owner = i;
        *type = in->type;
    }
    if (*type == TW_TYPE_NONE)
        *type = TW_F32;
    return TW_OK;
}

/* Whether a row has a meaning for bool: truth is no number to add or to shift. */
static bool takes_truth(const tw_row *row)
{
    return row->kind == TW_ROW_COMPARE || row->kind == TW_ROW_LOGIC || row->kind == TW_ROW_SELECT ||
           !strcmp(row->name, "identity");
}

static tw_status row_infer(tw_call *call, tw_error *error)
{
    const tw_row *row = tw_row_get(call->op->row);
    tw_shape shape;
    tw_type type;
    TW_TRY(broadcast_shapes(call, &shape, error));
    TW_TRY(common_type(call, row->kind == TW_ROW_SELECT ? 1 : 0, &type, error));
    const bool real = tw_type_is_real(type);
    if ((row->kind == TW_ROW_REAL || row->kind == TW_ROW_REALTEST) && !real)
        return tw_fail(error, TW_ERROR_TYPE, "needs f32, f16 or bf16, but its input is %s",
                       tw_type_name(type));
    if (type == TW_BOOL && !takes_truth(row))
        return tw_fail(error, TW_ERROR_TYPE,
                       "needs numbers, but its input is bool: cast it, or use and, or, xor, not");
    if (row->kind == TW_ROW_INTEGER && real)
        return tw_fail(error, TW_ERROR_TYPE, "needs i32 or u8, but its input is %s",
                       tw_type_name(type));
    if (row->kind == TW_ROW_LOGIC && type != TW_BOOL)
        return tw_fail(error, TW_ERROR_TYPE, "needs bool, but its input is %s", tw_type_name(type));
    const bool truth = row->kind == TW_ROW_COMPARE || row->kind == TW_ROW_REALTEST;
    tw_result_set(call, 0, truth ? TW_BOOL : type, &shape);
    return TW_OK;
}

static tw_status derivative_infer(tw_call *call, tw_error *error)
{
    tw_shape shape;
    TW_TRY(broadcast_shapes(call, &shape, error));
    tw_result_set(call, 0, call->input[0]->type, &shape);
    return TW_OK;
}

/* ---- gradient: operator NAME_d<i>(dy, a, b, c, y), with what the derivative does not use left out
 * ---- */

static void row_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                     tw_node **dx)
{
    const tw_row *row = tw_row_get(call->op->row);
    for (int i = 0; i < call->n_inputs; i++) {
        const char *uses = row->derivative[i].uses;
        if (!wanted[i] || !uses || !dy[0])
            continue;
        if (strcmp(row->derivative[i].text, "R(1.0)") == 0) {
            dx[i] = dy[0];
            continue;
        }
        tw_node *in[5] = {dy[0], NULL, NULL, NULL, NULL};
        for (int v = 0; v < 3 && v < call->n_inputs; v++)
            if (strchr(uses, 'A' + v))
                in[1 + v] = call->input[v];
        if (strchr(uses, 'Y'))
            in[4] = call->result[0];
        int count = 5;
        while (count > 1 && !in[count - 1])
            count--;
        tw_text text = {.context = g->context};
        tw_text_printf(&text, "%s_d%d", row->name, i);
        for (const tw_attribute *a = call->op->attributes; a && a->name; a++) {
            tw_text_printf(&text, " %s=", a->name);
            tw_text_double(&text, tw_attr_float(call, a->name));
        }
        if (text.failed)
            tw_poison(g, TW_ERROR_MEMORY, "out of host memory");
        else
            dx[i] = tw_emit(g, count, in, "%s", text.data);
        tw_text_clear(&text);
    }
}

/* ---- the C references ---- */

static void row_parameters(const tw_call *call, double p[4])
{
    int count = 0;
    p[0] = p[1] = p[2] = p[3] = 0;
    for (const tw_attribute *a = call->op->attributes; a && a->name; a++)
        p[count++] = tw_attr_float(call, a->name);
}

static void row_host(const tw_host_call *host)
{
    const tw_call *call = host->data;
    const tw_row *row = tw_row_get(call->op->row);
    const tw_host_tensor *out = &host->out[0];
    double p[4];
    row_parameters(call, p);
    bool integers = row->integer != NULL;
    for (int i = row->kind == TW_ROW_SELECT ? 1 : 0; i < host->n_in; i++)
        integers &= !tw_type_is_real(host->in[i].type);
    for (int64_t at = 0; at < out->count; at++) {
        double v[4] = {0, 0, 0, 0};
        int64_t w[4] = {0, 0, 0, 0};
        for (int i = 0; i < host->n_in; i++) {
            v[i] = tw_host_get(&host->in[i], tw_host_broadcast(&host->in[i], out, at));
            w[i] = integers ? (int64_t)v[i] : 0;
        }
        tw_host_put(out, at, integers ? (double)(int32_t)row->integer(w, p) : row->real(v, p));
    }
}

static void derivative_host(const tw_host_call *host)
{
    const tw_call *call = host->data;
    const tw_row *row = tw_row_get(call->op->row);
    const int which = tw_row_which(call->op->row) - 1;
    const tw_host_tensor *out = &host->out[0];
    double p[4];
    row_parameters(call, p);
    for (int64_t at = 0; at < out->count; at++) {
        double v[5] = {0, 0, 0, 0, 0};
        for (int i = 0; i < host->n_in; i++)
            if (host->in[i].data)
                v[i] = tw_host_get(&host->in[i], tw_host_broadcast(&host->in[i], out, at));
        tw_host_put(out, at, v[0] * row->slope[which](v + 1, p));
    }
}

/* ---- cast ---- */

static tw_status cast_infer(tw_call *call, tw_error *error)
{
    (void)error;
    tw_result_set(call, 0, (tw_type)tw_attr_int(call, "type"), &call->input[0]->shape);
    return TW_OK;
}

static void cast_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                      tw_node **dx)
{
    if (wanted[0] && dy[0] && tw_type_is_real(call->input[0]->type))
        dx[0] = tw_emit1(g, dy[0], "cast type=%s", tw_type_name(call->input[0]->type));
}

/* As convert_int_sat does: held to the range of i32, NaN is 0. */
static double whole(double value)
{
    return value != value ? 0 : TW_MAX(INT32_MIN, TW_MIN(INT32_MAX, value));
}

static void cast_host(const tw_host_call *host)
{
    const tw_type type = host->out[0].type;
    for (int64_t at = 0; at < host->out[0].count; at++) {
        const double value = tw_host_get(&host->in[0], at);
        tw_host_put(&host->out[0], at,
                    type == TW_BOOL         ? value != 0
                    : tw_type_is_real(type) ? value
                                            : whole(value));
    }
}

static const tw_operator cast = {
    .name = "cast",
    .doc = "converts to another type; to integers towards zero, held to i32 (u8: its low 8 bits), "
           "NaN as 0; to bool: not 0",
    .inputs = "x",
    .results = "y",
    .attributes =
        (const tw_attribute[]){{"type", TW_ATTR_TYPE, NULL, NULL, "the type of the result"},
                               {NULL, 0, NULL, NULL, NULL}},
    .row = TW_ROW_CAST,
    .infer = cast_infer,
    .grad = cast_grad,
    .host = cast_host,
};

/* ---- descriptors: the value and up to three derivatives of each row ---- */

#undef D
#undef NO
#define D(uses, expression) 1
#define NO 0
#define INPUTS_1 "a"
#define INPUTS_2 "a b"
#define INPUTS_3 "a b c"
enum {
#define EW(name, inputs, kind, params, value, da, db, dc, doc) INDEX_##name,
#include "../../cl/elementwise.def"
#undef EW
    ROWS
};
enum {
#define EW(name, ...) FLAGS_##name = 0,
#define EW_ORDERED(name, ...) FLAGS_##name = TW_OP_ORDERED,
#include "../../cl/elementwise.def"
#undef EW
};
#define DERIVATIVE(row_name, which, ...)                                                           \
    {                                                                                              \
        .name = #row_name "_d" #which,                                                             \
        .doc = "gradient of " #row_name ": dy times its derivative", .inputs = "dy a? b? c? y?",   \
        .results = "dx", .attributes = __VA_ARGS__, .flags = TW_OP_INTERNAL,                       \
        .row = 1 + 4 * INDEX_##row_name + 1 + which, .infer = derivative_infer,                    \
        .host = derivative_host                                                                    \
    }
#define EW(row_name, n_inputs, kind, params, value, da, db, dc, text)                              \
    {{.name = #row_name,                                                                           \
      .doc = text,                                                                                 \
      .inputs = INPUTS_##n_inputs,                                                                 \
      .results = "y",                                                                              \
      .attributes = params,                                                                        \
      .flags = FLAGS_##row_name,                                                                   \
      .row = 1 + 4 * INDEX_##row_name,                                                             \
      .infer = row_infer,                                                                          \
      .grad = row_grad,                                                                            \
      .host = row_host},                                                                           \
     DERIVATIVE(row_name, 0, params),                                                              \
     DERIVATIVE(row_name, 1, params),                                                              \
     DERIVATIVE(row_name, 2, params)},
static const tw_operator descriptors[ROWS][4] = {
#include "../../cl/elementwise.def"
};
#undef EW

#define EW(name, inputs, kind, params, value, da, db, dc, doc)                                     \
    &descriptors[INDEX_##name][0], &descriptors[INDEX_##name][1], &descriptors[INDEX_##name][2],   \
        &descriptors[INDEX_##name][3],
const tw_operator *const tw_op_elementwise[] = {
#include "../../cl/elementwise.def"
    &cast, NULL};
