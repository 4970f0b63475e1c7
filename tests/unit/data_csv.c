// SPDX-License-Identifier: Apache-2.0
// CSV: quotes, line ends, labels as numbers and as words, missing values, and every sentence of
// refusal.
#include "data_help.h"

static void reads_numbers(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "a,b,price\n1, 2.5 ,0.5\n-3e2,\"4\",1.25\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=price"), f.error);
    const void *const *columns = whole(&f);
    const float *x = columns[0], *y = columns[1];
    CHECK(tw_dataset_count(f.data) == 2);
    CHECK(x[0] == 1 && x[1] == 2.5f && x[2] == -300 && x[3] == 4);
    CHECK(y[0] == 0.5f && y[1] == 1.25f);
    end(&f);
}

static void reads_line_ends(void)
{
    static const char *const texts[] = {"a,b\r\n1,2\r\n3,4\r\n", "a,b\n1,2\n3,4", "a,b\r1,2\r3,4\r",
                                        ("\xef\xbb\xbf"
                                         "a,b\n\n1,2\n\n\n3,4\n\n"),
                                        "\"a\",\"b\"\r\n\"1\",2\r\n3,\"4\""};
    for (int i = 0; i < 5; i++) {
        fixture f;
        begin(&f, "x f32[n,1]", "y i32[n] classes=5", NULL);
        put_text(&f, "a.csv", texts[i]);
        CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=b"), f.error);
        const void *const *columns = whole(&f);
        CHECK(((const float *)columns[0])[0] == 1 && ((const float *)columns[0])[1] == 3);
        CHECK(((const int32_t *)columns[1])[0] == 2 && ((const int32_t *)columns[1])[1] == 4);
        end(&f);
    }
}

static void finds_the_label(void)
{
    static const char *const labels[] = {"kind", "1", "-3"};
    for (int i = 0; i < 3; i++) {
        fixture f;
        char spec[64];
        begin(&f, "x f32[n,2]", "y i32[n]", NULL);
        put_text(&f, "a,b.csv", "kind,b,c\n7,1,2\n8,3,4\n");
        snprintf(spec, sizeof spec, "csv:%%s/a,b.csv,label=%s", labels[i]);
        CHECK_OK(open_spec(&f, spec), f.error);
        const void *const *columns = whole(&f);
        CHECK(((const float *)columns[0])[3] == 4 && ((const int32_t *)columns[1])[1] == 8);
        end(&f);
    }
}

static void reads_without_header(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y i32[n]", NULL);
    put_text(&f, "a.csv", "1,2,3\n4,5,6\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=3", TW_ERROR_FORMAT, "holds only numbers: add header=no");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=-1,header=no"), f.error);
    const void *const *columns = whole(&f);
    CHECK(tw_dataset_count(f.data) == 2);
    CHECK(((const float *)columns[0])[0] == 1 && ((const int32_t *)columns[1])[1] == 6);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=3,header=yes"), f.error);
    CHECK(tw_dataset_count(f.data) == 1);
    end(&f);
}

static void reads_words_as_classes(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y i32[n] classes=3", NULL);
    put_text(&f, "a.csv", "x,kind\n1,7\n2,setosa\n3,\"a \"\"b\"\",\nc\"\n4,setosa\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=kind"), f.error);
    const int32_t *y = whole(&f)[1];
    CHECK(y[0] == 0 && y[1] == 2 && y[2] == 1 && y[3] == 2);
    CHECK(tw_dataset_class_count(f.data) == 3);
    CHECK_TEXT(tw_dataset_class(f.data, 0), "7");
    CHECK_TEXT(tw_dataset_class(f.data, 1), "a \"b\",\nc");
    CHECK_TEXT(tw_dataset_class(f.data, 2), "setosa");
    CHECK(tw_dataset_class(f.data, 3) == NULL && tw_dataset_class(f.data, -1) == NULL);
    end(&f);
}

static void reads_many_words(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y i32[n] classes=500", NULL);
    FILE *file = fopen(at(&f, "a.csv"), "w");
    fprintf(file, "x,y\n");
    for (int i = 0; i < 3000; i++)
        fprintf(file, "%d,word%03d\n", i, (i * 7 + 499) % 500);
    fclose(file);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y"), f.error);
    const void *const *columns = whole(&f);
    bool right = true;
    for (int i = 0; i < 3000; i++)
        right &= ((const int32_t *)columns[1])[i] == (i * 7 + 499) % 500 &&
                 ((const float *)columns[0])[i] == (float)i;
    CHECK(right);
    end(&f);
}

