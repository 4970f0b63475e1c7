// SPDX-License-Identifier: Apache-2.0
// What attention's kernels for CPUs do not see: masks, causal attention and the ends of tiles.

#ifdef mask_ABSENT
#define MASK_IN
#define USE_MASK
#define MASK
#define MASK_PARAMETER
#else
#define MASK_IN TW_IN(mask),
#define USE_MASK                                                                                                      \
    __global const TW_STORAGE(mask) *const mask =                                                                     \
        mask_base + mask_offset + image * (MASK_IMAGE) + head * (MASK_HEAD)
#define MASK mask,
#define MASK_PARAMETER __global const TW_STORAGE(mask) *mask,
#endif

// Whether anything of the tile from (query0, key0) on is visible.
static inline bool KERNEL(visible)(MASK_PARAMETER const int query0, const int key0)
{
#if CAUSAL
    if (key0 > min(query0 + BQ, QUERIES) - 1)
        return false;
#endif
#ifdef mask_ABSENT
    return true;
#else
    const int rows = MASK_QUERY ? min(BQ, QUERIES - query0) : 1, keys = min(BK, KEYS - key0);
    TILE_LOOP for (int i = 0; i < rows; i++)
        TILE_LOOP for (int j = 0; j < keys; j++)
            if (LOAD(1, mask, (query0 + i) * (MASK_QUERY) + key0 + j) != 0)
                return true;
    return false;
#endif
}

// Scores that are not visible become minus infinity.
static inline void KERNEL(hide)(MASK_PARAMETER const int query0, const int key0, __global float *scratch)
{
    const int keys = min(BK, KEYS - key0);
    TILE_LOOP for (int j = keys; j < BK; j++) FILL(VW, ST + j * BQ, BQ, -INFINITY);
#if CAUSAL
    TILE_LOOP for (int j = max(0, query0 - key0 + 1); j < keys; j++)
        TILE_LOOP for (int i = 0; i < min(BQ, key0 + j - query0); i += VW)
        {
            const INTV(VW) hidden = LANES + (query0 + i) < (INTV(VW))(key0 + j);
            STORE(VW, scratch, ST + j * BQ + i,
                  select(LOAD(VW, scratch, ST + j * BQ + i), (FLOATV(VW))(-INFINITY), hidden));
        }
#endif
#ifndef mask_ABSENT
    TILE_LOOP for (int i = 0; i < (MASK_QUERY ? min(BQ, QUERIES - query0) : 1); i++)
        TILE_LOOP for (int j = 0; j < keys; j++)
        {
            if (LOAD(1, mask, (query0 + i) * (MASK_QUERY) + key0 + j) != 0)
                continue;
#if MASK_QUERY
            STORE(1, scratch, ST + j * BQ + i, -INFINITY);
#else
            FILL(VW, ST + j * BQ, BQ, -INFINITY);
#endif
        }
#endif
}
