// SPDX-License-Identifier: Apache-2.0
// Numbers and sizes as kernel text.
#include "op/literal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *tw_dim_literal(tw_dim dim, char text[TW_DIM_LITERAL])
{
    if (!dim.letters)
        (void)snprintf(text, TW_DIM_LITERAL, "%" PRId64, dim.scale);
    else if (dim.scale == 1)
        (void)snprintf(text, TW_DIM_LITERAL, "n");
    else
        (void)snprintf(text, TW_DIM_LITERAL, "(%" PRId64 " * n)", dim.scale);
    return text;
}

void tw_float_literal(double value, tw_text *text)
{
    if (value != value || value > 3.4028235e38 || value < -3.4028235e38) {
        tw_text_puts(text, value != value ? "NAN" : value > 0 ? "INFINITY" : "(-INFINITY)");
        return;
    }
    tw_text number = {.context = text->context};
    tw_text_double(&number, value);
    if (number.failed || !number.data) {
        text->failed = true;
        return;
    }
    const bool plain = strpbrk(number.data, ".e") != NULL;
    tw_text_printf(text, "(%s%sf)", number.data, plain ? "" : ".0");
    tw_text_clear(&number);
}
