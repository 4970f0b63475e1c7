// SPDX-License-Identifier: Apache-2.0
// Files read and written whole: limits, links, failures that leave the old file and nothing else
// behind.
#include "base/text.h"
#include "failing.h"
#include "harness.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/mount.h>
#endif

static tw_error error;
static tw_failing memory;
static tw_context *context;
static char folder[64];

static void begin(void)
{
    const tw_allocator allocator = {tw_failing_resize, &memory};
    memory = (tw_failing){.fail_at = -1};
    CHECK_OK(tw_context_create(&(tw_context_options){.allocator = &allocator, .cache_folder = ""},
                               &context, &error),
             error);
    strcpy(folder, "/tmp/tw_test_file_XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
}

static void end(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && memory.wrong == 0);
}

/* folder/name, in one of four buffers. */
static const char *in(const char *name)
{
    static char paths[4][300];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static bool holds(const char *path, const char *want)
{
    char *data = NULL;
    size_t length = 0;
    if (tw_read_file(context, path, 0, &data, &length, &error) != TW_OK)
        return false;
    const bool same =
        length == strlen(want) && memcmp(data, want, length + 1) == 0; /* 0-terminated, too */
    tw_free(context, data);
    return same;
}

/* Files in the folder. */
static int entries(void)
{
    char command[120];
    int count = -1;
    snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
    FILE *pipe = popen(command, "r");
    CHECK(pipe && fscanf(pipe, "%d", &count) == 1);
    pclose(pipe);
    return count;
}

static void write_and_read(void)
{
    begin();
    CHECK_OK(tw_write_file(context, in("a"), "one", 3, &error), error);
    CHECK(holds(in("a"), "one"));
    CHECK_OK(tw_write_file(context, in("a"), "second", 6, &error), error);
    CHECK(holds(in("a"), "second") && entries() == 1);
    CHECK_OK(tw_write_file(context, in("empty"), NULL, 0, &error), error);
    CHECK(holds(in("empty"), ""));
    const tw_part parts[] = {{"ab", 2}, {NULL, 0}, {"cde", 3}};
    CHECK_OK(tw_write_parts(context, in("parts"), 3, parts, &error), error);
    CHECK(holds(in("parts"), "abcde"));

    enum { LARGE = 3000000 };
    char *large = malloc(LARGE), *back;
    size_t length;
    for (int i = 0; i < LARGE; i++)
        large[i] = (char)(i * 7 % 251);
    CHECK_OK(tw_write_file(context, in("large"), large, LARGE, &error), error);
    CHECK_OK(tw_read_file(context, in("large"), LARGE, &back, &length, &error), error);
    CHECK(length == LARGE && memcmp(back, large, LARGE) == 0 && back[LARGE] == 0);
    tw_free(context, back);
    free(large);
    struct stat info;
    umask(022);
    CHECK(stat(in("a"), &info) == 0 && (info.st_mode & 0777) == 0644); /* as any other new file */
    end();
}

static void read_failures(void)
{
    begin();
    char *data = (char *)folder;
    size_t length = 77;
    CHECK(tw_read_file(context, in("missing"), 0, &data, &length, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "missing': no such file");
    CHECK(tw_read_file(context, folder, 0, &data, &length, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "folder");
    CHECK_OK(tw_write_file(context, in("a"), "12345", 5, &error), error);
    CHECK(tw_read_file(context, in("a"), 4, &data, &length, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "larger than 4 bytes");
    CHECK(tw_read_file(context, in("a/b"), 4, &data, &length, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "not a folder");
    for (int i = 0; i < 2; i++) {
        memory.fail_at = memory.calls;
        CHECK(tw_read_file(context, i ? "/dev/null" : in("a"), 0, &data, &length, &error) ==
              TW_ERROR_MEMORY);
    }
    CHECK(data == folder && length == 77); /* results stay untouched */
    CHECK_OK(tw_read_file(context, in("a"), 5, &data, &length, &error), error);
    tw_free(context, data);
    end();
}

static void *feed(void *user)
{
    const int file = open(user, O_WRONLY);
    char block[1000];
    memset(block, 'z', sizeof block);
    for (int i = 0; i < 100; i++)
        if (write(file, block, sizeof block) != (ssize_t)sizeof block)
            break;
    close(file);
    return NULL;
}

static void pipes(void)
{
    begin();
    char path[300], *data;
    size_t length = 0;
    snprintf(path, sizeof path, "%s", in("pipe"));
    CHECK(mkfifo(path, 0600) == 0);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, feed, path) == 0);
        if (i == 0) {
            CHECK_OK(tw_read_file(context, path, 0, &data, &length, &error), error);
            CHECK(length == 100000 && data[0] == 'z' && data[99999] == 'z');
            tw_free(context, data);
        } else {
            signal(SIGPIPE, SIG_IGN);
            CHECK(tw_read_file(context, path, 50000, &data, &length, &error) == TW_ERROR_FILE);
        }
        pthread_join(thread, NULL);
    }
    CHECK_OK(tw_write_file(context, "/dev/null", "x", 1, &error), error);
    struct stat info;
    CHECK(stat("/dev/null", &info) == 0 && S_ISCHR(info.st_mode)); /* written to, not replaced */
    end();
}

static void links(void)
{
    begin();
    CHECK_OK(tw_make_folder(context, in("far"), &error), error);
    CHECK_OK(tw_write_file(context, in("far/target"), "old", 3, &error), error);
    CHECK(symlink("far/target", in("link")) == 0 && symlink("link", in("second")) == 0);
    CHECK_OK(tw_write_file(context, in("second"), "new", 3, &error), error);
    struct stat info;
    CHECK(lstat(in("second"), &info) == 0 && S_ISLNK(info.st_mode));
    CHECK(lstat(in("link"), &info) == 0 && S_ISLNK(info.st_mode));
    CHECK(holds(in("far/target"), "new"));
    CHECK(symlink("far/later", in("dangling")) == 0);
    CHECK_OK(tw_write_file(context, in("dangling"), "made", 4, &error), error);
    CHECK(holds(in("far/later"), "made"));
    CHECK(symlink("loop", in("loop")) == 0);
    CHECK(tw_write_file(context, in("loop"), "x", 1, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "too many symbolic links");
    end();
}

static void write_failures(void)
{
    begin();
    CHECK(tw_write_file(context, in("no/such"), "x", 1, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "no such file or folder");
    CHECK(tw_write_file(context, folder, "x", 1, &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "folder");
    if (geteuid() != 0) { /* root may write everywhere */
        CHECK(chmod(folder, 0500) == 0);
        CHECK(tw_write_file(context, in("a"), "x", 1, &error) == TW_ERROR_FILE);
        CHECK_HAS(error.text, "permission denied");
        CHECK(chmod(folder, 0700) == 0);
    }
    CHECK(entries() == 0);
    end();
}

static void write_without_memory(void)
{
    begin();
    CHECK_OK(tw_write_file(context, in("a"), "old", 3, &error), error);
    CHECK(symlink("a", in("link")) == 0);
    const long before = memory.calls;
    CHECK_OK(tw_write_file(context, in("link"), "old", 3, &error), error);
    const long calls = memory.calls - before;
    for (long i = 0; i < calls; i++) {
        memory.fail_at = memory.calls + i;
        CHECK(tw_write_file(context, in("link"), "new", 3, &error) == TW_ERROR_MEMORY);
        CHECK(holds(in("a"), "old") && entries() == 2);
    }
    end();
}

/* The system refuses a write in the middle: the old file stays, and no other. */
static void size_limit(void)
{
    begin();
    static char large[100000];
    struct rlimit old, small;
    CHECK_OK(tw_write_file(context, in("a"), "old", 3, &error), error);
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 50000;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK(tw_write_file(context, in("a"), large, sizeof large, &error) == TW_ERROR_FILE);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK_HAS(error.text, "larger than the system allows");
    CHECK(holds(in("a"), "old") && entries() == 1);
    end();
}

static void full_disk(void)
{
    begin();
#if defined(__linux__)
    static char large[200000];
    if (mount("none", folder, "tmpfs", 0, "size=64k") == 0) {
        CHECK_OK(tw_write_file(context, in("a"), "old", 3, &error), error);
        CHECK(tw_write_file(context, in("a"), large, sizeof large, &error) == TW_ERROR_FILE);
        CHECK_HAS(error.text, "the disk is full; free some space");
        CHECK(holds(in("a"), "old") && entries() == 1);
        CHECK(umount(folder) == 0);
        CHECK(mount("none", folder, "tmpfs", MS_RDONLY, "size=64k") == 0);
        CHECK(tw_write_file(context, in("a"), "x", 1, &error) == TW_ERROR_FILE);
        CHECK_HAS(error.text, "read-only");
        CHECK(umount(folder) == 0);
    } else {
        printf("# no right to mount a small disk\n");
    }
#endif
    if (access("/dev/full", W_OK) == 0) {
        CHECK(tw_write_file(context, "/dev/full", "x", 1, &error) == TW_ERROR_FILE);
        CHECK_HAS(error.text, "the disk is full");
    }
    end();
}

static void folders(void)
{
    begin();
    struct stat info;
    CHECK_OK(tw_make_folder(context, in("a/b//c/"), &error), error);
    CHECK(stat(in("a/b/c"), &info) == 0 && S_ISDIR(info.st_mode));
    CHECK_OK(tw_make_folder(context, in("a/b/c"), &error), error);
    CHECK_OK(tw_make_folder(context, "/", &error), error);
    CHECK(tw_make_folder(context, "", &error) == TW_ERROR_FILE);
    CHECK_OK(tw_write_file(context, in("file"), "", 0, &error), error);
    CHECK(tw_make_folder(context, in("file"), &error) == TW_ERROR_FILE);
    CHECK_HAS(error.text, "is no folder");
    CHECK(tw_make_folder(context, in("file/x"), &error) == TW_ERROR_FILE);
    memory.fail_at = memory.calls;
    CHECK(tw_make_folder(context, in("d"), &error) == TW_ERROR_MEMORY);
    end();
}

static void sentences(void)
{
    CHECK(tw_fail_file(&error, "read", "x", EACCES) == TW_ERROR_FILE);
    CHECK_TEXT(error.text, "cannot read 'x': permission denied");
    tw_fail_file(&error, "read", "x", 9999);
    CHECK_TEXT(error.text, "cannot read 'x': system error 9999");
}

TESTS(T(write_and_read), T(read_failures), T(pipes), T(links), T(write_failures),
      T(write_without_memory), T(size_limit), T(full_disk), T(folders), T(sentences))
