// SPDX-License-Identifier: Apache-2.0
// What the kernels of attention's gradient for CPUs share that are given y, behind parts/attention_dx.cl.

#define ADD_UP_4(v) (((v).x + (v).y) + ((v).z + (v).w))
#define ADD_UP_8(v) ADD_UP_4((v).lo + (v).hi)
#define ADD_UP_16(v) ADD_UP_8((v).lo + (v).hi)

// DELTA: sum(dy * y) * SCALE.
static inline void KERNEL(deltas)(__global const TW_STORAGE(query) *dy, __global const TW_STORAGE(query) *y,
                                  const int queries, __global float *scratch)
{
    FILL(VW, DELTA, BQ, 0.0f);
    TILE_LOOP for (int i = 0; i < queries; i++)
    {
        FLOATV(WD) parts = (FLOATV(WD))(0);
        int c = i * V_ROW;
        TILE_LOOP for (; c + WD <= i * V_ROW + DV; c += WD) parts += LOAD(WD, dy, c) * LOAD(WD, y, c);
        float sum = TW_CAT(ADD_UP_, WD)(parts);
        TILE_LOOP for (; c < i * V_ROW + DV; c++) sum += LOAD(1, dy, c) * LOAD(1, y, c);
        STORE(1, scratch, DELTA + i, sum * SCALE);
    }
}
