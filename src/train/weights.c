// SPDX-License-Identifier: Apache-2.0
// Weights in and out of safetensors files.
#include <stdio.h>

#include "format/safetensors.h"
#include "schedule/run.h"

/* ---- writing ---- */

static tw_status fetch(tw_params *params, tw_safetensors_entry *entries, tw_error *error)
{
    for (int i = 0; i < params->table.count; i++) {
        tw_safetensors_entry *entry = &entries[i];
        entry->name = tw_params_describe(params, i, &entry->array, NULL);
        const int64_t count = tw_array_count(&entry->array);
        const size_t bytes = (size_t)count * tw_type_size(entry->array.type);
        entry->array.data = tw_alloc(params->context, bytes);
        if (!entry->array.data)
            return tw_fail_memory(error);
        TW_TRY(tw_params_get(params, entry->name, entry->array.data, bytes, error));
    }
    return TW_OK;
}

tw_status tw_params_save(tw_params *params, const char *path, tw_error *error)
{
    tw_safetensors_entry *entries =
        tw_calloc(params->context, (size_t)params->table.count + 1, sizeof *entries);
    if (!entries)
        return tw_fail_memory(error);
    static const tw_safetensors_pair metadata[] = {{"format", "thalweg"}};
    tw_status status = fetch(params, entries, error);
    if (status == TW_OK)
        status = tw_safetensors_write(params->context, path, params->table.count, entries,
                                      TW_COUNT(metadata), metadata, error);
    for (int i = 0; i < params->table.count; i++)
        tw_free(params->context, entries[i].array.data);
    tw_free(params->context, entries);
    return status;
}

/* ---- reading ---- */

/* Names of one kind, for the sentence: "missing: a, b and 3 more". */
typedef struct name_list {
    tw_text text;
    int count;
} name_list;

#define NAMES_SHOWN 6

static void list_add(name_list *list, const char *name, const char *detail)
{
    if (list->count++ < NAMES_SHOWN)
        tw_text_printf(&list->text, "%s%s%s", list->count > 1 ? ", " : "", name, detail);
}

static void list_print(const name_list *list, const char *title, tw_text *out)
{
    if (list->count == 0)
        return;
    tw_text_printf(out, "; %s: %s", title, list->text.data ? list->text.data : "");
    if (list->count > NAMES_SHOWN)
        tw_text_printf(out, " and %d more", list->count - NAMES_SHOWN);
}

static void shape_text(const tw_array *array, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < array->rank && at < size; i++)
        at +=
            (size_t)snprintf(out + at, size - at, "%s%lld", i ? "," : "", (long long)array->dim[i]);
}

static bool same_shape(const tw_array *a, const tw_array *b)
{
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++)
        same = a->dim[i] == b->dim[i];
    return same;
}

typedef struct loader {
    tw_params *params;
    const tw_safetensors *file;
    const char *path;
    bool *fits; /* by weight */
    name_list missing, extra, misshaped;
    int taken;
} loader;

static void compare_weight(loader *l, int index)
{
    tw_array own;
    const char *name = tw_params_describe(l->params, index, &own, NULL);
    const tw_safetensors_tensor *tensor = tw_safetensors_find(l->file, name);
    if (!tensor) {
        list_add(&l->missing, name, "");
        return;
    }
    if (same_shape(&own, &tensor->array)) {
        l->fits[index] = true;
        l->taken++;
        return;
    }
    char there[100], here[100], detail[240];
    shape_text(&tensor->array, there, sizeof there);
    shape_text(&own, here, sizeof here);
    (void)snprintf(detail, sizeof detail, " is [%s] in the file and [%s] in the model", there,
                   here);
    list_add(&l->misshaped, name, detail);
}

static void compare_all(loader *l)
{
    for (int i = 0; i < l->params->table.count; i++)
        compare_weight(l, i);
    for (int i = 0; i < l->file->count; i++)
        if (tw_params_find(l->params, l->file->tensors[i].name) < 0)
            list_add(&l->extra, l->file->tensors[i].name, "");
}

static tw_status refuse(const loader *l, tw_error *error)
{
    tw_text text = {.context = l->params->context};
    list_print(&l->missing, "missing", &text);
    list_print(&l->extra, "extra", &text);
    list_print(&l->misshaped, "misshaped", &text);
    const tw_status status =
        text.failed ? tw_fail_memory(error)
                    : tw_fail(error, TW_ERROR_NAME,
                              "%s does not fit the model%s (partial loading takes what fits)",
                              l->path, text.data);
    tw_text_clear(&text);
    return status;
}

/* Converts every fitting weight before the first one is changed. */
static tw_status convert(const loader *l, void **data, tw_error *error)
{
    for (int i = 0; i < l->params->table.count; i++) {
        tw_array own;
        const char *name = tw_params_describe(l->params, i, &own, NULL);
        if (!l->fits[i])
            continue;
        data[i] =
            tw_alloc(l->params->context, (size_t)tw_array_count(&own) * tw_type_size(own.type));
        if (!data[i])
            return tw_fail_memory(error);
        tw_error why = {.code = TW_OK};
        const tw_status status =
            tw_safetensors_copy(tw_safetensors_find(l->file, name), own.type, data[i], &why);
        if (status != TW_OK)
            return tw_fail(error, status, "%s: %s: %s", l->path, name, why.text);
    }
    return TW_OK;
}

static tw_status store(const loader *l, void *const *data, tw_error *error)
{
    for (int i = 0; i < l->params->table.count; i++) {
        tw_array own;
        const char *name = tw_params_describe(l->params, i, &own, NULL);
        if (data[i])
            TW_TRY(tw_params_set(l->params, name, data[i],
                                 (size_t)tw_array_count(&own) * tw_type_size(own.type), error));
    }
    return TW_OK;
}

static tw_status take(loader *l, bool partial, tw_error *error)
{
    compare_all(l);
    if (!partial && (l->missing.count > 0 || l->extra.count > 0 || l->misshaped.count > 0))
        return refuse(l, error);
    void **data = tw_calloc(l->params->context, (size_t)l->params->table.count + 1, sizeof *data);
    if (!data)
        return tw_fail_memory(error);
    tw_status status = convert(l, data, error);
    if (status == TW_OK)
        status = store(l, data, error);
    for (int i = 0; i < l->params->table.count; i++)
        tw_free(l->params->context, data[i]);
    tw_free(l->params->context, data);
    return status;
}

tw_status tw_params_load(tw_params *params, const char *path, bool partial, int32_t *taken,
                         tw_error *error)
{
    tw_safetensors *file = NULL;
    TW_TRY(tw_safetensors_read(params->context, path, &file, error));
    loader l = {.params = params,
                .file = file,
                .path = path,
                .missing.text.context = params->context,
                .extra.text.context = params->context,
                .misshaped.text.context = params->context};
    l.fits = tw_calloc(params->context, (size_t)params->table.count + 1, sizeof *l.fits);
    const tw_status status = l.fits ? take(&l, partial, error) : tw_fail_memory(error);
    if (status == TW_OK && taken)
        *taken = l.taken;
    tw_text_clear(&l.missing.text);
    tw_text_clear(&l.extra.text);
    tw_text_clear(&l.misshaped.text);
    tw_free(params->context, l.fits);
    tw_safetensors_free(&file);
    return status;
}
