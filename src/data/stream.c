// SPDX-License-Identifier: Apache-2.0
// Reading of plain and gzipped files. zlib's own gzread is not used: it allocates past the
// context's allocator, and does not tell a truncated file from a whole one until it is closed.
#include "data/stream.h"

#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <zlib.h>

#define BUFFER 65536
#define DEFLATE_RATIO 1032 /* the most that deflate compresses: https://zlib.net/zlib_tech.html */

struct tw_stream {
    tw_context *context;
    char *path;
    FILE *file;
    uint64_t size;              /* of the file */
    uint64_t position;          /* bytes given out */
    bool gzip, inflating, done; /* done: the compressed data are at their end */
    z_stream z;
    size_t length, at; /* of the buffer: bytes of the file that are read but not used */
    unsigned char buffer[BUFFER];
};

static void *z_alloc(void *user, unsigned count, unsigned size)
{
    return tw_calloc(user, count, size);
}

static void z_free(void *user, void *pointer)
{
    tw_free(user, pointer);
}

bool tw_file_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

bool tw_folder_exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

tw_status tw_file_size(const char *path, uint64_t *size, tw_error *error)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return tw_fail_file(error, "read", path, errno);
    if (S_ISDIR(about.st_mode))
        return tw_fail_file(error, "read", path, EISDIR);
    if (!S_ISREG(about.st_mode))
        return tw_fail(error, TW_ERROR_FILE, "cannot read '%s': it is no ordinary file", path);
    *size = (uint64_t)about.st_size;
    return TW_OK;
}

const char *tw_stream_path(const tw_stream *stream)
{
    return stream->path;
}

static tw_status fill(tw_stream *s, tw_error *error)
{
    s->at = 0;
    s->length = fread(s->buffer, 1, BUFFER, s->file);
    if (s->length < BUFFER && ferror(s->file))
        return tw_fail_file(error, "read", s->path, errno);
    return TW_OK;
}

static tw_status open_stream(tw_stream *s, tw_error *error)
{
    TW_TRY(tw_file_size(s->path, &s->size, error)); /* before opening: a pipe would block */
    s->file = fopen(s->path, "rb");
    if (!s->file)
        return tw_fail_file(error, "read", s->path, errno);
    TW_TRY(fill(s, error));
    s->gzip = s->length >= 2 && s->buffer[0] == 0x1f && s->buffer[1] == 0x8b;
    if (!s->gzip)
        return TW_OK;
    s->z.zalloc = z_alloc;
    s->z.zfree = z_free;
    s->z.opaque = s->context;
    if (inflateInit2(&s->z, 15 + 16) != Z_OK) /* 16: a gzip wrapper */
        return tw_fail_memory(error);
    s->inflating = true;
    return TW_OK;
}

tw_status tw_stream_open(tw_context *context, const char *path, tw_stream **stream, tw_error *error)
{
    tw_stream *s = tw_calloc(context, 1, sizeof *s);
    if (!s)
        return tw_fail_memory(error);
    s->context = context;
    s->path = tw_copy_text(context, path, strlen(path));
    const tw_status status = s->path ? open_stream(s, error) : tw_fail_memory(error);
    if (status == TW_OK)
        *stream = s;
    else
        tw_stream_close(&s);
    return status;
}

void tw_stream_close(tw_stream **stream)
{
    tw_stream *s = *stream;
    if (!s)
        return;
    if (s->inflating)
        (void)inflateEnd(&s->z);
    if (s->file)
        fclose(s->file);
    tw_free(s->context, s->path);
    tw_free(s->context, s);
    *stream = NULL;
}

static tw_status read_plain(tw_stream *s, unsigned char *data, size_t size, size_t *got,
                            tw_error *error)
{
    *got = TW_MIN(size, s->length - s->at);
    if (*got)
        memcpy(data, s->buffer + s->at, *got);
    s->at += *got;
    if (size - *got >= BUFFER) { /* large pieces go straight to their place */
        *got += fread(data + *got, 1, size - *got, s->file);
        if (ferror(s->file))
            return tw_fail_file(error, "read", s->path, errno);
    } else if (*got < size && s->length == BUFFER) {
        TW_TRY(fill(s, error));
        const size_t more = TW_MIN(size - *got, s->length);
        memcpy(data + *got, s->buffer, more);
        s->at = more;
        *got += more;
    }
    return TW_OK;
}

