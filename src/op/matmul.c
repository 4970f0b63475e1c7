// SPDX-License-Identifier: Apache-2.0
// matmul: products of matrices, in batches with NumPy's broadcasting, either side transposed.
#include "op/literal.h"
#include "op/product.h"
#include <inttypes.h>
#include <stdio.h>

static const tw_attribute matmul_attributes[] = {
    {"transpose_a", TW_ATTR_BOOL, "no", NULL, "take a as [..., k, m]"},
    {"transpose_b", TW_ATTR_BOOL, "no", NULL, "take b as [..., n, k]"},
    {NULL, TW_ATTR_INT, NULL, NULL, NULL}};

/* A call's sizes. flat: every row of a meets the one matrix b, so all dimensions but the last of a
 * are rows. */
typedef struct matmul {
    bool transpose_a, transpose_b, flat;
    tw_dim m, k, k_of_b, n;
    tw_shape lead; /* of the result: the dimensions before its matrices */
} matmul;

/* The size of dimension d, counted from the end of the leading ones of `rank` in all; 1 beyond its
 * rank. */
static tw_dim lead_dim(const tw_shape *shape, int from_end)
{
    const int d = shape->rank - 3 - from_end;
    return d >= 0 ? shape->dim[d] : TW_DIM(1);
}

static tw_status broadcast_lead(const tw_shape *a, const tw_shape *b, tw_shape *lead,
                                tw_error *error)
{
    char text_a[TW_SHAPE_TEXT], text_b[TW_SHAPE_TEXT];
    lead->rank = TW_MAX(a->rank, b->rank) - 2;
    for (int i = 0; i < lead->rank; i++) {
        const tw_dim x = lead_dim(a, i), y = lead_dim(b, i);
        if (tw_dim_known(x) && tw_dim_known(y) && !tw_dim_is_one(x) && !tw_dim_is_one(y) &&
            !tw_dim_equal(x, y))
            return tw_fail(error, TW_ERROR_SHAPE,
                           "the batches of matrices %s and %s do not go together",
                           tw_shape_text(a, text_a), tw_shape_text(b, text_b));
        lead->dim[lead->rank - 1 - i] = tw_dim_is_one(x) ? y : x;
    }
    return TW_OK;
}

static tw_status matmul_read(const tw_call *call, matmul *s, tw_error *error)
{
    const tw_shape *a = &call->input[0]->shape, *b = &call->input[1]->shape;
    *s = (matmul){.transpose_a = tw_attr_bool(call, "transpose_a"),
                  .transpose_b = tw_attr_bool(call, "transpose_b")};
    if (a->rank < 2 || b->rank < 2)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "input %s has rank %d; matrices have two dimensions or more",
                       a->rank < 2 ? "a" : "b", TW_MIN(a->rank, b->rank));
    s->flat = b->rank == 2 && a->rank > 2 && !s->transpose_a;
    s->m = s->flat ? tw_shape_span(a, 0, a->rank - 1) : a->dim[a->rank - (s->transpose_a ? 1 : 2)];
    s->k = a->dim[a->rank - (s->transpose_a ? 2 : 1)];
    s->k_of_b = b->dim[b->rank - (s->transpose_b ? 1 : 2)];
    s->n = b->dim[b->rank - (s->transpose_b ? 2 : 1)];
    return s->flat ? TW_OK : broadcast_lead(a, b, &s->lead, error);
}

static tw_status matmul_infer(tw_call *call, tw_error *error)
{
    matmul s;
    char text_a[TW_SHAPE_TEXT], text_b[TW_SHAPE_TEXT];
    const tw_shape *a = &call->input[0]->shape, *b = &call->input[1]->shape;
    TW_TRY(tw_expect_real(call, 0, error));
    TW_TRY(tw_expect_real(call, 1, error));
    if (call->input[0]->type != call->input[1]->type)
        return tw_fail(error, TW_ERROR_TYPE, "a is %s and b %s", tw_type_name(call->input[0]->type),
                       tw_type_name(call->input[1]->type));
    TW_TRY(matmul_read(call, &s, error));
    if (tw_dim_known(s.k) && tw_dim_known(s.k_of_b) && !tw_dim_equal(s.k, s.k_of_b))
        return tw_fail(error, TW_ERROR_SHAPE, "%s%s times %s%s: the inner sizes differ",
                       tw_shape_text(a, text_a), s.transpose_a ? " transposed" : "",
                       tw_shape_text(b, text_b), s.transpose_b ? " transposed" : "");
    tw_shape y = s.flat ? *a : s.lead;
    if (s.flat) {
        y.dim[y.rank - 1] = s.n;
    } else {
        y.dim[y.rank++] = s.m;
        y.dim[y.rank++] = s.n;
    }
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* a under the shape [rows, last]. */
static tw_node *flatten_rows(tw_graph *g, tw_node *a)
{
    const int last = a->shape.rank - 1;
    const tw_shape flat = {.rank = 2,
                           .dim = {tw_shape_span(&a->shape, 0, last), a->shape.dim[last]}};
    return tw_emit_reshape(g, a, &flat);
}

static tw_node *emit_product(tw_graph *g, tw_node *a, tw_node *b, bool transpose_a,
                             bool transpose_b)
{
    return tw_emit2(g, a, b, "matmul transpose_a=%s transpose_b=%s", transpose_a ? "yes" : "no",
                    transpose_b ? "yes" : "no");
}

static void matmul_grad(tw_graph *g, const tw_call *call, tw_node *const *dy, const bool *wanted,
                        tw_node **dx)
{
    tw_node *a = call->input[0], *b = call->input[1], *d = dy[0];
    const bool ta = tw_attr_bool(call, "transpose_a"), tb = tw_attr_bool(call, "transpose_b");
    if (wanted[0])
        dx[0] = ta ? emit_product(g, b, d, tb, true) : emit_product(g, d, b, false, !tb);
    if (!wanted[1])
        return;
    if (b->shape.rank == 2 && a->shape.rank > 2 &&
        !ta) { /* one sum over all rows, not a batch of sums to add */
        a = flatten_rows(g, a);
        d = flatten_rows(g, d);
    }
    dx[1] = tb ? emit_product(g, d, a, true, ta) : emit_product(g, a, d, !ta, false);
}

/* Number of the matrix of `operand` that meets matrix `batch` of the result. */
static int64_t host_matrix(const tw_host_tensor *operand, const tw_host_tensor *result,
                           int64_t batch)
{
    int64_t at = 0, stride = 1;
    for (int d = result->rank - 3, o = operand->rank - 3; o >= 0; d--, o--) {
        at += operand->dim[o] == 1 ? 0 : batch % result->dim[d] * stride;
        stride *= operand->dim[o];
        batch /= result->dim[d];
    }
    return at;
}

static void host_product(const double *a, const double *b, double *y, const int64_t size[3],
                         bool ta, bool tb)
{
    const int64_t m = size[0], k = size[1], n = size[2];
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < k; l++)
                sum += a[ta ? l * m + i : i * k + l] * b[tb ? j * k + l : l * n + j];
            y[i * n + j] = sum;
        }
}

