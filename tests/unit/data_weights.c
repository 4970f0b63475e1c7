// SPDX-License-Identifier: Apache-2.0
// weights=balanced, and the files in which a run remembers how its data were prepared.
#include "data_help.h"

static void balances_classes(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y i32[n] classes=3", "w f32[n]", NULL);
    put_text(&f, "a.csv", "x,y\n1,b\n2,a\n3,b\n4,c\n5,b\n6,b\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,weights=balanced"), f.error);
    const float *w = whole(&f)[2]; /* n / (classes * count): 6/(3*1), 6/(3*4) */
    CHECK(w[0] == 0.5f && w[1] == 2 && w[2] == 0.5f && w[3] == 2 && w[5] == 0.5f);
    tw_preparation *kept = remembered(&f);
    const tw_dataset_options options = {.preparation = kept};
    put_text(&f, "b.csv", "x,y\n1,a\n2,a\n3,b\n");
    CHECK_OK(open_with(&f, "csv:%s/b.csv,weights=balanced,label=y", &options), f.error);
    w = whole(&f)[2];
    CHECK(w[0] == 2 && w[1] == 2 && w[2] == 0.5f); /* the training's */
    CHECK_OK(open_input(&f, "csv:%s/b.csv,label=y,weights=balanced", "x"), f.error);
    CHECK(whole(&f)[2] == NULL && whole(&f)[1] == NULL);
    tw_preparation_destroy(&kept);
    end(&f);
}

static void balances_numbers(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y f32[n]", "w f32[n,1]", NULL);
    put_text(&f, "a.csv", "x,y\n1,0\n2,0\n3,0\n4,1\n,1\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,weights=balanced,missing=drop"), f.error);
    const float *w = whole(&f)[2];
    CHECK_NEAR(w[0], 4 / (2 * 3.0), 1e-6);
    CHECK(w[3] == 2);
    tw_preparation *kept = remembered(&f);
    const tw_dataset_options options = {.preparation = kept};
    put_text(&f, "b.csv", "x,y\n1,0\n2,7\n");
    CHECK_FAILS_WITH(&f, "csv:%s/b.csv,label=y,weights=balanced", &options, TW_ERROR_DATA,
                     "row 1 of label column \"y\"");
    CHECK_HAS(f.error.text, "is of class 7, of which the training had none");
    tw_preparation_destroy(&kept);
    put_text(&f, "b.csv", "x,y\n1,0\n2,0.5\n");
    CHECK_FAILS(&f, "csv:%s/b.csv,label=y,weights=balanced", TW_ERROR_DATA,
                "holds 0.5, which is no class number");
    end(&f);
    /* Windows with gaps do not count. */
    begin(&f, "x f32[n,1,1]", "y i32[n]", "w f32[n]", NULL);
    put_text(&f, "a.csv", "x,y\n,5\n1,2\n1,0\n1,0\n1,0\n1,1\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,columns=x,window=1,missing=drop,weights=balanced"),
             f.error);
    w = whole(&f)[2]; /* labels 0, 0, 0, 1: the first window is left out, its label 2 */
    CHECK(tw_dataset_count(f.data) == 4);
    CHECK_NEAR(w[0], 4 / (2 * 3.0), 1e-6);
    CHECK(w[3] == 2);
    end(&f);
}

static void refuses_what_has_no_classes(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y f32[n]", "w f32[n]", NULL);
    put_text(&f, "a.csv", "x,y\n1,0\n2,0\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,weights=balanced", TW_ERROR_DATA, "needs labels");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,weights=even", TW_ERROR_SYNTAX,
                "weights=even: it must be balanced");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,weights=", TW_ERROR_SYNTAX, "weights=");
    end(&f);
    begin(&f, "x f32[n,1]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "x,y\n1,0\n2,0\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,weights=balanced", TW_ERROR_SHAPE,
                "the model has no further input: add a line such as weight = input f32[n]");
    end(&f);
    begin(&f, "x i32[n,2]", "y i32[n,2]", "w f32[n]", NULL);
    put_text(&f, "a.txt", "abcde");
    CHECK_FAILS(&f, "text:%s/a.txt,weights=balanced", TW_ERROR_DATA,
                "needs one label a sample, but next characters");
    end(&f);
}

/* ---- files of a run ---- */

