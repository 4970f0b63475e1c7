// SPDX-License-Identifier: Apache-2.0
// CSV beyond one label: chosen columns, several labels, series in windows, parts, standardisation,
// and what later files take over from the training's.
#include "data_help.h"

static const float *floats(fixture *f, int column)
{
    return whole(f)[column];
}

static void chooses_columns(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "id,a,\"b,c\",d,e..f,y\nn1,1,2,3,4,5\nn2,6,7,8,9,10\n");
    static const struct {
        const char *columns;
        float want[2];
    } rows[] = {{"a,d", {6, 8}},     {"d,a", {8, 6}},  {"2..3", {6, 7}},      {"d..e..f", {8, 9}},
                {"4..e..f", {8, 9}}, {"-2,2", {9, 6}}, {"e..f..y,a", {9, 6}}, {"y,a,d", {6, 8}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[100];
        snprintf(spec, sizeof spec, "csv:%%s/a.csv,label=y,columns=%s", rows[i].columns);
        CHECK_OK(open_spec(&f, spec), f.error);
        CHECK(floats(&f, 0)[2] == rows[i].want[0] && floats(&f, 0)[3] == rows[i].want[1]);
        CHECK(floats(&f, 1)[1] == 10);
    }
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_DATA, "is \"n1\", not a number");
    CHECK_HAS(f.error.text, "leave such columns out by columns=");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,columns=a,q", TW_ERROR_NAME, "has no column \"q\"");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,columns=a,,d", TW_ERROR_NAME, "has no column \"\"");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,columns=a,2", TW_ERROR_NAME,
                "names column 2 (\"a\") twice");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,columns=d..a", TW_ERROR_NAME, "turn \"d..a\" around");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,columns=a..q", TW_ERROR_NAME, "has no column \"q\"");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,columns=y", TW_ERROR_FORMAT,
                "no columns beside the label");
    end(&f);
}

static void reads_several_labels(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y f32[n,3]", NULL);
    put_text(&f, "a.csv", "x,a,b,c\n7,0,1,1\n8,1,0.5,0\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=a,b,c"), f.error);
    static const float want[] = {0, 1, 1, 1, 0.5f, 0};
    CHECK(memcmp(floats(&f, 1), want, sizeof want) == 0 && floats(&f, 0)[1] == 8);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=a..c"), f.error);
    CHECK(memcmp(floats(&f, 1), want, sizeof want) == 0);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=c,a,b"), f.error);
    CHECK(floats(&f, 1)[0] == 1 && floats(&f, 1)[1] == 0);
    CHECK_FAILS(&f, "csv:%s/a.csv,label=a,b,columns=x", TW_ERROR_SHAPE, "label columns \"a,b\"");
    put_text(&f, "a.csv", "x,a,b,c\n7,0,1,cat\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=a,b,c", TW_ERROR_DATA,
                "only a label that stands alone may be words");
    put_text(&f, "a.csv", "x,a,b,c\n7,0,,1\n8,1,1,1\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=a,b,c", TW_ERROR_DATA, "a missing label");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=a,b,c,missing=drop"), f.error);
    CHECK(tw_dataset_count(f.data) == 1);
    end(&f);
}

static void reads_labels_for_several_inputs(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "kind i32[n] classes=2", "price f32[n]", "both f32[n,2]", NULL);
    put_text(&f, "a.csv", "kind,price,p,q,x\ndog,1.5,0,1,7\ncat,2,1,0,8\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=kind,label=price,label=p,q"), f.error);
    const void *const *columns = whole(&f);
    CHECK(((const int32_t *)columns[1])[0] == 1 && ((const int32_t *)columns[1])[1] == 0);
    CHECK(((const float *)columns[2])[0] == 1.5f && ((const float *)columns[2])[1] == 2);
    CHECK(((const float *)columns[3])[1] == 1 && ((const float *)columns[3])[2] == 1);
    tw_preparation *kept = remembered(&f);
    put_text(&f, "b.csv", "x,q,p,price,kind\n9,1,1,0.5,cat\n");
    const tw_dataset_options options = {.preparation = kept};
    CHECK_OK(
        open_with(&f, "csv:%s/b.csv,label=kind,label=price,label=p,q,classes=%s/classes.txt", NULL),
        f.error);
    CHECK(((const int32_t *)whole(&f)[1])[0] == 0);
    /* Two labels that stand alone: which holds words shows in the file. */
    CHECK_OK(open_with(&f, "csv:%s/b.csv,label=kind,label=price,label=p,q", &options), f.error);
    columns = whole(&f);
    CHECK(((const int32_t *)columns[1])[0] == 0 && ((const float *)columns[2])[0] == 0.5f);
    tw_preparation_destroy(&kept);
    put_text(&f, "a.csv", "kind,price,p,q,x\ndog,dear,0,1,7\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=kind,label=price,label=p,q", TW_ERROR_DATA,
                "only one of the labels may be words");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=kind,label=price", TW_ERROR_DATA, "only one of the labels");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=p,label=q,columns=x", TW_ERROR_SHAPE,
                "input \"both\" f32[n,2] has no data");
    end(&f);
}

