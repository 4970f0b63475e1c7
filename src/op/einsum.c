// SPDX-License-Identifier: Apache-2.0
// einsum: sums of products by letters, of one operand or two, made of what is there already. An
// operand is first brought to distinct letters that are needed: axes of size 1 that stand for
// longer ones go, a letter that stands twice becomes the diagonal, letters that nothing else has
// are summed. Then one operand is transposed; two are multiplied element by element where they
// share no summed letter (or nothing but the sum and the batch), else by matmul: letters of both
// and the result are its batch.
#include "op/helpers.h"
#include <stdio.h>

#define ELLIPSIS_LETTERS                                                                           \
    "\001\002\003\004\005\006\007\010" /* axes that ... stands for, from the last */

static const tw_attribute einsum_attributes[] = {
    {"equation", TW_ATTR_TEXT, NULL, NULL,
     "a letter for each axis: \"nij,njk->nik\"; ... stands for the axes between"},
    TW_ATTRIBUTES_END};

/* The letters of the axes of an operand, or of the result. */
typedef struct letters {
    int count;
    char at[TW_MAX_RANK + 1]; /* as a text */
} letters;

typedef struct equation {
    int operands;
    letters in[2], out;
    tw_dim size[128]; /* of each letter */
} equation;

static bool has(const letters *l, char letter)
{
    return strchr(l->at, letter) != NULL;
}

static int place_of(const letters *l, char letter)
{
    return (int)(strchr(l->at, letter) - l->at);
}

static bool append(letters *l, char letter)
{
    if (l->count >= TW_MAX_RANK)
        return false;
    l->at[l->count++] = letter;
    l->at[l->count] = 0;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool wrong_text(const char *text, const char *at, tw_error *error)
{
    (void)tw_fail(error, TW_ERROR_SYNTAX,
                  "equation=\"%.60s\": \"%.10s\" is not possible there; it is written as "
                  "\"nij,njk->nik\", with at most one ... in each part",
                  text, at);
    return false;
}

/* Reads the letters of a part up to its end; ... stands for `hidden` axes (-1: not known yet: it is
 * an error). */
static bool read_part(const char *text, const char **at, int hidden, letters *part, tw_error *error)
{
    bool seen = false;
    for (; **at && **at != ',' && **at != '-'; (*at)++) {
        bool good = true;
        if (**at == ' ')
            continue;
        if (strncmp(*at, "...", 3) == 0 && !seen && hidden >= 0) {
            for (int i = hidden - 1; i >= 0; i--)
                good = good && append(part, ELLIPSIS_LETTERS[i]);
            seen = true;
            *at += 2;
        } else {
            good = is_letter(**at) && append(part, **at);
        }
        if (!good)
            return wrong_text(text, *at, error);
    }
    return true;
}

/* How many axes an operand has beyond the letters of its part; -1 if it has no "...". */
static int hidden_axes(const char *part, int rank)
{
    int count = 0;
    bool dots = false;
    for (; *part && *part != ',' && *part != '-'; part++) {
        count += is_letter(*part);
        dots = dots || *part == '.';
    }
    return dots ? TW_MAX(rank - count, 0) : -1;
}

/* Without "->" the result has what ... stands for, and the letters that stand once, in the order of
 * the alphabet. */
static bool default_result(equation *e, int hidden)
{
    bool good = true;
    for (int i = hidden - 1; i >= 0; i--)
        good = good && append(&e->out, ELLIPSIS_LETTERS[i]);
    for (char c = 'A'; c <= 'z'; c++) {
        int times = 0;
        for (int o = 0; o < e->operands; o++)
            for (int i = 0; i < e->in[o].count; i++)
                times += e->in[o].at[i] == c;
        if (times == 1 && is_letter(c))
            good = good && append(&e->out, c);
    }
    return good;
}

static bool read_text(const tw_call *call, equation *e, tw_error *error)
{
    const char *text = tw_attr_text(call, "equation"), *at = text;
    int hidden = -1;
    *e = (equation){.operands = call->n_inputs > 1 && call->input[1] ? 2 : 1};
    for (int o = 0; o < e->operands; o++) {
        const int own = hidden_axes(at, call->input[o]->shape.rank);
        hidden = TW_MAX(hidden, own);
        if (!read_part(text, &at, own, &e->in[o], error))
            return false;
        if (o + 1 < e->operands && *at++ != ',') {
            (void)tw_fail(error, TW_ERROR_SYNTAX,
                          "equation=\"%.60s\" is of one operand, but two are given", text);
            return false;
        }
    }
    if (*at == ',') {
        (void)tw_fail(error, TW_ERROR_SYNTAX,
                      "equation=\"%.60s\" is of more operands than the %d given%s", text,
                      e->operands, e->operands == 2 ? ": take two at a time" : "");
        return false;
    }
    if (!*at && default_result(e, hidden))
        return true;
    if (at[0] != '-' || at[1] != '>')
        return wrong_text(text, at, error);
    at += 2;
    return read_part(text, &at, hidden, &e->out, error) && (!*at || wrong_text(text, at, error));
}

static tw_status find_sizes(const tw_call *call, equation *e, tw_error *error)
{
    const char *text = tw_attr_text(call, "equation");
    char shape[TW_SHAPE_TEXT];
    for (int o = 0; o < e->operands; o++) {
        const tw_shape *x = &call->input[o]->shape;
        if (x->rank != e->in[o].count)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "equation=\"%.60s\" names %d axes of input %s, which is %s", text,
                           e->in[o].count, tw_call_input_name(call, o), tw_shape_text(x, shape));
        for (int d = 0; d < x->rank; d++) {
            tw_dim *size = &e->size[(int)e->in[o].at[d]];
            if (size->scale == 0 || tw_dim_is_one(*size))
                *size = x->dim[d];
            else if (!tw_dim_is_one(x->dim[d]) && tw_dim_known(*size) && tw_dim_known(x->dim[d]) &&
                     !tw_dim_equal(*size, x->dim[d]))
                return tw_fail(error, TW_ERROR_SHAPE,
                               "equation=\"%.60s\": axis %d of input %s%s differs from another of "
                               "the same letter",
                               text, d, tw_call_input_name(call, o), tw_shape_text(x, shape));
        }
    }
    return TW_OK;
}