static void takes_classes_from_a_file(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y i32[n] classes=3", NULL);
    put_text(&f, "a.csv", "x,kind\n1,dog\n2,cat\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=kind", TW_ERROR_DATA, "2 different classes (cat, dog)");
    CHECK_HAS(f.error.text, "classes=FILE");
    put_text(&f, "c.txt", "dog\nbird\r\ncat\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=kind,classes=%s/c.txt"), f.error);
    const int32_t *y = whole(&f)[1];
    CHECK(y[0] == 0 && y[1] == 2);
    CHECK_TEXT(tw_dataset_class(f.data, 1), "bird");
    put_text(&f, "c.txt", "dog\nbird\nfish\n");
    CHECK_FAILS(
        &f, "csv:%s/a.csv,label=kind,classes=%s/c.txt", TW_ERROR_DATA,
        "row 2 (line 3 of the file), column 2 (\"kind\") is \"cat\", which is none of the classes");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=kind,classes=%s/none", TW_ERROR_FILE, "none");
    end(&f);
}

static void makes_labels_one_hot(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y f32[n,3]", NULL);
    put_text(&f, "a.csv", "x,kind\n1,b\n2,a\n3,c\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=kind"), f.error);
    const float want[] = {0, 1, 0, 1, 0, 0, 0, 0, 1};
    CHECK(memcmp(whole(&f)[1], want, sizeof want) == 0);
    put_text(&f, "a.csv", "x,kind\n1,0\n2,3\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=kind", TW_ERROR_DATA, "holds the label 3");
    end(&f);
}

static void reads_features_alone(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", NULL);
    put_text(&f, "a.csv", "a,b,kind\n1,2,u\n3,4,v\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=kind"), f.error);
    CHECK(tw_dataset_class_count(f.data) == 0 && ((const float *)whole(&f)[0])[3] == 4);
    put_text(&f, "a.csv", "a,b\n1,2\n3,4\n");
    CHECK_OK(open_spec(&f, "csv:%s/a.csv"), f.error);
    end(&f);
    begin(&f, "x f32[n,2]", "y i32[n]", NULL);
    put_text(&f, "a.csv", "a,b\n1,2\n3,4\n");
    CHECK_FAILS(&f, "csv:%s/a.csv", TW_ERROR_SHAPE, "input \"y\" i32[n] has no data");
    CHECK_HAS(f.error.text, "csv:FILE,label=COLUMN");
    end(&f);
}

static void names_missing_values(void)
{
    static const char *const words[] = {"", " ", "NA", "nan", "N/A", "null", "?", "\"\""};
    fixture f;
    begin(&f, "x f32[n,2]", "y i32[n]", NULL);
    for (int i = 0; i < 8; i++) {
        char text[100];
        snprintf(text, sizeof text, "a,b,y\n1,2,0\n3,%s,1\n5,6,1\n", words[i]);
        put_text(&f, "a.csv", text);
        CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_DATA,
                    "row 2 (line 3 of the file), column 2 (\"b\")");
        CHECK_HAS(f.error.text, "a missing value; missing=drop");
        CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,missing=drop"), f.error);
        CHECK(tw_dataset_count(f.data) == 2 && ((const float *)whole(&f)[0])[2] == 5);
        CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y,missing=mean"), f.error);
        CHECK(tw_dataset_count(f.data) == 3 && ((const float *)whole(&f)[0])[3] == 4);
    }
    put_text(&f, "a.csv", "a,b,y\n1,2,\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,missing=mean", TW_ERROR_DATA, "a missing label");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,missing=drop", TW_ERROR_DATA,
                "no rows without missing values");
    put_text(&f, "a.csv", "a,b,y\n1,,1\n2,,1\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y,missing=mean", TW_ERROR_DATA, "every value of column 2");
    end(&f);
}

