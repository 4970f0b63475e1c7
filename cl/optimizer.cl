// SPDX-License-Identifier: Apache-2.0
// One optimizer step over all trainable parameters: each work-group takes one chunk of the contiguous buffer.
//
// T: chunks, four ints each (offset, length, segment, 0). F: segments, four floats each (l1, 2 * l2, factor of the
// decay, factor of the learning rate). S0 to S2: the optimizer's states, laid out as the parameters P and their gradients G.
// SCALE: a factor for each segment's gradient (clipping by norm). RULE: one of those below. Options are macros:
// BETA_1, and 1 - beta_1 as BETA_1_REST, which float would lose.

#define AT_LEAST(W, a, b) ((a) < (b) ? (b) : (a)) /* NaN in a stays */
#define REAL(W, c) ((FLOATV(W))(c))

#define RULE_sgd(W, i) w -= rate * g;

#define RULE_momentum(W, i)                                                                                           \
    const FLOATV(W) m = LOAD(W, S0, i) * MOMENTUM - g * rate;                                                         \
    w += m;                                                                                                           \
    STORE(W, S0, i, m);

#define RULE_nesterov(W, i)                                                                                           \
    const FLOATV(W) m = LOAD(W, S0, i) * MOMENTUM - g * rate;                                                         \
    w += m * MOMENTUM - g * rate;                                                                                     \
    STORE(W, S0, i, m);

#define RULE_adagrad(W, i)                                                                                            \
    const FLOATV(W) a = LOAD(W, S0, i) + g * g;                                                                       \
    w -= g * rate / sqrt(a + EPSILON);                                                                                \
    STORE(W, S0, i, a);

#ifdef S1_ABSENT
#define RMSPROP_MOMENTUM(W, i, step) w -= (step);
#else
#define RMSPROP_MOMENTUM(W, i, step)                                                                                  \
    const FLOATV(W) m = LOAD(W, S1, i) * MOMENTUM + (step);                                                           \
    w -= m;                                                                                                           \
    STORE(W, S1, i, m);
#endif
#ifdef S2_ABSENT
#define RMSPROP_CENTER(W, i)
#define ADAM_GREATEST(W, i)
#else
#define RMSPROP_CENTER(W, i)                                                                                          \
    const FLOATV(W) mean = LOAD(W, S2, i) * RHO + g * RHO_REST;                                                   \
    STORE(W, S2, i, mean);                                                                                            \
    divisor -= mean * mean;
#define ADAM_GREATEST(W, i)                                                                                           \
    v = AT_LEAST(W, v, LOAD(W, S2, i));                                                                               \
    STORE(W, S2, i, v);
#endif

#define RULE_rmsprop(W, i)                                                                                            \
    const FLOATV(W) v = LOAD(W, S0, i) * RHO + g * g * RHO_REST;                                                  \
    STORE(W, S0, i, v);                                                                                               \
    FLOATV(W) divisor = v;                                                                                            \
    RMSPROP_CENTER(W, i)                                                                                              \
    RMSPROP_MOMENTUM(W, i, g * rate / sqrt(divisor + EPSILON))

#define RULE_adam(W, i)                                                                                               \
    FLOATV(W) m = LOAD(W, S0, i), v = LOAD(W, S1, i);                                                                 \
    m += (g - m) * BETA_1_REST;                                                                                   \
    v += (g * g - v) * BETA_2_REST;                                                                               \
    STORE(W, S0, i, m);                                                                                               \
    STORE(W, S1, i, v);                                                                                               \
    ADAM_GREATEST(W, i)                                                                                               \
    w -= m * rate / (sqrt(v) + EPSILON);

#ifdef REGULARISED
#define PENALISE(W) g += sign(w) * l1 + w * l2;
#else
#define PENALISE(W)
#endif
#if defined(CLIP_VALUE)
#define CLIP(W)                                                                                                       \
    g = g > REAL(W, CLIP_VALUE) ? REAL(W, CLIP_VALUE) : g;                                                            \
    g = g < REAL(W, -CLIP_VALUE) ? REAL(W, -CLIP_VALUE) : g;
#elif defined(CLIP_NORM)
#define CLIP(W) g *= scale;
#else
#define CLIP(W)
#endif

#define UPDATE(W, i)                                                                                                  \
    {                                                                                                                 \
        FLOATV(W) w = LOAD(W, P, i), g = LOAD(W, G, i);                                                               \
        PENALISE(W)                                                                                                   \
        CLIP(W)                                                                                                       \
        w -= w * (decay * decays);                                                                                    \
        RULE(W, i)                                                                                                    \
        STORE(W, P, i, w);                                                                                            \
    }

TW_ENTRY KERNEL(optimizer)(TW_N, TW_OUT(P), TW_IN(G), TW_IN(T), TW_IN(F)
#ifdef CLIP_NORM
                                , TW_IN(SCALE)
#endif
#ifndef S0_ABSENT
                                , TW_OUT(S0)
#endif
#ifndef S1_ABSENT
                                , TW_OUT(S1)
#endif
#ifndef S2_ABSENT
                                , TW_OUT(S2)
#endif
                                , const float base_rate, const float decay)
{
    USE_OUT(P);
    USE_IN(G);
    USE_IN(T);
    USE_IN(F);
#ifndef S0_ABSENT
    USE_OUT(S0);
#endif
#ifndef S1_ABSENT
    USE_OUT(S1);
#endif
#ifndef S2_ABSENT
    USE_OUT(S2);
#endif
    const int chunk = tw_group(0);
    const int first = T[4 * chunk], end = first + T[4 * chunk + 1], segment = T[4 * chunk + 2];
    const float l1 = F[4 * segment], l2 = F[4 * segment + 1], decays = F[4 * segment + 2];
    const float rate = base_rate * F[4 * segment + 3];
#ifdef CLIP_NORM
    USE_IN(SCALE);
    const float scale = SCALE[segment];
#endif
#if ITEMS > 1
    for (int i = first + tw_item(0); i < end; i += ITEMS)
        UPDATE(1, i)
#else
    int i = first;
    for (; i + 16 <= end; i += 16)
        UPDATE(16, i)
    for (; i < end; i++)
        UPDATE(1, i)
#endif
}
