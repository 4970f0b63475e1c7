// SPDX-License-Identifier: Apache-2.0
// Writes a safetensors file beside its final name, then renames it.
#include "format/safetensors_dtype.h"

#include "base/text.h"

#include <stdlib.h>

/* The format's name for one of thalweg's types. */
static const tw_safetensors_dtype_row *row_of(tw_type type)
{
    int count;
    const tw_safetensors_dtype_row *rows = tw_safetensors_dtypes(&count);
    for (int i = 0; i < count; i++)
        if (rows[i].type == type && type != TW_TYPE_NONE)
            return &rows[i];
    return NULL;
}

static size_t entry_bytes(const tw_safetensors_entry *entry)
{
    return (size_t)tw_array_count(&entry->array) * tw_type_size(entry->array.type);
}

/* By falling alignment, so that every tensor is aligned in the file; then by name. */
static int by_layout(const void *a, const void *b)
{
    const tw_safetensors_entry *const *x = a, *const *y = b;
    const size_t size_x = tw_type_size((*x)->array.type), size_y = tw_type_size((*y)->array.type);
    if (size_x != size_y)
        return size_x > size_y ? -1 : 1;
    return strcmp((*x)->name, (*y)->name);
}

static int by_name(const void *a, const void *b)
{
    const tw_safetensors_entry *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

static int by_key(const void *a, const void *b)
{
    const tw_safetensors_pair *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* What is written, in the order of the file. */
typedef struct layout {
    tw_context *context;
    int count, n_metadata;
    const tw_safetensors_entry **entries;
    const tw_safetensors_pair **metadata;
} layout;

static tw_status check(layout *l, tw_error *error)
{
    for (int i = 0; i < l->count; i++) {
        const tw_safetensors_entry *entry = l->entries[i];
        const int64_t count = tw_array_count(&entry->array);
        if (!row_of(entry->array.type) || count < 0 || (uint64_t)count > SIZE_MAX / 8)
            return tw_fail(error, TW_ERROR_ARGUMENT, "tensor \"%s\" has no valid type and shape",
                           entry->name);
        if (strcmp(entry->name, "__metadata__") == 0)
            return tw_fail(error, TW_ERROR_ARGUMENT, "a tensor cannot be named __metadata__");
    }
    if (l->count > 1)
        qsort(l->entries, (size_t)l->count, sizeof *l->entries, by_name);
    for (int i = 1; i < l->count; i++)
        if (strcmp(l->entries[i - 1]->name, l->entries[i]->name) == 0)
            return tw_fail(error, TW_ERROR_ARGUMENT, "two tensors are named \"%s\"",
                           l->entries[i]->name);
    if (l->n_metadata > 1)
        qsort(l->metadata, (size_t)l->n_metadata, sizeof *l->metadata, by_key);
    for (int i = 1; i < l->n_metadata; i++)
        if (strcmp(l->metadata[i - 1]->key, l->metadata[i]->key) == 0)
            return tw_fail(error, TW_ERROR_ARGUMENT, "metadata \"%s\" is given twice",
                           l->metadata[i]->key);
    return TW_OK;
}

static void put_metadata(const layout *l, tw_text *text)
{
    tw_text_puts(text, "\"__metadata__\":{");
    for (int i = 0; i < l->n_metadata; i++) {
        tw_text_puts(text, i ? "," : "");
        tw_text_json(text, l->metadata[i]->key);
        tw_text_puts(text, ":");
        tw_text_json(text, l->metadata[i]->value);
    }
    tw_text_puts(text, l->count ? "}," : "}");
}

static void put_tensor(const tw_safetensors_entry *entry, uint64_t begin, tw_text *text)
{
    tw_text_json(text, entry->name);
    tw_text_printf(text, ":{\"dtype\":\"%s\",\"shape\":[", row_of(entry->array.type)->name);
    for (int i = 0; i < entry->array.rank; i++)
        tw_text_printf(text, "%s%lld", i ? "," : "", (long long)entry->array.dim[i]);
    tw_text_printf(text, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                   (unsigned long long)(begin + entry_bytes(entry)));
}

/* The header, padded with spaces so that the data begin at a multiple of 8. */
static void put_header(const layout *l, tw_text *text)
{
    tw_text_puts(text, "{");
    if (l->n_metadata)
        put_metadata(l, text);
    uint64_t begin = 0;
    for (int i = 0; i < l->count; i++) {
        tw_text_puts(text, i ? "," : "");
        put_tensor(l->entries[i], begin, text);
        begin += entry_bytes(l->entries[i]);
    }
    tw_text_puts(text, "}");
    while (!text->failed && text->length % 8)
        tw_text_puts(text, " ");
}

/* The file in pieces: length, header, tensors. */
static tw_status write_parts(const layout *l, const tw_text *header, const char *path,
                             tw_error *error)
{
    unsigned char prefix[8];
    for (int i = 0; i < 8; i++)
        prefix[i] = (unsigned char)((uint64_t)header->length >> 8 * i);
    tw_part *parts = tw_alloc(l->context, ((size_t)l->count + 2) * sizeof *parts);
    if (!parts)
        return tw_fail_memory(error);
    parts[0] = (tw_part){prefix, sizeof prefix};
    parts[1] = (tw_part){header->data, header->length};
    for (int i = 0; i < l->count; i++)
        parts[2 + i] = (tw_part){l->entries[i]->array.data, entry_bytes(l->entries[i])};
    const tw_status status = tw_write_parts(l->context, path, 2 + l->count, parts, error);
    tw_free(l->context, parts);
    return status;
}

static tw_status write_layout(const layout *l, const char *path, tw_error *error)
{
    tw_text header = {.context = l->context};
    put_header(l, &header);
    tw_status status;
    if (header.failed)
        status = tw_fail_memory(error);
    else if (header.length > TW_SAFETENSORS_MAX_HEADER)
        status = tw_fail(error, TW_ERROR_ARGUMENT, "'%s': names and metadata exceed %u bytes", path,
                         TW_SAFETENSORS_MAX_HEADER);
    else
        status = write_parts(l, &header, path, error);
    tw_text_clear(&header);
    return status;
}

tw_status tw_safetensors_write(tw_context *context, const char *path, int count,
                               const tw_safetensors_entry *entries, int n_metadata,
                               const tw_safetensors_pair *metadata, tw_error *error)
{
    layout l = {.context = context, .count = count, .n_metadata = n_metadata};
    tw_arena arena = {.context = context};
    l.entries = tw_arena_alloc(&arena, (size_t)count * sizeof *l.entries + 1);
    l.metadata = tw_arena_alloc(&arena, (size_t)n_metadata * sizeof *l.metadata + 1);
    if (!l.entries || !l.metadata) {
        tw_arena_free(&arena);
        return tw_fail_memory(error);
    }
    for (int i = 0; i < count; i++)
        l.entries[i] = &entries[i];
    for (int i = 0; i < n_metadata; i++)
        l.metadata[i] = &metadata[i];
    tw_status status = check(&l, error);
    if (status == TW_OK && count > 1)
        qsort(l.entries, (size_t)count, sizeof *l.entries, by_layout);
    if (status == TW_OK)
        status = write_layout(&l, path, error);
    tw_arena_free(&arena);
    return status;
}
