// SPDX-License-Identifier: Apache-2.0
// The rows of bench/ops.def, and which of them are meant.
#include <stdlib.h>
#include <string.h>

#include "bench_ops.h"

static const bench_row rows[] = {
#define ROW(name, label, n, ports, count, lines, results)                                          \
    {.operator= name,                                                                              \
     .shapes = label,                                                                              \
     .batch = n,                                                                                   \
     .inputs = ports,                                                                              \
     .text = lines,                                                                                \
     .outputs = results,                                                                           \
     .operations = count},
#define STEP(name, label, lines, rule, which, count, moved)                                        \
    {.operator= name,                                                                              \
     .shapes = label,                                                                              \
     .batch = 1,                                                                                   \
     .inputs = "",                                                                                 \
     .text = lines,                                                                                \
     .optimizer = rule,                                                                            \
     .launches = BENCH_##which,                                                                    \
     .operations = count,                                                                          \
     .bytes = moved},
#include "bench/ops.def"
};
#define ROWS ((int)(sizeof rows / sizeof *rows))

static bool is_meant(const bench_row *row, int n_names, const char *const *names)
{
    char whole[300];
    (void)snprintf(whole, sizeof whole, "%s %s", row->operator, row->shapes);
    for (int i = 0; i < n_names; i++)
        if (strcmp(row->operator, names[i]) == 0 || strcmp(whole, names[i]) == 0)
            return true;
    return n_names == 0;
}

/* By operator, and in the table's order within one. */
static int compare(const void *a, const void *b)
{
    const bench_row *x = *(const bench_row *const *)a, *y = *(const bench_row *const *)b;
    const int order = strcmp(x->operator, y->operator);
    return order ? order : (x > y) - (x < y);
}

const bench_row **bench_rows_find(int n_names, const char *const *names, int *count)
{
    const bench_row **found = malloc(sizeof *found * ROWS);
    *count = 0;
    for (int i = 0; i < ROWS && found; i++)
        if (is_meant(&rows[i], n_names, names))
            found[(*count)++] = &rows[i];
    if (found)
        qsort(found, (size_t)*count, sizeof *found, compare);
    return found;
}

const char *bench_rows_nearest(const char *name)
{
    const char *near = NULL;
    size_t least = SIZE_MAX;
    for (int i = 0; i < ROWS; i++)
        if (cli_distance(name, rows[i].operator) < least) {
            least = cli_distance(name, rows[i].operator);
            near = rows[i].operator;
        }
    return near;
}