static void names_what_is_no_number(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y f32[n]", NULL);
    put_text(&f, "a.csv", "a,b,y\n1,\"x\ny\",0\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_DATA,
                "row 1 (line 2 of the file), column 2 (\"b\") is \"x?y\", not a number");
    put_text(&f, "a.csv", "a,b,y\n1,2,0\n1,\"2\n\",0\n1,inf,0\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_DATA, "\"2?\", not a number");
    put_text(&f, "a.csv", "a,b,y\n1,1e39,0\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_DATA, "\"1e39\", not a finite number of f32");
    put_text(&f, "a.csv", "a,b,y\n1,2,inf\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_DATA, "\"inf\", not a finite number");
    put_text(&f, "a.csv", "a,b,y\n1,2,0\n1,2,many\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_TYPE, "holds words (line 3: \"many\")");
    end(&f);
}

static void refuses_damaged_files(void)
{
    static const struct {
        const char *text, *want;
    } bad[] = {{"", "is empty"},
               {"a,b,y\n", "has no rows after its header"},
               {"a,b,y\n1,2\n", "row 1 (line 2 of the file) has 2 columns, the first line has 3"},
               {"a,b,y\n1,2,3,4\n", "has 4 columns"},
               {"a,b,y\n1,\"2,3\n4,5,6\n", "the quote that opens on line 2 is never closed"},
               {"a,b,y\n1,\"2\"3,4\n", "line 2: text follows a closing quote"}};
    fixture f;
    begin(&f, "x f32[n,2]", "y i32[n]", NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_text(&f, "a.csv", bad[i].text);
        const tw_status status = open_spec(&f, "csv:%s/a.csv,label=y");
        CHECK(status == TW_ERROR_FORMAT || status == TW_ERROR_DATA);
        CHECK_HAS(f.error.text, bad[i].want);
    }
    put_text(&f, "a.csv", "y\n1\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_FORMAT, "no columns beside the label");
    put(&f, "a.csv", "a,b,y\n1,2,u\0v\n", 14);
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_FORMAT, "holds bytes of value 0");
    put(&f, "a.csv", "a,b,y\n1,2\0,0\n", 13);
    CHECK_FAILS(&f, "csv:%s/a.csv,label=y", TW_ERROR_FORMAT, "holds bytes of value 0");
    CHECK_FAILS(&f, "csv:%s/none.csv,label=y", TW_ERROR_FILE, "no such file");
    CHECK_FAILS(&f, "csv:%s,label=y", TW_ERROR_FILE, "it is a folder");
    end(&f);
}

static void refuses_options(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y i32[n]", NULL);
    put_text(&f, "a.csv", "weight,height,kind\n1,2,3\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=wieght", TW_ERROR_NAME, "do you mean \"weight\"?");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=4", TW_ERROR_NAME,
                "it has 3 columns, the first \"weight\"");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=0", TW_ERROR_NAME, "numbers from 1");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=1,label=1", TW_ERROR_NAME,
                "label= names column 1 (\"weight\") twice");
    CHECK_FAILS(&f, "csv:%s/a.csv,header=no,header=no", TW_ERROR_SYNTAX,
                "have header= once too often");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=1,missing=some", TW_ERROR_SYNTAX,
                "must be error, drop, mean or last");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=1,header=maybe", TW_ERROR_SYNTAX, "must be no or yes");
    CHECK_FAILS(&f, "csv:,label=1", TW_ERROR_SYNTAX, "name no file");
    CHECK_FAILS(&f, "csv", TW_ERROR_SYNTAX, "name no file");
    put_text(&f, "a.csv", "a,a,b\n1,2,3\n");
    CHECK_FAILS(&f, "csv:%s/a.csv,label=a", TW_ERROR_NAME, "several columns \"a\": give the label by number");
    end(&f);
}

/* Fields and records that lie across the reader's pieces of 32 KiB. */
static void reads_across_pieces(void)
{
    fixture f;
    begin(&f, "x f32[n,1]", "y i32[n]", NULL);
    FILE *file = fopen(at(&f, "a.csv"), "w");
    fprintf(file, "x,y\n");
    for (int i = 0; i < 20000; i++)
        fprintf(file, i % 3 ? "%d.5,%d\r\n" : "\"%d.5\",\"%d\"\n", i, i);
    fclose(file);
    CHECK_OK(open_spec(&f, "csv:%s/a.csv,label=y"), f.error);
    const void *const *columns = whole(&f);
    bool right = tw_dataset_count(f.data) == 20000;
    for (int i = 0; right && i < 20000; i++)
        right = ((const float *)columns[0])[i] == (float)i + 0.5f &&
                ((const int32_t *)columns[1])[i] == i;
    CHECK(right);
    end(&f);
}

static void survives_missing_memory(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y i32[n] classes=2", NULL);
    put_text(&f, "a.csv", "a,b,y\n1,2,0\n3,,u\n5,6,0\n");
    put_text(&f, "c.txt", "0\nu\n");
    fail_memory_in_turn(&f, "csv:%s/a.csv,label=y,missing=mean");
    fail_memory_in_turn(&f, "csv:%s/a.csv,label=y,missing=drop,classes=%s/c.txt");
    end(&f);
}

static void survives_mutations(void)
{
    fixture f;
    begin(&f, "x f32[n,2]", "y i32[n]", NULL);
    put_text(&f, "a.csv", "a,b,\"y\"\n1,2,0\r\n-3,1e5,\"u,\"\"v\"\n5,6,0\n");
    mutate(&f, "a.csv", "csv:%s/a.csv,label=3", 3000);
    mutate(&f, "a.csv", "csv:%s/a.csv,label=-1,missing=mean", 1000);
    end(&f);
}

TESTS(T(reads_numbers), T(reads_line_ends), T(finds_the_label), T(reads_without_header),
      T(reads_words_as_classes), T(reads_many_words), T(takes_classes_from_a_file),
      T(makes_labels_one_hot), T(reads_features_alone), T(names_missing_values),
      T(names_what_is_no_number), T(refuses_damaged_files), T(refuses_options),
      T(reads_across_pieces), T(survives_missing_memory), T(survives_mutations))
