// SPDX-License-Identifier: Apache-2.0
// The register tile that products and convolutions of the simd family share: ROWS x NV vectors of VW floats, kept in
// vector registers while a sum runs. Macros only. See docs/kernels.md.
//
// A kernel that uses it is given VW (floats in a vector register), NV (vectors in a row of the tile) and a tile's rows.

#define TILE_UNROLL _Pragma("unroll")
#define TILE_LOOP _Pragma("nounroll")
#define TILE_WIDTH (NV * VW)

// Declares the accumulators, zero.
#define TILE_BEGIN(acc, ROWS)                                                                                         \
    FLOATV(VW) acc[ROWS][NV];                                                                                         \
    TILE_UNROLL for (int tile_i = 0; tile_i < ROWS; tile_i++)                                                         \
        TILE_UNROLL for (int tile_v = 0; tile_v < NV; tile_v++) acc[tile_i][tile_v] = (FLOATV(VW))(0);

// One step of the sum: acc[i] += A[a + OFFSET(i)] * B[b ...]. OFFSET(i) should be a constant once unrolled: then every
// scalar is an operand of its multiplication, with a constant displacement. Not mad(), which PoCL does not fuse.
#define TILE_STEP(acc, ROWS, A, a, OFFSET, B, b) TILE_STEP_ROWS(acc, 0, ROWS, A, a, OFFSET, B, b)

// The same for the rows FROM to TO - 1 alone; both constants.
#define TILE_STEP_ROWS(acc, FROM, TO, A, a, OFFSET, B, b)                                                             \
    do {                                                                                                              \
        FLOATV(VW) tile_b[NV];                                                                                        \
        TILE_UNROLL for (int tile_v = 0; tile_v < NV; tile_v++) tile_b[tile_v] = LOAD(VW, B, (b) + tile_v * VW);      \
        TILE_UNROLL for (int tile_i = FROM; tile_i < TO; tile_i++)                                                    \
        {                                                                                                             \
            const FLOATV(VW) tile_a = (FLOATV(VW))(LOAD(1, A, (a) + OFFSET(tile_i)));                                 \
            TILE_UNROLL for (int tile_v = 0; tile_v < NV; tile_v++) acc[tile_i][tile_v] =                             \
                tile_a * tile_b[tile_v] + acc[tile_i][tile_v];                                                        \
        }                                                                                                             \
    } while (0)

// The accumulators leave the registers once, so that the epilogue's text stands once in the kernel and not at each of
// them (it may be long: a dropout, a gelu). Statements after it loop over i and v and read out[i][v].
#define TILE_END(acc, ROWS, out)                                                                                      \
    FLOATV(VW) out[ROWS][NV];                                                                                         \
    TILE_UNROLL for (int tile_i = 0; tile_i < ROWS; tile_i++)                                                         \
        TILE_UNROLL for (int tile_v = 0; tile_v < NV; tile_v++) out[tile_i][tile_v] = acc[tile_i][tile_v];

// PRODUCT(rows, top, begin) for the tile of ROWS rows that begins at row `begin` of `count`: the last one overlaps the one
// before it and stores only what is its own; where there are fewer rows than a tile has, one at a time.
#define TILE_OF_ROWS(PRODUCT, begin, count)                                                                           \
    do {                                                                                                              \
        if ((count) >= ROWS) {                                                                                        \
            const int tile_top = min(begin, (count)-ROWS);                                                            \
            PRODUCT(ROWS, tile_top, begin);                                                                           \
        } else {                                                                                                      \
            for (int tile_row = 0; tile_row < (count); tile_row++)                                                    \
                PRODUCT(1, tile_row, tile_row);                                                                       \
        }                                                                                                             \
    } while (0)

// PUT(W, v, at, col), EPILOGUE or one like it, for the lanes `from` to `to` - 1 of the vector v, of those that it has. Its
// lane 0 is element `at`, in column `col`. `whole`, a constant: all of it or nothing is put, so that the second PUT is not
// even compiled.
#define TILE_LANES(PUT, v, at, col, from, to, whole)                                                                  \
    do {                                                                                                              \
        if ((from) <= 0 && (to) >= VW) {                                                                              \
            PUT(VW, v, at, col);                                                                                      \
        } else if (!(whole)) {                                                                                        \
            float tile_lane[VW];                                                                                      \
            TW_CAT(vstore, VW)(v, 0, tile_lane);                                                                      \
            TW_ROLLED                                                                                                 \
            for (tw_index tile_j = tw_max(from, 0); tile_j < tw_min(to, VW); tile_j++)                                \
                PUT(1, tile_lane[tile_j], (at) + tile_j, (col) + tile_j);                                             \
        }                                                                                                             \
    } while (0)

// EPILOGUE for the vector whose first column is `column` of `columns`: the last one may be a part of a vector, and further
// ones of a tile may lie behind the end.
#define TILE_EPILOGUE(v, at, col, column, columns)                                                                    \
    TILE_LANES(EPILOGUE, v, at, col, 0, (columns) - (column), (columns) % VW == 0)

// Transposes v[VW], VW vectors of VW, in registers: row k of a round is made of rows k / 2 and (k + VW) / 2, their elements in
// turn, and after log2(VW) rounds it is column k.
#define TILE_LOW_4(a, b) (float4)(a.s0, b.s0, a.s1, b.s1)
#define TILE_HIGH_4(a, b) (float4)(a.s2, b.s2, a.s3, b.s3)
#define TILE_LOW_8(a, b) (float8)(TILE_LOW_4(a, b), TILE_HIGH_4(a, b))
#define TILE_HIGH_8(a, b) (float8)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define TILE_LOW_16(a, b) (float16)(TILE_LOW_8(a, b), TILE_HIGH_8(a, b))
#define TILE_HIGH_16(a, b)                                                                                            \
    (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf)
