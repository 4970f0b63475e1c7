// SPDX-License-Identifier: Apache-2.0
// Text as windows of characters: UTF-8, vocabularies, windows, parts, and every sentence of
// refusal.
#include "data_help.h"

static void cuts_windows(void)
{
    fixture f;
    tw_array array;
    begin(&f, "x i32[n,t] classes=9", "y i32[n,t] classes=9", NULL);
    put_text(&f, "a.txt", "abcabdabeX");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,length=3"), f.error);
    const void *const *columns = whole(&f);
    /* X is 0, a to e are 1 to 5; the tenth character is only a next one. */
    static const int32_t x[] = {1, 2, 3, 1, 2, 4, 1, 2, 5}, y[] = {2, 3, 1, 2, 4, 1, 2, 5, 0};
    CHECK(tw_dataset_count(f.data) == 3);
    CHECK(memcmp(columns[0], x, sizeof x) == 0 && memcmp(columns[1], y, sizeof y) == 0);
    tw_dataset_describe(f.data, 1, &array);
    CHECK(array.type == TW_I32 && array.rank == 2 && array.dim[0] == 3 && array.dim[1] == 3);
    CHECK_TEXT(tw_preparation_sizes(tw_dataset_preparation(f.data)), "t=3");
    CHECK(tw_dataset_class_count(f.data) == 6);
    CHECK_TEXT(tw_dataset_class(f.data, 0), "X");
    CHECK_TEXT(tw_dataset_class(f.data, 5), "e");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,length=3,step=1"), f.error);
    columns = whole(&f);
    CHECK(tw_dataset_count(f.data) == 7);
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < 3; k++) {
            const int at = i + k;
            CHECK(((const int32_t *)columns[0])[3 * i + k] == (at < 9 ? x[at] : 0));
            CHECK(((const int32_t *)columns[1])[3 * i + k] == (at < 8 ? y[at] : 0));
        }
    CHECK_OK(open_spec(&f, "text:%s/a.txt,length=2,step=7"), f.error);
    CHECK(tw_dataset_count(f.data) == 2 && ((const int32_t *)whole(&f)[0])[2] == 2);
    end(&f);
}

/* Overlapping samples in the order of an epoch, and of a selection. */
static void shuffles_windows(void)
{
    fixture f;
    int64_t n;
    const void *const *columns;
    bool seen[24] = {false};
    begin(&f, "x i32[n,3]", "y i32[n]", NULL);
    put_text(&f, "a.txt", "abcdefghijklmnopqrstuvwxyz");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,step=1"), f.error);
    CHECK(tw_dataset_count(f.data) == 23);
    CHECK_OK(tw_dataset_start(f.data, 5, true, 1, 1, &f.error), f.error);
    for (;;) {
        CHECK_OK(tw_dataset_next(f.data, &n, &columns, &f.error), f.error);
        if (n == 0)
            break;
        for (int i = 0; i < n; i++) {
            const int32_t *x = (const int32_t *)columns[0] + 3 * i;
            CHECK(x[1] == x[0] + 1 && x[2] == x[0] + 2);
            CHECK(((const int32_t *)columns[1])[i] == x[0] + 3); /* i32[n]: the one behind */
            CHECK(x[0] < 23 && !seen[x[0]]);
            seen[x[0]] = true;
        }
    }
    tw_dataset *some = NULL;
    CHECK_OK(tw_dataset_select(f.data, 2, (const int64_t[]){20, 4}, &some, &f.error), f.error);
    tw_dataset_destroy(&f.data);
    f.data = some;
    const int32_t *x = whole(&f)[0];
    CHECK(x[0] == 20 && x[2] == 22 && x[3] == 4 && x[5] == 6);
    end(&f);
}

