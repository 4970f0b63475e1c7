// SPDX-License-Identifier: Apache-2.0
// The kernel text of elementwise programs: functions of the rows used, and the macro EPILOGUE.
#include "op/expr.h"
#include "base/text.h"
#include "op/host.h"
#include "op/literal.h"
#include "op/rows.h"
#include <stdio.h>

/* Values are computed as float or as int, whatever their storage. */
typedef enum value_class {
    CLASS_FLOAT,
    CLASS_INT,
    CLASS_ANY /* a number that takes either */
} value_class;

static value_class class_of_type(tw_type type)
{
    return tw_type_is_real(type) ? CLASS_FLOAT : CLASS_INT;
}

/* The class that a step's variable has; `classes` holds those of the steps before. */
static value_class class_of_step(const tw_expr *expr, int s, const value_class *classes)
{
    const tw_expr_step *step = &expr->step[s];
    switch (step->kind) {
    case TW_EXPR_VALUE:
        return class_of_type(expr->value_type);
    case TW_EXPR_LOAD:
        return class_of_type(expr->operand[step->arg[0]].type);
    case TW_EXPR_CAST:
        return class_of_type(step->type);
    case TW_EXPR_CONST:
    case TW_EXPR_EXTENT:
        return CLASS_ANY;
    case TW_EXPR_UNIFORM:
    case TW_EXPR_NORMAL:
        return CLASS_FLOAT;
    case TW_EXPR_ROW:
        break;
    }
    const tw_row *row = tw_row_get(step->row);
    if (step->which > 0 || row->kind == TW_ROW_REAL || row->kind == TW_ROW_REALTEST)
        return CLASS_FLOAT;
    if (row->kind == TW_ROW_LOGIC || row->kind == TW_ROW_INTEGER)
        return CLASS_INT;
    value_class result = CLASS_ANY;
    for (int i = row->kind == TW_ROW_SELECT ? 1 : 0; i < step->n_args; i++) {
        const value_class c = classes[step->arg[i]];
        if (c == CLASS_FLOAT || (c == CLASS_INT && result == CLASS_ANY))
            result = c;
    }
    return result == CLASS_ANY ? CLASS_FLOAT : result;
}

/* ---- the rows' functions ---- */

/* What the expressions may call, by class; V is the value's type. Only those that a row uses are
 * written out. */
typedef struct row_macro {
    const char *name, *for_float, *for_int;
} row_macro;
static const row_macro row_macros[] = {
    {"R(", "R(c) c##f", "R(c) ((int)(c##f))"},
    {"DIV(", "DIV(x, z) ((x) / (z))",
     "DIV(x, z) SEL((z) == 0, 0, SEL((z) == -1, -(x), (x) / SAFE(z)))"},
    {"FLOORMOD(", "FLOORMOD(x, z) ((x) - (z) * floor((x) / (z)))",
     "FLOORMOD(x, z) SEL((z) == 0, 0, SEL((REM(x, z) != 0) & ((REM(x, z) ^ (z)) < 0), REM(x, z) + "
     "(z), REM(x, z)))"},
    {"DIV(", NULL, "SAFE(z) SEL(((z) == 0) | ((z) == -1), 1, z)"},
    {"FLOORMOD(", NULL, "SAFE(z) SEL(((z) == 0) | ((z) == -1), 1, z)"},
    {"FLOORMOD(", NULL, "REM(x, z) ((x) % SAFE(z))"},
    {"BOUND(", "BOUND(p) (p)", "BOUND(p) convert_int_sat(p)"},
    {"SHL(", NULL, "SHL(x, z) ((x) << ((z) & 31))"},
};

/* Defines, or undefines, what the expression uses. */
static void print_macros(const char *expression, value_class value, bool define, tw_text *text)
{
    for (int i = 0; i < TW_COUNT(row_macros); i++) {
        const char *body = value == CLASS_INT ? row_macros[i].for_int : row_macros[i].for_float;
        if (!body || !strstr(expression, row_macros[i].name))
            continue;
        if (define)
            tw_text_printf(text, "#define %s\n", body);
        else
            tw_text_printf(text, "#undef %.*s\n", (int)strcspn(body, "("), body);
    }
}

static const char *row_text(const tw_row *row, int which)
{
    return which ? row->derivative[which - 1].text : row->text;
}

/* Which of a, b, c, y the text takes, in order; derivatives take dy before them. */
static const char *row_variables(const tw_row *row, int which)
{
    static const char *const values[] = {"", "A", "AB", "ABC"};
    return which ? row->derivative[which - 1].uses : values[row->inputs];
}

