// SPDX-License-Identifier: Apache-2.0
// Files read and written whole, and folders. Messages do not go through strerror: it follows the
// locale and is not safe among threads.
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef O_CLOEXEC
#define O_CLOEXEC 0
#endif

static const char *reason(int code, char buffer[32])
{
    switch (code) {
    case ENOENT:
        return "no such file or folder";
    case EACCES:
    case EPERM:
        return "permission denied";
    case EISDIR:
        return "it is a folder, not a file";
    case ENOTDIR:
        return "a part of the path is not a folder";
    case EEXIST:
        return "it exists already and is no folder";
    case ENOSPC:
        return "the disk is full; free some space and try again";
    case EDQUOT:
        return "the disk quota is used up; free some space and try again";
    case EFBIG:
        return "the file would be larger than the system allows";
    case EROFS:
        return "the file system is read-only";
    case ENAMETOOLONG:
        return "the name is too long";
    case ELOOP:
        return "too many symbolic links";
    case EMFILE:
    case ENFILE:
        return "too many files are open";
    case EIO:
        return "the disk reported an error";
    default:
        snprintf(buffer, 32, "system error %d", code);
        return buffer;
    }
}

tw_status tw_path(tw_context *context, const char *folder, const char *name, tw_text *path,
                  tw_error *error)
{
    *path = (tw_text){.context = context};
    tw_text_printf(path, "%s/%s", folder, name);
    if (!path->failed)
        return TW_OK;
    tw_text_clear(path);
    return tw_fail_memory(error);
}

tw_status tw_fail_file(tw_error *error, const char *what, const char *path, int code)
{
    char buffer[32];
    return tw_fail(error, TW_ERROR_FILE, "cannot %s '%s': %s", what, path, reason(code, buffer));
}

/* ---- reading ---- */

static tw_status fail_limit(tw_error *error, const char *path, size_t limit)
{
    return tw_fail(error, TW_ERROR_FILE,
                   "cannot read '%s': it is larger than %zu bytes, the most that is accepted here",
                   path, limit);
}

/* Reads until the end, growing: also pipes and files that change meanwhile. expected: the size,
 * where it is known. */
static tw_status read_all(tw_context *context, int file, const char *path, size_t expected,
                          size_t limit, char **data, size_t *length, tw_error *error)
{
    size_t capacity = expected < SIZE_MAX - 2 ? expected + 2 : expected, count = 0;
    char *buffer = tw_alloc(context, capacity);
    if (!buffer)
        return tw_fail_memory(error);
    for (;;) {
        if (capacity - count < 2) { /* one byte more to see the end, and one for the closing 0 */
            char *grown =
                capacity <= SIZE_MAX / 2 ? tw_resize(context, buffer, 2 * capacity) : NULL;
            if (!grown) {
                tw_free(context, buffer);
                return tw_fail_memory(error);
            }
            buffer = grown;
            capacity *= 2;
        }
        const size_t room = TW_MIN(capacity - count - 1, (size_t)1 << 30);
        const ssize_t got = read(file, buffer + count, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            break;
        if (got > 0)
            count += (size_t)got;
        if (got < 0 || (limit && count > limit)) {
            const int code = errno;
            tw_free(context, buffer);
            return got < 0 ? tw_fail_file(error, "read", path, code)
                           : fail_limit(error, path, limit);
        }
    }
    buffer[count] = '\0';
    *data = buffer;
    *length = count;
    return TW_OK;
}

tw_status tw_read_file(tw_context *context, const char *path, size_t limit, char **data,
                       size_t *length, tw_error *error)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return tw_fail_file(error, "read", path, errno);
    struct stat info;
    tw_status status;
    if (fstat(file, &info) != 0)
        status = tw_fail_file(error, "read", path, errno);
    else if (S_ISDIR(info.st_mode))
        status = tw_fail_file(error, "read", path, EISDIR);
    else if (S_ISREG(info.st_mode) && limit && (uintmax_t)info.st_size > limit)
        status = fail_limit(error, path, limit);
    else if (S_ISREG(info.st_mode) && (uintmax_t)info.st_size > SIZE_MAX - 2)
        status = tw_fail_memory(error);
    else
        status = read_all(context, file, path, S_ISREG(info.st_mode) ? (size_t)info.st_size : 4096,
                          limit, data, length, error);
    close(file);
    return status;
}

/* ---- writing ---- */

/* 0 or errno. */
static int write_part(int file, const char *data, size_t length)
{
    int code = 0;
    while (length > 0 && code == 0) {
        const ssize_t put = write(file, data, TW_MIN(length, (size_t)1 << 30));
        if (put > 0) {
            data += put;
            length -= (size_t)put;
        } else if (put == 0) {
            code = ENOSPC;
        } else if (errno != EINTR) {
            code = errno;
        }
    }
    return code;
}

/* Writes, syncs and closes; 0 or errno. */
static int write_and_close(int file, int count, const tw_part *parts, bool sync)
{
    int code = 0;
    for (int i = 0; i < count && code == 0; i++)
        code = write_part(file, parts[i].data, parts[i].length);
    if (code == 0 && sync && fsync(file) != 0 && errno != EINVAL && errno != ENOTSUP)
        code = errno; /* EINVAL, ENOTSUP: a file system that cannot sync */
    if (close(file) != 0 && code == 0 && errno != EINTR)
        code = errno; /* network file systems report a full disk here */
    return code;
}

/* Opens a new file beside path: "PATH.PID.NUMBER.tmp". O_EXCL settles who of several threads gets a
 * name. */
static int open_beside(const char *path, char *name, size_t size)
{
    for (int number = 0; number < 1000; number++) {
        snprintf(name, size, "%s.%ld.%d.tmp", path, (long)getpid(), number);
        const int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0 || errno != EEXIST)
            return file;
    }
    return -1;
}