#define TILE_ROUND(v)                                                                                                 \
    do {                                                                                                              \
        FLOATV(VW) tile_t[VW];                                                                                        \
        TILE_UNROLL for (int tile_k = 0; tile_k < VW / 2; tile_k++)                                                   \
        {                                                                                                             \
            tile_t[2 * tile_k] = TW_CAT(TILE_LOW_, VW)(v[tile_k], v[tile_k + VW / 2]);                                \
            tile_t[2 * tile_k + 1] = TW_CAT(TILE_HIGH_, VW)(v[tile_k], v[tile_k + VW / 2]);                           \
        }                                                                                                             \
        TILE_UNROLL for (int tile_k = 0; tile_k < VW; tile_k++) v[tile_k] = tile_t[tile_k];                           \
    } while (0)
#define TILE_TRANSPOSE(v)                                                                                             \
    do {                                                                                                              \
        TILE_ROUND(v);                                                                                                \
        TILE_ROUND(v);                                                                                                \
        if (VW > 4)                                                                                                   \
            TILE_ROUND(v);                                                                                            \
        if (VW > 8)                                                                                                   \
            TILE_ROUND(v);                                                                                            \
    } while (0)

// Transposes the quarters of v[4], four vectors T of 16: four by four elements each, in registers. Where quarter q of v[k] is row
// k + 4 q of 16, v[k] becomes column k; and the other way round. Compilers find no such order among components by
// themselves (PoCL's: ten times as many instructions).
#ifdef __clang__
#define TILE_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define TILE_SHUFFLE(a, b, ...) shuffle2(a, b, (uint16)(__VA_ARGS__))
#endif
#define TILE_QUARTERS_LOW(a, b) TILE_SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define TILE_QUARTERS_HIGH(a, b) TILE_SHUFFLE(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define TILE_QUARTERS_FRONT(a, b) TILE_SHUFFLE(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define TILE_QUARTERS_BACK(a, b) TILE_SHUFFLE(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define TILE_TRANSPOSE_QUARTERS(T, v)                                                                                 \
    do {                                                                                                              \
        const T tile_a = TILE_QUARTERS_LOW((v)[0], (v)[1]), tile_b = TILE_QUARTERS_HIGH((v)[0], (v)[1]);              \
        const T tile_c = TILE_QUARTERS_LOW((v)[2], (v)[3]), tile_d = TILE_QUARTERS_HIGH((v)[2], (v)[3]);              \
        (v)[0] = TILE_QUARTERS_FRONT(tile_a, tile_c);                                                                 \
        (v)[1] = TILE_QUARTERS_BACK(tile_a, tile_c);                                                                  \
        (v)[2] = TILE_QUARTERS_FRONT(tile_b, tile_d);                                                                 \
        (v)[3] = TILE_QUARTERS_BACK(tile_b, tile_d);                                                                  \
    } while (0)
// Transposes v[16], 16 vectors T of 16: whole quarters change places as elements do above.
#define TILE_QUARTERS_EVEN(a, b) TILE_SHUFFLE(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define TILE_QUARTERS_ODD(a, b) TILE_SHUFFLE(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
#define TILE_TRANSPOSE_SQUARE(T, v)                                                                                   \
    do {                                                                                                              \
        TILE_UNROLL for (int tile_k = 0; tile_k < 16; tile_k += 4) TILE_TRANSPOSE_QUARTERS(T, v + tile_k);            \
        TILE_UNROLL for (int tile_k = 0; tile_k < 4; tile_k++)                                                        \
        {                                                                                                             \
            const T tile_p = TILE_QUARTERS_EVEN(v[tile_k], v[tile_k + 4]);                                            \
            const T tile_q = TILE_QUARTERS_ODD(v[tile_k], v[tile_k + 4]);                                             \
            const T tile_r = TILE_QUARTERS_EVEN(v[tile_k + 8], v[tile_k + 12]);                                       \
            const T tile_s = TILE_QUARTERS_ODD(v[tile_k + 8], v[tile_k + 12]);                                        \
            v[tile_k] = TILE_QUARTERS_EVEN(tile_p, tile_r);                                                           \
            v[tile_k + 4] = TILE_QUARTERS_EVEN(tile_q, tile_s);                                                       \
            v[tile_k + 8] = TILE_QUARTERS_ODD(tile_p, tile_r);                                                        \
            v[tile_k + 12] = TILE_QUARTERS_ODD(tile_q, tile_s);                                                       \
        }                                                                                                             \
    } while (0)

// Asks for the cache line of element i of a tensor, so that it is there when it is needed, to be read or to be written; any
// i. FAR: into the second-level cache, which waits for more lines at a time: where rows come from anywhere. OpenCL's prefetch does nothing on PoCL. Only where a compiler says that it makes code for a CPU: others need not know
// the builtin.
#if defined(__clang__) && (defined(__x86_64__) || defined(__aarch64__))
#define TW_PREFETCH(name, i) __builtin_prefetch((const void *)(size_t)(name + (i)), 0, 3)
#define TW_PREFETCH_WRITE(name, i) __builtin_prefetch((const void *)(size_t)(name + (i)), 1, 3)
#define TW_PREFETCH_FAR(name, i) __builtin_prefetch((const void *)(size_t)(name + (i)), 0, 2)
#else
#define TW_PREFETCH(name, i)
#define TW_PREFETCH_FAR(name, i)
#define TW_PREFETCH_WRITE(name, i)
#endif
