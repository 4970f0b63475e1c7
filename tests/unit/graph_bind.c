// SPDX-License-Identifier: Apache-2.0
// Building from C, binding and gradients: sticky errors, letters, expansion, names, sums of
// broadcast gradients.
#include "graph_ops.h"

static tw_graph *new_graph(tw_context *context)
{
    tw_graph *g = NULL;
    tw_error error;
    CHECK_OK(tw_graph_create_with(context, test_operators, &g, &error), error);
    return g;
}

static void check_print(const tw_graph *g, const char *want)
{
    tw_error error;
    char *text = NULL;
    CHECK_OK(tw_graph_print(g, &text, &error), error);
    CHECK_TEXT(text, want);
    tw_text_free(g->context, &text);
}

/* ---- building ---- */

static void builds_by_calls(void)
{
    tw_context *context = test_context();
    tw_graph *g = new_graph(context);
    tw_error error;
    tw_node *x = tw_input(g, "image f32[n,4]");
    tw_node *label = tw_input(g, "label i32[n] classes=10");
    tw_node *w = tw_parameter(g, "w f32[4,3] init=zeros");
    tw_node *y = tw_op(g, "affine units=3 bias=no", 2, (tw_node *[]){x, w});
    y = tw_op(g, "a, b = cell", 1, &y);
    tw_node *loss = tw_op(g, "loss = reduce_sum", 1, (tw_node *[]){tw_result(y, 1)});
    CHECK(loss && tw_graph_check(g, NULL) == TW_OK);
    CHECK_OK(tw_train(g, "loss=loss optimizer=sgd", &error), error);
    CHECK(tw_graph_input_count(g) == 2 && tw_graph_input(g, 1) == label);
    CHECK(!tw_graph_input(g, 2) && tw_input_classes(label) == 10 && tw_input_classes(x) == 0);
    CHECK(tw_graph_find(g, "b") == tw_result(y, 1) && !tw_graph_find(g, "c"));
    CHECK(tw_node_type(label) == TW_I32);
    CHECK_TEXT(tw_node_name(tw_result(y, 2)), "a.c");
    check_print(g, "thalweg 1\nimage = input f32[n,4]\nlabel = input i32[n] classes=10\n"
                   "w = parameter f32[4,3] init=zeros\n"
                   "affine_1 = affine(image, w) units=3 bias=no\na, b = cell(affine_1)\n"
                   "loss = reduce_sum(b)\ntrain loss=loss optimizer=sgd\n");
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

static void the_first_error_stays(void)
{
    tw_context *context = test_context();
    tw_graph *g = new_graph(context), *other = new_graph(context);
    tw_error error;
    tw_node *x = tw_input(g, "x f32[n,4]");
    tw_node *y = tw_op(g, "scal", 1, &x);
    CHECK(!y && !tw_op(g, "scale", 1, &y) && !tw_input(g, "z f32[n]") && !tw_result(y, 3));
    CHECK(tw_graph_check(g, &error) == TW_ERROR_NAME);
    CHECK_TEXT(error.text, "there is no operator \"scal\"; did you mean \"scale\"?");
    CHECK(error.line == 0 && error.column == 0);
    CHECK(tw_train(g, "loss=x", &error) == TW_ERROR_NAME);
    char *text = NULL;
    CHECK(tw_graph_print(g, &text, NULL) == TW_ERROR_NAME && !text);
    tw_op(other, "scale", 1, &x);
    CHECK(tw_graph_check(other, &error) == TW_ERROR_ARGUMENT);
    CHECK_TEXT(error.text, "scale_1: input x is a node of another graph");
    tw_graph_destroy(&g);
    tw_graph_destroy(&other);
    tw_graph_destroy(&other);
    tw_context_destroy(&context);
}

static void bad_calls_poison(void)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"", "the text of an operator is empty"},
        {"scale(x)", "inputs are handed over as an array here"},
        {"scale factor=1\nscale", "expected the end of the text, found \"scale\""},
        {"add", "add_1: add needs the input b"},
        {"x = scale", "the name \"x\" is taken already"},
        {"scale note=\"\n\"", "is not closed"},
    };
    tw_context *context = test_context();
    for (int i = 0; i < TW_COUNT(rows); i++) {
        tw_graph *g = new_graph(context);
        tw_error error;
        tw_node *x = tw_input(g, "x f32[n]");
        CHECK(!tw_op(g, rows[i].text, 1, &x) && tw_graph_check(g, &error) != TW_OK);
        CHECK_HAS(error.text, rows[i].sentence);
        tw_graph_destroy(&g);
    }
    tw_graph *g = new_graph(context);
    tw_error error;
    CHECK(!tw_op(g, NULL, 0, NULL) && tw_graph_check(g, &error) == TW_ERROR_ARGUMENT);
    CHECK(!tw_op(NULL, "scale", 0, NULL) && !tw_input(NULL, "x f32[]"));
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

