// SPDX-License-Identifier: Apache-2.0
// PNG files by libpng's simplified interface (png.h, section "SIMPLIFIED API"), which needs no
// setjmp.
#include "png_file.h"
#include "file.h"

#ifdef TW_PNG
#include <png.h>

int cli_png_check(void)
{
    return CLI_DONE;
}

int cli_png_write(const char *path, int width, int height, int channels,
                  const unsigned char *pixels)
{
    cli_file file;
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY};
    const int code = cli_file_open(&file, path);
    if (code != CLI_DONE)
        return code;
    if (!png_image_write_to_stdio(&image, file.file, 0, pixels, 0, NULL)) {
        cli_file_abort(&file);
        return cli_fail(CLI_FAILED, "%s cannot be written: %s", path, image.message);
    }
    return cli_file_close(&file);
}

#else

int cli_png_check(void)
{
    return cli_fail(CLI_FAILED, "this build writes no PNG files: build it with libpng (Debian's "
                                "libpng-dev; Meson's option png)");
}

int cli_png_write(const char *path, int width, int height, int channels,
                  const unsigned char *pixels)
{
    (void)path, (void)width, (void)height, (void)channels, (void)pixels;
    return cli_png_check();
}

#endif
