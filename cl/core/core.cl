// SPDX-License-Identifier: Apache-2.0
// What every kernel file may use; stands once at the head of each program. OpenCL C 1.2, no extension.
//
// A kernel is written
//     TW_ENTRY KERNEL(gemm)(TW_N, TW_IN(A), TW_IN(B) EPILOGUE_PARAMS)
//     {
//         USE_IN(A);
//         USE_IN(B);
//         ... LOAD(16, A, i) ... EPILOGUE(16, v, at, col);
//     }
// where the plan defines A_TYPE (f32, f16, bf16, i32, u8, bool), the sizes, KERNEL, EPILOGUE_PARAMS and
// EPILOGUE(W, v, at, col): it applies what is fused behind the kernel to v (W floats in a row of the result whose first
// has index `at`, in column `col` of the last dimension) and stores the outcome. W is the number 1, 2, 4, 8 or 16.

#define TW_CAT2_(a, b) a##b
#define TW_CAT(a, b) TW_CAT2_(a, b)
#define TW_CAT4_(a, b, c, d) a##b##c##d
#define TW_CAT4(a, b, c, d) TW_CAT4_(a, b, c, d)

// How a kernel begins, and its place in the launch: item in its group, group, item in the launch. Never get_group_id: a
// launch may be cut into slices with a global offset. Where TW_CALLED is 1, what looks like a kernel is a function, called
// by a kernel that several have in common (src/schedule/program_text.c); groups are of one item then.
// Sizes that a kernel need not know while it is compiled stand last in its parameters, TW_SIZES(ROWS COLS): they are macros
// as others are, or parameters where that lets several launches call one function. So are the streams of random numbers that
// an epilogue draws, in every kernel that ends its parameters with TW_SIZES, if by TW_SIZES().
#define TW_CALLED 0
#define TW_LIFTED 0
#define TW_SIZES(names) TW_CAT(TW_SIZES_, TW_LIFTED)
#define TW_SIZES_0
#define TW_SIZES_1 TW_LIFTED_SIZES
#define TW_ENTRY TW_CAT(TW_ENTRY_, TW_CALLED)
#define TW_ENTRY_0 __kernel void
#define TW_ENTRY_1 static __attribute__((noinline)) void
#define TW_N TW_CAT(TW_N_, TW_CALLED)
#define TW_N_0 const int n
#define TW_N_1 const int tw_x, const int tw_y, const int tw_z, const int n
#define tw_item(d) TW_CAT(tw_item_, TW_CALLED)(d)
#define tw_item_0(d) ((int)get_local_id(d))
#define tw_item_1(d) 0
#define tw_group(d) TW_CAT(tw_group_, TW_CALLED)(d)
#define tw_group_0(d) ((int)(get_global_id(d) / get_local_size(d)))
#define tw_group_1(d) ((d) == 0 ? tw_x : (d) == 1 ? tw_y : tw_z)
#define tw_global(d) TW_CAT(tw_global_, TW_CALLED)(d)
#define tw_global_0(d) ((int)get_global_id(d))
#define tw_global_1(d) tw_group_1(d)

// Stands before a loop that compilers are to leave as it is: one over vectors, or over the few elements behind the last of
// them. Unrolled and vectorized once more these are most of a kernel's code, and of the time that it takes to compile.
#ifdef __clang__
#define TW_ROLLED _Pragma("clang loop unroll(disable) vectorize(disable)")
#else
#define TW_ROLLED
#endif

// What numbers elements, and what such numbers are made of. Where kernels are functions it is as wide as an address: of every sum
// of ints that becomes one LLVM asks whether it wraps, at each of its many uses, and that was a tenth of a cold first step.
#define tw_index TW_CAT(tw_index_, TW_CALLED)
#define tw_index_0 int
#define tw_index_1 long
#define tw_min(a, b) min((tw_index)(a), (tw_index)(b))
#define tw_max(a, b) max((tw_index)(a), (tw_index)(b))

