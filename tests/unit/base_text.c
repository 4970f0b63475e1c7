// SPDX-License-Identifier: Apache-2.0
// The growing text, JSON, numbers in any locale, nearest names, patterns.
#include "base/random.h"
#include "base/text.h"
#include "failing.h"
#include "harness.h"
#include <float.h>
#include <locale.h>

static tw_error error;
static tw_failing memory;

static tw_context *make(void)
{
    const tw_allocator allocator = {tw_failing_resize, &memory};
    tw_context *context = NULL;
    memory = (tw_failing){.fail_at = -1};
    CHECK_OK(tw_context_create(&(tw_context_options){.allocator = &allocator, .cache_folder = ""},
                               &context, &error),
             error);
    return context;
}

static void end(tw_context *context)
{
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && memory.wrong == 0);
}

static void building(void)
{
    tw_context *context = make();
    tw_text text = {.context = context};
    char *empty = tw_text_take(&text);
    CHECK_TEXT(empty, "");
    tw_free(context, empty);
    tw_text_puts(&text, "a");
    tw_text_append(&text, "bcd", 2);
    tw_text_append(&text, NULL, 0);
    tw_text_printf(&text, "-%d-%s", 42, "x");
    CHECK_TEXT(text.data, "abc-42-x");
    CHECK(text.length == 8);
    for (int i = 0; i < 1000; i++)
        tw_text_printf(&text, "%04d", i);
    CHECK(text.length == 4008 && strcmp(text.data + 4004, "0999") == 0);
    char *taken = tw_text_take(&text);
    CHECK(taken && strlen(taken) == 4008 && text.data == NULL && text.length == 0);
    tw_free(context, taken);
    tw_text_puts(&text, "again");
    tw_text_clear(&text);
    CHECK(text.data == NULL && text.context == context);
    tw_text_clear(&text);
    end(context);
}

static void building_without_memory(void)
{
    tw_context *context = make();
    tw_text text = {.context = context};
    memory.fail_at = memory.calls;
    tw_text_puts(&text, "lost");
    CHECK(text.failed);
    tw_text_puts(&text, "too late");
    tw_text_printf(&text, "%d", 1);
    tw_text_double(&text, 0.1);
    tw_text_json(&text, "x");
    CHECK(tw_text_take(&text) == NULL && !text.failed);
    tw_text_puts(&text, "kept");
    memory.fail_at = memory.calls;
    tw_text_printf(&text, "%200d", 1);
    CHECK(text.failed && tw_text_take(&text) == NULL);
    memory.fail_at = memory.calls;
    CHECK(tw_text_take(&text) == NULL);
    tw_text_append(&text, "x", SIZE_MAX);
    CHECK(text.failed);
    tw_text_clear(&text);
    CHECK(!text.failed);
    end(context);
}

static void json(void)
{
    static const char *const rows[][2] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\t\r\x01\x1f", "\"\\n\\t\\u000d\\u0001\\u001f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff"
         "a\xc3",
         "\"\\ufffda\\ufffd\""},
        {"\xc0\x80", "\"\\ufffd\\ufffd\""},                       /* overlong */
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},            /* a surrogate */
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* beyond U+10FFFF */
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},                       /* cut off */
        {"\x7f", "\"\x7f\""},
    };
    tw_context *context = make();
    for (int i = 0; i < TW_COUNT(rows); i++) {
        tw_text text = {.context = context};
        tw_text_json(&text, rows[i][0]);
        CHECK_TEXT(text.data, rows[i][1]);
        tw_text_clear(&text);
    }
    end(context);
}

/* ---- numbers ---- */

static bool parses(const char *text, double want)
{
    double value = 12345;
    return tw_parse_double(text, strlen(text), &value) && memcmp(&value, &want, sizeof want) == 0;
}

static bool refused(const char *text)
{
    double value = 12345;
    return !tw_parse_double(text, strlen(text), &value) && value == 12345;
}

