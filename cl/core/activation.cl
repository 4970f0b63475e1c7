// SPDX-License-Identifier: Apache-2.0
// tanh, sigmoid, exp, log and erf in vectors for CPUs, where the built-in ones of float16 take two to four times as long
// (PoCL 3.1: tanh and the sigmoid 48 and 19 cycles a vector). NaN comes through.
//
// tanh: x P(x^2) / Q(x^2), both of degree 4, fitted for the least relative error over [0, 7.9] by reweighted least
// squares (Lawson 1961): 6e-9, 3e-7 as computed in float. Beyond 7.9 tanh is 1 within that error.
// sigmoid: 1 / (1 + exp(-x)); exp by 2^n exp(r), n the whole number next to -x / ln 2, exp(r) a polynomial of degree 5
// fitted likewise (9e-8). Adding 1.5 * 2^23 leaves n in the lowest bits of t, from where it is shifted into the exponent. The
// sigmoid's t is 127 more, so that the shift leaves 2^n itself, by which a NaN is multiplied and stays one.
#define TW_ACTIVATION_WIDTH(W)                                                                                        \
    static inline float##W tw_tanh_##W(const float##W x)                                                              \
    {                                                                                                                 \
        const float##W low = select(x, (float##W)(-7.9f), x < -7.9f);                                                 \
        const float##W a = select(low, (float##W)(7.9f), low > 7.9f), s = a * a;                                      \
        float##W p = s * 1.54280162e-8f + 2.2023276e-5f, q = s * 8.59879776e-7f + 3.42365383e-4f;                     \
        p = p * s + 3.57899396e-3f;                                                                                   \
        q = q * s + 2.6192246e-2f;                                                                                    \
        p = p * s + 0.134506226f;                                                                                     \
        q = q * s + 0.467839509f;                                                                                     \
        return a * (p * s + 1.0f) / (q * s + 1.0f);                                                                   \
    }                                                                                                                 \
    static inline float##W tw_sigmoid_##W(const float##W x)                                                           \
    {                                                                                                                 \
        const float##W low = select(x, (float##W)(-80.0f), x < -80.0f);                                               \
        const float##W a = select(low, (float##W)(80.0f), low > 80.0f);                                               \
        const float##W t = a * -1.44269504f + 12583039.0f, n = t - 12583039.0f;                                       \
        const float##W r = n * 2.12194440e-4f + (n * -0.693359375f - a);                                              \
        float##W p = r * 8.29030573e-3f + 4.18979749e-2f;                                                             \
        p = p * r + 0.166676372f;                                                                                     \
        p = p * r + 0.499991506f;                                                                                     \
        p = p * r + 0.999999702f;                                                                                     \
        p = p * r + 1.0f;                                                                                             \
        return 1.0f / (p * as_float##W(as_int##W(t) << 23) + 1.0f);                                                   \
    }
TW_ACTIVATION_WIDTH(4)
TW_ACTIVATION_WIDTH(8)
TW_ACTIVATION_WIDTH(16)

// exp, of numbers up to 88: likewise, but 2^n is a factor, with 127 added where n is found, so that it is an exponent; NaN
// comes through by itself. n ln 2 is one step, not two: ln 2 lies within 2e-9 of a float, and the product is not rounded where
// multiply-adds are fused (elsewhere the result's error grows to 4e-6 for x = -87). 0 below -87. log: x = 2^n (1 + f) with f from sqrt(1/2) - 1 to sqrt(2) - 1, log(1 + f) =
// f + f^2 P(f), P fitted likewise (3e-8); for x above 0 that is not denormal. erf: x P(x^2) / Q(x^2), both of degree 5,
// fitted as tanh's over [0, 3.9] (2e-8; 4e-7 as computed in float), and 1 beyond: exactly, so that gelu of -100 is 0.
#define TW_EXPONENTIAL_WIDTH(W, F, I)                                                                                 \
    static inline F tw_exp_##W(const F x)                                                                             \
    {                                                                                                                 \
        const F t = x * 1.44269504f + 12583039.0f, n = t - 12583039.0f, r = n * -0.693147182f + x;                    \
        F p = r * 8.29030573e-3f + 4.18979749e-2f;                                                                    \
        p = p * r + 0.166676372f;                                                                                     \
        p = p * r + 0.499991506f;                                                                                     \
        p = p * r + 0.999999702f;                                                                                     \
        p = p * r + 1.0f;                                                                                             \
        return select(p * as_##F(as_##I(t) << 23), (F)0.0f, x < -87.0f);                                              \
    }                                                                                                                 \
    static inline F tw_log_##W(const F x)                                                                             \
    {                                                                                                                 \
        const I n = (as_##I(x) - 0x3f3504f3) >> 23;                                                                   \
        const F f = as_##F(as_##I(x) - (n << 23)) - 1.0f, e = TW_CAT(tw_to_float_, W)(n);                             \
        F p = f * 8.73493701e-2f - 0.143076941f;                                                                      \
        p = p * f + 0.149180159f;                                                                                     \
        p = p * f - 0.165704891f;                                                                                     \
        p = p * f + 0.199620664f;                                                                                     \
        p = p * f - 0.250017554f;                                                                                     \
        p = p * f + 0.333339512f;                                                                                     \
        p = p * f - 0.499999911f;                                                                                     \
        const F l = e * 0.693359375f + (e * -2.12194440e-4f + (f * f * p + f));                                       \
        return select(l, x, (x != x) | (x == INFINITY));                                                              \
    }                                                                                                                 \
    static inline F tw_erf_##W(const F x)                                                                             \
    {                                                                                                                 \
        const F low = select(x, (F)(-3.896f), x < -3.896f);                                                           \
        const F a = select(low, (F)(3.896f), low > 3.896f), s = a * a;                                                \
        F p = s * 2.06646496e-6f + 2.85052258e-4f, q = s * 3.82694161e-5f + 1.15730416e-3f;                           \
        p = p * s + 3.73807875e-3f;                                                                                   \
        q = q * s + 1.49137424e-2f;                                                                                   \
        p = p * s + 5.26672378e-2f;                                                                                   \
        q = q * s + 0.113816530f;                                                                                     \
        p = p * s + 0.189661145f;                                                                                     \
        q = q * s + 0.501415610f;                                                                                     \
        return a * (p * s + 1.12837911f) / (q * s + 1.0f);                                                            \
    }
TW_EXPONENTIAL_WIDTH(1, float, int)
TW_EXPONENTIAL_WIDTH(4, float4, int4)
TW_EXPONENTIAL_WIDTH(8, float8, int8)
TW_EXPONENTIAL_WIDTH(16, float16, int16)
#define TW_EXP(W, v) TW_CAT(tw_exp_, W)(v)
#define TW_LOG(W, v) TW_CAT(tw_log_, W)(v)

// The largest of a vector, and its sum.
static inline float tw_highest(const float16 v)
{
    const float8 v8 = max(v.lo, v.hi);
    const float4 v4 = max(v8.lo, v8.hi);
    const float2 v2 = max(v4.lo, v4.hi);
    return max(v2.x, v2.y);
}
static inline float tw_total(const float16 v)
{
    const float8 v8 = v.lo + v.hi;
    const float4 v4 = v8.lo + v8.hi;
    const float2 v2 = v4.lo + v4.hi;
    return v2.x + v2.y;
}

// What the rows of elementwise.def write, in functions of EW_WIDTH.
static inline float tw_tanh_1(const float x) { return tanh(x); }
static inline float tw_sigmoid_1(const float x) { return 1.0f / (1.0f + exp(-x)); }
#define TANH(x) TW_CAT(tw_tanh_, EW_WIDTH)(x)
#define SIGMOID(x) TW_CAT(tw_sigmoid_, EW_WIDTH)(x)
#define ERF(x) TW_CAT(tw_erf_, EW_WIDTH)(x)
