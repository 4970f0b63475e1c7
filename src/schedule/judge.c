// SPDX-License-Identifier: Apache-2.0
// The judgement of a trial: what the device computed beside what the references did in double, and
// the gaps between tensors, in which nothing may be written.
#include "schedule/trial.h"
#include <float.h>
#include <math.h>

bool tw_trial_is_real(tw_type type)
{
    return type == TW_F32 || type == TW_F16 || type == TW_BF16;
}

static double tolerance_of(tw_type type)
{
    /* storage rounds to 11 or 8 bits; sums of floats in another order stay well within the first */
    return type == TW_F16 ? 2e-3 : type == TW_BF16 ? 1.6e-2 : 1e-4;
}

/* How far numbers of that type may be from these, which are right. */
static double allowance(tw_type type, const double *want, int64_t count)
{
    double most = 0.0;
    for (int64_t i = 0; i < count; i++)
        if (isfinite(want[i]))
            most = fmax(most, fabs(want[i]));
    return tolerance_of(type) * most + 1e-6;
}

static bool compare_real(const tw_trial *trial, const tw_trial_tensor *tensor, int64_t *at,
                         double *got)
{
    const double *want = tensor->data;
    const char *back = trial->image + tensor->offset;
    const size_t size = tw_type_size(tensor->type);
    const double allowed = allowance(tensor->type, want, tensor->count);
    for (int64_t i = 0; i < tensor->count; i++) {
        tw_to_storage(tensor->type, back + (size_t)i * size, got, 1);
        const bool same =
            isnan(want[i]) ? isnan(*got) : *got == want[i] || fabs(*got - want[i]) <= allowed;
        *at = i;
        if (!same && !(isinf(*got) && fabs(want[i]) > FLT_MAX)) /* double reaches further */
            return false;
    }
    return true;
}

/* The reference that computes the tensor and allows its whole numbers slack, and which of its
 * results it is; NULL: there is none. */
static const tw_reference *slack_of(const tw_trial *trial, int id, int *result)
{
    for (int r = 0; r < trial->stage->n_references; r++)
        for (*result = 0; *result < trial->stage->reference[r].n_out; ++*result)
            if (trial->stage->reference[r].out[*result] == id)
                return trial->stage->reference[r].slack ? &trial->stage->reference[r] : NULL;
    return NULL;
}

static bool compare_whole(const tw_trial *trial, const tw_trial_tensor *tensor, int64_t *at,
                          double *got)
{
    const char *back = trial->image + tensor->offset;
    const size_t size = tw_type_size(tensor->type);
    int result;
    const tw_reference *reference = slack_of(trial, tensor->id, &result);
    tw_host_call host;
    double allowed = 0.0;
    if (reference) {
        tw_reference_call(reference, trial->data, NULL, &trial->runtime, &host);
        allowed = allowance(host.in[0].type, host.in[0].data, host.in[0].count);
    }
    for (int64_t i = 0; i < tensor->count; i++) {
        if (memcmp(back + (size_t)i * size, (const char *)tensor->data + (size_t)i * size, size) ==
            0)
            continue;
        *at = i;
        *got = size == 4 ? ((const int32_t *)back)[i] : ((const uint8_t *)back)[i];
        if (!reference || !(reference->slack(&host, result, i, (int64_t)*got) <= allowed))
            return false;
    }
    return true;
}

static double wanted(const tw_trial_tensor *tensor, int64_t at)
{
    if (tw_trial_is_real(tensor->type))
        return ((const double *)tensor->data)[at];
    return tensor->type == TW_I32 ? ((const int32_t *)tensor->data)[at]
                                  : ((const uint8_t *)tensor->data)[at];
}

static bool gaps_untouched(const tw_trial *trial)
{
    uint64_t at = 0;
    for (int i = 0; i <= trial->n_tensors; i++) {
        const tw_trial_tensor *tensor = i < trial->n_tensors ? &trial->tensor[i] : NULL;
        if (tensor && !tensor->device)
            continue;
        for (const uint64_t end = tensor ? tensor->offset : trial->bytes; at < end; at++)
            if ((unsigned char)trial->image[at] != TW_TRIAL_CANARY)
                return false;
        if (tensor)
            at = tensor->offset + (uint64_t)tensor->count * tw_type_size(tensor->type);
    }
    return true;
}

bool tw_trial_judge(tw_trial *trial)
{
    const char *name = trial->candidate->name;
    for (int i = 0; i < trial->n_tensors; i++) {
        const tw_trial_tensor *tensor = &trial->tensor[i];
        if (!tensor->made || !tensor->written)
            continue;
        int64_t at = 0;
        double got = 0.0;
        if (tw_trial_is_real(tensor->type) ? compare_real(trial, tensor, &at, &got)
                                           : compare_whole(trial, tensor, &at, &got))
            continue;
        (void)tw_fail(&trial->failure, TW_ERROR_DEVICE,
                      "%s computes element %lld of \"%s\" as %.9g where %.9g is right (batch %lld)",
                      name, (long long)at, trial->runner->recipe->tensor[tensor->id].label, got,
                      wanted(tensor, at), (long long)trial->runtime.n);
        return false;
    }
    if (gaps_untouched(trial))
        return true;
    (void)tw_fail(&trial->failure, TW_ERROR_DEVICE, "%s writes beyond its results", name);
    return false;
}
