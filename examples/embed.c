// SPDX-License-Identifier: Apache-2.0
// Trains a network inside a program: y = sin(x). Build: cc embed.c $(pkg-config --cflags --libs
// thalweg) -lm
#include <math.h>
#include <stdio.h>
#include <thalweg/thalweg.h>

enum { SAMPLES = 256, STEPS = 2000 };

int main(void)
{
    static float x[SAMPLES], y[SAMPLES], guess[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        x[i] = (float)i / SAMPLES * 6.0f - 3.0f;
        y[i] = sinf(x[i]);
    }
    tw_context *context = NULL;
    tw_device *device = NULL;
    tw_graph *graph = NULL;
    tw_params *params = NULL;
    tw_trainer *trainer = NULL;
    tw_plan *plan = NULL;
    tw_error error;
    double loss = 0;

    if (tw_context_create(NULL, &context, &error) ||
        tw_device_open(context, NULL, &device, &error) || tw_graph_create(context, &graph, &error))
        goto failed;
    tw_node *in =
        tw_input(graph, "x f32[n,1]"); /* building needs no checks: tw_trainer_create reports */
    tw_node *node = tw_op(graph, "dense units=32 act=tanh", 1, &in);
    node = tw_op(graph, "prediction = dense units=1", 1, &node);
    tw_op(graph, "loss = mse", 2, (tw_node *[]){node, tw_input(graph, "y f32[n,1]")});
    if (tw_train(graph, "loss=loss optimizer=\"adam lr=0.01\"", &error) ||
        tw_params_create(graph, device, 1, &params, &error) ||
        tw_trainer_create(params, &(tw_trainer_options){.batch = SAMPLES}, &trainer, &error))
        goto failed;
    for (int i = 0; i < STEPS; i++)
        if (tw_trainer_step(trainer, SAMPLES, (const void *[]){x, y}, &error))
            goto failed;
    if (tw_trainer_wait(trainer, &loss, &error) ||
        tw_plan_create(params, 1, (const char *[]){"prediction"},
                       &(tw_plan_options){.batch = SAMPLES}, &plan, &error) ||
        tw_plan_run(plan, SAMPLES, (const void *[]){x}, (void *[]){guess}, &error))
        goto failed;
    printf("mean loss %.4f; sin(%.2f) = %.3f, the network says %.3f\n", loss, x[40], y[40],
           guess[40]);
    error.code = TW_OK;
failed:
    if (error.code != TW_OK)
        fprintf(stderr, "%s\n", error.text);
    tw_plan_destroy(&plan);
    tw_trainer_destroy(&trainer);
    tw_params_destroy(&params);
    tw_graph_destroy(&graph);
    tw_device_destroy(&device);
    tw_context_destroy(&context);
    return error.code != TW_OK;
}
