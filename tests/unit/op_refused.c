// SPDX-License-Identifier: Apache-2.0
// What norms, layers over sequences, upsample2d, operators on tokens and einsum refuse, and in
// which words; which letters along an axis forbid weights, and which of a norm's weights its
// attributes are for.
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

static void tokens(void)
{
    REFUSALS(
        {"f32[n,5]", "embedding vocabulary=4 width=3", "tokens are f32, but must be i32"},
        {"i32[n,5] classes=9", "embedding vocabulary=4 width=3",
         "values of x are from 0 to 8 by its classes=9, but must be below 4 here"},
        {"i32[n,5]", "embedding vocabulary=0 width=3", "vocabulary=0 and width=3 must be"},
        {"i32[n,5]", "embedding vocabulary=4 width=3 type=i32", "a weight is f32, f16 or bf16"},
        {"i32[n,5]", "w = parameter f32[3,3]\nembedding(x, w) vocabulary=4 width=3",
         "a weight [3,3] does not go with vocabulary=4 and width=3"},
        {"f32[n]", "sequence_mask size=4", "length is f32, but must be i32 or u8"},
        {"i32[n] classes=6", "sequence_mask size=4", "must be below 5 here"},
        {"i32[n]", "sequence_mask size=4,5", "size= is one size"},
        {"i32[n]", "sequence_mask size=0", "size= is one size"},
        {"f32[n]", "positional_encoding", "x[n] has no steps"},
        {"f32[n,9,4]", "position_embedding length=8", "more steps than length=8 has rows"},
        {"f32[n,9,t]", "position_embedding length=9", "the last dimension must be a number"},
        {"f32[n,t,4]", "position_embedding length=9", NULL},
        {"f32[n,n,4]", "position_embedding length=9", "as many as the batch"});
}

static void values(void)
{
    REFUSALS(
        {"f32[n]", "constant values=\"1,2,x\"", "values= has no number at \"x\""},
        {"f32[n]", "constant values=\"1,,2\"", "values= has no number at \",2\""},
        {"f32[n]", "constant values=\"nan\"", "the value nan is not possible in f32"},
        {"f32[n]", "constant values=\"1,2.5\" type=i32", "the value 2.5 is not possible in i32"},
        {"f32[n]", "constant values=\"2\" type=bool", "the value 2 is not possible in bool"},
        {"f32[n]", "constant values=\"1,2,3\" shape=2,2", "3 values do not fill [2,2]"},
        {"f32[n]", "constant values=\"1,2\" shape=n", "2 values do not fill [n]"},
        {"f32[n,4]", "topk k=5", "k=5 is not possible along axis 1 of x[n,4]"},
        {"f32[n,4]", "topk k=0", "k=0 is not possible"},
        {"f32[n,9999]", "topk k=5000", "k=5000: the most is 4096"},
        {"f32[n,4]", "topk k=1 axis=0", "axis 0 is the batch"},
        {"u8[n,4]", "cumsum", "cannot be computed of u8"},
        {"f32[n,4]", "cumsum axis=2", "axis=2 is out of range"});
}

static void letters(void)
{
    REFUSALS({"f32[n,3,3]", "einsum equation=\"nij->nik\"", "the result's k stands in no operand"},
             {"f32[n,3,3]", "einsum equation=\"nij->nii\"", "i stands twice in the result"},
             {"f32[n,3,3]", "einsum equation=\"nij,njk\"", "of more operands than the 1 given"},
             {"f32[n,3,3]", "einsum(x, x) equation=\"nij\"", "of one operand, but two are given"},
             {"f32[n,3,3]", "einsum(x, x) equation=\"nij,njk,nkl\"", "take two at a time"},
             {"f32[n,3,3]", "einsum equation=\"n1j\"", "\"1j\" is not possible there"},
             {"f32[n,3,3]", "einsum equation=\"n..j\"", "\"..j\" is not possible there"},
             {"f32[n,3,3]", "einsum equation=\"ij\"", "names 2 axes of input a, which is [n,3,3]"},
             {"f32[n,3,4]", "einsum equation=\"nii\"", "axis 2 of input a[n,3,4] differs"},
             {"f32[n,n,4]", "einsum equation=\"nnj\"", "n stands twice in one operand"},
             {"i32[n,3,3]", "einsum equation=\"nij\"", "input a is i32, but must be f32"});
}

/* init= and l2= are for the scale, bias_init= for the shift, also where there is no scale. */
static void weights(void)
{
    static const char text[] = "thalweg 1\nx = input f32[n,8]\n"
                               "a = layer_norm init=zeros bias_init=ones l2=0.5\n"
                               "b = batch_norm(a) scale=no init=zeros bias_init=ones l2=0.5\n";
    tw_context *context = NULL;
    tw_graph *g = NULL;
    tw_error error = {0};
    CHECK_OK(tw_context_create(NULL, &context, &error), error);
    CHECK_OK(tw_graph_parse(context, text, sizeof text - 1, &g, &error), error);
    const char *const names[] = {"a.scale", "a.shift", "b.shift"};
    const char *const inits[] = {"zeros", "ones", "ones"};
    for (int i = 0; i < 3 && g; i++) {
        tw_node *weight = tw_graph_find(g, names[i]);
        CHECK(weight);
        if (!weight)
            continue;
        CHECK_TEXT(tw_attr_text(weight->call, "init"), inits[i]);
        CHECK_NEAR(tw_attr_float(weight->call, "l2"), i == 0 ? 0.5 : 0, 0);
    }
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

TESTS(T(norms), T(sequences), T(images), T(tokens), T(values), T(letters), T(weights))
