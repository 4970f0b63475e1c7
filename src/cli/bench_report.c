// SPDX-License-Identifier: Apache-2.0
// What thalweg bench --ops has measured, as a table of fractions or as JSON.
#include <math.h>
#include <string.h>

#include "bench_ops.h"

static double rate(double count, const bench_result *result)
{
    return result->best > 0 ? count / result->best * 1e-6 : 0;
}

bench_share bench_share_of(const bench_result *result)
{
    bench_share share = {.limit = BENCH_MEMORY};
    for (bench_limit limit = 0; limit < BENCH_LIMITS; limit++)
        if (result->part[limit] > result->part[share.limit])
            share.limit = limit;
    share.fraction = result->part[share.limit];
    return share;
}

/* The best of a limit, or with least the least, of all rows; 0: none has it. */
static double over_rows(const bench_result *results, int count, bench_limit limit, bool least)
{
    double found = 0;
    for (int i = 0; i < count; i++)
        if (found == 0 || (results[i].limit[limit] < found) == least)
            found = results[i].limit[limit];
    return found;
}

const char *bench_limit_name(bench_limit limit)
{
    static const char *const names[] = {"arithmetic", "memory", "launch"};
    return names[limit];
}

static void json_field(const char *name, double value)
{
    printf(", \"%s\": ", name);
    if (value > 0)
        cli_json_number(stdout, value);
    else
        printf("null");
}

static void json_words(const char *name, const char *value)
{
    printf(", \"%s\": ", name);
    cli_json_text(stdout, value);
}

static void print_json_row(const bench_result *r)
{
    const bench_share share = bench_share_of(r);
    printf("{\"operator\": ");
    cli_json_text(stdout, r->row->operator);
    json_words("shapes", r->row->shapes);
    json_field("ms", r->best);
    json_field("median_ms", r->median);
    json_field("passes", r->passes);
    json_field("gflops", rate(r->row->operations, r));
    json_field("gbytes", rate(r->bytes, r));
    json_words("limit", bench_limit_name(share.limit));
    json_field("gflops_limit", r->limit[BENCH_ARITHMETIC]);
    json_field("gbytes_limit", r->limit[BENCH_MEMORY]);
    json_field("launch_ms_limit", r->limit[BENCH_LAUNCH]);
    for (bench_limit limit = 0; limit < BENCH_LIMITS; limit++)
        json_field(bench_limit_name(limit), r->part[limit]);
    json_field("fraction", share.fraction);
    if (r->then > 0) {
        json_field("ratio", r->best / r->then);
        printf(", \"slower\": %s", bench_is_slower(r) ? "true" : "false");
    }
    printf("}\n");
}

void bench_print_json(const tw_device_info *info, const bench_result *results, int count)
{
    printf("{\"version\": ");
    cli_json_text(stdout, tw_version());
    json_words("device", info->name);
    json_words("platform", info->platform);
    json_words("driver", info->driver);
    json_field("gflops_limit", over_rows(results, count, BENCH_ARITHMETIC, false));
    json_field("gbytes_limit", over_rows(results, count, BENCH_MEMORY, false));
    printf("}\n");
    for (int i = 0; i < count; i++)
        print_json_row(&results[i]);
}

/* A number in four digits or so; "-" for none. */
static void print_number(double value, int width, const char *unit)
{
    if (value > 0)
        printf(" %*.*f%s", width, value < 10 ? 2 : value < 1000 ? 1 : 0, value, unit);
    else
        printf(" %*s%*s", width, "-", (int)strlen(unit), "");
}

static void print_row(bool saved, int wide, const bench_result *r)
{
    const bench_share share = bench_share_of(r);
    printf("%-24s %-*s %10.4f", r->row->operator, wide, r->row->shapes, r->best);
    print_number(r->median > 0 ? 100 * (r->median / r->best - 1) + 1e-9 : 0, 7, "%");
    print_number(rate(r->row->operations, r), 8, "");
    print_number(rate(r->bytes, r), 7, "");
    printf("  %-10s", share.fraction > 0 ? bench_limit_name(share.limit) : "-");
    print_number(share.fraction, 5, "");
    if (saved)
        print_number(r->then > 0 ? r->best / r->then : 0, 7, "");
    printf("%s\n", bench_is_slower(r) ? "  slower" : "");
}

static void print_limits(const bench_result *results, int count)
{
    printf("limits, measured beside each row: multiply-adds in registers %.1f to %.1f GFLOP/s; "
           "a triad beyond the cache %.1f to %.1f GB/s\n",
           over_rows(results, count, BENCH_ARITHMETIC, true),
           over_rows(results, count, BENCH_ARITHMETIC, false),
           over_rows(results, count, BENCH_MEMORY, true),
           over_rows(results, count, BENCH_MEMORY, false));
}

void bench_print_table(const tw_device_info *info, bool saved, const bench_result *results,
                       int count)
{
    int wide = 6;
    for (int i = 0; i < count; i++)
        wide = (int)fmax(wide, (double)strlen(results[i].row->shapes));
    printf("%s, %s, driver %s\n", info->name, info->platform, info->driver);
    if (over_rows(results, count, BENCH_ARITHMETIC, false) > 0)
        print_limits(results, count);
    printf("\n%-24s %-*s %10s %8s %8s %7s  %-10s %5s%s\n", "operator", wide, "shapes", "ms",
           "spread", "GFLOP/s", "GB/s", "limit", "part", saved ? "   ratio" : "");
    for (int i = 0; i < count; i++)
        print_row(saved, wide, &results[i]);
    printf(
        "\nms: device time of the launches, the best of all passes; spread: by how much the "
        "median is above it.\n"
        "part: of the limit that binds, the largest of GFLOP/s and GB/s by their limits and of "
        "the time of as many launches\n"
        "that compute nothing by ms: the median of blocks of passes, each held against the limits "
        "measured before and behind it.\n"
        "More than 1 is possible: GB/s counts inputs and outputs once, and what lies in the "
        "cache, or is written where it\n"
        "was read, outruns the triad; Winograd's convolutions do fewer operations than are "
        "counted.\n");
    if (saved)
        printf("ratio: time by the saved run's, were its limits this run's.\n");
}
