// SPDX-License-Identifier: Apache-2.0
// IDX, the format of MNIST: two zero bytes, type, rank, sizes, elements; all big endian.
// http://yann.lecun.com/exdb/mnist/
#include "data/loaders.h"
#include "data/stream.h"

static bool idx_cell(int code, tw_cell *cell)
{
    static const struct {
        int code;
        tw_cell cell;
    } codes[] = {{0x08, TW_CELL_U8},  {0x09, TW_CELL_I8},  {0x0b, TW_CELL_I16},
                 {0x0c, TW_CELL_I32}, {0x0d, TW_CELL_F32}, {0x0e, TW_CELL_F64}};
    for (int i = 0; i < TW_COUNT(codes); i++)
        if (codes[i].code == code) {
            *cell = codes[i].cell;
            return true;
        }
    return false;
}

typedef struct header {
    tw_cell cell;
    int rank;
    int64_t dim[TW_MAX_RANK];
} header;

static tw_status read_header(tw_stream *stream, header *h, tw_error *error)
{
    const char *path = tw_stream_path(stream);
    unsigned char magic[4], sizes[4 * TW_MAX_RANK];
    TW_TRY(tw_stream_exact(stream, magic, sizeof magic, "its header", error));
    if (magic[0] || magic[1] || !idx_cell(magic[2], &h->cell))
        return tw_fail(error, TW_ERROR_FORMAT,
                       "'%s' is no IDX file: it begins with %02x %02x %02x %02x", path, magic[0],
                       magic[1], magic[2], magic[3]);
    h->rank = magic[3];
    if (h->rank < 1 || h->rank > TW_MAX_RANK)
        return tw_fail(error, TW_ERROR_FORMAT, "'%s' has %d sizes; 1 to %d are read", path, h->rank,
                       TW_MAX_RANK);
    TW_TRY(tw_stream_exact(stream, sizes, 4 * (size_t)h->rank, "its sizes", error));
    for (int i = 0; i < h->rank; i++)
        h->dim[i] = (int64_t)sizes[4 * i] << 24 | sizes[4 * i + 1] << 16 | sizes[4 * i + 2] << 8 |
                    sizes[4 * i + 3];
    return TW_OK;
}

static tw_status check_kind(const char *path, const header *h, bool labels, tw_error *error)
{
    if (labels == (h->rank == 1))
        return TW_OK;
    return tw_fail(error, TW_ERROR_FORMAT,
                   labels ? "'%s' holds images (%d sizes), not labels"
                          : "'%s' holds labels (%d size), not images",
                   path, h->rank);
}

static tw_status read_column(tw_table *table, tw_stream *stream, bool labels, tw_error *error)
{
    const char *path = tw_stream_path(stream);
    header h = {.rank = 0};
    TW_TRY(read_header(stream, &h, error));
    TW_TRY(check_kind(path, &h, labels, error));
    uint64_t bytes;
    TW_TRY(tw_stream_expect(stream, h.cell, h.rank, h.dim, &bytes, error));
    const char *name = tw_arena_printf(&table->arena, "'%s'", path);
    if (!name)
        return tw_fail_memory(error);
    tw_column *column;
    TW_TRY(tw_table_add(table, name, h.cell, h.rank, h.dim, &column, error));
    TW_TRY(tw_stream_exact(stream, column->data, (size_t)bytes, "its data", error));
    TW_TRY(tw_stream_end(stream, error));
    tw_cells_order(column->data, (size_t)bytes, tw_cell_size(h.cell), true);
    return TW_OK;
}

/* The first of the names that MNIST's files go by. */
static tw_status find(tw_table *table, const char *folder, const char *set, bool labels,
                      const char **path, tw_error *error)
{
    const char *kind = labels ? "labels" : "images", *rank = labels ? "idx1" : "idx3";
    static const char *const forms[][2] = {{"-", ""}, {"-", ".gz"}, {".", ""}, {".", ".gz"}};
    for (int i = 0; i < TW_COUNT(forms); i++) {
        *path = tw_arena_printf(&table->arena, "%s/%s-%s%s%s-ubyte%s", folder, set, kind,
                                forms[i][0], rank, forms[i][1]);
        if (!*path)
            return tw_fail_memory(error);
        if (tw_file_exists(*path))
            return TW_OK;
    }
    return tw_fail(error, TW_ERROR_FILE,
                   "the folder '%s' has no %s: looked for %s-%s-%s-ubyte and %s-%s.%s-ubyte, "
                   "with and without .gz",
                   folder, kind, set, kind, rank, set, kind, rank);
}

static tw_status read_file(tw_table *table, const char *folder, const char *set, bool labels,
                           tw_error *error)
{
    const char *path;
    TW_TRY(find(table, folder, set, labels, &path, error));
    tw_stream *stream;
    TW_TRY(tw_stream_open(table->context, path, &stream, error));
    const tw_status status = read_column(table, stream, labels, error);
    tw_stream_close(&stream);
    return status;
}

tw_status tw_load_idx(tw_table *table, const tw_graph *graph, const char *rest, tw_error *error)
{
    (void)graph;
    const char *folder;
    bool train;
    TW_TRY(tw_spec_folder(table, rest, "idx:DIR:train|test", &folder, &train, error));
    const char *set = train ? "train" : "t10k";
    TW_TRY(read_file(table, folder, set, false, error));
    return table->wanted > 1 ? read_file(table, folder, set, true, error) : TW_OK;
}
