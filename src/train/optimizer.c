// SPDX-License-Identifier: Apache-2.0
// The table of optimizers: options, state and rule of each. Defaults and rules are those of
// Keras 3.
#include "train/optimizer.h"

#include <math.h>

/* Options of every optimizer; they stand last in its table. */
#define COMMON_ATTRIBUTES(decay)                                                                   \
    {"schedule", TW_ATTR_CHOICE, "constant", "constant|step|exponential|cosine",                   \
     "how the learning rate goes"},                                                                \
        {"steps", TW_ATTR_INT, "", NULL, "length of the schedule's decay in steps"},               \
        {"epochs", TW_ATTR_FLOAT, "", NULL,                                                        \
         "the same in epochs (cosine without either: the whole training)"},                        \
        {"rate", TW_ATTR_FLOAT, "0.1", NULL,                                                       \
         "step and exponential: factor over one decay length"},                                    \
        {"staircase", TW_ATTR_BOOL, "no", NULL,                                                    \
         "exponential: in whole decay lengths, as schedule=step"},                                 \
        {"alpha", TW_ATTR_FLOAT, "0", NULL, "cosine: lowest learning rate, as a part of lr"},      \
        {"warmup", TW_ATTR_INT, "0", NULL, "steps of linear growth from 0 before the schedule"},   \
        {"weight_decay", TW_ATTR_FLOAT, decay, NULL,                                               \
         "part of a weight, times lr, that goes each step"},                                       \
        {"no_decay", TW_ATTR_TEXT, "", NULL,                                                       \
         "pattern of parameters without weight_decay (\"*.bias\")"},                               \
        {"clip_value", TW_ATTR_FLOAT, "", NULL, "bounds each gradient element"},                   \
        {"clip_norm", TW_ATTR_FLOAT, "", NULL, "bounds the norm of each parameter's gradient"},    \
        {"global_clip_norm", TW_ATTR_FLOAT, "", NULL,                                              \
         "bounds the norm of all gradients together"},                                             \
    {                                                                                              \
        NULL, TW_ATTR_INT, NULL, NULL, NULL                                                        \
    }

#define LEARNING_RATE(value)                                                                       \
    {                                                                                              \
        "lr", TW_ATTR_FLOAT, value, NULL, "learning rate"                                          \
    }
#define EPSILON                                                                                    \
    {                                                                                              \
        "epsilon", TW_ATTR_FLOAT, "1e-07", NULL, "keeps the division finite"                       \
    }

static const tw_attribute sgd_attributes[] = {LEARNING_RATE("0.01"), COMMON_ATTRIBUTES("0")};
static const tw_attribute momentum_attributes[] = {
    LEARNING_RATE("0.01"),
    {"momentum", TW_ATTR_FLOAT, "0.9", NULL, "part of the last update that is kept"},
    COMMON_ATTRIBUTES("0")};
static const tw_attribute adagrad_attributes[] = {
    LEARNING_RATE("0.001"),
    EPSILON,
    {"initial", TW_ATTR_FLOAT, "0.1", NULL, "first value of the sums of squares"},
    COMMON_ATTRIBUTES("0")};
static const tw_attribute rmsprop_attributes[] = {
    LEARNING_RATE("0.001"),
    EPSILON,
    {"rho", TW_ATTR_FLOAT, "0.9", NULL, "how slowly the mean square forgets"},
    {"momentum", TW_ATTR_FLOAT, "0", NULL, "part of the last update that is kept"},
    {"centered", TW_ATTR_BOOL, "no", NULL, "divides by the variance instead of the mean square"},
    COMMON_ATTRIBUTES("0")};
#define ADAM_ATTRIBUTES(decay)                                                                     \
    LEARNING_RATE("0.001"), EPSILON,                                                               \
        {"beta_1", TW_ATTR_FLOAT, "0.9", NULL, "how slowly the mean forgets"},                     \
        {"beta_2", TW_ATTR_FLOAT, "0.999", NULL, "how slowly the mean square forgets"},            \
        {"amsgrad", TW_ATTR_BOOL, "no", NULL, "divides by the greatest mean square so far"},       \
        COMMON_ATTRIBUTES(decay)
static const tw_attribute adam_attributes[] = {ADAM_ATTRIBUTES("0")};
static const tw_attribute adamw_attributes[] = {ADAM_ATTRIBUTES("0.004")};

static void sgd_rule(const tw_optimizer *o, double rate, double g, double *w, double *const *state)
{
    (void)o, (void)state;
    *w -= rate * g;
}

