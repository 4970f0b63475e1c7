// SPDX-License-Identifier: Apache-2.0
// Sizes with letters, shapes, and sizes of launches.
#include "base/launch.h"
#include "harness.h"

#define N TW_BATCH
#define T_ TW_LETTER('t')
#define SIZE(scale, letters) ((tw_dim){(scale), (letters)})
static const tw_dim unknown = {-1, 0};

static bool same(tw_dim a, tw_dim b)
{
    return a.scale == b.scale && a.letters == b.letters;
}

static void properties(void)
{
    CHECK(tw_dim_known(TW_DIM(3)) && tw_dim_known(SIZE(1, N)) && tw_dim_known(TW_DIM(0)) &&
          !tw_dim_known(unknown));
    CHECK(tw_dim_fixed(TW_DIM(3)) && !tw_dim_fixed(SIZE(1, N)) && !tw_dim_fixed(unknown));
    CHECK(tw_dim_equal(SIZE(2, N), SIZE(2, N)) && !tw_dim_equal(SIZE(2, N), SIZE(2, T_)));
    CHECK(!tw_dim_equal(SIZE(2, N), TW_DIM(2)) && !tw_dim_equal(unknown, unknown));
    CHECK(tw_dim_equal(SIZE(0, N), TW_DIM(0)));
    CHECK(tw_dim_is_one(TW_DIM(1)) && !tw_dim_is_one(SIZE(1, N)) && !tw_dim_is_one(unknown));
}

static void products(void)
{
    CHECK(same(tw_dim_multiply(SIZE(2, N), SIZE(3, T_)), SIZE(6, N | T_)));
    CHECK(same(tw_dim_multiply(SIZE(2, N), SIZE(3, N)), unknown)); /* n twice */
    CHECK(same(tw_dim_multiply(unknown, TW_DIM(0)), unknown));
    CHECK(same(tw_dim_multiply(TW_DIM(0), SIZE(5, N)), TW_DIM(0)));
    CHECK(same(tw_dim_multiply(TW_DIM(INT64_MAX), TW_DIM(1)), TW_DIM(INT64_MAX)));
    CHECK(same(tw_dim_multiply(TW_DIM(INT64_MAX), TW_DIM(2)), unknown));
    CHECK(same(tw_dim_multiply(TW_DIM((int64_t)1 << 32), TW_DIM((int64_t)1 << 31)), unknown));

    CHECK(same(tw_dim_divide(SIZE(6, N | T_), SIZE(2, N)), SIZE(3, T_)));
    CHECK(same(tw_dim_divide(SIZE(6, N), SIZE(4, N)), unknown));
    CHECK(same(tw_dim_divide(SIZE(6, N), SIZE(2, T_)), unknown));
    CHECK(same(tw_dim_divide(TW_DIM(6), TW_DIM(0)), unknown));
    CHECK(same(tw_dim_divide(unknown, TW_DIM(1)), unknown));
    CHECK(same(tw_dim_divide(TW_DIM(6), unknown), unknown));
    CHECK(same(tw_dim_divide(TW_DIM(0), SIZE(3, N)), TW_DIM(0)));
}

static void values(void)
{
    CHECK(tw_dim_at(SIZE(3, N), 5) == 15 && tw_dim_at(TW_DIM(3), 5) == 3 &&
          tw_dim_at(unknown, 5) == -1);
    CHECK(tw_dim_at(SIZE(INT64_MAX, N), 2) == -1 && tw_dim_at(SIZE(3, N), 0) == 0 &&
          tw_dim_at(SIZE(3, N), -1) == -1);
    CHECK(same(tw_dim_bind(SIZE(3, N | T_), T_, 7), SIZE(21, N)));
    CHECK(same(tw_dim_bind(SIZE(3, N), T_, 7), SIZE(3, N)));
    CHECK(same(tw_dim_bind(SIZE(3, N), N, -1), unknown));
    CHECK(same(tw_dim_bind(SIZE(3, N), N, INT64_MAX), unknown));
    CHECK(same(tw_dim_bind(unknown, N, 2), unknown));
    CHECK(same(tw_dim_bind(SIZE(3, N | T_), T_, 0), TW_DIM(0)));
}

static void shapes(void)
{
    const tw_shape a = {4, {SIZE(1, N), TW_DIM(28), TW_DIM(28), TW_DIM(1)}}, scalar = {0};
    tw_shape b = a;
    CHECK(same(tw_shape_count(&a), SIZE(784, N)) && same(tw_shape_count(&scalar), TW_DIM(1)));
    CHECK(same(tw_shape_span(&a, 1, 3), TW_DIM(784)) && same(tw_shape_span(&a, 2, 2), TW_DIM(1)));
    CHECK(tw_shape_equal(&a, &b) && !tw_shape_equal(&a, &scalar));
    b.dim[3] = TW_DIM(2);
    CHECK(!tw_shape_equal(&a, &b));
    b.dim[3] = unknown;
    CHECK(!tw_shape_equal(&b, &b) && !tw_dim_known(tw_shape_count(&b)));
}

static void texts(void)
{
    char text[TW_SHAPE_TEXT];
    const tw_shape a = {4, {SIZE(1, N), TW_DIM(28), SIZE(2, N | T_), unknown}}, scalar = {0};
    CHECK_TEXT(tw_shape_text(&a, text), "[n,28,2n*t,?]");
    CHECK_TEXT(tw_shape_text(&scalar, text), "[]");
    const tw_shape letters = {2, {SIZE(1, N | T_), TW_DIM(0)}};
    CHECK_TEXT(tw_shape_text(&letters, text), "[n*t,0]");
    tw_shape longest = {TW_MAX_RANK, {{0, 0}}};
    for (int i = 0; i < TW_MAX_RANK; i++)
        longest.dim[i] = SIZE(INT64_MAX, (1u << 26) - 1);
    memset(text, 'x', sizeof text);
    tw_shape_text(&longest, text);
    CHECK(strlen(text) < TW_SHAPE_TEXT);
    CHECK_HAS(text, "9223372036854775807a*b*c");
    CHECK_HAS(text, ",...]");
    for (int i = 0; i < TW_MAX_RANK; i++)
        longest.dim[i] = TW_DIM(INT64_MAX / 1000);
    CHECK(strlen(tw_shape_text(&longest, text)) == 8 * 16 + 7 + 2); /* all of it */
}

static void launch_groups(void)
{
    tw_launch l = {.dims = 2, .global = {SIZE(3, N), TW_DIM(16)}, .divide = {4, 16}};
    CHECK(tw_launch_groups(&l, 0, 1) == 1 && tw_launch_groups(&l, 0, 2) == 2 &&
          tw_launch_groups(&l, 0, 4) == 3);
    CHECK(tw_launch_groups(&l, 1, 9) == 1 && tw_launch_groups(&l, 2, 9) == 1);
    CHECK(tw_launch_groups(&l, 0, 0) == 0);
    l.global[0] = TW_DIM(INT64_MAX);
    l.divide[0] = 2;
    CHECK(tw_launch_groups(&l, 0, 1) == INT64_MAX / 2 + 1);
    l.global[0] = SIZE(INT64_MAX, N);
    CHECK(tw_launch_groups(&l, 0, 2) == -1); /* overflow */
}

TESTS(T(properties), T(products), T(values), T(shapes), T(texts), T(launch_groups))