static void finds_the_length(void)
{
    fixture f;
    begin(&f, "x i32[n,2t]", "y i32[n,2t]", NULL);
    put_text(&f, "a.txt", "0123456789");
    CHECK_FAILS(&f, "text:%s/a.txt", TW_ERROR_SYNTAX,
                "text:FILE,length=T, or give the size of input \"x\" by --sizes");
    CHECK_OK(open_with(&f, "text:%s/a.txt", &(tw_dataset_options){.sizes = "t=2"}), f.error);
    CHECK(tw_dataset_count(f.data) == 2);
    CHECK_OK(open_spec(&f, "text:%s/a.txt,length=6"), f.error);
    CHECK_TEXT(tw_preparation_sizes(tw_dataset_preparation(f.data)), "t=3");
    CHECK_FAILS(&f, "text:%s/a.txt,length=5", TW_ERROR_SHAPE,
                "a.txt' i32[1,5] does not fit input \"x\" i32[n,2t]");
    CHECK_FAILS_WITH(&f, "text:%s/a.txt,length=6", &(tw_dataset_options){.sizes = "t=2"},
                     TW_ERROR_SHAPE, "where t is 2");
    CHECK_FAILS_WITH(&f, "text:%s/a.txt", &(tw_dataset_options){.sizes = "t"}, TW_ERROR_NAME,
                     "sizes: \"t\"");
    end(&f);
    begin(&f, "x f32[n,2]", NULL);
    CHECK_FAILS(&f, "text:%s/none.txt", TW_ERROR_FILE, "none.txt");
    put_text(&f, "a.txt", "0123456789");
    CHECK_FAILS(&f, "text:%s/a.txt", TW_ERROR_TYPE, "holds characters, but input \"x\" is f32");
    end(&f);
}

static void reads_utf8(void)
{
    fixture f;
    begin(&f, "x i32[n,8]", NULL);
    put_text(&f, "a.txt",
             "\xef\xbb\xbfz\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n\xf4\x8f\xbf\xbf\x7f\x01");
    CHECK_OK(open_spec(&f, "text:%s/a.txt"), f.error);
    static const int32_t x[] = {2, 4, 5, 6, 1, 7, 3, 0};
    CHECK(memcmp(whole(&f)[0], x, sizeof x) == 0);
    CHECK_TEXT(tw_dataset_class(f.data, 4), "\xc3\xa4");
    CHECK_TEXT(tw_dataset_class(f.data, 5), "\xe2\x82\xac");
    CHECK_TEXT(tw_dataset_class(f.data, 6), "\xf0\x9f\x98\x80");
    CHECK_TEXT(tw_dataset_class(f.data, 7), "\xf4\x8f\xbf\xbf");
    end(&f);
}

static void refuses_other_encodings(void)
{
    static const char *const bad[] = {"\x80",
                                      "\xc3",
                                      "\xc3(",
                                      "\xc0\xaf",
                                      "\xe0\x80\xaf",
                                      "\xe2\x82",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\xaf",
                                      "\xf4\x90\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xff",
                                      "\xe9 "};
    fixture f;
    begin(&f, "x i32[n,1]", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[40];
        snprintf(text, sizeof text, "line 1\nline 2 %s", bad[i]);
        put_text(&f, "a.txt", text);
        CHECK_FAILS(&f, "text:%s/a.txt", TW_ERROR_FORMAT, "line 2, is no text in UTF-8 (byte ");
        CHECK_HAS(f.error.text, "iconv -f latin1");
    }
    put(&f, "a.txt", "ab\0cd", 5);
    CHECK_FAILS(&f, "text:%s/a.txt", TW_ERROR_FORMAT, "bytes of value 0");
    end(&f);
}

