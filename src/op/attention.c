// SPDX-License-Identifier: Apache-2.0
// The primitives attention and attention_dx: softmax(scale * query key^T) value without the matrix
// of scores in memory (Dao et al. 2022, "FlashAttention"): beside y, only the logarithm of each
// row's sum of exponentials is kept.
#include "op/attention.h"
#include "base/hash.h"
#include "base/random.h"
#include <inttypes.h>
#include <math.h>

#define ATTENTION_ATTRIBUTES                                                                       \
    {"causal", TW_ATTR_BOOL, "no", NULL, "query i sees keys 0 to i alone"},                        \
        {"scale", TW_ATTR_FLOAT, "1", NULL, "factor on the products of queries and keys"},         \
        {"dropout", TW_ATTR_FLOAT, "0", NULL, "share of the probabilities set to 0"},              \
        {"stream", TW_ATTR_TEXT, "dropout", NULL, "name of the random numbers of dropout"},        \
    {                                                                                              \
        NULL, TW_ATTR_INT, NULL, NULL, NULL                                                        \
    }

static const tw_attribute attention_attributes[] = {ATTENTION_ATTRIBUTES};

/* ---- sizes ---- */

static bool is_dx(const tw_call *call)
{
    return strcmp(call->op->name, "attention_dx") == 0;
}

static int64_t number_of(tw_dim dim)
{
    return tw_dim_fixed(dim) ? dim.scale : -1;
}

/* Both known, and different. */
static bool differ(tw_dim a, tw_dim b)
{
    return tw_dim_known(a) && tw_dim_known(b) && !tw_dim_equal(a, b);
}

static tw_status check_inputs(const tw_shape *q, const tw_shape *k, const tw_shape *v,
                              tw_error *error)
{
    char a[TW_SHAPE_TEXT], b[TW_SHAPE_TEXT];
    if (q->rank != 4 || k->rank != 4 || v->rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "query, key and value must be [n,length,heads,width], but query is %s",
                       tw_shape_text(q, a));
    if (differ(q->dim[0], k->dim[0]) || differ(q->dim[2], k->dim[2]) ||
        differ(q->dim[3], k->dim[3]))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "query%s and key%s differ in more than their lengths (axis 1)",
                       tw_shape_text(q, a), tw_shape_text(k, b));
    if (differ(k->dim[1], v->dim[1]))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "key%s and value%s have different lengths (axis 1): each key needs a value",
                       tw_shape_text(k, a), tw_shape_text(v, b));
    if (differ(k->dim[0], v->dim[0]) || differ(k->dim[2], v->dim[2]))
        return tw_fail(error, TW_ERROR_SHAPE,
                       "key%s and value%s differ in more than their widths (axis 3)",
                       tw_shape_text(k, a), tw_shape_text(v, b));
    return TW_OK;
}

tw_shape tw_attention_mask_shape(const tw_shape *mask)
{
    tw_shape wide = {4, {mask->dim[0], TW_DIM(1), TW_DIM(1), mask->dim[mask->rank - 1]}};
    if (mask->rank == 4)
        wide.dim[1] = mask->dim[1];
    if (mask->rank > 2)
        wide.dim[2] = mask->dim[mask->rank - 2];
    return wide;
}

static tw_status check_mask(const tw_node *mask, const tw_shape *q, const tw_shape *k,
                            tw_error *error)
{
    const tw_shape scores = {4, {q->dim[0], q->dim[2], q->dim[1], k->dim[1]}};
    char a[TW_SHAPE_TEXT], b[TW_SHAPE_TEXT];
    bool fits = mask->shape.rank >= 2 && mask->shape.rank <= 4;
    const tw_shape wide = fits ? tw_attention_mask_shape(&mask->shape) : mask->shape;
    for (int d = 0; d < 4 && fits; d++)
        fits = !differ(wide.dim[d], scores.dim[d]) || (d < 3 && tw_dim_is_one(wide.dim[d]));
    if (!fits)
        return tw_fail(
            error, TW_ERROR_SHAPE,
            "mask%s does not fit the scores [n,heads,queries,keys], which are %s: give "
            "[n,keys], [n,queries,keys] or [n,heads,queries,keys], 1 where all are alike",
            tw_shape_text(&mask->shape, a), tw_shape_text(&scores, b));
    if (mask->type != TW_BOOL && mask->type != TW_U8 && mask->type != TW_I32)
        return tw_fail(error, TW_ERROR_TYPE,
                       "a mask is bool, u8 or i32, and 0 hides a key; this one is %s: compare it "
                       "with something to get bool",
                       tw_type_name(mask->type));
    return TW_OK;
}

