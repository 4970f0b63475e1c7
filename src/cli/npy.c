// SPDX-License-Identifier: Apache-2.0
// Writing NumPy's array files: format version 1.0, beside and renamed.
#include "npy.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char *type_code(tw_type type)
{
    switch (type) {
    case TW_F32:
    case TW_BF16:
        return "f4";
    case TW_F16:
        return "f2";
    case TW_I32:
        return "i4";
    case TW_U8:
        return "u1";
    case TW_BOOL:
        return "b1";
    default:
        return NULL;
    }
}

static char byte_order(tw_type type)
{
    const uint16_t probe = 1;
    return type == TW_U8 || type == TW_BOOL ? '|' : *(const unsigned char *)&probe ? '<' : '>';
}

static int failed(npy_writer *w)
{
    const int why = errno;
    npy_abort(w);
    return cli_fail(CLI_FAILED, "%s cannot be written: %s", w->path, strerror(why));
}

/* A device or a pipe, such as /dev/stdout: it is written to, not replaced. */
static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

int npy_begin(npy_writer *w, const char *path, const tw_array *array, int64_t count)
{
    char header[512];
    *w = (npy_writer){.type = array->type};
    if (!type_code(array->type))
        return cli_fail(CLI_FAILED, "values of type %s cannot be written as NPY",
                        tw_type_name(array->type));
    if (strlen(path) >= sizeof w->path)
        return cli_fail(CLI_FAILED, "the path of the output is too long");
    (void)snprintf(w->path, sizeof w->path, "%s", path);
    if (!is_special(path))
        (void)snprintf(w->beside, sizeof w->beside, "%s.part", path);
    int length =
        snprintf(header, sizeof header, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%lld,",
                 byte_order(array->type), type_code(array->type), (long long)count);
    for (int i = 1; i < array->rank; i++)
        length += snprintf(header + length, sizeof header - (size_t)length, " %lld,",
                           (long long)array->dim[i]);
    length += snprintf(header + length, sizeof header - (size_t)length, "), }");
    while ((10 + length + 1) % 64 !=
           0) /* magic, version, length and header fill blocks of 64 bytes */
        header[length++] = ' ';
    header[length++] = '\n';
    if (!(w->file = fopen(w->beside[0] ? w->beside : path, "wb")))
        return failed(w);
    const unsigned char start[10] = {0x93,
                                     'N',
                                     'U',
                                     'M',
                                     'P',
                                     'Y',
                                     1,
                                     0,
                                     (unsigned char)(length & 255),
                                     (unsigned char)(length >> 8)};
    if (fwrite(start, 1, sizeof start, w->file) != sizeof start ||
        fwrite(header, 1, (size_t)length, w->file) != (size_t)length)
        return failed(w);
    return CLI_DONE;
}

static int append_bf16(npy_writer *w, const uint16_t *data, int64_t elements)
{
    for (int64_t i = 0; i < elements; i++) {
        const uint32_t wide = (uint32_t)data[i] << 16; /* bf16 is the upper half of f32 */
        if (fwrite(&wide, sizeof wide, 1, w->file) != 1)
            return failed(w);
    }
    return CLI_DONE;
}

int npy_append(npy_writer *w, const void *data, int64_t elements)
{
    if (w->type == TW_BF16)
        return append_bf16(w, data, elements);
    if (fwrite(data, tw_type_size(w->type), (size_t)elements, w->file) != (size_t)elements)
        return failed(w);
    return CLI_DONE;
}

int npy_end(npy_writer *w)
{
    FILE *file = w->file;
    w->file = NULL;
    if (fclose(file) != 0 || (w->beside[0] && rename(w->beside, w->path) != 0))
        return failed(w);
    w->beside[0] = 0;
    return CLI_DONE;
}

void npy_abort(npy_writer *w)
{
    if (w->file)
        (void)fclose(w->file);
    w->file = NULL;
    if (w->beside[0])
        (void)remove(w->beside);
    w->beside[0] = 0;
}
