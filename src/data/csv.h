// SPDX-License-Identifier: Apache-2.0
// What the parts of the CSV loader share.
#ifndef TW_DATA_CSV_H
#define TW_DATA_CSV_H

#include "data/classes.h"
#include "data/loaders.h"
#include "data/records.h"

typedef enum tw_csv_missing { TW_MISSING_ERROR, TW_MISSING_DROP, TW_MISSING_MEAN } tw_csv_missing;

typedef struct tw_csv {
    tw_table *table;
    const char *path;
    tw_error *error;
    tw_records records;
    bool has_header, header_given;
    tw_csv_missing missing;
    const char *label_text;  /* as in the SPEC; NULL: none */
    bool wants_label;        /* the graph takes it */
    int n_fields, label;     /* columns of the file; which is the label, -1: none */
    char **names;            /* of columns; NULL where the file has no header */
    int64_t row;             /* of the file, from 1 */
    int64_t count, capacity; /* rows that are kept, and room for them */
    int width;               /* of the matrix */
    float *matrix;           /* count * width */
    double *sums;            /* of each column, and how many values made it: for missing=mean */
    int64_t *values;
    double *numbers; /* labels as numbers, or */
    int32_t *words;  /* as classes */
    bool in_words, fixed_classes;
    const char *first_word; /* which label was no number, for sentences */
    tw_classes classes;
} tw_csv;

/* csv_head.c: takes the SPEC apart. Errors: SYNTAX, FILE. */
tw_status tw_csv_options(tw_csv *csv, const char *rest);
/* Opens the file and reads its first record, which tells the columns; *pending: that record is
 * data. */
tw_status tw_csv_begin(tw_csv *csv, bool *pending);

#define TW_CSV_SHOWN 48
/* A field for a sentence: short, without control characters; in a buffer of TW_CSV_SHOWN. Returns
 * the buffer. */
const char *tw_csv_shown(const char *field, char *buffer);

#endif
