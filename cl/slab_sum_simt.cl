// SPDX-License-Identifier: Apache-2.0
// Adds the partial sums of slabs in a fixed order, for GPUs: part [BATCH][SLABS][COUNT] -> result [BATCH][COUNT], whose last
// dimension is COLUMNS. One work-item an element. Groups: (elements, batch).
TW_ENTRY KERNEL(slab_sum_simt)(TW_N, TW_IN(part) EPILOGUE_PARAMS)
{
    USE_IN(part);
    const int at = tw_group(0) * GROUP + tw_item(0), batch = tw_group(1);
    if (at >= (COUNT))
        return;
    float sum = 0;
    for (int slab = 0; slab < SLABS; slab++)
        sum += LOAD(1, part, (batch * SLABS + slab) * (COUNT) + at);
    EPILOGUE(1, sum, batch * (COUNT) + at, at % COLUMNS);
}