static void check_doubles(void)
{
    CHECK(parses("0", 0.0) && parses("-0", -0.0) && parses("3", 3) && parses("+3", 3) &&
          parses("-3.25", -3.25));
    CHECK(parses(".5", 0.5) && parses("5.", 5) && parses("1e3", 1000) && parses("1E-3", 0.001) &&
          parses("1e+3", 1000));
    CHECK(parses("0.1", 0.1) && parses("1e-07", 1e-7) && parses("1e22", 1e22) &&
          parses("1e23", 1e23));
    CHECK(parses("9007199254740993", 9007199254740992.0)); /* halfway: to even */
    CHECK(parses("9007199254740993.0000000000000000000000001", 9007199254740994.0));
    CHECK(parses("1.7976931348623157e308", DBL_MAX) && parses("2.2250738585072014e-308", DBL_MIN));
    CHECK(parses("4.9406564584124654e-324", 4.9406564584124654e-324) && parses("1e-400", 0.0));
    CHECK(parses("0.000000000000000000000000000000000000000000000000000000000001", 1e-60));
    CHECK(parses("12345678901234567890123", 12345678901234567890123.0));
    CHECK(parses("0e99999999999999999999", 0.0));
    CHECK(parses("inf", (double)INFINITY) && parses("-Infinity", -(double)INFINITY));
    double value;
    CHECK(tw_parse_double("NaN", 3, &value) && isnan(value));
    CHECK(tw_parse_double("12,5", 2, &value) && value == 12);
    CHECK(refused("") && refused("+") && refused(".") && refused("e5") && refused("1e") &&
          refused("1e+"));
    CHECK(refused("1,5") && refused("1.5.2") && refused(" 1") && refused("1 ") && refused("0x10") &&
          refused("1f"));
    CHECK(refused("--1") && refused("1e1.5") && refused("infinit") && refused("nan(1)") &&
          refused("1e999"));
    CHECK(refused("1-2"));
    char many[1200];
    memset(many, '7', sizeof many);
    CHECK(!tw_parse_double(many, sizeof many, &value));
    CHECK(!tw_parse_double(many, 900, &value)); /* 7e899: out of range */
    memcpy(many, "0.", 2);
    CHECK(tw_parse_double(many, 900, &value) && value == 0.7777777777777777777777777);
}

static void check_printing(void)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},
                {-0.0, "-0"},
                {3, "3"},
                {-17, "-17"},
                {100, "100"},
                {60000, "60000"},
                {0.001, "0.001"},
                {1e-7, "1e-07"},
                {0.1, "0.1"},
                {1e22, "1e+22"},
                {1.0 / 3, "0.3333333333333333"},
                {2.5, "2.5"},
                {1e15, "1e+15"},
                {123456.789, "123456.789"},
                {DBL_MAX, "1.7976931348623157e+308"},
                {(double)INFINITY, "inf"},
                {-(double)INFINITY, "-inf"}};
    tw_context *context = make();
    for (int i = 0; i < TW_COUNT(rows); i++) {
        tw_text text = {.context = context};
        tw_text_double(&text, rows[i].value);
        CHECK_TEXT(text.data, rows[i].text);
        CHECK(text.data && parses(text.data, rows[i].value));
        tw_text_clear(&text);
    }
    tw_text text = {.context = context};
    tw_text_double(&text, (double)NAN);
    CHECK_TEXT(text.data, "nan");
    tw_text_clear(&text);
    tw_text_printf(&text, "%g %.3f", 0.5, 1.25);
    CHECK_TEXT(text.data, "0.5 1.250");
    tw_text_clear(&text);
    tw_arena arena = {.context = context};
    CHECK_TEXT(tw_arena_printf(&arena, "%.2f", 0.25), "0.25");
    tw_arena_free(&arena);
    tw_fail(&error, TW_ERROR_DATA, "%g", 1.5);
    CHECK_TEXT(error.text, "1.5");
    end(context);
}

static void doubles(void)
{
    check_doubles();
}
static void printing(void)
{
    check_printing();
}

/* Random bit patterns, printed and read again, are the same; and read as the C library reads them.
 */
static void round_trips(void)
{
    tw_context *context = make();
    const tw_random random = {.seed = 1, .name = 2};
    for (uint64_t i = 0; i < 20000; i++) {
        const uint64_t bits =
            (uint64_t)tw_random_word(&random, 2 * i) << 32 | tw_random_word(&random, 2 * i + 1);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 2) /* numbers as they stand in data files */
            value = (double)(bits >> 40) / 1000 - 5000;
        if (!isfinite(value))
            continue;
        tw_text text = {.context = context};
        tw_text_double(&text, value);
        CHECK(parses(text.data, value));
        char digits[40];
        snprintf(digits, sizeof digits, "%.12g", value);
        CHECK(parses(digits, strtod(digits, NULL)));
        tw_text_clear(&text);
    }
    end(context);
}

