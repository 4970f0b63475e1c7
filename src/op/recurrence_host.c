// SPDX-License-Identifier: Apache-2.0
// The C references of recurrence and recurrence_dx: one sequence after the other, as the formulas
// stand in the papers (op/recurrence.h).
#include "op/recurrence.h"
#include "op/rows.h"

/* An activation with its default parameters. */
typedef struct activation {
    const tw_row *row;
    double p[2];
} activation;

static activation activation_of(const tw_operator *op)
{
    activation a = {.row = tw_row_get(op->row)};
    for (int i = 0; op->attributes && op->attributes[i].name; i++)
        (void)tw_parse_double(op->attributes[i].value_default,
                              strlen(op->attributes[i].value_default), &a.p[i]);
    return a;
}

static double act(const activation *a, double x)
{
    return a->row->real((const double[]){x, 0, 0, 0}, a->p);
}

/* The derivative at the result y. */
static double slope(const activation *a, double y)
{
    return a->row->slope[0]((const double[]){0, 0, 0, y}, a->p);
}

typedef struct steps {
    tw_recurrence r;
    activation act, gate;
    int64_t n, t, u;
    const double *weight; /* [u][gates*u] */
    const tw_host_tensor *mask;
} steps;

static steps steps_of(const tw_host_call *host, const tw_host_tensor *of, int weight, int mask)
{
    steps s = {.r = tw_recurrence_of(host->data), .n = of->dim[0], .t = of->dim[1]};
    s.u = s.r.units;
    s.act = activation_of(s.r.act);
    s.gate = activation_of(s.r.recurrent_act);
    s.weight = host->in[weight].data;
    s.mask = mask < host->n_in && host->in[mask].data ? &host->in[mask] : NULL;
    return s;
}

static bool is_real_step(const steps *s, int64_t row, int64_t t)
{
    return !s->mask || tw_host_get(s->mask, row * s->t + t) != 0;
}

static int64_t place(const steps *s, int64_t step)
{
    return s->r.reverse ? s->t - 1 - step : step;
}

/* The data of an optional input. */
static const double *optional(const tw_host_call *host, int input)
{
    return input < host->n_in ? host->in[input].data : NULL;
}

/* v U, column `column` */
static double product(const steps *s, const double *v, int64_t column)
{
    double sum = 0;
    for (int64_t k = 0; k < s->u; k++)
        sum += v[k] * s->weight[k * s->r.gates * s->u + column];
    return sum;
}

/* One step of one sequence: gates are filled, h (the state before it) and c become the new ones. x
 * and gates begin at the step. */
typedef struct step_data {
    const double *x, *bias, *before;
    double *gates, *h, *c;
} step_data;

static void rnn_step(const steps *s, const step_data *d)
{
    for (int64_t j = 0; j < s->u; j++)
        d->h[j] = d->gates[j] = act(&s->act, d->x[j] + product(s, d->before, j));
}

static void lstm_step(const steps *s, const step_data *d)
{
    const int64_t u = s->u;
    double *i = d->gates, *f = i + u, *g = f + u, *o = g + u;
    for (int64_t j = 0; j < u; j++) {
        i[j] = act(&s->gate, d->x[j] + product(s, d->before, j));
        f[j] = act(&s->gate, d->x[u + j] + product(s, d->before, u + j));
        g[j] = act(&s->act, d->x[2 * u + j] + product(s, d->before, 2 * u + j));
        o[j] = act(&s->gate, d->x[3 * u + j] + product(s, d->before, 3 * u + j));
        d->c[j] = f[j] * d->c[j] + i[j] * g[j];
        d->h[j] = o[j] * act(&s->act, d->c[j]);
    }
}

/* x with its own bias */
static double x_of(const step_data *d, int64_t column)
{
    return d->x[column] + (d->bias ? d->bias[column] : 0);
}

static void gru_step(const steps *s, const step_data *d)
{
    const int64_t u = s->u;
    double *z = d->gates, *r = z + u, *candidate = r + u, *q = candidate + u;
    const double *b = d->bias ? d->bias + 3 * u : NULL;
    for (int64_t j = 0; j < u; j++) {
        z[j] = act(&s->gate, x_of(d, j) + product(s, d->before, j) + (b ? b[j] : 0));
        r[j] = act(&s->gate, x_of(d, u + j) + product(s, d->before, u + j) + (b ? b[u + j] : 0));
        q[j] = product(s, d->before, 2 * u + j) + (b ? b[2 * u + j] : 0);
        candidate[j] = act(&s->act, x_of(d, 2 * u + j) + r[j] * q[j]);
        d->h[j] = z[j] * d->before[j] + (1 - z[j]) * candidate[j];
    }
}