/* ---- binding ---- */

static tw_graph *bound_of(tw_graph *g, const char *root, const char *sizes, bool training,
                          tw_node ***map)
{
    tw_graph *bound = NULL;
    tw_error error;
    tw_node *node = tw_graph_find(g, root);
    CHECK_OK(tw_graph_bind(g, &node, 1, sizes, training, &bound, map, &error), error);
    return bound;
}

static void binds_letters_and_drops_the_dead(void)
{
    tw_context *context = test_context();
    tw_node **map = NULL;
    tw_graph *g =
        parsed(context, "thalweg 1\nx = input f32[n,2t,4]\nunused = input f32[k]\n"
                        "scale(x)\ny = reshape shape=n,t,8\nz = affine units=3\ndead = scale");
    tw_graph *b = bound_of(g, "z", "t=5", false, &map);
    if (b) {
        check_print(b, "thalweg 1\nx = input f32[n,10,4]\nscale_1 = scale(x)\n"
                       "y = reshape(scale_1) shape=n,5,8\n"
                       "z.weight = parameter f32[8,3] init=glorot_uniform\n"
                       "z.bias = parameter f32[3] init=zeros\n"
                       "z = affine(y, z.weight, z.bias) units=3\n");
        CHECK(map[tw_graph_find(g, "z")->id] == tw_graph_find(b, "z"));
        CHECK(!map[tw_graph_find(g, "dead")->id] && !tw_graph_find(b, "unused"));
        CHECK(tw_graph_find(b, "z")->call->origin == tw_graph_find(g, "z")->call);
    }
    tw_graph_destroy(&b);
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

static void binding_fails_with_a_sentence(void)
{
    static const struct {
        const char *sizes, *sentence;
    } rows[] = {
        {NULL, "x: the size t is not known: give it by --sizes t=32 (in C by the option sizes, "
               "\"t=32\"), or write a number in its place"},
        {"n=3", "sizes: n is the batch, which has its own option"},
        {"t=0", "sizes: t=0 is not a number from 1 to 2147483647"},
        {"t=many", "sizes: t=many is not a number from 1 to 2147483647"},
        {"time=3", "sizes: \"time=3\" is not a letter with a number, as in t=28"},
        {"s=4,t", "sizes: \"t\" is not a letter with a number, as in t=28"},
        {"s=4, T=3", "sizes: \"T=3\" is not a letter with a number, as in t=28"},
        {"t=2000000000", "x: the result f32[n,2000000000,4096] would have too many elements"},
    };
    tw_context *context = test_context();
    tw_graph *g = parsed(context, "thalweg 1\nx = input f32[n,t,4096]\nscale");
    tw_node *root = tw_graph_find(g, "scale_1");
    for (int i = 0; i < TW_COUNT(rows); i++) {
        tw_graph *b = NULL;
        tw_node **map = NULL;
        tw_error error = {0};
        CHECK(tw_graph_bind(g, &root, 1, rows[i].sizes, false, &b, &map, &error) != TW_OK);
        CHECK(!b && !map);
        CHECK_HAS(error.text, rows[i].sentence);
    }
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

static void expands_composites_under_their_names(void)
{
    tw_context *context = test_context();
    tw_graph *g = parsed(context, "thalweg 1\nx = input f32[n]\nlast = outer\nscale");
    tw_node **map = NULL;
    tw_graph *b = bound_of(g, "scale_1", NULL, false, &map);
    if (b) {
        check_print(b, "thalweg 1\nx = input f32[n]\n"
                       "last/twice_1/scale_1 = scale(x) factor=0.5\n"
                       "last/twice_1/scale_2 = scale(last/twice_1/scale_1) factor=3\n"
                       "last/twice_1 = add(last/twice_1/scale_1, last/twice_1/scale_2)\n"
                       "last/twice_2/scale_1 = scale(last/twice_1) factor=0.5\n"
                       "last/twice_2/scale_2 = scale(last/twice_2/scale_1) factor=3\n"
                       "last = add(last/twice_2/scale_1, last/twice_2/scale_2)\n"
                       "scale_1 = scale(last)\n");
        CHECK(tw_graph_find(b, "last") == map[tw_graph_find(g, "last")->id]);
        const tw_call *inner = tw_graph_find(b, "last/twice_1/scale_1")->call;
        CHECK(inner->origin == tw_graph_find(g, "last")->call);
    }
    tw_graph_destroy(&b);
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

static void training_records_updates(void)
{
    tw_context *context = test_context();
    tw_graph *g = parsed(context, "thalweg 1\nx = input f32[n,3]\nbn = norm\nscale");
    tw_node **map = NULL;
    tw_graph *b = bound_of(g, "scale_1", NULL, true, &map);
    if (b && b->updates) {
        CHECK_TEXT(b->updates->parameter->name, "bn.state");
        CHECK_TEXT(b->updates->value->name, "bn/scale_1");
        CHECK(!b->updates->next && !tw_parameter_trainable(b->updates->parameter->call));
    } else {
        CHECK(false);
    }
    tw_graph_destroy(&b);
    b = bound_of(g, "scale_1", NULL, false, &map);
    CHECK(b && !b->updates && tw_graph_find(b, "bn") == tw_graph_find(b, "x"));
    tw_graph_destroy(&b);
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

static void endless_expansion_ends(void)
{
    tw_context *context = test_context();
    tw_graph *g = parsed(context, "thalweg 1\nx = input f32[n]\nendless"), *b = NULL;
    tw_node *root = tw_graph_find(g, "endless_1"), **map = NULL;
    tw_error error;
    CHECK(tw_graph_bind(g, &root, 1, NULL, false, &b, &map, &error) == TW_ERROR_INTERNAL && !b);
    CHECK_HAS(error.text, "its expansion does not end");
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

/* ---- gradients ---- */

/* Binds root of text, emits the gradients by `names` (blank-separated), and compares what was
 * emitted. */
static void check_gradient(const char *text, const char *loss, int count, const char *const *names,
                           const char *const *gradients, const char *emitted)
{
    tw_context *context = test_context();
    tw_graph *g = parsed(context, text);
    tw_node **map = NULL, *wrt[4], *gradient[4] = {NULL};
    tw_graph *b = g ? bound_of(g, loss, NULL, true, &map) : NULL;
    tw_error error;
    if (b) {
        const int before = b->n_calls;
        for (int i = 0; i < count; i++)
            wrt[i] = tw_graph_find(b, names[i]);
        CHECK_OK(tw_graph_gradient(b, tw_graph_find(b, loss), count, wrt, gradient, &error), error);
        for (int i = 0; i < count; i++) {
            CHECK_TEXT(gradient[i] ? gradient[i]->name : "none", gradients[i]);
            CHECK(!gradient[i] || tw_shape_equal(&gradient[i]->shape, &wrt[i]->shape));
        }
        tw_text out = {.context = context};
        for (const tw_call *call = b->first; call; call = call->next)
            if (call->id >= before) {
                tw_call_print(call, &out);
                tw_text_puts(&out, "\n");
            }
        CHECK_TEXT(out.data ? out.data : "", emitted);
        tw_text_clear(&out);
    }
    tw_graph_destroy(&b);
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

static void sums_contributions(void)
{
    check_gradient("thalweg 1\nx = input f32[n,3]\ny = mul(x, x)\nadd(y, x)\nloss = reduce_sum",
                   "loss", 1, (const char *const[]){"x"}, (const char *const[]){"y/grad/add_2"},
                   "loss/grad/fill_1 = fill value=1\n"
                   "loss/grad/spread_1 = spread(loss/grad/fill_1, add_1)\n"
                   "y/grad/mul_1 = mul(loss/grad/spread_1, x)\n"
                   "y/grad/mul_2 = mul(loss/grad/spread_1, x)\n"
                   "y/grad/add_1 = add(loss/grad/spread_1, y/grad/mul_1)\n"
                   "y/grad/add_2 = add(y/grad/add_1, y/grad/mul_2)\n");
}

static void sums_broadcasts_down(void)
{
    check_gradient("thalweg 1\nx = input f32[n,3]\nb = parameter f32[3]\nadd(x, b)\n"
                   "loss = reduce_sum",
                   "loss", 2, (const char *const[]){"b", "x"},
                   (const char *const[]){"add_1/grad/reduce_sum_1", "loss/grad/spread_1"},
                   "loss/grad/fill_1 = fill value=1\n"
                   "loss/grad/spread_1 = spread(loss/grad/fill_1, add_1)\n"
                   "add_1/grad/reduce_sum_1 = reduce_sum(loss/grad/spread_1) axes=0 keepdims=no\n");
    check_gradient("thalweg 1\nx = input f32[n,5,3]\nb = parameter f32[1,3]\nadd(x, b)\n"
                   "loss = reduce_sum",
                   "loss", 1, (const char *const[]){"b"},
                   (const char *const[]){"add_1/grad/reshape_1"},
                   "loss/grad/fill_1 = fill value=1\n"
                   "loss/grad/spread_1 = spread(loss/grad/fill_1, add_1)\n"
                   "add_1/grad/reduce_sum_1 = reduce_sum(loss/grad/spread_1) axes=0,1 keepdims=no\n"
                   "add_1/grad/reshape_1 = reshape(add_1/grad/reduce_sum_1) shape=1,3\n");
    check_gradient(
        "thalweg 1\nx = input f32[n,3]\nb = parameter f32[1,3]\nadd(x, b)\n"
        "loss = reduce_sum",
        "loss", 1, (const char *const[]){"b"}, (const char *const[]){"add_1/grad/reduce_sum_1"},
        "loss/grad/fill_1 = fill value=1\n"
        "loss/grad/spread_1 = spread(loss/grad/fill_1, add_1)\n"
        "add_1/grad/reduce_sum_1 = reduce_sum(loss/grad/spread_1) axes=0 keepdims=yes\n");
    check_gradient("thalweg 1\nx = input f32[n,3]\ns = parameter f32[]\nmul(x, s)\n"
                   "loss = reduce_sum",
                   "loss", 1, (const char *const[]){"s"},
                   (const char *const[]){"mul_1/grad/reduce_sum_1"},
                   "loss/grad/fill_1 = fill value=1\n"
                   "loss/grad/spread_1 = spread(loss/grad/fill_1, mul_1)\n"
                   "mul_1/grad/mul_1 = mul(loss/grad/spread_1, x)\n"
                   "mul_1/grad/reduce_sum_1 = reduce_sum(mul_1/grad/mul_1) axes=0,1 keepdims=no\n");
}

static void goes_through_composites(void)
{
    check_gradient("thalweg 1\nx = input f32[3]\ny = twice\nloss = reduce_sum", "loss", 2,
                   (const char *const[]){"x", "loss"},
                   (const char *const[]){"y/scale_1/grad/scale_1", "loss/grad/fill_1"},
                   "loss/grad/fill_1 = fill value=1\n"
                   "loss/grad/spread_1 = spread(loss/grad/fill_1, y)\n"
                   "y/scale_2/grad/scale_1 = scale(loss/grad/spread_1) factor=3\n"
                   "y/scale_2/grad/add_1 = add(loss/grad/spread_1, y/scale_2/grad/scale_1)\n"
                   "y/scale_1/grad/scale_1 = scale(y/scale_2/grad/add_1) factor=0.5\n");
}

static void integers_stop_gradients(void)
{
    check_gradient("thalweg 1\nx = input f32[3]\ni = nearest(x)\nscale(i)\npick(x, mask=scale_1)\n"
                   "spread(scale_1, x)\nloss = reduce_sum(x)",
                   "loss", 1, (const char *const[]){"x"},
                   (const char *const[]){"loss/grad/spread_1"},
                   "loss/grad/fill_1 = fill value=1\n"
                   "loss/grad/spread_1 = spread(loss/grad/fill_1, x)\n");
    check_gradient("thalweg 1\nx = input f32[3]\nw = parameter f32[3]\ni = nearest(w)\n"
                   "spread(i, x)\nloss = reduce_sum",
                   "loss", 1, (const char *const[]){"w"}, (const char *const[]){"none"}, "");
}

static void a_missing_gradient_is_named(void)
{
    tw_context *context = test_context();
    tw_graph *g = parsed(context, "thalweg 1\nx = input f32[3]\nhere = stuck\nloss = reduce_sum");
    tw_node *x = tw_graph_find(g, "x"), *dx = NULL;
    tw_error error;
    CHECK(tw_graph_gradient(g, x, 1, &x, &dx, &error) == TW_ERROR_SHAPE);
    CHECK(tw_graph_gradient(g, tw_graph_find(g, "loss"), 1, &x, &dx, &error) ==
          TW_ERROR_UNSUPPORTED);
    CHECK_TEXT(error.text, "here: the operator stuck has no gradient");
    CHECK(!dx);
    tw_graph_destroy(&g);
    tw_context_destroy(&context);
}

TESTS(T(builds_by_calls), T(the_first_error_stays), T(bad_calls_poison),
      T(binds_letters_and_drops_the_dead), T(binding_fails_with_a_sentence),
      T(expands_composites_under_their_names), T(training_records_updates),
      T(endless_expansion_ends), T(sums_contributions), T(sums_broadcasts_down),
      T(goes_through_composites), T(integers_stop_gradients), T(a_missing_gradient_is_named))
