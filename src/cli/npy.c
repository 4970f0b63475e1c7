// SPDX-License-Identifier: Apache-2.0
// Writing NumPy's array files: format version 1.0, beside and renamed.
#include "npy.h"

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

int npy_begin(npy_writer *w, const char *path, const tw_array *array, int64_t count)
{
    char header[512];
    *w = (npy_writer){.type = array->type};
    if (!type_code(array->type))
        return cli_fail(CLI_FAILED, "values of type %s cannot be written as NPY",
                        tw_type_name(array->type));
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
    int code = cli_file_open(&w->file, path);
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
    if (code == CLI_DONE)
        code = cli_file_write(&w->file, start, sizeof start);
    return code == CLI_DONE ? cli_file_write(&w->file, header, (size_t)length) : code;
}

static int append_bf16(npy_writer *w, const uint16_t *data, int64_t elements)
{
    for (int64_t i = 0; i < elements; i++) {
        const uint32_t wide = (uint32_t)data[i] << 16; /* bf16 is the upper half of f32 */
        if (cli_file_write(&w->file, &wide, sizeof wide) != CLI_DONE)
            return CLI_FAILED;
    }
    return CLI_DONE;
}

int npy_append(npy_writer *w, const void *data, int64_t elements)
{
    if (w->type == TW_BF16)
        return append_bf16(w, data, elements);
    return cli_file_write(&w->file, data, tw_type_size(w->type) * (size_t)elements);
}

int npy_end(npy_writer *w)
{
    return cli_file_close(&w->file);
}

void npy_abort(npy_writer *w)
{
    cli_file_abort(&w->file);
}