/* A member has ended: another may follow. */
static tw_status next_member(tw_stream *s, tw_error *error)
{
    if (s->at == s->length)
        TW_TRY(fill(s, error));
    s->done = s->at == s->length;
    if (!s->done && inflateReset(&s->z) != Z_OK)
        return tw_fail(error, TW_ERROR_INTERNAL, "'%s': zlib cannot be reset", s->path);
    return TW_OK;
}

/* One call of inflate, with what is in the buffer. */
static tw_status inflate_some(tw_stream *s, tw_error *error)
{
    if (s->at == s->length) {
        TW_TRY(fill(s, error));
        if (s->length == 0)
            return tw_fail(error, TW_ERROR_FORMAT, "'%s' is truncated: its gzip data end early",
                           s->path);
    }
    s->z.next_in = s->buffer + s->at;
    s->z.avail_in = (unsigned)(s->length - s->at);
    const int result = inflate(&s->z, Z_NO_FLUSH);
    s->at = s->length - s->z.avail_in;
    if (result == Z_STREAM_END)
        return next_member(s, error);
    if (result == Z_MEM_ERROR)
        return tw_fail_memory(error);
    if (result != Z_OK && result != Z_BUF_ERROR) /* BUF_ERROR: more input is needed */
        return tw_fail(error, TW_ERROR_FORMAT, "'%s' is damaged: its gzip data are invalid (%s)",
                       s->path, s->z.msg ? s->z.msg : "checksum");
    return TW_OK;
}

static tw_status read_gzip(tw_stream *s, unsigned char *data, size_t size, size_t *got,
                           tw_error *error)
{
    *got = 0;
    while (*got < size && !s->done) {
        const unsigned room = (unsigned)TW_MIN(size - *got, (size_t)INT_MAX);
        s->z.next_out = data + *got;
        s->z.avail_out = room;
        TW_TRY(inflate_some(s, error));
        *got += room - s->z.avail_out;
    }
    return TW_OK;
}

tw_status tw_stream_read(tw_stream *stream, void *data, size_t size, size_t *got, tw_error *error)
{
    TW_TRY(stream->gzip ? read_gzip(stream, data, size, got, error)
                        : read_plain(stream, data, size, got, error));
    stream->position += *got;
    return TW_OK;
}

tw_status tw_stream_exact(tw_stream *stream, void *data, size_t size, const char *what,
                          tw_error *error)
{
    size_t got;
    TW_TRY(tw_stream_read(stream, data, size, &got, error));
    if (got < size)
        return tw_fail(error, TW_ERROR_FORMAT,
                       "'%s' is truncated: %s should have %zu more bytes, it ends after %zu",
                       stream->path, what, size, got);
    return TW_OK;
}

tw_status tw_stream_end(tw_stream *stream, tw_error *error)
{
    char extra;
    size_t got;
    TW_TRY(tw_stream_read(stream, &extra, 1, &got, error));
    if (got == 0)
        return TW_OK;
    return tw_fail(error, TW_ERROR_FORMAT,
                   "'%s' goes on after byte %llu, where its header says that it ends", stream->path,
                   (unsigned long long)(stream->position - 1));
}

tw_status tw_stream_expect(tw_stream *stream, tw_cell cell, int32_t rank, const int64_t *dim,
                           uint64_t *bytes, tw_error *error)
{
    if (!tw_cells_bytes(cell, rank, dim, bytes))
        return tw_fail(error, TW_ERROR_FORMAT,
                       "'%s' is damaged: the sizes in its header multiply to more than memory can "
                       "hold",
                       stream->path);
    const uint64_t limit = stream->gzip ? stream->size * DEFLATE_RATIO
                                        : stream->size - TW_MIN(stream->size, stream->position);
    if (*bytes <= limit)
        return TW_OK;
    return tw_fail(
        error, TW_ERROR_FORMAT,
        "'%s' is truncated or damaged: its header announces %llu bytes of data, the file "
        "has %llu%s",
        stream->path, (unsigned long long)*bytes, (unsigned long long)stream->size,
        stream->gzip ? " (gzipped)" : " in all");
}
