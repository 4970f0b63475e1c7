// SPDX-License-Identifier: Apache-2.0
// A row of text made into a bound graph with loss and gradients, and into values from fixed seeds.
#include "base/half.h"
#include "base/hash.h"
#include "base/random.h"
#include "runner.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const tw_runtime row_runtime = {.n = 0, .seed = 20240229, .step = 3, .line = 0};

/* How the values of one input are drawn. */
typedef struct drawing {
    double low, high;
    bool ranged, distinct, fixed, avoids;
    double away, grid;
    int n_special;
    double special[4]; /* stand at every third place, in turn */
    int64_t classes;
} drawing;

double row_get(const tw_type type, const void *data, const int64_t i)
{
    if (type == TW_I32)
        return ((const int32_t *)data)[i];
    if (type == TW_U8 || type == TW_BOOL)
        return ((const uint8_t *)data)[i];
    return ((const double *)data)[i];
}

void row_set(const tw_type type, void *data, const int64_t i, const double value)
{
    if (type == TW_I32)
        ((int32_t *)data)[i] = (int32_t)value;
    else if (type == TW_U8 || type == TW_BOOL)
        ((uint8_t *)data)[i] = (uint8_t)value;
    else
        ((double *)data)[i] = value;
}

double row_round(const tw_type type, const double value)
{
    if (type == TW_F32)
        return (float)value;
    if (type == TW_F16)
        return tw_from_f16(tw_to_f16((float)value));
    if (type == TW_BF16)
        return tw_from_bf16(tw_to_bf16((float)value));
    return value;
}

static bool is_real(const tw_type type)
{
    return type == TW_F32 || type == TW_F16 || type == TW_BF16;
}

static bool fail(row_case *c, const char *text)
{
    snprintf(c->error.text, sizeof c->error.text, "%s", text);
    return false;
}

/* "range=-3..3"; sscanf would take "-3." for the first number. */
static bool read_range(const char *word, drawing *d)
{
    const char *dots = strstr(word, "..");
    if (strncmp(word, "range=", 6) != 0 || !dots)
        return false;
    char low[40];
    snprintf(low, sizeof low, "%.*s", (int)(dots - word - 6), word + 6);
    d->low = strtod(low, NULL);
    d->high = strtod(dots + 2, NULL);
    return d->ranged = true;
}

/* Takes the runner's own options out of one input's text; what is left is the grammar's. */
static void read_drawing(char *text, drawing *d)
{
    *d = (drawing){.low = -1, .high = 1};
    char kept[400] = "";
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        if (read_range(word, d))
            continue;
        if (strcmp(word, "distinct=yes") == 0)
            d->distinct = true;
        else if (strcmp(word, "fixed=yes") == 0)
            d->fixed = true;
        else if (sscanf(word, "away=%lf", &d->away) == 1)
            d->avoids = true;
        else if (sscanf(word, "grid=%lf", &d->grid) == 1)
            continue;
        else if (strncmp(word, "with=", 5) == 0 && d->n_special < 4)
            d->special[d->n_special++] = strtod(word + 5, NULL);
        else
            snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%s%s", *kept ? " " : "",
                     word);
    }
    strcpy(text, kept);
}

static double draw_integer(const drawing *d, const tw_type type, const double u)
{
    double low = d->low, high = d->high;
    if (d->classes > 0)
        low = 0, high = (double)d->classes - 1;
    else if (type == TW_BOOL)
        low = 0, high = 1;
    else if (type == TW_U8 && !d->ranged)
        low = 0, high = 9;
    return floor(low + u * (high - low + 1));
}

/* Fills a value: uniform over the range; distinct: a shuffled grid at least 0.05 wide; away: moved
 * off the kink; grid: multiples of a number; with: special values at every third place. */
