// SPDX-License-Identifier: Apache-2.0
// What thalweg bench --ops has measured, as a table of fractions or as JSON.
#include <math.h>
#include <string.h>

#include "bench_ops.h"

static double rate(double count, const bench_result *result)
{
    return result->best > 0 ? count / result->best * 1e-6 : 0;
}

bench_share bench_share_of(const bench_result *result, const bench_limits *limits)
{
    bench_share share = {.limit = BENCH_MEMORY};
    if (!(limits->gflops > 0) || !(result->gbytes_limit > 0))
        return share;
    const double fraction[] = {
        [BENCH_ARITHMETIC] = rate(result->row->operations, result) / limits->gflops,
        [BENCH_MEMORY] = rate(result->bytes, result) / result->gbytes_limit,
        [BENCH_LAUNCH] = result->best > 0 ? result->launch_limit / result->best : 0};
    for (bench_limit limit = BENCH_ARITHMETIC; limit <= BENCH_LAUNCH; limit++)
        if (fraction[limit] > fraction[share.limit])
            share.limit = limit;
    share.fraction = fraction[share.limit];
    return share;
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

static void print_json_row(const bench_limits *limits, const bench_result *r)
{
    const bench_share share = bench_share_of(r, limits);
    printf("{\"operator\": ");
    cli_json_text(stdout, r->row->operator);
    json_words("shapes", r->row->shapes);
    json_field("ms", r->best);
    json_field("median_ms", r->median);
    json_field("passes", r->passes);
    json_field("gflops", rate(r->row->operations, r));
    json_field("gbytes", rate(r->bytes, r));
    json_words("limit", bench_limit_name(share.limit));
    json_field("gbytes_limit", r->gbytes_limit);
    json_field("launch_ms_limit", r->launch_limit);
    json_field("fraction", share.fraction);
    if (r->then > 0) {
        json_field("ratio", r->best / r->then);
        printf(", \"slower\": %s", bench_is_slower(r) ? "true" : "false");
    }
    printf("}\n");
}

void bench_print_json(const tw_device_info *info, const bench_limits *limits,
                      const bench_result *results, int count)
{
    printf("{\"version\": ");
    cli_json_text(stdout, tw_version());
    json_words("device", info->name);
    json_words("platform", info->platform);
    json_words("driver", info->driver);
    json_field("gflops_limit", limits->gflops);
    json_field("gbytes_limit", limits->most_gbytes);
    printf("}\n");
    for (int i = 0; i < count; i++)
        print_json_row(limits, &results[i]);
}

/* A number in four digits or so; "-" for none. */
static void print_number(double value, int width, const char *unit)
{
    if (value > 0)
        printf(" %*.*f%s", width, value < 10 ? 2 : value < 1000 ? 1 : 0, value, unit);
    else
        printf(" %*s%*s", width, "-", (int)strlen(unit), "");
}

static void print_row(const bench_limits *limits, bool saved, int wide, const bench_result *r)
{
    const bench_share share = bench_share_of(r, limits);
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

void bench_print_table(const tw_device_info *info, const bench_limits *limits, bool saved,
                       const bench_result *results, int count)
{
    int wide = 6;
    for (int i = 0; i < count; i++)
        wide = (int)fmax(wide, (double)strlen(results[i].row->shapes));
    printf("%s, %s, driver %s\n", info->name, info->platform, info->driver);
    if (limits->gflops > 0)
        printf("limits: %.1f GFLOP/s of multiply-adds in registers; a triad beyond the cache, "
               "measured beside each row, %.1f to %.1f GB/s\n",
               limits->gflops, limits->least_gbytes, limits->most_gbytes);
    printf("\n%-24s %-*s %10s %8s %8s %7s  %-10s %5s%s\n", "operator", wide, "shapes", "ms",
           "spread", "GFLOP/s", "GB/s", "limit", "part", saved ? "   ratio" : "");
    for (int i = 0; i < count; i++)
        print_row(limits, saved, wide, &results[i]);
    printf("\nms: device time of the launches, the best of all passes; spread: by how much the "
           "median is above it.\n"
           "part: of the limit that binds, the largest of GFLOP/s and GB/s by their limits and of "
           "the time of as many launches\n"
           "that compute nothing by ms. More than 1 is possible: GB/s counts inputs and outputs "
           "once, and what lies in the\n"
           "cache, or is written where it was read, outruns the triad; Winograd's convolutions do "
           "fewer operations than\n"
           "are counted.\n");
    if (saved)
        printf("ratio: time by the saved run's, were its limits this run's.\n");
}
