// SPDX-License-Identifier: Apache-2.0
// Columns: one value (an image, a label) of every sample, in memory in the type that the file has.
#ifndef TW_DATA_COLUMN_H
#define TW_DATA_COLUMN_H

#include "data/preparation.h"

/* Element types of files: name, bytes, kind (FLOAT, INTEGER). */
#define TW_CELL_LIST(X)                                                                            \
    X(TW_CELL_F32, "f32", 4, true)                                                                 \
    X(TW_CELL_F64, "f64", 8, true)                                                                 \
    X(TW_CELL_F16, "f16", 2, true)                                                                 \
    X(TW_CELL_BF16, "bf16", 2, true)                                                               \
    X(TW_CELL_I8, "i8", 1, false)                                                                  \
    X(TW_CELL_I16, "i16", 2, false)                                                                \
    X(TW_CELL_I32, "i32", 4, false)                                                                \
    X(TW_CELL_I64, "i64", 8, false)                                                                \
    X(TW_CELL_U8, "u8", 1, false)                                                                  \
    X(TW_CELL_U16, "u16", 2, false)                                                                \
    X(TW_CELL_U32, "u32", 4, false)                                                                \
    X(TW_CELL_U64, "u64", 8, false)                                                                \
    X(TW_CELL_BOOL, "bool", 1, false)

typedef enum tw_cell {
#define TW_CELL_ENUM(name, text, bytes, is_float) name,
    TW_CELL_LIST(TW_CELL_ENUM)
#undef TW_CELL_ENUM
} tw_cell;

const char *tw_cell_name(tw_cell cell);
size_t tw_cell_size(tw_cell cell);
bool tw_cell_is_float(tw_cell cell);

typedef struct tw_column {
    const char *name; /* "images", "X.npy": for sentences */
    const char
        *note; /* more for a sentence on why it does not fit ("row 3 holds \"cat\""), or NULL */
    tw_cell cell;
    int32_t rank;             /* at least 1 */
    int64_t dim[TW_MAX_RANK]; /* dim[0]: samples */
    void *data;
    int64_t stride; /* elements from one sample to the next, where they overlap; 0: as many as one
                       sample has */
    bool borrowed;  /* data is the caller's, or another column's */
    bool classed; /* its values are numbers of the table's classes: known to be below their count */
} tw_column;

/* Elements of one sample. */
int64_t tw_column_width(const tw_column *column);
/* Elements from one sample to the next. */
int64_t tw_column_stride(const tw_column *column);
/* "u8[60000,28,28]" into a buffer of TW_COLUMN_TEXT bytes; returns the buffer. */
#define TW_COLUMN_TEXT 200
const char *tw_column_text(const tw_column *column, char *buffer);

/* What a loader yields. Loaders fill in columns from 0, at most `wanted` of them: the graph takes
 * no more, so the rest need not be read. Everything but column data lies in the arena. */
#define TW_MAX_COLUMNS 16
typedef struct tw_table {
    tw_context *context;
    tw_arena arena;
    int wanted;
    int64_t *rows; /* the samples among those of the columns; NULL: all */
    int64_t n_rows;
    int n_columns;
    tw_column columns[TW_MAX_COLUMNS];
    int n_inputs;       /* of the graph */
    const bool *needed; /* by input: it must get a column */
    int64_t size[26];   /* of letters, as far as the user says or a run remembers; 0: not known */
    const tw_preparation *given; /* how earlier data were prepared, or NULL */
    tw_preparation preparation;  /* how these are: what loaders and binding find out */
    const char *hint; /* how to get another column, for a sentence ("add label=COLUMN"), or NULL */
} tw_table;

/* Bytes that cells of these sizes (each at least 0) take; false if that is more than memory can
 * hold. */
bool tw_cells_bytes(tw_cell cell, int32_t rank, const int64_t *dim, uint64_t *bytes);
/* Turns cells of `size` bytes each, as a file has them, to this machine's byte order. */
void tw_cells_order(void *data, uint64_t bytes, size_t size, bool big_endian);

/* Appends a column and allocates its data; name is copied. Errors: FORMAT (sizes that overflow),
 * MEMORY, ARGUMENT (too many columns). */
tw_status tw_table_add(tw_table *table, const char *name, tw_cell cell, int32_t rank,
                       const int64_t *dim, tw_column **column, tw_error *error);
/* The same with data that exist already: an allocation that becomes the table's, also on failure.
 */
tw_status tw_table_adopt(tw_table *table, const char *name, tw_cell cell, int32_t rank,
                         const int64_t *dim, void *data, tw_column **column, tw_error *error);
/* A column over data of the one before, from element `offset` on, with that one's type and stride.
 */
tw_status tw_table_view(tw_table *table, const char *name, int64_t offset, int32_t rank,
                        const int64_t *dim, tw_column **column, tw_error *error);
void tw_table_clear(tw_table *table); /* frees everything */

#endif
