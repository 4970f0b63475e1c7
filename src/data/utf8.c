// SPDX-License-Identifier: Apache-2.0
// UTF-8, by RFC 3629.
#include "data/utf8.h"

int32_t tw_utf8_next(const unsigned char *bytes, size_t size, size_t *at)
{
    static const int32_t least[] = {0, 0x80, 0x800, 0x10000};
    const int first = bytes[(*at)++];
    if (first < 0x80)
        return first;
    const int more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4 || size - *at < (size_t)more)
        return -1;
    int32_t code = first & (0x3f >> more);
    for (int i = 0; i < more; i++) {
        const int next = bytes[(*at)++];
        if ((next & 0xc0) != 0x80)
            return -1;
        code = code << 6 | (next & 0x3f);
    }
    return code < least[more] || code >= TW_CODES || (code >= 0xd800 && code < 0xe000) ? -1 : code;
}

void tw_utf8_print(int32_t code, char out[5])
{
    int at = 0;
    if (code < 0x80) {
        out[at++] = (char)code;
    } else {
        const int more = code >= 0x10000 ? 3 : code >= 0x800 ? 2 : 1;
        out[at++] = (char)((0xff00 >> (more + 1) & 0xff) | code >> 6 * more);
        for (int i = more - 1; i >= 0; i--)
            out[at++] = (char)(0x80 | (code >> 6 * i & 0x3f));
    }
    out[at] = '\0';
}
