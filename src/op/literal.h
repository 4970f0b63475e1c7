// SPDX-License-Identifier: Apache-2.0
// Numbers and sizes as kernel text.
#ifndef TW_OP_LITERAL_H
#define TW_OP_LITERAL_H

#include "base/shape.h"
#include "base/text.h"

/* "64", "n" or "(64 * n)", written into text, which is also returned. */
#define TW_DIM_LITERAL 40
const char *tw_dim_literal(tw_dim dim, char text[TW_DIM_LITERAL]);

/* "(0.5f)", "(3.0f)", "NAN", "INFINITY": what a float cannot hold is infinite. */
void tw_float_literal(double value, tw_text *text);

#endif
