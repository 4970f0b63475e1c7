// SPDX-License-Identifier: Apache-2.0
// Building candidates: launches, their arguments and macros, in the arena of the recipe.
#include "op/site.h"
#include "base/text.h"
#include "op/expr.h"
#include "op/literal.h"
#include <inttypes.h>
#include <stdio.h>

static void out_of_memory(tw_site *site)
{
    if (site->status == TW_OK)
        site->status = tw_fail_memory(&site->error);
}

static tw_candidate *add_candidate(tw_site *site, tw_family family, const char *name)
{
    tw_candidate **grown =
        tw_arena_alloc(site->arena, (size_t)(site->n_candidates + 1) * sizeof *grown);
    tw_candidate *candidate = tw_arena_alloc(site->arena, sizeof *candidate);
    if (!grown || !candidate) {
        out_of_memory(site);
        return NULL;
    }
    if (site->n_candidates)
        memcpy(grown, site->candidates, (size_t)site->n_candidates * sizeof *grown);
    *candidate = (tw_candidate){.name = name, .family = family};
    grown[site->n_candidates++] = candidate;
    site->candidates = grown;
    return candidate;
}

tw_candidate *tw_site_candidate(tw_site *site, tw_family family, const char *name)
{
    if (site->caps->family != family || site->status != TW_OK || site->wanted)
        return NULL;
    return site->into ? site->into : add_candidate(site, family, name);
}

tw_candidate *tw_site_alternative(tw_site *site, tw_family family, const char *format, ...)
{
    if (site->caps->family != family || site->status != TW_OK || !site->wanted)
        return NULL;
    char name[100];
    va_list args;
    va_start(args, format);
    (void)tw_vformat(name, sizeof name, format, args);
    va_end(args);
    if (strcmp(site->wanted, "*") != 0 && strcmp(site->wanted, name) != 0)
        return NULL;
    for (int i = 0; i < site->n_candidates; i++)
        if (strcmp(site->candidates[i]->name, name) == 0)
            return NULL;
    const char *copy = tw_arena_text(site->arena, name, strlen(name));
    if (copy)
        return add_candidate(site, family, copy);
    out_of_memory(site);
    return NULL;
}

int tw_candidate_workspace(tw_site *site, tw_candidate *candidate, tw_type type, tw_dim count,
                           const char *label)
{
    if (!candidate)
        return -1;
    assert(candidate->n_workspaces < TW_COUNT(candidate->workspace));
    const int id = site->new_tensor(site->recipe, label, type, count);
    if (id < 0)
        out_of_memory(site);
    else
        candidate->workspace[candidate->n_workspaces++] = id;
    candidate->too_large |= tw_dim_known(count) && tw_dim_at(count, site->batch) > INT32_MAX;
    return id;
}

tw_launch *tw_candidate_launch(tw_site *site, tw_candidate *candidate, const char *file,
                               const char *entry)
{
    if (!candidate)
        return NULL;
    assert(candidate->n_launches < TW_COUNT(candidate->launch));
    tw_launch *launch = tw_arena_alloc(site->arena, sizeof *launch);
    if (!launch) {
        out_of_memory(site);
        return NULL;
    }
    *launch = (tw_launch){.label = site->label ? site->label : entry,
                          .file = file,
                          .macros = "",
                          .entry = entry,
                          .dims = 1};
    for (int d = 0; d < 3; d++)
        tw_launch_global(launch, d, TW_DIM(1), 1, 1);
    candidate->launch[candidate->n_launches++] = launch;
    return launch;
}

/* ---- macros ---- */

static void append_macros(tw_site *site, tw_launch *launch, const char *more)
{
    if (!launch)
        return;
    const char *text = tw_arena_printf(site->arena, "%s%s", launch->macros, more);
    if (text)
        launch->macros = text;
    else
        out_of_memory(site);
}

void tw_launch_define_text(tw_site *site, tw_launch *launch, const char *name, const char *value)
{
    tw_text line = {.context = site->arena->context};
    tw_text_printf(&line, "#define %s ", name);
    tw_text_puts(&line, value);
    tw_text_puts(&line, "\n");
    if (line.failed)
        out_of_memory(site);
    else
        append_macros(site, launch, line.data);
    tw_text_clear(&line);
}

void tw_launch_define(tw_site *site, tw_launch *launch, const char *name, int64_t value)
{
    char number[32];
    (void)snprintf(number, sizeof number, value < 0 ? "(%" PRId64 ")" : "%" PRId64, value);
    tw_launch_define_text(site, launch, name, number);
}

void tw_launch_define_dim(tw_site *site, tw_launch *launch, const char *name, tw_dim value)
{
    char text[TW_DIM_LITERAL];
    tw_launch_define_text(site, launch, name, tw_dim_literal(value, text));
}

void tw_launch_define_float(tw_site *site, tw_launch *launch, const char *name, double value)
{
    tw_text text = {.context = site->arena->context};
    tw_float_literal(value, &text);
    if (text.failed)
        out_of_memory(site);
    else
        tw_launch_define_text(site, launch, name, text.data);
    tw_text_clear(&text);
}