tw_status tw_attention_check(const tw_shape *query, const tw_shape *key, const tw_shape *value,
                             const tw_node *mask, tw_error *error)
{
    TW_TRY(check_inputs(query, key, value, error));
    return mask ? check_mask(mask, query, key, error) : TW_OK;
}

tw_status tw_attention_read(const tw_call *call, tw_attention *sizes, tw_error *error)
{
    const int first = is_dx(call) ? DX_QUERY : ATTENTION_QUERY;
    const int mask = is_dx(call) ? DX_MASK : ATTENTION_MASK;
    const tw_shape *q = &call->input[first]->shape, *k = &call->input[first + 1]->shape,
                   *v = &call->input[first + 2]->shape;
    const tw_node *given = call->n_inputs > mask ? call->input[mask] : NULL;
    const double dropout = tw_attr_float(call, "dropout");
    TW_TRY(tw_attention_check(q, k, v, given, error));
    if (given && given->shape.rank != 4)
        return tw_fail(error, TW_ERROR_SHAPE, "mask must have rank 4");
    if (!(dropout >= 0 && dropout < 1))
        return tw_fail(error, TW_ERROR_DATA, "dropout must be at least 0 and below 1");
    *sizes = (tw_attention){.batch = q->dim[0],
                            .queries = number_of(q->dim[1]),
                            .keys = number_of(k->dim[1]),
                            .heads = number_of(q->dim[2]),
                            .width = number_of(q->dim[3]),
                            .value_width = number_of(v->dim[3]),
                            .mask = given,
                            .causal = tw_attr_bool(call, "causal"),
                            .scale = tw_attr_float(call, "scale"),
                            .dropout = dropout,
                            .stream = tw_hash_text(tw_attr_text(call, "stream"))};
    return TW_OK;
}

tw_attention tw_attention_of(const tw_call *call)
{
    tw_attention sizes;
    const tw_status status = tw_attention_read(call, &sizes, NULL);
    assert(status == TW_OK);
    (void)status;
    return sizes;
}

int64_t tw_attention_mask_step(const tw_attention *sizes, int d)
{
    const tw_shape *mask = &sizes->mask->shape;
    int64_t step = sizes->keys;
    if (tw_dim_is_one(mask->dim[d]))
        return 0;
    for (int i = d + 1; i < 3; i++)
        step *= mask->dim[i].scale;
    return step;
}

static tw_status check_types(const tw_call *call, int first, int last, tw_error *error)
{
    for (int i = first; i <= last; i++) {
        TW_TRY(tw_expect_real(call, i, error));
        if (call->input[i]->type != call->input[first]->type)
            return tw_fail(error, TW_ERROR_TYPE, "%s is %s and %s %s",
                           tw_call_input_name(call, first), tw_type_name(call->input[first]->type),
                           tw_call_input_name(call, i), tw_type_name(call->input[i]->type));
    }
    return TW_OK;
}

static tw_status attention_infer(tw_call *call, tw_error *error)
{
    tw_attention s;
    TW_TRY(check_types(call, ATTENTION_QUERY, ATTENTION_VALUE, error));
    TW_TRY(tw_attention_read(call, &s, error));
    const tw_shape *q = &call->input[ATTENTION_QUERY]->shape;
    const tw_shape lse = {3, {q->dim[0], q->dim[2], q->dim[1]}};
    tw_shape y = *q;
    y.dim[3] = call->input[ATTENTION_VALUE]->shape.dim[3];
    tw_result_set(call, 0, call->input[ATTENTION_QUERY]->type, &y);
    tw_result_set(call, 1, TW_F32, &lse);
    return TW_OK;
}

static tw_status attention_dx_infer(tw_call *call, tw_error *error)
{
    tw_attention s;
    TW_TRY(check_types(call, DX_DY, DX_Y, error));
    TW_TRY(tw_attention_read(call, &s, error));
    for (int i = 0; i < 3; i++)
        tw_result_set(call, i, call->input[DX_QUERY + i]->type, &call->input[DX_QUERY + i]->shape);
    return TW_OK;
}