/* ---- series ---- */

static const char series[] = "t,v,w\n0,10,0.5\n1,11,1.5\n2,12,2.5\n3,13,3.5\n4,14,4.5\n5,15,5.5\n";

static void cuts_series(void)
{
    fixture f;
    tw_array array;
    begin(&f, "x f32[n,k,2]", "y f32[n]", NULL);
    put_text(&f, "a.csv", series);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=v,columns=v,w,window=3"), f.error);
    CHECK(tw_dataset_count(f.data) == 3);
    tw_dataset_describe(f.data, 0, &array);
    CHECK(array.rank == 3 && array.dim[1] == 3 && array.dim[2] == 2);
    const float *x = floats(&f, 0);
    CHECK(x[0] == 10 && x[1] == 0.5f && x[4] == 12 && x[6] == 11 && x[17] == 4.5f);
    const float *y = floats(&f, 1);
    CHECK(y[0] == 13 && y[1] == 14 && y[2] == 15);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=w,columns=v..w,window=2,horizon=3"), f.error);
    CHECK(tw_dataset_count(f.data) == 2 && floats(&f, 1)[0] == 4.5f && floats(&f, 1)[1] == 5.5f);
    /* Without the label also windows that have nothing behind them. */
    CHECK_OK(open_input(&f, "csv:%s/a.csv,label=v,columns=v,w,window=3", "x"), f.error);
    CHECK(tw_dataset_count(f.data) == 4 && floats(&f, 0)[18] == 13);
    CHECK_OK(open_input(&f, "csv:%s/a.csv,columns=v,w,window=6", "x"), f.error);
    CHECK(tw_dataset_count(f.data) == 1);
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,columns=v,w,window=6", TW_ERROR_DATA,
                "has 6 rows, but window=6 and the label behind it needs 7");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,columns=v,w,window=5,horizon=2", TW_ERROR_DATA,
                "needs 7");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=0", TW_ERROR_SYNTAX, "window=0");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=99999999999999999999", TW_ERROR_SYNTAX, "window=");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=2,horizon=2147483647", TW_ERROR_DATA, "needs");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,horizon=2", TW_ERROR_SYNTAX, "add window=ROWS");
    CHECK_FAILS(&f, "csv:%s/a.csv,columns=v,w,window=2", TW_ERROR_SHAPE,
                "\"y\" f32[n] has no data");
    put_text(&f, "a.csv", "t,v\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=2", TW_ERROR_DATA, "has no rows");
    end(&f);
}

static void parts_series(void)
{
    fixture f;
    begin(&f, "x f32[n,2,1]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "v\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n100\n200\n");
    /* 10 windows; 8 of them are for the training, whose rows are 0 to 9. */
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=v,window=2,part=train,split=0.2,normalize=yes"),
             f.error);
    CHECK(tw_dataset_count(f.data) == 8 && floats(&f, 1)[7] == 9);
    CHECK_NEAR(floats(&f, 0)[0], -4.5 / 2.8722813, 1e-6);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=v,window=2,part=test,split=0.2,normalize=yes"),
             f.error);
    CHECK(tw_dataset_count(f.data) == 2);
    CHECK(floats(&f, 1)[0] == 100 && floats(&f, 1)[1] == 200);
    CHECK_NEAR(floats(&f, 0)[3], (100 - 4.5) / 2.8722813, 1e-4);
    CHECK_OK(open_input(&f, "csv:%s/a.csv,window=2,part=test,split=0.2", "x"), f.error);
    CHECK(tw_dataset_count(f.data) == 3 && floats(&f, 0)[5] == 200);
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=11,part=train", TW_ERROR_DATA, "holds none");
    end(&f);
    begin(&f, "x f32[n,1]", "y i32[n] classes=2", NULL);
    put_text(&f, "a.csv", "v,y\n1,no\n,yes\n3,no\n5,yes\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,missing=mean,part=train,split=0.25"), f.error);
    CHECK(tw_dataset_count(f.data) == 3 && floats(&f, 0)[1] == 2); /* of 1 and 3 alone */
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,missing=mean,part=test,split=0.25"), f.error);
    CHECK(tw_dataset_count(f.data) == 1 && floats(&f, 0)[0] == 5);
    CHECK(((const int32_t *)whole(&f)[1])[0] == 1);
    end(&f);
}

