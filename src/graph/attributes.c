// SPDX-License-Identifier: Apache-2.0
// Attributes: their text against the tables of operators, their values for operators, and text
// again.
#include "graph/internal.h"
#include <limits.h>
#include <math.h>

int tw_attribute_index(const tw_attribute *table, const char *name)
{
    for (int i = 0; table && table[i].name; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

static int row_count(const tw_attribute *table)
{
    int count = 0;
    while (table && table[count].name)
        count++;
    return count;
}

/* ---- values ---- */

static tw_status parse_integer(tw_span key, tw_span item, int64_t *value, tw_error *error)
{
    if (tw_parse_int(item.at, item.length, value))
        return TW_OK;
    return tw_fail_span(error, TW_ERROR_SYNTAX, item, "%.*s=%.*s is not an integer in range",
                        TW_SPAN(key), TW_SPAN(item));
}

static tw_status parse_float(tw_span key, tw_span item, double *value, tw_error *error)
{
    if (tw_parse_double(item.at, item.length, value) && !isnan(*value))
        return TW_OK;
    return tw_fail_span(error, TW_ERROR_SYNTAX, item, "%.*s=%.*s is not a number", TW_SPAN(key),
                        TW_SPAN(item));
}

/* "784", "n", "2n", "n*t", or "-1". */
static tw_status parse_dim(tw_span key, tw_span item, tw_dim *dim, tw_error *error)
{
    size_t digits = 0;
    while (digits < item.length && item.at[digits] >= '0' && item.at[digits] <= '9')
        digits++;
    *dim = TW_DIM(1);
    bool good = item.length > 0;
    if (tw_span_is(item, "-1")) {
        *dim = TW_DIM(-1);
        return TW_OK;
    }
    if (digits)
        good = tw_parse_int(item.at, digits, &dim->scale) && dim->scale <= INT_MAX;
    for (size_t i = digits; i < item.length && good; i++) {
        if (item.at[i] == '*' && i > 0 && i + 1 < item.length)
            i++;
        const char c = item.at[i];
        good = c >= 'a' && c <= 'z' && !(dim->letters & TW_LETTER(c)) && dim->scale > 0;
        if (good)
            dim->letters |= TW_LETTER(c);
    }
    if (good)
        return TW_OK;
    return tw_fail_span(error, TW_ERROR_SYNTAX, item,
                        "%.*s: \"%.*s\" is not a size: a number, a letter, or their product as 2n",
                        TW_SPAN(key), TW_SPAN(item));
}

static tw_status parse_list(const tw_attribute *row, tw_span key, tw_span value, tw_attr *attr,
                            tw_error *error)
{
    size_t at = 0;
    do {
        tw_span item = {value.at + at, 0, value.column + (int)at};
        while (at < value.length && value.at[at] != ',')
            at++;
        item.length = (size_t)(value.at + at - item.at);
        while (item.length && *item.at == ' ') {
            item.at++;
            item.length--;
        }
        while (item.length && item.at[item.length - 1] == ' ')
            item.length--;
        if (attr->count == TW_MAX_RANK)
            return tw_fail_span(error, TW_ERROR_SYNTAX, value, "%.*s has more than %d entries",
                                TW_SPAN(key), TW_MAX_RANK);
        tw_dim *dim = &attr->list[attr->count++];
        *dim = TW_DIM(0);
        if (row->type == TW_ATTR_DIMS)
            TW_TRY(parse_dim(key, item, dim, error));
        else
            TW_TRY(parse_integer(key, item, &dim->scale, error));
    } while (at++ < value.length);
    return TW_OK;
}

/* The words of "valid|same" one after another; false at the end. */
static bool next_word(const char **choices, tw_span *word)
{
    if (!*choices || !**choices)
        return false;
    word->at = *choices;
    word->length = strcspn(*choices, "|");
    *choices += word->length;
    *choices += **choices == '|';
    return true;
}

static tw_status parse_choice(tw_arena *arena, const tw_attribute *row, tw_span key, tw_span value,
                              tw_attr *attr, tw_error *error)
{
    const char *words[64], *choices = row->choices;
    tw_span word = {0};
    int count = 0;
    while (next_word(&choices, &word) && count < TW_COUNT(words)) {
        words[count] = tw_arena_text(arena, word.at, word.length);
        if (!words[count])
            return tw_fail_memory(error);
        if (value.length == word.length && memcmp(value.at, word.at, word.length) == 0) {
            attr->i = count;
            attr->text = words[count];
            return TW_OK;
        }
        count++;
    }
    const char *text = tw_arena_text(arena, value.at, value.length);
    if (!text)
        return tw_fail_memory(error);
    const int nearest = tw_nearest(text, words, count);
    if (nearest >= 0)
        return tw_fail_span(error, TW_ERROR_NAME, value,
                            "%.*s=%.*s is none of %s; did you mean \"%s\"?", TW_SPAN(key),
                            TW_SPAN(value), row->choices, words[nearest]);
    return tw_fail_span(error, TW_ERROR_NAME, value, "%.*s=%.*s is none of %s", TW_SPAN(key),
                        TW_SPAN(value), row->choices);
}

static tw_status parse_type(tw_span key, tw_span value, tw_attr *attr, tw_error *error)
{
    static const struct {
        const char *name;
        tw_type type;
    } types[] = {
#define TYPE_ROW(name, value, text, bytes) {text, name},
        TW_TYPE_LIST(TYPE_ROW)
#undef TYPE_ROW
    };
    for (int i = 0; i < TW_COUNT(types); i++)
        if (tw_span_is(value, types[i].name)) {
            attr->i = types[i].type;
            return TW_OK;
        }
    return tw_fail_span(error, TW_ERROR_NAME, value,
                        "%.*s \"%.*s\" is not known; the types are f32, f16, bf16, i32, u8, bool",
                        TW_SPAN(key), TW_SPAN(value));
}

static tw_status parse_text(tw_arena *arena, tw_span value, bool quoted, tw_attr *attr,
                            tw_error *error)
{
    char *text = tw_arena_text(arena, value.at, value.length);
    if (!text)
        return tw_fail_memory(error);
    size_t length = 0;
    for (size_t i = 0; i < value.length && quoted; i++) {
        if (text[i] == '\\' && i + 1 < value.length)
            i++;
        text[length++] = text[i];
    }
    if (quoted)
        text[length] = '\0';
    attr->text = text;
    return TW_OK;
}

static tw_status parse_value(tw_arena *arena, const tw_attribute *row, tw_span key, tw_span value,
                             bool quoted, tw_attr *attr, tw_error *error)
{
    switch (row->type) {
    case TW_ATTR_INT:
        return parse_integer(key, value, &attr->i, error);
    case TW_ATTR_FLOAT:
        return parse_float(key, value, &attr->f, error);
    case TW_ATTR_BOOL:
        attr->i = tw_span_is(value, "yes");
        if (attr->i || tw_span_is(value, "no"))
            return TW_OK;
        return tw_fail_span(error, TW_ERROR_SYNTAX, value, "%.*s=%.*s is neither yes nor no",
                            TW_SPAN(key), TW_SPAN(value));
    case TW_ATTR_CHOICE:
        return parse_choice(arena, row, key, value, attr, error);
    case TW_ATTR_INTS:
    case TW_ATTR_DIMS:
        return parse_list(row, key, value, attr, error);
    case TW_ATTR_TYPE:
        return parse_type(key, value, attr, error);
    case TW_ATTR_TEXT:
        return parse_text(arena, value, quoted, attr, error);
    }
    return tw_fail(error, TW_ERROR_INTERNAL, "attribute %s has no type", row->name);
}

/* ---- tables ---- */

static tw_status unknown(tw_arena *arena, const char *owner, const tw_attribute *table, tw_span key,
                         tw_error *error)
{
    const char *names[64] = {NULL};
    int count = 0;
    tw_text list = {.context = arena->context};
    for (int i = 0; table && table[i].name && count < TW_COUNT(names); i++) {
        names[count++] = table[i].name;
        tw_text_printf(&list, "%s%s", i ? ", " : "", table[i].name);
    }
    char word[TW_MAX_NAME + 1] = {0};
    memcpy(word, key.at, TW_MIN(key.length, (size_t)TW_MAX_NAME));
    const int nearest = tw_nearest(word, names, count);
    if (nearest >= 0)
        tw_fail_span(error, TW_ERROR_NAME, key,
                     "%s has no attribute \"%.*s\"; did you mean \"%s\"?", owner, TW_SPAN(key),
                     names[nearest]);
    else if (count && list.data)
        tw_fail_span(error, TW_ERROR_NAME, key, "%s has no attribute \"%.*s\"; it has %s", owner,
                     TW_SPAN(key), list.data);
    else
        tw_fail_span(error, TW_ERROR_NAME, key, "%s has no attribute \"%.*s\"", owner,
                     TW_SPAN(key));
    tw_text_clear(&list);
    return error->code;
}

/* "f32[n,28]": the attributes type and shape of operators that have them. */
static tw_status parse_typed_shape(tw_arena *arena, const char *owner, const tw_attribute *table,
                                   tw_span value, tw_attr *attr, tw_error *error)
{
    const int type = tw_attribute_index(table, "type"), shape = tw_attribute_index(table, "shape");
    if (type < 0 || shape < 0 || table[shape].type != TW_ATTR_DIMS)
        return tw_fail_span(error, TW_ERROR_SYNTAX, value,
                            "%s takes no type and shape, as \"%.*s\"", owner, TW_SPAN(value));
    if (attr[type].given || attr[shape].given)
        return tw_fail_span(error, TW_ERROR_SYNTAX, value, "a type and shape stand twice");
    tw_span name = value, sizes = value;
    name.length = (size_t)((const char *)memchr(value.at, '[', value.length) - value.at);
    sizes.at += name.length + 1;
    sizes.column += (int)name.length + 1;
    sizes.length -= name.length + 2;
    const tw_span type_key = {"type", 4, 0}, shape_key = {"shape", 5, 0};
    attr[type].given = attr[shape].given = true;
    TW_TRY(parse_value(arena, &table[type], type_key, name, false, &attr[type], error));
    while (sizes.length && *sizes.at == ' ') {
        sizes.at++;
        sizes.length--;
    }
    if (sizes.length == 0)
        return TW_OK;
    return parse_value(arena, &table[shape], shape_key, sizes, false, &attr[shape], error);
}

static tw_status parse_pair(tw_arena *arena, const char *owner, const tw_attribute *table,
                            const tw_pair *pair, tw_attr *attr, tw_error *error)
{
    if (pair->key.length == 0)
        return parse_typed_shape(arena, owner, table, pair->value, attr, error);
    int row = 0;
    while (table && table[row].name && !tw_span_is(pair->key, table[row].name))
        row++;
    if (!table || !table[row].name)
        return unknown(arena, owner, table, pair->key, error);
    if (attr[row].given)
        return tw_fail_span(error, TW_ERROR_SYNTAX, pair->key, "attribute \"%.*s\" stands twice",
                            TW_SPAN(pair->key));
    attr[row].given = true;
    return parse_value(arena, &table[row], pair->key, pair->value, pair->quoted, &attr[row], error);
}

tw_status tw_attributes_parse(tw_arena *arena, const char *owner, const tw_attribute *table,
                              const tw_pair *pairs, int count, tw_attr **attr, tw_error *error)
{
    const int rows = row_count(table);
    tw_attr *out = tw_arena_alloc(arena, sizeof *out * (size_t)TW_MAX(rows, 1));
    if (!out)
        return tw_fail_memory(error);
    for (int i = 0; i < count; i++)
        TW_TRY(parse_pair(arena, owner, table, &pairs[i], out, error));
    for (int i = 0; i < rows; i++) {
        const char *value = table[i].value_default;
        if (out[i].given)
            continue;
        if (!value)
            return tw_fail(error, TW_ERROR_SYNTAX, "%s needs the attribute %s= (%s)", owner,
                           table[i].name, table[i].doc);
        out[i].absent = !*value;
        const tw_span key = {table[i].name, strlen(table[i].name), 0};
        const tw_span span = {value, strlen(value), 0};
        if (*value)
            TW_TRY(parse_value(arena, &table[i], key, span, false, &out[i], error));
    }
    *attr = out;
    return TW_OK;
}

tw_status tw_options_parse(tw_arena *arena, const char *text, const char **word, tw_error *error,
                           tw_options_lookup lookup, tw_attr **attr)
{
    tw_error local = {0};
    tw_lexer lexer;
    tw_span span;
    tw_statement s = {0};
    const char *name = NULL;
    const tw_attribute *table = NULL;
    tw_attr *parsed = NULL;
    tw_lex_start(&lexer, text, strlen(text), 0);
    tw_status status = tw_lex_name(&lexer, "a name", &span, &local);
    if (status == TW_OK && !(name = tw_arena_text(arena, span.at, span.length)))
        status = tw_fail_memory(&local);
    if (status == TW_OK && !(table = lookup(name, &local)))
        status = local.code;
    if (status == TW_OK)
        status = tw_lex_pairs(&lexer, &s, &local);
    if (status == TW_OK)
        status = tw_lex_text_done(&lexer, &local);
    if (status == TW_OK)
        status = tw_attributes_parse(arena, name, table, s.pair, s.n_pairs, &parsed, &local);
    local.line = local.column = 0;
    if (status != TW_OK) {
        if (error)
            *error = local;
        return status;
    }
    *word = name;
    *attr = parsed;
    return TW_OK;
}

/* ---- reading ---- */

const tw_attr *tw_attr_get(const tw_call *call, const char *name)
{
    static const tw_attr none = {.absent = true};
    const int index = tw_attribute_index(call->op->attributes, name);
    assert(index >= 0);
    return index < 0 ? &none : &call->attr[index];
}

bool tw_attr_given(const tw_call *call, const char *name)
{
    return !tw_attr_get(call, name)->absent;
}

int64_t tw_attr_int(const tw_call *call, const char *name)
{
    return tw_attr_get(call, name)->i;
}

double tw_attr_float(const tw_call *call, const char *name)
{
    return tw_attr_get(call, name)->f;
}

bool tw_attr_bool(const tw_call *call, const char *name)
{
    return tw_attr_get(call, name)->i != 0;
}

const char *tw_attr_text(const tw_call *call, const char *name)
{
    const char *text = tw_attr_get(call, name)->text;
    return text ? text : "";
}

bool tw_attr_is(const tw_call *call, const char *name, const char *word)
{
    return strcmp(tw_attr_text(call, name), word) == 0;
}

bool tw_attr_ints(const tw_call *call, const char *name, int count, int64_t *out)
{
    const tw_attr *attr = tw_attr_get(call, name);
    if (attr->count != 1 && attr->count != count)
        return false;
    for (int i = 0; i < count; i++)
        out[i] = attr->list[attr->count == 1 ? 0 : i].scale;
    return true;
}

bool tw_attr_axes(const tw_call *call, const char *name, int rank, unsigned *mask)
{
    const tw_attr *attr = tw_attr_get(call, name);
    *mask = attr->absent ? (1u << rank) - 1 : 0;
    for (int i = 0; i < attr->count; i++) {
        const int64_t axis =
            attr->list[i].scale < 0 ? attr->list[i].scale + rank : attr->list[i].scale;
        if (axis < 0 || axis >= rank || (*mask >> axis & 1))
            return false;
        *mask |= 1u << axis;
    }
    return true;
}

/* ---- printing ---- */

void tw_print_word(const char *word, tw_text *text)
{
    const size_t plain = strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789_.,*|?:/+-");
    if (plain && !word[plain]) {
        tw_text_puts(text, word);
        return;
    }
    tw_text_puts(text, "\"");
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            tw_text_puts(text, "\\");
        tw_text_append(text, word, 1);
    }
    tw_text_puts(text, "\"");
}

void tw_print_dim(tw_dim dim, tw_text *text)
{
    const char *times = "";
    if (!dim.letters || dim.scale != 1)
        tw_text_printf(text, "%lld", (long long)dim.scale);
    for (char c = 'a'; c <= 'z'; c++)
        if (dim.letters & TW_LETTER(c)) {
            tw_text_printf(text, "%s%c", times, c);
            times = "*";
        }
}

void tw_attr_print(const tw_attribute *row, const tw_attr *attr, tw_text *text)
{
    switch (row->type) {
    case TW_ATTR_INT:
        tw_text_printf(text, "%lld", (long long)attr->i);
        break;
    case TW_ATTR_FLOAT:
        tw_text_double(text, attr->f);
        break;
    case TW_ATTR_BOOL:
        tw_text_puts(text, attr->i ? "yes" : "no");
        break;
    case TW_ATTR_TYPE:
        tw_text_puts(text, tw_type_name((tw_type)attr->i));
        break;
    case TW_ATTR_INTS:
    case TW_ATTR_DIMS:
        for (int i = 0; i < attr->count; i++) {
            tw_text_puts(text, i ? "," : "");
            tw_print_dim(attr->list[i], text);
        }
        break;
    case TW_ATTR_CHOICE:
    case TW_ATTR_TEXT:
        tw_print_word(attr->text, text);
        break;
    }
}