static void print_function(const tw_expr_step *step, value_class value, int width, tw_text *text)
{
    const tw_row *row = tw_row_get(step->row);
    const char letter = value == CLASS_INT ? 'i' : 'f';
    const char *base = value == CLASS_INT ? "int" : "float";
    char type[32], name[80];
    if (width == 1)
        (void)snprintf(type, sizeof type, "%s", base);
    else
        (void)snprintf(type, sizeof type, "%s%d", base, width);
    (void)snprintf(name, sizeof name, "ew_%s_%d_%c%d", row->name, step->which, letter, width);
    const char *expression = row_text(row, step->which);
    tw_text_printf(text, "#ifndef EW_%s\n#define EW_%s\n#define V %s\n#define EW_WIDTH %d\n", name,
                   name, type, width);
    if (width == 1)
        tw_text_puts(text, "#define SEL(c, t, e) ((c) ? (V)(t) : (V)(e))\n"
                           "#define SHR(x, z) ((int)((uint)(x) >> ((z) & 31)))\n");
    else
        tw_text_printf(text,
                       "#define SEL(c, t, e) select((V)(e), (V)(t), c)\n"
                       "#define SHR(x, z) as_int%d(as_uint%d(x) >> as_uint%d((z) & 31))\n",
                       width, width, width);
    print_macros(expression, value, true, text);
    tw_text_printf(text, "static inline V %s(", name);
    if (step->which)
        tw_text_puts(text, "const V dy");
    const char *separator = step->which ? ", " : "";
    for (const char *v = row_variables(row, step->which); *v; v++) {
        tw_text_printf(text, "%sconst V %c", separator, *v - 'A' + 'a');
        separator = ", ";
    }
    for (int p = 0; p < 2; p++) {
        const char parameter[] = {'p', (char)('0' + p), 0};
        if (strstr(expression, parameter))
            tw_text_printf(text, ", const float %s", parameter);
    }
    tw_text_printf(text, ")\n{\n    return (V)(%s(%s));\n}\n", step->which ? "dy * " : "",
                   expression);
    print_macros(expression, value, false, text);
    tw_text_puts(text, "#undef V\n#undef EW_WIDTH\n#undef SEL\n#undef SHR\n#endif\n");
}

/* ", (0.5f)" for each parameter that the text names. */
static void print_defaults(const tw_operator *op, int which, tw_text *text)
{
    for (int p = 0; op->attributes && op->attributes[p].name; p++) {
        const char parameter[] = {'p', (char)('0' + p), 0};
        const char *number = op->attributes[p].value_default;
        double value = 0;
        if (!strstr(row_text(tw_row_get(op->row), which), parameter))
            continue;
        (void)tw_parse_double(number, strlen(number), &value);
        tw_text_puts(text, ", ");
        tw_float_literal(value, text);
    }
}

void tw_expr_print_row(const tw_operator *op, const char *name, unsigned widths, tw_text *text)
{
    const tw_row *row = tw_row_get(op->row);
    const char *uses = row->derivative[0].uses;
    for (int which = 0; which < (uses && !strchr(uses, 'A') ? 2 : 1); which++) {
        const tw_expr_step step = {.kind = TW_EXPR_ROW, .row = op->row, .which = which};
        for (int width = 1; width <= 16; width *= 2)
            if (widths & (unsigned)width)
                print_function(&step, CLASS_FLOAT, width, text);
        tw_text_printf(text, "#define %s%s TW_CAT(ew_%s_%d_f, W)(%s", name,
                       which ? "_DX(W, dy, y)" : "(W, a)", row->name, which,
                       !which  ? "a"
                       : *uses ? "dy, y"
                               : "dy");
        print_defaults(op, which, text);
        tw_text_puts(text, ")\n");
    }
}

/* ---- the macro EPILOGUE ---- */

