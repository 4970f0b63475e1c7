// SPDX-License-Identifier: Apache-2.0
// What the parts of the CSV loader share.
#ifndef TW_DATA_CSV_H
#define TW_DATA_CSV_H

#include "data/classes.h"
#include "data/loaders.h"
#include "data/records.h"

#define TW_CSV_LABELS 8 /* label= in one SPEC */

typedef enum tw_csv_missing {
    TW_MISSING_ERROR,
    TW_MISSING_DROP,
    TW_MISSING_MEAN,
    TW_MISSING_LAST
} tw_csv_missing;

typedef enum tw_csv_normalize {
    TW_NORMALIZE_NO,
    TW_NORMALIZE_YES,
    TW_NORMALIZE_ALL
} tw_csv_normalize;

/* One label=: its columns become one column of data. */
typedef struct tw_csv_label {
    const char *text; /* as in the SPEC */
    int first, count; /* among the targets */
} tw_csv_label;

typedef struct tw_csv {
    tw_table *table;
    const char *path;
    tw_error *error;
    tw_records records;
    /* The SPEC. */
    bool has_header, header_given;
    tw_csv_missing missing;
    tw_csv_normalize normalize;
    bool normalize_given;
    const char *columns_text; /* columns=; NULL: all */
    int n_labels;
    tw_csv_label labels[TW_CSV_LABELS];
    int64_t window, horizon; /* 0: no series */
    tw_spec_part part;
    bool wants_label; /* the graph needs it */
    /* The file's head. */
    int n_fields;        /* columns of the file */
    char **names;        /* of them; NULL where the file has no header */
    int *input_of;       /* by field: number of its column in the matrix, -1: none */
    int *target_of;      /* by field: number among the targets, -1: none */
    int width;           /* of the matrix */
    int n_targets;       /* columns that are labels */
    int *input, *target; /* the fields of them */
    /* Its rows. */
    int64_t row;             /* of the file, from 1 */
    int64_t count, capacity; /* rows that are kept, and room for them */
    float *matrix;           /* count * width; NaN: missing */
    double *numbers;         /* count * n_targets; NaN: missing, or a word */
    int32_t *words;          /* count: classes of the target that holds words */
    int word_target;         /* which that is; -1: none */
    bool fixed_classes;
    const char *first_word; /* which label was no number, for sentences */
    tw_classes classes;
} tw_csv;

/* csv_head.c: takes the SPEC apart. Errors: SYNTAX, FILE. */
tw_status tw_csv_options(tw_csv *csv, const char *rest);
/* Opens the file and reads its first record, which tells the columns; *pending: that record is
 * data. */
tw_status tw_csv_begin(tw_csv *csv, bool *pending);
/* csv_fields.c: finds the inputs and the labels among the file's columns, whose names are known.
 * Errors: NAME, FORMAT. */
tw_status tw_csv_fields(tw_csv *csv);
/* csv_head.c: whether the classes are told, and then by which target. */
tw_status tw_csv_take_classes(tw_csv *csv);

/* csv_values.c: means and deviations of the training, which are those of the first `rows` rows or
 * what a run remembers, into the table's preparation. Errors: DATA, MEMORY. */
tw_status tw_csv_measure(tw_csv *csv, int64_t rows);
/* Fills what is missing, and standardises. Errors: DATA. */
tw_status tw_csv_fill(tw_csv *csv);

/* csv_columns.c: makes the table's columns of the rows. Errors: DATA, MEMORY. */
tw_status tw_csv_columns(tw_csv *csv);

/* The name of a field for sentences, "column 2" without a header; in a buffer of TW_CSV_SHOWN. */
#define TW_CSV_SHOWN 48
const char *tw_csv_field_name(const tw_csv *csv, int field, char *buffer);
/* A field for a sentence: short, without control characters; in a buffer of TW_CSV_SHOWN. Returns
 * the buffer. */
const char *tw_csv_shown(const char *field, char *buffer);

#endif
