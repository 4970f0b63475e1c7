// SPDX-License-Identifier: Apache-2.0
// Initialisers, as Keras defines them (keras/src/initializers/random_initializers.py); numbers by
// Philox.
#include "base/hash.h"
#include "base/random.h"
#include "graph/operator.h"
#include "schedule/schedule.h"
#include <math.h>
#include <stdio.h>

/* One weight being filled. */
typedef struct tw_filling {
    tw_context *context;
    int64_t rows, cols; /* the last dimension against all before it */
    int rank;
    int64_t count;
    double fan_in, fan_out;
    tw_random random;
    const double *p; /* arguments, in their table's order */
    double *values;
} tw_filling;

static void fill_constant(const tw_filling *f, double value)
{
    for (int64_t i = 0; i < f->count; i++)
        f->values[i] = value;
}

static void fill_uniform(const tw_filling *f, double low, double high)
{
    for (int64_t i = 0; i < f->count; i++)
        f->values[i] = low + (high - low) * tw_random_uniform(&f->random, (uint64_t)i);
}

static void fill_normal(const tw_filling *f, double mean, double deviation)
{
    for (int64_t i = 0; i < f->count; i++)
        f->values[i] = mean + deviation * tw_random_normal(&f->random, (uint64_t)i);
}

/* Normal numbers within two deviations: those beyond are drawn again, from another step of the same
 * element. */
static void fill_truncated(const tw_filling *f, double mean, double deviation)
{
    for (int64_t i = 0; i < f->count; i++) {
        tw_random random = f->random;
        double value;
        do {
            value = tw_random_normal(&random, (uint64_t)i);
            random.step++;
        } while (!(fabs(value) <= 2.0));
        f->values[i] = mean + deviation * value;
    }
}

static tw_status init_zeros(const tw_filling *f, tw_error *error)
{
    (void)error;
    fill_constant(f, 0.0);
    return TW_OK;
}

static tw_status init_ones(const tw_filling *f, tw_error *error)
{
    (void)error;
    fill_constant(f, 1.0);
    return TW_OK;
}

/* Keras's unit_forget_bias: ones for the second of lstm's four gates (Jozefowicz et al. 2015). */
static tw_status init_forget_bias(const tw_filling *f, tw_error *error)
{
    const int64_t units = f->cols / 4;
    if (units * 4 != f->cols)
        return tw_fail(error, TW_ERROR_SHAPE, "forget_bias needs a last size that 4 divides");
    for (int64_t i = 0; i < f->count; i++)
        f->values[i] = i % f->cols / units == 1;
    return TW_OK;
}

static tw_status init_constant(const tw_filling *f, tw_error *error)
{
    (void)error;
    fill_constant(f, f->p[0]);
    return TW_OK;
}

static tw_status init_uniform(const tw_filling *f, tw_error *error)
{
    (void)error;
    fill_uniform(f, f->p[0], f->p[1]);
    return TW_OK;
}

static tw_status init_normal(const tw_filling *f, tw_error *error)
{
    (void)error;
    fill_normal(f, f->p[0], f->p[1]);
    return TW_OK;
}

static tw_status init_truncated_normal(const tw_filling *f, tw_error *error)
{
    (void)error;
    fill_truncated(f, f->p[0], f->p[1]);
    return TW_OK;
}

/* Keras's VarianceScaling: variance = scale / fan. A normal cut at two deviations has 0.8796... of
 * its deviation. */
static tw_status scaled_uniform(const tw_filling *f, double variance)
{
    const double limit = sqrt(3.0 * variance);
    fill_uniform(f, -limit, limit);
    return TW_OK;
}

static tw_status scaled_normal(const tw_filling *f, double variance)
{
    fill_truncated(f, 0.0, sqrt(variance) / 0.87962566103423978);
    return TW_OK;
}

static tw_status init_glorot_uniform(const tw_filling *f, tw_error *error)
{
    (void)error;
    return scaled_uniform(f, 1.0 / TW_MAX(1.0, (f->fan_in + f->fan_out) / 2.0));
}

static tw_status init_glorot_normal(const tw_filling *f, tw_error *error)
{
    (void)error;
    return scaled_normal(f, 1.0 / TW_MAX(1.0, (f->fan_in + f->fan_out) / 2.0));
}