static void gru_before_step(const steps *s, const step_data *d)
{
    const int64_t u = s->u;
    double *z = d->gates, *r = z + u, *candidate = r + u, *reset = d->h;
    for (int64_t j = 0; j < u; j++) {
        z[j] = act(&s->gate, d->x[j] + product(s, d->before, j));
        r[j] = act(&s->gate, d->x[u + j] + product(s, d->before, u + j));
        reset[j] = r[j] * d->before[j];
    }
    for (int64_t j = 0; j < u; j++)
        candidate[j] = act(&s->act, d->x[2 * u + j] + product(s, reset, 2 * u + j));
    for (int64_t j = 0; j < u; j++)
        d->h[j] = z[j] * d->before[j] + (1 - z[j]) * candidate[j];
}

static void sequence(const tw_host_call *host, const steps *s, int64_t row)
{
    static void (*const step[])(const steps *, const step_data *) = {rnn_step, lstm_step, gru_step,
                                                                     gru_before_step};
    const int64_t u = s->u;
    const double *h0 = optional(host, TW_REC_H0), *c0 = optional(host, TW_REC_C0);
    double *out[TW_REC_RESULTS];
    for (int i = 0; i < TW_REC_RESULTS; i++)
        out[i] = host->out[i].data;
    double *h = out[TW_REC_H] + row * u, *c = out[TW_REC_C] + row * u,
           *last = out[TW_REC_LAST] + row * u;
    for (int64_t j = 0; j < u; j++) {
        h[j] = h0 ? h0[row * u + j] : 0;
        c[j] = c0 ? c0[row * u + j] : 0;
        last[j] = 0; /* what Keras puts out before the first real step, whatever h0 is */
    }
    for (int64_t i = 0; i < s->t; i++) {
        const int64_t at = row * s->t + place(s, i);
        double *before = out[TW_REC_BEFORE] + at * u, *carry = out[TW_REC_CARRY] + at * u;
        memcpy(before, h, (size_t)u * sizeof *h);
        memcpy(carry, c, (size_t)u * sizeof *c);
        const step_data d = {.x = (const double *)host->in[TW_REC_X].data + at * s->r.gates * u,
                             .bias = optional(host, TW_REC_BIAS),
                             .before = before,
                             .gates = out[TW_REC_GATES] + at * s->r.saved * u,
                             .h = h,
                             .c = c};
        step[s->r.cell](s, &d);
        if (is_real_step(s, row, place(s, i))) {
            memcpy(last, h, (size_t)u * sizeof *h);
        } else {
            memcpy(h, before, (size_t)u * sizeof *h);
            memcpy(c, carry, (size_t)u * sizeof *c);
        }
        memcpy(out[TW_REC_Y] + at * u, last, (size_t)u * sizeof *h);
    }
}

void tw_recurrence_host(const tw_host_call *host)
{
    const steps s = steps_of(host, &host->in[TW_REC_X], TW_REC_WEIGHT, TW_REC_MASK);
    for (int64_t row = 0; row < s.n; row++)
        sequence(host, &s, row);
}

/* ---- gradient ---- */

/* One step back: dh (of the state behind the step, which is real) and dc become those before it; dx
 * and dr are filled. */
typedef struct back_data {
    const double *gates, *before, *carry;
    double *dx, *dr, *dh, *dc;
} back_data;

/* dh[k] += sum of d[column] * U[k][column] over columns from .. to - 1 */
static void back_product(const steps *s, const double *d, int64_t from, int64_t to, double *dh)
{
    for (int64_t k = 0; k < s->u; k++)
        for (int64_t column = from; column < to; column++)
            dh[k] += d[column] * s->weight[k * s->r.gates * s->u + column];
}

static void rnn_back(const steps *s, const back_data *d)
{
    for (int64_t j = 0; j < s->u; j++) {
        d->dx[j] = d->dr[j] = d->dh[j] * slope(&s->act, d->gates[j]);
        d->dh[j] = 0;
    }
    back_product(s, d->dr, 0, s->u, d->dh);
}

static void lstm_back(const steps *s, const back_data *d)
{
    const int64_t u = s->u;
    const double *i = d->gates, *f = i + u, *g = f + u, *o = g + u;
    for (int64_t j = 0; j < u; j++) {
        const double a = act(&s->act, f[j] * d->carry[j] + i[j] * g[j]);
        const double dc = d->dc[j] + d->dh[j] * o[j] * slope(&s->act, a);
        d->dx[j] = dc * g[j] * slope(&s->gate, i[j]);
        d->dx[u + j] = dc * d->carry[j] * slope(&s->gate, f[j]);
        d->dx[2 * u + j] = dc * i[j] * slope(&s->act, g[j]);
        d->dx[3 * u + j] = d->dh[j] * a * slope(&s->gate, o[j]);
        d->dc[j] = dc * f[j];
        d->dh[j] = 0;
    }
    memcpy(d->dr, d->dx, (size_t)(4 * u) * sizeof *d->dr);
    back_product(s, d->dr, 0, 4 * u, d->dh);
}

