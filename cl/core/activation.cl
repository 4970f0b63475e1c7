// SPDX-License-Identifier: Apache-2.0
// tanh and sigmoid in vectors for CPUs, where the built-in ones of float16 take two to four times as long (PoCL 3.1:
// 48 and 19 cycles a vector). NaN comes through.
//
// tanh: x P(x^2) / Q(x^2), both of degree 4, fitted for the least relative error over [0, 7.9] by reweighted least
// squares (Lawson 1961): 6e-9, 3e-7 as computed in float. Beyond 7.9 tanh is 1 within that error.
// sigmoid: 1 / (1 + exp(-x)); exp by 2^n exp(r), n the whole number next to -x / ln 2, exp(r) a polynomial of degree 5
// fitted likewise (9e-8). Adding 1.5 * 2^23 leaves n in the lowest bits of t, from where it is shifted into the exponent.
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
        const float##W low = select(-x, (float##W)(-80.0f), x > 80.0f);                                               \
        const float##W a = select(low, (float##W)(80.0f), low > 80.0f);                                               \
        const float##W t = a * 1.44269504f + 12582912.0f, n = t - 12582912.0f;                                        \
        const float##W r = n * 2.12194440e-4f + (n * -0.693359375f + a);                                              \
        float##W p = r * 8.29030573e-3f + 4.18979749e-2f;                                                             \
        p = p * r + 0.166676372f;                                                                                     \
        p = p * r + 0.499991506f;                                                                                     \
        p = p * r + 0.999999702f;                                                                                     \
        p = p * r + 1.0f;                                                                                             \
        const float##W e = as_float##W(as_int##W(p) + (as_int##W(t) << 23));                                          \
        return 1.0f / (1.0f + select(e, x, x != x));                                                                  \
    }
TW_ACTIVATION_WIDTH(4)
TW_ACTIVATION_WIDTH(8)
TW_ACTIVATION_WIDTH(16)

// What the rows of elementwise.def write, in functions of EW_WIDTH.
static inline float tw_tanh_1(const float x) { return tanh(x); }
static inline float tw_sigmoid_1(const float x) { return 1.0f / (1.0f + exp(-x)); }
#define TANH(x) TW_CAT(tw_tanh_, EW_WIDTH)(x)
#define SIGMOID(x) TW_CAT(tw_sigmoid_, EW_WIDTH)(x)
