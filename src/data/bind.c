// SPDX-License-Identifier: Apache-2.0
// Binding: which column feeds which input of the graph, and whether it fits.
#include "data/dataset.h"

#include "graph/graph.h"

#include <stdio.h>

typedef struct binder {
    tw_storage *storage;
    tw_graph *graph;
    tw_error *error;
    int64_t letters[26]; /* sizes of letters, as told or as data have given them; 0: none yet */
} binder;

static tw_status check_counts(binder *b)
{
    const tw_table *table = &b->storage->table;
    if (table->n_columns == 0)
        return tw_fail(b->error, TW_ERROR_DATA, "there are no columns of data");
    const tw_column *first = &table->columns[0];
    for (int i = 1; i < table->n_columns; i++)
        if (table->columns[i].dim[0] != first->dim[0])
            return tw_fail(b->error, TW_ERROR_SHAPE,
                           "%s has %lld samples, but %s has %lld: every column needs as many",
                           first->name, (long long)first->dim[0], table->columns[i].name,
                           (long long)table->columns[i].dim[0]);
    if (first->dim[0] == 0)
        return tw_fail(b->error, TW_ERROR_DATA, "%s holds no samples", first->name);
    b->storage->count = first->dim[0];
    return TW_OK;
}

static tw_status fail_missing(binder *b, int input, int place)
{
    const tw_table *table = &b->storage->table;
    const tw_node *node = tw_graph_input(b->graph, input);
    char shape[TW_SHAPE_TEXT];
    return tw_fail(b->error, TW_ERROR_SHAPE,
                   "input \"%s\" %s%s has no data: it is input number %d, and the data have %d "
                   "column%s, the last of them %s%s%s",
                   node->name, tw_type_name(node->type), tw_shape_text(&node->shape, shape),
                   place + 1, table->n_columns, table->n_columns == 1 ? "" : "s",
                   table->columns[table->n_columns - 1].name, table->hint ? "; " : "",
                   table->hint ? table->hint : "");
}

/* ", where t is 3 and s is 10" into a buffer, for the letters of a shape that are known. */
static const char *letters_text(const binder *b, const tw_shape *shape, char *buffer, size_t size)
{
    uint32_t letters = 0;
    size_t at = 0;
    buffer[0] = '\0';
    for (int i = 0; i < shape->rank; i++)
        letters |= shape->dim[i].letters;
    for (int i = 0; i < 26; i++)
        if ((letters & 1u << i) && b->letters[i] && at + 32 < size)
            at += (size_t)snprintf(buffer + at, size - at, "%s%c is %lld",
                                   at ? " and " : ", where ", 'a' + i, (long long)b->letters[i]);
    return buffer;
}

static tw_status fail_shape(binder *b, const tw_binding *binding, const tw_node *node)
{
    char shape[TW_SHAPE_TEXT], column[TW_COLUMN_TEXT], letters[160];
    const tw_column *c = binding->column;
    return tw_fail(b->error, TW_ERROR_SHAPE,
                   "%s %s does not fit input \"%s\" %s%s%s: a sample has %lld value%s%s%s%s",
                   c->name, tw_column_text(c, column), node->name, tw_type_name(node->type),
                   tw_shape_text(&node->shape, shape),
                   letters_text(b, &node->shape, letters, sizeof letters),
                   (long long)tw_column_width(c), tw_column_width(c) == 1 ? "" : "s",
                   c->note ? " (" : "", c->note ? c->note : "", c->note ? ")" : "");
}

/* A size that is one letter takes the column's size. */
static bool take_letter(binder *b, tw_dim dim, int64_t size)
{
    for (int i = 0; i < 26; i++)
        if (dim.letters == 1u << i && dim.scale > 0 && size % dim.scale == 0 && size > 0) {
            b->letters[i] = size / dim.scale;
            return true;
        }
    return false;
}

/* The size with the letters that are known, n not among them. */
static tw_dim known(const binder *b, tw_dim dim)
{
    for (int i = 0; i < 26; i++)
        if (b->letters[i])
            dim = tw_dim_bind(dim, 1u << i, b->letters[i]);
    return dim;
}

/* Sizes beyond the batch: of equal count, or, where some are letters that are not known yet, one by
 * one equal to the column's. */
static bool fits(binder *b, tw_binding *binding, const tw_node *node)
{
    const tw_column *column = binding->column;
    tw_shape shape = node->shape;
    bool letters = false;
    binding->width = tw_column_width(column);
    for (int i = 1; i < shape.rank; i++) {
        shape.dim[i] = known(b, shape.dim[i]);
        letters |= !tw_dim_fixed(shape.dim[i]);
        binding->dim[i] = letters ? 0 : shape.dim[i].scale;
    }
    if (!letters) {
        const tw_dim span = tw_shape_span(&shape, 1, shape.rank);
        return tw_dim_fixed(span) && span.scale == binding->width;
    }
    if (column->rank != shape.rank)
        return false;
    for (int i = 1; i < shape.rank; i++) {
        const tw_dim dim = known(b, shape.dim[i]); /* a letter may stand twice */
        binding->dim[i] = column->dim[i];
        if (tw_dim_fixed(dim) ? dim.scale != column->dim[i] : !take_letter(b, dim, column->dim[i]))
            return false;
    }
    return true;
}

static bool is_float(tw_type type)
{
    return type == TW_F32 || type == TW_F16 || type == TW_BF16;
}