static void matmul_host(const tw_host_call *host)
{
    const tw_host_tensor *a = &host->in[0], *b = &host->in[1], *y = &host->out[0];
    const bool ta = tw_attr_bool(host->data, "transpose_a"),
               tb = tw_attr_bool(host->data, "transpose_b");
    const bool flat = b->rank == 2 && a->rank > 2 && !ta;
    const int64_t m = flat ? tw_host_span(a, 0, a->rank - 1) : y->dim[y->rank - 2],
                  n = y->dim[y->rank - 1];
    const int64_t k = a->dim[a->rank - (ta ? 2 : 1)];
    const int64_t batches = flat ? 1 : tw_host_span(y, 0, y->rank - 2);
    for (int64_t batch = 0; batch < batches; batch++) {
        const int64_t at_a = flat ? 0 : host_matrix(a, y, batch), at_b = host_matrix(b, y, batch);
        host_product((const double *)a->data + at_a * m * k, (const double *)b->data + at_b * k * n,
                     (double *)y->data + batch * m * n, (const int64_t[]){m, k, n}, ta, tb);
    }
}

static double matmul_cost(const tw_call *call, int64_t n)
{
    const tw_shape *a = &call->input[0]->shape;
    const int k = a->rank - (tw_attr_bool(call, "transpose_a") ? 2 : 1);
    return (double)tw_dim_at(tw_shape_count(&call->result[0]->shape), n) *
           (double)tw_dim_at(a->dim[k], n);
}

/* The number of the operand's matrix as an expression in `batch`, the number of the result's. */
static void index_text(const tw_shape *operand, const tw_shape *lead, char *text, size_t size)
{
    const tw_dim count = tw_shape_span(operand, 0, operand->rank - 2);
    if (tw_dim_is_one(count) || tw_dim_equal(count, tw_shape_count(lead))) {
        (void)snprintf(text, size, "%s", tw_dim_is_one(count) ? "0" : "batch");
        return;
    }
    size_t length = 0;
    tw_dim stride = TW_DIM(1);
    for (int i = 0; i < operand->rank - 2; i++) { /* from the end */
        const tw_dim own = lead_dim(operand, i);
        const int d = lead->rank - 1 - i;
        if (!tw_dim_is_one(own)) {
            char inner[TW_DIM_LITERAL], whole[TW_DIM_LITERAL], step[TW_DIM_LITERAL];
            length += (size_t)snprintf(
                text + length, size - length, "%sbatch/%s%%%s*%s", length ? "+" : "",
                tw_dim_literal(tw_shape_span(lead, d + 1, lead->rank), inner),
                tw_dim_literal(lead->dim[d], whole), tw_dim_literal(stride, step));
            assert(length < size);
        }
        stride = tw_dim_multiply(stride, own);
    }
}

static void matmul_variants(tw_site *site)
{
    matmul s;
    if (matmul_read(site->call, &s, &site->error) != TW_OK)
        return; /* infer has accepted it */
    const tw_shape *a = tw_site_in_shape(site, 0), *b = tw_site_in_shape(site, 1);
    tw_product p = {.a = site->in[0],
                    .b = site->in[1],
                    .a_type = tw_site_in_type(site, 0),
                    .b_type = tw_site_in_type(site, 1),
                    .transpose_a = s.transpose_a,
                    .transpose_b = s.transpose_b,
                    .batch = tw_shape_count(&s.lead),
                    .m = s.m,
                    .k = s.k,
                    .n = s.n,
                    .b_matrices = tw_shape_span(b, 0, b->rank - 2),
                    .a_index = "0",
                    .b_index = "0"};
    if (!s.flat) {
        index_text(a, &s.lead, p.a_index, sizeof p.a_index);
        index_text(b, &s.lead, p.b_index, sizeof p.b_index);
    }
    tw_product_variants(site, &p);
}

static const tw_operator matmul_operator = {.name = "matmul",
                                            .doc = "a times b, in batches",
                                            .inputs = "a b",
                                            .results = "y",
                                            .attributes = matmul_attributes,
                                            .flags = TW_OP_EPILOGUE,
                                            .infer = matmul_infer,
                                            .grad = matmul_grad,
                                            .host = matmul_host,
                                            .cost = matmul_cost,
                                            .variants = matmul_variants};

const tw_operator *const tw_op_matmul[] = {&matmul_operator, NULL};
