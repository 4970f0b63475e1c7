// SPDX-License-Identifier: Apache-2.0
// The largest value of a window and its number there; and a maxpool at the end of a kernel of the simd family that has all
// values of its windows: POOL_H by POOL_W, side by side, without padding. Macros only.
//
// Such a kernel is given POOLED: 0 it does not pool, 1 it does, 2 it also stores the numbers, in `which`.

// NaN wins, so that it is seen; of equal values the first.
#define POOL_TAKE_LARGER(WIDTH, best, index, v, number)                                                               \
    do {                                                                                                              \
        const INTV(WIDTH) pool_take = ((v) > best) | ((v) != (v));                                                    \
        best = select(best, v, pool_take);                                                                            \
        index = select(index, (INTV(WIDTH))(number), pool_take);                                                      \
    } while (0)

// Not TW_CAT, which is not expanded once more in what it makes.
#define POOL_CAT2_(a, b) a##b
#define POOL_CAT(a, b) POOL_CAT2_(a, b)

// In the parameters before EPILOGUE_PARAMS, and behind USE_IN.
#define POOL_PARAMS POOL_CAT(POOL_PARAMS_, POOLED)
#define POOL_PARAMS_0
#define POOL_PARAMS_1
#define POOL_PARAMS_2 , TW_OUT(which)
#define USE_POOL POOL_CAT(USE_POOL_, POOLED)
#define USE_POOL_0
#define USE_POOL_1
#define USE_POOL_2 USE_OUT(which);

// Numbers go through TILE_LANES as the bits of floats.
#define POOL_WHICH(W, v, at, col) STORE(W, which, at, TW_CAT(tw_bits_, W)(v))
#define tw_bits_1(v) as_int(v)
#define tw_bits_4(v) as_int4(v)
#define tw_bits_8(v) as_int8(v)
#define tw_bits_16(v) as_int16(v)

// TILE_EPILOGUE for the largest of VALUE(ky, kx), vectors of the window.
#define POOL_EPILOGUE(VALUE, at, col, column, columns)                                                                \
    do {                                                                                                              \
        FLOATV(VW) pool_best = VALUE(0, 0);                                                                           \
        INTV(VW) pool_index = (INTV(VW))(0);                                                                          \
        TILE_UNROLL for (int pool_k = 1; pool_k < POOL_H * POOL_W; pool_k++)                                          \
        {                                                                                                             \
            const FLOATV(VW) pool_v = VALUE(pool_k / POOL_W, pool_k % POOL_W);                                        \
            POOL_TAKE_LARGER(VW, pool_best, pool_index, pool_v, pool_k);                                              \
        }                                                                                                             \
        POOL_STORE_WHICH(TW_CAT(as_float, VW)(pool_index), at, col, column, columns);                                 \
        TILE_EPILOGUE(pool_best, at, col, column, columns);                                                           \
    } while (0)
#define POOL_STORE_WHICH POOL_CAT(POOL_STORE_WHICH_, POOLED)
#define POOL_STORE_WHICH_1(v, at, col, column, columns)
#define POOL_STORE_WHICH_2(v, at, col, column, columns)                                                               \
    TILE_LANES(POOL_WHICH, v, at, col, 0, (columns) - (column), (columns) % VW == 0)