static tw_status read_equation(const tw_call *call, equation *e, tw_error *error)
{
    if (!read_text(call, e, error))
        return error->code;
    TW_TRY(find_sizes(call, e, error));
    for (int i = 0; i < e->out.count; i++) {
        const char c = e->out.at[i];
        if (!has(&e->in[0], c) && (e->operands < 2 || !has(&e->in[1], c)))
            return tw_fail(error, TW_ERROR_SHAPE,
                           "equation=\"%.60s\": the result's %c stands in no operand",
                           tw_attr_text(call, "equation"), is_letter(c) ? c : '.');
        if (place_of(&e->out, c) != i)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "equation=\"%.60s\": %c stands twice in the result",
                           tw_attr_text(call, "equation"), c);
    }
    for (int o = 0; o < e->operands; o++)
        for (int d = 0; d < e->in[o].count; d++)
            if (place_of(&e->in[o], e->in[o].at[d]) != d &&
                e->size[(int)e->in[o].at[d]].letters & TW_BATCH)
                return tw_fail(error, TW_ERROR_UNSUPPORTED,
                               "equation=\"%.60s\": %c stands twice in one operand, where only "
                               "axes other than the batch can",
                               tw_attr_text(call, "equation"), e->in[o].at[d]);
    return TW_OK;
}

static tw_status einsum_infer(tw_call *call, tw_error *error)
{
    equation e;
    tw_error local = {0};
    tw_shape y = {0};
    for (int o = 0; o < call->n_inputs; o++) {
        TW_TRY(tw_expect_real(call, o, error));
        if (call->input[o]->type != call->input[0]->type)
            return tw_fail(error, TW_ERROR_TYPE, "the operands have different types: cast one");
    }
    if (read_equation(call, &e, &local) != TW_OK)
        return tw_fail(error, local.code, "%s", local.text);
    for (int i = 0; i < e.out.count; i++)
        y.dim[y.rank++] = e.size[(int)e.out.at[i]];
    tw_result_set(call, 0, call->input[0]->type, &y);
    return TW_OK;
}

/* ---- what it becomes ---- */

typedef struct operand {
    tw_node *x;
    letters l;
} operand;

/* Letters of two operands by what becomes of them: of both and the result; of both alone; of one
 * and the result. */
typedef struct groups {
    letters batch, sum, free_a, free_b;
} groups;

static void append_all(letters *l, const letters *more)
{
    for (int i = 0; i < more->count; i++)
        append(l, more->at[i]);
}

static letters joined(const letters *a, const letters *b, const letters *c)
{
    letters l = {0};
    append_all(&l, a);
    append_all(&l, b);
    append_all(&l, c);
    return l;
}

static bool same(const letters *a, const letters *b)
{
    return strcmp(a->at, b->at) == 0;
}