// Storage of each element type, and values as they are computed with: float or int.
#define tw_storage_f32 float
#define tw_storage_f16 half
#define tw_storage_bf16 ushort
#define tw_storage_i32 int
#define tw_storage_u8 uchar
#define tw_storage_bool uchar
#define TW_STORAGE(name) TW_CAT(tw_storage_, name##_TYPE)

#define TW_IN(name) __global const TW_STORAGE(name) *restrict name##_base, const ulong name##_offset
#define TW_OUT(name) __global TW_STORAGE(name) *restrict name##_base, const ulong name##_offset
#define USE_IN(name) __global const TW_STORAGE(name) *const name = name##_base + name##_offset
#define USE_OUT(name) __global TW_STORAGE(name) *const name = name##_base + name##_offset

// LOAD(W, name, i): elements i .. i + W - 1 as float (real types) or int. STORE(W, name, i, v) the other way.
#define LOAD(W, name, i) TW_CAT4(tw_load_, name##_TYPE, _, W)(name + (i))
#define STORE(W, name, i, v) TW_CAT4(tw_store_, name##_TYPE, _, W)(name + (i), v)

#define tw_float_1 float
#define tw_float_2 float2
#define tw_float_4 float4
#define tw_float_8 float8
#define tw_float_16 float16
#define tw_int_1 int
#define tw_int_2 int2
#define tw_int_4 int4
#define tw_int_8 int8
#define tw_int_16 int16
#define FLOATV(W) TW_CAT(tw_float_, W)
#define INTV(W) TW_CAT(tw_int_, W)

// Values of the other class: TO_FLOAT(W, v), TO_INT(W, v) (towards zero, held to int's range, NaN is 0). Also of the own class: then nothing happens.
#define tw_to_float_1(v) ((float)(v))
#define tw_to_float_2(v) convert_float2(v)
#define tw_to_float_4(v) convert_float4(v)
#define tw_to_float_8(v) convert_float8(v)
#define tw_to_float_16(v) convert_float16(v)
#define tw_to_int_1(v) convert_int_sat(v)
#define tw_to_int_2(v) convert_int2_sat(v)
#define tw_to_int_4(v) convert_int4_sat(v)
#define tw_to_int_8(v) convert_int8_sat(v)
#define tw_to_int_16(v) convert_int16_sat(v)
#define TO_FLOAT(W, v) TW_CAT(tw_to_float_, W)(v)
#define TO_INT(W, v) TW_CAT(tw_to_int_, W)(v)