static void leaves_gaps_of_series_out(void)
{
    fixture f;
    begin(&f, "x f32[n,2,2]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "v,w\n0,0\n1,1\n2,\n3,3\n4,4\nNA,5\n6,6\n7,7\n8,8\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=2", TW_ERROR_DATA, "row 3 (line 4 of the file)");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=v,window=2,missing=drop"), f.error);
    /* Rows 0-1 before 2, 3-4 before NA (no label), 6-7 before 8: two are whole. */
    CHECK(tw_dataset_count(f.data) == 2);
    CHECK(floats(&f, 0)[0] == 0 && floats(&f, 1)[0] == 2);
    CHECK(floats(&f, 0)[4] == 6 && floats(&f, 0)[7] == 7 && floats(&f, 1)[1] == 8);
    tw_dataset *rest = NULL;
    CHECK_OK(tw_dataset_split(f.data, 0.5, &rest, &f.error), f.error);
    tw_dataset_destroy(&f.data);
    f.data = rest;
    CHECK(tw_dataset_count(f.data) == 1 && floats(&f, 1)[0] == 8);
    CHECK_OK(
        open_spec(&f, "csv:%s/a.csv,label=w,columns=v,w,window=2,missing=drop,part=test,split=0.5"),
        f.error);
    CHECK(tw_dataset_count(f.data) == 2 && floats(&f, 1)[0] == 5 && floats(&f, 1)[1] == 8);
    CHECK_OK(open_input(&f, "csv:%s/a.csv,window=2,missing=last", "x"), f.error);
    CHECK(tw_dataset_count(f.data) == 8 && floats(&f, 0)[5] == 1 && floats(&f, 0)[18] == 4);
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=2,missing=last", TW_ERROR_DATA, "a missing label");
    put_text(&f, "a.csv", "v,w\n0,\n1,1\n2,2\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=2,missing=last", TW_ERROR_DATA,
                "no value before that of row 1 in column 2 (w)");
    put_text(&f, "a.csv", "v,w\n0,\n1,1\n2,\n3,3\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=v,window=2,missing=drop", TW_ERROR_DATA,
                "every window of 2 rows has missing values");
    end(&f);
}

/* ---- standardisation, and what is taken over ---- */