static tw_dim product_of(const equation *e, const letters *l)
{
    tw_dim product = TW_DIM(1);
    for (int i = 0; i < l->count; i++)
        product = tw_dim_multiply(product, e->size[(int)l->at[i]]);
    return product;
}

static void emit_perm(tw_graph *g, operand *a, const int *perm)
{
    char text[TW_MAX_RANK * 2 + 1] = "";
    for (int d = 0; d < a->l.count; d++)
        (void)snprintf(text + 2 * d, 3, "%d,", perm[d]);
    text[2 * a->l.count - 1] = 0;
    a->x = tw_emit1(g, a->x, "transpose perm=%s", text);
}

static void transpose_to(tw_graph *g, operand *a, const letters *to)
{
    int perm[TW_MAX_RANK];
    if (same(&a->l, to))
        return;
    for (int d = 0; d < to->count; d++)
        perm[d] = place_of(&a->l, to->at[d]);
    emit_perm(g, a, perm);
    a->l = *to;
}

/* An axis of size 1 whose letter is longer elsewhere goes: the operand is broadcast along it. */
static void drop_ones(tw_graph *g, const equation *e, operand *a)
{
    letters left = {0};
    tw_shape shape = {0};
    if (!a->x)
        return;
    for (int d = 0; d < a->l.count; d++) {
        const tw_dim own = a->x->shape.dim[d];
        if (tw_dim_is_one(own) && !tw_dim_is_one(e->size[(int)a->l.at[d]]))
            continue;
        append(&left, a->l.at[d]);
        shape.dim[shape.rank++] = own;
    }
    a->x = tw_emit_reshape(g, a->x, &shape);
    a->l = left;
}

/* The first axis that has the letter of a later one, which is *second; -1: none. */
static int doubled(const letters *l, int *second)
{
    for (int d = 0; d < l->count; d++) {
        const char *again = strchr(l->at + d + 1, l->at[d]);
        if (again) {
            *second = (int)(again - l->at);
            return d;
        }
    }
    return -1;
}

/* Two axes of one letter become their diagonal, behind the others: every (size + 1)th of both as
 * one axis. */
static void take_diagonals(tw_graph *g, const equation *e, operand *a)
{
    int first, second;
    while (a->x && (first = doubled(&a->l, &second)) >= 0) {
        const char letter = a->l.at[first];
        const int64_t size = e->size[(int)letter].scale;
        letters left = {0};
        tw_shape shape = {0};
        int perm[TW_MAX_RANK], count = 0;
        for (int d = 0; d < a->l.count; d++)
            if (d != first && d != second) {
                append(&left, a->l.at[d]);
                shape.dim[shape.rank++] = a->x->shape.dim[d];
                perm[count++] = d;
            }
        perm[count++] = first;
        perm[count++] = second;
        emit_perm(g, a, perm);
        shape.dim[shape.rank++] = TW_DIM(size * size);
        a->x = tw_emit_reshape(g, a->x, &shape);
        a->x = tw_emit1(g, a->x, "slice axes=%d steps=%lld", shape.rank - 1, (long long)size + 1);
        append(&left, letter);
        a->l = left;
    }
}

/* Sums over the letters that neither `kept` nor `other` (NULL: none) has. */
static void sum_alone(tw_graph *g, operand *a, const letters *kept, const letters *other)
{
    letters left = {0};
    char axes[TW_MAX_RANK * 2 + 1] = "";
    int length = 0;
    for (int d = 0; d < a->l.count; d++)
        if (has(kept, a->l.at[d]) || (other && has(other, a->l.at[d])))
            append(&left, a->l.at[d]);
        else
            length += snprintf(axes + length, sizeof axes - (size_t)length, "%d,", d);
    if (!length)
        return;
    axes[length - 1] = 0;
    a->x = tw_emit1(g, a->x, "reduce_sum axes=%s", axes);
    a->l = left;
}

/* a with the axes of `to`, of size 1 where it has none. */
static tw_node *spread(tw_graph *g, const equation *e, operand a, const letters *to)
{
    letters own = {0};
    tw_shape shape = {.rank = to->count};
    for (int d = 0; d < to->count; d++) {
        const bool there = has(&a.l, to->at[d]);
        if (there)
            append(&own, to->at[d]);
        shape.dim[d] = there ? e->size[(int)to->at[d]] : TW_DIM(1);
    }
    transpose_to(g, &a, &own);
    return tw_emit_reshape(g, a.x, &shape);
}

static tw_node *multiply(tw_graph *g, const equation *e, operand a, operand b, const groups *s)
{
    const letters to = s->sum.count ? a.l : e->out;
    operand y = {tw_emit2(g, spread(g, e, a, &to), spread(g, e, b, &to), "mul"), to};
    sum_alone(g, &y, &e->out, NULL);
    transpose_to(g, &y, &e->out);
    return y.x;
}