static void attention_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                           tw_node **dx)
{
    const tw_attention s = tw_attention_of(call);
    tw_node *const inputs[] = {dy[0],           call->input[0],  call->input[1],   call->input[2],
                               call->result[0], call->result[1], (tw_node *)s.mask};
    tw_node *first =
        tw_emit(g, s.mask ? 7 : 6, inputs,
                "attention_dx causal=%s scale=%s dropout=%s stream=\"%s\"", s.causal ? "yes" : "no",
                tw_number(g, s.scale), tw_number(g, s.dropout), tw_attr_text(call, "stream"));
    for (int i = 0; i < 3 && first; i++)
        if (wanted[i])
            dx[i] = first->call->result[i];
}

/* ---- references ---- */

/* One query of one head, and where its keys lie. */
typedef struct host_row {
    const tw_attention *s;
    const tw_host_call *host;
    const tw_host_tensor *mask;
    int64_t image, head, query;
} host_row;

/* Index of [image, place, head, 0] in a tensor [batch, length, heads, width]. */
static int64_t host_at(const host_row *r, int64_t length, int64_t place, int64_t width)
{
    return ((r->image * length + place) * r->s->heads + r->head) * width;
}

static int64_t host_number(const host_row *r) /* of the row among all of the scores */
{
    return (r->image * r->s->heads + r->head) * r->s->queries + r->query;
}

static bool host_visible(const host_row *r, int64_t key)
{
    if (r->s->causal && key > r->query)
        return false;
    if (!r->s->mask)
        return true;
    const int64_t at = r->image * tw_attention_mask_step(r->s, 0) +
                       r->head * tw_attention_mask_step(r->s, 1) +
                       r->query * tw_attention_mask_step(r->s, 2) + key;
    return tw_host_get(r->mask, at) != 0;
}

/* What a probability is multiplied with: element (row, key) of rows padded to a multiple of four.
 */
static double host_dropout(const host_row *r, int64_t key)
{
    const tw_runtime *runtime = r->host->runtime;
    if (r->s->dropout == 0)
        return 1;
    const tw_random random = {runtime->seed, r->s->stream, runtime->line, runtime->step};
    const int64_t pitch = (r->s->keys + 3) / 4 * 4;
    const uint64_t element = (uint64_t)(host_number(r) * pitch + key);
    return tw_random_uniform(&random, element) < r->s->dropout ? 0 : 1 / (1 - r->s->dropout);
}