/* Argument `s` in the class that its user computes in. */
static void print_argument(const tw_expr *expr, int s, value_class want, const value_class *classes,
                           tw_text *text)
{
    const tw_expr_step *step = &expr->step[s];
    const char *vector = want == CLASS_INT ? "INTV" : "FLOATV";
    if (step->kind == TW_EXPR_CONST) {
        tw_text_printf(text, "(%s(W))(", vector);
        if (want == CLASS_INT)
            tw_text_printf(text, "%lld", (long long)step->number[0]);
        else
            tw_float_literal(step->number[0], text);
        tw_text_puts(text, ")");
    } else if (step->kind == TW_EXPR_EXTENT) {
        tw_text_printf(text, "(%s(W))(", vector);
        tw_text_puts(text, tw_dim_literal(step->dim, (char[TW_DIM_LITERAL]){0}));
        tw_text_puts(text, ")");
    } else if (classes[s] == want) {
        tw_text_printf(text, "t%d", s);
    } else {
        tw_text_printf(text, "%s(W, t%d)", want == CLASS_INT ? "TO_INT" : "TO_FLOAT", s);
    }
}

/* Index of a broadcast operand: the places in the outer dimensions, times the operand's strides. */
static void print_general_index(const tw_expr *expr, const tw_operand *operand, tw_text *text)
{
    const tw_shape *out = &expr->shape, *in = &operand->shape;
    const int shift = out->rank - in->rank;
    bool outermost = true;
    char size[TW_DIM_LITERAL];
    for (int d = 0; d < out->rank - 1; d++) {
        const int t = d - shift;
        if (t >= 0 && !tw_dim_is_one(in->dim[t])) {
            tw_text_printf(text, "((at) / %s",
                           tw_dim_literal(tw_shape_span(out, d + 1, out->rank), size));
            if (!outermost)
                tw_text_printf(text, " %% %s", tw_dim_literal(out->dim[d], size));
            tw_text_printf(text, ") * %s + ",
                           tw_dim_literal(tw_shape_span(in, t + 1, in->rank), size));
        }
        outermost &= tw_dim_is_one(out->dim[d]);
    }
    const bool along = in->rank > 0 && !tw_dim_is_one(in->dim[in->rank - 1]);
    tw_text_puts(text, along ? "(col)" : "0");
}

static void print_load(const tw_expr *expr, int o, char name, tw_text *text)
{
    const tw_operand *operand = &expr->operand[o];
    const char *type = tw_type_name(operand->type);
    const tw_shape *in = &operand->shape;
    const bool splat = operand->access == TW_ACCESS_SCALAR ||
                       (operand->access == TW_ACCESS_GENERAL &&
                        (in->rank == 0 || tw_dim_is_one(in->dim[in->rank - 1])));
    if (splat)
        tw_text_printf(text, "(%s(W))(tw_load_%s_1(",
                       tw_type_is_real(operand->type) ? "FLOATV" : "INTV", type);
    else
        tw_text_printf(text, "TW_CAT(tw_load_%s_, W)(", type);
    tw_text_printf(text, "%c%d_base + %c%d_offset + (", name, o, name, o);
    if (operand->access == TW_ACCESS_SAME)
        tw_text_puts(text, "at");
    else if (operand->access == TW_ACCESS_ROW)
        tw_text_puts(text, "col");
    else if (operand->access == TW_ACCESS_SCALAR)
        tw_text_puts(text, "0");
    else
        print_general_index(expr, operand, text);
    tw_text_puts(text, splat ? ")))" : "))");
}

/* Bytes are computed as int: what is fused behind a row must see what storing it would have left.
 */
static void print_row_call(const tw_expr *expr, int s, const value_class *classes, tw_text *text)
{
    const tw_expr_step *step = &expr->step[s];
    const tw_row *row = tw_row_get(step->row);
    const bool wraps = step->type == TW_U8 && classes[s] == CLASS_INT;
    tw_text_printf(text, "TW_CAT(ew_%s_%d_%c, W)(", row->name, step->which,
                   classes[s] == CLASS_INT ? 'i' : 'f');
    for (int i = 0; i < step->n_args; i++) {
        tw_text_puts(text, i ? ", " : "");
        print_argument(expr, step->arg[i], classes[s], classes, text);
    }
    for (int p = 0; p < 2; p++) {
        const char parameter[] = {'p', (char)('0' + p), 0};
        if (strstr(row_text(row, step->which), parameter)) {
            tw_text_puts(text, ", ");
            tw_float_literal(step->number[p], text);
        }
    }
    tw_text_puts(text, wraps ? ") & 255" : ")");
}

static void print_cast(const tw_expr *expr, int s, const value_class *classes, tw_text *text)
{
    const tw_expr_step *step = &expr->step[s];
    const value_class source =
        classes[step->arg[0]] == CLASS_ANY ? CLASS_FLOAT : classes[step->arg[0]];
    if (step->type == TW_BOOL) { /* vector comparisons give -1 */
        tw_text_puts(text, "(");
        print_argument(expr, step->arg[0], source, classes, text);
        tw_text_puts(text, " != 0) & 1");
    } else {
        print_argument(expr, step->arg[0], classes[s], classes, text);
        if (step->type == TW_U8)
            tw_text_puts(text, " & 255");
    }
}