/* Polyak's heavy ball: "Some methods of speeding up the convergence of iteration methods", 1964. */
static void momentum_rule(const tw_optimizer *o, double rate, double g, double *w,
                          double *const *state)
{
    *state[0] = *state[0] * o->constant[0] - rate * g;
    *w += *state[0];
}

/* Nesterov's gradient, in the form of Sutskever et al., ICML 2013, rewritten for the weights after
 * the look-ahead. */
static void nesterov_rule(const tw_optimizer *o, double rate, double g, double *w,
                          double *const *state)
{
    *state[0] = *state[0] * o->constant[0] - rate * g;
    *w += *state[0] * o->constant[0] - rate * g;
}

/* Duchi, Hazan, Singer, JMLR 12, 2011. */
static void adagrad_rule(const tw_optimizer *o, double rate, double g, double *w,
                         double *const *state)
{
    *state[0] += g * g;
    *w -= rate * g / sqrt(*state[0] + o->constant[0]);
}

/* Tieleman, Hinton, Coursera lecture 6.5, 2012; centered: Graves, arXiv 1308.0850. */
static void rmsprop_rule(const tw_optimizer *o, double rate, double g, double *w,
                         double *const *state)
{
    const double epsilon = o->constant[0], rho = o->constant[1];
    *state[0] = rho * *state[0] + (1 - rho) * g * g;
    double divisor = *state[0] + epsilon;
    if (state[2]) {
        *state[2] = rho * *state[2] + (1 - rho) * g;
        divisor -= *state[2] * *state[2];
    }
    double increment = rate * g / sqrt(divisor);
    if (state[1])
        increment = *state[1] = o->constant[2] * *state[1] + increment;
    *w -= increment;
}

/* Kingma, Ba, ICLR 2015, section 2's efficient form (the bias correction is in the rate, epsilon
 * beside it); amsgrad: Reddi, Kale, Kumar, ICLR 2018. */
static void adam_rule(const tw_optimizer *o, double rate, double g, double *w, double *const *state)
{
    *state[0] += (g - *state[0]) * (1 - o->constant[1]);
    *state[1] += (g * g - *state[1]) * (1 - o->constant[2]);
    double square = *state[1];
    if (state[2])
        square = *state[2] = fmax(*state[2], square);
    *w -= rate * *state[0] / (sqrt(square) + o->constant[0]);
}

static double adam_correction(const tw_optimizer *o, double step)
{
    return sqrt(1 - pow(o->constant[2], step)) / (1 - pow(o->constant[1], step));
}

static const tw_optimizer_kind kinds[] = {
    {.name = "sgd",
     .doc = "plain gradient descent",
     .kernel = "RULE_sgd",
     .attributes = sgd_attributes,
     .rule = sgd_rule},
    {.name = "momentum",
     .doc = "gradient descent with momentum",
     .kernel = "RULE_momentum",
     .attributes = momentum_attributes,
     .constant = {"momentum"},
     .state = {"momentum"},
     .rule = momentum_rule},
    {.name = "nesterov",
     .doc = "gradient descent with Nesterov's momentum",
     .kernel = "RULE_nesterov",
     .attributes = momentum_attributes,
     .constant = {"momentum"},
     .state = {"momentum"},
     .rule = nesterov_rule},
    {.name = "adagrad",
     .doc = "rates by the sum of squared gradients",
     .kernel = "RULE_adagrad",
     .attributes = adagrad_attributes,
     .constant = {"epsilon"},
     .state = {"accumulator"},
     .initial = "initial",
     .rule = adagrad_rule},
    {.name = "rmsprop",
     .doc = "rates by a running mean of squared gradients",
     .kernel = "RULE_rmsprop",
     .attributes = rmsprop_attributes,
     .constant = {"epsilon", "rho", "momentum"},
     .state = {"velocity", "momentum", "average_gradient"},
     .state_option = {NULL, "momentum", "centered"},
     .rule = rmsprop_rule},
    {.name = "adam",
     .doc = "rates by running means of gradients and their squares",
     .kernel = "RULE_adam",
     .attributes = adam_attributes,
     .constant = {"epsilon", "beta_1", "beta_2"},
     .state = {"momentum", "velocity", "velocity_hat"},
     .state_option = {NULL, NULL, "amsgrad"},
     .rule = adam_rule,
     .correction = adam_correction},
    {.name = "adamw",
     .doc = "adam with decoupled weight decay",
     .kernel = "RULE_adam",
     .attributes = adamw_attributes,
     .constant = {"epsilon", "beta_1", "beta_2"},
     .state = {"momentum", "velocity", "velocity_hat"},
     .state_option = {NULL, NULL, "amsgrad"},
     .rule = adam_rule,
     .correction = adam_correction},
};

