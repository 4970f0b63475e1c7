// SPDX-License-Identifier: Apache-2.0
// Dropout of attention's probabilities, for CPUs, behind the scratch's places.

#if DROPOUT
#define DROPOUT_PARAMETERS , const uint seed_lo, const uint seed_hi, const uint step, const uint line
#define DROPOUT_ARGUMENTS , seed_lo, seed_hi, step, line
#define UINT TW_CAT(uint, VW)
#define ULONG TW_CAT(ulong, VW)
#ifndef TW_PHILOX_OF_LANES
#define TW_PHILOX_OF_LANES
#define PHILOX_OF(T) TW_PHILOX(T)
PHILOX_OF(UINT)
#endif

// KEEP: 0 or 1 / (1 - rate). The element of row r (of BATCH, HEADS, QUERIES) and key j is r * UP(KEYS, 4) + j, so that
// each block of four random words serves four keys of one query. `row` is that of the tile's first query.
static inline void KERNEL(dropout)(const int row, const int key0, __global float *scratch DROPOUT_PARAMETERS)
{
    TILE_LOOP for (int i = 0; i < BQ; i += VW)
        TILE_LOOP for (int j = 0; j < BK; j += 4)
        {
            const ULONG block =
                TW_CAT(convert_, ULONG)(LANES + (row + i)) * (ulong)(UP(KEYS, 4) / 4) + (ulong)((key0 + j) / 4);
            UINT word[4];
            TW_CAT(tw_philox_, UINT)
            (seed_lo, seed_hi, TW_CAT(convert_, UINT)(block & 0xfffffffful), (UINT)(step),
             (UINT)(STREAM_LO) ^ TW_CAT(convert_, UINT)(block >> 32), (UINT)(STREAM_HI ^ line), &word[0], &word[1],
             &word[2], &word[3]);
            TILE_UNROLL for (int k = 0; k < 4; k++)
                STORE(VW, scratch, KEEP + (j + k) * BQ + i,
                      select((FLOATV(VW))(DROPOUT_FACTOR), (FLOATV(VW))(0.0f), (word[k] >> 8) < (UINT)(DROPOUT_BELOW)));
        }
}
#else
#define DROPOUT_PARAMETERS
#define DROPOUT_ARGUMENTS
#endif
