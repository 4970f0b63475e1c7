// SPDX-License-Identifier: Apache-2.0
// For each element of x the product of the others along the AXIS runs: the gradient of a product, right where zeros stand.
//
// A work-item takes one of RESULTS. Sizes and strides as in reduce.cl, form 5.

#define OTHERS_LOOP                                                                                \
    for (int r0 = 0; r0 < AXIS0; r0++)                                                             \
        for (int r1 = 0; r1 < AXIS1; r1++)                                                         \
            for (int r2 = 0; r2 < AXIS2; r2++)                                                     \
                for (int r3 = 0; r3 < AXIS3; r3++)
#define OTHERS_AT                                                                                  \
    (base + r0 * AXIS_STRIDE0 + r1 * AXIS_STRIDE1 + r2 * AXIS_STRIDE2 + r3 * AXIS_STRIDE3)

TW_ENTRY KERNEL(product_of_others)(TW_N, TW_IN(x) EPILOGUE_PARAMS)
{
    USE_IN(x);
    const int result = tw_global(0);
    if (result >= RESULTS)
        return;
    const int k3 = result % KEPT3, rest3 = result / KEPT3;
    const int k2 = rest3 % KEPT2, rest2 = rest3 / KEPT2;
    const int k1 = rest2 % KEPT1, k0 = rest2 / KEPT1;
    const int base = k0 * KEPT_STRIDE0 + k1 * KEPT_STRIDE1 + k2 * KEPT_STRIDE2 + k3 * KEPT_STRIDE3;
    float product = 1.0f; // of what is not zero
    int zeros = 0;
    OTHERS_LOOP
    {
        const float a = LOAD(1, x, OTHERS_AT);
        zeros += a == 0.0f;
        product *= a == 0.0f ? 1.0f : a;
    }
    OTHERS_LOOP
    {
        const int at = OTHERS_AT;
        const float a = LOAD(1, x, at);
        const float v = zeros == 0                ? product / a
                        : zeros == 1 && a == 0.0f ? product
                                                  : 0.0f;
        EPILOGUE(1, v, at, at % LAST);
    }
}
