// SPDX-License-Identifier: Apache-2.0
// NPY, NumPy's format of one array, versions 1 to 3.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#include "data/loaders.h"
#include "data/stream.h"

#include "base/text.h"

#define MAX_HEADER (1 << 20)
#define CHUNK 65536 /* bytes of a file in Fortran order that are scattered at once */

typedef struct header {
    tw_cell cell;
    bool big_endian, fortran;
    bool has_descr, has_order, has_shape;
    int rank;
    int64_t dim[TW_MAX_RANK];
} header;

/* Reads the header's text: a Python dict of strings, True or False, and a tuple of integers. */
typedef struct parser {
    const char *path;
    const char *at; /* 0-terminated */
    header *header;
    tw_error *error;
} parser;

static tw_status fail_header(const parser *p, const char *what)
{
    return tw_fail(p->error, TW_ERROR_FORMAT, "'%s' has a damaged NPY header: %s", p->path, what);
}

static void skip_space(parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
}

static bool take(parser *p, char letter)
{
    skip_space(p);
    if (*p->at != letter)
        return false;
    p->at++;
    return true;
}

/* 'text' or "text", without escapes, into a buffer of `size`. */
static bool take_string(parser *p, char *buffer, size_t size)
{
    skip_space(p);
    const char quote = *p->at;
    if (quote != '\'' && quote != '"')
        return false;
    const char *end = strchr(p->at + 1, quote);
    const size_t length = end ? (size_t)(end - p->at - 1) : size;
    if (length >= size)
        return false;
    memcpy(buffer, p->at + 1, length);
    buffer[length] = '\0';
    p->at = end + 1;
    return true;
}

static tw_status take_descr(parser *p)
{
    static const struct {
        const char *code;
        tw_cell cell;
    } codes[] = {{"f4", TW_CELL_F32}, {"f8", TW_CELL_F64}, {"f2", TW_CELL_F16},
                 {"i1", TW_CELL_I8},  {"i2", TW_CELL_I16}, {"i4", TW_CELL_I32},
                 {"i8", TW_CELL_I64}, {"u1", TW_CELL_U8},  {"u2", TW_CELL_U16},
                 {"u4", TW_CELL_U32}, {"u8", TW_CELL_U64}, {"b1", TW_CELL_BOOL}};
    skip_space(p);
    char descr[32];
    if (*p->at == '[')
        return tw_fail(p->error, TW_ERROR_UNSUPPORTED,
                       "'%s' holds records of several fields; save each field as an array of its "
                       "own",
                       p->path);
    if (!take_string(p, descr, sizeof descr) || !strchr("<>|=", descr[0]) || !descr[0])
        return fail_header(p, "its descr is no type");
    const uint16_t probe = 1;
    const bool here_big = *(const unsigned char *)&probe == 0;
    p->header->big_endian = descr[0] == '>' || (descr[0] == '=' && here_big);
    for (int i = 0; i < TW_COUNT(codes); i++)
        if (strcmp(descr + 1, codes[i].code) == 0) {
            p->header->cell = codes[i].cell;
            p->header->has_descr = true;
            return TW_OK;
        }
    return tw_fail(p->error, TW_ERROR_UNSUPPORTED,
                   "'%s' holds elements of type '%s'; read are f2, f4, f8, i1, i2, i4, i8, u1, u2, "
                   "u4, u8 and b1",
                   p->path, descr);
}

static tw_status take_order(parser *p)
{
    skip_space(p);
    p->header->has_order = true;
    p->header->fortran = strncmp(p->at, "True", 4) == 0;
    if (!p->header->fortran && strncmp(p->at, "False", 5) != 0)
        return fail_header(p, "fortran_order is neither True nor False");
    p->at += p->header->fortran ? 4 : 5;
    return TW_OK;
}

static tw_status take_shape(parser *p)
{
    header *h = p->header;
    if (!take(p, '('))
        return fail_header(p, "its shape is no tuple");
    h->has_shape = true;
    h->rank = 0;
    while (!take(p, ')')) {
        skip_space(p);
        const size_t digits = strspn(p->at, "-0123456789");
        int64_t size;
        if (!digits || !tw_parse_int(p->at, digits, &size))
            return fail_header(p, "its shape is no tuple of integers");
        if (size < 0)
            return fail_header(p, "its shape has a negative size");
        if (h->rank == TW_MAX_RANK)
            return tw_fail(p->error, TW_ERROR_FORMAT, "'%s' has more than %d sizes", p->path,
                           TW_MAX_RANK);
        h->dim[h->rank++] = size;
        p->at += digits;
        p->at += *p->at == 'L'; /* as Python 2 wrote long integers */
        skip_space(p);
        if (!take(p, ',') && *p->at != ')')
            return fail_header(p, "its shape is no tuple of integers");
    }
    return TW_OK;
}

static tw_status take_entry(parser *p)
{
    char key[32];
    if (!take_string(p, key, sizeof key) || !take(p, ':'))
        return fail_header(p, "it is no dict");
    if (strcmp(key, "descr") == 0)
        return take_descr(p);
    if (strcmp(key, "fortran_order") == 0)
        return take_order(p);
    if (strcmp(key, "shape") == 0)
        return take_shape(p);
    return fail_header(p, "it has a key that is none of descr, fortran_order and shape");
}