static const tw_optimizer_kind *find_kind(const char *name)
{
    for (int i = 0; i < TW_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

static const tw_attribute *lookup(const char *word, tw_error *error)
{
    const tw_optimizer_kind *kind = find_kind(word);
    if (kind)
        return kind->attributes;
    const char *names[TW_COUNT(kinds)];
    for (int i = 0; i < TW_COUNT(kinds); i++)
        names[i] = kinds[i].name;
    const int near = tw_nearest(word, names, TW_COUNT(names));
    if (near >= 0)
        (void)tw_fail(error, TW_ERROR_NAME, "unknown optimizer \"%s\": did you mean \"%s\"?", word,
                      names[near]);
    else
        (void)tw_fail(error, TW_ERROR_NAME,
                      "unknown optimizer \"%s\": there are sgd, momentum, nesterov, adagrad, "
                      "rmsprop, adam and adamw",
                      word);
    return NULL;
}

static const tw_attr *option(const tw_optimizer_kind *kind, const tw_attr *attr, const char *name)
{
    for (int i = 0; kind->attributes[i].name; i++)
        if (strcmp(kind->attributes[i].name, name) == 0)
            return &attr[i];
    assert(!"an option that the optimizer's table has");
    return attr;
}

/* An option as a number: 0 where it was not given. */
static double number(const tw_optimizer_kind *kind, const tw_attr *attr, const char *name)
{
    for (int i = 0; kind->attributes[i].name; i++)
        if (strcmp(kind->attributes[i].name, name) == 0 && !attr[i].absent)
            return kind->attributes[i].type == TW_ATTR_FLOAT ? attr[i].f : (double)attr[i].i;
    return 0;
}

/* What numbers the options may have. given: a value of 0 written out is refused too. */
static const struct {
    const char *name;
    double low, high;
    bool low_open, high_open;
    const char *range;
} ranges[] = {
    {"lr", 0, 1e30, false, false, "0 or more"},
    {"momentum", 0, 1, false, true, "from 0 to below 1"},
    {"rho", 0, 1, false, true, "from 0 to below 1"},
    {"beta_1", 0, 1, false, true, "from 0 to below 1"},
    {"beta_2", 0, 1, false, true, "from 0 to below 1"},
    {"epsilon", 0, 1e30, false, false, "0 or more"},
    {"initial", 0, 1e30, false, false, "0 or more"},
    {"steps", 1, 1e15, false, false, "1 or more"},
    {"epochs", 0, 1e9, true, false, "above 0"},
    {"rate", 0, 1e30, true, false, "above 0"},
    {"alpha", 0, 1, false, false, "from 0 to 1"},
    {"warmup", 0, 1e15, false, false, "0 or more"},
    {"weight_decay", 0, 1e30, false, false, "0 or more"},
    {"clip_value", 0, 1e30, true, false, "above 0"},
    {"clip_norm", 0, 1e30, true, false, "above 0"},
    {"global_clip_norm", 0, 1e30, true, false, "above 0"},
};

static tw_status check_ranges(const tw_optimizer_kind *kind, const tw_attr *attr, tw_error *error)
{
    for (int i = 0; kind->attributes[i].name; i++)
        for (int r = 0; r < TW_COUNT(ranges); r++) {
            if (attr[i].absent || strcmp(ranges[r].name, kind->attributes[i].name) != 0)
                continue;
            const double value = number(kind, attr, ranges[r].name);
            const bool above = ranges[r].low_open ? value > ranges[r].low : value >= ranges[r].low;
            const bool below =
                ranges[r].high_open ? value < ranges[r].high : value <= ranges[r].high;
            if (!above || !below) /* also not a number */
                return tw_fail(error, TW_ERROR_SYNTAX, "optimizer %s: %s=%g must be %s", kind->name,
                               ranges[r].name, value, ranges[r].range);
        }
    return TW_OK;
}

static tw_status fill_rate(tw_optimizer *o, const tw_attr *attr, tw_error *error)
{
    const tw_optimizer_kind *kind = o->kind;
    o->rate = (tw_rate){
        .schedule = (tw_rate_schedule)option(kind, attr, "schedule")->i,
        .lr = number(kind, attr, "lr"),
        .steps = number(kind, attr, "steps"),
        .epochs = number(kind, attr, "epochs"),
        .rate = number(kind, attr, "rate"),
        .alpha = number(kind, attr, "alpha"),
        .warmup = number(kind, attr, "warmup"),
        .staircase = option(kind, attr, "staircase")->i != 0,
    };
    const tw_rate *rate = &o->rate;
    if (rate->steps > 0 && rate->epochs > 0)
        return tw_fail(error, TW_ERROR_SYNTAX, "optimizer %s: give steps= or epochs=, not both",
                       kind->name);
    if ((rate->schedule == TW_RATE_STEP || rate->schedule == TW_RATE_EXPONENTIAL) &&
        rate->steps == 0 && rate->epochs == 0)
        return tw_fail(error, TW_ERROR_SYNTAX,
                       "optimizer %s: schedule=%s needs steps= or epochs=, its decay length",
                       kind->name, rate->schedule == TW_RATE_STEP ? "step" : "exponential");
    return TW_OK;
}

tw_status tw_optimizer_parse(tw_arena *arena, const char *text, tw_optimizer *optimizer,
                             tw_error *error)
{
    const char *word = NULL;
    tw_attr *attr = NULL;
    TW_TRY(tw_options_parse(arena, text, &word, error, lookup, &attr));
    tw_optimizer o = {.kind = find_kind(word)};
    TW_TRY(check_ranges(o.kind, attr, error));
    for (int i = 0; i < TW_MAX_CONSTANTS && o.kind->constant[i]; i++)
        o.constant[i] = number(o.kind, attr, o.kind->constant[i]);
    for (int i = 0; i < TW_MAX_STATES; i++)
        o.has_state[i] = o.kind->state[i] && (!o.kind->state_option[i] ||
                                              number(o.kind, attr, o.kind->state_option[i]) != 0);
    o.initial = o.kind->initial ? number(o.kind, attr, o.kind->initial) : 0;
    o.weight_decay = number(o.kind, attr, "weight_decay");
    o.clip_value = number(o.kind, attr, "clip_value");
    o.clip_norm = number(o.kind, attr, "clip_norm");
    o.global_clip_norm = number(o.kind, attr, "global_clip_norm");
    const tw_attr *no_decay = option(o.kind, attr, "no_decay");
    o.no_decay = no_decay->absent ? NULL : no_decay->text;
    if ((o.clip_value > 0) + (o.clip_norm > 0) + (o.global_clip_norm > 0) > 1)
        return tw_fail(
            error, TW_ERROR_SYNTAX,
            "optimizer %s: give only one of clip_value=, clip_norm= and global_clip_norm=",
            o.kind->name);
    TW_TRY(fill_rate(&o, attr, error));
    *optimizer = o;
    return TW_OK;
}

tw_status tw_rate_at(const tw_rate *rate, uint64_t step, int64_t steps_per_epoch, int64_t total,
                     double *lr, tw_error *error)
{
    if (rate->warmup > 0 && (double)step < rate->warmup) {
        *lr = rate->lr * ((double)step / rate->warmup);
        return TW_OK;
    }
    double length = rate->steps;
    if (rate->schedule != TW_RATE_CONSTANT && length == 0) {
        length = rate->epochs > 0 ? rate->epochs * (double)steps_per_epoch
                                  : (double)total - rate->warmup;
        if (rate->epochs > 0 ? steps_per_epoch <= 0 : total <= 0)
            return tw_fail(error, TW_ERROR_ARGUMENT,
                           "the learning rate's schedule needs steps=, because how many steps "
                           "there are is not known");
        length = TW_MAX(length, 1);
    }
    const double at = (double)step - rate->warmup;
    switch (rate->schedule) {
    case TW_RATE_CONSTANT:
        *lr = rate->lr;
        break;
    case TW_RATE_STEP:
        *lr = rate->lr * pow(rate->rate, floor(at / length));
        break;
    case TW_RATE_EXPONENTIAL:
        *lr = rate->lr * pow(rate->rate, rate->staircase ? floor(at / length) : at / length);
        break;
    case TW_RATE_COSINE:
        *lr = rate->lr * ((1 - rate->alpha) * 0.5 *
                              (1 + cos(3.14159265358979323846 * TW_MIN(at / length, 1))) +
                          rate->alpha);
        break;
    }
    return TW_OK;
}

void tw_optimizer_scalars(const tw_optimizer *optimizer, double lr, uint64_t step, float *user)
{
    const tw_optimizer_kind *kind = optimizer->kind;
    const double correction = kind->correction ? kind->correction(optimizer, (double)step + 1) : 1;
    user[TW_USER_RATE] = (float)(lr * correction);
    user[TW_USER_DECAY] = (float)(lr * optimizer->weight_decay);
}
