// SPDX-License-Identifier: Apache-2.0
// Sums, products, extremes of x seen as [OUTER, AXIS, INNER] over AXIS, which may be cut into SLABS.
//
// KIND: 1 sum, 2 product, 3 maximum, 4 minimum. MEAN: result divided by AXIS_COUNT. VALUE, VALUEV: float or int.
// With PARTIAL a slab's results go to part[slab, OUTER, INNER]; a second launch, of form 2, reduces these over slabs in their
// order, so that the outcome does not depend on timing. LAST: size of the result's last dimension.
// Form 1, simd, INNER is 1: CHUNK results a work-item. Form 2, simd: BLOCK columns a work-item (a multiple of 16), results in vectors if VECTOR.
// Form 3, simt: a work-group of LOCAL items a result. Form 4, simt: an item a result. Form 5: an item a result, any axes:
// KEPTd, KEPT_STRIDEd and AXISd, AXIS_STRIDEd for d = 0 to 3.

#if KIND == 1
#define REDUCE_INIT 0
#define REDUCE(a, b) ((a) + (b))
#elif KIND == 2
#define REDUCE_INIT 1
#define REDUCE(a, b) ((a) * (b))
#elif INTEGER
#define REDUCE_INIT (KIND == 3 ? INT_MIN : INT_MAX)
#define REDUCE(a, b) (KIND == 3 ? max(a, b) : min(a, b))
#elif KIND == 3
#define REDUCE_INIT (-INFINITY)
#define REDUCE(a, b) select(a, b, ((b) > (a)) | ((b) != (b)))
#else
#define REDUCE_INIT INFINITY
#define REDUCE(a, b) select(a, b, ((b) < (a)) | ((b) != (b)))
#endif

#if PARTIAL
#define RESULT_PARAMS , TW_OUT(part)
#define RESULT_USE USE_OUT(part)
#define RESULT(W, v, at) STORE(W, part, at, v)
#else
#define RESULT_PARAMS EPILOGUE_PARAMS
#define RESULT_USE
#if MEAN
#define RESULT(W, v, at) EPILOGUE(W, (v) / (float)(AXIS_COUNT), at, (at) % LAST)
#else
#define RESULT(W, v, at) EPILOGUE(W, v, at, (at) % LAST)
#endif
#endif

// READ(W, v, i) declares v, of W elements of x; FRONT: what elementwise calls make of theirs, who may store it as well.
#if FRONT
#define X_PARAMS FRONT_PARAMS
#define USE_X
#define READ(W, v, i)                                                                              \
    VALUEV(W) v;                                                                                   \
    FRONT_VALUE(W, v, i)
#else
#define X_PARAMS , TW_IN(x)
#define USE_X USE_IN(x)
#define READ(W, v, i) const VALUEV(W) v = LOAD(W, x, i)
#endif

#define SLAB_BOUNDS(slab)                                                                          \
    const tw_index slab_length = (AXIS + SLABS - 1) / SLABS;                                       \
    const tw_index from = tw_min((slab)*slab_length, AXIS), to = tw_min(from + slab_length, AXIS)