/* Whole labels into float[n,k]: one-hot. */
static bool is_one_hot(const tw_binding *binding, const tw_node *node)
{
    const tw_column *column = binding->column;
    return is_float(node->type) && !tw_cell_is_float(column->cell) &&
           tw_column_width(column) == 1 && node->shape.rank == 2 &&
           tw_dim_fixed(node->shape.dim[1]) && node->shape.dim[1].scale > 1;
}

/* Characters: a model may have room for more than the text uses. */
static tw_status check_characters(binder *b, const tw_binding *binding, const tw_node *node)
{
    const int count = b->storage->table.preparation.n_classes;
    if (binding->classes && binding->classes < count)
        return tw_fail(b->error, TW_ERROR_DATA,
                       "%s: there are %d different characters, but input \"%s\" takes %lld: write "
                       "%d as the model's vocabulary",
                       binding->column->name, count, node->name, (long long)binding->classes,
                       count);
    return TW_OK;
}

/* Words have become class numbers; these mean something only where a class is wanted. */
static tw_status check_classes(binder *b, const tw_binding *binding, const tw_node *node)
{
    const tw_preparation *p = &b->storage->table.preparation;
    const tw_column *column = binding->column;
    if (!column->classed)
        return TW_OK;
    if (is_float(node->type) && !binding->classes)
        return tw_fail(b->error, TW_ERROR_TYPE,
                       "%s holds %s%s%s, but input \"%s\" is %s without classes=: it takes numbers",
                       column->name, column->note ? "words (" : "characters",
                       column->note ? column->note : "", column->note ? ")" : "", node->name,
                       tw_type_name(node->type));
    if (!column->note)
        return check_characters(b, binding, node);
    if (binding->classes && binding->classes != p->n_classes)
        return tw_fail(b->error, TW_ERROR_DATA,
                       "%s has %d different classes (%s, %s), but input \"%s\" has %lld: with "
                       "other classes the numbers would mean something else; "
                       "classes=FILE names all of them, a line each",
                       column->name, p->n_classes, p->classes[0],
                       p->n_classes > 1 ? p->classes[p->n_classes - 1] : "no other", node->name,
                       (long long)binding->classes);
    return TW_OK;
}

static tw_status bind_input(binder *b, int input, const tw_column *column)
{
    tw_binding *binding = &b->storage->bindings[input];
    const tw_node *node = tw_graph_input(b->graph, input);
    binding->column = column;
    binding->classes = tw_input_classes(node);
    if (node->shape.rank == 0 || !tw_dim_equal(node->shape.dim[0], (tw_dim){1, TW_BATCH})) {
        char shape[TW_SHAPE_TEXT];
        return tw_fail(b->error, TW_ERROR_SHAPE,
                       "input \"%s\" %s%s cannot get batches: its first size must be n", node->name,
                       tw_type_name(node->type), tw_shape_text(&node->shape, shape));
    }
    if (is_one_hot(binding, node)) {
        binding->one_hot = true;
        binding->width = binding->dim[1] = node->shape.dim[1].scale;
        binding->classes = binding->width;
    } else if (!fits(b, binding, node)) {
        return fail_shape(b, binding, node);
    }
    TW_TRY(check_classes(b, binding, node));
    /* One u8 a sample is a label or a number, not a pixel. */
    binding->pixels =
        column->cell == TW_CELL_U8 && is_float(node->type) && tw_column_width(column) > 1;
    tw_binding_limits(binding);
    const tw_table *table = &b->storage->table;
    if (!table->rows)
        return tw_convert_check(binding, 0, b->storage->count, b->error);
    for (int64_t i = 0; i < table->n_rows; i++)
        TW_TRY(tw_convert_check(binding, table->rows[i], 1, b->error));
    return TW_OK;
}

static tw_status prepare(binder *b)
{
    tw_storage *storage = b->storage;
    storage->n_inputs = tw_graph_input_count(b->graph);
    storage->bindings =
        tw_arena_alloc(&storage->table.arena, (size_t)storage->n_inputs * sizeof(tw_binding) + 1);
    if (!storage->bindings)
        return tw_fail_memory(b->error);
    for (int i = 0; i < storage->n_inputs; i++) {
        const tw_node *node = tw_graph_input(b->graph, i);
        tw_binding *binding = &storage->bindings[i];
        binding->type = node->type;
        binding->rank = node->shape.rank;
        binding->dim[0] = storage->count;
        binding->input = tw_arena_text(&storage->table.arena, node->name, strlen(node->name));
        if (!binding->input)
            return tw_fail_memory(b->error);
    }
    return TW_OK;
}

tw_status tw_storage_bind(tw_storage *storage, tw_graph *graph, const bool *needed,
                          const int64_t size[26], tw_error *error)
{
    binder b = {.storage = storage, .graph = graph, .error = error};
    TW_TRY(check_counts(&b));
    TW_TRY(prepare(&b));
    memcpy(b.letters, size, sizeof b.letters);
    const int n_columns = storage->table.n_columns;
    const bool all = n_columns >= storage->n_inputs; /* else only the needed inputs count */
    int place = 0;
    for (int i = 0; i < storage->n_inputs; i++) {
        if (!all && !needed[i])
            continue;
        if (place == n_columns)
            return fail_missing(&b, i, place);
        if (needed[i])
            TW_TRY(bind_input(&b, i, &storage->table.columns[place]));
        place++;
    }
    tw_preparation *p = &storage->table.preparation;
    for (int i = 0; i < 26; i++)
        p->size[i] = b.letters[i] ? b.letters[i] : storage->table.size[i];
    return tw_preparation_print_sizes(p, &storage->table.arena) ? TW_OK : tw_fail_memory(error);
}