/* Arguments of the random numbers of step %d; which stream they are stands in macros
 * (print_streams). */
#define STREAM                                                                                     \
    "seed_lo, seed_hi, step, line, (uint)" TW_STREAM "%d_LOW, (uint)" TW_STREAM                    \
    "%d_HIGH, (ulong)(uint)(at)"

/* How a program is written: letters of its arguments, and whether a uniform number is taken from
 * what EPILOGUE_DRAW has made. */
typedef struct writing {
    char operand, store;
    bool drawn;
} writing;
static const writing behind = {'e', 's', false}, drawing = {'e', 's', true},
                     before = {'f', 'g', false};

static void print_step(const tw_expr *expr, int s, const value_class *classes, const writing *form,
                       tw_text *text)
{
    const tw_expr_step *step = &expr->step[s];
    if (step->kind == TW_EXPR_CONST || step->kind == TW_EXPR_EXTENT)
        return; /* written where it is used */
    tw_text_printf(
        text, " \\\n        const %s(W) t%d = ", classes[s] == CLASS_INT ? "INTV" : "FLOATV", s);
    switch (step->kind) {
    case TW_EXPR_VALUE:
        tw_text_puts(text, "v");
        break;
    case TW_EXPR_LOAD:
        print_load(expr, step->arg[0], form->operand, text);
        break;
    case TW_EXPR_UNIFORM:
    case TW_EXPR_NORMAL:
        if (form->drawn && step->kind == TW_EXPR_UNIFORM)
            tw_text_printf(text, "drawn%d[part]", s);
        else
            tw_text_printf(text, "TW_CAT(tw_random_%s_, W)(" STREAM ")",
                           step->kind == TW_EXPR_UNIFORM ? "uniform" : "normal", s, s);
        break;
    case TW_EXPR_CAST:
        print_cast(expr, s, classes, text);
        break;
    default:
        print_row_call(expr, s, classes, text);
    }
    tw_text_puts(text, ";");
}

bool tw_expr_random(const tw_expr *expr)
{
    for (int s = 0; s < expr->n_steps; s++)
        if (expr->step[s].kind == TW_EXPR_UNIFORM || expr->step[s].kind == TW_EXPR_NORMAL)
            return true;
    return false;
}

/* The halves of the hash of each stream's name: sizes, as it were, so that launches that differ in
 * their streams alone are one function. */
static void print_streams(const tw_expr *expr, tw_text *text)
{
    for (int s = 0; s < expr->n_steps; s++) {
        const tw_expr_step *step = &expr->step[s];
        if (step->kind == TW_EXPR_UNIFORM || step->kind == TW_EXPR_NORMAL)
            tw_text_printf(text,
                           "#define " TW_STREAM "%d_LOW (int)%uu\n"
                           "#define " TW_STREAM "%d_HIGH (int)%uu\n",
                           s, (unsigned)(step->hash & 0xffffffffu), s,
                           (unsigned)(step->hash >> 32));
    }
}

bool tw_expr_linear(const tw_expr *expr)
{
    for (int o = 0; o < expr->n_operands; o++)
        if (expr->operand[o].access != TW_ACCESS_SAME &&
            expr->operand[o].access != TW_ACCESS_SCALAR)
            return false;
    return true;
}

static void print_parameters(const tw_expr *expr, const char *name, const writing *form,
                             tw_text *text)
{
    tw_text_printf(text, "#define %s ", name);
    for (int o = 0; o < expr->n_operands; o++)
        tw_text_printf(text, ", __global const tw_storage_%s *%c%d_base, const ulong %c%d_offset",
                       tw_type_name(expr->operand[o].type), form->operand, o, form->operand, o);
    for (int o = 0; o < expr->n_stores; o++)
        tw_text_printf(text, ", __global tw_storage_%s *%c%d_base, const ulong %c%d_offset",
                       tw_type_name(expr->store[o].type), form->store, o, form->store, o);
    if (tw_expr_random(expr))
        tw_text_puts(text,
                     ", const uint seed_lo, const uint seed_hi, const uint step, const uint line");
    tw_text_puts(text, "\n");
}

