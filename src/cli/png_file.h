// SPDX-License-Identifier: Apache-2.0
// Writing PNG files. A build without libpng (Meson's option png) says so instead.
#ifndef THALWEG_CLI_PNG_FILE_H
#define THALWEG_CLI_PNG_FILE_H

#include "cli.h"

enum { CLI_PNG_MOST = 30000 }; /* pixels a side */

/* A failure with a sentence in a build that cannot write PNG files: to be asked before the work. */
int cli_png_check(void);
/* pixels: height rows of width pixels of 1 (grey) or 3 (red, green, blue) bytes. Returns an exit
 * code. */
int cli_png_write(const char *path, int width, int height, int channels,
                  const unsigned char *pixels);

#endif