/* After the rename: lets the folder's new entry survive a power cut. Not every system can, so
 * failures do not count. */
static void sync_folder(const char *path, char *folder)
{
    const char *slash = strrchr(path, '/');
    const size_t length = !slash ? 0 : slash == path ? 1 : (size_t)(slash - path);
    memcpy(folder, length ? path : ".", length ? length : 1);
    folder[length ? length : 1] = '\0';
    const int file = open(folder, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    (void)fsync(file);
    close(file);
}

/* Follows the symbolic links at path, so that what they point to is replaced and not they
 * (/dev/stdout is one): a text to be freed. *code is 0, ENOMEM or ELOOP. (POSIX without XSI has no
 * realpath, which allocates with malloc besides.) */
static char *follow_links(tw_context *context, const char *path, int *code)
{
    enum { MOST_LINKS = 40, LONGEST = 4096 };
    char link[LONGEST];
    char *now = tw_copy_text(context, path, strlen(path));
    for (int i = 0; now && i < MOST_LINKS; i++) {
        const ssize_t length = readlink(now, link, sizeof link - 1);
        if (length < 0 || (size_t)length == sizeof link - 1) { /* no link */
            *code = 0;
            return now;
        }
        link[length] = '\0';
        const char *slash =
            link[0] == '/' ? NULL : strrchr(now, '/'); /* relative to the link's own folder */
        tw_text target = {.context = context};
        tw_text_append(&target, now, slash ? (size_t)(slash + 1 - now) : 0);
        tw_text_append(&target, link, (size_t)length);
        tw_free(context, now);
        now = tw_text_take(&target);
    }
    *code = now ? ELOOP : ENOMEM;
    tw_free(context, now);
    return NULL;
}

/* Writes beside path, in a buffer of its own for names, and renames. 0 or errno. */
static int replace(tw_context *context, const char *path, int count, const tw_part *parts)
{
    const size_t size = strlen(path) + 48;
    char *name = tw_alloc(context, size);
    if (!name)
        return ENOMEM;
    const int file = open_beside(path, name, size);
    int code = file < 0 ? errno : write_and_close(file, count, parts, true);
    if (code == 0 && rename(name, path) != 0)
        code = errno;
    if (code != 0 && file >= 0)
        unlink(name);
    if (code == 0)
        sync_folder(path, name); /* the buffer is large enough for the folder's name */
    tw_free(context, name);
    return code;
}

tw_status tw_write_parts(tw_context *context, const char *path, int count, const tw_part *parts,
                         tw_error *error)
{
    struct stat info;
    int code = 0;
    if (stat(path, &info) == 0 &&
        !S_ISREG(info.st_mode)) { /* a device or pipe must not be replaced */
        const int file = open(path, O_WRONLY | O_CLOEXEC);
        code = file < 0 ? errno : write_and_close(file, count, parts, false);
    } else {
        char *target = follow_links(context, path, &code);
        if (target)
            code = replace(context, target, count, parts);
        tw_free(context, target);
    }
    if (code == ENOMEM)
        return tw_fail_memory(error);
    return code ? tw_fail_file(error, "write", path, code) : TW_OK;
}

tw_status tw_write_file(tw_context *context, const char *path, const void *data, size_t length,
                        tw_error *error)
{
    return tw_write_parts(context, path, 1, &(tw_part){data, length}, error);
}

/* Does "model.tw.4711.0.tmp" stem from a writer of "model.tw" that is no longer there? */
static bool is_leftover(const char *entry, const char *name)
{
    const size_t length = strlen(name);
    int64_t process = 0;
    if (strncmp(entry, name, length) != 0 || entry[length] != '.')
        return false;
    const char *number = entry + length + 1;
    const size_t digits = strspn(number, "0123456789");
    if (!tw_parse_int(number, digits, &process) || process < 1 || number[digits] != '.')
        return false;
    const char *end = number + digits + 1;
    end += strspn(end, "0123456789");
    return strcmp(end, ".tmp") == 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

void tw_remove_leftovers(tw_context *context, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    tw_text file = {.context = context};
    tw_text_append(&file, path, (size_t)(name - path));
    const size_t length = file.length;
    DIR *folder = file.failed ? NULL : opendir(length ? file.data : ".");
    for (const struct dirent *e; folder && (e = readdir(folder));)
        if (is_leftover(e->d_name, name)) {
            tw_text full = {.context = context};
            tw_text_printf(&full, "%.*s%s", (int)length, path, e->d_name);
            if (!full.failed)
                (void)unlink(full.data);
            tw_text_clear(&full);
        }
    if (folder)
        (void)closedir(folder);
    tw_text_clear(&file);
}

/* ---- folders ---- */

static int make_one(const char *path)
{
    if (mkdir(path, 0777) == 0)
        return 0;
    const int code = errno;
    struct stat
        info; /* also when the reason was another: a read-only parent of a folder that exists */
    if (stat(path, &info) == 0)
        return S_ISDIR(info.st_mode) ? 0 : EEXIST;
    return code;
}

tw_status tw_make_folder(tw_context *context, const char *path, tw_error *error)
{
    char *part = tw_copy_text(context, path, strlen(path));
    if (!part)
        return tw_fail_memory(error);
    int code = *path ? 0 : ENOENT;
    for (char *p = part; *p && code == 0; p++) {
        if (*p != '/' || p == part || p[-1] == '/')
            continue;
        *p = '\0';
        code = make_one(part);
        *p = '/';
    }
    if (code == 0)
        code = make_one(part);
    tw_free(context, part);
    return code ? tw_fail_file(error, "make the folder", path, code) : TW_OK;
}
