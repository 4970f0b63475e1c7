// SPDX-License-Identifier: Apache-2.0
// Made-up data that fit the graph's inputs: for trying a model, and for measuring.
#include "data/loaders.h"

#include "base/hash.h"
#include "base/random.h"
#include "base/text.h"
#include "graph/graph.h"

#define DEFAULT_COUNT 1024

/* Shape of the column for an input. */
static tw_status shape_of(const tw_table *table, const tw_node *node, int64_t count, int64_t *dim,
                          tw_error *error)
{
    char shape[TW_SHAPE_TEXT];
    dim[0] = count;
    for (int i = 1; i < node->shape.rank; i++) {
        dim[i] = tw_table_size(table, node->shape.dim[i]);
        if (dim[i] < 0)
            return tw_fail(error, TW_ERROR_SHAPE,
                           "random data need sizes in numbers, but input \"%s\" is %s%s: give its "
                           "letters by --sizes (in C by the option sizes)",
                           node->name, tw_type_name(node->type),
                           tw_shape_text(&node->shape, shape));
    }
    return TW_OK;
}

/* Values below `below` for whole ones, in [0,1) otherwise; four of every block of Philox. */
static void fill(tw_column *column, uint64_t seed, uint64_t name, int64_t below)
{
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    const int64_t total = column->dim[0] * tw_column_width(column);
    for (int64_t at = 0; at < total; at += 4) {
        const uint64_t block = (uint64_t)at / 4;
        const uint32_t counter[4] = {(uint32_t)block, 0, (uint32_t)name ^ (uint32_t)(block >> 32),
                                     (uint32_t)(name >> 32)};
        uint32_t word[4];
        tw_philox(key, counter, word);
        for (int i = 0; i < 4 && at + i < total; i++) {
            const uint32_t whole = (uint32_t)((uint64_t)word[i] * (uint64_t)below >> 32);
            if (column->cell == TW_CELL_F32)
                ((float *)column->data)[at + i] = (float)(word[i] >> 8) * 0x1p-24f;
            else if (column->cell == TW_CELL_I32)
                ((int32_t *)column->data)[at + i] = (int32_t)whole;
            else
                ((uint8_t *)column->data)[at + i] = (uint8_t)whole;
        }
    }
}

static tw_status add_column(tw_table *table, const tw_node *node, int64_t count, uint64_t seed,
                            tw_error *error)
{
    int64_t dim[TW_MAX_RANK] = {count}, below = tw_input_classes(node);
    tw_cell cell = TW_CELL_F32;
    if (node->shape.rank == 0)
        return tw_fail(error, TW_ERROR_SHAPE, "input \"%s\" has no sizes: data have samples",
                       node->name);
    TW_TRY(shape_of(table, node, count, dim, error));
    if (node->type == TW_I32 && below == 0)
        return tw_fail(error, TW_ERROR_DATA,
                       "random data for input \"%s\" need to know how large its numbers may be: "
                       "add classes= to it",
                       node->name);
    if (node->type == TW_I32) {
        cell = TW_CELL_I32;
    } else if (node->type == TW_U8 || node->type == TW_BOOL) {
        const int64_t most = node->type == TW_BOOL ? 2 : 256;
        cell = TW_CELL_U8;
        below = below ? TW_MIN(below, most) : most;
    }
    tw_column *column;
    TW_TRY(tw_table_add(table, node->name, cell, node->shape.rank, dim, &column, error));
    fill(column, seed, tw_hash_text(node->name), below);
    return TW_OK;
}

tw_status tw_load_random(tw_table *table, const tw_graph *graph, const char *rest, tw_error *error)
{
    static const char *const names[] = {"seed"};
    const char *number, *seed_text;
    int64_t count = DEFAULT_COUNT, seed = 0;
    if (*rest) {
        TW_TRY(tw_spec_options(table, rest, 1, names, &number, &seed_text, error));
        if (!tw_parse_int(number, strlen(number), &count) || count < 1 || count > INT32_MAX)
            return tw_fail(error, TW_ERROR_SYNTAX,
                           "random data of \"%s\" samples: the form is random:COUNT, with at least "
                           "one",
                           number);
        if (seed_text && (!tw_parse_int(seed_text, strlen(seed_text), &seed) || seed < 0))
            return tw_fail(error, TW_ERROR_SYNTAX, "seed=%s is no whole number from 0", seed_text);
    }
    for (int i = 0; i < table->wanted; i++)
        TW_TRY(add_column(table, tw_graph_input(graph, i), count, (uint64_t)seed, error));
    return TW_OK;
}
