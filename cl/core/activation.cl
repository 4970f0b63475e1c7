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

// exp as in the sigmoid, 0 below -87. log: x = 2^n (1 + f) with f from sqrt(1/2) - 1 to sqrt(2) - 1, log(1 + f) =
// f + f^2 P(f), P fitted likewise (3e-8); for x above 0 that is not denormal. erf: below 1, x + x S(x^2) (4e-8); above,
// 1 - exp(-x R(x)) (3e-9), which is 1 from 4 on.
#define TW_EXPONENTIAL_WIDTH(W, F, I)                                                                                 \
    static inline F tw_exp_##W(const F x)                                                                             \
    {                                                                                                                 \
        const F low = select(x, (F)(-87.0f), x < -87.0f), a = select(low, (F)(88.5f), low > 88.5f);                   \
        const F t = a * 1.44269504f + 12582912.0f, n = t - 12582912.0f;                                               \
        const F r = n * 2.12194440e-4f + (n * -0.693359375f + a);                                                     \
        F p = r * 8.29030573e-3f + 4.18979749e-2f;                                                                    \
        p = p * r + 0.166676372f;                                                                                     \
        p = p * r + 0.499991506f;                                                                                     \
        p = p * r + 0.999999702f;                                                                                     \
        p = p * r + 1.0f;                                                                                             \
        const F e = as_##F(as_##I(p) + (as_##I(t) << 23));                                                            \
        return select(select(select(e, (F)0.0f, x < -87.0f), (F)INFINITY, x > 88.5f), x, x != x);                     \
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
        const F a = select(fabs(x), (F)4.0f, fabs(x) > 4.0f), s = a * a;                                              \
        F p = s * -5.63134032e-4f + 4.91753221e-3f;                                                                   \
        p = p * s - 2.67112963e-2f;                                                                                   \
        p = p * s + 0.112801798f;                                                                                     \
        p = p * s - 0.376123250f;                                                                                     \
        p = p * s + 0.128379121f;                                                                                     \
        F q = a * -2.12435465e-4f + 3.20217037e-3f;                                                                   \
        q = q * a - 2.28489190e-2f;                                                                                   \
        q = q * a + 0.105197728f;                                                                                     \
        q = q * a + 0.635767102f;                                                                                     \
        q = q * a + 1.12849987f;                                                                                      \
        return select(copysign(1.0f - tw_exp_##W(-a * q), x), x * p + x, (a < 1.0f) | (x != x));                      \
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