static tw_status init_he_uniform(const tw_filling *f, tw_error *error)
{
    (void)error;
    return scaled_uniform(f, 2.0 / TW_MAX(1.0, f->fan_in));
}

static tw_status init_he_normal(const tw_filling *f, tw_error *error)
{
    (void)error;
    return scaled_normal(f, 2.0 / TW_MAX(1.0, f->fan_in));
}

static tw_status init_lecun_uniform(const tw_filling *f, tw_error *error)
{
    (void)error;
    return scaled_uniform(f, 1.0 / TW_MAX(1.0, f->fan_in));
}

static tw_status init_lecun_normal(const tw_filling *f, tw_error *error)
{
    (void)error;
    return scaled_normal(f, 1.0 / TW_MAX(1.0, f->fan_in));
}

/* Makes vector number k of the `short_side` vectors of length `length` orthogonal to those before
 * it, and of length 1. Twice: once leaves errors of the size of the rounding times the condition
 * (Giraud et al. 2005). */
static void orthogonalise(double *vectors, int64_t k, int64_t length)
{
    double *v = vectors + k * length;
    for (int pass = 0; pass < 2; pass++)
        for (int64_t j = 0; j < k; j++) {
            const double *u = vectors + j * length;
            double product = 0.0;
            for (int64_t i = 0; i < length; i++)
                product += u[i] * v[i];
            for (int64_t i = 0; i < length; i++)
                v[i] -= product * u[i];
        }
    double square = 0.0;
    for (int64_t i = 0; i < length; i++)
        square += v[i] * v[i];
    for (int64_t i = 0; i < length; i++)
        v[i] /= sqrt(square);
}

/* Q of the QR decomposition of a normal matrix, with the signs that make R's diagonal positive
 * (Saxe et al. 2014): which is what Gram-Schmidt yields. */
static tw_status init_orthogonal(const tw_filling *f, tw_error *error)
{
    if (f->rank < 2)
        return tw_fail(error, TW_ERROR_SHAPE, "orthogonal needs two dimensions or more");
    const bool wide = f->cols > f->rows;
    const int64_t length = wide ? f->cols : f->rows, vectors = wide ? f->rows : f->cols;
    fill_normal(f, 0.0, 1.0);
    double *work = tw_alloc(f->context, (size_t)f->count * sizeof *work);
    if (!work)
        return tw_fail_memory(error);
    for (int64_t k = 0; k < vectors; k++) {
        for (int64_t i = 0; i < length; i++)
            work[k * length + i] = f->values[wide ? k * length + i : i * vectors + k];
        orthogonalise(work, k, length);
    }
    for (int64_t k = 0; k < vectors; k++)
        for (int64_t i = 0; i < length; i++)
            f->values[wide ? k * length + i : i * vectors + k] = f->p[0] * work[k * length + i];
    tw_free(f->context, work);
    return TW_OK;
}

static tw_status init_identity(const tw_filling *f, tw_error *error)
{
    if (f->rank != 2)
        return tw_fail(error, TW_ERROR_SHAPE, "identity needs two dimensions");
    for (int64_t i = 0; i < f->count; i++)
        f->values[i] = i / f->cols == i % f->cols ? f->p[0] : 0.0;
    return TW_OK;
}

#define END                                                                                        \
    {                                                                                              \
        NULL, TW_ATTR_INT, NULL, NULL, NULL                                                        \
    }
static const tw_attribute no_arguments[] = {END};
static const tw_attribute constant_arguments[] = {{"value", TW_ATTR_FLOAT, "0", NULL, "the value"},
                                                  END};
static const tw_attribute uniform_arguments[] = {
    {"min", TW_ATTR_FLOAT, "-0.05", NULL, "least value"},
    {"max", TW_ATTR_FLOAT, "0.05", NULL, "upper bound"},
    END};
static const tw_attribute normal_arguments[] = {
    {"mean", TW_ATTR_FLOAT, "0", NULL, "mean"},
    {"stddev", TW_ATTR_FLOAT, "0.05", NULL, "standard deviation"},
    END};
static const tw_attribute gain_arguments[] = {{"gain", TW_ATTR_FLOAT, "1", NULL, "factor"}, END};