static tw_status parse(parser *p)
{
    if (!take(p, '{'))
        return fail_header(p, "it is no dict");
    while (!take(p, '}')) {
        TW_TRY(take_entry(p));
        skip_space(p);
        if (!take(p, ',') && *p->at != '}')
            return fail_header(p, "it is no dict");
    }
    skip_space(p);
    const header *h = p->header;
    if (*p->at || !h->has_descr || !h->has_order || !h->has_shape)
        return fail_header(p, "it lacks descr, fortran_order or shape, or goes on after them");
    if (h->rank == 0)
        return tw_fail(p->error, TW_ERROR_SHAPE, "'%s' holds a single number, not samples",
                       p->path);
    return TW_OK;
}

/* Magic, version, length of the text. */
static tw_status read_start(tw_stream *stream, size_t *length, tw_error *error)
{
    const char *path = tw_stream_path(stream);
    unsigned char start[8], size[4] = {0};
    size_t got;
    TW_TRY(tw_stream_read(stream, start, sizeof start, &got, error));
    if (got < sizeof start || memcmp(start, "\x93NUMPY", 6) != 0)
        return tw_fail(error, TW_ERROR_FORMAT,
                       "'%s' is no NPY file: it does not begin with \\x93NUMPY", path);
    if (start[6] < 1 || start[6] > 3)
        return tw_fail(error, TW_ERROR_FORMAT, "'%s' is of NPY version %d; 1 to 3 are read", path,
                       start[6]);
    TW_TRY(tw_stream_exact(stream, size, start[6] == 1 ? 2 : 4, "its header", error));
    *length =
        (size_t)size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24;
    if (*length > MAX_HEADER)
        return tw_fail(error, TW_ERROR_FORMAT, "'%s' is damaged: it claims a header of %zu bytes",
                       path, *length);
    return TW_OK;
}

static tw_status read_header(tw_context *context, tw_stream *stream, header *h, tw_error *error)
{
    size_t length = 0;
    TW_TRY(read_start(stream, &length, error));
    char *text = tw_alloc(context, length + 1);
    if (!text)
        return tw_fail_memory(error);
    text[length] = '\0';
    parser p = {.path = tw_stream_path(stream), .at = text, .header = h, .error = error};
    tw_status status = tw_stream_exact(stream, text, length, "its header", error);
    if (status == TW_OK)
        status = strlen(text) == length ? parse(&p) : fail_header(&p, "it has a zero byte");
    tw_free(context, text);
    return status;
}

/* Where the next cell of a file in Fortran order (first index fastest) belongs in row-major order.
 */
typedef struct walk {
    const header *header;
    int64_t index[TW_MAX_RANK], stride[TW_MAX_RANK];
    int64_t place;
} walk;

static void start_walk(walk *w, const header *h)
{
    *w = (walk){.header = h};
    int64_t stride = 1;
    for (int i = h->rank; i-- > 0; stride *= h->dim[i])
        w->stride[i] = stride;
}

static void step_walk(walk *w)
{
    for (int i = 0; i < w->header->rank; i++) {
        w->place += w->stride[i];
        if (++w->index[i] < w->header->dim[i])
            return;
        w->place -= w->index[i] * w->stride[i];
        w->index[i] = 0;
    }
}

/* Scatters chunks, so that the array is in memory once. */
static tw_status read_fortran(tw_stream *stream, const header *h, uint64_t bytes, char *data,
                              tw_error *error)
{
    const size_t size = tw_cell_size(h->cell);
    char chunk[CHUNK];
    walk w;
    start_walk(&w, h);
    for (uint64_t at = 0; at < bytes; at += CHUNK) {
        const size_t part = (size_t)TW_MIN(bytes - at, (uint64_t)CHUNK);
        TW_TRY(tw_stream_exact(stream, chunk, part, "its data", error));
        for (size_t i = 0; i < part; i += size, step_walk(&w))
            memcpy(data + (size_t)w.place * size, chunk + i, size);
    }
    return TW_OK;
}

static tw_status read_column(tw_table *table, tw_stream *stream, tw_error *error)
{
    header h = {.rank = 0};
    uint64_t bytes;
    TW_TRY(read_header(table->context, stream, &h, error));
    TW_TRY(tw_stream_expect(stream, h.cell, h.rank, h.dim, &bytes, error));
    const char *name = tw_arena_printf(&table->arena, "'%s'", tw_stream_path(stream));
    if (!name)
        return tw_fail_memory(error);
    tw_column *column;
    TW_TRY(tw_table_add(table, name, h.cell, h.rank, h.dim, &column, error));
    TW_TRY(h.fortran && h.rank > 1
               ? read_fortran(stream, &h, bytes, column->data, error)
               : tw_stream_exact(stream, column->data, (size_t)bytes, "its data", error));
    TW_TRY(tw_stream_end(stream, error));
    tw_cells_order(column->data, bytes, tw_cell_size(h.cell), h.big_endian);
    return TW_OK;
}

static tw_status read_file(tw_table *table, const char *path, tw_error *error)
{
    tw_stream *stream;
    TW_TRY(tw_stream_open(table->context, path, &stream, error));
    const tw_status status = read_column(table, stream, error);
    tw_stream_close(&stream);
    return status;
}

tw_status tw_load_npy(tw_table *table, const tw_graph *graph, const char *rest, tw_error *error)
{
    (void)graph;
    table->hint = "add a file: npy:X.npy,Y.npy";
    while (table->n_columns < table->wanted) {
        const size_t length = strcspn(rest, ",");
        if (length == 0)
            return tw_fail(error, TW_ERROR_SYNTAX,
                           "the data name no file: the form is npy:X.npy,Y.npy, a file a column");
        const char *path = tw_arena_text(&table->arena, rest, length);
        if (!path)
            return tw_fail_memory(error);
        TW_TRY(read_file(table, path, error));
        if (!rest[length])
            break;
        rest += length + 1;
    }
    return TW_OK;
}