static void refuses_short_files(void)
{
    fixture f;
    begin(&f, "x i32[n,t]", "y i32[n,t]", NULL);
    put_text(&f, "a.txt", "");
    CHECK_FAILS(&f, "text:%s/a.txt,length=3", TW_ERROR_FORMAT, "is empty");
    put_text(&f, "a.txt", "\xef\xbb\xbf");
    CHECK_FAILS(&f, "text:%s/a.txt,length=3", TW_ERROR_FORMAT, "is empty");
    put_text(&f, "a.txt", "abc");
    CHECK_FAILS(&f, "text:%s/a.txt,length=3", TW_ERROR_DATA,
                "has 3 characters, a window of length=3 needs 4");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,length=2"), f.error);
    CHECK_OK(open_input(&f, "text:%s/a.txt,length=3", "x"), f.error); /* nothing follows it */
    CHECK(tw_dataset_count(f.data) == 1 && whole(&f)[1] == NULL);
    CHECK_FAILS(&f, "text:%s/a.txt,length=0", TW_ERROR_SYNTAX, "length=0: it must be");
    CHECK_FAILS(&f, "text:%s/a.txt,length=2,step=0", TW_ERROR_SYNTAX, "step=0: it must be");
    CHECK_FAILS(&f, "text:%s/a.txt,length=99999999999", TW_ERROR_SYNTAX, "length=99999999999");
    CHECK_FAILS(&f, "text:%s/a.txt,length=2147483647", TW_ERROR_DATA, "needs 2147483648");
    CHECK_FAILS(&f, "text:%s/a.txt,length=2,part=all", TW_ERROR_SYNTAX, "must be train or test");
    CHECK_FAILS(&f, "text:%s,length=2", TW_ERROR_FILE, "it is a folder");
    CHECK_FAILS(&f, "text:", TW_ERROR_SYNTAX, "name no file");
    end(&f);
}

static void bounds_the_vocabulary(void)
{
    fixture f;
    begin(&f, "x i32[n,2] classes=3", "y i32[n,2] classes=5", NULL);
    put_text(&f, "a.txt", "abcabc");
    CHECK_OK(open_spec(&f, "text:%s/a.txt"), f.error);
    put_text(&f, "a.txt", "abcd");
    CHECK_FAILS(&f, "text:%s/a.txt", TW_ERROR_DATA,
                "there are 4 different characters, but input \"x\" takes 3: write 4");
    end(&f);
}

static void takes_a_vocabulary(void)
{
    fixture f;
    begin(&f, "x i32[n,3]", NULL);
    put_text(&f, "a.txt", "b\na\\\rb");
    put_text(&f, "v.txt", "b\nz\n\\n\na\n\\\\\n\\r\n");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,vocabulary=%s/v.txt,step=1"), f.error);
    const int32_t *x = whole(&f)[0];
    CHECK(x[0] == 0 && x[1] == 2 && x[2] == 3 && x[5] == 4 && x[8] == 5);
    CHECK(tw_dataset_class_count(f.data) == 6);
    put_text(&f, "v.txt", "b\na\n");
    CHECK_FAILS(&f, "text:%s/a.txt,vocabulary=%s/v.txt", TW_ERROR_DATA,
                "line 1, holds the character U+000A, which is not in the vocabulary of 2");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,vocabulary=%s/v.txt,unknown=drop,length=3"), f.error);
    put_text(&f, "v.txt", "cat\nb\n");
    CHECK_FAILS(&f, "text:%s/a.txt,vocabulary=%s/v.txt", TW_ERROR_FORMAT,
                "is no vocabulary: \"cat\" on line 1 is not one character");
    put_text(&f, "v.txt", "b\na\nb\n");
    CHECK_FAILS(&f, "text:%s/a.txt,vocabulary=%s/v.txt", TW_ERROR_FORMAT, "the class \"b\" twice");
    put_text(&f, "v.txt", "");
    CHECK_FAILS(&f, "text:%s/a.txt,vocabulary=%s/v.txt", TW_ERROR_DATA, "vocabulary of 0");
    CHECK_FAILS(&f, "text:%s/a.txt,vocabulary=%s/v.txt,unknown=drop", TW_ERROR_DATA,
                "has 0 characters");
    CHECK_FAILS(&f, "text:%s/a.txt,vocabulary=%s/none", TW_ERROR_FILE, "none");
    CHECK_FAILS(&f, "text:%s/a.txt,unknown=ask", TW_ERROR_SYNTAX, "must be error or drop");
    end(&f);
}

