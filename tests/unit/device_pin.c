// SPDX-License-Identifier: Apache-2.0
// PoCL's threads on a core each: where there are as many, unless the user says otherwise.
#define _GNU_SOURCE /* sched_getaffinity */
#include "device/device.h"
#include "harness.h"
#include <dirent.h>
#include <sched.h>

static tw_error error;

/* Opens the device and looks at all threads of this process: how many may use one core alone, and
 * how many cores these are. False where this is not PoCL, or has not a thread for each core. */
static bool look(int *threads, int *cores)
{
    tw_context *context = NULL;
    tw_device *device = NULL;
    CHECK_OK(tw_context_create(NULL, &context, &error), error);
    cpu_set_t mine, all;
    CPU_ZERO(&all);
    CHECK(sched_getaffinity(0, sizeof mine, &mine) == 0);
    bool fits = tw_device_open(context, NULL, &device, &error) == TW_OK && device->caps.calls &&
                device->caps.units == CPU_COUNT(&mine) && device->caps.units > 1;
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    DIR *tasks = opendir("/proc/self/task");
    *threads = 0;
    for (struct dirent *each; tasks && (each = readdir(tasks));) {
        cpu_set_t of;
        const int id = atoi(each->d_name);
        if (id > 0 && sched_getaffinity(id, sizeof of, &of) == 0 && CPU_COUNT(&of) == 1) {
            CPU_OR(&all, &all, &of);
            ++*threads;
        }
    }
    *cores = CPU_COUNT(&all);
    fits = fits && tasks;
    if (tasks)
        closedir(tasks);
    return fits;
}

static void left_free(void)
{
    int threads, cores;
    CHECK(setenv("POCL_AFFINITY", "0", 1) == 0);
    if (look(&threads, &cores))
        CHECK(threads == 0);
    CHECK(unsetenv("POCL_AFFINITY") == 0);
}

static void one_each(void)
{
    int threads, cores;
    cpu_set_t mine;
    if (!look(&threads, &cores)) {
        printf("# not PoCL with a thread for each core\n");
        return;
    }
    CHECK(sched_getaffinity(0, sizeof mine, &mine) == 0); /* this thread stays free */
    CHECK(CPU_COUNT(&mine) > 1 && threads == CPU_COUNT(&mine) && cores == threads);
}

TESTS(T(left_free), T(one_each))