static void draw(row_value *value, const drawing *d, const char *name)
{
    const tw_random random = {.seed = row_runtime.seed, .name = tw_hash_text(name)};
    const tw_type type = value->node->type;
    int64_t *order = calloc((size_t)value->count + 1, sizeof *order);
    tw_random_permutation(&random, value->count, order);
    const double pitch = fmax(0.05, (d->high - d->low) / (double)(value->count ? value->count : 1));
    for (int64_t i = 0; i < value->count; i++) {
        double v = d->low + tw_random_uniform(&random, (uint64_t)i) * (d->high - d->low);
        if (!is_real(type))
            v = draw_integer(d, type, tw_random_uniform(&random, (uint64_t)i));
        else if (d->distinct)
            v = d->low + ((double)order[i] + 0.5) * pitch;
        if (d->avoids && fabs(v - d->away) < 0.05)
            v = v < d->away ? v - 0.05 : v + 0.05;
        if (d->grid > 0)
            v = d->grid * rint(v / d->grid);
        if (d->n_special && order[i] % 3 == 0)
            v = d->special[order[i] / 3 % d->n_special];
        row_set(type, value->data, i, row_round(type, v));
    }
    free(order);
}

static row_value *add_value(row_case *c, tw_node *node, const drawing *d)
{
    if (c->n_values == ROW_VALUES)
        return NULL;
    row_value *value = &c->value[c->n_values++];
    value->node = node;
    value->count = tw_dim_at(tw_shape_count(&node->shape), c->batch);
    value->data = calloc((size_t)value->count + 1, sizeof(double));
    value->checked = is_real(node->type) && !d->fixed;
    c->rough |= d->n_special > 0 || (d->grid > 0 && value->checked);
    draw(value, d, node->name);
    return value;
}

row_value *row_case_value(row_case *c, const char *name)
{
    for (int i = 0; i < c->n_values; i++)
        if (strcmp(c->value[i].node->name, name) == 0)
            return &c->value[i];
    return NULL;
}

/* The row as model text: a line an input, a line an operator. The drawings come in the inputs'
 * order. */
static bool write_model(row_case *c, tw_text *model, drawing *drawings, int *n_drawings)
{
    char inputs[2000], part[400];
    snprintf(inputs, sizeof inputs, "%s", c->row->inputs);
    tw_text_puts(model, "thalweg 1\n");
    for (char *at = inputs; at && *at;) {
        char *end = strchr(at, ';');
        if (end)
            *end++ = '\0';
        at += strspn(at, " ");
        snprintf(part, sizeof part, "%s", at);
        if (*n_drawings == ROW_VALUES)
            return fail(c, "too many inputs");
        read_drawing(part, &drawings[(*n_drawings)++]);
        const size_t name = strcspn(part, " ");
        tw_text_printf(model, "%.*s = input %s\n", (int)name, part,
                       part + name + strspn(part + name, " "));
        at = end;
    }
    const char *at = c->row->op;
    while (*at) {
        at += strspn(at, " ");
        const size_t length = strcspn(at, ";");
        tw_text_append(model, at, length);
        tw_text_puts(model, "\n");
        at += length + (at[length] == ';');
    }
    return !model->failed || fail(c, "out of memory");
}

static bool parse(row_case *c, drawing *drawings, int *n_drawings)
{
    tw_text model = {.context = c->context};
    bool good = write_model(c, &model, drawings, n_drawings) &&
                tw_graph_parse(c->context, model.data, model.length, &c->graph, &c->error) == TW_OK;
    tw_text_clear(&model);
    return good;
}

/* The bound graph's inputs and parameters with their values. */
static bool make_values(row_case *c, const drawing *drawings)
{
    int input = 0;
    for (tw_call *call = c->graph->first; call; call = call->next) {
        if (!tw_is_input(call))
            continue;
        drawing d = drawings[input++];
        d.classes = tw_input_classes(call->result[0]);
        tw_node *node = tw_graph_find(c->bound, call->name);
        if (node && !add_value(c, node, &d))
            return fail(c, "too many inputs");
    }
    for (tw_call *call = c->bound->first; call; call = call->next) {
        if (!tw_is_parameter(call))
            continue;
        drawing d = {.low = -1, .high = 1, .fixed = !tw_parameter_trainable(call)};
        if (strstr(call->name, "variance") || strstr(call->name, "scale"))
            d.low = 0.5, d.high = 1.5;
        if (!add_value(c, call->result[0], &d))
            return fail(c, "too many parameters");
    }
    return true;
}