/* Brings an operand to [batch, free, sum] or, with *turned, [batch, sum, free], as matrices. */
static tw_node *matrices(tw_graph *g, const equation *e, operand a, const groups *s,
                         const letters *free, bool *turned)
{
    const letters plain = joined(&s->batch, free, &s->sum),
                  other = joined(&s->batch, &s->sum, free);
    const tw_dim rows = product_of(e, free), columns = product_of(e, &s->sum);
    tw_shape shape = {0};
    *turned = same(&a.l, &other) && !same(&a.l, &plain);
    transpose_to(g, &a, *turned ? &other : &plain);
    for (int d = 0; d < s->batch.count; d++)
        shape.dim[shape.rank++] = e->size[(int)s->batch.at[d]];
    shape.dim[shape.rank++] = *turned ? columns : rows;
    shape.dim[shape.rank++] = *turned ? rows : columns;
    return tw_emit_reshape(g, a.x, &shape);
}

static tw_node *contract(tw_graph *g, const equation *e, operand a, operand b, const groups *s)
{
    bool turned_a, turned_b;
    tw_node *left = matrices(g, e, a, s, &s->free_a, &turned_a);
    tw_node *right = matrices(g, e, b, s, &s->free_b, &turned_b);
    operand y = {NULL, joined(&s->batch, &s->free_a, &s->free_b)};
    tw_shape shape = {.rank = y.l.count};
    for (int d = 0; d < y.l.count; d++)
        shape.dim[d] = e->size[(int)y.l.at[d]];
    y.x = tw_emit2(g, left, right, "matmul transpose_a=%s transpose_b=%s", turned_a ? "yes" : "no",
                   turned_b ? "no" : "yes");
    y.x = tw_emit_reshape(g, y.x, &shape);
    transpose_to(g, &y, &e->out);
    return y.x;
}

/* Letters that are summed stand in the order of a or, where that saves transposing b, of b. */
static groups group_letters(const equation *e, const operand *a, const operand *b)
{
    groups s = {0};
    for (int i = 0; i < e->out.count; i++) {
        const char c = e->out.at[i];
        append(has(&a->l, c) ? has(&b->l, c) ? &s.batch : &s.free_a : &s.free_b, c);
    }
    for (int o = 0; o < 2; o++) {
        const operand *x = o ? a : b;
        const letters *free = o ? &s.free_a : &s.free_b;
        s.sum = (letters){0};
        for (int i = 0; i < x->l.count; i++)
            if (!has(&e->out, x->l.at[i]))
                append(&s.sum, x->l.at[i]);
        const letters plain = joined(&s.batch, free, &s.sum),
                      other = joined(&s.batch, &s.sum, free);
        if (same(&x->l, &plain) || same(&x->l, &other))
            break;
    }
    return s;
}

static tw_node *combine(tw_graph *g, const equation *e, operand a, operand b)
{
    groups s = group_letters(e, &a, &b);
    if (!s.sum.count || (!s.free_a.count && !s.free_b.count))
        return multiply(g, e, a, b, &s);
    const letters swapped = joined(&s.batch, &s.free_b, &s.free_a);
    if (!same(&swapped, &e->out))
        return contract(g, e, a, b, &s);
    s = group_letters(e, &b, &a);
    return contract(g, e, b, a, &s);
}

static void einsum_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    equation e;
    operand x[2];
    (void)training;
    if (read_equation(call, &e, &g->error) != TW_OK)
        return; /* infer has refused it */
    for (int o = 0; o < e.operands; o++) {
        x[o] = (operand){call->input[o], e.in[o]};
        drop_ones(g, &e, &x[o]);
        take_diagonals(g, &e, &x[o]);
    }
    for (int o = 0; o < e.operands; o++)
        sum_alone(g, &x[o], &e.out, e.operands == 2 ? &x[1 - o].l : NULL);
    if (e.operands == 2) {
        results[0] = combine(g, &e, x[0], x[1]);
        return;
    }
    transpose_to(g, &x[0], &e.out);
    results[0] = x[0].x;
}

static const tw_operator einsum = {
    .name = "einsum",
    .doc = "sums of products by letters, of one operand or two: c = einsum(a, b) "
           "equation=\"nij,njk->nik\"",
    .inputs = "a b?",
    .results = "y",
    .attributes = einsum_attributes,
    .infer = einsum_infer,
    .expand = einsum_expand,
};

const tw_operator *const tw_op_einsum[] = {&einsum, NULL};
