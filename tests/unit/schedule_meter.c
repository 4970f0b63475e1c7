// SPDX-License-Identifier: Apache-2.0
// Meters give rates on devices that have kernels, and what a trace has recorded is handed over
// once.
#include "failing.h"
#include "schedule.h"

static void rates(void)
{
    tw_error error;
    tw_context *context = open_context(NULL, "");
    tw_device *device = open_device(context, NULL);
    tw_meter *meter = NULL;
    CHECK_OK(tw_meter_create(device, &meter, &error), error);
    for (int i = 0; i < 2; i++) {
        double gflops = 0, gbytes = 0, one = 0, many = 0;
        CHECK_OK(tw_meter_arithmetic(meter, &gflops, &error), error);
        CHECK_OK(tw_meter_memory(meter, &gbytes, &error), error);
        CHECK(gflops > 0);
        CHECK(gbytes > 0);
        CHECK_OK(tw_meter_launch(meter, 1, &one, &error), error);
        CHECK_OK(tw_meter_launch(meter, 100000, &many, &error), error);
        CHECK(many > one);
        CHECK(tw_meter_launch(meter, 0, &one, &error) == TW_ERROR_ARGUMENT);
    }
    tw_meter_destroy(&meter);
    CHECK(meter == NULL);
    tw_meter_destroy(&meter);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
}

static void host_has_none(void)
{
    tw_error error;
    tw_context *context = open_context(NULL, "");
    tw_device *device = open_device(context, "host");
    tw_meter *meter = NULL;
    CHECK(tw_meter_create(device, &meter, &error) == TW_ERROR_UNSUPPORTED);
    CHECK(strstr(error.text, "host"));
    CHECK(tw_meter_create(NULL, &meter, &error) == TW_ERROR_ARGUMENT);
    CHECK(meter == NULL);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
}

static bool survive(long at)
{
    tw_failing memory = {.fail_at = -1};
    const tw_allocator allocator = {tw_failing_resize, &memory};
    const tw_context_options options = {.allocator = &allocator, .cache_folder = ""};
    tw_error error;
    tw_context *context = NULL;
    CHECK_OK(tw_context_create(&options, &context, &error), error);
    tw_device *device = open_device(context, NULL);
    tw_meter *meter = NULL;
    double gbytes = 0;
    memory.fail_at = memory.calls + at;
    const long last = memory.fail_at;
    tw_status status = tw_meter_create(device, &meter, &error);
    if (status == TW_OK)
        status = tw_meter_memory(meter, &gbytes, &error);
    const bool out = memory.calls <= last;
    CHECK(status == TW_OK || status == TW_ERROR_MEMORY);
    CHECK(!out || status == TW_OK);
    tw_meter_destroy(&meter);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    CHECK(memory.live == 0);
    CHECK(memory.wrong == 0);
    return out;
}

static void memory_fails(void)
{
    long at = 0;
    while (at < 500 && !survive(at))
        at++;
    CHECK(at > 5);
}

/* ---- traces, event by event ---- */

typedef struct seen {
    int lane[3], wrong;
    bool host;
} seen;

static void look(void *user, const tw_trace_event *event)
{
    seen *s = user;
    s->lane[event->lane]++;
    s->wrong += !event->label || !*event->label || event->end < event->start;
    s->wrong += (event->groups > 0) != (event->lane == TW_LANE_COMPUTE && !s->host);
}

static void trace_of(const char *select, int uploads, int launches)
{
    static const char *const output[] = {"y"};
    tw_error error;
    tw_context *context = open_context(NULL, "");
    tw_device *device = open_device(context, select);
    tw_graph *graph = parse(context, small_model);
    tw_params *params = NULL;
    tw_plan *plan = NULL;
    float x[40] = {0}, y[40];
    CHECK_OK(tw_params_create(graph, device, 0, &params, &error), error);
    CHECK_OK(tw_plan_create(params, 1, output, &(tw_plan_options){.batch = 8}, &plan, &error),
             error);
    CHECK_OK(tw_plan_trace(plan, &error), error);
    for (int round = 0; round < 2; round++) {
        seen s = {{0}, 0, !uploads};
        for (int i = 0; i < 3; i++)
            CHECK_OK(tw_plan_enqueue(plan, 8, (const void *[]){x}, (void *[]){y}, &error), error);
        CHECK_OK(tw_plan_trace_read(plan, look, &s, &error), error);
        CHECK(s.lane[TW_LANE_UPLOAD] == 3 * uploads);
        CHECK(s.lane[TW_LANE_COMPUTE] == 3 * launches);
        CHECK(s.lane[TW_LANE_DOWNLOAD] == 3 * uploads);
        CHECK(s.wrong == 0);
    }
    tw_plan_destroy(&plan);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
}

static void device_trace(void)
{
    trace_of(NULL, 1, 1);
}

static void host_trace(void)
{
    trace_of("host", 0, 1);
}

/* A training step: its own launches, then the optimizer's under the optimizer's name. */
static void find_optimizer(void *user, const tw_trace_event *event)
{
    int *found = user;
    found[strcmp(event->label, "momentum") == 0]++;
}

static void training(const char *select)
{
    static const char model[] = "thalweg 1\n"
                                "w = parameter f32[40] init=uniform\n"
                                "s = square(w)\n"
                                "loss = reduce_mean(s)\n"
                                "train loss=loss optimizer=\"momentum lr=0.1\"\n";
    tw_error error;
    tw_context *context = open_context(NULL, "");
    tw_device *device = open_device(context, select);
    tw_graph *graph = parse(context, model);
    tw_params *params = NULL;
    tw_trainer *trainer = NULL;
    int found[2] = {0, 0};
    CHECK_OK(tw_params_create(graph, device, 0, &params, &error), error);
    CHECK_OK(tw_trainer_create(params, NULL, &trainer, &error), error);
    CHECK_OK(tw_trainer_trace(trainer, &error), error);
    for (int i = 0; i < 3; i++)
        CHECK_OK(tw_trainer_step(trainer, 1, NULL, &error), error);
    CHECK_OK(tw_trainer_trace_read(trainer, find_optimizer, found, &error), error);
    CHECK(found[1] == 3);
    CHECK(found[0] >= 3);
    tw_trainer_destroy(&trainer);
    tw_trainer_options options = {.evaluate_only = true};
    CHECK_OK(tw_trainer_create(params, &options, &trainer, &error), error);
    CHECK(tw_trainer_trace_read(trainer, find_optimizer, found, &error) == TW_ERROR_ARGUMENT);
    tw_trainer_destroy(&trainer);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
}

static void device_training(void)
{
    training(NULL);
}

static void host_training(void)
{
    training("host");
}

TESTS(T(rates), T(host_has_none), T(memory_fails), T(device_trace), T(host_trace),
      T(device_training), T(host_training))
