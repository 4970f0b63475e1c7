// SPDX-License-Identifier: Apache-2.0
// A file that appears whole or not at all.
#include "file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static int failed(cli_file *f)
{
    const int why = errno;
    cli_file_abort(f);
    return cli_fail(CLI_FAILED, "%s cannot be written: %s", f->path, strerror(why));
}

static bool is_special(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode);
}

int cli_file_open(cli_file *f, const char *path)
{
    f->file = NULL;
    f->path[0] = f->beside[0] = 0;
    if (strlen(path) >= sizeof f->path)
        return cli_fail(CLI_FAILED, "the path of the output is too long");
    (void)snprintf(f->path, sizeof f->path, "%s", path);
    if (!is_special(path))
        (void)snprintf(f->beside, sizeof f->beside, "%s.part", path);
    if (!(f->file = fopen(f->beside[0] ? f->beside : path, "wb"))) {
        f->beside[0] = 0; /* whatever lies there is not ours */
        return failed(f);
    }
    return CLI_DONE;
}

int cli_file_write(cli_file *f, const void *data, size_t bytes)
{
    return fwrite(data, 1, bytes, f->file) == bytes ? CLI_DONE : failed(f);
}

int cli_file_close(cli_file *f)
{
    FILE *file = f->file;
    f->file = NULL;
    if (fclose(file) != 0 || (f->beside[0] && rename(f->beside, f->path) != 0))
        return failed(f);
    f->beside[0] = 0;
    return CLI_DONE;
}

void cli_file_abort(cli_file *f)
{
    if (f->file)
        (void)fclose(f->file);
    f->file = NULL;
    if (f->beside[0])
        (void)remove(f->beside);
    f->beside[0] = 0;
}