#if FORM == 1
TW_ENTRY KERNEL(reduce)(TW_N X_PARAMS RESULT_PARAMS TW_SIZES(OUTER AXIS INNER SLABS LAST AXIS_COUNT CHUNK))
{
    USE_X;
    RESULT_USE;
    const tw_index begin = tw_group(0) * CHUNK, end = tw_min(begin + CHUNK, OUTER), slab = tw_group(1);
    SLAB_BOUNDS(slab);
    TW_ROLLED
    for (tw_index row = begin; row < end; row++) {
        tw_index i = row * AXIS + from;
        const tw_index stop = row * AXIS + to;
        VALUEV(16) v0 = REDUCE_INIT, v1 = REDUCE_INIT, v2 = REDUCE_INIT, v3 = REDUCE_INIT;
#if FRONT
        // its text stands once; four sums in turn
        TW_ROLLED
        for (; i + 16 <= stop; i += 16) {
            READ(16, a, i);
            const VALUEV(16) v = REDUCE(v0, a);
            v0 = v1;
            v1 = v2;
            v2 = v3;
            v3 = v;
        }
#else
        TW_ROLLED
        for (; i + 64 <= stop; i += 64) {
            const VALUEV(16) a0 = LOAD(16, x, i), a1 = LOAD(16, x, i + 16);
            const VALUEV(16) a2 = LOAD(16, x, i + 32), a3 = LOAD(16, x, i + 48);
            v0 = REDUCE(v0, a0);
            v1 = REDUCE(v1, a1);
            v2 = REDUCE(v2, a2);
            v3 = REDUCE(v3, a3);
        }
        TW_ROLLED
        for (; i + 16 <= stop; i += 16) {
            const VALUEV(16) a = LOAD(16, x, i);
            v0 = REDUCE(v0, a);
        }
#endif
        v0 = REDUCE(v0, v1);
        v2 = REDUCE(v2, v3);
        v0 = REDUCE(v0, v2);
        const VALUEV(8) v8 = REDUCE(v0.lo, v0.hi);
        const VALUEV(4) v4 = REDUCE(v8.lo, v8.hi);
        const VALUEV(2) v2_ = REDUCE(v4.lo, v4.hi);
        VALUE v = REDUCE(v2_.x, v2_.y);
        TW_ROLLED
        for (; i < stop; i++) {
            READ(1, a, i);
            v = REDUCE(v, a);
        }
        RESULT(1, v, slab * OUTER + row);
    }
}
#elif FORM == 2
// Whole runs of columns are added to sums in private memory: rows are read as they lie. Long ones come four at a time, and
// the next four are asked for; short ones do not, for the caches foresee addresses that grow.
#define REDUCE_FOUR(W, i)                                                                          \
    VALUEV(W) a = LOAD(W, x, i);                                                                   \
    const VALUEV(W) b = LOAD(W, x, (i) + INNER);                                                   \
    VALUEV(W) c = LOAD(W, x, (i) + 2 * INNER);                                                     \
    const VALUEV(W) d = LOAD(W, x, (i) + 3 * INNER);                                               \
    TW_PREFETCH_FAR(x, (i) + 4 * INNER);                                                           \
    TW_PREFETCH_FAR(x, (i) + 5 * INNER);                                                           \
    TW_PREFETCH_FAR(x, (i) + 6 * INNER);                                                           \
    TW_PREFETCH_FAR(x, (i) + 7 * INNER);                                                           \
    a = REDUCE(a, b);                                                                              \
    c = REDUCE(c, d);                                                                              \
    a = REDUCE(a, c)
#define REDUCE_ONE(W, i) READ(W, a, i)
#define REDUCE_INTO(rows, at)                                                                      \
    TW_ROLLED                                                                                      \
    for (tw_index k = 0; k < whole; k++) {                                                         \
        REDUCE_##rows(16, (at) + 16 * k);                                                          \
        sum[k] = REDUCE(sum[k], a);                                                                \
    }                                                                                              \
    TW_ROLLED                                                                                      \
    for (tw_index k = 0; k < rest; k++) {                                                          \
        REDUCE_##rows(1, (at) + 16 * whole + k);                                                   \
        end[k] = REDUCE(end[k], a);                                                                \
    }