void tw_launch_row(tw_site *site, tw_launch *launch, const char *name, const tw_operator *op,
                   unsigned widths)
{
    tw_text text = {.context = site->arena->context};
    tw_expr_print_row(op, name, widths, &text);
    if (text.failed)
        out_of_memory(site);
    else
        append_macros(site, launch, text.data);
    tw_text_clear(&text);
}

/* ---- arguments ---- */

static void add_argument(tw_launch *launch, tw_arg arg)
{
    if (!launch)
        return;
    assert(launch->n_args < TW_MAX_ARGS);
    launch->arg[launch->n_args++] = arg;
}

static void add_tensor(tw_site *site, tw_launch *launch, const char *name, int id, tw_type type,
                       bool written)
{
    char line[96];
    (void)snprintf(line, sizeof line,
                   id < 0 ? "#define %s_ABSENT\n#define %s_TYPE %s\n" : "#define %.0s%s_TYPE %s\n",
                   name, name, tw_type_name(type));
    append_macros(site, launch, line);
    if (id >= 0)
        add_argument(launch, (tw_arg){.kind = TW_ARG_TENSOR, .tensor = {id, written}});
}

void tw_launch_in(tw_site *site, tw_launch *launch, const char *name, int id, tw_type type)
{
    add_tensor(site, launch, name, id, type, false);
}

void tw_launch_out(tw_site *site, tw_launch *launch, const char *name, int id, tw_type type)
{
    add_tensor(site, launch, name, id, type, true);
}

void tw_launch_share(tw_launch *launch, int out, int in)
{
    if (!launch || out < 0 || in < 0)
        return;
    assert(launch->n_shared < TW_COUNT(launch->shared));
    launch->shared[launch->n_shared++] = (tw_shared_place){out, in};
}

void tw_launch_user(tw_site *site, tw_launch *launch, int slot)
{
    (void)site;
    add_argument(launch, (tw_arg){.kind = TW_ARG_USER, .slot = slot});
}

void tw_launch_seed(tw_site *site, tw_launch *launch)
{
    (void)site;
    add_argument(launch, (tw_arg){.kind = TW_ARG_SEED});
    add_argument(launch, (tw_arg){.kind = TW_ARG_STEP});
    add_argument(launch, (tw_arg){.kind = TW_ARG_LINE});
}

static void add_tensors(tw_launch *launch, const tw_expr *expr)
{
    for (int o = 0; o < expr->n_operands; o++)
        add_argument(launch,
                     (tw_arg){.kind = TW_ARG_TENSOR, .tensor = {expr->operand[o].tensor, false}});
    for (int o = 0; o < expr->n_stores; o++)
        add_argument(launch,
                     (tw_arg){.kind = TW_ARG_TENSOR, .tensor = {expr->store[o].tensor, true}});
}

/* Takes the text: macros of the launch. */
static void take_macros(tw_site *site, tw_launch *launch, tw_text *text)
{
    if (text->failed)
        out_of_memory(site);
    else
        append_macros(site, launch, text->data);
    tw_text_clear(text);
}

static void add_epilogue(tw_site *site, tw_launch *launch, const tw_expr *expr, unsigned widths)
{
    add_tensors(launch, expr);
    if (tw_expr_random(expr))
        tw_launch_seed(site, launch);
    tw_text text = {.context = site->arena->context};
    tw_expr_print(expr, widths, &text);
    take_macros(site, launch, &text);
}

/* The tail's own launches, behind those that leave its input in result 0. */
static void append_tail(tw_site *site)
{
    const tw_tail *tail = site->tail;
    tw_candidate *candidate = site->candidates[site->n_candidates - 1];
    tw_site rest = *site;
    assert(candidate->n_workspaces < TW_COUNT(candidate->workspace));
    candidate->workspace[candidate->n_workspaces++] = site->out[0];
    rest.call = tail->call;
    rest.in = site->out;
    rest.out = tail->out;
    rest.epilogue = tail->epilogue;
    rest.tail = NULL;
    rest.wanted = NULL;
    rest.into = candidate;
    tail->call->op->variants(&rest);
    site->status = rest.status;
    site->error = rest.error;
}

void tw_launch_epilogue(tw_site *site, tw_launch *launch, unsigned widths)
{
    if (!launch)
        return;
    add_epilogue(site, launch, site->epilogue, widths);
    if (site->tail && site->status == TW_OK)
        append_tail(site);
}

void tw_launch_tail_epilogue(tw_site *site, tw_launch *launch, unsigned widths)
{
    if (launch)
        add_epilogue(site, launch, site->tail->epilogue, widths);
}

void tw_launch_front(tw_site *site, tw_launch *launch, unsigned widths)
{
    if (!launch)
        return;
    const tw_expr *expr = site->front;
    add_tensors(launch, expr);
    tw_text text = {.context = site->arena->context};
    tw_text_puts(&text, "#define FRONT 1\n");
    tw_expr_print_front(expr, tw_site_in_type(site, 0), widths, &text);
    take_macros(site, launch, &text);
}