static void writes_what_it_reads(void)
{
    fixture f;
    tw_preparation *kept = NULL;
    begin(&f, "x f32[n,b]", "y i32[n,4a]", NULL);
    put_text(&f, "a.csv", "\"a \"\"b\"\", c\",d,l1,l2,l3,l4\n0.1,1,1,2,3,4\n0.7,3,1,2,3,4\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=l1..l4,normalize=yes"), f.error);
    kept = remembered(&f);
    CHECK_TEXT(tw_preparation_sizes(kept), "a=1 b=2");
    CHECK_OK(open_with(&f, "csv:%s/a.csv,label=l1..l4", &(tw_dataset_options){.preparation = kept}),
             f.error);
    CHECK_NEAR(((const float *)whole(&f)[0])[0], -1, 1e-6);
    tw_preparation_destroy(&kept);
    tw_preparation_destroy(&kept);
    tw_preparation_destroy(NULL);
    CHECK_TEXT(tw_preparation_sizes(NULL), "");
    CHECK(tw_preparation_class_count(NULL) == 0 && tw_preparation_class(NULL, 0) == NULL);
    end(&f);
}

static void reads_an_empty_folder(void)
{
    fixture f;
    tw_preparation *kept = NULL;
    begin(&f, "x f32[n,2]", NULL);
    CHECK_OK(tw_preparation_read(f.context, f.folder, &kept, &f.error), f.error);
    CHECK_TEXT(tw_preparation_sizes(kept), "");
    CHECK(tw_preparation_class_count(kept) == 0);
    CHECK_OK(open_with(&f, "random:3", &(tw_dataset_options){.preparation = kept}), f.error);
    put_text(&f, "classes.txt", "of other data\n");
    CHECK_OK(tw_preparation_write(kept, f.folder, &f.error), f.error); /* nothing to tell */
    CHECK(access(at(&f, "preparation.csv"), F_OK) != 0 && access(at(&f, "classes.txt"), F_OK) != 0);
    CHECK(tw_preparation_write(tw_dataset_preparation(f.data), at(&f, "none"), &f.error) == TW_OK);
    tw_preparation_destroy(&kept);
    end(&f);
}

#define HEAD "thalweg data 1,name,value,deviation\n"

static void refuses_damaged_files(void)
{
    static const struct {
        const char *text, *want;
    } bad[] = {{"", "another version"},
               {"thalweg data 2,name,value,deviation\n", "another version"},
               {HEAD "column,a,1\n", "line 2 is none that train writes"},
               {HEAD "column,a,many,1\n", "line 2"},
               {HEAD "column,a,1,-1\n", "line 2"},
               {HEAD "column,a,inf,1\n", "line 2"},
               {HEAD "label,a,1,0\n", "line 2"},
               {HEAD "size,t,0,\n", "line 2"},
               {HEAD "size,n,3,\n", "line 2"},
               {HEAD "size,tt,3,\n", "line 2"},
               {HEAD "size,,3,\n", "line 2"},
               {HEAD "class,a,1,\n", "line 2"},
               {HEAD "class,1,1,\nclass,1,2,\n", "line 3"},
               {HEAD "class,1,nan,\n", "line 2"},
               {HEAD "word,1,1,\n", "line 2"},
               {HEAD "class,\"1,1,\n", "never closed"}};
    fixture f;
    begin(&f, "x f32[n,2]", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tw_preparation *kept = NULL;
        put_text(&f, "preparation.csv", bad[i].text);
        CHECK(tw_preparation_read(f.context, f.folder, &kept, &f.error) == TW_ERROR_FORMAT &&
              !kept);
        CHECK_HAS(f.error.text, bad[i].want);
    }
    put_text(&f, "preparation.csv", HEAD);
    put(&f, "classes.txt", "a\nb\0c\n", 6);
    tw_preparation *kept = NULL;
    CHECK(tw_preparation_read(f.context, f.folder, &kept, &f.error) == TW_ERROR_FORMAT && !kept);
    CHECK_HAS(f.error.text, "bytes of value 0");
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y i32[n]", "w f32[n]", NULL);
    put_text(&f, "a.csv", "x,y\n1,b\n2,a\n3,b\n");
    fail_memory_in_turn(&f, "csv:%s/a.csv,label=y,weights=balanced");
    put_text(&f, "preparation.csv", HEAD "size,t,3,\ncolumn,a,1,1\nlabel,b,1,1\nclass,0,1,\n");
    put_text(&f, "classes.txt", "a\nb\n");
    tw_status status = TW_ERROR_MEMORY;
    for (long left = 0; status == TW_ERROR_MEMORY && left < 1000; left++) {
        tw_preparation *kept = NULL;
        const long live = f.memory.live;
        f.memory.left = left;
        status = tw_preparation_read(f.context, f.folder, &kept, &f.error);
        if (status == TW_OK)
            status = tw_preparation_write(kept, f.folder, &f.error);
        f.memory.left = -1;
        tw_preparation_destroy(&kept);
        CHECK(f.memory.live == live);
    }
    CHECK(status == TW_OK);
    end(&f);
}

TESTS(T(balances_classes), T(balances_numbers), T(refuses_what_has_no_classes),
      T(writes_what_it_reads), T(reads_an_empty_folder), T(refuses_damaged_files),
      T(survives_missing_memory))