static const struct {
    const char *name;
    const tw_attribute *arguments;
    tw_status (*fill)(const tw_filling *filling, tw_error *error);
} initialisers[] = {
    {"zeros", no_arguments, init_zeros},
    {"ones", no_arguments, init_ones},
    {"forget_bias", no_arguments, init_forget_bias},
    {"constant", constant_arguments, init_constant},
    {"uniform", uniform_arguments, init_uniform},
    {"normal", normal_arguments, init_normal},
    {"truncated_normal", normal_arguments, init_truncated_normal},
    {"glorot_uniform", no_arguments, init_glorot_uniform},
    {"glorot_normal", no_arguments, init_glorot_normal},
    {"he_uniform", no_arguments, init_he_uniform},
    {"he_normal", no_arguments, init_he_normal},
    {"lecun_uniform", no_arguments, init_lecun_uniform},
    {"lecun_normal", no_arguments, init_lecun_normal},
    {"orthogonal", gain_arguments, init_orthogonal},
    {"identity", gain_arguments, init_identity},
};

static int find_initialiser(const char *name)
{
    for (int i = 0; i < TW_COUNT(initialisers); i++)
        if (strcmp(initialisers[i].name, name) == 0)
            return i;
    return -1;
}

static const tw_attribute *lookup(const char *word, tw_error *error)
{
    const int found = find_initialiser(word);
    if (found >= 0)
        return initialisers[found].arguments;
    const char *names[TW_COUNT(initialisers)];
    for (int i = 0; i < TW_COUNT(initialisers); i++)
        names[i] = initialisers[i].name;
    const int near = tw_nearest(word, names, TW_COUNT(initialisers));
    char all[400] = "";
    for (int i = 0; near < 0 && i < TW_COUNT(initialisers); i++)
        (void)snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "",
                       names[i]);
    if (near >= 0)
        (void)tw_fail(error, TW_ERROR_NAME,
                      "there is no initialiser \"%s\"; did you mean \"%s\"?", word, names[near]);
    else
        (void)tw_fail(error, TW_ERROR_NAME, "there is no initialiser \"%s\": there are %s", word,
                      all);
    return NULL;
}

/* Keras's compute_fans: a kernel's receptive field counts for both sides. */
static void measure(tw_filling *f, const tw_param_slot *slot)
{
    int64_t dim[TW_MAX_RANK], field = 1;
    const int rank = f->rank = slot->shape.rank;
    for (int d = 0; d < rank; d++)
        dim[d] = tw_dim_at(slot->shape.dim[d], 1);
    for (int d = 0; d + 2 < rank; d++)
        field *= dim[d];
    f->cols = rank > 0 ? dim[rank - 1] : 1;
    f->rows = f->cols > 0 ? slot->count / f->cols : 0;
    f->count = slot->count;
    f->fan_out = (double)(f->cols * field);
    f->fan_in = rank >= 2 ? (double)(dim[rank - 2] * field) : f->fan_out;
}

/* The same failure, its sentence led by the weight's name, at the line that makes the weight. */
static tw_status blame(const tw_param_slot *slot, tw_status status, const tw_error *cause,
                       tw_error *error)
{
    return tw_fail_at(error, status, slot->call->line, slot->call->line ? 1 : 0, "%s: %.900s",
                      slot->name, cause->text);
}

tw_status tw_init_values(tw_context *context, const tw_param_slot *slot, uint64_t seed,
                         double *values, tw_error *error)
{
    tw_arena arena = {.context = context};
    tw_error cause = {.code = TW_OK};
    const char *word = NULL;
    tw_attr *attr = NULL;
    double p[2] = {0.0, 0.0};
    tw_status status =
        tw_options_parse(&arena, tw_attr_text(slot->call, "init"), &word, &cause, lookup, &attr);
    if (status == TW_OK) {
        const int found = find_initialiser(word);
        for (int i = 0; initialisers[found].arguments[i].name; i++)
            p[i] = attr[i].f;
        tw_filling filling = {.context = context,
                              .random = {.seed = seed, .name = tw_hash_text(slot->name)},
                              .p = p,
                              .values = values};
        measure(&filling, slot);
        status = initialisers[found].fill(&filling, &cause);
    }
    tw_arena_free(&arena);
    return status == TW_OK ? TW_OK : blame(slot, status, &cause, error);
}