void tw_launch_global(tw_launch *launch, int d, tw_dim size, int64_t divide, int local)
{
    if (!launch)
        return;
    launch->global[d] = size;
    launch->divide[d] = divide;
    launch->local[d] = local;
    launch->dims = TW_MAX(launch->dims, d + 1);
}

const tw_shape *tw_site_in_shape(const tw_site *site, int input)
{
    return &site->call->input[input]->shape;
}
const tw_shape *tw_site_out_shape(const tw_site *site, int result)
{
    return &site->call->result[result]->shape;
}
tw_type tw_site_in_type(const tw_site *site, int input)
{
    return site->call->input[input]->type;
}
tw_type tw_site_out_type(const tw_site *site, int result)
{
    return site->call->result[result]->type;
}

/* ---- a stage of elementwise calls alone ---- */

/* Elements that one work-item of the simd family takes: enough to outweigh a launch's cost per
 * work-group, and at least four work-groups a compute unit where there is so much. */
static int64_t chunk(int64_t count, int units)
{
    const int64_t share = (count / (4 * units) + 15) / 16 * 16;
    return TW_MIN(TW_MAX(share, 2048), 16384);
}

/* The launch that walks over the elements; value: see tw_candidate_epilogue, -1 without. */
static tw_launch *elementwise_launch(tw_site *site, tw_candidate *candidate, int value)
{
    tw_launch *l = tw_candidate_launch(site, candidate, "elementwise.cl", "elementwise");
    const tw_shape *shape = &site->epilogue->shape;
    tw_launch_define_dim(site, l, "COUNT", tw_shape_count(shape));
    tw_launch_define_dim(site, l, "COLS", shape->rank ? shape->dim[shape->rank - 1] : TW_DIM(1));
    if (value >= 0) {
        tw_launch_define(site, l, "HAS_VALUE", 1);
        tw_launch_in(site, l, "value", value, TW_F32);
    }
    return l;
}

static void elementwise_simd(tw_site *site, tw_candidate *candidate, int value)
{
    tw_launch *l = elementwise_launch(site, candidate, value);
    const tw_shape *shape = &site->epilogue->shape;
    const tw_dim cols = shape->rank ? shape->dim[shape->rank - 1] : TW_DIM(1);
    const bool linear = tw_expr_linear(site->epilogue);
    const int64_t elements =
        chunk(tw_dim_at(tw_shape_count(shape), site->batch), site->caps->units);
    const int64_t rows = TW_MAX(1, elements / TW_MAX(1, cols.scale));
    if (linear)
        tw_launch_define(site, l, "LINEAR", 1);
    tw_launch_define(site, l, "CHUNK", linear ? elements : rows);
    tw_launch_define(site, l, "VW", site->caps->vector);
    tw_launch_epilogue(site, l, (unsigned)site->caps->vector | 1u);
    if (linear)
        tw_launch_global(l, 0, tw_shape_count(shape), elements, 1);
    else
        tw_launch_global(l, 0, tw_shape_span(shape, 0, shape->rank - 1), rows, 1);
}

static void elementwise_simt(tw_site *site, tw_candidate *candidate, int value)
{
    tw_launch *l = elementwise_launch(site, candidate, value);
    tw_launch_define(site, l, "VW", 1);
    tw_launch_epilogue(site, l, 1);
    tw_launch_global(l, 0, tw_shape_count(&site->epilogue->shape), 64, 64);
}

void tw_elementwise_variants(tw_site *site)
{
    elementwise_simd(site, tw_site_candidate(site, TW_FAMILY_SIMD, "elementwise_simd"), -1);
    elementwise_simt(site, tw_site_candidate(site, TW_FAMILY_SIMT, "elementwise_simt"), -1);
}

void tw_candidate_epilogue(tw_site *site, tw_candidate *candidate, int value)
{
    if (site->caps->family == TW_FAMILY_SIMD)
        elementwise_simd(site, candidate, value);
    else
        elementwise_simt(site, candidate, value);
}

void tw_candidate_product(tw_site *site, tw_candidate *candidate, const tw_library_product *product,
                          int a, int b, int c)
{
    tw_launch *l = tw_candidate_launch(site, candidate, NULL, "product");
    tw_library_product *copy = l ? tw_arena_alloc(site->arena, sizeof *copy) : NULL;
    if (!copy) {
        if (l)
            out_of_memory(site);
        return;
    }
    *copy = *product;
    l->product = copy;
    add_tensor(site, l, "a", a, TW_F32, false);
    add_tensor(site, l, "b", b, TW_F32, false);
    add_tensor(site, l, "c", c, TW_F32, true);
    /* What tells this product from others: proofs go by an entry's text. */
    tw_launch_define_dim(site, l, "BATCH", product->batch);
    tw_launch_define_dim(site, l, "M", product->m);
    tw_launch_define_dim(site, l, "N", product->n);
    tw_launch_define_dim(site, l, "K", product->k);
    tw_launch_define(site, l, "FORM",
                     product->transpose_a | product->transpose_b << 1 | product->one_a << 2 |
                         product->one_b << 3);
}
