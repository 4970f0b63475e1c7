// SPDX-License-Identifier: Apache-2.0
// The rows of cl/elementwise.def as a table: expression texts for OpenCL, functions for the host.
#ifndef TW_OP_ROWS_H
#define TW_OP_ROWS_H

#include <stdint.h>

typedef enum tw_row_kind {
    TW_ROW_REAL,
    TW_ROW_NUMBER,
    TW_ROW_INTEGER,
    TW_ROW_COMPARE,
    TW_ROW_REALTEST,
    TW_ROW_LOGIC,
    TW_ROW_SELECT
} tw_row_kind;

/* Values of tw_operator.row that are no rows: cast, and what hands its input on to more places
 * (broadcast). */
#define TW_ROW_CAST (-1)
#define TW_ROW_BROADCAST (-2)

typedef struct tw_derivative {
    const char *uses; /* letters of ABCY; NULL: there is no derivative */
    const char *text;
} tw_derivative;

typedef struct tw_row {
    const char *name;
    int inputs;
    tw_row_kind kind;
    const char *text;
    tw_derivative derivative[3];
    double (*real)(const double *v, const double *p);      /* v: a, b, c, y */
    double (*slope[3])(const double *v, const double *p);  /* the derivatives */
    int64_t (*integer)(const int64_t *v, const double *p); /* NULL: real types only */
} tw_row;

/* The row and what is computed of it (0: value, i: derivative by input i - 1) for a
 * tw_operator.row. */
const tw_row *tw_row_get(int row);
int tw_row_which(int row);

#endif
