// SPDX-License-Identifier: Apache-2.0
// A chain: launches that follow one another, made by the items of one launch (src/schedule/chain.c). Stands behind tw_call
// in programs that have a caller.
//
// The table begins with, in longs, where its rows begin, how many steps there are, and into how many ranges the groups of
// a step are cut; then come, for each step of each of four sets, lines of TW_CHAIN_LINE ints: how many groups are done, and
// how many of each range have been taken; then the rows (TW_CHAIN_ROW). A step is a launch whose groups the items share, or
// several small ones, which one item makes. Each item takes groups of a range of its own first, so that what a launch
// has left in the caches of a core is often there where the next one wants it, and no line of memory goes to and fro at each
// group; then what is left of the others'. Each item then waits until the step is done, but not for long: where the one that
// it waits for has lost its core to another program, it leaves. Those that hold groups stay, so that everything is done, if
// by fewer.
// Sets: a run has one, which the run before it in its queue has made zero.
// OpenCL 1.2 orders what different groups write only by atomics as drivers for CPUs make them (sequentially consistent), and
// a group that has begun must go on by itself: both hold on PoCL's threads.
#define TW_CHAIN_SPINS 4000
#if defined(__x86_64__) && defined(__clang__)
#define TW_CHAIN_PAUSE __builtin_ia32_pause()
#else
#define TW_CHAIN_PAUSE
#endif

// A counter as it is, and what other items wrote before they added to it.
#ifdef __clang__
#define TW_CHAIN_SEE(counter) __atomic_load_n(counter, __ATOMIC_ACQUIRE)
#else
#define TW_CHAIN_SEE(counter) atomic_add(counter, 0)
#endif

// A launch of a chain: what it calls with what.
typedef struct tw_chain_launch {
    int which, groups[3];
    __global void *tensor[TW_CALLER_TENSORS];
    ulong own[TW_CALLER_OFFSET + TW_CALLER_TENSORS]; // the block with this launch's offsets
} tw_chain_launch;

// Reads a row; the number of groups. n stands in the block.
static __attribute__((noinline)) int tw_chain_open(__global const long *row, const ulong *block, __global void **b,
                                                   tw_chain_launch *launch)
{
    const int n = (int)(block[0] >> 32);
    int total = 1;
    launch->which = (int)row[0];
    TW_ROLLED
    for (int d = 0; d < 3; d++) {
        const long items = row[2 + 3 * d] * (row[3 + 3 * d] ? n : 1);
        launch->groups[d] = (int)((items + row[4 + 3 * d] - 1) / row[4 + 3 * d]);
        total *= launch->groups[d];
    }
    TW_ROLLED
    for (int k = 0; k < TW_CALLER_OFFSET; k++)
        launch->own[k] = block[k];
    TW_ROLLED
    for (int k = 0; k < (int)row[1]; k++) {
        launch->tensor[k] = b[row[TW_CHAIN_ROW + 2 * k]];
        launch->own[TW_CALLER_OFFSET + k] = (ulong)row[TW_CHAIN_ROW + 1 + 2 * k];
    }
    return total;
}

static __global const long *tw_chain_next(__global const long *row)
{
    return row + TW_CHAIN_ROW + 2 * row[1];
}

// The groups from `from` to `to`, without it.
static __attribute__((noinline)) void tw_chain_run(tw_chain_launch *launch, const int from, const int to)
{
    int x = from % launch->groups[0], y = from / launch->groups[0], z = y / launch->groups[1];
    y %= launch->groups[1];
    for (int g = from; g < to; g++) {
        tw_call(launch->which, x, y, z, launch->own, launch->tensor);
        if (++x == launch->groups[0]) {
            x = 0;
            if (++y == launch->groups[1]) {
                y = 0;
                z++;
            }
        }
    }
}

// `count` rows one after the other; the table is b[0].
static __attribute__((noinline)) void tw_chain_rows(__global const long *row, const int count, const ulong *block,
                                                    __global void **b)
{
    tw_chain_launch launch;
    for (int i = 0; i < count; i++) {
        const int total = tw_chain_open(row, block, b, &launch);
        tw_chain_run(&launch, 0, total);
        row = tw_chain_next(row);
    }
}

// Takes what is left of a range of a step's `total` groups, `share` at a time; how many it has made. The step is `small`
// rows from `row` on, which are one group, or if that is 0 the launch.
static int tw_chain_take(volatile __global int *taken, const int range, const int ranges, const int total, const int share,
                         tw_chain_launch *launch, __global const long *row, const int small, const ulong *block,
                         __global void **b)
{
    const int begin = (int)((long)total * range / ranges), end = (int)((long)total * (range + 1) / ranges);
    int made = 0;
    while (begin + *taken < end) {
        const int from = begin + atomic_add(taken, share), to = min(from + share, end);
        if (from >= end)
            break;
        if (small)
            tw_chain_rows(row, small, block, b);
        else
            tw_chain_run(launch, from, to);
        made += to - from;
    }
    return made;
}

// The same by several items, of which this is one.
static void tw_chain_together(__global const long *row, const int count, const ulong *block, __global void **b,
                              volatile __global int *counter, const int ranges, const int item, const int items)
{
    tw_chain_launch launch;
    for (int i = 0; i < count;) {
        const int small = (int)row[TW_CHAIN_ROW - 1], rows = max(small, 1);
        const int total = small ? 1 : tw_chain_open(row, block, b, &launch), share = max(total / (16 * items), 1);
        bool done = false;
        for (int r = 0; r < ranges && !done; r++) {
            const int range = (item + r) % ranges;
            const int made = tw_chain_take(counter + (1 + range) * TW_CHAIN_LINE, range, ranges, total, share, &launch, row,
                                           small, block, b);
            if (made)
                done = atomic_add(counter, made) + made == total;
        }
        for (int spins = 0; TW_CHAIN_SEE(counter) < total; spins++) {
            if (spins == TW_CHAIN_SPINS)
                return;
            TW_CHAIN_PAUSE;
        }
        for (int k = 0; k < rows; k++)
            row = tw_chain_next(row);
        i += rows;
        counter += (1 + ranges) * TW_CHAIN_LINE;
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
    const int steps = (int)table[1], ranges = (int)table[2], lines = steps * (1 + ranges);
    volatile __global int *counters = (volatile __global int *)(table + TW_CHAIN_HEAD);
    volatile __global int *next = counters + (set ^ 1) * lines * TW_CHAIN_LINE;
    TW_ROLLED
    for (int i = 0; i < steps; i++, next += (1 + ranges) * TW_CHAIN_LINE) { // each its own, item 0 what is done as well
        if (item < ranges)
            next[(1 + item) * TW_CHAIN_LINE] = 0;
        if (item == 0)
            next[0] = 0;
    }
    tw_chain_together(table + table[0], count, block, b, counters + set * lines * TW_CHAIN_LINE, ranges, item, items);
}
