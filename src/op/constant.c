// SPDX-License-Identifier: Apache-2.0
// constant: numbers written in the model. Equal ones are a fill, which costs nothing; others stand
// in the text of a kernel (constant_values), so they are meant to be few: more belong into a
// parameter with trainable=no.
#include "op/helpers.h"
#include "op/literal.h"
#include <math.h>

#define MOST 4096 /* numbers in a kernel's text */

static const tw_attribute constant_attributes[] = {
    {"values", TW_ATTR_TEXT, NULL, NULL, "numbers with commas between them, in quotes: \"1,2,5\""},
    {"shape", TW_ATTR_DIMS, "", NULL,
     "sizes (default: one axis); a single value takes any, letters allowed"},
    {"type", TW_ATTR_TYPE, "f32", NULL, "type of the elements"},
    TW_ATTRIBUTES_END};

/* The next number of a list and the place behind its comma; false: the item is no number. */
static bool next_value(const char **list, double *value)
{
    const char *begin = *list + strspn(*list, " \t");
    size_t length = strcspn(begin, ",");
    *list = begin + length + (begin[length] == ',');
    while (length && (begin[length - 1] == ' ' || begin[length - 1] == '\t'))
        length--;
    return length && tw_parse_double(begin, length, value);
}

/* How many there are: one more than commas. */
static int64_t count_values(const char *list)
{
    int64_t count = 1;
    for (; *list; list++)
        count += *list == ',';
    return count;
}

static bool fits(tw_type type, double value)
{
    if (tw_type_is_real(type))
        return value == value;
    const double low = type == TW_I32 ? INT32_MIN : 0;
    const double high = type == TW_I32 ? INT32_MAX : type == TW_U8 ? 255 : 1;
    return value >= low && value <= high && value == floor(value);
}

/* Checks each number; *same: all are equal. */
static tw_status check_values(const tw_call *call, tw_type type, bool *same, tw_error *error)
{
    const char *list = tw_attr_text(call, "values");
    const int64_t count = count_values(list);
    double first = 0, value = 0;
    *same = true;
    for (int64_t i = 0; i < count; i++) {
        const char *item = list;
        if (!next_value(&list, &value))
            return tw_fail(error, TW_ERROR_SYNTAX, "values= has no number at \"%.20s\"", item);
        if (!fits(type, value))
            return tw_fail(error, TW_ERROR_TYPE, "the value %.9g is not possible in %s", value,
                           tw_type_name(type));
        first = i ? first : value;
        *same = *same && value == first;
    }
    return TW_OK;
}

static tw_status constant_infer(tw_call *call, tw_error *error)
{
    const tw_attr *sizes = tw_attr_get(call, "shape");
    const tw_type type = (tw_type)tw_attr_int(call, "type");
    const int64_t count = count_values(tw_attr_text(call, "values"));
    tw_shape y = {1, {TW_DIM(count)}};
    char text[TW_SHAPE_TEXT];
    bool same;
    TW_TRY(check_values(call, type, &same, error));
    if (!sizes->absent) {
        y.rank = sizes->count;
        for (int d = 0; d < y.rank; d++)
            y.dim[d] = sizes->list[d];
    }
    for (int d = 0; d < y.rank; d++)
        if (y.dim[d].scale < 1)
            return tw_fail(error, TW_ERROR_SHAPE, "the sizes %s must each be at least 1",
                           tw_shape_text(&y, text));
    if (count > 1 && !tw_dim_equal(tw_shape_count(&y), TW_DIM(count)))
        return tw_fail(error, TW_ERROR_SHAPE, "%lld values do not fill %s", (long long)count,
                       tw_shape_text(&y, text));
    if (!same && count > MOST)
        return tw_fail(error, TW_ERROR_SHAPE,
                       "%lld values; the most is %d: use a parameter with trainable=no",
                       (long long)count, MOST);
    tw_result_set(call, 0, type, &y);
    return TW_OK;
}

static void constant_expand(tw_graph *g, const tw_call *call, bool training, tw_node **results)
{
    const char *list = tw_attr_text(call, "values");
    const tw_node *y = call->result[0];
    const char *type = tw_type_name(y->type);
    char dims[TW_SHAPE_TEXT];
    bool same;
    (void)training;
    if (check_values(call, y->type, &same, &g->error) != TW_OK)
        return; /* infer has refused it */
    if (!same) {
        results[0] = tw_emit(g, 0, NULL, "constant_values values=\"%s\" shape=%s type=%s", list,
                             tw_shape_dims(&y->shape, dims), type);
        return;
    }
    double value = 0;
    next_value(&list, &value);
    tw_node *one = tw_emit(g, 0, NULL, "fill value=%s type=%s", tw_number(g, value), type);
    results[0] = tw_emit_broadcast(g, one, &y->shape);
}

static const tw_operator constant = {
    .name = "constant",
    .doc = "numbers written in the model: c = constant values=\"1,2,5\"",
    .inputs = "",
    .results = "y",
    .attributes = constant_attributes,
    .infer = constant_infer,
    .expand = constant_expand,
};

/* ---- constant_values ---- */

static void values_host(const tw_host_call *host)
{
    const char *list = tw_attr_text(host->data, "values");
    for (int64_t i = 0; i < host->out[0].count; i++) {
        double value = 0;
        next_value(&list, &value);
        tw_host_put(&host->out[0], i, value);
    }
}

/* "(1.0f),(2.5f)" or "1,2". */
static void print_values(const char *list, bool real, tw_text *text)
{
    const int64_t count = count_values(list);
    for (int64_t i = 0; i < count; i++) {
        double value = 0;
        next_value(&list, &value);
        tw_text_puts(text, i ? "," : "");
        if (real)
            tw_float_literal(value, text);
        else
            tw_text_printf(text, "%.0f", value);
    }
}

static void values_variants(tw_site *site)
{
    const bool simt = site->caps->family == TW_FAMILY_SIMT;
    const tw_shape *y = tw_site_out_shape(site, 0);
    const tw_type type = tw_site_out_type(site, 0);
    const int64_t chunk = simt ? 1 : 1024;
    const int local = simt ? 64 : 1;
    tw_text text = {.context = site->arena->context};
    tw_launch *launch = tw_candidate_launch(
        site, tw_site_candidate(site, site->caps->family, "constant"), "constant.cl", "constant");
    print_values(tw_attr_text(site->call, "values"), tw_type_is_real(type), &text);
    if (text.failed)
        site->status = tw_fail_memory(&site->error);
    else
        tw_launch_define_text(site, launch, "VALUES", text.data);
    tw_text_clear(&text);
    tw_launch_define(site, launch, "CHUNK", chunk);
    tw_launch_define_dim(site, launch, "COUNT", tw_shape_count(y));
    tw_launch_define_dim(site, launch, "LAST", tw_last_dim(y));
    tw_launch_define_value(site, launch, type);
    tw_launch_global(launch, 0, tw_shape_count(y), chunk * local, local);
    tw_launch_epilogue(site, launch, 1);
}

static const tw_operator constant_values = {
    .name = "constant_values",
    .doc = "what constant is made of where its values differ",
    .inputs = "",
    .results = "y",
    .attributes = constant_attributes,
    .flags = TW_OP_EPILOGUE | TW_OP_INTERNAL,
    .infer = constant_infer,
    .host = values_host,
    .variants = values_variants,
};

const tw_operator *const tw_op_constant[] = {&constant, &constant_values, NULL};