static void standardises(void)
{
    fixture f;
    begin(&f, "x f32[n,3]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "a,b,c,y\n1,5,,10\n2,5,4,20\n3,5,8,30\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,missing=mean,normalize=yes"), f.error);
    const float *x = floats(&f, 0);
    CHECK_NEAR(x[0], -1.2247449, 1e-6);
    CHECK_NEAR(x[6], 1.2247449, 1e-6);
    CHECK(x[1] == 0 && x[4] == 0 && x[2] == 0 && x[5] == -1 && x[8] == 1);
    CHECK(floats(&f, 1)[2] == 30);
    tw_preparation *kept = remembered(&f);
    /* Other columns, another order, no label: the training's are found by their names. */
    put_text(&f, "b.csv", "c,id,b,a\n6,x1,6,2\n,x2,5,3\n");
    const tw_dataset_options options = {
        .preparation = kept, .n_outputs = 1, .outputs = (const char *[]){"x"}};
    CHECK_OK(open_with(&f, "csv:%s/b.csv,missing=mean", &options), f.error);
    static const float want[] = {0, 1, 0, 1.2247449f, 0, 0};
    for (int i = 0; i < 6; i++)
        CHECK_NEAR(floats(&f, 0)[i], want[i], 1e-6);
    CHECK_FAILS_WITH(&f, "csv:%s/b.csv,missing=mean,normalize=no", &options, TW_ERROR_DATA,
                     "was trained with normalize=");
    CHECK_FAILS_WITH(&f, "csv:%s/b.csv,columns=a,b", &options, TW_ERROR_DATA,
                     "2 columns of inputs, but the model was trained on 3");
    CHECK_FAILS_WITH(&f, "csv:%s/b.csv,missing=mean,columns=b,a,c", &options, TW_ERROR_NAME,
                     "input 1 is column \"b\", but the model was trained on \"a\" there");
    CHECK_OK(open_with(&f, "csv:%s/b.csv,missing=mean,columns=a,b,c", &options), f.error);
    put_text(&f, "b.csv", "c,b\n6,6\n");
    CHECK_FAILS_WITH(&f, "csv:%s/b.csv", &options, TW_ERROR_NAME,
                     "has no column \"a\", which the model was trained on");
    put_text(&f, "b.csv", "3,5,8\n");
    CHECK_OK(open_with(&f, "csv:%s/b.csv,header=no", &options), f.error); /* by place */
    CHECK_NEAR(floats(&f, 0)[0], 1.2247449, 1e-6);
    tw_preparation_destroy(&kept);
    end(&f);
}

static void standardises_labels(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "x,y\n1,10\n3,30\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,normalize=all"), f.error);
    CHECK(floats(&f, 1)[0] == -1 && floats(&f, 1)[1] == 1);
    tw_preparation *kept = remembered(&f);
    put_text(&f, "b.csv", "x,y\n1,40\n");
    CHECK_OK(open_with(&f, "csv:%s/b.csv,label=y", &(tw_dataset_options){.preparation = kept}),
             f.error);
    CHECK(floats(&f, 1)[0] == 2 && floats(&f, 0)[0] == -1);
    CHECK_FAILS(&f, "csv:%s/b.csv,label=y,normalize=some", TW_ERROR_SYNTAX, "no, yes or all");
    tw_preparation_destroy(&kept);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y"), f.error);
    kept = remembered(&f);
    CHECK_FAILS_WITH(&f, "csv:%s/b.csv,label=y,normalize=yes",
                     &(tw_dataset_options){.preparation = kept}, TW_ERROR_DATA,
                     "was trained without normalize=");
    tw_preparation_destroy(&kept);
    end(&f);
}

static void takes_classes_over(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y i32[n]", NULL);
    put_text(&f, "a.csv", "x,y\n1,7\n3,two\nlines\n");
    put_text(&f, "a.csv", "x,y\n1,7\n3,\"two\nlines\"\n4,back\\slash\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y"), f.error);
    tw_preparation *kept = remembered(&f);
    const tw_dataset_options options = {.preparation = kept};
    CHECK_TEXT(tw_preparation_class(kept, 1), "back\\slash");
    CHECK_TEXT(tw_preparation_class(kept, 2), "two\nlines");
    put_text(&f, "b.csv", "x,y\n1,7\n1,\"two\nlines\"\n");
    CHECK_OK(open_with(&f, "csv:%s/b.csv,label=y", &options), f.error);
    CHECK(((const int32_t *)whole(&f)[1])[1] == 2 && tw_dataset_class_count(f.data) == 3);
    put_text(&f, "b.csv", "x,y\n1,8\n");
    CHECK_FAILS_WITH(&f, "csv:%s/b.csv,label=y", &options, TW_ERROR_DATA,
                     "\"8\", which is none of the classes of the training");
    tw_preparation_destroy(&kept);
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "x f32[n,2,2]", "y f32[n]", "z i32[n]", NULL);
    put_text(&f, "a.csv", "v,w,k\n0,0,a\n1,1,b\n2,,a\n3,3,a\n4,4,b\n");
    fail_memory_in_turn(
        &f, "csv:%s/a.csv,columns=1..2,label=v,label=k,window=2,missing=drop,normalize=all");
    fail_memory_in_turn(&f,
                        "csv:%s/a.csv,columns=v,w,label=v,label=k,window=2,missing=last,part=test");
    end(&f);
}

static void survives_mutations(void)
{
    fixture f;
    begin(&f, "x f32[n,2,2]", "y f32[n,2]", NULL);
    put_text(&f, "a.csv", "v,w\n0,0\n1,1\n2,\n3,3\n4,4\n5,5\n6,6\n");
    mutate(&f, "a.csv", "csv:%s/a.csv,label=v,w,window=2,missing=drop,normalize=all", 1500);
    mutate(&f, "a.csv", "csv:%s/a.csv,label=v,w,window=2,horizon=2,missing=mean,part=train", 1500);
    end(&f);
}

TESTS(T(chooses_columns), T(reads_several_labels), T(reads_labels_for_several_inputs),
      T(cuts_series), T(parts_series), T(leaves_gaps_of_series_out), T(standardises),
      T(standardises_labels), T(takes_classes_over), T(survives_missing_memory),
      T(survives_mutations))
