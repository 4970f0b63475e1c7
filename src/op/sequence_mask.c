// SPDX-License-Identifier: Apache-2.0
// sequence_mask: which steps of padded sequences are real.
#include "op/helpers.h"
#include <limits.h>

static const tw_attribute mask_attributes[] = {
    {"size", TW_ATTR_DIMS, NULL, NULL, "steps of the longest sequence: a number or a letter"},
    TW_ATTRIBUTES_END};

static tw_status mask_infer(tw_call *call, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "size");
    const tw_type type = call->input[0]->type;
    const tw_dim size = sizes->list[0];
    tw_shape y = call->input[0]->shape;
    if (type != TW_I32 && type != TW_U8)
        return tw_fail(error, TW_ERROR_TYPE, "length is %s, but must be i32 or u8: cast it",
                       tw_type_name(type));
    if (sizes->count != 1 || size.scale < 1)
        return tw_fail(error, TW_ERROR_SHAPE, "size= is one size, at least 1");
    if (y.rank == TW_MAX_RANK)
        return tw_fail(error, TW_ERROR_SHAPE, "lengths of rank %d: the most is %d", y.rank,
                       TW_MAX_RANK - 1);
    if (tw_dim_fixed(size) && size.scale < INT_MAX)
        TW_TRY(tw_input_expect_classes(call->input[0], size.scale + 1, error));
    y.dim[y.rank++] = size;
    tw_result_set(call, 0, TW_BOOL, &y);
    return TW_OK;
}

static void mask_host(const tw_host_call *host)
{
    const tw_host_tensor *length = &host->in[0], *y = &host->out[0];
    const int64_t size = y->dim[y->rank - 1];
    for (int64_t i = 0; i < y->count; i++)
        tw_host_put(y, i, (double)(i % size) < tw_host_get(length, i / size));
}

static void mask_variants(tw_site *site)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const tw_shape *y = tw_site_out_shape(site, 0);
    const int64_t chunk = simt ? 1 : 2048;
    const int local = simt ? 64 : 1;
    tw_launch *launch =
        tw_candidate_launch(site, tw_site_candidate(site, site->caps->family, "sequence_mask"),
                            "sequence_mask.cl", "sequence_mask");
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define_dim(site, launch, "COUNT", tw_shape_count(y));
    tw_launch_define_dim(site, launch, "SIZE", tw_last_dim(y));
    tw_launch_in(site, launch, "lengths", site->in[0], tw_site_in_type(site, 0));
    tw_launch_global(launch, 0, tw_shape_count(y), chunk * local, local);
    tw_launch_epilogue(site, launch, 1);
}

static const tw_operator sequence_mask = {
    .name = "sequence_mask",
    .doc = "true at the first `length` places of a new last axis (all of them where length is "
           "larger, none where it is below 1)",
    .inputs = "length",
    .results = "y",
    .attributes = mask_attributes,
    .flags = TW_OP_EPILOGUE,
    .infer = mask_infer,
    .host = mask_host,
    .variants = mask_variants,
};

const tw_operator *const tw_op_sequence_mask[] = {&sequence_mask, NULL};
