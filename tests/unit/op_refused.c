// SPDX-License-Identifier: Apache-2.0
// What norms, layers over sequences and upsample2d refuse, and in which words; and weights that
// letters along an axis forbid, but not where there are none.
#include "graph/internal.h"
#include "harness.h"

typedef struct refusal {
    const char *input, *call, *sentence; /* sentence NULL: accepted */
} refusal;

static void check_refusals(const refusal *rows, int count)
{
    tw_context *context = NULL;
    tw_error error = {0};
    CHECK_OK(tw_context_create(NULL, &context, &error), error);
    for (int i = 0; i < count; i++) {
        tw_graph *g = NULL;
        char text[400];
        snprintf(text, sizeof text, "thalweg 1\nx = input %s\n%s\n", rows[i].input, rows[i].call);
        const tw_status status = tw_graph_parse(context, text, strlen(text), &g, &error);
        if (rows[i].sentence) {
            CHECK(status != TW_OK);
            CHECK_HAS(error.text, rows[i].sentence);
        } else {
            CHECK_OK(status, error);
        }
        tw_graph_destroy(&g);
    }
    tw_context_destroy(&context);
}

#define REFUSALS(...)                                                                              \
    static const refusal rows[] = {__VA_ARGS__};                                                   \
    check_refusals(rows, TW_COUNT(rows))

static void norms(void)
{
    REFUSALS(
        {"f32[n,8,48]", "group_norm", "groups=32 do not divide the 48 channels of x[n,8,48]"},
        {"f32[n,8,48]", "group_norm groups=0", "groups=0 do not divide"},
        {"f32[n,8,48]", "group_norm groups=-1", NULL},
        {"f32[n,8,t]", "group_norm", "the last size of x[n,8,t] must be a number"},
        {"f32[8]", "group_norm groups=2", "x[8] needs a batch and channels"},
        {"f32[n,48]", "instance_norm", "something to take a mean over"},
        {"f32[n,4,8]", "instance_norm epsilon=-1", "epsilon must be above 0"},
        {"i32[n,4,8]", "instance_norm", "input x is i32, but must be f32"},
        {"f32[n,8]", "layer_norm axis=2", "axis= must be distinct axes of x[n,8], -2 to 1"},
        {"f32[n,8]", "layer_norm axis=1,-1", "axis= must be distinct axes"},
        {"f32[n,8]", "layer_norm axis=0,1 scale=no shift=no", "axis= names the batch of x[n,8]"},
        {"f32[n,t]", "layer_norm", "x[n,t] has a letter along axis="},
        {"f32[n,t]", "layer_norm scale=no shift=no", NULL},
        {"f32[n,8]", "layer_norm epsilon=0", "epsilon must be above 0"},
        {"f32[n,8]", "s = parameter f32[7]\nlayer_norm(x, s)", "scale is [7], but must be [8]"},
        {"f32[n,8]", "s = parameter f32[2,4]\nrms_norm(x, s)", "scale is [2,4], but must be [8]"},
        {"f32[n,8]", "s = parameter f16[8]\nrms_norm(x, s)", "scale is f16, but must be f32"},
        {"f32[n,3,8]", "s = parameter bf16[8]\ngroup_norm(x, s) groups=2", "but must be f32"});
}

static void sequences(void)
{
    REFUSALS({"f32[n,8,6]", "conv1d filters=4 kernel=9",
              "a window of 9 steps does not fit into the sequence's 8"},
             {"f32[n,8,6]", "conv1d filters=4 kernel=5 dilation=2", "a window of 9 steps"},
             {"f32[n,8,6]", "conv1d filters=4 kernel=9 padding=causal", NULL},
             {"f32[n,t,6]", "conv1d filters=4 kernel=9", NULL},
             {"f32[n,8,6]", "conv1d filters=4 kernel=3 groups=4", "groups must divide both"},
             {"f32[n,8,6]", "conv1d filters=4 kernel=3 groups=0", "groups=0 is not possible"},
             {"f32[n,8,6]", "conv1d filters=0 kernel=3", "filters=0 is not possible"},
             {"f32[n,8,6]", "conv1d filters=4 kernel=3 stride=0", "stride=0 is not possible"},
             {"f32[n,8,6]", "conv1d filters=4 kernel=3 padding=full", "padding=full is neither"},
             {"f32[n,8,6]", "conv1d filters=4 kernel=3 padding=1,2,3", "padding=1,2,3 is neither"},
             {"f32[n,8]", "conv1d filters=4 kernel=3", "x[n,8] is no batch of sequences"},
             {"f32[n,8,6]", "w = parameter f32[3,6,5]\nconv1d(x, w) filters=4 kernel=3",
              "the weight is [3,6,5] and should be [3,6,4]"},
             {"f32[n,8,6]", "maxpool1d size=9", "a window of 9 steps does not fit"},
             {"f32[n,800,6]", "maxpool1d size=300", "global_maxpool1d takes the largest of all"},
             {"f32[n,8,6]", "maxpool1d padding=causal", "padding=causal is neither"},
             {"f32[n,8,6]", "avgpool1d padding=2", "a padding of 2 leaves windows of 2 empty"},
             {"f32[n,8]", "global_avgpool1d", "x[n,8] is no batch of sequences"});
}

static void images(void)
{
    REFUSALS({"f32[n,8,6]", "upsample2d", "x[n,8,6] is no batch of images"},
             {"f32[n,8,6,3]", "upsample2d size=0", "size=0 is not possible"},
             {"f32[n,8,6,3]", "upsample2d size=1,2,3", "size= takes one number, or 2"},
             {"f32[n,h,w,3]", "upsample2d", NULL}, {"i32[n,8,6,3]", "upsample2d", "input x is i32"},
             {"f32[n,8000,6000,3]", "upsample2d size=10000", "more than 2^31 pixels"});
}

TESTS(T(norms), T(sequences), T(images))
