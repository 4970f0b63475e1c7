// SPDX-License-Identifier: Apache-2.0
// Numbers sorted by the place that they name, equal ones in their order: a counting sort of each slab of the PICKS numbers by
// itself, a work-item a slab. A slab's numbers (by index, j) stand at its own part of `order`: those of a place end before
// last[slab, place] and begin where those of the place before it end.
//
// Numbers below 0 count from the end; others out of range are held to it, as gather does.
#define PLACE_OF(number) min(max((number) < 0 ? (number) + AXIS : (number), 0), AXIS - 1)

TW_ENTRY KERNEL(gather_sort)(TW_N, TW_IN(index), TW_OUT(last), TW_OUT(order))
{
    USE_IN(index);
    USE_OUT(last);
    USE_OUT(order);
    const int slab = tw_group(0), length = (PICKS + SLABS - 1) / SLABS;
    const int begin = min(slab * length, PICKS), end = min(begin + length, PICKS);
    __global int *const own = last + slab * AXIS;
    for (int place = 0; place < AXIS; place++)
        own[place] = 0;
    TW_ROLLED
    for (int j = begin; j < end; j++) {
        const int number = LOAD(1, index, j);
        own[PLACE_OF(number)]++;
    }
    int sum = begin;
    TW_ROLLED
    for (int place = 0; place < AXIS; place++) {
        const int count = own[place];
        own[place] = sum;
        sum += count;
    }
    TW_ROLLED
    for (int j = begin; j < end; j++) {
        const int number = LOAD(1, index, j);
        order[own[PLACE_OF(number)]++] = j;
    }
}