static void gru_back(const steps *s, const back_data *d)
{
    const int64_t u = s->u;
    const double *z = d->gates, *r = z + u, *candidate = r + u, *q = candidate + u;
    for (int64_t j = 0; j < u; j++) {
        const double dc = d->dh[j] * (1 - z[j]) * slope(&s->act, candidate[j]);
        d->dx[j] = d->dr[j] = d->dh[j] * (d->before[j] - candidate[j]) * slope(&s->gate, z[j]);
        d->dx[u + j] = d->dr[u + j] = dc * q[j] * slope(&s->gate, r[j]);
        d->dx[2 * u + j] = dc;
        d->dr[2 * u + j] = dc * r[j];
        d->dh[j] *= z[j];
    }
    back_product(s, d->dr, 0, 3 * u, d->dh);
}

static void gru_before_back(const steps *s, const back_data *d)
{
    const int64_t u = s->u;
    const double *z = d->gates, *r = z + u, *candidate = r + u;
    double *reset = d->dr; /* gradient by r * before */
    for (int64_t j = 0; j < u; j++) {
        d->dx[j] = d->dh[j] * (d->before[j] - candidate[j]) * slope(&s->gate, z[j]);
        d->dx[2 * u + j] = d->dh[j] * (1 - z[j]) * slope(&s->act, candidate[j]);
        d->dh[j] *= z[j];
        reset[j] = 0;
    }
    back_product(s, d->dx, 2 * u, 3 * u, reset);
    for (int64_t j = 0; j < u; j++) {
        d->dx[u + j] = reset[j] * d->before[j] * slope(&s->gate, r[j]);
        d->dh[j] += reset[j] * r[j];
    }
    memcpy(d->dr, d->dx, (size_t)(3 * u) * sizeof *d->dr);
    back_product(s, d->dr, 0, 2 * u, d->dh);
}

/* Adds to dh what comes in by the outputs that show this real step's: its own, and those of the
 * hidden steps behind it. */
static void add_outputs(const tw_host_call *host, const steps *s, int64_t row, int64_t step,
                        double *dh)
{
    const double *dy = optional(host, TW_DREC_DY), *dlast = optional(host, TW_DREC_DLAST);
    do {
        const double *from = dy ? dy + (row * s->t + place(s, step)) * s->u : NULL;
        for (int64_t j = 0; from && j < s->u; j++)
            dh[j] += from[j];
        step++;
    } while (step < s->t && !is_real_step(s, row, place(s, step)));
    for (int64_t j = 0; step == s->t && dlast && j < s->u; j++)
        dh[j] += dlast[row * s->u + j];
}

static void sequence_back(const tw_host_call *host, const steps *s, int64_t row)
{
    static void (*const back[])(const steps *, const back_data *) = {rnn_back, lstm_back, gru_back,
                                                                     gru_before_back};
    const int64_t u = s->u, columns = s->r.gates * u;
    const double *last_h = optional(host, TW_DREC_DH), *last_c = optional(host, TW_DREC_DC),
                 *carry = optional(host, TW_DREC_CARRY);
    double *dh = (double *)host->out[TW_DREC_DH0].data + row * u,
           *dc = (double *)host->out[TW_DREC_DC0].data + row * u;
    for (int64_t j = 0; j < u; j++) {
        dh[j] = last_h ? last_h[row * u + j] : 0;
        dc[j] = last_c ? last_c[row * u + j] : 0;
    }
    for (int64_t i = s->t - 1; i >= 0; i--) {
        const int64_t at = row * s->t + place(s, i);
        const back_data d = {.gates =
                                 (const double *)host->in[TW_DREC_GATES].data + at * s->r.saved * u,
                             .before = (const double *)host->in[TW_DREC_BEFORE].data + at * u,
                             .carry = carry ? carry + at * u : NULL,
                             .dx = (double *)host->out[TW_DREC_DX].data + at * columns,
                             .dr = (double *)host->out[TW_DREC_DR].data + at * columns,
                             .dh = dh,
                             .dc = dc};
        if (is_real_step(s, row, place(s, i))) {
            add_outputs(host, s, row, i, dh);
            back[s->r.cell](s, &d);
        } else {
            for (int64_t j = 0; j < columns; j++)
                d.dx[j] = d.dr[j] = 0;
        }
    }
}

void tw_recurrence_dx_host(const tw_host_call *host)
{
    const steps s = steps_of(host, &host->in[TW_DREC_GATES], TW_DREC_WEIGHT, TW_DREC_MASK);
    for (int64_t row = 0; row < s.n; row++)
        sequence_back(host, &s, row);
}
