// SPDX-License-Identifier: Apache-2.0
// PoCL's threads on a core each: where there are as many, unless the user says otherwise; and that
// a device opens as well where the driver refuses, or comes too late.
#define _GNU_SOURCE /* sched_getaffinity, RTLD_NEXT */
#include "device/opencl/opencl.h"
#include "failing.h"
#include "harness.h"
#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static tw_error error;

/* ---- a driver that does as it is told ---- */

/* What this program's OpenCL does instead of the driver's. */
static struct driver {
    bool no_native;      /* it knows no native kernels */
    cl_int queue_fails;  /* code of a queue that is asked for out of order */
    int refused;         /* the nth native kernel (from 1); 0: none */
    int late;            /* the nth begins when all patience is gone */
    atomic_int enqueued; /* native kernels so far */
    atomic_int queues;   /* alive */
} driver;

/* The driver's own function of that name: what is defined here stands before it. */
#define REAL(function, name)                                                                       \
    do {                                                                                           \
        void *const found_ = dlsym(RTLD_NEXT, name);                                               \
        memcpy(&(function), &found_, sizeof found_);                                               \
    } while (0)

cl_int clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                       size_t *got)
{
    cl_int (*real)(cl_device_id, cl_device_info, size_t, void *, size_t *);
    REAL(real, "clGetDeviceInfo");
    const cl_int code = real(device, what, size, value, got);
    if (what == CL_DEVICE_EXECUTION_CAPABILITIES && driver.no_native && value)
        *(cl_device_exec_capabilities *)value = CL_EXEC_KERNEL;
    return code;
}

cl_command_queue clCreateCommandQueue(cl_context context, cl_device_id device,
                                      cl_command_queue_properties properties, cl_int *code)
{
    cl_command_queue (*real)(cl_context, cl_device_id, cl_command_queue_properties, cl_int *);
    REAL(real, "clCreateCommandQueue");
    if ((properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) && driver.queue_fails) {
        *code = driver.queue_fails;
        return NULL;
    }
    cl_command_queue made = real(context, device, properties, code);
    driver.queues += made != NULL;
    return made;
}

cl_int clReleaseCommandQueue(cl_command_queue queue)
{
    cl_int (*real)(cl_command_queue);
    REAL(real, "clReleaseCommandQueue");
    driver.queues--;
    return real(queue);
}

typedef void(CL_CALLBACK *native)(void *);

/* Comes when the others have gone. */
static void CL_CALLBACK dawdle(void *argument)
{
    native called;
    memcpy(&called, argument, sizeof called);
    usleep(120000);
    called((char *)argument + sizeof called);
}

cl_int clEnqueueNativeKernel(cl_command_queue queue, native called, void *argument, size_t bytes,
                             cl_uint n_memory, const cl_mem *memory, const void **places,
                             cl_uint n_waits, const cl_event *waits, cl_event *event)
{
    cl_int (*real)(cl_command_queue, native, void *, size_t, cl_uint, const cl_mem *, const void **,
                   cl_uint, const cl_event *, cl_event *);
    char with[sizeof called + 64];
    REAL(real, "clEnqueueNativeKernel");
    const int number = ++driver.enqueued;
    if (number == driver.refused)
        return CL_OUT_OF_RESOURCES;
    if (number == driver.late && bytes <= 64) {
        memcpy(with, &called, sizeof called);
        memcpy(with + sizeof called, argument, bytes);
        called = dawdle;
        argument = with;
        bytes += sizeof called;
    }
    return real(queue, called, argument, bytes, n_memory, memory, places, n_waits, waits, event);
}

/* ---- what became of the threads ---- */

/* Opens the device and looks at all threads of this process: how many may use one core alone, and
 * how many cores these are. False where this is not PoCL, or has not a thread for each core. */
static bool look(int *threads, int *cores)
{
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    tw_context *context = NULL;
    tw_device *device = NULL;
    CHECK_OK(tw_context_create(&(tw_context_options){.allocator = &allocator, .cache_folder = ""},
                               &context, &error),
             error);
    cpu_set_t mine, all;
    CPU_ZERO(&all);
    CHECK(sched_getaffinity(0, sizeof mine, &mine) == 0);
    const tw_status status = tw_device_open(context, NULL, &device, &error);
    CHECK(status == TW_OK || status == TW_ERROR_NO_DEVICE); /* whatever the driver refuses */
    bool fits = device && device->caps.calls && device->caps.units == CPU_COUNT(&mine) &&
                device->caps.units > 1;
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    CHECK(memory.live == 0 && driver.queues == 0);
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

/* A child that is made before the driver has threads has a driver of its own. */
static void in_a_child(void)
{
    int threads, cores, status = 0;
    const pid_t child = fork();
    if (child == 0) {
        alarm(60);
        look(&threads, &cores);
        _exit(tw_failures);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void left_free(void)
{
    int threads, cores;
    CHECK(setenv("POCL_AFFINITY", "0", 1) == 0);
    if (look(&threads, &cores))
        CHECK(threads == 0);
    CHECK(unsetenv("POCL_AFFINITY") == 0);
}

/* Nothing is moved, and nothing is left behind, where PoCL cannot do it. */
static void refusals(void)
{
    static const struct driver cases[] = {{.no_native = true},
                                          {.queue_fails = CL_INVALID_QUEUE_PROPERTIES},
                                          {.queue_fails = CL_OUT_OF_HOST_MEMORY},
                                          {.refused = 1},
                                          {.refused = 2},
                                          {.late = 1},
                                          {.late = 2}};
    for (int i = 0; i < TW_COUNT(cases); i++) {
        int threads, cores;
        memcpy(&driver, &cases[i], sizeof driver);
        if (!look(&threads, &cores)) {
            printf("# not PoCL with a thread for each core\n");
            break;
        }
        CHECK(threads == 0);
        CHECK((driver.enqueued == 0) == (driver.no_native || driver.queue_fails != 0));
    }
    memset(&driver, 0, sizeof driver);
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

/* A thread that opens and closes a device a few times. */
static void *reopen(void *failures)
{
    for (int i = 0; i < 5; i++) {
        tw_context *context = NULL;
        tw_device *device = NULL;
        tw_error why;
        tw_status status =
            tw_context_create(&(tw_context_options){.cache_folder = ""}, &context, &why);
        if (status == TW_OK)
            status = tw_device_open(context, NULL, &device, &why);
        *(int *)failures += status != TW_OK && status != TW_ERROR_NO_DEVICE;
        tw_device_destroy(&device);
        tw_context_destroy(&context);
    }
    return NULL;
}

/* Each of two that open it at once may keep a thread of the driver waiting for the other's. */
static void from_two_threads(void)
{
    pthread_t thread[2];
    int failures[2] = {0};
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&thread[i], NULL, reopen, &failures[i]) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(thread[i], NULL) == 0 && failures[i] == 0);
}

TESTS(T(in_a_child), T(left_free), T(refusals), T(one_each), T(from_two_threads))
