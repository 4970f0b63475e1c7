// SPDX-License-Identifier: Apache-2.0
// Keeps the threads that PoCL computes with on a core each.
#ifdef __linux__
#define _GNU_SOURCE /* sched_setaffinity */
#endif
#include "device/opencl/opencl.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#ifdef __linux__
#include <sched.h>

#define PATIENCE_NS 50000000 /* for all threads to be there at once */

/* What the threads of one device do together. */
typedef struct meeting {
    pthread_mutex_t mutex;
    pthread_cond_t arrived;
    pthread_t opener;
    struct timespec deadline;
    cpu_set_t cores; /* that this process may use */
    int expected, present;
    bool over; /* someone gave up, or cannot be moved */
} meeting;

/* The nth core of the set. */
static int core_at(const cpu_set_t *cores, int n)
{
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, cores) && n-- == 0)
            return core;
    return -1;
}

/* A native kernel: runs in one of the driver's threads, and holds it until each of the others runs
 * one, so that no thread gets two. */
static void CL_CALLBACK attend(void *argument)
{
    meeting *m = *(meeting **)argument;
    pthread_mutex_lock(&m->mutex);
    const int place = m->present++;
    if (pthread_equal(pthread_self(), m->opener)) /* the driver has no threads of its own */
        m->over = true;
    if (m->over || m->present == m->expected)
        pthread_cond_broadcast(&m->arrived);
    while (!m->over && m->present < m->expected)
        if (pthread_cond_timedwait(&m->arrived, &m->mutex, &m->deadline) != 0)
            m->over = m->present < m->expected;
    const bool complete = !m->over;
    pthread_mutex_unlock(&m->mutex);
    if (!complete)
        return;
    cpu_set_t core;
    CPU_ZERO(&core);
    CPU_SET(core_at(&m->cores, place), &core);
    sched_setaffinity(0, sizeof core, &core); /* should it fail, the thread stays free */
}

static void hold(meeting *m, cl_command_queue queue)
{
    m->opener = pthread_self();
    clock_gettime(CLOCK_REALTIME, &m->deadline);
    m->deadline.tv_nsec += PATIENCE_NS;
    m->deadline.tv_sec += m->deadline.tv_nsec / 1000000000;
    m->deadline.tv_nsec %= 1000000000;
    for (int i = 0; i < m->expected; i++)
        if (clEnqueueNativeKernel(queue, attend, &m, sizeof m, 0, NULL, NULL, 0, NULL, NULL) !=
            CL_SUCCESS)
            break;
    clFinish(queue);
}

void tw_opencl_pin(cl_context context, cl_device_id device, int threads)
{
    meeting m = {.expected = threads};
    const cl_device_exec_capabilities can =
        tw_opencl_number(device, CL_DEVICE_EXECUTION_CAPABILITIES, sizeof can);
    if (threads < 2 || getenv("POCL_AFFINITY") || !(can & CL_EXEC_NATIVE_KERNEL) ||
        sched_getaffinity(0, sizeof m.cores, &m.cores) != 0 || CPU_COUNT(&m.cores) != threads)
        return;
    cl_int code;
    cl_command_queue queue =
        clCreateCommandQueue(context, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code != CL_SUCCESS)
        return;
    if (pthread_mutex_init(&m.mutex, NULL) == 0) {
        if (pthread_cond_init(&m.arrived, NULL) == 0) {
            hold(&m, queue);
            pthread_cond_destroy(&m.arrived);
        }
        pthread_mutex_destroy(&m.mutex);
    }
    clReleaseCommandQueue(queue);
}

#else

void tw_opencl_pin(cl_context context, cl_device_id device, int threads)
{
    (void)context;
    (void)device;
    (void)threads;
}

#endif