TW_ENTRY KERNEL(reduce)(TW_N X_PARAMS RESULT_PARAMS TW_SIZES(OUTER AXIS INNER SLABS LAST AXIS_COUNT CHUNK))
{
    USE_X;
    RESULT_USE;
    const tw_index slab = tw_group(1), outer = tw_group(2), first = tw_group(0) * BLOCK;
    const tw_index base = outer * AXIS * INNER + first, place = (slab * OUTER + outer) * INNER + first;
    const tw_index columns = tw_min(BLOCK, INNER - first), whole = columns / 16, rest = columns % 16;
    VALUEV(16) sum[BLOCK / 16];
    VALUE end[16];
    SLAB_BOUNDS(slab);
    TW_ROLLED
    for (tw_index k = 0; k < whole; k++)
        sum[k] = REDUCE_INIT;
    TW_ROLLED
    for (tw_index k = 0; k < rest; k++)
        end[k] = REDUCE_INIT;
    tw_index r = from;
#if !FRONT
    TW_ROLLED
    for (; INNER >= 512 && r + 4 <= to; r += 4) {
        REDUCE_INTO(FOUR, base + r * INNER)
    }
#endif
    TW_ROLLED
    for (; r < to; r++) {
        REDUCE_INTO(ONE, base + r * INNER)
    }
#if VECTOR
    TW_ROLLED
    for (tw_index k = 0; k < whole; k++)
        RESULT(16, sum[k], place + 16 * k);
#else
    TW_ROLLED
    for (tw_index k = 0; k < whole; k++) {
        VALUE lane[16];
        vstore16(sum[k], 0, lane);
        TW_ROLLED
        for (tw_index l = 0; l < 16; l++)
            RESULT(1, lane[l], place + 16 * k + l);
    }
#endif
    TW_ROLLED
    for (tw_index k = 0; k < rest; k++)
        RESULT(1, end[k], place + 16 * whole + k);
}
#elif FORM == 3
TW_ENTRY KERNEL(reduce)(TW_N X_PARAMS RESULT_PARAMS TW_SIZES(OUTER AXIS INNER SLABS LAST AXIS_COUNT CHUNK))
{
    USE_X;
    RESULT_USE;
    __local VALUE shared[LOCAL];
    const tw_index item = tw_item(0), row = tw_group(0), slab = tw_group(1);
    SLAB_BOUNDS(slab);
    VALUE v = REDUCE_INIT;
    for (tw_index r = from + item; r < to; r += LOCAL) {
        READ(1, a, row * AXIS + r);
        v = REDUCE(v, a);
    }
    shared[item] = v;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (tw_index half_size = LOCAL / 2; half_size > 0; half_size /= 2) {
        if (item < half_size) {
            const VALUE a = shared[item], b = shared[item + half_size];
            shared[item] = REDUCE(a, b);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (item == 0) {
        v = shared[0];
        RESULT(1, v, slab * OUTER + row);
    }
}
#elif FORM == 4
TW_ENTRY KERNEL(reduce)(TW_N X_PARAMS RESULT_PARAMS TW_SIZES(OUTER AXIS INNER SLABS LAST AXIS_COUNT CHUNK))
{
    USE_X;
    RESULT_USE;
    const tw_index result = tw_global(0), slab = tw_group(1);
    if (result >= OUTER * INNER)
        return;
    const tw_index base = (result / INNER) * AXIS * INNER + result % INNER;
    SLAB_BOUNDS(slab);
    VALUE v = REDUCE_INIT;
    for (tw_index r = from; r < to; r++) {
        READ(1, a, base + r * INNER);
        v = REDUCE(v, a);
    }
    RESULT(1, v, slab * OUTER * INNER + result);
}
#else
TW_ENTRY KERNEL(reduce)(TW_N X_PARAMS RESULT_PARAMS TW_SIZES(OUTER AXIS INNER SLABS LAST AXIS_COUNT CHUNK))
{
    USE_X;
    RESULT_USE;
    const tw_index result = tw_global(0);
    if (result >= OUTER)
        return;
    const tw_index k3 = result % KEPT3, rest3 = result / KEPT3;
    const tw_index k2 = rest3 % KEPT2, rest2 = rest3 / KEPT2;
    const tw_index k1 = rest2 % KEPT1, k0 = rest2 / KEPT1;
    const tw_index base = k0 * KEPT_STRIDE0 + k1 * KEPT_STRIDE1 + k2 * KEPT_STRIDE2 + k3 * KEPT_STRIDE3;
    VALUE v = REDUCE_INIT;
    for (tw_index r0 = 0; r0 < AXIS0; r0++)
        for (tw_index r1 = 0; r1 < AXIS1; r1++)
            for (tw_index r2 = 0; r2 < AXIS2; r2++)
                for (tw_index r3 = 0; r3 < AXIS3; r3++) {
                    READ(1, a, base + r0 * AXIS_STRIDE0 + r1 * AXIS_STRIDE1 + r2 * AXIS_STRIDE2 +
                                   r3 * AXIS_STRIDE3);
                    v = REDUCE(v, a);
                }
    RESULT(1, v, result);
}
#endif
