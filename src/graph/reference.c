// SPDX-License-Identifier: Apache-2.0
// The operator reference that `thalweg ops` prints, from the operators' own tables.
#include "graph/internal.h"

static const char *kind(const tw_attribute *row)
{
    switch (row->type) {
    case TW_ATTR_INT:
        return "INTEGER";
    case TW_ATTR_FLOAT:
        return "NUMBER";
    case TW_ATTR_BOOL:
        return "yes|no";
    case TW_ATTR_CHOICE:
        return row->choices;
    case TW_ATTR_INTS:
        return "INTEGER,...";
    case TW_ATTR_DIMS:
        return "SIZE,...";
    case TW_ATTR_TYPE:
        return "TYPE";
    case TW_ATTR_TEXT:
        return "TEXT";
    }
    return "";
}

static void print_ports(const char *ports, tw_text *text)
{
    tw_port port;
    for (int i = 0; tw_port_at(ports, i, &port); i++) {
        tw_text_printf(text, "%s%.*s%s", i ? ", " : "", port.length, port.name,
                       port.optional ? "?"
                       : port.many   ? "..."
                                     : "");
        if (port.many)
            break;
    }
}

static void print_operator(const tw_operator *op, tw_text *text)
{
    const tw_attribute *row = op->attributes;
    tw_port port;
    print_ports(op->results, text);
    tw_text_printf(text, " = %s", op->name);
    if (tw_port_at(op->inputs, 0, &port)) {
        tw_text_puts(text, "(");
        print_ports(op->inputs, text);
        tw_text_puts(text, ")");
    }
    tw_text_printf(text, "\n    %s\n", op->doc);
    for (int i = 0; row && row[i].name; i++) {
        const char *value = row[i].value_default;
        tw_text_printf(text, "    %s=%s  %s", row[i].name, kind(&row[i]), row[i].doc);
        if (!value)
            tw_text_puts(text, " (required)");
        else if (*value)
            tw_text_printf(text, " (default %s)", value);
        tw_text_puts(text, "\n");
    }
}

static const tw_operator *by_name(const char *name, tw_error *error)
{
    const char *candidates[512];
    int count = 0;
    const tw_operator *op = tw_operator_find(tw_operators, name);
    if (op)
        return op;
    for (const tw_operator *const *const *file = tw_operators; *file; file++)
        for (const tw_operator *const *each = *file; *each && count < TW_COUNT(candidates); each++)
            candidates[count++] = (*each)->name;
    const int nearest = tw_nearest(name, candidates, count);
    if (nearest >= 0)
        tw_fail(error, TW_ERROR_NAME, "there is no operator \"%.60s\"; did you mean \"%s\"?", name,
                candidates[nearest]);
    else
        tw_fail(error, TW_ERROR_NAME, "there is no operator \"%.60s\"", name);
    return NULL;
}

tw_status tw_operators_print(tw_context *context, const char *name, char **text, tw_error *error)
{
    tw_text out = {.context = context};
    if (!context || !text)
        return tw_fail(error, TW_ERROR_ARGUMENT, "printing operators needs a context and a place");
    if (name) {
        const tw_operator *op = by_name(name, error);
        if (!op)
            return TW_ERROR_NAME;
        print_operator(op, &out);
    }
    for (const tw_operator *const *const *file = tw_operators; !name && *file; file++)
        for (const tw_operator *const *op = *file; *op; op++)
            if (!((*op)->flags & TW_OP_INTERNAL))
                print_operator(*op, &out);
    char *taken = tw_text_take(&out);
    if (!taken) {
        tw_text_clear(&out);
        return tw_fail_memory(error);
    }
    *text = taken;
    return TW_OK;
}