/* loss = sum(y * upstream), upstream a fixed random input of y's shape, and the gradient of it by
 * each checked value. */
static bool make_gradients(row_case *c)
{
    tw_node *with_respect_to[ROW_VALUES], *gradient[ROW_VALUES], *product = c->y;
    char shape[TW_SHAPE_TEXT], text[TW_SHAPE_TEXT + 40];
    int count = 0;
    for (int i = 0; i < c->n_values; i++)
        if (c->value[i].checked)
            with_respect_to[count++] = c->value[i].node;
    snprintf(text, sizeof text, "upstream %s%s", tw_type_name(c->y->type),
             tw_shape_text(&c->y->shape, shape));
    tw_node *upstream = tw_input(c->bound, text);
    if (!upstream || !add_value(c, upstream, &(drawing){.low = 0.5, .high = 1.5, .fixed = true}))
        return tw_graph_check(c->bound, &c->error) == TW_OK && fail(c, "too many inputs");
    product = tw_emit2(c->bound, c->y, upstream, "mul");
    c->loss =
        product && product->shape.rank > 0 ? tw_emit1(c->bound, product, "reduce_sum") : product;
    if (tw_graph_check(c->bound, &c->error) != TW_OK ||
        tw_graph_gradient(c->bound, c->loss, count, with_respect_to, gradient, &c->error) != TW_OK)
        return false;
    for (int i = 0, k = 0; i < c->n_values; i++)
        if (c->value[i].checked)
            c->value[i].gradient = gradient[k++];
    return true;
}

bool row_case_open(row_case *c, tw_context *context, const tw_op_row *row)
{
    *c = (row_case){.row = row,
                    .context = context,
                    .batch = row->batch ? row->batch : 3,
                    .arena = {.context = context}};
    drawing drawings[ROW_VALUES];
    int n_drawings = 0;
    tw_node **map = NULL;
    if (!parse(c, drawings, &n_drawings))
        return false;
    tw_node *y = c->graph->last->result[0];
    if (tw_graph_bind(c->graph, &y, 1, row->sizes, row->training != 0, &c->bound, &map,
                      &c->error) != TW_OK)
        return false;
    c->y = map[y->id];
    if (!make_values(c, drawings))
        return false;
    if (!row->no_gradient && !make_gradients(c))
        return false;
    return tw_param_table_create(c->bound, &c->arena, &c->table, &c->error) == TW_OK;
}

void row_case_close(row_case *c)
{
    for (int i = 0; i < c->n_values; i++)
        free(c->value[i].data);
    tw_arena_free(&c->arena);
    tw_graph_destroy(&c->bound);
    tw_graph_destroy(&c->graph);
}

bool row_case_recipe(row_case *c, const tw_caps *caps, const row_want want, const bool fusion,
                     tw_recipe **recipe)
{
    const char *output[ROW_VALUES];
    int count = 0;
    if (want == ROW_FORWARD)
        output[count++] = c->y->name;
    if (want == ROW_LOSS)
        output[count++] = c->loss->name;
    for (int i = 0; want == ROW_GRADIENTS && i < c->n_values; i++) {
        bool listed = !c->value[i].gradient;
        for (int k = 0; k < count && !listed; k++)
            listed = strcmp(output[k], c->value[i].gradient->name) == 0;
        if (!listed)
            output[count++] = c->value[i].gradient->name;
    }
    const tw_recipe_options options = {.batch = c->batch,
                                       .training = c->row->training != 0,
                                       .fusion = fusion,
                                       .n_outputs = count,
                                       .output = output};
    if (count == 0)
        return fail(c, "no gradient reaches an input or a weight");
    return tw_recipe_create(c->bound, &c->table, caps, &options, recipe, &c->error) == TW_OK;
}