/* What a run wrote serves a later text: newlines and backslashes come back. */
static void remembers_the_vocabulary(void)
{
    fixture f;
    begin(&f, "x i32[n,t]", NULL);
    put_text(&f, "a.txt", "a\\n\n\r\xc3\xa4");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,length=6"), f.error);
    tw_preparation *kept = remembered(&f);
    CHECK(tw_preparation_class_count(kept) == 6);
    CHECK_TEXT(tw_preparation_class(kept, 0), "\n");
    CHECK_TEXT(tw_preparation_class(kept, 2), "\\");
    CHECK_TEXT(tw_preparation_sizes(kept), "t=6");
    put_text(&f, "b.txt", "\xc3\xa4\\n\\n\n");
    const tw_dataset_options options = {.preparation = kept};
    CHECK_OK(open_with(&f, "text:%s/b.txt", &options), f.error);
    static const int32_t x[] = {5, 2, 4, 2, 4, 0};
    CHECK(memcmp(whole(&f)[0], x, sizeof x) == 0);
    CHECK_OK(open_with(&f, "text:%s/b.txt,length=2", &options),
             f.error); /* the data's size counts */
    CHECK_TEXT(tw_preparation_sizes(tw_dataset_preparation(f.data)), "t=2");
    put_text(&f, "b.txt", "\xc3\xa4\n\xc3\xb6...");
    CHECK_FAILS_WITH(&f, "text:%s/b.txt", &options, TW_ERROR_DATA,
                     "line 2, holds the character \"\xc3\xb6\" U+00F6");
    tw_preparation_destroy(&kept);
    end(&f);
}

static void parts_the_text(void)
{
    fixture f;
    begin(&f, "x i32[n,2]", "y i32[n]", NULL);
    put_text(&f, "a.txt", "0123456789");
    CHECK_OK(open_spec(&f, "text:%s/a.txt,step=1,part=train,split=0.4"), f.error);
    const void *const *columns = whole(&f);
    CHECK(tw_dataset_count(f.data) == 4 && ((const int32_t *)columns[1])[3] == 5);
    CHECK(tw_dataset_class_count(f.data) == 10); /* of both parts */
    CHECK_OK(open_spec(&f, "text:%s/a.txt,step=1,part=test,split=0.4"), f.error);
    columns = whole(&f);
    CHECK(tw_dataset_count(f.data) == 2 && ((const int32_t *)columns[0])[0] == 6 &&
          ((const int32_t *)columns[1])[1] == 9);
    CHECK_FAILS(&f, "text:%s/a.txt,part=test", TW_ERROR_DATA, "(part=test) has 1 characters");
    CHECK_FAILS(&f, "text:%s/a.txt,split=0.2", TW_ERROR_SYNTAX, "part=train or part=test");
    CHECK_FAILS(&f, "text:%s/a.txt,part=test,split=1", TW_ERROR_SYNTAX, "above 0 and below 1");
    CHECK_FAILS(&f, "text:%s/a.txt,part=test,split=nan", TW_ERROR_SYNTAX, "above 0 and below 1");
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "x i32[n,2]", "y i32[n,2]", NULL);
    put_text(&f, "a.txt", "ab\xc3\xa4 cd ef");
    put_text(&f, "v.txt", "a\nb\n \nc\n");
    fail_memory_in_turn(&f, "text:%s/a.txt");
    fail_memory_in_turn(&f, "text:%s/a.txt,vocabulary=%s/v.txt,unknown=drop");
    end(&f);
}

static void survives_mutations(void)
{
    fixture f;
    begin(&f, "x i32[n,2]", "y i32[n,2]", NULL);
    put_text(&f, "a.txt",
             "\xef\xbb\xbf"
             "ab\xc3\xa4 \xe2\x82\xac\xf0\x9f\x98\x80 cd\n");
    put_text(&f, "v.txt", "a\nb\n\\n\n\\\\\n\xc3\xa4\n \n");
    mutate(&f, "a.txt", "text:%s/a.txt", 300);
    mutate(&f, "v.txt", "text:%s/a.txt,vocabulary=%s/v.txt,unknown=drop", 300);
    end(&f);
}

TESTS(T(cuts_windows), T(shuffles_windows), T(finds_the_length), T(reads_utf8),
      T(refuses_other_encodings), T(refuses_short_files), T(bounds_the_vocabulary),
      T(takes_a_vocabulary), T(remembers_the_vocabulary), T(parts_the_text),
      T(survives_missing_memory), T(survives_mutations))