static inline ushort tw_to_bf16(const float v) // to nearest, ties to even; NaN stays NaN
{
    const uint u = as_uint(v);
    return (u & 0x7fffffffu) > 0x7f800000u ? (ushort)((u >> 16) | 0x40u)
                                           : (ushort)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

static inline float tw_load_f32_1(__global const float *p) { return *p; }
static inline float tw_load_f16_1(__global const half *p) { return vload_half(0, p); }
static inline float tw_load_bf16_1(__global const ushort *p) { return as_float((uint)*p << 16); }
static inline int tw_load_i32_1(__global const int *p) { return *p; }
static inline int tw_load_u8_1(__global const uchar *p) { return *p; }
#define tw_load_bool_1 tw_load_u8_1
static inline void tw_store_f32_1(__global float *p, const float v) { *p = v; }
static inline void tw_store_f16_1(__global half *p, const float v) { vstore_half_rte(v, 0, p); }
static inline void tw_store_bf16_1(__global ushort *p, const float v) { *p = tw_to_bf16(v); }
static inline void tw_store_i32_1(__global int *p, const int v) { *p = v; }
static inline void tw_store_u8_1(__global uchar *p, const int v) { *p = (uchar)v; }
#define tw_store_bool_1 tw_store_u8_1

// Vectors at any element: TYPE##W as it lies. PoCL's vload and vstore take a vector apart (vstore16 of float: four stores of
// 16 bytes, at which later loads of the whole wait; of uchar: sixteen); compilers that are clang say it as one access of a
// type of less alignment.
#ifdef __clang__
#define TW_WHOLE_VECTOR(T, W, bytes)                                                                                  \
    typedef T##W tw_loose_##T##W __attribute__((aligned(bytes)));                                                     \
    static inline T##W tw_get_##T##W(__global const T *p) { return *(__global const tw_loose_##T##W *)p; }            \
    static inline void tw_put_##T##W(__global T *p, const T##W v) { *(__global tw_loose_##T##W *)p = v; }
#else
#define TW_WHOLE_VECTOR(T, W, bytes)                                                                                  \
    static inline T##W tw_get_##T##W(__global const T *p) { return vload##W(0, p); }                                  \
    static inline void tw_put_##T##W(__global T *p, const T##W v) { vstore##W(v, 0, p); }
#endif
#define TW_WHOLE_VECTORS(W)                                                                                           \
    TW_WHOLE_VECTOR(float, W, 4)                                                                                      \
    TW_WHOLE_VECTOR(int, W, 4)                                                                                        \
    TW_WHOLE_VECTOR(ushort, W, 2)                                                                                     \
    TW_WHOLE_VECTOR(uchar, W, 1)                                                                                      \
    static inline float##W tw_load_f32_##W(__global const float *p) { return tw_get_float##W(p); }                    \
    static inline void tw_store_f32_##W(__global float *p, const float##W v) { tw_put_float##W(p, v); }

// Stores of a result that is larger than the caches (tw_caps.stream): vectors at whole places are written past them, so that
// lines need not be fetched before they are overwritten.
#define tw_stream_f32_1 tw_store_f32_1
#define tw_stream_f32_2 tw_store_f32_2
#define TW_STREAM_WIDTH(W)                                                                                            \
    static inline void tw_stream_f32_##W(__global float *p, const float##W v)                                         \
    {                                                                                                                 \
        if (((size_t)p & (sizeof v - 1)) == 0)                                                                        \
            TW_STREAM(v, (__global float##W *)p);                                                                     \
        else                                                                                                          \
            tw_store_f32_##W(p, v);                                                                                   \
    }
#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#define TW_STREAM(v, p) __builtin_nontemporal_store(v, p)
#endif
#endif
#ifndef TW_STREAM
#define TW_STREAM(v, p) *(p) = (v)
#endif

// The first `count` values of a vector at the end of a row; the others are 0, and are not stored.
#define TW_PARTS(W)                                                                                                   \
    static inline float##W tw_load_part_##W(__global const float *p, const int count)                                 \
    {                                                                                                                 \
        float lane[W];                                                                                                \
        if (count >= W)                                                                                               \
            return tw_load_f32_##W(p);                                                                                \
        TW_ROLLED                                                                                                     \
        for (int i = 0; i < W; i++)                                                                                   \
            lane[i] = i < count ? p[i] : 0.0f;                                                                        \
        return vload##W(0, lane);                                                                                     \
    }                                                                                                                 \
    static inline void tw_store_part_##W(__global float *p, const int count, const float##W v)                        \
    {                                                                                                                 \
        float lane[W];                                                                                                \
        if (count >= W) {                                                                                             \
            tw_store_f32_##W(p, v);                                                                                   \
        } else {                                                                                                      \
            vstore##W(v, 0, lane);                                                                                    \
            TW_ROLLED                                                                                                 \
            for (int i = 0; i < count; i++)                                                                           \
                p[i] = lane[i];                                                                                       \
        }                                                                                                             \
    }

// f16 in vectors goes through a variable: PoCL 3.1's vstore_half16 takes the address for a whole vector's and faults at
// others.
#define TW_ACCESS_WIDTH(W)                                                                                            \
    TW_WHOLE_VECTORS(W)                                                                                               \
    TW_PARTS(W)                                                                                                       \
    static inline float##W tw_load_f16_##W(__global const half *p)                                                    \
    {                                                                                                                 \
        const ushort##W bits = tw_get_ushort##W((__global const ushort *)p);                                          \
        return vload_half##W(0, (const __private half *)&bits);                                                       \
    }                                                                                                                 \
    static inline float##W tw_load_bf16_##W(__global const ushort *p)                                                 \
    {                                                                                                                 \
        return as_float##W(convert_uint##W(tw_get_ushort##W(p)) << 16);                                               \
    }                                                                                                                 \
    static inline int##W tw_load_i32_##W(__global const int *p) { return tw_get_int##W(p); }                          \
    static inline int##W tw_load_u8_##W(__global const uchar *p) { return convert_int##W(tw_get_uchar##W(p)); }       \
    static inline int##W tw_load_bool_##W(__global const uchar *p) { return convert_int##W(tw_get_uchar##W(p)); }     \
    static inline void tw_store_f16_##W(__global half *p, const float##W v)                                           \
    {                                                                                                                 \
        ushort##W bits;                                                                                               \
        vstore_half##W##_rte(v, 0, (__private half *)&bits);                                                          \
        tw_put_ushort##W((__global ushort *)p, bits);                                                                 \
    }                                                                                                                 \
    static inline void tw_store_bf16_##W(__global ushort *p, const float##W v)                                        \
    {                                                                                                                 \
        const uint##W u = as_uint##W(v);                                                                              \
        const uint##W rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16, nan = (u >> 16) | 0x40u;                      \
        tw_put_ushort##W(p, convert_ushort##W(select(rounded, nan, (u & 0x7fffffffu) > 0x7f800000u)));                \
    }                                                                                                                 \
    static inline void tw_store_i32_##W(__global int *p, const int##W v) { tw_put_int##W(p, v); }                     \
    static inline void tw_store_u8_##W(__global uchar *p, const int##W v) { tw_put_uchar##W(p, convert_uchar##W(v)); }\
    static inline void tw_store_bool_##W(__global uchar *p, const int##W v) { tw_put_uchar##W(p, convert_uchar##W(v)); }
TW_ACCESS_WIDTH(2)
TW_ACCESS_WIDTH(4)
TW_ACCESS_WIDTH(8)
TW_ACCESS_WIDTH(16)
TW_STREAM_WIDTH(4)
TW_STREAM_WIDTH(8)
TW_STREAM_WIDTH(16)

// A row's end: 16 elements from `at` on, of which those beyond the tensor's `total` are not read, but 0; and which of 16
// lanes are among the first `count`.
#define LOAD_END(v, name, at, total)                                                                                  \
    float16 v;                                                                                                        \
    if ((at) + 16 <= (total)) {                                                                                       \
        v = LOAD(16, name, at);                                                                                       \
    } else {                                                                                                          \
        float v##_lane[16];                                                                                           \
        for (int v##_k = 0; v##_k < 16; v##_k++)                                                                      \
            v##_lane[v##_k] = (at) + v##_k < (total) ? LOAD(1, name, (at) + v##_k) : 0.0f;                            \
        v = vload16(0, v##_lane);                                                                                     \
    }
#define LANES_BELOW(count) ((int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15) < (int16)(count))

// EPILOGUE of the elements VALUE(W, i), i from 0 to `count` - 1, of a row that begins at element `from`: vectors at whole lines,
// so that of a result which is written past the caches only the lines that two rows share are not, and single elements before
// and behind them. HAS_TAIL: `count` may be no multiple of 16; else all rows begin at whole lines.
#define ROW_PUT(VALUE, from, count) TW_CAT(ROW_PUT_, HAS_TAIL)(VALUE, from, count)
#define ROW_PUT_0(VALUE, from, count)                                                                                 \
    for (int row_i = 0; row_i < (count); row_i += 16)                                                                 \
        EPILOGUE(16, VALUE(16, row_i), (from) + row_i, row_i);
#define ROW_PUT_1(VALUE, from, count)                                                                                 \
    {                                                                                                                 \
        const int row_lead = min(-(from)&15, count), row_body = ((count)-row_lead) & ~15;                             \
        for (int row_i = row_lead; row_i < row_lead + row_body; row_i += 16)                                          \
            EPILOGUE(16, VALUE(16, row_i), (from) + row_i, row_i);                                                    \
        TW_ROLLED                                                                                                     \
        for (int row_k = 0; row_k < (count)-row_body; row_k++) {                                                      \
            const int row_i = row_k < row_lead ? row_k : row_k + row_body;                                            \
            EPILOGUE(1, VALUE(1, row_i), (from) + row_i, row_i);                                                      \
        }                                                                                                             \
    }
