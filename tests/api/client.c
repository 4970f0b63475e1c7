// SPDX-License-Identifier: Apache-2.0
// A program of someone else's: built against an installed copy, it trains a line through points on the host device, and
// prints the library's version.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <thalweg/thalweg.h>

static void must(tw_status status, const tw_error *error)
{
    if (status == TW_OK)
        return;
    fprintf(stderr, "%s: %s\n", tw_status_name(status), error->text);
    exit(1);
}

int main(void)
{
    tw_error error = {0};
    tw_context *context = NULL;
    tw_device *device = NULL;
    tw_graph *graph = NULL;
    tw_params *params = NULL;
    tw_trainer *trainer = NULL;
    must(tw_context_create(&(tw_context_options){.cache_folder = ""}, &context, &error), &error);
    must(tw_device_open(context, "host", &device, &error), &error);
    must(tw_graph_create(context, &graph, &error), &error);
    tw_node *x = tw_input(graph, "x f32[n,1]"), *y = tw_input(graph, "y f32[n,1]");
    tw_node *line = tw_op(graph, "line = dense units=1", 1, &x);
    tw_op(graph, "loss = mse", 2, (tw_node *[]){line, y});
    must(tw_train(graph, "loss=loss optimizer=\"sgd lr=0.1\"", &error), &error);
    must(tw_params_create(graph, device, 1, &params, &error), &error);
    must(tw_trainer_create(params, &(tw_trainer_options){.batch = 4}, &trainer, &error), &error);
    const float xs[4] = {-1, 0, 1, 2}, ys[4] = {-1, 1, 3, 5}; /* y = 2 x + 1 */
    for (int step = 0; step < 200; step++)
        must(tw_trainer_step(trainer, 4, (const void *[]){xs, ys}, &error), &error);
    double loss = 0;
    float slope = 0;
    must(tw_trainer_wait(trainer, &loss, &error), &error);
    must(tw_params_get(params, "line.weight", &slope, sizeof slope, &error), &error);
    tw_trainer_destroy(&trainer);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    printf("%s\n", tw_version());
    return fabsf(slope - 2) < 1e-3f ? 0 : 1;
}
