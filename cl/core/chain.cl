// SPDX-License-Identifier: Apache-2.0
// A chain: launches that follow one another, made by the items of one launch (src/schedule/chain.c). Stands behind tw_call
// in programs that have a caller.
//
// The table begins with where its rows begin and how many steps there are, in longs; then come, TW_CHAIN_LINE ints for each
// step of each of four sets, how many groups have been taken, and how many are done; then the rows (TW_CHAIN_ROW). A step is
// a launch whose groups the items take as they come, or several small ones, which one item makes. Each item then waits
// until the step is done, but not for long: where the one that it waits for has lost its core to another program, it
// leaves. Those that hold groups stay, so that everything is done, if by fewer.
// Sets: a run has one, which the run before it in its queue has made zero.
// OpenCL 1.2 orders what different groups write only by atomics as drivers for CPUs make them (sequentially consistent), and
// a group that has begun must go on by itself: both hold on PoCL's threads.
#define TW_CHAIN_SPINS 4000
#if defined(__x86_64__) && defined(__clang__)
#define TW_CHAIN_PAUSE __builtin_ia32_pause()
#else
#define TW_CHAIN_PAUSE
#endif

// The groups of a row's launch, and how many there are in all.
static int tw_chain_groups(__global const long *row, const int n, int *groups)
{
    int total = 1;
    for (int d = 0; d < 3; d++) {
        const long items = row[2 + 3 * d] * (row[3 + 3 * d] ? n : 1);
        groups[d] = (int)((items + row[4 + 3 * d] - 1) / row[4 + 3 * d]);
        total *= groups[d];
    }
    return total;
}

static __global const long *tw_chain_next(__global const long *row)
{
    return row + TW_CHAIN_ROW + 2 * row[1];
}

// n of a caller's block.
static int tw_chain_n(const ulong *block)
{
    return (int)(block[0] >> 32);
}

// The groups from `from` to `to`, without it.
static __attribute__((noinline)) void tw_chain_run(__global const long *row, const int from, const int to, const ulong *block,
                                                   __global void **b)
{
    __global void *tensor[TW_CALLER_TENSORS];
    ulong own[TW_CALLER_OFFSET + TW_CALLER_TENSORS]; // the block with this launch's offsets
    int groups[3];
    tw_chain_groups(row, tw_chain_n(block), groups);
    for (int k = 0; k < TW_CALLER_OFFSET; k++)
        own[k] = block[k];
    for (int k = 0; k < (int)row[1]; k++) {
        tensor[k] = b[row[TW_CHAIN_ROW + 2 * k]];
        own[TW_CALLER_OFFSET + k] = (ulong)row[TW_CHAIN_ROW + 1 + 2 * k];
    }
    for (int g = from; g < to; g++)
        tw_call((int)row[0], g % groups[0], g / groups[0] % groups[1], g / groups[0] / groups[1], own, tensor);
}

// `count` rows one after the other; the table is b[0].
static void tw_chain_rows(__global const long *row, const int count, const ulong *block, __global void **b)
{
    int groups[3];
    for (int i = 0; i < count; i++) {
        tw_chain_run(row, 0, tw_chain_groups(row, tw_chain_n(block), groups), block, b);
        row = tw_chain_next(row);
    }
}

// The same by several items, of which this is one.
static void tw_chain_together(__global const long *row, const int count, const ulong *block, __global void **b,
                              volatile __global int *counter, const int items)
{
    int groups[3];
    for (int i = 0; i < count;) {
        const int small = (int)row[TW_CHAIN_ROW - 1], rows = max(small, 1);
        const int total = small ? 1 : tw_chain_groups(row, tw_chain_n(block), groups), share = max(total / (16 * items), 1);
        for (int from; (from = atomic_add(counter, share)) < total;) {
            const int to = min(from + share, total);
            if (small)
                tw_chain_rows(row, small, block, b);
            else
                tw_chain_run(row, from, to, block, b);
            atomic_add(counter + 1, to - from);
        }
        for (int spins = 0; counter[1] < total; spins++) {
            if (spins == TW_CHAIN_SPINS)
                return;
            TW_CHAIN_PAUSE;
        }
        atomic_add(counter + 1, 0); // what the others wrote is seen from here on
        for (int k = 0; k < rows; k++)
            row = tw_chain_next(row);
        i += rows;
        counter += TW_CHAIN_LINE;
    }
}

static __attribute__((noinline)) void tw_chain(const int count, const ulong *block, __global void **b, const int item,
                                               const int items)
{
    const int set = (int)block[TW_CALLER_OFFSET];
    __global long *table = (__global long *)b[0];
    if (items == 1) {
        tw_chain_rows(table + table[0], count, block, b);
        return;
    }
    const int numbers = (int)table[1] * TW_CHAIN_LINE;
    volatile __global int *counters = (volatile __global int *)(table + TW_CHAIN_HEAD);
    for (int i = 0; i < numbers && item == 0; i++)
        counters[(set ^ 1) * numbers + i] = 0;
    tw_chain_together(table + table[0], count, block, b, counters + set * numbers, items);
}
