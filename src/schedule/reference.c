// SPDX-License-Identifier: Apache-2.0
// Calls C references with shapes at a batch: the host device's way to run, and the judge of
// kernels.
#include "schedule/schedule.h"

static void shape_at(tw_host_tensor *tensor, tw_type type, const tw_shape *shape, int64_t n,
                     void *data)
{
    tensor->type = type;
    tensor->rank = shape->rank;
    tensor->count = 1;
    for (int d = 0; d < shape->rank; d++) {
        tensor->dim[d] = tw_dim_at(shape->dim[d], n);
        tensor->count *= tensor->dim[d];
    }
    tensor->data = data;
}

/* Bytes for results that nobody needs but that the function may write; each gets a place of its
 * own. */
static size_t spare_bytes(const tw_reference *reference, int64_t n)
{
    size_t bytes = 0;
    for (int i = 0; i < reference->n_out; i++)
        if (reference->out[i] < 0)
            bytes +=
                (size_t)tw_dim_at(tw_shape_count(&reference->out_shape[i]), n) * sizeof(double);
    return bytes;
}

void tw_reference_call(const tw_reference *reference, void *const *data, char *spare,
                       const tw_runtime *runtime, tw_host_call *host)
{
    *host = (tw_host_call){.data = reference->data,
                           .n_in = reference->n_in,
                           .n_out = reference->n_out,
                           .runtime = runtime};
    for (int i = 0; i < reference->n_in; i++)
        shape_at(&host->in[i], reference->in_type[i], &reference->in_shape[i], runtime->n,
                 reference->in[i] < 0 ? NULL : data[reference->in[i]]);
    for (int i = 0; i < reference->n_out; i++) {
        void *memory = reference->out[i] < 0 ? (void *)spare : data[reference->out[i]];
        shape_at(&host->out[i], reference->out_type[i], &reference->out_shape[i], runtime->n,
                 memory);
        if (reference->out[i] < 0 && spare)
            spare += (size_t)host->out[i].count * sizeof(double);
    }
}

tw_status tw_reference_run(tw_context *context, const tw_reference *references, int count,
                           void *const *data, const tw_runtime *runtime, tw_error *error)
{
    for (int i = 0; i < count; i++) {
        const size_t bytes = spare_bytes(&references[i], runtime->n);
        char *spare = NULL;
        if (bytes && !(spare = tw_alloc(context, bytes)))
            return tw_fail_memory(error);
        tw_host_call host;
        tw_reference_call(&references[i], data, spare, runtime, &host);
        references[i].function(&host);
        tw_free(context, spare);
    }
    return TW_OK;
}
