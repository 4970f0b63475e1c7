// SPDX-License-Identifier: Apache-2.0
// Columns and tables of them.
#include "data/column.h"

#include <stdio.h>

static const struct {
    const char *name;
    size_t size;
    bool is_float;
} cells[] = {
#define CELL_ROW(name, text, bytes, is_float) [name] = {text, bytes, is_float},
    TW_CELL_LIST(CELL_ROW)
#undef CELL_ROW
};

const char *tw_cell_name(tw_cell cell)
{
    return cells[cell].name;
}

size_t tw_cell_size(tw_cell cell)
{
    return cells[cell].size;
}

bool tw_cell_is_float(tw_cell cell)
{
    return cells[cell].is_float;
}

int64_t tw_column_width(const tw_column *column)
{
    int64_t width = 1;
    for (int i = 1; i < column->rank; i++)
        width *= column->dim[i];
    return width;
}

int64_t tw_column_stride(const tw_column *column)
{
    return column->stride ? column->stride : tw_column_width(column);
}

const char *tw_column_text(const tw_column *column, char *buffer)
{
    int at = snprintf(buffer, TW_COLUMN_TEXT, "%s[", tw_cell_name(column->cell));
    for (int i = 0; i < column->rank; i++)
        at += snprintf(buffer + at, (size_t)(TW_COLUMN_TEXT - at), "%s%lld", i ? "," : "",
                       (long long)column->dim[i]);
    snprintf(buffer + at, (size_t)(TW_COLUMN_TEXT - at), "]");
    return buffer;
}

bool tw_cells_bytes(tw_cell cell, int32_t rank, const int64_t *dim, uint64_t *bytes)
{
    *bytes = tw_cell_size(cell);
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        const uint64_t size = (uint64_t)dim[i];
        if (size == 0)
            empty = true;
        else if (size > PTRDIFF_MAX / *bytes)
            return false;
        else
            *bytes *= size;
    }
    if (empty)
        *bytes = 0;
    return true;
}

void tw_cells_order(void *data, uint64_t bytes, size_t size, bool big_endian)
{
    const uint16_t probe = 1;
    const bool here_big = *(const unsigned char *)&probe == 0;
    if (size == 1 || here_big == big_endian)
        return;
    unsigned char *cell = data;
    for (uint64_t at = 0; at < bytes; at += size, cell += size)
        for (size_t i = 0; i < size / 2; i++) {
            const unsigned char swapped = cell[i];
            cell[i] = cell[size - 1 - i];
            cell[size - 1 - i] = swapped;
        }
}

tw_status tw_table_adopt(tw_table *table, const char *name, tw_cell cell, int32_t rank,
                         const int64_t *dim, void *data, tw_column **column, tw_error *error)
{
    tw_column *made = &table->columns[table->n_columns];
    const char *copy = tw_arena_text(&table->arena, name, strlen(name));
    if (!copy || table->n_columns == TW_MAX_COLUMNS) {
        tw_free(table->context, data);
        return copy ? tw_fail(error, TW_ERROR_ARGUMENT, "more than %d columns of data",
                              TW_MAX_COLUMNS)
                    : tw_fail_memory(error);
    }
    *made = (tw_column){.name = copy, .cell = cell, .rank = rank, .data = data};
    memcpy(made->dim, dim, (size_t)rank * sizeof *dim);
    table->n_columns++;
    *column = made;
    return TW_OK;
}

tw_status tw_table_add(tw_table *table, const char *name, tw_cell cell, int32_t rank,
                       const int64_t *dim, tw_column **column, tw_error *error)
{
    uint64_t bytes;
    if (!tw_cells_bytes(cell, rank, dim, &bytes))
        return tw_fail(error, TW_ERROR_FORMAT,
                       "%s is too large: its sizes multiply to more than memory can hold", name);
    void *data = tw_alloc(table->context, (size_t)bytes);
    if (!data)
        return tw_fail_memory(error);
    return tw_table_adopt(table, name, cell, rank, dim, data, column, error);
}

tw_status tw_table_view(tw_table *table, const char *name, int64_t offset, int32_t rank,
                        const int64_t *dim, tw_column **column, tw_error *error)
{
    const tw_column *base = &table->columns[table->n_columns - 1];
    void *data = (char *)base->data + (size_t)offset * tw_cell_size(base->cell);
    if (table->n_columns == TW_MAX_COLUMNS)
        return tw_fail(error, TW_ERROR_ARGUMENT, "more than %d columns of data", TW_MAX_COLUMNS);
    TW_TRY(tw_table_adopt(table, name, base->cell, rank, dim, NULL, column, error));
    (*column)->data = data;
    (*column)->stride = tw_column_stride(base);
    (*column)->borrowed = true;
    return TW_OK;
}

void tw_table_clear(tw_table *table)
{
    for (int i = 0; i < table->n_columns; i++)
        if (!table->columns[i].borrowed)
            tw_free(table->context, table->columns[i].data);
    table->n_columns = 0;
    tw_free(table->context, table->rows);
    table->rows = NULL;
    tw_arena_free(&table->arena);
}