static void print_steps(const tw_expr *expr, const value_class *classes, const writing *form,
                        tw_text *text)
{
    tw_text_puts(text, " \\\n    do {");
    for (int s = 0; s < expr->n_steps; s++)
        print_step(expr, s, classes, form, text);
    for (int o = 0; o < expr->n_stores; o++) {
        const tw_expr_store *store = &expr->store[o];
        tw_text_printf(text, " \\\n        TW_CAT(tw_%s_%s_, W)(%c%d_base + %c%d_offset + (at), ",
                       store->stream ? "stream" : "store", tw_type_name(store->type), form->store,
                       o, form->store, o);
        print_argument(expr, store->step, class_of_type(store->type), classes, text);
        tw_text_puts(text, ");");
    }
}

static void print_body(const tw_expr *expr, const value_class *classes, const writing *form,
                       tw_text *text)
{
    print_steps(expr, classes, form, text);
    tw_text_puts(text, " \\\n    } while (0)\n");
}

/* EPILOGUE_EXPECT(at): asks for the places that EPILOGUE(W, v, at, col) will read and write. */
static void print_expect(const tw_expr *expr, tw_text *text)
{
    tw_text_puts(text, "#define EPILOGUE_EXPECT(at) \\\n    do {");
    for (int o = 0; o < expr->n_operands; o++)
        if (expr->operand[o].access == TW_ACCESS_SAME)
            tw_text_printf(text, " \\\n        TW_PREFETCH(e%d_base + e%d_offset, at);", o, o);
    for (int o = 0; o < expr->n_stores; o++)
        if (!expr->store[o].stream)
            tw_text_printf(text, " \\\n        TW_PREFETCH_WRITE(s%d_base + s%d_offset, at);", o,
                           o);
    tw_text_puts(text, " \\\n    } while (0)\n");
}

/* 64 uniform numbers are made in little more than the time of 16: EPILOGUE_DRAW(at) makes them,
 * EPILOGUE_DRAWN(W, v, at, col, part) is the epilogue of 16 elements that takes its part. */
static void print_drawn(const tw_expr *expr, const value_class *classes, tw_text *text)
{
    int uniform = 0;
    for (int s = 0; s < expr->n_steps; s++) {
        const tw_expr_step *step = &expr->step[s];
        if (step->kind != TW_EXPR_UNIFORM)
            continue;
        if (uniform++ == 0)
            tw_text_puts(text, "#define EPILOGUE_DRAW(at)");
        tw_text_printf(
            text, " \\\n    float16 drawn%d[4]; \\\n    tw_random_uniform_64(" STREAM ", drawn%d);",
            s, s, s, s);
    }
    if (uniform == 0)
        return;
    tw_text_puts(text, "\n#define EPILOGUE_DRAWN(W, v, at, col, part)");
    print_body(expr, classes, &drawing, text);
}

/* Functions of the rows used; the classes of all steps. */
static void print_functions(const tw_expr *expr, unsigned widths, value_class *classes,
                            tw_text *text)
{
    for (int s = 0; s < expr->n_steps; s++) {
        classes[s] = class_of_step(expr, s, classes);
        for (int width = 1; width <= 16 && expr->step[s].kind == TW_EXPR_ROW; width *= 2)
            if (widths & (unsigned)width)
                print_function(&expr->step[s], classes[s], width, text);
    }
}

void tw_expr_print(const tw_expr *expr, unsigned widths, tw_text *text)
{
    value_class classes[TW_MAX_STEPS];
    print_functions(expr, widths, classes, text);
    print_streams(expr, text);
    print_parameters(expr, "EPILOGUE_PARAMS", &behind, text);
    tw_text_puts(text, "#define EPILOGUE(W, v, at, col)");
    print_body(expr, classes, &behind, text);
    print_expect(expr, text);
    if (widths & 16)
        print_drawn(expr, classes, text);
}

void tw_expr_print_front(const tw_expr *expr, tw_type type, unsigned widths, tw_text *text)
{
    value_class classes[TW_MAX_STEPS];
    print_functions(expr, widths, classes, text);
    print_parameters(expr, "FRONT_PARAMS", &before, text);
    tw_text_puts(text, "#define FRONT_VALUE(W, v, at)");
    print_steps(expr, classes, &before, text);
    tw_text_puts(text, " \\\n        v = ");
    print_argument(expr, expr->result, class_of_type(type), classes, text);
    tw_text_puts(text, "; \\\n    } while (0)\n");
}