static void any_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",
                                        "fr_FR.UTF-8", "fr_FR.utf8",  "ru_RU.UTF-8",
                                        "pl_PL.UTF-8", "nl_NL.UTF-8", "German"};
    char half[16] = "0.5";
    for (int i = 0; i < TW_COUNT(names) && strcmp(half, "0,5") != 0; i++)
        if (setlocale(LC_ALL, names[i]))
            snprintf(half, sizeof half, "%.1f", 0.5);
    if (strcmp(half, "0,5") != 0) {
        printf("# no locale with a decimal comma is installed\n");
        return;
    }
    check_doubles();
    check_printing();
    snprintf(half, sizeof half, "%.1f", 0.5); /* the program's locale is left as it was */
    CHECK_TEXT(half, "0,5");
    setlocale(LC_ALL, "C");
}

static bool int_is(const char *text, int64_t want)
{
    int64_t value = 5;
    return tw_parse_int(text, strlen(text), &value) && value == want;
}

static void ints(void)
{
    int64_t value = 5;
    CHECK(int_is("0", 0) && int_is("-7", -7) && int_is("+7", 7) && int_is("007", 7));
    CHECK(int_is("9223372036854775807", INT64_MAX) && int_is("-9223372036854775808", INT64_MIN));
    static const char *const bad[] = {
        "",   "-",  "+",   "9223372036854775808",  "-9223372036854775809", "1.0", "1e3",
        " 1", "1 ", "0x1", "99999999999999999999", "18446744073709551616", "--1"};
    for (int i = 0; i < TW_COUNT(bad); i++)
        CHECK(!tw_parse_int(bad[i], strlen(bad[i]), &value));
    CHECK(value == 5);
    CHECK(tw_parse_int("12x", 2, &value) && value == 12);
}

/* ---- names ---- */

static void nearest(void)
{
    static const char *const names[] = {"softmax",       "maxpool2d", "dense", "conv2d",
                                        "cross_entropy", "units",     "relu"};
    const int n = TW_COUNT(names);
    CHECK(tw_nearest("sofmax", names, n) == 0);
    CHECK(tw_nearest("SoftMax", names, n) == 0);
    CHECK(tw_nearest("maxpool", names, n) == 1);
    CHECK(tw_nearest("desne", names, n) == 2); /* neighbours swapped */
    CHECK(tw_nearest("conv", names, n) == 3);
    CHECK(tw_nearest("crossentropy", names, n) == 4);
    CHECK(tw_nearest("unit", names, n) == 5);
    CHECK(tw_nearest("banana", names, n) == -1);
    CHECK(tw_nearest("", names, n) == -1);
    CHECK(tw_nearest("x", names, n) == -1);
    CHECK(tw_nearest("dense", names, 0) == -1);
    static const char *const tie[] = {"lr_b", "lr_c"};
    CHECK(tw_nearest("lr_a", tie, 2) == 0); /* the first of equals */
    char longest[100];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    CHECK(tw_nearest(longest, names, n) == -1);
    const char *const long_names[] = {longest, longest + 36}; /* 99 and 63 letters */
    CHECK(tw_nearest(longest + 37, long_names, 2) == 1);
}

static void patterns(void)
{
    CHECK(tw_match("disc.*", "disc.dense_1.weight") && !tw_match("disc.*", "gen.dense"));
    CHECK(tw_match("*", "") && tw_match("*", "x") && tw_match("", "") && !tw_match("", "x"));
    CHECK(tw_match("a?c", "abc") && !tw_match("a?c", "ac") && !tw_match("?", ""));
    CHECK(tw_match("*.weight", "dense.weight") && !tw_match("*.weight", "dense.weights"));
    CHECK(tw_match("a*b*c", "aXbbYc") && tw_match("a*b*c", "abbc") && !tw_match("a*b*c", "acb"));
    CHECK(tw_match("**a**", "xxa") && tw_match("*aab", "aaaab"));
    CHECK(tw_match("x|y*|z", "yes") && tw_match("x|y*|z", "z") && !tw_match("x|y*|z", "a") &&
          tw_match("x|", ""));
    char text[200], pattern[200]; /* exponential in a naive matcher */
    memset(text, 'a', 150);
    text[150] = '\0';
    for (int i = 0; i < 60; i += 2)
        memcpy(pattern + i, "*a", 2);
    memcpy(pattern + 60, "*b", 3);
    CHECK(!tw_match(pattern, text));
}

TESTS(T(building), T(building_without_memory), T(json), T(doubles), T(printing), T(round_trips),
      T(any_locale), T(ints), T(nearest), T(patterns))