static double host_dot(const double *a, const double *b, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static double host_score(const host_row *r, int first, int64_t key)
{
    const tw_attention *s = r->s;
    const double *q = r->host->in[first].data, *k = r->host->in[first + 1].data;
    return s->scale * host_dot(q + host_at(r, s->queries, r->query, s->width),
                               k + host_at(r, s->keys, key, s->width), s->width);
}

typedef void (*row_function)(const host_row *row);

static void each_row(const tw_host_call *host, int first, row_function function)
{
    const tw_attention s = tw_attention_of(host->data);
    const int mask = first == DX_QUERY ? DX_MASK : ATTENTION_MASK;
    host_row r = {.s = &s, .host = host, .mask = s.mask ? &host->in[mask] : NULL};
    for (r.image = 0; r.image < host->in[first].dim[0]; r.image++)
        for (r.head = 0; r.head < s.heads; r.head++)
            for (r.query = 0; r.query < s.queries; r.query++)
                function(&r);
}

static void forward_row(const host_row *r)
{
    const tw_attention *s = r->s;
    const double *v = r->host->in[ATTENTION_VALUE].data;
    double *y = (double *)r->host->out[0].data + host_at(r, s->queries, r->query, s->value_width);
    double high = -INFINITY, sum = 0;
    for (int64_t j = 0; j < s->keys; j++)
        if (host_visible(r, j))
            high = fmax(high, host_score(r, ATTENTION_QUERY, j));
    for (int64_t d = 0; d < s->value_width; d++)
        y[d] = 0;
    for (int64_t j = 0; j < s->keys; j++) {
        if (!host_visible(r, j))
            continue;
        const double p = exp(host_score(r, ATTENTION_QUERY, j) - high);
        const double *row = v + host_at(r, s->keys, j, s->value_width);
        sum += p;
        for (int64_t d = 0; d < s->value_width; d++)
            y[d] += p * host_dropout(r, j) * row[d];
    }
    for (int64_t d = 0; d < s->value_width && sum != 0; d++)
        y[d] /= sum;
    if (r->host->out[1].data) /* a row that sees nothing: any finite number will do */
        ((double *)r->host->out[1].data)[host_number(r)] = sum != 0 ? high + log(sum) : 0;
}

static void attention_host(const tw_host_call *host)
{
    each_row(host, ATTENTION_QUERY, forward_row);
}

static void add_scaled(double *to, double factor, const double *from, int64_t count)
{
    for (int64_t i = 0; i < count && to; i++)
        to[i] += factor * from[i];
}

static double *host_result(const host_row *r, int result, int64_t at)
{
    double *data = r->host->out[result].data;
    return data ? data + at : NULL;
}

/* Equations of algorithm 4: dV += P^T dY, dS = P * (dY V^T - rowsum(dY * Y)), dQ = dS K, dK = dS^T
 * Q. */
static void backward_row(const host_row *r)
{
    const tw_attention *s = r->s;
    const tw_host_tensor *in = r->host->in;
    const int64_t at_y = host_at(r, s->queries, r->query, s->value_width);
    const int64_t at_q = host_at(r, s->queries, r->query, s->width);
    const double *dy = (const double *)in[DX_DY].data + at_y;
    const double delta = host_dot(dy, (const double *)in[DX_Y].data + at_y, s->value_width);
    const double lse = ((const double *)in[DX_LSE].data)[host_number(r)];
    for (int64_t j = 0; j < s->keys; j++) {
        const int64_t at_k = host_at(r, s->keys, j, s->width);
        const int64_t at_v = host_at(r, s->keys, j, s->value_width);
        if (!host_visible(r, j))
            continue;
        const double p = exp(host_score(r, DX_QUERY, j) - lse), kept = host_dropout(r, j);
        const double dp = host_dot(dy, (const double *)in[DX_VALUE].data + at_v, s->value_width);
        const double ds = p * (dp * kept - delta) * s->scale;
        add_scaled(host_result(r, 0, at_q), ds, (const double *)in[DX_KEY].data + at_k, s->width);
        add_scaled(host_result(r, 1, at_k), ds, (const double *)in[DX_QUERY].data + at_q, s->width);
        add_scaled(host_result(r, 2, at_v), p * kept, dy, s->value_width);
    }
}

static void attention_dx_host(const tw_host_call *host)
{
    for (int i = 0; i < 3; i++)
        if (host->out[i].data)
            memset(host->out[i].data, 0, (size_t)host->out[i].count * sizeof(double));
    each_row(host, DX_QUERY, backward_row);
}

/* ---- descriptors ---- */

static double attention_cost(const tw_call *call, int64_t n)
{
    const tw_attention s = tw_attention_of(call);
    const double products = is_dx(call) ? 3 * (double)s.width + 2 * (double)s.value_width
                                        : (double)(s.width + s.value_width);
    return products * (double)tw_dim_at(s.batch, n) * (double)s.heads * (double)s.queries *
           (double)s.keys;
}

static const tw_operator attention = {
    .name = "attention",
    .doc = "softmax(scale * query key^T) value for each head, and the logarithms of its sums",
    .inputs = "query key value mask?",
    .results = "y lse",
    .attributes = attention_attributes,
    .flags = TW_OP_INTERNAL,
    .infer = attention_infer,
    .grad = attention_grad,
    .host = attention_host,
    .cost = attention_cost,
    .variants = tw_attention_variants,
};

static const tw_operator attention_dx = {
    .name = "attention_dx",
    .doc = "gradient of attention",
    .inputs = "dy query key value y lse mask?",
    .results = "dq dk dv",
    .attributes = attention_attributes,
    .flags = TW_OP_INTERNAL,
    .infer = attention_dx_infer,
    .host = attention_dx_host,
    .cost = attention_cost,
    .variants = tw_attention_dx_variants,
};

const tw_operator *const tw_op_attention[] = {&attention, &attention_dx, NULL};
